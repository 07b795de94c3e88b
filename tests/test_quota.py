"""The quota of a user, on every path that stores photos."""

import concurrent.futures
import json
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import auctions
from archives import STORED, Entry, build
from crashes import Victim
from library import Library
from photos import NOT_PHOTOS, jpeg_of
from service import EMPTY_QUOTA, Report, User, assert_problem, eventually
from support.events import http_request

pytestmark = pytest.mark.local_cloud

GIB = 1 << 30
BYTES, PHOTOS = 50 * GIB, 500_000
#: The size of most photos here.
SIZE = 20_000
Upload = dict[str, Any]


def upload(user: User, size: int = SIZE) -> httpx.Response:
    return user.post(
        "/upload_single_photo", content=jpeg_of(size), headers={"Content-Type": "application/octet-stream"}
    )


def start(user: User, size: int = SIZE, **members: object) -> httpx.Response:
    return user.post("/uploads", json={"filename": "a.jpg", "size": size, **members})


def started(user: User, size: int = SIZE, **members: object) -> Upload:
    response = start(user, size, **members)
    assert response.status_code == 201, response.text
    created: Upload = response.json()
    return created


def send(created: Upload, content: bytes) -> None:
    assert httpx.put(created["parts"][0]["url"], content=content).status_code == 200


def complete(user: User, created: Upload) -> httpx.Response:
    return user.post(f"/uploads/{created['id']}/complete")


def delete(user: User, filename: str) -> None:
    assert user.post("/delete", json={"file": filename}).status_code == 204


def exceeded(response: httpx.Response, used: int) -> None:
    """Checks a refusal, which shows the quota and what is stored."""
    problem = assert_problem(response, 403)
    assert problem["type"] == "urn:yourplace:problem:quota-exceeded"
    assert (problem["quota"], problem["used"]) == (BYTES, used)


def quota(user: User) -> tuple[int, int, int]:
    """The bytes that are used and reserved, and the photos that are stored."""
    shown = user.me()["quota"]
    assert (shown["bytes"], shown["photos"]) == (BYTES, PHOTOS)
    return shown["used"], shown["reserved"], shown["photos_used"]


def test_a_new_user_has_the_whole_quota(user: User) -> None:
    assert user.me()["quota"] == EMPTY_QUOTA
    assert (EMPTY_QUOTA["bytes"], EMPTY_QUOTA["photos"]) == (BYTES, PHOTOS)


# To the byte, and to the photo


def test_an_upload_may_fill_the_quota_to_the_byte(user: User, library: Library) -> None:
    library.leave(user, SIZE)
    used = BYTES - SIZE
    exceeded(upload(user, SIZE + 1), used)
    assert (user.names(), quota(user)[:2]) == ([], (used, 0))
    response = upload(user)
    assert response.status_code == 201, response.text
    assert quota(user) == (BYTES, 0, 1)
    exceeded(upload(user, 16_000), BYTES)
    delete(user, response.json()["filename"])
    assert quota(user) == (used, 0, 0)
    assert upload(user).status_code == 201


def test_an_upload_in_parts_may_fill_the_quota_to_the_byte(user: User, library: Library) -> None:
    library.leave(user, SIZE)
    used = BYTES - SIZE
    exceeded(start(user, SIZE + 1), used)
    created = started(user)
    assert quota(user) == (used, SIZE, 0)
    # The rest is reserved, so nothing else fits, although it is not used.
    exceeded(start(user, 1), used)
    exceeded(upload(user, 16_000), used)
    send(created, jpeg_of(SIZE))
    assert complete(user, created).status_code == 201
    assert complete(user, created).status_code == 201
    assert quota(user) == (BYTES, 0, 1)
    delete(user, user.names()[0])
    assert quota(user) == (used, 0, 0)


def test_the_number_of_photos_is_limited_too(user: User, library: Library) -> None:
    library.leave(user, GIB, photos=2)
    assert upload(user).status_code == 201
    created = started(user)
    exceeded(upload(user), BYTES - GIB + SIZE)
    exceeded(start(user), BYTES - GIB + SIZE)
    report = user.unzip(build([Entry("a.jpg", jpeg_of(SIZE))]))
    assert report.reasons == {"a.jpg": "quota"}
    assert user.call("DELETE", f"/uploads/{created['id']}").status_code == 204
    assert upload(user).status_code == 201
    assert quota(user) == (BYTES - GIB + 2 * SIZE, 0, PHOTOS)


def test_a_photo_larger_than_the_whole_quota_fits_nowhere(user: User, library: Library) -> None:
    library.leave(user, 0, photos=0)
    for response in (upload(user), start(user), start(user, 1)):
        exceeded(response, BYTES)
    assert user.unzip(build([Entry("a.jpg", jpeg_of(SIZE))])).reasons == {"a.jpg": "quota"}


