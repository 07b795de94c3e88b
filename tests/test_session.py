"""Log-out, and the refresh token in a cookie: "Log-out" and "Session cookie" in docs/api.md."""

from collections.abc import Iterator
from http.cookies import Morsel, SimpleCookie
from typing import Any

import httpx
import pytest

import service
from conftest import PASSWORD, unique
from service import Settings, User, assert_problem, words
from test_mfa import Member
from test_mfa import protected as protected
from test_mfa import started as started
from test_users import TOKENS
from test_users import invited as invited
from test_users import member as member

CHOICE = {"X-Session": "cookie"}
NAME = "__Host-session"


@pytest.fixture
def browser(settings: Settings) -> Iterator[httpx.Client]:
    """A client without cookies. Tests send them by hand, since Python sends secure ones only with HTTPS."""
    with service.client(settings.base_url) as client:
        yield client


def cookie(response: httpx.Response) -> Morsel[str]:
    """The one cookie that a response sets."""
    (header,) = response.headers.get_list("set-cookie")
    cookies = SimpleCookie(header)
    assert list(cookies) == [NAME], header
    return cookies[NAME]


def sent(token: str) -> dict[str, str]:
    return CHOICE | {"Cookie": f"theme=dark; {NAME}={token}"}


def log_in(browser: httpx.Client, name: str, **headers: str) -> httpx.Response:
    response = browser.post("/login", json={"username": name, "password": PASSWORD}, headers=headers)
    browser.cookies.clear()
    return response


@pytest.fixture
def refresh_token(browser: httpx.Client, member: dict[str, str]) -> str:
    return str(log_in(browser, member["username"]).json()["refresh_token"])


# Log-out


def test_a_log_out_revokes_the_refresh_token(http: httpx.Client, refresh_token: str) -> None:
    assert http.post("/login/refresh", json={"refresh_token": refresh_token}).status_code == 200
    for _ in range(2):
        response = http.post("/logout", json={"refresh_token": refresh_token})
        assert (response.status_code, response.content) == (204, b"")
    assert_problem(http.post("/login/refresh", json={"refresh_token": refresh_token}), 401)


def test_a_log_out_revokes_the_access_token_for_the_pool(http: httpx.Client, member: dict[str, str]) -> None:
    tokens = log_in(http, member["username"]).json()
    later = http.post("/login/refresh", json={"refresh_token": tokens["refresh_token"]}).json()
    assert http.post("/logout", json={"refresh_token": tokens["refresh_token"]}).status_code == 204
    for access_token in (tokens["access_token"], later["access_token"]):
        response = http.post("/me/mfa", headers={"Authorization": f"Bearer {access_token}"})
        assert_problem(response, 401)


def test_a_log_out_ends_no_other_log_in(http: httpx.Client, member: dict[str, str]) -> None:
    one, other = (log_in(http, member["username"]).json()["refresh_token"] for _ in range(2))
    assert http.post("/logout", json={"refresh_token": one}).status_code == 204
    assert http.post("/login/refresh", json={"refresh_token": other}).status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 5000, "ä\n"])
def test_an_invalid_token_is_logged_out_too(http: httpx.Client, token: str) -> None:
    assert http.post("/logout", json={"refresh_token": token}).status_code == 204


@pytest.mark.parametrize("token", ["id_token", "access_token"])
def test_no_other_token_logs_out(http: httpx.Client, caller: User, token: str) -> None:
    assert http.post("/logout", json={"refresh_token": getattr(caller, token)}).status_code == 204
    assert caller.get("/me").status_code == 200


@pytest.mark.parametrize(
    "body, status", [({}, 422), ({"refresh_token": 7}, 422), (None, 400), ([], 400)], ids=str
)
def test_a_log_out_without_a_token_is_refused(http: httpx.Client, body: Any, status: int) -> None:
    assert_problem(http.post("/logout", json=body), status)


# The cookie


def test_a_log_in_can_keep_the_refresh_token_from_scripts(
    browser: httpx.Client, member: dict[str, str]
) -> None:
    response = log_in(browser, member["username"], **CHOICE)
    assert response.status_code == 200, response.text
    assert set(response.json()) == TOKENS - {"refresh_token"}
    kept = cookie(response)
    assert kept.value and kept.value not in response.text
    assert (kept["httponly"], kept["secure"], kept["samesite"]) == (True, True, "Strict")
    assert (kept["path"], kept["domain"], kept["max-age"]) == ("/", "", str(30 * 24 * 3600))


def test_without_the_header_there_is_no_cookie(browser: httpx.Client, member: dict[str, str]) -> None:
    response = log_in(browser, member["username"])
    assert "set-cookie" not in response.headers
    assert set(response.json()) == TOKENS


def test_the_cookie_refreshes_until_the_log_out(browser: httpx.Client, member: dict[str, str]) -> None:
    token = cookie(log_in(browser, member["username"], **CHOICE)).value
    response = browser.post("/login/refresh", headers=sent(token))
    assert response.status_code == 200, response.text
    assert set(response.json()) == TOKENS - {"refresh_token"}
    assert response.json()["credentials"] == member["username"]
    assert "set-cookie" not in response.headers

    ended = browser.post("/logout", headers=sent(token))
    assert (ended.status_code, ended.content) == (204, b"")
    assert (cookie(ended).value, cookie(ended)["max-age"], cookie(ended)["path"]) == ("", "0", "/")
    assert_problem(browser.post("/login/refresh", headers=sent(token)), 401)


def test_a_cookie_without_the_header_does_nothing(browser: httpx.Client, refresh_token: str) -> None:
    headers = {"Cookie": f"{NAME}={refresh_token}"}
    assert_problem(browser.post("/login/refresh", headers=headers), 400)
    assert_problem(browser.post("/logout", headers=headers), 400)
    assert browser.post("/login/refresh", headers=sent(refresh_token)).status_code == 200


def test_a_missing_cookie_is_told_what_an_invalid_one_is(browser: httpx.Client) -> None:
    missing = browser.post("/login/refresh", headers=CHOICE)
    assert_problem(missing, 401)
    assert words(browser.post("/login/refresh", headers=sent("x"))) == words(missing)
    assert browser.post("/logout", headers=CHOICE).status_code == 204


@pytest.mark.parametrize("path", ["/login", "/login/mfa", "/login/new_password", "/login/refresh", "/logout"])
def test_another_kind_of_session_is_refused(browser: httpx.Client, path: str) -> None:
    assert_problem(browser.post(path, json={}, headers={"X-Session": "local-storage"}), 400)


def test_a_code_of_the_second_factor_can_set_the_cookie(browser: httpx.Client, protected: Member) -> None:
    session = protected.log_in().json()["session"]
    body = {"username": protected.user.name, "session": session, "code": protected.app.code()}
    response = browser.post("/login/mfa", json=body, headers=CHOICE)
    assert "refresh_token" not in response.json()
    assert browser.post("/login/refresh", headers=sent(cookie(response).value)).status_code == 200


def test_a_new_password_can_set_the_cookie(browser: httpx.Client, invited: str) -> None:
    session = log_in(browser, invited).json()["session"]
    body = {"username": invited, "session": session, "new_password": unique("another-horse-8")}
    response = browser.post("/login/new_password", json=body, headers=CHOICE)
    assert "refresh_token" not in response.json()
    assert browser.post("/login/refresh", headers=sent(cookie(response).value)).status_code == 200


def test_the_cookie_is_no_token(browser: httpx.Client, refresh_token: str, settings: Settings) -> None:
    """Routes that need a token never read the cookie."""
    response = browser.get("/me", headers=sent(refresh_token))
    assert response.status_code == settings.refusal
