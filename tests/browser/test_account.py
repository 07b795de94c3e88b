"""Sign-up, log-in and log-out in a browser, and where tokens are."""

import json
import re
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Page, expect

from service import User
from totp import Authenticator
from web_app import Visit, fill_login

PASSWORD = "correct-horse-7-battery"
JWT = re.compile(r"eyJ[\w-]+\.[\w-]+\.")


def storage(page: Page) -> str:
    """Everything that a script of the page can read back after a reload."""
    read = "JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie, history.state])"
    kept: str = page.evaluate(read)
    return kept


def test_a_new_user_signs_up_confirms_and_logs_in(
    visit: Callable[..., Visit], code_for: Callable[..., str], unique_name: str
) -> None:
    email = f"{unique_name}@example.com"
    page = visit().open("/")
    page.get_by_role("link", name="Create an account").click()
    page.get_by_label("User name").fill(unique_name)
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("short")
    page.get_by_role("button", name="Create account").click()
    expect(page.get_by_label("Password")).to_have_attribute("aria-invalid", "true")

    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()
    page.get_by_label("Code from the email").fill(code_for(email))
    page.get_by_role("button", name="Confirm").click()
    fill_login(page, unique_name, PASSWORD)
    expect(page.get_by_text("No photos yet")).to_be_visible()


def test_a_forgotten_password_is_replaced(
    visit: Callable[..., Visit], user: User, code_for: Callable[..., str]
) -> None:
    page = visit().open("/forgot")
    page.get_by_label("User name").fill(user.name)
    page.get_by_role("button", name="Send a code").click()
    page.get_by_label("Code from the email").fill(code_for(user.email))
    page.get_by_label("New password").fill("another-password-8")
    page.get_by_role("button", name="Set password").click()
    fill_login(page, user.name, "another-password-8")
    expect(page.get_by_role("heading", name="Photos", exact=True)).to_be_visible()


def test_a_temporary_password_is_replaced_at_log_in(
    visit: Callable[..., Visit], pool: Any, unique_name: str
) -> None:
    pool.add(unique_name, PASSWORD, permanent=False)
    page = visit().open()
    fill_login(page, unique_name, PASSWORD)
    page.get_by_label("New password").fill("another-password-8")
    page.get_by_role("button", name="Set password and log in").click()
    expect(page.get_by_role("heading", name="Photos", exact=True)).to_be_visible()


def test_a_second_factor_is_set_up_asked_for_and_turned_off(visit: Callable[..., Visit], user: User) -> None:
    page = visit().log_in(user, "/account")
    page.get_by_role("button", name="Set up or turn off").click()
    expect(page.get_by_role("img", name="QR code of the key")).to_be_visible()
    app = Authenticator(page.locator(".secret").inner_text().replace(" ", ""), reuse=True)
    code = page.get_by_label("Code from the app")
    code.fill(app.wrong_code())
    page.get_by_role("button", name="Turn on").click()
    expect(code).to_have_attribute("aria-invalid", "true")
    code.fill(app.code())
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("The second factor is on.")).to_be_visible()

    other = visit().open("/account")
    fill_login(other, user.name, user.password)
    code = other.get_by_label("Code from the app")
    code.fill(app.wrong_code())
    other.get_by_role("button", name="Log in").click()
    expect(other.get_by_role("alert")).to_contain_text("did not match")
    code.fill(app.code())
    other.get_by_role("button", name="Log in").click()
    other.get_by_role("button", name="Set up or turn off").click()
    code.fill(app.code())
    other.get_by_role("button", name="Turn off").click()
    expect(other.get_by_text("The second factor is off.")).to_be_visible()
    visit().log_in(user)


def test_a_wrong_password_is_explained_and_the_address_survives_the_log_in(
    visit: Callable[..., Visit], user: User
) -> None:
    page = visit().open("/auctions")
    fill_login(page, user.name, "wrong-password-1")
    expect(page.get_by_role("alert")).to_contain_text("did not match")
    fill_login(page, user.name, user.password)
    expect(page.get_by_role("heading", name="Auctions", level=1)).to_be_visible()


def test_a_session_survives_a_reload_is_shared_by_tabs_and_ends_in_all(
    visit: Callable[..., Visit], user: User
) -> None:
    browser = visit()
    page = browser.log_in(user)
    page.reload()
    expect(page.get_by_role("heading", name="Photos", exact=True)).to_be_visible()
    refreshed = len([url for url in browser.opened if url.endswith("/login/refresh")])
    assert refreshed == 1

    other = browser.open("/account")
    expect(other.get_by_role("heading", name="Profile")).to_be_visible()
    assert len([url for url in browser.opened if url.endswith("/login/refresh")]) == 1, (
        "the first tab told it"
    )
    with other.expect_response(lambda response: response.url.endswith("/api/logout")) as told:
        other.get_by_role("button", name="Log out").click()
    assert told.value.status == 204
    for tab in (page, other):
        expect(tab.get_by_role("button", name="Log in")).to_be_visible()
        tab.reload()
        expect(tab.get_by_role("button", name="Log in")).to_be_visible()
    assert [cookie for cookie in browser.context.cookies() if "session" in cookie.get("name", "")] == []


def test_no_token_is_in_a_storage_or_in_a_url(visit: Callable[..., Visit], user: User) -> None:
    browser = visit()
    logged: list[str] = []
    page = browser.open()
    page.on("console", lambda message: logged.append(message.text))
    with page.expect_response("**/api/login") as answered:
        fill_login(page, user.name, user.password)
    tokens: dict[str, Any] = answered.value.json()
    assert "refresh_token" not in tokens
    page.get_by_role("navigation").wait_for()
    for path in ("/upload", "/auctions", "/account"):
        page.get_by_role("navigation").locator(f"a[href='{path}']").click()
        page.get_by_role("heading", level=1).wait_for()
    page.reload()
    page.get_by_role("navigation").wait_for()

    for where in (storage(page), json.dumps(browser.opened), json.dumps(logged)):
        assert not JWT.search(where), where
        assert tokens["jwt"] not in where and tokens["access_token"] not in where
    (cookie,) = [cookie for cookie in browser.context.cookies() if cookie.get("name") == "__Host-session"]
    assert cookie.get("httpOnly") and cookie.get("secure") and cookie.get("sameSite") == "Strict"
