"""`GET /me/images`: the dictionary, which follows the photos by their events."""

import json
import os
import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote_plus

import httpx
import pytest

import tokens
from photos import photo
from service import assert_problem, eventually

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


def answer_of(user, **headers):
    return user.get("/me/images", headers=headers)


def dictionary(user):
    answer = answer_of(user)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def listing(user):
    """What the dictionary must be."""
    return [{"name": item["filename"], "type": item["type"], "size": item["size"]} for item in user.photos()]


def delete(user, name):
    answer = user.post("/delete", json={"file": name})
    assert answer.status_code == 204, answer.text


@pytest.fixture(scope="session")
def index_queue(settings, aws):
    """index_queue(*bodies): puts messages into the queue of the indexer."""
    url = os.environ.get("INDEX_QUEUE_URL")
    if not url:
        pytest.skip("needs AWS credentials and INDEX_QUEUE_URL, to send events")
    sqs = aws("sqs")

    def send(*bodies):
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body if isinstance(body, str) else json.dumps(body))

    return send


@pytest.fixture(scope="session")
def event(settings):
    """event(user, name): what S3 says of a photo ("Event message structure" in the Amazon S3 User Guide)."""

    def make(user, name, kind="ObjectCreated:Put", bucket=settings.bucket, prefix="photos"):
        key = quote_plus(f"{prefix}/{user.name}/{name}", safe="/")
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": settings.region,
            "eventTime": "2026-11-21T02:03:04.056Z",
            "eventName": kind,
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": "index",
                "bucket": {"name": bucket},
                "object": {"key": key, "size": 1, "eTag": "0" * 32, "sequencer": "0055AED6DCD90281E5"},
            },
        }
        return {"Records": [record]}

    return make


@pytest.fixture
def spoil(bucket):
    """spoil(user): makes the dictionary wrong, so that only an event that is handled makes it right again."""

    def put(user, text='[{"name":"wrong","type":"jpg","size":1}]'):
        bucket.client.put_object(
            Bucket=bucket.name,
            Key=f"index/{user.name}/images.json",
            Body=text.encode(),
            ContentType="application/json",
            Metadata={"count": "1", "bytes": "1"},
        )

    return put


def test_a_new_user_has_an_empty_dictionary(make_user):
    answer = answer_of(make_user())
    assert (answer.status_code, answer.json()) == (200, [])
    assert answer.headers["etag"].startswith('"')


def test_the_dictionary_names_each_photo_as_the_list_does(user):
    for number, kind in enumerate(("jpg", "png", "gif", "webp", "tiff", "bmp")):
        user.upload(photo(kind, number), f"{number}.{kind}")
    wanted = listing(user)
    assert len(wanted) == 6
    assert eventually(lambda: dictionary(user), wanted) == wanted


def test_an_emptied_folder_is_as_a_new_one(user, make_user):
    new = answer_of(make_user()).headers["etag"]
    stored = user.upload(photo())
    eventually(lambda: len(dictionary(user)), 1)
    delete(user, stored["filename"])
    eventually(lambda: dictionary(user), [])
    answer = answer_of(user)
    assert (answer.text, answer.headers["etag"]) == ("[]", new)


@pytest.mark.parametrize("form", ["{}", "W/{}", "*", '"x", {}', 'W/"x" ,W/{}, "y"', '"a,b",{}'])
@pytest.mark.parametrize("photos", [0, 1])
def test_what_the_client_has_is_not_sent_again(user, form, photos):
    if photos:
        user.upload(photo())
        eventually(lambda: len(dictionary(user)), 1)
    tag = answer_of(user).headers["etag"]
    answer = answer_of(user, **{"If-None-Match": form.format(tag)})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag


@pytest.mark.parametrize("form", ['"x"', "x", '""', '"x", "y"'])
def test_another_tag_is_answered_in_full(caller, form):
    assert answer_of(caller, **{"If-None-Match": form}).status_code == 200


def test_a_change_changes_the_tag(user):
    before = answer_of(user).headers["etag"]
    user.upload(photo())
    eventually(lambda: len(dictionary(user)), 1)
    answer = answer_of(user, **{"If-None-Match": before})
    assert answer.status_code == 200
    assert answer.headers["etag"] != before


def test_names_survive(user):
    """Upload, event, dictionary, download."""
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


