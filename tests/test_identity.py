"""Identity: a stable id, which a later user of the same name does not get, and a public name."""

import json
import random
import re
import string
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import auctions
import tokens
from auctions import Backstage
from conftest import PASSWORD, Bucket, Pool, unique
from issuer import Issuer
from photos import photo
from service import EMPTY_QUOTA, User, assert_problem, eventually

GENERATED = re.compile(r"user-[a-z2-7]{10}")
MakeUser = Callable[..., User]
Inbox = Callable[[str], list[Any]]
Kind = tuple[str, Callable[[], User]]


# A user name that is taken again


@pytest.fixture
def sign_up(http: httpx.Client, pool: Pool, code_for: Callable[..., str]) -> Callable[[str], User]:
    """sign_up(name): a new user with this name and a unique email address."""

    def make(name: str) -> User:
        email = f"{unique('mail')}@example.com"
        body = {"username": name, "password": PASSWORD, "email": email}
        response = http.post("/signup", json=body)
        assert response.status_code == 201, response.text
        pool.made.append(name)
        response = http.post("/confirm", json={"username": name, "code": code_for(email)})
        assert response.status_code == 204, response.text
        response = http.post("/login", json={"username": name, "password": PASSWORD})
        assert response.status_code == 200, response.text
        given = response.json()
        user = User(http, name, given["jwt"], given["access_token"], PASSWORD, email)
        pool.ids.append(user.id)
        return user

    return make


class Former:
    """A user with a photo, a display name, an auction with a picture, and the highest bid on another one."""

    def __init__(self, user: User, other: User) -> None:
        self.user = user
        self.photo = user.upload(photo("jpg", 1), "private.jpg")["filename"]
        response = user.call("PUT", "/me", json={"display_name": "The former owner"})
        assert response.status_code == 200, response.text
        self.auction = auctions.create(user)
        response = user.call("PATCH", f"/auctions/{self.auction['id']}/picture", content=photo("png"))
        assert response.status_code == 200, response.text
        self.bid_on = auctions.create(other)
        assert auctions.bid(user, self.bid_on, 5).status_code == 200
        eventually(lambda: names_in_index(user), [self.photo])
        self.record = user.me()


def names_in_index(user: User) -> list[str]:
    response = user.get("/me/images")
    assert response.status_code == 200, response.text
    return [image["name"] for image in response.json()]


@pytest.fixture
def reused(sign_up: Callable[[str], User], pool: Pool, make_user: MakeUser) -> tuple[Former, User]:
    """(former, newcomer): two users with one name. The second signed up after the first was deleted."""
    name = unique("ann")
    former = Former(sign_up(name), make_user())
    pool.delete(former.user)
    return former, sign_up(name)


@pytest.mark.local_cloud
def test_a_newcomer_gets_nothing_of_the_former_owner(reused: tuple[Former, User]) -> None:
    former, newcomer = reused
    assert (newcomer.name, newcomer.id == former.user.id) == (former.user.name, False)
    assert newcomer.names() == []
    assert names_in_index(newcomer) == []
    assert_problem(newcomer.post("/download", json={"filename": former.photo}), 404)
    assert_problem(newcomer.post("/delete", json={"file": former.photo}), 404)
    record = newcomer.me()
    assert record["created_at"] > former.record["created_at"]
    assert record == {
        "id": newcomer.id,
        "user": newcomer.name,
        "handle": newcomer.name,
        "email": newcomer.email,
        "display_name": None,
        "created_at": record["created_at"],
        "images": {"count": 0, "bytes": 0},
        "quota": EMPTY_QUOTA,
    }
    assert former.user.fetch(former.photo).content == photo("jpg", 1)


@pytest.mark.local_cloud
def test_a_newcomer_is_not_the_seller_of_the_former_owners_auction(
    reused: tuple[Former, User], backstage: Backstage, inbox: Inbox
) -> None:
    former, newcomer = reused
    picture = newcomer.call("PATCH", f"/auctions/{former.auction['id']}/picture", content=photo())
    assert assert_problem(picture, 403)["type"].endswith(":not-the-seller")
    response = auctions.bid(newcomer, former.auction, 7)
    assert response.status_code == 200, response.text
    backstage.end(former.auction)
    backstage.close()
    auctions.wait_for(lambda: subjects(inbox, former.user) and subjects(inbox, newcomer))
    assert subjects(inbox, former.user) == ["Sold: A lamp"]
    assert subjects(inbox, newcomer) == ["You won: A lamp"]


@pytest.mark.local_cloud
def test_a_newcomer_does_not_hold_the_former_owners_bid(
    reused: tuple[Former, User], backstage: Backstage, inbox: Inbox
) -> None:
    former, newcomer = reused
    response = auctions.bid(newcomer, former.bid_on, 5)
    assert assert_problem(response, 409)["type"].endswith(":bid-too-low")
    backstage.end(former.bid_on)
    backstage.close()
    auctions.wait_for(lambda: subjects(inbox, former.user))
    assert subjects(inbox, former.user) == ["You won: A lamp"]
    assert subjects(inbox, newcomer) == []


