"""The grid, its channels, and sampling to frames."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.studio.curves import (
    CHANNELS,
    RATE,
    Curves,
    at_times,
    frame_times,
    grid_length,
    grid_times,
    sample,
)


def _ramp(duration: float) -> Curves:
    times = grid_times(duration)
    values = np.tile(times[:, None], (1, len(CHANNELS))).astype(np.float32)
    return Curves(duration, values, np.zeros(len(times), np.float32))


def test_channels_are_52_faces_16_tongues_a_head_two_eyes_and_a_body():
    assert len(CHANNELS) == len(set(CHANNELS)) == 79
    assert CHANNELS[0] == "eyeBlinkLeft"
    assert CHANNELS[51:53] == ("tongueOut", "tongueTipUp")
    assert CHANNELS[67:] == (
        "tongueNarrow", "headPitch", "headYaw", "headRoll",
        "eyeRightX", "eyeRightY", "eyeLeftX", "eyeLeftY",
        "headX", "headY", "headZ", "chestPitch",
    )  # fmt: skip


@pytest.mark.parametrize("fps", [20, 25, 29.97, 30, 60])
def test_frames_show_their_middle(fps):
    frames = sample(_ramp(2.04), fps)
    count = int(2.04 * fps + 1e-6)
    assert frames.shape == (count, 79)
    np.testing.assert_allclose(frames[:, 3], (np.arange(count) + 0.5) / fps, atol=1e-6)
    np.testing.assert_allclose(frame_times(2.04, fps), frames[:, 3], atol=1e-6)


def test_a_whole_number_of_frames_is_not_lost_to_rounding():
    assert len(frame_times(0.1 * 3, 10)) == 3
    assert len(frame_times(1.16, 25)) == 29


@pytest.mark.parametrize("fps", [0.0, -5.0, float("nan"), float("inf")])
def test_frames_need_a_rate(fps):
    with pytest.raises(UsageError, match="frames a second above 0"):
        frame_times(1.0, fps)


def test_the_grid_covers_the_duration():
    for duration in (0.005, 1.0, 1.0001, 1.1 * 3):
        times = grid_times(duration)
        assert len(times) == grid_length(duration)
        assert duration <= times[-1] + 1e-9 < duration + 1.0 / RATE + 1e-8


def test_times_outside_hold_the_ends():
    values = np.arange(5.0)[:, None]
    np.testing.assert_allclose(at_times(values, np.array([-1.0, 0.0075, 9.0]))[:, 0], [0, 1.5, 4])


def test_curves_of_the_wrong_length_are_refused():
    with pytest.raises(ValueError, match=r"\(201, 79\)"):
        Curves(1.0, np.zeros((200, 79), np.float32), np.zeros(200, np.float32))
