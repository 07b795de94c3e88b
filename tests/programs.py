"""Each packaged program starts and responds. Photos are rendered, and one goes in, comes out and is deleted.

Not part of the suite, which shows much more: `scripts/test --only arm64` runs it with programs for another
processor, in an emulator that is too slow for the suite.
"""

import json
import os
import stat
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import httpx
import pytest

import auctions
import photos
from service import Settings, User
from support import events, manifest

FUNCTIONS = manifest.load().functions


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_program_starts_and_responds(
    function: manifest.Function, backstage: auctions.Backstage, settings: Settings
) -> None:
    invoked = backstage.functions.invoke(
        FunctionName=backstage.name(function.name), Payload=json.dumps(_event(function, settings.stage))
    )
    response = json.loads(invoked["Payload"].read())
    assert "FunctionError" not in invoked, response
    if function.routes:
        assert 200 <= response["statusCode"] < 500, response
    elif function.authorizer:
        assert response["isAuthorized"] is False
    elif function.queue:
        assert response == {"batchItemFailures": []}


@pytest.mark.parametrize("kind", photos.FORMATS)
def test_a_photo_is_rendered(kind: str, tmp_path: Path) -> None:
    """In an emulator, no program can start itself again. So this starts the process that renders."""
    with zipfile.ZipFile(Path(os.environ["ZIPS"]) / "render_photos.zip") as archive:
        program = Path(archive.extract("bootstrap", tmp_path))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    data = photos.photo(kind)
    done = subprocess.run([program, "render-a-photo"], env={}, input=data, capture_output=True, check=True)
    _metadata, header, files = done.stdout.split(b"\n", 2)
    sizes = json.loads(header)
    thumbnail, preview = files[: sizes["thumbnail_bytes"]], files[sizes["thumbnail_bytes"] :]
    assert len(preview) == sizes["preview_bytes"]
    assert photos.looks_like(thumbnail, data)
    assert photos.looks_like(preview, data)


def test_a_photo_goes_in_and_out(user: User) -> None:
    data = photos.photo("jpg")
    name = user.upload(data)["filename"]
    assert user.names() == [name]
    location = user.get("/download", params={"filename": name}).headers["location"]
    assert httpx.get(location).content == data
    assert user.post("/delete", json={"file": name}).status_code == 204
    assert user.names() == []


def _event(function: manifest.Function, stage: str) -> dict[str, Any]:
    if function.routes:
        return events.http_request(function.routes[0], {}, stage=stage)
    if function.authorizer:
        return events.authorization_request(events.http_request("GET /me", {}, stage=stage))
    if function.queue:
        return events.sqs_messages(function.queue.name, [])
    return {}
