"""Brows in pictures: single hairs where a portrait shows them, their mean where it is too small."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.lips_brows import brow_cover, brow_line
from tests.studio.surface_cases import plain, points_at

THICKNESS, PIXEL = 3.6, 0.8


def _cover(x: float, y: float, density: float, footprint: float, seed: int) -> float:
    return brow_cover(x, y, 95.0, x, THICKNESS, 0.0, density, 0.0, footprint, seed)[0]


def _pixels(seed: int, density: float = 0.9) -> tuple[np.ndarray, np.ndarray]:
    """Cover of pixels in a brow: at their middles, and the mean over each of hairs 0.1 mm fine."""
    fine = (np.arange(8) - 3.5) / 8.0 * PIXEL
    middles = [
        (x, float(brow_line(x, 0.0)) + y)
        for x in np.arange(22.0, 46.0, PIXEL)
        for y in np.arange(-2.0, 2.1, PIXEL)
    ]
    drawn = [_cover(x, y, density, PIXEL, seed) for x, y in middles]
    mean = [
        np.mean([_cover(x + a, y + b, density, 0.1, seed) for a in fine for b in fine])
        for x, y in middles
    ]
    return np.array(drawn), np.array(mean)


@pytest.mark.parametrize("seed", [1, 7, 30])
def test_a_pixel_of_a_portrait_shows_the_hairs_that_cross_it(seed: int) -> None:
    """Pixels 0.8 mm large are those of a face 180 pixels high. Against the plain mean over the area
    of each of them; painted with the mean of the whole brow all pixels were alike."""
    drawn, mean = _pixels(seed)
    assert mean.std() > 0.10
    assert drawn.std() > 0.6 * mean.std()
    assert np.corrcoef(drawn, mean)[0, 1] > 0.8
    assert drawn.mean() == pytest.approx(mean.mean(), abs=0.06)


@pytest.mark.parametrize("density", [0.5, 0.9, 1.3])
def test_brows_are_as_dense_from_afar_as_near(density: float) -> None:
    near = np.concatenate([_pixels(seed, density)[1] for seed in range(6)]).mean()
    far = _cover(30.0, float(brow_line(30.0, 0.0)), density, 4.0, 0)
    assert far == pytest.approx(near, abs=0.08)


def test_white_brows_on_dark_skin_are_light_hairs_over_dark_skin() -> None:
    """What lies between the hairs is in their shade and no lighter than bare skin; a film of their
    own colour lay there."""
    appearance = plain(melanin=0.9, hair__grey=1.0, brows__thickness=THICKNESS, brows__arch=0.0)
    x = np.arange(22.0, 46.0, 0.25)
    rows = [
        np.stack([x, [brow_line(at, 0.0) + y for at in x], np.full(len(x), 95.0)], axis=1)
        for y in np.arange(-1.5, 1.6, 0.5)
    ]
    inside = surface.evaluate(appearance, points_at(np.concatenate(rows), footprint=0.1)).albedo
    above = np.concatenate(rows) + np.array([0.0, 12.0, 0.0])
    bare = surface.evaluate(appearance, points_at(above, footprint=0.1)).albedo[:, 1].mean()
    green = inside[:, 1]
    assert np.percentile(green, 5) < 0.95 * bare
    assert np.percentile(green, 95) > 1.8 * bare
    # One hair is lighter than the next.
    light = green[green > 1.6 * bare]
    assert light.std() / light.mean() > 0.08
