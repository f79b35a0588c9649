"""Vertex animations in .npy files: float32 (F, V, 3), without a frame rate of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import DataError, UnsafeFileError, no_file
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.array_files import read_npy_header
from likeness.geometry.frames import FileFrames
from likeness.replacement import replacing


def read_npy_cache(path: str | Path, fps: float) -> VertexAnimation:
    """An animation whose frames are read from the file when they are asked for.

    Args:
        path: float32 or float64 numbers (F, V, 3) in rows (C order), of either byte order.
        fps: frames per second; the file does not say.

    Raises:
        MissingError: there is no such file.
        DataError: another shape, kind or size than the header and the format ask for.
        UnsafeFileError: a header that declares more than the file holds.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    with open(path, "rb") as stream:
        header = read_npy_header(stream, str(path))
        offset = stream.tell()
        size = path.stat().st_size
    shape, dtype = header.shape, header.dtype
    if len(shape) != 3 or shape[2] != 3 or min(shape) < 1:
        raise DataError(
            f"{path}: expected frames of shape (F, V, 3), F and V at least 1, found {shape}."
        )
    if dtype not in (np.dtype("<f4"), np.dtype(">f4"), np.dtype("<f8"), np.dtype(">f8")):
        raise DataError(f"{path}: expected numbers of type float32, found {dtype}.")
    if header.fortran_order:
        raise DataError(
            f"{path}: expected frames one after the other (C order), found column-major order.",
            advice="Save numpy.ascontiguousarray of the array.",
        )
    if header.num_bytes > size - offset:
        raise UnsafeFileError(
            f"{path}: the header declares shape {shape}, {header.num_bytes:,} bytes from byte "
            f"{offset}; found {size - offset:,}."
        )
    if header.num_bytes < size - offset:
        raise DataError(
            f"{path}: expected {header.num_bytes:,} bytes of frames from byte {offset} (shape "
            f"{shape}), found {size - offset:,}."
        )
    return VertexAnimation(FileFrames.in_one_run(path, offset, shape[:2], dtype), fps)


def write_npy_cache(path: str | Path, animation: VertexAnimation) -> None:
    """Write float32 (F, V, 3), little-endian, block by block; replaces the file in one step."""
    description = {"descr": "<f4", "fortran_order": False, "shape": animation.frames.shape}
    with replacing(path) as temporary, open(temporary, "wb") as file:
        np.lib.format.write_array_header_1_0(file, description)
        for block in animation.blocks():
            file.write(block.astype("<f4", copy=False).data)
