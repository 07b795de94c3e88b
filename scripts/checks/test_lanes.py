"""Tests of how steps run, with stand-ins for the steps; scripts/checks/manifest.py runs them."""

import contextlib
import fcntl
import functools
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest.mock import patch

from checks import deployments, step
from checks.lanes import Lane, Outcome, beside, run_steps
from checks.step import Skipped, part
from support.common import SCRIPTS, Failure

# A busy machine may need most of it.
_WAIT_SECONDS = 180

# A program with the steps "good" and "bad", in place of scripts/test.
_TWO_STEPS = """
import pathlib, sys
from checks.lanes import run_steps, write_report
from checks.step import part
from support.common import Failure

def good():
    with part("first part"):
        print("printed by good", flush=True)
    return "a note"

def bad():
    raise Failure("mend it\\nlike this")

outcomes = run_steps({"good": good, "bad": bad})
assert sys.argv[1] == "--report"
write_report(outcomes, pathlib.Path(sys.argv[2]))
"""

# Locks a file, and never ends.
_LOCKS = """
import pathlib, sys, time
from support.common import locked

with locked(pathlib.Path(sys.argv[1], "lock")):
    print("locked", flush=True)
    time.sleep(600)
"""

# A step that runs the program above.
_ENDLESS = f"""
import pathlib, subprocess, sys

subprocess.run([sys.executable, "-c", {_LOCKS!r}, pathlib.Path(sys.argv[2]).parent])
"""


class InOrder(unittest.TestCase):
    """Steps that run one after the other."""

    def test_every_step_runs_and_its_end_is_told(self) -> None:
        ran = []

        def ends(name: str, how: Exception | None) -> Callable[[], str]:
            def run() -> str:
                ran.append(name)
                if how:
                    raise how
                return f"note of {name}"

            return run

        steps = {
            "a": ends("a", None),
            "b": ends("b", Failure("broken\nin detail")),
            "c": ends("c", Skipped("no tool")),
            "d": ends("d", None),
        }
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            outcomes = run_steps(steps)
        self.assertEqual(ran, ["a", "b", "c", "d"])
        self.assertEqual(
            [(outcome.step, outcome.result, outcome.note) for outcome in outcomes],
            [
                ("a", "passed", "note of a"),
                ("b", "failed", "broken"),
                ("c", "skipped", "no tool"),
                ("d", "passed", "note of d"),
            ],
        )
        self.assertEqual(printed.getvalue(), "\n=== a\n\n=== b\nbroken\nin detail\n\n=== c\n\n=== d\n")


