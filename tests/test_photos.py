"""`GET /photos`, `GET /photos/months` and `GET /photos/{filename}`."""

import base64
import random
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import library as tables
import tokens
from archives import Entry, build
from library import Library
from photos import NAMES_TO_ENCODE, photo
from service import PHOTO_MEMBERS, Settings, User, assert_problem, at_first, eventually

MakeUser = Callable[..., User]


def page(user: User, **parameters: object) -> dict[str, Any]:
    response = user.get("/photos", params=parameters)
    assert response.status_code == 200, response.text
    body: dict[str, Any] = response.json()
    assert set(body) == {"photos", "cursor"}
    return body


def pages(user: User, **parameters: object) -> Iterator[list[dict[str, Any]]]:
    """The photos on each page."""
    cursor: str | None = None
    while True:
        found = page(user, **parameters, **({"cursor": cursor} if cursor else {}))
        yield found["photos"]
        cursor = found["cursor"]
        if cursor is None:
            return


def names(user: User, **parameters: object) -> list[str]:
    """The names of all photos on all pages."""
    return [item["filename"] for photos in pages(user, **parameters) for item in photos]


def titles(user: User, **parameters: object) -> list[str]:
    """The original names of all photos on all pages, without time and type."""
    return [name.partition("_")[2].rpartition(".")[0] for name in names(user, **parameters)]


def show(user: User, filename: str, **headers: str) -> httpx.Response:
    return user.get(f"/photos/{quote(filename, safe='')}", headers=headers)


def change(user: User, filename: str, **members: object) -> dict[str, Any]:
    response = user.call("PATCH", f"/photos/{quote(filename, safe='')}", json=members)
    assert response.status_code == 200, response.text
    changed: dict[str, Any] = response.json()
    return changed


def months(user: User) -> list[tuple[str, int]]:
    response = user.get("/photos/months")
    assert response.status_code == 200, response.text
    return [(item["month"], item["count"]) for item in response.json()["months"]]


def upload_each(user: User, *given: str) -> list[dict[str, Any]]:
    return [user.upload(photo(), f"{name}.jpg") for name in given]


# When a photo was taken


@pytest.mark.parametrize(
    "name, taken_at",
    [
        ("IMG_20240102_030405", "2024-01-02T03:04:05"),
        ("PXL_20240102_030405678", "2024-01-02T03:04:05.678"),
        ("2024-01-02 03.04.05", "2024-01-02T03:04:05"),
        ("IMG-20240102-WA0001", "2024-01-02T00:00:00"),
        ("IMG_20240229_235959", "2024-02-29T23:59:59"),
    ],
)
def test_the_name_says_when_a_photo_was_taken(user: User, name: str, taken_at: str) -> None:
    stored = user.upload(photo("png"), f"{name}.png")
    assert (stored["taken_at"], stored["taken_at_source"]) == (taken_at, "filename")
    assert at_first(show(user, stored["filename"]).json()) == at_first(stored)
    assert [at_first(item) for item in page(user)["photos"]] == [at_first(stored)]


@pytest.mark.parametrize(
    "name", ["holiday", "IMG_20240230_030405", "IMG_20240102_250000", "1234567890", "2024"]
)
def test_without_a_time_in_its_name_a_photo_was_taken_when_it_was_uploaded(user: User, name: str) -> None:
    stored = user.upload(photo("png"), f"{name}.png")
    assert (stored["taken_at"], stored["taken_at_source"]) == (
        stored["uploaded_at"].removesuffix("Z"),
        "upload",
    )


def test_every_way_to_store_a_photo_tells_when_it_was_taken(user: User) -> None:
    [unpacked] = user.unzip(build([Entry("trip/IMG_20230708_091011.jpg", photo())])).stored
    upload = user.post(
        "/uploads", json={"filename": "PXL_20230708_091011123.jpg", "size": len(photo())}
    ).json()
    assert httpx.put(upload["parts"][0]["url"], content=photo()).status_code == 200
    completed = user.post(f"/uploads/{upload['id']}/complete").json()["photo"]
    assert (unpacked["taken_at"], completed["taken_at"]) == ("2023-07-08T09:10:11", "2023-07-08T09:10:11.123")
    del unpacked["entry"]
    listed = [at_first(item) for item in page(user)["photos"]]
    assert listed == [at_first(completed), at_first(unpacked)]


