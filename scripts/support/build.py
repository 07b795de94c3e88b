"""Builds of the functions, and the zips that Lambda takes."""

import hashlib
import io
import json
import os
import shutil
import subprocess
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from support import manifest, web
from support.common import ROOT, Failure, need_cargo

#: The extension's program and zip.
LAYER = "layer-jwt"
#: The folder of a package with the web app.
APP = "web"

#: What development builds contain. With the integration tests, the dependencies have the same features as for
#: the unit tests. Otherwise half of them would be built twice.
DEVELOPMENT = ("--workspace", "--bins", "--examples", "--test", "*")

# The earliest time that a zip can contain, the same in every build.
_TIME = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_755 = 0o100755 << 16
_MADE_BY_UNIX = 3
# In the format of `sha256sum`, which the pipeline verifies it with.
_DIGESTS = "SHA256SUMS"


def clippy_environment() -> dict[str, str]:
    """The environment in which cargo compiles this workspace with Clippy, if that is installed."""
    driver = shutil.which("clippy-driver")
    return {**os.environ, "RUSTC_WORKSPACE_WRAPPER": driver} if driver else dict(os.environ)


def build_for_development() -> dict[str, Path]:
    """Builds debug programs for this machine; the program of each function and extension, by name.

    `scripts/test` builds with the same options, so neither builds again what the other has built.
    """
    return _build(DEVELOPMENT, False, clippy_environment())


def package_for_host(
    *packages: str, programs: Iterable[str] | None = None, release: bool = True
) -> dict[str, Path]:
    """Builds programs of packages for this machine: all of them, unless `programs` names some."""
    chosen = ["--bins"] if programs is None else [f"--bin={name}" for name in programs]
    return _build([*chosen, *(f"--package={package}" for package in packages)], release)


def _build(
    chosen: Sequence[str], release: bool, environment: Mapping[str, str] | None = None
) -> dict[str, Path]:
    command = [need_cargo(), "build", *(["--release"] if release else []), "--locked", *chosen]
    command += ["--message-format", "json-render-diagnostics"]
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise Failure("The build failed: see the compiler's messages above, fix it, and run this again.")
    return dict(_programs(done.stdout))


def pick(names: Iterable[str], programs: Mapping[str, Path]) -> dict[str, Path]:
    """The program of each function of the manifest, or a Failure that names what is missing."""
    wanted = list(names)
    missing = [name for name in wanted if name not in programs]
    if missing:
        raise Failure(
            f"lambdas/service.json names {', '.join(missing)}, but lambdas/src/bin/ has no such program."
        )
    return {name: programs[name] for name in wanted}


def zip_bytes(entries: Mapping[str, Path], level: int) -> bytes:
    """A zip of executable files: the same bytes for the same contents, whoever makes it and when."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(entries):
            info = zipfile.ZipInfo(name, _TIME)
            info.create_system = _MADE_BY_UNIX
            info.external_attr = _REGULAR_FILE_755
            archive.writestr(info, entries[name].read_bytes(), zipfile.ZIP_DEFLATED, level)
    return buffer.getvalue()


def write_package(
    folder: Path, programs: Mapping[str, Path], app: Path | None = None, *, level: int = 9
) -> dict[str, int]:
    """Writes what is deployed into a new folder; the size of each zip, in bytes.

    `programs` has the program of each function of the manifest, and of the extension. `app` is the folder of
    the built web app.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    functions = [function.name for function in manifest.load().functions]
    entries = {name: {"bootstrap": program} for name, program in pick(functions, programs).items()}
    # Lambda starts what it finds in extensions/ of a layer ("Lambda Extensions API").
    entries[LAYER] = {f"extensions/{LAYER}": programs[LAYER]}
    # Terraform deploys the manifest that was checked, with the programs that were built for it.
    shutil.copyfile(manifest.PATH, folder / manifest.PATH.name)
    with ThreadPoolExecutor() as pool:
        written = pool.map(lambda name: _write_zip(folder / f"{name}.zip", entries[name], level), entries)
        sizes = dict(zip(entries, written, strict=True))
    if app:
        shutil.copytree(app, folder / APP, ignore=shutil.ignore_patterns(web.MANIFEST))
    write_digests(folder)
    return sizes


def _write_zip(path: Path, entries: Mapping[str, Path], level: int) -> int:
    return path.write_bytes(zip_bytes(entries, level))


def write_digests(folder: Path) -> None:
    """Writes SHA256SUMS with the SHA-256 digest of each other file below the folder, by path.

    The same files give the same text. So its own digest stands for all of them.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / _DIGESTS)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n" for path in files
    ]
    (folder / _DIGESTS).write_text("".join(lines))


def _programs(messages: str) -> Iterable[tuple[str, Path]]:
    for line in messages.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and "bin" in message["target"]["kind"]:
            yield message["target"]["name"], Path(message["executable"])