# Archives


def test_an_archive_stores_what_fits(user: User, library: Library) -> None:
    library.leave(user, 2 * SIZE + 16_000)
    entries = [
        Entry("1.jpg", jpeg_of(SIZE)),
        Entry("2.jpg", jpeg_of(2 * SIZE)),
        Entry("3.txt", b"text"),
        Entry("4.jpg", jpeg_of(SIZE)),
        Entry("5.jpg", jpeg_of(SIZE)),
        Entry("6.jpg", jpeg_of(16_000)),
        Entry("7.jpg", jpeg_of(16_000)),
    ]
    report = user.unzip(build(entries))
    assert len(report) == len(entries)
    assert report.reasons["3.txt"] == "not-a-photo"
    assert Counter(report.reasons.values()) == {
        "stored": len(report.stored),
        "quota": len(report.failed),
        "not-a-photo": 1,
    }
    # Entries are stored concurrently: which of them fit is a matter of chance, but no more would have fit.
    left = BYTES - quota(user)[0]
    assert left == 2 * SIZE + 16_000 - sum(item["size"] for item in report.stored)
    sizes = {entry.name: len(entry.data) for entry in entries}
    assert all(sizes[item["entry"]] > left for item in report.failed), (left, report.body)
    assert quota(user) == (BYTES - left, 0, len(report.stored))
    assert all(item["detail"] for item in report.failed)


@pytest.mark.parametrize("photos", [1, 40])
def test_an_archive_may_fill_the_quota_to_the_byte(user: User, library: Library, photos: int) -> None:
    library.leave(user, photos * SIZE)
    entries = [Entry(f"{number}.jpg", jpeg_of(SIZE, number)) for number in range(photos)]
    assert len(user.unzip(build(entries)).stored) == photos
    assert quota(user) == (BYTES, 0, photos)


