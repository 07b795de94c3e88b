"""A stand-in for S3 that keeps hashes instead of bytes, so that it can take photos of any size.

It has the operations that uploads in parts use, with the rules of S3 that they depend on. It forwards all
other requests to a local cloud, and counts them.
"""

import contextlib
import hashlib
import http.client
import itertools
import json
import re
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

_MIB = 1024 * 1024
# "Amazon S3 multipart upload limits", Amazon S3 User Guide.
_SMALLEST_PART = 5 * _MIB
_MAX_PARTS = 10_000
# An assumption: a copy is as fast as a download by one request ("Horizontal scaling and request
# parallelization for high throughput", Amazon S3 User Guide).
_COPIED_BYTES_PER_SECOND = 85_000_000
# The first bytes of a part, which alone are kept: functions read them to detect the type of a photo.
_HEAD = 64 * 1024
_READ_AT_ONCE = _MIB


@dataclass(frozen=True)
class Received:
    """The bytes of one part, as they arrived."""

    size: int
    sha256: bytes
    head: bytes


@dataclass(frozen=True)
class Slice:
    """Some of the received bytes: those from `first` to `end` (exclusive)."""

    of: Received
    first: int
    end: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.first


@dataclass(frozen=True)
class Part:
    """A part of a multipart upload."""

    etag: str
    slices: tuple[Slice, ...]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(piece.size for piece in self.slices)


@dataclass(frozen=True)
class Object:
    """A stored object."""

    etag: str
    slices: tuple[Slice, ...]
    headers: Mapping[str, str]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(piece.size for piece in self.slices)

    def hashes(self) -> list[bytes] | None:
        """The SHA-256 of each received part that it consists of; None if it has only some bytes of one."""
        joined: list[Slice] = []
        for piece in self.slices:
            if joined and joined[-1].of is piece.of and joined[-1].end == piece.first:
                piece = Slice(piece.of, joined.pop().first, piece.end)
            joined.append(piece)
        whole = all(piece.first == 0 and piece.end == piece.of.size for piece in joined)
        return [piece.of.sha256 for piece in joined] if whole else None


@dataclass
class Multipart:
    """A multipart upload that is neither completed nor aborted."""

    key: str
    headers: Mapping[str, str]
    parts: dict[int, Part] = field(default_factory=dict)


@dataclass
class Delivery:
    """A part that a client sends. `ended` is the time when it was stored; None if the connection broke."""

    agent: str
    number: int
    size: int
    ended: float | None = None
    received: int = 0


@dataclass
class Counts:
    """What was called since the last look."""

    #: Calls of AWS, by service and operation.
    calls: Counter[str] = field(default_factory=Counter)
    #: What AWS bills: the calls of S3, and the units of DynamoDB.
    billed: Counter[str] = field(default_factory=Counter)
    #: The seconds of each request to the API, by route.
    api: dict[str, list[float]] = field(default_factory=dict)


class Refused(Exception):
    """An error of S3: status, code and message."""

    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message or code)
        self.status, self.code = status, code


