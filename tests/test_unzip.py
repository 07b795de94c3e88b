"""`POST /unzip`: archives of real programs, and hostile ones."""

import base64
import shutil
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import archives
import functions as direct
from archives import STORED, SYMLINK, WAVPACK, Entry, build, streamed, zipped
from conftest import Bucket
from photos import FORMATS, NOT_PHOTOS, photo
from service import MAX_UPLOAD, PHOTO_MEMBERS, Report, User, assert_problem, at_first, original_name

MIB = 1 << 20
MEMORY_LIMIT = 128 * MIB
Album = tuple[Path, dict[str, bytes]]


def contents(user: User, report: Report) -> dict[str, bytes]:
    """{entry: the bytes that were stored for it}."""
    with ThreadPoolExecutor(8) as workers:
        fetched = workers.map(lambda item: user.fetch(item["filename"]).content, report.stored)
        return {item["entry"]: data for item, data in zip(report.stored, fetched, strict=True)}


# Real archives


@pytest.fixture(scope="session")
def album(tmp_path_factory: pytest.TempPathFactory) -> Album:
    """A folder with 200 photos in subfolders and other files, and the photos: (folder, {path: bytes})."""
    folder = tmp_path_factory.mktemp("album")
    kinds = ["jpg", "jpg", "jpg", "heic", "png", "webp", "gif", "avif"]
    others = {
        ".DS_Store": b"\0\0\0\1Bud1",
        "notes.txt": b"A good summer.\n",
        "2023/list.csv": b"a,b\n1,2\n",
        "2024/best/film.mp4": NOT_PHOTOS["mp4"],
        "2024/old.zip": zipped({"a.jpg": photo()}),
        "empty.jpg": b"",
    }
    photos_: dict[str, bytes] = {}
    places = ["", "2023/", "2023/at the sea/", "2024/best/", "2024/été 🏖️/"]
    for seed in range(200):
        kind = kinds[seed % len(kinds)]
        photos_[f"{places[seed % len(places)]}IMG_{seed:04}.{kind}"] = photo(kind, seed)
    for name, data in (photos_ | others).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    (folder / "nothing here").mkdir()
    return folder, photos_


