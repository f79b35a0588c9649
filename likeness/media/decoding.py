"""Image files of every mode and depth to upright sRGB; refuses what would fill the memory.

Owns decoding only. Callers use :mod:`likeness.media.image`.
"""

from __future__ import annotations

import io
import logging
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import ExifTags, Image, ImageCms, UnidentifiedImageError

from likeness.errors import DataError, UnsafeFileError

_LOG = logging.getLogger(__name__)

# A closed list: Pillow would otherwise hand PostScript to Ghostscript, and try 40 rare formats.
_FORMATS = (
    "JPEG", "PNG", "WEBP", "AVIF", "TIFF", "BMP", "GIF", "PPM", "JPEG2000", "TGA", "ICO",
)  # fmt: skip
# Tags of TIFF 6.0 and their values: Pillow and OpenCV leave 16-bit grey as it is stored, and OpenCV
# takes planes of 16 bits for pixels.
_BITS_PER_SAMPLE, _PHOTOMETRIC, _PLANAR_CONFIGURATION = 258, 262, 284
_WHITE_IS_ZERO, _SEPARATE = 0, 2
_MAX_FILE_BYTES = 512 * 1024 * 1024
MAX_PIXELS = 64_000_000
"""Default limit of a decoded picture: 64 megapixels, 768 MB as float32 RGB."""

# What Pillow and its plug-ins raise on damaged input; anything else is a defect of ours.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class ImageInfo:
    """What a picture file says about itself, read without decoding its pixels."""

    width: int
    """Upright: after the EXIF orientation."""
    height: int
    mode: str
    """Pillow's name of the stored pixel layout: RGB, L, P, CMYK, I;16, …"""
    format: str
    orientation: int
    """EXIF orientation 1..8; 1 when the file has none."""
    num_frames: int
    """More than 1 for an animation or a multi-page file; only the first is ever loaded."""
    bits: int
    """Bits per channel as stored."""
    has_alpha: bool
    has_profile: bool
    """Whether a colour profile is embedded."""


def read_bytes(source: str | Path | bytes) -> tuple[bytes, str]:
    """The file's bytes and the name to use in messages. Raises DataError, UnsafeFileError."""
    if isinstance(source, bytes):
        data, name = source, "the given content"
    else:
        path, name = Path(source), str(source)
        if path.is_dir():
            raise DataError(
                f"Expected a picture file at {name}, found a folder.",
                advice="Name the pictures in it.",
            )
        if path.exists() and not path.is_file():
            raise DataError(  # reading a pipe would wait for somebody to write into it
                f"Expected a picture file at {name}, found a pipe or a device.",
                advice="Check the path.",
            )
        try:
            if path.stat().st_size > _MAX_FILE_BYTES:
                raise UnsafeFileError(
                    f"{name} has {path.stat().st_size:,} bytes; a picture file may have at most "
                    f"{_MAX_FILE_BYTES:,}.",
                    advice="Check that it is a picture, and store it smaller.",
                )
            data = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"Expected a picture file at {name}; it cannot be read: {error.strerror}.",
                advice="Check the path and its permissions.",
            ) from error
    if not data:
        raise DataError(f"{name} is empty (0 bytes).", advice="Copy or download it again.")
    return data, name


def open_image(data: bytes, name: str, max_pixels: int) -> Image.Image:
    """The header of a picture, its size checked. Raises DataError, UnsafeFileError."""
    Image.init()  # registers all formats once; the list below then admits only some
    try:
        image = Image.open(io.BytesIO(data), formats=_FORMATS)
    except Image.DecompressionBombError as error:
        number = re.search(r"\d+", str(error))  # sides are not known, and the limit is not ours
        found = f"{int(number[0]):,} pixels" if number else "very many pixels"
        raise _too_large(name, found, max_pixels) from error
    except UnidentifiedImageError as error:
        what = f"is not a picture in a known format; it begins with {data[:8]!r}"
        if data.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
            what = "is a TIFF of a kind that cannot be read, such as one of 32 bits a channel"
        raise DataError(
            f"{name} {what}.",
            advice=f"Convert it to PNG or JPEG. Readable: {', '.join(_FORMATS)}.",
        ) from error
    except _DAMAGE as error:
        raise _damaged(name, data, error) from error
    if image.width * image.height > max_pixels:
        raise _too_large(name, f"{image.width} x {image.height} pixels", max_pixels)
    return image


