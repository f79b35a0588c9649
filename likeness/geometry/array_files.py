"""Named arrays in .npz and .safetensors files, read with a bound on memory and without pickles.

A header that declares more than the file holds, or more than the caller allows, is refused before
anything is allocated. What the arrays mean belongs to the callers.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from likeness.errors import DataError, UnsafeFileError, no_file
from likeness.replacement import replacing

MAX_BYTES = 4 * 1024**3
"""Arrays of one file together; a full FLAME texture space has 0.6 GB."""

_MAX_HEADER = 10_000
_LENGTH_BYTES = {(1, 0): 2, (2, 0): 4}
_ALLOWED_KINDS = "biufcUS"
# The last three come of headers that are cut or nested deeply.
_HEADER_FAULTS = (
    *(ValueError, TypeError, SyntaxError, EOFError),
    *(tokenize.TokenError, RecursionError, MemoryError),
)


@dataclass(frozen=True)
class ArrayHeader:
    """What an .npy header declares. ``num_bytes`` is the size of the data behind it."""

    shape: tuple[int, ...]
    dtype: np.dtype
    fortran_order: bool

    @property
    def num_bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy_header(stream: BinaryIO, where: str) -> ArrayHeader:
    """Read the header of an .npy stream (format versions 1 and 2) and leave the stream behind it.

    The header is parsed as a literal, nothing is executed. Object arrays are reported, not refused:
    that is for the caller, who knows whether a pickle may follow.
    """
    try:
        version = np.lib.format.read_magic(stream)
        if version not in _LENGTH_BYTES:
            raise ValueError(f"format version {version} is not supported")
        length = stream.read(_LENGTH_BYTES[version])
        text = stream.read(min(int.from_bytes(length, "little"), _MAX_HEADER + 1))
        header = _parsed_header(version, length + text)
    except _HEADER_FAULTS as error:
        raise DataError(f"{where} is not a readable NumPy array: {error}.") from error
    shape, fortran_order, dtype = header
    if any(size < 0 for size in shape):
        raise UnsafeFileError(f"{where} declares the impossible shape {shape}.")
    return ArrayHeader(tuple(int(size) for size in shape), dtype, bool(fortran_order))


@lru_cache(maxsize=512)
def _parsed_header(version: tuple[int, int], header: bytes) -> tuple[tuple, bool, np.dtype]:
    """Shape, order and type. Parsing costs more than small arrays do, and headers repeat."""
    parse = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    return parse[version](BytesIO(header), max_header_size=_MAX_HEADER)


def read_arrays(
    path: str | Path, *, max_bytes: int = MAX_BYTES
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """All arrays of an .npz or .safetensors file, and its texts.

    Zero-dimensional string arrays of an .npz and the header entries of a .safetensors file are the
    texts.

    Raises:
        MissingError: there is no such file.
        DataError: the file is damaged or of another kind.
        UnsafeFileError: it holds pickles or declares more than ``max_bytes`` or than it contains.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    if path.suffix == ".safetensors":
        return _read_safetensors(path, max_bytes)
    arrays: dict[str, np.ndarray] = {}
    texts: dict[str, str] = {}
    total = 0
    with _open_archive(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as stream:
                header = _checked_header(stream, info.file_size, f"'{name}' in {path}")
                total += header.num_bytes
                if total > max_bytes:
                    raise UnsafeFileError(
                        f"{path} declares at least {total:,} bytes of arrays (at '{name}'); "
                        f"at most {max_bytes:,} are read."
                    )
                array = _read_values(stream, header, f"'{name}' in {path}")
            if array.ndim == 0 and array.dtype.kind == "U":
                texts[name] = str(array)
            else:
                arrays[name] = array
    return arrays, texts


def read_npy(path: str | Path, *, max_bytes: int = MAX_BYTES) -> np.ndarray:
    """The array of an .npy file; the same checks and errors as :func:`read_arrays`."""
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    with open(path, "rb") as stream:
        header = _checked_header(stream, path.stat().st_size, str(path))
        if header.num_bytes > max_bytes:
            raise UnsafeFileError(
                f"{path} declares {header.num_bytes:,} bytes; at most {max_bytes:,} are read."
            )
        return _read_values(stream, header, str(path))


def list_arrays(path: str | Path) -> dict[str, tuple[int, ...]]:
    """Name and shape of everything in an .npz or .safetensors file, from headers only.

    Texts have the empty shape ().
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    if path.suffix == ".safetensors":
        with _open_safetensors(path) as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            return shapes | dict.fromkeys(file.metadata() or {}, ())
    shapes = {}
    with _open_archive(path) as archive:
        for info in archive.infolist():
            name = info.filename.removesuffix(".npy")
            with archive.open(info) as stream:
                shapes[name] = _checked_header(stream, info.file_size, f"'{name}' in {path}").shape
    return shapes


def iterate_rows(path: str | Path, name: str, *, rows: int) -> Iterator[np.ndarray]:
    """Blocks of at most ``rows`` rows (first axis) of one array of an .npz file, in order.

    For arrays too big to hold: only one block is in memory, whether or not the file is compressed.
    """
    path = Path(path)
    with _open_archive(path) as archive:
        info = archive.getinfo(f"{name}.npy")
        with archive.open(info) as stream:
            header = _checked_header(stream, info.file_size, f"'{name}' in {path}")
            if header.fortran_order or not header.shape:
                raise DataError(f"'{name}' in {path} cannot be read by rows (column-major order).")
            for start in range(0, header.shape[0], rows):
                shape = (min(rows, header.shape[0] - start), *header.shape[1:])
                block = ArrayHeader(shape, header.dtype, False)
                yield _read_values(stream, block, f"'{name}' in {path}")


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], texts: Mapping[str, str]
) -> None:
    """Write .npz or .safetensors, by the suffix of ``path``; replaces the file in one step."""
    path = Path(path)
    if path.suffix not in (".npz", ".safetensors"):
        raise ValueError(f"expected a path ending in .npz or .safetensors, got {path}")
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with replacing(path) as temporary:
        if path.suffix == ".safetensors":
            save_file(contiguous, temporary, metadata=dict(texts))
        else:
            with open(temporary, "wb") as file:
                as_arrays = {name: np.array(text) for name, text in texts.items()}
                np.savez(file, allow_pickle=False, **contiguous, **as_arrays)


@contextmanager
def _open_archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
        raise DataError(
            f"{path} is not a readable .npz archive: {error}.",
            advice="Copy the file again; an interrupted download looks like this.",
        ) from error


def _checked_header(stream: BinaryIO, num_bytes: int, where: str) -> ArrayHeader:
    header = read_npy_header(stream, where)
    if header.dtype.kind not in _ALLOWED_KINDS or header.dtype.fields is not None:
        raise UnsafeFileError(
            f"{where} holds values of type {header.dtype}; only numbers and text are read, "
            "because anything else needs a pickle, which can run code."
        )
    if header.num_bytes > num_bytes:
        raise UnsafeFileError(
            f"{where} declares {header.num_bytes:,} bytes (shape {header.shape}, "
            f"{header.dtype}) but contains {num_bytes:,}."
        )
    return header


def _read_values(stream: BinaryIO, header: ArrayHeader, where: str) -> np.ndarray:
    data = stream.read(header.num_bytes)
    if len(data) != header.num_bytes:
        raise DataError(
            f"{where} ends early: expected {header.num_bytes:,} bytes, found {len(data):,}."
        )
    if header.num_bytes == 0:
        return np.zeros(header.shape, header.dtype.newbyteorder("="))
    order = "F" if header.fortran_order else "C"
    array = np.frombuffer(data, header.dtype).reshape(header.shape, order=order)
    return array.astype(header.dtype.newbyteorder("="), copy=False)


def _read_safetensors(path: Path, max_bytes: int) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    # The library maps the file and checks every offset against its size, so the size bounds all.
    size = path.stat().st_size
    if size > max_bytes:
        raise UnsafeFileError(f"{path} has {size:,} bytes; at most {max_bytes:,} are read.")
    with _open_safetensors(path) as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


@contextmanager
def _open_safetensors(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, ValueError) as error:
        raise DataError(f"{path} is not a readable .safetensors file: {error}.") from error
