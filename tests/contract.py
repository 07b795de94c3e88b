"""Checks responses against the OpenAPI document.

The document is closed: a status, media type or member that it does not contain is an error.
"""

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

PATH = Path(__file__).parent.parent / "docs" / "openapi.json"
# Schemas refer to each other as `#/components/…`, so they are validated inside the document with this URI.
_URI = "urn:yourplace:openapi"


class Violation(AssertionError):
    """The document does not describe a response."""


def document() -> dict[str, Any]:
    """The OpenAPI document."""
    parsed: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    return parsed


class Contract:
    """Validates responses against a document."""

    def __init__(self, document: dict[str, Any]) -> None:
        resource: Resource[Any] = Resource.from_contents(document, default_specification=DRAFT202012)
        self._registry: Registry[Any] = Registry().with_resource(_URI, resource)
        self._routes = [
            (re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", re.escape(path))), path, item)
            for path, item in document["paths"].items()
        ]

    def check(self, method: str, path: str, status: int, headers: httpx.Headers, body: bytes) -> None:
        """Raises a Violation if the document does not describe this response to this request."""
        where = f"{method} {path} {status}"
        if method == "OPTIONS":  # a CORS preflight request, which the gateway answers itself
            return
        if status == 431:  # a server refuses headers that are too long before it reads the request
            return
        found = self._find(method, path)
        if found is None:
            if status not in (403, 404):
                raise Violation(f"{where}: undocumented operation")
            self._validate(where, {"$ref": f"{_URI}#/components/schemas/GatewayMessage"}, _parse(where, body))
            return
        location, operation = found
        response = operation["responses"].get(str(status))
        if response is None:
            raise Violation(f"{where}: undocumented status. The body is {body[:500]!r}")
        location = f"{location}/responses/{status}"
        self._check_headers(where, location, response.get("headers", {}), headers)
        self._check_body(where, location, response.get("content", {}), headers, body)

    def _find(self, method: str, path: str) -> tuple[str, dict[str, Any]] | None:
        # A path without parameters takes precedence.
        for pattern, template, item in sorted(self._routes, key=lambda route: "{" in route[1]):
            if pattern.fullmatch(path) and method.lower() in item:
                pointer = (
                    f"{_URI}#/paths/{template.replace('/', '~1').replace('{', '%7B').replace('}', '%7D')}"
                )
                return f"{pointer}/{method.lower()}", item[method.lower()]
        return None

    def _check_headers(
        self, where: str, location: str, documented: dict[str, Any], headers: httpx.Headers
    ) -> None:
        for name, header in documented.items():
            value = headers.get(name)
            if value is None:
                if header["required"]:
                    raise Violation(f"{where}: the header {name} is missing")
                continue
            integer = header["schema"].get("type") == "integer" and value.isdigit()
            self._validate(
                f"{where} {name}",
                {"$ref": f"{location}/headers/{name}/schema"},
                int(value) if integer else value,
            )

    def _check_body(
        self, where: str, location: str, documented: dict[str, Any], headers: httpx.Headers, body: bytes
    ) -> None:
        if not documented:
            if body:
                raise Violation(f"{where}: expected no body, not {body[:500]!r}")
            return
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type not in documented:
            raise Violation(f"{where}: expected {' or '.join(documented)}, not {media_type!r}")
        is_json = media_type.endswith("json")
        value = _parse(where, body) if is_json else body.decode("utf-8", "replace")
        schema = f"{location}/content/{media_type.replace('/', '~1')}/schema"
        self._validate(where, {"$ref": schema}, value)

    def _validate(self, where: str, schema: dict[str, Any], value: object) -> None:
        validator = Draft202012Validator(
            schema, registry=self._registry, format_checker=Draft202012Validator.FORMAT_CHECKER
        )
        errors = [f"{error.json_path}: {error.message:.500}" for error in validator.iter_errors(value)]
        if errors:
            raise Violation(f"{where}: {'; '.join(errors)}")


def hook(contract: Contract, base_url: str) -> Any:
    """An event hook for httpx that checks every response of the service and ignores all others."""
    base = urlsplit(base_url)

    def check(response: httpx.Response) -> None:
        url = response.request.url
        at_service = (url.host, url.port) == (base.hostname, base.port) and url.path.startswith(
            base.path + "/"
        )
        if at_service:
            response.read()
            path = url.raw_path.decode("ascii").partition("?")[0].removeprefix(base.path)
            contract.check(
                response.request.method, path, response.status_code, response.headers, response.content
            )

    return check


def _parse(where: str, body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError as error:
        raise Violation(f"{where}: the body is not JSON: {body[:500]!r}") from error
