"""`POST /list`."""

import base64
import json
from typing import Any

import pytest

import archives
import tokens
from photos import photo
from service import User, assert_problem, at_first


@pytest.fixture
def five(user: User) -> tuple[User, list[str]]:
    """A user with five photos, and their names in the order they came."""
    return user, [user.upload(photo("jpg", seed), f"{seed}.jpg")["filename"] for seed in (3, 1, 5, 2, 4)]


def pages(user: User, **parameters: object) -> list[list[str]]:
    """The names on each page."""
    cursor, found = None, []
    while True:
        response = user.post("/list", json=parameters | ({"cursor": cursor} if cursor else {}))
        assert response.status_code == 200, response.text
        found.append([item["filename"] for item in response.json()["photos"]])
        cursor = response.json()["cursor"]
        if cursor is None:
            return found


@pytest.mark.parametrize("body", [None, b"{}"], ids=["no body", "empty object"])
def test_an_empty_folder_is_an_empty_list(user: User, body: Any) -> None:
    response = user.post("/list", content=body)
    assert (response.status_code, response.json()) == (200, {"photos": [], "cursor": None})


def test_a_photo_is_listed_as_its_upload_was_answered(user: User) -> None:
    stored = user.upload(photo(), "holiday.jpg")
    assert [at_first(item) for item in user.photos()] == [at_first(stored)]


def test_the_oldest_photo_comes_first(five: tuple[User, list[str]]) -> None:
    user, names = five
    assert user.names() == names


@pytest.mark.parametrize(
    "limit, sizes", [(1, [1, 1, 1, 1, 1]), (2, [2, 2, 1]), (4, [4, 1]), (5, [5]), (6, [5]), (1000, [5])]
)
def test_pages_are_as_long_as_asked_for(five: tuple[User, list[str]], limit: Any, sizes: list[int]) -> None:
    user, names = five
    found = pages(user, limit=limit)
    assert [len(page) for page in found] == sizes
    assert sum(found, []) == names


def test_a_page_has_a_hundred_photos_unless_told_otherwise(user: User) -> None:
    user.unzip(archives.zipped({f"{seed:03}.jpg": photo("jpg", seed) for seed in range(101)}))
    assert [len(page) for page in pages(user)] == [100, 1]


def test_photos_that_come_between_two_pages_are_on_a_later_one(five: tuple[User, list[str]]) -> None:
    user, names = five
    first = user.post("/list", json={"limit": 3}).json()
    late = user.upload(photo("jpg", 9))["filename"]
    second = user.post("/list", json={"limit": 3, "cursor": first["cursor"]}).json()
    assert [item["filename"] for item in second["photos"]] == names[3:] + [late]


def test_a_cursor_outlives_the_photo_it_points_at(five: tuple[User, list[str]]) -> None:
    user, names = five
    cursor = user.post("/list", json={"limit": 3}).json()["cursor"]
    for name in names[2:4]:
        assert user.post("/delete", json={"file": name}).status_code == 204
    rest = user.post("/list", json={"cursor": cursor}).json()
    assert [item["filename"] for item in rest["photos"]] == names[4:]


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "abc", "1.5", "", "99999999999999999999", " 5"])
def test_a_limit_out_of_range_is_refused(caller: User, limit: Any) -> None:
    assert_problem(caller.post("/list", params={"limit": limit}), 400)


@pytest.mark.parametrize("limit", [0, -1, 1001, 1.5, "abc", [5], {"x": 1}, True, 10**30])
def test_a_limit_out_of_range_is_refused_in_json_too(caller: User, limit: Any) -> None:
    assert_problem(caller.post("/list", json={"limit": limit}), 400)


@pytest.mark.parametrize(
    "request_",
    [
        {"params": {"limit": "2"}},
        {"data": {"limit": "2"}},
        {"json": {"limit": 2}},
        {"content": '{"limit": 2}', "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"content": '{"limit": 2}', "headers": {"Content-Type": "text/plain"}},
        {"content": '{"limit": 2}'},
        {"content": ' \n{"limit": 2}\n', "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"params": {"limit": "2"}, "json": {"limit": 2}},
        {"params": {"limit": "2"}, "data": {"limit": "2"}},
        {"params": [("limit", "2"), ("limit", "2")]},
    ],
    ids=[
        "query",
        "form",
        "json",
        "json under a form's type",
        "json as text",
        "json without a type",
        "json with blanks",
        "query and json alike",
        "query and form alike",
        "query twice alike",
    ],
)
def test_parameters_come_in_any_of_the_ways(five: tuple[User, list[str]], request_: Any) -> None:
    user, names = five
    response = user.post("/list", **request_)
    assert [item["filename"] for item in response.json()["photos"]] == names[:2]


@pytest.mark.parametrize(
    "request_",
    [
        {"params": [("limit", "2"), ("limit", "3")]},
        {"content": "limit=2&limit=3", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"params": {"limit": "2"}, "data": {"limit": "3"}},
        {"params": {"limit": "2"}, "json": {"limit": 3}},
    ],
    ids=["query twice", "form twice", "query and form", "query and json"],
)
def test_a_parameter_given_twice_with_different_values_is_refused(caller: User, request_: Any) -> None:
    assert_problem(caller.post("/list", **request_), 400)


def made_up_cursors() -> list[str]:
    texts = [
        "x",
        "../",
        "photos/",
        "/",
        "\0",
        "a" * 5000,
        "😀",
        "%2e%2e%2f",
        "null",
        "0",
        "-1",
        "20240504T123456789Z_photo.jpg",
    ]
    inside = [
        "photos/ann/",
        "../ann/",
        "",
        "x",
        json.dumps({"key": "photos/ann/x"}),
        json.dumps({}),
        "photos/",
        "\0",
    ]
    return (
        texts
        + [base64.b64encode(text.encode()).decode() for text in inside if text]
        + [tokens.encode(text.encode()) for text in inside if text]
    )


@pytest.mark.parametrize("cursor", made_up_cursors(), ids=range(len(made_up_cursors())))
def test_a_made_up_cursor_is_refused(caller: User, cursor: Any) -> None:
    assert_problem(caller.post("/list", json={"cursor": cursor}), 400)


@pytest.mark.parametrize("cursor", [5, True, ["x"], {"x": 1}])
def test_a_cursor_that_is_no_text_is_refused(caller: User, cursor: Any) -> None:
    assert_problem(caller.post("/list", json={"cursor": cursor}), 400)


def test_a_changed_cursor_never_fails_otherwise(five: tuple[User, list[str]]) -> None:
    user, names = five
    cursor = user.post("/list", json={"limit": 2}).json()["cursor"]
    changed = [cursor[:-1], cursor[1:], cursor + "A", cursor[::-1], cursor.swapcase(), cursor * 2, ""]
    responses = [user.post("/list", json={"cursor": other}) for other in changed if other != cursor]
    assert {response.status_code for response in responses} <= {200, 400}
    assert all(
        set(item["filename"] for item in response.json()["photos"]) <= set(names)
        for response in responses
        if response.is_success
    )


def test_a_cursor_and_a_limit_survive_the_query_string(five: tuple[User, list[str]]) -> None:
    user, names = five
    cursor = user.post("/list", params={"limit": 2}).json()["cursor"]
    response = user.post("/list", params={"limit": 2, "cursor": cursor})
    assert [item["filename"] for item in response.json()["photos"]] == names[2:4]