def test_photos_that_events_record_do_not_count_twice(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    """A large archive takes longer than the events of its first photos."""
    photos = 40
    library.leave(user, photos * SIZE, photos=photos)
    archive = build([Entry(f"{number}.jpg", jpeg_of(SIZE, number % 7)) for number in range(photos)])
    headers = {"authorization": f"Bearer {user.id_token}", "content-type": "application/zip"}
    event = http_request("POST /unzip", headers, archive, stage=backstage.settings.stage)

    def wait_for_events() -> None:
        # The calls before this one are on their way.
        eventually(lambda: len(library.stored(user)) >= 1, True)
        eventually(lambda: library.recorded(user) == library.stored(user), True)

    response = Victim(backstage, "unzip", programs).pause(event, "PUT", wait_for_events, nth=5)
    report = Report(json.loads(response["body"]))
    assert Counter(report.reasons.values()) == {"stored": photos}
    assert quota(user) == (BYTES, 0, PHOTOS)


def test_an_archive_without_photos_reserves_nothing_for_long(user: User) -> None:
    user.unzip(build([Entry("a.txt", b"text"), Entry("b.jpg", jpeg_of(SIZE), STORED, crc=1)]))
    assert user.me()["quota"] == EMPTY_QUOTA


# What releases a reservation, and that it does so once


def test_a_cancelled_upload_releases_its_reservation_once(user: User) -> None:
    kept, cancelled = started(user, 3_000_000), started(user, 2_000_000)
    assert quota(user) == (0, 5_000_000, 0)
    for _ in range(3):
        assert user.call("DELETE", f"/uploads/{cancelled['id']}").status_code == 204
        assert quota(user) == (0, 3_000_000, 0)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        calls = [pool.submit(user.call, "DELETE", f"/uploads/{kept['id']}") for _ in range(6)]
    statuses = {call.result().status_code for call in calls}
    assert 204 in statuses and statuses <= {204, 503}
    assert quota(user) == (0, 0, 0)


def test_a_refused_upload_releases_its_reservation_once(user: User) -> None:
    other = started(user, 3_000_000)
    wrong = NOT_PHOTOS["pdf"] * 100
    refused = started(user, len(wrong))
    send(refused, wrong)
    for _ in range(3):
        assert_problem(complete(user, refused), 415)
        assert quota(user) == (0, 3_000_000, 0)
    assert user.call("DELETE", f"/uploads/{refused['id']}").status_code == 204
    assert quota(user) == (0, 3_000_000, 0)
    changed = started(user, SIZE, sha256="0" * 64)
    send(changed, jpeg_of(SIZE))
    for _ in range(2):
        assert complete(user, changed).status_code == 422
        assert quota(user) == (0, 3_000_000, 0)
    assert user.call("DELETE", f"/uploads/{other['id']}").status_code == 204
    assert quota(user) == (0, 0, 0)


def test_an_expired_upload_releases_its_reservation_once(user: User, library: Library) -> None:
    kept, expired = started(user, 3_000_000), started(user, 2_000_000)
    library.expire_upload(user, expired["id"])
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        seen = list(pool.map(lambda _: quota(user), range(6)))
    # A call that reads while another releases may show either.
    assert {reserved for _, reserved, _ in seen} <= {3_000_000, 5_000_000}
    path = f"/uploads/{expired['id']}"
    for method, target in (
        ("GET", "/uploads"),
        ("DELETE", path),
        ("POST", f"{path}/complete"),
        ("GET", path),
    ):
        user.call(method, target)
        assert quota(user) == (0, 3_000_000, 0)
    assert user.get(f"/uploads/{expired['id']}").json()["state"] == "expired"
    assert user.call("DELETE", f"/uploads/{kept['id']}").status_code == 204
    assert quota(user) == (0, 0, 0)


def test_what_has_expired_makes_room_for_a_new_upload(user: User, library: Library) -> None:
    """Nobody has to call GET /me first."""
    library.leave(user, SIZE)
    for store in (upload, start):
        created = started(user)
        exceeded(store(user, SIZE), BYTES - SIZE)
        library.expire_upload(user, created["id"])
        response = store(user, SIZE)
        assert response.status_code == 201, response.text
        if store is upload:
            delete(user, response.json()["filename"])
    assert quota(user) == (BYTES - SIZE, SIZE, 0)


@pytest.mark.parametrize("route", ["/upload_single_photo", "/uploads"])
def test_a_dead_requests_reservation_makes_room_once_it_expires(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path, route: str
) -> None:
    library.leave(user, SIZE)
    headers = {"authorization": f"Bearer {user.id_token}", "content-type": "application/octet-stream"}
    event = http_request("POST /upload_single_photo", headers, jpeg_of(SIZE), stage=backstage.settings.stage)
    Victim(backstage, "upload_single_photo", programs).run(event, "PUT", "before")
    assert quota(user) == (BYTES - SIZE, SIZE, 0)
    store = upload if route == "/upload_single_photo" else start
    exceeded(store(user, SIZE), BYTES - SIZE)
    assert library.expire_reservations(user) == 1
    assert store(user, SIZE).status_code == 201


# Many requests at once


def test_requests_at_once_never_exceed_the_quota(user: User, library: Library) -> None:
    """300 requests, and room for 25 photos."""
    room = 25
    library.leave(user, room * SIZE + SIZE - 1)
    base = BYTES - (room * SIZE + SIZE - 1)
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        statuses = Counter(pool.map(lambda _: upload(user).status_code, range(300)))
    assert set(statuses) <= {201, 403, 503}, statuses
    assert statuses[201] <= room, statuses
    if not statuses[503]:
        assert statuses[201] == room, statuses
    library.expire_reservations(user)
    # Events record what requests stored and could not record.
    eventually(lambda: quota(user), (base + len(library.stored(user)) * SIZE, 0, len(library.stored(user))))
    assert len(library.stored(user)) <= room
    while len(library.stored(user)) < room:
        assert upload(user).status_code == 201
    exceeded(upload(user), base + room * SIZE)
    assert sorted(user.names()) == sorted(library.stored(user))
    assert quota(user) == (base + room * SIZE, 0, room)
    print(json.dumps(statuses))


def test_requests_of_every_kind_at_once_keep_the_quota(user: User, library: Library) -> None:
    """Uploads, uploads in parts, archives and deletions, with room for 10 photos."""
    room = 10
    library.leave(user, room * SIZE)
    base = BYTES - room * SIZE
    archive = build([Entry(f"{number}.jpg", jpeg_of(SIZE, number)) for number in range(4)])
    used: list[int] = []

    def in_parts() -> None:
        response = start(user)
        if response.status_code == 201:
            send(response.json(), jpeg_of(SIZE))
            assert complete(user, response.json()).status_code in (201, 503)
        assert response.status_code in (201, 403, 429, 503)

    def whole() -> None:
        response = upload(user)
        assert response.status_code in (201, 403, 503)
        if response.status_code == 201:
            delete(user, response.json()["filename"])

    def packed() -> None:
        reasons = set(user.unzip(archive).reasons.values())
        assert reasons <= {"stored", "quota", "storage"}, reasons

    def look() -> None:
        used.append(sum(quota(user)[:2]))

    work: list[Callable[[], None]] = [in_parts, whole, packed, look] * 8
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for call in [pool.submit(task) for task in work]:
            call.result()
    assert max(used) <= BYTES, max(used) - BYTES

    def is_over(left: Upload) -> bool:
        return complete(user, left).status_code != 503

    for left in user.get("/uploads").json()["uploads"]:
        eventually(partial(is_over, left), True)
    library.expire_reservations(user)
    photos = len(library.stored(user))
    assert photos <= room
    eventually(lambda: quota(user), (base + photos * SIZE, 0, photos))
