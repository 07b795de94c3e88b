"""`GET /me/images`: the dictionary, which S3 events keep up to date."""

import json
import os
import random
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote_plus

import httpx
import pytest

import functions as direct
import tokens
from conftest import Bucket
from photos import photo
from service import Settings, User, assert_problem, eventually
from support import events

MAX_BODY = 4_194_304
#: How long the dictionary may lag behind the last change.
SECONDS = 30
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


@pytest.fixture(scope="session")
def index_queue(settings: Settings, aws: Callable[[str], Any]) -> Callable[..., None]:
    """index_queue(*bodies): sends messages to the queue of index_images."""
    url = os.environ.get("INDEX_QUEUE_URL")
    if not url:
        pytest.skip("needs AWS credentials and INDEX_QUEUE_URL, to send events")
    sqs = aws("sqs")

    def send(*bodies: str | dict[str, Any]) -> None:
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))

    return send


@pytest.fixture(scope="session")
def event(settings: Settings) -> Callable[..., dict[str, Any]]:
    """event(user, name): the event that S3 sends about a photo."""

    def make(
        user: User,
        name: str,
        kind: str = "ObjectCreated:Put",
        bucket: str | None = settings.bucket,
        prefix: str = "photos",
    ) -> dict[str, Any]:
        key = quote_plus(f"{prefix}/{user.id}/{name}", safe="/")
        return events.s3_change(bucket or "", key, kind)

    return make


@pytest.fixture
def spoil(bucket: Bucket) -> Callable[..., None]:
    """spoil(user): overwrites the dictionary; only a handled event makes it right again."""

    def put(user: User, text: str = '[{"name":"wrong","type":"jpg","size":1}]') -> None:
        bucket.client.put_object(
            Bucket=bucket.name,
            Key=f"index/{user.id}/images.json",
            Body=text.encode(),
            ContentType="application/json",
            Metadata={"count": "1", "bytes": "1"},
        )

    return put


def test_a_new_user_has_an_empty_dictionary(make_user: Callable[..., User]) -> None:
    response = response_of(make_user())
    assert (response.status_code, response.json()) == (200, [])
    assert response.headers["etag"].startswith('"')


@pytest.mark.smoke
def test_the_dictionary_names_each_photo_as_the_list_does(user: User) -> None:
    for number, kind in enumerate(("jpg", "png", "gif", "webp", "tiff", "bmp")):
        user.upload(photo(kind, number), f"{number}.{kind}")
    wanted = listing(user)
    assert len(wanted) == 6
    assert eventually(lambda: dictionary(user), wanted) == wanted


def test_an_emptied_folder_is_as_a_new_one(user: User, make_user: Callable[..., User]) -> None:
    new = response_of(make_user()).headers["etag"]
    stored = user.upload(photo())
    eventually(lambda: len(dictionary(user)), 1)
    delete(user, stored["filename"])
    eventually(lambda: dictionary(user), [])
    response = response_of(user)
    assert (response.text, response.headers["etag"]) == ("[]", new)


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"x", {}', 'W/"x" ,W/{}, "y"', '"a,b",{}'])
@pytest.mark.parametrize("photos", [0, 1])
def test_what_the_client_has_is_not_sent_again(user: User, form: str, photos: int) -> None:
    if photos:
        user.upload(photo())
        eventually(lambda: len(dictionary(user)), 1)
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
    eventually(lambda: len(dictionary(user)), 1)
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
    eventually(lambda: dictionary(user), listing(user))
    found = [item["name"] for item in dictionary(user)]
    assert [name.partition("_")[2] for name in found] == [f"{name}.jpg" for name in NAMES]
    for name in found:
        assert user.fetch(name).content == pictures[name], name


def test_a_user_sees_their_own_photos_alone(make_user: Callable[..., User]) -> None:
    ann, bob = make_user(), make_user()
    ann.upload(photo())
    eventually(lambda: len(dictionary(ann)), 1)
    assert dictionary(bob) == []


@pytest.mark.local_cloud
@pytest.mark.parametrize("sub", ["google-oauth2|{}", "{}+cats@example.com", "{} é", "{}%2Fx", "../{}"])
def test_a_dictionary_follows_the_photos_whatever_the_id_is(
    http: httpx.Client, id_key: tokens.Key, caller: User, sub: str
) -> None:
    """The events name the id as part of an encoded key."""
    claims = tokens.decode(caller.id_token)[1]
    user = User(http, caller.name, id_key.sign(claims | {"sub": sub.format(uuid.uuid4().hex)}))
    user.upload(photo())
    eventually(lambda: dictionary(user), listing(user))
    assert len(dictionary(user)) == 1


def test_many_clients_at_once(user: User, record_property: Callable[[str, object], None]) -> None:
    """300 photos from 10 clients, while another deletes half of them."""
    names, uploaded, errors = [], threading.Event(), []
    pictures = [photo("jpg", seed) for seed in range(10)]

    def upload(client: int) -> None:
        for number in range(30):
            names.append(user.upload(pictures[client], f"client {client} photo {number}.jpg")["filename"])

    def remove() -> None:
        deleted = 0
        try:
            while deleted < 150:
                if len(names) > 2 * deleted or uploaded.is_set():
                    delete(user, names[2 * deleted])
                    deleted += 1
                else:
                    time.sleep(0.01)
        except Exception as error:
            errors.append(error)

    deleter = threading.Thread(target=remove)
    deleter.start()
    start = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        for done in [pool.submit(upload, client) for client in range(10)]:
            done.result()
    uploaded.set()
    deleter.join()
    assert not errors
    end = time.monotonic()

    wanted = listing(user)
    assert len(wanted) == 150
    eventually(lambda: dictionary(user), wanted, SECONDS - (time.monotonic() - end))
    lag = time.monotonic() - end
    record_property("seconds of changes", round(end - start, 1))
    record_property("seconds until the dictionary was right", round(lag, 1))
    print(f"{end - start:.1f} s of changes; right {lag:.1f} s after the last")
    # No late event makes it wrong again.
    while time.monotonic() < end + SECONDS:
        assert dictionary(user) == wanted
        time.sleep(1)


