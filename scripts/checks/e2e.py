"""The end-to-end suite, against a local cloud of its own or against BASE_URL."""

import functools
import json
import os
import platform
import shlex
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from checks.step import run
from support.common import LOCAL, ROOT, SCRIPTS, Failure, virtual_environment

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}
# More than the processors: the tests mostly wait for answers.
_WORKERS = "4"
# The mark of tests that run while nothing else does.
_ALONE = "exclusive"
# CodeBuild shows what is here.
_REPORTS = LOCAL / "reports"


def package() -> str:
    """The zips that AWS would get, for this machine's architecture: they are what the next steps test."""
    return f"in {zips().relative_to(ROOT)}"


def emulator() -> str:
    """A function and the extension, as they are packaged, in an emulator that has the Extensions API."""
    python = virtual_environment("tests", ROOT / "tests" / "requirements.txt")
    cargo_lambda = virtual_environment("package", SCRIPTS / "requirements-package.txt").with_name(
        "cargo-lambda"
    )
    environment = {**os.environ, "ZIPS": str(zips()), "CARGO_LAMBDA": str(cargo_lambda)}
    report = ["--junitxml", _REPORTS / "emulator.xml"]
    run([python, "-m", "pytest", "tests/emulator.py", *report], "Mend the tests above.", environment)
    return "the function authorize with the extension, in `cargo lambda watch`"


def e2e() -> str:
    """The suite against BASE_URL, if that is set; else against local clouds made for it and then stopped.

    These are two, one with each authorizer. Both trust an issuer beside the user pool.
    """
    if "BASE_URL" in os.environ:
        run_suite("e2e", {})
        return f"against {os.environ['BASE_URL']}"
    options = ("--zips", str(zips()))
    with _second_issuer() as (trusted, address):
        for authorizer, alone in (("jwt", _ALONE), ("lambda", f"{_ALONE} and authorizer")):
            name = f"e2e-{authorizer}"
            with local_cloud(
                name, *options, "--authorizer", authorizer, "--trusted-issuers", str(trusted)
            ) as settings:
                run_suite(name, {**settings, "SECOND_ISSUER": address}, alone)
    return (
        "against a local cloud with IAM enforced, with the authorizers jwt and lambda; "
        "skipped with lambda: what measures a function"
    )


@functools.cache
def zips() -> Path:
    """The folder of the zips for this machine, built by scripts/package once in a run."""
    machine = platform.machine()
    if platform.system() != "Linux" or machine not in _ARCHITECTURES:
        raise Failure(
            "Lambda's programs run on Linux, x86_64 or arm64: run this step there, or in a container."
        )
    architecture = _ARCHITECTURES[machine]
    run([SCRIPTS / "package", "--arch", architecture], "See the messages above.")
    return ROOT / "dist" / architecture


@contextmanager
def local_cloud(name: str, *options: str) -> Iterator[Mapping[str, str]]:
    """A local cloud with a port and a folder of its own, for as long as the block runs; its settings.

    When the block fails, the cloud's logs are shown.
    """
    folder = LOCAL / name
    local = [str(SCRIPTS / "local"), "--state-dir", str(folder)]
    subprocess.run([*local, "--stop"], cwd=ROOT, check=True)
    try:
        command = [*local, "--detach", "--port", str(_free_port()), *options]
        if subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL).returncode != 0:
            raise Failure("The local cloud did not start: see above.")
        yield _read_settings(folder / "yourplace.env")
    except Failure:
        _show_logs(local, folder / "ministack.log")
        raise
    finally:
        subprocess.run([*local, "--stop"], cwd=ROOT, check=True)


def run_suite(name: str, settings: Mapping[str, str], alone: str = _ALONE) -> None:
    """The suite, side by side but for the tests that measure.

    `name` is that of the report, `alone` the marks of those that then run alone.
    """
    python = virtual_environment("tests", ROOT / "tests" / "requirements.txt")
    environment = {**os.environ, **settings}
    pytest = [str(python), "-m", "pytest", "tests", "--durations", "5"]
    together = [
        *pytest,
        "-m",
        f"not {_ALONE}",
        "--numprocesses",
        _WORKERS,
        "--junitxml",
        _REPORTS / f"{name}.xml",
    ]
    one_by_one = [*pytest, "-m", alone, "--junitxml", _REPORTS / f"{name}-exclusive.xml"]
    for command in (together, one_by_one):
        run(command, "Mend the tests above.", environment)


@contextmanager
def _second_issuer() -> Iterator[tuple[Path, str]]:
    """An OpenID Connect issuer, for as long as the block runs: the file that names it to local clouds, its
    address.
    """
    python = virtual_environment("tests", ROOT / "tests" / "requirements.txt")
    command = [python, ROOT / "tests" / "openid_issuer.py"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as issuer:
        try:
            trusted = issuer.stdout.readline() if issuer.stdout else ""
            if not trusted:
                raise Failure("The OpenID Connect issuer of the tests did not start: see above.")
            file = LOCAL / "trusted-issuers.json"
            file.write_text(trusted)
            yield file, json.loads(trusted)[0]["issuer"]
        finally:
            issuer.terminate()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _read_settings(path: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in path.read_text().splitlines())
    return {name: "".join(shlex.split(value)) for name, _, value in pairs}


def _show_logs(local: list[str], log: Path) -> None:
    print("\n--- what the functions logged last", flush=True)
    found = subprocess.run([*local, "--logs"], cwd=ROOT, capture_output=True, text=True)
    print("\n".join(found.stdout.splitlines()[-100:]))
    print(f"\n--- the end of {log.relative_to(ROOT)}")
    if log.is_file():
        print("\n".join(log.read_text(errors="replace").splitlines()[-30:]), flush=True)
