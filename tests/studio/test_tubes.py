"""Tubes: closed, outward, as thick as asked."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.tubes import tube


def _volume(piece) -> float:
    a, b, c = piece.vertices[piece.faces].transpose(1, 0, 2)
    return float(np.einsum("nk,nk->n", a, np.cross(b, c)).sum() / 6.0)


def _octagon(first: float, second: float) -> float:
    return 2.0 * np.sqrt(2.0) * first * second


def test_a_straight_tube_has_the_volume_of_a_prism() -> None:
    path = np.stack([np.zeros(5), np.zeros(5), np.linspace(0.0, 10.0, 5)], axis=1)
    x, y = np.tile([1.0, 0.0, 0.0], (5, 1)), np.tile([0.0, 1.0, 0.0], (5, 1))
    for first, second in ((x, y), (y, x)):  # either hand
        piece = tube(path, first, second, 2.0, 0.5, False, 3.0)
        assert _volume(piece) == pytest.approx(10.0 * _octagon(2.0, 0.5))
        assert piece.layer == 3.0
        np.testing.assert_allclose(np.linalg.norm(piece.normals, axis=1), 1.0)


def test_a_ring_closes() -> None:
    """Pappus: area of the section times the way of its middle."""
    turn = np.linspace(0.0, 2.0 * np.pi, 200, endpoint=False)
    out = np.stack([np.cos(turn), np.sin(turn), np.zeros(200)], axis=1)
    axis = np.tile([0.0, 0.0, 1.0], (200, 1))
    piece = tube(20.0 * out, out, axis, 1.5, 1.0, True, 0.0)
    assert _volume(piece) == pytest.approx(2.0 * np.pi * 20.0 * _octagon(1.5, 1.0), rel=1e-3)
    edges = np.sort(piece.faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
