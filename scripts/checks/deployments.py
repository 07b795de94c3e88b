"""What the suite is run against: packaged functions, local clouds, a second issuer of tokens."""

import functools
import json
import os
import platform
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from checks import rust
from checks.step import part
from support import build
from support.common import LOCAL, ROOT, SCRIPTS, Failure, free_port, read_settings, virtual_environment

_ARCHITECTURES = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}


def zips() -> Path:
    """The folder of the zips that the steps on a local cloud deploy. They are built once, even if that fails.

    They have debug programs for this machine, whose integer overflows are errors. `ZIPS` names existing ones.
    """
    built = _built()
    if isinstance(built, Failure):
        raise built
    return built


@functools.cache
def _built() -> Path | Failure:
    if given := os.environ.get("ZIPS"):
        return Path(given)
    architecture = host_architecture()
    if architecture is None:
        return Failure(
            "Lambda runs Linux programs for x86_64 or arm64: run this step there or in a container."
        )
    # Terraform expects a folder for each architecture.
    folder = LOCAL / "zips" / architecture
    try:
        with part("debug build of the functions"):
            programs = rust.build()
    except Failure as failure:
        return failure
    build.write_package(folder, programs, level=1)
    return folder


def host_architecture() -> str | None:
    """What Lambda calls the processor of this machine, or None if Lambda has no such machines."""
    return _ARCHITECTURES.get(platform.machine()) if platform.system() == "Linux" else None


@dataclass(frozen=True)
class LocalCloud:
    """A running local cloud with a folder and a port of its own, with or without the web app."""

    folder: Path
    port: int
    has_web: bool = False

    def start(self, *options: str) -> str:
        """Starts scripts/local, or runs it again on the running cloud; what it printed."""
        command = [*self._script, "--detach", "--port", str(self.port), *options]
        if not self.has_web:
            command.append("--no-web")
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Failure(f"The local cloud did not start:\n{done.stdout}")
        return done.stdout

    def stop(self) -> None:
        """Stops the cloud, if it runs."""
        subprocess.run([*self._script, "--stop"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)

    def settings(self) -> dict[str, str]:
        """The settings that scripts/local wrote for the tests, as environment variables."""
        return read_settings(self.folder / "yourplace.env")

    def show_logs(self) -> None:
        """Prints the end of the functions' logs and of the cloud's own."""
        print("\n--- the end of the functions' logs", flush=True)
        logged = subprocess.run([*self._script, "--logs"], cwd=ROOT, capture_output=True, text=True)
        print("\n".join(logged.stdout.splitlines()[-100:]))
        log = self.folder / "ministack.log"
        print(f"\n--- the end of {log.relative_to(ROOT)}")
        if log.is_file():
            print("\n".join(log.read_text(errors="replace").splitlines()[-30:]), flush=True)

    @property
    def _script(self) -> list[str]:
        return [str(SCRIPTS / "local"), "--state-dir", str(self.folder)]


@contextmanager
def local_cloud(folder: Path, *, has_web: bool = False) -> Iterator[LocalCloud]:
    """A local cloud that the block may start. It is stopped after the block.

    When the block fails, the cloud's logs are shown.
    """
    cloud = LocalCloud(folder, free_port(), has_web)
    cloud.stop()
    try:
        yield cloud
    except Failure:
        cloud.show_logs()
        raise
    finally:
        cloud.stop()


@dataclass(frozen=True)
class SecondIssuer:
    """A running OpenID Connect issuer: its address, and the file that makes scripts/local trust it."""

    address: str
    trusted: Path


@contextmanager
def second_issuer() -> Iterator[SecondIssuer]:
    """Runs the tests' OpenID Connect issuer for as long as the block runs."""
    command = [virtual_environment("tests"), ROOT / "tests" / "openid_issuer.py"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process,
        # Another step may run an issuer of its own meanwhile.
        tempfile.TemporaryDirectory() as folder,
    ):
        try:
            printed = process.stdout.readline() if process.stdout else ""
            if not printed:
                raise Failure("The OpenID Connect issuer of the tests did not start: see above.")
            file = Path(folder) / "trusted-issuers.json"
            file.write_text(printed)
            yield SecondIssuer(json.loads(printed)[0]["issuer"], file)
        finally:
            process.terminate()
