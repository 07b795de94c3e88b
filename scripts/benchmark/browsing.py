"""The web app with a library of 100,000 photos, in a Chromium that Playwright drives.

The photos are records in the table of a local cloud, copies of those of the demo user's photos. Photos that
come into view have real thumbnails.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
from playwright.sync_api import Browser, BrowserContext, CDPSession, Page, sync_playwright

from benchmark.report import markdown
from checks.deployments import local_cloud, zips
from localcloud.examples import DEMO_PASSWORD, DEMO_USER
from support import web
from support.common import LOCAL, Failure

_PHOTOS, _PHOTOS_QUICK = 100_000, 5_000
_NEWEST = datetime(2026, 11, 1)
_DAYS = 3_650
# How many photos at the newest end, and from the year to which the test jumps, have thumbnails.
_NEW_THUMBNAILS, _OLD_THUMBNAILS = 8_000, 1_500
_JUMP_YEARS = 5
_SCROLL_SECONDS = 30
_PIXELS_PER_FRAME = 50
_BATCH = 25
_AT_ONCE = 8
# Lighthouse's "slow 4G" and its slow phone.
_SLOW = {"offline": False, "latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8}
_CPU_SLOWDOWN = 4
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_RUNS = 3

# Notes when the first photos are in the page, tasks of over 50 ms, and how long the page took to respond to
# each input ("Event Timing API").
_WATCH = """
window.seen = { first: null, paint: null, tasks: [], inputs: [] }
new MutationObserver((_, observer) => {
  if (document.querySelector('[data-photo]')) {
    window.seen.first = performance.now()
    observer.disconnect()
  }
}).observe(document, { childList: true, subtree: true })
const watch = (type, take, options) =>
  new PerformanceObserver((list) => list.getEntries().forEach(take))
    .observe({ type, buffered: true, ...options })
