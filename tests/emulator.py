"""A function and its extension in an emulator of Lambda that has the Extensions API: `cargo lambda watch`.

Not part of the suite, since it needs no service: `scripts/test --only emulator` runs it. ZIPS is the folder
of scripts/package's zips, CARGO_LAMBDA the emulator's program.
"""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

import tokens
from conftest import unique
from issuer import Issuer, id_of
from openid_issuer import ALIAS, CLIENT, new_key
from service import eventually
from support import events
from support.common import free_port

pytestmark = pytest.mark.no_service

#: The age at which the extension fetches keys again (JWT_KEYS_REFRESH_SECONDS), and a little more.
REFRESH_SECONDS = 1
DUE_SECONDS = 1.5
FETCHED, NOT_FETCHED = "fetched an issuer's keys", "could not fetch an issuer's keys"
FROM_FILE = "took an issuer's keys from the extension"

# The emulator runs a program of a Cargo project. This program replaces itself with the packaged function.
PROJECT = '[package]\nname = "authorize"\nversion = "0.0.0"\nedition = "2024"\n[workspace]\n'
PROGRAM = """
use std::{env, os::unix::process::CommandExt as _, process::Command};

fn main() {
    let function = env::var_os("FUNCTION").expect("FUNCTION is set");
    panic!("{}", Command::new(function).exec());
}
"""


