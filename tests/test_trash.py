"""The trash, and other changes of stored photos."""

import json
import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

import auctions
import library as tables
from archives import Entry, build
from conftest import Bucket
from crashes import Victim, kills
from library import Library
from photos import photo
from service import TIME, User, assert_problem, at_first, eventually, upload_known
from support import events

MakeUser = Callable[[], User]

# Requests


def path(filename: str) -> str:
    return f"/photos/{quote(filename, safe='')}"


def change(user: User, filename: str, body: object) -> httpx.Response:
    return user.call("PATCH", path(filename), json=body)


def trash(user: User, *filenames: str) -> None:
    for filename in filenames:
        response = user.call("DELETE", path(filename))
        assert (response.status_code, response.content) == (204, b""), response.text


def eventually_in_trash(user: User, wanted: list[str], seconds: float = 120) -> None:
    eventually(lambda: in_trash(user), wanted, seconds)


def restore(user: User, filename: str) -> httpx.Response:
    return user.post(f"{path(filename)}/restore")


def empty_trash(user: User) -> None:
    response = user.call("DELETE", "/trash")
    assert (response.status_code, response.content) == (202, b""), response.text


def show(user: User, filename: str) -> dict[str, Any]:
    response = user.get(path(filename))
    assert response.status_code == 200, response.text
    shown: dict[str, Any] = response.json()
    return shown


def listed(user: User, **parameters: object) -> list[str]:
    response = user.get("/photos", params={"limit": 500} | parameters)
    assert response.status_code == 200, response.text
    return [item["filename"] for item in response.json()["photos"]]


def in_trash(user: User, **parameters: object) -> list[str]:
    return listed(user, trash="true", **parameters)


def months(user: User) -> list[tuple[str, int]]:
    return [(item["month"], item["count"]) for item in user.get("/photos/months").json()["months"]]


def indexed(user: User) -> list[str]:
    return [item["name"] for item in user.get("/me/images", follow_redirects=True).json()]


def upload(user: User, *titles: str) -> list[str]:
    return [user.upload(photo("jpg", at), f"{title}.jpg")["filename"] for at, title in enumerate(titles)]


# Changes


def test_a_favourite_is_set_and_unset(user: User) -> None:
    stored = user.upload(photo())
    for favourite in (True, True, False):
        response = change(user, stored["filename"], {"favourite": favourite})
        assert (response.status_code, at_first(response.json())) == (
            200,
            at_first(stored) | {"favourite": favourite},
        )
        assert at_first(show(user, stored["filename"])) == at_first(stored) | {"favourite": favourite}


def test_the_users_time_replaces_the_photos_own(user: User) -> None:
    stored = at_first(user.upload(photo(), "IMG_20240102_030405.jpg"))
    name = stored["filename"]
    for taken_at in ("2001-02-03T04:05:06", "2001-02-03T04:05:06.789", "1999-12-31T23:59:59+14:00"):
        response = change(user, name, {"taken_at": taken_at})
        assert response.status_code == 200, response.text
        assert at_first(response.json()) == stored | {"taken_at": taken_at, "taken_at_source": "user"}
        assert at_first(show(user, name)) == at_first(response.json())
        assert months(user) == [(taken_at[:7], 1)]
        day = taken_at[:10]
        assert listed(user, **{"from": f"{day}T00:00:00", "to": f"{day}T23:59:59.999"}) == [name]
    assert listed(user, **{"from": "2024-01-01"}) == []
    assert at_first(change(user, name, {"taken_at": None}).json()) == stored
    assert (at_first(show(user, name)), months(user)) == (stored, [("2024-01", 1)])
    assert listed(user, **{"from": "2024-01-01"}) == [name]


def test_an_empty_change_changes_nothing(user: User) -> None:
    stored = user.upload(photo())
    response = change(user, stored["filename"], {})
    assert (response.status_code, at_first(response.json())) == (200, at_first(stored))


