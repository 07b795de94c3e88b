#!/usr/bin/env python3
"""Makes the photos of the tests, in `photos/` and `bombs/` beside this file, with Pillow and libheif.

Run it in the environment of the end-to-end tests:
.local/venv/tests/bin/python renditions/tests/make_photos.py

Most photos show the same twelve patches, encoded in many ways. `expected.json` has the colours that
Little CMS, which Pillow uses, computes for each file.
"""

import binascii
import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pillow_heif
from PIL import Image, ImageCms, ImageOps
from PIL.TiffImagePlugin import IFDRational

pillow_heif.register_heif_opener()

HERE = Path(__file__).parent
PHOTOS, BOMBS = HERE / "photos", HERE / "bombs"

#: Four columns and three rows of squares. Not too saturated: each profile must be able to encode them.
PATCHES = [
    (200, 60, 50), (60, 160, 70), (50, 70, 170), (230, 200, 60),
    (180, 80, 150), (60, 140, 160), (240, 240, 240), (128, 128, 128),
    (40, 40, 40), (210, 150, 130), (100, 80, 60), (150, 190, 220),
]  # fmt: skip
SQUARE = 24

#: The white point of profiles (D50), and the adapted primaries: ICC.1:2010 and the standards of these spaces.
D50 = (0.9642, 1.0, 0.8249)
DISPLAY_P3 = ((0.51512, 0.2412, -0.00105), (0.29198, 0.69225, 0.04189), (0.1571, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))


def s15_fixed16(*numbers: float) -> bytes:
    return b"".join(struct.pack(">i", round(number * 65536)) for number in numbers)


def profile(name: str, colorants: tuple[tuple[float, ...], ...], curve: bytes) -> bytes:
    """An ICC profile of version 4 with three primaries and one curve."""
    text = name.encode("utf-16-be")
    mluc = b"mluc\0\0\0\0" + struct.pack(">II2s2sII", 1, 12, b"en", b"US", len(text), 28) + text
    tags = {b"desc": mluc, b"cprt": mluc, b"wtpt": b"XYZ \0\0\0\0" + s15_fixed16(*D50)}
    for letter, colorant in zip("rgb", colorants, strict=True):
        tags[f"{letter}XYZ".encode()] = b"XYZ \0\0\0\0" + s15_fixed16(*colorant)
        tags[f"{letter}TRC".encode()] = curve
    table, data = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, value in tags.items():
        value += bytes(-len(value) % 4)
        table += struct.pack(">4sII", tag, start + len(data), len(value))
        data += value
    size = start + len(data)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x04200000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28) + s15_fixed16(*D50)
    return head.ljust(128, b"\0") + table + data


