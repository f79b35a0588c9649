"""PC2 point caches against bytes put together by hand; damaged and lying files."""

from __future__ import annotations

import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.point_cache_pc2 import read_pc2_cache, write_pc2_cache
from tests.geometry.cache_bytes import pc2_bytes, small_frames


def test_a_file_by_hand(tmp_path: Path) -> None:
    frames = small_frames(3, 7)
    path = tmp_path / "a.pc2"
    path.write_bytes(pc2_bytes(frames, start=12.0, interval=2.0))
    moving = read_pc2_cache(path, 60)
    np.testing.assert_array_equal(moving.read(), np.array(frames))
    np.testing.assert_array_equal(moving.read(1, 2), np.array(frames)[1:2])
    assert (moving.fps, moving.start) == (30, 0.2)


def test_written_as_by_hand(tmp_path: Path) -> None:
    frames = small_frames(4, 5)
    array = np.array(frames, np.float32)
    kept = array.copy()
    write_pc2_cache(tmp_path / "a.pc2", VertexAnimation.of_array(array, 25, 2.0))
    assert (tmp_path / "a.pc2").read_bytes() == pc2_bytes(frames, start=50.0)
    np.testing.assert_array_equal(array, kept)
    assert os.listdir(tmp_path) == ["a.pc2"]


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.integers(1, 6), st.integers(1, 9), st.just(3)),
        elements=st.floats(width=32, allow_nan=False),
    )
)
def test_round_trip(tmp_path: Path, array: np.ndarray) -> None:
    write_pc2_cache(tmp_path / "a.pc2", VertexAnimation.of_array(array, 30))
    moving = read_pc2_cache(tmp_path / "a.pc2", 30)
    np.testing.assert_array_equal(moving.read(), array)
    assert (moving.fps, moving.start) == (30, 0)


def test_cut_anywhere_is_a_fault_with_its_place(tmp_path: Path) -> None:
    whole = pc2_bytes(small_frames(2, 3))
    path = tmp_path / "a.pc2"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.pc2: .*(found|the file has)"):
            read_pc2_cache(path, 30)
    path.write_bytes(whole + b"\0")
    with pytest.raises(DataError, match="104 bytes with itself; the file has 105"):
        read_pc2_cache(path, 30)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, b"POINTCACHE3\0", "expected b'POINTCACHE2.x00' at byte 0, found b'POINTCACHE3"),
        (12, struct.pack("<i", 2), "version 1 at byte 12, found 2"),
        (16, struct.pack("<i", 0), "a point at least at byte 16, found 0"),
        (16, struct.pack("<i", -5), "found -5"),
        (20, struct.pack("<f", float("nan")), "a start frame at byte 20, found nan"),
        (24, struct.pack("<f", 0.0), "above 0 at byte 24, found 0.0"),
        (24, struct.pack("<f", float("inf")), "found inf"),
        (28, struct.pack("<i", 0), "a sample at least at byte 28, found 0"),
        (28, struct.pack("<i", -1), "found -1"),
    ],
)
def test_headers_that_are_none(tmp_path: Path, place: int, value: bytes, message: str) -> None:
    data = bytearray(pc2_bytes(small_frames(2, 3)))
    data[place : place + len(value)] = value
    path = tmp_path / "a.pc2"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message):
        read_pc2_cache(path, 30)


@pytest.mark.parametrize(("points", "samples"), [(3, 29_826_162), (2**31 - 1, 2**31 - 1)])
def test_a_header_that_claims_much_takes_no_memory(
    tmp_path: Path, points: int, samples: int
) -> None:
    data = bytearray(pc2_bytes(small_frames(2, 3)))
    data[16:20], data[28:32] = struct.pack("<i", points), struct.pack("<i", samples)
    path = tmp_path / "a.pc2"
    path.write_bytes(data)
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match=f"declares {samples:,} samples of {points:,}"):
        read_pc2_cache(path, 30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no file"):
        read_pc2_cache(tmp_path / "a.pc2", 30)