def subjects(inbox: Inbox, user: User) -> list[str]:
    """The subjects of the emails about auctions. The emails of the user pool contain codes."""
    found = [mail["Subject"] for mail in inbox(user.email)]
    return [subject for subject in found if "A lamp" in subject]


@pytest.mark.local_cloud
@pytest.mark.parametrize("kind", ["id_token", "access_token"])
def test_the_former_owners_tokens_reach_nothing_of_the_newcomer(
    reused: tuple[Former, User], http: httpx.Client, kind: str
) -> None:
    """The tokens stay valid for up to an hour after the user is deleted."""
    former, newcomer = reused
    stored = newcomer.upload(photo("jpg", 2), "new.jpg")["filename"]
    assert newcomer.call("PUT", "/me", json={"display_name": "The newcomer"}).status_code == 200
    eventually(lambda: names_in_index(newcomer), [stored])
    record = newcomer.me()

    old = User(http, former.user.name, getattr(former.user, kind))
    assert old.names() == [former.photo]
    assert names_in_index(old) == [former.photo]
    for path in (stored, f"{newcomer.id}/{stored}", f"../{newcomer.id}/{stored}"):
        assert old.post("/download", json={"filename": path}).status_code in (400, 404)
        assert old.post("/delete", json={"file": path}).status_code in (400, 404)
    assert (old.me()["id"], old.me()["display_name"]) == (former.user.id, "The former owner")
    assert old.call("PUT", "/me", json={"display_name": "Mallory"}).status_code == 200

    assert newcomer.me() == record
    assert newcomer.fetch(stored).content == photo("jpg", 2)


# The public name


def email_name() -> str:
    return f"{unique('ann')}@{unique('private')}.example"


def handle_name() -> str:
    return "user-" + "".join(random.choices(string.ascii_lowercase + "234567", k=10))


@pytest.fixture(
    params=[
        "email address",
        "like a handle",
        pytest.param("another issuer", marks=[pytest.mark.second_issuer, pytest.mark.authorizer("lambda")]),
    ]
)
def private(request: pytest.FixtureRequest) -> Kind:
    """(name, make): a name that nobody else may see, and a function that creates its user."""
    if request.param == "another issuer":
        http: httpx.Client = request.getfixturevalue("http")
        issuer: Issuer = request.getfixturevalue("issuer")
        name = unique("sub")
        return name, lambda: issuer.user(http, name)
    make_user: MakeUser = request.getfixturevalue("make_user")
    name = {"email address": email_name, "like a handle": handle_name}[request.param]()
    return name, lambda: make_user(name)


@pytest.mark.local_cloud
def test_a_private_name_is_shown_to_nobody_else(
    private: Kind, make_user: MakeUser, backstage: Backstage, inbox: Inbox
) -> None:
    name, make = private
    user, other = make(), make_user()
    sold, bought = auctions.create(user), auctions.create(other)
    handle = sold["seller"]
    assert GENERATED.fullmatch(handle) and handle != name
    assert auctions.bid(other, sold, 3).status_code == 200
    assert auctions.bid(user, bought, 4).json()["highest_bid"] == {"amount": 4, "bidder": handle}

    seen: list[Any] = [auctions.show(other, sold), auctions.show(other, bought)]
    seen += [page for status in ("OPEN", "CLOSED") for page in auctions.listed(other, status=status)]
    for auction in (sold, bought):
        backstage.end(auction)
    backstage.close()
    auctions.wait_for(lambda: len(inbox(user.email)) == len(inbox(other.email)) == 2)
    seen += [mail["Subject"] + mail["BodyText"] for mail in inbox(user.email) + inbox(other.email)]
    seen += [page for status in ("OPEN", "CLOSED") for page in auctions.listed(other, status=status)]
    text = json.dumps(seen)
    assert handle in text
    for part in (name, name.partition("@")[0], name.partition("@")[2] or name, user.id):
        assert part not in text


@pytest.mark.local_cloud
def test_a_handle_is_generated_once_and_kept(private: Kind, backstage: Backstage) -> None:
    _, make = private
    user = make()
    assert backstage.handle(user) is None
    handle = user.me()["handle"]
    assert GENERATED.fullmatch(handle)
    assert backstage.handle(user) == handle
    assert user.me()["handle"] == handle
    assert user.call("PUT", "/me", json={"display_name": "Ann"}).json()["handle"] == handle
    assert {auctions.create(user)["seller"] for _ in range(2)} == {handle}
    assert backstage.handle(user) == handle


