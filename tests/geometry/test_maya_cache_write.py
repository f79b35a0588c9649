"""Maya geometry caches as they are written, against bytes put together by hand."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from likeness.errors import DataError, UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.frames import FileFrames
from likeness.geometry.maya_cache import read_maya_cache
from likeness.geometry.maya_cache_write import write_maya_cache
from likeness.geometry.maya_cache_xml import read_cache_xml
from tests.geometry.cache_bytes import (
    mc_block,
    mc_bytes,
    mc_channel,
    mc_header,
    mcx_bytes,
    small_frames,
)

NAME = "head_meshShape"


@pytest.mark.parametrize("vertices", [2, 7])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_one_file_as_by_hand(tmp_path: Path, kind: type, vertices: int) -> None:
    frames, ticks = small_frames(4, vertices), [0, 200, 400, 601]
    array = np.array(frames, kind)
    kept = array.copy()
    moving = VertexAnimation.of_array(array, 29.97)
    double = kind is np.float64
    write_maya_cache(tmp_path / "a.xml", moving)
    assert (tmp_path / "a.mc").read_bytes() == mc_bytes(frames, ticks, NAME, double=double)
    write_maya_cache(tmp_path / "a.xml", moving, data_format="mcx")
    assert (tmp_path / "a.mcx").read_bytes() == mcx_bytes(frames, ticks, NAME, double=double)
    np.testing.assert_array_equal(array, kept)
    assert sorted(os.listdir(tmp_path)) == ["a.mc", "a.mcx", "a.xml"]
    description = read_cache_xml(tmp_path / "a.xml")
    assert (description.ticks_per_frame, description.time_range) == (200, (0, 601))
    assert description.channels[0].end_time == round(3 * 6000 / 29.97)


def test_one_file_per_frame_as_by_hand_and_without_frames_of_before(tmp_path: Path) -> None:
    frames = small_frames(4, 3)
    moving = VertexAnimation.of_array(np.array(frames, np.float32), 30, 2 / 30 + 0.01)
    write_maya_cache(
        tmp_path / "a.xml", VertexAnimation.of_array(np.zeros((9, 3, 3)), 30),
        layout="OneFilePerFrame",
    )  # fmt: skip
    (tmp_path / "abFrame1.mc").write_bytes(b"of another cache")
    write_maya_cache(tmp_path / "a.xml", moving, layout="OneFilePerFrame", channel="face")
    names = [f"aFrame{k}Tick60.mc" for k in (2, 3, 4, 5)]
    assert sorted(os.listdir(tmp_path)) == sorted([*names, "a.xml", "abFrame1.mc"])
    for index, name in enumerate(names):
        tick = 460 + 200 * index
        expected = mc_header(tick, tick) + mc_block(None, [mc_channel("face", frames[index])])
        assert (tmp_path / name).read_bytes() == expected
    read = read_maya_cache(tmp_path / "a.xml")
    np.testing.assert_array_equal(read.read(), np.array(frames))
    assert (read.fps, read.start) == (30, pytest.approx(460 / 6000))


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.float64]),
        st.tuples(st.integers(1, 6), st.integers(1, 5), st.just(3)),
        elements=st.floats(-1e6, 1e6, width=32),
    ),
    st.sampled_from([12.0, 23.976, 24.0, 25.0, 29.97, 30.0, 50.0, 59.94, 60.0, 120.0]),
    st.floats(-100, 100),
    st.sampled_from(["OneFile", "OneFilePerFrame"]),
    st.sampled_from(["mcc", "mcx"]),
)
def test_round_trip(
    tmp_path: Path, array: np.ndarray, fps: float, start: float, layout: str, form: str
) -> None:
    moving = VertexAnimation.of_array(array, fps, start)
    write_maya_cache(tmp_path / "a.xml", moving, layout=layout, data_format=form)  # type: ignore[arg-type]
    read = read_maya_cache(tmp_path / "a.xml", declared_fps=fps)
    np.testing.assert_array_equal(read.read(), array.astype(np.float32))
    assert read.fps == fps
    assert abs(read.start - start) <= 0.5 / 6000 + 1e-9


def test_a_failure_leaves_the_old_cache(tmp_path: Path) -> None:
    write_maya_cache(tmp_path / "a.xml", VertexAnimation.of_array(np.ones((2, 1, 3)), 30))
    (tmp_path / "short.bin").write_bytes(bytes(20))
    source = FileFrames.in_one_run(tmp_path / "short.bin", 0, (2, 1), np.dtype("<f4"))
    for layout in ("OneFile", "OneFilePerFrame"):
        with pytest.raises(DataError, match="shorter"):
            write_maya_cache(tmp_path / "a.xml", VertexAnimation(source, 30), layout=layout)
    assert sorted(os.listdir(tmp_path)) == ["a.mc", "a.xml", "short.bin"]
    assert read_maya_cache(tmp_path / "a.xml").read().sum() == 6


def test_what_the_format_does_not_hold(tmp_path: Path) -> None:
    moving = VertexAnimation.of_array(np.zeros((2, 1, 3)), 30)
    for name in ("", "a\0b", "a\nb", "n" * 1024):
        with pytest.raises(UsageError, match="a channel with a printable name"):
            write_maya_cache(tmp_path / "a.xml", moving, channel=name)
    with pytest.raises(UsageError, match=r"a path ending in .xml"):
        write_maya_cache(tmp_path / "a.mc", moving)
    with pytest.raises(UsageError, match="6000 ticks a second; 10000 frames"):
        write_maya_cache(tmp_path / "a.xml", VertexAnimation.of_array(np.zeros((2, 1, 3)), 10000))
    with pytest.raises(UsageError, match="do not fit the 32 bits"):
        write_maya_cache(tmp_path / "a.xml", VertexAnimation.of_array(np.zeros((2, 1, 3)), 30, 1e6))
    big = FileFrames.in_one_run(tmp_path / "a.bin", 0, (1, 2**28), np.dtype("<f4"))
    with pytest.raises(UsageError, match="3,221,225,472 bytes does not fit the mcc format"):
        write_maya_cache(tmp_path / "a.xml", VertexAnimation(big, 30))
    assert os.listdir(tmp_path) == []
