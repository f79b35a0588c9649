"""What crops do to pictures and masks: warping, classes, outlines and what covers them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.media.image import crop, save_image
from likeness.systems.face_encoder.crops import disturb, warp, warp_classes
from likeness.systems.face_encoder.layouts import Entry
from tests.systems.face_encoder.test_crops import (
    HEIGHT,
    PLAIN,
    SIZE,
    WIDTH,
    dotted,
    grid_points,
    source,
)


def smooth_picture() -> np.ndarray:
    ys, xs = np.mgrid[:90, :110] / 12.0
    waves = [np.sin(xs + a) * np.cos(ys - a) for a in (0.0, 1.0, 2.0)]
    return (127.5 + 120 * np.stack(waves, axis=2)).round().astype(np.uint8)


@pytest.mark.parametrize("side", [30.0, 47.3, 80.0])
def test_fast_warping_agrees_with_the_exact_crop(side):
    from likeness.geometry.affine import square_crop

    image = smooth_picture()
    matrix = square_crop(np.array([52.3, 41.8]), side, 32, rotation=0.3, flip=True)
    exact = crop(image.astype(np.float32), matrix, (32, 32))
    # Fixed-point positions (1/32 pixel) times the steepest slope (10 a pixel), and rounding.
    np.testing.assert_allclose(warp(image, matrix, 32), exact, atol=1.5)


def test_masks_keep_their_classes_and_know_nothing_outside():
    rng = np.random.default_rng(1)
    mask = rng.choice(np.array([0, 1, 3], np.uint8), (20, 20))
    matrix = np.array([[1.6, 0.0, 10.0], [0.0, 1.6, -4.0]])
    found = warp_classes(mask, matrix, 40)
    for row in range(40):
        for column in range(40):
            x, y = (column + 0.5 - 10) / 1.6, (row + 0.5 + 4) / 1.6
            if min(abs(x - round(x)), abs(y - round(y))) < 0.05:
                continue  # on the border of two pixels
            inside = 0 <= x < 20 and 0 <= y < 20
            expected = mask[int(y), int(x)] if inside else 5
            assert found[row, column] == expected, (row, column)


def masked(folder: Path, mask: np.ndarray) -> Entry:
    from PIL import Image

    Image.fromarray(mask).save(folder / "mask.png")
    save_image(folder / "dots.png", dotted(grid_points()))
    np.save(folder / "dots.npy", grid_points())
    return Entry("dots", folder / "dots.png", folder / "dots.npy", mask=folder / "mask.png")


def test_skin_and_outline_come_from_the_classes(tmp_path):
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[:, 100:] = 1
    mask[:, 140:] = 2
    mask[:, 170:] = 5
    sample = source(masked(tmp_path, mask), PLAIN.replace(crop="none"))[0]
    row = SIZE // 2
    columns = np.floor(np.array([90, 120, 150, 200]) * SIZE / WIDTH).astype(int)
    assert sample["skin"][0, row, columns].tolist() == [0, 1, 0, 0]
    assert sample["outline_known"][0, row, columns].tolist() == [1, 1, 0, 0]
    assert sample["has_mask"] == 1
    # Above and below the picture nothing is known.
    assert sample["outline_known"][0, 0].max() == 0
    assert source(masked(tmp_path, mask))[0]["skin"].shape == (1, SIZE, SIZE)


def test_a_mask_of_another_size_is_refused(tmp_path):
    wrong = masked(tmp_path, np.zeros((HEIGHT, WIDTH - 1), np.uint8))
    with pytest.raises(DataError, match=r"Expected a mask of 240x210 .* found 239x210"):
        source(wrong)[0]


def test_one_disturbance_does_not_change_the_draws_of_another():
    image = np.random.default_rng(0).uniform(0.3, 0.6, (40, 40, 3)).astype(np.float32)
    covering = PLAIN.replace(occlusion=1.0)
    alone, covered = disturb(image, covering, np.random.default_rng(9))
    _, same = disturb(image, covering.replace(jitter=0.5, blur=1.0), np.random.default_rng(9))
    np.testing.assert_array_equal(covered, same)
    untouched = covered == 0
    np.testing.assert_array_equal(alone[untouched], image[untouched])
    area = covered.mean()
    assert 0.15**2 * 0.8 < area < 0.4**2 * 1.2
    assert len(np.unique(alone[~untouched].reshape(-1, 3), axis=0)) == 1  # one colour
    same_image, nothing = disturb(image, PLAIN, np.random.default_rng(9))
    np.testing.assert_array_equal(same_image, image)
    assert nothing.max() == 0


def test_what_an_occluder_covers_is_not_skin(tmp_path):
    everywhere = np.ones((HEIGHT, WIDTH), np.uint8)
    crops = source(masked(tmp_path, everywhere), PLAIN.replace(occlusion=1.0, crop="none"))
    sample = crops.draw(0, np.random.default_rng(2))
    hidden = crops[0]["skin"] - sample["skin"]
    assert hidden.sum() > 100
    assert len(np.unique(sample["image"][:, hidden[0] > 0].T, axis=0)) == 1
