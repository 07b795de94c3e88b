"""The second factor: "Second factor" in docs/api.md.

The local cloud checks codes, but not the session of a log-in, and it limits no attempts. The unit tests in
lambdas/src/users/tests.rs show what the service makes of Cognito's refusals.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest

from conftest import unique
from issuer import Issuer
from service import Settings, User, assert_problem, words
from test_users import TOKENS
from tokens import decode
from totp import Authenticator, code_of

WRONG_FORMS = ["", "12345", "1234567", "abcdef", "12 3456"]


def kind(body: dict[str, Any]) -> str:
    """The last part of a problem's type."""
    return str(body["type"]).rpartition(":")[2]


@dataclass
class Member:
    """A user who sends the access token."""

    http: httpx.Client
    user: User
    app: Authenticator

    def call(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.user.access_token}"}
        return self.http.request(method, path, headers=headers, **request)

    def confirm(self, code: str) -> httpx.Response:
        return self.call("POST", "/me/mfa/confirm", json={"code": code})

    def end(self, code: str) -> httpx.Response:
        return self.call("DELETE", "/me/mfa", json={"code": code})

    def log_in(self) -> httpx.Response:
        return self.http.post("/login", json={"username": self.user.name, "password": self.user.password})

    def finish(self, session: str, code: str, **changes: str) -> httpx.Response:
        body = {"username": self.user.name, "session": session, "code": code}
        return self.http.post("/login/mfa", json=body | changes)


@pytest.fixture
def started(http: httpx.Client, make_user: Callable[..., User], settings: Settings) -> Member:
    """A user whose second factor is not active yet."""
    user = make_user()
    response = http.post("/me/mfa", headers={"Authorization": f"Bearer {user.access_token}"})
    assert response.status_code == 200, response.text
    return Member(http, user, Authenticator(response.json()["secret"], reuse=settings.local))


@pytest.fixture
def protected(started: Member) -> Member:
    """A user whose second factor is active."""
    response = started.confirm(started.app.code())
    assert (response.status_code, response.content) == (204, b"")
    return started


