"""The process that serves the web app (site.py): start it, stop it."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from localcloud.process import Cloud, Folder, held, in_use
from support.common import SCRIPTS, Failure

_SECONDS = 20


def url(port: int) -> str:
    """The address of the app."""
    # Browsers keep cookies marked `Secure` for this host, without TLS.
    return f"http://localhost:{port}"


def start(folder: Folder, cloud: Cloud, gateway: str, app: Path, port: int) -> str:
    """Serves the app, unless that is done already; its address."""
    lock, record = _lock(folder), _record(folder)
    if held(lock):
        return url(json.loads(record.read_text())["port"])
    if in_use(port):
        raise Failure(f"Port {port} is in use. Choose another one for the web app: `--web-port {port + 1}`.")
    command = [sys.executable, "-m", "localcloud.site", "--folder", str(app), "--port", str(port)]
    command += ["--gateway", gateway, "--bucket-origin", cloud.endpoint]
    log = folder.path / "site.log"
    with log.open("wb") as output, lock.open("wb") as locked:
        # As with MiniStack: the process holds the lock while it runs.
        fcntl.flock(locked, fcntl.LOCK_EX | fcntl.LOCK_NB)
        process = subprocess.Popen(
            command,
            cwd=SCRIPTS,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(locked.fileno(),),
            start_new_session=True,
        )
    record.write_text(json.dumps({"pid": process.pid, "port": port}))
    deadline = time.monotonic() + _SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url(port), timeout=2).close()
            return url(port)
        time.sleep(0.05)
    stop(folder)
    raise Failure(
        f"The web app's server did not start; the end of its log, {log}:\n{log.read_text()[-2000:]}"
    )


def stop(folder: Folder) -> None:
    """Stops the server, if it runs."""
    record = _record(folder)
    if held(_lock(folder)):
        os.kill(json.loads(record.read_text())["pid"], signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS
        while held(_lock(folder)) and time.monotonic() < deadline:
            time.sleep(0.05)
    record.unlink(missing_ok=True)


def _lock(folder: Folder) -> Path:
    return folder.path / "site.lock"


def _record(folder: Folder) -> Path:
    return folder.path / "site.json"
