"""Sign-up, log-in and forgotten passwords: "Users" in docs/api.md."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from conftest import PASSWORD, Pool, unique
from service import Settings, User, assert_problem, words
from tokens import decode

NEW_PASSWORD = "another-horse-8-battery"
TOKENS = {"jwt", "credentials", "access_token", "refresh_token", "token_type", "expires_in"}


@pytest.fixture
def login(http: httpx.Client) -> Callable[..., httpx.Response]:
    return lambda name, password=PASSWORD: http.post("/login", json={"username": name, "password": password})


@pytest.fixture
def newcomer(http: httpx.Client, pool: Pool) -> dict[str, str]:
    """The sign-up of a user who does not exist yet."""
    name = unique("new")
    pool.made.append(name)
    return {"username": name, "password": PASSWORD, "email": f"{name}@example.com"}


@pytest.fixture
def signed_up(http: httpx.Client, newcomer: dict[str, str]) -> dict[str, str]:
    """A user who signed up and has not confirmed."""
    response = http.post("/signup", json=newcomer)
    assert response.status_code == 201, response.text
    return newcomer


@pytest.fixture
def member(pool: Pool) -> dict[str, str]:
    """A confirmed user: {username, email}, with the password PASSWORD."""
    name = unique("member")
    return {"username": name, "email": pool.add(name)}


# Sign-up


def test_a_sign_up_says_who_was_made_and_where_the_code_went(
    http: httpx.Client, newcomer: dict[str, str]
) -> None:
    response = http.post("/signup", json=newcomer)
    assert response.status_code == 201, response.text
    body = response.json()
    assert body["username"] == newcomer["username"]
    assert body["confirmed"] is False
    assert set(body["delivery"]) == {"medium", "destination"}
    assert body["delivery"]["medium"].lower() == "email"


def test_a_form_signs_up_too(http: httpx.Client, newcomer: dict[str, str]) -> None:
    assert http.post("/signup", data=newcomer).status_code == 201


def test_a_user_name_is_kept_in_lower_case(http: httpx.Client, newcomer: dict[str, str]) -> None:
    response = http.post("/signup", json=newcomer | {"username": newcomer["username"].upper()})
    assert response.json()["username"] == newcomer["username"]


@pytest.mark.parametrize("change", [str, str.upper], ids=["as it is", "in upper case"])
def test_a_taken_name_is_a_conflict(
    http: httpx.Client, signed_up: dict[str, str], change: Callable[..., Any]
) -> None:
    assert_problem(http.post("/signup", json=signed_up | {"username": change(signed_up["username"])}), 409)


@pytest.mark.parametrize(
    "shape",
    ["{}@example.com", "{}.x", "{}_x", "{}+tag", "{}-", "1{}", "{:x<128}"],
    ids=["email address", "dot", "underscore", "plus", "hyphen", "digit first", "128 characters"],
)
def test_a_name_that_fits_the_rules_is_taken(
    http: httpx.Client, newcomer: dict[str, str], pool: Pool, shape: str
) -> None:
    name = shape.format(newcomer["username"])
    pool.made[-1] = name
    response = http.post("/signup", json=newcomer | {"username": name})
    assert (response.status_code, response.json().get("username")) == (201, name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x" * 129,
        ".",
        "..",
        "a b",
        "ann/bob",
        "../ann",
        "ann\\bob",
        "änn",
        "ann~",
        "ann%2f",
        "ann\n",
        "ann\0",
        "😀",
        "ann,bob",
        "ann'",
        "user-",
        "user-abcdefghij",
        "User-Ann",
    ],
)
def test_a_name_that_breaks_the_rules_is_refused(
    http: httpx.Client, newcomer: dict[str, str], name: str
) -> None:
    assert_problem(http.post("/signup", json=newcomer | {"username": name}), 422, "/username")


@pytest.mark.parametrize("password", ["short-1", "", "only-letters-here", "123456789012345"])
def test_a_weak_password_is_refused(http: httpx.Client, newcomer: dict[str, str], password: str) -> None:
    assert_problem(http.post("/signup", json=newcomer | {"password": password}), 422, "/password")


def test_a_weak_password_is_refused_in_the_pools_own_words(
    http: httpx.Client, newcomer: dict[str, str]
) -> None:
    body = assert_problem(http.post("/signup", json=newcomer | {"password": "short-1"}), 422)
    assert "Password" in body["errors"][0]["detail"]


@pytest.mark.parametrize("email", ["", "nobody", "@", "a b@example.com"])
def test_what_is_no_email_address_is_refused(
    http: httpx.Client, newcomer: dict[str, str], email: str
) -> None:
    assert_problem(http.post("/signup", json=newcomer | {"email": email}), 422, "/email")


@pytest.mark.parametrize("member_name", ["username", "password", "email"])
@pytest.mark.parametrize("wrong", [None, 7, ["x"], {"x": 1}], ids=["null", "number", "array", "object"])
def test_a_member_of_the_wrong_type_is_refused(
    http: httpx.Client, newcomer: dict[str, str], member_name: str, wrong: Any
) -> None:
    assert_problem(http.post("/signup", json=newcomer | {member_name: wrong}), 422, f"/{member_name}")


def test_everything_wrong_is_said_at_once(http: httpx.Client) -> None:
    assert_problem(http.post("/signup", json={}), 422, "/username", "/password", "/email")


# Confirmation


@pytest.mark.local_cloud
def test_the_code_from_the_mail_confirms(
    http: httpx.Client,
    signed_up: dict[str, str],
    code_for: Callable[..., str],
    login: Callable[..., httpx.Response],
) -> None:
    code = code_for(signed_up["email"])
    response = http.post("/confirm", json={"username": signed_up["username"], "code": code})
    assert (response.status_code, response.content) == (204, b"")
    assert login(signed_up["username"]).status_code == 200


@pytest.mark.local_cloud
def test_a_user_confirms_under_any_case_of_the_name(
    http: httpx.Client, signed_up: dict[str, str], code_for: Callable[..., str]
) -> None:
    code = code_for(signed_up["email"])
    assert (
        http.post("/confirm", json={"username": signed_up["username"].upper(), "code": code}).status_code
        == 204
    )


def test_a_wrong_code_does_not_confirm(http: httpx.Client, signed_up: dict[str, str]) -> None:
    assert_problem(http.post("/confirm", json={"username": signed_up["username"], "code": "000000"}), 422)


@pytest.mark.parametrize("who", ["unknown", "confirmed"])
def test_confirming_does_not_tell_who_exists(
    http: httpx.Client, signed_up: dict[str, str], member: dict[str, str], who: str
) -> None:
    other = {"unknown": unique("nobody"), "confirmed": member["username"]}[who]
    wrong_code = http.post("/confirm", json={"username": signed_up["username"], "code": "000000"})
    assert words(http.post("/confirm", json={"username": other, "code": "000000"})) == words(wrong_code)


@pytest.mark.parametrize(
    "path, body, pointers",
    [
        ("/confirm", {}, ["/username", "/code"]),
        ("/confirm", {"username": "ann"}, ["/code"]),
        ("/confirm/resend", {}, ["/username"]),
        ("/login", {}, ["/username", "/password"]),
        ("/login", {"username": "ann"}, ["/password"]),
        ("/login", {"username": 1, "password": 2}, ["/username", "/password"]),
        ("/login/new_password", {}, ["/username", "/session", "/new_password"]),
        ("/login/refresh", {}, ["/refresh_token"]),
        ("/login/refresh", {"refresh_token": 5}, ["/refresh_token"]),
        ("/password/forgot", {}, ["/username"]),
        ("/password/reset", {}, ["/username", "/code", "/new_password"]),
    ],
)
def test_missing_members_are_all_named(http: httpx.Client, path: str, body: Any, pointers: list[str]) -> None:
    assert_problem(http.post(path, json=body), 422, *pointers)


@pytest.mark.local_cloud
def test_another_code_comes_when_asked_for(
    http: httpx.Client,
    signed_up: dict[str, str],
    code_for: Callable[..., str],
    login: Callable[..., httpx.Response],
) -> None:
    response = http.post("/confirm/resend", json={"username": signed_up["username"]})
    assert response.status_code == 202
    code = code_for(signed_up["email"], mails=2)
    assert http.post("/confirm", json={"username": signed_up["username"], "code": code}).status_code == 204


@pytest.mark.parametrize("who", ["unknown", "confirmed"])
def test_asking_for_another_code_does_not_tell_who_exists(
    http: httpx.Client, signed_up: dict[str, str], member: dict[str, str], who: str
) -> None:
    other = {"unknown": unique("nobody"), "confirmed": member["username"]}[who]
    known = http.post("/confirm/resend", json={"username": signed_up["username"]})
    unknown = http.post("/confirm/resend", json={"username": other})
    assert known.status_code == 202
    assert words(unknown) == words(known)


# Log-in


def test_a_name_that_sign_up_refuses_may_log_in(
    http: httpx.Client, pool: Pool, login: Callable[..., httpx.Response]
) -> None:
    """An operator may have made it before the rule."""
    name = unique("user")
    pool.add(name)
    assert login(name).status_code == 200
    for path in ("/confirm/resend", "/password/forgot"):
        assert http.post(path, json={"username": name}).status_code == 202
    assert_problem(http.post("/confirm", json={"username": name, "code": "000000"}), 422, "/code")


def test_a_log_in_gives_every_token(login: Callable[..., httpx.Response], member: dict[str, str]) -> None:
    response = login(member["username"])
    assert response.status_code == 200, response.text
    body = response.json()
    assert set(body) == TOKENS
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600


def test_the_jwt_of_a_log_in_is_the_id_token(
    login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    _, claims = decode(login(member["username"]).json()["jwt"])
    assert (claims["token_use"], claims["email"]) == ("id", member["email"])


def test_the_access_token_of_a_log_in_is_one(
    login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    _, claims = decode(login(member["username"]).json()["access_token"])
    assert claims["token_use"] == "access"


@pytest.mark.parametrize("token", ["jwt", "access_token"])
def test_both_tokens_of_a_log_in_are_good_for_the_photos(
    http: httpx.Client, login: Callable[..., httpx.Response], member: dict[str, str], token: str
) -> None:
    headers = {"Authorization": login(member["username"]).json()[token]}
    assert http.post("/list", headers=headers).status_code == 200


@pytest.mark.parametrize("change", [str, str.upper], ids=["as it is", "in upper case"])
def test_a_log_in_takes_any_case_and_gives_the_name_back_as_given(
    login: Callable[..., httpx.Response], member: dict[str, str], change: Callable[..., Any]
) -> None:
    name = change(member["username"])
    response = login(name)
    assert (response.status_code, response.json().get("credentials")) == (200, name)


def test_a_form_logs_in_too(http: httpx.Client, member: dict[str, str]) -> None:
    response = http.post("/login", data={"username": member["username"], "password": PASSWORD})
    assert response.status_code == 200


@pytest.mark.parametrize("path", ["/login", "/signup", "/password/forgot", "/login/refresh"])
def test_the_user_routes_never_read_the_query_string(
    http: httpx.Client, member: dict[str, str], path: str
) -> None:
    everything = {
        "username": member["username"],
        "password": PASSWORD,
        "email": "x@example.com",
        "refresh_token": "x",
    }
    assert_problem(http.post(path, params=everything), 400)


def test_a_wrong_password_is_refused(login: Callable[..., httpx.Response], member: dict[str, str]) -> None:
    assert_problem(login(member["username"], "wrong-horse-1"), 401)


def test_a_log_in_does_not_tell_who_exists(
    login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    wrong, unknown = login(member["username"], "wrong-horse-1"), login(unique("nobody"), "wrong-horse-1")
    assert words(unknown) == words(wrong)


@pytest.mark.parametrize("name", ["../x", "a b", "ä", "x" * 200, "😀", "x" * 3000])
def test_an_impossible_name_is_told_what_an_unknown_one_is(
    login: Callable[..., httpx.Response], name: str
) -> None:
    assert words(login(name, "wrong-horse-1")) == words(login(unique("nobody"), "wrong-horse-1"))


def test_fifty_wrong_log_ins_get_the_words_of_an_unknown_user(
    login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    def attempts(name: str) -> list[tuple[int, dict[str, Any]]]:
        with ThreadPoolExecutor(8) as workers:
            return list(workers.map(lambda count: words(login(name, f"wrong-horse-{count}")), range(50)))

    known, unknown = attempts(member["username"]), attempts(unique("nobody"))
    assert {status for status, _ in known + unknown} <= {401, 429}
    told = {status: body for status, body in unknown}
    assert all(body == told.get(status, body) for status, body in known)


def test_a_user_who_did_not_confirm_cannot_log_in(
    login: Callable[..., httpx.Response], signed_up: dict[str, str]
) -> None:
    assert_problem(login(signed_up["username"]), 403)


def test_a_refusal_never_repeats_the_password(
    login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    assert "wrong-horse-1" not in login(member["username"], "wrong-horse-1").text


# A new password is due


@pytest.fixture
def invited(pool: Pool) -> str:
    """A user whom the operator invited: the first log-in demands a new password."""
    name = unique("invited")
    pool.add(name, permanent=False)
    return name


def test_a_log_in_says_that_a_new_password_is_due(login: Callable[..., httpx.Response], invited: str) -> None:
    body = assert_problem(login(invited), 409)
    assert body["session"] and isinstance(body["session"], str)


def test_a_new_password_logs_in(
    http: httpx.Client, login: Callable[..., httpx.Response], invited: str
) -> None:
    session = login(invited).json()["session"]
    response = http.post(
        "/login/new_password", json={"username": invited, "session": session, "new_password": NEW_PASSWORD}
    )
    assert response.status_code == 200, response.text
    assert set(response.json()) == TOKENS
    assert response.json()["credentials"] == invited


def test_a_new_password_holds(http: httpx.Client, login: Callable[..., httpx.Response], invited: str) -> None:
    session = login(invited).json()["session"]
    http.post(
        "/login/new_password", json={"username": invited, "session": session, "new_password": NEW_PASSWORD}
    )
    assert login(invited, NEW_PASSWORD).status_code == 200


@pytest.mark.not_local_cloud("it does not look at the session of a due password")
def test_a_made_up_session_is_refused(http: httpx.Client, invited: str) -> None:
    response = http.post(
        "/login/new_password", json={"username": invited, "session": "x" * 40, "new_password": NEW_PASSWORD}
    )
    assert_problem(response, 401)


def test_a_new_password_for_an_unknown_user_is_refused(http: httpx.Client) -> None:
    body = {"username": unique("nobody"), "session": "x" * 40, "new_password": NEW_PASSWORD}
    assert_problem(http.post("/login/new_password", json=body), 401)


@pytest.mark.not_local_cloud("it takes any password when one is due")
def test_a_weak_new_password_is_refused(
    http: httpx.Client, login: Callable[..., httpx.Response], invited: str
) -> None:
    session = login(invited).json()["session"]
    response = http.post(
        "/login/new_password", json={"username": invited, "session": session, "new_password": "short-1"}
    )
    assert_problem(response, 422, "/new_password")


# Refresh


def test_a_refresh_token_gives_new_tokens(
    http: httpx.Client, login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    refresh_token = login(member["username"]).json()["refresh_token"]
    response = http.post("/login/refresh", json={"refresh_token": refresh_token})
    assert response.status_code == 200, response.text
    assert set(response.json()) == TOKENS - {"refresh_token"}
    assert response.json()["credentials"] == member["username"]


def test_a_refreshed_jwt_is_good_for_the_photos(
    http: httpx.Client, login: Callable[..., httpx.Response], member: dict[str, str]
) -> None:
    refresh_token = login(member["username"]).json()["refresh_token"]
    jwt = http.post("/login/refresh", json={"refresh_token": refresh_token}).json()["jwt"]
    assert http.post("/list", headers={"Authorization": jwt}).status_code == 200


@pytest.mark.parametrize("token", ["x", "a.b.c", "x" * 5000])
def test_a_made_up_refresh_token_is_refused(http: httpx.Client, token: str) -> None:
    assert_problem(http.post("/login/refresh", json={"refresh_token": token}), 401)


@pytest.mark.parametrize("kind", ["id_token", "access_token"])
def test_no_other_token_refreshes(http: httpx.Client, caller: User, kind: str) -> None:
    assert_problem(http.post("/login/refresh", json={"refresh_token": getattr(caller, kind)}), 401)


# A forgotten password


@pytest.mark.local_cloud
def test_the_code_from_the_mail_sets_a_new_password(
    http: httpx.Client,
    login: Callable[..., httpx.Response],
    member: dict[str, str],
    code_for: Callable[..., str],
) -> None:
    assert http.post("/password/forgot", json={"username": member["username"]}).status_code == 202
    reset = {"username": member["username"], "code": code_for(member["email"]), "new_password": NEW_PASSWORD}
    response = http.post("/password/reset", json=reset)
    assert (response.status_code, response.content) == (204, b"")
    assert login(member["username"], NEW_PASSWORD).status_code == 200


@pytest.fixture
def forgetful(http: httpx.Client, member: dict[str, str], code_for: Callable[..., str]) -> dict[str, str]:
    """The reset of a member who asked for a code and received it."""
    assert http.post("/password/forgot", json={"username": member["username"]}).status_code == 202
    return {"username": member["username"], "code": code_for(member["email"]), "new_password": NEW_PASSWORD}


@pytest.mark.local_cloud
def test_the_old_password_is_gone_after_a_reset(
    http: httpx.Client, login: Callable[..., httpx.Response], forgetful: dict[str, str]
) -> None:
    http.post("/password/reset", json=forgetful)
    assert_problem(login(forgetful["username"]), 401)


@pytest.mark.local_cloud
def test_a_code_resets_once(http: httpx.Client, forgetful: dict[str, str]) -> None:
    assert http.post("/password/reset", json=forgetful).status_code == 204
    assert_problem(http.post("/password/reset", json=forgetful), 410)


@pytest.mark.local_cloud
def test_a_wrong_code_resets_nothing(
    http: httpx.Client, login: Callable[..., httpx.Response], forgetful: dict[str, str]
) -> None:
    assert_problem(http.post("/password/reset", json=forgetful | {"code": "000000"}), 422)
    assert login(forgetful["username"]).status_code == 200


@pytest.mark.local_cloud
def test_a_weak_password_is_refused_in_a_reset(http: httpx.Client, forgetful: dict[str, str]) -> None:
    assert_problem(
        http.post("/password/reset", json=forgetful | {"new_password": "short-1"}), 422, "/new_password"
    )


@pytest.mark.local_cloud
def test_a_reset_does_not_tell_who_exists(http: httpx.Client, forgetful: dict[str, str]) -> None:
    wrong = http.post("/password/reset", json=forgetful | {"code": "000000"})
    unknown = http.post("/password/reset", json=forgetful | {"code": "000000", "username": unique("nobody")})
    assert words(unknown) == words(wrong)


@pytest.mark.parametrize("who", ["unknown", "not confirmed"])
def test_forgetting_a_password_does_not_tell_who_exists(
    http: httpx.Client, signed_up: dict[str, str], member: dict[str, str], who: str
) -> None:
    other = {"unknown": unique("nobody"), "not confirmed": signed_up["username"]}[who]
    known = http.post("/password/forgot", json={"username": member["username"]})
    assert known.status_code == 202
    assert words(http.post("/password/forgot", json={"username": other})) == words(known)


# The pool itself


@pytest.mark.parametrize(
    "operation, more",
    [
        ("sign_up", {"Password": PASSWORD, "UserAttributes": [{"Name": "email", "Value": "x@example.com"}]}),
        ("confirm_sign_up", {"ConfirmationCode": "000000"}),
        ("resend_confirmation_code", {}),
        ("forgot_password", {}),
        ("confirm_forgot_password", {"ConfirmationCode": "000000", "Password": PASSWORD}),
    ],
)
def test_nobody_gets_past_the_service_to_the_pool(
    cognito: Any, settings: Settings, member: dict[str, str], operation: str, more: dict[str, Any]
) -> None:
    """These operations need no IAM permission, only the secret of the client."""
    name = unique("new") if operation == "sign_up" else member["username"]
    for wrong in ({}, {"SecretHash": "AAAA"}):
        with pytest.raises(cognito.exceptions.NotAuthorizedException, match="(?i)secret"):
            getattr(cognito, operation)(ClientId=settings.client, Username=name, **more, **wrong)


@pytest.mark.local_cloud
@pytest.mark.few_users
def test_users_who_never_confirm_are_deleted(
    http: httpx.Client,
    signed_up: dict[str, str],
    member: dict[str, str],
    login: Callable[..., httpx.Response],
    aws: Callable[[str], Any],
    settings: Settings,
) -> None:
    def run(event: dict[str, int]) -> Any:
        name = f"yourplace-{settings.stage}-users_unconfirmed"
        return json.loads(
            aws("lambda").invoke(FunctionName=name, Payload=json.dumps(event))["Payload"].read()
        )

    assert run({}) == {"deleted": 0, "incomplete": False}
    assert_problem(login(signed_up["username"]), 403)
    time.sleep(1.1)  # the pool keeps whole seconds
    assert run({"days": 0})["deleted"] >= 1
    assert_problem(login(signed_up["username"]), 401)
    assert login(member["username"]).status_code == 200
    assert http.post("/signup", json=signed_up).status_code == 201
