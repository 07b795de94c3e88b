"""The records of photos equal the bucket, whatever order events arrive in and wherever a function dies."""

import json
import os
import random
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

import auctions
from archives import Entry, build
from conftest import Bucket
from crashes import Victim, kills
from library import Library
from photos import photo
from service import User, eventually
from support import events

pytestmark = pytest.mark.local_cloud

MakeUser = Callable[[], User]
CREATED, REMOVED = "ObjectCreated:Put", "ObjectRemoved:Delete"


@pytest.fixture(scope="session")
def put(bucket: Bucket) -> Callable[..., str]:
    """put(user, title, size=…): stores an object as a photo, without the service; returns its name."""
    started = datetime.now(UTC)
    numbers = iter(range(1_000_000))

    def store(user: User, title: str, size: int = 100) -> str:
        uploaded_at = started + timedelta(milliseconds=next(numbers))
        name = f"{uploaded_at:%Y%m%dT%H%M%S}{uploaded_at.microsecond // 1000:03}Z_{title}.jpg"
        data = photo()[:100].ljust(size, b"\0")
        bucket.client.put_object(Bucket=bucket.name, Key=f"photos/{user.id}/{name}", Body=data)
        return name

    return store


def remove(bucket: Bucket, user: User, name: str) -> None:
    """Deletes a photo's object, without the service."""
    bucket.client.delete_object(Bucket=bucket.name, Key=f"photos/{user.id}/{name}")


def delete(user: User, name: str) -> None:
    assert user.post("/delete", json={"file": name}).status_code == 204


def event(bucket: Bucket, user: User, name: str, kind: str) -> dict[str, Any]:
    return events.s3_change(bucket.name, quote_plus(f"photos/{user.id}/{name}", safe="/"), kind)


def totals(user: User) -> tuple[int, int, int]:
    """The bytes that are used and reserved, and the photos that are stored, as the user sees them."""
    quota = user.me()["quota"]
    return quota["used"], quota["reserved"], quota["photos_used"]


# Objects that no request has recorded


def test_an_object_without_a_record_gets_one(user: User, library: Library, put: Callable[..., str]) -> None:
    names = [put(user, title, 1_000) for title in ("holiday", "IMG_20240102_030405", "100% +é 🏳️‍🌈")]
    library.wait_until_right([("", user)])
    assert user.names() == sorted(names)
    assert totals(user) == (3_000, 0, 3)
    taken = {item["filename"]: item["taken_at"] for item in user.photos()}
    assert taken[names[1]] == "2024-01-02T03:04:05"
    assert user.get("/photos/months").json()["months"][-1] == {"month": "2024-01", "count": 1}


def test_a_record_without_an_object_is_removed(user: User, library: Library, bucket: Bucket) -> None:
    kept, gone = user.upload(photo("jpg", 1))["filename"], user.upload(photo("jpg", 2))["filename"]
    remove(bucket, user, gone)
    eventually(lambda: user.names(), [kept])
    library.wait_until_right([("", user)])
    assert user.get(f"/photos/{gone}").status_code == 404


