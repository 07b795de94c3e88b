"""The web app: types, formatting, unit tests, sizes, and the app in a real browser."""

import shutil

from checks.deployments import local_cloud, zips
from checks.step import Skipped, run
from checks.suite import run_file
from support import web as app
from support.common import LOCAL, Failure

#: What the first view may need, compressed.
_MOST_BYTES = 80_000
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def web() -> str:
    """The web app: it builds, is small, and works in a browser against scripts/local."""
    try:
        app.build()
    except app.Unreachable as unreachable:
        raise Skipped(str(unreachable).partition("\n")[0]) from unreachable
    for script in ("check", "test"):
        command, environment = app.command("run", "--silent", script)
        run(command, "Fix the web app as described above.", environment, name=f"web app: {script}")
    sizes = app.first_view()
    total = sum(sizes.values())
    if total > _MOST_BYTES:
        listed = "\n".join(f"{size:8} {name}" for name, size in sizes.items())
        raise Failure(f"The first view needs {total} bytes, more than {_MOST_BYTES}:\n{listed}")
    note = f"the first view needs {total / 1000:.1f} kB"
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        return f"{note}; NOT tested in a browser, since no Chromium is installed (apt install chromium)"
    with local_cloud(LOCAL / "e2e-web", has_web=True) as cloud:
        cloud.start("--zips", str(zips()))
        run_file("web", "tests/browser", {**cloud.settings(), "CHROMIUM": browser}, "--numprocesses", "2")
    return f"{note}; tested in {browser}"
