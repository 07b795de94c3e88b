"""`POST /upload_single_photo`."""

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from photos import FORMATS, NAMES_TO_ENCODE, NOT_PHOTOS, jpeg_of, photo, variants
from service import MAX_UPLOAD, PHOTO_MEMBERS, PHOTO_NAME, TIME, Settings, User, assert_problem, original_name

ROUTE = "/upload_single_photo"


def multipart(data: bytes, name: str = "photo.jpg", field: str = "file") -> dict[str, tuple[str, bytes, str]]:
    return {field: (name, data, "application/octet-stream")}


def as_json(data: bytes, **members: object) -> dict[str, Any]:
    return {"file": base64.b64encode(data).decode(), **members}


# What a photo is, by its first bytes


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_of_each_format_comes_back_byte_for_byte(user: User, kind: str) -> None:
    stored = user.upload(photo(kind), f"holiday.{kind}")
    response = user.fetch(stored["filename"])
    assert response.content == photo(kind)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_photo_of_each_format_is_known_by_its_first_bytes(user: User, kind: str) -> None:
    assert user.upload(photo(kind), "no-extension")["type"] == kind


@pytest.mark.parametrize("what, kind, data", variants(), ids=[what for what, _, _ in variants()])
def test_other_shapes_of_a_format_are_known_too(user: User, what: str, kind: str, data: bytes) -> None:
    assert user.upload(data)["type"] == kind


def test_neither_the_name_nor_the_content_type_says_what_a_photo_is(user: User) -> None:
    response = user.post(
        ROUTE, content=photo("png"), params={"filename": "x.gif"}, headers={"Content-Type": "image/jpeg"}
    )
    assert (response.json()["type"], response.json()["filename"].rpartition(".")[2]) == ("png", "png")


@pytest.mark.parametrize("what", NOT_PHOTOS)
def test_what_is_no_photo_is_refused(caller: User, what: str) -> None:
    response = caller.post(
        ROUTE,
        content=NOT_PHOTOS[what],
        params={"filename": "photo.jpg"},
        headers={"Content-Type": "image/jpeg"},
    )
    assert_problem(response, 415)


def test_what_is_refused_is_not_stored(user: User) -> None:
    user.post(ROUTE, content=NOT_PHOTOS["html"], headers={"Content-Type": "image/jpeg"})
    assert user.photos() == []


# The response


def test_the_response_is_the_photo(user: User) -> None:
    stored = user.upload(photo(), "holiday.jpg")
    assert set(stored) == PHOTO_MEMBERS
    assert stored["size"] == len(photo())
    assert PHOTO_NAME.fullmatch(stored["filename"])
    assert TIME.fullmatch(stored["uploaded_at"])


def test_the_time_of_a_photo_is_that_of_its_name(user: User) -> None:
    stored = user.upload(photo())
    digits = "".join(sign for sign in stored["uploaded_at"] if sign.isdigit())
    assert stored["filename"].startswith(f"{digits[:8]}T{digits[8:]}Z_")


def test_the_time_of_a_photo_is_when_it_came(user: User) -> None:
    stored = datetime.fromisoformat(user.upload(photo())["uploaded_at"])
    assert abs(datetime.now(UTC) - stored) < timedelta(minutes=1)


def test_the_location_is_the_address_of_the_download(user: User, settings: Settings) -> None:
    response = user.post(
        ROUTE, content=photo(), params={"filename": "a +%&#é😀.jpg"}, headers={"Content-Type": "image/jpeg"}
    )
    location = response.headers["location"]
    assert location.startswith(f"{settings.base_url}/download?filename=")
    assert user.get(location, follow_redirects=True).content == photo()


# The ways to send one


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "image/jpeg",
        "application/octet-stream",
        "application/x-www-form-urlencoded",
        "image/png",
        "nonsense",
    ],
)
def test_a_raw_body_is_the_photo_under_any_content_type(user: User, content_type: str | None) -> None:
    response = user.post(
        ROUTE, content=photo(), headers={"Content-Type": content_type} if content_type else {}
    )
    assert response.status_code == 201, response.text
    assert user.fetch(response.json()["filename"]).content == photo()


def test_a_raw_body_without_a_name_is_called_photo(user: User) -> None:
    assert original_name(user.upload(photo())) == "photo"


@pytest.mark.parametrize(
    "header, name",
    [
        ('attachment; filename="sunset.jpg"', "sunset"),
        ("attachment; filename=sunset.jpg", "sunset"),
        ("attachment; filename*=UTF-8''%E6%B5%B7%20%F0%9F%8C%8A.jpg", "海 🌊"),
        ("attachment; filename=\"sea.jpg\"; filename*=UTF-8''%E6%B5%B7.jpg", "海"),
        ('form-data; name="file"; filename="sunset.jpg"', "sunset"),
    ],
    ids=["quoted", "bare", "extended", "both", "form-data"],
)
def test_a_raw_body_takes_its_name_from_the_content_disposition(
    user: User, header: str | None, name: str
) -> None:
    response = user.post(
        ROUTE, content=photo(), headers={"Content-Type": "image/jpeg", "Content-Disposition": header}
    )
    assert original_name(response.json()) == name


