"""Fixtures for the web app in a real Chromium, against what scripts/local serves (WEB_URL).

Playwright drives the browser that CHROMIUM names. Each test has browsers of its own, and fails if a page
violated the content security policy or raised an error that nobody caught.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from web_app import Visit

# Two browsers and the cloud share the processors.
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium has no sandbox for root, as whom containers run tests.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=os.environ["CHROMIUM"], args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def web_url() -> str:
    return os.environ["WEB_URL"]


@pytest.fixture
def visit(chromium: Browser, web_url: str) -> Iterator[Callable[..., Visit]]:
    """visit(**options): a browser with its own cookies and storage; options of Playwright's contexts."""
    visits: list[Visit] = []

    def make(**options: Any) -> Visit:
        settings = {"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options}
        visits.append(Visit(chromium.new_context(**settings), web_url))
        return visits[-1]

    yield make
    problems = [problem for made in visits for problem in (*made.problems, *made.violations())]
    for made in visits:
        made.context.close()
    assert problems == []


@pytest.fixture
def unique_name() -> str:
    return f"web-{os.urandom(6).hex()}"
