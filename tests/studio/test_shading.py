"""Surfaces under known light: one sample at a time, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.studio.colours import HAIR_ANCHORS, HAIR_GREY
from likeness.studio.shading import CLOTH, EYE, GLOSS, SKIN, STRAND, shade


def _shade(
    kind: int,
    normal,
    *,
    lamp=(0.0, 0.0, 1.0),
    strength: float = 1.0,
    softness: float = 0.05,
    surroundings: float = 0.0,
    albedo=(0.5, 0.5, 0.5),
    specular: float = 0.0,
    roughness: float = 0.5,
    occlusion: float = 1.0,
    open_share: float = 1.0,
    blocked_by: float | None = None,
    open_toward=(0.0, 0.0, 0.0),
    tangent=(0.0, 1.0, 0.0),
) -> np.ndarray:
    """Radiance of a point one metre before the camera; ``blocked_by`` puts matter of that depth
    in metres between it and the lamp, ``open_toward`` is where its surroundings are seen."""
    position = np.array([[0.0, 0.0, -1.0]], np.float32)
    normal = np.asarray(normal, np.float32)[None]
    lamp = np.asarray(lamp, np.float64) / np.linalg.norm(lamp)
    away = -lamp
    helper = np.array([0.0, 1.0, 0.0]) if abs(away[1]) < 0.9 else np.array([1.0, 0.0, 0.0])
    right = np.cross(away, helper)
    right /= np.linalg.norm(right)
    axes = np.stack([right, np.cross(away, right), away]).astype(np.float32)
    texel = 0.001
    own = float(position[0] @ axes[2])
    depth = np.full((64, 64), np.inf if blocked_by is None else own - blocked_by, np.float32)
    origin = (axes[:2] @ position[0] - 32 * texel).astype(np.float32)
    light = np.zeros((9, 3))
    light[0] = surroundings * math.sqrt(4 * math.pi)
    transfer = np.zeros((3, 9), np.float32)
    transfer[:, 0] = 0.282095 * open_share
    transfer[:, 1:4] = 0.3 * np.asarray(open_toward)
    out = np.empty((1, 3), np.float32)

    def one(value: float) -> np.ndarray:
        return np.array([value], np.float32)

    shade(
        position,
        normal,
        np.asarray(tangent, np.float32)[None],
        np.array([kind], np.uint8),
        np.asarray(albedo, np.float32)[None],
        np.zeros((1, 3), np.float32),
        one(specular),
        one(roughness),
        one(occlusion),
        np.full((1, 3), 1 / 3, np.float32),
        np.array([[0, 1, 2]], np.int32),
        transfer,
        light,
        lamp[None],
        np.full((1, 3), strength),
        np.array([softness]),
        axes[None],
        origin[None],
        np.array([texel]),
        depth[None],
        depth[None],
        2,
        out,
    )
    return out[0]


FACING = (0.0, 0.0, 1.0)


@pytest.mark.parametrize("kind", [SKIN, CLOTH, EYE])
def test_a_surface_facing_a_lamp_returns_its_albedo(kind):
    found = _shade(kind, FACING, strength=0.8, albedo=(0.6, 0.4, 0.2))
    np.testing.assert_allclose(found, [0.48, 0.32, 0.16], rtol=1e-5)


def test_uniform_surroundings_on_an_open_surface():
    found = _shade(SKIN, FACING, strength=0.0, surroundings=0.7, albedo=(0.6, 0.4, 0.2))
    np.testing.assert_allclose(found, [0.42, 0.28, 0.14], rtol=1e-4)
    half = _shade(CLOTH, FACING, strength=0.0, surroundings=0.7, occlusion=0.5)
    assert 0.5 * 0.35 < half[0] < 0.35  # the blocked half returns a part


def test_cloth_darkens_with_the_cosine_and_skin_more_slowly_in_red():
    tilted = (math.sin(1.2), 0.0, math.cos(1.2))
    cloth = _shade(CLOTH, tilted)
    expected = 0.5 * (math.cos(1.2) + 0.1) / 1.1
    np.testing.assert_allclose(cloth, expected, rtol=1e-4)
    beyond = (math.sin(1.7), 0.0, math.cos(1.7))  # turned 7 degrees away from the lamp
    skin = _shade(SKIN, beyond)
    assert skin[0] > 1.8 * skin[2]
    assert _shade(SKIN, (0.0, 0.0, -1.0)).max() < 1e-6


def test_light_comes_through_thin_skin_in_red():
    """Of six millimetres one or two count as bias: e^-1 of red after 4.2 mm, no blue."""
    through = _shade(SKIN, FACING, blocked_by=0.006)
    assert math.exp(-6 / 4.2) < through[0] / 0.5 < math.exp(-4 / 4.2)
    assert through[2] / 0.5 < 0.005
    assert through[0] > through[1] > through[2]
    thick = _shade(SKIN, FACING, blocked_by=0.05)
    assert thick.max() < 1e-4
    assert _shade(CLOTH, FACING, blocked_by=0.01).max() < 1e-4


def test_highlights_grow_toward_grazing_light_and_with_smoothness():
    """Mirror direction: Schlick's term rises from 2.8 % to several times that."""

    def gloss(angle: float, roughness: float) -> float:
        # Light, camera and normal such that the camera looks along the mirror direction.
        lamp = (math.sin(2 * angle), 0.0, math.cos(2 * angle))
        normal = (math.sin(angle), 0.0, math.cos(angle))
        shiny = _shade(SKIN, normal, lamp=lamp, specular=1.0, roughness=roughness)
        dull = _shade(SKIN, normal, lamp=lamp, specular=0.0, roughness=roughness)
        return float(shiny[1] - dull[1])

    assert gloss(0.3, 0.3) > 3.0 * gloss(0.3, 0.6)
    assert gloss(1.2, 0.5) > 1.5 * gloss(0.3, 0.5)
    off = _shade(SKIN, (0.6, 0.0, 0.8), specular=1.0) - _shade(SKIN, (0.6, 0.0, 0.8))
    assert off[1] < 0.1 * gloss(0.0, 0.5) + 0.02


