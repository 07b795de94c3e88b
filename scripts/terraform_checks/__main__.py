"""Checks the Terraform configuration, and proves it by applying it to a fresh local cloud."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.common import main_of  # noqa: E402
from terraform_checks.steps import steps  # noqa: E402


def main(arguments: Sequence[str]) -> int:
    """Runs the steps; a summary in plain words comes last."""
    parser = argparse.ArgumentParser(prog="python3 scripts/terraform_checks", description=__doc__)
    parser.add_argument("--no-apply", action="store_true", help="check what is written, and make nothing")
    parser.add_argument(
        "--authorizer",
        choices=("jwt", "lambda"),
        default="jwt",
        help="what checks tokens (default: %(default)s)",
    )
    parser.add_argument(
        "--policies", action="store_true", help="print what each function may do, once it is made"
    )
    options = parser.parse_args(arguments)
    summary = []
    for line in steps(
        authorizer=options.authorizer, apply=not options.no_apply, show_policies=options.policies
    ):
        print(f"terraform: {line}", flush=True)
        summary.append(line)
    print("\n".join(["", "Terraform:", *(f"  {line}" for line in summary)]))
    return 0


if __name__ == "__main__":
    main_of(main)
