"""Values of the wrong type for every member and parameter, generated from the OpenAPI document."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from jsonschema import Draft202012Validator

import contract
from service import User, assert_problem

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
#: One value of each JSON type, and a number that is not an integer.
VALUES: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "integer": 7,
    "number": 1.5,
    "string": "text",
    "array": ["text"],
    "object": {"text": 1},
}
#: Texts that are not valid integer parameters.
NOT_INTEGERS = ["text", "1.5", "true", "null", "-1", "+1", " 1", "0x1", "1e1", "[1]"]

Operation = dict[str, Any]
Send = Callable[..., httpx.Response]


def operations() -> Iterator[tuple[str, str, Operation]]:
    for path, item in contract.document()["paths"].items():
        for method, operation in item.items():
            yield method.upper(), path, operation


def schema_of(operation: Operation, media_type: str) -> dict[str, Any] | None:
    content = operation.get("requestBody", {}).get("content", {})
    schema: dict[str, Any] | None = content.get(media_type, {}).get("schema")
    return schema


def refused_with(operation: Operation, name: str) -> int:
    """The status for a wrong member: 422, or 400 if the query string may have it in place of a body."""
    query = [one["name"] for one in operation.get("parameters", []) if one["in"] == "query"]
    return 400 if name in query and not operation["requestBody"]["required"] else 422


def is_type(schema: dict[str, Any], value: object) -> bool:
    """Whether the schema allows the type of a value, regardless of its other rules."""
    types = {"type": schema["type"]} if "type" in schema else {"enum": schema["enum"]}
    valid: bool = Draft202012Validator(types).is_valid(value)
    return valid


def sample(schema: dict[str, Any], *, whole: bool = False) -> dict[str, Any]:
    """The required members, or all when `whole`, each with a value of the right type."""
    values: dict[str, Any] = {}
    for name in schema["properties"] if whole else schema.get("required", []):
        member = schema["properties"][name]
        values[name] = member.get("minimum", 1) if is_type(member, 1) else "eHh4"
    return values


def json_cases() -> Iterator[Any]:
    for method, path, operation in operations():
        schema = schema_of(operation, JSON)
        for name, member in (schema or {}).get("properties", {}).items():
            for kind, value in VALUES.items():
                if not is_type(member, value):
                    body = sample(schema or {}) | {name: value}
                    case = (method, path, name, body, refused_with(operation, name))
                    yield pytest.param(*case, id=f"{method} {path} {name} {kind}")


def unknown_cases() -> Iterator[Any]:
    for method, path, operation in operations():
        schema = schema_of(operation, JSON)
        if schema is not None:
            yield pytest.param(
                method, path, sample(schema, whole=True) | {"unknown": 1}, id=f"{method} {path}"
            )


def query_cases() -> Iterator[Any]:
    for method, path, operation in operations():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query":
                for value in wrong_texts(parameter["schema"]):
                    case = (method, path, parameter["name"], value)
                    yield pytest.param(*case, id=f"{method} {path} {parameter['name']}={value}")


def form_cases() -> Iterator[Any]:
    for method, path, operation in operations():
        schema = schema_of(operation, FORM)
        for name, member in (schema or {}).get("properties", {}).items():
            for value in wrong_texts(member):
                fields = sample(schema or {}) | {name: value}
                case = (method, path, fields, refused_with(operation, name))
                yield pytest.param(*case, id=f"{method} {path} {name}={value}")


def wrong_texts(schema: dict[str, Any]) -> list[str]:
    """Invalid texts for a parameter with this schema. Empty text is always invalid."""
    if schema.get("type") == "integer":
        return ["", *NOT_INTEGERS]
    return ["", "text"] if "enum" in schema else [""]


@pytest.fixture(scope="module")
def send(caller: User) -> Send:
    """Sends a request with a token; `{id}` is one of the caller's own auctions."""
    auction: list[str] = []

    def call(method: str, path: str, **request: Any) -> httpx.Response:
        if "{id}" in path and not auction:
            created = caller.post("/auctions", json={"title": "A lamp"})
            assert created.status_code == 201, created.text
            auction.append(created.json()["id"])
        if path.startswith("/me/mfa"):  # The user pool wants its own token for these.
            request["headers"] = {"Authorization": f"Bearer {caller.access_token}"}
        return caller.call(method, path.replace("{id}", auction[0] if auction else ""), **request)

    return call


@pytest.mark.parametrize("method, path, name, body, status", list(json_cases()))
def test_a_json_member_of_the_wrong_type_is_refused(
    send: Send, method: str, path: str, name: str, body: dict[str, Any], status: int
) -> None:
    problem = assert_problem(send(method, path, json=body), status)
    if status == 422:
        assert f"/{name}" in [error["pointer"] for error in problem["errors"]]
    else:
        assert f"`{name}`" in problem["detail"]


@pytest.mark.parametrize("method, path, body", list(unknown_cases()))
def test_an_unknown_json_member_is_refused(send: Send, method: str, path: str, body: dict[str, Any]) -> None:
    problem = assert_problem(send(method, path, json=body), 422)
    assert "/unknown" in [error["pointer"] for error in problem["errors"]]


@pytest.mark.parametrize("method, path, name, value", list(query_cases()))
def test_a_wrong_query_parameter_is_refused(
    send: Send, method: str, path: str, name: str, value: str
) -> None:
    problem = assert_problem(send(method, path, params={name: value}, **raw(method, path)), 400)
    assert f"`{name}`" in problem["detail"]


@pytest.mark.parametrize("method, path, name", sorted({case.values[:3] for case in query_cases()}))
def test_a_query_parameter_given_twice_with_different_values_is_refused(
    send: Send, method: str, path: str, name: str
) -> None:
    values = {"limit": ("1", "2"), "status": ("OPEN", "CLOSED")}.get(name, ("a", "b"))
    assert_problem(send(method, path, params=[(name, value) for value in values], **raw(method, path)), 400)


@pytest.mark.parametrize("method, path, name", sorted({case.values[:3] for case in query_cases()}))
def test_an_unknown_query_parameter_is_ignored(send: Send, method: str, path: str, name: str) -> None:
    with_unknown = send(method, path, params={"unknown": ""}, **raw(method, path))
    without = send(method, path, **raw(method, path))
    assert with_unknown.status_code == without.status_code


@pytest.mark.parametrize("method, path, fields, status", list(form_cases()))
def test_a_wrong_form_field_is_refused(
    send: Send, method: str, path: str, fields: dict[str, Any], status: int
) -> None:
    assert_problem(send(method, path, data=fields), status)


def raw(method: str, path: str) -> dict[str, Any]:
    """A body for upload routes, which read the query string only if the body is the file itself."""
    operation = contract.document()["paths"][path][method.lower()]
    if "application/octet-stream" not in operation.get("requestBody", {}).get("content", {}):
        return {}
    return {"content": b"no photo", "headers": {"Content-Type": "application/octet-stream"}}