def test_the_list_shows_photos_as_each_route_does(user: User) -> None:
    stored = [user.upload(photo(kind), f"{kind}.{kind}") for kind in ("jpg", "png", "gif")]
    expected = [at_first(item) for item in stored]
    assert [at_first(item) for item in page(user)["photos"]] == expected[::-1]
    assert [at_first(item) for item in user.photos()] == expected
    assert [at_first(show(user, item["filename"]).json()) for item in stored] == expected
    for item in stored:
        assert set(item) == PHOTO_MEMBERS
        assert (item["favourite"], item["trashed_at"], item["duplicate_of"]) == (False, None, None)


# Order and selection

TIMES = {
    "IMG_20231231_235959": "2023-12-31T23:59:59",
    "IMG_20240101_000000": "2024-01-01T00:00:00",
    "PXL_20240101_000000001": "2024-01-01T00:00:00.001",
    "IMG_20240101_120000": "2024-01-01T12:00:00",
    "IMG_20240102_000000": "2024-01-02T00:00:00",
    "IMG_20240301_080000": "2024-03-01T08:00:00",
}


@pytest.fixture(scope="module")
def traveller(make_user: MakeUser) -> User:
    """A user with a photo of each of TIMES, uploaded in another order."""
    user = make_user()
    given = list(TIMES)
    random.Random(3).shuffle(given)
    upload_each(user, *given)
    return user


def test_photos_are_ordered_by_the_time_they_were_taken(traveller: User) -> None:
    assert titles(traveller, order="oldest") == list(TIMES)
    assert titles(traveller) == titles(traveller, order="newest") == list(TIMES)[::-1]
    taken = [item["taken_at"] for item in page(traveller, order="oldest")["photos"]]
    assert taken == list(TIMES.values())


def test_photos_of_one_time_are_ordered_by_their_names(user: User) -> None:
    stored = upload_each(user, *(f"IMG_20240102_030405 {number}" for number in (3, 1, 2)))
    wanted = sorted(item["filename"] for item in stored)
    for limit in (1, 2, 100):
        assert names(user, order="oldest", limit=limit) == wanted
        assert names(user, order="newest", limit=limit) == wanted[::-1]


@pytest.mark.parametrize(
    "start, end, selected",
    [
        ("2024-01-01", None, slice(1, 6)),
        ("2024-01-01T00:00:00", None, slice(1, 6)),
        ("2024-01-01T00:00:00.001", None, slice(2, 6)),
        ("2024-01-01T00:00:00.002", None, slice(3, 6)),
        ("2024-01-01T12:00", None, slice(3, 6)),
        ("2024-03-02", None, slice(0, 0)),
        (None, "2024-01-01", slice(0, 1)),
        (None, "2024-01-01T00:00:00.001", slice(0, 2)),
        (None, "2024-01-02T00:00:00", slice(0, 4)),
        (None, "2024-01-02T00:00:01", slice(0, 5)),
        (None, "2023-12-31", slice(0, 0)),
        ("2024-01-01", "2024-01-02", slice(1, 4)),
        ("2023-12-31T23:59:59", "2024-01-01T00:00:00", slice(0, 1)),
        ("2024-01-01", "2024-01-01", slice(0, 0)),
        ("0001-01-01", "9999-12-31T23:59:59.999", slice(0, 6)),
    ],
)
@pytest.mark.parametrize("limit", [1, 100])
def test_from_is_inclusive_and_to_is_exclusive(
    traveller: User, start: str | None, end: str | None, selected: slice, limit: int
) -> None:
    bounds = {name: value for name, value in (("from", start), ("to", end)) if value is not None}
    wanted = list(TIMES)[selected]
    assert titles(traveller, order="oldest", limit=limit, **bounds) == wanted
    assert titles(traveller, limit=limit, **bounds) == wanted[::-1]


