"""Uploads in parts: POST /uploads and the routes below it."""

import concurrent.futures
import hashlib
import json
import random
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import auctions
from conftest import Bucket
from crashes import ANY, Victim
from library import Library
from photos import large_photo, photo
from service import User, at_first
from support.events import http_request

Upload = dict[str, Any]
LeftOver = Callable[[Upload], list[str]]
MakeUser = Callable[[], User]

MIB = 1024 * 1024
PART = 16 * MIB
ID = str(uuid.UUID(int=0))


def start(user: User, data: bytes, **members: object) -> Upload:
    response = user.post("/uploads", json={"filename": "big.jpg", "size": len(data), **members})
    assert response.status_code == 201, response.text
    upload: Upload = response.json()
    return upload


def chunk(upload: Upload, part: Upload, data: bytes) -> bytes:
    begin = (part["number"] - 1) * upload["part_size"]
    return data[begin : begin + part["size"]]


def send(part: Upload, content: bytes) -> httpx.Response:
    """PUTs a part as the contract says: to its URL, with no headers but those of the part."""
    return httpx.put(part["url"], content=content, headers=part["headers"], timeout=180)


def send_all(upload: Upload, data: bytes) -> None:
    for part in upload["parts"]:
        assert send(part, chunk(upload, part, data)).status_code == 200


def complete(user: User, upload: Upload) -> httpx.Response:
    return user.post(f"/uploads/{upload['id']}/complete")


def get(user: User, upload: Upload) -> Upload:
    response = user.get(f"/uploads/{upload['id']}")
    assert response.status_code == 200, response.text
    found: Upload = response.json()
    return found


def problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    assert response.status_code == status, response.text
    body: dict[str, Any] = response.json()
    assert body["type"] == f"urn:yourplace:problem:{name}"
    return body


@pytest.fixture
def left_over(bucket: Bucket) -> LeftOver:
    """left_over(upload): what S3 still stores of an upload, in any version."""

    def find(upload: Upload) -> list[str]:
        client, name = bucket.client, bucket.name
        parts = client.list_multipart_uploads(Bucket=name, Prefix="incoming/").get("Uploads", [])
        found = [item["Key"] for item in parts]
        pages = client.get_paginator("list_object_versions").paginate(Bucket=name, Prefix="incoming/")
        for page in pages:
            found += [item["Key"] for item in page.get("Versions", [])]
        return [key for key in found if key.endswith(upload["id"])]

    return find


# Successful uploads


def test_a_photo_of_60_mb_comes_back_byte_for_byte(user: User, left_over: LeftOver) -> None:
    data = large_photo(60_000_000)
    upload = start(user, data, sha256=hashlib.sha256(data).hexdigest().upper())
    assert (upload["state"], upload["kind"], upload["received"]) == ("open", "photo", 0)
    assert (upload["part_size"], upload["part_count"], len(upload["parts"])) == (PART, 4, 4)
    assert upload["photo"] is upload["job"] is upload["problem"] is None
    send_all(upload, data)
    assert get(user, upload)["received"] == len(data)
    assert user.names() == []

    response = complete(user, upload)
    assert response.status_code == 201, response.text
    done = response.json()
    assert (done["state"], done["received"], done["parts"]) == ("done", len(data), [])
    assert (done["photo"]["size"], done["photo"]["type"]) == (len(data), "jpg")
    assert user.names() == [done["photo"]["filename"]]
    fetched = user.fetch(done["photo"]["filename"])
    assert fetched.content == data
    assert fetched.headers["content-type"] == "image/jpeg"
    assert left_over(upload) == []
    assert complete(user, upload).json() == done


@pytest.mark.parametrize("size", [1000, PART])
def test_an_upload_of_at_most_16_mib_has_one_part(user: User, size: int) -> None:
    data = large_photo(max(size, len(photo("jpg", 1))))
    upload = start(user, data)
    assert [part["size"] for part in upload["parts"]] == [len(data)]
    send_all(upload, data)
    assert complete(user, upload).status_code == 201


def test_the_location_leads_to_the_upload(user: User) -> None:
    response = user.post("/uploads", json={"filename": "a.jpg", "size": 5})
    found = user.get(response.headers["location"])
    assert found.status_code == 200
    assert found.json()["id"] == response.json()["id"]


