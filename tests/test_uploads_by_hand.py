"""The lines for curl with which docs/api.md uploads large photos, run as they are printed."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from photos import large_photo
from service import Settings, User
from support.common import ROOT

PART = 16 * 1024 * 1024
#: jq, as a program: the package on PyPI is a library. It has the options that the lines use.
JQ = f"""#!{sys.executable}
import sys
import jq
_, options, program = sys.argv
assert options == "-r", options
for value in jq.compile(program).input_text(sys.stdin.read()):
    print(value)
"""


def documented() -> list[str]:
    """The indented blocks of docs/api.md that start an upload, without the indentation."""
    lines = (ROOT / "docs" / "api.md").read_text().splitlines()
    indented = "\n".join(line[4:] if line.startswith("    ") else "" for line in lines)
    return [block.strip() for block in indented.split("\n\n") if block.strip().startswith("U=$(curl")]


def run(script: str, user: User, settings: Settings, folder: Path, data: bytes, **variables: str) -> str:
    """Runs a script beside the photo big.jpg; what it printed."""
    (folder / "big.jpg").write_bytes(data)
    jq = folder / "jq"
    jq.write_text(JQ)
    jq.chmod(0o755)
    environment = os.environ | {
        "A": f"Authorization: Bearer {user.id_token}",
        "B": settings.base_url,
        "PATH": f"{folder}:{os.environ['PATH']}",
        **variables,
    }
    command = ["bash", "-c", f"set -euo pipefail\n{script}"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("block, size", [(0, PART), (1, 60_000_000)], ids=["one part", "several parts"])
def test_the_documented_lines_upload_a_photo(
    user: User, settings: Settings, tmp_path: Path, block: int, size: int
) -> None:
    data = large_photo(size)
    printed = run(documented()[block], user, settings, tmp_path, data)
    (name,) = user.names()
    assert name in printed
    assert user.fetch(name).content == data


def test_the_documented_loop_continues_an_interrupted_upload(
    user: User, settings: Settings, tmp_path: Path
) -> None:
    data = large_photo(2 * PART + 5)
    upload = user.post("/uploads", json={"filename": "big.jpg", "size": len(data)}).json()
    arrived = httpx.put(upload["parts"][1]["url"], content=data[PART : 2 * PART], timeout=180)
    assert arrived.status_code == 200
    _, _, loop = documented()[1].split("\n", 2)
    run(loop, user, settings, tmp_path, data, ID=upload["id"])
    assert user.fetch(user.names()[0]).content == data
