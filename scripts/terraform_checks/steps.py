"""The steps in their order."""

from collections.abc import Iterator

from terraform_checks import proof, static
from terraform_checks.terraform import Terraform, find, has_terraform

NOT_RUN = "NOT RUN"
_NEED_A_PROVIDER = "validate, the modules' tests, and the apply to a local cloud with the end-to-end suite"


def steps(*, authorizer: str = "jwt", apply: bool = True, show_policies: bool = False) -> Iterator[str]:
    """Runs the steps; after each, says what was shown, or what did not run and why."""
    if not has_terraform():
        yield f"{NOT_RUN}, since {find()}: formatting, {_NEED_A_PROVIDER}"
    else:
        yield f"format: {static.check_format()}"
    yield f"security: {static.check_security()}"
    terraform = find()
    if isinstance(terraform, Terraform):
        yield f"modules, with {terraform.provider}: {static.check_modules(terraform)}"
        if apply:
            yield from proof.prove(terraform, authorizer, show_policies)
        else:
            yield f"{NOT_RUN}, as asked for: the apply to a local cloud with the end-to-end suite"
    elif has_terraform():
        yield f"{NOT_RUN}, since {terraform}: {_NEED_A_PROVIDER}"