def test_the_codes_are_those_of_the_rfc() -> None:
    """RFC 6238, appendix B, without the first two of its eight digits."""
    key = b"12345678901234567890"
    assert [code_of(key, seconds // 30) for seconds in (59, 1111111109, 2000000000)] == [
        "287082",
        "081804",
        "279037",
    ]


def test_the_uri_has_the_name_and_the_secret(http: httpx.Client, make_user: Callable[..., User]) -> None:
    user = make_user(f"{unique('mfa')}+x@example.com")
    body = http.post("/me/mfa", headers={"Authorization": f"Bearer {user.access_token}"}).json()
    assert set(body) == {"secret", "uri"}
    uri = urlsplit(body["uri"])
    assert (uri.scheme, uri.netloc, unquote(uri.path)) == ("otpauth", "totp", f"/yourplace:{user.name}")
    assert parse_qs(uri.query) == {"secret": [body["secret"]], "issuer": ["yourplace"]}


def test_a_second_factor_is_not_active_before_its_first_code(started: Member) -> None:
    assert_problem(started.confirm(started.app.wrong_code()), 422, "/code")
    assert started.log_in().status_code == 200


@pytest.mark.parametrize("code", WRONG_FORMS)
def test_what_is_no_code_confirms_nothing(started: Member, code: str) -> None:
    assert_problem(started.confirm(code), 422, "/code")


def test_a_code_without_a_secret_confirms_nothing(http: httpx.Client, make_user: Callable[..., User]) -> None:
    response = Member(http, make_user(), Authenticator("")).confirm("123456")
    assert_problem(response, 422, "/code")


def test_a_later_secret_replaces_one_that_is_not_active(started: Member, settings: Settings) -> None:
    later = Authenticator(started.call("POST", "/me/mfa").json()["secret"], reuse=settings.local)
    assert_problem(started.confirm(started.app.code()), 422, "/code")
    assert started.confirm(later.code()).status_code == 204


def test_with_a_second_factor_a_log_in_takes_a_password_and_a_code(protected: Member) -> None:
    body = assert_problem(protected.log_in(), 409)
    assert kind(body) == "mfa-required"
    response = protected.finish(body["session"], protected.app.code())
    assert response.status_code == 200, response.text
    assert set(response.json()) == TOKENS
    assert response.json()["credentials"] == protected.user.name
    assert decode(response.json()["jwt"])[1]["sub"] == protected.user.id


def test_a_wrong_password_never_asks_for_a_code(protected: Member) -> None:
    body = {"username": protected.user.name, "password": "wrong-horse-1"}
    assert_problem(protected.http.post("/login", json=body), 401)


def test_a_wrong_code_does_not_log_in_or_tell_who_exists(protected: Member) -> None:
    session = protected.log_in().json()["session"]
    refusal = protected.finish(session, protected.app.wrong_code())
    assert kind(assert_problem(refusal, 401)) == "wrong-credentials"
    unknown = protected.finish(session, "123456", username=unique("nobody"))
    assert words(unknown) == words(refusal)
    for code in WRONG_FORMS[1:]:
        assert words(protected.finish(session, code)) == words(refusal)


@pytest.mark.not_local_cloud("it does not look at the session of a second factor")
def test_a_made_up_session_gets_the_words_of_a_wrong_code(protected: Member) -> None:
    session = protected.log_in().json()["session"]
    refusal = protected.finish(session, protected.app.wrong_code())
    assert words(protected.finish("x" * 40, protected.app.code())) == words(refusal)


def test_an_active_second_factor_is_not_replaced(protected: Member) -> None:
    assert kind(assert_problem(protected.call("POST", "/me/mfa"), 409)) == "mfa-active"
    session = protected.log_in().json()["session"]
    assert protected.finish(session, protected.app.code()).status_code == 200


def test_only_a_code_ends_the_second_factor(protected: Member) -> None:
    assert_problem(protected.end(protected.app.wrong_code()), 422, "/code")
    assert_problem(protected.call("DELETE", "/me/mfa", json={}), 422, "/code")
    assert_problem(protected.call("DELETE", "/me/mfa"), 400)
    assert protected.log_in().status_code == 409
    response = protected.end(protected.app.code())
    assert (response.status_code, response.content) == (204, b"")
    assert protected.log_in().status_code == 200
    assert kind(assert_problem(protected.end("123456"), 404)) == "mfa-not-active"


ROUTES = [("POST", "/me/mfa"), ("POST", "/me/mfa/confirm"), ("DELETE", "/me/mfa")]


@pytest.mark.parametrize("method, path", ROUTES)
def test_the_id_token_is_not_enough(caller: User, method: str, path: str) -> None:
    body = assert_problem(caller.call(method, path, json={"code": "123456"}), 403)
    assert kind(body) == "access-token-required"


@pytest.mark.second_issuer
@pytest.mark.authorizer("lambda")
@pytest.mark.parametrize("method, path", ROUTES)
def test_a_user_of_another_issuer_has_no_second_factor_here(
    http: httpx.Client, issuer: Issuer, method: str, path: str
) -> None:
    other = issuer.user(http, unique())
    assert kind(assert_problem(other.call(method, path, json={"code": "123456"}), 403)) == "not-a-pool-user"


@pytest.mark.parametrize("path", ["/login/mfa", "/login/mfa/setup"])
def test_a_log_in_with_a_code_names_every_missing_member(http: httpx.Client, path: str) -> None:
    assert_problem(http.post(path, json={}), 422, "/username", "/session", "/code")


@pytest.mark.local_cloud
def test_a_mandatory_second_factor_is_set_up_with_its_first_code(
    http: httpx.Client, make_user: Callable[..., User], cognito: Any
) -> None:
    """The local cloud never demands this in a log-in, so the session comes from the pool itself."""
    user, setup = make_user(), cognito.associate_software_token(Session="x" * 20)
    app = Authenticator(setup["SecretCode"], reuse=True)
    body = {"username": user.name, "session": setup["Session"]}
    wrong = http.post("/login/mfa/setup", json=body | {"code": app.wrong_code()})
    assert kind(assert_problem(wrong, 401)) == "wrong-credentials"
    response = http.post("/login/mfa/setup", json=body | {"code": app.code()})
    assert response.status_code == 200, response.text
    assert set(response.json()) == TOKENS


def test_a_made_up_session_sets_up_nothing(http: httpx.Client, caller: User) -> None:
    body = {"username": caller.name, "session": "x" * 40, "code": "123456"}
    assert kind(assert_problem(http.post("/login/mfa/setup", json=body), 401)) == "wrong-credentials"
