"""Loop subdivision against a plain-loop version and known limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.studio.cage import load_cage
from likeness.studio.subdivision import subdivide

TETRAHEDRON = np.array([[0, 1, 2], [0, 3, 1], [1, 3, 2], [2, 3, 0]])


def plain_loop(points: np.ndarray, triangles: np.ndarray, fixed: set[int]) -> dict:
    """Positions after one step: {vertex: position} and {(a, b): position}, by explicit loops."""
    neighbours: dict[int, set[int]] = {i: set() for i in range(len(points))}
    wings: dict[tuple[int, int], list[int]] = {}
    for t in triangles.tolist():
        for k in range(3):
            a, b, c = t[k], t[(k + 1) % 3], t[(k + 2) % 3]
            neighbours[a].add(b)
            neighbours[b].add(a)
            wings.setdefault((min(a, b), max(a, b)), []).append(c)
    rim: dict[int, list[int]] = {}
    for (a, b), tops in wings.items():
        if len(tops) == 1:
            rim.setdefault(a, []).append(b)
            rim.setdefault(b, []).append(a)
    out: dict = {}
    for v, around in neighbours.items():
        if v in fixed:
            out[v] = points[v]
        elif v in rim:
            p, q = rim[v]
            out[v] = 0.75 * points[v] + 0.125 * points[p] + 0.125 * points[q]
        else:
            n = len(around)
            beta = (5 / 8 - (3 / 8 + math.cos(2 * math.pi / n) / 4) ** 2) / n
            out[v] = (1 - n * beta) * points[v] + beta * sum(points[u] for u in around)
    for (a, b), tops in wings.items():
        if len(tops) == 1:
            out[a, b] = 0.5 * (points[a] + points[b])
        else:
            out[a, b] = 0.375 * (points[a] + points[b]) + 0.125 * sum(points[c] for c in tops)
    return out


def test_equals_the_plain_version_on_the_cage() -> None:
    cage = load_cage()
    fixed = cage.indices("e0_0", "m0_0")
    result = subdivide(cage.triangles, 528, fixed=fixed)
    positions = result.matrix @ cage.points
    expected = plain_loop(cage.points, cage.triangles, set(fixed.tolist()))
    for vertex in range(528):
        np.testing.assert_allclose(positions[vertex], expected[vertex], atol=1e-12)
    assert len(expected) == len(positions) == 2070
    for position, (a, b) in zip(positions[528:], result.split_edges):
        np.testing.assert_allclose(position, expected[int(a), int(b)], atol=1e-12)


def test_rows_sum_to_one_and_planes_stay_planes() -> None:
    cage = load_cage()
    matrix = subdivide(cage.triangles, 528).matrix
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0, atol=1e-12)
    assert matrix.data.min() > 0.0  # convex combinations: the surface stays in the cage's hull


def test_closed_surface_keeps_its_orientation_and_shrinks_to_the_limit() -> None:
    points = np.array([[1, 1, 1], [1, -1, -1], [-1, 1, -1], [-1, -1, 1]], dtype=float)
    triangles, volumes = TETRAHEDRON, []
    for _ in range(5):
        a, b, c = points[triangles].transpose(1, 0, 2)
        volumes.append(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)
        step = subdivide(triangles, len(points))
        points, triangles = step.matrix @ points, step.triangles
        assert len(triangles) == 4 ** len(volumes) * 4
    ratios = np.diff(volumes[1:]) / np.diff(volumes[:-1])
    assert all(v > 0 for v in volumes)
    assert (ratios > 0).all()
    assert (ratios < 0.6).all()


def test_partial_detail_is_a_part_of_full_detail() -> None:
    cage = load_cage()
    detail = cage.points[:, 2] > 80.0
    part = subdivide(cage.triangles, 528, detail=detail)
    full = subdivide(cage.triangles, 528, detail=detail, everywhere=True)
    count = part.matrix.shape[0]
    assert 528 < count < full.matrix.shape[0] == 2070
    assert abs(full.matrix[:count] - part.matrix).max() == 0.0
    directed = part.triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2)
    assert len(np.unique(directed, axis=0)) == len(directed)  # no doubled, no turned triangle
    assert np.unique(part.triangles).size == count  # no new vertex left without triangles


def test_three_triangles_at_one_edge_are_refused() -> None:
    with pytest.raises(ValueError, match="not a manifold"):
        subdivide(np.array([[0, 1, 2], [0, 1, 3], [0, 1, 4]]), 5)
