"""Renditions of photos: made by an event, shown in every photo, and gone with the photo."""

import hashlib
import io
import json
import os
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from PIL import Image

from conftest import Bucket
from photos import FORMATS, encode, has_metadata, looks_like, phone_exif, photo, picture
from service import User, eventually, rendered
from test_repair import Records

#: What `photos.phone_exif` says.
PLACE = {"latitude": 52.52, "longitude": 13.41}


def test_a_photo_is_shown_and_described_soon_after_its_upload(user: User) -> None:
    data = encode(picture(5), "JPEG", exif=phone_exif("2024:05:04 12:34:56"))
    stored = user.upload(data)
    assert (stored["rendition"], stored["thumbnail_url"], stored["preview_url"]) == ("pending", None, None)
    found = rendered(user, stored)
    # The camera was held upright: rows became columns.
    assert (found["width"], found["height"]) == (72, 96)
    assert found["sha256"] == hashlib.sha256(data).hexdigest()
    assert (found["taken_at"], found["taken_at_source"]) == (
        "2024-05-04T12:34:56",
        "exif",
    )
    assert (found["place"], found["camera"]) == (PLACE, "Acme Phone 12")
    assert (found["rendition"], len(found["thumbhash"]) > 20) == ("ready", True)
    for url in (found["thumbnail_url"], found["preview_url"]):
        served = httpx.get(url)
        assert (served.status_code, served.headers["content-type"]) == (200, "image/jpeg")
        assert Image.open(io.BytesIO(served.content)).size == (72, 96)
        assert looks_like(served.content, data)
        assert not has_metadata(served.content)
        assert httpx.get(url.partition("?")[0]).status_code == 403
    for listed in (user.photos(), user.get("/photos").json()["photos"]):
        assert listed[0]["thumbnail_url"].partition("?")[0] == found["thumbnail_url"].partition("?")[0]


def test_all_kinds_of_photos_have_renditions(user: User) -> None:
    stored = {kind: user.upload(photo(kind, 9)) for kind in FORMATS}
    found = {kind: rendered(user, item) for kind, item in stored.items()}
    assert {kind: item["rendition"] for kind, item in found.items()} == dict.fromkeys(FORMATS, "ready")
    for kind, item in found.items():
        assert looks_like(httpx.get(item["thumbnail_url"]).content, photo(kind, 9)), kind


def test_a_photo_that_cannot_be_decoded_is_safe(user: User) -> None:
    data = photo()[:100].ljust(1000, b"\0")
    found = rendered(user, user.upload(data))
    assert (found["rendition"], found["thumbnail_url"], found["preview_url"]) == ("unavailable", None, None)
    assert (found["sha256"], found["width"]) == (hashlib.sha256(data).hexdigest(), None)
    assert user.fetch(found["filename"]).content == data


def test_a_deleted_photo_leaves_no_rendition(user: User, bucket: Bucket) -> None:
    stored = [user.upload(photo("jpg", seed)) for seed in range(6)]
    rendered(user, stored[0])
    # Some are being rendered at this moment.
    for item in stored:
        assert user.post("/delete", json={"file": item["filename"]}).status_code == 204
    time.sleep(5)
    eventually(lambda: len(bucket.list(f"renditions/{user.id}/")), 0)


@pytest.mark.local_cloud
def test_a_photo_with_an_old_recipe_is_rendered_again(
    user: User, bucket: Bucket, aws: Callable[[str], Any]
) -> None:
    records = Records(aws, bucket)
    found = rendered(user, user.upload(photo()))
    item, folder = f"photo#{found['filename']}", f"renditions/{user.id}/{found['filename']}/"
    keys = bucket.list(folder)
    old = f"{folder}999-512.jpg"
    bucket.client.put_object(Bucket=bucket.name, Key=old, Body=b"old")
    records.set_number(user, item, "recipe", 999)
    body = json.dumps({"user": user.id, "filename": found["filename"]})
    aws("sqs").send_message(QueueUrl=os.environ["RENDITIONS_QUEUE_URL"], MessageBody=body)
    eventually(lambda: bucket.list(folder), keys)
    (record,) = records.items(user, item)
    assert record["recipe"]["N"] == keys[0].removeprefix(folder).partition("-")[0]
