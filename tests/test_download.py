"""`POST /download` and `GET /download`: the redirect, and the photo that it leads to."""

import contextlib
import http.client
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

import httpx
import pytest

from photos import FORMATS, NAMES_TO_ENCODE, photo
from service import Settings, User, assert_problem

NAMES = [
    "holiday.jpg",
    *NAMES_TO_ENCODE,
    'quo"te.jpg',
    "semi;colon.jpg",
    "back`tick'.jpg",
]


@pytest.fixture
def one(user: User) -> tuple[User, str]:
    """A user with one photo, and its name."""
    return user, user.upload(photo(), "holiday.jpg")["filename"]


def asked(user: User, way: str, filename: str, **more: Any) -> httpx.Response:
    """Asks for a download in one of the ways that the contract allows."""
    if way == "get":
        return user.get("/download", params={"filename": filename}, **more)
    if way == "query":
        return user.post("/download", params={"filename": filename}, **more)
    return user.post("/download", **{{"form": "data", "json": "json"}[way]: {"filename": filename}}, **more)


def name_in(header: str) -> str:
    """The file name in a Content-Disposition header; the extended form wins (RFC 6266)."""
    if extended := re.search(r"filename\*=UTF-8''([^;]+)", header, re.IGNORECASE):
        return unquote(extended[1])
    if quoted := re.search(r'filename="((?:[^"\\]|\\.)*)"', header):
        return re.sub(r"\\(.)", r"\1", quoted[1])
    bare = re.search(r"filename=([^;]+)", header)
    assert bare, header
    return bare[1]


@pytest.mark.parametrize("way", ["get", "query", "form", "json"])
def test_a_download_is_a_redirect(one: tuple[User, str], way: str) -> None:
    user, name = one
    response = asked(user, way, name)
    assert response.status_code == 303, response.text
    assert response.json() == {"filename": name, "url": response.headers["location"], "expires_in": 900}


@pytest.mark.parametrize(
    "accept",
    [
        "application/json",
        "text/html, application/json;q=0.9",
        "application/json; charset=utf-8",
        "APPLICATION/JSON",
    ],
)
@pytest.mark.parametrize("way", ["get", "json"])
def test_whoever_asks_for_json_gets_no_redirect(one: tuple[User, str], way: str, accept: str) -> None:
    user, name = one
    response = asked(user, way, name, headers={"Accept": accept})
    assert response.status_code == 200
    assert "location" not in response.headers
    assert set(response.json()) == {"filename", "url", "expires_in"}


@pytest.mark.parametrize("accept", ["*/*", "application/*", "image/*", "text/html", ""])
def test_whoever_does_not_ask_for_json_is_redirected(one: tuple[User, str], accept: str) -> None:
    user, name = one
    assert user.get("/download", params={"filename": name}, headers={"Accept": accept}).status_code == 303


def test_the_address_is_good_for_a_quarter_of_an_hour(one: tuple[User, str]) -> None:
    user, name = one
    url = user.get("/download", params={"filename": name}).headers["location"]
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["900"]


def test_the_address_needs_no_token(one: tuple[User, str]) -> None:
    user, name = one
    url = user.get("/download", params={"filename": name}).headers["location"]
    assert httpx.get(url).content == photo()


@pytest.mark.parametrize("way", ["get", "query", "form", "json"])
def test_a_client_that_follows_gets_the_bytes(one: tuple[User, str], way: str) -> None:
    user, name = one
    response = asked(user, way, name, follow_redirects=True)
    assert response.content == photo()


def test_a_client_that_follows_leaves_its_token_behind(one: tuple[User, str], settings: Settings) -> None:
    user, name = one
    response = user.get("/download", params={"filename": name}, follow_redirects=True)
    assert response.url.host != urlsplit(settings.base_url).hostname
    assert "authorization" not in response.request.headers


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_is_served_with_its_type(user: User, kind: str) -> None:
    assert user.fetch(user.upload(photo(kind))["filename"]).headers["content-type"] == FORMATS[kind][1]


