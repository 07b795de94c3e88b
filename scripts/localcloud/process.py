"""MiniStack's process: start it, find it again, stop it."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from support.common import Failure

REGION = "us-east-1"
# MiniStack treats it as the account's root user, which no policy limits. Functions do not get it.
ROOT_KEY = "test"
_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True)
class Folder:
    """The folder of one local cloud; several clouds can run side by side, each in its own folder."""

    path: Path

    @property
    def record(self) -> Path:
        """The process and the port, while the cloud runs."""
        return self.path / "cloud.json"

    @property
    def lock(self) -> Path:
        """A file that the running MiniStack holds locked."""
        return self.path / "cloud.lock"

    @property
    def log(self) -> Path:
        """The output of MiniStack itself."""
        return self.path / "ministack.log"

    def state(self, persist: bool) -> Path:
        """MiniStack's STATE_DIR. Kept state has a folder of its own, which other runs do not delete."""
        return self.path / ("kept" if persist else "state")


@dataclass(frozen=True)
class Cloud:
    """A running MiniStack."""

    pid: int
    port: int
    persist: bool

    @property
    def endpoint(self) -> str:
        """The address for AWS clients."""
        return f"http://localhost:{self.port}"


def running(folder: Folder) -> Cloud | None:
    """The cloud that runs in a folder, or None."""
    if not held(folder.lock):
        return None
    try:
        return Cloud(**json.loads(folder.record.read_text()))
    except FileNotFoundError:
        return None


def start(folder: Folder, port: int, persist: bool, endpoint: str | None = None) -> Cloud:
    """Starts MiniStack with IAM enforced, and waits until it answers.

    Functions call MiniStack, or `endpoint`, which may be a proxy in front of it.
    """
    if in_use(port):
        raise Failure(
            f"Port {port} is in use. Stop the program that uses it (for another local cloud, run "
            f"`scripts/local --stop` in its checkout), or choose another port: `--port {port + 1}`."
        )
    state = folder.state(persist)
    if not persist:
        shutil.rmtree(state, ignore_errors=True)
    temporary = folder.path / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    state.mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    with folder.log.open("wb") as log, folder.lock.open("wb") as lock:
        # MiniStack inherits the lock and holds it while it runs, which shows that it does. A process id alone
        # could belong to another program by now.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A session of its own, so that Ctrl-C reaches only the script, which then stops MiniStack.
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=_environment(state, temporary, port, persist, endpoint or f"http://localhost:{port}"),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=(lock.fileno(),),
            start_new_session=True,
        )
    cloud = Cloud(process.pid, port, persist)
    folder.record.write_text(json.dumps(asdict(cloud)))
    try:
        _wait_until_ready(process, cloud, folder.log)
    except BaseException:
        stop(folder)
        raise
    return cloud


def stop(folder: Folder) -> bool:
    """Stops the cloud that runs in a folder, after it has saved its state; whether one ran."""
    cloud = running(folder)
    folder.record.unlink(missing_ok=True)
    if cloud is None:
        return False
    os.kill(cloud.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while held(folder.lock) and time.monotonic() < deadline:
        time.sleep(0.1)
    # The functions' processes are in its group, and so is MiniStack if it has not ended.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(cloud.pid, signal.SIGKILL)
    shutil.rmtree(folder.path / "tmp", ignore_errors=True)
    return True


def _environment(state: Path, temporary: Path, port: int, persist: bool, endpoint: str) -> dict[str, str]:
    # Functions inherit all of it, so it must not contain a developer's AWS_PROFILE or real keys.
    passed = ("PATH", "HOME", "LANG", "RUST_LOG", "RUST_BACKTRACE")
    return {
        **{name: os.environ[name] for name in passed if name in os.environ},
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        # Functions call this endpoint. Because it is set, they also use path-style bucket URLs.
        "AWS_ENDPOINT_URL": endpoint,
        "STATE_DIR": str(state),
        "PERSIST_STATE": "1" if persist else "0",
        "S3_PERSIST": "1" if persist else "0",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(temporary),
        # The MQTT listener is not used, and its fixed port would prevent a second cloud.
        "IOT_MTLS_ENABLED": "0",
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_ready(process: subprocess.Popen[bytes], cloud: Cloud, log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{cloud.endpoint}/_ministack/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
    raise Failure(f"MiniStack did not start; the end of its log, {log}:\n{tail}")


def in_use(port: int) -> bool:
    """Whether a program listens on a port of this machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def held(lock: Path) -> bool:
    """Whether the process that locked a file still runs."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