watch('longtask', (task) => window.seen.tasks.push(task.duration))
watch('largest-contentful-paint', (paint) => (window.seen.paint = paint.startTime))
const input = (event) => event.interactionId && window.seen.inputs.push(event.duration)
watch('event', input, { durationThreshold: 16 })
"""
_SCROLL = """
([seconds, step]) => new Promise((done) => {
  const scroller = document.querySelector('.scroller')
  const from = scroller.scrollTop, times = []
  const move = (now) => {
    times.push(now)
    scroller.scrollTop += step
    if (now - times[0] < seconds * 1000) requestAnimationFrame(move)
    else done({ times, pixels: scroller.scrollTop - from })
  }
  requestAnimationFrame(move)
})
"""


@dataclass
class _Requests:
    """The requests of a page, by what they ask for."""

    counts: dict[str, int] = field(default_factory=dict)

    def note(self, url: str) -> None:
        kind = "API" if "/api/" in url else "thumbnails" if "X-Amz-Signature" in url else "files"
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def take(self) -> str:
        taken, self.counts = self.counts, {}
        return ", ".join(f"{count} {kind}" for kind, count in sorted(taken.items())) or "none"


def run(quick: bool, zip_folder: Path | None) -> str:
    """Measures in a local cloud of its own, with debug programs unless there are others; the tables."""
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        raise Failure("No Chromium is installed. Install it (apt install chromium), and run this again.")
    with local_cloud(LOCAL / "bench-web", has_web=True) as cloud:
        cloud.start("--zips", str(zip_folder or zips()))
        settings = cloud.settings()
        count = _PHOTOS_QUICK if quick else _PHOTOS
        library = _Library(settings)
        own = library.wait()
        with sync_playwright() as playwright:
            # Chromium has no sandbox for root, as whom containers run.
            arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
            arguments.append("--enable-precise-memory-info")
            chromium = playwright.chromium.launch(executable_path=browser, args=arguments)
            print("Measuring as on a slow phone …", file=sys.stderr, flush=True)
            slow = _slow_rows(chromium, settings["WEB_URL"])
            print(f"Making a library of {count:,} photos …", file=sys.stderr, flush=True)
            library.fill(count)
            print("Measuring …", file=sys.stderr, flush=True)
            rows = list(_library_rows(chromium, settings["WEB_URL"]))
            chromium.close()
    sizes = [[name, f"{size / 1000:.1f}"] for name, size in web.first_view().items()]
    sizes.append(["all of it", f"{sum(web.first_view().values()) / 1000:.1f}"])
    return (
        "\n"
        + markdown(
            f"The web app with {count:,} photos",
            ["step", "s", "longest task, ms", "frames, dropped", "heap, MB", "elements", "requests"],
            rows,
        )
        + markdown(
            f"{own} photos on a slow phone: {_CPU_SLOWDOWN} × slower, slow 4G (150 ms, 1.6 Mbit/s)",
            ["step", *(f"run {number}, ms" for number in range(1, _RUNS + 1))],
            slow,
        )
        + markdown("What the first view needs, compressed", ["file", "kB"], sizes)
    )


class _Library:
    """The demo user's photos."""

    def __init__(self, settings: Mapping[str, str]) -> None:
        client = {
            "endpoint_url": settings["AWS_ENDPOINT_URL"],
            "region_name": settings["AWS_REGION"],
            "aws_access_key_id": settings["AWS_ACCESS_KEY_ID"],
            "aws_secret_access_key": settings["AWS_SECRET_ACCESS_KEY"],
        }
        self.dynamodb, self.s3 = boto3.client("dynamodb", **client), boto3.client("s3", **client)
        self.table, self.bucket = settings["LIBRARY_TABLE"], settings["BUCKET"]

    def wait(self) -> int:
        """Waits until the demo user's photos are rendered; how many there are."""
        return len(self._samples())

    def fill(self, count: int) -> None:
        """Adds so many photos, over ten years."""
        samples = self._samples()
        user = samples[0][0]["user"]["S"]
        photos = [self._photo(number, count, samples[number % len(samples)][0]) for number in range(count)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            list(pool.map(self._write, (photos[at : at + _BATCH] for at in range(0, count, _BATCH))))
            jump = next(
                (at for at, photo in enumerate(photos) if photo["position"]["S"] < _jump_to()), len(photos)
            )
            numbers = {*range(_NEW_THUMBNAILS), *range(jump - 200, jump + _OLD_THUMBNAILS)} & {*range(count)}
            list(
                pool.map(
                    lambda number: self._thumbnail(photos[number], samples[number % len(samples)][1]), numbers
                )
            )
        months: dict[str, int] = {}
        for photo in photos:
            month = photo["position"]["S"][:7]
            months[month] = months.get(month, 0) + 1
        for month, number in months.items():
            self._add(user, f"month#{month}", {"count": number})
        size = sum(int(photo["size"]["N"]) for photo in photos)
        self._add(user, "usage", {"photos": count, "bytes": size})

    def _samples(self) -> list[tuple[dict[str, Any], bytes]]:
        """The records and the thumbnails of the demo user's photos, once all are rendered."""
        deadline = time.monotonic() + 120
        while True:
            found = self.dynamodb.scan(TableName=self.table)["Items"]
            records = [item for item in found if item["item"]["S"].startswith("photo#")]
            if records and all("thumbhash" in record for record in records):
                break
            if time.monotonic() > deadline:
                raise Failure("The demo user's photos were not rendered in 2 minutes.")
            time.sleep(1)
        samples = []
        for record in records:
            prefix = f"renditions/{record['user']['S']}/{record['item']['S'].removeprefix('photo#')}/"
            listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix)["Contents"]
            key = next(one["Key"] for one in listed if one["Key"].endswith("-512.jpg"))
            data = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
            samples.append(({**record, "thumbnail": {"S": key.rpartition("/")[2]}}, data))
        return samples

    def _photo(self, number: int, count: int, sample: Mapping[str, Any]) -> dict[str, Any]:
        taken = _NEWEST - timedelta(seconds=number * _DAYS * 86_400 // count)
        name = f"{taken:%Y%m%dT%H%M%S}{number % 1000:03}Z_IMG_{number:06}.jpg"
        at = f"{taken:%Y-%m-%dT%H:%M:%S}"
        return {
            **sample,
            "item": {"S": f"photo#{name}"},
            "takenAt": {"S": at},
            "position": {"S": f"{at}.000_{name}"},
        }

    def _write(self, photos: Sequence[Mapping[str, Any]]) -> None:
        items = [{name: value for name, value in photo.items() if name != "thumbnail"} for photo in photos]
        requests: Any = {self.table: [{"PutRequest": {"Item": item}} for item in items]}
        while requests:
            requests = self.dynamodb.batch_write_item(RequestItems=requests).get("UnprocessedItems")

    def _thumbnail(self, photo: Mapping[str, Any], data: bytes) -> None:
        name = photo["item"]["S"].removeprefix("photo#")
        key = f"renditions/{photo['user']['S']}/{name}/{photo['thumbnail']['S']}"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType="image/jpeg")

    def _add(self, user: str, item: str, amounts: Mapping[str, int]) -> None:
        names = {f"#{name}": name for name in amounts}
        self.dynamodb.update_item(
            TableName=self.table,
            Key={"user": {"S": user}, "item": {"S": item}},
            UpdateExpression="ADD " + ", ".join(f"#{name} :{name}" for name in amounts),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={f":{name}": {"N": str(value)} for name, value in amounts.items()},
        )


def _jump_to() -> str:
    """The positions of photos before the year to which the test jumps end here."""
    return f"{_NEWEST.year - _JUMP_YEARS + 1}-01-01"


