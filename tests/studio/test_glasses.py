"""Glasses: fitted to the face, clear of it, worn as often as people do, and seen through."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from likeness.studio import glasses, glasses_odds, glasses_surface, hair
from likeness.studio.appearance import Appearance
from likeness.studio.eyelids import eye_center
from likeness.studio.glasses_odds import NO_GLASSES, draw_glasses
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.scene import Scene
from likeness.studio.surface_points import FRAME, LENS, SurfacePoints
from likeness.studio.template import SIDES, build_template
from likeness.studio.traits import GlassesKind, GlassesTraits
from tests.studio.surface_cases import points_at

KINDS = tuple(kind for kind in get_args(GlassesKind) if kind != "none")
CLEAR, DARK = (0.93, 0.93, 0.93), (0.1, 0.1, 0.1)
OCCLUDER = LABELS.index("occluder")


def _wearing(seed: int, kind: str, tint=CLEAR, metal: bool = False) -> Person:
    traits = GlassesTraits(kind, metal, "black", (0.01, 0.01, 0.01), 0.0, 3.0, 1.0, tint)
    person = Person.sample(seed)
    return replace(person, appearance=replace(person.appearance, glasses=traits))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [3, 5, 14])
def test_frames_keep_off_the_face(kind: str, seed: int) -> None:
    """Every point of rims, bridge and lens is before the skin that lies under it."""
    person, template = _wearing(seed, kind), build_template()
    rest = np.asarray(person.rest_vertices(template))
    mesh = glasses.build(person.appearance, template, rest, hair.skull_vertices(template))
    points = mesh.place(rest)[0]
    np.testing.assert_allclose(points, mesh.rest, atol=1e-3)
    skin = rest[: template.num_skin]
    face = template.skin_faces[(skin[template.skin_faces][..., 2] > 40.0).all(axis=1)]
    a, b, c = (skin[face[:, k]] for k in range(3))
    front = points[points[:, 2] > points[mesh.part == LENS][:, 2].min() - 1.0]
    assert len(front) > 500
    for point in front[::7]:
        d1, d2, d0 = b[:, :2] - a[:, :2], c[:, :2] - a[:, :2], point[:2] - a[:, :2]
        area = d1[:, 0] * d2[:, 1] - d1[:, 1] * d2[:, 0]
        u = (d0[:, 0] * d2[:, 1] - d0[:, 1] * d2[:, 0]) / area
        v = (d1[:, 0] * d0[:, 1] - d1[:, 1] * d0[:, 0]) / area
        hit = (u >= 0) & (v >= 0) & (u + v <= 1)
        depth = a[hit, 2] + u[hit] * (b - a)[hit, 2] + v[hit] * (c - a)[hit, 2]
        assert (depth < point[2] + 0.2).all(), (point, depth)


@pytest.mark.parametrize("kind", KINDS)
def test_eyes_are_behind_the_middle_of_the_lenses(kind: str) -> None:
    person, template = _wearing(11, kind), build_template()
    rest = np.asarray(person.rest_vertices(template))
    mesh = glasses.build(person.appearance, template, rest, hair.skull_vertices(template))
    lens = mesh.rest[mesh.part == LENS]
    for side, sign in zip(SIDES, (1.0, -1.0)):
        own = lens[sign * lens[:, 0] > 0.0]
        low, high = own.min(axis=0), own.max(axis=0)
        share = (eye_center(template, rest, side) - low)[:2] / (high - low)[:2]
        assert 0.3 < share[0] < 0.7
        assert 0.4 < share[1] < 0.75
        assert 38.0 < high[0] - low[0] < 62.0  # mm, as opticians sell them


def test_glasses_turn_with_the_skull_and_not_with_the_jaw() -> None:
    person, template = _wearing(11, "round"), build_template()
    rest = np.asarray(person.rest_vertices(template))
    mesh = glasses.build(person.appearance, template, rest, hair.skull_vertices(template))
    moved = rest.copy()
    moved[rest[:, 1] < 10.0] += (0.0, -12.0, 3.0)
    np.testing.assert_allclose(mesh.place(moved)[0], mesh.rest, atol=0.05)
    aside = np.array([5.0, 0.0, 0.0])
    np.testing.assert_allclose(mesh.place(rest + aside)[0], mesh.rest + aside, atol=1e-3)


def test_clear_lenses_keep_skin_and_depth_and_dark_ones_do_not() -> None:
    bare = photograph(_wearing(11, "none"), Scene.portrait(), 128)
    clear = photograph(_wearing(11, "round"), Scene.portrait(), 128)
    dark = photograph(_wearing(11, "round", DARK), Scene.portrait(), 128)
    eyes = np.round(bare.landmarks68[[37, 38, 40, 41, 43, 44, 46, 47]]).astype(int)
    column, row = eyes[:4].mean(axis=0).astype(int)
    assert clear.mask[row, column] == bare.mask[row, column] == LABELS.index("skin")
    assert dark.mask[row, column] == OCCLUDER
    assert dark.depth[row, column] < bare.depth[row, column] - 0.01
    assert clear.depth[row, column] == pytest.approx(bare.depth[row, column], abs=1e-4)
    assert dark.image[row, column].mean() < 0.6 * bare.image[row, column].mean()
    rim = (clear.mask == OCCLUDER).sum()
    assert 40 < rim < 0.6 * (dark.mask == OCCLUDER).sum()
    assert not (bare.mask == OCCLUDER).any()
    column, row = np.floor(clear.landmarks68[36:48]).astype(int).T
    behind_frame = clear.mask[row, column] == OCCLUDER  # a pad beside the nose
    np.testing.assert_array_equal(clear.visible[36:48], ~behind_frame)
    assert behind_frame.sum() <= 1
    assert bare.visible[36:48].all()
    np.testing.assert_array_equal(clear.landmarks68, bare.landmarks68)


def test_more_old_people_wear_glasses_and_few_wear_sunglasses() -> None:
    rng = np.random.default_rng(4)
    young = [draw_glasses(rng, 22.0) for _ in range(1500)]
    old = [draw_glasses(rng, 72.0) for _ in range(1500)]
    share = [np.mean([one.kind != "none" for one in group]) for group in (young, old)]
    assert 0.17 < share[0] < 0.26
    assert 0.44 < share[1] < 0.58
    assert 0.008 < np.mean([one.dark for one in (*young, *old)]) < 0.035
    assert {one.kind for one in old} == {"none", *KINDS}


def test_words() -> None:
    assert NO_GLASSES.name == ""
    assert _wearing(1, "round").appearance.glasses.name == "black round glasses"
    assert _wearing(1, "aviator", DARK).appearance.glasses.name == "aviator sunglasses"


def test_frames_and_lenses_are_parts_of_their_own() -> None:
    person, template = _wearing(11, "browline"), build_template()
    rest = np.asarray(person.rest_vertices(template))
    mesh = glasses.build(person.appearance, template, rest, hair.skull_vertices(template))
    assert set(np.unique(mesh.part)) == {FRAME, LENS}
    assert {glasses.METAL, glasses.ACETATE} <= set(np.unique(mesh.layer[mesh.part == FRAME]))


def test_frames_are_of_plastic_and_of_metal() -> None:
    """Acetate mirrors as its refractive index says; silver returns as much as steel does."""
    person = _wearing(11, "browline")
    black, silver = person.appearance, _in_silver(person.appearance)
    acetate = glasses_surface.paint(black, _frame_points(glasses.ACETATE)).specular
    assert acetate == pytest.approx((0.48 / 2.48) ** 2, rel=0.02)
    metal = glasses_surface.paint(silver, _frame_points(glasses.METAL))
    assert 0.45 < float(metal.specular[0] + metal.albedo[0].mean()) < 0.65
    lacquered = glasses_surface.paint(
        replace(black, glasses=replace(black.glasses, metal=True)), _frame_points(glasses.METAL)
    )
    assert lacquered.specular[0] < 0.1


def _in_silver(appearance: Appearance) -> Appearance:
    colour = glasses_odds._METAL["silver"][1]
    return replace(appearance, glasses=replace(appearance.glasses, metal=True, colour=colour))


def _frame_points(layer: float) -> SurfacePoints:
    return points_at(np.array([[0.0, 30.0, 120.0]]), part=FRAME, layer=layer)
