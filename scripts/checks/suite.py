"""The end-to-end suite in tests/, by pytest."""

import os
from collections.abc import Mapping
from pathlib import Path

from checks.step import run
from support.common import LOCAL, virtual_environment

# More than the processors: the tests mostly wait for responses.
_WORKERS = "4"
# CodeBuild shows the reports in this folder.
REPORTS = LOCAL / "reports"


def run_suite(name: str, settings: Mapping[str, str], only: str = "") -> None:
    """Runs the suite without the tests for few users, or the tests with the mark `only`.

    Several tests run at once, then those marked `exclusive` one by one. `name` names the reports, and
    `settings` are environment variables: see tests/conftest.py.
    """
    chosen = f" and not few_users and {only}" if only else " and not few_users"
    workers = ("--numprocesses", _WORKERS, "--dist", "worksteal")
    run_tests(name, settings, f"not exclusive{chosen}", *workers)
    run_tests(f"{name}-exclusive", settings, f"exclusive{chosen}")


def run_tests(name: str, settings: Mapping[str, str], marks: str, *options: str) -> None:
    """Runs the tests with these marks, one by one unless the options say otherwise."""
    run_file(name, "tests", settings, "-m", marks, *options)


def run_file(name: str, tests: str, settings: Mapping[str, str], *options: str) -> None:
    """Runs the tests in a file or folder, with further options of pytest."""
    command: list[str | Path] = [virtual_environment("tests"), "-m", "pytest", tests, *options]
    command += ["--durations", "5", "--junitxml", REPORTS / f"{name}.xml"]
    run(command, "Fix the tests above.", {**os.environ, **settings}, name=f"tests: {name}")