@pytest.fixture(scope="session")
def album_archive(album: Album, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    folder = album[0]
    target = tmp_path_factory.mktemp("archive") / "album.zip"
    if not shutil.which("zip"):
        pytest.skip("the program zip is not installed")
    subprocess.run(["zip", "-q", "-r", target, "."], cwd=folder, check=True)
    data = target.read_bytes()
    assert len(data) <= MAX_UPLOAD
    return data


def test_every_photo_of_a_zipped_folder_is_stored_byte_for_byte(
    user: User, album: Album, album_archive: bytes
) -> None:
    _, photos_ = album
    assert contents(user, user.unzip(album_archive)) == photos_


def test_everything_else_of_a_zipped_folder_is_skipped_with_its_reason(
    user: User, album: Album, album_archive: bytes
) -> None:
    folder, _ = album
    report = user.unzip(album_archive)
    reasons = {item["entry"]: item["reason"] for item in report.skipped}
    directories = {f"{path.relative_to(folder)}/" for path in folder.rglob("*") if path.is_dir()}
    assert reasons == {name: "directory" for name in directories} | {
        ".DS_Store": "hidden",
        "notes.txt": "not-a-photo",
        "2023/list.csv": "not-a-photo",
        "2024/best/film.mp4": "not-a-photo",
        "2024/old.zip": "archive",
        "empty.jpg": "not-a-photo",
    }
    assert report.failed == []


@pytest.mark.exclusive
@pytest.mark.local_cloud
def test_the_memory_of_the_function_stays_small_for_two_hundred_photos(
    user: User, album_archive: bytes, memory: direct.Memory
) -> None:
    memory.forget("unzip")
    user.unzip(album_archive)
    assert memory.peak("unzip") < MEMORY_LIMIT


@pytest.mark.skipif(not shutil.which("zip"), reason="the program zip is not installed")
@pytest.mark.parametrize("options", [["-0"], ["-9"], ["-fz"], ["-fd"], ["-D"], ["-j"], ["-z"]], ids="".join)
def test_archives_of_the_zip_program_are_read(user: User, tmp_path: Path, options: list[str]) -> None:
    """Stored, deflated, with ZIP64 fields, descriptors, no directories, no paths, a comment."""
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.jpg").write_bytes(photo())
    subprocess.run(
        ["zip", "-q", "-r", *options, "a.zip", "sub"], cwd=tmp_path, check=True, input=b"A comment.\n.\n"
    )
    assert list(contents(user, user.unzip((tmp_path / "a.zip").read_bytes())).values()) == [photo()]


@pytest.mark.skipif(not shutil.which("zip"), reason="the program zip is not installed")
def test_an_archive_zipped_from_a_pipe_to_a_pipe_is_read(user: User) -> None:
    made = subprocess.run(["zip", "-q", "-", "-"], input=photo(), stdout=subprocess.PIPE, check=True).stdout
    assert list(contents(user, user.unzip(made)).values()) == [photo()]


@pytest.mark.skipif(not shutil.which("zip"), reason="the program zip is not installed")
def test_an_entry_that_the_zip_program_encrypted_is_reported(user: User, tmp_path: Path) -> None:
    (tmp_path / "secret.jpg").write_bytes(photo())
    subprocess.run(["zip", "-q", "-P", "secret", "a.zip", "secret.jpg"], cwd=tmp_path, check=True)
    (tmp_path / "open.jpg").write_bytes(photo())
    subprocess.run(["zip", "-q", "a.zip", "open.jpg"], cwd=tmp_path, check=True)
    report = user.unzip((tmp_path / "a.zip").read_bytes())
    assert report.reasons == {"secret.jpg": "encrypted", "open.jpg": "stored"}


@pytest.mark.skipif(not shutil.which("zip"), reason="the program zip is not installed")
def test_a_link_that_the_zip_program_kept_is_skipped(user: User, tmp_path: Path) -> None:
    (tmp_path / "real.jpg").write_bytes(photo())
    (tmp_path / "link.jpg").symlink_to("/etc/passwd")
    subprocess.run(["zip", "-q", "-y", "a.zip", "real.jpg", "link.jpg"], cwd=tmp_path, check=True)
    assert user.unzip((tmp_path / "a.zip").read_bytes()).reasons == {"real.jpg": "stored", "link.jpg": "link"}


# The request


WAYS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "raw": lambda data: {"content": data, "headers": {"Content-Type": "application/zip"}},
    "raw without a type": lambda data: {"content": data},
    "raw under a form's type": lambda data: {
        "content": data,
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
    "multipart": lambda data: {"files": {"archive": ("a.zip", data, "application/zip")}},
    "multipart among others": lambda data: {
        "files": [("comment", (None, "x")), ("archive", ("a.zip", data)), ("z", (None, "y"))]
    },
    "json": lambda data: {"json": {"archive": base64.b64encode(data).decode()}},
}


@pytest.mark.parametrize("way", WAYS)
def test_an_archive_is_taken_in_every_way(user: User, way: str) -> None:
    response = user.post("/unzip", **WAYS[way](zipped({"a.jpg": photo()})))
    assert response.status_code == 200, response.text
    assert [item["entry"] for item in response.json()["stored"]] == ["a.jpg"]


@pytest.mark.parametrize(
    "body",
    [{}, {"archive": None}, {"archive": 5}, {"archive": "not base64!"}],
    ids=["missing", "null", "number", "not base64"],
)
def test_json_without_a_readable_archive_says_so(caller: User, body: Any) -> None:
    assert_problem(caller.post("/unzip", json=body), 422, "/archive")


def test_an_archive_by_another_name_is_unknown(caller: User) -> None:
    assert_problem(caller.post("/unzip", json={"file": "QUJD"}), 422, "/archive", "/file")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"'])
def test_json_that_is_no_object_is_unreadable(caller: User, body: Any) -> None:
    assert_problem(caller.post("/unzip", content=body, headers={"Content-Type": "application/json"}), 400)


def test_a_multipart_body_without_an_archive_is_refused(caller: User) -> None:
    assert caller.post("/unzip", files={"file": ("a.zip", zipped({}))}).status_code in (400, 422)


@pytest.mark.parametrize("way", ["raw", "multipart", "json"])
def test_an_archive_over_the_limit_is_told_the_limit(caller: User, way: str) -> None:
    data = build([Entry("a.jpg", photo())], comment=b"")
    data = b"\0" * (MAX_UPLOAD + 1 - len(data)) + data
    assert assert_problem(caller.post("/unzip", **WAYS[way](data)), 413)["limit"] == MAX_UPLOAD


def test_an_archive_of_exactly_the_limit_is_read(user: User) -> None:
    data = build([Entry("a.bin", NOT_PHOTOS["text"], STORED)])
    filler = b"x" * (MAX_UPLOAD - len(data))
    data = build([Entry("a.bin", NOT_PHOTOS["text"] + filler, STORED)])
    assert len(data) == MAX_UPLOAD
    assert user.unzip(data).reasons == {"a.bin": "not-a-photo"}


# The response


def test_an_empty_archive_gives_three_empty_lists(user: User) -> None:
    assert user.unzip(build([])).body == {"stored": [], "skipped": [], "failed": []}


def test_a_stored_entry_is_a_photo_with_its_entry(user: User) -> None:
    [stored] = user.unzip(zipped({"summer/a.png": photo("png")})).stored
    assert set(stored) == PHOTO_MEMBERS | {"entry"}
    assert (stored["entry"], stored["type"], stored["size"]) == ("summer/a.png", "png", len(photo("png")))


def test_a_stored_entry_is_listed_like_any_photo(user: User) -> None:
    [stored] = user.unzip(zipped({"a.jpg": photo()})).stored
    del stored["entry"]
    assert [at_first(item) for item in user.photos()] == [at_first(stored)]


def test_an_entry_that_was_not_stored_says_why(user: User) -> None:
    report = user.unzip(build([Entry("a.txt", b"text"), Entry("b.jpg", photo(), crc=1)]))
    assert [set(item) for item in report.skipped + report.failed] == [{"entry", "reason", "detail"}] * 2
    assert all(item["detail"] for item in report.skipped + report.failed)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_is_known_by_its_first_bytes(user: User, kind: str) -> None:
    [stored] = user.unzip(zipped({"anything.dat": photo(kind)})).stored
    assert stored["type"] == kind


@pytest.mark.parametrize("what", [what for what in NOT_PHOTOS if what != "zip"])
def test_what_is_no_photo_is_skipped(user: User, what: str) -> None:
    assert user.unzip(zipped({"photo.jpg": NOT_PHOTOS[what]})).reasons == {"photo.jpg": "not-a-photo"}


@pytest.mark.parametrize(
    "entry, reason",
    [
        (Entry("folder/"), "directory"),
        (Entry("folder/", method=STORED, attributes=0o040755 << 16 | 0x10), "directory"),
        (Entry("a/b/c/"), "directory"),
        (Entry("link.jpg", b"/etc/passwd", attributes=SYMLINK), "link"),
        (Entry("link.jpg", b"../../ann/photo.jpg", STORED, attributes=SYMLINK), "link"),
        (Entry("__MACOSX/._a.jpg", photo()), "hidden"),
        (Entry("__MACOSX/a.jpg", photo()), "hidden"),
        (Entry("sub/__MACOSX/a.jpg", photo()), "hidden"),
        (Entry(".hidden.jpg", photo()), "hidden"),
        (Entry("sub/._a.jpg", photo()), "hidden"),
        (Entry("sub\\.a.jpg", photo()), "hidden"),
        (Entry("inner.zip", zipped({"a.jpg": photo()})), "archive"),
        (Entry("inner.jpg", zipped({"a.jpg": photo()})), "archive"),
        (Entry("empty.zip", build([])), "archive"),
        (Entry("empty.jpg"), "not-a-photo"),
    ],
    ids=lambda value: value if isinstance(value, str) else f"{value.name}",
)
def test_what_is_left_out_on_purpose_is_skipped_with_its_reason(user: User, entry: Any, reason: str) -> None:
    report = user.unzip(build([entry, Entry("photo.jpg", photo())]))
    assert [(item["entry"], item["reason"]) for item in report.skipped] == [(entry.name, reason)]
    assert [item["entry"] for item in report.stored] == ["photo.jpg"]


# Names


@pytest.mark.parametrize(
    "entry, kept",
    [
        ("a b.jpg", "a b"),
        ("summer/a+b.jpg", "a+b"),
        ("100%25.jpg", "100%25"),
        ("été/写真.jpg", "写真"),
        ("🏖️.jpg", "🏖️"),
        ("../../../etc/passwd.jpg", "passwd"),
        ("/etc/passwd.jpg", "passwd"),
        ("..\\..\\evil.jpg", "evil"),
        ("C:\\photos\\a.jpg", "a"),
        ("a/../../b.jpg", "b"),
        ("./././c.jpg", "c"),
        ("//server/share/d.jpg", "d"),
        ("sub\\mixed/e.jpg", "e"),
        ("sub/..\\f.jpg", "f"),
        ("photos/ann/g.jpg", "g"),
        ("x" * 900 + ".jpg", "x" * 100),
        ("写" * 300 + ".jpg", "写" * 33),
    ],
)
def test_an_entry_is_stored_under_its_last_path_part_alone(user: User, entry: Any, kept: str) -> None:
    [stored] = user.unzip(build([Entry(entry, photo())])).stored
    assert (stored["entry"], original_name(stored)) == (entry, kept)
    assert user.fetch(stored["filename"]).content == photo()


@pytest.mark.parametrize(
    "name, flags",
    [
        ("grüße.jpg".encode("cp437"), 0),
        ("grüße.jpg".encode("latin-1"), 0),
        ("写真.jpg".encode("shift_jis"), 0),
        (b"\xff\xfe\xfd.jpg", archives.UTF8),
        (b"a\xc3.jpg", archives.UTF8),
        (b"\x80" * 40, 0),
    ],
    ids=["cp437", "latin-1", "shift-jis", "broken utf-8", "cut utf-8", "only high bytes"],
)
def test_a_name_that_is_no_utf8_does_not_hinder(user: User, name: str, flags: int) -> None:
    report = user.unzip(build([Entry(name, photo(), flags=flags), Entry("ok.jpg", photo("jpg", 1))]))
    assert sorted(contents(user, report).values()) == sorted([photo(), photo("jpg", 1)])


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        ".",
        "/",
        "\\",
        "\0",
        "\0\0.jpg",
        " ",
        "CON",
        "a:b.jpg",
        "\u202egpj.exe",
        "a\nb.jpg",
        "x" * 60_000,
    ],
    ids=lambda name: repr(name[:20]),
)
def test_a_strange_name_does_not_hinder(user: User, name: str) -> None:
    report = user.unzip(build([Entry(name, photo()), Entry("ok.jpg", photo("jpg", 1))]))
    assert len(report) == 2
    assert report.reasons["ok.jpg"] == "stored"


