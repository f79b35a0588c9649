"""Picture files of every mode and with every defect."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from likeness.errors import DataError, UnsafeFileError
from likeness.media.image import load_image, probe_image

RNG = np.random.default_rng(7)


def as_bytes(image: Image.Image, format: str = "PNG", **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    """A PNG written by hand, so that depths Pillow cannot write are covered too."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(pixels: np.ndarray, orientation: int) -> bytes:
    """An uncompressed RGB TIFF of 16 bits written by hand (TIFF 6.0, one strip)."""
    height, width, _ = pixels.shape
    strip = pixels.astype("<u2").tobytes()
    entries = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8 + 2 + 12 * 10 + 4), (259, 3, 1, 1),
        (262, 3, 1, 2), (273, 4, 1, 8 + 2 + 12 * 10 + 4 + 6), (274, 3, 1, orientation),
        (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(strip)),
    ]  # fmt: skip
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<3H", 16, 16, 16) + strip


def tiff_of(strip: bytes, *entries: tuple[int, int, int, int]) -> bytes:
    """A TIFF of one strip with the given tags besides its place and length."""
    start = 8 + 2 + 12 * (len(entries) + 2) + 4
    entries = (*entries, (273, 4, 1, start), (279, 4, 1, len(strip)))
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries)) + bytes(4)
    return b"II*\0" + struct.pack("<I", 8) + directory + strip


@pytest.mark.parametrize(("photometric", "is_inverted"), [(0, True), (1, False)])
@pytest.mark.parametrize("kind", ["16 bits", "floats"])
def test_tiff_says_whether_zero_is_white(kind, photometric, is_inverted):
    values = RNG.integers(0, 65536, (5, 7), dtype=np.uint16)
    shares = values.astype(np.float32) / np.float32(65535)
    size = [(256, 3, 1, 7), (257, 3, 1, 5), (262, 3, 1, photometric), (278, 3, 1, 5)]
    if kind == "floats":
        data = tiff_of(shares.tobytes(), *size, (258, 3, 1, 32), (339, 3, 1, 3))
    else:
        data = tiff_of(values.astype("<u2").tobytes(), *size, (258, 3, 1, 16))
    loaded = load_image(data)
    expected = 1 - shares if is_inverted else shares
    for channel in range(3):
        np.testing.assert_allclose(loaded[..., channel], expected, atol=1e-6)


def test_tiff_of_12_bits_is_not_dark():
    values = RNG.integers(0, 4096, (4, 6))
    bits = "".join(f"{value:012b}" for value in values.ravel())
    strip = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    size = [(256, 3, 1, 6), (257, 3, 1, 4), (262, 3, 1, 1), (278, 3, 1, 4), (258, 3, 1, 12)]
    np.testing.assert_allclose(load_image(tiff_of(strip, *size))[..., 0], values / 4095, atol=1e-6)


