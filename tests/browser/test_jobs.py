"""Archives in a browser: upload and report."""

import zipfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

import photos
from service import User
from web_app import Visit, shoot

HOSTILE = "holiday/<img src=x onerror=alert(1)>.jpg"


def test_an_archive_is_recognised_unpacked_and_reported(
    visit: Callable[..., Visit], user: User, tmp_path: Path
) -> None:
    path = tmp_path / "holiday.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("holiday/a.jpg", photos.photo(seed=1))
        archive.writestr(HOSTILE, photos.photo(seed=2))
        archive.writestr("notes.txt", "This is no photo.")
    page = visit().log_in(user, "/upload")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").first.click()
    chooser.value.set_files(path)
    page.get_by_role("link", name="Report").click()
    expect(page.get_by_role("heading", name="Unpack holiday.zip")).to_be_visible()
    expect(page.get_by_role("button", name="Stored (2)")).to_be_visible(timeout=180_000)
    expect(page.get_by_text(HOSTILE, exact=True)).to_be_visible()
    shoot(page, "archive")
    page.get_by_role("button", name="Skipped (1)").click()
    expect(page.locator(".entry")).to_have_count(1)
    expect(page.locator(".entry")).to_contain_text("not a photo")
    page.get_by_role("button", name="Stored (2)").click()
    page.get_by_role("link", name="holiday/a.jpg").click()
    expect(page.get_by_role("dialog").get_by_role("img").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Unpack holiday.zip")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Archives").click()
    expect(page.get_by_role("link", name="holiday.zip")).to_be_visible()
    shoot(page, "archives")
    assert len(user.names()) == 2
