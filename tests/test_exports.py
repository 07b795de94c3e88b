"""Exports: jobs that make ZIP archives of photos."""

import io
import json
import subprocess
import zipfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import auctions
from conftest import Bucket
from crashes import Victim
from library import Library
from photos import encode, jpeg_of, large_photo, phone_exif, photo, picture
from service import PHOTO_MEMBERS, User, assert_problem, rendered
from support.events import http_request
from test_jobs import MIB, Job, Stage, counts, entries, finish, get, outcomes, sha256, submit

pytestmark = pytest.mark.local_cloud

MakeUser = Callable[[], User]

#: The least bytes of a part that others follow.
LEAST = 5 * MIB


def export(user: User, **wanted: object) -> Job:
    """Starts an export and returns its job."""
    response = user.post("/exports", json=wanted)
    assert response.status_code == 202, response.text
    job: Job = response.json()
    assert response.headers["location"].endswith(f"/jobs/{job['id']}")
    assert (job["type"], job["state"], job["filename"], job["files"]) == ("export", "running", None, None)
    return job


def download(file: dict[str, Any]) -> bytes:
    """The archive, as a client downloads it that is interrupted in the middle."""
    half = file["size"] // 2
    parts = []
    for wanted in (f"bytes=0-{half - 1}", f"bytes={half}-"):
        response = httpx.get(file["url"], headers={"Range": wanted}, timeout=180)
        assert response.status_code == 206, response.text
        assert response.headers["content-type"] == "application/zip"
        assert response.headers["content-disposition"] == f'attachment; filename="{file["filename"]}"'
        parts.append(response.content)
    content = b"".join(parts)
    assert len(content) == file["size"]
    return content


def archives_of(user: User, job: Job, tmp_path: Path) -> list[zipfile.ZipFile]:
    """The archives of an export that is done, checked by two programs."""
    done = finish(user, job, 300)
    assert (done["state"], done["problem"]) == ("done", None), done
    found = []
    for number, file in enumerate(done["files"]):
        content = download(file)
        path = tmp_path / f"{job['id']}-{number}.zip"
        path.write_bytes(content)
        tested = subprocess.run(["unzip", "-tqq", str(path)], capture_output=True, text=True, check=False)
        assert (tested.returncode, tested.stdout, tested.stderr) == (0, "", "")
        archive = zipfile.ZipFile(io.BytesIO(content))
        assert archive.testzip() is None
        assert all(entry.compress_type == zipfile.ZIP_STORED for entry in archive.infolist())
        found.append(archive)
    return found


def archive_of(user: User, job: Job, tmp_path: Path) -> zipfile.ZipFile:
    [archive] = archives_of(user, job, tmp_path)
    return archive


def names(archive: zipfile.ZipFile) -> list[str]:
    """The names of the photos in an archive."""
    found = archive.namelist()
    assert found[-1] == "photos.json"
    return sorted(found[:-1])


def described(archive: zipfile.ZipFile) -> dict[str, dict[str, Any]]:
    """{entry: photo} of photos.json, without the entry."""
    found = json.loads(archive.read("photos.json"))
    return {item.pop("entry"): item for item in found}


def patch(user: User, stored: dict[str, Any], **members: object) -> None:
    response = user.call("PATCH", f"/photos/{stored['filename']}", json=members)
    assert response.status_code == 200, response.text


def library_of(user: User) -> dict[str, dict[str, Any]]:
    """Photos of two months, one of which is in the trash: {what it is: the photo}."""
    stored = {
        "exif": user.upload(encode(picture(1), "JPEG", exif=phone_exif("2024:05:04 12:34:57")), "IMG_1.jpg"),
        "twin": user.upload(jpeg_of(2_000, 2), "img_1.jpg"),
        "named": user.upload(photo("png", 3), "IMG_20240601_030405.png"),
        "favourite": user.upload(photo("heic", 4), "été 🏖.heic"),
        "trash": user.upload(jpeg_of(2_000, 5), "trash.jpg"),
    }
    patch(user, stored["twin"], taken_at="2024-05-31T23:59:58+02:00")
    patch(user, stored["favourite"], favourite=True, taken_at="2024-06-01T00:00:00")
    assert user.call("DELETE", f"/photos/{stored['trash']['filename']}").status_code == 204
    return stored


