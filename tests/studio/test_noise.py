"""Noise against a plain Python version, its own statistics, and another process."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys

import numpy as np
import pytest
from numba import njit

from likeness.studio.noise import (
    fade,
    fbm,
    fbm_of,
    gradient_of,
    noise_and_gradient_at,
    noise_at,
    noise_of,
    random_at,
    rarest_of,
    spot_at,
)

_WORD = 1 << 64


def _signed(value: int) -> int:
    value %= _WORD
    return value - _WORD if value >= _WORD >> 1 else value


def _reference_hash(ix: int, iy: int, iz: int, seed: int) -> int:
    h = ix * 0x1E3779B97F4A7C15 + iy * 0x3F58476D1CE4E5B9 + iz * 0x14D049BB133111EB
    h = _signed(h + seed * 0x2545F4914F6CDD1D)
    h = _signed((h ^ (h >> 31)) * 0x3F58476D1CE4E5B9)
    h = _signed((h ^ (h >> 29)) * 0x14D049BB133111EB)
    return (h >> 32) & 0xFFFFFFFF


def _reference_noise(point: tuple[float, float, float], seed: int) -> float:
    """Perlin's gradient noise in loops over corners, written from the formula."""
    cell = [math.floor(value) for value in point]
    inside = [value - low for value, low in zip(point, cell)]
    total = 0.0
    for corner in range(8):
        offset = [(corner >> axis) & 1 for axis in range(3)]
        bits = _reference_hash(*(c + o for c, o in zip(cell, offset)), seed)
        weight, dot = 1.0, 0.0
        for axis in range(3):
            t = inside[axis]
            ease = 6 * t**5 - 15 * t**4 + 10 * t**3
            weight *= ease if offset[axis] else 1.0 - ease
            gradient = ((bits >> (10 * axis)) & 1023) / 511.5 - 1.0
            dot += gradient * (t - offset[axis])
        total += weight * dot
    return total / 0.19104


@njit
def _gradients(points, seed, out):
    for index in range(len(points)):
        value = noise_and_gradient_at(points[index, 0], points[index, 1], points[index, 2], seed)
        for column in range(4):
            out[index, column] = value[column]


@njit
def _spots(points, cell, radius, share, seed, out):
    for index in range(len(points)):
        out[index], _ = spot_at(
            points[index, 0], points[index, 1], points[index, 2], cell, radius, share, seed
        )


def _points(count: int, spread: float = 300.0) -> np.ndarray:
    return np.random.default_rng(7).uniform(-spread, spread, (count, 3))


def test_equals_the_plain_python_version_also_below_zero() -> None:
    points = _points(60, 40.0)
    expected = [_reference_noise(tuple(point), 2_000_000_011) for point in points]
    np.testing.assert_allclose(fbm(points, 1.0, 2_000_000_011), expected, atol=1e-12)


def test_many_points_have_the_bits_of_each_alone() -> None:
    """Pictures of a person may not depend on how many points are painted together."""
    points = _points(101, 40.0)
    x, y, z = points.T
    footprints = np.linspace(0.1, 12.0, len(points))
    out, rows = np.empty(len(points)), np.empty((4, len(points)))
    noise_of(x, y, z, 1.4, 2_000_000_011, out)
    assert out.tolist() == [noise_at(*(point / 1.4), 2_000_000_011) for point in points]
    gradient_of(x, y, z, 0.95, 7, *rows)
    scaled = points * (1.0 / 0.95)
    assert rows.T.tolist() == [list(noise_and_gradient_at(*point, 7)) for point in scaled]
    fbm_of(x, y, z, 16.0, 3, 11, footprints, out)
    alone = [
        fbm(point[None], 16.0, 11, octaves=3, footprint=footprint)[0]
        for point, footprint in zip(points, footprints)
    ]
    assert out.tolist() == alone
    assert out[-1] == 0.0 < abs(out[0])  # the last pixel is too large for any octave


def test_mean_is_zero_and_deviation_one() -> None:
    values = fbm(_points(400_000), 1.0, 5)
    assert abs(values.mean()) < 0.01
    assert abs(values.std() - 1.0) < 0.01


def test_octaves_keep_the_deviation() -> None:
    assert abs(fbm(_points(200_000), 9.0, 5, octaves=4).std() - 1.0) < 0.02


def test_spectrum_lies_around_one_cycle_per_wavelength() -> None:
    axis = (np.arange(64) + 0.37) * 0.25  # four samples a wavelength, sixteen wavelengths wide
    points = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), -1).reshape(-1, 3)
    power = np.abs(np.fft.fftn(fbm(points, 1.0, 3).reshape(64, 64, 64))) ** 2
    line = np.fft.fftfreq(64, 0.25)
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(line, line, line, indexing="ij")))
    share = power / power.sum()
    # White noise of this grid would have 2 % of its power below .6 cycles, and 48 % above 2.
    assert share[radius < 0.2].sum() < 0.02
    assert share[radius < 0.6].sum() > 0.15
    assert share[radius > 2.0].sum() < 0.02
    assert 0.7 < (share * radius).sum() < 1.1


