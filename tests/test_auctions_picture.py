"""`PATCH /auctions/{id}/picture`."""

import base64
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import auctions
from auctions import assert_auction, create, show
from conftest import Bucket
from photos import FORMATS, has_metadata, looks_like, photo
from service import MAX_UPLOAD, User, assert_problem

UNKNOWN = "0193a000-0000-7000-8000-000000000000"


@pytest.fixture
def seller(make_user: Callable[..., User]) -> User:
    """A seller of this test alone: a user may have only 20 open auctions."""
    return make_user()


@pytest.fixture
def auction(seller: User) -> dict[str, Any]:
    return create(seller)


def put(user: User, auction: dict[str, Any], **request: Any) -> httpx.Response:
    return user.call("PATCH", f"/auctions/{auction['id']}/picture", **request)


def assert_shows(auction: dict[str, Any], data: bytes) -> None:
    """The picture is a small JPEG file without metadata that shows the photo."""
    assert_auction(auction)
    served = httpx.get(auction["picture_url"])
    assert (served.status_code, served.headers["content-type"]) == (200, "image/jpeg")
    assert looks_like(served.content, data)
    assert not has_metadata(served.content)


@pytest.mark.parametrize("kind", FORMATS)
def test_every_kind_of_photo_is_shown(seller: User, auction: dict[str, Any], kind: str) -> None:
    response = put(seller, auction, content=photo(kind))
    assert response.status_code == 200, response.text
    assert_shows(response.json(), photo(kind))


@pytest.mark.parametrize(
    "form", ["raw", "form type", "base64", "wrapped base64", "data address", "part", "base64 part", "json"]
)
def test_a_picture_may_come_in_many_forms(seller: User, auction: dict[str, Any], form: str) -> None:
    data = photo("jpg")
    text = base64.b64encode(data).decode()
    requests: dict[str, dict[str, Any]] = {
        "raw": {"content": data, "headers": {"Content-Type": "image/jpeg"}},
        "form type": {"content": data, "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        "base64": {"content": text, "headers": {"Content-Type": "text/plain"}},
        "wrapped base64": {"content": base64.encodebytes(data)},
        "data address": {"content": f"data:image/jpeg;base64,{text}"},
        "part": {"files": {"file": ("a.png", data, "image/png")}},
        "base64 part": {"files": {"file": ("a.txt", text, "text/plain")}},
        "json": {"json": {"file": text}},
    }
    response = put(seller, auction, **requests[form])
    assert response.status_code == 200, response.text
    assert_shows(response.json(), data)


def test_it_is_shown_wherever_the_auction_is(
    seller: User, auction: dict[str, Any], make_user: Callable[..., User]
) -> None:
    put(seller, auction, content=photo("png"))
    stranger = make_user()
    assert_shows(show(stranger, auction), photo("png"))
    assert_shows(
        stranger.call("PATCH", f"/auctions/{auction['id']}/bid", json={"amount": 5}).json(),
        photo("png"),
    )


def test_it_is_private(seller: User, auction: dict[str, Any]) -> None:
    url = put(seller, auction, content=photo("png")).json()["picture_url"]
    assert httpx.get(url.partition("?")[0]).status_code == 403


def test_a_replaced_picture_is_removed(seller: User, auction: dict[str, Any], bucket: Bucket) -> None:
    for kind in ("png", "jpg", "jpg"):
        put(seller, auction, content=photo(kind))
    keys = bucket.list(f"auctions/{auction['id']}/")
    assert len(keys) == 1 and keys[0].endswith(".jpg")
    assert_shows(show(seller, auction), photo("jpg"))


@pytest.mark.parametrize(
    "data",
    [b"hello", base64.b64encode(b"hello"), b"BMW is a maker of cars", b"%PDF-1.7", photo()[:50]],
    ids=["text", "base64", "like bmp", "pdf", "cut off"],
)
def test_what_is_no_photo_is_refused(
    seller: User, auction: dict[str, Any], bucket: Bucket, data: bytes
) -> None:
    assert_problem(put(seller, auction, content=data, headers={"Content-Type": "image/jpeg"}), 415)
    assert bucket.list(f"auctions/{auction['id']}/") == []


def test_an_empty_body_cannot_be_read(seller: User, auction: dict[str, Any]) -> None:
    assert_problem(put(seller, auction), 400)


def test_the_limit_counts_decoded_bytes(seller: User, auction: dict[str, Any], bucket: Bucket) -> None:
    full = photo("jpg").ljust(MAX_UPLOAD, b"\0")
    assert put(seller, auction, content=base64.b64encode(full)).status_code == 200
    assert put(seller, auction, content=full).status_code == 200
    for body in (full + b"\0", base64.b64encode(full + b"\0")):
        assert assert_problem(put(seller, auction, content=body), 413)["limit"] == MAX_UPLOAD
    assert len(bucket.list(f"auctions/{auction['id']}/")) == 1


def test_nobody_else_may_set_it(
    seller: User, auction: dict[str, Any], make_user: Callable[..., User], bucket: Bucket
) -> None:
    assert assert_problem(put(make_user(), auction, content=photo()), 403)["type"].endswith(":not-the-seller")
    assert bucket.list(f"auctions/{auction['id']}/") == []


@pytest.mark.parametrize("name", [UNKNOWN, "x"])
def test_an_unknown_auction_is_not_found(seller: User, bucket: Bucket, name: str) -> None:
    assert_problem(put(seller, {"id": name}, content=photo()), 404)
    assert bucket.list(f"auctions/{name}/") == []


def test_an_ended_auction_keeps_its_picture(
    seller: User, auction: dict[str, Any], backstage: auctions.Backstage, bucket: Bucket
) -> None:
    put(seller, auction, content=photo("png"))
    backstage.end(auction)
    assert assert_problem(put(seller, auction, content=photo("jpg")), 409)["type"].endswith(":auction-closed")
    assert_shows(show(seller, auction), photo("png"))
    assert len(bucket.list(f"auctions/{auction['id']}/")) == 1


def test_pictures_that_come_at_once_leave_one_that_is_there(
    seller: User, auction: dict[str, Any], bucket: Bucket
) -> None:
    pictures = [photo("jpg", seed) for seed in range(8)]
    with ThreadPoolExecutor(8) as pool:
        responses = list(pool.map(lambda data: put(seller, auction, content=data), pictures))
    assert [response.status_code for response in responses] == [200] * 8
    assert len(bucket.list(f"auctions/{auction['id']}/")) == 1
    shown = httpx.get(show(seller, auction)["picture_url"]).content
    assert any(looks_like(shown, data) for data in pictures)