def test_the_quota_does_not_refuse_what_is_stored(
    user: User, library: Library, put: Callable[..., str]
) -> None:
    """A photo that is in the bucket counts, even beyond the quota."""
    library.leave(user, 10)
    before = totals(user)[0]
    put(user, "a", 1_000)
    eventually(lambda: totals(user), (before + 1_000, 0, 1))
    response = user.post("/upload_single_photo", content=photo(), headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 403


# Late events


def test_late_events_change_nothing(
    make_user: MakeUser,
    library: Library,
    bucket: Bucket,
    backstage: auctions.Backstage,
    put: Callable[..., str],
    record_property: Callable[[str, object], None],
) -> None:
    """Events of photos that exist, were deleted or never were; late, repeated and shuffled. LATE_EVENTS is
    their number.
    """
    count = int(os.environ.get("LATE_EVENTS", "1000"))
    ann, bob, chance = make_user(), make_user(), random.Random(11)
    names: dict[User, list[str]] = {}
    for user in (ann, bob):
        archive = build(
            [Entry(f"IMG_20240{1 + n % 9}01_00000{n % 10}.jpg", photo("jpg", n % 5)) for n in range(20)]
        )
        names[user] = [item["filename"] for item in user.unzip(archive).stored]
        with ThreadPoolExecutor(4) as pool:
            names[user] += pool.map(lambda n, user=user: put(user, f"{n}"), range(20))
        assert len(names[user]) == 40
        chance.shuffle(names[user])
    never = [f"20200101T000000{n:03}Z_never was.jpg" for n in range(20)]

    each = count // 100
    bodies = [
        json.dumps(event(bucket, user, name, kind))
        for user in (ann, bob)
        for name in names[user]
        for kind in (each - 1) * [CREATED] + [REMOVED]
    ]
    bodies += [
        json.dumps(event(bucket, ann, name, kind))
        for name in never
        for kind in (CREATED, REMOVED)
        for _ in range(each // 2)
    ]
    assert len(bodies) == count, "LATE_EVENTS is no multiple of 200"
    chance.shuffle(bodies)
    batches = [
        events.sqs_messages(
            "photos", [(str(at), body) for at, body in enumerate(bodies[start : start + 100])]
        )
        for start in range(0, len(bodies), 100)
    ]

    def take_away() -> None:
        for user in (ann, bob):
            for number, name in enumerate(names[user][::3]):
                delete(user, name) if number % 2 else remove(bucket, user, name)

    def deliver(batch: dict[str, Any]) -> bool:
        """Delivers messages that failed again, as the queue does; whether all succeeded in the end."""
        records = batch["Records"]
        for _ in range(5):
            failures = backstage.invoke("record_photos", {"Records": records})["batchItemFailures"]
            failed = {failure["itemIdentifier"] for failure in failures}
            records = [record for record in records if record["messageId"] in failed]
            if not records:
                return True
        return False

    started = time.monotonic()
    with ThreadPoolExecutor(5) as pool:
        deleting = pool.submit(take_away)
        results = list(pool.map(deliver, batches))
        deleting.result()
    # Once more when all is over.
    again = chance.sample(batches, 10)
    with ThreadPoolExecutor(4) as pool:
        results += pool.map(deliver, again)
    seconds = time.monotonic() - started
    assert all(results)
    record_property(f"seconds for {count} events", round(seconds, 1))

    library.wait_until_right([("ann", ann), ("bob", bob)])
    for user in (ann, bob):
        left = sorted(set(names[user]) - set(names[user][::3]))
        assert user.names() == left == sorted(library.stored(user))
        assert totals(user) == (sum(library.stored(user).values()), 0, len(left))
    assert set(never).isdisjoint(ann.names())


def test_only_what_cannot_be_read_goes_back(
    user: User, bucket: Bucket, backstage: auctions.Backstage
) -> None:
    """Calls the function directly: the queue would deliver such a message again and again."""
    stored = user.upload(photo())["filename"]
    other = json.loads(
        json.dumps(event(bucket, user, stored, CREATED)).replace(f'"{bucket.name}"', '"another"')
    )
    bodies: dict[str, Any] = {
        "good": event(bucket, user, stored, CREATED),
        "test": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        "other bucket": other,
        "other prefix": events.s3_change(bucket.name, f"index/{user.id}/images.json"),
        "no folder": events.s3_change(bucket.name, "photos/x.jpg"),
        "no name of a photo": events.s3_change(bucket.name, f"photos/{user.id}/x.jpg"),
        "no records": {"Records": []},
        "no json": "?",
        "empty": "",
        "another object": {"hello": "world"},
        "no key": {"Records": [{"s3": {"bucket": {"name": bucket.name}}}]},
    }
    messages = ((name, body if isinstance(body, str) else json.dumps(body)) for name, body in bodies.items())
    result = backstage.invoke("record_photos", events.sqs_messages("photos", messages))
    failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
    assert failed == {"no json", "empty", "another object", "no key"}
    assert user.names() == [stored]


def test_messages_of_another_shape_hold_nothing_up(
    user: User, library: Library, bucket: Bucket, backstage: auctions.Backstage, put: Callable[..., str]
) -> None:
    bodies: list[dict[str, Any]] = [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        {"Records": []},
        events.s3_change(bucket.name, "photos/x.jpg"),
    ]
    for body in bodies:
        backstage.sqs.send_message(QueueUrl=backstage.photo_queue, MessageBody=json.dumps(body))
    name = put(user, "a")
    eventually(lambda: user.names(), [name])


# Functions that die


def request(
    backstage: auctions.Backstage, user: User, path: str, body: bytes, content_type: str
) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {user.id_token}", "content-type": content_type}
    return events.http_request(f"POST {path}", headers, body, stage=backstage.settings.stage)


def all_right(library: Library, users: list[tuple[str, User]]) -> None:
    """Lets the reservations of killed calls expire, and checks that records and usage equal the bucket."""
    for what, user in users:
        library.expire_reservations(user)
        # GET /me releases them, unless an event takes a photo from one at this moment.
        deadline = time.monotonic() + 120
        while user.me()["quota"]["reserved"] or library.reservations(user):
            assert time.monotonic() < deadline, (what, library.reservations(user))
    library.wait_until_right(users)
    for what, user in users:
        stored = library.stored(user)
        assert user.names() == sorted(stored), what
        assert totals(user) == (sum(stored.values()), 0, len(stored)), what


def test_an_upload_that_dies_leaves_a_whole_photo_or_none(
    make_user: MakeUser, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    victim = Victim(backstage, "upload_single_photo", programs)
    path = "/upload_single_photo"
    users = list(kills(victim, lambda user: request(backstage, user, path, photo(), "image/jpeg"), make_user))
    # Reserve, store, record.
    assert len(users) == 1 + 3
    all_right(library, users)
    stored = [len(library.stored(user)) for _, user in users]
    assert stored == [0, 0, 1, 1]
    for what, user in users:
        user.upload(photo("png"))
        assert totals(user)[1:] == (0, len(library.stored(user))), what


@pytest.mark.parametrize("trouble", ["lost", "in progress"])
@pytest.mark.parametrize("function", ["upload_single_photo", "unzip"])
def test_a_photo_that_is_sent_again_is_stored_once(
    user: User,
    library: Library,
    backstage: auctions.Backstage,
    programs: Path,
    function: str,
    trouble: str,
) -> None:
    """The SDK sends it again if the response is lost, and S3 asks for that while the first write goes on."""
    victim = Victim(backstage, function, programs)
    if function == "unzip":
        body, content_type = build([Entry("a.jpg", photo())]), "application/zip"
    else:
        body, content_type = photo(), "image/jpeg"
    event = request(backstage, user, f"/{function}", body, content_type)
    if trouble == "lost":
        calls, response = victim.lose_response(event, "PUT")
    else:
        calls, response = victim.refuse(event, "PUT", 409, "ConditionalRequestConflict")
    assert response["statusCode"] in (200, 201), response
    assert calls.count("PUT") == 2, calls
    assert list(library.stored(user).values()) == [len(photo())]
    all_right(library, [("sent again", user)])


def test_an_archive_that_dies_leaves_whole_photos(
    make_user: MakeUser, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    archive = build([Entry(f"{number}.jpg", photo("jpg", number)) for number in range(2)])
    victim = Victim(backstage, "unzip", programs)
    users = list(
        kills(victim, lambda user: request(backstage, user, "/unzip", archive, "application/zip"), make_user)
    )
    assert len(users) >= 1 + 4
    all_right(library, users)
    sizes = {len(photo("jpg", number)) for number in range(2)}
    for what, user in users:
        assert set(library.stored(user).values()) <= sizes, what
        assert len(library.stored(user)) <= 2, what
    assert {len(library.stored(user)) for _, user in users} >= {0, 2}


@pytest.mark.parametrize(("nth", "when"), [(2, "after"), (4, "before"), (4, "after")])
def test_photos_that_a_dead_request_has_recorded_are_counted(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path, nth: int, when: str
) -> None:
    """Of 110 photos, 48 and 48 are recorded first. Then the others are, and all are counted."""
    entries = [Entry(f"{number}.gif", photo("gif") + str(number).encode()) for number in range(110)]
    event = request(backstage, user, "/unzip", build(entries), "application/zip")
    calls = Victim(backstage, "unzip", programs).run(event, "TransactWriteItems", when, nth)
    assert calls.count("TransactWriteItems") >= nth, calls
    # Nobody looks at the quota: GET /me would count them, too, once the reservation has expired.
    eventually(lambda: sum(library.months(user).values()), len(library.stored(user)), seconds=240)
    eventually(lambda: len(library.keys(user, "uncounted#")), 0)
    assert library.recorded(user) == library.stored(user)
    all_right(library, [("died", user)])


def test_photos_of_an_expired_reservation_are_counted(user: User, library: Library) -> None:
    user.upload(photo("jpg", 1))
    user.upload(photo("jpg", 2))
    library.wait_until_right([("uploaded", user)])
    before = totals(user)
    library.uncount(user, is_reserved=True)
    assert totals(user) == before
    library.wait_until_right([("counted", user)])


def test_a_deletion_that_dies_deletes_or_keeps_the_photo(
    make_user: MakeUser, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    victim = Victim(backstage, "delete", programs)

    def prepared() -> User:
        user = make_user()
        user.target = user.upload(photo("jpg", 1))["filename"]
        user.upload(photo("jpg", 2))
        return user

    def deletion(user: User) -> dict[str, Any]:
        body = json.dumps({"file": user.target}).encode()
        return request(backstage, user, "/delete", body, "application/json")

    users = list(kills(victim, deletion, prepared))
    # Delete the object, read the record, remove it; and again where the photo is described meanwhile.
    assert len(users) >= 1 + 3
    all_right(library, users)
    assert [user.target in library.stored(user) for _, user in users] == [True] + (len(users) - 1) * [False]
    for what, user in users:
        repeated = user.post("/delete", json={"file": user.target}).status_code
        assert repeated == (204 if what == users[0][0] else 404), what
        assert totals(user) == (len(photo("jpg", 2)), 0, 1), what


def test_a_deletion_that_died_can_be_repeated_at_once(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    """The photo is gone, and its record is not: a repeat does not wait for the event."""
    stored = user.upload(photo())["filename"]
    body = json.dumps({"file": stored}).encode()
    deletion = request(backstage, user, "/delete", body, "application/json")
    Victim(backstage, "delete", programs).run(deletion, "DELETE", "after")
    assert user.post("/delete", json={"file": stored}).status_code in (204, 404)
    library.wait_until_right([("", user)])
    assert user.names() == []
