"""No user reaches another user's photos."""

import base64
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

import archives
import tokens
from conftest import Bucket, unique
from functions import Functions
from photos import photo
from service import User, assert_problem

# Paths to another user's photo, relative to one's own folder: {user} is the other's id, {name} the photo.
PATHS = {
    "the name alone": "{name}",
    "user and name": "{user}/{name}",
    "one folder up": "../{user}/{name}",
    "two folders up": "../../photos/{user}/{name}",
    "the whole key": "photos/{user}/{name}",
    "absolute": "/photos/{user}/{name}",
    "backslashes": "..\\{user}\\{name}",
    "encoded slashes": "..%2F{user}%2F{name}",
    "encoded twice": "..%252F{user}%252F{name}",
    "encoded dots": "%2e%2e/{user}/{name}",
    "through one's own folder": "./../{user}/{name}",
    "after a name of one's own": "x/../../{user}/{name}",
    "overlong dots": "..\u2215{user}\u2215{name}",
    "fullwidth": "\uff0e\uff0e\uff0f{user}\uff0f{name}",
    "a zero byte": "../{user}/{name}\0.jpg",
    "a leading space": " ../{user}/{name}",
    "another host": "//{user}/{name}",
    "a query": "../{user}/{name}?x=",
    "a line end": "\n../{user}/{name}",
}


@pytest.fixture(scope="module")
def victim(make_user: Callable[..., User]) -> User:
    """A user with a photo that the other users try to reach."""
    user = make_user()
    user.target = user.upload(photo("jpg", 1), "secret.jpg")["filename"]
    return user


def untouched(victim: User) -> bool:
    return victim.names() == [victim.target] and victim.fetch(victim.target).content == photo("jpg", 1)


def test_a_list_shows_nobody_elses_photos(user: User, victim: User) -> None:
    mine = user.upload(photo())["filename"]
    assert user.names() == [mine]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["json", "form", "query", "get", "raw query"])
def test_nobody_elses_photo_can_be_downloaded(caller: User, victim: User, path: str, way: str) -> None:
    name = PATHS[path].format(user=victim.id, name=victim.target)
    response = {
        "json": lambda: caller.post("/download", json={"filename": name}),
        "form": lambda: caller.post("/download", data={"filename": name}),
        "query": lambda: caller.post("/download", params={"filename": name}),
        "get": lambda: caller.get("/download", params={"filename": name}),
        # A client that encodes too little, or too much.
        "raw query": lambda: caller.get("/download?filename=" + quote(name, safe="%/\\.")),
    }[way]()
    assert response.status_code in (400, 404), response.text


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("way", ["json", "query"])
def test_nobody_elses_photo_can_be_deleted(caller: User, victim: User, path: str, way: str) -> None:
    name = PATHS[path].format(user=victim.id, name=victim.target)
    request = {"json": {"json": {"file": name}}, "query": {"params": {"file": name}}}[way]
    assert caller.post("/delete", **request).status_code in (400, 404)
    assert untouched(victim)


@pytest.mark.parametrize("path", PATHS)
def test_an_upload_never_lands_in_another_folder(user: User, victim: User, bucket: Bucket, path: str) -> None:
    name = PATHS[path].format(user=victim.id, name=victim.target)
    response = user.post(
        "/upload_single_photo",
        content=photo(),
        params={"filename": name},
        headers={"Content-Type": "image/jpeg"},
    )
    assert response.status_code == 201
    assert bucket.list(f"photos/{user.id}/") == [f"photos/{user.id}/{response.json()['filename']}"]
    assert "/" not in response.json()["filename"]
    assert untouched(victim)


def test_an_archive_never_lands_in_another_folder(user: User, victim: User, bucket: Bucket) -> None:
    names = [path.format(user=victim.id, name=victim.target) for path in PATHS.values()]
    report = user.unzip(archives.build([archives.Entry(name, photo()) for name in names]))
    stored = sorted(f"photos/{user.id}/{item['filename']}" for item in report.stored)
    assert sorted(bucket.list(f"photos/{user.id}/")) == stored
    assert untouched(victim)


# Ids with a common prefix


@pytest.fixture
def alike(minted: Callable[..., User]) -> tuple[User, User]:
    """Two users with one photo each; one user's id is a prefix of the other's."""
    sub = unique("ann")
    ann, anna = minted(sub), minted(sub + "a")
    ann.target = ann.upload(photo("jpg", 1), "a.jpg")["filename"]
    anna.target = anna.upload(photo("jpg", 2), "a.jpg")["filename"]
    return ann, anna