@pytest.mark.parametrize(
    "body, pointers",
    [
        ({"favourite": None}, ["/favourite"]),
        ({"favourite": "true"}, ["/favourite"]),
        ({"favourite": 1}, ["/favourite"]),
        ({"taken_at": ""}, ["/taken_at"]),
        ({"taken_at": 7}, ["/taken_at"]),
        ({"taken_at": "2024-01-02"}, ["/taken_at"]),
        ({"taken_at": "2024-01-02T03:04"}, ["/taken_at"]),
        ({"taken_at": "2024-02-30T03:04:05"}, ["/taken_at"]),
        ({"taken_at": "2024-01-02T03:04:05Z"}, ["/taken_at"]),
        ({"taken_at": "2024-01-02T03:04:05+25:00"}, ["/taken_at"]),
        ({"favourite": True, "size": 1}, ["/size"]),
        ({"trashed_at": None, "favourite": 0, "taken_at": False}, ["/trashed_at", "/favourite", "/taken_at"]),
    ],
    ids=str,
)
def test_a_change_that_breaks_a_rule_changes_nothing(caller: User, body: Any, pointers: list[str]) -> None:
    if not hasattr(caller, "target"):
        caller.target = caller.upload(photo())["filename"]
    before = at_first(show(caller, caller.target))
    assert_problem(change(caller, caller.target, body), 422, *pointers)
    assert at_first(show(caller, caller.target)) == before


@pytest.mark.parametrize("body", ["", "[]", "null", "favourite=true", "{"])
def test_a_change_is_a_json_object(caller: User, body: str) -> None:
    response = caller.call("PATCH", path("20240101T000000000Z_cat.jpg"), content=body)
    assert_problem(response, 400)


# The trash


def test_a_photo_in_the_trash_is_shown_nowhere_else(user: User) -> None:
    kept, gone = upload(user, "IMG_20240102_030405", "IMG_20230102_030405")
    before, quota = at_first(show(user, gone)), user.me()["quota"]
    assert indexed(user) == [kept, gone]
    trash(user, gone)
    trashed = show(user, gone)
    assert TIME.fullmatch(trashed["trashed_at"])
    assert at_first(trashed) == before | {"trashed_at": trashed["trashed_at"]}
    assert (user.names(), listed(user), indexed(user)) == ([kept], [kept], [kept])
    assert months(user) == [("2024-01", 1)]
    page = user.get("/photos", params={"trash": "true"}).json()
    assert ([at_first(item) for item in page["photos"]], page["cursor"]) == ([at_first(trashed)], None)
    # It still takes space, and can be downloaded.
    assert user.me()["quota"] == quota
    assert user.fetch(gone).content == photo("jpg", 1)
    # Once more changes nothing.
    trash(user, gone)
    assert at_first(show(user, gone)) == at_first(trashed)


def test_a_restored_photo_is_as_it_was(user: User) -> None:
    kept, gone = upload(user, "IMG_20240102_030405", "IMG_20230102_030405")
    change(user, gone, {"favourite": True})
    before = at_first(show(user, gone))
    trash(user, gone)
    response = restore(user, gone)
    assert (response.status_code, at_first(response.json())) == (200, before)
    assert (user.names(), listed(user), in_trash(user)) == ([kept, gone], [kept, gone], [])
    assert months(user) == [("2024-01", 1), ("2023-01", 1)]
    assert indexed(user) == [kept, gone]
    assert_problem(restore(user, gone), 404)


def test_a_photo_in_the_trash_can_be_changed(user: User) -> None:
    [name] = upload(user, "IMG_20240102_030405")
    trash(user, name)
    changed = change(user, name, {"favourite": True, "taken_at": "2001-02-03T04:05:06"}).json()
    assert (changed["favourite"], changed["taken_at"]) == (True, "2001-02-03T04:05:06")
    assert (months(user), in_trash(user, favourite="true", to="2002-01-01")) == ([], [name])
    restored = restore(user, name).json()
    assert at_first(restored) == at_first(changed) | {"trashed_at": None}
    assert (months(user), listed(user, favourite="true")) == ([("2001-02", 1)], [name])


def test_the_trash_is_selected_and_ordered_like_the_photos(user: User) -> None:
    titles = [f"IMG_2024010{day}_030405" for day in range(1, 7)]
    names = upload(user, *titles)
    png = user.upload(photo("png"), "IMG_20240107_030405.png")["filename"]
    change(user, names[2], {"favourite": True})
    trash(user, *names[:5], png)
    assert in_trash(user, order="oldest") == [*names[:5], png]
    assert in_trash(user) == [png, *names[4::-1]]
    assert in_trash(user, type="png") == [png]
    assert in_trash(user, favourite="true") == in_trash(user, favourite="true", type="jpg") == [names[2]]
    assert in_trash(user, favourite="false", type="jpg", order="oldest") == [*names[:2], *names[3:5]]
    assert in_trash(user, order="oldest", **{"from": "2024-01-02", "to": "2024-01-05"}) == names[1:4]
    assert listed(user) == listed(user, trash="false") == names[5:]
    assert listed(user, type="jpg", favourite="false") == names[5:]
    assert listed(user, favourite="true") == []
    found, cursor = [], None
    while True:
        parameters = {"trash": "true", "limit": 4} | ({"cursor": cursor} if cursor else {})
        page = user.get("/photos", params=parameters).json()
        found += [item["filename"] for item in page["photos"]]
        cursor = page["cursor"]
        if cursor is None:
            break
    assert found == in_trash(user)


