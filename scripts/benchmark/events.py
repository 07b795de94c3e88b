"""The events that the benchmark sends to functions, as JSON."""

import json
from collections.abc import Mapping
from typing import Any

from support import events

USER = "ann"
AUCTION = "019a0000-0000-7000-8000-000000000001"
# bench/ puts a token here.
_TOKEN = "Bearer {{token}}"


def http(
    route: str,
    body: Any = None,
    *,
    raw: bytes | None = None,
    query: Mapping[str, str] | None = None,
) -> str:
    """A request to `METHOD /path`: `body` is sent as JSON, `raw` as bytes."""
    return json.dumps(_http(route, body, raw, query or {}))


def _http(route: str, body: Any, raw: bytes | None, query: Mapping[str, str]) -> dict[str, Any]:
    headers = {
        "accept": "*/*",
        "authorization": _TOKEN,
        "content-type": "application/octet-stream" if raw is not None else "application/json",
        "user-agent": "curl/8.5.0",
        "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    event = events.http_request(
        route,
        headers,
        raw if raw is not None else json.dumps(body) if body is not None else "",
        stage="test",
        raw_path="/test" + route.split(" ")[1].replace("{id}", AUCTION),
        raw_query="&".join(f"{name}={value}" for name, value in query.items()),
        claims={"cognito:username": USER, "token_use": "id"},
    )
    event["queryStringParameters"] = query
    if "{id}" in route:
        event["pathParameters"] = {"id": AUCTION}
    return event


def authorizer() -> str:
    """What API Gateway asks a Lambda authorizer about `POST /list`."""
    return json.dumps(events.authorization_request(_http("POST /list", None, None, {})))


def uploaded(bucket: str) -> str:
    """What the index queue receives after an upload."""
    change = events.s3_change(bucket, f"photos/{USER}/20260101T000000000Z_photo.jpg")
    message = ("059f36b4-87a3-44ab-83d2-661975830a7d", json.dumps(change))
    return json.dumps(events.sqs_messages("yourplace-bench-index", [message]))