@pytest.mark.parametrize("name", NAMES)
def test_a_photo_is_served_as_an_attachment_under_its_original_name(user: User, name: str) -> None:
    disposition = user.fetch(user.upload(photo(), name)["filename"]).headers["content-disposition"]
    assert (disposition.partition(";")[0], name_in(disposition)) == ("attachment", name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("way", ["get", "query", "form", "json"])
def test_a_photo_of_any_name_is_found(user: User, name: str, way: str) -> None:
    stored = user.upload(photo(), name)["filename"]
    assert asked(user, way, stored, follow_redirects=True).content == photo()


@pytest.mark.parametrize("parameter", ["response-content-type", "response-content-disposition"])
def test_what_a_browser_is_told_cannot_be_changed(one: tuple[User, str], parameter: str) -> None:
    user, name = one
    url = urlsplit(user.get("/download", params={"filename": name}).headers["location"])
    pairs = [pair for pair in url.query.split("&") if not pair.startswith(parameter)]
    changed = url._replace(query="&".join([*pairs, f"{parameter}=text%2Fhtml"])).geturl()
    assert httpx.get(changed).status_code == 403


def test_the_signature_is_for_one_photo(one: tuple[User, str]) -> None:
    user, name = one
    other = user.upload(photo("png"), "other.png")["filename"]
    url = user.get("/download", params={"filename": name}).headers["location"]
    assert httpx.get(url.replace(quote(name), quote(other))).status_code == 403


@pytest.mark.parametrize("name", ["<a>", '"quoted"'])
def test_a_query_that_is_not_encoded_is_answered(caller: User, settings: Settings, name: str) -> None:
    url = urlsplit(f"{settings.base_url}/download?filename={name}")
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    connection = kind(url.netloc)
    with contextlib.closing(connection):
        connection.request("GET", f"{url.path}?{url.query}", headers={"Authorization": caller.id_token})
        status = connection.getresponse().status
    # A real gateway may refuse the request before a function sees it.
    assert status == 404 or (status == 400 and not settings.local)


@pytest.mark.parametrize("way", ["get", "query", "form", "json"])
@pytest.mark.parametrize(
    "name", ["20240504T123456789Z_photo.jpg", "nothing-of-ours.jpg", "photo", "😀", "x" * 2000]
)
def test_an_unknown_photo_is_not_found(caller: User, name: str, way: str) -> None:
    assert_problem(asked(caller, way, name), 404)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "/", "a/b.jpg", "../x.jpg", "\0", "a\\b.jpg", "\ud7ff", "\n"]
)
def test_what_cannot_be_a_photo_is_not_found_or_refused(caller: User, name: str) -> None:
    response = caller.post("/download", json={"filename": name})
    assert response.status_code in (400, 404)
    assert_problem(response, response.status_code)


@pytest.mark.parametrize(
    "request_",
    [{}, {"json": {}}, {"data": {"file": "x"}}, {"params": {"name": "x"}}],
    ids=["nothing", "empty object", "another parameter", "another in the query"],
)
def test_a_missing_name_is_refused(caller: User, request_: Any) -> None:
    assert_problem(caller.post("/download", **request_), 400)


def test_a_missing_name_is_refused_in_a_get_too(caller: User) -> None:
    assert_problem(caller.get("/download"), 400)


@pytest.mark.parametrize("name", [None, ["x"], {"x": 1}, True])
def test_a_name_that_is_no_text_is_refused(caller: User, name: str) -> None:
    assert_problem(caller.post("/download", json={"filename": name}), 400)


@pytest.mark.parametrize(
    "request_",
    [
        {"params": [("filename", "a.jpg"), ("filename", "b.jpg")]},
        {
            "content": "filename=a.jpg&filename=b.jpg",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        {"params": {"filename": "a.jpg"}, "data": {"filename": "b.jpg"}},
        {"params": {"filename": "a.jpg"}, "json": {"filename": "b.jpg"}},
    ],
    ids=["query twice", "form twice", "query and form", "query and json"],
)
def test_two_different_names_are_refused(caller: User, request_: Any) -> None:
    assert_problem(caller.post("/download", **request_), 400)


@pytest.mark.parametrize(
    "request_",
    [
        lambda name: {"params": [("filename", name), ("filename", name)]},
        lambda name: {"params": {"filename": name}, "json": {"filename": name}},
    ],
    ids=["query twice", "query and json"],
)
def test_one_name_given_twice_is_found(one: tuple[User, str], request_: Any) -> None:
    user, name = one
    assert user.post("/download", **request_(name)).status_code == 303


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize("name", ["holiday.jpg", "my holiday.jpg"])
def test_curl_saves_the_photo_under_its_name(
    user: User, settings: Settings, tmp_path: Path, name: str
) -> None:
    stored = user.upload(photo(), name)["filename"]
    command = [
        "curl",
        "-sS",
        "-f",
        "-L",
        "-OJ",
        "-H",
        f"Authorization: {user.id_token}",
        "--data-urlencode",
        f"filename={stored}",
        f"{settings.base_url}/download",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=180)
    assert [(file.name, file.read_bytes()) for file in tmp_path.iterdir()] == [(name, photo())]