def test_the_query_names_a_raw_body_before_the_content_disposition_does(user: User) -> None:
    response = user.post(
        ROUTE,
        content=photo(),
        params={"filename": "query.jpg"},
        headers={"Content-Type": "image/jpeg", "Content-Disposition": 'attachment; filename="header.jpg"'},
    )
    assert original_name(response.json()) == "query"


def test_a_multipart_file_is_stored(user: User) -> None:
    response = user.post(ROUTE, files=multipart(photo("heic"), "IMG_0042.HEIC"))
    assert response.status_code == 201, response.text
    assert user.fetch(response.json()["filename"]).content == photo("heic")


def test_a_multipart_file_keeps_its_name(user: User) -> None:
    assert (
        original_name(user.post(ROUTE, files=multipart(photo("heic"), "IMG_0042.HEIC")).json()) == "IMG_0042"
    )


def test_a_multipart_file_without_a_name_is_called_photo(user: User) -> None:
    body = b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + photo() + b"\r\n--x--\r\n"
    response = user.post(ROUTE, content=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert original_name(response.json()) == "photo"


def test_other_parts_of_a_multipart_body_are_left_alone(user: User) -> None:
    parts = [
        ("comment", (None, "hello")),
        ("other", ("o.png", photo("png"))),
        ("file", ("a.jpg", photo())),
        ("z", (None, "z")),
    ]
    response = user.post(ROUTE, files=parts)
    assert (response.status_code, response.json().get("type"), len(user.photos())) == (201, "jpg", 1)


def test_a_multipart_body_without_a_file_is_refused(caller: User) -> None:
    assert caller.post(ROUTE, files=multipart(photo(), field="picture")).status_code in (400, 422)


@pytest.mark.parametrize(
    "body, content_type",
    [
        (
            b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + photo(),
            "multipart/form-data; boundary=x",
        ),
        (b"no parts at all", "multipart/form-data; boundary=x"),
        (photo(), "multipart/form-data"),
        (b"--x\r\n\r\n", "multipart/form-data; boundary=x"),
    ],
    ids=["cut off", "no parts", "no boundary", "no headers"],
)
def test_an_unreadable_multipart_body_is_refused(caller: User, body: Any, content_type: str | None) -> None:
    assert_problem(caller.post(ROUTE, content=body, headers={"Content-Type": content_type}), 400)


def test_base64_in_json_is_stored(user: User) -> None:
    response = user.post(ROUTE, json=as_json(photo("webp")))
    assert response.status_code == 201, response.text
    assert user.fetch(response.json()["filename"]).content == photo("webp")


@pytest.mark.parametrize(
    "members, name",
    [({"filename": "sea.webp"}, "sea"), ({}, "photo"), ({"filename": None}, "photo")],
    ids=["named", "unnamed", "null"],
)
def test_base64_in_json_carries_its_name(user: User, members: Any, name: str) -> None:
    assert original_name(user.post(ROUTE, json=as_json(photo("webp"), **members)).json()) == name


def test_json_may_say_its_character_set(user: User) -> None:
    response = user.post(
        ROUTE,
        content=json.dumps(as_json(photo())),
        headers={"Content-Type": "application/json; charset=utf-8"},
    )
    assert response.status_code == 201


@pytest.mark.parametrize(
    "body",
    [{}, {"file": None}, {"file": 5}, {"file": "not base64!"}, {"file": "QUJD="}, {"filename": "a.jpg"}],
    ids=["missing", "null", "number", "not base64", "wrong padding", "name alone"],
)
def test_json_without_a_readable_file_says_so(caller: User, body: Any) -> None:
    assert_problem(caller.post(ROUTE, json=body), 422, "/file")


def test_json_with_a_name_that_is_no_text_says_so(caller: User) -> None:
    assert_problem(caller.post(ROUTE, json=as_json(photo(), filename=5)), 422, "/filename")


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"5", b"\xff\xd8\xff"])
def test_json_that_is_no_object_is_unreadable(caller: User, body: Any) -> None:
    assert_problem(caller.post(ROUTE, content=body, headers={"Content-Type": "application/json"}), 400)


def test_json_under_another_content_type_is_a_raw_body(caller: User) -> None:
    response = caller.post(
        ROUTE, content=json.dumps(as_json(photo())), headers={"Content-Type": "text/plain"}
    )
    assert_problem(response, 415)


@pytest.mark.parametrize("content_type", [None, "image/jpeg", "application/x-www-form-urlencoded"])
def test_an_empty_body_is_unreadable(caller: User, content_type: str | None) -> None:
    assert_problem(caller.post(ROUTE, headers={"Content-Type": content_type} if content_type else {}), 400)