class Store:
    """The objects, the multipart uploads and the records of one bucket."""

    def __init__(self, bucket: str, latency_ms: int) -> None:
        self.bucket, self.latency = bucket, latency_ms / 1000
        self.objects: dict[str, Object] = {}
        self.multiparts: dict[str, Multipart] = {}
        self.deliveries: list[Delivery] = []
        self.counts = Counts()
        self.lock = threading.Lock()
        self._ids = itertools.count(1)

    def take_counts(self) -> Counts:
        """The calls since the last time that this was called."""
        with self.lock:
            taken, self.counts = self.counts, Counts()
        return taken

    @property
    def received(self) -> int:
        """The bytes that clients have sent so far."""
        with self.lock:
            return sum(delivery.received for delivery in self.deliveries)

    def _multipart(self, key: str, upload: str) -> Multipart:
        found = self.multiparts.get(upload)
        if found is None or found.key != key:
            raise Refused(404, "NoSuchUpload")
        return found

    def create(self, key: str, headers: Mapping[str, str]) -> str:
        """CreateMultipartUpload; the id."""
        with self.lock:
            upload = f"multipart-{next(self._ids)}"
            self.multiparts[upload] = Multipart(key, headers)
        return upload

    def expect(self, key: str, upload: str, delivery: Delivery) -> None:
        """Records that a client begins to send a part."""
        with self.lock:
            self._multipart(key, upload)
            self.deliveries.append(delivery)

    def put_part(self, key: str, upload: str, number: int, slices: tuple[Slice, ...]) -> str:
        """UploadPart and UploadPartCopy; the ETag."""
        if not 1 <= number <= _MAX_PARTS:
            raise Refused(400, "InvalidArgument", "the part number is not 1 to 10,000")
        digest = hashlib.sha256()
        for piece in slices:
            digest.update(piece.of.sha256 + f"{piece.first}-{piece.end}".encode())
        part = Part(f'"{digest.hexdigest()[:32]}"', slices)
        with self.lock:
            self._multipart(key, upload).parts[number] = part
        return part.etag

    def list_parts(self, key: str, upload: str, limit: int) -> list[tuple[int, Part]]:
        """ListParts, as far as one response goes."""
        with self.lock:
            parts = sorted(self._multipart(key, upload).parts.items())
        if len(parts) > limit:
            raise Refused(501, "NotImplemented", "more parts than one response has")
        return parts

    def complete(self, key: str, upload: str, wanted: list[tuple[int, str]], only_if_new: bool) -> Object:
        """CompleteMultipartUpload."""
        with self.lock:
            multipart = self._multipart(key, upload)
            numbers = [number for number, _ in wanted]
            if not wanted or numbers != sorted(set(numbers)):
                raise Refused(400, "InvalidPartOrder")
            if any(
                number not in multipart.parts or multipart.parts[number].etag != etag
                for number, etag in wanted
            ):
                raise Refused(400, "InvalidPart")
            parts = [multipart.parts[number] for number in numbers]
            if any(part.size < _SMALLEST_PART for part in parts[:-1]):
                raise Refused(400, "EntityTooSmall")
            if only_if_new and key in self.objects:
                raise Refused(412, "PreconditionFailed")
            digest = hashlib.sha256("".join(part.etag for part in parts).encode()).hexdigest()
            slices = tuple(piece for part in parts for piece in part.slices)
            made = Object(f'"{digest[:32]}-{len(parts)}"', slices, multipart.headers)
            self.objects[key] = made
            del self.multiparts[upload]
        return made

    def abort(self, key: str, upload: str) -> None:
        """AbortMultipartUpload."""
        with self.lock:
            self._multipart(key, upload)
            del self.multiparts[upload]

    def get(self, key: str, if_match: str | None) -> Object:
        """An object, on the condition that it still has this ETag."""
        with self.lock:
            found = self.objects.get(key)
        if found is None:
            raise Refused(404, "NoSuchKey")
        if if_match is not None and found.etag != if_match:
            raise Refused(412, "PreconditionFailed")
        return found

    def delete(self, key: str) -> None:
        """DeleteObject of the only version."""
        with self.lock:
            self.objects.pop(key, None)

    def list(self, prefix: str) -> list[tuple[str, Object]]:
        """ListObjectsV2."""
        with self.lock:
            return sorted((key, found) for key, found in self.objects.items() if key.startswith(prefix))


def cut(slices: tuple[Slice, ...], first: int, end: int) -> tuple[Slice, ...]:
    """The slices of the bytes from `first` to `end` (exclusive)."""
    kept, position = [], 0
    for piece in slices:
        begin, stop = max(first, position), min(end, position + piece.size)
        if begin < stop:
            offset = piece.first - position
            kept.append(Slice(piece.of, begin + offset, stop + offset))
        position += piece.size
    return tuple(kept)


