"""Checks the Terraform configuration, and proves it by applying it to a fresh local cloud."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.common import main_of  # noqa: E402
from terraform_checks import proof, static  # noqa: E402
from terraform_checks.terraform import Terraform, find, has_terraform  # noqa: E402

_NEED_A_PROVIDER = "validate, the modules' tests, and the apply to a local cloud with the end-to-end suite"


def main(arguments: Sequence[str]) -> int:
    """Runs the steps; a summary in plain words comes last."""
    parser = argparse.ArgumentParser(prog="python3 scripts/terraform_checks", description=__doc__)
    parser.add_argument("--no-apply", action="store_true", help="check what is written, and make nothing")
    parser.add_argument(
        "--authorizer", choices=("jwt", "lambda"), default="jwt", help="what checks tokens (default: %(default)s)"
    )
    parser.add_argument("--policies", action="store_true", help="print what each function may do, once it is made")
    options = parser.parse_args(arguments)
    summary = []
    for line in _steps(options):
        print(f"terraform: {line}", flush=True)
        summary.append(line)
    print("\n".join(["", "Terraform:", *(f"  {line}" for line in summary)]))
    return 0


def _steps(options: argparse.Namespace) -> Iterator[str]:
    if not has_terraform():
        yield f"NOT RUN, since {find()}: formatting, {_NEED_A_PROVIDER}"
    else:
        yield f"format: {static.check_format()}"
    yield f"security: {static.check_security()}"
    terraform = find()
    if isinstance(terraform, Terraform):
        yield f"modules, with {terraform.provider}: {static.check_modules(terraform)}"
        if options.no_apply:
            yield "NOT RUN, as asked for: the apply to a local cloud with the end-to-end suite"
        else:
            yield from proof.prove(terraform, options.authorizer, options.policies)
    elif has_terraform():
        yield f"NOT RUN, since {terraform}: {_NEED_A_PROVIDER}"


if __name__ == "__main__":
    main_of(main)