def test_two_entries_of_one_name_are_both_stored(user: User) -> None:
    report = user.unzip(build([Entry("same.jpg", photo("jpg", seed)) for seed in range(3)]))
    assert [item["entry"] for item in report.stored] == ["same.jpg"] * 3
    stored = {user.fetch(item["filename"]).content for item in report.stored}
    assert stored == {photo("jpg", seed) for seed in range(3)}


def test_duplicates_of_every_fate_are_each_reported(user: User) -> None:
    report = user.unzip(
        build(
            [
                Entry("x", photo()),
                Entry("x", b"text"),
                Entry("x", photo(), crc=1),
                Entry("x", photo(), flags=1),
            ]
        )
    )
    assert (
        [item["entry"] for item in report.stored],
        [item["reason"] for item in report.skipped],
        sorted(item["reason"] for item in report.failed),
    ) == (["x"], ["not-a-photo"], ["damaged", "encrypted"])


# Shapes of the format


@pytest.mark.parametrize(
    "archive",
    [
        build([Entry("a.jpg", photo(), STORED)]),
        build([Entry("a.jpg", photo(), descriptor="signed")]),
        build([Entry("a.jpg", photo(), descriptor="unsigned")]),
        build([Entry("a.jpg", photo(), STORED, descriptor="signed")]),
        streamed({"a.jpg": photo()}),
        build([Entry("a.jpg", photo(), zip64=True)]),
        build([Entry("a.jpg", photo())], zip64_end=True),
        build([Entry("a.jpg", photo(), zip64=True, descriptor="signed")], zip64_end=True),
        build([Entry("a.jpg", photo())], comment=b"a comment"),
        build([Entry("a.jpg", photo())], comment=b"PK\x05\x06 is how the end begins, PK\x01\x02 an entry"),
        build([Entry("a.jpg", photo())], prefix=b"#!/bin/sh\nexit\n" * 100),
        build([Entry("a.jpg", photo())], prefix=b"#!/bin/sh\nexit\n" * 100, shift=False),
        build([Entry("a.jpg", photo())], suffix=b"\0" * 100),
        build([Entry("a.jpg", photo())], suffix=b"\r\n"),
        build([Entry("a.jpg", photo(), extra=b"UT\x05\0\x03\0\0\0\0")]),
        build([Entry("a.jpg", photo(), attributes=0)]),
    ],
    ids=[
        "stored",
        "descriptor",
        "unsigned descriptor",
        "stored with descriptor",
        "written to a pipe",
        "zip64 entry",
        "zip64 end",
        "zip64 with descriptor",
        "comment",
        "comment like an end",
        "junk before",
        "junk before, uncounted",
        "junk after",
        "line end after",
        "extra field",
        "no attributes",
    ],
)
def test_every_lawful_shape_of_an_archive_is_read(user: User, archive: Any) -> None:
    assert contents(user, user.unzip(archive)) == {"a.jpg": photo()}


