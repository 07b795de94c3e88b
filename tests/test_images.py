"""`GET /me/images`: the photo index. It is right at once, and in the bucket within a minute."""

import hashlib
import json
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
import pytest

import auctions
import functions as direct
import tokens
from conftest import Bucket
from crashes import Victim
from library import Library
from photos import photo
from service import Settings, User, assert_problem, eventually
from support import events

MakeUser = Callable[..., User]
MAX_BODY = 4_194_304
#: The index in the bucket is written at most once in this many seconds.
INTERVAL = 60
#: How many seconds later than INTERVAL the index in the bucket may be right: time for events and messages.
MORE = 15
NAMES = [
    "two  words",
    "a+b",
    "100%",
    "100%25",
    "a&b=c",
    'quote"s',
    "it's",
    "semi;colon, comma",
    "#1?",
    "~tilde",
    "+",
    "%",
    "🏳️‍🌈 👩‍👩‍👧",
    "кот",
    "猫の写真",
    "قطة",
    "ñandú",
    "n\u0303andu",
    "ไทย",
    "a\u00a0b",
    "[x]{y}",
    "<b>&amp;",
    "$@!*()",
]


def response_of(user: User, **headers: str) -> httpx.Response:
    return user.get("/me/images", headers=headers)


def dictionary(user: User) -> Any:
    response = response_of(user)
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/json"
    return response.json()


def listing(user: User) -> list[dict[str, Any]]:
    """The dictionary that the user's list of photos implies."""
    return [{"name": item["filename"], "type": item["type"], "size": item["size"]} for item in user.photos()]


def delete(user: User, name: str) -> None:
    response = user.post("/delete", json={"file": name})
    assert response.status_code == 204, response.text


class Index:
    """A user's index in the bucket: its text and metadata, and when it was written."""

    def __init__(self, bucket: Bucket, user: User) -> None:
        self.bucket, self.user, self.key = bucket, user, f"index/{user.id}/images.json"

    def read(self) -> tuple[Any, dict[str, str]] | None:
        """What it contains, and its metadata; None if there is no index yet."""
        client = self.bucket.client
        try:
            found = client.get_object(Bucket=self.bucket.name, Key=self.key)
        except client.exceptions.NoSuchKey:
            return None
        return json.loads(found["Body"].read()), found["Metadata"]

    def photos(self) -> Any:
        found = self.read()
        return found and found[0]

    def writes(self) -> list[datetime]:
        """When each version was written, oldest first."""
        found = self.bucket.client.list_object_versions(Bucket=self.bucket.name, Prefix=self.key)
        return sorted(version["LastModified"] for version in found.get("Versions", []))


@pytest.fixture(scope="session")
def index_of(bucket: Bucket) -> Callable[[User], Index]:
    """index_of(user): the user's index in the bucket."""
    return lambda user: Index(bucket, user)


def now() -> int:
    """The time as messages about the index have it, in milliseconds."""
    return int(time.time() * 1000)


def ask_for_index(backstage: auctions.Backstage, user: User, due: int | None = None) -> None:
    """Sends a message that the user's index is outdated."""
    message = json.dumps({"user": user.id, "due": now() if due is None else due})
    backstage.sqs.send_message(QueueUrl=backstage.index_queue, MessageBody=message)


def is_claimed(library: Library, user: User) -> bool:
    return library.usage(user)["indexAfter"] > now()


def test_a_new_user_has_an_empty_dictionary(make_user: Callable[..., User]) -> None:
    response = response_of(make_user())
    assert (response.status_code, response.json()) == (200, [])
    assert response.headers["etag"].startswith('"')


def test_the_dictionary_names_each_photo_as_the_list_does(user: User) -> None:
    for number, kind in enumerate(("jpg", "png", "gif", "webp", "tiff", "bmp")):
        user.upload(photo(kind, number), f"{number}.{kind}")
    wanted = listing(user)
    assert len(wanted) == 6
    assert dictionary(user) == wanted


