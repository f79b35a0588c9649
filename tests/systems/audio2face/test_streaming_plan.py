"""Windows of a stream: known counts, whole samples, and what is refused."""

from __future__ import annotations

import logging
from dataclasses import replace
from fractions import Fraction

import pytest

from likeness.errors import UsageError
from likeness.systems.audio2face.networks.diffusion_settings import WindowSettings
from likeness.systems.audio2face.streaming_plan import (
    FRAME_RATES,
    StreamingPlan,
    whole_track_frames,
)


def test_a_second_at_sixty_frames_has_the_known_counts() -> None:
    plan = StreamingPlan.of(WindowSettings(), 60)
    windows = plan.num_windows(16000)
    assert (windows, windows * plan.centre) == (5, 150)
    assert windows * plan.centre - plan.drop == 105
    assert plan.frames_of(16000) == 60
    # The last window would give only frames that are thrown away.
    assert plan.needed_windows(16000) == 4
    assert [plan.start(i) for i in range(3)] == [-16000, -8000, 0]
    assert plan.look_ahead == (0.25, 0.75)


@pytest.mark.parametrize("fps", FRAME_RATES)
@pytest.mark.parametrize("samples", [0, 1, 319, 8000, 16001, 123457])
def test_published_windows_cover_every_sound(fps: int, samples: int) -> None:
    plan = StreamingPlan.of(WindowSettings(), fps)
    assert plan.needed_windows(samples) <= plan.num_windows(samples)
    assert plan.needed_windows(samples) * plan.centre - plan.drop >= plan.frames_of(samples)


@pytest.mark.parametrize("fps", FRAME_RATES)
def test_usual_frames_lie_at_whole_samples(fps: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        plan = StreamingPlan.of(WindowSettings(), fps)
    assert plan.num_frames == fps
    assert not caplog.records


def test_thirty_frames_look_ahead_three_tenths_of_a_second() -> None:
    plan = StreamingPlan.of(WindowSettings(), 30)
    assert (plan.left, plan.centre, plan.right) == (6, 15, 9)
    assert (plan.target_offset, plan.stride) == (3200, 8000)
    assert plan.look_ahead[0] == pytest.approx(0.3)


def test_settings_that_runtimes_cut_off_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        plan = StreamingPlan.of(WindowSettings(left=7, centre=15, right=8), 30)
    assert "first kept frame of a window lies at 3733.3 samples" in caplog.text
    assert plan.drop == 23


def test_an_odd_number_of_noise_values_is_told_of() -> None:
    """3 x 25 x D is odd with D, which is odd whenever V + Vt is even."""
    remark = StreamingPlan.of(WindowSettings(), 25).noise_remark(2, 71)
    assert remark is not None
    assert "3 x 25 x 71 noise values, an odd number" in remark
    assert StreamingPlan.of(WindowSettings(), 25).noise_remark(3, 71) is None
    assert StreamingPlan.of(WindowSettings(), 25).noise_remark(2, 70) is None
    assert StreamingPlan.of(WindowSettings(), 30).noise_remark(2, 71) is None


def test_frames_that_do_not_fill_the_window_are_refused() -> None:
    with pytest.raises(UsageError, match=r"left 15, centre 30 and right 14 make 59"):
        StreamingPlan.of(WindowSettings(left=15, centre=30, right=14), 60)


@pytest.mark.parametrize("fps", [29.97, 90, 12.5])
def test_other_frame_rates_are_refused(fps: float) -> None:
    with pytest.raises(UsageError, match=f"not {fps:g}"):
        StreamingPlan.of(WindowSettings(), fps)


def test_padding_shorter_than_a_window_loses_no_frame_silently() -> None:
    with pytest.raises(UsageError, match="1000 samples of zeros"):
        StreamingPlan.of(WindowSettings(padding_left=1000), 60)


def moments_of_runtime(plan: StreamingPlan, samples: int) -> list[Fraction]:
    """The frames of a runtime, by plain loops: windows as long as they fit into the padded sound,
    kept frames whose moment lies in the sound."""
    frame = Fraction(plan.window, plan.left + plan.centre + plan.right)
    found, start = [], Fraction(-plan.padding_left)
    while start + plan.window <= samples + plan.padding_right:
        for index in range(plan.left, plan.left + plan.centre):
            moment = start + index * frame
            if 0 <= moment < samples:
                found.append(moment)
        start += plan.centre * frame
    return found


SOUNDS = (1, 4001, 7999, 8000, 8001, 16000, 20011, 47999, 160000)


@pytest.mark.parametrize("fps", FRAME_RATES)
def test_plans_without_a_fault_give_every_frame_at_its_moment(fps: int) -> None:
    frame = Fraction(16000, fps)
    plan = StreamingPlan.of(WindowSettings(), fps)
    least = replace(
        plan,
        padding_left=int(plan.target_offset),
        padding_right=int(plan.window - plan.target_offset) - 1,
    )
    for own in (plan, least):
        assert own.faults == []
        for samples in SOUNDS:
            expected = [k * frame for k in range(own.frames_of(samples))]
            assert moments_of_runtime(own, samples) == expected


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"padding_left": 0}, "15 frames before the first kept one"),
        ({"padding_left": 1600}, "9 frames before the first kept one"),
        ({"padding_left": 3999}, "1 frames before the first kept one"),
        ({"padding_left": 16100}, "every frame is late by 166.7 samples"),
        ({"padding_right": 0}, "no window may reach its last frames; 11999 zeros are enough"),
        ({"padding_right": 11998}, "no window may reach its last frames; 11999 zeros are enough"),
    ],
)
def test_zeros_by_which_a_runtime_loses_frames_are_told(change: dict[str, int], said: str) -> None:
    plan = replace(StreamingPlan.of(WindowSettings(), 60), **change)
    assert len(plan.faults) == 1
    assert said in plan.faults[0]
    frame = Fraction(16000, 60)
    given = {samples: moments_of_runtime(plan, samples) for samples in SOUNDS}
    wanted = {samples: [k * frame for k in range(plan.frames_of(samples))] for samples in SOUNDS}
    assert given != wanted
    if change.get("padding_left") == 1600:
        assert given[160000] == wanted[160000][9:]
    if change.get("padding_left") == 16100:
        assert {moment % frame for moment in given[160000]} == {Fraction(500, 3)}


def test_zeros_after_the_sound_that_are_too_few_are_told_of_when_training_begins(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with caplog.at_level(logging.WARNING):
        StreamingPlan.of(WindowSettings(padding_right=8000), 60)
    assert "8000 samples of zeros stand after the sound" in caplog.text


def test_frames_of_a_sound_in_one_piece() -> None:
    assert whole_track_frames(16000, 60) == 60
    assert whole_track_frames(15999, 60) == 59
