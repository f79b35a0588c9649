"""Vertex animations: what is read when, other rates against plain loops, channels of a shot."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.errors import DataError, UsageError
from likeness.geometry.animation import (
    FrameRateError,
    VertexAnimation,
    exact_rate,
    trimmed_to_shortest,
)
from likeness.geometry.frames import ArrayFrames, FileFrames

RATES = [8.0, 12.0, 23.976, 24.0, 25.0, 29.97, 30.0, 30000 / 1001, 50.0, 60.0, 120.0]


def animation(values: list[float], fps: float = 30.0, start: float = 0.0) -> VertexAnimation:
    """One vertex whose x takes these values."""
    array = np.zeros((len(values), 1, 3), np.float32)
    array[:, 0, 0] = values
    return VertexAnimation.of_array(array, fps, start)


def x_of(moving: VertexAnimation) -> list[float]:
    return moving.read()[:, 0, 0].tolist()


def test_twice_the_rate_by_the_half_pixel_convention() -> None:
    assert x_of(animation([0, 1, 2]).resampled(60)) == [0, 0.25, 0.75, 1.25, 1.75, 2]


def test_half_the_rate_is_the_mean_of_neighbours_and_the_same_rate_is_the_same() -> None:
    moving = animation([0, 1, 2, 5, 9], fps=60)
    assert x_of(moving.resampled(30)) == [0.5, 3.5]
    assert moving.resampled(60).frames is moving.frames
    assert x_of(animation([3], fps=60).resampled(24)) == [3]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 23),
    st.sampled_from(RATES),
    st.sampled_from(RATES),
    st.integers(0, 2**32 - 1),
)
def test_any_rate_against_a_plain_loop(count: int, fps: float, target: float, seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(count, 4, 3))
    moving = VertexAnimation.of_array(values, fps)
    other = moving.resampled(target)
    ratio = exact_rate(target) / exact_rate(fps)
    frames = max(int(Fraction(count) * ratio), 1)
    assert other.num_frames == frames
    assert abs(other.duration - moving.duration) <= 1 / target + 1 / fps + 1e-9
    expected = np.zeros((frames, 4, 3))
    for i in range(frames):
        position = min(max((i + 0.5) * fps / target - 0.5, 0), count - 1)
        below = int(position + 1e-9)
        above = min(below + 1, count - 1)
        weight = position - below
        for v in range(4):
            for axis in range(3):
                before, after = values[below, v, axis], values[above, v, axis]
                expected[i, v, axis] = before + (after - before) * weight
    # 23.976 and 24000/1001 differ by a millionth, which moves the positions as much.
    np.testing.assert_allclose(other.read(), expected, atol=2e-3 if fps != target else 1e-6)
    whole = other.read()
    for first in range(frames):
        last = min(first + 3, frames)
        np.testing.assert_array_equal(other.read(first, last), whole[first:last])
        np.testing.assert_array_equal(other.part(first, last).read(), whole[first:last])


def test_far_down_in_rate_only_the_frames_that_matter_are_read() -> None:
    values = np.random.default_rng(5).normal(size=(600, 3, 3)).astype(np.float32)

    class Counted(ArrayFrames):
        frames = 0

        def read(self, first: int, last: int) -> np.ndarray:
            Counted.frames += last - first
            return super().read(first, last)

    moving = VertexAnimation(Counted(values), 60).resampled(2)
    read = moving.read()
    expected = np.stack([(values[30 * i + 14] + values[30 * i + 15]) / 2 for i in range(20)])
    np.testing.assert_allclose(read, expected, atol=1e-6)
    assert Counted.frames == 40


def test_rates_are_the_fractions_they_stand_for() -> None:
    assert exact_rate(30000 / 1001) == Fraction(30000, 1001)
    assert exact_rate(29.97) == Fraction(2997, 100)
    assert exact_rate(60.0) == 60
    assert exact_rate(2.0**-20) == Fraction(1, 2**20)


def test_parts_keep_their_time() -> None:
    part = animation([0, 1, 2, 3, 4], fps=25, start=2.0).part(1, 4).part(1, 3)
    assert x_of(part) == [2, 3]
    assert (part.start, part.duration) == (pytest.approx(2.08), pytest.approx(0.08))
    assert part.num_vertices == 1


def test_blocks_are_the_whole_in_order_and_not_longer_than_asked() -> None:
    values = np.random.default_rng(0).normal(size=(11, 5, 3)).astype(np.float32)
    blocks = list(VertexAnimation.of_array(values, 30).blocks(max_bytes=5 * 12 * 4 + 7))
    assert [len(block) for block in blocks] == [4, 4, 3]
    np.testing.assert_array_equal(np.concatenate(blocks), values)
    assert len(list(VertexAnimation.of_array(values, 30).blocks(max_bytes=1))) == 11


def test_what_is_read_belongs_to_the_caller() -> None:
    values = np.zeros((2, 1, 3), np.float32)
    moving = VertexAnimation.of_array(values, 30)
    moving.read()[:] = 7
    assert values.sum() == 0
    assert moving.read().dtype == np.float32
    assert VertexAnimation.of_array(values.astype(np.int16), 30).read().dtype == np.float32


@pytest.mark.parametrize(
    ("first", "last"), [(-1, 1), (0, 4), (2, 2), (2, 1)], ids=["before", "after", "none", "back"]
)
def test_frames_that_are_not_there(first: int, last: int) -> None:
    moving = animation([0, 1, 2])
    with pytest.raises(UsageError, match=f"Frames {first} to {last} .* has frames 0 to 3"):
        moving.read(first, last)
    with pytest.raises(UsageError, match="were asked"):
        moving.part(first, last)


def test_what_is_no_animation() -> None:
    with pytest.raises(DataError, match=r"shape \(F, V, 3\), got shape \(2, 6\)"):
        VertexAnimation.of_array(np.zeros((2, 6)), 30)
    with pytest.raises(DataError, match="complex"):
        VertexAnimation.of_array(np.zeros((2, 6, 3), np.complex64), 30)
    with pytest.raises(DataError, match="a frame and a vertex at least"):
        VertexAnimation.of_array(np.zeros((0, 6, 3)), 30)
    for fps in (0.0, -30.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="frame rate must be a number above 0"):
            animation([0], fps)
    with pytest.raises(UsageError, match="not at nan"):
        animation([0], start=float("nan"))


def test_channels_of_a_shot_are_cut_to_the_shortest_and_it_is_said() -> None:
    skin, tongue = animation([0, 1, 2, 3]), animation([5, 6, 7])
    with pytest.warns(UserWarning, match="Cut to 3 frames, the shortest channel: 'skin' of 4"):
        trimmed = trimmed_to_shortest({"skin": skin, "tongue": tongue})
    assert x_of(trimmed["skin"]) == [0, 1, 2]
    assert x_of(trimmed["tongue"]) == [5, 6, 7]
    assert trimmed_to_shortest({}) == {}


def test_a_shot_of_one_frame_is_one() -> None:
    with pytest.warns(UserWarning, match="Cut to 1 frames"):
        trimmed = trimmed_to_shortest({"skin": animation([0, 1]), "jaw": animation([4])})
    assert [a.num_frames for a in trimmed.values()] == [1, 1]


def test_channels_at_other_rates_or_times_are_refused() -> None:
    with pytest.raises(FrameRateError, match="'a' has 30 frames a second and 'b' has 60"):
        trimmed_to_shortest({"a": animation([0]), "b": animation([0], fps=60)})
    with pytest.raises(DataError, match="'a' starts at 0 s and 'b' at 1 s"):
        trimmed_to_shortest({"a": animation([0]), "b": animation([0], start=1.0)})


def test_frames_of_a_big_file_are_read_alone(tmp_path: Path) -> None:
    path = tmp_path / "big.bin"
    vertices, frames = 20_000, 4_500
    with open(path, "wb") as file:
        file.truncate(frames * vertices * 12)  # 1 GiB that takes no space
        file.seek(4_321 * vertices * 12)
        file.write(np.float32(7).tobytes())
    tracemalloc.start()
    source = FileFrames.in_one_run(path, 0, (frames, vertices), np.dtype("<f4"))
    moving = VertexAnimation(source, 30).resampled(60)
    some = moving.read(2 * 4_321, 2 * 4_321 + 2)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert some[:, 0, 0].tolist() == [5.25, 5.25]
    assert peak < 5_000_000


def test_a_file_that_shrinks_after_it_was_opened(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(bytes(120))
    source = FileFrames.in_one_run(path, 0, (2, 5), np.dtype("<f4"))
    path.write_bytes(bytes(100))
    assert source.read(0, 1).shape == (1, 5, 3)
    with pytest.raises(DataError, match=r"shorter since it was opened: expected 60 .* found 40"):
        source.read(1, 2)