def refused(user: User, status: int, *pointers: str, **wanted: object) -> Any:
    return assert_problem(user.post("/exports", json=wanted), status, *pointers)


# What an archive contains


def test_everything_is_exported_with_its_records(user: User, tmp_path: Path) -> None:
    stored = library_of(user)
    for item in stored.values():
        rendered(user, item)
    job = export(user)
    archive = archive_of(user, job, tmp_path)
    entry_of = {
        "exif": "2024/05/IMG_1.jpg",
        "twin": "2024/05/img_1 (2).jpg",
        "named": "2024/06/IMG_20240601_030405.png",
        "favourite": "2024/06/été 🏖.heic",
    }
    assert names(archive) == sorted(entry_of.values())
    times = {what: archive.getinfo(entry).date_time for what, entry in entry_of.items()}
    assert times == {
        "exif": (2024, 5, 4, 12, 34, 56),  # archives have steps of two seconds
        "twin": (2024, 5, 31, 23, 59, 58),
        "named": (2024, 6, 1, 3, 4, 4),
        "favourite": (2024, 6, 1, 0, 0, 0),
    }
    records = described(archive)
    assert list(records) == [entry_of[what] for what in ("exif", "twin", "favourite", "named")]
    for what, entry in entry_of.items():
        name = stored[what]["filename"]
        assert archive.read(entry) == user.fetch(name).content, what
        shown = user.get(f"/photos/{name}").json()
        del shown["thumbnail_url"], shown["preview_url"]
        assert records[entry] == shown, what

    done = get(user, job)
    assert counts(done) == (4, 4, 0, 0)
    size = sum(stored[what]["size"] for what in entry_of)
    assert done["bytes"] == {"total": size, "done": size}
    [file] = done["files"]
    assert set(file) == {"filename", "size", "url"}
    assert file["filename"] == f"photos-{done['created_at'][:10]}.zip"
    listed = entries(user, job)
    assert [(item["entry"], item["outcome"]) for item in listed] == [(entry, "stored") for entry in records]
    assert all(set(item["photo"]) == PHOTO_MEMBERS for item in listed)
    assert [item["photo"]["filename"] for item in listed] == [item["filename"] for item in records.values()]
    shown = user.get("/jobs").json()["jobs"]
    assert [(item["id"], len(item["files"])) for item in shown] == [(job["id"], 1)]


def test_photos_are_selected_by_name_by_time_and_by_favourite(user: User, tmp_path: Path) -> None:
    stored = library_of(user)
    name = {what: item["filename"] for what, item in stored.items()}
    # The photo's own time, in its EXIF data, is found later.
    patch(user, stored["exif"], taken_at="2024-05-04T12:34:56")
    exif, twin = "2024/05/IMG_1.jpg", "2024/05/img_1 (2).jpg"
    named, favourite = "2024/06/IMG_20240601_030405.png", "2024/06/été 🏖.heic"
    wanted: list[tuple[dict[str, Any], list[str]]] = [
        ({"from": "2024-06-01"}, [named, favourite]),
        ({"to": "2024-06-01"}, [exif, twin]),
        ({"from": "2024-05-31T23:59:58", "to": "2024-06-01T00:00:01"}, ["2024/05/img_1.jpg", favourite]),
        ({"favourite": True}, [favourite]),
        ({"favourite": False, "from": "2024-06"}, []),
        ({"favourite": False, "from": "2024-06-01"}, [named]),
        ({"photos": [name["named"], name["exif"], name["exif"]]}, [exif, named]),
        ({"photos": [name["named"], name["trash"]]}, [named]),
    ]
    for body, expected in wanted:
        if expected:
            archive = archive_of(user, export(user, **body), tmp_path)
            assert names(archive) == sorted(expected), body
            assert sorted(described(archive)) == sorted(expected), body
        else:
            refused(user, 422, **body)


