"""The work as the original system did it: boto3, everything in memory, one call after the other.

It leaves the check of the token to the gateway, and stores photos without a check that the name is free:
doing less than the Rust functions makes it faster, not slower.
"""

import base64
import io
import json
import os
import zipfile
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

BUCKET = "yourplace"
_CONFIG = Config(s3={"addressing_style": "path"})
_MADE: dict[str, Any] = {}


def _client(service: str) -> Any:
    """Made once, at the first call, so that each handler has only the clients it uses."""
    if service not in _MADE:
        _MADE[service] = boto3.client(service, config=_CONFIG)
    return _MADE[service]


# Made at the start, as the functions of the original system did.
_client(os.environ["REFERENCE_SERVICE"])


def upload(event: dict[str, Any], _context: object) -> dict[str, Any]:
    body = base64.b64decode(event["body"])
    key = f"photos/ann/{_stamp()}_photo.jpg"
    _client("s3").put_object(Bucket=BUCKET, Key=key, Body=body, ContentType="image/jpeg")
    return _response(201, {"filename": key, "size": len(body)})


def unzip(event: dict[str, Any], _context: object) -> dict[str, Any]:
    archive = zipfile.ZipFile(io.BytesIO(base64.b64decode(event["body"])))
    photos = {name: archive.read(name) for name in archive.namelist()}
    for name, photo in photos.items():
        key = f"photos/ann/{_stamp()}_{name}"
        _client("s3").put_object(Bucket=BUCKET, Key=key, Body=photo, ContentType="image/jpeg")
    return _response(200, {"stored": list(photos)})


def list_photos(_event: dict[str, Any], _context: object) -> dict[str, Any]:
    return _response(200, {"photos": _photos()})


def download(event: dict[str, Any], _context: object) -> dict[str, Any]:
    key = f"photos/ann/{event['queryStringParameters']['filename']}"
    _client("s3").head_object(Bucket=BUCKET, Key=key)
    url = _client("s3").generate_presigned_url(
        "get_object", Params={"Bucket": BUCKET, "Key": key}, ExpiresIn=900
    )
    return _response(200, {"url": url})


def login(event: dict[str, Any], _context: object) -> dict[str, Any]:
    fields = json.loads(event["body"])
    response = _client("cognito-idp").admin_initiate_auth(
        UserPoolId="eu-central-1_bench",
        ClientId="bench",
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": fields["username"], "PASSWORD": fields["password"]},
    )
    return _response(200, {"jwt": response["AuthenticationResult"]["IdToken"]})


def bid(event: dict[str, Any], _context: object) -> dict[str, Any]:
    response = _client("dynamodb").update_item(
        TableName="auctions",
        Key={"id": {"S": event["pathParameters"]["id"]}},
        UpdateExpression="SET highestBidAmount = :amount",
        ConditionExpression="highestBidAmount < :amount",
        ExpressionAttributeValues={":amount": {"N": str(json.loads(event["body"])["amount"])}},
        ReturnValues="ALL_NEW",
    )
    return _response(200, response["Attributes"])


def index(_event: dict[str, Any], _context: object) -> None:
    body = json.dumps(_photos()).encode()
    _client("s3").put_object(Bucket=BUCKET, Key="index/ann/images.json", Body=body)


def _photos() -> list[dict[str, Any]]:
    pages = _client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="photos/ann/")
    return [
        {"name": photo["Key"], "size": photo["Size"]} for page in pages for photo in page.get("Contents", [])
    ]


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")


def _response(status: int, body: object) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"content-type": "application/json"}, "body": json.dumps(body)}