@pytest.mark.local_cloud
def test_a_list_reads_past_a_large_trash(user: User, library: Library) -> None:
    """2,000 photos in the trash, over 1 MB, lie between the first photo and the last one."""
    first, last = "20240101T000000000Z_first.jpg", "20240103T000000000Z_last.jpg"
    records = [tables.record(user, name, 1, "2024-01-01T00:00:00") for name in (first, last)]
    records += [
        tables.record(
            user, f"20240102T{n:09}Z_{n}.jpg", 1, "2024-01-01T00:00:00", trashed_at="2024-02-01T00:00:00.000Z"
        )
        for n in range(2_000)
    ]
    library.add(user, records)
    response = user.post("/list", json={"limit": 1}).json()
    assert [item["filename"] for item in response["photos"]] == [first]
    response = user.post("/list", json={"limit": 1, "cursor": response["cursor"]}).json()
    assert ([item["filename"] for item in response["photos"]], response["cursor"]) == ([last], None)
    assert user.names() == indexed(user) == [first, last]


@pytest.mark.parametrize("where", ["visible", "in the trash"])
@pytest.mark.parametrize("way", ["POST /delete", "permanently"])
def test_a_photo_is_deleted_permanently_wherever_it_is(user: User, way: str, where: str) -> None:
    kept, gone = upload(user, "kept", "gone")
    if where == "in the trash":
        trash(user, gone)
    if way == "permanently":
        response = user.call("DELETE", path(gone), params={"permanently": "true"})
    else:
        response = user.post("/delete", json={"file": gone})
    assert (response.status_code, response.content) == (204, b""), response.text
    assert (user.names(), in_trash(user)) == ([kept], [])
    assert user.me()["quota"]["photos_used"] == 1
    assert_problem(user.get("/download", params={"filename": gone}), 404)
    for response in every_change(user, gone):
        assert_problem(response, 404)


def every_change(user: User, filename: str) -> Iterable[httpx.Response]:
    yield user.get(path(filename))
    yield change(user, filename, {"favourite": True})
    yield change(user, filename, {})
    yield user.call("DELETE", path(filename))
    yield user.call("DELETE", path(filename), params={"permanently": "true"})
    yield restore(user, filename)


@pytest.mark.parametrize("name", ["20240101T000000000Z_never was.jpg", "cat.jpg", "x", "photo#x", "..%2Fx"])
def test_an_unknown_photo_is_not_found(caller: User, name: str) -> None:
    for response in every_change(caller, name):
        assert response.status_code == 404


def test_nobody_changes_another_users_photos(user: User, make_user: MakeUser) -> None:
    other = make_user()
    visible, trashed = upload(other, "visible", "trashed")
    trash(other, trashed)
    before = (at_first(show(other, visible)), at_first(show(other, trashed)))
    for name in (visible, trashed):
        for response in every_change(user, name):
            assert response.status_code == 404
    empty_trash(user)
    assert in_trash(user) == []
    assert (at_first(show(other, visible)), at_first(show(other, trashed))) == before


@pytest.mark.parametrize("value", ["", "1", "True", "yes"])
def test_permanently_is_true_or_false(user: User, value: str) -> None:
    [name] = upload(user, "a")
    assert_problem(user.call("DELETE", path(name), params={"permanently": value}), 400)
    assert user.names() == [name]
    response = user.call("DELETE", path(name), params={"permanently": "false"})
    assert (response.status_code, in_trash(user)) == (204, [name])


@pytest.mark.parametrize(
    "method, where",
    [
        ("PATCH", path("20240101T000000000Z_cat.jpg")),
        ("DELETE", path("20240101T000000000Z_cat.jpg")),
        ("POST", path("20240101T000000000Z_cat.jpg") + "/restore"),
        ("DELETE", "/trash"),
    ],
)
def test_no_token_no_change(http: httpx.Client, method: str, where: str) -> None:
    assert http.request(method, where).status_code in (401, 403)


# Emptying


