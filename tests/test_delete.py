"""`POST /delete`."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from photos import NAMES_TO_ENCODE, photo
from service import User, assert_problem

WAYS: dict[str, Callable[[str], dict[str, Any]]] = {
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
def two(user: User) -> tuple[User, str, str]:
    """A user with two photos, and their names."""
    return user, *(user.upload(photo("jpg", seed))["filename"] for seed in range(2))


@pytest.mark.parametrize("way", WAYS)
def test_a_deleted_photo_is_gone(two: tuple[User, str, str], way: str) -> None:
    user, first, second = two
    response = user.post("/delete", **WAYS[way](first))
    assert (response.status_code, response.content) == (204, b""), response.text
    assert user.names() == [second]


def test_a_deleted_photo_cannot_be_downloaded(two: tuple[User, str, str]) -> None:
    user, first, _ = two
    user.post("/delete", json={"file": first})
    assert_problem(user.get("/download", params={"filename": first}), 404)


def test_a_photo_is_deleted_once(two: tuple[User, str, str]) -> None:
    user, first, _ = two
    assert user.post("/delete", json={"file": first}).status_code == 204
    assert_problem(user.post("/delete", json={"file": first}), 404)


def test_two_deletions_at_once_both_get_an_response(two: tuple[User, str, str]) -> None:
    user, first, second = two
    with ThreadPoolExecutor(2) as workers:
        responses = list(
            workers.map(lambda _: user.post("/delete", json={"file": first}).status_code, range(2))
        )
    assert 204 in responses and set(responses) <= {204, 404}
    assert user.names() == [second]


@pytest.mark.parametrize("name", NAMES_TO_ENCODE)
@pytest.mark.parametrize("way", ["file in json", "file in a form", "file in the query"])
def test_a_photo_of_any_name_can_be_deleted(user: User, name: str, way: str) -> None:
    stored = user.upload(photo(), name)["filename"]
    assert user.post("/delete", **WAYS[way](stored)).status_code == 204


@pytest.mark.parametrize(
    "name", ["20240504T123456789Z_photo.jpg", "nothing-of-ours.jpg", "photo", "😀", "x" * 2000]
)
def test_an_unknown_photo_is_not_found(caller: User, name: str) -> None:
    assert_problem(caller.post("/delete", json={"file": name}), 404)


@pytest.mark.parametrize("name", ["", ".", "..", "/", "*", "\0"])
def test_what_cannot_be_a_photo_deletes_nothing(two: tuple[User, str, str], name: str) -> None:
    user, *names = two
    response = user.post("/delete", json={"file": name})
    assert response.status_code in (400, 404)
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
def test_a_missing_name_is_refused(caller: User, request_: Any) -> None:
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
def test_two_different_names_delete_nothing(two: tuple[User, str, str], request_: Any) -> None:
    user, *names = two
    assert_problem(user.post("/delete", **request_(*names)), 400)
    assert user.names() == names