@contextlib.contextmanager
def serving(store: Store, cloud: str) -> Iterator[int]:
    """Serves the store, and forwards all other requests to the host and port `cloud`; its own port."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.store, server.cloud = store, cloud
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    store: Store
    cloud: str

    def handle_error(self, *_: object) -> None:
        """Connections of killed clients break, which is not worth a message."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    # A small response must not wait for the acknowledgement of the one before.
    disable_nagle_algorithm = True

    def handle_any(self) -> None:
        started = time.monotonic()
        url = urlsplit(self.path)
        bucket, _, key = unquote(url.path).removeprefix("/").partition("/")
        if bucket != self.server.store.bucket:
            self._forward(started)
            return
        query = {name: values[0] for name, values in parse_qs(url.query, keep_blank_values=True).items()}
        try:
            operation, status, headers, body = self._s3(key, query)
        except Refused as refused:
            operation, status, headers = refused.code, refused.status, {}
            message = f"<Message>{escape(str(refused))}</Message>"
            body = f"<Error><Code>{refused.code}</Code>{message}</Error>".encode()
            # What is left of the request's body would be taken for the next request.
            self.close_connection = True
        with self.server.store.lock:
            self.server.store.counts.calls[f"S3 {operation}"] += 1
            self.server.store.counts.billed[f"S3 {operation}"] += 1
        if operation != "UploadPart":
            time.sleep(max(0.0, started + self.server.store.latency - time.monotonic()))
        self._respond(status, headers, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_any

    def log_message(self, *_: object) -> None:
        """No access log."""

    def _respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(body))} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _s3(self, key: str, query: Mapping[str, str]) -> tuple[str, int, dict[str, str], bytes]:
        """The operation, and its response."""
        store, upload = self.server.store, query.get("uploadId", "")
        match self.command:
            case "POST" if "uploads" in query:
                kept = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() == "content-type" or name.lower().startswith("x-amz-meta-")
                }
                return "CreateMultipartUpload", *_xml(
                    "InitiateMultipartUploadResult",
                    f"<Key>{escape(key)}</Key><UploadId>{store.create(key, kept)}</UploadId>",
                )
            case "PUT" if upload and "x-amz-copy-source" in self.headers:
                return "UploadPartCopy", *self._copy(key, upload, int(query["partNumber"]))
            case "PUT" if upload:
                return "UploadPart", 200, {"ETag": self._receive(key, upload, query)}, b""
            case "GET" if upload:
                parts = "".join(
                    f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(part.etag)}</ETag>"
                    f"<Size>{part.size}</Size></Part>"
                    for number, part in store.list_parts(key, upload, int(query.get("max-parts", "1000")))
                )
                return "ListParts", *_xml("ListPartsResult", f"<IsTruncated>false</IsTruncated>{parts}")
            case "POST" if upload:
                new = self.headers.get("If-None-Match") == "*"
                made = store.complete(key, upload, _wanted(self._body()), new)
                return "CompleteMultipartUpload", *_xml(
                    "CompleteMultipartUploadResult",
                    f"<Key>{escape(key)}</Key><ETag>{escape(made.etag)}</ETag>",
                )
            case "DELETE" if upload:
                store.abort(key, upload)
                return "AbortMultipartUpload", 204, {}, b""
            case "DELETE":
                store.delete(key)
                return "DeleteObject", 204, {}, b""
            case "GET" if not key and query.get("list-type") == "2":
                listed = "".join(
                    f"<Contents><Key>{quote(name, safe='/')}</Key><Size>{found.size}</Size></Contents>"
                    for name, found in store.list(query.get("prefix", ""))
                )
                return "ListObjectsV2", *_xml(
                    "ListBucketResult",
                    f"<EncodingType>url</EncodingType><IsTruncated>false</IsTruncated>{listed}",
                )
            case "HEAD":
                found = store.get(key, None)
                return "HeadObject", 200, _described(found) | {"Content-Length": str(found.size)}, b""
            case "GET":
                return "GetObject", *self._read(key)
        raise Refused(501, "NotImplemented", f"{self.command} {self.path}")

    def _receive(self, key: str, upload: str, query: Mapping[str, str]) -> str:
        """Takes exactly as many bytes as the signature says, and keeps their hash; the ETag."""
        if "content-length" not in query.get("X-Amz-SignedHeaders", "").split(";"):
            raise Refused(403, "AccessDenied", "the signature does not fix the length")
        if "Content-Length" not in self.headers:
            raise Refused(411, "MissingContentLength")
        store = self.server.store
        size, number = int(self.headers["Content-Length"]), int(query["partNumber"])
        delivery = Delivery(self.headers.get("User-Agent", ""), number, size)
        store.expect(key, upload, delivery)
        digest, head, buffer = hashlib.sha256(), b"", memoryview(bytearray(_READ_AT_ONCE))
        while delivery.received < size:
            count = self.rfile.readinto(buffer[: min(_READ_AT_ONCE, size - delivery.received)])
            if not count:
                raise ConnectionResetError
            if len(head) < _HEAD:
                head += bytes(buffer[: min(count, _HEAD - len(head))])
            digest.update(buffer[:count])
            delivery.received += count
        received = Received(size, digest.digest(), head)
        etag = store.put_part(key, upload, number, (Slice(received, 0, size),))
        delivery.ended = time.monotonic()
        return etag

    def _copy(self, key: str, upload: str, number: int) -> tuple[int, dict[str, str], bytes]:
        store = self.server.store
        bucket, _, source = unquote(self.headers["x-amz-copy-source"]).removeprefix("/").partition("/")
        if bucket != store.bucket:
            raise Refused(404, "NoSuchBucket")
        found = store.get(source, self.headers.get("x-amz-copy-source-if-match"))
        first, end = 0, found.size
        if "x-amz-copy-source-range" in self.headers:
            first, end = _range(self.headers["x-amz-copy-source-range"])
            # "UploadPartCopy", Amazon S3 API Reference.
            if end > found.size or found.size <= _SMALLEST_PART:
                raise Refused(400, "InvalidArgument", "the range is not in an object over 5 MiB")
        time.sleep((end - first) / _COPIED_BYTES_PER_SECOND)
        etag = store.put_part(key, upload, number, cut(found.slices, first, end))
        return _xml("CopyPartResult", f"<ETag>{escape(etag)}</ETag>")

    def _read(self, key: str) -> tuple[int, dict[str, str], bytes]:
        found = self.server.store.get(key, self.headers.get("If-Match"))
        first, end = _range(self.headers.get("Range", f"bytes=0-{found.size - 1}"))
        end = min(end, found.size)
        wanted = cut(found.slices, first, end)
        if any(piece.end > len(piece.of.head) for piece in wanted):
            raise Refused(501, "NotImplemented", f"only the first {_HEAD} bytes of a part are kept")
        body = b"".join(piece.of.head[piece.first : piece.end] for piece in wanted)
        span = {"Content-Range": f"bytes {first}-{end - 1}/{found.size}"}
        return 206, _described(found) | span, body

    def _forward(self, started: float) -> None:
        """Passes a request on to the local cloud: calls of other services, and requests to the API."""
        body = self._body()
        upstream = http.client.HTTPConnection(self.server.cloud, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        upstream.request(self.command, self.path, body, headers)
        response = upstream.getresponse()
        content = response.read()
        upstream.close()
        target = self.headers.get("X-Amz-Target")
        if target:
            time.sleep(max(0.0, started + self.server.store.latency - time.monotonic()))
        self._count(target, body, time.monotonic() - started)
        dropped = ("connection", "transfer-encoding", "content-length", "date", "server")
        passed = {name: value for name, value in response.getheaders() if name.lower() not in dropped}
        self._respond(response.status, passed, content)

    def _count(self, target: str | None, body: bytes, seconds: float) -> None:
        counts = self.server.store.counts
        with self.server.store.lock:
            if target is None:
                path = urlsplit(self.path).path.partition("/test/")[2]
                route = f"{self.command} /{re.sub('[0-9a-f-]{36}', '{id}', path)}"
                counts.api.setdefault(route, []).append(seconds)
                return
            # Such as DynamoDB_20120810.GetItem.
            call = f"{target.partition('_')[0]} {target.rpartition('.')[2]}"
            counts.calls[call] += 1
            if call.startswith("DynamoDB "):
                unit, number = _units(call.removeprefix("DynamoDB "), json.loads(body))
                counts.billed[f"DynamoDB {unit} unit"] += number


def _units(operation: str, request: Mapping[str, Any]) -> tuple[str, int]:
    """What DynamoDB bills for an operation whose items are smaller than 1 KB and whose reads are consistent.

    A transaction takes two units for each of its items. A photo's record has an entry in four indexes.
    """
    if operation in ("GetItem", "Query"):
        return "read", 1
    writes = request.get("TransactItems")
    if writes is None:
        return "write", 1
    photos = sum("timeline" in write.get("Put", {}).get("Item", {}) for write in writes)
    return "write", 2 * len(writes) + 4 * photos


def _xml(name: str, content: str) -> tuple[int, dict[str, str], bytes]:
    body = f'<{name} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{content}</{name}>'
    return 200, {"Content-Type": "application/xml"}, body.encode()


def _described(found: Object) -> dict[str, str]:
    return dict(found.headers) | {"ETag": found.etag, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}


def _range(header: str) -> tuple[int, int]:
    """The first byte of a range, and the one after its last."""
    first, last = header.removeprefix("bytes=").split("-")
    return int(first), int(last) + 1


def _wanted(body: bytes) -> list[tuple[int, str]]:
    """The numbers and ETags in the body of CompleteMultipartUpload."""
    parts = ElementTree.fromstring(body).findall("{*}Part")
    return [(int(part.findtext("{*}PartNumber", "0")), part.findtext("{*}ETag", "")) for part in parts]
