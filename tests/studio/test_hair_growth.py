"""Strands among others: none hangs by itself, whoever's head it is."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

from likeness.studio import hair
from likeness.studio.hair_growth import join_strays
from likeness.studio.person import Person
from likeness.studio.scalp import HeadSpace
from likeness.studio.surface_points import HAIR
from likeness.studio.template import build_template


def _sixth_neighbour(points: np.ndarray, strand: np.ndarray) -> np.ndarray:
    """(N,) distance from points (N, 3) to the sixth nearest of other strands, mm."""
    distance, found = cKDTree(points).query(points, k=80)
    others = np.where(strand[found] == strand[:, None], np.inf, distance)
    return np.sort(others, axis=1)[:, 5]


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(
            482161,
            marks=pytest.mark.xfail(
                strict=True, reason="on the head of version 14 one point is 21 mm from all others"
            ),
        ),
        7044,
        7031,
    ],
)
def test_hair_of_people_keeps_together(seed: int) -> None:
    """Below the temples, where hair hangs. Strands between the curtains before and behind a
    shoulder were up to 30 mm from all others."""
    person, template = Person.sample(seed), build_template()
    rest = np.asarray(person.rest_vertices(template))
    mesh = hair.build(person.appearance, template, rest)
    own = mesh.part == HAIR
    points = mesh.place(rest)[0][own].reshape(-1, 2, 3).mean(axis=1)
    sixth = _sixth_neighbour(points, mesh.rest[own, 2][::2])
    hangs = points[:, 1] < 20.0
    assert hangs.sum() > 10_000
    assert sixth[hangs].max() < 20.0
    assert (sixth[hangs] > 12.0).mean() < 0.001


def test_a_stray_joins_whoever_is_rooted_beside_it_and_others_stay() -> None:
    rng = np.random.default_rng(4)
    template = build_template()
    space = HeadSpace(template, template.vertices)
    t = np.linspace(0.0, 1.0, 13)
    root = np.array([120.0, 60.0, -10.0]) + rng.uniform(-4.0, 4.0, (200, 3))
    paths = root[:, None] + t[None, :, None] * np.array([10.0, -200.0, 0.0])
    stray = paths.copy()
    stray[17] = root[17] + t[:, None] * np.array([60.0, -200.0, 50.0])
    joined = join_strays(stray, space)
    np.testing.assert_array_equal(np.delete(joined, 17, axis=0), np.delete(stray, 17, axis=0))
    np.testing.assert_allclose(joined[17, 0], stray[17, 0], atol=1e-9)
    nearest = np.argsort(np.linalg.norm(root - root[17], axis=1))[1]
    np.testing.assert_allclose(joined[17, -1], 0.9 * paths[nearest, -1] + 0.1 * stray[17, -1])
