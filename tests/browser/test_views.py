"""Every view: no mistake that axe can find, in light and dark, wide and narrow, English and German."""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

import contract
from localcloud import demo
from localcloud.examples import DEMO_PASSWORD, DEMO_USER
from service import Settings, User
from web_app import Visit, audit, shoot

OUTSIDE = ("/login", "/signup", "/confirm?username=ann", "/forgot")
JPEG = {"Content-Type": "image/jpeg"}
# Right after the start of the local cloud, debug programs render the demo photos.
RENDERED_SECONDS = 180
WIDE = {"viewport": {"width": 1280, "height": 800}}
NARROW = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}


@pytest.fixture(scope="session")
def demo_user(http: httpx.Client) -> User:
    """The demo user of scripts/local, with favourites and a trash, once the photos have their thumbnails."""
    login = http.post("/login", json={"username": DEMO_USER, "password": DEMO_PASSWORD})
    user = User(http, DEMO_USER, login.json()["jwt"], password=DEMO_PASSWORD)
    deadline = time.monotonic() + RENDERED_SECONDS
    while any(photo["rendition"] == "pending" for photo in photos_of(user)):
        assert time.monotonic() < deadline
        time.sleep(1)
    photos = photos_of(user)
    for photo in photos[:18:3]:
        assert user.call("PATCH", f"/photos/{photo['filename']}", json={"favourite": True}).status_code == 200
    if not photos_of(user, trash="true"):
        for photo in photos[-5:]:
            assert user.call("DELETE", f"/photos/{photo['filename']}").status_code == 204
    return user


def photos_of(user: User, **query: str) -> list[dict[str, Any]]:
    """The newest photos first."""
    photos: list[dict[str, Any]] = user.get("/photos", params={"limit": 100, **query}).json()["photos"]
    return photos


def sell(seller: User, title: str, picture: int) -> str:
    """The id of a new auction with a picture."""
    created = seller.post("/auctions", json={"title": title, "description": "Printed on paper, framed."})
    auction: str = created.json()["id"]
    content = demo.photo(picture).data
    assert (
        seller.call("PATCH", f"/auctions/{auction}/picture", content=content, headers=JPEG).status_code == 200
    )
    return auction


def fits(inner: Locator, outer: Locator) -> bool:
    """Whether nothing of an element is outside of another one."""
    a, b = inner.bounding_box(), outer.bounding_box()
    assert a and b
    return (
        a["x"] >= b["x"] - 1
        and a["y"] >= b["y"] - 1
        and a["x"] + a["width"] <= b["x"] + b["width"] + 1
        and a["y"] + a["height"] <= b["y"] + b["height"] + 1
    )


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
    visit: Callable[..., Visit], demo_user: User, user: User, scheme: str, shape: dict[str, object]
) -> None:
    auction = [
        sell(user, title, number) for number, title in enumerate(("Evening", "Ridges", "Before the rain"))
    ][0]
    page = visit(**shape, color_scheme=scheme).log_in(demo_user)
    page.locator("[data-photo]").first.wait_for()
    views = {
        "photos": "/",
        "favourites": "/favourites",
        "trash": "/trash",
        # A portrait, which is higher than the window if it is as wide.
        "viewer": f"/photos/{next(p['filename'] for p in photos_of(demo_user) if p['height'] > p['width'])}",
        "upload": "/upload",
        "auctions": "/auctions",
        "auction": f"/auctions/{auction}",
        "new-auction": "/auctions/new",
        "account": "/account",
        "not-found": "/nowhere",
    }
    for name, path in views.items():
        page.goto(page.url.partition("/")[0] + "//" + page.url.split("/")[2] + path)
        page.get_by_role("heading", level=1).wait_for()
        if name in ("photos", "favourites", "trash"):
            page.locator("[data-photo]").first.wait_for()
        if name == "viewer":
            page.get_by_role("dialog").get_by_role("img").first.wait_for()
            page.keyboard.press("i")
            assert fits(page.locator(".stage img").last, page.locator(".stage"))
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


def test_the_page_of_the_api_shows_every_operation(visit: Callable[..., Visit], settings: Settings) -> None:
    page = visit().open()
    page.goto(f"{settings.base_url}/docs")
    operations = page.locator(".opblock")
    operations.first.wait_for()
    paths = contract.document()["paths"].values()
    assert operations.count() == sum(len(path) for path in paths)
    log_in = page.locator("#operations-Users-login")
    log_in.locator("button").first.click()
    expect(log_in.get_by_text("Request body")).to_be_visible()
