"""Nearest points of a surface against brute force and trimesh."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from likeness.geometry.closest_point import SurfaceTree


def brute_force(corners: np.ndarray, point: np.ndarray) -> float:
    """Distance to triangles by minimising over dense barycentric samples, then polishing."""
    steps = np.linspace(0, 1, 101)
    b, c = np.meshgrid(steps, steps)
    inside = b + c <= 1 + 1e-12
    weights = np.stack([1 - b[inside] - c[inside], b[inside], c[inside]], axis=1)
    samples = np.einsum("sk,fkc->fsc", weights, corners)
    return float(np.linalg.norm(samples - point, axis=2).min())


def test_nearest_points_are_not_farther_than_any_sample() -> None:
    rng = np.random.default_rng(6)
    vertices, faces = rng.normal(size=(12, 3)), rng.integers(0, 12, (15, 3))
    queries = 1.5 * rng.normal(size=(20, 3))
    found = SurfaceTree(vertices, faces).nearest(queries)
    for i, query in enumerate(queries):
        best = brute_force(vertices[faces], query)
        assert found.distances[i] <= best + 1e-12
        assert found.distances[i] >= best - 0.04  # the sampling step times the triangles' size
    assert found.barycentric.min() >= 0
    np.testing.assert_allclose(found.barycentric.sum(1), 1, atol=1e-12)
    rebuilt = np.einsum("nk,nkc->nc", found.barycentric, vertices[faces[found.triangles]])
    np.testing.assert_allclose(rebuilt, found.points, atol=1e-12)


def test_nearest_points_equal_trimesh_on_a_surface() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=3, radius=0.1)
    rng = np.random.default_rng(7)
    queries = 0.1 * rng.normal(size=(200, 3))
    _, expected, _ = trimesh.proximity.closest_point_naive(sphere, queries)
    found = SurfaceTree(sphere.vertices, sphere.faces).nearest(queries)
    np.testing.assert_allclose(found.distances, expected, atol=1e-12)


@pytest.mark.parametrize("count", [1, 3, 4, 5, 8, 9, 33])
def test_trees_of_every_size(count) -> None:
    rng = np.random.default_rng(count)
    vertices, faces = rng.normal(size=(3 * count, 3)), np.arange(3 * count).reshape(-1, 3)
    queries = rng.normal(size=(10, 3))
    tree = SurfaceTree(vertices, faces)
    expected = np.min(
        [SurfaceTree(vertices, faces[i : i + 1]).nearest(queries).distances for i in range(count)],
        axis=0,
    )
    np.testing.assert_allclose(tree.nearest(queries).distances, expected, atol=1e-14)


def test_degenerate_triangles_are_segments_and_points() -> None:
    vertices = np.array([[0.0, 0, 0], [1, 0, 0], [2, 0, 0], [5, 5, 5]])
    tree = SurfaceTree(vertices, np.array([[0, 1, 2], [3, 3, 3]]))
    found = tree.nearest(np.array([[1.5, 1, 0], [5, 5, 6], [-1, 0, 0]]))
    assert found.distances.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="at least one triangle"):
        SurfaceTree(vertices, np.zeros((0, 3), int))
    with pytest.raises(ValueError, match=r"\(N, 3\), got \(3,\)"):
        tree.nearest(np.zeros(3))
