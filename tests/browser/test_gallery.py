"""The gallery and the viewer in a browser."""

import zipfile
from collections.abc import Callable
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Request, Route, expect

import photos
from service import User
from web_app import Visit, fill_login

#: Three months, two days in the newest.
NAMES = [
    "IMG_20250614_101500.jpg",
    "IMG_20250614_111500.jpg",
    "IMG_20250603_101500.jpg",
    "IMG_20240101_000000.jpg",
    "IMG_20231231_235959.jpg",
]


@pytest.fixture
def full(user: User) -> User:
    for number, name in enumerate(NAMES):
        user.upload(photos.photo(seed=number), name)
    return user


def tile(name: str) -> str:
    return f"[data-photo$='{name}']"


def test_photos_are_grouped_by_month_and_day_newest_first(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    page.locator(tile(NAMES[-1])).wait_for()
    assert page.get_by_role("heading", level=2).all_text_contents() == [
        "June 2025",
        "January 2024",
        "December 2023",
    ]
    shown = [link.get_attribute("data-photo") or "" for link in page.locator("[data-photo]").all()]
    assert [name.partition("_")[2] for name in shown] == sorted(NAMES, reverse=True)


def test_selected_photos_are_saved_as_an_archive(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    for name in NAMES[:2]:
        page.locator(tile(name)).focus()
        page.keyboard.press("Space")
    page.get_by_role("button", name="Download").click()
    page.get_by_role("heading", level=1, name="Download of photos").wait_for()
    with page.expect_download() as started:
        page.get_by_role("button", name=".zip").click()
    with zipfile.ZipFile(started.value.path()) as archive:
        names = {name.rpartition("/")[2] for name in archive.namelist()}
    assert names == {*NAMES[:2], "photos.json"}


def test_the_arrow_keys_move_enter_opens_and_escape_returns(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    newest, next_one = sorted(NAMES, reverse=True)[:2]
    page.locator(tile(newest)).focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("name => document.activeElement.dataset.photo?.endsWith(name)", arg=next_one)
    page.keyboard.press("Enter")
    viewer = page.get_by_role("dialog")
    expect(viewer.get_by_role("img", name=next_one)).to_be_visible()
    assert next_one in page.url
    page.keyboard.press("ArrowRight")
    expect(viewer.get_by_role("img", name=NAMES[2])).to_be_visible()
    page.keyboard.press("i")
    expect(viewer.get_by_role("complementary")).to_contain_text("3 Jun 2025")
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert page.url.endswith("/")


def test_a_link_to_a_photo_opens_it_after_the_log_in(visit: Callable[..., Visit], full: User) -> None:
    filename = full.names()[0]
    page = visit().log_in(full, f"/photos/{filename}")
    expect(page.get_by_role("dialog").get_by_role("img").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(tile(NAMES[0]))).to_be_visible()


def test_shift_selects_a_range_and_space_one(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    ordered = sorted(NAMES, reverse=True)
    page.locator(tile(ordered[0])).focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("toolbar")).to_contain_text("1 selected")
    page.locator(tile(ordered[3])).click(modifiers=["Shift"])
    expect(page.get_by_role("toolbar")).to_contain_text("4 selected")
    assert page.url.endswith("/"), "a click selects now, and does not open"
    page.keyboard.press("Escape")
    expect(page.get_by_role("toolbar")).to_have_count(0)


def test_one_photo_is_downloaded_under_its_name(visit: Callable[..., Visit], full: User) -> None:
    page = visit().log_in(full)
    page.locator(tile(NAMES[0])).click()
    with page.expect_download() as started:
        page.get_by_role("button", name="Download").click()
    assert started.value.suggested_filename.endswith(NAMES[0])
    assert started.value.path().read_bytes() == photos.photo(seed=0)


def test_100000_photos_need_few_requests_and_few_elements(visit: Callable[..., Visit], user: User) -> None:
    """The API's answers are made up here: storing so many photos takes too long."""
    months = [f"{2026 - index // 12}-{12 - index % 12:02}" for index in range(200)]
    asked: list[str] = []
    browser = visit()
    page = browser.open()

    def listed(month: str, first: int) -> list[dict[str, object]]:
        template = {
            "type": "jpg",
            "size": 1,
            "uploaded_at": f"{month}-01T00:00:00.000Z",
            "rendition": "unavailable",
            "favourite": False,
            "width": 400,
            "height": 300,
            "trashed_at": None,
            "thumbnail_url": None,
            "thumbhash": None,
        }
        numbers = range(first, first + 200)
        days = [f"{month}-{28 - number * 28 // 500:02}" for number in numbers]
        return [
            {
                **template,
                "filename": f"20260101T000000000Z_{month}-{number}.jpg",
                "taken_at": f"{day}T00:00:00",
            }
            for number, day in zip(numbers, days, strict=True)
            if number < 500
        ]

    page.route(
        "**/api/photos/months",
        lambda route: route.fulfill(json={"months": [{"month": month, "count": 500} for month in months]}),
    )

    def answer(route: Route, request: Request) -> None:
        url = request.url
        asked.append(url)
        query = parse_qs(urlsplit(url).query)
        first = int(query.get("cursor", ["0"])[0])
        cursor = str(first + 200) if first < 400 else None
        body = {"photos": listed(query["from"][0][:7], first), "cursor": cursor}
        route.fulfill(json=body)

    page.route("**/api/photos?**", answer)
    fill_login(page, user.name, user.password)
    page.locator("[data-photo]").first.wait_for()
    assert len(asked) <= 2

    scrubber = page.get_by_role("slider")
    scrubber.focus()
    page.keyboard.press("End")
    oldest = months[-1]
    page.locator(f"[data-photo*='_{oldest}-']").first.wait_for()
    assert len(asked) <= 6, asked
    assert page.locator("[data-photo]").count() < 150
    expect(scrubber).to_have_attribute("aria-valuenow", "200")
    page.keyboard.press("Home")
    page.locator(f"[data-photo*='_{months[0]}-']").first.wait_for()

    # What comes into view is loaded while the page moves, and not only when it stops.
    before = len(asked)
    page.evaluate(
        """() => {
          const scroller = document.querySelector('.scroller')
          const move = () => {
            scroller.scrollTop += 60
            window.moving = requestAnimationFrame(move)
          }
          move()
        }"""
    )
    # It takes 700 frames, of which a busy machine draws few in a second.
    page.locator(f"[data-photo*='_{months[2]}-']").first.wait_for(timeout=180_000)
    page.evaluate("cancelAnimationFrame(window.moving)")
    assert 0 < len(asked) - before < 20, asked