@pytest.mark.parametrize(
    "parameters",
    [
        {"from": "2024-01-01T00:00:00Z"},
        {"from": "2024-01-01T00:00:00+01:00"},
        {"to": "2024-01-01T00:00:00.000-05:00"},
        {"from": "2024-01-02", "to": "2024-01-01"},
        {"from": "2024-01-01T00:00:00.001", "to": "2024-01-01"},
        {"from": "2024-02-30"},
        {"from": "2024-13-01"},
        {"to": "2024-01-01T24:00:00"},
        {"to": "2024-01-01T00:00:00.1"},
        {"from": "2024-1-1"},
        {"from": "20240101"},
        {"to": "2024-01-01 00:00:00"},
        {"to": "yesterday"},
        {"to": "1704067200"},
        {"from": ""},
        {"type": "jpeg"},
        {"type": ""},
        {"favourite": "1"},
        {"favourite": "True"},
        {"favourite": ""},
        {"order": "NEWEST"},
        {"limit": "0"},
        {"limit": "501"},
        {"limit": "1.5"},
        {"limit": "ten"},
        {"cursor": ""},
    ],
    ids=str,
)
def test_a_parameter_that_breaks_a_rule_is_refused(caller: User, parameters: dict[str, str]) -> None:
    assert_problem(caller.get("/photos", params=parameters), 400)


def test_photos_are_selected_by_type(user: User) -> None:
    stored = {kind: user.upload(photo(kind))["filename"] for kind in ("jpg", "png", "gif", "webp")}
    for kind, name in stored.items():
        assert names(user, type=kind) == [name]
    assert names(user, type="bmp") == []


def test_photos_are_selected_by_whether_they_are_favourites(user: User) -> None:
    stored = [user.upload(photo(kind))["filename"] for kind in ("jpg", "png", "jpg", "png", "gif")]
    for at in (0, 1, 3):
        assert change(user, stored[at], favourite=True)["favourite"] is True
    assert names(user, order="oldest", favourite="true") == [stored[0], stored[1], stored[3]]
    assert names(user, order="oldest", favourite="false") == [stored[2], stored[4]]
    assert names(user, order="oldest", favourite="true", type="png") == [stored[1], stored[3]]
    assert names(user, favourite="false", type="png") == []
    assert names(user, favourite="false", type="jpg", limit=1) == [stored[2]]
    assert show(user, stored[0]).json()["favourite"] is True
    # Deletion takes a favourite out of every selection.
    assert user.post("/delete", json={"file": stored[1]}).status_code == 204
    assert names(user, favourite="true", type="png") == [stored[3]]
    assert stored[1] not in names(user)


# Pages


@pytest.mark.local_cloud
def test_a_page_has_up_to_500_photos(user: User, library: Library) -> None:
    kinds = ("jpg", "png")
    items = [
        tables.record(
            user,
            f"20240101T000000{number:03}Z_{number}.{kinds[number % 2]}",
            1,
            f"2024-01-{1 + number % 28:02}T00:00:00",
        )
        for number in range(501)
    ]
    library.add(user, items)
    assert (len(page(user)["photos"]), len(page(user, limit=500)["photos"])) == (100, 500)
    assert [len(photos) for photos in pages(user, limit=500)] == [500, 1]
    assert [len(photos) for photos in pages(user, limit=167)] == [167, 167, 167]
    assert [len(photos) for photos in pages(user, limit=500, type="png")] == [250]
    everything = names(user, limit=499)
    assert len(set(everything)) == 501
    assert names(user, limit=83, order="oldest") == everything[::-1]


def test_the_page_after_the_last_photo_is_not_announced(traveller: User) -> None:
    assert [len(photos) for photos in pages(traveller, limit=3)] == [3, 3]
    assert page(traveller, limit=6)["cursor"] is None


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_paging_loses_and_repeats_nothing_while_photos_come_and_go(user: User, order: str) -> None:
    kept = [
        item["filename"]
        for item in upload_each(user, *(f"IMG_202401{day:02}_120000" for day in range(1, 13)))
    ]
    passing = [
        item["filename"]
        for item in upload_each(user, *(f"IMG_202401{day:02}_130000" for day in range(1, 13)))
    ]
    found: list[str] = []
    for number, photos in enumerate(pages(user, order=order, limit=3)):
        found += [item["filename"] for item in photos]
        if number < 5:
            # One between the photos, one that may be the page's last, and the last of the page itself.
            upload_each(user, f"IMG_202401{2 * number + 2:02}_1100{number:02}")
            user.post("/delete", json={"file": passing.pop()})
            last = photos[-1]["filename"]
            if last in passing:
                passing.remove(last)
                user.post("/delete", json={"file": last})
    assert len(found) == len(set(found))
    assert [name for name in found if name in kept] == (kept if order == "oldest" else kept[::-1])


