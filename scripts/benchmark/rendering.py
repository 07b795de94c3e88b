"""Renders photos of 12, 24 and 48 megapixels, with our program and with others.

Each contender is a process that reads one photo and makes one thumbnail and one preview, on one processor.
Its time is that of the processor, and its memory the most that it had at once.
"""

import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image

from benchmark import costs
from benchmark.report import markdown
from support import build, manifest
from support.common import Failure

pillow_heif.register_heif_opener()

_FUNCTION = "render_photos"
# As the program calls it: see lambdas/src/renditions/process.rs.
_ARGUMENT = "render-a-photo"
_SIZES = {12: (4000, 3000), 24: (6000, 4000), 48: (8000, 6000)}
_ENCODERS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "jpg": ("JPEG", {"quality": 90}),
    "progressive jpg": ("JPEG", {"quality": 90, "progressive": True}),
    "png": ("PNG", {"compress_level": 1}),
    "webp": ("WEBP", {"quality": 85, "method": 0}),
    "tiff": ("TIFF", {"compression": "tiff_lzw"}),
    "heic": ("HEIF", {"quality": 60}),
    "avif": ("AVIF", {"quality": 60, "speed": 10}),
}
_PILLOW = """
import sys, pillow_heif
from PIL import Image, ImageOps
pillow_heif.register_heif_opener()
image = ImageOps.exif_transpose(Image.open(sys.argv[1])).convert("RGB")
image.thumbnail((2048, 2048), Image.Resampling.BICUBIC)
image.save(sys.argv[2], "JPEG", quality=82)
image.thumbnail((512, 512), Image.Resampling.BICUBIC)
image.save(sys.argv[3], "JPEG", quality=82)
"""


def run(quick: bool, release: bool) -> str:
    """Measures, and returns the table."""
    program = build.package_for_host("renditions", programs=[_FUNCTION], release=release)[_FUNCTION]
    memory = next(function.memory for function in manifest.load().functions if function.name == _FUNCTION)
    rows = []
    with tempfile.TemporaryDirectory(prefix="yourplace-renditions-") as name:
        folder = Path(name)
        for megapixels, size in list(_SIZES.items())[: 1 if quick else None]:
            # In a process of its own: a new process counts the most memory that its parent had as its own.
            maker = multiprocessing.get_context("fork").Process(target=_make, args=(folder, size))
            maker.start()
            maker.join()
            if maker.exitcode != 0:
                raise Failure("The photos were not made: see the message above.")
            rows += [
                [f"{megapixels} MP {kind}", *_measure(program, _photo(folder, kind), memory)]
                for kind in _ENCODERS
            ]
    columns = ["photo", "MB", "s", "memory, MB", "USD per 1,000", "Pillow, s", "MB", "libvips, s", "MB"]
    missing = "vipsthumbnail is not installed, so libvips was not measured.\n"
    note = "" if shutil.which("vipsthumbnail") else missing
    return "\n" + markdown("Renditions of one photo, on one processor", columns, rows) + note


def _make(folder: Path, size: tuple[int, int]) -> None:
    """Writes a photo of each kind."""
    image = _picture(size)
    for kind, (encoder, options) in _ENCODERS.items():
        image.save(_photo(folder, kind), encoder, **options)


def _photo(folder: Path, kind: str) -> Path:
    return folder / f"photo.{kind.replace(' ', '.')}"


def _picture(size: tuple[int, int]) -> Image.Image:
    """Clouds with some grain: it is as hard to decode as a photo."""
    clouds = [Image.effect_noise((size[0] // 40, size[1] // 40), 90).resize(size) for _ in range(3)]
    grain = Image.effect_noise(size, 12)
    return Image.merge("RGB", [Image.blend(cloud, grain, 0.2) for cloud in clouds])


def _measure(program: Path, photo: Path, memory: int) -> Sequence[str]:
    """The cells of a row."""
    folder = photo.parent
    outputs = [str(folder / "preview.jpg"), str(folder / "thumbnail.jpg")]
    ours = _process([str(program), _ARGUMENT], photo)
    pillow = _process([sys.executable, "-c", _PILLOW, str(photo), *outputs])
    cells = [f"{photo.stat().st_size / 1e6:.1f}", *ours.cells(), f"{_usd(ours.seconds, memory) * 1000:.4f}"]
    cells += pillow.cells()
    if shutil.which("vipsthumbnail"):
        vips = ["vipsthumbnail", str(photo), "--size", "2048x2048", "-o", outputs[0]]
        return [*cells, *_process(vips).cells()]
    return [*cells, "–", "–"]


class _Used:
    """What a process used."""

    def __init__(self, seconds: float, bytes: int) -> None:
        self.seconds, self.bytes = seconds, bytes

    def cells(self) -> list[str]:
        return [f"{self.seconds:.2f}", f"{self.bytes / 1e6:.0f}"]


def _process(command: Sequence[str], standard_input: Path | None = None) -> _Used:
    """The least that a process used in three runs."""
    runs = []
    for _ in range(3):
        with (standard_input or Path(os.devnull)).open("rb") as source:
            process = subprocess.Popen(command, stdin=source, stdout=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            raise Failure(f"{command[0]} failed: see the message above.")
        runs.append(_Used(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024))
    return min(runs, key=lambda used: used.seconds)


def _usd(seconds: float, memory: int) -> float:
    """The price of one photo: the function's time, two stored objects, one read object, and the record."""
    prices = costs.read()
    calls = prices["calls"]
    gb_seconds = seconds * memory / 1024 * prices["lambda_gb_second_arm64"]
    stored: float = 2 * calls["S3 PutObject"] + calls["S3 GetObject"] + calls["S3 ListObjectsV2"]
    return float(gb_seconds) + stored + float(prices["lambda_request"])
