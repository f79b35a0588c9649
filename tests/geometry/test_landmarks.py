"""The 68-point scheme against the published numbering, and embeddings against geometry."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh

from likeness.geometry.landmarks import (
    MIDLINE_68,
    MIRROR_51,
    MIRROR_68,
    REGIONS_68,
    contour_first,
    embed_points,
    embed_vertices,
    five_points,
    mirror_error,
)
from tests.realdata import real_data

# The iBUG pairs, typed out once more.
PAIRS = (
    "0-16 1-15 2-14 3-13 4-12 5-11 6-10 7-9 17-26 18-25 19-24 20-23 21-22 31-35 32-34 36-45 37-44 "
    "38-43 39-42 40-47 41-46 48-54 49-53 50-52 55-59 56-58 60-64 61-63 65-67"
)


def test_mirror_pairs() -> None:
    assert np.array_equal(MIRROR_68[MIRROR_68], np.arange(68))
    for pair in PAIRS.split():
        right, left = map(int, pair.split("-"))
        assert MIRROR_68[right] == left
    assert tuple(np.flatnonzero(np.arange(68) == MIRROR_68)) == MIDLINE_68
    assert np.array_equal(MIRROR_51[MIRROR_51], np.arange(51))
    assert MIRROR_51[36 - 17] == 45 - 17


def test_regions_cover_every_point_once_and_mirror_to_each_other() -> None:
    assert sorted(sum(REGIONS_68.values(), ())) == list(range(68))
    for name, points in REGIONS_68.items():
        swapped = name.replace("right", "*").replace("left", "right").replace("*", "left")
        assert sorted(MIRROR_68[list(points)]) == sorted(REGIONS_68[swapped])


def test_five_points() -> None:
    points = np.random.default_rng(0).normal(size=(3, 68, 2))
    found = five_points(points)
    assert found.shape == (3, 5, 2)
    np.testing.assert_allclose(found[1, 0], points[1, 36:42].mean(0))
    np.testing.assert_allclose(found[1, 1], points[1, 42:48].mean(0))
    np.testing.assert_array_equal(found[1, 2:], points[1, [30, 48, 54]])
    with pytest.raises(ValueError, match="expected 68 points, got 51"):
        five_points(points[:, 17:])


def test_contour_first() -> None:
    points = np.arange(68.0)[:, None]
    last = np.concatenate([points[17:], points[:17]])
    assert np.array_equal(contour_first(last), points)


def test_embedded_points_lie_where_they_were() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=2)
    rng = np.random.default_rng(1)
    triangles = rng.integers(0, len(sphere.faces), 30)
    weights = rng.dirichlet(np.ones(3), 30)
    points = np.einsum("nk,nkc->nc", weights, sphere.vertices[sphere.faces[triangles]])
    embedding, distances = embed_points(sphere.vertices, sphere.faces, points)
    assert distances.max() < 1e-12
    assert np.array_equal(embedding.triangles, triangles)
    np.testing.assert_allclose(embedding.points(sphere.vertices, sphere.faces), points, atol=1e-12)


def test_vertices_as_landmarks() -> None:
    sphere = trimesh.creation.icosphere(subdivisions=1)
    ids = np.array([5, 0, 5, 41])
    embedding = embed_vertices(sphere.faces, ids)
    found = embedding.points(sphere.vertices, sphere.faces)
    np.testing.assert_array_equal(found, sphere.vertices[ids])
    with pytest.raises(ValueError, match=r"\[42\] belong to no triangle"):
        embed_vertices(sphere.faces, np.array([42]))


def test_mirror_error_tells_left_from_right() -> None:
    rng = np.random.default_rng(2)
    points = rng.normal(size=(68, 3))
    points = (points + points[MIRROR_68] * [-1, 1, 1]) / 2
    assert mirror_error(points) < 1e-15
    assert mirror_error(points[17:]) < 1e-15
    assert mirror_error(np.roll(points, 1, axis=0)) > 0.5
    with pytest.raises(ValueError, match="not 70"):
        mirror_error(np.zeros((70, 3)))


@pytest.mark.realdata
def test_real_head_follows_the_scheme() -> None:
    with np.load(real_data("ict_face_model") / "ict_face.npz") as file:
        points = file["vertices"][file["landmarks68"]]
    assert mirror_error(points[17:]) < 0.02  # centimetres
    assert points[36, 0] < 0 < points[45, 0]
    right, left, nose, mouth_right, mouth_left = five_points(points)
    assert right[0] < 0 < left[0]
    assert mouth_right[0] < 0 < mouth_left[0]
    assert right[1] > nose[1] > mouth_left[1]
