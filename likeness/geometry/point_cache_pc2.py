"""PC2 point caches of 3ds Max and Blender: a header of 32 bytes, then float32 (F, V, 3).

Little-endian: signature of 12 bytes, version 1, points, start frame (float), frames of the scene
per sample (float), samples. The frames per second of the scene are not in the file.
"""

from __future__ import annotations

import math
import struct
from pathlib import Path

import numpy as np

from likeness.errors import DataError, UnsafeFileError, UsageError, no_file
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.frames import FileFrames
from likeness.replacement import replacing

_HEADER = struct.Struct("<12siiffi")
_SIGNATURE = b"POINTCACHE2\0"
_LARGEST = 2**31 - 1


def read_pc2_cache(path: str | Path, fps: float) -> VertexAnimation:
    """An animation whose frames are read from the file when they are asked for.

    Args:
        path: the file.
        fps: frames per second of the scene. A file with one sample in two frames gives an animation
            of half that rate.

    Raises:
        MissingError: there is no such file.
        DataError: no PC2 file of version 1, or one whose size is not what its header says.
        UnsafeFileError: a header that declares more than the file holds.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    with open(path, "rb") as file:
        data = file.read(_HEADER.size)
    size = path.stat().st_size
    if len(data) < _HEADER.size:
        raise DataError(
            f"{path}: expected a PC2 header of {_HEADER.size} bytes, found {len(data)}."
        )
    signature, version, points, start, interval, samples = _HEADER.unpack(data)
    if signature != _SIGNATURE:
        raise DataError(f"{path}: expected {_SIGNATURE!r} at byte 0, found {signature!r}.")
    if version != 1:
        raise DataError(f"{path}: expected PC2 version 1 at byte 12, found {version}.")
    if points < 1:
        raise DataError(f"{path}: expected a point at least at byte 16, found {points}.")
    if not math.isfinite(start):
        raise DataError(f"{path}: expected a start frame at byte 20, found {start}.")
    if not (math.isfinite(interval) and interval > 0):
        raise DataError(f"{path}: expected frames per sample above 0 at byte 24, found {interval}.")
    if samples < 1:
        raise DataError(f"{path}: expected a sample at least at byte 28, found {samples}.")
    declared = _HEADER.size + points * samples * 12
    if declared != size:
        kind = UnsafeFileError if declared > size else DataError
        raise kind(
            f"{path}: the header declares {samples:,} samples of {points:,} points, "
            f"{declared:,} bytes with itself; the file has {size:,}."
        )
    frames = FileFrames.in_one_run(path, _HEADER.size, (samples, points), np.dtype("<f4"))
    return VertexAnimation(frames, fps / interval, start / fps)


def write_pc2_cache(path: str | Path, animation: VertexAnimation) -> None:
    """Write one sample per frame, block by block; replaces the file in one step.

    The start frame is ``start · fps``. Samples are float32.
    """
    frames, points, _ = animation.frames.shape
    if max(frames, points) > _LARGEST:
        raise UsageError(f"A .pc2 file counts up to {_LARGEST:,}; these are {frames} × {points}.")
    header = _HEADER.pack(_SIGNATURE, 1, points, animation.start * animation.fps, 1.0, frames)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(header)
        for block in animation.blocks():
            file.write(block.astype("<f4", copy=False).data)
