"""Tokens: refused by the gateway, and again by the function when it is called without the gateway."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import tokens
from functions import FUNCTIONS
from service import TOKEN_ROUTES, assert_problem

FOREIGN = tokens.foreign_key()
CURVE = tokens.foreign_curve_key()

# Each forgery is made from a user's own ID token: (the pool's key, its claims) -> a token.
# Those of the first table are not signed by the pool; those of the second are.

UNSIGNED = {
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

SIGNED = {
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

#: What API Gateway's authorizer need not look at, but a function must.
FUNCTION_ONLY = {
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


def without(claims, name):
    return {other: value for other, value in claims.items() if other != name}


def altered(token, claims):
    header, _, signature = token.split(".")
    return f"{header}.{tokens.encode(claims)}.{signature}"


def swapped(token, other):
    return f"{token.rpartition('.')[0]}.{other.rpartition('.')[2]}"


@pytest.fixture(scope="session")
def claims(caller):
    return tokens.decode(caller.id_token)[1]


def through_gateway(http, token, path="/list", method="POST"):
    return http.request(method, path, headers={"Authorization": f"Bearer {token}"})


def refused(answer):
    """A function's refusal of a token, by the part "Tokens" of the contract."""
    body = assert_problem(answer, 401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    return body


# Through the gateway


@pytest.mark.parametrize("header", ["{}", "Bearer {}", "bearer {}"])
@pytest.mark.parametrize("kind", ["id_token", "access_token"])
def test_either_token_is_taken_bare_or_as_bearer(http, caller, kind, header):
    answer = http.post("/list", headers={"Authorization": header.format(getattr(caller, kind))})
    assert answer.status_code == 200


ROUTES = [("POST", path) for path in TOKEN_ROUTES] + [("GET", "/download")]


@pytest.mark.parametrize("method, path", ROUTES)
@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer x", "Basic YW5uOnNlY3JldA=="])
def test_no_route_works_without_a_token(http, settings, method, path, header):
    answer = http.request(method, path, headers={} if header is None else {"Authorization": header})
    assert answer.status_code == settings.refusal


def test_a_token_in_the_query_string_is_none(http, settings, caller):
    answer = http.post(
        "/list",
        params={"Authorization": caller.id_token, "access_token": caller.id_token, "token": caller.id_token},
    )
    assert answer.status_code == settings.refusal


def test_a_lambda_authorizer_takes_the_token_in_the_header_jwt_too(http, settings, caller):
    if settings.authorizer != "lambda":
        pytest.skip("API Gateway's own authorizer reads one header: AUTHORIZER is not lambda")
    assert http.post("/list", headers={"JWT": caller.id_token}).status_code == 200


@pytest.mark.local_cloud
def test_a_token_made_with_the_pools_key_is_taken(http, id_key, claims):
    """The forgeries below differ from this one in one thing each."""
    assert through_gateway(http, id_key.sign(claims)).status_code == 200


@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", [name for name in UNSIGNED if name != "100 KB"] + [*SIGNED])
def test_a_forged_token_is_refused_through_the_gateway(http, settings, id_key, claims, forgery):
    assert through_gateway(http, (UNSIGNED | SIGNED)[forgery](id_key, claims)).status_code == settings.refusal


@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", ["exp as a string", "no exp", "crit", "nbf as a string", "no token_use"])
def test_what_the_gateway_may_let_through_is_refused(http, settings, id_key, claims, forgery):
    assert through_gateway(http, FUNCTION_ONLY[forgery](id_key, claims)).status_code == settings.refusal


def test_a_token_of_100_kb_is_refused_through_the_gateway(http, claims):
    """A server may refuse so long a header before it looks at it."""
    answer = through_gateway(http, FOREIGN.sign(claims | {"x": "x" * 100_000}))
    assert answer.status_code in (400, 401, 403, 413, 431, 494)


@pytest.mark.parametrize("method, path", ROUTES)
def test_no_route_takes_a_token_of_a_foreign_key(http, settings, claims, method, path):
    assert through_gateway(http, FOREIGN.sign(claims), path, method).status_code == settings.refusal


# Without the gateway


@pytest.mark.local_cloud
def test_a_function_takes_a_token_made_with_the_pools_key(functions, id_key, claims):
    assert functions.call("/list", id_key.sign(claims)).status_code == 200


@pytest.mark.local_cloud
def test_a_function_takes_an_access_token(functions, caller):
    assert functions.call("/list", caller.access_token).status_code == 200


@pytest.mark.local_cloud
@pytest.mark.parametrize("raw_path", ["/list", "/{stage}/list"])
def test_a_function_takes_the_path_with_and_without_the_stage(functions, caller, settings, raw_path):
    assert (
        functions.call("/list", caller.id_token, raw_path=raw_path.format(stage=settings.stage)).status_code
        == 200
    )


@pytest.mark.local_cloud
@pytest.mark.parametrize("forgery", [*UNSIGNED, *SIGNED, *FUNCTION_ONLY])
def test_a_function_refuses_a_forged_token(functions, id_key, claims, forgery):
    refused(functions.call("/list", (UNSIGNED | SIGNED | FUNCTION_ONLY)[forgery](id_key, claims)))


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", FUNCTIONS)
@pytest.mark.parametrize("forgery", ["alg none", "a foreign key", "expired", "a foreign client"])
def test_every_function_refuses_a_forged_token(functions, id_key, claims, path, forgery):
    refused(functions.call(path, (UNSIGNED | SIGNED)[forgery](id_key, claims)))


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", FUNCTIONS)
def test_every_function_refuses_a_call_without_a_token(functions, path):
    refused(functions.call(path))


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", FUNCTIONS)
def test_no_function_believes_claims_that_no_token_proves(functions, claims, path):
    """An event says what its sender likes: only the token counts."""
    refused(functions.call(path, claims={name: str(value) for name, value in claims.items()}))


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", "Basic YW5uOnNlY3JldA==", "Bearer Bearer x", "Bearer \t x"]
)
def test_a_function_refuses_a_header_without_a_token(functions, header):
    refused(functions.call("/list", headers={"authorization": header}))


