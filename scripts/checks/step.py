"""What the steps have in common: running commands, and how long each took."""

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from support.common import ROOT, Failure

#: The seconds of each part of a step that has ended, for the summary.
seconds_of_parts: dict[str, float] = {}


class Skipped(Exception):
    """A step that could not run; the message says why."""


@contextmanager
def part(name: str) -> Iterator[None]:
    """Measures the block as a part of the step that runs."""
    started = time.monotonic()
    try:
        yield
    finally:
        seconds_of_parts[name] = time.monotonic() - started


def run(
    command: Sequence[str | Path],
    remedy: str,
    environment: Mapping[str, str] | None = None,
    *,
    name: str | None = None,
) -> None:
    """Runs a command in the checkout and shows its output; if it fails, raises a Failure with the remedy.

    In the summary it is called `name`; without one, by its program and first argument.
    """
    with part(name or " ".join([Path(command[0]).name, *map(str, command[1:2])])):
        done = subprocess.run([str(argument) for argument in command], cwd=ROOT, env=environment)
    if done.returncode != 0:
        raise Failure(remedy)