def describe(image: Image.Image, data: bytes) -> ImageInfo:
    """The facts of an opened picture."""
    orientation = _orientation(image)
    width, height = image.size[::-1] if _needs_turn(image) and orientation > 4 else image.size
    return ImageInfo(
        width=width,
        height=height,
        mode=image.mode,
        format=image.format or "",
        orientation=orientation,
        num_frames=int(getattr(image, "n_frames", 1)),
        bits=_bits(image, data),
        has_alpha=_has_alpha(image),
        has_profile=bool(image.info.get("icc_profile")),
    )


def decode(data: bytes, name: str, max_pixels: int) -> np.ndarray:
    """Upright sRGB picture over white, (H, W, 3) float32 in [0, 1].

    Raises:
        DataError: the file is no picture, is truncated or damaged, or stores values without a
            defined range (32-bit integers; floats outside [0, 1]).
        UnsafeFileError: it would decode to more than ``max_pixels``.
    """
    image = open_image(data, name, max_pixels)
    try:
        if image.format == "PNG":  # decoding alone does not look at the checksums
            open_image(data, name, max_pixels).verify()
        info = describe(image, data)
        if info.num_frames > 1 and info.format != "MPO":  # a phone's second picture is no frame
            _LOG.warning("%s has %d frames; only the first is used.", name, info.num_frames)
        rgba = _deep_pixels(image, data, name) if info.bits > 8 else None
        if rgba is None:
            rgba = np.asarray(_rgba_8bit(image, name), dtype=np.float32) / np.float32(255)
    except (*_DAMAGE, TypeError, cv2.error, ImageCms.PyCMSError) as error:
        raise _damaged(name, data, error) from error
    rgb = rgba[..., :3]
    if rgba.shape[2] == 4:
        alpha = rgba[..., 3:]
        rgb = rgb * alpha + (np.float32(1) - alpha)
    if _needs_turn(image):
        rgb = _turned(rgb, info.orientation)
    return np.ascontiguousarray(rgb)


