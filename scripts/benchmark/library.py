"""The photos that the benchmark's cloud generates, and items of the table `library`.

`bench/src/cloud/photos.rs` computes the same names.
"""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

#: The user's key.
USER = "6f2e1c1e-0c0f-4b8e-9d53-0b6a9a4c1d2e"
#: The size of each photo.
PHOTO_BYTES = 2_500_000

_FIRST_UPLOAD = datetime(2024, 1, 1, tzinfo=UTC)
_UPLOADS_MS = 25_920_000_000
_FIRST_TAKEN = datetime(2014, 1, 1, tzinfo=UTC)
_TAKEN_SECONDS = 315_532_800

Item = Mapping[str, Any]


@dataclass(frozen=True)
class Photos:
    """So many photos of one user."""

    count: int

    def name(self, number: int) -> str:
        """The name of a photo. They are uploaded in the order of their numbers."""
        uploaded = _FIRST_UPLOAD + timedelta(milliseconds=number * (_UPLOADS_MS // self.count))
        extension = "jpg" if number % 4 else "png"
        milliseconds = uploaded.microsecond // 1000
        return (
            f"{uploaded:%Y%m%dT%H%M%S}{milliseconds:03}Z_IMG_{self._taken(number):%Y%m%d_%H%M%S}.{extension}"
        )

    def cursor(self, number: int) -> str:
        """The cursor of `POST /list` after a photo."""
        return _encoded(self.name(number))

    def cursor_by_time(self, number: int) -> str:
        """The cursor of `GET /photos` after a photo."""
        return _encoded(f"{self._taken(number):%Y-%m-%dT%H:%M:%S}.000_{self.name(number)}")

    def _taken(self, number: int) -> datetime:
        """The later it was uploaded, the earlier it was taken."""
        return _FIRST_TAKEN + timedelta(seconds=(self.count - number - 1) * (_TAKEN_SECONDS // self.count))

    def usage(self, *, changes: int = 0, uploads: tuple[str, ...] = (), jobs: tuple[str, ...] = ()) -> Item:
        """The user's usage, when the photos have changed so often since the photo index was written."""
        reserved = len(uploads)
        numbers = {
            "bytes": (self.count + reserved) * PHOTO_BYTES,
            "photos": self.count + reserved,
            "reservedBytes": reserved * PHOTO_BYTES,
            "reservedPhotos": reserved,
            "changes": self.count + changes,
            "indexed": self.count,
        }
        sets = {"uploads": uploads, "jobs": jobs}
        return _usage(numbers) | {name: {"SS": list(ids)} for name, ids in sets.items() if ids}


def job(job_id: str, upload_id: str, size: int, etag: str) -> Item:
    """A job for an archive of so many bytes, which nobody has planned yet."""
    texts = {
        "filename": "photos.zip",
        "state": "running",
        "upload": upload_id,
        "etag": etag,
        "createdAt": "2026-01-01T00:00:00.000Z",
    }
    item = _key(f"job#{job_id}") | {name: {"S": text} for name, text in texts.items()}
    return item | {"size": {"N": str(size)}}


def export(job_id: str) -> Item:
    """An export that nobody has planned yet."""
    item = _key(f"job#{job_id}") | {"state": {"S": "running"}, "createdAt": {"S": "2026-01-01T00:00:00.000Z"}}
    return item | {"files": {"L": []}}


def export_request(job_id: str) -> Mapping[str, Any]:
    """What a user who exports all photos asks for, by its key in S3."""
    return {f"jobs/{USER}/{job_id}/request.json": {"originals": True}}


def export_key(job_id: str) -> str:
    """The key of the first archive of an export."""
    return f"exports/{USER}/{job_id}/1.zip"


def usage_of_job(job_id: str, size: int) -> Item:
    """The usage of a user who has no photos, but a running job for an archive of so many bytes."""
    numbers = {
        "bytes": size,
        "reservedBytes": size,
        "photos": 0,
        "reservedPhotos": 0,
        "changes": 0,
        "indexed": 0,
    }
    return _usage(numbers) | {"jobs": {"SS": [job_id]}}


def record(name: str) -> str:
    """The range key of a photo's record."""
    return f"photo#{name}"


def tombstone(name: str) -> Item:
    """What is left of a deleted photo's record."""
    return _key(f"gone#{name}") | {"ttl": {"N": "4102444800"}}


def photo_key(name: str) -> str:
    """The key of a photo's object."""
    return f"photos/{USER}/{name}"


def upload(upload_id: str) -> Item:
    """An open upload whose only part has arrived."""
    texts = {
        "filename": "photo.jpg",
        "state": "open",
        "multipart": "arrived",
        "createdAt": "2026-01-01T00:00:00.000Z",
        "expiresAt": "2100-01-01T00:00:00.000Z",
    }
    item = _key(f"upload#{upload_id}") | {name: {"S": text} for name, text in texts.items()}
    return item | {"size": {"N": str(PHOTO_BYTES)}}


def _usage(numbers: Mapping[str, int]) -> dict[str, Any]:
    return _key("usage") | {name: {"N": str(value)} for name, value in numbers.items()}


def _key(item: str) -> dict[str, Any]:
    return {"user": {"S": USER}, "item": {"S": item}}


def _encoded(cursor: str) -> str:
    return base64.urlsafe_b64encode(cursor.encode()).decode().rstrip("=")
