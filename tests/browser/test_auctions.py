"""Auctions in a browser."""

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import expect

import photos
from service import User
from web_app import Visit

HOSTILE = "<script>alert(1)</script>"


def test_an_auction_is_created_with_a_picture_and_others_bid(
    visit: Callable[..., Visit], make_user: Callable[..., User], tmp_path: Path
) -> None:
    seller, bidder, rival = make_user(), make_user(), make_user()
    picture = tmp_path / "lamp.jpg"
    picture.write_bytes(photos.photo())
    page = visit().log_in(seller, "/auctions/new")
    page.get_by_label("Title").fill(HOSTILE)
    page.get_by_label("Description").fill(HOSTILE)
    page.get_by_label("Starting price").fill("5,00")
    page.get_by_label("Picture").set_input_files(picture)
    page.get_by_role("button", name="Create auction").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.get_by_role("img", name="Picture of")).to_be_visible()
    expect(page.get_by_role("button", name="Place bid")).to_have_count(0)
    auction = page.url.rpartition("/")[2]

    other = visit().log_in(bidder, f"/auctions/{auction}")
    amount = other.get_by_label("Your bid in EUR")
    amount.fill("four")
    other.get_by_role("button", name="Place bid").click()
    expect(other.get_by_text("Enter an amount such as 5.00")).to_be_visible()
    amount.fill("4")
    other.get_by_role("button", name="Place bid").click()
    expect(other.get_by_text("Bid at least €5.00")).to_be_visible()
    amount.fill("7.50")
    other.get_by_role("button", name="Place bid").click()
    expect(other.get_by_text("Your bid is the highest.")).to_be_visible()
    # The seller's page follows by itself.
    expect(page.get_by_text(f"€7.50 by {bidder.name}")).to_be_visible()

    response = rival.call("PATCH", f"/auctions/{auction}/bid", json={"amount": 800})
    assert response.status_code == 200, response.text
    expect(other.get_by_text("At least €8.01")).to_be_visible()


def test_the_countdown_follows_the_clock_of_the_server(
    visit: Callable[..., Visit], make_user: Callable[..., User]
) -> None:
    seller = make_user()
    created = seller.post("/auctions", json={"title": "A lamp", "duration_minutes": 60})
    browser = visit()
    # The computer's clock is two hours ahead: by it, the auction would be over.
    browser.context.clock.install()
    browser.context.clock.fast_forward("02:00:00")
    page = browser.log_in(seller, f"/auctions/{created.json()['id']}")
    expect(page.get_by_text("59:")).to_be_visible()
