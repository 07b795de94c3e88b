"""The events that the benchmark sends to functions, as JSON."""

import json
import re
from collections.abc import Mapping
from typing import Any

from benchmark.library import USER, photo_key
from support import events

AUCTION = "019a0000-0000-7000-8000-000000000001"
# bench/ puts a token here.
_TOKEN = "Bearer {{token}}"


def http(
    route: str,
    body: Any = None,
    *,
    raw: bytes | None = None,
    query: Mapping[str, str] | None = None,
    path: str = AUCTION,
) -> str:
    """A request to `METHOD /path`: `body` is sent as JSON, `raw` as bytes; `path` is its parameter."""
    return json.dumps(_http(route, body, raw, query or {}, path))


def _http(route: str, body: Any, raw: bytes | None, query: Mapping[str, str], path: str) -> dict[str, Any]:
    parameter = re.search(r"{(.+)}", route)
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
        raw_path="/test" + re.sub("{.+}", path, route.split(" ")[1]),
        raw_query="&".join(f"{name}={value}" for name, value in query.items()),
        claims={"cognito:username": "ann", "sub": USER, "token_use": "id"},
    )
    event["queryStringParameters"] = query
    if parameter:
        event["pathParameters"] = {parameter[1]: path}
    return event


def authorizer() -> str:
    """What API Gateway asks a Lambda authorizer about `POST /list`."""
    return json.dumps(events.authorization_request(_http("POST /list", None, None, {}, "")))


def changed(bucket: str, name: str, kind: str) -> str:
    """What the photos queue receives when a photo is created (`ObjectCreated:Put`) or deleted."""
    change = events.s3_change(bucket, photo_key(name), kind)
    return _message("yourplace-bench-photos", change)


def outdated() -> str:
    """What the index queue receives when the user's photo index is outdated."""
    return _message("yourplace-bench-index", {"user": USER, "due": 1767225600000})


def job_message(job: str, lane: int | None) -> str:
    """A message about the user's job: the lane that goes on, or none to plan it."""
    return json.dumps({"user": USER, "job": job, "lane": lane})


def job(message: str) -> str:
    """What the jobs queue delivers."""
    return _delivered("yourplace-bench-jobs", message)


def _message(queue: str, body: Any) -> str:
    return _delivered(queue, json.dumps(body))


def _delivered(queue: str, message: str) -> str:
    return json.dumps(events.sqs_messages(queue, [("059f36b4-87a3-44ab-83d2-661975830a7d", message)]))
