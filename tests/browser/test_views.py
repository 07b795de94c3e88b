"""Every view: no mistake that axe can find, in light and dark, wide and narrow, English and German."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

import photos
from service import User
from web_app import SCREENSHOTS, Visit, audit

OUTSIDE = ("/login", "/signup", "/confirm?username=ann", "/forgot")
WIDE = {"viewport": {"width": 1280, "height": 800}}
NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture
def full(user: User) -> User:
    for number in range(8):
        user.upload(photos.photo(seed=number), f"IMG_2025{number + 1:02}01_101500.jpg")
    return user


def shoot(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def settled(page: Page) -> None:
    page.get_by_role("heading", level=1).wait_for()
    expect(page.locator(".loading")).to_have_count(0)


@pytest.mark.parametrize("path", OUTSIDE)
def test_a_view_before_the_log_in_is_accessible(visit: Callable[..., Visit], path: str) -> None:
    for options in ({**WIDE, "color_scheme": "light"}, {**NARROW, "color_scheme": "dark"}):
        page = visit(**options).open(path)
        settled(page)
        assert audit(page) == []
    shoot(page, path.strip("/").partition("?")[0])


@pytest.mark.parametrize(
    ("scheme", "shape"), [("light", WIDE), ("dark", NARROW)], ids=["light, wide", "dark, narrow"]
)
def test_the_views_are_accessible(
    visit: Callable[..., Visit], full: User, scheme: str, shape: dict[str, object]
) -> None:
    created = full.post("/auctions", json={"title": "A lamp", "description": "It is bright."})
    page = visit(**shape, color_scheme=scheme).log_in(full)
    page.locator("[data-photo]").first.wait_for()
    views = {
        "photos": "/",
        "viewer": f"/photos/{full.names()[0]}",
        "upload": "/upload",
        "auctions": "/auctions",
        "auction": f"/auctions/{created.json()['id']}",
        "new-auction": "/auctions/new",
        "account": "/account",
        "not-found": "/nowhere",
    }
    for name, path in views.items():
        page.goto(page.url.partition("/")[0] + "//" + page.url.split("/")[2] + path)
        page.get_by_role("heading", level=1).wait_for()
        if name == "photos":
            page.locator("[data-photo]").first.wait_for()
        if name == "viewer":
            page.get_by_role("dialog").get_by_role("img").first.wait_for()
            page.keyboard.press("i")
        settled(page)
        assert audit(page) == [], name
        shoot(page, f"{name}{'' if scheme == 'light' else '-narrow'}")


def test_the_app_speaks_german(visit: Callable[..., Visit], user: User) -> None:
    page = visit(locale="de-DE").open()
    expect(page.get_by_role("heading", name="Anmelden")).to_be_visible()
    assert page.evaluate("document.documentElement.lang") == "de"
    page.get_by_label("Benutzername").fill(user.name)
    page.get_by_label("Passwort", exact=True).fill(user.password)
    page.get_by_role("button", name="Anmelden").click()
    expect(page.get_by_text("Noch keine Fotos")).to_be_visible()
    page.get_by_role("link", name="Konto").click()
    page.get_by_label("Sprache").select_option("en")
    expect(page.get_by_role("heading", name="Account")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Account")).to_be_visible()


def test_nothing_scrolls_sideways_on_a_narrow_screen(visit: Callable[..., Visit], user: User) -> None:
    page = visit(viewport={"width": 320, "height": 640}).log_in(user)
    for path in ("/", "/upload", "/auctions/new", "/account"):
        page.get_by_role("navigation").locator("a").first.wait_for()
        page.goto(page.url.partition("/")[0] + "//" + page.url.split("/")[2] + path)
        settled(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert page.evaluate(
            "(() => { const m = document.querySelector('main'); return m.scrollWidth <= m.clientWidth })()"
        )


def test_a_lost_network_is_shown_until_it_is_back(visit: Callable[..., Visit], user: User) -> None:
    browser = visit()
    page = browser.log_in(user)
    browser.context.set_offline(True)
    expect(page.get_by_text("You are offline.")).to_be_visible()
    browser.context.set_offline(False)
    expect(page.get_by_text("You are offline.")).to_be_hidden()
