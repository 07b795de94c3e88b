"""Events in the form in which AWS hands them to a function: for the tests and the benchmark."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

_ACCOUNT = "123456789012"
_REGION = "eu-central-1"


def http_request(
    route: str,
    headers: Mapping[str, str],
    body: bytes | str = b"",
    *,
    stage: str,
    raw_path: str = "",
    raw_query: str = "",
    claims: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A request to `METHOD /path` ("payload format version 2.0" in the API Gateway Developer Guide).

    A body of bytes is sent as base64, as API Gateway does with binary media types. `claims` are those that
    its own authorizer read from the token.
    """
    method, path = route.split(" ")
    host = f"example.execute-api.{_REGION}.amazonaws.com"
    event = {
        "version": "2.0",
        "routeKey": route,
        "rawPath": raw_path or path,
        "rawQueryString": raw_query,
        "headers": {"host": host, **headers},
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": "example",
            "domainName": host,
            "domainPrefix": "example",
            "http": {
                "method": method,
                "path": raw_path or path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": headers.get("user-agent", "tests"),
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": route,
            "stage": stage,
            "time": "01/Jan/2026:00:00:00 +0000",
            "timeEpoch": 1767225600000,
            **({"authorizer": {"jwt": {"claims": claims, "scopes": None}}} if claims is not None else {}),
        },
        "isBase64Encoded": bool(body) and isinstance(body, bytes),
    }
    if body:
        event["body"] = base64.b64encode(body).decode() if isinstance(body, bytes) else body
    return event


def authorization_request(event: Mapping[str, Any]) -> dict[str, Any]:
    """What API Gateway asks a Lambda authorizer before it passes a request on."""
    asked = {name: value for name, value in event.items() if name not in ("body", "isBase64Encoded")}
    method, path = event["routeKey"].split(" ")
    context = event["requestContext"]
    arn = f"arn:aws:execute-api:{_REGION}:{_ACCOUNT}:{context['apiId']}/{context['stage']}/{method}{path}"
    return {**asked, "type": "REQUEST", "routeArn": arn, "identitySource": None}


def sqs_messages(queue: str, messages: Iterable[tuple[str, str]], deliveries: int = 1) -> dict[str, Any]:
    """Messages of a queue, each as (id, body) ("Using Lambda with Amazon SQS", example event).

    `deliveries` counts this delivery and those before it.
    """
    return {
        "Records": [
            {
                "messageId": message_id,
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": str(deliveries),
                    "SentTimestamp": "1767225600000",
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": "1767225600001",
                },
                "messageAttributes": {},
                "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{_REGION}:{_ACCOUNT}:{queue}",
                "awsRegion": _REGION,
            }
            for message_id, body in messages
        ]
    }


def s3_change(bucket: str, key: str, kind: str = "ObjectCreated:Put") -> dict[str, Any]:
    """A change of an object ("Event message structure" in the Amazon S3 User Guide).

    The key is URL-encoded.
    """
    record = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": _REGION,
        "eventTime": "2026-01-01T00:00:00.000Z",
        "eventName": kind,
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": "photos",
            "bucket": {"name": bucket, "arn": f"arn:aws:s3:::{bucket}"},
            "object": {
                "key": key,
                "size": 100000,
                "eTag": "d41d8cd98f00b204e9800998ecf8427e",
                "sequencer": "0055AED6DCD90281E5",
            },
        },
    }
    return {"Records": [record]}