def test_a_user_sees_their_own_photos_alone(make_user):
    ann, bob = make_user(), make_user()
    ann.upload(photo())
    eventually(lambda: len(dictionary(ann)), 1)
    assert dictionary(bob) == []


@pytest.mark.parametrize("name", ["{}+cats@example.com", "a.b-c_{}"])
def test_every_user_name_has_its_folder(make_user, name):
    user = make_user(name.format(uuid.uuid4().hex[:12]))
    user.upload(photo())
    eventually(lambda: dictionary(user), listing(user))
    assert len(dictionary(user)) == 1


def test_many_clients_at_once(user, record_property):
    """300 photos from 10 clients, while another deletes half of them."""
    names, uploaded, errors = [], threading.Event(), []
    pictures = [photo("jpg", seed) for seed in range(10)]

    def upload(client):
        for number in range(30):
            names.append(user.upload(pictures[client], f"client {client} photo {number}.jpg")["filename"])

    def remove():
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
    # Nothing that is under way yet makes it wrong again.
    while time.monotonic() < end + SECONDS:
        assert dictionary(user) == wanted
        time.sleep(1)


def test_an_event_only_says_that_the_folder_changed(user, index_queue, event, spoil):
    """Of a photo that never was, of one that was deleted, twice, and in the wrong order."""
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


def test_late_events_leave_an_emptied_folder_empty(user, index_queue, event, spoil):
    stored = [user.upload(photo("jpg", seed))["filename"] for seed in range(3)]
    for name in stored:
        delete(user, name)
    eventually(lambda: dictionary(user), [])
    spoil(user)
    index_queue(*(event(user, name) for name in stored for _ in range(2)))
    eventually(lambda: dictionary(user), [])
    time.sleep(3)
    assert dictionary(user) == []


def test_messages_of_another_shape_hold_nothing_up(user, index_queue, event, spoil):
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
def test_only_what_cannot_be_read_goes_back(user, settings, aws, event):
    """Called directly: what goes back would be tried for half an hour before it is a dead letter."""
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
    messages = [
        {
            "messageId": name,
            "receiptHandle": "r",
            "attributes": {},
            "messageAttributes": {},
            "eventSource": "aws:sqs",
            "body": body if isinstance(body, str) else json.dumps(body),
        }
        for name, body in bodies.items()
    ]
    answer = aws("lambda").invoke(
        FunctionName=f"yourplace-{settings.stage}-index_images", Payload=json.dumps({"Records": messages})
    )
    result = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, result
    failed = {item["itemIdentifier"] for item in result["batchItemFailures"]}
    assert failed == {"no json", "empty", "another object", "no key"}
    assert dictionary(user) == listing(user)


def entries(size, name="20261121T020304056Z_" + "n" * 80 + ".jpg"):
    """A dictionary of exactly that many bytes."""
    entry = json.dumps({"name": name, "type": "jpg", "size": 1}, separators=(",", ":"))
    count = (size - 2) // (len(entry) + 1)
    text = "[" + ",".join([entry] * count)
    return text + " " * (size - len(text) - 1) + "]"


@pytest.mark.parametrize(
    "name", ["20261121T020304056Z_photo.jpg", "20261121T020304056Z_" + '"' * 100 + ".jpg"]
)
def test_the_largest_dictionary_is_in_the_answer(user, spoil, name):
    text = entries(MAX_BODY, name)
    spoil(user, text)
    answer = answer_of(user)
    assert (answer.status_code, answer.text == text) == (200, True)


def test_a_larger_dictionary_is_had_from_the_bucket(user, spoil):
    text = entries(MAX_BODY + 1)
    spoil(user, text)
    answer = answer_of(user)
    assert answer.status_code == 303
    assert answer.json() == {"url": answer.headers["location"], "expires_in": 900}
    stored = httpx.get(answer.headers["location"])
    assert (stored.status_code, stored.text == text) == (200, True)
    assert stored.headers["content-type"] == "application/json"
    again = answer_of(user, **{"If-None-Match": stored.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert user.get("/me/images", follow_redirects=True).text == text


def test_no_token_no_dictionary(http):
    assert http.get("/me/images").status_code in (401, 403)


@pytest.mark.local_cloud
def test_the_function_looks_at_the_token_itself(functions, user):
    forged = tokens.foreign_key().sign(tokens.decode(user.id_token)[1])
    for token in (None, forged):
        assert_problem(functions.call("/me/images", token, method="GET"), 401)