def _rgba_8bit(image: Image.Image, name: str) -> Image.Image:
    """RGB or RGBA in sRGB from any 8-bit mode."""
    if image.mode == "CMYK" and image.format == "JPEG" and "adobe" not in image.info:
        # Pillow inverts every CMYK JPEG, which is right for those with Adobe's marker only.
        image = Image.eval(image, lambda value: 255 - value)
    profile = image.info.get("icc_profile")
    if image.mode in ("P", "PA") or _has_alpha(image):
        image = image.convert("RGBA")
    elif image.mode == "1":
        image = image.convert("L")
    if image.mode == "LAB":
        return _convert_profile(image, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")))
    if profile:
        try:
            return _convert_profile(image, ImageCms.ImageCmsProfile(io.BytesIO(profile)))
        except (ImageCms.PyCMSError, OSError, ValueError) as error:
            _LOG.warning("%s: its colour profile is not usable (%s); sRGB assumed.", name, error)
    return image if image.mode in ("RGB", "RGBA") else image.convert("RGB")


def _convert_profile(image: Image.Image, profile: ImageCms.ImageCmsProfile) -> Image.Image:
    """Through a colour profile to sRGB; alpha is carried along."""
    target = ImageCms.createProfile("sRGB")
    if image.mode != "RGBA":
        converted = ImageCms.profileToProfile(image, profile, target, outputMode="RGB")
    else:
        converted = ImageCms.profileToProfile(image.convert("RGB"), profile, target)
        assert converted is not None
        converted.putalpha(image.getchannel("A"))
    assert converted is not None  # None is only returned for in-place conversion
    return converted


def _deep_pixels(image: Image.Image, data: bytes, name: str) -> np.ndarray | None:
    """Pixels stored with more than 8 bits, (H, W, 3 or 4) float32; None when 8 bits must do.

    Pillow keeps only the high byte of 16-bit colour, so those files are decoded by OpenCV.
    """
    if image.mode == "F":
        grey = np.asarray(image, dtype=np.float32)
        is_inverted = _tiff_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO
        if not (np.isfinite(grey).all() and grey.min() >= 0 and grey.max() <= 1):
            raise DataError(
                f"{name} stores floats from {grey.min():g} to {grey.max():g}; "
                "a picture of floats must stay in [0, 1].",
                advice="Scale it to [0, 1], or store 8 or 16 bits.",
            )
        return _as_rgb(1 - grey if is_inverted else grey)
    if image.mode == "I" and image.format == "PPM":
        return _as_rgb(np.asarray(image).astype(np.float32) / np.float32(65535))  # so Pillow scales
    if image.mode == "I":
        raise DataError(
            f"{name} stores 32-bit integers, which have no defined white.",
            advice="Store it with 8 or 16 bits per channel.",
        )
    if image.info.get("icc_profile") and image.mode in ("RGB", "RGBA"):
        return None  # the colour conversion works on 8 bits, and right colours matter more
    if image.mode.startswith("I;16"):
        bits = int(_tiff_tag(image, _BITS_PER_SAMPLE) or 16)  # Pillow does not scale 12 bits up
        grey = np.asarray(image).astype(np.float32) / np.float32(2**bits - 1)
        is_inverted = _tiff_tag(image, _PHOTOMETRIC) == _WHITE_IS_ZERO
        return _as_rgb(1 - grey if is_inverted else grey)
    if _tiff_tag(image, _PLANAR_CONFIGURATION) == _SEPARATE:
        raise DataError(
            f"{name} stores each colour of 16 bits as a plane of its own, which is not read.",
            advice="Store it with the colours of a pixel together (contiguous), or with 8 bits.",
        )
    if image.mode == "CMYK":
        return None  # OpenCV does not read it; Pillow keeps the high byte of each ink
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise DataError(f"{name} is damaged.", advice="Copy or export it again.")
    if pixels.dtype != np.uint16 or pixels.ndim != 3:
        return None
    order = [2, 1, 0, 3][: pixels.shape[2]]
    return pixels[..., order].astype(np.float32) / np.float32(65535)


def _as_rgb(grey: np.ndarray) -> np.ndarray:
    return np.repeat(grey[..., None], 3, axis=2)


def _tiff_tag(image: Image.Image, tag: int) -> int | None:
    """The first value of a tag; None where the file has none or is no TIFF."""
    value = getattr(image, "tag_v2", {}).get(tag) if image.format == "TIFF" else None
    return int(value[0] if isinstance(value, tuple) else value) if value is not None else None


def _bits(image: Image.Image, data: bytes) -> int:
    if image.mode.startswith("I;16"):
        return 16
    if image.mode in ("I", "F"):
        return 32
    if image.mode == "1":
        return 1
    if image.format == "PNG":
        return data[24] if len(data) > 24 else 8  # IHDR: 8 signature, 4 + 4 chunk head, 4 + 4 size
    if image.format == "TIFF":
        return int(max(getattr(image, "tag_v2", {}).get(258, (8,))))  # tag BitsPerSample
    return 8


def _has_alpha(image: Image.Image) -> bool:
    return image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info


def _orientation(image: Image.Image) -> int:
    try:
        value = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE:
        return 1  # a damaged EXIF block says nothing; the pixels may still be fine
    return value if value in range(1, 9) else 1


def _needs_turn(image: Image.Image) -> bool:
    """False for TIFF: Pillow and OpenCV both turn it upright by themselves."""
    return image.format != "TIFF"


def _turned(rgb: np.ndarray, orientation: int) -> np.ndarray:
    """Undo an EXIF orientation (EXIF 2.32, tag 0x0112)."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    flips = {2: (0, 1), 3: (1, 1), 4: (1, 0), 6: (0, 1), 7: (1, 1), 8: (1, 0)}
    vertical, horizontal = flips.get(orientation, (0, 0))
    return rgb[:: -1 if vertical else 1, :: -1 if horizontal else 1]


def _damaged(name: str, data: bytes, error: Exception) -> DataError:
    if _is_cut_off(data):
        return DataError(
            f"{name} is damaged: the file is cut off, its end is missing (decoding it: {error}).",
            advice="Copy or download it again: the copy stopped early. Or leave it out.",
        )
    return DataError(
        f"{name} is damaged and cannot be decoded: {error}.",
        advice="Copy or export it again, or leave it out.",
    )


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG, PNG, WebP, BMP or GIF file ends before its format says it does.

    JPEG ends with the marker EOI, which a thumbnail before the picture's scan (SOS) has too; PNG
    with the chunk IEND; GIF with a semicolon; WebP and BMP begin with their length.
    """
    if data.startswith(b"\xff\xd8"):
        end = data.rfind(b"\xff\xd9")
        return end < 0 or end < data.rfind(b"\xff\xda")
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if data.startswith(b"RIFF"):
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if data.startswith(b"BM"):
        return int.from_bytes(data[2:6], "little") > len(data)
    return data.startswith(b"GIF8") and not data.rstrip(b"\0").endswith(b";")


def _too_large(name: str, found: str, max_pixels: int) -> UnsafeFileError:
    return UnsafeFileError(
        f"{name} is too large to decode: {found}, allowed are {max_pixels:,} pixels.",
        advice="Scale it down first; a face needs no more than a few megapixels.",
    )
