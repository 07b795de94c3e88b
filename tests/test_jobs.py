"""Archives of any size: uploads of the kind `archive`, and the jobs that store their photos."""

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import archives
import auctions
from archives import STORED, SYMLINK, Entry, bloated_entry, build, zipped
from conftest import Bucket
from crashes import Victim
from library import Library
from photos import jpeg_of, photo
from service import PHOTO_MEMBERS, TIME, User, assert_problem, eventually
from support.events import http_request, sqs_messages

pytestmark = pytest.mark.local_cloud

Job = dict[str, Any]
MakeUser = Callable[[], User]
MIB = 1 << 20


def start(user: User, size: int, **members: object) -> httpx.Response:
    body = {"filename": "holiday.zip", "size": size, "kind": "archive", **members}
    return user.post("/uploads", json=body)


def send(user: User, archive: bytes, **members: object) -> dict[str, Any]:
    """An upload of an archive whose parts have all arrived."""
    response = start(user, len(archive), **members)
    assert response.status_code == 201, response.text
    upload: dict[str, Any] = response.json()
    for part in upload["parts"]:
        begin = (part["number"] - 1) * upload["part_size"]
        content = archive[begin : begin + part["size"]]
        assert httpx.put(part["url"], content=content, timeout=180).status_code == 200
    return upload


def complete(user: User, upload: dict[str, Any]) -> httpx.Response:
    return user.post(f"/uploads/{upload['id']}/complete")


def submit(user: User, archive: bytes) -> Job:
    """Uploads an archive and returns its job."""
    response = complete(user, send(user, archive))
    assert response.status_code == 202, response.text
    job: Job = response.json()["job"]
    return job


def get(user: User, job: Job) -> Job:
    response = user.get(f"/jobs/{job['id']}")
    assert response.status_code == 200, response.text
    found: Job = response.json()
    assert ("retry-after" in response.headers) == (found["state"] == "running")
    return found


def finish(user: User, job: Job, seconds: float = 180) -> Job:
    """Waits until a job is over."""
    deadline = time.monotonic() + seconds
    while (found := get(user, job))["state"] == "running":
        assert time.monotonic() < deadline, found
        time.sleep(0.2)
    assert TIME.fullmatch(found["finished_at"])
    return found


def entries(user: User, job: Job, limit: int = 1000, **query: object) -> list[dict[str, Any]]:
    """All entries of a job, page by page."""
    found: list[dict[str, Any]] = []
    cursor = None
    while True:
        params = {"limit": limit, **query, **({"cursor": cursor} if cursor else {})}
        response = user.get(f"/jobs/{job['id']}/entries", params=params)
        assert response.status_code == 200, response.text
        page = response.json()
        assert len(page["entries"]) <= limit
        found += page["entries"]
        cursor = page["cursor"]
        if cursor is None:
            return found


def outcomes(user: User, job: Job) -> list[tuple[str, str]]:
    """The name of each entry, and its reason or `stored`."""
    return [(entry["entry"], entry["reason"] or entry["outcome"]) for entry in entries(user, job)]


def counts(job: Job) -> tuple[int | None, int, int, int]:
    shown = job["entries"]
    return shown["total"], shown["stored"], shown["skipped"], shown["failed"]


def quota(user: User) -> tuple[int, int, int]:
    shown = user.me()["quota"]
    return shown["used"], shown["reserved"], shown["photos_used"]


def sums(user: User, names: list[str]) -> Counter[str]:
    return Counter(hashlib.sha256(user.fetch(name).content).hexdigest() for name in names)


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def incoming(bucket: Bucket) -> Callable[[User], list[str]]:
    return lambda user: bucket.list(f"incoming/{user.id}/")


# Archives become photos


