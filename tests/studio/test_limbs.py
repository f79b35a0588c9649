"""Arms and legs: as long as people's, dressed as far as the garment goes, turning with the body."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio import clothing, limbs
from likeness.studio.hands import tubes_of
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


def _shoulder_line(kind: str, build: Build, aside: np.ndarray) -> np.ndarray:
    """Height of the dressed shoulder's outline from the front at distances from the middle, mm."""
    template = build_template()
    appearance = plain(clothing__kind=kind, clothing__looseness=0.4)
    highest = np.full(len(aside), -np.inf)
    for mesh in (
        limbs.build(appearance, template, template.vertices, build),
        clothing.build(appearance, template, template.vertices, build),
    ):
        points = mesh.place(template.vertices)[0]
        for corners in (points[mesh.faces], points[mesh.faces][:, [1, 2, 0]]):
            for share in np.linspace(0.0, 1.0, 9):
                edge = (1.0 - share) * corners[:, 0] + share * corners[:, 1]
                for number, x in enumerate(aside):
                    near = np.abs(np.abs(edge[:, 0]) - x) < 1.5
                    if near.any():
                        highest[number] = max(highest[number], edge[near, 1].max())
    return highest


@pytest.mark.parametrize("kind", ["t-shirt", "shirt"])
@pytest.mark.parametrize("bmi", [22.0, 34.0])
def test_shoulders_fall_from_the_neck_and_round_over_the_deltoid(kind: str, bmi: float) -> None:
    """The line falls all along, gently to the tip of the shoulder 200 mm aside, ever more steeply
    beyond; of light and heavy men alike, since the tip is bone. A sleeve's head of its own left
    a notch beside the neck, 12 mm deep on 10, and a dome behind it."""
    aside = np.arange(90.0, 231.0, 10.0)
    height = _shoulder_line(kind, Build("male", bmi), aside)
    slope = -np.diff(height) / np.diff(aside)
    assert (slope > -0.05).all()
    before_tip = slope[aside[1:] <= 190.0]
    assert before_tip.max() < 0.85
    beyond = slope[aside[:-1] >= 190.0]
    assert (np.diff(beyond) > -0.15).all()
    assert beyond[-1] > 1.0
    tip = height[aside == 200.0]
    assert tip == pytest.approx(-180.0, abs=14.0)


@pytest.mark.parametrize("kind", ["t-shirt", "hoodie"])
def test_a_loose_sleeve_lies_on_the_outside_of_the_arm(kind: str) -> None:
    """The loosest one is 7 mm wider than the tightest, and was so outside as inside, as a balloon
    is."""
    template = build_template()
    sides = []
    for looseness in (0.0, 1.0):
        appearance = plain(clothing__kind=kind, clothing__looseness=looseness)
        mesh = limbs.build(appearance, template, template.vertices, Build("female", 25.0))
        points = mesh.place(template.vertices)[0][mesh.part == CLOTH]
        arm = points[(points[:, 0] > 110.0) & (points[:, 1] > -330.0) & (points[:, 1] < -300.0)]
        sides.append((arm[:, 0].min(), arm[:, 0].max()))
    inner, outer = sides[0][0] - sides[1][0], sides[1][1] - sides[0][1]
    assert 0.0 < outer < 3.0
    assert inner > 2.0 * outer


def test_five_fingers_hang_at_the_end_of_an_arm() -> None:
    """In the plane a hand's breadth below the knuckles a hand is four or five discs, no blade."""
    mesh, points = _built("t-shirt", Build())
    rows = points[mesh.part == BODY]
    hand = rows[(rows[:, 0] > 150.0) & (rows[:, 1] < -740.0)]
    level = hand[np.abs(hand[:, 1] + 885.0) < 9.0]
    across = np.sort(level[:, 2])
    assert np.ptp(level[:, 2]) > 50.0  # as broad as four fingers
    assert np.diff(across).max() < 25.0
    assert hand[:, 1].min() == pytest.approx(-745.0 - 0.93 * 193.0, abs=25.0)


def test_a_wrist_is_bone_and_no_thicker_than_the_hand_begins() -> None:
    """Of someone of one and a half times the usual weight it was a fifth thicker, and stood out
    over the hand as a doll's joint."""
    across = []
    for bmi in (26.0, 39.0):
        mesh, points = _built("t-shirt", Build("male", bmi))
        arm = points[(mesh.part == BODY) & (points[:, 0] > 120.0)]
        wrist = arm[np.abs(arm[:, 1] + 745.0) < 1.0]
        across.append((np.ptp(wrist[:, 0]), np.ptp(wrist[:, 2])))
    np.testing.assert_allclose(across[1], across[0], rtol=0.05)
    assert max(across[1]) < 0.75 * 88.0  # two thirds of the breadth of a man's hand, and sleeves