def test_parts_arrive_in_any_order_and_more_than_once(user: User) -> None:
    data = large_photo(PART * 2 + 5)
    upload = start(user, data)
    for part in reversed(upload["parts"]):
        assert send(part, chunk(upload, part, data)).status_code == 200
    first = upload["parts"][0]
    assert send(first, chunk(upload, first, data)).status_code == 200
    filename = complete(user, upload).json()["photo"]["filename"]
    assert user.fetch(filename).content == data


def test_an_interrupted_upload_continues_with_the_missing_parts(user: User) -> None:
    data = large_photo(PART * 3)
    upload = start(user, data)
    second = upload["parts"][1]
    send(second, chunk(upload, second, data))
    seen = get(user, upload)
    assert [part["number"] for part in seen["parts"]] == [1, 3]
    assert seen["received"] == PART
    missing = problem(complete(user, upload), 409, "parts-missing")
    assert missing["missing"] == [1, 3]
    send_all(seen, data)
    assert complete(user, upload).status_code == 201


def test_new_urls_are_signed_on_request(user: User) -> None:
    data = large_photo(PART + 1)
    upload = start(user, data)
    response = user.post(f"/uploads/{upload['id']}/parts", json={"numbers": [2, 1]})
    assert response.status_code == 200, response.text
    parts = response.json()["parts"]
    assert [(part["number"], part["size"]) for part in parts] == [(2, 1), (1, PART)]
    for part in parts:
        assert send(part, chunk(upload, part, data)).status_code == 200
    assert complete(user, upload).status_code == 201


def test_open_uploads_are_listed_until_they_end(user: User) -> None:
    data = large_photo(50_000)
    first, second, third = start(user, data), start(user, data), start(user, data)
    listed = user.get("/uploads").json()
    assert [upload["id"] for upload in listed["uploads"]] == [first["id"], second["id"], third["id"]]
    assert listed["cursor"] is None
    assert "parts" not in listed["uploads"][0]
    send_all(first, data)
    complete(user, first)
    assert user.call("DELETE", f"/uploads/{second['id']}").status_code == 204
    assert [upload["id"] for upload in user.get("/uploads").json()["uploads"]] == [third["id"]]


# What S3 and the service refuse


@pytest.mark.parametrize("change", [1, -1, -1000])
def test_s3_refuses_a_part_of_the_wrong_length(user: User, change: int) -> None:
    data = large_photo(50_000)
    upload = start(user, data)
    wrong = data + b"x" if change > 0 else data[:change]
    assert send(upload["parts"][0], wrong).status_code == 403
    assert problem(complete(user, upload), 409, "parts-missing")["missing"] == [1]


def test_the_last_parts_url_does_not_take_another_parts_bytes(user: User) -> None:
    data = large_photo(PART + 10)
    upload = start(user, data)
    assert send(upload["parts"][1], chunk(upload, upload["parts"][0], data)).status_code == 403


def test_bytes_that_are_not_a_photo_are_refused_and_deleted(user: User, left_over: LeftOver) -> None:
    data = b"\x7fELF" + random.Random(1).randbytes(17 * MIB)
    upload = start(user, data, filename="holiday.jpg")
    send_all(upload, data)
    problem(complete(user, upload), 415, "not-a-photo")
    problem(complete(user, upload), 415, "not-a-photo")
    seen = get(user, upload)
    assert (seen["state"], seen["problem"]) == ("refused", "urn:yourplace:problem:not-a-photo")
    assert user.names() == []
    assert left_over(upload) == []
    assert send(upload["parts"][0], chunk(upload, upload["parts"][0], data)).status_code == 404


def test_a_wrong_checksum_is_refused_and_the_bytes_deleted(user: User, left_over: LeftOver) -> None:
    data = large_photo(100_000)
    upload = start(user, data, sha256="0" * 64)
    send_all(upload, data)
    problem(complete(user, upload), 422, "checksum-mismatch")
    assert get(user, upload)["problem"] == "urn:yourplace:problem:checksum-mismatch"
    assert (user.names(), left_over(upload)) == ([], [])


def test_a_part_is_refused_once_the_upload_is_complete(user: User) -> None:
    data = large_photo(50_000)
    upload = start(user, data)
    send_all(upload, data)
    filename = complete(user, upload).json()["photo"]["filename"]
    assert send(upload["parts"][0], bytes(len(data))).status_code == 404
    assert user.fetch(filename).content == data
    problem(user.post(f"/uploads/{upload['id']}/parts", json={"numbers": [1]}), 409, "upload-ended")
    problem(user.call("DELETE", f"/uploads/{upload['id']}"), 409, "upload-ended")