def test_base64_of_what_is_no_photo_is_refused(caller: User) -> None:
    assert_problem(caller.post(ROUTE, json=as_json(NOT_PHOTOS["pdf"])), 415)


# The limit


def requests_of(size: int) -> dict[str, dict[str, Any]]:
    data = jpeg_of(size)
    return {
        "raw": {"content": data, "headers": {"Content-Type": "image/jpeg"}},
        "multipart": {"files": multipart(data)},
        "json": {"json": as_json(data)},
    }


@pytest.mark.parametrize("way", ["raw", "multipart", "json"])
def test_a_photo_of_exactly_the_limit_is_stored(user: User, way: str) -> None:
    response = user.post(ROUTE, **requests_of(MAX_UPLOAD)[way])
    assert (response.status_code, response.json().get("size")) == (201, MAX_UPLOAD)


@pytest.mark.parametrize("way", ["raw", "multipart", "json"])
def test_a_photo_over_the_limit_is_told_the_limit(caller: User, way: str) -> None:
    body = assert_problem(caller.post(ROUTE, **requests_of(MAX_UPLOAD + 1)[way]), 413)
    assert body["limit"] == MAX_UPLOAD


def test_a_body_that_the_gateway_itself_refuses_is_too_large_too(caller: User) -> None:
    response = caller.post(ROUTE, content=jpeg_of(10_500_000), headers={"Content-Type": "image/jpeg"})
    assert response.status_code == 413


# Names


@pytest.mark.parametrize(
    "given, kept",
    [
        ("holiday.jpg", "holiday"),
        ("holiday.JPEG", "holiday"),
        ("my holiday.jpg", "my holiday"),
        ("a+b.jpg", "a+b"),
        ("100%.jpg", "100%"),
        ("100%25.jpg", "100%25"),
        ("a_b-c.d.jpg", "a_b-c.d"),
        ("Grüße.jpg", "Grüße"),
        ("写真.jpg", "写真"),
        ("صورة.jpg", "صورة"),
        ("фото 1.jpg", "фото 1"),
        ("🏖️.jpg", "🏖️"),
        ("a&b=c#d?e.jpg", "a&b=c#d?e"),
        ("/etc/passwd.jpg", "passwd"),
        ("../../etc/passwd.jpg", "passwd"),
        ("C:\\photos\\me.jpg", "me"),
        ("a\\..\\me.jpg", "me"),
        ("", "photo"),
        (".", "photo"),
        ("..", "photo"),
        ("///", "photo"),
        ("a\r\nSet-Cookie: x.jpg", "aSet-Cookie: x"),
        ("a\0b.jpg", "ab"),
    ],
)
def test_a_name_is_kept_but_for_what_could_do_harm(user: User, given: str, kept: str) -> None:
    assert original_name(user.post(ROUTE, json=as_json(photo(), filename=given)).json()) == kept


@pytest.mark.parametrize("given", [*NAMES_TO_ENCODE, "..jpg"])
@pytest.mark.parametrize("way", ["query", "multipart", "json"])
def test_a_photo_of_any_name_comes_back(user: User, given: str, way: str) -> None:
    requests: dict[str, dict[str, Any]] = {
        "query": {
            "content": photo(),
            "params": {"filename": given},
            "headers": {"Content-Type": "image/jpeg"},
        },
        "multipart": {"files": multipart(photo(), given)},
        "json": {"json": as_json(photo(), filename=given)},
    }
    stored = user.post(ROUTE, **requests[way]).json()["filename"]
    assert user.names() == [stored]
    assert user.fetch(stored).content == photo()


@pytest.mark.parametrize("sign", ["a", "é", "写", "🏖"])
def test_a_long_name_is_cut_to_a_hundred_bytes(user: User, sign: str) -> None:
    name = original_name(user.post(ROUTE, json=as_json(photo(), filename=sign * 300 + ".jpg")).json())
    assert 100 - len(sign.encode()) < len(name.encode()) <= 100
    assert set(name) == {sign}


def test_two_uploads_of_one_name_both_stay(user: User) -> None:
    first, second = user.upload(photo("jpg", 1), "one.jpg"), user.upload(photo("jpg", 2), "one.jpg")
    assert [user.fetch(stored["filename"]).content for stored in (first, second)] == [
        photo("jpg", 1),
        photo("jpg", 2),
    ]


def test_fifty_uploads_of_one_name_at_once_are_fifty_photos(user: User) -> None:
    with ThreadPoolExecutor(50) as workers:
        stored = list(workers.map(lambda seed: user.upload(photo("jpg", seed), "same.jpg"), range(50)))
    assert len({item["filename"] for item in stored}) == 50
    assert {user.fetch(item["filename"]).content for item in stored} == {
        photo("jpg", seed) for seed in range(50)
    }
