"""Kills a function's process at a chosen call to AWS.

The program runs as it was deployed, outside of the cloud: one stand-in hands it a single event as Lambda's
runtime API does ("Using the Lambda runtime API for custom runtimes"), another passes its calls on to AWS and
kills it (SIGKILL) right before or right after the one that a test names, or closes the connection instead of
responding.
"""

import contextlib
import http.client
import io
import itertools
import json
import os
import signal
import stat
import subprocess
import threading
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import auctions
from service import NO_KEYS, User

#: Responds to a call instead of AWS.
Answer = Callable[[BaseHTTPRequestHandler], None]

#: Stands for any call.
ANY = "*"


class Victim:
    """A deployed function of the local cloud, run outside of it until it is killed."""

    def __init__(self, backstage: auctions.Backstage, function: str, folder: Path) -> None:
        deployed = backstage.functions.get_function(FunctionName=backstage.name(function))
        self.environment = deployed["Configuration"]["Environment"]["Variables"]
        assert backstage.settings.endpoint, "AWS_ENDPOINT_URL is not set"
        self.endpoint = backstage.settings.endpoint
        self.name, self.region = deployed["Configuration"]["FunctionName"], backstage.settings.region
        #: The body of the call at which the last run was killed.
        self.killed_at = b""
        self.program = folder / function
        if not self.program.exists():
            with urllib.request.urlopen(deployed["Code"]["Location"]) as response:
                self.program.write_bytes(zipfile.ZipFile(io.BytesIO(response.read())).read("bootstrap"))
            self.program.chmod(self.program.stat().st_mode | stat.S_IXUSR)

    def run(self, event: dict[str, Any], kill_at: str, when: str, nth: int = 1) -> list[str]:
        """Runs the function with an event, and kills it at its nth call to `kill_at` (of all calls, if that
        is `ANY`).

        `when` says whether that is "before" AWS sees the call or "after" AWS answered it.
        """
        process, calls, response = self._run(event, kill_at, when, nth)
        assert not response, f"it made no such call to {kill_at}, but {calls}: {process.stdout}"
        return calls

    def run_until(self, event: dict[str, Any], when: str, nth: int) -> list[str] | None:
        """Runs the function with an event, and kills it at its nth call; None if it responds before that."""
        _, calls, response = self._run(event, ANY, when, nth)
        return None if response else calls

    def lose_response(self, event: dict[str, Any], call: str, nth: int = 1) -> tuple[list[str], Any]:
        """Runs the function with an event, and loses AWS's response to its nth `call`.

        Returns the function's calls, and its own response.
        """
        _, calls, response = self._run(event, call, "after", nth, kills=False)
        return calls, json.loads(response)

    def refuse(self, event: dict[str, Any], call: str, status: int, code: str) -> tuple[list[str], Any]:
        """Runs the function with an event, and answers its first `call`, which S3 carries out, with an error.

        Returns the function's calls, and its own response.
        """

        def answer(handler: BaseHTTPRequestHandler) -> None:
            body = f"<Error><Code>{code}</Code></Error>".encode()
            handler.send_response(status)
            handler.send_header("Content-Type", "application/xml")
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        _, calls, response = self._run(event, call, "after", 1, answer=answer)
        return calls, json.loads(response)

    def pause(self, event: dict[str, Any], at: str, do: Callable[[], object], nth: int = 1) -> Any:
        """Runs the function with an event, and calls `do` before AWS sees its nth call to `at`, which is not
        `ANY`. Its other calls wait meanwhile. Returns the function's response.
        """
        failures: list[Exception] = []

        def attempt() -> None:
            try:
                do()
            except Exception as failure:
                failures.append(failure)

        process, calls, response = self._run(event, at, "before", nth, attempt)
        if failures:
            raise failures[0]
        assert calls.count(at) >= nth, f"it made no such call to {at}, but {calls}: {process.stdout}"
        return json.loads(response)

    def _run(
        self,
        event: dict[str, Any],
        at: str,
        when: str,
        nth: int,
        do: Callable[[], object] | None = None,
        kills: bool = True,
        answer: Answer | None = None,
    ) -> tuple["subprocess.CompletedProcess[str]", list[str], bytes]:
        """Runs the function until it is killed: at the call, or else after its response.

        Without `do` and `kills`, the connection is closed instead of responding to the call, and `answer`
        responds to it itself. It runs again if it did not get the keys of the token's issuer in time.
        """
        for _ in range(4):
            done, calls, response = self._run_once(event, at, when, nth, do, kills, answer)
            if NO_KEYS not in response:
                break
        return done, calls, response

    def _run_once(
        self,
        event: dict[str, Any],
        at: str,
        when: str,
        nth: int,
        do: Callable[[], object] | None,
        kills: bool,
        answer: Answer | None,
    ) -> tuple["subprocess.CompletedProcess[str]", list[str], bytes]:
        responses: list[bytes] = []
        started = threading.Event()

        def kill(body: bytes = b"") -> None:
            # The process may call before this thread has its number.
            started.wait()
            self.killed_at = body
            os.kill(process.pid, signal.SIGKILL)

        def answered(response: bytes) -> None:
            responses.append(response)
            kill()

        runtime = _serve(_runtime(json.dumps(event).encode(), answered))
        # It sleeps instead of handing out a second event. Nothing waits for that.
        runtime.daemon_threads = True
        calls: list[str] = []
        hit = kill if kills else lambda _: None
        proxy = _serve(_proxy(self.endpoint, calls, at, when, nth, hit, do, answer))
        process = subprocess.Popen(
            [self.program],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.environment
            | {
                "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{runtime.server_port}",
                "AWS_LAMBDA_FUNCTION_NAME": self.name,
                "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
                "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
                "AWS_LAMBDA_LOG_GROUP_NAME": "-",
                "AWS_LAMBDA_LOG_STREAM_NAME": "-",
                "AWS_REGION": self.region,
                "AWS_ACCESS_KEY_ID": os.environ["AWS_ACCESS_KEY_ID"],
                "AWS_SECRET_ACCESS_KEY": os.environ["AWS_SECRET_ACCESS_KEY"],
                "AWS_ENDPOINT_URL": f"http://localhost:{proxy.server_port}",
            },
        )
        started.set()
        try:
            log, _ = process.communicate(timeout=180)
        except subprocess.TimeoutExpired:
            process.kill()
            log, _ = process.communicate()
            raise AssertionError(f"it did not end; it called {calls}: {log.decode()}") from None
        finally:
            for server in (runtime, proxy):
                server.shutdown()
                server.server_close()
        done = subprocess.CompletedProcess([str(self.program)], process.returncode, log.decode())
        assert process.returncode == -signal.SIGKILL, done.stdout
        return done, calls, b"".join(responses)


