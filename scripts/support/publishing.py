"""Publishes the web app: uploads its files, and checks that they are served."""

import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support import web
from support.common import Failure

_PAGE = "index.html"
_PAUSE_SECONDS = 2.0
_REQUEST_SECONDS = 30


def files(app: Path) -> list[str]:
    """The files of the app in the order of their upload: the page comes last, because it names the others."""
    found = web.files(app)
    if _PAGE not in found:
        raise Failure(f"There is no built app in {app}. Run `scripts/package` first.")
    unknown = [name for name in found if Path(name).suffix not in web.TYPES]
    if unknown:
        raise Failure(f"{', '.join(unknown)}: add the media type to TYPES in scripts/support/web.py.")
    return [*(name for name in found if name != _PAGE), _PAGE]


def upload(s3: Any, bucket: str, app: Path, names: Sequence[str]) -> None:
    """Uploads files of the app, one after the other. `s3` is botocore's client."""
    for name in names:
        s3.put_object(
            Bucket=bucket,
            Key=name,
            Body=(app / name).read_bytes(),
            ContentType=web.TYPES[Path(name).suffix],
            CacheControl=web.cache_control(name),
        )


def wait_for(url: str, app: Path, seconds: float) -> None:
    """Waits until `url` serves the app's page with its headers. A page is cached for a second."""
    wanted = (app / _PAGE).read_bytes()
    deadline = time.monotonic() + seconds
    while problem := _problem(url, wanted):
        if time.monotonic() > deadline:
            raise Failure(f"The web app is not served at {url}: {problem}.")
        time.sleep(min(_PAUSE_SECONDS, seconds))


def _problem(url: str, wanted: bytes) -> str | None:
    try:
        with urllib.request.urlopen(f"{url}/", timeout=_REQUEST_SECONDS) as response:
            if response.read() != wanted:
                return "there is another page"
            if "content-security-policy" not in response.headers:
                return "the page has no content security policy"
    except urllib.error.HTTPError as refusal:
        return f"the response is {refusal.code}"
    except OSError as error:
        return f"there is no response ({error})"
    return None
