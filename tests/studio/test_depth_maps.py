"""Depth maps against planes cut by rays, one texel at a time."""

from __future__ import annotations

import numpy as np

from likeness.studio.depth_maps import depth_range, nearest_depth

SIZE = 24


def _by_rays(points: np.ndarray, distance: np.ndarray, faces: np.ndarray) -> np.ndarray:
    depth = np.full((SIZE, SIZE), np.inf)
    for row in range(SIZE):
        for column in range(SIZE):
            for corners in faces:
                edges = np.vstack([points[corners].T.astype(float), np.ones(3)])
                weights = np.linalg.solve(edges, [column + 0.5, row + 0.5, 1.0])
                if weights.min() >= 0.0:
                    depth[row, column] = min(depth[row, column], weights @ distance[corners])
    return depth


def test_every_texel_has_the_nearest_of_its_triangles():
    rng = np.random.default_rng(3)
    points = rng.uniform(-6.0, SIZE + 6.0, (60, 2)).astype(np.float32)
    distance = rng.uniform(-1.0, 1.0, 60).astype(np.float32)
    faces = rng.permutation(60).reshape(20, 3).astype(np.int32)
    depth = np.empty((SIZE, SIZE), np.float32)
    nearest_depth(points, distance, faces, depth)
    wanted = _by_rays(points, distance, faces)
    assert np.isfinite(wanted).mean() > 0.5
    np.testing.assert_array_equal(np.isfinite(depth), np.isfinite(wanted))
    seen = np.isfinite(wanted)
    np.testing.assert_allclose(depth[seen], wanted[seen], atol=1e-4)


def test_a_range_is_what_is_nearest_from_both_sides():
    rng = np.random.default_rng(4)
    points = rng.uniform(-6.0, SIZE + 6.0, (60, 2)).astype(np.float32)
    distance = rng.uniform(-1.0, 1.0, 60).astype(np.float32)
    faces = rng.permutation(60).reshape(20, 3).astype(np.int32)
    ends, sides = np.empty((2, SIZE, SIZE), np.float32), np.empty((2, SIZE, SIZE), np.float32)
    depth_range(points, distance, faces, *ends)
    nearest_depth(points, distance, faces, sides[0])
    nearest_depth(points, -distance, faces, sides[1])
    assert np.isfinite(ends).mean() > 0.5
    np.testing.assert_array_equal(ends[0], sides[0])
    np.testing.assert_array_equal(ends[1], -sides[1])


def test_triangles_off_the_map_and_without_a_place_leave_it_empty():
    points = np.array([[-9, 2], [-5, 2], [-7, 9], [np.nan, 3], [5, 3], [6, 9]], np.float32)
    faces = np.array([[0, 1, 2], [3, 4, 5]], np.int32)
    depth = np.zeros((SIZE, SIZE), np.float32)
    nearest_depth(points, np.zeros(6, np.float32), faces, depth)
    assert np.isinf(depth).all()


def test_triangles_side_by_side_leave_no_gap():
    points = np.array([[3.5, 2.5], [17.5, 4.5], [15.5, 20.5], [4.5, 19.5]], np.float32)
    faces = np.array([[0, 1, 2], [0, 2, 3]], np.int32)
    depth = np.empty((SIZE, SIZE), np.float32)
    nearest_depth(points, np.ones(4, np.float32), faces, depth)
    assert np.isfinite(depth[5:19, 6:15]).all()