#: The curve of sRGB, and a power of 2.19921875.
SRGB_CURVE = b"para\0\0\0\0\0\x03\0\0" + s15_fixed16(2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
ADOBE_CURVE = b"curv\0\0\0\0" + struct.pack(">IH", 1, 0x0233) + b"\0\0"
P3 = profile("P3 for tests", DISPLAY_P3, SRGB_CURVE)
ADOBE = profile("Adobe RGB for tests", ADOBE_RGB, ADOBE_CURVE)


def patches(square: int = SQUARE) -> Image.Image:
    image = Image.new("RGB", (4 * square, 3 * square))
    for at, colour in enumerate(PATCHES):
        image.paste(
            colour, (at % 4 * square, at // 4 * square, (at % 4 + 1) * square, (at // 4 + 1) * square)
        )
    return image


def in_profile(icc: bytes) -> Image.Image:
    """The patches as samples that mean the same colours in another space."""
    source, target = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(icc))
    converted = ImageCms.profileToProfile(patches(), source, target)
    assert converted
    return converted


def encode(image: Image.Image, encoder: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, encoder, **options)
    return out.getvalue()


def seen(data: bytes) -> list[tuple[int, ...]]:
    """The colours in the middle of the patches, as Pillow and Little CMS show the file."""
    image: Image.Image = Image.open(io.BytesIO(data))
    icc = image.info.get("icc_profile")
    image = ImageOps.exif_transpose(image)
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    if image.mode == "I;16":
        image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
    image = image.convert("RGB")
    if icc:
        source = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"))
        assert converted
        image = converted
    width, height = image.size
    at = [((2 * x + 1) * width // 8, (2 * y + 1) * height // 6) for y in range(3) for x in range(4)]
    colours = [image.getpixel(place) for place in at]
    return [colour for colour in colours if isinstance(colour, tuple)]


def orientations() -> dict[str, bytes]:
    """The patches as a camera stores them in each of the eight orientations."""
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    found = {}
    for tag in range(1, 9):
        stored = patches().transpose(turns[tag]) if tag in turns else patches()
        exif = Image.Exif()
        exif[0x0112] = tag
        found[f"orientation-{tag}.jpg"] = encode(stored, "JPEG", quality=92, exif=exif)
    return found


def sixteen_bits() -> bytes:
    """A PNG file of sixteen bits per sample, which Pillow cannot write."""
    image = patches()
    rows = b""
    for y in range(image.height):
        row = [image.getpixel((x, y)) for x in range(image.width)]
        rows += b"\0" + b"".join(
            struct.pack(">3H", *(sample * 257 for sample in pixel))
            for pixel in row
            if isinstance(pixel, tuple)
        )
    return png(*image.size, 16, 2, zlib.compress(rows, 9))


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + kind
            + content
            + struct.pack(">I", binascii.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def colour_photos() -> dict[str, bytes]:
    image = patches()
    frames = [Image.new("RGB", image.size, colour) for colour in ("red", "blue")]
    animation: dict[str, Any] = {"save_all": True, "append_images": frames, "duration": 100}
    faded = image.copy()
    faded.putalpha(128)
    return orientations() | {
        "display-p3.jpg": encode(in_profile(P3), "JPEG", quality=95, icc_profile=P3),
        "adobe-rgb.jpg": encode(in_profile(ADOBE), "JPEG", quality=95, icc_profile=ADOBE),
        "cmyk.jpg": encode(image.convert("CMYK"), "JPEG", quality=95),
        "grey.jpg": encode(image.convert("L"), "JPEG", quality=95),
        "progressive.jpg": encode(image, "JPEG", quality=92, progressive=True),
        "large.jpg": encode(patches(700), "JPEG", quality=80),
        "plain.png": encode(image, "PNG"),
        "16-bit.png": sixteen_bits(),
        "palette.png": encode(image.quantize(16), "PNG"),
        "transparent.png": encode(faded, "PNG"),
        "display-p3.png": encode(in_profile(P3), "PNG", icc_profile=P3),
        "animated.gif": encode(image, "GIF", **animation),
        "animated.webp": encode(image, "WEBP", lossless=True, **animation),
        "lossy.webp": encode(image, "WEBP", quality=95),
        "transparent.webp": encode(faded, "WEBP", lossless=True),
        "lzw.tiff": encode(image, "TIFF", compression="tiff_lzw"),
        "jpeg.tiff": encode(image, "TIFF", compression="jpeg", quality=95),
        "16-bit-grey.tiff": encode(
            image.convert("L").convert("I").point(lambda v: v * 257).convert("I;16"), "TIFF"
        ),
        "plain.bmp": encode(image, "BMP"),
        "plain.heic": encode(image, "HEIF", quality=90),
        "display-p3.heic": encode(in_profile(P3), "HEIF", quality=90, icc_profile=P3),
        "10-bit.heic": ten_bits(),
        "4-2-0.avif": encode(image, "AVIF", quality=90),
        "4-4-4.avif": encode(image, "AVIF", quality=90, subsampling="4:4:4"),
        "transparent.avif": encode(faded, "AVIF", quality=95),
        "display-p3.avif": encode(in_profile(P3), "AVIF", quality=90, icc_profile=P3),
    }


def ten_bits() -> bytes:
    samples = b"".join(
        struct.pack("<3H", *(sample * 257 for sample in pixel))
        for y in range(3 * SQUARE)
        for x in range(4 * SQUARE)
        if isinstance(pixel := patches().getpixel((x, y)), tuple)
    )
    heif = pillow_heif.from_bytes(mode="RGB;16", size=patches().size, data=samples)
    out = io.BytesIO()
    heif.save(out, quality=90)
    return out.getvalue()


def phone_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F], exif[0x0110] = "Acme", "Phone 12"
    details = exif.get_ifd(0x8769)
    details[0x9003], details[0x9291], details[0x9011] = "2024:05:04 12:34:56", "789", "+02:00"
    place = exif.get_ifd(0x8825)
    place[1], place[2] = "N", (IFDRational(52), IFDRational(31), IFDRational(12))
    place[3], place[4] = "W", (IFDRational(13), IFDRational(24), IFDRational(36))
    return exif


XMP = (
    b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
    b' xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/"'
    b' exif:DateTimeOriginal="2024-05-04T12:34:56.789+02:00" exif:GPSLatitude="52,31.2N"'
    b' exif:GPSLongitude="13,24.6W" tiff:Make="Acme" tiff:Model="Phone 12"/></rdf:RDF></x:xmpmeta>'
    b'<?xpacket end="w"?>'
)


def described_photos() -> dict[str, bytes]:
    """Photos that all say the same of themselves."""
    image, exif = patches(8), phone_exif()
    return {
        "exif.jpg": encode(image, "JPEG", exif=exif, icc_profile=P3, comment=b"SECRET"),
        "exif.png": encode(image, "PNG", exif=exif),
        "exif.webp": encode(image, "WEBP", exif=exif),
        "exif.heic": encode(image, "HEIF", exif=exif.tobytes()),
        "exif.avif": encode(image, "AVIF", exif=exif.tobytes()),
        "xmp.jpg": encode(image, "JPEG", xmp=XMP),
        "xmp.heic": encode(image, "HEIF", xmp=XMP),
    }


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content) + 8) + kind + content


def heif_of_itself(
    kind: bytes, brand: bytes, data: bytes = b"\0\0\0\0" + struct.pack(">HH", 64, 64)
) -> bytes:
    """A picture that is derived from itself. The data are those of a grid with one tile."""
    infe = box(b"infe", b"\2\0\0\0\0\1\0\0" + kind + b"\0")
    meta = b"\0\0\0\0" + box(b"hdlr", b"\0\0\0\0\0\0\0\0pict" + bytes(13))
    meta += box(b"pitm", b"\0\0\0\0\0\1") + box(b"iinf", b"\0\0\0\0\0\1" + infe)
    meta += box(b"iref", b"\0\0\0\0" + box(b"dimg", struct.pack(">HHH", 1, 1, 1)))
    meta += box(b"iloc", b"\1\0\0\0\x44\0\0\1" + struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(data)))
    ipco = box(b"ipco", box(b"ispe", b"\0\0\0\0" + struct.pack(">II", 64, 64)))
    meta += box(b"iprp", ipco + box(b"ipma", b"\0\0\0\0" + struct.pack(">IHBB", 1, 1, 1, 1)))
    meta += box(b"idat", data)
    return box(b"ftyp", brand + b"\0\0\0\0mif1" + brand) + box(b"meta", meta)


