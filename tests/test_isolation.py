"""No user reaches another user's photos."""

import base64
from collections.abc import Callable
from urllib.parse import quote

import httpx
import pytest

import archives
import tokens
from conftest import Bucket, unique
from photos import photo
from service import User

# Paths to another user's photo, relative to one's own folder: {user} is the other user, {name} the photo.
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
    name = PATHS[path].format(user=victim.name, name=victim.target)
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
    name = PATHS[path].format(user=victim.name, name=victim.target)
    request = {"json": {"json": {"file": name}}, "query": {"params": {"file": name}}}[way]
    assert caller.post("/delete", **request).status_code in (400, 404)
    assert untouched(victim)


@pytest.mark.parametrize("path", PATHS)
def test_an_upload_never_lands_in_another_folder(user: User, victim: User, bucket: Bucket, path: str) -> None:
    name = PATHS[path].format(user=victim.name, name=victim.target)
    response = user.post(
        "/upload_single_photo",
        content=photo(),
        params={"filename": name},
        headers={"Content-Type": "image/jpeg"},
    )
    assert response.status_code == 201
    assert bucket.list(f"photos/{user.name}/") == [f"photos/{user.name}/{response.json()['filename']}"]
    assert "/" not in response.json()["filename"]
    assert untouched(victim)


def test_an_archive_never_lands_in_another_folder(user: User, victim: User, bucket: Bucket) -> None:
    names = [path.format(user=victim.name, name=victim.target) for path in PATHS.values()]
    report = user.unzip(archives.build([archives.Entry(name, photo()) for name in names]))
    stored = sorted(f"photos/{user.name}/{item['filename']}" for item in report.stored)
    assert sorted(bucket.list(f"photos/{user.name}/")) == stored
    assert untouched(victim)


# Names with a common prefix


@pytest.fixture
def alike(make_user: Callable[..., User]) -> tuple[User, User]:
    """Two users with one photo each; one user's name is a prefix of the other's."""
    name = unique("ann")
    ann, anna = make_user(name), make_user(name + "a")
    ann.target = ann.upload(photo("jpg", 1), "a.jpg")["filename"]
    anna.target = anna.upload(photo("jpg", 2), "a.jpg")["filename"]
    return ann, anna


@pytest.mark.parametrize("suffix", ["a", "-", ".", "_", "0", "@example.com"])
def test_a_name_that_begins_like_another_shares_nothing_with_it(
    make_user: Callable[..., User], suffix: str
) -> None:
    name = unique("ann")
    ann, anna = make_user(name), make_user(name + suffix)
    hers = anna.upload(photo(), "a.jpg")["filename"]
    assert (ann.names(), anna.names()) == ([], [hers])


@pytest.mark.parametrize("way", ["a/{}", "a{}", "../{user}/{}", "{user}/{}"])
def test_a_name_that_begins_like_another_is_not_reached_by_what_is_missing(
    alike: tuple[User, User], way: str
) -> None:
    ann, anna = alike
    name = way.format(anna.target, user=anna.name)
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
        rewritten = encode(inside.replace(mallory.name.encode(), victim.name.encode())).decode()
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
    text = inside.format(user=victim.name)
    for cursor in (
        text,
        base64.b64encode(text.encode()).decode(),
        tokens.encode(text.encode()),
    ):
        assert only_their_own(mallory, cursor)


# User names that POST /signup would refuse: a public client may create any name in the pool.


@pytest.fixture
def minted(http: httpx.Client, id_key: tokens.Key, caller: User) -> Callable[[str], User]:
    """minted(name): a user whose token, signed by the pool, has that name."""
    claims = tokens.decode(caller.id_token)[1]
    return lambda name: User(
        http, name, id_key.sign(claims | {"cognito:username": name, "sub": unique("sub")})
    )


STRANGE_NAMES = {
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
}


@pytest.mark.local_cloud
@pytest.mark.parametrize("shape", STRANGE_NAMES)
def test_any_user_name_is_one_folder(minted: Callable[[str], User], bucket: Bucket, shape: str) -> None:
    part = unique("u")
    user, folder = minted(shape.format(part)), STRANGE_NAMES[shape].format(part)
    stored = user.upload(photo())["filename"]
    try:
        assert bucket.list(f"photos/{folder}/{stored}") == [f"photos/{folder}/{stored}"]
    finally:
        user.post("/delete", json={"file": stored})


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "shape",
    ["{}/", "{}/.", "./{}", "x/../{}", "{}%2F", "{}\0", "{} ", " {}", "%2e%2e/{}", "/{}", "../photos/{}"],
)
def test_no_user_name_leads_into_another_users_folder(
    minted: Callable[[str], User], victim: User, shape: str
) -> None:
    user = minted(shape.format(victim.name))
    response = user.post("/list", json={})
    assert response.status_code == 200, response.text
    assert response.json()["photos"] == []


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "name, status",
    [("x" * 512, 200), ("x" * 513, 403), ("/" * 170, 200), ("/" * 171, 403), ("x" * 5000, 403)],
    ids=["512", "513", "510 encoded", "513 encoded", "5,000"],
)
def test_a_user_name_has_an_end(minted: Callable[[str], User], name: str, status: int) -> None:
    assert minted(name).post("/list", json={}).status_code == status


@pytest.mark.local_cloud
def test_a_name_claim_that_is_no_text_is_refused(
    http: httpx.Client, id_key: tokens.Key, caller: User
) -> None:
    claims = tokens.decode(caller.id_token)[1]
    for name in (5, None, "", ["ann"], {"x": 1}):
        response = http.post(
            "/list", headers={"Authorization": id_key.sign(claims | {"cognito:username": name})}
        )
        assert response.status_code in (401, 403), name


@pytest.mark.local_cloud
@pytest.mark.parametrize("name", ["../{victim}", "{victim}/..", "..", "{victim}%2F.."])
def test_a_strange_user_name_cannot_delete_another_users_photo(
    minted: Callable[[str], User], victim: User, name: str
) -> None:
    user = minted(name.format(victim=victim.name))
    for file in (victim.target, f"../{victim.name}/{victim.target}", f"{victim.name}/{victim.target}"):
        assert user.post("/delete", json={"file": file}).status_code in (400, 404)
    assert untouched(victim)
