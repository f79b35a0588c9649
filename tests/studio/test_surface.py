"""Evaluation of mixed points, and the textures baked by it."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from likeness.studio import surface
from likeness.studio.bake import bake
from likeness.studio.expressions import INDEX
from likeness.studio.pigments import skin_tone
from likeness.studio.surface_points import (
    BEARD,
    BODY,
    CLOTH,
    HAIR,
    HAIR_CAP,
    LASH,
    SurfacePoints,
    SurfaceValues,
)
from likeness.studio.template import PARTS, build_template
from tests.studio.surface_cases import head_points, plain, points_at, sitter


def _scattered(count: int, part: int) -> SurfacePoints:
    rng = np.random.default_rng(part)
    rest = rng.uniform((-90, -150, -90), (90, 150, 130), (count, 3))
    return points_at(rest, part, mouth_ring=1.0, eye_ring=1.0, ear=0.2, layer=0.5)


def _mixed(parts: list[SurfacePoints]) -> SurfacePoints:
    return SurfacePoints(
        **{
            f.name: np.concatenate([getattr(p, f.name) for p in parts])
            for f in fields(SurfacePoints)
        }
    )


EVERY_PART = [*range(len(PARTS)), HAIR, HAIR_CAP, BEARD, LASH, CLOTH, BODY]


def test_codes_do_not_collide_with_the_parts_of_the_head() -> None:
    assert len(set(EVERY_PART)) == len(PARTS) + 6


@pytest.mark.parametrize("part", EVERY_PART)
def test_every_part_is_painted_anywhere(part: int) -> None:
    values = surface.evaluate(sitter(4, "male", 60.0), _scattered(400, part))
    for field in fields(SurfaceValues):
        array = getattr(values, field.name)
        assert array.dtype == np.float32
        assert len(array) == 400
        assert np.isfinite(array).all(), field.name
    assert values.albedo.max() > 0.0
    assert values.albedo.max() <= 0.9
    assert ((values.roughness > 0.0) & (values.roughness <= 1.0)).all()
    assert ((values.occlusion >= 0.0) & (values.occlusion <= 1.0)).all()


def test_mixture_equals_its_parts() -> None:
    appearance = sitter(4, "male", 60.0)
    single = [_scattered(50, part) for part in EVERY_PART]
    order = np.random.default_rng(0).permutation(50 * len(EVERY_PART))
    together = surface.evaluate(appearance, _mixed(single).take(order))
    apart = [surface.evaluate(appearance, points) for points in single]
    for field in fields(SurfaceValues):
        expected = np.concatenate([getattr(values, field.name) for values in apart])[order]
        np.testing.assert_array_equal(getattr(together, field.name), expected)


def test_no_weights_is_the_neutral_face() -> None:
    points = head_points(build_template(), np.arange(0, 4000, 7))
    plainly = surface.evaluate(plain(), points)
    neutral = surface.evaluate(plain(), points, np.zeros(52))
    np.testing.assert_array_equal(plainly.albedo, neutral.albedo)
    np.testing.assert_array_equal(plainly.bump, neutral.bump)


def test_no_points_no_values() -> None:
    empty = _scattered(10, 0).take(np.zeros(10, bool))
    assert len(surface.evaluate(plain(), empty).albedo) == 0


def test_expressions_change_relief_but_not_far_away() -> None:
    points = head_points(build_template(), np.arange(build_template().num_skin))
    weights = np.zeros(52)
    weights[INDEX["browInnerUp"]] = 1.0
    still = surface.evaluate(plain(), points).bump
    moved = surface.evaluate(plain(), points, weights).bump
    changed = np.linalg.norm(moved - still, axis=1) > 1e-4
    assert changed.sum() > 20
    assert points.rest[changed, 1].min() > 55.0


@pytest.fixture(scope="module")
def textures():
    return bake(plain(melanin=0.4), build_template(), 256)


def test_baked_texels_are_evaluated_points(textures) -> None:
    template = build_template()
    assert 0.6 < textures.covered.mean() < 1.0
    # The texel under a vertex in the middle of the forehead.
    vertex = int(np.argmin(np.linalg.norm(template.vertices - [0.0, 70.0, 106.0], axis=1)))
    corner = np.argwhere(template.faces == vertex)[0]
    u, v = template.uv[template.uv_faces[corner[0], corner[1]]]
    row, column = int((1.0 - v) * 256), int(u * 256)
    expected = np.array(skin_tone(0.4))
    linear = (textures.albedo[row, column] / 255.0) ** 2.2
    np.testing.assert_allclose(linear, expected, rtol=0.25)


def test_baked_normals_are_the_templates(textures) -> None:
    template = build_template()
    forward = textures.normal[..., 2].astype(float) / 127.5 - 1.0
    left = textures.normal[..., 0].astype(float) / 127.5 - 1.0
    length = np.linalg.norm(textures.normal / 127.5 - 1.0, axis=-1)
    assert np.abs(length[textures.covered] - 1.0).max() < 0.03
    chart = template.uv[template.uv_faces]
    for place, values, sign in (
        ((0.0, 70.0, 106.0), forward, 1.0),
        ((0.0, 40.0, -88.0), forward, -1.0),
        ((78.0, 60.0, 10.0), left, 1.0),
        ((-78.0, 60.0, 10.0), left, -1.0),
    ):
        middle = template.vertices[template.faces].mean(axis=1)
        face = int(np.argmin(np.linalg.norm(middle - place, axis=1)))
        u, v = chart[face].mean(axis=0)
        assert sign * values[int((1 - v) * 256), int(u * 256)] > 0.8


def test_nothing_black_bleeds_in_from_outside_the_chart(textures) -> None:
    outside = textures.albedo[~textures.covered].reshape(-1, 3)
    assert outside.max(axis=1).min() > 0
    # A texel next to an island repeats one of the island's texels beside it.
    padded = np.pad(textures.albedo.astype(int), ((1, 1), (1, 1), (0, 0)), constant_values=-1)
    inside = np.pad(textures.covered, 1)
    beside = [(0, 1), (0, -1), (1, 0), (-1, 0)]
    for row, column in np.argwhere(~textures.covered)[::5]:
        colour = padded[row + 1, column + 1]
        near = [
            padded[row + 1 + i, column + 1 + j]
            for i, j in beside
            if inside[row + 1 + i, column + 1 + j]
        ]
        assert not near or any((colour == other).all() for other in near)
