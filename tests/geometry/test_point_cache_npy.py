"""Vertex animations in .npy files against NumPy and bytes put together by hand; damaged files."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.point_cache_npy import read_npy_cache, write_npy_cache
from tests.geometry.cache_bytes import npy_bytes, small_frames


def test_a_file_by_hand(tmp_path: Path) -> None:
    frames = small_frames(3, 4)
    path = tmp_path / "a.npy"
    path.write_bytes(npy_bytes(frames))
    moving = read_npy_cache(path, 30)
    np.testing.assert_array_equal(moving.read(), np.array(frames))
    np.testing.assert_array_equal(moving.read(2, 3), np.array(frames)[2:])
    assert moving.fps == 30


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f8", ">f8"])
def test_files_of_numpy(tmp_path: Path, kind: str) -> None:
    array = np.random.default_rng(1).normal(size=(3, 4, 3)).astype(kind)
    np.save(tmp_path / "a.npy", array)
    read = read_npy_cache(tmp_path / "a.npy", 30).read()
    assert read.dtype == np.float32
    np.testing.assert_array_equal(read, array.astype(np.float32))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numpy_reads_what_is_written(tmp_path: Path, kind: type) -> None:
    array = np.random.default_rng(2).normal(size=(5, 4, 3)).astype(kind)
    kept = array.copy()
    write_npy_cache(tmp_path / "a.npy", VertexAnimation.of_array(array, 30))
    read = np.load(tmp_path / "a.npy")
    assert read.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(read, array.astype(np.float32))
    np.testing.assert_array_equal(array, kept)


def test_cut_anywhere_is_a_fault_with_its_file(tmp_path: Path) -> None:
    whole = npy_bytes(small_frames(2, 3))
    path = tmp_path / "a.npy"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"a\.npy"):
            read_npy_cache(path, 30)
    path.write_bytes(whole + b"1234")
    with pytest.raises(DataError, match=r"expected 72 bytes of frames from byte 128 .*found 76"):
        read_npy_cache(path, 30)


def _read_or_fault(path: Path) -> tuple[int, str]:
    try:
        return read_npy_cache(path, 30).read().size, ""
    except DataError as error:
        return 0, error.message


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(0, 127), st.binary(min_size=1, max_size=6))
def test_any_damage_of_the_header_is_a_fault_or_harmless(
    tmp_path: Path, place: int, damage: bytes
) -> None:
    data = bytearray(npy_bytes(small_frames(2, 3)))
    data[place : place + len(damage)] = damage
    path = tmp_path / "a.npy"
    path.write_bytes(data)
    size, fault = _read_or_fault(path)
    assert size in (9, 18) or "a.npy" in fault


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 9), np.float32), r"shape \(F, V, 3\), .* found \(2, 9\)"),
        (np.zeros((2, 3, 4), np.float32), r"found \(2, 3, 4\)"),
        (np.zeros((0, 3, 3), np.float32), r"found \(0, 3, 3\)"),
        (np.zeros((2, 3, 3), np.int32), "type float32, found int32"),
        (np.zeros((2, 3, 3), "c8"), "found complex64"),
        (np.asfortranarray(np.zeros((2, 3, 3), np.float32)), "found column-major order"),
        (np.array([[["a", "b", "c"]]], dtype=object), "found object"),
    ],
)
def test_arrays_that_are_no_animation(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array, allow_pickle=True)
    with pytest.raises(DataError, match=message):
        read_npy_cache(tmp_path / "a.npy", 30)


@pytest.mark.parametrize("shape", ["(29826162, 3, 3)", "(9999999999999999999999, 1, 3)"])
def test_a_header_that_claims_much_takes_no_memory(tmp_path: Path, shape: str) -> None:
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    path = tmp_path / "a.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + text.encode() + bytes(72))
    tracemalloc.start()
    with pytest.raises(UnsafeFileError, match="the header declares shape"):
        read_npy_cache(path, 30)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="There is no file"):
        read_npy_cache(tmp_path / "a.npy", 30)
