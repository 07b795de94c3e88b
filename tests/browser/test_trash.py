"""Favourites and the trash in a browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import photos
from service import User
from web_app import Visit

NAMES = ["IMG_20250614_101500.jpg", "IMG_20250603_101500.jpg", "IMG_20240101_000000.jpg"]


@pytest.fixture
def full(user: User) -> User:
    for number, name in enumerate(NAMES):
        user.upload(photos.photo(seed=number), name)
    return user


def show(page: Page, view: str) -> None:
    page.get_by_role("navigation").get_by_role("link", name=view, exact=True).click()
    page.get_by_role("heading", level=1, name=view).wait_for()


def select_all(page: Page) -> None:
    for link in page.locator("[data-photo]").all():
        link.focus()
        page.keyboard.press("Space")


def test_deleted_photos_are_in_the_trash_and_come_back(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    page.locator(f"[data-photo$='{NAMES[0]}']").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Move to trash").click()
    expect(page.locator("[data-photo]")).to_have_count(2)
    page.get_by_role("button", name="Undo").click()
    expect(page.locator("[data-photo]")).to_have_count(3)

    page.locator(f"[data-photo$='{NAMES[1]}']").click()
    viewer = page.get_by_role("dialog")
    expect(viewer.get_by_role("img", name=NAMES[1])).to_be_visible()
    page.keyboard.press("Delete")
    # The next photo is shown.
    expect(viewer.get_by_role("img", name=NAMES[2])).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-photo]")).to_have_count(2)
    show(page, "Trash")
    expect(page.locator("[data-photo]")).to_have_count(1)
    select_all(page)
    page.get_by_role("button", name="Restore").click()
    expect(page.get_by_text("The trash is empty")).to_be_visible()
    assert len(full.names()) == 3


def test_the_trash_is_emptied_only_after_a_question(visit: Callable[..., Visit], full: User) -> None:
    for name in full.names():
        assert full.call("DELETE", f"/photos/{name}").status_code == 204
    page = visit().log_in(full, "/trash")
    expect(page.locator("[data-photo]")).to_have_count(3)
    page.locator("[data-photo]").first.focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name="Delete permanently").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete permanently").click()
    expect(page.locator("[data-photo]")).to_have_count(2)

    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    expect(page.locator("[data-photo]")).to_have_count(2)
    page.get_by_role("button", name="Empty the trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Empty the trash").click()
    expect(page.get_by_text("The trash is empty")).to_be_visible()


def test_favourites_are_marked_in_the_viewer_and_listed(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    page.locator(f"[data-photo$='{NAMES[1]}']").click()
    heart = page.get_by_role("dialog").get_by_role("button", name="Add to favourites")
    heart.click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Remove from favourites")).to_be_visible()
    page.keyboard.press("Escape")
    show(page, "Favourites")
    expect(page.locator("[data-photo]")).to_have_count(1)
    select_all(page)
    page.get_by_role("button", name="Remove from favourites").click()
    expect(page.get_by_text("No favourites yet")).to_be_visible()
