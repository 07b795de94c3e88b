"""What the steps have in common."""

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from support.common import ROOT, Failure


class Skipped(Exception):
    """A step that could not run, and why, in plain words."""


def run(command: Sequence[str | Path], failed: str, environment: Mapping[str, str] | None = None) -> None:
    """Runs a command in the checkout; its output is shown. `failed` tells what to do when it fails."""
    if subprocess.run([str(part) for part in command], cwd=ROOT, env=environment).returncode != 0:
        raise Failure(failed)
