"""Photos from real encoders, as phones, cameras and browsers make them."""

import io
import random
from functools import cache
from typing import Any

import pillow_heif
from PIL import Image, ImageDraw, ImageOps
from PIL.TiffImagePlugin import IFDRational

pillow_heif.register_heif_opener()

#: The `type` of the contract, the encoder, and the media type a client should be told.
FORMATS = {
    "jpg": ("JPEG", "image/jpeg"),
    "png": ("PNG", "image/png"),
    "gif": ("GIF", "image/gif"),
    "webp": ("WEBP", "image/webp"),
    "heic": ("HEIF", "image/heic"),
    "avif": ("AVIF", "image/avif"),
    "tiff": ("TIFF", "image/tiff"),
    "bmp": ("BMP", "image/bmp"),
}

#: Names of photos that a query, a form and a header must each encode.
NAMES_TO_ENCODE = [
    "my holiday.jpg",
    "a+b.jpg",
    "100%.jpg",
    "100%25.jpg",
    "写真.jpg",
    "🏖️ été.jpg",
    "a&b=c#d?e.jpg",
]


def picture(seed: int = 0, size: tuple[int, int] = (96, 72)) -> Image.Image:
    """A picture that differs with its seed and does not compress to nothing."""
    chance = random.Random(seed)
    image = Image.new("RGB", size, tuple(chance.randrange(256) for _ in range(3)))
    draw = ImageDraw.Draw(image)
    for _ in range(24):
        x, y = chance.randrange(size[0]), chance.randrange(size[1])
        width, height = chance.randrange(1, size[0]), chance.randrange(1, size[1])
        colour = tuple(chance.randrange(256) for _ in range(3))
        draw.ellipse((x, y, x + width, y + height), fill=colour)
    return image


def phone_exif(taken_at: str | None = None) -> Image.Exif:
    """The EXIF block of a phone's photo: maker, model, orientation and place, and a time if it is given.

    Most tests need photos whose names say when they were taken.
    """
    exif = Image.Exif()
    exif[0x010F] = "Acme"
    exif[0x0110] = "Phone 12"
    exif[0x0112] = 6
    details = exif.get_ifd(0x8769)
    if taken_at:
        details[0x9003] = taken_at
    details[0x829A] = IFDRational(1, 120)
    details[0x8827] = 64
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (IFDRational(52), IFDRational(31), IFDRational(12))
    place[3], place[4] = "E", (IFDRational(13), IFDRational(24), IFDRational(36))
    return exif


def encode(image: Image.Image, encoder: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, encoder, **options)
    return out.getvalue()


@cache
def photo(kind: str = "jpg", seed: int = 0) -> bytes:
    """The bytes of one photo; the same arguments give the same bytes."""
    encoder, _ = FORMATS[kind]
    image = picture(seed)
    if kind == "jpg":
        data = encode(image, encoder, exif=phone_exif().tobytes())
        # A phone writes the EXIF block first, without the 18 bytes of JFIF that Pillow puts before it.
        return data[:2] + data[20:]
    if kind in ("heic", "avif", "webp"):
        return encode(image, encoder, exif=phone_exif().tobytes())
    if kind == "gif":
        frames = [picture(seed + 1), picture(seed + 2)]
        return encode(image, encoder, save_all=True, append_images=frames, duration=100)
    return encode(image, encoder)


@cache
def variants() -> tuple[tuple[str, str, bytes], ...]:
    """Variants of the same formats: (what it is, type, bytes)."""
    image = picture(77)
    heic = photo("heic", 77)
    lossless = io.BytesIO()
    image.save(lossless, "WEBP", lossless=True)
    return (
        ("jpeg that starts with JFIF", "jpg", encode(image, "JPEG")),
        ("progressive grey jpeg", "jpg", encode(image.convert("L"), "JPEG", progressive=True)),
        ("png with transparency", "png", encode(image.convert("RGBA"), "PNG")),
        ("gif of one frame (GIF87a)", "gif", encode(image, "GIF")),
        ("lossless webp", "webp", lossless.getvalue()),
        ("big-endian tiff", "tiff", encode(image.convert("I;16B"), "TIFF")),
        ("compressed tiff", "tiff", encode(image, "TIFF", compression="tiff_lzw")),
        # iPhones write the generic brand first for a burst or an edited photo.
        ("heic under the brand mif1", "heic", heic.replace(b"ftypheic", b"ftypmif1", 1)),
    )


def looks_like(data: bytes, original: bytes) -> bool:
    """Whether two files show the same picture, at any size."""
    pictures: list[bytes] = []
    for file in (data, original):
        upright = ImageOps.exif_transpose(Image.open(io.BytesIO(file)))
        pictures.append(upright.convert("RGB").resize((12, 12), Image.Resampling.BOX).tobytes())
    differences = [abs(a - b) for a, b in zip(pictures[0], pictures[1], strict=True)]
    return sum(differences) < 6 * len(differences)


def has_metadata(data: bytes) -> bool:
    """Whether a JPEG file contains more than its picture."""
    return any(mark in data for mark in (b"Exif", b"ICC_PROFILE", b"ns.adobe.com", b"Acme", b"Photoshop"))


def jpeg_of(size: int, seed: int = 0) -> bytes:
    """A JPEG of exactly `size` bytes. Viewers ignore the bytes after the end marker."""
    data = photo("jpg", seed)
    return data + b"\0" * (size - len(data))


def large_photo(size: int, seed: int = 1) -> bytes:
    """A JPEG followed by random bytes: `size` bytes, which differ for each seed."""
    head = photo("jpg", seed)
    return head + random.Random(seed).randbytes(size - len(head))


#: Files that are not photos, whatever their names say.
NOT_PHOTOS = {
    "text": b"Hello, world. This is not a photo.\n",
    "html": b"<!doctype html><script>alert(1)</script>",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "pdf": b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Type /Catalog >>\nendobj\n",
    "elf": b"\x7fELF\x02\x01\x01" + b"\0" * 57,
    "wav": b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0" + b"\0" * 28,
    "mp4": b"\0\0\0\x18ftypisom\0\0\x02\0isomiso2" + b"\0" * 32,
    "quicktime": b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + b"\0" * 32,
    "zip": b"PK\x05\x06" + b"\0" * 18,
    "one byte": b"\xff",
    "start of a jpeg": b"\xff\xd8",
    "start of a png": b"\x89PNG\r\n",
    "zeros": b"\0" * 1024,
}
