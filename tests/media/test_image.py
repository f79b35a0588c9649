"""Saving, resampling against plain loops and Pillow, exact crops and their gradients."""

from __future__ import annotations

import resource

import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from likeness.errors import UsageError
from likeness.media import image as image_module
from likeness.media.image import (
    composite,
    crop,
    encode_image,
    load_image,
    resize,
    save_image,
    to_array,
    to_tensor,
)

RNG = np.random.default_rng(7)


def test_save_rounds_clips_and_is_atomic(tmp_path):
    image = np.array([[[-1.0, 0.5, 2.0]]])
    path = save_image(tmp_path / "deep" / "x.png", image)
    np.testing.assert_array_equal(np.asarray(Image.open(path)), [[[0, 128, 255]]])
    with pytest.raises(ValueError, match="finite"):
        save_image(path, np.array([[[np.nan] * 3]]))
    assert [p.name for p in path.parent.iterdir()] == ["x.png"]
    with pytest.raises(UsageError, match=r"'x\.bmp'"):
        save_image(tmp_path / "x.bmp", image)
    labels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    np.testing.assert_array_equal(
        np.asarray(Image.open(save_image(tmp_path / "l.png", labels))), labels
    )


@pytest.mark.parametrize("format", ["JPEG", "WEBP"])
def test_lossy_formats_come_back_close(format):
    smooth = np.linspace(0, 1, 64)[:, None, None] * np.ones((1, 64, 3))
    np.testing.assert_allclose(load_image(encode_image(smooth, format)), smooth, atol=0.02)


@pytest.mark.parametrize(
    ("filter", "pillow"),
    [
        ("bilinear", Image.Resampling.BILINEAR),
        ("bicubic", Image.Resampling.BICUBIC),
        ("lanczos", Image.Resampling.LANCZOS),
        ("nearest", Image.Resampling.NEAREST),
    ],
)
@pytest.mark.parametrize("size", [(13, 50), (37, 11), (90, 120), (41, 37)])
def test_resize_equals_pillow_and_torch_equals_numpy(filter, pillow, size):
    image = RNG.random((41, 53, 3), dtype=np.float32)
    ours = resize(image, size, filter=filter)
    for channel in range(3):
        reference = Image.fromarray(image[..., channel]).resize(size[::-1], pillow)
        np.testing.assert_allclose(ours[..., channel], np.asarray(reference), atol=2e-6)
    tensor = resize(to_tensor(image)[None], size, filter=filter)
    np.testing.assert_allclose(to_array(tensor)[0], ours, atol=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_resize_equals_torch_interpolate(mode):
    image = torch.rand(2, 3, 40, 30, dtype=torch.float64)
    reference = torch.nn.functional.interpolate(image, (17, 45), mode=mode, antialias=True)
    torch.testing.assert_close(resize(image, (17, 45), filter=mode), reference)


def test_area_resize_equals_a_plain_loop_over_overlaps():
    image = RNG.random((7, 5))
    height, width = 3, 4
    expected = np.zeros((height, width))
    for i in range(height):
        for j in range(width):
            y0, y1 = i * 7 / height, (i + 1) * 7 / height
            x0, x1 = j * 5 / width, (j + 1) * 5 / width
            for y in range(7):
                for x in range(5):
                    overlap_y = max(0.0, min(y + 1, y1) - max(y, y0))
                    overlap_x = max(0.0, min(x + 1, x1) - max(x, x0))
                    expected[i, j] += image[y, x] * overlap_y * overlap_x
            expected[i, j] /= (y1 - y0) * (x1 - x0)
    np.testing.assert_allclose(resize(image, (3, 4), filter="area"), expected, atol=1e-12)
    assert abs(resize(image, (3, 4), filter="area").mean() - image.mean()) < 1e-12


def test_resize_keeps_gradients_and_refuses_blended_labels():
    image = torch.rand(1, 1, 6, 5, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: resize(x, (4, 8), filter="bicubic"), image)
    labels = np.array([[0, 5], [5, 0]], np.uint8)
    with pytest.raises(ValueError, match="nearest"):
        resize(labels, (4, 4))
    np.testing.assert_array_equal(
        resize(labels, (4, 4), filter="nearest"), np.kron(labels, np.ones((2, 2), np.uint8))
    )


def test_crop_by_whole_pixels_is_a_slice():
    image = RNG.random((20, 30, 3))
    shift = np.array([[1.0, 0, -4], [0, 1, -7]])
    np.testing.assert_allclose(crop(image, shift, (9, 11)), image[7:16, 4:15], atol=1e-13)
    single = image.astype(np.float32)  # sampling positions are then rounded to about 1e-6 pixel
    np.testing.assert_allclose(crop(single, shift, (9, 11)), single[7:16, 4:15], atol=1e-5)


def test_crop_reproduces_a_linear_ramp_exactly():
    """A bilinear sampler is exact on v = a x + b y, so positions can be read off the values."""
    y, x = np.mgrid[:60, :80] + 0.5
    image = np.stack([x, y, 0.3 * x - 0.2 * y], axis=-1)
    angle, scale = 0.4, 1.7
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = np.column_stack([linear, [10.0, 20.0] - linear @ [40.0, 30.0]])
    out = crop(image, matrix, (40, 20))
    v, u = np.mgrid[:40, :20] + 0.5
    back = np.linalg.inv(linear)
    where = np.einsum("ij,hwj->hwi", back, np.stack([u - 10, v - 20], -1)) + np.array([40, 30])
    np.testing.assert_allclose(out[..., :2], where, atol=1e-9)


def test_crop_that_shrinks_is_antialiased():
    checkers = (np.indices((64, 64)).sum(axis=0) % 2).astype(np.float32)
    quarter = np.array([[0.25, 0, 0], [0, 0.25, 0]])
    np.testing.assert_allclose(crop(checkers, quarter, (16, 16)), 0.5, atol=0.07)
    image = RNG.random((64, 64)).astype(np.float64)
    halves = crop(image, np.array([[0.5, 0, 0], [0, 0.5, 0]]), (32, 32))
    np.testing.assert_allclose(halves, image.reshape(32, 2, 32, 2).mean(axis=(1, 3)), atol=1e-12)


def test_crop_in_bands_is_the_whole_crop(monkeypatch):
    """Ten pixels a side of 7 lookups each, a row at a time and three at a time."""
    picture = np.random.default_rng(4).uniform(size=(70, 70, 3)).astype(np.float32)
    matrix = np.array([[1 / 7, 0.02, 0.0], [-0.02, 1 / 7, 0.5]])
    whole = crop(picture, matrix, (10, 10))
    for rows in (1, 3):
        monkeypatch.setattr(image_module, "_MOST_SAMPLES", rows * 10 * 8 * 8)
        np.testing.assert_array_equal(crop(picture, matrix, (10, 10)), whole)


def test_crop_of_far_more_than_the_picture_takes_little_memory():
    """It took 10 GB where a network that knew nothing told of a face a hundred pictures wide."""
    picture = np.full((40, 40, 3), 0.25, np.float32)
    matrix = np.array([[1e-4, 0.0, 4.0], [0.0, 1e-4, 4.0]])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = crop(picture, matrix, (8, 8))
    np.testing.assert_allclose(found, 0.25, atol=1e-6)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000  # KiB


def test_crop_borders():
    image = np.full((4, 4, 3), 0.25, np.float32)
    away = np.array([[1.0, 0, 10], [0, 1, 0]])
    np.testing.assert_allclose(crop(image, away, (4, 4)), 0.25)
    np.testing.assert_allclose(crop(image, away, (4, 4), border="constant", fill=0.9), 0.9)


def test_crop_of_labels_never_mixes_them():
    labels = RNG.integers(0, 6, (20, 30), dtype=np.uint8)
    double = np.array([[2.0, 0, -4], [0, 2, -6]])
    found = crop(labels, double, (12, 10), filter="nearest")
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, np.kron(labels, np.ones((2, 2), np.uint8))[6:18, 4:14])
    with pytest.raises(ValueError, match="nearest"):
        crop(labels, double, (12, 10))


