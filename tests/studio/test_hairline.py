"""The hairline's heights around the head, recession, thinning."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy.spatial import cKDTree

from likeness.studio import hair, surface
from likeness.studio.appearance import Appearance
from likeness.studio.hair_shapes import recession_of
from likeness.studio.hairline import density_of, hairline_height, heights_of, is_below_any
from likeness.studio.surface_points import HAIR, HAIR_CAP
from likeness.studio.template import build_template
from tests.studio.surface_cases import plain, points_at

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


TIED = {
    "hair__style": "tied",
    "hair__length": 180.0,
    "hair__sides": 150.0,
    "hair__recession": 0.0,
    "hair__thinning": 0.0,
    "hair__grey": 0.0,
    "hair__fringe": 0.0,
    "hair__eumelanin": 1.0,
}


def _above_line(appearance: Appearance, points: np.ndarray) -> np.ndarray:
    """Heights of (N, 3) points over the line that this hair begins at, mm."""
    seed = appearance.texture_seed + hair.HAIRLINE_SEED
    return heights_of(points, recession=recession_of(appearance.hair), seed=seed)


def _painted_cover(footprint: float) -> tuple[np.ndarray, np.ndarray]:
    """Heights over the hairline (N,), mm, and how dark the scalp is painted there, 0 skin .. 1."""
    turns = np.radians(np.arange(-24.0, 24.0, 0.25))
    rows = np.arange(80.0, 130.0, 0.5)
    turn, y = (grid.ravel() for grid in np.meshgrid(turns, rows))
    points = np.stack([80.0 * np.sin(turn), y, 5.0 + 80.0 * np.cos(turn)], axis=1)
    appearance = plain(melanin=0.1, **TIED)
    bald = plain(melanin=0.1)
    points32 = points_at(points, footprint=footprint)
    light, full = (surface.evaluate(who, points32).albedo[:, 1] for who in (appearance, bald))
    height = _above_line(appearance, points)
    dark = light[height > 25.0].mean()
    return height, (full - light) / (full - dark)


def test_tied_hair_begins_with_single_hairs() -> None:
    """The painted scalp was bare at the line and black 5 mm above it, like a cap."""
    height, cover = _painted_cover(0.1)
    means = [cover[(height > low) & (height < low + 1.0)].mean() for low in range(-3, 17)]
    assert means[0] < 0.05
    assert means[-1] > 0.9
    assert np.diff(means).max() < 0.2  # no step of a millimetre is a fifth of the way
    rise = np.interp([0.1, 0.9], np.maximum.accumulate(means), np.arange(-2.5, 17.0))
    assert rise[1] - rise[0] > 6.0
    half = cover[(height > 4.0) & (height < 8.0)]
    assert (half < 0.2).mean() > 0.15
    assert (half > 0.7).mean() > 0.15


def test_single_hairs_are_as_dark_from_afar() -> None:
    """A picture of few pixels shows what a fine one is on average."""
    height, fine = _painted_cover(0.1)
    _, coarse = _painted_cover(3.0)
    for low in range(-3, 15, 2):
        there = (height > low) & (height < low + 2)
        assert fine[there].mean() == pytest.approx(coarse[there].mean(), abs=0.12)


def test_where_tied_hair_begins_it_is_no_saw() -> None:
    """Dark and bare runs along the line, where half is covered, are hairs: they were teeth of a
    millimetre on average, and one in ten of two."""
    turns = np.radians(np.arange(-24.0, 24.0, 0.05))
    appearance, bald = plain(melanin=0.1, **TIED), plain(melanin=0.1)
    runs = []
    for y in range(98, 118):
        points = np.stack([80 * np.sin(turns), 0 * turns + y, 5 + 80 * np.cos(turns)], axis=1)
        height = _above_line(appearance, points)
        points32 = points_at(points, footprint=0.1)
        light, full = (surface.evaluate(who, points32).albedo[:, 1] for who in (appearance, bald))
        ends = np.flatnonzero(np.diff(light < 0.55 * full))
        at_line = (height > 3.0) & (height < 8.0)
        runs += [
            80.0 * (turns[end] - turns[start])
            for start, end in itertools.pairwise(ends)
            if at_line[start : end + 1].all()
        ]
    assert len(runs) > 200
    assert np.mean(runs) < 0.75  # mm
    assert np.quantile(runs, 0.9) < 1.5


def test_nothing_comes_through_strands_of_tied_hair() -> None:
    """Behind the hairline a cap rose through them, and showed as dark patches."""
    template = build_template()
    mesh = hair.build(plain(**TIED), template, template.vertices, "standard")
    assert not (mesh.part == HAIR_CAP).any()
    points, _ = mesh.place(template.vertices)
    strand = (mesh.part == HAIR) & (mesh.rest[:, 1] > 10.0) & (mesh.rest[:, 1] < 50.0)
    strand &= (mesh.rest[:, 2] < 100_000) & (points[:, 2] > 40.0)
    skin = template.vertices[: template.num_skin]
    corners = skin[template.skin_faces]
    _, nearest = cKDTree(corners.mean(axis=1)).query(points[strand])
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    below = ((points[strand] - corners[nearest, 0]) * flat[nearest]).sum(axis=1) < 0.0
    assert strand.sum() > 2_000
    assert below.mean() < 0.05


def test_the_outermost_strands_are_many_and_fine() -> None:
    template = build_template()
    appearance = plain(**TIED)
    mesh = hair.build(appearance, template, template.vertices, "standard")
    own = (mesh.part == HAIR) & (mesh.rest[:, 2] < 100_000)
    numbers, first = np.unique(mesh.rest[own, 2], return_index=True)
    rest = template.vertices[: template.num_skin]
    roots = np.einsum("vk,vkc->vc", mesh.weights[own][first], rest[mesh.anchors[own][first]])
    widths = np.zeros(len(numbers))
    np.maximum.at(widths, mesh.rest[own, 2].astype(int) - int(numbers[0]), mesh.rest[own, 0])
    height = _above_line(appearance, roots)
    assert height.min() > -3.0  # triangles of the scalp reach over the line

    front = np.abs(np.degrees(np.arctan2(roots[:, 0], roots[:, 2] - 5.0))) < 50.0
    edge, inside = front & (height < 5.0), front & (height > 20.0) & (height < 40.0)
    assert np.median(2.0 * widths[edge]) < 0.5 * np.median(2.0 * widths[inside])
    # Heights of the forehead are nearly distances there.
    assert edge.sum() / 8.0 > 0.5 * inside.sum() / 20.0


def test_no_hair_grows_where_a_face_is_told_by_two_comparisons() -> None:
    """Over faces of all azimuths, recessions and seeds."""
    rng = np.random.default_rng(3)
    points = rng.uniform((-90.0, -60.0, -60.0), (90.0, 100.0, 130.0), (20_000, 3))
    below = np.array([is_below_any(*point) for point in points])
    assert 0.2 < below.mean() < 0.5
    for recession, seed in ((0.0, 1), (0.4, 2), (1.0, 3)):
        heights = heights_of(points[below], recession=recession, seed=seed)
        assert heights.max() < -4.0
