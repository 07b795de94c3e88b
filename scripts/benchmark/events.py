"""Events as API Gateway, SQS and EventBridge hand them to a function."""

import base64
import json
from collections.abc import Mapping
from typing import Any

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
    """A request to `METHOD /path`: `body` is sent as JSON, `raw` as bytes (payload format version 2.0)."""
    method, path = route.split(" ")
    query = dict(query or {})
    headers = {
        "accept": "*/*",
        "authorization": _TOKEN,
        "content-type": "application/octet-stream" if raw is not None else "application/json",
        "host": "bench.execute-api.eu-central-1.amazonaws.com",
        "user-agent": "curl/8.5.0",
        "x-amzn-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700",
        "x-forwarded-for": "192.0.2.1",
        "x-forwarded-port": "443",
        "x-forwarded-proto": "https",
    }
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": "/test" + path.replace("{id}", AUCTION),
        "rawQueryString": "&".join(f"{name}={value}" for name, value in query.items()),
        "headers": headers,
        "queryStringParameters": query,
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "bench",
            "authorizer": {"jwt": {"claims": {"cognito:username": USER, "token_use": "id"}, "scopes": None}},
            "domainName": headers["host"],
            "domainPrefix": "bench",
            "http": {
                "method": method,
                "path": "/test" + path.replace("{id}", AUCTION),
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": headers["user-agent"],
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": "test",
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
        },
        "isBase64Encoded": raw is not None,
    }
    if "{id}" in path:
        event["pathParameters"] = {"id": AUCTION}
    if raw is not None:
        event["body"] = base64.b64encode(raw).decode()
    elif body is not None:
        event["body"] = json.dumps(body)
    return json.dumps(event)


def authorizer() -> str:
    """The question whether a request may go on."""
    event = json.loads(http("POST /list"))
    for member in ("body", "isBase64Encoded"):
        event.pop(member, None)
    arn = "arn:aws:execute-api:eu-central-1:123456789012:bench/test/POST/list"
    return json.dumps({**event, "type": "REQUEST", "routeArn": arn, "identitySource": None})


def queue(name: str, body: Any) -> str:
    """A message of a queue."""
    return json.dumps(
        {
            "Records": [
                {
                    "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
                    "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                    "body": json.dumps(body),
                    "attributes": {
                        "ApproximateReceiveCount": "1",
                        "SentTimestamp": "1767225600000",
                        "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                        "ApproximateFirstReceiveTimestamp": "1767225600001",
                    },
                    "messageAttributes": {},
                    "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:eu-central-1:123456789012:yourplace-bench-{name}",
                    "awsRegion": "eu-central-1",
                }
            ]
        }
    )


def uploaded(bucket: str) -> str:
    """What the index queue is told of an upload."""
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": "eu-central-1",
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "photos",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": f"photos/{USER}/20260101T000000000Z_photo.jpg",
                "size": 100000,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return queue("index", {"Records": [record]})