def test_the_photos_of_an_archive_are_stored_and_every_entry_is_reported(
    user: User, library: Library, incoming: Callable[[User], list[str]]
) -> None:
    pictures = {f"{kind}/IMG 1.{kind}": photo(kind, 5) for kind in ("jpg", "png", "heic", "tiff")}
    archive = build(
        [
            Entry("a/", attributes=0o040755 << 16),
            *(Entry(name, data) for name, data in pictures.items()),
            Entry("notes.txt", b"rained all day"),
            Entry(".hidden.jpg", photo("jpg", 6)),
            Entry("link.jpg", b"a.jpg", attributes=SYMLINK),
            Entry("broken.jpg", photo("jpg", 7), crc=1),
            Entry("secret.jpg", photo("jpg", 8), flags=archives.ENCRYPTED),
            Entry("inner.zip", zipped({"x.jpg": photo("jpg", 9)})),
        ]
    )
    upload = send(user, archive)
    assert (upload["kind"], upload["job"], quota(user)) == ("archive", None, (0, len(archive), 0))
    response = complete(user, upload)
    assert response.status_code == 202, response.text
    completed = response.json()
    assert (completed["state"], completed["received"], completed["photo"]) == ("done", len(archive), None)
    job = completed["job"]
    assert (job["type"], job["state"], job["filename"]) == ("unzip", "running", "holiday.zip")
    assert (job["problem"], job["files"], job["finished_at"]) == (None, None, None)

    done = finish(user, job)
    assert (done["state"], counts(done)) == ("done", (11, 4, 5, 2))
    assert done["bytes"]["total"] == done["bytes"]["done"] > 0
    assert outcomes(user, job) == [
        ("a/", "directory"),
        *((name, "stored") for name in pictures),
        ("notes.txt", "not-a-photo"),
        (".hidden.jpg", "hidden"),
        ("link.jpg", "link"),
        ("broken.jpg", "damaged"),
        ("secret.jpg", "encrypted"),
        ("inner.zip", "archive"),
    ]
    for entry in entries(user, job):
        assert set(entry) == {"entry", "outcome", "reason", "detail", "photo"}
        if entry["outcome"] == "stored":
            assert set(entry["photo"]) == PHOTO_MEMBERS
            assert user.fetch(entry["photo"]["filename"]).content == pictures[entry["entry"]]
        else:
            assert entry["photo"] is None and entry["detail"]
    library.wait_until_right([("", user)])
    assert sorted(user.names()) == sorted(library.stored(user))
    assert quota(user) == (sum(map(len, pictures.values())), 0, 4)
    assert incoming(user) == []
    repeat = complete(user, upload)
    assert (repeat.status_code, repeat.json()["job"]) == (202, done)
    assert user.get(f"/uploads/{upload['id']}").json()["job"] == done
    assert user.get("/jobs").json() == {"jobs": [done], "cursor": None}


def test_entries_are_listed_page_by_page_in_the_archives_order(user: User) -> None:
    """Of an archive with three chunks."""
    names = [f"{number:04}.{'jpg' if number % 100 == 7 else 'txt'}" for number in range(1_200)]
    tiny = jpeg_of(2_000)
    job = submit(user, build([Entry(name, tiny if name.endswith("jpg") else b"text") for name in names]))
    done = finish(user, job)
    assert (done["state"], counts(done)) == ("done", (1_200, 12, 1_188, 0))
    assert [entry["entry"] for entry in entries(user, job)] == names
    assert [entry["entry"] for entry in entries(user, job, limit=37)] == names
    stored = [name for name in names if name.endswith("jpg")]
    assert [entry["entry"] for entry in entries(user, job, outcome="stored")] == stored
    assert [entry["entry"] for entry in entries(user, job, outcome="stored", limit=5)] == stored
    assert entries(user, job, outcome="failed") == []
    # The photos are listed in the order of the archive, too.
    by_entry = [entry["photo"]["filename"] for entry in entries(user, job, outcome="stored")]
    assert user.names() == by_entry


