"""Live Link Face recordings: time codes with gaps, spellings, damage, and a real recording."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.live_link_face import (
    LIVE_LINK_ANGLES,
    LIVE_LINK_NAMES,
    TIMECODE_BASES,
    read_live_link_face,
    write_live_link_face,
)
from likeness.geometry.weight_animation import ARKIT_NAMES, WeightAnimation
from tests.realdata import real_data


def put(folder: Path, rows: list[str], header: str = "JawOpen,MouthClose") -> Path:
    path = folder / "take.csv"
    path.write_text("\n".join([f"Timecode,BlendShapeCount,{header}", *rows]) + "\n")
    return path


def test_time_is_the_time_code_and_not_the_row(tmp_path: Path) -> None:
    rows = [
        f"01:00:{frame // 60:02d}:{frame % 60:02d}.500,61,{frame / 1000},0"
        for frame in range(0, 400, 2)
        if frame not in (58, 60, 62, 64, 130)
    ]
    moving = read_live_link_face(put(tmp_path, rows))
    assert moving.names == ("jawOpen", "mouthClose")
    # The weight of a row says which frame it was.
    frames = moving.weights[:, 0] * 1000
    np.testing.assert_allclose(moving.times, 3600 + (frames + 0.5) / 60, atol=1e-4)
    even = moving.at_rate(30)
    np.testing.assert_allclose(even.weights[:, 0], np.arange(0, 400, 2) / 1000, atol=1e-6)


@pytest.mark.parametrize("base", TIMECODE_BASES)
def test_the_base_follows_from_where_seconds_end(tmp_path: Path, base: int) -> None:
    rows = [f"00:00:{i // base:02d}:{i % base:02d},61,0,0" for i in range(2 * base + 3)]
    moving = read_live_link_face(put(tmp_path, rows))
    np.testing.assert_allclose(np.diff(moving.times), 1 / base, atol=1e-9)


@pytest.mark.parametrize("dropped", [{30}, {30, 60}, {29, 30, 60}, {30, 31, 32, 60, 90}])
def test_rows_dropped_where_a_second_ends_leave_the_base(tmp_path: Path, dropped: set[int]) -> None:
    """Rows at every other frame of 60, over four or five seconds: how the app writes a take."""
    kept = [2 * i for i in range(140) if i not in dropped]
    rows = [f"00:00:{i // 60:02d}:{i % 60:02d}.250,61,0,0" for i in kept]
    moving = read_live_link_face(put(tmp_path, rows))
    np.testing.assert_allclose(moving.times, (np.array(kept) + 0.25) / 60, atol=1e-9)


def test_a_take_within_a_second_needs_the_base(tmp_path: Path) -> None:
    path = put(tmp_path, ["10:00:00:10.000,61,0,0", "10:00:00:12.000,61,1,0"])
    with pytest.raises(DataError, match="does not pass from one second into the next"):
        read_live_link_face(path)
    moving = read_live_link_face(path, timecode_base=60)
    np.testing.assert_allclose(moving.times - 36000, [10 / 60, 12 / 60])
    with pytest.raises(DataError, match=r"line 3: .* below 12, found 12"):
        read_live_link_face(path, timecode_base=12)


def test_a_base_that_nobody_uses(tmp_path: Path) -> None:
    rows = [f"00:00:{i // 37:02d}:{i % 37:02d},61,0,0" for i in range(120)]
    with pytest.raises(DataError, match="starts again after 37 frames, up to 36"):
        read_live_link_face(put(tmp_path, rows))


def test_a_take_over_midnight(tmp_path: Path) -> None:
    rows = [f"23:59:59:{i:02d},61,0,0" for i in range(30)]
    rows += [f"00:00:00:{i:02d},61,0,0" for i in range(30)]
    moving = read_live_link_face(put(tmp_path, rows))
    assert moving.times[0] == 86399
    np.testing.assert_allclose(np.diff(moving.times), 1 / 30, atol=1e-9)


@pytest.mark.parametrize(
    "header",
    [
        "JawOpen,BrowDownLeft,HeadYaw,Custom",
        "jawOpen,browDownLeft,headYaw,Custom",
        "jawOpen,browDown_L,HeadYaw,Custom",
        " JAWOPEN , BrowDown_L,HEADYAW,Custom",
        "Jaw Open,Brow Down Left,Head Yaw,Custom",
    ],
)
def test_spellings(tmp_path: Path, header: str) -> None:
    path = put(tmp_path, ["00:00:00:01,4,0.5,0.25,0.125,1"], header)
    path.write_text("\ufeff" + path.read_text().replace("BlendShapeCount", "BlendshapeCount"))
    moving = read_live_link_face(path, timecode_base=60)
    assert moving.names == ("jawOpen", "browDownLeft", "headYaw", "Custom")
    assert moving.weights.tolist() == [[0.5, 0.25, 0.125, 1]]


def test_rows_without_a_face_are_left_out(tmp_path: Path) -> None:
    rows = ["00:00:00:01,61,0.5,0", "00:00:00:02,0,,", "00:00:00:03,0", "", "00:00:00:04,61,1,0"]
    moving = read_live_link_face(put(tmp_path, rows), timecode_base=30)
    np.testing.assert_allclose(moving.times, [1 / 30, 4 / 30])
    assert moving.weights[:, 0].tolist() == [0.5, 1]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "expected a row with a face, found none"),
        (["00:00:00:01,61,0"], r"line 2: expected 4 cells, found 3"),
        (["00:00:00:01,61,0,0,0"], r"line 2: expected 4 cells, found 5"),
        (["00:00:00:01,61,0,0", "x,61,0,0"], r"line 3: expected a time code .* found 'x'"),
        (["24:00:00:01,61,0,0"], "found '24:00:00:01'"),
        (["00:60:00:01,61,0,0"], "found '00:60:00:01'"),
        (["00:00:00,61,0,0"], "found '00:00:00'"),
        (["00:00:00:01,61,0,a"], "line 2: expected numbers, found a cell: .*'a'"),
        (["00:00:00:01,61,0,nan"], "line 2: expected a finite number in column 4, found 'nan'"),
        (["00:00:00:02,61,0,0", "00:00:00:01,61,0,0"], "line 3: expected a time code after"),
        (["00:00:00:02,61,0,0", "00:00:00:02,61,0,0"], "line 3: expected a time code after"),
        (["a" * 200_000], "expected comma-separated text"),
    ],
)
def test_rows_that_are_none(tmp_path: Path, rows: list[str], message: str) -> None:
    with pytest.raises(DataError, match=rf"take\.csv.*{message}"):
        read_live_link_face(put(tmp_path, rows), timecode_base=60)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "line 1: expected the columns Timecode and BlendShapeCount first, found nothing"),
        (b"frame,time,jawOpen\n", "found frame, time"),
        (b"Timecode,BlendShapeCount\n", "different columns of weights, found none"),
        (b"Timecode,BlendShapeCount,JawOpen,jawOpen\n", "found twice: jawOpen"),
        (b"Timecode,BlendShapeCount,JawOpen\n\xff\xfe", "comma-separated text, found a fault"),
    ],
)
def test_files_that_are_none(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "take.csv"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"take\.csv.*{message}"):
        read_live_link_face(path)
    with pytest.raises(MissingError, match="There is no file"):
        read_live_link_face(tmp_path / "other.csv")


def test_cut_anywhere_is_a_fault_or_a_prefix(tmp_path: Path) -> None:
    whole = put(tmp_path, [f"00:00:00:{i:02d},61,0.5,0.25" for i in range(4)]).read_bytes()
    path = tmp_path / "take.csv"
    lengths = []
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            moving = read_live_link_face(path, timecode_base=30)
        except DataError:
            continue
        lengths.append(moving.num_frames)
        # A number that is cut may still be one; the rows before are what they were.
        assert all(row == [0.5, 0.25] for row in moving.weights[:-1].tolist())
    assert sorted(lengths) == lengths
    assert set(lengths) == {1, 2, 3, 4}


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(st.integers(1, 5000), min_size=1, max_size=20),
    st.integers(0, 86_000),
    st.sampled_from(TIMECODE_BASES),
    st.lists(st.sampled_from(LIVE_LINK_NAMES), min_size=1, max_size=61, unique=True),
    st.integers(0, 2**32 - 1),
)
def test_round_trip(
    tmp_path: Path, gaps: list[int], start: int, base: int, names: list[str], seed: int
) -> None:
    times = start + np.cumsum(gaps) / 1000 / base
    weights = np.random.default_rng(seed).uniform(-1, 1, (len(gaps), len(names)))
    path = tmp_path / "take.csv"
    write_live_link_face(path, WeightAnimation(tuple(names), weights, times), timecode_base=base)
    moving = read_live_link_face(path, timecode_base=base)
    assert moving.names == LIVE_LINK_NAMES
    np.testing.assert_allclose(moving.times, times, atol=0.51e-3 / base)
    np.testing.assert_allclose(moving.select(names).weights, weights, atol=1e-7)
    others = [name for name in LIVE_LINK_NAMES if name not in names]
    assert not moving.select(others).weights.any()


def test_a_row_as_the_app_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "take.csv"
    write_live_link_face(path, WeightAnimation(("jawOpen",), [[0.25]], [3661 + 59.9996 / 60]))
    header, row = path.read_text().splitlines()
    assert header.startswith("Timecode,BlendShapeCount,EyeBlinkLeft,EyeLookDownLeft,")
    assert ",JawForward,JawRight,JawLeft,JawOpen,MouthClose,MouthFunnel," in header
    assert ",MouthPucker,MouthRight,MouthLeft,MouthSmileLeft," in header
    assert header.endswith("TongueOut,HeadYaw,HeadPitch,HeadRoll,LeftEyeYaw,LeftEyePitch,"
                           "LeftEyeRoll,RightEyeYaw,RightEyePitch,RightEyeRoll")  # fmt: skip
    assert row.startswith("01:01:02:00.000,61,0.0000000000,")
    assert sorted(LIVE_LINK_NAMES) == sorted([*ARKIT_NAMES, *LIVE_LINK_ANGLES])


def test_what_cannot_be_written(tmp_path: Path) -> None:
    path = tmp_path / "take.csv"
    with pytest.raises(UsageError, match="no columns Custom"):
        write_live_link_face(path, WeightAnimation(("Custom",), [[0.5]], [0.0]))
    with pytest.raises(UsageError, match=r"go from -1 s to 0 s at 60 frames"):
        write_live_link_face(path, WeightAnimation(("jawOpen",), [[0.5], [1]], [-1.0, 0.0]))
    with pytest.raises(UsageError, match="each row above the one before"):
        write_live_link_face(path, WeightAnimation(("jawOpen",), [[0.5], [1]], [0.0, 1e-9]))
    assert not path.exists()


@pytest.mark.realdata
def test_a_real_recording() -> None:
    path = next(real_data("live_link_face_rom").glob("*.csv"))
    moving = read_live_link_face(path)
    assert moving.names == LIVE_LINK_NAMES
    with open(path, newline="") as file:
        rows = list(csv.reader(file))
    assert moving.weights.shape == (2000, 61)
    for index, row in enumerate(rows[1:]):
        hour, minute, second, frame = row[0].split(":")
        time = int(hour) * 3600 + int(minute) * 60 + int(second) + float(frame) / 60
        assert moving.times[index] == pytest.approx(time, abs=1e-9)
    np.testing.assert_array_equal(
        moving.weights,
        np.array([[float(cell) for cell in row[2:]] for row in rows[1:]], np.float32),
    )
    steps = np.diff(moving.times)
    # 30 frames a second; one frame is missing, and the row number would be 1/30 s off after it.
    assert np.sum(np.abs(steps - 1 / 30) > 1e-3) == 1
    assert steps.max() == pytest.approx(2 / 30, abs=1e-4)
    even = moving.at_rate(30)
    # The clock of the app runs a little fast: 2001 frame times less 0.27 of one.
    assert even.num_frames == 2000
    assert 0 <= moving.times[-1] - even.times[-1] < 1 / 30


@pytest.mark.realdata
def test_a_real_recording_written_again_is_the_same_text(tmp_path: Path) -> None:
    path = next(real_data("live_link_face_rom").glob("*.csv"))
    write_live_link_face(tmp_path / "a.csv", read_live_link_face(path))
    with open(path, newline="") as file, open(tmp_path / "a.csv", newline="") as other:
        for row, again in zip(csv.reader(file), csv.reader(other), strict=True):
            assert again[:2] == row[:2]
            if row[0] != "Timecode":
                np.testing.assert_allclose(
                    [float(c) for c in again[2:]],
                    [float(c) for c in row[2:]],
                    rtol=6e-8,
                    atol=1e-10,
                )


@pytest.mark.parametrize("mark", [";", "."])
def test_drop_frame_time_code_is_known_by_its_mark(tmp_path: Path, mark: str) -> None:
    """Two minutes at 29.97: without the rule the last row would be 73 ms early or more."""
    rows, second, frame = [], 0, 0
    for _ in range(3600):
        rows.append(f"00:{second // 60:02d}:{second % 60:02d}{mark}{frame:02d}.000,61,0,0")
        frame += 1
        if frame == 30:
            second, frame = second + 1, 0
            frame = 2 if second % 60 == 0 and second % 600 else 0
    moving = read_live_link_face(put(tmp_path, rows))
    np.testing.assert_allclose(moving.times, np.arange(3600) * 1001 / 30000, atol=1e-9)
    rows[1800] = f"00:01:00{mark}01.000,61,0,0"
    with pytest.raises(DataError, match="line 1802: expected drop-frame time code"):
        read_live_link_face(put(tmp_path, rows))


def test_rates_of_video_are_told_by_the_base(tmp_path: Path) -> None:
    rows = [f"00:{i // 1440:02d}:{i // 24 % 60:02d}:{i % 24:02d}.000,61,0,0" for i in range(2000)]
    moving = read_live_link_face(put(tmp_path, rows), timecode_base=23.976)
    np.testing.assert_allclose(moving.times, np.arange(2000) * 1001 / 24000, atol=1e-9)
