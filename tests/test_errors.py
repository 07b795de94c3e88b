"""How requests are read and refusals are written: "Requests" and "Errors" in docs/api.md."""

import json
from typing import Any

import httpx
import pytest

from conftest import unique
from functions import Functions
from photos import photo
from service import Settings, User, assert_problem, words

USER_ROUTES = [
    "/signup",
    "/confirm",
    "/confirm/resend",
    "/login",
    "/login/mfa",
    "/login/mfa/setup",
    "/login/new_password",
    "/login/refresh",
    "/logout",
    "/password/forgot",
    "/password/reset",
]
PARAMETER_ROUTES = ["/list", "/download", "/delete"]
UPLOAD_ROUTES = ["/upload_single_photo", "/unzip"]

# One request for each kind of refusal: (who asks, method, path, request, status).
REFUSALS: dict[str, tuple[str, str, str, dict[str, Any], int]] = {
    "unreadable json": ("nobody", "POST", "/login", {"content": "{"}, 400),
    "broken rules": ("nobody", "POST", "/signup", {"json": {}}, 422),
    "wrong password": (
        "nobody",
        "POST",
        "/login",
        {"json": {"username": "nobody-of-ours", "password": "wrong-horse-1"}},
        401,
    ),
    "bad refresh token": ("nobody", "POST", "/login/refresh", {"json": {"refresh_token": "x"}}, 401),
    "wrong code": (
        "nobody",
        "POST",
        "/confirm",
        {"json": {"username": "nobody-of-ours", "code": "000000"}},
        422,
    ),
    "wrong parameter": ("caller", "POST", "/list", {"json": {"limit": 0}}, 400),
    "wrong cursor": ("caller", "POST", "/list", {"json": {"cursor": "x"}}, 400),
    "missing parameter": ("caller", "POST", "/download", {"json": {}}, 400),
    "no such photo": ("caller", "POST", "/delete", {"json": {"file": "x.jpg"}}, 404),
    "no photo": ("caller", "POST", "/upload_single_photo", {"content": b"text"}, 415),
    "undecodable": ("caller", "POST", "/upload_single_photo", {"json": {"file": "!"}}, 422),
    "no archive": ("caller", "POST", "/unzip", {"content": b"text"}, 400),
    "too large": ("caller", "POST", "/unzip", {"content": b"\0" * 4_194_305}, 413),
}


def ask(kind: str, http: httpx.Client, caller: User) -> tuple[httpx.Response, int]:
    who, method, path, request, status = REFUSALS[kind]
    return (caller.call if who == "caller" else http.request)(method, path, **request), status


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_refusal_is_a_problem(http: httpx.Client, caller: User, kind: str) -> None:
    response, status = ask(kind, http, caller)
    assert_problem(response, status)


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_tells_nothing_of_the_inside(http: httpx.Client, caller: User, kind: str) -> None:
    response, _ = ask(kind, http, caller)
    text = json.dumps(words(response)).lower()
    for word in (
        "exception",
        "panicked",
        "src/",
        ".rs",
        "aws",
        "cognito",
        "serde",
        "hyper",
        "lambda",
        "bucket",
        "s3",
        "service error",
    ):
        assert word not in text


def test_the_same_refusal_has_the_same_type(http: httpx.Client, caller: User) -> None:
    for kind in REFUSALS:
        first, second = ask(kind, http, caller)[0].json(), ask(kind, http, caller)[0].json()
        assert (first["type"], first["title"]) == (second["type"], second["title"])


def test_refusals_of_different_status_have_different_types(http: httpx.Client, caller: User) -> None:
    seen: dict[str, int] = {}
    for kind in REFUSALS:
        response, status = ask(kind, http, caller)
        assert seen.setdefault(response.json()["type"], status) == status


def test_every_request_has_its_own_id(http: httpx.Client) -> None:
    ids = {http.post("/login", json={}).json()["request_id"] for _ in range(5)}
    assert len(ids) == 5


# Refusals by the gateway have its own format


@pytest.mark.parametrize(
    "method, path",
    [
        ("POST", "/nothing"),
        ("GET", "/"),
        ("GET", "/list"),
        ("DELETE", "/delete"),
        ("PUT", "/login"),
        ("POST", "/list/"),
        ("POST", "/LIST"),
        ("GET", "/login"),
    ],
)
def test_an_unknown_route_or_method_is_the_gateways_404(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, path)
    assert response.status_code == 404
    assert "message" in response.json()


@pytest.mark.authorizer
def test_a_missing_token_is_refused_by_the_gateway(http: httpx.Client, settings: Settings) -> None:
    response = http.post("/list")
    assert response.status_code == settings.refusal
    assert "message" in response.json()


@pytest.mark.local_cloud
def test_a_browser_of_any_origin_may_read_the_responses(http: httpx.Client) -> None:
    response = http.post("/login", json={}, headers={"Origin": "https://example.com"})
    assert response.headers["access-control-allow-origin"] in ("*", "https://example.com")