@pytest.mark.local_cloud
@pytest.mark.parametrize("suffix", ["a", "-", ".", "_", "0", "@example.com", "/a", "~"])
def test_an_id_that_begins_like_another_shares_nothing_with_it(
    minted: Callable[..., User], suffix: str
) -> None:
    sub = unique("ann")
    ann, anna = minted(sub), minted(sub + suffix)
    hers = anna.upload(photo(), "a.jpg")["filename"]
    assert (ann.names(), anna.names()) == ([], [hers])


@pytest.mark.local_cloud
@pytest.mark.parametrize("way", ["a/{}", "a{}", "../{user}/{}", "{user}/{}"])
def test_an_id_that_begins_like_another_is_not_reached_by_what_is_missing(
    alike: tuple[User, User], way: str
) -> None:
    ann, anna = alike
    name = way.format(anna.target, user=anna.id)
    assert ann.post("/delete", json={"file": name}).status_code in (400, 404)
    assert anna.names() == [anna.target]


# Cursors


@pytest.fixture
def two_with_cursors(make_user: Callable[..., User]) -> tuple[User, User]:
    """Two users with three photos each, and the cursor after the first photo of each."""
    users = make_user(), make_user()
    for user in users:
        for seed in range(3):
            user.upload(photo("jpg", seed))
        user.cursor = user.post("/list", json={"limit": 1}).json()["cursor"]
    return users


def only_their_own(user: User, cursor: str) -> bool:
    response = user.post("/list", json={"cursor": cursor})
    if response.status_code == 400:
        return True
    assert response.status_code == 200, response.text
    return {item["filename"] for item in response.json()["photos"]} <= set(user.names())


def test_another_users_cursor_leads_nowhere_else(two_with_cursors: tuple[User, User]) -> None:
    mallory, victim = two_with_cursors
    assert only_their_own(mallory, victim.cursor)


def test_a_cursor_rewritten_for_another_user_leads_nowhere_else(two_with_cursors: tuple[User, User]) -> None:
    mallory, victim = two_with_cursors
    padded = mallory.cursor + "=" * (-len(mallory.cursor) % 4)
    for decode, encode in (
        (base64.b64decode, base64.b64encode),
        (base64.urlsafe_b64decode, base64.urlsafe_b64encode),
    ):
        try:
            inside = decode(padded)
        except ValueError:
            continue
        rewritten = encode(inside.replace(mallory.id.encode(), victim.id.encode())).decode()
        assert only_their_own(mallory, rewritten)
        assert only_their_own(mallory, rewritten.rstrip("="))


@pytest.mark.parametrize(
    "inside",
    ["photos/{user}/", "{user}/", "../{user}/", "photos/{user}/0", '{{"key": "photos/{user}/0"}}', "photos/"],
)
def test_a_cursor_made_for_another_user_leads_nowhere_else(
    two_with_cursors: tuple[User, User], inside: str
) -> None:
    mallory, victim = two_with_cursors
    text = inside.format(user=victim.id)
    for cursor in (
        text,
        base64.b64encode(text.encode()).decode(),
        tokens.encode(text.encode()),
    ):
        assert only_their_own(mallory, cursor)


# User names, which a public client may choose freely in the pool, and other issuers' ids


@pytest.fixture
def minted(http: httpx.Client, id_key: tokens.Key, caller: User) -> Callable[..., User]:
    """minted(sub=…, name=…): a user for whom the pool signs a token with these claims."""
    claims = tokens.decode(caller.id_token)[1]

    def make(sub: str | None = None, name: str = "ann") -> User:
        sub = unique("sub") if sub is None else sub
        return User(http, name, id_key.sign(claims | {"cognito:username": name, "sub": sub}))

    return make


#: A sub (`{}` is a part of its own), and the one segment that it becomes.
STRANGE_SUBS = {
    "..": "%2E%2E",
    ".": "%2E",
    "../{}": "..%2F{}",
    "{}/x": "{}%2Fx",
    "{} x": "{}%20x",
    "{}~x": "{}%7Ex",
    "{}%2Fx": "{}%252Fx",
    "{}é": "{}%C3%A9",
    "{}😀": "{}%F0%9F%98%80",
    "{}\\x": "{}%5Cx",
    "{}*": "{}%2A",
    "{}\n": "{}%0A",
    "{}a.b_c-d+e@f": "{}a.b_c-d+e@f",
    "auth0~{}": "auth0%7E{}",
    "auth0|{}": "auth0%7C{}",
}