def test_an_emptied_folder_is_as_a_new_one(user: User, make_user: Callable[..., User]) -> None:
    new = response_of(make_user()).headers["etag"]
    stored = user.upload(photo())
    assert len(dictionary(user)) == 1
    delete(user, stored["filename"])
    response = response_of(user)
    assert (response.text, response.headers["etag"]) == ("[]", new)


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"x", {}', 'W/"x" ,W/{}, "y"', '"a,b",{}'])
@pytest.mark.parametrize("photos", [0, 1])
def test_what_the_client_has_is_not_sent_again(user: User, form: str, photos: int) -> None:
    if photos:
        user.upload(photo())
    tag = response_of(user).headers["etag"]
    response = response_of(user, **{"If-None-Match": form.format(tag)})
    assert (response.status_code, response.content) == (304, b"")
    assert response.headers["etag"] == tag


@pytest.mark.parametrize("form", ['"x"', "x", '""', '"x", "y"'])
def test_another_tag_is_answered_in_full(caller: User, form: str) -> None:
    assert response_of(caller, **{"If-None-Match": form}).status_code == 200


def test_a_change_changes_the_tag(user: User) -> None:
    before = response_of(user).headers["etag"]
    user.upload(photo())
    response = response_of(user, **{"If-None-Match": before})
    assert response.status_code == 200
    assert response.headers["etag"] != before


def test_names_survive(user: User) -> None:
    """Names pass unchanged through the upload, the event, the dictionary and the download."""
    pictures = {
        user.upload(photo("jpg", number), f"{name}.jpg")["filename"]: photo("jpg", number)
        for number, name in enumerate(NAMES)
    }
    assert len(pictures) == len(NAMES)
    assert dictionary(user) == listing(user)
    found = [item["name"] for item in dictionary(user)]
    assert [name.partition("_")[2] for name in found] == [f"{name}.jpg" for name in NAMES]
    for name in found:
        assert user.fetch(name).content == pictures[name], name


def test_a_user_sees_their_own_photos_alone(make_user: Callable[..., User]) -> None:
    ann, bob = make_user(), make_user()
    ann.upload(photo())
    assert (len(dictionary(ann)), dictionary(bob)) == (1, [])


@pytest.mark.local_cloud
@pytest.mark.parametrize("sub", ["google-oauth2|{}", "{}+cats@example.com", "{} é", "{}%2Fx", "../{}"])
def test_the_index_reaches_the_bucket_whatever_the_id_is(
    http: httpx.Client, id_key: tokens.Key, caller: User, index_of: Callable[[User], Index], sub: str
) -> None:
    """The events name the id as part of an encoded key."""
    claims = tokens.decode(caller.id_token)[1]
    user = User(http, caller.name, id_key.sign(claims | {"sub": sub.format(uuid.uuid4().hex)}))
    user.id = user.me()["id"]
    user.upload(photo())
    assert len(dictionary(user)) == 1
    eventually(lambda: index_of(user).photos(), listing(user))


def test_every_change_shows_at_once(user: User) -> None:
    for seed in range(5):
        user.upload(photo("jpg", seed))
        assert len(dictionary(user)) == seed + 1
        assert dictionary(user) == listing(user)
    for left, name in enumerate(user.names()[::-1]):
        delete(user, name)
        assert len(dictionary(user)) == 4 - left
        assert dictionary(user) == listing(user)


def test_changes_at_once_all_show(user: User) -> None:
    """32 photos from 4 clients, half of which are deleted."""

    def come_and_go(client: int) -> None:
        for number in range(8):
            stored = user.upload(photo("jpg", client), f"client {client} photo {number}.jpg")["filename"]
            assert stored in [item["name"] for item in dictionary(user)]
            if number % 2:
                delete(user, stored)
                assert stored not in [item["name"] for item in dictionary(user)]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(come_and_go, range(4)))
    assert len(dictionary(user)) == 16
    assert dictionary(user) == listing(user)


# The index in the bucket


@pytest.mark.smoke
def test_the_first_photo_reaches_the_bucket_without_a_wait(
    user: User, index_of: Callable[[User], Index]
) -> None:
    user.upload(photo())
    eventually(lambda: index_of(user).photos(), listing(user))


