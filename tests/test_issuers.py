"""An OpenID Connect issuer that is trusted beside the user pool.

A Lambda authorizer admits its users; API Gateway's own authorizer does not.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

import archives
import auctions
import functions as direct
import tokens
from conftest import Bucket, unique
from issuer import Issuer, id_of
from openid_issuer import OTHER_CLIENT, new_key
from photos import photo
from service import User, assert_problem, eventually
from tokens import Claims

pytestmark = pytest.mark.second_issuer
lets_in = pytest.mark.authorizer("lambda")

#: A little more than the shortest time between two fetches of an issuer's keys by one process.
REFETCH_SECONDS = 11

ROUTES = [
    ("POST", "/upload_single_photo"),
    ("POST", "/unzip"),
    ("POST", "/list"),
    ("POST", "/download"),
    ("GET", "/download"),
    ("POST", "/delete"),
    ("GET", "/me"),
    ("PUT", "/me"),
    ("GET", "/me/images"),
    ("POST", "/auctions"),
    ("GET", "/auctions"),
    ("GET", "/auctions/0193a000-0000-7000-8000-000000000000"),
    ("PATCH", "/auctions/0193a000-0000-7000-8000-000000000000/bid"),
    ("PATCH", "/auctions/0193a000-0000-7000-8000-000000000000/picture"),
]


@pytest.fixture(scope="module")
def partner(http: httpx.Client, issuer: Issuer) -> User:
    """A user of the second issuer who has logged in there."""
    return issuer.user(http, unique())


@pytest.fixture
def namesakes(http: httpx.Client, issuer: Issuer, make_user: Callable[..., User]) -> tuple[User, User]:
    """(ours, theirs): two users with the same `sub`, one of the pool and one of the second issuer."""
    ours = make_user()
    return ours, issuer.user(http, ours.id)


def send(http: httpx.Client, token: str, method: str = "GET", path: str = "/me") -> httpx.Response:
    return http.request(method, path, headers={"Authorization": f"Bearer {token}"})


def image_names(user: User) -> list[str]:
    """The photos in the user's dictionary."""
    return [image["name"] for image in user.get("/me/images").json()]


# With API Gateway's own authorizer


@pytest.mark.authorizer("jwt")
@pytest.mark.parametrize("method, path", ROUTES)
def test_the_gateways_own_authorizer_refuses_it(
    http: httpx.Client, partner: User, method: str, path: str
) -> None:
    response = send(http, partner.id_token, method, path)
    assert (response.status_code, response.json()) == (401, {"message": "Unauthorized"})


# With a Lambda authorizer


@lets_in
@pytest.mark.parametrize("header", ["{}", "Bearer {}"])
@pytest.mark.parametrize("name", ["Authorization", "JWT"])
def test_its_token_is_taken_in_either_header(
    http: httpx.Client, partner: User, name: str, header: str
) -> None:
    assert http.get("/me", headers={name: header.format(partner.id_token)}).status_code == 200


@lets_in
def test_its_user_keeps_photos(http: httpx.Client, issuer: Issuer, bucket: Bucket) -> None:
    user = issuer.user(http, unique())
    kept, gone = user.upload(photo(), "kept.jpg")["filename"], user.upload(photo(), "gone.jpg")["filename"]
    (unpacked,) = user.unzip(archives.build([archives.Entry("a/c.jpg", photo())])).stored
    assert user.names() == sorted([kept, gone, unpacked["filename"]])
    assert user.fetch(kept).content == photo()
    assert user.post("/delete", json={"file": gone}).status_code == 204
    left = sorted([kept, unpacked["filename"]])
    assert sorted(bucket.list(f"photos/{user.id}/")) == [f"photos/{user.id}/{name}" for name in left]
    eventually(lambda: sorted(image["name"] for image in user.get("/me/images").json()), left)


@lets_in
def test_its_user_has_a_record(http: httpx.Client, issuer: Issuer) -> None:
    user = issuer.user(http, unique())
    record = user.me()
    assert (record["id"], record["user"], record["display_name"]) == (user.id, user.id, None)
    assert record["email"] == user.email
    assert user.call("PUT", "/me", json={"display_name": "Ann"}).json() == record | {"display_name": "Ann"}


@lets_in
def test_its_users_trade_with_the_pools(
    partner: User,
    make_user: Callable[..., User],
    inbox: Callable[[str], list[Any]],
    backstage: auctions.Backstage,
) -> None:
    buyer = make_user()
    auction = auctions.create(partner, starting_price=5)
    assert auction["seller"] == partner.me()["handle"]
    response = partner.call("PATCH", f"/auctions/{auction['id']}/picture", content=photo())
    assert response.status_code == 200, response.text
    assert auctions.bid(buyer, auction, 5).json()["highest_bid"] == {"amount": 5, "bidder": buyer.name}

    auction = auctions.create(buyer)
    assert auctions.bid(partner, auction, 7).json()["highest_bid"] == {
        "amount": 7,
        "bidder": partner.me()["handle"],
    }
    assert auction["id"] in {found["id"] for page in auctions.listed(partner) for found in page}
    backstage.end(auction)
    backstage.close()
    auctions.wait_for(lambda: inbox(partner.email))


