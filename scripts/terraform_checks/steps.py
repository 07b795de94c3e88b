"""Runs the static checks in order."""

from collections.abc import Iterator

from checks.step import part
from terraform_checks import policies, static
from terraform_checks.terraform import WORK, Terraform, find, has_terraform
from terraform_checks.working_copy import working_copy

NOT_RUN = "NOT RUN"
_NEED_A_PROVIDER = "validate, the modules' tests and the evaluation of the pipeline's policies"


def static_steps() -> Iterator[str]:
    """Runs each static check. Yields its result, or why it did not run."""
    if not has_terraform():
        yield f"{NOT_RUN}, since {find()}: formatting, {_NEED_A_PROVIDER}"
    else:
        yield f"format: {static.check_format()}"
    with part("checkov"):
        security = static.check_security()
    yield f"security: {security}"
    terraform = find()
    if isinstance(terraform, Terraform):
        with part("terraform validate and test"):
            copy = working_copy(WORK / "checked")
            modules = static.check_modules(terraform, copy)
        yield f"modules, with {terraform.provider}: {modules}"
        with part("the pipeline's policies"):
            evaluated = policies.check_policies(terraform, copy)
        yield f"the pipeline's policies: {evaluated}"
    elif has_terraform():
        yield f"{NOT_RUN}, since {terraform}: {_NEED_A_PROVIDER}"
