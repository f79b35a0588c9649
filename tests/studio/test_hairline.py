"""The hairline's heights around the head, recession, thinning."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.studio.hairline import density_of, hairline_height, heights_of, is_below_any

TABLE = {
    0: 90,
    12: 90,
    26: 86,
    38: 80,
    50: 70,
    62: 52,
    76: 22,
    84: 8,
    90: 18,
    97: 26,
    106: -5,
    125: -38,
    150: -46,
    180: -47,
}


@pytest.mark.parametrize("azimuth", TABLE)
def test_heights_at_the_azimuths_of_the_table(azimuth: int) -> None:
    assert hairline_height(float(azimuth), 0.0) == pytest.approx(TABLE[azimuth], abs=1e-9)


def test_heights_between_are_linear() -> None:
    for first, second in itertools.pairwise(TABLE):
        middle = hairline_height(0.5 * (first + second), 0.0)
        assert middle == pytest.approx(0.5 * (TABLE[first] + TABLE[second]), abs=1e-9)


def test_recession_lifts_front_and_temples_and_leaves_the_nape() -> None:
    assert hairline_height(0.0, 1.0) - 90.0 == pytest.approx(30.0, abs=0.2)
    assert hairline_height(34.0, 1.0) - hairline_height(34.0, 0.0) == pytest.approx(62.0, abs=0.2)
    for azimuth in (90.0, 125.0, 180.0):
        assert hairline_height(azimuth, 1.0) - hairline_height(azimuth, 0.0) < 0.1


def _on_cylinder(azimuth: float, height: np.ndarray) -> np.ndarray:
    turn = np.radians(azimuth)
    return np.stack(
        [
            np.full(len(height), 80.0 * np.sin(turn)),
            height,
            np.full(len(height), 5.0 + 80.0 * np.cos(turn)),
        ],
        axis=1,
    )


@pytest.mark.parametrize("azimuth", [0.0, 30.0, 60.0, 150.0])
def test_density_rises_across_the_line_and_wavers_around_it(azimuth: float) -> None:
    line = hairline_height(azimuth, 0.0)
    height = line + np.arange(-40.0, 40.0, 0.5)
    crossings = []
    for seed in range(30):
        points = _on_cylinder(azimuth, height)
        density = density_of(points, np.zeros(len(points)), recession=0, thinning=0, seed=seed)
        assert density[height < line - 14].max() == 0.0
        assert density[height > line + 22].min() == 1.0
        crossings.append(height[np.argmax(density > 0.5)] - line)
    assert abs(np.mean(crossings) - 3.0) < 1.5
    assert 1.0 < np.std(crossings) < 5.0


def test_ears_are_bare_and_thinning_clears_the_crown() -> None:
    crown = np.array([[0.0, 140.0, -28.0], [70.0, 60.0, -30.0]])
    full = density_of(crown, np.zeros(2), recession=0.0, thinning=0.0, seed=1)
    thin = density_of(crown, np.zeros(2), recession=0.0, thinning=0.9, seed=1)
    np.testing.assert_array_equal(full, [1.0, 1.0])
    np.testing.assert_allclose(thin, [0.0, 1.0])
    assert density_of(crown, np.ones(2), recession=0, thinning=0, seed=1).max() == 0.0


def test_height_above_the_line_is_what_density_uses() -> None:
    points = _on_cylinder(20.0, np.linspace(60.0, 120.0, 200))
    height = heights_of(points, recession=0.3, seed=4)
    density = density_of(points, np.zeros(200), recession=0.3, thinning=0.0, seed=4)
    assert (density[height > 9.0] == 1.0).all()
    assert (density[height < -3.0] == 0.0).all()


def test_the_line_is_soft_and_no_saw() -> None:
    """Along any line upward the density rises once, over several millimetres: where the line wavers
    faster than that it makes hard teeth."""
    heights = np.arange(60.0, 120.0, 0.25)
    widths = []
    for seed in range(6):
        for azimuth in range(0, 30, 2):
            points = _on_cylinder(float(azimuth), heights)
            density = density_of(points, np.zeros(240), recession=0, thinning=0, seed=seed)
            assert np.diff(density).min() > -0.01
            widths.append(np.interp([0.1, 0.9], density, heights))
    assert np.quantile(np.diff(widths, axis=1), 0.05) > 4.0  # mm


def test_no_hair_grows_where_a_face_is_told_by_two_comparisons() -> None:
    """Over faces of all azimuths, recessions and seeds."""
    rng = np.random.default_rng(3)
    points = rng.uniform((-90.0, -60.0, -60.0), (90.0, 100.0, 130.0), (20_000, 3))
    below = np.array([is_below_any(*point) for point in points])
    assert 0.2 < below.mean() < 0.5
    for recession, seed in ((0.0, 1), (0.4, 2), (1.0, 3)):
        heights = heights_of(points[below], recession=recession, seed=seed)
        assert heights.max() < -4.0