@pytest.mark.exclusive
@pytest.mark.local_cloud
def test_the_bucket_follows_within_a_minute_with_one_write_a_minute(
    make_user: MakeUser,
    library: Library,
    index_of: Callable[[User], Index],
    backstage: auctions.Backstage,
    record_property: Callable[[str, object], None],
) -> None:
    """Several users at once: a flood of changes, a change now and then, repeated messages and events, and an
    emptied library.
    """
    flooded, steady, repeated, emptied = users = [make_user() for _ in range(4)]
    stop = time.monotonic() + 30
    last_change: dict[User, float] = {}
    right_after: dict[User, float] = {}

    def until_stop(seconds: float, work: Callable[[], object]) -> None:
        while time.monotonic() < stop:
            work()
            time.sleep(seconds)

    def add(user: User, seed: int = 0) -> str:
        name: str = user.upload(photo("jpg", seed))["filename"]
        last_change[user] = time.monotonic()
        return name

    def take(user: User, name: str) -> None:
        delete(user, name)
        last_change[user] = time.monotonic()

    def flood() -> None:
        kept = add(flooded, 1)
        take(flooded, add(flooded, 2))
        assert kept in [item["name"] for item in dictionary(flooded)]

    def repeat() -> None:
        name = user_names[0]
        change = events.s3_change(library.bucket.name, quote_plus(f"photos/{repeated.id}/{name}", safe="/"))
        for _ in range(3):
            ask_for_index(backstage, repeated)
            backstage.sqs.send_message(QueueUrl=backstage.photo_queue, MessageBody=json.dumps(change))

    def wait_until_right(user: User) -> None:
        # Together with INTERVAL, this is longer than any index may take.
        deadline = last_change[user] + INTERVAL + 2 * MORE
        while True:
            found, changes = index_of(user).read(), library.usage(user)["changes"]
            if found and found[1]["changes"] == str(changes):
                eventually(lambda: library.usage(user)["indexed"], changes)
                right_after[user] = time.monotonic() - last_change[user]
                return
            assert time.monotonic() < deadline, (found and found[1], changes)
            time.sleep(0.5)

    user_names = [add(user) for user in (repeated, emptied, steady)]
    with ThreadPoolExecutor(10) as pool:
        work = [pool.submit(until_stop, 0.02, flood) for _ in range(3)]
        work += [pool.submit(until_stop, 8, lambda: add(steady))]
        work += [pool.submit(until_stop, 1, repeat)]
        eventually(lambda: len(index_of(emptied).photos() or []), 1)
        eventually(lambda: len(index_of(repeated).photos() or []), 1)
        take(emptied, user_names[1])
        add(repeated)
        for done in work:
            done.result()
        list(pool.map(wait_until_right, users))

    gaps: list[float] = []
    for user in users:
        found = index_of(user).read()
        assert found is not None
        text, metadata = found
        usage = library.usage(user)
        assert text == listing(user) == dictionary(user)
        assert metadata["changes"] == str(usage["changes"])
        writes = index_of(user).writes()
        gaps += [
            (later - earlier).total_seconds() for earlier, later in zip(writes, writes[1:], strict=False)
        ]
        # The first write needs no wait, and the others are a minute apart.
        assert len(writes) == 2, writes
    # S3 rounds times to seconds.
    assert min(gaps) >= INTERVAL - 1, gaps
    assert max(right_after.values()) <= INTERVAL + MORE, right_after
    assert dictionary(emptied) == []
    changes = library.usage(flooded)["changes"]
    assert changes > 50
    record_property("changes, writes", (changes, len(index_of(flooded).writes())))
    seconds = sorted(round(value, 1) for value in right_after.values())
    print(f"{changes} changes of one user, 2 writes {min(gaps):.0f} s apart; right after {seconds} s")