@contextmanager
def running(command: Sequence[str | Path], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Runs a process for as long as the block runs, and appends its output to a file."""
    with log.open("ab") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class RestartableIssuer:
    """The suite's issuer. It can be stopped and started again at the same address."""

    def __init__(self, folder: Path) -> None:
        self.port, self.log = free_port(), folder / "issuer.log"
        self.address = f"http://localhost:{self.port}"
        self._life = ExitStack()

    def start(self, *keys: str) -> Issuer:
        """Starts the issuer without users, with these keys or a new one."""
        command: list[str | Path] = [
            sys.executable,
            Path(__file__).with_name("openid_issuer.py"),
            str(self.port),
        ]
        self._life.enter_context(running(command, self.log))
        eventually(self._answers, True)
        issuer = Issuer(self.address)
        if keys:
            issuer.publish(*keys)
        return issuer

    def stop(self) -> None:
        self._life.close()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/test/keys").status_code == 200
        except httpx.TransportError:
            return False


class Sandbox:
    """A sandbox of the function `authorize`, with the extension or without."""

    def __init__(self, folder: Path, address: str) -> None:
        self.folder, self.port = folder, free_port()
        self.keys_file = folder / "keys.json"
        self.issuer = [{"issuer": address, "audiences": [CLIENT], "alias": ALIAS, "kind": "oidc"}]
        self.extension: subprocess.Popen[bytes]
        self.emulator: subprocess.Popen[bytes]
        for name in ("authorize", "layer-jwt"):
            with zipfile.ZipFile(Path(os.environ["ZIPS"]) / f"{name}.zip") as archive:
                archive.extractall(folder)
        for program in (self._function, self._extension):
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        (folder / "src").mkdir()
        (folder / "src" / "main.rs").write_text(PROGRAM)
        (folder / "Cargo.toml").write_text(PROJECT)

    @property
    def _function(self) -> Path:
        return self.folder / "bootstrap"

    @property
    def _extension(self) -> Path:
        return self.folder / "extensions" / "layer-jwt"

    @contextmanager
    def started(self, extension: bool = True) -> Iterator[None]:
        settings = {
            **os.environ,
            "TRUSTED_ISSUERS": json.dumps(self.issuer),
            "JWT_KEYS_FILE": str(self.keys_file) if extension else "",
            "JWT_KEYS_REFRESH_SECONDS": str(REFRESH_SECONDS),
        }
        watch = ["lambda", "watch", "--ignore-changes", "--invoke-address", "127.0.0.1", "-v"]
        with ExitStack() as life:
            self.emulator = life.enter_context(
                running(
                    [os.environ["CARGO_LAMBDA"], *watch, "--invoke-port", str(self.port)],
                    self.folder / "function.log",
                    cwd=self.folder,
                    env=settings
                    | {"FUNCTION": str(self._function), "CARGO_TARGET_DIR": str(self.folder / "target")},
                )
            )
            eventually(self._listens, True)
            if extension:
                self.extension = life.enter_context(
                    running(
                        [self._extension],
                        self.folder / "extension.log",
                        env=settings | {"AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self.port}/.rt"},
                    )
                )
            yield

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def invoke(self, token: str, **more: str) -> tuple[Any, float]:
        """The authorizer's decision on a token, None if the call fails; and the seconds it took."""
        headers = {"authorization": f"Bearer {token}", **more}
        event = events.authorization_request(events.http_request("GET /me", headers, stage="test"))
        started = time.monotonic()
        response = httpx.post(
            f"http://127.0.0.1:{self.port}/2015-03-31/functions/authorize/invocations",
            json=event,
            timeout=180,
        )
        seconds = time.monotonic() - started
        return (response.json() if response.status_code == 200 else None), seconds

    def user(self, token: str) -> str | None:
        """The user whom the authorizer admits with a token, or None."""
        decision = self.invoke(token)[0]
        return decision["context"]["user"] if decision and decision["isAuthorized"] else None

    def log(self, of: str) -> str:
        return (self.folder / f"{of}.log").read_text(errors="replace")

    @property
    def kids(self) -> set[str]:
        """The keys in the extension's file."""
        if not self.keys_file.exists():
            return set()
        issuers = json.loads(self.keys_file.read_text())["issuers"]
        return {key["kid"] for issuer in issuers for key in issuer["jwks"]["keys"]}


@pytest.fixture
def restartable(tmp_path: Path) -> Iterator[RestartableIssuer]:
    issuer = RestartableIssuer(tmp_path)
    yield issuer
    issuer.stop()


@pytest.fixture
def sandbox(tmp_path: Path, restartable: RestartableIssuer) -> Sandbox:
    return Sandbox(tmp_path, restartable.address)


def kid(token: str) -> str:
    return str(tokens.decode(token)[0]["kid"])


def test_the_extension_fetches_for_the_function_until_it_is_shut_down(
    sandbox: Sandbox, restartable: RestartableIssuer, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer, name = restartable.start(), unique()
    issuer.add(name)
    first = issuer.token(name)
    with sandbox.started():
        eventually(lambda: sandbox.kids, {kid(first)})
        at_first = issuer.fetches
        assert sandbox.user(first) == id_of(name)
        assert "registering extension" in sandbox.log("function")
        assert "the extension keeps the issuers' keys for this function" in sandbox.log("function")
        assert FROM_FILE in sandbox.log("function")

        # The first call after the keys expire triggers a fetch, and does not wait for it.
        issuer.publish(new_key(), *issuer.keys)
        second = issuer.token(name)
        time.sleep(DUE_SECONDS)
        assert sandbox.user(first) == id_of(name)
        eventually(lambda: sandbox.kids, {kid(first), kid(second)})
        assert sandbox.user(second) == id_of(name)

        assert sandbox.extension.poll() is None
        told = time.monotonic()
        sandbox.emulator.send_signal(signal.SIGINT)
        # Exit code 0 shows that the extension received SHUTDOWN: it fails when the emulator just disappears.
        assert sandbox.extension.wait(5) == 0
        ended = time.monotonic() - told
    with capsys.disabled():
        print(f"\n{at_first} fetch before the first call, {issuer.fetches} in all, with a rotation;", end=" ")
        print(f"{sandbox.log('function').count(FETCHED)} by the function;", end=" ")
        print(f"the extension ended {ended * 1000:.0f} ms after the signal to the emulator")
    assert at_first == 1
    # The extension may have ended between the issuer's response and its own log line.
    assert issuer.fetches - sandbox.log("extension").count(FETCHED) in (0, 1)
    assert FETCHED not in sandbox.log("function")


def test_an_issuer_that_goes_down_ends_nothing(
    sandbox: Sandbox, restartable: RestartableIssuer, capsys: pytest.CaptureFixture[str]
) -> None:
    issuer, name = restartable.start(), unique()
    issuer.add(name)
    first = issuer.token(name)
    with sandbox.started():
        eventually(lambda: sandbox.kids, {kid(first)})
        assert sandbox.user(first) == id_of(name)
        restartable.stop()
        slowest = 0.0
        for _ in range(3):
            time.sleep(DUE_SECONDS)
            decision, seconds = sandbox.invoke(first)
            assert decision["isAuthorized"]
            slowest = max(slowest, seconds)
        eventually(lambda: sandbox.log("extension").count(NOT_FETCHED) >= 2, True)
        assert sandbox.extension.poll() is None
        assert sandbox.kids == {kid(first)}

        # It comes back with another key.
        issuer = restartable.start()
        issuer.add(name)
        second = issuer.token(name)
        time.sleep(DUE_SECONDS)
        assert sandbox.user(first) == id_of(name)
        eventually(lambda: sandbox.kids, {kid(second)})
        assert sandbox.user(second) == id_of(name)
    with capsys.disabled():
        print(f"\nissuer down: the slowest of 3 calls took {slowest * 1000:.0f} ms", end=" ")
    assert FETCHED not in sandbox.log("function")
    assert slowest < 1


def test_an_issuer_that_is_down_at_the_start_is_asked_again(
    sandbox: Sandbox, restartable: RestartableIssuer
) -> None:
    issuer, name = restartable.start(), unique()
    issuer.add(name)
    token, keys = issuer.token(name), issuer.keys
    restartable.stop()
    with sandbox.started():
        eventually(lambda: NOT_FETCHED in sandbox.log("extension"), True)
        # Without keys the token cannot be checked: that is an error, not a refusal.
        assert sandbox.invoke(token)[0] is None
        assert sandbox.extension.poll() is None
        restartable.start(*keys)
        eventually(lambda: sandbox.user(token) == id_of(name), True)
        eventually(lambda: sandbox.kids, {kid(token)})


def test_without_the_extension_the_function_fetches(sandbox: Sandbox, restartable: RestartableIssuer) -> None:
    issuer, name = restartable.start(), unique()
    issuer.add(name)
    token = issuer.token(name)
    with sandbox.started(extension=False):
        assert [sandbox.user(token) for _ in range(3)] == 3 * [id_of(name)]
        assert issuer.fetches == 1
        assert "there is no extension; this function fetches the issuers' keys itself" in sandbox.log(
            "function"
        )


def test_a_malformed_header_ends_nothing(sandbox: Sandbox, restartable: RestartableIssuer) -> None:
    issuer, name = restartable.start(), unique()
    issuer.add(name)
    token = issuer.token(name)
    with sandbox.started(extension=False):
        for headers in ({"host": "a b"}, {"host": "["}, {"x-note": "\xe9"}, {"x-forwarded-for": "\xe9"}):
            decision = sandbox.invoke(token, **headers)[0]
            assert decision and decision["isAuthorized"], headers
        # The same process responded each time: it fetched the keys once.
        assert issuer.fetches == 1