@pytest.mark.local_cloud
def test_an_access_token_is_for_its_client_too(functions, access_key, caller):
    claims = tokens.decode(caller.access_token)[1]
    assert functions.call("/list", access_key.sign(claims)).status_code == 200
    refused(functions.call("/list", access_key.sign(claims | {"client_id": "foreign"})))


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "change",
    [lambda now: {"exp": now - 30}, lambda now: {"nbf": now + 30}, lambda now: {"exp": now + 0.5}],
    ids=["expired 30 s ago", "valid in 30 s", "a fraction of a second"],
)
def test_clocks_may_differ_by_a_minute(functions, id_key, claims, change):
    assert functions.call("/list", id_key.sign(claims | change(tokens.now()))).status_code == 200


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "change",
    [lambda now: {"exp": now - 65}, lambda now: {"nbf": now + 120}],
    ids=["expired", "not yet valid"],
)
def test_clocks_may_not_differ_by_more(functions, id_key, claims, change):
    refused(functions.call("/list", id_key.sign(claims | change(tokens.now()))))


@pytest.mark.local_cloud
def test_a_token_without_a_user_is_refused(functions, id_key, claims):
    answer = functions.call("/list", id_key.sign(without(claims, "cognito:username")))
    assert answer.status_code in (401, 403)


@pytest.mark.local_cloud
def test_a_refusal_does_not_say_which_check_failed_it(functions, id_key, claims):
    """A forger learns nothing from comparing refusals."""
    details = {
        refused(functions.call("/list", make(id_key, claims)))["type"]
        for make in [*UNSIGNED.values()][:5] + [*SIGNED.values()]
    }
    assert len(details) == 1


@pytest.mark.local_cloud
def test_a_flood_of_made_up_kids_does_not_stop_a_good_token(functions, caller, claims):
    def flood(count):
        return functions.call("/list", FOREIGN.sign(claims, kid=f"made-up-{count}")).status_code

    with ThreadPoolExecutor(8) as workers:
        assert set(workers.map(flood, range(100))) == {401}
    started = time.monotonic()
    assert functions.call("/list", caller.id_token).status_code == 200
    assert time.monotonic() - started < 5