def test_the_eye_mirrors_the_lamp_as_a_disc():
    def seen(angle: float) -> float:
        normal = (math.sin(angle), 0.0, math.cos(angle))
        bright = _shade(EYE, normal, specular=3.0, roughness=0.06, softness=0.10, albedo=(0, 0, 0))
        return float(bright[1])

    assert seen(0.0) > 0.5
    assert seen(0.03) == pytest.approx(seen(0.0), rel=0.1)  # the mirror turns twice as far
    assert seen(0.12) < 0.02 * seen(0.0)


def test_strands_shine_across_and_not_along_the_light():
    """Kajiya and Kay: a hair along the light stays dark; turning it about itself changes little."""
    across = _shade(STRAND, FACING, specular=0.0)
    along = _shade(STRAND, FACING, specular=0.0, tangent=(0.0, 0.0, 1.0))
    assert across[0] > 1.5 * along[0]
    highlight = _shade(STRAND, FACING, specular=1.0, roughness=0.3)
    assert highlight[0] > across[0] + 0.05
    brown = {"specular": 0.0, "albedo": (0.09, 0.045, 0.022)}
    inside = _shade(STRAND, FACING, blocked_by=0.02, **brown) / _shade(STRAND, FACING, **brown)
    assert 0 < inside[0] < 0.2


def test_white_hair_passes_light_on_where_dark_hair_keeps_it():
    """Beer's law: ten more millimetres always leave the same share. Of light behind 10 mm of white
    hair more than twice what is left behind black is; it has no black holes between its locks."""
    left = {}
    for name, albedo in (("white", HAIR_GREY), ("black", HAIR_ANCHORS[-1])):
        lit = _shade(STRAND, FACING, specular=0.0, albedo=albedo)
        ten, twenty, thirty = (
            _shade(STRAND, FACING, specular=0.0, albedo=albedo, blocked_by=depth) / lit
            for depth in (0.01, 0.02, 0.03)
        )
        np.testing.assert_allclose(twenty**2, ten * thirty, rtol=1e-3)
        left[name] = ten[1]
    assert left["white"] > 2.0 * left["black"]
    assert left["white"] > 0.45