def test_an_event_only_says_that_the_folder_changed(
    user: User,
    index_queue: Callable[..., None],
    event: Callable[..., dict[str, Any]],
    spoil: Callable[..., None],
) -> None:
    """Events for unknown and deleted photos, repeated and out of order, change nothing."""
    kept, gone = (user.upload(photo("jpg", seed))["filename"] for seed in (1, 2))
    delete(user, gone)
    wanted = listing(user)
    eventually(lambda: dictionary(user), wanted)
    events = [
        event(user, gone, "ObjectRemoved:Delete"),
        event(user, gone),
        event(user, gone),
        event(user, kept, "ObjectRemoved:Delete"),
        event(user, kept),
        event(user, "20200101T000000000Z_never was.jpg"),
    ]
    random.Random(6).shuffle(events)
    for late in events:
        spoil(user)
        index_queue(late, late)
        eventually(lambda: dictionary(user), wanted)
    spoil(user)
    index_queue(*events)
    eventually(lambda: dictionary(user), wanted)


def test_late_events_leave_an_emptied_folder_empty(
    user: User,
    index_queue: Callable[..., None],
    event: Callable[..., dict[str, Any]],
    spoil: Callable[..., None],
) -> None:
    stored = [user.upload(photo("jpg", seed))["filename"] for seed in range(3)]
    for name in stored:
        delete(user, name)
    eventually(lambda: dictionary(user), [])
    spoil(user)
    index_queue(*(event(user, name) for name in stored for _ in range(2)))
    eventually(lambda: dictionary(user), [])
    time.sleep(3)
    assert dictionary(user) == []


def test_messages_of_another_shape_hold_nothing_up(
    user: User,
    index_queue: Callable[..., None],
    event: Callable[..., dict[str, Any]],
    spoil: Callable[..., None],
) -> None:
    stored = user.upload(photo())
    wanted = listing(user)
    eventually(lambda: dictionary(user), wanted)
    spoil(user)
    index_queue(
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        {"Records": []},
        event(user, "x.jpg", prefix="index"),
        event(user, stored["filename"]),
    )
    eventually(lambda: dictionary(user), wanted)


@pytest.mark.local_cloud
def test_only_what_cannot_be_read_goes_back(
    user: User, settings: Settings, aws: Callable[[str], Any], event: Callable[..., dict[str, Any]]
) -> None:
    """Calls the function directly: the queue would retry such a message for half an hour."""
    stored = user.upload(photo())["filename"]
    bodies = {
        "good": event(user, stored),
        "test": {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"},
        "other bucket": event(user, stored, bucket="another"),
        "other prefix": event(user, stored, prefix="index"),
        "no folder": {
            "Records": [{"s3": {"bucket": {"name": settings.bucket}, "object": {"key": "photos/x.jpg"}}}]
        },
        "no records": {"Records": []},
        "no json": "?",
        "empty": "",
        "another object": {"hello": "world"},
        "no key": {"Records": [{"s3": {"bucket": {"name": settings.bucket}}}]},
    }
    messages = ((name, body if isinstance(body, str) else json.dumps(body)) for name, body in bodies.items())
    response = aws("lambda").invoke(
        FunctionName=f"yourplace-{settings.stage}-index_images",
        Payload=json.dumps(events.sqs_messages("index", messages)),
    )
    result = json.loads(response["Payload"].read())
    assert "FunctionError" not in response, result
    failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
    assert failed == {"no json", "empty", "another object", "no key"}
    assert dictionary(user) == listing(user)


def entries(size: int, name: str = "20261121T020304056Z_" + "n" * 80 + ".jpg") -> str:
    """A dictionary of exactly `size` bytes."""
    entry = json.dumps({"name": name, "type": "jpg", "size": 1}, separators=(",", ":"))
    count = (size - 2) // (len(entry) + 1)
    text = "[" + ",".join([entry] * count)
    return text + " " * (size - len(text) - 1) + "]"


@pytest.mark.parametrize(
    "name", ["20261121T020304056Z_photo.jpg", "20261121T020304056Z_" + '"' * 100 + ".jpg"]
)
def test_the_largest_dictionary_is_in_the_response(user: User, spoil: Callable[..., None], name: str) -> None:
    text = entries(MAX_BODY, name)
    spoil(user, text)
    response = response_of(user)
    assert (response.status_code, response.text == text) == (200, True)


def test_a_larger_dictionary_is_had_from_the_bucket(user: User, spoil: Callable[..., None]) -> None:
    text = entries(MAX_BODY + 1)
    spoil(user, text)
    response = response_of(user)
    assert response.status_code == 303
    assert response.json() == {"url": response.headers["location"], "expires_in": 900}
    stored = httpx.get(response.headers["location"])
    assert (stored.status_code, stored.text == text) == (200, True)
    assert stored.headers["content-type"] == "application/json"
    again = response_of(user, **{"If-None-Match": stored.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert user.get("/me/images", follow_redirects=True).text == text


def test_no_token_no_dictionary(http: httpx.Client) -> None:
    assert http.get("/me/images").status_code in (401, 403)


@pytest.mark.local_cloud
def test_the_function_looks_at_the_token_itself(functions: direct.Functions, user: User) -> None:
    forged = tokens.foreign_key().sign(tokens.decode(user.id_token)[1])
    for token in (None, forged):
        assert_problem(functions.call("/me/images", token, method="GET"), 401)
