"""The curl commands that `scripts/local` prints: one for each route, in an order in which they work."""

import shlex
import shutil
import zipfile
from collections.abc import Iterable
from pathlib import Path

from support.manifest import Function

DEMO_USER = "demo"
DEMO_PASSWORD = "demo-password-1"
# Has a temporary password, for /login/new_password.
INVITED_USER = "invited"
INVITED_PASSWORD = "invited-password-1"
_HERE = Path(__file__).parent


def lines(functions: Iterable[Function], base_url: str, endpoint: str, folder: Path) -> list[str]:
    """A comment and a command for each route; the files that they send are written to `folder`."""
    routes = {route: function.needs_token for function in functions for route in function.routes}
    photo, archive = _write_samples(folder)
    text = (_HERE / "examples.txt").read_text(encoding="utf-8")
    for name, value in {
        "base": base_url,
        "endpoint": endpoint,
        "photo": shlex.quote(str(photo)),
        "archive": shlex.quote(str(archive)),
        "demo": DEMO_USER,
        "demo_password": DEMO_PASSWORD,
        "invited": INVITED_USER,
        "invited_password": INVITED_PASSWORD,
    }.items():
        text = text.replace("{{" + name + "}}", value)
    written = text.splitlines()
    comments, commands = written[0::2], written[1::2]
    known = dict(zip((comment.removeprefix("# ") for comment in comments), commands, strict=True))
    # The first is not a route: it shows the mails, whose codes others need.
    printed = [comments[0], commands[0]]
    for route in [
        *(route for route in known if route in routes),
        *(route for route in routes if route not in known),
    ]:
        printed += [f"# {route}", known.get(route) or _plain(route, base_url, routes[route])]
    return printed


def _plain(route: str, base_url: str, needs_token: bool) -> str:
    method, path = route.split(" ")
    token = ' -H "Authorization: Bearer $TOKEN"' if needs_token else ""
    return f"curl -sS -X {method} '{base_url}{path}'{token}"


def _write_samples(folder: Path) -> tuple[Path, Path]:
    sample, photo, archive = _HERE / "sample.jpg", folder / "sample.jpg", folder / "sample.zip"
    shutil.copyfile(sample, photo)
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as entries:
        entries.write(sample, "holiday/beach.jpg")
        entries.write(sample, "holiday/sea.jpg")
        entries.writestr("holiday/notes.txt", "Not a photo: /unzip skips it and says so.\n")
    return photo, archive
