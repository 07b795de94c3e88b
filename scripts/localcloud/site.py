"""Serves the web app as CloudFront does in AWS: static files, and the API under `/api`, on one origin.

Hypercorn, which MiniStack brings, is the server; `scripts/local` starts this module as a process.
"""

import argparse
import asyncio
import gzip
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from hypercorn.asyncio import serve
from hypercorn.config import Config

from support import web

Headers = list[tuple[bytes, bytes]]
Scope = Mapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

API = b"/api/"
# They concern one connection ("Intermediaries" in RFC 9110), or are written anew.
_NOT_PASSED_ON = frozenset(
    {
        b"connection",
        b"content-length",
        b"date",
        b"host",
        b"keep-alive",
        b"server",
        b"te",
        b"transfer-encoding",
    }
)
# Longer than any function of a route may take.
_GATEWAY_SECONDS = 65


@dataclass(frozen=True)
class Response:
    status: int
    headers: Headers
    body: bytes


class Site:
    """The app's files in a folder, and the gateway at `gateway`."""

    def __init__(self, folder: Path, gateway: str, headers: Mapping[str, str]) -> None:
        self.folder, self.gateway = folder.resolve(), gateway
        self.headers = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        self.pool = urllib3.PoolManager(maxsize=32, retries=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Hypercorn goes without what it offers besides, such as the events of the server's life.
        assert scope["type"] == "http"
        body = await _body(receive)
        if scope["raw_path"].startswith(API):
            response = await asyncio.to_thread(self.pass_on, scope, body)
        else:
            response = self.file(scope)
        await send({"type": "http.response.start", "status": response.status, "headers": response.headers})
        await send({"type": "http.response.body", "body": response.body})

    def pass_on(self, scope: Scope, body: bytes) -> Response:
        """The gateway's response. CloudFront removes `/api` in the same way."""
        path = scope["raw_path"].removeprefix(API[:-1]).decode()
        query = scope["query_string"].decode()
        headers = urllib3.HTTPHeaderDict()
        for name, value in _passed_on(scope["headers"]):
            headers.add(name.decode("latin-1"), value.decode("latin-1"))
        try:
            answer = self.pool.request(
                scope["method"],
                f"{self.gateway}{path}{'?' * bool(query)}{query}",
                headers=headers,
                body=body or None,
                redirect=False,
                decode_content=False,
                timeout=_GATEWAY_SECONDS,
            )
        except urllib3.exceptions.HTTPError:
            return Response(502, [(b"content-type", b"application/json")], b'{"message": "Bad Gateway"}')
        passed = _passed_on((name.lower().encode(), value.encode()) for name, value in answer.headers.items())
        return Response(answer.status, list(passed), answer.data)

    def file(self, scope: Scope) -> Response:
        """A file of the app, or its page for every other path: the app itself says what is not there."""
        if scope["method"] not in ("GET", "HEAD"):
            return Response(405, [(b"allow", b"GET, HEAD")], b"")
        path = (self.folder / scope["path"].lstrip("/")).resolve()
        if not (path.is_file() and path.is_relative_to(self.folder)):
            path = self.folder / "index.html"
        if not path.is_file():
            return Response(503, [(b"retry-after", b"2")], b"The web app is being built.")
        headers = [
            *self.headers,
            (b"content-type", web.TYPES.get(path.suffix, "application/octet-stream").encode()),
            (b"cache-control", web.cache_control(str(path.relative_to(self.folder))).encode()),
        ]
        body = path.read_bytes()
        if b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b""):
            body = gzip.compress(body)
            headers += [(b"content-encoding", b"gzip"), (b"vary", b"accept-encoding")]
        headers.append((b"content-length", str(len(body)).encode()))
        return Response(200, headers, b"" if scope["method"] == "HEAD" else body)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _passed_on(headers: Iterable[tuple[bytes, bytes]]) -> Iterable[tuple[bytes, bytes]]:
    return ((name, value) for name, value in headers if name.lower() not in _NOT_PASSED_ON)


def main() -> None:
    """Serves until the process is stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--gateway", required=True)
    parser.add_argument("--bucket-origin", required=True)
    options = parser.parse_args()
    config = Config()
    config.bind = [f"127.0.0.1:{options.port}", f"[::1]:{options.port}"]
    config.include_server_header = False
    site = Site(options.folder, options.gateway, web.headers(options.bucket_origin))
    asyncio.run(serve(site, config))


if __name__ == "__main__":
    main()
