"""Quality measures against plain loops, closed forms and the ImageHash package."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data

from likeness.faces.quality import (
    blockiness,
    luma,
    measure_quality,
    near_duplicates,
    perceptual_hash,
    sharpness,
)
from likeness.media.image import load_image

PHOTO = data.astronaut().astype(np.float32) / 255
RNG = np.random.default_rng(3)


def jpeg(image: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray((image * 255).round().astype(np.uint8)).save(stream, "JPEG", quality=quality)
    return load_image(stream.getvalue())


def test_sharpness_is_the_variance_of_the_laplacian():
    grey = RNG.random((12, 512))  # already 512 on the long side: no scaling
    values = []
    for y in range(1, 11):
        for x in range(1, 511):
            neighbours = grey[y - 1, x] + grey[y + 1, x] + grey[y, x - 1] + grey[y, x + 1]
            values.append((neighbours - 4 * grey[y, x]) * 255)
    assert sharpness(grey) == pytest.approx(np.var(values))


def test_sharpness_falls_with_blur_and_keeps_the_aspect():
    grey = luma(PHOTO)
    assert sharpness(grey) > 4 * sharpness(gaussian_filter(grey, 1.5))
    # A wide picture is not squashed to a square: the same content twice gives about the same.
    assert sharpness(np.hstack([grey, grey]), side=1024) == pytest.approx(sharpness(grey), rel=0.05)


def test_exposure():
    image = np.full((10, 10, 3), 0.5, np.float32)
    image[:2] = 0.0
    image[2] = 1.0
    quality = measure_quality(image)
    assert quality.clipped == pytest.approx(0.3)
    assert quality.brightness == pytest.approx(0.1 + 0.7 * 0.5)
    assert quality.face_size is None
    edges = np.array([4, 5, 250, 251], np.float32) / 255
    assert measure_quality(np.tile(edges[None, :, None], (4, 1, 3))).clipped == pytest.approx(0.5)


def test_luma_weighs_colours_as_jpeg_does():
    np.testing.assert_allclose(luma(np.eye(3)[None]), [[0.299, 0.587, 0.114]])


def test_blockiness_shows_heavy_compression():
    grey = luma(PHOTO)
    assert blockiness(grey) == pytest.approx(1.0, abs=0.05)
    assert blockiness(luma(jpeg(PHOTO, 5))) > 1.6
    blocks = np.kron(RNG.random((6, 6)), np.ones((8, 8)))
    ramp = np.linspace(0, 0.001, 48)
    assert blockiness(blocks + ramp) > 100
    assert blockiness(np.ones((20, 20))) == 1.0
    assert blockiness(np.ones((4, 4))) == 1.0


def test_the_face_is_measured_on_its_own():
    soft = gaussian_filter(PHOTO, (3, 3, 0))
    soft[60:180, 170:290] = PHOTO[60:180, 170:290]
    quality = measure_quality(soft, (170, 60, 290, 180))
    assert quality.face_size == 120
    assert quality.face_sharpness == pytest.approx(
        sharpness(luma(PHOTO[60:180, 170:290]), side=256)
    )
    assert measure_quality(PHOTO, (-30.4, 480, 20, 600)).face_sharpness > 0
    assert measure_quality(PHOTO, (600, 600, 700, 700)).face_sharpness is None


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_hash_equals_the_imagehash_package_bit_for_bit(name):
    imagehash = pytest.importorskip("imagehash")
    pixels = getattr(data, name)()
    for part in (pixels, pixels[20:, :333], pixels[::-1]):
        expected = int(str(imagehash.phash(Image.fromarray(part))), 16)
        assert perceptual_hash(part.astype(np.float32) / 255) == expected


def test_hash_survives_compression_but_tells_pictures_apart():
    original = perceptual_hash(PHOTO)
    assert (original ^ perceptual_hash(jpeg(PHOTO, 20))).bit_count() <= 5
    other = perceptual_hash(data.chelsea().astype(np.float32) / 255)
    assert (original ^ other).bit_count() > 16


def test_groups_are_connected_and_see_mirror_images():
    hashes = [0b0, 0b1111, 0xFF, 1 << 60, 0b11, 0xF0F0F0F0F0F0]
    nothing = 0x0123_4567_89AB_CDEF  # far from all
    plain = [(h, nothing) for h in hashes]
    # 0 - 1111 differ by 4, 1111 - FF by 4, 0 - FF by 8: one group through the middle.
    assert near_duplicates(plain, max_distance=4) == [[0, 1, 2, 3, 4]]
    assert near_duplicates(plain, max_distance=1) == [[0, 3]]
    assert near_duplicates(plain, max_distance=0) == []
    mirrored = [(7, 9), (1 << 40, 2), (9 | (1 << 30), 1 << 50)]
    assert near_duplicates(mirrored, max_distance=1) == []
    twins = [(7, 0xFFFF0000), (0xFFFF0000, 7)]
    assert near_duplicates(twins, max_distance=0) == [[0, 1]]
    assert near_duplicates([(5, 6), (5, 6), (5, 6)]) == [[0, 1, 2]]


def test_a_flipped_photograph_is_found():
    def pair(image: np.ndarray) -> tuple[int, int]:
        return perceptual_hash(image), perceptual_hash(np.ascontiguousarray(image[:, ::-1]))

    flipped = jpeg(np.ascontiguousarray(PHOTO[:, ::-1]), 60)
    other = data.coffee().astype(np.float32) / 255
    assert near_duplicates([pair(PHOTO), pair(other), pair(flipped)]) == [[0, 2]]
