from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.dataset.vertex_order import VertexPlaces

SIDE = 20
SPACING = 0.4  # cm


def sheet() -> np.ndarray:
    """(400, 3) a bent grid."""
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    z = 8.0 * np.cos(x / 12)
    return np.stack([SPACING * x, SPACING * y, z], axis=-1).reshape(-1, 3)


def mouth(still: np.ndarray, opened: float) -> np.ndarray:
    """The lower half of a strip in the middle goes down by ``opened`` cm, fading to the sides."""
    x, y = still[:, 0] / SPACING, still[:, 1] / SPACING
    below = (y < 8) * np.exp(-(((x - 10) / 4) ** 2) - ((y - 7) / 4) ** 2)
    return still - opened * below[:, None] * np.array([0.0, 1.0, 0.2])


def exchanged(frame: np.ndarray, *vertices: int) -> np.ndarray:
    """The vertices moved on by one place."""
    order = np.arange(len(frame))
    order[list(vertices)] = np.roll(vertices, 1)
    return frame[order]


def turned(frame: np.ndarray, degrees: float) -> np.ndarray:
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return frame @ np.array([[cosine, sine, 0], [-sine, cosine, 0], [0, 0, 1.0]]) + [1, 2, 3]


@pytest.mark.parametrize("opened", [0.0, 0.5, 1.5, 2.5])
def test_a_mouth_that_opens_exchanges_nothing(opened: float) -> None:
    still = sheet()
    assert VertexPlaces(still).exchanged([turned(mouth(still, opened), 8)]) == []


def test_every_pair_of_neighbours_is_found() -> None:
    """Also across lips that are a little open, and in a turned head."""
    still = sheet()
    known = VertexPlaces(still)
    frame = turned(mouth(still, 0.2), 8)
    for first in range(0, SIDE * (SIDE - 1), 7):
        pair = (first, first + SIDE) if first % 2 else (first, first + SIDE + (first % SIDE < 19))
        assert known.exchanged([exchanged(frame, *pair)]) == sorted(pair), pair


def test_vertices_far_apart_and_rings_of_them_are_found() -> None:
    still = sheet()
    known = VertexPlaces(still)
    frame = mouth(still, 0.6)
    assert known.exchanged([exchanged(frame, 5, 390)]) == [5, 390]
    assert known.exchanged([exchanged(frame, 40, 170, 300)]) == [40, 170, 300]
    assert known.exchanged([exchanged(exchanged(frame, 61, 62), 200, 221)]) == [61, 62, 200, 221]


def test_the_frame_that_moves_least_is_looked_at() -> None:
    still = sheet()
    wild = still + np.random.default_rng(0).normal(size=still.shape)
    known = VertexPlaces(still)
    assert known.exchanged([exchanged(wild, 5, 6), exchanged(still, 5, 6)]) == [5, 6]
    assert known.exchanged([still, wild]) == []


def test_a_vertex_given_twice_is_one_place() -> None:
    still = np.concatenate([sheet(), sheet()[40:80] + 2e-5])
    known = VertexPlaces(still)
    frame = mouth(still, 0.5)
    assert known.exchanged([exchanged(frame, 40, 400)]) == []  # the same place
    found = known.exchanged([exchanged(frame, 40, 100)])
    assert 100 in found
    assert known.exchanged([frame + 1e-5 * np.random.default_rng(1).normal(size=frame.shape)]) == []


def test_of_a_few_points_nothing_is_said() -> None:
    still = np.random.default_rng(2).normal(size=(5, 3))
    assert VertexPlaces(still).exchanged([still[[1, 0, 2, 3, 4]]]) == []


def test_a_frame_whose_vertices_coincide_says_nothing() -> None:
    still = sheet()
    known = VertexPlaces(still)
    point = np.full_like(still, 0.1)
    assert known.exchanged([np.zeros_like(still)]) == []
    assert known.exchanged([point, exchanged(still, 5, 6)]) == [5, 6]


@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_vertices_that_coincide_by_the_thousand_are_one_place(noise: float) -> None:
    """Their pairs, two billion, fit no memory."""
    rng = np.random.default_rng(3)
    heap = noise * rng.normal(size=(60_000, 3))
    assert VertexPlaces(heap).exchanged([heap, heap + 1.0]) == []
    mesh = np.concatenate([sheet() + 5.0, heap[:5000]])
    assert VertexPlaces(mesh).exchanged([exchanged(mesh, 40, 61)]) == [40, 61]
