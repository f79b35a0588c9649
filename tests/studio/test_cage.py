"""The cage: 285 named points, 506 triangles a half, a closed manifold but for four loops."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.studio import cage as cage_module
from likeness.studio.cage import load_cage


def test_counts_and_a_few_points_by_name() -> None:
    cage = load_cage()
    assert len(cage.half_names) == 285
    assert cage.points.shape == (528, 3)
    assert cage.triangles.shape == (1012, 3)
    np.testing.assert_array_equal(cage.points[cage.index("e0_3")], [32.0, 40.0, 96.2])
    np.testing.assert_array_equal(cage.points[cage.index("crown")], [0.0, 156.1, -6.7])
    np.testing.assert_array_equal(
        cage.points[cage.index("r34_54", mirrored=True)], [-68.4, 33.4, 57.5]
    )
    assert cage.index("e0_0") == 0
    assert cage.half_names[76] == "n_nasion"


def test_every_edge_has_two_sides_but_for_the_four_loops() -> None:
    cage = load_cage()
    directed = Counter((int(t[k]), int(t[(k + 1) % 3])) for t in cage.triangles for k in range(3))
    assert max(directed.values()) == 1  # consistent orientation, no doubled triangle
    following = {a: b for (a, b) in directed if (b, a) not in directed}
    lengths = []
    while following:
        vertex, length = next(iter(following)), 0
        while vertex in following:
            vertex, length = following.pop(vertex), length + 1
        lengths.append(length)
    assert sorted(lengths) == [12, 12, 12, 12]  # eyes, mouth, neck
    # V - E + F of a sphere with four holes
    edges = {frozenset(edge) for edge in directed}
    assert 528 - len(edges) + 1012 == 2 - 4


def test_triangles_face_outward() -> None:
    cage = load_cage()
    a, b, c = cage.points[cage.triangles].transpose(1, 0, 2)
    litres = np.einsum("ij,ij->", a, np.cross(b, c)) / 6e6
    assert 3.6 < litres < 5.2


def test_mirror_is_an_involution_that_negates_x() -> None:
    cage = load_cage()
    np.testing.assert_array_equal(cage.mirror[cage.mirror], np.arange(528))
    np.testing.assert_array_equal(cage.points[cage.mirror] * (-1, 1, 1), cage.points)
    assert (cage.mirror == np.arange(528)).sum() == (cage.points[:, 0] == 0).sum() == 42
    triangles = {tuple(sorted(t)) for t in cage.triangles.tolist()}
    assert {tuple(sorted(t)) for t in cage.mirror[cage.triangles].tolist()} == triangles


def test_ring_numbers_follow_the_names() -> None:
    cage = load_cage()
    for number in range(4):
        np.testing.assert_array_equal(
            np.flatnonzero(cage.eye_ring == number), cage.starting_with(f"e{number}_")
        )
        np.testing.assert_array_equal(
            np.flatnonzero(cage.mouth_ring == number), cage.starting_with(f"m{number}_")
        )
    assert (cage.ear == 1).sum() == 2 * (4 * 12 + 1)
    assert cage.ear[cage.starting_with("a0_")].max() == 0


def test_a_damaged_table_is_named_with_its_line() -> None:
    with pytest.raises(DataError, match="line 2"):
        cage_module._read_table("point a 0 0 0\npoint a 1 1 1\n")
    with pytest.raises(DataError, match="'triangle a b c'"):
        cage_module._read_table("point a 0 0 0\ntriangle a b c\n")
