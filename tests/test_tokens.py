"""Bad tokens: the gateway refuses them, and so does a function that is called without it."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

import functions as direct
import tokens
from functions import FUNCTIONS
from service import TOKEN_ROUTES, Settings, User, assert_problem
from tokens import Claims

FOREIGN = tokens.foreign_key()
CURVE = tokens.foreign_curve_key()

Forgery = Callable[[tokens.Key, Claims], str]

# Each forgery is made from a user's own ID token: (the pool's key, its claims) -> a token.
# Forgeries in the first table are not signed by the pool; those in the second are.

UNSIGNED: dict[str, Forgery] = {
    "alg none": lambda key, claims: tokens.unsigned(claims, key.kid),
    "alg None": lambda key, claims: tokens.unsigned(claims, key.kid, "None"),
    "alg NONE": lambda key, claims: tokens.unsigned(claims, key.kid, "NONE"),
    "alg empty": lambda key, claims: tokens.unsigned(claims, key.kid, ""),
    "alg RS256, no signature": lambda key, claims: tokens.unsigned(claims, key.kid, "RS256"),
    "a foreign key": lambda key, claims: FOREIGN.sign(claims),
    "a foreign key under the pool's kid": lambda key, claims: FOREIGN.sign(claims, kid=key.kid),
    "a foreign key in the header": lambda key, claims: FOREIGN.sign(claims, jwk=FOREIGN.jwk()),
    "a foreign key set in the header": lambda key, claims: FOREIGN.sign(
        claims, jku="http://127.0.0.1:9/keys.json"
    ),
    "a foreign certificate in the header": lambda key, claims: FOREIGN.sign(
        claims, x5u="http://127.0.0.1:9/key.pem"
    ),
    "a foreign curve key": lambda key, claims: CURVE.sign(claims, "ES256"),
    "a foreign curve key under the pool's kid": lambda key, claims: CURVE.sign(claims, "ES256", kid=key.kid),
    "no kid": lambda key, claims: FOREIGN.sign(claims, kid=None),
    "a kid that is no text": lambda key, claims: FOREIGN.sign(claims, kid=["x"]),
    "a kid that is a path": lambda key, claims: FOREIGN.sign(claims, kid="../../../dev/null"),
    "another user's name": lambda key, claims: altered(
        key.sign(claims), claims | {"cognito:username": "ann"}
    ),
    "a cut signature": lambda key, claims: key.sign(claims)[:-20],
    "another token's signature": lambda key, claims: swapped(
        key.sign(claims), key.sign(claims | {"jti": "x"})
    ),
    "two parts": lambda key, claims: key.sign(claims).rpartition(".")[0],
    "four parts": lambda key, claims: key.sign(claims) + ".x",
    "no parts": lambda key, claims: "x",
    "dots": lambda key, claims: "..",
    "claims that are no JSON": lambda key, claims: FOREIGN.sign(b"not json", kid=key.kid),
    "100 KB": lambda key, claims: FOREIGN.sign(claims | {"x": "x" * 100_000}, kid=key.kid),
} | {
    f"HS256 with the public key as secret ({form})": lambda key, claims, form=form: tokens.keyed_hash(
        claims, key.kid, tokens.public_forms(key)[form]
    )
    for form in tokens.public_forms(FOREIGN)
}

SIGNED: dict[str, Forgery] = {
    "expired": lambda key, claims: key.sign(claims | {"exp": tokens.now() - 90}),
    "expired long ago": lambda key, claims: key.sign(claims | {"exp": 1}),
    "not yet valid": lambda key, claims: key.sign(claims | {"nbf": tokens.now() + 3600}),
    "a foreign issuer": lambda key, claims: key.sign(claims | {"iss": "https://example.com/"}),
    "another pool": lambda key, claims: key.sign(claims | {"iss": claims["iss"] + "x"}),
    "an issuer with a slash more": lambda key, claims: key.sign(claims | {"iss": claims["iss"] + "/"}),
    "no issuer": lambda key, claims: key.sign(without(claims, "iss")),
    "a foreign client": lambda key, claims: key.sign(claims | {"aud": "foreign"}),
    "no client": lambda key, claims: key.sign(without(claims, "aud")),
}

#: What API Gateway's authorizer need not check, but a function must.
FUNCTION_ONLY: dict[str, Forgery] = {
    "exp as a string": lambda key, claims: key.sign(claims | {"exp": str(claims["exp"])}),
    "exp null": lambda key, claims: key.sign(claims | {"exp": None}),
    "exp true": lambda key, claims: key.sign(claims | {"exp": True}),
    "exp in an array": lambda key, claims: key.sign(claims | {"exp": [claims["exp"]]}),
    "no exp": lambda key, claims: key.sign(without(claims, "exp")),
    "exp negative": lambda key, claims: key.sign(claims | {"exp": -claims["exp"]}),
    "nbf as a string": lambda key, claims: key.sign(claims | {"nbf": "0"}),
    "nbf null": lambda key, claims: key.sign(claims | {"nbf": None}),
    "crit": lambda key, claims: key.sign(claims, crit=["exp"]),
    "crit empty": lambda key, claims: key.sign(claims, crit=[]),
    "crit of something unknown": lambda key, claims: key.sign(claims, crit=["x"], x=True),
    "RS384": lambda key, claims: key.sign(claims, "RS384"),
    "RS512": lambda key, claims: key.sign(claims, "RS512"),
    "PS256": lambda key, claims: key.sign(claims, "PS256"),
    "no token_use": lambda key, claims: key.sign(without(claims, "token_use")),
    "token_use refresh": lambda key, claims: key.sign(claims | {"token_use": "refresh"}),
    "token_use access with aud alone": lambda key, claims: key.sign(claims | {"token_use": "access"}),
    "token_use id with client_id alone": lambda key, claims: key.sign(
        without(claims, "aud") | {"client_id": claims["aud"]}
    ),
    "aud null": lambda key, claims: key.sign(claims | {"aud": None}),
    "no claims": lambda key, claims: key.sign({}),
    "claims in an array": lambda key, claims: key.sign([claims]),
    "properly signed, 100 KB": lambda key, claims: key.sign(claims | {"x": "x" * 100_000}),
    "properly signed, just over 16 KB": lambda key, claims: key.sign(claims | {"x": "x" * 12_000}),
}


def without(claims: Claims, name: str) -> Claims:
    return {other: value for other, value in claims.items() if other != name}


def altered(token: str, claims: Claims) -> str:
    header, _, signature = token.split(".")
    return f"{header}.{tokens.encode(claims)}.{signature}"


def swapped(token: str, other: str) -> str:
    return f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"


@pytest.fixture(scope="session")
def claims(caller: User) -> Claims:
    return tokens.decode(caller.id_token)[1]


def through_gateway(
    http: httpx.Client, token: str, path: str = "/list", method: str = "POST"
) -> httpx.Response:
    return http.request(method, path, headers={"Authorization": f"Bearer {token}"})


def refused(response: httpx.Response) -> Any:
    """Checks that a function refused a token, by "Tokens" in docs/api.md; returns the body."""
    body = assert_problem(response, 401)
    assert response.headers["www-authenticate"].startswith("Bearer")
    return body


# Through the gateway


@pytest.mark.authorizer
@pytest.mark.parametrize("header", ["{}", "Bearer {}", "bearer {}"])
@pytest.mark.parametrize("kind", ["id_token", "access_token"])
def test_either_token_is_taken_bare_or_as_bearer(
    http: httpx.Client, caller: User, kind: str, header: str
) -> None:
    response = http.post("/list", headers={"Authorization": header.format(getattr(caller, kind))})
    assert response.status_code == 200


ROUTES = [("POST", path) for path in TOKEN_ROUTES] + [("GET", "/download")]


@pytest.mark.authorizer
@pytest.mark.parametrize("method, path", ROUTES)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic YW5uOnNlY3JldA=="])
def test_no_route_works_without_a_token(
    http: httpx.Client, settings: Settings, method: str, path: str, header: str | None
) -> None:
    response = http.request(method, path, headers={} if header is None else {"Authorization": header})
    assert response.status_code == settings.refusal


@pytest.mark.authorizer
def test_a_token_in_the_query_string_is_none(http: httpx.Client, settings: Settings, caller: User) -> None:
    response = http.post(
        "/list",
        params={"Authorization": caller.id_token, "access_token": caller.id_token, "token": caller.id_token},
    )
    assert response.status_code == settings.refusal


@pytest.mark.authorizer("lambda")
def test_a_lambda_authorizer_takes_the_token_in_the_header_jwt_too(http: httpx.Client, caller: User) -> None:
    assert http.post("/list", headers={"JWT": caller.id_token}).status_code == 200


@pytest.mark.authorizer
@pytest.mark.local_cloud
def test_a_token_made_with_the_pools_key_is_taken(
    http: httpx.Client, id_key: tokens.Key, claims: Claims
) -> None:
    """Each forgery below differs from this token in one thing."""
    assert through_gateway(http, id_key.sign(claims)).status_code == 200


@pytest.mark.authorizer
@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", [name for name in UNSIGNED if name != "100 KB"] + [*SIGNED])
def test_a_forged_token_is_refused_through_the_gateway(
    http: httpx.Client, settings: Settings, id_key: tokens.Key, claims: Claims, forgery: str
) -> None:
    assert through_gateway(http, (UNSIGNED | SIGNED)[forgery](id_key, claims)).status_code == settings.refusal


@pytest.mark.authorizer
@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", ["exp as a string", "no exp", "crit", "nbf as a string", "no token_use"])
def test_what_the_gateway_may_let_through_is_refused(
    http: httpx.Client, settings: Settings, id_key: tokens.Key, claims: Claims, forgery: str
) -> None:
    assert through_gateway(http, FUNCTION_ONLY[forgery](id_key, claims)).status_code == settings.refusal


@pytest.mark.authorizer
def test_a_token_of_100_kb_is_refused_through_the_gateway(http: httpx.Client, claims: Claims) -> None:
    """A server may refuse such a long header unread."""
    response = through_gateway(http, FOREIGN.sign(claims | {"x": "x" * 100_000}))
    assert response.status_code in (400, 401, 403, 413, 431, 494)


@pytest.mark.authorizer
@pytest.mark.parametrize("method, path", ROUTES)
def test_no_route_takes_a_token_of_a_foreign_key(
    http: httpx.Client, settings: Settings, claims: Claims, method: str, path: str
) -> None:
    assert through_gateway(http, FOREIGN.sign(claims), path, method).status_code == settings.refusal


# Without the gateway


@pytest.mark.local_cloud
def test_a_function_takes_a_token_made_with_the_pools_key(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims
) -> None:
    assert functions.call("/list", id_key.sign(claims)).status_code == 200


@pytest.mark.local_cloud
def test_a_function_takes_an_access_token(functions: direct.Functions, caller: User) -> None:
    assert functions.call("/list", caller.access_token).status_code == 200


@pytest.mark.local_cloud
@pytest.mark.parametrize("raw_path", ["/list", "/{stage}/list"])
def test_a_function_takes_the_path_with_and_without_the_stage(
    functions: direct.Functions, caller: User, settings: Settings, raw_path: str
) -> None:
    assert (
        functions.call("/list", caller.id_token, raw_path=raw_path.format(stage=settings.stage)).status_code
        == 200
    )


@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", [*UNSIGNED, *SIGNED, *FUNCTION_ONLY])
def test_a_function_refuses_a_forged_token(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims, forgery: str
) -> None:
    refused(functions.call("/list", (UNSIGNED | SIGNED | FUNCTION_ONLY)[forgery](id_key, claims)))


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", FUNCTIONS)
@pytest.mark.parametrize("forgery", ["alg none", "a foreign key", "expired", "a foreign client"])
def test_every_function_refuses_a_forged_token(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims, path: str, forgery: str
) -> None:
    refused(functions.call(path, (UNSIGNED | SIGNED)[forgery](id_key, claims)))


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", FUNCTIONS)
def test_every_function_refuses_a_call_without_a_token(functions: direct.Functions, path: str) -> None:
    refused(functions.call(path))


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", FUNCTIONS)
def test_no_function_believes_claims_that_no_token_proves(
    functions: direct.Functions, claims: Claims, path: str
) -> None:
    """Whoever sends an event can put any claims there: only the token counts."""
    refused(functions.call(path, claims={name: str(value) for name, value in claims.items()}))


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YW5uOnNlY3JldA==", "Bearer Bearer x", "Bearer \t x"]
)
def test_a_function_refuses_a_header_without_a_token(functions: direct.Functions, header: str) -> None:
    refused(functions.call("/list", headers={"authorization": header}))


@pytest.mark.local_cloud
def test_an_access_token_is_for_its_client_too(
    functions: direct.Functions, access_key: tokens.Key, caller: User
) -> None:
    claims = tokens.decode(caller.access_token)[1]
    assert functions.call("/list", access_key.sign(claims)).status_code == 200
    refused(functions.call("/list", access_key.sign(claims | {"client_id": "foreign"})))


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "change",
    [lambda now: {"exp": now - 30}, lambda now: {"nbf": now + 30}, lambda now: {"exp": now + 0.5}],
    ids=["expired 30 s ago", "valid in 30 s", "a fraction of a second"],
)
def test_clocks_may_differ_by_a_minute(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims, change: Callable[..., Any]
) -> None:
    assert functions.call("/list", id_key.sign(claims | change(tokens.now()))).status_code == 200


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "change",
    [lambda now: {"exp": now - 65}, lambda now: {"nbf": now + 120}],
    ids=["expired", "not yet valid"],
)
def test_clocks_may_not_differ_by_more(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims, change: Callable[..., Any]
) -> None:
    refused(functions.call("/list", id_key.sign(claims | change(tokens.now()))))


@pytest.mark.local_cloud
def test_a_token_without_a_user_is_refused(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims
) -> None:
    response = functions.call("/list", id_key.sign(without(claims, "cognito:username")))
    assert response.status_code in (401, 403)


@pytest.mark.local_cloud
def test_a_refusal_does_not_say_which_check_failed_it(
    functions: direct.Functions, id_key: tokens.Key, claims: Claims
) -> None:
    """A forger learns nothing by comparing refusals."""
    details = {
        refused(functions.call("/list", make(id_key, claims)))["type"]
        for make in [*UNSIGNED.values()][:5] + [*SIGNED.values()]
    }
    assert len(details) == 1


@pytest.mark.local_cloud
def test_a_flood_of_made_up_kids_does_not_stop_a_good_token(
    functions: direct.Functions, caller: User, claims: Claims
) -> None:
    def flood(count: int) -> int:
        return functions.call("/list", FOREIGN.sign(claims, kid=f"made-up-{count}")).status_code

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(flood, range(100))) == {401}
    started = time.monotonic()
    assert functions.call("/list", caller.id_token).status_code == 200
    assert time.monotonic() - started < 5
