"""`POST /delete`."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from photos import photo
from service import assert_problem

WAYS = {
    "file in json": lambda name: {"json": {"file": name}},
    "filename in json": lambda name: {"json": {"filename": name}},
    "file in a form": lambda name: {"data": {"file": name}},
    "filename in a form": lambda name: {"data": {"filename": name}},
    "file in the query": lambda name: {"params": {"file": name}},
    "filename in the query": lambda name: {"params": {"filename": name}},
    "json under a form's type": lambda name: {
        "content": f'{{"file": "{name}"}}',
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
    "the same by both names": lambda name: {"json": {"file": name, "filename": name}},
}


@pytest.fixture
def two(user):
    """A user with two photos, and their names."""
    return user, *(user.upload(photo("jpg", seed))["filename"] for seed in range(2))


@pytest.mark.parametrize("way", WAYS)
def test_a_deleted_photo_is_gone(two, way):
    user, first, second = two
    answer = user.post("/delete", **WAYS[way](first))
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    assert user.names() == [second]


def test_a_deleted_photo_cannot_be_downloaded(two):
    user, first, _ = two
    user.post("/delete", json={"file": first})
    assert_problem(user.get("/download", params={"filename": first}), 404)


def test_a_photo_is_deleted_once(two):
    user, first, _ = two
    assert user.post("/delete", json={"file": first}).status_code == 204
    assert_problem(user.post("/delete", json={"file": first}), 404)


def test_two_deletions_at_once_both_get_an_answer(two):
    user, first, second = two
    with ThreadPoolExecutor(2) as workers:
        answers = list(
            workers.map(lambda _: user.post("/delete", json={"file": first}).status_code, range(2))
        )
    assert 204 in answers and set(answers) <= {204, 404}
    assert user.names() == [second]


@pytest.mark.parametrize(
    "name", ["my holiday.jpg", "a+b.jpg", "100%25.jpg", "写真.jpg", "🏖️ été.jpg", "a&b=c#d?e.jpg"]
)
@pytest.mark.parametrize("way", ["file in json", "file in a form", "file in the query"])
def test_a_photo_of_any_name_can_be_deleted(user, name, way):
    stored = user.upload(photo(), name)["filename"]
    assert user.post("/delete", **WAYS[way](stored)).status_code == 204


@pytest.mark.parametrize(
    "name", ["20240504T123456789Z_photo.jpg", "nothing-of-ours.jpg", "photo", "😀", "x" * 2000]
)
def test_an_unknown_photo_is_not_found(caller, name):
    assert_problem(caller.post("/delete", json={"file": name}), 404)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "*", "\0"])
def test_what_cannot_be_a_photo_deletes_nothing(two, name):
    user, *names = two
    answer = user.post("/delete", json={"file": name})
    assert answer.status_code in (400, 404)
    assert user.names() == names


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"json": {}},
        {"params": {"name": "x"}},
        {"json": {"file": None}},
        {"json": {"file": ["x"]}},
    ],
    ids=["nothing", "empty object", "another parameter", "null", "array"],
)
def test_a_missing_name_is_refused(caller, request_):
    assert_problem(caller.post("/delete", **request_), 400)


@pytest.mark.parametrize(
    "request_",
    [
        lambda one, other: {"params": [("file", one), ("file", other)]},
        lambda one, other: {"params": {"file": one}, "json": {"file": other}},
        lambda one, other: {"json": {"file": one, "filename": other}},
    ],
    ids=["query twice", "query and json", "by both names"],
)
def test_two_different_names_delete_nothing(two, request_):
    user, *names = two
    assert_problem(user.post("/delete", **request_(*names)), 400)
    assert user.names() == names
