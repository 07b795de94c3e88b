"""`scripts/move-folders`: from user names to ids."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from conftest import Bucket
from photos import photo
from service import Settings, User, eventually

pytestmark = pytest.mark.local_cloud

SCRIPT = Path(__file__).parents[1] / "scripts" / "move-folders"


def run(settings: Settings, user: User, *arguments: str) -> str:
    """What the script prints."""
    command = [sys.executable, str(SCRIPT), "--stage", settings.stage, "--user", user.name, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def name_at(time: datetime, title: str) -> str:
    return f"{time:%Y%m%dT%H%M%S}{time.microsecond // 1000:03}Z_{title}.jpg"


def test_folders_move_from_names_to_ids(
    make_user: Callable[..., User], bucket: Bucket, settings: Settings
) -> None:
    user = make_user()
    now = datetime.now(UTC) + timedelta(seconds=2)
    mine = [name_at(now + timedelta(seconds=number), f"é {number}") for number in range(5)]
    other = name_at(now - timedelta(days=400), "somebody else's")

    def put(key: str, body: bytes, kind: str) -> None:
        bucket.client.put_object(Bucket=bucket.name, Key=key, Body=body, ContentType=kind)

    for seed, name in enumerate([*mine, other]):
        put(f"photos/{user.name}/{name}", photo("jpg", seed), "image/jpeg")
    record = {"display_name": "Ann", "created_at": f"{now:%Y-%m-%dT%H:%M:%S}.000Z"}
    put(f"users/{user.name}/record.json", json.dumps(record).encode(), "application/json")

    assert f"{user.id}: 6 objects would be moved, 1 older than the user left alone" in run(
        settings, user, "--dry-run"
    )
    assert bucket.list(f"photos/{user.id}/") == []
    assert f"{user.id}: 6 objects moved, 1 older than the user left alone" in run(settings, user)
    assert bucket.list(f"photos/{user.name}/") == [f"photos/{user.name}/{other}"]
    assert bucket.list(f"users/{user.name}/") == []
    assert bucket.list(f"users/{user.id}/") == [f"users/{user.id}/record.json"]
    # The events of the bucket record the photos under their new keys.
    assert eventually(lambda: sorted(user.names()), sorted(mine)) == sorted(mine)
    assert user.fetch(mine[3]).content == photo("jpg", 3)
    assert f"{user.id}: 0 objects moved, 1 older than the user left alone" in run(settings, user)
