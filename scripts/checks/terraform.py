"""Checks of the Terraform configuration, up to its proof in a local cloud."""

from terraform_checks.steps import NOT_RUN, steps


def terraform() -> str:
    """Formatting, security, the modules' tests, and the apply with the suite; what could not run is told."""
    lines = []
    for line in steps():
        print(f"terraform: {line}", flush=True)
        lines.append(line)
    not_run = [line for line in lines if line.startswith(NOT_RUN)]
    return "; ".join(not_run) or "applied to a local cloud, tested there, and destroyed"