@pytest.mark.parametrize("breadth", [0.9, 1.25])
def test_a_bare_arm_ends_as_its_hand_begins(breadth: float) -> None:
    """Arms are scaled with the shoulders, hands are not: a rim stood out around the wrist. The
    extents of a turned ellipse in closed form."""
    template = build_template()
    broad = template.vertices * (breadth, 1.0, 1.0)
    appearance = plain(clothing__kind="t-shirt", clothing__looseness=0.4)
    mesh = limbs.build(appearance, template, broad, Build("male", 25.0))
    points = mesh.place(broad)[0]
    arm = points[(mesh.part == BODY) & (points[:, 0] > 100.0)]
    ring = arm[np.abs(arm[:, 1] + 745.0) < 1.0]
    palm = tubes_of("male", 1.0)[0]
    wide, deep, (x, _, z) = palm.wide[0], palm.deep[0], palm.along_palm
    assert np.ptp(ring[:, 0]) == pytest.approx(2.0 * np.hypot(wide * x, deep * z), rel=0.05)
    assert np.ptp(ring[:, 2]) == pytest.approx(2.0 * np.hypot(wide * z, deep * x), rel=0.05)


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


BUILDS = [("male", 22.0), ("female", 24.0), ("female", 36.0)]


def _trousers(sex: str, bmi: float) -> tuple[np.ndarray, np.ndarray]:
    """Corners (F, 3, 3) of the triangles of trousers, and their normals."""
    mesh, points = _built("shirt", Build(sex, bmi))
    own = mesh.faces[(mesh.layer == limbs.BOTTOM)[mesh.faces].all(axis=1)]
    corners = points[own]
    plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    return corners, plane


@pytest.mark.parametrize(("sex", "bmi"), BUILDS)
def test_trousers_are_one_surface(sex: str, bmi: float) -> None:
    """The seat was a tube of its own, whose lower edge was a ledge before the thighs: edges that
    belong to one triangle alone lie at the waist and the ankles only."""
    corners, _ = _trousers(sex, bmi)
    _, place = np.unique(corners.reshape(-1, 3).round(3), axis=0, return_inverse=True)
    place = place.reshape(-1, 3)
    heights = np.zeros(place.max() + 1)
    heights[place.ravel()] = corners.reshape(-1, 3)[:, 1]
    edges = np.sort(place[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    edges = edges[edges[:, 0] != edges[:, 1]]
    edges, counts = np.unique(edges, axis=0, return_counts=True)
    open_at = heights[edges[counts == 1]].ravel()
    assert len(open_at) > 0
    inside = (open_at < corners[..., 1].max() - 30.0) & (open_at > corners[..., 1].min() + 30.0)
    assert not inside.any()


@pytest.mark.parametrize(("sex", "bmi"), BUILDS)
def test_trousers_are_even_in_front_down_to_the_crotch(sex: str, bmi: float) -> None:
    """A crease ran up to the hem: 60 mm above the crotch it was up to 35 mm deep."""
    corners, _ = _trousers(sex, bmi)
    crotch = corners[..., 1].max() - 12.0 - 170.0 * Build(sex, bmi).stature
    for above in (60.0, 90.0, 120.0):
        level = crotch + above
        crossing = []
        for first, second in ((0, 1), (1, 2), (2, 0)):
            start, end = corners[:, first], corners[:, second]
            through = (start[:, 1] - level) * (end[:, 1] - level) < 0.0
            share = (level - start[through, 1]) / (end[through, 1] - start[through, 1])
            crossing.append(start[through] + share[:, None] * (end[through] - start[through]))
        line = np.concatenate(crossing)
        line = line[line[:, 2] > limbs.AXIS_Z]
        order = np.argsort(line[:, 0])
        depth = np.interp([10.0, 45.0], line[order, 0], line[order, 2])
        assert depth[1] - depth[0] < 6.0


def test_no_edge_of_a_sleeve_is_turned_down() -> None:
    """The disc that closes a tube turned the normals of its edge, which showed as a dark notch."""
    mesh, points = _built("t-shirt", Build())
    tube = (mesh.part == CLOTH) & (mesh.layer == limbs.SLEEVE) & (points[:, 0] > 0.0)
    tube &= np.abs(mesh.normals[:, 1]) < 0.99  # the disc itself
    edge = tube & (points[:, 1] < points[tube, 1].min() + 1.0)
    assert edge.sum() >= 15
    assert np.abs(mesh.normals[edge, 1]).max() < 0.4