def test_16_bit_planes_of_a_tiff_are_refused_rather_than_taken_for_pixels():
    tifffile = pytest.importorskip("tifffile")
    planes = RNG.integers(0, 65536, (3, 20, 30), dtype=np.uint16)
    stream = io.BytesIO()
    tifffile.imwrite(stream, planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(DataError, match="plane of its own") as caught:
        load_image(stream.getvalue())
    assert "contiguous" in caught.value.advice
    eight, stream = (planes >> 8).astype(np.uint8), io.BytesIO()
    tifffile.imwrite(stream, eight, photometric="rgb", planarconfig="separate")
    expected = eight.transpose(1, 2, 0) / np.float32(255)
    np.testing.assert_array_equal(load_image(stream.getvalue()), expected)


@pytest.mark.parametrize("largest", [65535, 1023])
def test_pgm_of_more_than_8_bits(largest):
    values = RNG.integers(0, largest + 1, (5, 7), dtype=np.uint16)
    data = b"P5\n7 5\n%d\n" % largest + values.astype(">u2").tobytes()
    loaded = load_image(data)
    np.testing.assert_allclose(loaded[..., 2], values / largest, atol=1 / 65535)


def test_rgb_png_is_exact():
    pixels = RNG.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    loaded = load_image(as_bytes(Image.fromarray(pixels)))
    assert loaded.dtype == np.float32
    assert loaded.flags.c_contiguous
    np.testing.assert_array_equal(loaded, pixels.astype(np.float32) / np.float32(255))


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF", "TIFF16"])
def test_exif_orientation_is_undone(orientation, format):
    upright = np.zeros((16, 24, 3), np.uint8)
    upright[:8, :8] = (255, 0, 0)
    upright[8:, 16:] = (0, 0, 255)
    # What a camera stores for each orientation (EXIF 2.32): the inverse of what a viewer does.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    stored = np.ascontiguousarray(stored)
    if format == "TIFF16":
        data = tiff(stored.astype(np.uint16) * 257, orientation)
    else:
        exif = Image.Exif()
        exif[0x0112] = orientation
        options = {
            "JPEG": {"quality": 95, "subsampling": 0},
            "WEBP": {"lossless": True},
            "AVIF": {"quality": 100, "subsampling": "4:4:4"},
        }.get(format, {})
        data = as_bytes(Image.fromarray(stored), format, exif=exif, **options)
    loaded = load_image(data)
    assert loaded.shape == (16, 24, 3)
    np.testing.assert_allclose(loaded, upright / 255.0, atol=0.02)
    info = probe_image(data)
    assert (info.width, info.height, info.orientation) == (24, 16, orientation)


def test_deep_grey_png_keeps_16_bits():
    values = np.array([[0, 1, 257], [30000, 65534, 65535]], np.uint16)
    loaded = load_image(as_bytes(Image.fromarray(values)))
    for channel in range(3):
        np.testing.assert_allclose(loaded[..., channel], values / 65535.0, atol=1e-7)


def test_deep_colour_png_keeps_16_bits_and_its_channel_order():
    values = np.array([[[100, 20000, 65535], [0, 1, 2]]], ">u2")
    data = png(2, 1, 16, 2, b"\0" + values.tobytes())
    np.testing.assert_allclose(load_image(data), values / 65535.0, atol=1e-7)
    assert probe_image(data).bits == 16


def test_deep_transparent_png_is_laid_over_white():
    values = np.array([[[65535, 0, 0, 0], [65535, 0, 0, 32768]]], ">u2")
    data = png(2, 1, 16, 6, b"\0" + values.tobytes())
    half = 1 - 32768 / 65535
    np.testing.assert_allclose(load_image(data), [[[1, 1, 1], [1, half, half]]], atol=1e-6)


def test_transparency_of_every_kind_is_laid_over_white():
    rgba = np.array([[[255, 0, 0, 255], [0, 0, 255, 0], [0, 0, 0, 51]]], np.uint8)
    expected = [[[1, 0, 0], [1, 1, 1], [0.8, 0.8, 0.8]]]
    np.testing.assert_allclose(load_image(as_bytes(Image.fromarray(rgba))), expected, atol=1e-6)

    grey_alpha = Image.fromarray(np.array([[[0, 51], [200, 0]]], np.uint8), "LA")
    np.testing.assert_allclose(load_image(as_bytes(grey_alpha))[..., 0], [[0.8, 1.0]], atol=1e-6)

    palette = Image.new("P", (3, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.putdata([0, 1, 2])
    loaded = load_image(as_bytes(palette, transparency=1))
    np.testing.assert_array_equal(loaded, [[[1, 0, 0], [1, 1, 1], [0, 0, 1]]])

    keyed = Image.fromarray(np.array([[[10, 20, 30], [0, 0, 0]]], np.uint8))
    loaded = load_image(as_bytes(keyed, transparency=(10, 20, 30)))
    np.testing.assert_array_equal(loaded, [[[1, 1, 1], [0, 0, 0]]])


def test_one_bit_and_grey():
    bits = Image.fromarray(np.array([[0, 255], [255, 0]], np.uint8)).convert("1")
    np.testing.assert_array_equal(load_image(as_bytes(bits))[..., 1], [[0, 1], [1, 0]])
    grey = Image.fromarray(np.array([[0, 51, 255]], np.uint8))
    np.testing.assert_allclose(load_image(as_bytes(grey))[0, :, 2], [0, 0.2, 1], atol=1e-6)


def cmyk_picture() -> np.ndarray:
    ink = np.zeros((16, 32, 4), np.uint8)
    ink[:, 16:, 0] = 255  # right half: full cyan ink, so no red
    return ink


def test_cmyk_jpeg_with_the_adobe_marker():
    data = as_bytes(Image.fromarray(cmyk_picture(), "CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    loaded = load_image(data)
    np.testing.assert_allclose(loaded[8, 4], [1, 1, 1], atol=0.02)
    np.testing.assert_allclose(loaded[8, 28], [0, 1, 1], atol=0.02)


def test_cmyk_jpeg_without_the_adobe_marker():
    # Adobe stores 255 - ink. A file without its marker stores ink, so write the complement.
    data = as_bytes(Image.fromarray(255 - cmyk_picture(), "CMYK"), "JPEG", quality=95)
    start = data.index(b"\xff\xee")
    length = struct.unpack(">H", data[start + 2 : start + 4])[0]
    loaded = load_image(data[:start] + data[start + 2 + length :])
    np.testing.assert_allclose(loaded[8, 4], [1, 1, 1], atol=0.02)
    np.testing.assert_allclose(loaded[8, 28], [0, 1, 1], atol=0.02)


def test_cmyk_tiff_is_not_inverted():
    loaded = load_image(as_bytes(Image.fromarray(cmyk_picture(), "CMYK"), "TIFF"))
    np.testing.assert_allclose(loaded[8, [4, 28]], [[1, 1, 1], [0, 1, 1]], atol=0.01)


@pytest.mark.parametrize("is_separate", [False, True])
def test_cmyk_tiff_of_16_bits_is_read_as_one_of_8(is_separate):
    ink = RNG.integers(0, 256, (5, 7, 4), dtype=np.uint8)
    deep = ink.astype("<u2") * 257
    # Four depths do not fit into a tag, so they lie behind the strip.
    size = [(256, 3, 1, 7), (257, 3, 1, 5), (262, 3, 1, 5), (277, 3, 1, 4), (278, 3, 1, 5)]
    size += [(284, 3, 1, 2 if is_separate else 1)]
    end = 8 + 2 + 12 * (len(size) + 3) + 4
    data = tiff_of(deep.tobytes(), *size, (258, 3, 4, end + deep.nbytes))
    data += struct.pack("<4H", 16, 16, 16, 16)
    if is_separate:
        with pytest.raises(DataError, match="each colour of 16 bits as a plane"):
            load_image(data)
        return
    expected = load_image(as_bytes(Image.fromarray(ink, "CMYK"), "TIFF"))
    np.testing.assert_array_equal(load_image(data), expected)


def test_colour_profile_is_converted_to_srgb():
    # CIE L*a*b* relative to D50: sRGB red is 54.29, 80.81, 69.89. 8 bits hold a* + 128, b* + 128.
    lab = Image.new("LAB", (2, 2))
    lab.paste((round(54.29 * 2.55), 128 + 81, 128 + 70), (0, 0, 2, 2))
    loaded = load_image(as_bytes(lab, "TIFF"))
    np.testing.assert_allclose(loaded[0, 0], [1, 0, 0], atol=0.03)

    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    pixels = RNG.integers(0, 256, (4, 4, 4), dtype=np.uint8)
    with_profile = load_image(as_bytes(Image.fromarray(pixels), icc_profile=srgb))
    without = load_image(as_bytes(Image.fromarray(pixels)))
    np.testing.assert_allclose(with_profile, without, atol=1.1 / 255)


def test_unusable_profile_is_reported_and_ignored(caplog):
    data = as_bytes(Image.new("RGB", (2, 2), (255, 0, 0)), icc_profile=b"nonsense" * 20)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_array_equal(load_image(data)[0, 0], [1, 0, 0])
    assert "colour profile" in caplog.text


def test_float_and_integer_tiff():
    values = np.array([[0.0, 0.25, 1.0]], np.float32)
    np.testing.assert_array_equal(
        load_image(as_bytes(Image.fromarray(values), "TIFF"))[..., 0], values
    )
    with pytest.raises(DataError, match=r"floats from 0 to 255"):
        load_image(as_bytes(Image.fromarray(values * 255), "TIFF"))
    with pytest.raises(DataError, match="32-bit integers"):
        load_image(as_bytes(Image.fromarray(np.array([[1, 2]], np.int32)), "TIFF"))


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame_with_a_note(tmp_path, caplog, format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 255, 0))]
    path = tmp_path / f"moving.{format.lower()}"
    options = {"lossless": True} if format == "WEBP" else {}
    frames[0].save(path, format, save_all=True, append_images=frames[1:], **options)
    with caplog.at_level(logging.WARNING):
        np.testing.assert_allclose(load_image(path)[0, 0], [1, 0, 0], atol=0.01)
    assert "2 frames" in caplog.text
    assert probe_image(path).num_frames == 2


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP"])
def test_truncated_files_name_the_file(tmp_path, format):
    data = as_bytes(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), format)
    path = tmp_path / f"half.{format.lower()}"
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError, match=r"half\.\w+ is (damaged|not a picture)"):
        load_image(path)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.97])
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_files_that_are_cut_off_say_so_in_plain_words(format, share):
    """Half of a JPEG missing was "52 bytes not processed". The library's words come after."""
    data = as_bytes(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), format)
    with pytest.raises(DataError, match=r"the file is cut off, its end is missing") as caught:
        load_image(data[: int(share * len(data))])
    assert str(caught.value.__cause__) in caught.value.message
    assert "again" in caught.value.advice