def test_crop_agrees_with_opencv_where_its_grid_is_exact():
    image = RNG.random((30, 40), dtype=np.float32)
    # OpenCV puts pixel centres at integers and rounds coordinates to 1/32 pixel.
    matrix = np.array([[1.0, 0, 2.25], [0, 1, -3.5]])
    reference = cv2.warpAffine(image, matrix, (40, 30), flags=cv2.INTER_LINEAR)
    ours = crop(image, matrix, (30, 40), border="constant")
    np.testing.assert_allclose(ours, reference, atol=1e-5)


def test_crop_of_tensors_has_gradients_for_pictures_and_matrices():
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(2, 1, 8, 9, dtype=torch.float64, generator=generator, requires_grad=True)
    matrix = torch.tensor(
        [[[1.3, 0.2, 0.3], [-0.1, 1.4, 0.4]], [[1.2, 0.0, 0.15], [0.3, 1.7, -0.35]]],
        dtype=torch.float64,
        requires_grad=True,
    )
    assert torch.autograd.gradcheck(lambda i, m: crop(i, m, (5, 6)), (image, matrix))
    single = crop(image.detach()[0, 0].numpy(), matrix.detach()[0].numpy(), (5, 6))
    np.testing.assert_allclose(crop(image, matrix, (5, 6))[0, 0].detach().numpy(), single)
    with pytest.raises(ValueError, match=r"found \(2, 1, 8, 9\) and \(1, 2, 3\)"):
        crop(image, matrix[:1], (5, 6))


def test_a_crop_does_not_depend_on_the_others_of_its_batch():
    images = torch.rand(3, 2, 40, 50, generator=torch.Generator().manual_seed(2))
    matrices = torch.tensor([[[0.2, 0.0, 0.5], [0.05, 0.25, 1]], [[1.0, 0, -3], [0, 1, -9]]])
    matrices = torch.cat([matrices, matrices[:1]])
    together = crop(images, matrices, (8, 9))
    for i in range(3):
        alone = crop(images[i : i + 1], matrices[i : i + 1], (8, 9))
        torch.testing.assert_close(together[i : i + 1], alone, atol=0, rtol=0)


def test_crop_of_half_precision_places_pixels_exactly():
    x = torch.arange(4096, dtype=torch.float32).repeat(1, 1, 4, 1) / 4096
    matrix = torch.tensor([[[1.0, 0, -4000.0], [0, 1, 0]]], dtype=torch.bfloat16)
    out = crop(x.to(torch.bfloat16), matrix, (4, 8))
    assert out.dtype == torch.bfloat16
    torch.testing.assert_close(out[0, 0, 0], x[0, 0, 0, 4000:4008].to(torch.bfloat16))


def test_composite_and_conversions():
    front, back = RNG.random((4, 5, 3)), RNG.random((4, 5, 3))
    mask = RNG.random((4, 5))
    expected = front * mask[..., None] + back * (1 - mask[..., None])
    np.testing.assert_allclose(composite(front, back, mask), expected)
    tensors = composite(to_tensor(front), to_tensor(back), torch.from_numpy(mask))
    np.testing.assert_allclose(to_array(tensors), expected, atol=1e-6)
    assert to_tensor(front).shape == (3, 4, 5)
    assert to_tensor(mask).shape == (1, 4, 5)