def test_emptying_deletes_what_is_in_the_trash(user: User) -> None:
    kept, *gone = upload(user, *"abcdef")
    trash(user, *gone[:3])
    empty_trash(user)
    trash(user, gone[3])
    eventually_in_trash(user, [gone[3]])
    assert user.names() == [kept, gone[4]]
    eventually(lambda: user.me()["quota"]["photos_used"], 3)
    for name in gone[:3]:
        assert_problem(user.get("/download", params={"filename": name}), 404)
    assert restore(user, gone[3]).status_code == 200
    empty_trash(user)
    assert user.names() == [kept, *gone[3:]]


@pytest.mark.local_cloud
def test_a_large_trash_is_emptied_by_one_request(user: User, library: Library) -> None:
    # More than one batch, and one with a photo whose object is gone.
    archive = build([Entry(f"{number}.jpg", photo("jpg", number)) for number in range(95)])
    names = [item["filename"] for item in user.unzip(archive).stored]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: trash(user, name), names[:-1]))
    library.wait_until_right([("", user)])
    empty_trash(user)
    eventually(lambda: user.me()["quota"]["photos_used"], 1, seconds=120)
    library.wait_until_right([("", user)])
    assert (user.names(), in_trash(user), library.trash_since(user)) == (names[-1:], [], None)


@pytest.mark.local_cloud
def test_what_has_been_in_the_trash_for_long_is_deleted(
    user: User, library: Library, backstage: auctions.Backstage
) -> None:
    kept, old, older, recent = upload(user, "kept", "old", "older", "recent")
    trash(user, old, older, recent)
    library.age_trash(user, 30, old, older)
    library.age_trash(user, 29, recent)
    library.age_trash(user, 5, older)
    backstage.invoke("purge_start", {})
    eventually_in_trash(user, [recent])
    eventually(lambda: library.trash_since(user), show(user, recent)["trashed_at"])
    library.wait_until_right([("", user)])
    assert user.names() == [kept]
    # Nothing is due any more, and what is not due stays.
    backstage.invoke("purge_start", {})
    assert restore(user, recent).status_code == 200
    assert user.names() == [kept, recent]


@pytest.mark.local_cloud
def test_a_message_that_cannot_be_read_stays(user: User, backstage: auctions.Backstage) -> None:
    messages = [("good", json.dumps({"user": user.id})), ("bad", "?"), ("path", '{"user": "../x"}')]
    result = backstage.invoke("purge", events.sqs_messages("purge", messages))
    assert {item["itemIdentifier"] for item in result["batchItemFailures"]} == {"bad", "path"}


# Copies


def copies(user: User) -> list[str | None]:
    """What `duplicate_of` says for each photo of the list, which all routes agree on."""
    photos = user.photos()
    by_time = user.get("/photos", params={"order": "oldest"}).json()["photos"]
    said = {item["filename"]: item["duplicate_of"] for item in photos}
    assert {item["filename"]: item["duplicate_of"] for item in by_time} == said
    assert {name: show(user, name)["duplicate_of"] for name in said} == said
    return [item["duplicate_of"] for item in photos]


def test_a_copy_names_the_oldest_photo_with_its_bytes(user: User) -> None:
    data = photo("jpg", 7)
    first = upload_known(user, data)
    other = upload_known(user, photo("jpg", 8))
    second, third = upload_known(user, data), upload_known(user, data)
    a, b, c = (item["filename"] for item in (first, second, third))
    assert [item["duplicate_of"] for item in (first, other, second, third)] == [None, None, a, a]
    assert copies(user) == [None, None, a, a]
    # The trash does not count, and names what is left.
    trash(user, a)
    assert copies(user) == [None, None, b]
    assert show(user, a)["duplicate_of"] == b
    trash(user, c)
    assert copies(user) == [None, None]
    assert restore(user, c).json()["duplicate_of"] == b
    assert restore(user, a).json()["duplicate_of"] is None
    assert copies(user) == [None, None, a, a]
    assert user.post("/delete", json={"file": a}).status_code == 204
    assert copies(user) == [None, None, b]
    assert user.call("DELETE", path(c), params={"permanently": "true"}).status_code == 204
    assert copies(user) == [None, None]


def test_copies_of_other_users_do_not_count(user: User, make_user: MakeUser) -> None:
    upload_known(make_user(), photo("jpg", 7))
    assert upload_known(user, photo("jpg", 7))["duplicate_of"] is None


