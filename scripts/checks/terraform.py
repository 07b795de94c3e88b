"""Checks of the Terraform configuration."""

from checks.step import run
from support.common import need_tool


def terraform() -> str:
    """Formatting."""
    program = need_tool("terraform", "Install Terraform (https://developer.hashicorp.com/terraform/install).")
    run([program, "fmt", "-check", "-recursive", "-diff"], "Run `terraform fmt -recursive`.")
    return ""
