"""Time code against counting: every frame is given its label, one after the other."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.geometry.timecode import TimecodeRate


def labels(per_second: int, dropped: int, count: int) -> Iterator[tuple[int, int]]:
    """(seconds, frame) of frames that follow each other, as a counter goes."""
    second, frame = 0, 0
    for _ in range(count):
        yield second, frame
        frame += 1
        if frame == per_second:
            second, frame = second + 1, 0
            if dropped and second % 60 == 0 and second // 60 % 10 != 0:
                frame = dropped


@pytest.mark.parametrize(
    ("base", "drops", "per_second", "dropped", "fps"),
    [
        (30, False, 30, 0, 30),
        (29.97, False, 30, 0, 30000 / 1001),
        (23.976, False, 24, 0, 24000 / 1001),
        (23.98, False, 24, 0, 24000 / 1001),
        (29.97, True, 30, 2, 30000 / 1001),
        (30, True, 30, 2, 30000 / 1001),
        (59.94, True, 60, 4, 60000 / 1001),
    ],
)
def test_every_frame_of_two_hours(
    base: float, drops: bool, per_second: int, dropped: int, fps: float
) -> None:
    count = 2 * 3600 * per_second
    seconds, frames = np.array(list(labels(per_second, dropped, count)), np.float64).T
    rate = TimecodeRate.of(base, drops=drops)
    assert not rate.is_left_out(seconds, frames).any()
    np.testing.assert_allclose(rate.times(seconds, frames), np.arange(count) / fps, atol=1e-9)


def test_drop_frame_keeps_to_the_clock() -> None:
    """After an hour of labels within a frame; without dropping 3.6 s behind."""
    hour = np.array([3600.0]), np.array([0.0])
    assert abs(TimecodeRate.of(29.97, drops=True).times(*hour)[0] - 3600) < 0.01
    assert TimecodeRate.of(29.97).times(*hour)[0] == pytest.approx(3603.6)


def test_labels_that_are_left_out() -> None:
    rate = TimecodeRate.of(29.97, drops=True)
    seconds = np.array([60.0, 60.0, 60.0, 600.0, 61.0])
    found = rate.is_left_out(seconds, np.array([0.0, 1.9, 2.0, 0.0, 0.0]))
    assert found.tolist() == [True, True, False, False, False]


@pytest.mark.parametrize(("base", "drops"), [(29.5, False), (0.0, False), (24.0, True)])
def test_rates_there_are_none_of(base: float, drops: bool) -> None:
    with pytest.raises(UsageError, match=r"29\.97"):
        TimecodeRate.of(base, drops=drops)