def test_brightness_is_proportional_to_light_and_adds_up():
    one = _shade(SKIN, (0.3, 0.2, 0.93), lamp=(0.4, 0.5, 0.8), specular=1.0)
    two = _shade(SKIN, (0.3, 0.2, 0.93), lamp=(0.4, 0.5, 0.8), specular=1.0, strength=2.0)
    np.testing.assert_allclose(two, 2 * one, rtol=1e-5)
    both = _shade(SKIN, FACING, surroundings=0.3)
    lamp, sky = _shade(SKIN, FACING), _shade(SKIN, FACING, strength=0.0, surroundings=0.3)
    np.testing.assert_allclose(both, lamp + sky, rtol=1e-5)


def test_an_outline_before_the_neck_mirrors_no_sky():
    """A grazing surface mirrors what is behind it; the jaw's outline shone where that is skin."""
    graze = np.array([1.0, 0.0, 0.1]) / math.hypot(1.0, 0.1)
    common = {"strength": 0.0, "surroundings": 1.0, "albedo": (0, 0, 0), "specular": 1.0}
    away = (0.2, 0.0, -1.0)  # about where the mirror looks
    mirrored = _shade(SKIN, graze, open_toward=graze, **common)
    assert mirrored.min() > 0.1
    half = {"open_share": 0.5, **common}
    assert _shade(SKIN, graze, open_toward=(0.4, 0.0, 1.0), **half).max() < 1e-6
    through = _shade(SKIN, graze, open_toward=away, **half)
    np.testing.assert_allclose(through, 0.25 * mirrored, rtol=0.01)


def test_tears_mirror_their_surroundings_as_water_does():
    """Two and a half hundredths of what is around: pupils stay black. They were veiled by four
    times as much, and lighter than a brown iris."""
    shown = _shade(
        EYE, (0, 0, 1), strength=0.0, surroundings=1.0, albedo=(0, 0, 0), specular=3.0,
        roughness=0.06,
    )  # fmt: skip
    assert shown == pytest.approx([0.025] * 3, rel=0.02)


@pytest.mark.parametrize(("reflectance", "degrees"), [(0.038, 0), (0.038, 80), (0.5, 0), (0.5, 80)])
def test_frames_mirror_what_is_painted_and_never_more_than_there_is(reflectance, degrees):
    """Schlick's term from the painted reflectance, under a sky of radiance 1: plastic mirrored two
    and a half times as much seen straight, and metal several skies at the edges of a wire."""
    turn = math.radians(degrees)
    shown = _shade(
        GLOSS, (math.sin(turn), 0.0, math.cos(turn)), strength=0.0, surroundings=1.0,
        albedo=(0, 0, 0), specular=reflectance, roughness=0.26,
    )  # fmt: skip
    most = max(1.0 - 0.26, reflectance)
    expected = reflectance + (most - reflectance) * (1.0 - math.cos(turn)) ** 5
    assert shown == pytest.approx([expected] * 3, rel=0.02)


@pytest.mark.parametrize("lamp", [0.0, 1.0])
def test_gold_mirrors_in_gold_and_its_edge_in_white(lamp):
    """Under a white sky, and under a white lamp: its reflection had no colour, as silver's."""
    gold, reflectance = (0.17, 0.104, 0.035), 0.28

    def mirrored(degrees: float) -> np.ndarray:
        turn = math.radians(degrees)
        normal = (math.sin(turn), 0.0, math.cos(turn))
        kept = {"strength": lamp, "lamp": (math.sin(2 * turn), 0.0, math.cos(2 * turn)),
                "surroundings": 1.0 - lamp, "roughness": 0.26}  # fmt: skip
        shown = _shade(GLOSS, normal, albedo=gold, specular=reflectance, **kept)
        return shown - _shade(GLOSS, normal, albedo=gold, specular=0.0, roughness=1.0, **{
            name: value for name, value in kept.items() if name != "roughness"})  # fmt: skip

    straight = np.array([0.08 + 0.20 * value / gold[1] for value in gold])
    shown = mirrored(0.0)
    np.testing.assert_allclose(shown / shown[1], straight / straight[1], rtol=0.05)
    edge = mirrored(80.0) if lamp == 0.0 else mirrored(44.0)
    assert (edge / edge[1])[2] > (shown / shown[1])[2]
