"""The shape of every refusal, and how requests are read: the parts "Requests" and "Errors"."""

import json

import pytest

from conftest import unique
from photos import photo
from service import assert_problem, words

USER_ROUTES = [
    "/signup",
    "/confirm",
    "/confirm/resend",
    "/login",
    "/login/new_password",
    "/login/refresh",
    "/password/forgot",
    "/password/reset",
]
PARAMETER_ROUTES = ["/list", "/download", "/delete"]
UPLOAD_ROUTES = ["/upload_single_photo", "/unzip"]

# One request for each kind of refusal: (who asks, method, path, request, status).
REFUSALS = {
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


def ask(kind, http, caller):
    who, method, path, request, status = REFUSALS[kind]
    return (caller.call if who == "caller" else http.request)(method, path, **request), status


@pytest.mark.parametrize("kind", REFUSALS)
def test_every_refusal_is_a_problem(http, caller, kind):
    answer, status = ask(kind, http, caller)
    assert_problem(answer, status)


@pytest.mark.parametrize("kind", REFUSALS)
def test_a_refusal_tells_nothing_of_the_inside(http, caller, kind):
    answer, _ = ask(kind, http, caller)
    text = json.dumps(words(answer)).lower()
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


def test_the_same_refusal_has_the_same_type(http, caller):
    for kind in REFUSALS:
        first, second = ask(kind, http, caller)[0].json(), ask(kind, http, caller)[0].json()
        assert (first["type"], first["title"]) == (second["type"], second["title"])


def test_refusals_of_different_status_have_different_types(http, caller):
    seen = {}
    for kind in REFUSALS:
        answer, status = ask(kind, http, caller)
        assert seen.setdefault(answer.json()["type"], status) == status


def test_every_request_has_its_own_id(http):
    ids = {http.post("/login", json={}).json()["request_id"] for _ in range(5)}
    assert len(ids) == 5


# What the gateway refuses is in its own form


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
def test_an_unknown_route_or_method_is_the_gateways_404(http, method, path):
    answer = http.request(method, path)
    assert answer.status_code == 404
    assert "message" in answer.json()


def test_a_missing_token_is_refused_by_the_gateway(http, settings):
    answer = http.post("/list")
    assert answer.status_code == settings.refusal
    assert "message" in answer.json()


@pytest.mark.local_cloud
def test_a_browser_of_any_origin_may_read_the_answers(http):
    answer = http.post("/login", json={}, headers={"Origin": "https://example.com"})
    assert answer.headers["access-control-allow-origin"] in ("*", "https://example.com")


@pytest.mark.local_cloud
def test_a_browser_may_send_a_token_from_any_origin(http):
    answer = http.request(
        "OPTIONS",
        "/list",
        headers={
            "Origin": "https://example.com",
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )
    assert answer.status_code in (200, 204)
    allowed = answer.headers["access-control-allow-headers"].lower()
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


def typed(content_type):
    return {"Content-Type": content_type} if content_type else {}


@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_user_route_reads_json_whatever_its_content_type(http, content_type):
    body = json.dumps({"username": unique("nobody"), "password": "wrong-horse-1"})
    assert_problem(http.post("/login", content=body, headers=typed(content_type)), 401)


@pytest.mark.parametrize("path", PARAMETER_ROUTES)
@pytest.mark.parametrize("content_type", CONTENT_TYPES)
def test_a_parameter_route_reads_json_whatever_its_content_type(caller, path, content_type):
    body = json.dumps({"filename": "nothing.jpg", "limit": 5})
    answer = caller.post(path, content=body, headers=typed(content_type))
    assert answer.status_code == (200 if path == "/list" else 404)


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
def test_unreadable_json_is_refused_by_every_user_route(http, path, body):
    assert_problem(http.post(path, content=UNREADABLE[body], headers=typed("application/json")), 400)


@pytest.mark.parametrize("path", PARAMETER_ROUTES + UPLOAD_ROUTES)
@pytest.mark.parametrize("body", ["half", "array", "null"])
def test_unreadable_json_is_refused_by_every_photo_route(caller, path, body):
    assert_problem(caller.post(path, content=UNREADABLE[body], headers=typed("application/json")), 400)


@pytest.mark.parametrize("body", UNREADABLE)
def test_every_kind_of_unreadable_json_is_refused(http, body):
    assert_problem(http.post("/login", content=UNREADABLE[body], headers=typed("application/json")), 400)


def test_json_that_is_no_utf8_is_refused(http):
    """Under a type that the gateway hands on as bytes: what is `application/json` it makes text of first."""
    body = b'{"username": "ann", "password": "\xff"}'
    assert_problem(http.post("/login", content=body, headers=typed("application/octet-stream")), 400)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_an_empty_body_is_refused_by_every_user_route(http, path):
    assert_problem(http.post(path), 400)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_an_empty_object_breaks_the_rules_of_every_user_route(http, path):
    assert_problem(http.post(path, json={}), 422)


@pytest.mark.parametrize("path", USER_ROUTES)
def test_a_form_is_read_by_every_user_route(http, path):
    """Every member is there, and none is right: no refusal names one as missing."""
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
    answer = http.post(path, data=everything)
    if path in ("/confirm/resend", "/password/forgot"):
        assert answer.status_code == 202
    else:
        assert_problem(answer, {"/signup": 422, "/confirm": 422, "/password/reset": 422}.get(path, 401))


@pytest.mark.parametrize("kind", ["form", "json"])
def test_a_member_may_hold_any_text(http, kind):
    body = {"username": unique("nobody"), "password": 'päss wörd+%&=😀 " \\ 7'}
    assert_problem(http.post("/login", **{{"form": "data", "json": "json"}[kind]: body}), 401)


def test_members_that_nobody_asked_for_do_no_harm(http):
    body = {"username": unique("nobody"), "password": "wrong-horse-1", "x": {"y": [1, None]}}
    assert_problem(http.post("/login", json=body), 401)


def test_an_answer_is_json_in_snake_case(user):
    stored = user.upload(photo())
    names = (
        set(stored)
        | set(user.post("/list", json={}).json())
        | set(user.get("/download", params={"filename": stored["filename"]}).json())
    )
    assert all(name == name.lower() and "-" not in name for name in names)
