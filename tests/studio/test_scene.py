"""Scenes: their distributions, turns of body and neck, light."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.studio.background import KINDS
from likeness.studio.difficulty import Difficulty
from likeness.studio.light_kinds import LIGHT_NAMES
from likeness.studio.lighting import Lamp, balanced_color
from likeness.studio.scene import Scene, axis_angle, head_rotation, turn_head


def test_a_seed_gives_one_scene():
    assert Scene.sample(np.random.default_rng(5)) == Scene.sample(np.random.default_rng(5))
    assert Scene.sample(np.random.default_rng(5)) != Scene.sample(np.random.default_rng(6))


def test_distributions_of_pose_camera_and_light():
    rng = np.random.default_rng(7)
    scenes = [Scene.sample(rng) for _ in range(800)]
    yaw = np.degrees([scene.yaw for scene in scenes])
    pitch = np.degrees([scene.pitch for scene in scenes])
    roll = np.degrees([scene.roll for scene in scenes])
    assert np.abs(yaw).max() <= 90
    assert np.abs(yaw).max() > 80
    assert np.abs(pitch).max() <= 30
    assert np.abs(roll).max() <= 15
    for low, high, share in ((0, 20, 0.5), (20, 50, 0.35), (50, 90, 0.15)):
        within = (np.abs(yaw) >= low) & (np.abs(yaw) < high)
        assert within.mean() == pytest.approx(share, abs=0.06)
        assert np.mean(yaw[within] > 0) == pytest.approx(0.5, abs=0.16)
    distance = np.array([scene.framing.distance for scene in scenes])
    assert distance.min() >= 0.35
    assert distance.max() <= 3.0
    assert np.quantile(distance, 0.1) < 0.6
    assert np.quantile(distance, 0.9) > 1.5
    margin = np.array([scene.framing.margin for scene in scenes])
    assert (margin.min(), margin.max()) == pytest.approx((1.2, 2.2), abs=0.05)
    assert {scene.light_name for scene in scenes} == set(LIGHT_NAMES)
    kinds = {scene.background.kind for scene in scenes}
    assert kinds == set(KINDS)
    at_camera = np.mean([scene.gaze == (0.0, 0.0) for scene in scenes])
    assert at_camera == pytest.approx(0.75, abs=0.06)
    for scene in scenes:
        assert 2000 <= scene.lighting.key.temperature <= 12000
        assert -math.pi / 2 <= scene.lighting.key.elevation <= math.pi / 2


def test_classes_beyond_the_limit_leave_their_share_to_the_others():
    """With at most 35 degrees: 50 to 35, each evenly."""
    rng = np.random.default_rng(1)
    yaw = np.degrees([abs(Scene.sample(rng, max_yaw=35.0).yaw) for _ in range(600)])
    assert yaw.max() <= 35.0
    assert np.mean(yaw < 20) == pytest.approx(50 / 85, abs=0.06)
    assert yaw[yaw >= 20].mean() == pytest.approx(27.5, abs=1.0)


def test_limits_are_kept():
    scenes = [
        Scene.sample(
            np.random.default_rng(seed),
            difficulty=Difficulty(sensor="clean"),
            max_yaw=10.0,
            expressive=False,
        )
        for seed in range(50)
    ]
    assert max(abs(math.degrees(scene.yaw)) for scene in scenes) <= 10.0
    assert all(not any(scene.expression) for scene in scenes)
    assert all(scene.film.photons is None and scene.film.jpeg_quality is None for scene in scenes)


def test_something_in_front_is_as_frequent_as_asked():
    rng = np.random.default_rng(3)
    scenes = [Scene.sample(rng, difficulty=Difficulty(occlusion=0.3)) for _ in range(300)]
    share = np.mean([scene.occluder is not None for scene in scenes])
    assert share == pytest.approx(0.3, abs=0.08)
    assert Scene.sample(rng, difficulty=Difficulty.level(0)).occluder is None


def test_head_rotation_turns_lifts_and_tilts():
    face, up = np.array([0.0, 0.0, 1.0]), np.array([0.0, 1.0, 0.0])
    assert (head_rotation(0.3, 0, 0) @ face)[0] > 0.2  # toward the right of the picture
    assert (head_rotation(0, 0.3, 0) @ face)[1] > 0.2  # up
    assert (head_rotation(0, 0, 0.3) @ up)[0] < -0.2  # counter-clockwise in the picture
    expected = Rotation.from_euler("YXZ", [0.5, -0.2, 0.1]).as_matrix()
    np.testing.assert_allclose(head_rotation(0.5, 0.2, 0.1), expected, atol=1e-12)


def test_axis_angle_is_the_inverse_of_rotating():
    rng = np.random.default_rng(0)
    for vector in rng.normal(size=(50, 3)):
        rotation = Rotation.from_rotvec(vector)
        if rotation.magnitude() < 3.0:
            np.testing.assert_allclose(
                axis_angle(rotation.as_matrix()), rotation.as_rotvec(), atol=1e-9
            )
    assert axis_angle(np.eye(3)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("yaw", [-85, -30, 0, 60, 90])
@pytest.mark.parametrize("share", [0.1, 0.9])
def test_body_and_neck_share_the_turn(yaw, share):
    angles = (math.radians(yaw), math.radians(-20), math.radians(10))
    pose = turn_head(*angles, body_share=share)
    body = Rotation.from_rotvec(pose.root).as_matrix()
    neck = Rotation.from_rotvec(pose.neck)
    np.testing.assert_allclose(body @ neck.as_matrix(), head_rotation(*angles), atol=1e-9)
    assert math.degrees(neck.magnitude()) < 55


def test_temperatures_go_from_red_to_blue():
    """Black bodies: D65-like light is nearly white in sRGB, a bulb is orange, the sky is blue."""
    white = balanced_color(6500, 6500)
    np.testing.assert_allclose(white, 1.0, atol=1e-9)
    bulb, sky = balanced_color(2900, 6500), balanced_color(10000, 6500)
    assert bulb[0] > 1.3
    assert bulb[2] < 0.5
    assert sky[0] < 0.95
    assert sky[2] > 1.2
    luminance = np.array([0.2126, 0.7152, 0.0722])
    for color in (bulb, sky):
        assert luminance @ color == pytest.approx(1.0)


def test_lamps_point_where_they_say():
    lamp = Lamp(math.radians(90), math.radians(30), 1.0, 5500, 0.1)
    np.testing.assert_allclose(lamp.direction, [math.cos(math.pi / 6), 0.5, 0.0], atol=1e-12)
    frontal = Lamp(0.0, 0.0, 1.0, 5500, 0.1)
    np.testing.assert_allclose(frontal.direction, [0.0, 0.0, 1.0], atol=1e-12)