def test_a_thumbnail_s_end_is_not_the_end_of_its_jpeg():
    inner = as_bytes(Image.new("RGB", (16, 16), (200, 90, 40)), "JPEG")
    data = as_bytes(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), dtype=np.uint8)), "JPEG")
    marker = b"\xff\xe1" + (len(inner) + 2).to_bytes(2, "big") + inner
    data = data[:2] + marker + data[2:]
    assert load_image(data).shape == (64, 64, 3)
    with pytest.raises(DataError, match="the file is cut off"):
        load_image(data[: 2 * len(data) // 3])


def test_a_whole_file_that_is_damaged_is_not_called_cut_off():
    data = bytearray(as_bytes(Image.fromarray(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8))))
    data[100] ^= 0xFF
    with pytest.raises(DataError, match="is damaged and cannot be decoded"):
        load_image(bytes(data))


def test_a_damaged_checksum_is_an_error(tmp_path):
    data = bytearray(as_bytes(Image.fromarray(RNG.integers(0, 256, (32, 32, 3), dtype=np.uint8))))
    data[100] ^= 0xFF
    (tmp_path / "bits.png").write_bytes(data)
    with pytest.raises(DataError, match=r"bits\.png is damaged"):
        load_image(tmp_path / "bits.png")


def test_every_single_damaged_byte_gives_a_picture_or_a_data_error():
    data = as_bytes(Image.fromarray(RNG.integers(0, 256, (12, 9, 3), dtype=np.uint8)), "JPEG")
    for position in range(0, len(data), 7):
        broken = bytearray(data)
        broken[position] ^= 0xA5
        with contextlib.suppress(DataError):
            assert load_image(bytes(broken), max_pixels=10_000).ndim == 3


def test_what_is_no_picture_says_so(tmp_path):
    (tmp_path / "page.png").write_bytes(b"<html>404</html>")
    with pytest.raises(DataError, match=r"page\.png is not a picture.*begins with b'<html>40'"):
        load_image(tmp_path / "page.png")
    (tmp_path / "nothing.jpg").write_bytes(b"")
    with pytest.raises(DataError, match=r"nothing\.jpg is empty"):
        load_image(tmp_path / "nothing.jpg")
    with pytest.raises(DataError, match=r"gone\.jpg; it cannot be read: No such file"):
        load_image(tmp_path / "gone.jpg")
    with pytest.raises(DataError, match=r"Expected a picture file at .*, found a folder"):
        load_image(tmp_path)
    with pytest.raises(DataError, match="not a picture"):  # PostScript would start Ghostscript
        load_image(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n")


def test_a_bomb_is_refused_before_decoding():
    with pytest.raises(UnsafeFileError, match=r"8000 x 9000 pixels, allowed are 64,000,000"):
        load_image(png(8000, 9000, 8, 0, b""))  # no pixel data at all: only the header was read
    with pytest.raises(UnsafeFileError) as caught:
        load_image(png(60000, 60000, 8, 0, b""))
    assert "decode: 3,600,000,000 pixels, allowed are 64,000,000 pixels." in caught.value.message
    with pytest.raises(UnsafeFileError, match="allowed are 10 pixels"):
        load_image(png(4, 4, 8, 0, b"\0\0\0\0\0" * 4), max_pixels=10)


def test_nothing_waits_for_somebody_to_write_into_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(DataError, match="found a pipe or a device"):
        load_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"junk", "the given content is not a picture in a known format; it begins with b'junk'."),
        (
            b"II*\0" + bytes(60),
            "the given content is a TIFF of a kind that cannot be read, such as one of 32 bits a "
            "channel.",
        ),
        (b"", "the given content is empty (0 bytes)."),
    ],
)
def test_content_without_a_file_is_told_of_in_a_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(DataError) as caught:
        load_image(content)
    assert caught.value.message == reason
