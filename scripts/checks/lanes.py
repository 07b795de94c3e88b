"""Runs steps: one after the other here, or in another process beside them."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from checks.step import Skipped, seconds_of_parts
from support.common import ROOT, Failure

#: A step returns what the summary has to say, or raises Skipped or Failure.
Step = Callable[[], str]


@dataclass(frozen=True)
class Outcome:
    """How a step ended. The note says what it ran against, or why it was skipped or failed."""

    step: str
    result: str
    seconds: float
    note: str


def run_steps(steps: Mapping[str, Step]) -> list[Outcome]:
    """Runs the steps one after the other, all of them even when one fails."""
    return [_run(name, step) for name, step in steps.items()]


def _run(name: str, step: Step) -> Outcome:
    print(f"\n=== {name}", flush=True)
    started = time.monotonic()
    try:
        result, note = "passed", step()
    except Skipped as skipped:
        result, note = "skipped", str(skipped)
    except Failure as failure:
        print(failure, flush=True)
        result, note = "failed", str(failure).partition("\n")[0]
    return Outcome(name, result, time.monotonic() - started, note)


def write_report(outcomes: Sequence[Outcome], file: Path) -> None:
    """Writes the outcomes and the seconds of the parts, for the process that started this one."""
    report = {"outcomes": [asdict(outcome) for outcome in outcomes], "parts": seconds_of_parts}
    file.write_text(json.dumps(report))


@dataclass(frozen=True)
class Lane:
    """Steps that run in a process of their own."""

    names: Sequence[str]
    process: "subprocess.Popen[bytes]"
    output: Path
    report: Path

    def outcomes(self) -> list[Outcome]:
        """Waits until the steps have ended, and prints their output."""
        code = self.process.wait()
        print(self.output.read_text(errors="replace"), end="", flush=True)
        if not self.report.is_file():
            note = f"the process of this step exited with {code} and left no report"
            return [Outcome(name, "failed", 0.0, note) for name in self.names]
        report = json.loads(self.report.read_text())
        seconds_of_parts.update(report["parts"])
        return [Outcome(**outcome) for outcome in report["outcomes"]]


@contextmanager
def beside(command: Sequence[str], names: Sequence[str], folder: Path, niceness: int) -> Iterator[Lane]:
    """Runs a command beside the block, and stops it if the block ends first.

    The command runs the steps `names`, and gets `--report FILE`: the file to write_report to. Its output
    goes to a file in `folder`. A higher `niceness` is a lower priority.
    """
    folder.mkdir(parents=True, exist_ok=True)
    output, report = folder / "output.txt", folder / "report.json"
    report.unlink(missing_ok=True)
    with output.open("wb") as file:
        process = subprocess.Popen(
            ["nice", "-n", str(niceness), *command, "--report", str(report)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            # One signal to the group stops everything that the steps started. It is not also a session, since
            # Linux may compare priorities only within a session (sched(7), "The autogroup feature").
            process_group=0,
        )
    try:
        yield Lane(names, process, output, report)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