def test_neighbours_agree_and_far_points_do_not() -> None:
    points = _points(60_000)
    here = fbm(points, 4.0, 9)
    near = fbm(points + np.array([0.2, 0.0, 0.0]), 4.0, 9)
    far = fbm(points + np.array([9.0, 0.0, 0.0]), 4.0, 9)
    assert np.corrcoef(here, near)[0, 1] > 0.98
    assert abs(np.corrcoef(here, far)[0, 1]) < 0.02
    assert abs(np.corrcoef(here, fbm(points, 4.0, 10))[0, 1]) < 0.02


def test_gradient_equals_central_differences() -> None:
    points = _points(500, 20.0)
    closed = np.empty((500, 4))
    _gradients(points, 11, closed)
    np.testing.assert_array_equal(closed[:, 0], fbm(points, 1.0, 11))
    for axis in range(3):
        step = np.zeros(3)
        step[axis] = 1e-5
        slope = (fbm(points + step, 1.0, 11) - fbm(points - step, 1.0, 11)) / 2e-5
        np.testing.assert_allclose(closed[:, 1 + axis], slope, atol=1e-6)


def test_same_in_another_process() -> None:
    code = (
        "import numpy as np; from likeness.studio.noise import fbm;"
        "p = np.random.default_rng(7).uniform(-300, 300, (1000, 3));"
        "print(fbm(p, 3.0, 77, octaves=3).tobytes().hex()[:400])"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    other = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    here = fbm(_points(1000), 3.0, 77, octaves=3).tobytes().hex()[:400]
    assert other.stdout.strip() == here


def test_lattice_numbers_are_even() -> None:
    numbers = np.array(
        [random_at(ix, iy, iz, 3) for ix in range(25) for iy in range(25) for iz in range(25)]
    )
    counts, _ = np.histogram(numbers, 16, (0.0, 1.0))
    expected = len(numbers) / 16
    # Chi-square with 15 degrees of freedom stays below 37.7 in 99.9 % of fair draws.
    assert ((counts - expected) ** 2 / expected).sum() < 37.7
    assert noise_at(3.0, -4.0, 5.0, 1) == 0.0  # gradient noise is zero on its lattice


@pytest.mark.parametrize(("ratio", "expected"), [(0.1, 1.0), (0.3, 1.0), (0.5, 0.5), (0.7, 0.0)])
def test_fade_over_pixels_per_wavelength(ratio: float, expected: float) -> None:
    assert fade(2.0, 2.0 * ratio) == pytest.approx(expected, abs=1e-6)


def test_large_pixels_see_only_the_mean() -> None:
    points = _points(20_000)
    spreads = [
        fbm(points, 8.0, 3, octaves=3, footprint=footprint).std()
        for footprint in (0.05, 1.0, 2.0, 4.0, 6.0)
    ]
    assert all(first >= second for first, second in itertools.pairwise(spreads))
    assert spreads[-1] == 0.0


def test_spots_cover_what_their_sizes_say() -> None:
    # Sizes are even in radius * (0.5 .. 1.5); cover falls from 1 at 0.55 of the size to 0 at it.
    # Mean cover = share * E[volume integral of the profile] / cell^3.
    cell, radius, share = 4.0, 0.8, 0.6
    distance = np.linspace(0.0, 1.0, 4001)
    t = np.clip((distance - 0.55) / 0.45, 0.0, 1.0)
    profile = 1.0 - t * t * (3.0 - 2.0 * t)
    per_size = np.trapezoid(4.0 * np.pi * distance**2 * profile, distance)
    own = np.linspace(0.5, 1.5, 4001)
    expected = share * per_size * np.trapezoid((radius * own) ** 3, own) / cell**3
    out = np.empty(400_000)
    _spots(_points(len(out)), cell, radius, share, 5, out)
    assert out.mean() == pytest.approx(expected, rel=0.05)
    assert out.min() == 0.0
    assert out.max() == 1.0


def test_no_spot_is_where_the_rarest_number_is_not_below_the_share() -> None:
    points = _points(20_000)
    rarest, cover = np.empty(len(points)), np.empty(len(points))
    rarest_of(*points.T, 4.0, 5, rarest)
    _spots(points, 4.0, 1.9, 0.2, 5, cover)
    assert not cover[rarest >= 0.2].any()
    # Of eight even numbers the least is below a share s with probability 1 - (1 - s)^8.
    assert (rarest < 0.2).mean() == pytest.approx(1.0 - 0.8**8, abs=0.02)
    assert (cover[rarest < 0.2] > 0.0).mean() > 0.05