def tiff(width: int, height: int, ifds: int) -> bytes:
    """A TIFF file without pixels, in which each directory names the next, and the last the first."""
    data = b"II*\0\x08\0\0\0"
    tags = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (277, 3, 1, 1), (278, 4, 1, height), (279, 4, 1, width), (330, 4, 1, 8),
        (34665, 4, 1, 8),
    ]  # fmt: skip
    size = 2 + 12 * len(tags) + 4
    for at in range(ifds):
        following = 8 if at == ifds - 1 else 8 + (at + 1) * size
        data += struct.pack("<H", len(tags)) + b"".join(struct.pack("<HHII", *tag) for tag in tags)
        data += struct.pack("<I", following)
    return data


def bombs() -> dict[str, bytes]:
    """Small files that claim to be, or become, enormous."""
    side = 64_250
    return {
        "large.png": png(side, side, 8, 6, zlib.compress(bytes(1000))),
        "large.gif": b"GIF89a" + struct.pack("<HH", side, side) + b"\x80\0\0\0\0\0\xff\xff\xff,"
        + struct.pack("<HHHHB", 0, 0, side, side, 0) + b"\2\2D\1\0;",
        "large.webp": box_riff(b"VP8X" + struct.pack("<I", 10) + bytes(4)
        + (side - 1).to_bytes(3, "little") * 2 + b"VP8L\x06\0\0\0\x2f\0\0\0\0\0"),
        "large.tiff": tiff(side, side, 1),
        "deep.tiff": tiff(16_000, 16_000, 500),
        "large.bmp": b"BM"
        + struct.pack("<IIIIiiHHIIIIII", 1 << 20, 0, 54, 40, side, side, 1, 24, 0, 0, 0, 0, 0, 0),
        "large.jpg": jpeg_header(side, side),
        "grid.heic": heif_of_itself(b"grid", b"heic"),
        "identity.heic": heif_of_itself(b"iden", b"heic"),
        "grid.avif": heif_of_itself(b"grid", b"avif"),
        "empty.avif": heif_of_itself(b"av01", b"avif", b""),
    }  # fmt: skip


def box_riff(content: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(content) + 4) + b"WEBP" + content


def jpeg_header(width: int, height: int) -> bytes:
    """The header of a JPEG file with other dimensions, and the rest of it."""
    data = encode(patches(8), "JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", height, width) + data[at + 4 :]


def main() -> None:
    for folder in (PHOTOS, BOMBS):
        folder.mkdir(exist_ok=True)
    photos = colour_photos()
    for name, data in (photos | described_photos()).items():
        (PHOTOS / name).write_bytes(data)
    truncated = photos["orientation-1.jpg"][:-150], photos["plain.png"][:-100]
    (PHOTOS / "truncated.jpg").write_bytes(truncated[0])
    (PHOTOS / "truncated.png").write_bytes(truncated[1])
    for name, data in bombs().items():
        (BOMBS / name).write_bytes(data)
    expected = {name: seen(data) for name, data in photos.items()}
    # Pillow has only eight bits of it.
    expected["10-bit.heic"] = list(PATCHES)
    lines = [f"  {json.dumps(name)}: {json.dumps(colours)}" for name, colours in expected.items()]
    (HERE / "expected.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
