"""Shadows and ambient light on shapes whose light is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from likeness.studio.lighting import project_surroundings, sky_share
from likeness.studio.visibility import (
    ShadowMap,
    ambient_transfer,
    harmonics,
    shadow_map,
    soft_shadow,
    sphere_directions,
)
from tests.geometry.raster_scenes import sphere

REGION = (np.zeros(3), 0.24)


def _ball(radius: float) -> tuple[np.ndarray, np.ndarray]:
    vertices, faces = sphere(24, 48)
    return (radius * vertices.numpy()).astype(np.float32), faces.numpy().astype(np.int32)


def _stacked(found: ShadowMap) -> tuple[np.ndarray, ...]:
    """One map as the maps of a single lamp."""
    return found.axes[None], found.origin[None], np.array([found.texel]), found.depth[None]


def test_harmonics_are_orthonormal():
    basis = harmonics(sphere_directions(4000))
    gram = basis.T @ basis * (4 * math.pi / 4000)
    np.testing.assert_allclose(gram, np.eye(9), atol=0.01)


def test_an_open_ball_receives_all_light_over_its_horizon():
    """On a convex body nothing is blocked: uniform light gives 1, light from above (1 + ny) / 2."""
    vertices, faces = _ball(0.1)
    normals = vertices / np.linalg.norm(vertices, axis=1, keepdims=True)
    transfer = ambient_transfer(
        vertices, normals, vertices, faces, REGION, directions=128, map_size=80
    )
    uniform = np.zeros((9, 1))
    uniform[0] = math.sqrt(4 * math.pi)
    np.testing.assert_allclose(transfer @ uniform, 1.0, atol=0.08)
    from_above = project_surroundings((1.0, 1.0, 1.0), (0.0, 0.0, 0.0))
    received = (transfer @ from_above)[:, 0]
    np.testing.assert_allclose(received, 0.5 * (1 + normals[:, 1]), atol=0.12)


def test_a_wall_takes_the_light_it_hides():
    """Points of a floor before a wall, against rays that are met by a rectangle."""
    floor = [[-0.2, 0, -0.2], [0.2, 0, -0.2], [0.2, 0, 0.2], [-0.2, 0, 0.2]]
    wall = [[0.02, -0.2, -0.2], [0.02, 0.24, -0.2], [0.02, 0.24, 0.2], [0.02, -0.2, 0.2]]
    points = np.array([[0.0, 0.0, 0.0], [-0.05, 0.0, 0.0], [-0.15, 0.0, 0.1]])
    vertices = np.array([*floor, *wall, *points], np.float32)
    faces = np.array([[0, 2, 1], [0, 3, 2], [4, 5, 6], [4, 6, 7]], np.int32)
    normals = np.tile(np.array([[0, 1, 0]], np.float32), (len(vertices), 1))
    transfer = ambient_transfer(
        vertices, normals, vertices, faces, REGION, directions=256, map_size=120
    )

    rng = np.random.default_rng(0)
    height = np.sqrt(rng.random(40_000))  # directions by their cosine with the floor's normal
    turn = rng.random(40_000) * 2 * math.pi
    across = np.sqrt(1 - height**2)
    x, z = across * np.cos(turn), across * np.sin(turn)
    for point, found in zip(points, transfer[-3:, 0] / 0.282095):
        reach = np.where(x > 0, (0.02 - point[0]) / np.maximum(x, 1e-9), np.inf)
        met = (reach * height < 0.24) & (np.abs(point[2] + reach * z) < 0.2)
        assert found == pytest.approx(1.0 - met.mean(), abs=0.08)


def test_nothing_throws_no_shadow():
    found = shadow_map(
        np.ones((3, 3), np.float32),
        np.zeros((0, 3), np.int32),
        np.array([0.0, 1.0, 0.0]),
        8,
        REGION,
        1,
    )
    assert found.depth.shape == (8, 8)
    assert (found.depth == np.inf).all()


def test_a_ball_shadows_what_is_behind_it():
    vertices, faces = _ball(0.05)
    toward = np.array([0.0, 0.0, 1.0])
    found = shadow_map(vertices, faces, toward, 256, REGION, 2)

    def lit(x: float, z: float) -> tuple[float, float]:
        return soft_shadow(x, 0.0, z, 0, *_stacked(found), found.least[None], 2, 0.0013)

    assert lit(0.0, -0.1) == pytest.approx((0.0, 0.15), abs=0.003)  # 10 cm behind its front at .05
    assert lit(0.0, 0.1)[0] == 1.0
    assert lit(0.12, -0.1)[0] == 1.0
    assert lit(0.5, -0.1)[0] == 1.0  # off the map
    profile = [lit(x, -0.1)[0] for x in np.linspace(0.04, 0.06, 41)]
    assert np.all(np.diff(profile) >= -1e-9)  # the edge is soft and has no steps back
    assert np.abs(np.diff(profile)).max() < 0.15
    assert np.interp(0.5, profile, np.linspace(0.04, 0.06, 41)) == pytest.approx(0.05, abs=0.002)


def test_a_lit_point_is_told_without_a_look_at_every_texel():
    """Nothing in the window is nearer to the light, by plain loops over it."""
    rng = np.random.default_rng(0)
    vertices = rng.uniform(-0.2, 0.2, (60, 3)).astype(np.float32)
    faces = np.arange(60, dtype=np.int32).reshape(-1, 3)
    for reach in (1, 2):
        found = shadow_map(vertices, faces, np.array([0.3, 0.8, 0.5]), 40, REGION, reach)
        for row in range(reach, 38 - reach):
            for column in range(reach, 38 - reach):
                window = found.depth[
                    row - reach : row + reach + 2, column - reach : column + reach + 2
                ]
                assert found.least[row, column] == window.min()
        for point in rng.uniform(-0.2, 0.2, (200, 3)):
            light = _stacked(found)
            quick = soft_shadow(*point, 0, *light, found.least[None], reach, 0.001)
            unknown = np.full_like(found.least, -np.inf)[None]
            assert quick == soft_shadow(*point, 0, *light, unknown, reach, 0.001)


def test_the_horizon_of_the_surroundings_is_soft():
    assert sky_share(1.0) == 1.0
    assert sky_share(-1.0) == 0.0
    assert sky_share(0.0) == pytest.approx(0.5)