def test_previews_are_exported_where_there_are_some(user: User, tmp_path: Path) -> None:
    heic = user.upload(photo("heic", 1), "a.heic")
    broken = user.upload(photo()[:100].ljust(1000, b"\0"), "b.jpg")
    large = large_upload(user, large_photo(17 * MIB), "large.jpg")
    rendered(user, broken)
    previews = [httpx.get(rendered(user, item)["preview_url"]).content for item in (heic, large)]
    job = export(user, originals=False)
    archive = archive_of(user, job, tmp_path)
    folder = heic["taken_at"][:7].replace("-", "/")
    assert names(archive) == [f"{folder}/a.jpg", f"{folder}/large.jpg"]
    assert [archive.read(entry) for entry in names(archive)] == previews
    assert counts(get(user, job)) == (3, 2, 0, 1)
    assert dict(outcomes(user, job)) == {
        f"{folder}/a.jpg": "stored",
        f"{folder}/b.jpg": "damaged",
        f"{folder}/large.jpg": "stored",
    }


def large_upload(user: User, data: bytes, name: str) -> dict[str, Any]:
    """Uploads a photo in parts."""
    upload = user.post("/uploads", json={"filename": name, "size": len(data)}).json()
    for part in upload["parts"]:
        begin = (part["number"] - 1) * upload["part_size"]
        httpx.put(part["url"], content=data[begin : begin + part["size"]], timeout=180).raise_for_status()
    response = user.post(f"/uploads/{upload['id']}/complete")
    assert response.status_code == 201, response.text
    stored: dict[str, Any] = response.json()["photo"]
    return stored


def test_large_photos_are_copied_in_parts_that_s3_accepts(
    user: User, tmp_path: Path, library: Library, bucket: Bucket
) -> None:
    """MiniStack accepts parts of any size, so the test looks at them."""
    data = {
        "a.jpg": large_photo(70 * MIB, 1),
        "b.jpg": large_photo(17 * MIB, 2),
        "c.jpg": large_photo(15 * MIB, 3),
        "d.jpg": jpeg_of(3_000, 4),
    }
    stored = {name: large_upload(user, content, name) for name, content in data.items()}
    for item in stored.values():
        rendered(user, item)
    records = {item["item"]["S"].removeprefix("photo#"): item for item in library.items(user, "photo#")}
    assert all("crc32" in item for item in records.values())
    # Photos that were rendered by an earlier version have no checksum.
    library.dynamodb.update_item(
        TableName=library.table,
        Key={"user": {"S": user.id}, "item": records[stored["b.jpg"]["filename"]]["item"]},
        UpdateExpression="REMOVE crc32",
    )
    job = export(user)
    archive = archive_of(user, job, tmp_path)
    for entry in names(archive):
        assert sha256(archive.read(entry)) == sha256(data[entry.rpartition("/")[2]]), entry
    first, second = packed(user, job, bucket)
    # All but the first 8 MiB of one, with its header, and all of the other.
    assert first == [8 * MIB, 62 * MIB + len(header("a.jpg"))]
    assert second == [15 * MIB + 3_000 + len(header("b.jpg") + header("c.jpg") + header("d.jpg")), 17 * MIB]


def header(name: str) -> bytes:
    """As long as the header of a photo in an archive."""
    return bytes(30) + f"2026/11/{name}".encode()


def packed(user: User, job: Job, bucket: Bucket) -> list[list[int]]:
    """The sizes of the parts of each chunk."""
    folder = f"jobs/{user.id}/{job['id']}/packed/"
    documents = [key for key in bucket.list(folder) if key.endswith(".json")]
    bodies = [bucket.client.get_object(Bucket=bucket.name, Key=key)["Body"].read() for key in documents]
    return [[part["size"] for part in json.loads(body)["parts"]] for body in bodies]


