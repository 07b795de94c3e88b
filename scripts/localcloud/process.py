"""MiniStack's process: start, find again, stop."""

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
# MiniStack takes it for the account root, which no policy limits: for making the cloud, not for functions.
ROOT_KEY = "test"
_START_SECONDS = 60
_STOP_SECONDS = 30


@dataclass(frozen=True)
class Folder:
    """One local cloud's folder: several clouds can live side by side, each in its own."""

    path: Path

    @property
    def record(self) -> Path:
        """Which process and port, while the cloud runs."""
        return self.path / "cloud.json"

    @property
    def lock(self) -> Path:
        """A file that the running MiniStack holds locked."""
        return self.path / "cloud.lock"

    @property
    def log(self) -> Path:
        """What MiniStack itself prints."""
        return self.path / "ministack.log"

    def state(self, persist: bool) -> Path:
        """MiniStack's STATE_DIR. What is kept has its own: a run that keeps nothing wipes only the other."""
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
    """The cloud that runs in a folder, if one does."""
    if not _lives(folder):
        return None
    try:
        return Cloud(**json.loads(folder.record.read_text()))
    except FileNotFoundError:
        return None


def start(folder: Folder, port: int, persist: bool) -> Cloud:
    """Starts MiniStack with IAM enforced, and waits until it answers."""
    if _in_use(port):
        raise Failure(
            f"Port {port} is in use by another program. Stop that program (another local cloud, say, is "
            f"stopped from its folder), or choose another port: `--port {port + 1}`."
        )
    state = folder.state(persist)
    if not persist:
        shutil.rmtree(state, ignore_errors=True)
    temporary = folder.path / "tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    state.mkdir(parents=True, exist_ok=True)
    temporary.mkdir()
    with folder.log.open("wb") as log, folder.lock.open("wb") as lock:
        # MiniStack inherits the lock and holds it for as long as it lives: that is how it is found alive.
        # A process number alone may have been given to another program since.
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A session of its own: Ctrl-C in the terminal is for the script, which then stops MiniStack in order.
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            env=_environment(state, temporary, port, persist),
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
    """Stops the cloud that runs in a folder, giving it time to save what it keeps; whether one ran."""
    cloud = running(folder)
    folder.record.unlink(missing_ok=True)
    if cloud is None:
        return False
    os.kill(cloud.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _lives(folder) and time.monotonic() < deadline:
        time.sleep(0.1)
    # The functions' processes are in its group, and MiniStack itself too if it did not end.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(cloud.pid, signal.SIGKILL)
    shutil.rmtree(folder.path / "tmp", ignore_errors=True)
    return True


def _environment(state: Path, temporary: Path, port: int, persist: bool) -> dict[str, str]:
    # Functions inherit all of it: a developer's AWS_PROFILE and real keys have no business there.
    passed = ("PATH", "HOME", "LANG", "RUST_LOG", "RUST_BACKTRACE")
    return {
        **{name: os.environ[name] for name in passed if name in os.environ},
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_REGION": REGION,
        "AWS_ACCESS_KEY_ID": ROOT_KEY,
        "AWS_SECRET_ACCESS_KEY": ROOT_KEY,
        # Functions are sent here. Its presence also tells them to name the bucket in the path.
        "AWS_ENDPOINT_URL": f"http://localhost:{port}",
        "STATE_DIR": str(state),
        "PERSIST_STATE": "1" if persist else "0",
        "S3_PERSIST": "1" if persist else "0",
        "S3_DATA_DIR": str(state / "s3"),
        "TMPDIR": str(temporary),
        # Its MQTT listener, which nobody here uses, has a fixed port: two clouds would fight for it.
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


def _in_use(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _lives(folder: Folder) -> bool:
    try:
        with folder.lock.open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False
