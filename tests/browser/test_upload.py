"""Uploads in a browser."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Dialog, Page, Route, expect

import archives
import photos
from service import User, eventually, original_name
from web_app import Visit, shoot

#: Three parts.
LARGE = 40_000_000
HOSTILE = "<img src=x onerror=alert(1)>.jpg"


def choose(page: Page, *files: Path) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").first.click()
    chooser.value.set_files(files)


@pytest.fixture
def files(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str, data: bytes) -> Path:
        path = tmp_path / name
        path.write_bytes(data)
        return path

    return write


def test_photos_are_uploaded_shown_and_refused_in_the_words_of_the_api(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user)
    expect(page.get_by_text("No photos yet")).to_be_visible()
    good = [files(f"cat-{number}.jpg", photos.photo(seed=number)) for number in range(6)]
    bad = files("notes.jpg", b"These bytes are no photo.")
    choose(page, *good, bad)
    expect(page.get_by_text("6 files uploaded.")).to_be_visible()
    refused = page.locator(".upload.refused")
    expect(refused).to_contain_text("notes.jpg")
    response = user.post(
        "/upload_single_photo", content=b"no photo", headers={"Content-Type": "application/octet-stream"}
    )
    expect(refused).to_contain_text(response.json()["detail"])
    shoot(page, "uploaded")
    assert sorted(original_name(photo) for photo in user.photos()) == [f"cat-{n}" for n in range(6)]

    page.get_by_role("navigation").get_by_role("link", name="Photos").click()
    expect(page.locator("[data-photo]")).to_have_count(6)


def test_dropped_files_are_uploaded_and_hostile_names_are_text(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user)
    alerts: list[str] = []
    page.on("dialog", lambda dialog: alerts.append(dialog.message))
    transfer = page.evaluate_handle(
        """([bytes, name]) => {
          const transfer = new DataTransfer()
          transfer.items.add(new File([new Uint8Array(bytes)], name, {type: 'image/jpeg', lastModified: 1}))
          return transfer
        }""",
        [list(photos.photo()), HOSTILE],
    )
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})
    expect(page.get_by_text("1 file uploaded.")).to_be_visible()
    expect(page.locator(".name")).to_have_text(HOSTILE)
    page.get_by_role("link", name="Show").click()
    page.get_by_role("dialog").get_by_role("img").first.wait_for()
    page.keyboard.press("i")
    expect(page.get_by_role("complementary")).to_contain_text("img src=x")
    assert alerts == []


def test_an_upload_continues_after_a_lost_network_and_a_reload_and_arrives_once(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    data = photos.large_photo(LARGE)
    large = files("large.jpg", data)
    browser = visit()
    page = browser.log_in(user, "/upload")
    sent: list[str] = []

    def part(route: Route) -> None:
        number = route.request.url.partition("partNumber=")[2].partition("&")[0]
        sent.append(number)
        # Only the first part gets through.
        if number == "1":
            route.continue_()
        else:
            route.abort("internetdisconnected")

    page.route(lambda url: "partNumber=" in url, part)
    choose(page, large)
    expect(page.locator(".upload")).to_contain_text("waiting for the network")
    assert "1" in sent
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()

    page.unroute_all()
    resumed: list[str] = []
    page.on("request", lambda request: resumed.append(request.url) if "partNumber=" in request.url else None)
    expect(page.get_by_role("heading", name="Unfinished uploads")).to_be_visible()
    choose(page, large)
    expect(page.get_by_text("1 file uploaded.")).to_be_visible(timeout=180_000)
    numbers = {url.partition("partNumber=")[2].partition("&")[0] for url in resumed}
    assert numbers == {"2", "3"}
    (stored,) = user.photos()
    assert user.fetch(stored["filename"]).content == data
    assert user.get("/uploads").json()["uploads"] == []


def test_files_that_are_chosen_again_after_a_reload_arrive_once(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user, "/upload")
    chosen = [files(f"cat-{number}.jpg", photos.photo(seed=number)) for number in range(3)]
    archive = files("cats.zip", archives.zipped({f"{seed}.jpg": photos.photo(seed=seed) for seed in (8, 9)}))
    choose(page, *chosen[:2], archive)
    expect(page.get_by_text("3 files uploaded.")).to_be_visible()
    eventually(lambda: len(user.names()), 4)
    page.reload()
    choose(page, *chosen, archive)
    expect(page.get_by_text("4 files uploaded.")).to_be_visible()
    expect(page.get_by_text("uploaded before")).to_have_count(3)
    assert len(user.names()) == 5
    assert len(user.get("/jobs").json()["jobs"]) == 1

    # What was deleted since, or has other bytes, is uploaded again.
    gone = next(name for name in user.names() if name.endswith("_cat-0.jpg"))
    assert user.call("DELETE", f"/photos/{gone}").status_code == 204
    changed = chosen[1].stat()
    chosen[1].write_bytes(chosen[1].read_bytes()[:-1] + b"!")
    os.utime(chosen[1], ns=(changed.st_atime_ns, changed.st_mtime_ns))
    page.reload()
    choose(page, *chosen, archive)
    expect(page.get_by_text("4 files uploaded.")).to_be_visible()
    expect(page.get_by_text("uploaded before")).to_have_count(2)
    assert len(user.names()) == 6

    # The user may insist.
    page.locator(".upload").filter(has_text="cat-2").get_by_role("button", name="Upload again").click()
    expect(page.get_by_text("uploaded before")).to_have_count(1)
    expect(page.get_by_text("4 files uploaded.")).to_be_visible()
    assert len(user.names()) == 7


def test_an_upload_that_was_cancelled_elsewhere_begins_anew(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user, "/upload")

    def lose(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/uploads", lose)
    cat = files("cat.jpg", photos.photo())
    choose(page, cat)
    expect(page.locator(".upload")).to_contain_text("waiting for the network")
    (upload,) = user.get("/uploads").json()["uploads"]
    assert user.call("DELETE", f"/uploads/{upload['id']}").status_code == 204
    page.unroute_all()
    page.once("dialog", lambda dialog: dialog.accept())
    page.reload()
    choose(page, cat)
    expect(page.get_by_text("1 file uploaded.")).to_be_visible()
    assert [original_name(photo) for photo in user.photos()] == ["cat"]


def test_a_file_whose_last_response_was_lost_was_not_uploaded_before(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user, "/upload")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/uploads/*/complete", lose, times=1)
    choose(page, files("cat.jpg", photos.photo()))
    expect(page.get_by_text("1 file uploaded.")).to_be_visible()
    expect(page.get_by_text("uploaded before")).to_have_count(0)
    assert len(user.names()) == 1


def test_leaving_the_page_asks_while_files_are_being_sent(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user, "/upload")
    page.route(lambda url: ":" in url and "X-Amz-Signature" in url, lambda route: route.abort())
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    choose(page, files("cat.jpg", photos.photo()))
    expect(page.locator(".upload")).to_contain_text("waiting for the network")
    page.reload()
    assert asked == ["beforeunload"]


def test_the_same_file_is_not_added_twice_and_a_cancelled_one_leaves_nothing(
    visit: Callable[..., Visit], user: User, files: Callable[..., Path]
) -> None:
    page = visit().log_in(user, "/upload")
    page.route(lambda url: "X-Amz-Signature" in url, lambda route: route.abort())
    cat = files("cat.jpg", photos.photo())
    choose(page, cat)
    expect(page.locator(".upload")).to_contain_text("waiting for the network")
    choose(page, cat)
    expect(page.locator(".upload")).to_have_count(1)
    with page.expect_response(lambda response: response.request.method == "DELETE"):
        page.get_by_role("button", name="Cancel cat.jpg").click()
    expect(page.locator(".upload")).to_have_count(0)
    assert user.get("/uploads").json()["uploads"] == []
    assert user.photos() == []