@pytest.mark.local_cloud
def test_a_browser_may_send_a_token_from_any_origin(http: httpx.Client) -> None:
    response = http.request(
        "OPTIONS",
        "/list",
        headers={
            "Origin": "https://example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert response.status_code in (200, 204)
    allowed = response.headers["access-control-allow-headers"].lower()
    assert allowed == "*" or "authorization" in allowed


# How requests are read


CONTENT_TYPES = [
    None,
    "application/json",
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
    "application/problem+json",
    "nonsense",
    "multipart/form-data; boundary=x",
]


def typed(content_type: str | None) -> dict[str, str]:
    return {"Content-Type": content_type} if content_type else {}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_user_route_reads_json_whatever_its_content_type(
    http: httpx.Client, content_type: str | None
) -> None:
    body = json.dumps({"username": unique("nobody"), "password": "wrong-horse-1"})
    assert_problem(http.post("/login", content=body, headers=typed(content_type)), 401)


@pytest.mark.parametrize("path", PARAMETER_ROUTES)
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_parameter_route_reads_json_whatever_its_content_type(
    caller: User, path: str, content_type: str | None
) -> None:
    body = json.dumps({"limit": 5} if path == "/list" else {"filename": "nothing.jpg"})
    response = caller.post(path, content=body, headers=typed(content_type))
    assert response.status_code == (200 if path == "/list" else 404)


UNREADABLE = {
    "half": b"{",
    "array": b"[]",
    "text": b'"x"',
    "null": b"null",
    "number": b"5",
    "no json": b"username",
    "trailing comma": b'{"a":1,}',
    "two objects": b"{}{}",
    "lone surrogate": b'{"username":"\\ud800"}',
    "very deep": b'{"a":' + b"[" * 100_000,
    "single quotes": b"{'a':1}",
    "bom alone": b"\xef\xbb\xbf",
}


@pytest.mark.parametrize("path", USER_ROUTES)
@pytest.mark.parametrize("body", ["half", "array", "null"])
def test_unreadable_json_is_refused_by_every_user_route(http: httpx.Client, path: str, body: Any) -> None:
    assert_problem(http.post(path, content=UNREADABLE[body], headers=typed("application/json")), 400)


@pytest.mark.parametrize("path", PARAMETER_ROUTES + UPLOAD_ROUTES)
@pytest.mark.parametrize("body", ["half", "array", "null"])
def test_unreadable_json_is_refused_by_every_photo_route(caller: User, path: str, body: Any) -> None:
    assert_problem(caller.post(path, content=UNREADABLE[body], headers=typed("application/json")), 400)


@pytest.mark.parametrize("body", UNREADABLE)
def test_every_kind_of_unreadable_json_is_refused(http: httpx.Client, body: Any) -> None:
    assert_problem(http.post("/login", content=UNREADABLE[body], headers=typed("application/json")), 400)


def test_json_that_is_no_utf8_is_refused(http: httpx.Client) -> None:
    """The type is one that the gateway passes on as bytes: it would decode `application/json` itself."""
    body = b'{"username": "ann", "password": "\xff"}'
    assert_problem(http.post("/login", content=body, headers=typed("application/octet-stream")), 400)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_an_empty_body_is_refused_by_every_user_route(http: httpx.Client, path: str) -> None:
    assert_problem(http.post(path), 400)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_an_empty_object_breaks_the_rules_of_every_user_route(http: httpx.Client, path: str) -> None:
    assert_problem(http.post(path, json={}), 422)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_a_form_is_read_by_every_user_route(http: httpx.Client, path: str) -> None:
    """Every member is present and wrong: no refusal calls one missing."""
    name = unique("nobody")
    everything = {
        "username": name,
        "password": "short-1",
        "email": f"{name}@example.com",
        "code": "000000",
        "session": "x" * 40,
        "new_password": "another-horse-8-battery",
        "refresh_token": "x",
    }
    response = http.post(path, data=everything)
    accepted = {"/confirm/resend": 202, "/password/forgot": 202, "/logout": 204}
    if path in accepted:
        assert response.status_code == accepted[path]
    else:
        assert_problem(response, {"/signup": 422, "/confirm": 422, "/password/reset": 422}.get(path, 401))


@pytest.mark.parametrize("kind", ["form", "json"])
def test_a_member_may_hold_any_text(http: httpx.Client, kind: str) -> None:
    body = {"username": unique("nobody"), "password": 'päss wörd+%&=😀 " \\ 7'}
    response = http.post("/login", json=body) if kind == "json" else http.post("/login", data=body)
    assert_problem(response, 401)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_an_unknown_form_field_is_ignored(http: httpx.Client, path: str) -> None:
    """A form often has fields of its own, such as the name of its button."""
    unknown = http.post(path, data={"unknown": "x"})
    assert "/unknown" not in [error["pointer"] for error in assert_problem(unknown, 422)["errors"]]


def test_a_response_is_json_in_snake_case(user: User) -> None:
    stored = user.upload(photo())
    names = (
        set(stored)
        | set(user.post("/list", json={}).json())
        | set(user.get("/download", params={"filename": stored["filename"]}).json())
    )
    assert all(name == name.lower() and "-" not in name for name in names)


MALFORMED = [
    {"host": "a b"},
    {"host": "["},
    {"host": "x:99999"},
    {"host": "é"},
    {"x-forwarded-proto": "a b"},
    {"x-forwarded-proto": ":"},
    {"x-forwarded-port": "é"},
    {"x-forwarded-for": "é, 1"},
    {"x-note": "é"},
    {"x-note": "\x85"},
    {"if-none-match": "é"},
]


@pytest.mark.local_cloud
def test_a_malformed_header_ends_no_process(functions: Functions, caller: User) -> None:
    for headers in MALFORMED:
        response = functions.call("/photos/months", caller.id_token, headers=headers)
        assert response.status_code == 200, headers


def test_a_latin_1_header_is_ignored(caller: User) -> None:
    response = caller.get("/photos/months", headers={"X-Note": "é".encode("latin-1")})
    assert response.status_code == 200