# Users of two issuers who have the same `sub`


@lets_in
def test_namesakes_share_no_photos(namesakes: tuple[User, User], bucket: Bucket) -> None:
    ours, theirs = namesakes
    mine, hers = (
        ours.upload(photo("jpg", 1), "a.jpg")["filename"],
        theirs.upload(photo("jpg", 2), "a.jpg")["filename"],
    )
    assert (ours.names(), theirs.names()) == ([mine], [hers])
    assert theirs.id == id_of(ours.id)
    assert bucket.list(f"photos/{ours.id}/") == [f"photos/{ours.id}/{mine}"]
    assert bucket.list(f"photos/{theirs.id}/") == [f"photos/{theirs.id}/{hers}"]
    for user, other, name in ((ours, theirs, hers), (theirs, ours, mine)):
        for path in (name, f"{other.id}/{name}", f"../{other.id}/{name}"):
            if path not in user.names():
                assert user.post("/download", json={"filename": path}).status_code in (400, 404)
                assert user.post("/delete", json={"file": path}).status_code in (400, 404)
    assert (ours.fetch(mine).content, theirs.fetch(hers).content) == (photo("jpg", 1), photo("jpg", 2))
    for user, name in ((ours, mine), (theirs, hers)):
        eventually(partial(image_names, user), [name])


@lets_in
def test_namesakes_share_no_record(namesakes: tuple[User, User]) -> None:
    for user in namesakes:
        assert user.call("PUT", "/me", json={"display_name": user.id}).status_code == 200
    for user in namesakes:
        record = user.me()
        assert (record["id"], record["display_name"], record["email"]) == (user.id, user.id, user.email)


@lets_in
@pytest.mark.parametrize("seller_at", [0, 1], ids=["the pool's sells", "the issuer's sells"])
def test_namesakes_share_no_auction(namesakes: tuple[User, User], seller_at: int) -> None:
    seller, other = namesakes[seller_at], namesakes[1 - seller_at]
    auction = auctions.create(seller)
    handles = seller.me()["handle"], other.me()["handle"]
    assert auction["seller"] == handles[0] != handles[1]

    picture = other.call("PATCH", f"/auctions/{auction['id']}/picture", content=photo())
    assert_problem(picture, 403)
    assert assert_problem(auctions.bid(seller, auction, 5), 409)["type"].endswith(":own-auction")
    response = auctions.bid(other, auction, 5)
    assert response.status_code == 200, response.text
    assert response.json()["highest_bid"]["bidder"] == handles[1]


@lets_in
def test_namesakes_bid_against_each_other(
    namesakes: tuple[User, User], make_user: Callable[..., User]
) -> None:
    auction = auctions.create(make_user())
    for amount, user in enumerate([*namesakes, *namesakes], start=1):
        response = auctions.bid(user, auction, amount)
        assert response.status_code == 200, response.text
        assert response.json()["highest_bid"] == {"amount": amount, "bidder": user.me()["handle"]}
        assert assert_problem(auctions.bid(user, auction, 99), 409)["type"].endswith(":already-highest")


@lets_in
@pytest.mark.local_cloud
def test_no_user_of_the_pool_has_the_id_of_one_of_the_issuers_users(
    http: httpx.Client, id_key: tokens.Key, caller: User, partner: User
) -> None:
    """Neither by the `sub` nor by the user name, which a public client may choose freely."""
    stored = partner.upload(photo())["filename"]
    claims = tokens.decode(caller.id_token)[1]
    for name in (partner.id, partner.id.replace("~", "%7E"), f"x/../{partner.id}"):
        for claim in ("sub", "cognito:username"):
            stranger = User(http, name, id_key.sign(claims | {"sub": unique("sub"), claim: name}))
            assert stranger.names() == []
            assert stranger.me()["id"] != partner.id
    assert stored in partner.names()


# Tokens that both the gateway and a function called without it refuse

FOREIGN = tokens.foreign_key()

#: (the issuer's key, a token's claims) -> a token.
FORGERIES: dict[str, Callable[[tokens.Key, Claims], str]] = {
    "another audience": lambda key, claims: key.sign(claims | {"aud": "foreign"}),
    "the pool's kind of audience": lambda key, claims: key.sign(
        {name: value for name, value in claims.items() if name != "aud"}
        | {"token_use": "access", "client_id": claims["aud"]}
    ),
    "expired": lambda key, claims: key.sign(claims | {"exp": tokens.now() - 90}),
    "not yet valid": lambda key, claims: key.sign(claims | {"nbf": tokens.now() + 3600}),
    "alg none": lambda key, claims: tokens.unsigned(claims, key.kid),
    "HS256 with the public key": lambda key, claims: tokens.keyed_hash(
        claims, key.kid, tokens.public_forms(key)["pem"]
    ),
    "a foreign key": lambda key, claims: FOREIGN.sign(claims),
    "a foreign key under the issuer's kid": lambda key, claims: FOREIGN.sign(claims, kid=key.kid),
    "an issuer with a slash more": lambda key, claims: key.sign(claims | {"iss": claims["iss"] + "/"}),
    "an issuer that is not trusted": lambda key, claims: key.sign(claims | {"iss": "https://example.com/"}),
    "no user": lambda key, claims: key.sign(claims | {"sub": ""}),
}