@pytest.mark.local_cloud
def test_copies_that_come_and_go_at_once_are_right(user: User, library: Library) -> None:
    data, chance = photo("jpg", 7), random.Random(5)
    with ThreadPoolExecutor(6) as pool:
        names = [item["filename"] for item in pool.map(lambda _: upload_known(user, data), range(6))]

        def alternate(name: str) -> None:
            for _ in range(3):
                trash(user, name)
                assert restore(user, name).status_code == 200
            if chance.random() < 0.5:
                trash(user, name)

        list(pool.map(alternate, names))
    library.wait_until_right([("", user)])
    left = user.names()
    assert copies(user) == [None if name == min(left) else min(left) for name in left]


# Two at once


@pytest.mark.local_cloud
def test_changes_at_once_lose_nothing(user: User, library: Library) -> None:
    """Changes of one photo in all ways at once: each change counts, and the sums stay right."""
    [name] = upload(user, "IMG_20240102_030405")
    ways: list[Callable[[], httpx.Response]] = [
        lambda: change(user, name, {"favourite": True}),
        lambda: change(user, name, {"taken_at": "2001-02-03T04:05:06"}),
        lambda: user.call("DELETE", path(name)),
    ]
    with ThreadPoolExecutor(len(ways)) as pool:
        assert [response.status_code for response in pool.map(lambda way: way(), ways)] == [200, 200, 204]
    shown = show(user, name)
    assert (shown["favourite"], shown["taken_at"]) == (True, "2001-02-03T04:05:06")
    assert (in_trash(user, favourite="true"), months(user)) == ([name], [])
    library.wait_until_right([("", user)])
    with ThreadPoolExecutor(4) as pool:
        restored = list(pool.map(lambda _: restore(user, name).status_code, range(4)))
    assert (restored.count(200), set(restored)) == (1, {200, 404})
    assert months(user) == [("2001-02", 1)]
    library.wait_until_right([("", user)])


@pytest.mark.local_cloud
def test_deletions_and_changes_at_once_leave_no_trace(user: User, library: Library) -> None:
    names = upload(user, *"abcd")

    def all_ways(name: str, way: int) -> int:
        if way == 0:
            return change(user, name, {"favourite": True, "taken_at": "2001-02-03T04:05:06"}).status_code
        if way == 1:
            return user.call("DELETE", path(name)).status_code
        if way == 2:
            return restore(user, name).status_code
        return user.post("/delete", json={"file": name}).status_code

    with ThreadPoolExecutor(8) as pool:
        tasks = [(name, way) for name in names for way in range(4)]
        random.Random(3).shuffle(tasks)
        statuses = list(pool.map(lambda task: all_ways(*task), tasks))
    assert set(statuses) <= {200, 204, 404}
    library.wait_until_right([("", user)])
    assert (user.names(), in_trash(user), user.me()["quota"]["used"]) == ([], [], 0)


def message(user: User) -> dict[str, Any]:
    return events.sqs_messages("purge", [("1", json.dumps({"user": user.id}))])


def route(
    backstage: auctions.Backstage, user: User, route: str, filename: str = "", body: bytes = b""
) -> dict[str, Any]:
    headers = {"authorization": f"Bearer {user.id_token}", "content-type": "application/json"}
    event = events.http_request(route, headers, body, stage=backstage.settings.stage)
    return event | ({"pathParameters": {"filename": filename}} if filename else {})