@pytest.mark.parametrize(
    "archive",
    [
        b"",
        b"PK",
        b"PK\x03\x04",
        b"not an archive at all",
        photo(),
        b"\0" * 5000,
        b"PK\x05\x06",
        b"PK\x05\x06" + b"\xff" * 18,
        zipped({"a.jpg": photo()})[:-30],
        zipped({"a.jpg": photo()})[: len(photo()) // 2],
        zipped({"a.jpg": photo()})[:-1],
        build([Entry("a.jpg", photo())], directory_offset=2**31),
        build([Entry("a.jpg", photo())], directory_offset=2**63, zip64_end=True),
    ],
    ids=[
        "empty",
        "two bytes",
        "four bytes",
        "text",
        "a photo",
        "zeros",
        "cut end record",
        "wild end record",
        "cut directory",
        "cut in the first entry",
        "cut end",
        "directory beyond the end",
        "zip64 beyond the end",
    ],
)
def test_what_is_no_archive_or_has_lost_its_directory_is_unreadable(caller: User, archive: Any) -> None:
    assert_problem(caller.post("/unzip", content=archive, headers={"Content-Type": "application/zip"}), 400)


@pytest.mark.parametrize(
    "archive",
    [
        build([Entry("a.jpg", photo())], directory_size=2**31),
        build([Entry("a.jpg", photo())], directory_size=0),
        build([Entry("a.jpg", photo())], count=500),
        build([Entry("a.jpg", photo())], count=0),
        build([Entry("a.jpg", photo())], count=2**63, zip64_end=True),
    ],
    ids=["larger", "empty", "more entries", "no entries", "zip64, more entries"],
)
def test_an_end_record_that_lies_about_its_directory_is_refused_or_seen_through(
    user: User, archive: Any
) -> None:
    response = user.post("/unzip", content=archive, headers={"Content-Type": "application/zip"})
    if response.status_code != 400:
        assert contents(user, Report(response.json())) == {"a.jpg": photo()}


# Bad entries are reported, and the others are stored


def bad_entries() -> dict[str, tuple[Entry, set[str]]]:
    data = photo("jpg", 99)
    packed = archives.deflate(data)
    noise = bytes((byte * 7 + index * 13) & 255 for index, byte in enumerate(packed))
    return {
        "wrong checksum": (Entry("bad", data, crc=0xDEADBEEF), {"damaged"}),
        "wrong checksum, stored": (Entry("bad", data, STORED, crc=0xDEADBEEF), {"damaged"}),
        "noise for data": (Entry("bad", data, packed=noise), {"damaged", "not-a-photo"}),
        "damaged in the middle": (
            Entry("bad", data, packed=packed[:500] + noise[500:600] + packed[600:]),
            {"damaged"},
        ),
        "data cut off": (Entry("bad", data, packed=packed[: len(packed) // 2]), {"damaged"}),
        "says it is larger": (Entry("bad", data, size=len(data) + 5000), {"damaged", "stored"}),
        "says it is smaller": (Entry("bad", data, size=10), {"damaged", "stored"}),
        "says it is empty": (Entry("bad", data, size=0), {"damaged", "stored"}),
        "says it is 4 GiB": (Entry("bad", data, size=0xFFFFFFFE), {"damaged", "stored", "too-large"}),
        "packed size too small": (Entry("bad", data, packed_size=100), {"damaged"}),
        "packed size zero": (Entry("bad", data, packed_size=0), {"damaged", "not-a-photo"}),
        "packed size beyond the end": (Entry("bad", data, packed_size=0x7FFFFFFF), {"damaged", "stored"}),
        "stored, sizes differ": (Entry("bad", data, STORED, size=10), {"damaged", "stored"}),
        "offset beyond the end": (Entry("bad", data, offset=0x7FFFFFFF), {"damaged"}),
        "offset at nothing": (Entry("bad", data, offset=7), {"damaged"}),
        "no data of its own": (Entry("bad", data, directory_only=True, offset=None), {"damaged"}),
        "another name in the local header": (
            Entry("bad", data, local_name="other.jpg"),
            {"damaged", "stored"},
        ),
        "longer name in the local header": (Entry("bad", data, local_name="x" * 500), {"damaged", "stored"}),
        "encrypted flag": (Entry("bad", data, flags=1), {"encrypted"}),
        "strong encryption": (Entry("bad", data, flags=1 | 1 << 6), {"encrypted"}),
        "AES": (
            Entry("bad", data, method=99, flags=1, extra=b"\x01\x99\x07\x00\x02\x00AE\x03\x08\x00"),
            {"encrypted"},
        ),
        "unknown method": (Entry("bad", data, method=WAVPACK), {"unsupported-method"}),
        "unassigned method": (Entry("bad", data, method=0xFFFF), {"unsupported-method"}),
        "wild extra field": (Entry("bad", data, extra=b"\x01\x00\xff\xff"), {"damaged", "stored"}),
        "zip64 field missing": (
            Entry("bad", data, size=0xFFFFFFFF, packed_size=0xFFFFFFFF),
            {"damaged", "too-large"},
        ),
        "on another disk": (
            Entry("bad", data, extra=b"\x01\x00\x04\x00\xff\xff\xff\xff"),
            {"damaged", "stored"},
        ),
    }


@pytest.mark.parametrize("what", bad_entries())
def test_a_bad_entry_is_reported_and_hinders_no_other(user: User, what: str) -> None:
    entry, allowed = bad_entries()[what]
    before, after = Entry("before.jpg", photo("jpg", 1)), Entry("after.jpg", photo("jpg", 2))
    report = user.unzip(build([before, entry, after]))
    fate = report.reasons.pop("bad")
    assert fate in allowed
    assert contents(user, report) == {"before.jpg": photo("jpg", 1), "after.jpg": photo("jpg", 2)} | (
        {"bad": photo("jpg", 99)} if fate == "stored" else {}
    )
    assert len(report) == 3


def test_an_unsupported_method_of_a_real_program_is_reported_or_read(user: User) -> None:
    report = user.unzip(zipped({"a.jpg": photo()}, zipfile.ZIP_BZIP2))
    assert report.reasons["a.jpg"] in ("unsupported-method", "stored")


def test_an_entry_over_the_limit_is_too_large(user: User) -> None:
    big = archives.bloated_entry("big.jpg", photo(), 32 * MIB + 1)
    assert user.unzip(build([big, Entry("small.jpg", photo())])).reasons == {
        "big.jpg": "too-large",
        "small.jpg": "stored",
    }


def test_an_entry_of_exactly_the_limit_is_stored(user: User, bucket: Bucket) -> None:
    big = archives.bloated_entry("big.jpg", photo(), 32 * MIB)
    report = user.unzip(build([big]))
    bucket.empty(f"photos/{user.id}/")
    assert [item["size"] for item in report.stored] == [32 * MIB]


def test_an_entry_that_hides_its_size_is_too_large_too(user: User) -> None:
    bomb = archives.bloated_entry("bomb.jpg", photo(), 600 * MIB)
    bomb.size = len(photo())
    assert user.unzip(build([bomb])).reasons["bomb.jpg"] in ("too-large", "damaged")


def test_a_large_entry_that_is_no_photo_is_skipped(user: User) -> None:
    assert user.unzip(build([archives.bloated_entry("zeros", b"", 600 * MIB)])).reasons == {
        "zeros": "not-a-photo"
    }


# The number of entries


def test_a_thousand_entries_are_read(user: User) -> None:
    report = user.unzip(
        build([Entry(f"{count}/", method=STORED) for count in range(999)] + [Entry("a.jpg", photo())])
    )
    assert (len(report.skipped), len(report.stored)) == (999, 1)


@pytest.mark.parametrize(
    "archive",
    [
        lambda: build([Entry(f"{count}/", method=STORED) for count in range(1001)]),
        lambda: build(
            [Entry("a.jpg", photo())] + [Entry("a", offset=0, directory_only=True)] * 69_999, zip64_end=True
        ),
        lambda: build([Entry("a.jpg", photo())] + [Entry("a", offset=0, directory_only=True)] * 69_999),
    ],
    ids=["1,001", "70,000", "70,000 counted modulo 65,536"],
)
def test_more_than_a_thousand_entries_are_too_many(user: User, archive: Any) -> None:
    data = archive()
    assert len(data) <= MAX_UPLOAD
    assert_problem(user.post("/unzip", content=data, headers={"Content-Type": "application/zip"}), 413)
    assert user.photos() == []


# Bombs


def test_entries_that_share_one_piece_of_data_are_bounded(user: User) -> None:
    """Every entry of the directory points to the same local header."""
    first = Entry("0000.jpg", photo())
    shared = [Entry(f"{count:04}.jpg", photo(), offset=0, directory_only=True) for count in range(1, 500)]
    report = user.unzip(build([first, *shared]))
    assert len(report) == 500
    assert {item["reason"] for item in report.failed} <= {"damaged"}


# S3 has seconds for each photo of 30 MiB.
@pytest.mark.exclusive
def test_a_bomb_of_overlapping_entries_is_bounded(user: User, bucket: Bucket) -> None:
    """Each of 900 entries is a valid file of 30 MiB, 26 GiB in total, in an archive of less than 1 MiB."""
    bomb = archives.quoted_overlap(photo()[:64], 30 * MIB, 900)
    assert len(bomb) < MIB
    report = user.unzip(bomb)
    bucket.empty(f"photos/{user.id}/")
    assert len(report) == 900
    assert sum(item["size"] for item in report.stored) <= 512 * MIB
    assert {item["reason"] for item in report.failed} <= {"damaged", "over-total", "out-of-time"}


def test_a_bomb_of_large_entries_is_bounded(user: User) -> None:
    """Nothing is stored, so the limit must count the bytes that were read."""
    packed, crc, size = archives.bloated(photo(), 40 * MIB)
    report = user.unzip(
        build([Entry(f"{count:03}.jpg", packed=packed, crc=crc, size=size) for count in range(80)])
    )
    assert report.stored == []
    assert {item["reason"] for item in report.failed} <= {"too-large", "over-total", "out-of-time"}


def test_a_bomb_in_an_archive_in_an_archive_is_left_alone(user: User) -> None:
    inner = build([archives.bloated_entry("bomb.jpg", photo(), 300 * MIB)])
    for _ in range(5):
        inner = build([Entry("inner.zip", inner)])
    assert user.unzip(inner).reasons == {"inner.zip": "archive"}


@pytest.mark.exclusive
@pytest.mark.local_cloud
def test_the_memory_of_the_function_stays_small_for_an_archive_of_500_mb(
    user: User, bucket: Bucket, memory: direct.Memory
) -> None:
    packed, crc, size = archives.bloated(photo(), 25 * MIB)
    archive = build([Entry(f"{count:02}.jpg", packed=packed, crc=crc, size=size) for count in range(20)])
    memory.forget("unzip")
    report = user.unzip(archive)
    peak = memory.peak("unzip")
    bucket.empty(f"photos/{user.id}/")
    assert {item["reason"] for item in report.failed} <= {"out-of-time"}
    assert len(report) == 20
    assert report.stored, report.failed
    assert peak < MEMORY_LIMIT


# Photos that were there before


@pytest.mark.parametrize(
    "archive",
    [
        b"not an archive",
        build([Entry("../a.jpg", photo(), crc=1)]),
        build([Entry("a.jpg", photo())]),
        zipped({"a.jpg": photo()})[:-25],
    ],
    ids=["no archive", "bad entry", "same name", "truncated"],
)
def test_the_photos_that_were_there_stay_as_they_are(user: User, archive: Any) -> None:
    stored = user.upload(photo("jpg", 1), "a.jpg")
    user.post("/unzip", content=archive, headers={"Content-Type": "application/zip"})
    assert at_first(stored) in [at_first(item) for item in user.photos()]
    assert user.fetch(stored["filename"]).content == photo("jpg", 1)


def test_a_long_report_is_compressed_if_the_client_accepts_that(user: User) -> None:
    archive = build([Entry(f"{number}.txt", b"text") for number in range(100)])
    bodies = []
    for accepted, encoding in (("gzip, br", "gzip"), ("br, gzip;q=0", None), ("identity", None)):
        headers = {"Content-Type": "application/zip", "Accept-Encoding": accepted}
        response = user.post("/unzip", content=archive, headers=headers)
        assert response.status_code == 200, response.text
        assert response.headers.get("content-encoding") == encoding, accepted
        assert response.headers["content-type"] == "application/json"
        bodies.append(response.json())
    assert len(bodies[0]["skipped"]) == 100
    assert bodies[0] == bodies[1] == bodies[2]


def test_two_archives_at_once_are_both_stored(user: User) -> None:
    archive = zipped({f"{seed}.jpg": photo("jpg", seed) for seed in range(20)})
    with ThreadPoolExecutor(2) as workers:
        reports = list(workers.map(lambda _: user.unzip(archive), range(2)))
    assert [len(report.stored) for report in reports] == [20, 20]
    assert len(set(user.names())) == 40