def test_an_archive_is_imported_again_by_both_ways(user: User, make_user: MakeUser, tmp_path: Path) -> None:
    stored = [
        user.upload(encode(picture(1), "JPEG", exif=phone_exif("2024:05:04 12:34:57")), "IMG_1.jpg"),
        user.upload(photo("png", 2), "IMG_20240601_030405.png"),
        user.upload(photo("tiff", 3), "IMG_20240601_030405.tiff"),
    ]
    for item in stored:
        rendered(user, item)
    archive = archive_of(user, export(user), tmp_path)
    assert archive.fp
    archive.fp.seek(0)
    content = archive.fp.read()
    other, third = make_user(), make_user()
    job = submit(other, content)
    assert counts(finish(other, job)) == (4, 3, 1, 0)
    assert dict(outcomes(other, job))["photos.json"] == "not-a-photo"
    report = third.unzip(content)
    assert (len(report.stored), report.reasons["photos.json"]) == (3, "not-a-photo")
    for importer in (other, third):
        for item in importer.photos():
            rendered(importer, item)
        seen = [
            sorted((item["sha256"], item["taken_at"], item["taken_at_source"]) for item in one.photos())
            for one in (user, importer)
        ]
        assert seen[0] == seen[1]


# What is refused


def test_what_cannot_be_exported_is_refused(user: User, make_user: MakeUser, library: Library) -> None:
    refused(user, 422)
    mine, theirs = user.upload(photo())["filename"], make_user().upload(photo())["filename"]
    gone = "20240101T000000000Z_gone.jpg"
    problem = refused(user, 404, photos=[theirs, mine, gone, "x"])
    assert problem["type"] == "urn:yourplace:problem:no-such-photos"
    assert problem["missing"] == [theirs, gone, "x"]
    refused(user, 422, "/photos", photos=[])
    refused(user, 422, "/photos", photos=[mine] * 10_001)
    refused(user, 422, "/photos", photos=mine)
    refused(user, 422, "/photos/0", photos=[7])
    for member in ({"from": "2024-01-01"}, {"to": "2024-01-01"}, {"favourite": True}):
        refused(user, 422, "/photos", photos=[mine], **member)
    refused(user, 422, "/from", "/to", **{"from": "yesterday", "to": "2024-01-01T00:00:00+01:00"})
    refused(user, 422, "/from", **{"from": "2024-02-01", "to": "2024-01-01"})
    refused(user, 422, "/favourite", "/originals", favourite="true", originals=None)
    refused(user, 422, "/type", type="jpg")
    refused(user, 422, favourite=True)
    for body in (b"", b"[]", b"{"):
        assert_problem(user.post("/exports", content=body), 400)
    assert user.call("DELETE", f"/photos/{mine}").status_code == 204
    refused(user, 422)
    refused(user, 422, photos=[mine])
    assert user.get("/jobs").json()["jobs"] == []
    assert user.post(f"/photos/{mine}/restore").status_code == 200
    library.set_jobs(user, 5)
    assert refused(user, 429)["type"] == "urn:yourplace:problem:too-many"
    library.set_jobs(user, 4)
    assert finish(user, export(user))["state"] == "done"


def test_an_export_belongs_to_its_user(user: User, make_user: MakeUser) -> None:
    user.upload(photo())
    job, other = export(user), make_user()
    done = finish(user, job)
    for method, path in (("GET", ""), ("GET", "/entries"), ("DELETE", "")):
        assert_problem(other.call(method, f"/jobs/{job['id']}{path}"), 404)
    assert httpx.get(done["files"][0]["url"].partition("?")[0]).status_code == 403
    assert_problem(user.call("DELETE", f"/jobs/{job['id']}"), 409)


# Interrupted work