@pytest.mark.local_cloud
def test_a_restored_photo_is_never_deleted(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    """A restoration succeeds until the emptying is noted, and then never."""
    saved, lost = upload(user, "saved", "lost")
    trash(user, saved, lost)
    outcomes: list[int] = []
    emptying = route(backstage, user, "DELETE /trash")
    response = Victim(backstage, "trash_empty", programs).pause(
        emptying, "UpdateItem", lambda: outcomes.append(restore(user, saved).status_code)
    )
    assert response["statusCode"] == 202
    # The cloud has a message as well, so another purge may run at the same time.
    Victim(backstage, "purge", programs).pause(
        message(user), "GetItem", lambda: outcomes.append(restore(user, lost).status_code)
    )
    assert outcomes == [200, 404]
    eventually_in_trash(user, [])
    assert (user.names(), user.fetch(saved).content) == ([saved], photo("jpg", 0))
    library.wait_until_right([("", user)])


@pytest.mark.local_cloud
def test_what_goes_to_the_trash_later_stays(
    user: User, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    """Even if the clock of the function that moves it there is behind."""
    first, second = upload(user, "first", "second")
    trash(user, first)
    ahead = (datetime.now(UTC) + timedelta(hours=1)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    library.dynamodb.update_item(
        TableName=library.table,
        Key={"user": {"S": user.id}, "item": {"S": "usage"}},
        UpdateExpression="SET trashEmptied = :ahead",
        ExpressionAttributeValues={":ahead": {"S": ahead}},
    )
    trash(user, second)
    assert show(user, second)["trashed_at"] > ahead
    assert backstage.invoke("purge", message(user)) == {"batchItemFailures": []}
    assert in_trash(user) == [second]
    assert restore(user, second).status_code == 200
    library.wait_until_right([("", user)])


# Functions that die


@pytest.mark.local_cloud
@pytest.mark.parametrize(
    "function, method, suffix",
    [
        ("photos_change", "PATCH", ""),
        ("photos_delete", "DELETE", ""),
        ("photos_restore", "POST", "/restore"),
    ],
)
def test_a_change_that_dies_is_made_whole_or_not_at_all(
    make_user: MakeUser,
    library: Library,
    backstage: auctions.Backstage,
    programs: Path,
    function: str,
    method: str,
    suffix: str,
) -> None:
    body = json.dumps({"taken_at": "2001-02-03T04:05:06"}).encode() if method == "PATCH" else b""

    def prepared() -> User:
        user = make_user()
        user.target = upload_known(user, photo("jpg", 1), "IMG_20240102_030405")["filename"]
        upload_known(user, photo("jpg", 1))
        if function == "photos_restore":
            trash(user, user.target)
        return user

    def request(user: User) -> dict[str, Any]:
        template = f"{method} /photos/{{filename}}{suffix}"
        return route(backstage, user, template, user.target, body)

    victim = Victim(backstage, function, programs)
    users = list(kills(victim, request, prepared))
    library.wait_until_right(users)
    done = []
    for what, user in users:
        assert user.names() == listed(user, order="oldest") == indexed(user), what
        shown = show(user, user.target)
        done.append(
            {
                "photos_change": shown["taken_at_source"] == "user",
                "photos_delete": shown["trashed_at"] is not None,
                "photos_restore": shown["trashed_at"] is None,
            }[function]
        )
        status = user.call(method, path(user.target) + suffix, content=body or None).status_code
        assert status == {"PATCH": 200, "DELETE": 204, "POST": 404 if done[-1] else 200}[method], what
    assert set(done) == {False, True}, "all kills were on one side of the transaction"
    library.wait_until_right(users)


@pytest.mark.local_cloud
def test_emptying_that_dies_can_be_repeated(
    make_user: MakeUser, library: Library, backstage: auctions.Backstage, programs: Path
) -> None:
    def prepared() -> User:
        user = make_user()
        kept, gone = upload(user, "kept", "gone")
        user.target = kept
        trash(user, gone)
        return user

    requests = Victim(backstage, "trash_empty", programs)
    users = list(kills(requests, lambda user: route(backstage, user, "DELETE /trash"), prepared))
    # Find the newest photo, note the time, send a message.
    assert len(users) == 1 + 3
    for what, user in users:
        library.wait_until_right([(what, user)])
        # Where the message was lost, the schedule sends it.
        if in_trash(user) and (library.trash_since(user) or "").startswith("1970"):
            backstage.invoke("purge_start", {})
        elif in_trash(user):
            empty_trash(user)
        eventually_in_trash(user, [])
        assert user.names() == [user.target], what
    library.wait_until_right(users)


@pytest.mark.local_cloud
def test_a_purge_that_dies_is_done_by_the_next_delivery(
    make_user: MakeUser, library: Library, bucket: Bucket, backstage: auctions.Backstage, programs: Path
) -> None:
    def prepared() -> User:
        user = make_user()
        kept, *gone = upload(user, "kept", "gone", "too")
        user.target = kept
        trash(user, *gone)
        # The emptying is noted, but its message was lost.
        Victim(backstage, "trash_empty", programs).run(
            route(backstage, user, "DELETE /trash"), "UpdateItem", "after"
        )
        return user

    users = list(kills(Victim(backstage, "purge", programs), message, prepared))
    assert len(users) >= 1 + 6
    for what, user in users:
        assert backstage.invoke("purge", message(user)) == {"batchItemFailures": []}, what
        assert (user.names(), in_trash(user)) == ([user.target], []), what
        assert bucket.list(f"photos/{user.id}/") == [f"photos/{user.id}/{user.target}"], what
    library.wait_until_right(users)
    # Where an event changed the photos at the end of the purge, the schedule looks at the user once more.
    backstage.invoke("purge_start", {})
    eventually(lambda: any(library.trash_since(user) for _, user in users), False)