def kills(
    victim: Victim, request: Callable[[User], dict[str, Any]], make: Callable[[], User]
) -> Iterator[tuple[str, User]]:
    """Kills the function before its first call to AWS and after each of its calls, each time for another
    user.

    A kill before a later call leaves what a kill after the previous call leaves.
    """
    calls = victim.run_until(request(user := make()), "before", 1)
    assert calls, "the function makes calls to AWS"
    yield f"killed before {calls}", user
    for nth in itertools.count(1):
        calls = victim.run_until(request(user := make()), "after", nth)
        if calls is None:
            return
        yield f"killed after call {nth}: {calls}", user


def _serve(handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """A server whose `server_close` waits for the requests that it is handling."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = False
    # It looks this often whether it should shut down, in seconds.
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    return server


def _runtime(event: bytes, answered: Callable[[bytes], None]) -> type[BaseHTTPRequestHandler]:
    handed_out = threading.Event()

    class Runtime(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            if handed_out.is_set():  # there is no second event
                time.sleep(60)
                return
            handed_out.set()
            self.send_response(200)
            self.send_header("Lambda-Runtime-Aws-Request-Id", "made-by-hand")
            self.send_header("Lambda-Runtime-Deadline-Ms", str(int((time.time() + 60) * 1000)))
            self.send_header("Lambda-Runtime-Invoked-Function-Arn", "made-by-hand")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(event)))
            self.end_headers()
            self.wfile.write(event)

        def do_POST(self) -> None:
            answered(_content(self))

        def log_message(self, *_: object) -> None:
            pass

    return Runtime


def _content(handler: BaseHTTPRequestHandler) -> bytes:
    """The body of a request, which may be sent in chunks (RFC 9112, section 7.1)."""
    if handler.headers.get("Transfer-Encoding") != "chunked":
        return handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
    chunks = []
    while size := int(handler.rfile.readline(), 16):
        chunks.append(handler.rfile.read(size))
        handler.rfile.readline()
    return b"".join(chunks)


def _proxy(
    endpoint: str,
    calls: list[str],
    at: str,
    when: str,
    nth: int,
    kill: Callable[[bytes], None],
    do: Callable[[], object] | None,
    answer: Answer | None,
) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Proxy(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:  # killed at another call, while it was sending this one
                self.close_connection = True
                return
            with lock:
                name = _name(self.command, self.headers, body)
                calls.append(name)
                count = len(calls) if at == ANY else calls.count(name)
                hit = at in (ANY, name) and count == nth
                if hit and do is not None:
                    do()
                    hit = False
            self.close_connection |= hit and answer is None
            if hit and when == "before":
                kill(body)
                return
            upstream = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=180)
            headers = {key: value for key, value in self.headers.items() if key.lower() != "connection"}
            upstream.request(self.command, self.path, body, headers)
            response = upstream.getresponse()
            content = response.read()
            # The response to HEAD has the length of the object, and no body.
            is_head = self.command == "HEAD"
            content_length = response.headers["Content-Length"] if is_head else str(len(content))
            if hit and answer is not None:
                answer(self)
                return
            if hit:
                kill(body)
                return
            self.send_response(response.status)
            for key, value in response.getheaders():
                if key.lower() not in ("connection", "transfer-encoding", "content-length", "date", "server"):
                    self.send_header(key, value)
            self.send_header("Content-Length", content_length)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # killed at another call
                self.wfile.write(content)

        do_GET = do_HEAD = do_PUT = do_DELETE = do_POST

        def log_message(self, *_: object) -> None:
            pass

    return Proxy


def _name(method: str, headers: Message, body: bytes) -> str:
    """The name of the operation: the last part of the target header, or the form field `Action`; of S3, which
    has neither, the method.
    """
    target = headers.get("X-Amz-Target")
    if target:
        return target.rpartition(".")[2]
    if headers.get("Content-Type") == "application/x-www-form-urlencoded":
        return parse_qs(body.decode())["Action"][0]
    return method
