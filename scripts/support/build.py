"""Builds of the functions, and the zips that Lambda takes."""

import io
import json
import subprocess
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from support.common import ROOT, Failure, need_cargo

# The earliest time that a zip can contain, the same in every build.
_TIME = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE_755 = 0o100755 << 16
_MADE_BY_UNIX = 3


def build_for_host(names: Iterable[str]) -> dict[str, Path]:
    """Builds the functions in release for this machine; the program of each of `names`."""
    return pick(names, package_for_host("yourplace"))


def package_for_host(
    package: str, programs: Iterable[str] | None = None, *, release: bool = True
) -> dict[str, Path]:
    """Builds programs of a package for this machine: all of them, unless `programs` names some."""
    chosen = ["--bins"] if programs is None else [f"--bin={name}" for name in programs]
    command = [
        need_cargo(),
        "build",
        *(["--release"] if release else []),
        "--locked",
        *chosen,
        "--package",
        package,
        "--message-format",
        "json-render-diagnostics",
    ]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
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


def write_zip(path: Path, entries: Mapping[str, Path]) -> int:
    """Writes a zip, compressed as much as can be; its size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = zip_bytes(entries, level=9)
    unfinished = path.with_suffix(".tmp")
    unfinished.write_bytes(content)
    unfinished.replace(path)
    return len(content)


def _programs(messages: str) -> Iterable[tuple[str, Path]]:
    for line in messages.splitlines():
        message = json.loads(line)
        if message["reason"] == "compiler-artifact" and message["executable"]:
            yield message["target"]["name"], Path(message["executable"])
