"""Heights above a head, against a head whose heights are known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import LinearNDInterpolator

from likeness.studio.scalp import AXIS_Z, CENTER_Y, HeadSpace


@dataclass(eq=False)
class _Egg:
    """What of a template the map asks for."""

    vertices: np.ndarray
    ear: np.ndarray

    @property
    def num_skin(self) -> int:
        return len(self.vertices)


def _egg(count: int = 6000) -> tuple[_Egg, np.ndarray]:
    """A capsule: a half ball of 80 mm on a cylinder of 80 mm around the map's own axis."""
    rng = np.random.default_rng(0)
    turn = rng.uniform(-np.pi, np.pi, count)
    height = rng.uniform(-150.0, 140.0, count)
    rise = np.clip((height - CENTER_Y) / 80.0, 0.0, 1.0)
    radius = 80.0 * np.sqrt(1.0 - rise**2)
    skin = np.stack([radius * np.sin(turn), height, AXIS_Z + radius * np.cos(turn)], axis=1)
    return _Egg(skin.copy(), np.zeros(count)), skin


def test_height_over_a_capsule() -> None:
    template, skin = _egg()
    space = HeadSpace(template, skin)
    rng = np.random.default_rng(1)
    turn, level = rng.uniform(-np.pi, np.pi, 500), rng.uniform(-140.0, 55.0, 500)
    radius = 80.0 + rng.uniform(-10.0, 30.0, 500)
    beside = np.stack([radius * np.sin(turn), level, AXIS_Z + radius * np.cos(turn)], axis=1)
    np.testing.assert_allclose(space.height(beside), radius - 80.0, atol=0.5)
    direction = rng.standard_normal((500, 3))
    direction[:, 1] = np.abs(direction[:, 1])
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    above = np.array([0.0, CENTER_Y, AXIS_Z]) + radius[:, None] * direction
    np.testing.assert_allclose(space.height(above), radius - 80.0, atol=1.5)


def test_clamp_moves_along_the_ray_and_no_farther_than_needed() -> None:
    template, skin = _egg()
    space = HeadSpace(template, skin)
    points = np.array([[100.0, 0.0, AXIS_Z], [81.0, -50.0, AXIS_Z], [85.0, 20.0, AXIS_Z]])
    moved = space.clamp(points, np.full(3, 4.0), np.full(3, 10.0))
    np.testing.assert_allclose(space.height(moved), [10.0, 4.0, 5.0], atol=0.6)
    np.testing.assert_allclose(moved[:, 1], points[:, 1])
    np.testing.assert_allclose(moved[:, 2], points[:, 2], atol=1e-9)


def test_ears_are_left_out_and_covered_on_demand() -> None:
    template, skin = _egg()
    # An ear of 20 mm around the point (1, 0) of the azimuths, between y = -20 and 30.
    azimuth = np.degrees(np.arctan2(skin[:, 0], skin[:, 2] - AXIS_Z))
    ear = (np.abs(azimuth - 90.0) < 8.0) & (skin[:, 1] > -20.0) & (skin[:, 1] < 30.0)
    template.ear[ear] = 1.0
    skin[ear] = skin[ear] * (1.25, 1.0, 1.0)
    beside = np.array([[100.0, 5.0, AXIS_Z], [0.0, 5.0, AXIS_Z + 100.0]])
    plain = HeadSpace(template, skin).height(beside)
    np.testing.assert_allclose(plain, 20.0, atol=0.6)
    covered = HeadSpace(template, skin, ear_cover=1.0)
    np.testing.assert_allclose(covered.height(beside), [0.0, 20.0], atol=1.5)
    # The map has a knot every 7 by 6 mm, so it follows an edge of the ear to about a millimetre.
    assert covered.height(skin[ear]).max() < 1.6
    half = HeadSpace(template, skin, ear_cover=0.5).height(beside)
    np.testing.assert_allclose(half, [10.0, 20.0], atol=1.5)


def test_outward_is_a_unit_direction_away_from_the_axis() -> None:
    template, skin = _egg()
    space = HeadSpace(template, skin)
    out = space.outward(skin)
    np.testing.assert_allclose(np.linalg.norm(out, axis=1), 1.0)
    low = skin[:, 1] < CENTER_Y
    assert np.abs(out[low, 1]).max() == 0.0
    assert (out[:, 0] * skin[:, 0] >= 0.0).all()


def test_the_map_is_linear_between_vertices() -> None:
    """As SciPy interpolates over a triangulation of the person's own, the template being another
    head: narrower, longer and turned past the seam."""
    template, skin = _egg()
    template.vertices = skin * (0.94, 1.0, 1.05) + (1.5, 0.0, -2.0)
    space = HeadSpace(template, skin)
    rng = np.random.default_rng(2)
    turn, y = rng.uniform(-np.pi, np.pi, 400), rng.uniform(-100.0, 50.0, 400)
    points = np.stack([100.0 * np.sin(turn), y, AXIS_Z + 100.0 * np.cos(turn)], axis=1)
    azimuth = np.degrees(np.arctan2(skin[:, 0], skin[:, 2] - AXIS_Z))
    radius = np.hypot(skin[:, 0], skin[:, 2] - AXIS_Z)
    wrapped = np.concatenate([azimuth - 360.0, azimuth, azimuth + 360.0])
    sites = np.column_stack([wrapped, np.tile(skin[:, 1], 3)])
    wanted = LinearNDInterpolator(sites, np.tile(radius, 3))(np.degrees(turn), y)
    np.testing.assert_allclose(space.height(points), 100.0 - wanted, atol=0.3)
