"""The noise of blocks of skin points against the functions of one point."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import skin_noise as fields
from likeness.studio.noise import fbm, noise_and_gradient_at, noise_at

SEED = 1_184_801_116


@pytest.mark.parametrize(("first", "count"), [(0, 7), (5, 1), (3, fields.BLOCK)])
def test_rows_are_the_fields_at_each_point(first, count):
    rng = np.random.default_rng(3)
    rest = rng.uniform(-120.0, 120.0, (fields.BLOCK + 9, 3)).astype(np.float32)
    footprints = rng.uniform(0.1, 1.6, len(rest)).astype(np.float32)
    footprints[first] = 0.1  # one pixel shows everything
    block = np.full((fields.ROWS, fields.BLOCK), np.nan)
    fields.fill_block(rest, footprints, first, count, SEED, True, True, block)
    assert np.isnan(block[:, count:]).all()
    points = rest[first : first + count].astype(float)
    prints = footprints[first : first + count].astype(float)
    for row, wavelength, octaves, seed in (
        (fields.PIGMENT, 22.0, 3, SEED),
        (fields.BLOOD, 16.0, 3, SEED + 11),
        (fields.VEINS, 2.4, 2, SEED + 17),
        (fields.FINE, 1.0, 2, SEED + 3),
    ):
        wanted = fbm(points, wavelength, seed, octaves=octaves, footprint=prints)
        np.testing.assert_array_equal(block[row, :count], wanted)
    broken = [noise_at(*(point / fields.BROKEN_WAVE), SEED + 239) for point in points]
    np.testing.assert_array_equal(block[fields.BROKEN, :count], broken)
    pores = [noise_and_gradient_at(*(point * (1.0 / 0.95)), SEED + 62) for point in points]
    rows = slice(fields.GRAIN + 4, fields.GRAIN + 8)
    np.testing.assert_array_equal(block[rows, :count].T, pores)


def test_what_is_too_fine_for_every_pixel_is_left_out():
    rest = np.zeros((4, 3), np.float32)
    block = np.full((fields.ROWS, fields.BLOCK), np.nan)
    fields.fill_block(rest, np.full(4, 9.0, np.float32), 0, 4, SEED, False, False, block)
    left_out = [
        fields.BROKEN,
        fields.AGE_SPOT,
        fields.MOLE,
        *range(fields.GRAIN, fields.GRAIN + 12),
    ]
    assert np.isnan(block[left_out]).all()
    assert (block[fields.FINE, :4] == 0.0).all()
