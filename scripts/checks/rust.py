"""Builds of all Rust code, in which Clippy is the compiler.

Clippy compiles as rustc does. A check of its own would need the dependencies once more, without their code.
"""

import json
import subprocess
from pathlib import Path

from support.build import DEVELOPMENT, clippy_environment
from support.common import ROOT, Failure, need_cargo, need_tool

#: The functions' programs have no tests. To build each as a test would take minutes.
TESTS = ("--lib", "--test", "*")


def environment() -> dict[str, str]:
    """The environment in which cargo compiles this workspace with Clippy."""
    need_tool("clippy-driver", "Run `rustup component add clippy`, and run this again.")
    return clippy_environment()


def build() -> dict[str, Path]:
    """Builds debug programs for this machine; the program of each function and extension, by name.

    They contain the test helpers of `layer-jwt`, which nothing in them calls. A warning is a Failure.
    """
    return _compile("build", *DEVELOPMENT)


def build_tests() -> None:
    """Builds the unit tests and the integration tests. A warning is a Failure."""
    _compile("test", "--workspace", "--no-run", *TESTS)


def _compile(command: str, *options: str) -> dict[str, Path]:
    arguments = [need_cargo(), command, "--locked", *options, "--message-format", "json"]
    programs, warnings = {}, 0
    with subprocess.Popen(
        arguments, cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        for line in process.stdout:
            message = json.loads(line)
            if message["reason"] == "compiler-message":
                print(message["message"]["rendered"], end="", flush=True)
                warnings += message["message"]["level"] == "warning"
            elif message["reason"] == "compiler-artifact" and "bin" in message["target"]["kind"]:
                programs[message["target"]["name"]] = Path(message["executable"])
    if process.returncode != 0 or warnings:
        raise Failure("Fix the errors and warnings above.")
    return programs
