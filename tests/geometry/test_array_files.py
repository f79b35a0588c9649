"""Array files: what they hold comes back, and what they must not do is refused."""

from __future__ import annotations

import zipfile

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.geometry.array_files import iterate_rows, list_arrays, read_arrays, read_npy


def npz_with(path, header: bytes, payload: bytes = b"") -> None:
    with zipfile.ZipFile(path, "w") as archive:
        body = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + payload
        archive.writestr("v_template.npy", body)


def test_absurd_header_is_refused_before_allocating(tmp_path) -> None:
    path = tmp_path / "huge.npz"
    npz_with(
        path, b"{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000, 3), }\n", b"\0"
    )
    with pytest.raises(UnsafeFileError, match="declares 240,000,000,000,000 bytes"):
        read_arrays(path)


def test_negative_shape_and_code_in_the_header_are_refused(tmp_path) -> None:
    path = tmp_path / "negative.npz"
    npz_with(path, b"{'descr': '<f8', 'fortran_order': False, 'shape': (-1, -8), }\n", b"\0" * 64)
    with pytest.raises(UnsafeFileError, match="impossible shape"):
        read_arrays(path)
    npz_with(path, b"{'descr': __import__('os').system('true'), 'shape': (1,)}\n")
    with pytest.raises(DataError, match="not a readable NumPy array"):
        read_arrays(path)


def test_object_arrays_are_refused(tmp_path) -> None:
    path = tmp_path / "object.npz"
    np.savez(path, v_template=np.array([{"a": 1}], dtype=object))
    with pytest.raises(UnsafeFileError, match=r"(?s)type object.*can run code"):
        read_arrays(path)


def test_total_size_is_bounded(tmp_path) -> None:
    path = tmp_path / "bomb.npz"
    np.savez_compressed(path, a=np.zeros(200_000), b=np.zeros(200_000))
    assert path.stat().st_size < 10_000
    with pytest.raises(UnsafeFileError, match="at most 2,000,000 are read"):
        read_arrays(path, max_bytes=2_000_000)


def test_array_orders_and_byte_orders_are_read(tmp_path) -> None:
    path = tmp_path / "orders.npz"
    rng = np.random.default_rng(0)
    values = rng.normal(size=(5, 4, 3))
    np.savez(
        path,
        fortran=np.asfortranarray(values),
        big=values.astype(">f8"),
        empty=np.zeros((0, 3)),
        text=np.array("café"),
    )
    arrays, texts = read_arrays(path)
    assert np.array_equal(arrays["fortran"], values)
    assert np.array_equal(arrays["big"], values)
    assert arrays["big"].dtype.isnative
    assert arrays["empty"].shape == (0, 3)
    assert texts == {"text": "café"}
    assert list_arrays(path)["fortran"] == (5, 4, 3)


def test_rows_are_streamed_in_order(tmp_path) -> None:
    values = np.arange(7 * 5).reshape(7, 5)
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "rows.npz", values=values)
        blocks = list(iterate_rows(tmp_path / "rows.npz", "values", rows=3))
        assert [len(block) for block in blocks] == [3, 3, 1]
        assert np.array_equal(np.concatenate(blocks), values)


def test_single_arrays(tmp_path) -> None:
    values = np.random.default_rng(0).normal(size=(68, 2)).astype(np.float32)
    np.save(tmp_path / "a.npy", values)
    assert np.array_equal(read_npy(tmp_path / "a.npy"), values)
    with pytest.raises(UnsafeFileError, match="at most 100 are read"):
        read_npy(tmp_path / "a.npy", max_bytes=100)
    data = (tmp_path / "a.npy").read_bytes()
    (tmp_path / "short.npy").write_bytes(data[:-5])
    with pytest.raises(DataError, match="ends early: expected 544 bytes, found 539"):
        read_npy(tmp_path / "short.npy")
    np.save(tmp_path / "o.npy", np.array([{}], dtype=object))
    with pytest.raises(UnsafeFileError, match="can run code"):
        read_npy(tmp_path / "o.npy")
    (tmp_path / "t.npy").write_bytes(b"hello")
    with pytest.raises(DataError, match="not a readable NumPy array"):
        read_npy(tmp_path / "t.npy")
    with pytest.raises(MissingError):
        read_npy(tmp_path / "none.npy")