def test_a_cancelled_upload_accepts_no_more_parts(user: User, left_over: LeftOver) -> None:
    data = large_photo(PART + 1)
    upload = start(user, data)
    send(upload["parts"][0], chunk(upload, upload["parts"][0], data))
    for _ in range(2):
        assert user.call("DELETE", f"/uploads/{upload['id']}").status_code == 204
    assert get(user, upload)["state"] == "cancelled"
    assert send(upload["parts"][1], chunk(upload, upload["parts"][1], data)).status_code == 404
    problem(complete(user, upload), 409, "upload-ended")
    assert left_over(upload) == []


def test_an_upload_may_not_be_larger_than_the_limit(user: User) -> None:
    response = user.post("/uploads", json={"filename": "a.jpg", "size": 200 * MIB + 1})
    assert problem(response, 413, "too-large")["limit"] == 200 * MIB
    assert user.post("/uploads", json={"filename": "a.jpg", "size": 200 * MIB}).status_code == 201


@pytest.mark.parametrize(
    "body, pointers",
    [
        ({}, ["/filename", "/size"]),
        ({"filename": "", "size": 0}, ["/filename", "/size"]),
        ({"filename": "x" * 256, "size": 1.5}, ["/filename", "/size"]),
        ({"filename": 7, "size": "7"}, ["/filename", "/size"]),
        ({"filename": "a", "size": 1, "kind": "film"}, ["/kind"]),
        ({"filename": "a", "size": 1, "sha256": "0"}, ["/sha256"]),
        ({"filename": "a", "size": 1, "sha256": "g" * 64}, ["/sha256"]),
        ({"filename": "a", "size": 1, "sha256": None}, ["/sha256"]),
        ({"filename": "a", "size": 1, "name": "b"}, ["/name"]),
    ],
)
def test_every_invalid_member_is_listed(caller: User, body: dict[str, Any], pointers: list[str]) -> None:
    refused = problem(caller.post("/uploads", json=body), 422, "invalid")
    assert sorted({error["pointer"] for error in refused["errors"]}) == pointers


@pytest.mark.parametrize(
    "numbers, pointer",
    [
        ([], "/numbers"),
        ([0], "/numbers/0"),
        ([1, 2], "/numbers/1"),
        (["1"], "/numbers/0"),
        ([1] * 101, "/numbers"),
    ],
)
def test_a_number_that_is_not_a_part_is_refused(caller: User, numbers: list[Any], pointer: str) -> None:
    upload = start(caller, b"12345")
    response = caller.post(f"/uploads/{upload['id']}/parts", json={"numbers": numbers})
    assert problem(response, 422, "invalid")["errors"][0]["pointer"] == pointer
    caller.call("DELETE", f"/uploads/{upload['id']}")


@pytest.mark.parametrize("id", [ID, "x", "..", "%2e%2e"])
def test_an_unknown_upload_is_not_found(caller: User, id: str) -> None:
    assert caller.get(f"/uploads/{id}").status_code == 404
    assert caller.call("DELETE", f"/uploads/{id}").status_code == 404
    assert caller.post(f"/uploads/{id}/complete").status_code == 404
    assert caller.post(f"/uploads/{id}/parts", json={"numbers": [1]}).status_code == 404


def test_nobody_reaches_another_users_upload(user: User, make_user: MakeUser) -> None:
    other = make_user()
    upload = start(other, b"12345")
    path = f"/uploads/{upload['id']}"
    for response in (
        user.get(path),
        user.call("DELETE", path),
        user.post(f"{path}/complete"),
        user.post(f"{path}/parts", json={"numbers": [1]}),
    ):
        problem(response, 404, "no-such-upload")
    assert user.get("/uploads").json()["uploads"] == []
    assert get(other, upload)["state"] == "open"


# Idempotency