@pytest.mark.local_cloud
def test_twenty_concurrent_first_calls_get_one_handle(
    private: Kind, make_user: MakeUser, backstage: Backstage
) -> None:
    _, make = private
    user, seller = make(), make_user()
    lots = [auctions.create(seller) for _ in range(6)]
    calls: list[Callable[[], str]] = [
        *(lambda: user.me()["handle"] for _ in range(7)),
        *(lambda: auctions.create(user)["seller"] for _ in range(7)),
        *(lambda lot=lot: auctions.bid(user, lot, 1).json()["highest_bid"]["bidder"] for lot in lots),
    ]
    random.shuffle(calls)
    with ThreadPoolExecutor(20) as workers:
        handles = set(workers.map(lambda call: call(), calls))
    assert len(calls) == 20
    assert handles == {backstage.handle(user)}


def test_two_users_with_private_names_have_different_handles(make_user: MakeUser) -> None:
    handles = {make_user(email_name()).me()["handle"] for _ in range(3)}
    assert len(handles) == 3


@pytest.mark.local_cloud
def test_a_plain_user_name_is_its_own_handle_and_nothing_is_stored(
    make_user: MakeUser, backstage: Backstage
) -> None:
    user = make_user()
    assert user.me()["handle"] == user.name == auctions.create(user)["seller"]
    assert backstage.handle(user) is None


@pytest.mark.local_cloud
def test_a_refused_request_creates_no_handle(make_user: MakeUser, backstage: Backstage) -> None:
    user, lot = make_user(email_name()), auctions.create(make_user())
    assert_problem(user.post("/auctions", json={}), 422)
    assert_problem(user.post("/auctions", content=b"["), 400)
    assert_problem(auctions.bid(user, lot, 0), 422)
    assert_problem(auctions.bid(user, {"id": "x"}, 1), 404)
    assert_problem(user.call("PUT", "/me", json={}), 422)
    without_email = User(user.http, user.name, user.access_token)
    assert_problem(without_email.post("/auctions", json={"title": "A lamp"}), 403)
    assert_problem(auctions.bid(without_email, lot, 1), 403)
    assert backstage.handle(user) is None


# The record


def test_both_tokens_show_the_same_user(make_user: MakeUser) -> None:
    user = make_user(email_name())
    by_access_token = User(user.http, user.name, user.access_token)
    assert by_access_token.id == user.id
    assert by_access_token.me() == user.me() | {"email": None}


@pytest.mark.local_cloud
def test_the_record_belongs_to_the_id_not_to_the_name(
    http: httpx.Client, id_key: tokens.Key, make_user: MakeUser
) -> None:
    user = make_user()
    claims = tokens.decode(user.id_token)[1]
    assert user.call("PUT", "/me", json={"display_name": "Ann"}).status_code == 200
    renamed = User(http, "ann", id_key.sign(claims | {"cognito:username": "ann"})).me()
    assert (renamed["id"], renamed["user"], renamed["display_name"]) == (user.id, "ann", "Ann")
    namesake = User(http, user.name, id_key.sign(claims | {"sub": unique("sub")})).me()
    assert (namesake["user"], namesake["display_name"]) == (user.name, None)


# Keys and logs


@pytest.fixture
def logged(aws: Callable[[str], Any], backstage: Backstage) -> Callable[[str], Iterator[str]]:
    """logged(function): the log lines of a function."""
    logs = aws("logs")

    def read(function: str) -> Iterator[str]:
        group = f"/aws/lambda/{backstage.name(function)}"
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group):
            yield from (event["message"] for event in page["events"])

    return read


@pytest.mark.local_cloud
def test_no_key_and_no_log_line_has_a_user_name_or_an_email_address(
    sign_up: Callable[[str], User],
    make_user: MakeUser,
    bucket: Bucket,
    logged: Callable[[str], Iterator[str]],
) -> None:
    user = sign_up(email_name())
    stored = user.upload(photo())["filename"]
    eventually(lambda: names_in_index(user), [stored])
    assert user.me()["images"]["count"] == 1
    auctions.create(user)
    assert auctions.bid(user, auctions.create(make_user()), 1).status_code == 200
    assert_problem(user.post("/download", json={"filename": "x.jpg"}), 404)
    assert user.post("/delete", json={"file": stored}).status_code == 204
    time.sleep(2)

    keys = bucket.list("")
    functions = ["signup", "confirm", "login", "upload_single_photo", "download", "delete", "me"]
    functions += ["me_images", "index_images", "auctions_create", "auctions_bid"]
    lines = {function: list(logged(function)) for function in functions}
    assert all(lines.values()), "every function logs"
    written = "\n".join([*keys, *(line for found in lines.values() for line in found)])
    assert user.id in written
    for private_text in (user.name, user.name.partition("@")[0], user.email):
        assert private_text not in written
