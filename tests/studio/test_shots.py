"""Shots and views: classes, the gaps between them, and turns seen from beside the axis."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.studio.scene import head_rotation
from likeness.studio.shots import (
    FACE_HEIGHT,
    SHOTS,
    VIEWS,
    apparent_turn,
    camera_turn,
    draw_lens,
    draw_turn,
    shot_of,
    turn_of,
    view_of,
)


@pytest.mark.parametrize("view", VIEWS)
def test_turns_are_in_their_class_and_out_of_the_gaps(view):
    rng = np.random.default_rng(0)
    turns = np.degrees([draw_turn(rng, view) for _ in range(200)])
    assert {view_of(*np.radians(turn[:2])) for turn in turns} == {view}
    yaw, pitch = np.abs(turns[:, 0]), np.abs(turns[:, 1])
    assert not ((yaw > 12) & (yaw < 24)).any()
    assert not ((yaw > 46) & (yaw < 62)).any()
    assert not ((pitch > 9) & (pitch < 18)).any()
    assert yaw.max() < 85
    assert pitch.max() < 28


def test_gaps_have_no_name():
    for yaw, pitch in ((18, 0), (-54, 0), (88, 0), (0, 13), (30, 20)):
        assert view_of(math.radians(yaw), math.radians(pitch)) is None
    assert [shot_of(share) for share in (0.05, 0.10, 0.15, 0.25, 0.35, 0.5, 0.8)] == [
        None, "wide", None, "half-length", None, "portrait", None,
    ]  # fmt: skip


@pytest.mark.parametrize("shot", SHOTS)
def test_lenses_of_a_shot(shot):
    rng = np.random.default_rng(1)
    lenses = [draw_lens(rng, shot) for _ in range(300)]
    focal = np.array([lens.focal_length for lens in lenses])
    assert focal.min() >= 35.0
    assert focal.max() <= 135.0
    assert np.median(focal) == pytest.approx(math.sqrt(35 * 135), rel=0.12)
    low, high = FACE_HEIGHT[shot]
    assert all(low < lens.face_height < high for lens in lenses)
    # The face region is inside the picture.
    assert all(lens.offset[1] - lens.face_height / 2 > -0.5 for lens in lenses)
    assert all(lens.offset[1] + lens.face_height / 2 < 0.5 for lens in lenses)
    assert all(lens.aperture is None for lens in (draw_lens(rng, shot, sharp=True),))


def test_turns_and_rotations_are_inverse():
    rng = np.random.default_rng(2)
    for _ in range(50):
        turn = tuple(rng.uniform(-1.2, 1.2, 3))
        assert turn_of(head_rotation(*turn)) == pytest.approx(turn)


def test_a_face_beside_the_axis_looks_as_turned_as_it_was_drawn():
    """The angle between the face and the line back to the camera, by another library."""
    for sight in ((0.2, 0.1), (-0.35, 0.2), (0.0, -0.3)):
        for yaw in (-0.6, 0.0, 0.7):
            turn = camera_turn((yaw, 0.0, 0.0), sight)
            position = np.array([math.tan(sight[0]), math.tan(sight[1]), -1.0])
            face = Rotation.from_euler("YXZ", [turn[0], -turn[1], turn[2]]).apply([0, 0, 1])
            to_camera = -position / np.linalg.norm(position)
            assert math.acos(face @ to_camera) == pytest.approx(abs(yaw), abs=1e-6)
            assert apparent_turn(turn, 3.0 * position) == pytest.approx((yaw, 0.0, 0.0), abs=1e-9)
