from __future__ import annotations

import numpy as np

from likeness.systems.audio2face.reduced_surface import contracted


def _grid(columns: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """A flat sheet in x and y whose triangles face +z."""
    y, x = np.mgrid[:rows, :columns]
    vertices = np.stack([x.ravel(), y.ravel(), 0 * x.ravel()], axis=1).astype(float)
    corner = (y[:-1, :-1] * columns + x[:-1, :-1]).ravel()
    one = np.stack([corner, corner + 1, corner + columns + 1], axis=1)
    two = np.stack([corner, corner + columns + 1, corner + columns], axis=1)
    return vertices, np.concatenate([one, two])


def test_all_vertices_keep_all_triangles() -> None:
    vertices, faces = _grid(4, 3)
    np.testing.assert_array_equal(contracted(vertices, faces, np.arange(12)), faces)


def test_every_third_vertex_of_a_sheet_covers_it_once() -> None:
    vertices, faces = _grid(13, 13)
    x, y = vertices[:, 0], vertices[:, 1]
    kept = np.flatnonzero((x % 3 == 0) & (y % 3 == 0))
    found = contracted(vertices, faces, kept)
    a, b, c = vertices[kept][found].transpose(1, 0, 2)
    areas = 0.5 * np.cross(b - a, c - a)[:, 2]
    assert areas.min() > 0, "a triangle was turned over"
    assert areas.sum() == 12.0 * 12.0
    assert len(np.unique(np.sort(found, axis=1), axis=0)) == len(found) == 2 * 4 * 4


def test_no_triangle_closes_a_slit() -> None:
    """Like the mouth: two rows of vertices at the same place, joined only at the corners."""
    vertices, faces = _grid(13, 6)
    upper = vertices[:, 1] >= 3
    apart = ~(upper[faces].any(axis=1) & ~upper[faces].all(axis=1))
    ends = (vertices[faces][:, :, 0] <= 1).all(axis=1) | (vertices[faces][:, :, 0] >= 11).all(
        axis=1
    )
    vertices[upper, 1] -= 0.99  # the slit is a hundredth wide
    kept = np.flatnonzero(vertices[:, 0] % 2 == 0)
    found = contracted(vertices, faces[apart | ends], kept)
    both = upper[kept][found].any(axis=1) & ~upper[kept][found].all(axis=1)
    middle = vertices[kept][found][:, :, 0]
    assert not (both & (middle.min(axis=1) >= 4) & (middle.max(axis=1) <= 8)).any()