def test_a_repeated_idempotency_key_returns_the_same_upload(user: User) -> None:
    body, headers = {"filename": "a.jpg", "size": 5}, {"Idempotency-Key": "key-1"}
    first = user.post("/uploads", json=body, headers=headers)
    again = user.post("/uploads", json=body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json()["id"] == first.json()["id"]
    assert len(user.get("/uploads").json()["uploads"]) == 1
    other = user.post("/uploads", json=body | {"size": 6}, headers=headers)
    problem(other, 409, "idempotency-key-reused")


def test_an_idempotency_key_belongs_to_one_user(user: User, make_user: MakeUser) -> None:
    body, headers = {"filename": "a.jpg", "size": 5}, {"Idempotency-Key": "key-1"}
    first = user.post("/uploads", json=body, headers=headers).json()["id"]
    assert make_user().post("/uploads", json=body, headers=headers).json()["id"] != first


@pytest.mark.parametrize("key", ["", "x" * 129])
def test_an_idempotency_key_has_1_to_128_characters(caller: User, key: str) -> None:
    response = caller.post("/uploads", json={"filename": "a", "size": 1}, headers={"Idempotency-Key": key})
    problem(response, 400, "bad-request")


def test_concurrent_requests_with_one_key_create_one_upload(user: User) -> None:
    body, headers = {"filename": "a.jpg", "size": 5}, {"Idempotency-Key": "key-1"}
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        tries = [pool.submit(user.post, "/uploads", json=body, headers=headers) for _ in range(6)]
    responses = [one.result() for one in tries]
    assert {response.status_code for response in responses} <= {201, 503}
    assert len({response.json()["id"] for response in responses if response.status_code == 201}) == 1
    assert len(user.get("/uploads").json()["uploads"]) == 1


# Concurrency


def test_a_user_has_at_most_20_open_uploads(user: User) -> None:
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        body = {"filename": "a.jpg", "size": 5}
        tries = [pool.submit(user.post, "/uploads", json=body) for _ in range(30)]
    statuses = [one.result().status_code for one in tries]
    while statuses.count(201) < 20:
        statuses.append(user.post("/uploads", json={"filename": "a.jpg", "size": 5}).status_code)
    assert set(statuses) <= {201, 429, 503}
    refused = problem(user.post("/uploads", json={"filename": "a.jpg", "size": 5}), 429, "too-many")
    assert refused["limit"] == 20
    uploads = user.get("/uploads").json()["uploads"]
    assert len(uploads) == 20
    user.call("DELETE", f"/uploads/{uploads[0]['id']}")
    assert user.post("/uploads", json={"filename": "a.jpg", "size": 5}).status_code == 201


def test_concurrent_completions_create_one_photo(user: User) -> None:
    data = large_photo(PART + 5)
    upload = start(user, data)
    send_all(upload, data)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda _: complete(user, upload), range(4)))
    statuses = {response.status_code for response in responses}
    assert statuses <= {201, 503} and 201 in statuses
    assert len({response.text for response in responses if response.status_code == 201}) == 1
    assert all("retry-after" in response.headers for response in responses if response.status_code == 503)
    assert len(user.names()) == 1


def test_a_concurrent_cancel_and_completion_leave_a_photo_or_nothing(user: User, left_over: LeftOver) -> None:
    for seed in range(4):
        data = large_photo(30_000, seed)
        upload = start(user, data)
        send_all(upload, data)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            completing = pool.submit(complete, user, upload)
            time.sleep(0.03 * seed)
            cancelling = pool.submit(user.call, "DELETE", f"/uploads/{upload['id']}")
        completed, cancelled = completing.result(), cancelling.result()
        assert (completed.status_code, cancelled.status_code) in {(201, 409), (201, 503), (409, 204)}
        assert len(user.names()) == (1 if completed.status_code == 201 else 0)
        assert left_over(upload) == []
        for name in user.names():
            user.post("/delete", json={"file": name})


def test_concurrent_uploads_with_one_name_are_all_kept(user: User) -> None:
    data = large_photo(20_000)
    uploads = [start(user, data) for _ in range(4)]
    for upload in uploads:
        send_all(upload, data)
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        responses = list(pool.map(lambda upload: complete(user, upload), uploads))
    assert [response.status_code for response in responses] == [201] * 4
    assert len(set(user.names())) == 4


# A call of `complete` that dies at any step

#: The calls to AWS of one `complete`: take the lease, list the parts, assemble them, look up the object, read
#: its first bytes, store the name, start the copy, copy, complete the copy, mark the upload as done, look up
#: the object, delete it.
STEPS = 12


def completion(backstage: auctions.Backstage, user: User, upload: Upload) -> dict[str, Any]:
    """The event of a call of `complete`."""
    headers = {"authorization": f"Bearer {user.id_token}"}
    event = http_request("POST /uploads/{id}/complete", headers, stage=backstage.settings.stage)
    event["pathParameters"] = {"id": upload["id"]}
    return event


def quota(user: User) -> tuple[int, int, int]:
    """The bytes that are used and reserved, and the photos that are stored."""
    shown = user.me()["quota"]
    return shown["used"], shown["reserved"], shown["photos_used"]