@pytest.fixture(scope="module")
def stranger(make_user: MakeUser) -> User:
    user = make_user()
    upload_each(user, "IMG_20240101_110000", "IMG_20240101_130000", "holiday")
    return user


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def test_another_users_cursor_reaches_only_ones_own_photos(traveller: User, stranger: User) -> None:
    for order in ("newest", "oldest"):
        cursor = page(stranger, limit=1, order=order)["cursor"]
        response = traveller.get("/photos", params={"cursor": cursor, "order": order})
        if response.status_code == 200:
            assert {item["filename"] for item in response.json()["photos"]} <= set(names(traveller))
        else:
            assert_problem(response, 400)


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "2024-01-01T00:00:00.000",
        "2024-01-01T00:00:00.000_",
        "2024-01-01T00:00:00.000_cat.jpg",
        "2024-01-01T00:00:00.000_../20240101T000000000Z_cat.jpg",
        "2024-01-01_20240101T000000000Z_cat.jpg",
        "2024-13-01T00:00:00.000_20240101T000000000Z_cat.jpg",
        "{}#2024-01-01T00:00:00.000_20240101T000000000Z_cat.jpg",
        "photos/{}/20240101T000000000Z_cat.jpg",
        "\ufffe",
        "\0",
    ],
    ids=ascii,
)
def test_a_forged_cursor_is_refused(traveller: User, stranger: User, text: str) -> None:
    text = text.format(stranger.id)
    for cursor in (encoded(text), text):
        assert_problem(traveller.get("/photos", params={"cursor": cursor}), 400)


def test_a_cursor_of_the_list_is_refused(traveller: User) -> None:
    cursor = traveller.post("/list", json={"limit": 1}).json()["cursor"]
    assert_problem(traveller.get("/photos", params={"cursor": cursor}), 400)
    cursor = page(traveller, limit=1)["cursor"]
    assert_problem(traveller.post("/list", json={"cursor": cursor}), 400)


@pytest.mark.parametrize(
    "selection",
    [
        {"from": "2024-01-02"},
        {"to": "2024-01-01"},
        {"type": "png"},
        {"favourite": "true"},
        {"order": "oldest"},
    ],
    ids=str,
)
def test_a_cursor_of_another_selection_shows_nothing_outside_this_one(
    traveller: User, selection: dict[str, str]
) -> None:
    cursor = page(traveller, limit=3)["cursor"]
    response = traveller.get("/photos", params={"cursor": cursor} | selection)
    if response.status_code == 200:
        assert {item["filename"] for item in response.json()["photos"]} <= set(names(traveller, **selection))
    else:
        assert_problem(response, 400)


# Months


def test_a_new_user_has_no_months(user: User) -> None:
    assert (months(user), page(user)) == ([], {"photos": [], "cursor": None})


def test_months_are_counted_newest_first(traveller: User) -> None:
    assert months(traveller) == [("2024-03", 1), ("2024-01", 4), ("2023-12", 1)]


def test_a_deleted_photo_leaves_its_month(user: User) -> None:
    stored = upload_each(user, "IMG_20240102_030405", "IMG_20240131_235959", "IMG_20231202_030405")
    archive = build([Entry(f"IMG_20231203_00000{second}.jpg", photo()) for second in range(5)])
    unpacked = user.unzip(archive).stored
    assert months(user) == [("2024-01", 2), ("2023-12", 6)]
    for gone in (stored[0], stored[2], *unpacked):
        assert user.post("/delete", json={"file": gone["filename"]}).status_code == 204
    assert months(user) == [("2024-01", 1)]
    assert user.post("/delete", json={"file": stored[1]["filename"]}).status_code == 204
    assert months(user) == []


def test_changes_at_once_are_all_counted(user: User) -> None:
    with ThreadPoolExecutor(8) as pool:
        stored = list(pool.map(lambda n: upload_each(user, f"IMG_20240{1 + n % 3}01_000000")[0], range(24)))
        assert months(user) == [("2024-03", 8), ("2024-02", 8), ("2024-01", 8)]
        gone = [item["filename"] for item in stored[::2]]
        statuses = pool.map(lambda name: user.post("/delete", json={"file": name}).status_code, gone)
        assert set(statuses) == {204}
    left = Counter(item["taken_at"][:7] for item in stored[1::2])
    # If too many requests delete copies of one photo at once, an event removes the last records.
    eventually(lambda: dict(months(user)), dict(left))
    assert sorted(names(user)) == sorted(item["filename"] for item in stored[1::2])


# One photo


