"""scripts/smoke against a server that behaves as told."""

import subprocess
import threading
import unittest
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from support.common import SCRIPTS, free_port

_WORKING = {"GET /stage/openapi.json": [200], "GET /stage/me": [401], "POST /stage/login": [401]}


@contextmanager
def _server(statuses: Mapping[str, list[int]]) -> Iterator[str]:
    """A server that answers each request with the next status listed for it, and repeats the last."""
    left = {request: list(listed) for request, listed in statuses.items()}

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers["content-length"] or 0))
            listed = left[f"{self.command} {self.path}"]
            self.send_response(listed.pop(0) if len(listed) > 1 else listed[0])
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST = _answer

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/stage"
        finally:
            server.shutdown()
            thread.join()


def _smoke(url: str, seconds: float = 0.1) -> "subprocess.CompletedProcess[str]":
    command = [str(SCRIPTS / "smoke"), url, "--seconds", str(seconds)]
    return subprocess.run(command, capture_output=True, text=True)


class Smoke(unittest.TestCase):
    def test_a_working_api_passes(self) -> None:
        with _server(_WORKING) as url:
            done = _smoke(url)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_response_may_come_late(self) -> None:
        with _server({**_WORKING, "POST /stage/login": [500, 401]}) as url:
            done = _smoke(url, seconds=10)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_wrong_status_fails(self) -> None:
        for request, status in (
            ("GET /stage/openapi.json", 500),
            ("GET /stage/me", 200),
            ("POST /stage/login", 503),
        ):
            with self.subTest(request), _server({**_WORKING, request: [status]}) as url:
                done = _smoke(url)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"got {status}", done.stderr)

    def test_an_api_that_cannot_be_reached_fails(self) -> None:
        done = _smoke(f"http://127.0.0.1:{free_port()}")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no response", done.stderr)


if __name__ == "__main__":
    unittest.main()
