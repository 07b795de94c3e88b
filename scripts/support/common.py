"""Where things are, tools that must be there, virtual environments, and how a script ends."""

import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
SCRIPTS = ROOT / "scripts"
# The environments of the tools that build or release what is deployed. They are installed by hash, and never
# built.
HASHED_ENVIRONMENTS = frozenset({"manifest", "package", "repair", "web"})


class Failure(Exception):
    """Something the user can do something about; the message says what."""


def main_of(main: Callable[[Sequence[str]], int]) -> NoReturn:
    """Runs `main` with the command line, and ends the process: 1 after a Failure, 130 if interrupted."""
    script = Path(sys.argv[0]).name
    # Whoever is stopped either way still stops what it started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if sys.version_info < (3, 11):
            raise Failure("Python 3.11 or newer is needed: run it as `python3.11 scripts/" + script + "`.")
        code = main(sys.argv[1:])
    except Failure as failure:
        print(f"scripts/{script}: {failure}", file=sys.stderr)
        code = 1
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)


def need_tool(name: str, remedy: str) -> str:
    """The path of a program, or a Failure that says how to get it."""
    found = shutil.which(name)
    if found is None:
        raise Failure(f"`{name}` was not found. {remedy}")
    return found


def need_cargo() -> str:
    """The path of cargo."""
    return need_tool(
        "cargo", "Install Rust (https://rustup.rs), or add ~/.cargo/bin to PATH, and run this again."
    )


def virtual_environment(name: str) -> Path:
    """The Python of the virtual environment `name`, which is made anew when its requirements change.

    They are in scripts/requirements-<name>.txt, and those of `tests` in tests/requirements.txt.
    """
    folder = LOCAL / "venv" / name
    requirements = SCRIPTS / f"requirements-{name}.txt"
    if name == "tests":
        requirements = ROOT / "tests" / "requirements.txt"
    python = folder / "bin" / "python"
    stamp = folder / "made-from"
    wanted = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    with locked(LOCAL / f"venv-{name}.lock"):
        if not (stamp.is_file() and stamp.read_text() == wanted):
            print(f"Making the Python environment {folder.relative_to(ROOT)} …", file=sys.stderr, flush=True)
            _quiet(
                [sys.executable, "-m", "venv", "--clear", str(folder)],
                "Python's venv module is needed (on Debian: apt install python3-venv).",
            )
            _quiet(
                [
                    str(python),
                    "-m",
                    "pip",
                    "install",
                    "--quiet",
                    "--disable-pip-version-check",
                    *(["--require-hashes", "--only-binary=:all:"] if name in HASHED_ENVIRONMENTS else []),
                    "--requirement",
                    str(requirements),
                ],
                "A package index is needed, the first time: check the network, and run this again.",
            )
            stamp.write_text(wanted)
    return python


def free_port() -> int:
    """A TCP port of this machine that no program listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def read_settings(path: Path) -> dict[str, str]:
    """The settings in a file of scripts/local, which are `NAME=value` lines for a shell."""
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def run_inside(python: Path) -> None:
    """Replaces this process with the same command run by `python`, unless that is what runs already."""
    if Path(sys.executable) != python:
        os.execv(python, [str(python), *sys.argv])


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on a file: only one process at a time runs the block."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _quiet(command: list[str], remedy: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failure(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}{remedy}")