def _library_rows(chromium: Browser, url: str) -> Iterator[list[str]]:
    """The rows of the table, each measured when it is asked for."""
    with _logged_in(chromium, url) as context:
        page, requests = _page(context, url)
        session = context.new_cdp_session(page)
        _wait_for_thumbnails(page)
        yield _row("first view", page, session, requests, _seen(page)["first"] / 1000)
        slider = page.get_by_role("slider")
        for _ in range(_JUMP_YEARS - 1):
            slider.press("PageDown")
            page.wait_for_timeout(300)
        started = time.monotonic()
        slider.press("PageDown")
        page.wait_for_function(
            "year => [...document.querySelectorAll('[data-photo]')].some("
            "(tile) => tile.dataset.photo.startsWith(year))",
            arg=str(_NEWEST.year - _JUMP_YEARS),
        )
        seconds = time.monotonic() - started
        _wait_for_thumbnails(page)
        yield _row(f"jump by {_JUMP_YEARS} years", page, session, requests, seconds)
        page.keyboard.press("Home")
        _wait_for_thumbnails(page)
        _row("", page, session, requests, 0)
        scrolled = page.evaluate(_SCROLL, [_SCROLL_SECONDS, _PIXELS_PER_FRAME])
        times = scrolled["times"]
        dropped = sum(
            max(round((later - earlier) * 60 / 1000) - 1, 0)
            for earlier, later in zip(times, times[1:], strict=False)
        )
        frames = f"{len(times):,}, {dropped}"
        title = f"scroll by {scrolled['pixels']:,.0f} px"
        yield _row(title, page, session, requests, (times[-1] - times[0]) / 1000, frames)


def _row(
    title: str, page: Page, session: CDPSession, requests: _Requests, seconds: float, frames: str = "–"
) -> list[str]:
    """What a step took. The next step begins with it."""
    tasks = page.evaluate("window.seen.tasks.splice(0)")
    session.send("HeapProfiler.collectGarbage")
    heap = page.evaluate("performance.memory.usedJSHeapSize") / 1e6
    elements = page.evaluate("document.querySelectorAll('*').length")
    longest = f"{max(tasks):.0f}" if tasks else "< 50"
    return [title, f"{seconds:.2f}", longest, frames, f"{heap:.1f}", str(elements), requests.take()]


def _slow_rows(chromium: Browser, url: str) -> list[list[str]]:
    views, inputs = [], []
    for _ in range(_RUNS):
        with _logged_in(chromium, url) as context:
            page = context.new_page()
            session = context.new_cdp_session(page)
            session.send("Network.enable")
            session.send("Network.setCacheDisabled", {"cacheDisabled": True})
            session.send("Network.emulateNetworkConditions", _SLOW)
            session.send("Emulation.setCPUThrottlingRate", {"rate": _CPU_SLOWDOWN})
            page.add_init_script(_WATCH)
            page.goto(url)
            page.locator("[data-photo]").first.wait_for(timeout=60_000)
            page.wait_for_timeout(3_000)
            seen = _seen(page)
            views.append((seen["first"], seen["paint"]))
            page.evaluate("window.seen.inputs.splice(0)")
            inputs.append(_inputs(page))
    columns = {
        "first photos in the page": [f"{first:.0f}" for first, _ in views],
        "largest paint": [f"{paint:.0f}" for _, paint in views],
        **{name: [f"{run[name]:.0f}" for run in inputs] for name in inputs[0]},
    }
    return [[name, *cells] for name, cells in columns.items()]


def _inputs(page: Page) -> dict[str, float]:
    """How long the page takes until it shows something after each input; at least 16 ms."""
    tile = page.locator("[data-photo]").first
    steps: Mapping[str, Callable[[], None]] = {
        "next photo (arrow key)": lambda: page.keyboard.press("ArrowRight"),
        "select (space)": lambda: page.keyboard.press("Space"),
        "end the selection (escape)": lambda: page.keyboard.press("Escape"),
        "open a photo (click)": tile.click,
        "next photo in the viewer": lambda: page.keyboard.press("ArrowRight"),
        "its details (i)": lambda: page.keyboard.press("i"),
        "close the viewer": lambda: page.keyboard.press("Escape"),
        "jump to the end (slider)": lambda: page.get_by_role("slider").press("End"),
    }
    tile.focus()
    page.wait_for_timeout(500)
    taken = {}
    for name, act in steps.items():
        page.evaluate("window.seen.inputs.splice(0)")
        act()
        page.wait_for_timeout(1_500)
        taken[name] = float(max(page.evaluate("window.seen.inputs.splice(0)"), default=16))
    return taken


@contextmanager
def _logged_in(chromium: Browser, url: str) -> Iterator[BrowserContext]:
    """A browser whose cookie says who the user is."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, locale="en-GB")
    context.set_default_timeout(60_000)
    page = context.new_page()
    page.goto(url)
    page.get_by_label("User name").fill(DEMO_USER)
    page.get_by_label("Password", exact=True).fill(DEMO_PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("navigation").wait_for()
    page.close()
    yield context
    context.close()


def _page(context: BrowserContext, url: str) -> tuple[Page, _Requests]:
    page, requests = context.new_page(), _Requests()
    page.on("request", lambda request: requests.note(request.url))
    page.add_init_script(_WATCH)
    page.goto(url)
    page.locator("[data-photo]").first.wait_for()
    return page, requests


def _seen(page: Page) -> Any:
    return json.loads(page.evaluate("JSON.stringify(window.seen)"))


def _wait_for_thumbnails(page: Page) -> None:
    page.wait_for_timeout(500)
    # As a function: the content security policy forbids evaluating a string, which polling would do.
    page.wait_for_function(
        "() => [...document.querySelectorAll('[data-photo] img')].every((image) => image.complete)",
        timeout=60_000,
    )
