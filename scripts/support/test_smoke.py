"""scripts/smoke against a server that behaves as told."""

import json
import os
import subprocess
import threading
import unittest
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.common import SCRIPTS, free_port

# A status, or a status with what the body says.
Answer = int | tuple[int, Mapping[str, Any]]
Answers = Mapping[str, Sequence[Answer]]

_WORKING: Answers = {"GET /stage/openapi.json": [200], "GET /stage/me": [401], "POST /stage/login": [401]}
_PHOTO = {"filename": "2026/a.png"}
_LIST = "GET /stage/photos?order=newest&limit=10"
# The first log-in is the one with a wrong password. `POST /` are calls of Cognito: it creates the user, and
# deletes it.
_CANARY: Answers = {
    **_WORKING,
    "POST /": [(200, {"User": {}}), (200, {})],
    "POST /stage/login": [401, (409, {"session": "s"})],
    "POST /stage/login/new_password": [(200, {"jwt": "j", "access_token": "a"})],
    "POST /stage/upload_single_photo": [(201, _PHOTO)],
    _LIST: [(200, {"photos": [_PHOTO]})],
    "POST /stage/download": [303],
    "GET /signed": [200],
    "POST /stage/delete": [204],
}


@contextmanager
def _server(answers: Answers) -> Iterator[str]:
    """A server that gives each request the next answer listed for it, and repeats the last.

    `GET /signed`, to which every 303 leads, gets the photo that was uploaded.
    """
    left = {request: list(listed) for request, listed in answers.items()}
    uploaded = b""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            nonlocal uploaded
            received = self.rfile.read(int(self.headers["content-length"] or 0))
            listed = left[f"{self.command} {self.path}"]
            answer = listed.pop(0) if len(listed) > 1 else listed[0]
            status, says = answer if isinstance(answer, tuple) else (answer, {})
            if self.path == "/stage/upload_single_photo":
                uploaded = received
            body = uploaded if self.path == "/signed" else json.dumps(says).encode()
            if status == 204:
                body = b""
            self.send_response(status)
            if status == 303:
                self.send_header("location", f"http://{self.headers['host']}/signed")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

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


def _smoke(url: str, *more: str, seconds: float = 0.1) -> "subprocess.CompletedProcess[str]":
    command = [str(SCRIPTS / "smoke"), url, "--seconds", str(seconds), *more]
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": url.removesuffix("stage"),
    }
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def _canary(answers: Answers, seconds: float = 0.1) -> "subprocess.CompletedProcess[str]":
    with _server({**_CANARY, **answers}) as url:
        return _smoke(url, "--pool", "eu-central-1_Ab1", "--region", "eu-central-1", seconds=seconds)


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


class Canary(unittest.TestCase):
    def _passes(self, answers: Answers, seconds: float = 0.1) -> None:
        done = _canary(answers, seconds)
        self.assertEqual(done.returncode, 0, done.stderr)

    def _fails(self, answers: Answers) -> str:
        done = _canary(answers)
        self.assertEqual(done.returncode, 1, done.stdout)
        return done.stderr

    def test_a_photo_may_be_listed_late(self) -> None:
        self._passes({_LIST: [(200, {"photos": []}), (200, {"photos": [_PHOTO]})]}, seconds=10)

    def test_a_photo_that_is_never_listed_fails(self) -> None:
        failure = self._fails({_LIST: [(200, {"photos": []})]})
        self.assertIn("does not list it within 0.1 s", failure)
        self.assertNotIn("is left in the pool", failure)

    def test_one_5xx_of_calls_that_can_be_repeated_passes(self) -> None:
        requests = (_LIST, "POST /stage/download", "POST /stage/delete")
        answers: Answers = {request: [503, *_CANARY[request]] for request in requests}
        self._passes({**answers, "POST /stage/login": [401, 503, (409, {"session": "s"})]})

    def test_one_429_of_any_call_passes(self) -> None:
        requests = ("POST /stage/login/new_password", "POST /stage/upload_single_photo", _LIST)
        answers: Answers = {request: [429, *_CANARY[request]] for request in requests}
        self._passes({**answers, "POST /stage/login": [401, 429, (409, {"session": "s"})]})

    def test_a_response_without_what_it_must_have_fails(self) -> None:
        failure = self._fails({"POST /stage/login/new_password": [(200, {})]})
        self.assertIn("is left in the pool", failure)

    def test_a_photo_may_be_deleted_although_the_response_was_a_5xx(self) -> None:
        self._passes({"POST /stage/delete": [503, 404]})
        self.assertIn("got 404", self._fails({"POST /stage/delete": [404]}))

    def test_a_5xx_that_stays_fails(self) -> None:
        self.assertIn("POST /download got 503", self._fails({"POST /stage/download": [503]}))

    def test_a_4xx_and_a_5xx_of_an_upload_are_not_repeated(self) -> None:
        for request, status in (("POST /stage/download", 403), ("POST /stage/upload_single_photo", 503)):
            with self.subTest(request):
                self.assertIn(f"got {status}", self._fails({request: [status, *_CANARY[request]]}))

    def test_a_user_that_is_left_is_named(self) -> None:
        new_password = "POST /stage/login/new_password"
        self.assertRegex(
            self._fails({new_password: [500]}),
            r"POST /login/new_password got 500 .* The user canary-\S+ is left in the pool eu-central-1_Ab1",
        )
        denied = (400, {"__type": "NotAuthorizedException", "message": "Expired"})
        failure = self._fails({"POST /": [(200, {"User": {}}), denied], "POST /stage/download": [404]})
        self.assertIn("POST /download got 404", failure)
        self.assertIn("is left in the pool", failure)


if __name__ == "__main__":
    unittest.main()