@pytest.mark.local_cloud
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_a_completion_that_dies_is_continued(
    user: User,
    backstage: auctions.Backstage,
    left_over: LeftOver,
    library: Library,
    programs: Path,
    step: int,
    when: str,
) -> None:
    data = large_photo(30_000)
    upload = start(user, data)
    send_all(upload, data)
    event = completion(backstage, user, upload)
    calls = Victim(backstage, "uploads_complete", programs).run(event, ANY, when, nth=step)
    assert len(calls) == step

    backstage.end_upload_lease(user, upload["id"])
    response = complete(user, upload)
    assert response.status_code == 201, response.text
    filename = response.json()["photo"]["filename"]
    assert user.names() == [filename]
    assert user.fetch(filename).content == data
    assert user.get("/uploads").json()["uploads"] == []
    assert left_over(upload) == []
    # An event may have recorded the photo, and ended the upload.
    library.wait_until_right([("", user)])
    assert quota(user) == (len(data), 0, 1)


@pytest.mark.local_cloud
def test_an_event_ends_an_upload_whose_completion_died(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    """The photo is stored, so no other call has to complete the upload."""
    data = large_photo(30_000)
    upload = start(user, data)
    send_all(upload, data)
    event = completion(backstage, user, upload)
    Victim(backstage, "uploads_complete", programs).run(event, "TransactWriteItems", "before")
    library.wait_until_right([("", user)])
    assert quota(user) == (len(data), 0, 1)
    shown = get(user, upload)
    [stored] = user.photos()
    assert (shown["state"], at_first(shown["photo"])) == ("done", at_first(stored))
    assert at_first(complete(user, upload).json()["photo"]) == at_first(stored)
    assert quota(user) == (len(data), 0, 1)


@pytest.mark.local_cloud
def test_a_completion_that_is_repeated_does_not_bring_a_deleted_photo_back(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    data = large_photo(30_000)
    upload = start(user, data)
    send_all(upload, data)
    victim = Victim(backstage, "uploads_complete", programs)
    # The photo is stored, but not recorded.
    victim.run(completion(backstage, user, upload), "TransactWriteItems", "before")
    [stored] = library.stored(user)
    assert user.post("/delete", json={"file": stored}).status_code == 204
    backstage.end_upload_lease(user, upload["id"])
    response = complete(user, upload)
    assert response.status_code in (201, 409), response.text
    library.wait_until_right([("", user)])
    assert stored not in library.stored(user)
    assert get(user, upload)["state"] in ("done", "cancelled")
    assert quota(user)[1] == 0


@pytest.mark.local_cloud
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_creation_that_dies_can_be_repeated_with_its_key(
    user: User, backstage: auctions.Backstage, programs: Path, when: str
) -> None:
    data = large_photo(20_000)
    body = {"filename": "a.jpg", "size": len(data)}
    headers = {"authorization": f"Bearer {user.id_token}", "idempotency-key": "key-1"}
    event = http_request("POST /uploads", headers, json.dumps(body), stage=backstage.settings.stage)
    Victim(backstage, "uploads_create", programs).run(event, "TransactWriteItems", when)
    upload = user.post("/uploads", json=body, headers={"Idempotency-Key": "key-1"}).json()
    assert len(user.get("/uploads").json()["uploads"]) == 1
    send_all(upload, data)
    assert complete(user, upload).status_code == 201


@pytest.mark.local_cloud
def test_a_photo_that_may_be_stored_cannot_be_cancelled(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    data = large_photo(20_000)
    upload = start(user, data)
    send_all(upload, data)
    # The photo is stored, and the upload is not marked as done.
    event = completion(backstage, user, upload)
    Victim(backstage, "uploads_complete", programs).run(event, "TransactWriteItems", "before")
    assert len(library.stored(user)) == 1
    checking = get(user, upload)
    parts = user.post(f"/uploads/{upload['id']}/parts", json={"numbers": [1]})
    assert (checking["received"], checking["parts"]) == (len(data), [])
    # Sooner or later, an event says that the photo is stored, which ends the upload.
    if parts.status_code == 503:
        assert (problem(parts, 503, "busy"), "retry-after" in parts.headers)[1]
        assert checking["state"] == "checking"
    else:
        problem(parts, 409, "upload-ended")
        assert get(user, upload)["state"] == "done"
    problem(user.call("DELETE", f"/uploads/{upload['id']}"), 409, "upload-ended")
    backstage.end_upload_lease(user, upload["id"])
    assert complete(user, upload).json()["photo"]["filename"] == user.names()[0]
