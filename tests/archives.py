"""ZIP archives as real programs write them, and hostile ones that no program writes.

`Entry` and `build` write the format by hand (PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 and 4.5), since
zipfile refuses to write most of what has to be tried here. Every field that a hostile archive lies about can
be set.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

STORED, DEFLATED, WAVPACK = 0, 8, 97
ENCRYPTED, DESCRIPTOR, UTF8 = 1, 1 << 3, 1 << 11
LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
SYMLINK = 0o120777 << 16
FILE = 0o100644 << 16
MAX16, MAX32 = 0xFFFF, 0xFFFFFFFF
MADE_BY_UNIX = 0x031E
# 1 January 2024, in the DOS form.
DATE = 0x5821


def deflate(data: bytes, level: int = 9) -> bytes:
    packer = zlib.compressobj(level, zlib.DEFLATED, -15)
    return packer.compress(data) + packer.flush()


@dataclass
class Entry:
    """One entry. A field that is None gets its true value."""

    name: str | bytes
    data: bytes = b""
    method: int = DEFLATED
    flags: int = 0
    attributes: int = FILE
    extra: bytes = b""
    packed: bytes | None = None
    crc: int | None = None
    packed_size: int | None = None
    size: int | None = None
    #: The local header's name, where it differs from the directory's.
    local_name: str | bytes | None = None
    #: What the directory says about where the local header is.
    offset: int | None = None
    #: Sizes after the data (flag bit 3): None, "signed" or "unsigned" (without the optional signature).
    descriptor: str | None = None
    zip64: bool = False
    #: Listed in the directory only: it has no local header and no data.
    directory_only: bool = False

    def encoded(self, name: str | bytes) -> tuple[bytes, int]:
        if isinstance(name, bytes):
            return name, self.flags
        try:
            return name.encode("ascii"), self.flags
        except UnicodeEncodeError:
            return name.encode(), self.flags | UTF8


def build(
    entries: Sequence[Entry],
    prefix: bytes = b"",
    suffix: bytes = b"",
    shift: bool = True,
    comment: bytes = b"",
    zip64_end: bool = False,
    **end: int,
) -> bytes:
    """An archive of these entries.

    prefix, suffix: bytes before the first header and after the end record.
    shift: whether offsets count the prefix, as those of a self-extracting archive do.
    end: fields of the end record to lie about: count, directory_size, directory_offset.
    """
    body, records = bytearray(prefix), bytearray()
    base = 0 if shift else len(prefix)
    for entry in entries:
        packed = entry.packed
        if packed is None:
            packed = deflate(entry.data) if entry.method == DEFLATED else entry.data
        crc = zlib.crc32(entry.data) if entry.crc is None else entry.crc
        packed_size = len(packed) if entry.packed_size is None else entry.packed_size
        size = len(entry.data) if entry.size is None else entry.size
        name, flags = entry.encoded(entry.name)
        local_name, _ = entry.encoded(entry.name if entry.local_name is None else entry.local_name)
        if entry.descriptor:
            flags |= DESCRIPTOR
        version = 45 if entry.zip64 else 20
        offset = len(body) - base if entry.offset is None else entry.offset

        if not entry.directory_only:
            extra = entry.extra
            sizes = (0, 0, 0) if entry.descriptor else (crc, packed_size, size)
            if entry.zip64:
                extra += struct.pack("<HHQQ", 1, 16, sizes[2], sizes[1])
                sizes = (sizes[0], MAX32, MAX32)
            body += _local_header(local_name, extra, version, flags, entry.method, sizes) + packed
            if entry.descriptor:
                body += b"PK\x07\x08" if entry.descriptor == "signed" else b""
                body += struct.pack("<IQQ" if entry.zip64 else "<III", crc, packed_size, size)

        extra, sizes = entry.extra, (crc, packed_size, size)
        if entry.zip64:
            extra += struct.pack("<HHQQQ", 1, 24, size, packed_size, offset)
            sizes, offset = (crc, MAX32, MAX32), MAX32
        records += _directory_record(
            name, extra, version, flags, entry.method, sizes, entry.attributes, offset
        )

    count = end.get("count", len(entries))
    directory_size = end.get("directory_size", len(records))
    directory_offset = end.get("directory_offset", len(body) - base)
    body += records
    if zip64_end:
        at = len(body) - base
        body += b"PK\x06\x06" + struct.pack("<QHHII", 44, MADE_BY_UNIX, 45, 0, 0)
        body += struct.pack("<QQQQ", count, count, directory_size, directory_offset)
        body += b"PK\x06\x07" + struct.pack("<IQI", 0, at, 1)
        count, directory_size, directory_offset = MAX16, MAX32, MAX32
    return bytes(body) + _end_record(count, directory_size, directory_offset, comment) + suffix


def _local_header(
    name: bytes, extra: bytes, version: int, flags: int, method: int, sizes: Sequence[int]
) -> bytes:
    """The header before an entry's data; `sizes` are the checksum, the packed size and the size."""
    fixed = struct.pack("<HHHHH", version, flags, method, 0, DATE)
    return (
        LOCAL + fixed + struct.pack("<III", *sizes) + struct.pack("<HH", len(name), len(extra)) + name + extra
    )


