from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.geometry.weight_animation import WeightAnimation
from likeness.studio.curves import CHANNEL
from likeness.systems.audio2face.dataset.live_link_takes import take_frames
from tests.systems.audio2face.dataset.live_link_tables import NAMES, RATE, jaw, noise, table


def test_frames_take_the_time_of_the_time_code_and_not_the_row() -> None:
    frames = take_frames(table(4.0, range(20, 50)), noise(4.0), RATE, 25.0)
    middles = (np.arange(100) + 0.5) / 25
    found = frames.channels[:, CHANNEL["jawOpen"]]
    assert len(found) == 100
    expected = jaw(np.minimum(middles, 119 / 30))
    np.testing.assert_allclose(found, expected, atol=1e-6)  # rows would be 1 s late after the gap
    assert frames.holes == (pytest.approx((20 / 30, 1.0)),)
    assert len(frames.sound) == 4 * RATE


def test_a_sound_that_starts_later_or_earlier_is_laid_beside_its_frames() -> None:
    later = take_frames(table(4.0), noise(3.0), RATE, 30.0, sound_start=0.5)
    first = later.channels[0, CHANNEL["jawOpen"]]
    assert first == pytest.approx(jaw(np.array(0.5 + 0.5 / 30)), abs=1e-6)
    assert len(later.channels) == 90
    sound = noise(3.0)
    earlier = take_frames(table(4.0), sound, RATE, 30.0, sound_start=-0.5)
    assert earlier.channels[0, CHANNEL["jawOpen"]] == pytest.approx(0.1 + 0.2 * 0.5 / 30, abs=1e-6)
    np.testing.assert_allclose(earlier.sound, sound[RATE // 2 :], atol=1e-7)
    with pytest.raises(DataError, match="one time"):
        take_frames(table(2.0), noise(2.0), RATE, 30.0, sound_start=5.0)


def test_eyes_turn_by_their_weights_right_before_left() -> None:
    frames = take_frames(table(1.0), noise(1.0), RATE, 30.0)
    turns = {n: frames.channels[0, CHANNEL[n]] for n in ("eyeRightX", "eyeRightY", "eyeLeftX")}
    assert turns["eyeLeftX"] > 5  # down is positive
    assert turns["eyeRightX"] == 0
    assert turns["eyeRightY"] < -5  # out of a right eye is away from the subject's left


def test_a_table_without_looks_turns_its_eyes_by_their_angles() -> None:
    """Apps of others, and rigs, may fill these columns alone."""
    whole = table(1.0)
    angles = ("leftEyeYaw", "leftEyePitch", "rightEyeYaw", "rightEyePitch")
    turned = np.tile([0.1, -0.2, 0.3, 0.05], (30, 1))
    weights = np.concatenate([whole.weights[:, :2], turned], axis=1)
    still = take_frames(
        WeightAnimation((*NAMES[:2], *angles), weights, whole.times), noise(1.0), RATE, 30.0
    )
    names = ("eyeLeftY", "eyeLeftX", "eyeRightY", "eyeRightX")
    for name, radians in zip(names, turned[0], strict=True):
        assert still.channels[3, CHANNEL[name]] == pytest.approx(np.degrees(radians))
    both = WeightAnimation(
        (*NAMES, *angles), np.concatenate([whole.weights, turned], axis=1), whole.times
    )
    looks = take_frames(both, noise(1.0), RATE, 30.0).channels
    np.testing.assert_array_equal(looks, take_frames(whole, noise(1.0), RATE, 30.0).channels)
