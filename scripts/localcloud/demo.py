"""Photos for the demo user: landscapes that are drawn on the spot, over some months and places."""

import io
import json
import random
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from PIL import Image, ImageDraw, ImageFilter
from PIL.TiffImagePlugin import IFDRational

_COUNT = 36
_PHOTOS_OF_A_TRIP = 9
_AT_ONCE = 4
_SHAPES = ((1200, 800), (1200, 900), (900, 1200), (1400, 788), (1000, 1000), (1600, 700))
# Berlin, Lisbon, Reykjavik, Kyoto, Cape Town.
_PLACES = ((52.52, 13.405), (38.722, -9.139), (64.147, -21.943), (35.012, 135.768), (-33.925, 18.424))
# The skies of morning, noon, evening and night: top and bottom.
_SKIES = (
    ((92, 140, 190), (250, 214, 165)),
    ((48, 120, 200), (190, 220, 240)),
    ((60, 50, 110), (255, 140, 80)),
)


@dataclass(frozen=True)
class Photo:
    """A photo: its file name, and a JPEG file."""

    name: str
    data: bytes


def add_photos(gateway: str, username: str, password: str) -> int:
    """Uploads the photos unless the user has some; how many there are now."""
    login = _call(f"{gateway}/login", {"username": username, "password": password})
    token = str(login["jwt"])
    stored = sum(month["count"] for month in _call(f"{gateway}/photos/months", token=token)["months"])
    if stored:
        return int(stored)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(lambda number: _upload(gateway, token, photo(number)), range(_COUNT)))
    return _COUNT


def _upload(gateway: str, token: str, photo: Photo) -> None:
    headers = {"Content-Type": "application/octet-stream"}
    _call(f"{gateway}/upload_single_photo?filename={photo.name}", photo.data, token, headers)


def _call(
    url: str,
    body: dict[str, str] | bytes | None = None,
    token: str = "",
    headers: dict[str, str] | None = None,
) -> Any:
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, data, headers or {})
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def photo(number: int) -> Photo:
    """The landscape with this number. It was taken longer ago the higher the number is."""
    chance = random.Random(number)
    # Several on one day, fewer on the day before, then none for a while, as people take them.
    trip, of_trip = divmod(number, _PHOTOS_OF_A_TRIP)
    taken = datetime.now() - timedelta(days=trip * 67 + of_trip // 6, minutes=chance.randrange(400))
    image = _landscape(chance, chance.choice(_SHAPES))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=82, exif=_exif(taken, chance.choice(_PLACES), chance).tobytes())
    return Photo(taken.strftime("IMG_%Y%m%d_%H%M%S.jpg"), out.getvalue())


def _landscape(chance: random.Random, size: tuple[int, int]) -> Image.Image:
    width, height = size
    top, bottom = chance.choice(_SKIES)
    sky = Image.linear_gradient("L").resize(size)
    image = Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), sky)
    draw = ImageDraw.Draw(image)
    x, y, radius = chance.randrange(width), int(height * chance.uniform(0.2, 0.5)), height // 14
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(255, 244, 214))
    image = image.filter(ImageFilter.GaussianBlur(2))
    draw = ImageDraw.Draw(image)
    tint = [chance.randrange(40, 120) for _ in range(3)]
    for layer in range(4):
        shade = tuple(int(value * (1.1 - layer * 0.22)) + 20 for value in tint)
        draw.polygon(_ridge(chance, width, height, 0.5 + layer * 0.13), fill=shade)
    return image


def _ridge(chance: random.Random, width: int, height: int, level: float) -> list[tuple[float, float]]:
    points: list[tuple[float, float]] = [(0, height)]
    y = height * level
    for step in range(41):
        y = min(height * 0.97, max(height * (level - 0.12), y + chance.uniform(-0.03, 0.03) * height))
        points.append((width * step / 40, y))
    return [*points, (width, height)]


def _exif(taken: datetime, place: tuple[float, float], chance: random.Random) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Demo", chance.choice(("Pocket 3", "Reflex 90"))
    exif.get_ifd(0x8769)[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
    gps = exif.get_ifd(0x8825)
    latitude, longitude = place
    gps[1], gps[2] = "N" if latitude >= 0 else "S", _degrees(latitude)
    gps[3], gps[4] = "E" if longitude >= 0 else "W", _degrees(longitude)
    return exif


def _degrees(value: float) -> tuple[IFDRational, IFDRational, IFDRational]:
    return IFDRational(round(abs(value) * 10_000), 10_000), IFDRational(0), IFDRational(0)