def _directory_record(
    name: bytes,
    extra: bytes,
    version: int,
    flags: int,
    method: int,
    sizes: Sequence[int],
    attributes: int,
    offset: int,
) -> bytes:
    fixed = struct.pack("<HHHHHH", MADE_BY_UNIX, version, flags, method, 0, DATE)
    rest = struct.pack("<HHHHHII", len(name), len(extra), 0, 0, 0, attributes, offset)
    return CENTRAL + fixed + struct.pack("<III", *sizes) + rest + name + extra


def _end_record(count: int, size: int, offset: Any, comment: bytes = b"") -> bytes:
    count &= MAX16
    return END + struct.pack("<HHHHIIH", 0, 0, count, count, size, offset, len(comment)) + comment


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, **options: Any) -> bytes:
    """An archive of {name: bytes} by Python's zipfile."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method, **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return out.getvalue()


class _Pipe(io.RawIOBase):
    """A stream without seek, which makes zipfile write data descriptors."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.chunks.append(bytes(data))
        return len(data)


def streamed(files: Mapping[str, bytes]) -> bytes:
    """An archive that Python's zipfile writes to a pipe: the sizes follow the data."""
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return b"".join(pipe.chunks)


def bloated(head: bytes, size: int) -> tuple[bytes, int, int]:
    """`head` followed by zeros up to `size` bytes, deflated (about 1,000 to 1): (packed, crc, size)."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed, crc, left = bytearray(packer.compress(head)), zlib.crc32(head), size - len(head)
    zeros = b"\0" * (1 << 20)
    while left:
        piece = zeros[:left]
        packed += packer.compress(piece)
        crc = zlib.crc32(piece, crc)
        left -= len(piece)
    return bytes(packed + packer.flush()), crc, size


def bloated_entry(name: str, head: bytes, size: int, **fields: Any) -> Entry:
    packed, crc, size = bloated(head, size)
    return Entry(name, packed=packed, crc=crc, size=size, **fields)


def quoted_overlap(head: bytes, kernel_size: int, count: int) -> bytes:
    """Entries that all end in one deflated kernel, each quoting the next one's header as a stored block.

    David Fifield, "A better zip bomb" (WOOT 2019), sections 3 and 4: every entry has its own name, offset
    and right checksum, and no header lies. Here each also starts with `head`, to look like a photo.
    """
    packed, crc, size = bloated(head, kernel_size)
    packed_size, parts = len(packed), [packed]
    described: list[tuple[tuple[bytes, int, int, int], bytes]] = []
    for index in range(count - 1, -1, -1):
        if described:
            next_header = described[-1][1]
            # The quoted header is already in the file: only the five bytes of the block header are added.
            quotes = _stored_block(head) + _stored_block(next_header)[:5]
            parts.append(quotes)
            crc = _crc_of_both(zlib.crc32(head + next_header), crc, size)
            packed_size += len(quotes) + len(next_header)
            size += len(head) + len(next_header)
        name = f"photo{index:04}.jpg".encode()
        header = _local_header(name, b"", 20, 0, DEFLATED, (crc, packed_size, size))
        parts.append(header)
        described.append(((name, crc, packed_size, size), header))
    body, records = bytearray(), bytearray()
    parts.reverse()
    entries = iter(reversed(described))
    for part in parts:
        if part.startswith(LOCAL):
            name, *sizes = next(entries)[0]
            records += _directory_record(name, b"", 20, 0, DEFLATED, sizes, FILE, len(body))
        body += part
    return bytes(body) + bytes(records) + _end_record(count, len(records), len(body))


def _stored_block(data: bytes) -> bytes:
    """A deflate block that holds its bytes as they are, and is not the last (RFC 1951, section 3.2.4)."""
    return b"\0" + struct.pack("<HH", len(data), len(data) ^ MAX16) + data


def _crc_of_both(first: int, second: int, second_length: int) -> int:
    """The CRC-32 of two pieces from the CRC-32 of each, as zlib's crc32_combine does it."""

    def product(a: int, b: int) -> int:
        result = 0
        for bit in range(31, -1, -1):
            if a >> bit & 1:
                result ^= b
            b = b >> 1 ^ 0xEDB88320 if b & 1 else b >> 1
        return result

    shift, power, length = 1 << 31, 1 << 23, second_length
    while length:
        if length & 1:
            shift = product(power, shift)
        power = product(power, power)
        length >>= 1
    return product(shift, first) ^ second
