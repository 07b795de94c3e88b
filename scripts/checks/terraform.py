"""Checks of the Terraform configuration, up to its proof in a local cloud."""

from checks.step import Skipped
from terraform_checks.steps import NOT_RUN, steps


def terraform() -> str:
    """Formatting, security, the modules' tests, the apply with the suite; Skipped when not all could run."""
    lines = []
    for line in steps():
        print(f"terraform: {line}", flush=True)
        lines.append(line)
    not_run = [line for line in lines if line.startswith(NOT_RUN)]
    if not_run:
        raise Skipped("; ".join(not_run))
    return "applied to a local cloud, tested there, and destroyed"