def test_jobs_are_listed_newest_first(user: User) -> None:
    jobs = [submit(user, build([Entry(f"{number}.txt", b"text")])) for number in range(3)]
    for job in jobs:
        finish(user, job)
    ids = [job["id"] for job in reversed(jobs)]
    page = user.get("/jobs", params={"limit": 2}).json()
    assert [job["id"] for job in page["jobs"]] == ids[:2]
    rest = user.get("/jobs", params={"limit": 2, "cursor": page["cursor"]}).json()
    assert ([job["id"] for job in rest["jobs"]], rest["cursor"]) == (ids[2:], None)


def test_an_entry_that_is_too_large_for_memory_is_stored_byte_for_byte(user: User, library: Library) -> None:
    tiff = photo("tiff", 1) + os.urandom(40 * MIB)
    bomb = bloated_entry("blank.bmp", b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0", 70 * MIB)
    video = Entry("film.mp4", b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + os.urandom(30 * MIB), method=STORED)
    archive = build(
        [
            Entry("small.jpg", photo("jpg", 1)),
            Entry("scan.tiff", tiff, method=STORED, zip64=True),
            Entry("damaged.tiff", tiff, method=STORED, crc=1),
            bomb,
            video,
            Entry("last.jpg", photo("jpg", 2)),
        ],
        zip64_end=True,
    )
    job = submit(user, archive)
    done = finish(user, job)
    assert outcomes(user, job) == [
        ("small.jpg", "stored"),
        ("scan.tiff", "stored"),
        ("damaged.tiff", "damaged"),
        ("blank.bmp", "stored"),
        ("film.mp4", "not-a-photo"),
        ("last.jpg", "stored"),
    ]
    assert counts(done) == (6, 4, 1, 1)
    stored = {entry["entry"]: entry["photo"] for entry in entries(user, job, outcome="stored")}
    assert sha256(user.fetch(stored["scan.tiff"]["filename"]).content) == sha256(tiff)
    assert stored["blank.bmp"]["size"] == 70 * MIB
    library.wait_until_right([("", user)])


def test_equal_names_in_two_archives_at_once_stay_apart(user: User, library: Library) -> None:
    packed = [build([Entry("a.jpg", jpeg_of(3_000, seed)) for seed in seeds]) for seeds in ((1, 2), (3, 4))]
    with ThreadPoolExecutor(2) as pool:
        jobs = list(pool.map(partial(submit, user), packed))
    assert [finish(user, job)["entries"]["stored"] for job in jobs] == [2, 2]
    assert sums(user, user.names()) == Counter(sha256(jpeg_of(3_000, seed)) for seed in (1, 2, 3, 4))
    library.wait_until_right([("", user)])


# What is refused


@pytest.mark.parametrize(
    ("archive", "name"),
    [
        (b"\xff\xd8\xff not an archive" * 50, "not-an-archive"),
        (zipped({"a.jpg": photo("jpg", 1)})[:-30], "damaged-archive"),
    ],
)
def test_what_does_not_end_like_an_archive_is_refused(
    user: User, archive: bytes, name: str, incoming: Callable[[User], list[str]]
) -> None:
    upload = send(user, archive)
    for _ in range(2):
        refused = assert_problem(complete(user, upload), 400)
        assert refused["type"] == f"urn:yourplace:problem:{name}"
    shown = user.get(f"/uploads/{upload['id']}").json()
    assert (shown["state"], shown["problem"]) == ("refused", f"urn:yourplace:problem:{name}")
    assert (quota(user), incoming(user), user.get("/jobs").json()["jobs"]) == ((0, 0, 0), [], [])


@pytest.mark.parametrize("what", ["directory", "overlap"])
def test_a_damaged_archive_ends_the_job_and_stores_nothing(
    user: User, what: str, incoming: Callable[[User], list[str]]
) -> None:
    if what == "overlap":
        head = b"BM\0\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0"
        archive = archives.quoted_overlap(head, 100_000, 20)
    else:
        archive = build([Entry("a.jpg", photo("jpg", 1)), Entry("b.jpg", photo("jpg", 2))], count=3)
    job = finish(user, submit(user, archive))
    assert (job["state"], job["problem"]) == ("failed", "urn:yourplace:problem:damaged-archive")
    assert (counts(job), entries(user, job)) == ((None, 0, 0, 0), [])
    assert (quota(user), incoming(user)) == ((0, 0, 0), [])


def test_an_archive_that_is_too_large_or_over_the_quota_is_refused(user: User) -> None:
    assert assert_problem(start(user, (50 << 30) + 1), 413)["limit"] == 50 << 30
    small = start(user, 1000)
    assert small.status_code == 201
    refused = assert_problem(start(user, 50 << 30), 403)
    assert refused["type"] == "urn:yourplace:problem:quota-exceeded"
    assert_problem(start(user, 1000, kind="video"), 422, "/kind")
    assert_problem(start(user, 300 * MIB, sha256="0" * 64), 422, "/sha256")
    assert user.call("DELETE", f"/uploads/{small.json()['id']}").status_code == 204
    assert quota(user) == (0, 0, 0)


def test_an_archive_with_another_checksum_is_refused(user: User) -> None:
    archive = zipped({"a.txt": b"text"})
    assert_checked = complete(user, send(user, archive, sha256=sha256(archive)))
    assert assert_checked.status_code == 202
    refused = complete(user, send(user, archive, sha256=sha256(b"another")))
    assert refused.status_code == 422
    assert refused.json()["type"] == "urn:yourplace:problem:checksum-mismatch"


def test_photos_over_the_quota_are_reported(user: User, library: Library) -> None:
    size, archive = (
        20_000,
        build([Entry(f"{number}.jpg", jpeg_of(20_000, number), STORED) for number in range(6)]),
    )
    upload = send(user, archive)
    limit = user.me()["quota"]["bytes"]
    # The archive itself stays reserved until its photos are stored.
    library.set_usage(user, bytes=limit - 2 * size - 1)
    job = finish(user, complete(user, upload).json()["job"])
    assert (job["state"], counts(job)) == ("done", (6, 2, 0, 4))
    assert Counter(reason for _, reason in outcomes(user, job)) == {"stored": 2, "quota": 4}
    assert library.usage(user)["bytes"] == limit - 1 - len(archive)


def test_a_user_has_at_most_5_running_jobs(user: User, library: Library) -> None:
    archive = build([Entry("a.jpg", photo("jpg", 1))])
    upload = send(user, archive)
    library.set_jobs(user, 5)
    for _ in range(2):
        refused = assert_problem(complete(user, upload), 429)
        assert (refused["type"], refused["limit"]) == ("urn:yourplace:problem:too-many", 5)
    shown = user.get(f"/uploads/{upload['id']}").json()
    assert (shown["state"], shown["received"]) == ("open", len(archive))
    library.set_jobs(user, 4)
    assert finish(user, complete(user, upload).json()["job"])["state"] == "done"


def test_jobs_belong_to_their_user(user: User, make_user: MakeUser) -> None:
    job, other = submit(user, build([Entry("a.txt", b"text")])), make_user()
    for method, path in (("GET", ""), ("GET", "/entries"), ("DELETE", "")):
        response = other.call(method, f"/jobs/{job['id']}{path}")
        assert assert_problem(response, 404)["type"] == "urn:yourplace:problem:no-such-job"
        assert other.call(method, f"/jobs/x{path}").status_code == 404
    assert other.get("/jobs").json()["jobs"] == []
    finish(user, job)
    for query in ("outcome=lost", "limit=0", "limit=1001", "cursor=x", "outcome="):
        assert user.get(f"/jobs/{job['id']}/entries?{query}").status_code == 400, query
    for query in ("limit=0", "limit=101", "cursor=x"):
        assert user.get(f"/jobs?{query}").status_code == 400, query
    assert assert_problem(user.call("DELETE", f"/jobs/{job['id']}"), 409)["type"].endswith(":job-ended")


# Interrupted work

#: Two photos, one of which has a name that is there twice, and two other files.
FILES = [
    ("a.jpg", jpeg_of(3_000, 1)),
    ("b.txt", b"text"),
    ("a.jpg", jpeg_of(3_000, 2)),
    ("c.jpg", b"\xff\xd8\xff"),
]


class Stage:
    """Jobs whose messages only this test delivers, until it sends one to the queue."""

    def __init__(self, backstage: auctions.Backstage, library: Library, programs: Path) -> None:
        self.backstage, self.library = backstage, library
        self.completing = Victim(backstage, "uploads_complete", programs)
        self.running = Victim(backstage, "run_jobs", programs)
        self.queue = os.environ["JOBS_QUEUE_URL"]

    def job(self, user: User, archive: bytes) -> Job:
        """A job that is stored but not started: its request dies before it sends the message."""
        upload = send(user, archive)
        headers = {"authorization": f"Bearer {user.id_token}"}
        stage = self.backstage.settings.stage
        event = http_request("POST /uploads/{id}/complete", headers, stage=stage)
        event["pathParameters"] = {"id": upload["id"]}
        self.completing.run(event, "TransactWriteItems", "after")
        [job] = user.get("/jobs").json()["jobs"]
        assert (job["state"], counts(job)) == ("running", (None, 0, 0, 0))
        return dict(job)

    @staticmethod
    def message(user: User, job: Job, lane: int | None) -> str:
        return json.dumps({"user": user.id, "job": job["id"], "lane": lane})

    def event(self, user: User, job: Job, lane: int | None, deliveries: int = 1) -> dict[str, Any]:
        return sqs_messages("jobs", [("1", self.message(user, job, lane))], deliveries)

    def send(self, user: User, job: Job, lane: int | None) -> None:
        """Delivers a message as if the call that had it before had died, and its lease had expired."""
        self.library.end_job_lease(user, job["id"])
        self.backstage.sqs.send_message(QueueUrl=self.queue, MessageBody=self.message(user, job, lane))


@pytest.fixture
def stage(backstage: auctions.Backstage, library: Library, programs: Path) -> Stage:
    return Stage(backstage, library, programs)


def assert_whole(user: User, job: Job, library: Library, what: object) -> None:
    """Checks a job for FILES: one outcome per entry, each photo stored once, and the exact quota."""
    done = finish(user, job)
    assert (done["state"], counts(done)) == ("done", (4, 3, 1, 0)), (what, done)
    assert [entry["entry"] for entry in entries(user, job)] == [name for name, _ in FILES], what
    names = [entry["photo"]["filename"] for entry in entries(user, job, outcome="stored")]
    library.wait_until_right([(what, user)])
    assert sorted(names) == sorted(user.names()), what
    assert sums(user, names) == Counter(sha256(data) for name, data in FILES if name.endswith("jpg")), what


def test_a_job_goes_on_after_a_kill_at_any_step(stage: Stage, make_user: MakeUser, library: Library) -> None:
    """The plan and the chunk are each killed after every call to AWS."""
    archive = build([Entry(name, data) for name, data in FILES])

    def kill(nth: int) -> tuple[object, User, Job] | None:
        user = make_user()
        job = stage.job(user, archive)
        calls = stage.running.run_until(stage.event(user, job, None), "after", nth)
        if calls is None:  # It planned the job. The queue delivers its only lane.
            return None
        stage.send(user, job, None)
        return (("plan", nth, calls), user, job)

    def kill_chunk(nth: int) -> tuple[object, User, Job] | None:
        user = make_user()
        job = stage.job(user, archive)
        # The plan dies when it would send the lane's message.
        stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
        calls = stage.running.run_until(stage.event(user, job, 0), "after", nth)
        if calls is None:
            return None
        stage.send(user, job, 0)
        return (("chunk", nth, calls), user, job)

    for step in (kill, kill_chunk):
        for begin in range(1, 60, 3):
            with ThreadPoolExecutor(3) as pool:
                killed = list(pool.map(step, range(begin, begin + 3)))
            for one in killed:
                if one is not None:
                    what, user, job = one
                    assert_whole(user, job, library, what)
            if None in killed:
                assert begin > 3, "it made hardly any call"
                break
        else:
            raise AssertionError("it never ended")


@pytest.mark.parametrize("nth", [1, 2], ids=["lease", "count"])
def test_a_lost_response_does_not_stop_a_lane(stage: Stage, user: User, library: Library, nth: int) -> None:
    """The SDK repeats the update, and its condition no longer holds."""
    job = stage.job(user, build([Entry(name, data) for name, data in FILES]))
    # The plan dies when it would send the lane's message.
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    calls, response = stage.running.lose_response(stage.event(user, job, 0), "UpdateItem", nth)
    assert response == {"batchItemFailures": []}, calls
    assert_whole(user, job, library, calls)


def test_a_second_delivery_outlives_the_call_that_works_on_its_lane(stage: Stage, user: User) -> None:
    """SQS deletes a message that came twice once one call has succeeded with it, though the other may die."""
    job = stage.job(user, build([Entry(name, data) for name, data in FILES]))
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    # It has taken the lease, and dies.
    stage.running.run(stage.event(user, job, 0), "UpdateItem", "after")
    # It finds the lease, and sends the message that continues the lane when the lease has expired.
    calls = stage.running.run(stage.event(user, job, 0), "SendMessageBatch", "before")
    assert calls == ["GetItem", "UpdateItem", "SendMessageBatch"]
    [entry] = json.loads(stage.running.killed_at)["Entries"]
    message = stage.message(user, job, 0).replace(" ", "")
    assert (entry["DelaySeconds"], entry["MessageBody"]) == (120, message)
    stage.send(user, job, 0)
    assert counts(finish(user, job)) == (4, 3, 1, 0)


def test_an_empty_archive_ends_though_its_plan_died(stage: Stage, user: User) -> None:
    job = stage.job(user, build([]))
    stage.running.run(stage.event(user, job, None), "UpdateItem", "after")
    stage.send(user, job, None)
    done = finish(user, job)
    assert (done["state"], counts(done)) == ("done", (0, 0, 0, 0))


def test_a_message_that_comes_twice_changes_nothing(stage: Stage, user: User, library: Library) -> None:
    job = stage.job(user, build([Entry(name, data) for name, data in FILES]))
    for lane in (None, None, 0, 0, 0, None):
        stage.send(user, job, lane)
    assert_whole(user, job, library, "twice")
    stage.send(user, job, 0)
    time.sleep(1)
    assert_whole(user, job, library, "after the end")


@pytest.mark.parametrize("is_taken", [False, True], ids=["first-name", "later-name"])
def test_a_photo_that_is_deleted_before_its_chunk_is_repeated_stays_deleted(
    stage: Stage, user: User, library: Library, bucket: Bucket, is_taken: bool
) -> None:
    job = stage.job(user, build([Entry(name, data) for name, data in FILES]))
    if is_taken:
        # Another photo has the name that the first entry's photo would get.
        taken = "".join(sign for sign in job["created_at"] if sign not in "-:.") + "_a.jpg"
        bucket.client.put_object(Bucket=bucket.name, Key=f"photos/{user.id}/{taken}", Body=jpeg_of(3_000, 9))
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    # The report is the only object that the function puts after the photos. A taken name is one more attempt.
    stage.running.run(stage.event(user, job, 0), "PUT", "before", nth=4 + is_taken)
    names = eventually(lambda: sorted(library.recorded(user)), sorted(library.stored(user)))
    assert len(names) == 3 + is_taken
    gone = names.pop(-1 if is_taken else 0)
    assert user.post("/delete", json={"file": gone}).status_code == 204
    stage.send(user, job, 0)
    assert counts(finish(user, job)) == (4, 3, 1, 0)
    assert sorted(library.stored(user)) == names
    library.wait_until_right([("deleted", user)])


def test_a_cancelled_job_reports_the_rest(
    stage: Stage, user: User, library: Library, incoming: Callable[[User], list[str]]
) -> None:
    """One of two chunks is done, and the other one is not."""
    tiny = jpeg_of(2_000)
    files = [Entry(f"{number}", tiny if number in (0, 600) else b"text") for number in range(700)]
    job = stage.job(user, build(files))
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    stage.running.run(stage.event(user, job, 1), "UpdateItem", "after", nth=2)
    assert counts(get(user, job)) == (700, 1, 199, 0)
    response = user.call("DELETE", f"/jobs/{job['id']}")
    assert (response.status_code, response.json()["state"]) == (202, "running")
    done = finish(user, job)
    assert (done["state"], counts(done)) == ("cancelled", (700, 1, 199, 500))
    reasons = [reason for _, reason in outcomes(user, job)]
    assert reasons[:500] == ["cancelled"] * 500
    assert Counter(reasons[500:]) == {"stored": 1, "not-a-photo": 199}
    library.wait_until_right([("", user)])
    assert len(library.stored(user)) == 1
    assert incoming(user) == []
    assert_problem(user.call("DELETE", f"/jobs/{job['id']}"), 409)


def test_a_message_that_fails_too_often_ends_its_job(
    stage: Stage, user: User, library: Library, incoming: Callable[[User], list[str]]
) -> None:
    """What was stored is reported, and the message becomes a dead letter."""
    job = stage.job(user, build([Entry(name, data) for name, data in FILES]))
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    stage.running.run(stage.event(user, job, 0), "PUT", "before", nth=3)
    stored = len(library.stored(user))
    assert 0 < stored < 3
    library.end_job_lease(user, job["id"])
    response = stage.backstage.invoke("run_jobs", stage.event(user, job, 0, deliveries=5))
    assert response == {"batchItemFailures": [{"itemIdentifier": "1"}]}
    done = finish(user, job)
    assert (done["state"], done["problem"]) == ("failed", "urn:yourplace:problem:internal")
    assert counts(done) == (4, stored, 0, 4 - stored)
    assert Counter(reason for _, reason in outcomes(user, job)) == {"stored": stored, "storage": 4 - stored}
    library.wait_until_right([("failed", user)])
    assert incoming(user) == []


def test_an_archive_that_changes_meanwhile_fails_its_job(stage: Stage, user: User, bucket: Bucket) -> None:
    archive = build([Entry(name, data) for name, data in FILES])
    job = stage.job(user, archive)
    stage.running.run(stage.event(user, job, None), "SendMessageBatch", "before")
    [key] = bucket.list(f"incoming/{user.id}/")
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=archive + b"\0")
    stage.send(user, job, 0)
    done = finish(user, job)
    assert (done["state"], done["problem"]) == ("failed", "urn:yourplace:problem:damaged-archive")
    assert user.names() == []


# Fairness


def test_a_large_job_does_not_hold_up_a_small_one(user: User, make_user: MakeUser) -> None:
    # 120 chunks. Photos would be stored and rendered, which keeps the whole cloud busy.
    large = build([Entry(f"{number}.txt", b"text", STORED) for number in range(60_000)])
    small, other = (
        build([Entry(f"{number}.jpg", jpeg_of(1_000, number)) for number in range(10)]),
        make_user(),
    )
    first = submit(user, large)
    eventually(lambda: get(user, first)["entries"]["total"], 60_000)
    done = finish(other, submit(other, small))
    assert counts(done) == (10, 10, 0, 0)
    assert get(user, first)["state"] == "running", "the large job was too small to show anything"
    assert user.call("DELETE", f"/jobs/{first['id']}").status_code == 202
    finish(user, first)
