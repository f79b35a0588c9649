"""Hair and cloth: strands lie on the dressed bust however the head is turned on it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.geometry.closest_point import SurfaceTree
from likeness.studio.drape import Drape
from likeness.studio.figure import HeadPose, PersonSitter
from likeness.studio.person import Person
from likeness.studio.surface_points import BEARD, CLOTH, HAIR

LONG_HAIRED = 914
BEARDED, STUBBLED = 61, 189


@pytest.fixture(scope="module")
def sitter() -> PersonSitter:
    person = Person.sample(LONG_HAIRED)
    assert person.appearance.hair.style == "long"
    clothing = replace(person.appearance.clothing, kind="t-shirt")
    return PersonSitter(
        replace(person, appearance=replace(person.appearance, clothing=clothing)), "low"
    )


@pytest.mark.parametrize("neck", [(0.0, 0.0, 0.0), (0.0, 0.44, 0.0), (-0.3, -0.3, 0.1)])
def test_no_hair_is_inside_of_what_is_worn(sitter, neck):
    """Against the nearest triangle of the garment; nearly half of those so low went through it."""
    figure = sitter.pose(np.zeros(52), HeadPose((0.0, 0.3, 0.0), neck))
    part, faces = sitter.surface.part, sitter.surface.faces
    points = 1000.0 * figure.vertices.astype(np.float64)
    cloth = faces[part[faces[:, 0]] == CLOTH]
    hair = points[part == HAIR]
    low = hair[hair[:, 1] < points[cloth].max(axis=(0, 1))[1]]
    found = SurfaceTree(points, cloth).nearest(low)
    a, b, c = points[cloth[found.triangles]].transpose(1, 0, 2)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    height = ((low - found.points) * normal).sum(axis=1)
    assert len(low) > 2000
    assert (height < -1.0).mean() < 0.01


def test_points_in_a_cylinder_go_the_shortest_way_out():
    """A tube of radius 80 below a cone: out sideways below, along the cone's normal above."""
    turn, height = np.meshgrid(np.linspace(0, 2 * np.pi, 240), np.linspace(-400, -100, 200))
    radius = np.where(height < -200.0, 180.0, 80.0 - height - 100.0)
    tube = np.stack([radius * np.sin(turn), height, radius * np.cos(turn) - 22.0], axis=-1)
    drape = Drape(tube.reshape(-1, 3))
    low, high = np.array([150.0, -300.0, -22.0]), np.array([100.0, -145.0, -22.0])
    out = np.array([400.0, -300.0, -22.0])
    points = np.repeat([low, high, out], 2, axis=0)
    moved = drape.lay(points, np.zeros(6), np.zeros(6, bool), np.eye(3), np.zeros(3))[::2]
    np.testing.assert_allclose(moved[0], (183.0, -300.0, -22.0), atol=2.5)
    assert moved[1, 0] - high[0] == pytest.approx(moved[1, 1] - high[1], abs=1.5)
    # The map takes the widest of three rows of 4 mm, so nothing between them stands out.
    above = (moved[1, 0] + moved[1, 1] + 20.0) / np.sqrt(2.0)
    assert 2.0 < above < 8.0
    np.testing.assert_array_equal(moved[2], out)


@pytest.mark.parametrize(
    ("seed", "worn"), [(BEARDED, "roll-neck"), (BEARDED, "hoodie"), (STUBBLED, "t-shirt")]
)
def test_a_beard_on_the_neck_stays_under_the_collar(seed, worn):
    """No strand is drawn out to lie on the cloth, and no ribbon becomes wider."""
    person = Person.sample(seed)
    clothing = replace(person.appearance.clothing, kind=worn)
    dressed = replace(person, appearance=replace(person.appearance, clothing=clothing))
    sitter = PersonSitter(dressed, "low")
    figure = sitter.pose(np.zeros(52), HeadPose((0.0, 0.4, 0.0), (0.0, 0.27, 0.0)))
    beard = sitter.surface.part == BEARD
    points = 1000.0 * figure.vertices[beard].astype(np.float64)
    across, along, number = sitter.surface.rest[beard].T
    width = np.linalg.norm(points[0::2] - points[1::2], axis=1)
    np.testing.assert_allclose(width, np.abs(across[0::2] - across[1::2]), atol=0.02)
    first = np.maximum.accumulate(np.where(along == 0.0, np.arange(len(along)) // 2 * 2, 0))
    assert (number == number[first]).all()
    middle = np.repeat(0.5 * (points[0::2] + points[1::2]), 2, axis=0)
    pulled = np.linalg.norm(middle - middle[first], axis=1) - along
    low = middle[first][:, 1] < -95.0
    assert low.sum() > 100
    assert pulled[low].max() < 1.0