def test_a_photo_has_a_tag_until_it_changes(user: User) -> None:
    stored = user.upload(photo())
    eventually(lambda: show(user, stored["filename"]).json()["rendition"], "ready", 300)
    response = show(user, stored["filename"])
    assert (response.status_code, at_first(response.json())) == (200, at_first(stored))
    tag = response.headers["etag"]
    for form in ("{}", "W/{}", "*", '"x", {}'):
        again = show(user, stored["filename"], **{"If-None-Match": form.format(tag)})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert show(user, stored["filename"], **{"If-None-Match": '"x"'}).status_code == 200
    tags = {tag}
    path = f"/photos/{quote(stored['filename'], safe='')}"
    for method, way, body in [
        ("PATCH", path, {"favourite": True}),
        ("PATCH", path, {"taken_at": "2024-01-02T03:04:05"}),
        ("DELETE", path, None),
        ("POST", f"{path}/restore", None),
        ("PATCH", path, {"taken_at": "2024-01-02T03:04:05+01:00"}),
    ]:
        before = show(user, stored["filename"]).headers["etag"]
        assert user.call(method, way, json=body).status_code in (200, 204)
        changed = show(user, stored["filename"], **{"If-None-Match": before})
        shown = show(user, stored["filename"]).json()
        assert (changed.status_code, at_first(changed.json())) == (200, at_first(shown))
        tags.add(changed.headers["etag"])
    assert len(tags) == 5, "the state after the restoration is that before the deletion"


@pytest.mark.parametrize("name", [*NAMES_TO_ENCODE, "..", "a;b", "'\"<>", "~!@$^*()[]{}|`", "n\u0303"])
def test_a_photo_of_any_name_is_found_by_its_path(user: User, name: str) -> None:
    stored = user.upload(photo(), name)
    response = show(user, stored["filename"])
    assert (response.status_code, at_first(response.json())) == (200, at_first(stored))


def status_of(settings: Settings, user: User, path: str) -> int:
    """The status for any path below /photos/. The gateway itself refuses paths that have no route."""
    headers = {"Authorization": f"Bearer {user.id_token}"}
    return httpx.get(f"{settings.base_url}/photos/{path}", headers=headers, timeout=180).status_code


@pytest.mark.parametrize(
    "path",
    [
        "20240101T000000000Z_never was.jpg",
        "cat.jpg",
        "x",
        "..",
        "%2e%2e",
        "20240101T000000000Z_cat.exe",
        "20241301T000000000Z_cat.jpg",
        "20240101T000000000Z_a%2Fb.jpg",
        "20240101T000000000Z_a%00b.jpg",
        "%FF",
        "%",
        "20240101T000000000Z_" + "x" * 5000 + ".jpg",
    ],
    ids=lambda path: path[:40],
)
def test_an_unknown_photo_is_not_found(caller: User, settings: Settings, path: str) -> None:
    assert status_of(settings, caller, path) == 404


def test_nobody_reaches_another_users_photo(caller: User, settings: Settings, traveller: User) -> None:
    name = names(traveller)[0]
    for path in (
        quote(name, safe=""),
        quote(f"../{traveller.id}/{name}", safe=""),
        quote(f"{traveller.id}/{name}", safe=""),
        f"../{traveller.id}/{name}",
        f"{traveller.id}%2F{name}",
        f"%2e%2e%2f{traveller.id}%2F{name}",
        quote(f"photos/{traveller.id}/{name}", safe=""),
        quote(f"photo#{name}", safe=""),
    ):
        assert status_of(settings, caller, path) == 404, path


def test_a_deleted_photo_is_not_found(user: User) -> None:
    stored = user.upload(photo())["filename"]
    assert user.post("/delete", json={"file": stored}).status_code == 204
    assert_problem(show(user, stored), 404)
    assert names(user) == []


# Tokens


@pytest.mark.parametrize("path", ["/photos", "/photos/months", "/photos/20240101T000000000Z_cat.jpg"])
def test_no_token_no_photos(http: httpx.Client, path: str) -> None:
    assert http.get(path).status_code in (401, 403)


@pytest.mark.local_cloud
@pytest.mark.parametrize("path", ["/photos", "/photos/months"])
def test_the_functions_look_at_the_token_themselves(functions: Any, user: User, path: str) -> None:
    forged = tokens.foreign_key().sign(tokens.decode(user.id_token)[1])
    for token in (None, forged):
        assert_problem(functions.call(path, token, method="GET"), 401)