@pytest.mark.local_cloud
def test_a_claim_removes_the_mark(user: User, library: Library, backstage: auctions.Backstage) -> None:
    user.upload(photo())
    eventually(lambda: library.usage(user)["indexed"], 1)
    first = library.usage(user)
    assert first["indexScheduled"] == 0
    assert now() < first["indexAfter"] <= now() + INTERVAL * 1000

    library.set_usage(user, indexAfter=now() - 1, indexScheduled=now() + 300_000)
    ask_for_index(backstage, user)
    eventually(lambda: is_claimed(library, user), True)
    claimed = library.usage(user)
    assert claimed["indexScheduled"] == 0
    assert claimed["indexAfter"] <= now() + INTERVAL * 1000


@pytest.mark.local_cloud
def test_a_claim_is_refused_until_the_slot_is_over(
    user: User, library: Library, backstage: auctions.Backstage, index_of: Callable[[User], Index]
) -> None:
    user.upload(photo())
    eventually(lambda: library.usage(user)["indexed"], 1)
    until = library.usage(user)["indexAfter"]
    # A change whose event is lost. The messages find the slot taken, and one of them plans the next write.
    library.set_usage(user, changes=2)
    for _ in range(5):
        ask_for_index(backstage, user)
    eventually(lambda: library.usage(user)["indexScheduled"] > 0, True)
    usage = library.usage(user)
    assert (usage["indexAfter"], usage["indexed"]) == (until, 1)
    assert usage["indexScheduled"] > until
    assert len(index_of(user).writes()) == 1