def assert_refused(http: httpx.Client, functions: direct.Functions, token: str) -> None:
    assert send(http, token).status_code == 403
    response = functions.call("/me", token, method="GET")
    assert_problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")


@lets_in
@pytest.mark.local_cloud
def test_a_token_made_with_the_issuers_key_is_taken(
    http: httpx.Client, functions: direct.Functions, issuer: Issuer, partner: User
) -> None:
    """Each forgery below differs from this token in one thing."""
    token = issuer.key.sign(tokens.decode(partner.id_token)[1])
    assert send(http, token).status_code == 200
    assert functions.call("/me", token, method="GET").status_code == 200


@lets_in
@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forged_token_is_refused(
    http: httpx.Client, functions: direct.Functions, issuer: Issuer, partner: User, forgery: str
) -> None:
    assert_refused(http, functions, FORGERIES[forgery](issuer.key, tokens.decode(partner.id_token)[1]))


@lets_in
@pytest.mark.local_cloud
def test_a_token_that_the_issuer_made_for_another_client_is_refused(
    http: httpx.Client, functions: direct.Functions, issuer: Issuer
) -> None:
    name = unique()
    issuer.add(name)
    assert_refused(http, functions, issuer.token(name, OTHER_CLIENT))


@lets_in
@pytest.mark.local_cloud
def test_no_issuer_speaks_for_the_other(
    http: httpx.Client,
    functions: direct.Functions,
    issuer: Issuer,
    id_key: tokens.Key,
    partner: User,
    caller: User,
) -> None:
    ours, theirs = tokens.decode(caller.id_token)[1], tokens.decode(partner.id_token)[1]
    assert_refused(http, functions, issuer.key.sign(ours))
    assert_refused(http, functions, issuer.key.sign(ours, kid=id_key.kid))
    assert_refused(http, functions, id_key.sign(theirs))
    assert_refused(http, functions, id_key.sign(theirs, kid=issuer.key.kid))


# The issuer changes its keys


@lets_in
@pytest.mark.exclusive
@pytest.mark.local_cloud
def test_no_request_fails_while_the_keys_are_rotated(
    http: httpx.Client, issuer: Issuer, memory: direct.Memory, capsys: pytest.CaptureFixture[str]
) -> None:
    """As issuers do it: publish the new key, sign with it, then remove the old one."""
    clients = 20
    names = [unique() for _ in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        users = list(pool.map(lambda name: issuer.user(http, name), names))
    functions = ("authorize", "me")
    statuses: list[int] = []
    processes: set[Path] = set()
    stop = threading.Event()

    def work(user: User) -> None:
        while not stop.is_set():
            statuses.append(user.get("/me").status_code)

    def go_on(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            processes.update(process for function in functions for process in memory.processes(function))
            time.sleep(0.2)

    old, before, started = issuer.keys[0], issuer.fetches, time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        try:
            working = [pool.submit(work, user) for user in users]
            go_on(3)
            new = new_key()
            issuer.publish(old, new)
            go_on(REFETCH_SECONDS)
            issuer.publish(new, old)
            for user, name in zip(users, names, strict=True):
                user.id_token = issuer.token(name)
            go_on(3)
            issuer.publish(new)
            go_on(3)
        finally:
            stop.set()
    for worker in working:
        worker.result()
    took, fetches = time.monotonic() - started, issuer.fetches - before
    with capsys.disabled():
        print(
            f"\n{clients} clients, {len(statuses)} requests in {took:.0f} s while the keys were rotated:",
            end=" ",
        )
        failed = sum(status != 200 for status in statuses)
        print(f"{failed} failed, {len(processes)} processes fetched the keys {fetches} times")
    assert set(statuses) == {200}
    assert issuer.key.kid == tokens.decode(users[0].id_token)[0]["kid"]
    # Each process fetches once for its first token, and once for the new key.
    assert len(functions) <= fetches <= 2 * len(processes)


@lets_in
@pytest.mark.exclusive
@pytest.mark.local_cloud
def test_a_key_that_was_taken_back_ends_with_the_next_fetch(
    http: httpx.Client, functions: direct.Functions, issuer: Issuer
) -> None:
    name = unique()
    issuer.add(name)
    stale = issuer.token(name)
    assert send(http, stale).status_code == 200
    issuer.publish(new_key())
    fresh = issuer.token(name)
    # A process fetches unknown keys at most every 10 s.
    eventually(lambda: send(http, fresh).status_code, 200, seconds=3 * REFETCH_SECONDS)
    assert functions.call("/me", fresh, method="GET").status_code == 200
    assert_refused(http, functions, stale)
    assert send(http, fresh).status_code == 200
