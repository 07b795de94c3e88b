"""`GET /me` and `PUT /me`: the user's record."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import functions as direct
import tokens
from library import Library
from photos import photo
from service import EMPTY_QUOTA, TIME, User, assert_problem


def rename(user: User, name: str | None) -> httpx.Response:
    return user.call("PUT", "/me", json={"display_name": name})


def test_the_first_call_makes_the_record(user: User) -> None:
    made = user.me()
    assert TIME.fullmatch(made.pop("created_at"))
    assert made == {
        "id": user.id,
        "user": user.name,
        "handle": user.name,
        "email": user.email,
        "display_name": None,
        "images": {"count": 0, "bytes": 0},
        "quota": EMPTY_QUOTA,
    }


def test_the_record_stays(user: User) -> None:
    assert user.me() == user.me()


def test_first_calls_that_race_make_one_record(make_user: Callable[..., User]) -> None:
    user = make_user()
    with ThreadPoolExecutor(12) as pool:
        reads = [pool.submit(user.get, "/me") for _ in range(6)]
        writes = [pool.submit(rename, user, f"name {number}") for number in range(6)]
        responses = [call.result() for call in reads + writes]
    assert {response.status_code for response in responses} == {200}, [
        response.text for response in responses
    ]
    assert len({response.json()["created_at"] for response in responses}) == 1
    assert user.me()["display_name"] in {f"name {number}" for number in range(6)}


def test_an_access_token_tells_no_email_address(user: User) -> None:
    seen = User(user.http, user.name, user.access_token)
    assert seen.me() == user.me() | {"email": None}


@pytest.mark.parametrize("name", ["Ann", "A", "é" * 100, "🏳️‍🌈 Ann\u202eB", " ", '"\\\n<b>'])
def test_a_user_may_be_called_anything(user: User, name: str) -> None:
    before = user.me()
    response = rename(user, name)
    assert (response.status_code, response.json()) == (200, before | {"display_name": name})
    assert user.me() == response.json()


def test_the_display_name_may_be_taken_away(user: User) -> None:
    rename(user, "Ann")
    assert rename(user, None).json()["display_name"] is None
    assert user.me()["display_name"] is None


def test_the_first_call_may_be_the_one_that_names(make_user: Callable[..., User]) -> None:
    user = make_user()
    made = rename(user, "Ann").json()
    assert made["display_name"] == "Ann"
    assert user.me() == made


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"display_name": ""},
        {"display_name": "a" * 101},
        {"display_name": 7},
        {"display_name": ["Ann"]},
    ],
    ids=json.dumps,
)
def test_a_display_name_that_breaks_a_rule_is_refused(caller: User, body: Any) -> None:
    before = caller.me()
    assert_problem(caller.call("PUT", "/me", json=body), 422, "/display_name")
    assert caller.me() == before


def test_an_unknown_member_changes_nothing(caller: User) -> None:
    before = caller.me()
    body = {"display_name": "Ann", "name": "Ann"}
    assert_problem(caller.call("PUT", "/me", json=body), 422, "/name")
    assert caller.me() == before


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b"display_name=Ann", b"{", b'{"display_name": "\\ud800"}']
)
def test_a_body_that_is_no_json_object_is_refused(caller: User, body: Any) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    assert_problem(caller.call("PUT", "/me", content=body, headers=headers), 400)


def test_json_is_read_whatever_its_type_says(caller: User) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = caller.call("PUT", "/me", content=b'{"display_name": "Bob"}', headers=headers)
    assert response.json()["display_name"] == "Bob"


def test_a_user_changes_their_own_record_alone(make_user: Callable[..., User]) -> None:
    ann, bob = make_user(), make_user()
    rename(ann, "Ann")
    assert bob.me()["display_name"] is None
    assert bob.me()["id"] == bob.id


def test_the_totals_count_every_change_at_once(user: User) -> None:
    size = 0
    for seed in range(3):
        size += user.upload(photo("jpg", seed), f"{seed}.jpg")["size"]
        assert user.me()["images"] == {"count": seed + 1, "bytes": size}
    for photos, stored in enumerate(user.photos()[::-1]):
        user.post("/delete", json={"file": stored["filename"]})
        size -= stored["size"]
        assert user.me()["images"] == {"count": 2 - photos, "bytes": size}
    assert size == 0


@pytest.mark.local_cloud
def test_the_table_holds_the_record_without_user_name_and_email_address(user: User, library: Library) -> None:
    made = rename(user, "Ann").json()
    [kept] = library.items(user, "record")
    assert kept == {
        "user": {"S": user.id},
        "item": {"S": "record"},
        "displayName": {"S": "Ann"},
        "createdAt": {"S": made["created_at"]},
    }


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_no_token_no_record(http: httpx.Client, method: str) -> None:
    assert http.request(method, "/me", json={"display_name": "Ann"}).status_code in (401, 403)


@pytest.mark.local_cloud
@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_the_function_looks_at_the_token_itself(functions: direct.Functions, user: User, method: str) -> None:
    body = b'{"display_name": "Eve"}'
    forged = tokens.foreign_key().sign(tokens.decode(user.id_token)[1])
    for token in (None, forged):
        response = functions.call("/me", token, method=method, body=body)
        assert_problem(response, 401)
    assert user.me()["display_name"] is None
