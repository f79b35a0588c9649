"""Strands in pixels: total coverage is the area they cover, whatever their width and place."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from likeness.studio.strand_samples import MAX_LAYERS, take_strands

FOCAL = 100.0


def _strand(points: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    """A ribbon that faces the camera, through (K, 2) pixels at a depth of 1 m, ``width`` px
    wide.
    """
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    across = np.stack([along[:, 1], -along[:, 0]], axis=1) * 0.5 * width
    pairs = np.stack([points + across, points - across], axis=1).reshape(-1, 2)
    vertices = np.zeros((len(pairs), 3), np.float32)
    vertices[:, 0], vertices[:, 1] = pairs[:, 0] / FOCAL, -pairs[:, 1] / FOCAL
    vertices[:, 2] = -1.0
    return vertices, np.arange(0, len(pairs) - 2, 2, dtype=np.int32)


def _take(vertices: np.ndarray, segments: np.ndarray, solid_depth: np.ndarray):
    count = len(vertices)
    normals = -vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    rest = np.zeros((count, 3), np.float32)
    rest[:, 0] = np.tile([0.5, -0.5], count // 2)
    rest[:, 1] = np.repeat(np.arange(count // 2), 2)
    surface = SimpleNamespace(
        segments=segments,
        rest=rest,
        part=np.full(count, 32, np.uint8),
        layer=np.zeros(count, np.float32),
    )
    figure = SimpleNamespace(
        surface=surface, normals=normals.astype(np.float32), tangents=np.ones_like(rest)
    )
    return take_strands(figure, vertices, (FOCAL, FOCAL, 0.0, 0.0), solid_depth)


@pytest.mark.parametrize("width", [0.1, 0.5, 1.0, 2.5])
@pytest.mark.parametrize("angle", [0.0, 0.4, 1.1])
def test_coverage_adds_up_to_the_area(width, angle):
    """Nine segments of one strand, in any direction, cover length times width."""
    step = np.array([np.cos(angle), np.sin(angle)]) * 2.31
    points = np.array([8.3, 6.7]) + np.arange(10)[:, None] * step
    vertices, segments = _strand(points, width)
    strands = _take(vertices, segments, np.full((40, 40), np.inf, np.float32))
    area = 9 * 2.31 * width
    assert float(strands.coverage.sum()) == pytest.approx(area, rel=0.12)
    assert strands.coverage.max() <= 1.0
    np.testing.assert_allclose(strands.depth, 1.0, atol=1e-5)


def test_strands_behind_something_solid_are_left_out():
    points = np.stack([np.linspace(2, 18, 5), np.full(5, 10.5)], axis=1)
    vertices, segments = _strand(points, 1.0)
    solid = np.full((20, 20), np.inf, np.float32)
    solid[:, :10] = 0.8
    strands = _take(vertices, segments, solid)
    assert (strands.pixel % 20).min() >= 10
    assert len(_take(vertices, segments, np.full((20, 20), 0.9, np.float32)).pixel) == 0


def test_a_strand_is_seen_through_every_gap_of_what_is_before_it():
    """Whatever squares of pixels are looked at together: gaps are single pixels."""
    points = np.stack([np.linspace(2, 58, 9), np.linspace(5, 37, 9)], axis=1)
    vertices, segments = _strand(points, 1.6)
    everywhere = _take(vertices, segments, np.full((45, 61), np.inf, np.float32))
    solid = np.full((45, 61), 0.9, np.float32)
    gaps = np.unique(everywhere.pixel)[::7]
    solid.reshape(-1)[gaps] = np.inf
    found = _take(vertices, segments, solid)
    kept = np.isin(everywhere.pixel, gaps)
    np.testing.assert_array_equal(found.pixel, everywhere.pixel[kept])
    np.testing.assert_array_equal(found.coverage, everywhere.coverage[kept])


def test_the_nearest_strands_are_kept_in_order():
    """Of twelve strands one behind another the nearest eight remain, nearest first."""
    points = np.stack([np.linspace(2, 18, 5), np.full(5, 10.5)], axis=1)
    line, segments = _strand(points, 0.2)
    depths = np.random.default_rng(0).permutation(12) * 0.01 + 1.0
    vertices = np.concatenate([line * np.float32(depth) for depth in depths])
    numbers = np.concatenate([segments + len(line) * k for k in range(12)])
    strands = _take(vertices, numbers, np.full((20, 20), np.inf, np.float32))
    here = strands.depth[strands.pixel == 10 * 20 + 9]
    assert len(here) == MAX_LAYERS
    np.testing.assert_allclose(here, np.sort(depths)[:MAX_LAYERS], atol=1e-4)


def test_strands_beyond_the_kept_ones_still_hide_what_is_behind():
    """Sixty hairs of a tenth of a pixel, as in a small picture: hardly anything shines through."""
    points = np.stack([np.linspace(2, 18, 5), np.full(5, 10.5)], axis=1)
    line, segments = _strand(points, 0.1)
    vertices = np.concatenate([line * np.float32(1.0 + 0.001 * k) for k in range(60)])
    numbers = np.concatenate([segments + len(line) * k for k in range(60)])
    strands = _take(vertices, numbers, np.full((20, 20), np.inf, np.float32))
    through = np.prod(1.0 - strands.coverage[strands.pixel == 10 * 20 + 9].astype(float))
    assert (strands.pixel == 10 * 20 + 9).sum() == MAX_LAYERS
    assert through == pytest.approx(0.9**60, rel=0.02)


def test_attributes_run_along_and_across_the_strand():
    points = np.stack([np.linspace(2.0, 18.0, 5), np.full(5, 10.0)], axis=1)
    vertices, segments = _strand(points, 4.0)
    strands = _take(vertices, segments, np.full((20, 20), np.inf, np.float32))
    column, row = strands.pixel % 20 + 0.5, strands.pixel // 20 + 0.5
    whole = strands.coverage > 0.99
    np.testing.assert_allclose(
        strands.points.rest[whole, 1], (column[whole] - 2.0) / 4.0, atol=1e-3
    )
    # The first vertex of a pair lies above a strand that runs to the right.
    np.testing.assert_allclose(strands.points.rest[whole, 0], (10.0 - row[whole]) / 4.0, atol=1e-3)