class Beside(unittest.TestCase):
    """Steps that run in a second process."""

    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        parts = patch.dict(step.seconds_of_parts, clear=True)
        parts.start()
        self.addCleanup(parts.stop)

    def _beside(
        self, program: str, names: Sequence[str], niceness: int = 0
    ) -> "contextlib.AbstractContextManager[Lane]":
        environment = patch.dict(os.environ, PYTHONPATH=str(SCRIPTS))
        environment.start()
        self.addCleanup(environment.stop)
        return beside([sys.executable, "-c", program], names, self.folder, niceness)

    def test_outcomes_parts_and_output_come_back(self) -> None:
        with (
            part("own part"),
            self._beside(_TWO_STEPS, ["good", "bad"]) as lane,
            contextlib.redirect_stdout(io.StringIO()) as printed,
        ):
            outcomes = lane.outcomes()
        self.assertEqual(
            [(outcome.step, outcome.result, outcome.note) for outcome in outcomes],
            [("good", "passed", "a note"), ("bad", "failed", "mend it")],
        )
        self.assertEqual(printed.getvalue(), "\n=== good\nprinted by good\n\n=== bad\nmend it\nlike this\n")
        self.assertEqual(step.seconds_of_parts.keys(), {"own part", "first part"})

    def test_nothing_is_printed_before_the_outcomes_are_asked_for(self) -> None:
        with contextlib.redirect_stdout(io.StringIO()) as printed, self._beside(_TWO_STEPS, []) as lane:
            lane.process.wait(_WAIT_SECONDS)
            self.assertEqual(printed.getvalue(), "")
            self.assertIn("printed by good", lane.output.read_text())

    def test_the_steps_yield_to_those_here(self) -> None:
        program = "import os, pathlib, sys; pathlib.Path(sys.argv[2]).write_text(str(os.nice(0)))"
        with self._beside(program, [], niceness=10) as lane:
            lane.process.wait(_WAIT_SECONDS)
            self.assertEqual(int(lane.report.read_text()), min(os.nice(0) + 10, 19))

    def test_a_process_without_a_report_fails_all_its_steps(self) -> None:
        # A report of an earlier run must not count.
        (self.folder / "report.json").write_text(json.dumps({"outcomes": [], "parts": {}}))
        with (
            self._beside("print('died'); raise SystemExit(3)", ["deny", "unit"]) as lane,
            contextlib.redirect_stdout(io.StringIO()) as printed,
        ):
            outcomes = lane.outcomes()
        note = "the process of this step exited with 3 and left no report"
        self.assertEqual(outcomes, [Outcome(name, "failed", 0.0, note) for name in ("deny", "unit")])
        self.assertEqual(printed.getvalue(), "died\n")

    def test_an_interrupt_stops_all_that_the_steps_started(self) -> None:
        with self.assertRaises(KeyboardInterrupt), self._beside(_ENDLESS, ["endless"]) as lane:
            _eventually(lambda: lane.output.read_text())
            self.assertFalse(_is_free(self.folder))
            raise KeyboardInterrupt
        self.assertEqual(lane.process.returncode, -signal.SIGTERM)
        _eventually(lambda: _is_free(self.folder))


class Interrupt(unittest.TestCase):
    """scripts/test itself, stopped in the middle of both lanes."""

    def test_both_lanes_end(self) -> None:
        program = f"""
import signal, sys, time
from pathlib import Path
from checks.lanes import beside, run_steps
from support.common import main_of

def main(arguments):
    with beside([sys.executable, "-c", {_ENDLESS!r}], ["endless"], Path(sys.argv[1]), 0) as lane:
        while not lane.output.read_text():
            time.sleep(0.02)
        print("both run", flush=True)
        run_steps({{"waits": lambda: str(time.sleep(600))}})
    return 0

# A shell without job control lets what it runs in the background ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
main_of(main)
"""
        for number in (signal.SIGINT, signal.SIGTERM):
            with (
                self.subTest(number.name),
                tempfile.TemporaryDirectory() as folder,
                subprocess.Popen(
                    [sys.executable, "-c", program, folder],
                    env={**os.environ, "PYTHONPATH": str(SCRIPTS)},
                    stdout=subprocess.PIPE,
                    text=True,
                ) as process,
            ):
                assert process.stdout
                self.assertEqual(process.stdout.readline(), "both run\n")
                self.assertFalse(_is_free(Path(folder)))
                process.send_signal(number)
                try:
                    self.assertEqual(process.wait(_WAIT_SECONDS), 130)
                finally:
                    process.kill()
                _eventually(functools.partial(_is_free, Path(folder)))


class Zips(unittest.TestCase):
    """What the steps do that need the zips."""

    def test_a_build_that_failed_is_not_tried_again(self) -> None:
        self.addCleanup(deployments._built.cache_clear)
        deployments._built.cache_clear()
        failure = Failure("The build failed")
        with patch.dict(os.environ), patch("checks.rust.build", side_effect=failure) as build:
            os.environ.pop("ZIPS", None)
            for _ in range(2):
                with self.assertRaisesRegex(Failure, "The build failed"):
                    deployments.zips()
        self.assertEqual(build.call_count, 1)


def _eventually(what: Callable[[], object]) -> None:
    deadline = time.monotonic() + _WAIT_SECONDS
    while not what():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def _is_free(folder: Path) -> bool:
    """Whether nobody holds the lock of _ENDLESS."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
