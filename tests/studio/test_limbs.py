"""Arms and legs: as long as people's, dressed as far as the garment goes, turning with the body."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import limbs
from likeness.studio.surface_points import BODY, CLOTH
from likeness.studio.template import build_template
from likeness.studio.torso import Build
from tests.studio.surface_cases import plain


def _built(kind: str, build: Build):
    template = build_template()
    appearance = plain(clothing__kind=kind, clothing__looseness=0.4)
    mesh = limbs.build(appearance, template, template.vertices, build)
    return mesh, mesh.place(template.vertices)[0]


@pytest.mark.parametrize(("sex", "stature"), [("male", 1756.0), ("female", 1629.0)])
def test_people_are_as_tall_and_wide_as_the_survey_says(sex: str, stature: float) -> None:
    """Means of ANSUR II; the crown of the template lies at 146 mm."""
    _, points = _built("t-shirt", Build(sex, 25.0))
    assert 146.0 - points[:, 1].min() == pytest.approx(stature, rel=0.04)
    arms = points[points[:, 1] > -280.0]
    assert np.ptp(arms[:, 0]) == pytest.approx(495.0 if sex == "male" else 445.0, rel=0.06)


def test_both_sides_are_alike() -> None:
    _, points = _built("sweater", Build())
    left, right = points[points[:, 0] > 20.0], points[points[:, 0] < -20.0]
    assert left[:, 1].min() == pytest.approx(right[:, 1].min())
    assert left[:, 0].max() == pytest.approx(-right[:, 0].min(), abs=6.0)  # folds differ


def test_short_sleeves_bare_the_arm_and_long_ones_the_hand_only() -> None:
    highest = {}
    for kind in ("t-shirt", "sweater"):
        mesh, points = _built(kind, Build())
        highest[kind] = points[mesh.part == BODY][:, 1].max()
    assert highest["t-shirt"] > -340.0
    assert highest["sweater"] < -700.0


def test_a_dress_bares_the_legs() -> None:
    for kind, lowest in (("dress", -1350.0), ("shirt", -1350.0)):
        mesh, points = _built(kind, Build("female", 25.0))
        bare = points[mesh.part == BODY][:, 1].min()
        assert (bare < lowest) == (kind == "dress")
        assert set(np.unique(mesh.part)) == {BODY, CLOTH}


def test_faces_look_outward() -> None:
    mesh, points = _built("t-shirt", Build())
    arm = (mesh.part == CLOTH) & (points[:, 0] > 140.0) & (np.abs(points[:, 1] + 285.0) < 50.0)
    faces = mesh.faces[arm[mesh.faces].all(axis=1)]
    corners = points[faces]
    plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    outward = corners.mean(axis=1) - (196.0, 0.0, -27.0)
    outward[:, 1] = 0.0
    assert ((plane * outward).sum(axis=1) > 0.0).mean() > 0.95
