"""The web app in a browser that Playwright drives: visits, log-in, and what axe finds."""

import io
import json
import os
from pathlib import Path

from PIL import Image
from playwright.sync_api import BrowserContext, Page

from service import User
from support.common import LOCAL, ROOT

AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
#: WCAG 2.2 AA, with all that came before it, and what axe recommends besides.
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", LOCAL / "reports" / "screenshots"))
_COLLECT = """
window.violations = []
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.effectiveDirective} ${event.blockedURI} ${event.sample}`)
})
"""


# Waits for the pictures in the window. The content security policy forbids to poll with `eval`.
_PICTURES = """
Promise.all([...document.images].filter((image) => {
  const { top, bottom } = image.getBoundingClientRect()
  return !image.complete && bottom > 0 && top < innerHeight
}).map((image) => new Promise((done) => (image.onload = image.onerror = done))))
"""


class Visit:
    """A browser of its own, in which pages are opened; what went wrong in them is in `problems`."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self.url = context, url
        self.problems: list[str] = []
        self.opened: list[str] = []
        context.add_init_script(_COLLECT)
        context.set_default_timeout(20_000)

    def open(self, path: str = "/") -> Page:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("request", lambda request: self.opened.append(request.url))
        page.on("framenavigated", lambda frame: self.opened.append(frame.url))
        page.goto(self.url + path)
        return page

    def log_in(self, user: User, path: str = "/") -> Page:
        page = self.open(path)
        fill_login(page, user.name, user.password)
        page.get_by_role("navigation").wait_for()
        return page

    def violations(self) -> list[str]:
        """Violations of the content security policy in all pages that are open."""
        return [text for page in self.context.pages for text in page.evaluate("window.violations ?? []")]


def fill_login(page: Page, name: str, password: str) -> None:
    page.get_by_label("User name").fill(name)
    page.get_by_label("Password", exact=True).fill(password)
    page.get_by_role("button", name="Log in").click()


def shoot(page: Page, name: str) -> None:
    """Keeps a screenshot of a view with all its pictures, as a WebP file of a few tens of kilobytes."""
    page.evaluate(_PICTURES)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    Image.open(io.BytesIO(page.screenshot())).save(SCREENSHOTS / f"{name}.webp", quality=85)


def audit(page: Page) -> list[str]:
    """What axe finds wrong with the page: the rule, and where."""
    page.evaluate(AXE.read_text())
    run = f"axe.run(document, {{runOnly: {json.dumps(AXE_TAGS)}}})"
    found = page.evaluate(f"{run}.then(({{violations}}) => violations)")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}" for one in found for node in one["nodes"]
    ]
