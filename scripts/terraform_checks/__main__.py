"""Checks the Terraform configuration, then applies it to a fresh local cloud and tests the result."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.common import main_of  # noqa: E402
from terraform_checks import proof  # noqa: E402
from terraform_checks.steps import NOT_RUN, static_steps  # noqa: E402
from terraform_checks.terraform import Terraform  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    """Runs the steps and prints a summary."""
    parser = argparse.ArgumentParser(prog="python3 scripts/terraform_checks", description=__doc__)
    parser.add_argument("--no-apply", action="store_true", help="check the configuration without applying it")
    parser.add_argument(
        "--authorizer",
        choices=("jwt", "lambda"),
        default="jwt",
        help="the authorizer of the API (default: %(default)s)",
    )
    parser.add_argument(
        "--policies", action="store_true", help="print the permissions of each function after the apply"
    )
    options = parser.parse_args(arguments)
    summary = []
    for line in _lines(options):
        print(f"terraform: {line}", flush=True)
        summary.append(line)
    print("\n".join(["", "Terraform:", *(f"  {line}" for line in summary)]))
    return 0


def _lines(options: argparse.Namespace) -> Iterator[str]:
    yield from static_steps()
    terraform = proof.terraform_for_proof()
    if options.no_apply:
        yield f"{NOT_RUN}, as requested: the apply to a local cloud with the end-to-end suite"
    elif isinstance(terraform, Terraform):
        yield from proof.prove(terraform, options.authorizer, options.policies)
    else:
        yield f"{NOT_RUN}, since {terraform}: the apply to a local cloud with the end-to-end suite"


if __name__ == "__main__":
    main_of(main)
