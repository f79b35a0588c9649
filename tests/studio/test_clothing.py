"""Bust and garments: they hide the end of the neck, lie on each other in order, turn as one."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from likeness.studio import clothing, surface
from likeness.studio.surface_points import BODY, CLOTH, SurfacePoints
from likeness.studio.template import build_template
from likeness.studio.torso import AXIS_Z, Build, Torso, neck_base_vertices
from likeness.studio.traits import ClothingKind
from tests.studio.surface_cases import plain, points_at

KINDS = get_args(ClothingKind)


def _built(kind: str, **changes):
    template = build_template()
    traits = {"clothing__kind": kind, "clothing__looseness": 0.4, "clothing__stripe_width": 0.0}
    appearance = plain(**{**traits, **changes})
    mesh = clothing.build(appearance, template, template.vertices)
    positions, normals = mesh.place(template.vertices)
    return appearance, mesh, positions, normals


@pytest.mark.parametrize("kind", KINDS)
def test_mesh_is_sound_and_faces_outward(kind: str) -> None:
    _, mesh, positions, normals = _built(kind)
    assert np.isfinite(positions).all()
    assert set(np.unique(mesh.part)) == {BODY, CLOTH}
    corners = positions[mesh.faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    body = (mesh.layer[mesh.faces] == 0).all(axis=1)
    middle = corners[body].mean(axis=1)
    outward = middle - np.array([0.0, 0.0, AXIS_Z])
    outward[:, 1] = 0.35 * np.linalg.norm(outward, axis=1)  # shoulders face up as well
    facing = np.einsum("fk,fk->f", flat[body], outward)
    assert (facing > 0).mean() > 0.97
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_no_gap_between_neck_and_bust(kind: str) -> None:
    template = build_template()
    _, mesh, positions, _ = _built(kind)
    bust = positions[mesh.part == BODY]
    for vertex in template.vertices[Torso(template, template.vertices).loop]:
        assert np.linalg.norm(bust - vertex, axis=1).min() < 7.0  # columns are up to 14 mm apart
    # Every column begins on a straight line between two vertices of the rim.
    first = np.flatnonzero(mesh.part == BODY)[: clothing.NUM_COLUMNS]
    np.testing.assert_allclose(mesh.offsets[first], 0.0, atol=0.2)


@pytest.mark.parametrize("kind", KINDS)
def test_cloth_lies_outside_the_bust(kind: str) -> None:
    template = build_template()
    torso = Torso(template, template.vertices)
    _, mesh, positions, _ = _built(kind)
    cloth = positions[(mesh.part == CLOTH) & (mesh.layer == 0)]
    cloth = cloth[cloth[:, 1] > -630.0]  # skirts hang free
    azimuth = np.arctan2(cloth[:, 0], cloth[:, 2] - AXIS_Z)
    # Signed distance along the normal of the nearest of many points of the bust.
    s = np.linspace(0.0, 1.0, 600)
    for row in range(0, len(cloth), 37):
        base = torso.surface(np.full(600, azimuth[row]), s)
        nearest = int(np.linalg.norm(base - cloth[row], axis=1).argmin())
        normal = torso.normals(azimuth[row : row + 1], s[nearest : nearest + 1])[0]
        assert (cloth[row] - base[nearest]) @ normal > -0.6


def test_the_neck_goes_on_inside_the_bust() -> None:
    """The skin below the ring the bust starts at lies under it, or it would come through."""
    template = build_template()
    torso = Torso(template, template.vertices)
    rim = template.vertices[template.neck_loop]
    azimuth = np.arctan2(rim[:, 0], rim[:, 2] - AXIS_Z)
    s = np.linspace(0.0, 1.0, 400)
    for angle, point in zip(azimuth, rim):
        column = torso.surface(np.full(400, angle), s)
        beside = column[np.abs(column[:, 1] - point[1]).argmin()]
        assert np.hypot(*(beside - (0, 0, AXIS_Z))[[0, 2]]) > np.hypot(
            *(point - (0, 0, AXIS_Z))[[0, 2]]
        )


def test_shoulders_are_as_high_as_people_and_follow_neck_and_sex() -> None:
    template = build_template()
    torso = Torso(template, template.vertices)
    side = torso.surface(np.full(101, np.pi / 2), np.linspace(0, 1, 101))
    # A trapezius falls from the neck to the arms.
    assert (np.diff(side[:60, 1]) < 0).all()
    assert side[np.abs(side[:, 0] - 120.0).argmin(), 1] == pytest.approx(-148.0, abs=12.0)
    slim = template.vertices * (0.85, 1.0, 1.0)
    assert Torso(template, slim).scale < torso.scale
    woman = Torso(template, template.vertices, Build("female", 25.0))
    assert woman.scale < 0.95 * torso.scale
    heavy = Torso(template, template.vertices, Build("male", 36.0))
    waist = np.array([0.0]), np.array([0.88])
    assert heavy.surface(*waist)[0, 2] > torso.surface(*waist)[0, 2] + 10.0


def test_left_and_right_of_the_bust_mirror() -> None:
    template = build_template()
    torso = Torso(template, template.vertices)
    azimuth = np.linspace(0.1, 3.0, 40)
    s = np.linspace(0.02, 0.98, 40)
    left, right = torso.surface(azimuth, s), torso.surface(-azimuth, s)
    np.testing.assert_allclose(right * (-1.0, 1.0, 1.0), left, atol=0.3)


def test_collars_rise_and_v_necks_fall() -> None:
    template = build_template()
    rim = template.vertices[template.neck_loop]
    highest, deepest = {}, {}
    for kind in KINDS:
        _, mesh, positions, _ = _built(kind)
        cloth = positions[mesh.part == CLOTH]
        highest[kind] = cloth[:, 1].max()
        front = cloth[(np.abs(cloth[:, 0]) < 12.0) & (cloth[:, 2] > 0.0)]
        deepest[kind] = front[:, 1].max()
    assert highest["roll-neck"] > rim[:, 1].max() + 15.0
    assert highest["shirt"] > rim[:, 1].max() + 10.0
    assert highest["t-shirt"] < highest["shirt"] - 10.0
    assert highest["hoodie"] > highest["sweater"] + 10.0
    assert deepest["cardigan"] > deepest["v-neck"]  # what is worn under it
    assert deepest["v-neck"] < deepest["t-shirt"] - 20.0


def test_clothes_turn_with_the_shoulders_not_with_the_head() -> None:
    template = build_template()
    mesh = _built("shirt")[1]
    rest, _ = mesh.place(template.vertices)
    base = neck_base_vertices(template)
    assert set(template.neck_loop) <= set(base)
    turned = template.vertices.copy()
    others = np.setdiff1d(np.arange(template.num_vertices), base)
    angle = np.radians(40.0)
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    turned[others] = turned[others] @ turn.T
    np.testing.assert_allclose(mesh.place(turned)[0], rest, atol=1e-4)
    whole = mesh.place(template.vertices @ turn.T)[0]
    np.testing.assert_allclose(whole, rest @ turn.T, atol=1e-3)


def _cloth_points(rest: np.ndarray, footprint: float, layer: float = 0.0) -> SurfacePoints:
    return points_at(rest, CLOTH, footprint=footprint, layer=layer)


@pytest.mark.parametrize("kind", KINDS)
def test_cloth_has_the_colour_of_the_trait(kind: str) -> None:
    appearance = _built(kind)[0]
    rng = np.random.default_rng(0)
    rest = np.stack(
        [rng.uniform(60, 300, 4000), rng.uniform(40, 200, 4000), rng.uniform(-300, -170, 4000)], 1
    )
    for footprint in (0.1, 2.0):
        albedo = surface.evaluate(appearance, _cloth_points(rest, footprint)).albedo
        np.testing.assert_allclose(albedo.mean(axis=0), appearance.clothing.colour, rtol=0.2)


def test_the_shade_between_arm_and_trunk_begins_softly() -> None:
    """It began at once 215 mm below the ear, as a line across the chest."""
    height = np.arange(-330.0, -180.0, 1.0)
    rest = np.stack([np.full_like(height, 170.0), np.full_like(height, 90.0), height], axis=1)
    lit = surface.evaluate(_built("shirt")[0], _cloth_points(rest, 0.5)).occlusion
    assert lit.max() - lit.min() > 0.3
    assert np.abs(np.diff(lit)).max() < 0.02


def test_stripes_repeat_at_their_width() -> None:
    appearance = plain(
        clothing__kind="t-shirt",
        clothing__stripe_width=20.0,
        clothing__colour=(0.6, 0.6, 0.6),
        clothing__accent=(0.02, 0.02, 0.02),
    )
    height = np.arange(-300.0, -180.0, 0.25)
    rest = np.stack([np.full_like(height, 100.0), np.full_like(height, 80.0), height], axis=1)
    light = surface.evaluate(appearance, _cloth_points(rest, 0.5)).albedo.mean(axis=1)
    dark = light < 0.3
    assert 0.4 < dark.mean() < 0.6
    borders = height[1:][np.diff(dark.astype(int)) == 1]
    np.testing.assert_allclose(np.diff(borders), 20.0, atol=0.3)


def test_weave_fades_with_distance() -> None:
    appearance = _built("sweater")[0]
    rng = np.random.default_rng(1)
    rest = np.stack(
        [rng.uniform(0, 300, 3000), rng.uniform(0, 200, 3000), rng.uniform(-300, -170, 3000)], 1
    )
    bumps = [
        np.abs(surface.evaluate(appearance, _cloth_points(rest, footprint)).bump).mean()
        for footprint in (0.1, 0.4, 3.0)
    ]
    assert bumps[0] > 0.05
    assert bumps[2] == 0.0
    assert bumps[0] >= bumps[1] >= bumps[2]


def test_looser_garments_stand_off_farther() -> None:
    spread = []
    for looseness in (0.0, 1.0):
        _, mesh, positions, _ = _built("t-shirt", clothing__looseness=looseness)
        cloth = positions[mesh.part == CLOTH]
        spread.append(np.hypot(cloth[:, 0], cloth[:, 2] - AXIS_Z).mean())
    assert spread[1] > spread[0] + 2.0


@pytest.mark.parametrize("kind", ["blouse", "t-shirt", "dress"])
def test_the_bust_begins_with_the_shade_of_the_neck(kind: str) -> None:
    """Normals of both where they meet, or their border is a jagged line."""
    template = build_template()
    skin = template.vertices[: template.num_skin].astype(np.float64)
    corners = skin[template.skin_faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    of_neck = np.zeros_like(skin)
    for corner in range(3):
        np.add.at(of_neck, template.skin_faces[:, corner], flat)
    of_neck /= np.linalg.norm(of_neck, axis=1, keepdims=True)
    torso = Torso(template, template.vertices)
    _, mesh, positions, normals = _built(kind)
    bust, facing = positions[mesh.part == BODY], normals[mesh.part == BODY]
    for vertex in torso.loop:
        away = np.linalg.norm(bust - skin[vertex], axis=1)
        near = away < 10.0
        assert (facing[near] @ of_neck[vertex] > np.cos(np.radians(15.0))).all()


def test_a_dress_goes_on_below_the_hips_as_one_piece() -> None:
    """Its skirt was a tube of its own under the hem of a blouse, 10 mm narrower."""
    template, _ = build_template(), None
    appearance = plain(clothing__kind="dress", clothing__looseness=0.4)
    mesh = clothing.build(appearance, template, template.vertices, Build("female", 24.0))
    points = mesh.place(template.vertices)[0]
    dress = points[(mesh.part == CLOTH) & (mesh.layer == 0)].reshape(-1, clothing.NUM_COLUMNS, 3)
    assert dress[:, :, 1].min() < -950.0
    width = np.ptp(dress[:-1, :, 0], axis=1)
    below_waist = dress[:-1, :, 1].mean(axis=1) < -480.0
    assert np.diff(width[below_waist]).min() > -1.0