class Exporting(Stage):
    """Exports whose messages only a test delivers, until it sends one to the queue."""

    def __init__(self, backstage: auctions.Backstage, library: Library, programs: Path) -> None:
        super().__init__(backstage, library, programs)
        self.creating = Victim(backstage, "exports_create", programs)

    def export(self, user: User, **wanted: object) -> Job:
        """A job that is stored but not started: its request dies before it sends the message."""
        headers = {"authorization": f"Bearer {user.id_token}"}
        stage = self.backstage.settings.stage
        event = http_request("POST /exports", headers, json.dumps(wanted), stage=stage)
        self.creating.run(event, "TransactWriteItems", "after")
        [job] = user.get("/jobs").json()["jobs"]
        assert (job["type"], job["state"], counts(job)) == ("export", "running", (None, 0, 0, 0))
        return dict(job)

    def planned(self, user: User, **wanted: object) -> Job:
        """A job that is planned, and no lane of which has its message."""
        job = self.export(user, **wanted)
        self.running.run(self.event(user, job, None), "SendMessageBatch", "before")
        return job


@pytest.fixture
def stage(backstage: auctions.Backstage, library: Library, programs: Path) -> Exporting:
    return Exporting(backstage, library, programs)


@pytest.fixture
def unfinished(bucket: Bucket) -> Callable[[User], list[str]]:
    """unfinished(user): the archives of a user whose parts are in the bucket."""

    def read(user: User) -> list[str]:
        found = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix=f"exports/{user.id}/")
        return [upload["Key"] for upload in found.get("Uploads", [])]

    return read


FILES = {"a.jpg": jpeg_of(3_000, 1), "b.jpg": jpeg_of(3_000, 2)}


def fill(user: User) -> User:
    for name, data in FILES.items():
        user.upload(data, name)
    return user


def test_an_export_goes_on_after_a_kill_at_any_step(
    stage: Exporting, make_user: MakeUser, tmp_path: Path
) -> None:
    """The plan and the chunk with the end of the job are each killed after every call to AWS."""

    def kill(planned: bool, nth: int) -> tuple[object, User, Job] | None:
        user = fill(make_user())
        job = stage.planned(user) if planned else stage.export(user)
        lane = 0 if planned else None
        calls = stage.running.run_until(stage.event(user, job, lane), "after", nth)
        if calls is None:
            return None
        stage.send(user, job, lane)
        return (planned, nth, calls), user, job

    for planned in (False, True):
        for begin in range(1, 60, 3):
            with ThreadPoolExecutor(3) as pool:
                killed = list(pool.map(partial(kill, planned), range(begin, begin + 3)))
            for one in killed:
                if one is not None:
                    what, user, job = one
                    archive = archive_of(user, job, tmp_path)
                    found = {name.rpartition("/")[2]: archive.read(name) for name in names(archive)}
                    assert found == FILES, what
                    assert counts(get(user, job)) == (2, 2, 0, 0), what
                    assert len(described(archive)) == 2, what
            if None in killed:
                assert begin > 3, "it made hardly any call"
                break
        else:
            raise AssertionError("it never ended")


def test_a_photo_that_is_deleted_meanwhile_is_reported(stage: Exporting, user: User, tmp_path: Path) -> None:
    stored = [user.upload(jpeg_of(3_000, seed), f"{seed}.jpg") for seed in range(3)]
    job = stage.planned(user, photos=[item["filename"] for item in stored])
    assert user.post("/delete", json={"file": stored[1]["filename"]}).status_code == 204
    stage.send(user, job, 0)
    archive = archive_of(user, job, tmp_path)
    assert [name.rpartition("/")[2] for name in names(archive)] == ["0.jpg", "2.jpg"]
    assert len(described(archive)) == 2
    assert counts(get(user, job)) == (3, 2, 0, 1)
    [failed] = entries(user, job, outcome="failed")
    assert (failed["reason"], failed["photo"]) == ("storage", None)
    assert "deleted" in failed["detail"]


