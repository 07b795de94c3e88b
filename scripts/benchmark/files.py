"""Photos and archives to upload."""

import io
import random
import zipfile

from support.common import SCRIPTS

_SAMPLE = SCRIPTS / "localcloud" / "sample.jpg"
_SEED = 8


def photo(size: int, seed: int = 0) -> bytes:
    """A JPEG of that many bytes: a real one, followed by bytes that compress no better than a photo's."""
    start = _SAMPLE.read_bytes()[:size]
    return start + random.Random(_SEED + seed).randbytes(size - len(start))


def archive(photos: int, total: int) -> bytes:
    """A ZIP of that many photos, of that many bytes in all."""
    # What the directory needs of it: about 150 bytes an entry.
    size = total // photos - 150
    return _zip({f"album/photo-{number:04}.jpg": photo(size, number) for number in range(photos)})


def bomb(entries: int, entry_bytes: int) -> bytes:
    """A small ZIP of entries that begin like photos and unpack to much."""
    start = _SAMPLE.read_bytes()
    content = start + bytes(entry_bytes - len(start))
    return _zip({f"photo-{number:04}.jpg": content for number in range(entries)})


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return buffer.getvalue()