@pytest.mark.local_cloud
def test_a_mark_after_a_claim_is_refused(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    """A writer claims a slot between the message and its mark. The message may have been the writer's."""
    name = user.upload(photo())["filename"]
    eventually(lambda: library.usage(user)["indexed"], 1)
    library.set_usage(user, changes=2, indexAfter=now() - 1, indexScheduled=None)
    change = events.s3_change(library.bucket.name, quote_plus(f"photos/{user.id}/{name}", safe="/"))
    batch = events.sqs_messages("photos", [("1", json.dumps(change))])

    def wait_for_the_claim() -> None:
        eventually(lambda: library.usage(user)["indexed"], 2)
        assert is_claimed(library, user)

    result = Victim(backstage, "record_photos", programs).pause(batch, "UpdateItem", wait_for_the_claim)
    assert result == {"batchItemFailures": []}
    assert library.usage(user)["indexScheduled"] == 0


@pytest.mark.local_cloud
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_writer_that_dies_leaves_its_message_to_another(
    user: User,
    library: Library,
    backstage: auctions.Backstage,
    index_of: Callable[[User], Index],
    programs: Path,
    when: str,
) -> None:
    """It dies at its write: after the claim, and before it sets `indexed`."""
    user.upload(photo())
    eventually(lambda: library.usage(user)["indexed"], 1)
    library.set_usage(user, changes=2, indexAfter=now() - 1)
    message = json.dumps({"user": user.id, "due": now()})
    batch = events.sqs_messages("index", [("1", message)])
    Victim(backstage, "index_images", programs).run(batch, "PUT", when)
    usage = library.usage(user)
    assert (usage["indexed"], usage["indexScheduled"]) == (1, 0)
    assert is_claimed(library, user)
    # The message comes again while the slot is taken, and plans another write.
    ask_for_index(backstage, user)
    eventually(lambda: library.usage(user)["indexScheduled"] > usage["indexAfter"], True)
    # That message is due after the slot.
    library.set_usage(user, indexAfter=now() - 1)
    ask_for_index(backstage, user)
    eventually(lambda: library.usage(user)["indexed"], 2)
    found = index_of(user).read()
    assert found is not None and found[1]["changes"] == "2"


@pytest.mark.local_cloud
def test_only_what_cannot_be_read_goes_back(user: User, backstage: auctions.Backstage) -> None:
    """Calls the function directly: the queue would deliver such a message again and again."""
    bodies: dict[str, Any] = {
        "good": {"user": user.id, "due": now()},
        "no json": "?",
        "empty": "",
        "no time": {"user": user.id},
        "no user": {"due": now()},
        "a time that is text": {"user": user.id, "due": "now"},
        "no id": {"user": "../x", "due": now()},
        "an event": events.s3_change("b", f"photos/{user.id}/x.jpg"),
    }
    messages = [(name, body if isinstance(body, str) else json.dumps(body)) for name, body in bodies.items()]
    result = backstage.invoke("index_images", events.sqs_messages("index", messages))
    failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
    assert failed == bodies.keys() - {"good"}


# Large indexes


@pytest.mark.local_cloud
@pytest.mark.parametrize("title", ["photo", '"' * 100], ids=["plain", "quotes"])
def test_the_largest_index_is_in_the_response(
    user: User, settings: Settings, library: Library, bucket: Bucket, title: str
) -> None:
    name = f"20261121T020304056Z_{title}.jpg"
    entry = json.dumps({"name": name, "type": "jpg", "size": 1}, separators=(",", ":"))
    text = "[" + ",".join([entry] * ((MAX_BODY - 2) // (len(entry) + 1)))
    text += " " * (MAX_BODY - 1 - len(text)) + "]"
    library.set_usage(user, changes=1)
    for changes, indexed, status in (("1", text, 200), ("1", text + " ", 303), ("0", text, 200)):
        bucket.client.put_object(
            Bucket=bucket.name,
            Key=f"index/{user.id}/images.json",
            Body=indexed.encode(),
            Metadata={"changes": changes},
        )
        # Not with the user's client: it would check 70,000 entries against the OpenAPI document.
        headers = {"Authorization": f"Bearer {user.id_token}"}
        response = httpx.get(f"{settings.base_url}/me/images", headers=headers, timeout=180)
        assert response.status_code == status
        if changes == "0":
            # The index does not count the last change, so it is not used.
            assert response.json() == []
        elif status == 200:
            assert response.text == indexed
            assert response.headers["etag"] == f'"{hashlib.md5(indexed.encode()).hexdigest()}"'


@pytest.mark.local_cloud
def test_a_larger_index_is_had_from_the_bucket(user: User, library: Library, bucket: Bucket) -> None:
    """Of a snapshot, as long as the index in the bucket lags; then of that index."""
    user.upload(photo())
    eventually(lambda: library.usage(user)["indexed"], 1)
    # From so many photos on, the first request stores what it has read for those that follow.
    library.set_usage(user, photos=10_000, changes=1_000)
    made = response_of(user)
    assert (made.status_code, made.json()) == (200, listing(user))
    snapshot, index = f"snapshots/{user.id}/1000.json", f"index/{user.id}/images.json"
    stored = bucket.client.get_object(Bucket=bucket.name, Key=snapshot)
    assert (stored["Body"].read(), stored["ETag"]) == (made.content, made.headers["etag"])

    larger = made.content[:-1] + b" " * MAX_BODY + b"]"
    for key in (snapshot, index):
        bucket.client.put_object(
            Bucket=bucket.name,
            Key=key,
            Body=larger,
            ContentType="application/json",
            Metadata={"changes": "1000"},
        )
        found = redirected(user)
        assert urlsplit(found["url"]).path.endswith(f"/{key}")
        assert found["text"] == larger
        again = response_of(user, **{"If-None-Match": found["etag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert response_of(user, **{"If-None-Match": '"x"'}).status_code == 303


def redirected(user: User) -> dict[str, Any]:
    """Where a large index is, and what is there."""
    response = response_of(user)
    assert response.status_code == 303, response.text[:300]
    url = response.headers["location"]
    assert response.json() == {"url": url, "expires_in": 900}
    found = httpx.get(url)
    assert found.status_code == 200
    assert found.headers["content-type"] == "application/json"
    return {"url": url, "text": found.content, "etag": found.headers["etag"]}


def test_no_token_no_dictionary(http: httpx.Client) -> None:
    assert http.get("/me/images").status_code in (401, 403)


@pytest.mark.local_cloud
def test_the_function_looks_at_the_token_itself(functions: direct.Functions, user: User) -> None:
    forged = tokens.foreign_key().sign(tokens.decode(user.id_token)[1])
    for token in (None, forged):
        assert_problem(functions.call("/me/images", token, method="GET"), 401)