def test_a_large_photo_that_is_deleted_while_it_is_copied_takes_no_room(
    stage: Exporting, user: User, tmp_path: Path, bucket: Bucket
) -> None:
    """Without it, its chunk has too few bytes for a part, and is not the last one."""
    data = {"a.jpg": jpeg_of(3_000, 1), "b.jpg": large_photo(65 * MIB), "c.jpg": jpeg_of(3_000, 2)}
    stored = {name: large_upload(user, content, name) for name, content in data.items()}
    rendered(user, stored["b.jpg"])
    job = stage.planned(user)

    def delete() -> None:
        assert user.post("/delete", json={"file": stored["b.jpg"]["filename"]}).status_code == 204

    # Nothing is put before its copy.
    stage.running.pause(stage.event(user, job, 0), "PUT", delete)
    stage.send(user, job, 1)
    archive = archive_of(user, job, tmp_path)
    assert {name[-5:]: archive.read(name) for name in names(archive)} == {
        name: data[name] for name in ("a.jpg", "c.jpg")
    }
    assert [reason for _, reason in outcomes(user, job)] == ["stored", "storage", "stored"]
    assert packed(user, job, bucket) == [[LEAST], []]
    assert LEAST < get(user, job)["files"][0]["size"] < LEAST + 20_000


def test_an_export_that_is_too_large_for_one_archive_makes_several(
    stage: Exporting, user: User, tmp_path: Path
) -> None:
    for seed in range(5):
        user.upload(jpeg_of(3_000, seed), "a.jpg")
    job = stage.export(user)
    stage.running.environment["EXPORT_MAX_BYTES"] = "7000"
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    for lane in (0, 1, 2):
        stage.send(user, job, lane)
    first, second, third = archives_of(user, job, tmp_path)
    assert [len(names(archive)) for archive in (first, second, third)] == [2, 2, 1]
    paths = [name for archive in (first, second, third) for name in names(archive)]
    assert len(set(paths)) == 5
    assert [len(described(archive)) for archive in (first, second, third)] == [2, 2, 1]
    files = get(user, job)["files"]
    assert [file["filename"].rpartition("-")[2] for file in files] == ["1.zip", "2.zip", "3.zip"]


def test_a_cancelled_export_leaves_nothing(
    stage: Exporting, user: User, bucket: Bucket, unfinished: Callable[[User], list[str]]
) -> None:
    job = stage.planned(fill(user))
    assert len(unfinished(user)) == 1
    response = user.call("DELETE", f"/jobs/{job['id']}")
    assert (response.status_code, response.json()["state"]) == (202, "running")
    done = finish(user, job)
    assert (done["state"], counts(done), done["files"]) == ("cancelled", (2, 0, 0, 2), None)
    assert [reason for _, reason in outcomes(user, job)] == ["cancelled"] * 2
    assert (unfinished(user), bucket.list(f"exports/{user.id}/")) == ([], [])


def test_an_export_that_is_cancelled_while_its_archive_is_completed_leaves_nothing(
    stage: Exporting, user: User, bucket: Bucket, unfinished: Callable[[User], list[str]]
) -> None:
    job = stage.planned(fill(user))

    def cancel() -> None:
        assert user.call("DELETE", f"/jobs/{job['id']}").status_code == 202

    stage.running.pause(stage.event(user, job, 0), "TransactWriteItems", cancel)
    done = finish(user, job)
    assert (done["state"], counts(done), done["files"]) == ("cancelled", (2, 2, 0, 0), None)
    assert (unfinished(user), bucket.list(f"exports/{user.id}/")) == ([], [])


def test_an_export_whose_message_fails_too_often_leaves_nothing(
    stage: Exporting, user: User, bucket: Bucket, unfinished: Callable[[User], list[str]]
) -> None:
    """It dies when its archive is complete."""
    job = stage.planned(fill(user))
    calls = stage.running.run(stage.event(user, job, 0), "TransactWriteItems", "before")
    assert len(bucket.list(f"exports/{user.id}/")) == 1, calls
    response = stage.backstage.invoke("run_jobs", stage.event(user, job, 0, deliveries=5))
    assert response == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    done = finish(user, job)
    assert (done["state"], done["problem"]) == ("failed", "urn:yourplace:problem:internal")
    assert (done["files"], unfinished(user), bucket.list(f"exports/{user.id}/")) == (None, [], [])