@pytest.mark.local_cloud
@pytest.mark.parametrize("shape", STRANGE_SUBS)
def test_any_id_is_one_safe_segment(minted: Callable[..., User], bucket: Bucket, shape: str) -> None:
    part = unique("u")
    user, segment = minted(shape.format(part)), STRANGE_SUBS[shape].format(part)
    assert user.me()["id"] == segment
    stored = user.upload(photo())["filename"]
    try:
        assert bucket.list(f"photos/{segment}/{stored}") == [f"photos/{segment}/{stored}"]
    finally:
        user.post("/delete", json={"file": stored})


STRANGE_NAMES = [
    "..",
    ".",
    "../{}",
    "{}/x",
    "{} x",
    "{}~x",
    "{}%2Fx",
    "{}é",
    "{}😀",
    "{}\\x",
    "{}*",
    "{}\n",
    "{}a.b_c-d+e@f",
    "partner~{}",
    "x" * 513,
]


@pytest.mark.local_cloud
@pytest.mark.parametrize("shape", STRANGE_NAMES)
def test_no_user_name_is_part_of_a_key(
    minted: Callable[..., User], bucket: Bucket, victim: User, shape: str
) -> None:
    user = minted(name=shape.format(victim.id))
    assert user.names() == []
    assert (user.me()["id"], user.me()["user"]) == (user.id, user.name)
    stored = user.upload(photo())["filename"]
    assert bucket.list(f"photos/{user.id}/") == [f"photos/{user.id}/{stored}"]
    assert untouched(victim)


@pytest.mark.local_cloud
def test_users_of_one_name_share_nothing(minted: Callable[..., User]) -> None:
    """A name is taken again once its user is deleted."""
    former, newcomer = minted(), minted()
    stored = former.upload(photo())["filename"]
    assert (former.names(), newcomer.names()) == ([stored], [])
    assert newcomer.post("/delete", json={"file": stored}).status_code == 404
    assert former.names() == [stored]


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "shape",
    ["{}/", "{}/.", "./{}", "x/../{}", "{}%2F", "{}\0", "{} ", " {}", "%2e%2e/{}", "/{}", "../photos/{}"],
)
def test_no_id_leads_into_another_users_folder(minted: Callable[..., User], victim: User, shape: str) -> None:
    user = minted(shape.format(victim.id))
    response = user.post("/list", json={})
    assert response.status_code == 200, response.text
    assert response.json()["photos"] == []


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "sub, status",
    [("x" * 512, 200), ("x" * 513, 403), ("/" * 170, 200), ("/" * 171, 403), ("x" * 5000, 403)],
    ids=["512", "513", "510 encoded", "513 encoded", "5,000"],
)
def test_an_id_of_at_most_512_bytes_is_taken(minted: Callable[..., User], sub: str, status: int) -> None:
    assert minted(sub).post("/list", json={}).status_code == status


@pytest.mark.local_cloud
@pytest.mark.parametrize("claim", ["sub", "cognito:username"])
def test_a_user_claim_that_is_no_text_is_refused(
    http: httpx.Client, functions: Functions, id_key: tokens.Key, caller: User, claim: str
) -> None:
    claims = tokens.decode(caller.id_token)[1]
    without = {name: value for name, value in claims.items() if name != claim}
    for forged in (without, *(claims | {claim: value} for value in (5, None, "", ["ann"], {"x": 1}, True))):
        token = id_key.sign(forged)
        assert http.post("/list", headers={"Authorization": token}).status_code in (401, 403), forged
        assert_problem(functions.call("/list", token), 401)


@pytest.mark.local_cloud
@pytest.mark.parametrize("sub", ["../{victim}", "{victim}/..", "..", "{victim}%2F.."])
def test_a_strange_id_cannot_delete_another_users_photo(
    minted: Callable[..., User], victim: User, sub: str
) -> None:
    user = minted(sub.format(victim=victim.id))
    for file in (victim.target, f"../{victim.id}/{victim.target}", f"{victim.id}/{victim.target}"):
        assert user.post("/delete", json={"file": file}).status_code in (400, 404)
    assert untouched(victim)
