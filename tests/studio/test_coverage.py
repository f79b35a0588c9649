"""Visibility buffer: against plain loops in double precision, and without cracks."""

from __future__ import annotations

import numpy as np

from likeness.studio.coverage import nearest_triangle


def test_the_nearest_triangle_equals_plain_loops():
    rng = np.random.default_rng(0)
    points = rng.uniform(-4, 28, (60, 2)).astype(np.float32)
    inverse = (1 / rng.uniform(0.5, 2.0, 60)).astype(np.float32)
    inverse[:2] = -1.0, np.inf  # behind the camera, in its plane
    faces = rng.integers(0, 60, (40, 3)).astype(np.int32)
    tri = np.empty((20, 24), np.int32)
    count = nearest_triangle(points, inverse, faces, tri)
    assert count == (tri >= 0).sum()
    for row in range(20):
        for column in range(24):
            best, number = 0.0, -1
            for face, corners in enumerate(faces):
                if not np.all((inverse[corners] > 0) & np.isfinite(inverse[corners])):
                    continue
                matrix = np.vstack([points[corners].T.astype(float), np.ones(3)])
                if abs(np.linalg.det(matrix)) < 1e-9:
                    continue
                weights = np.linalg.solve(matrix, [column + 0.5, row + 0.5, 1.0])
                if weights.min() > 0 and weights @ inverse[corners] > best:
                    best, number = weights @ inverse[corners], face
            assert tri[row, column] == number


def test_a_closed_fan_has_no_cracks():
    """Slivers around a point, their shared edges through many centres."""
    turn = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    rim = 64 + 90 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    points = np.vstack([[64.5, 64.5], rim]).astype(np.float32)
    index = np.arange(400)
    faces = np.stack([0 * index, 1 + index, 1 + (index + 1) % 400], axis=1).astype(np.int32)
    tri = np.empty((128, 128), np.int32)
    assert nearest_triangle(points, np.ones(401, np.float32), faces, tri) == 128 * 128
