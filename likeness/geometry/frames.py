"""Where the frames of a vertex animation lie: in an array, in files, or between other frames.

A source knows its shape and reads the frames it is asked for, no others. Sources are plain values:
they hold no open file and may go to another process.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np

from likeness.errors import DataError


class FrameSource(Protocol):
    """Frames (F, V, 3) that are read when they are asked for."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Frames, vertices and 3."""

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64, in the byte order of the machine: what :meth:`read` returns."""

    def read(self, first: int, last: int) -> np.ndarray:
        """Frames ``first`` to ``last`` (excluded) as (last - first, V, 3)."""

    def part(self, first: int, last: int) -> FrameSource:
        """The source of these frames alone; nothing is read."""


@dataclass(frozen=True, eq=False)
class ArrayFrames:
    """Frames of an array (F, V, 3) of real numbers, which may be memory-mapped.

    float64 stays what it is; other types become float32 when they are read.
    """

    array: np.ndarray

    def __post_init__(self) -> None:
        array = self.array
        if array.ndim != 3 or array.shape[2] != 3 or array.dtype.kind not in "fiu":
            raise DataError(
                "Frames of an animation must be real numbers of shape (F, V, 3), got shape "
                f"{array.shape} and type {array.dtype}."
            )

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.array.shape[0], self.array.shape[1], 3)

    @property
    def dtype(self) -> np.dtype:
        is_double = self.array.dtype.kind == "f" and self.array.dtype.itemsize == 8
        return np.dtype(np.float64 if is_double else np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        return np.array(self.array[first:last], dtype=self.dtype, order="C")

    def part(self, first: int, last: int) -> ArrayFrames:
        return ArrayFrames(self.array[first:last])


@dataclass(frozen=True, eq=False)
class FileFrames:
    """Frames in files, each one run of V × 3 numbers.

    Args:
        paths: the files.
        path_ids: (F,) which file a frame is in.
        offsets: (F,) int64 bytes before the first number of a frame.
        num_vertices: V.
        stored: type of the numbers with their byte order, such as ``>f4``.
    """

    paths: tuple[Path, ...]
    path_ids: np.ndarray
    offsets: np.ndarray
    num_vertices: int
    stored: np.dtype

    @classmethod
    def in_one_run(
        cls, path: Path, offset: int, shape: tuple[int, int], stored: np.dtype
    ) -> FileFrames:
        """``shape`` (F, V) frames that follow each other from ``offset`` on."""
        frames, vertices = shape
        offsets = offset + np.arange(frames, dtype=np.int64) * (vertices * 3 * stored.itemsize)
        return cls((path,), np.zeros(frames, np.int32), offsets, vertices, stored)

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.offsets), self.num_vertices, 3)

    @property
    def dtype(self) -> np.dtype:
        return self.stored.newbyteorder("=")

    @property
    def frame_bytes(self) -> int:
        return self.num_vertices * 3 * self.stored.itemsize

    def read(self, first: int, last: int) -> np.ndarray:
        """See :class:`FrameSource`.

        Raises:
            DataError: a file has become shorter since it was looked at.
        """
        data = np.empty(max(last - first, 0) * self.frame_bytes, np.uint8)
        for start, stop in self._runs(first, last):
            target = data[(start - first) * self.frame_bytes : (stop - first) * self.frame_bytes]
            _fill(target, self.paths[self.path_ids[start]], int(self.offsets[start]))
        values = data.view(self.stored).reshape(-1, self.num_vertices, 3)
        if not self.stored.isnative:
            values = values.byteswap(inplace=True).view(self.dtype)
        return values

    def part(self, first: int, last: int) -> FileFrames:
        return FileFrames(
            self.paths,
            self.path_ids[first:last],
            self.offsets[first:last],
            self.num_vertices,
            self.stored,
        )

    def _runs(self, first: int, last: int) -> list[tuple[int, int]]:
        """Frames that lie one after the other in the same file, read in one go."""
        if last <= first:
            return []
        breaks = (np.diff(self.offsets[first:last]) != self.frame_bytes) | (
            np.diff(self.path_ids[first:last]) != 0
        )
        edges = [first, *(first + 1 + np.flatnonzero(breaks)).tolist(), last]
        return list(pairwise(edges))


@dataclass(frozen=True, eq=False)
class ResampledFrames:
    """Frames at another rate, by linear interpolation between those of a source.

    A frame stands for the middle of its interval (the half-pixel convention), so output frame i
    lies at input frame (i + 0.5) / ratio - 0.5; before the first and after the last middle the end
    frames hold. Only the input around the asked frames is read.

    Args:
        source: the input frames.
        ratio: output frames per input frame.
        first, last: the output frames this source stands for.
    """

    source: FrameSource
    ratio: Fraction
    first: int
    last: int

    @classmethod
    def of(cls, source: FrameSource, ratio: Fraction) -> ResampledFrames:
        """All of a source: floor(F · ratio) frames, at least one."""
        return cls(source, ratio, 0, max(int(source.shape[0] * ratio), 1))

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.last - self.first, self.source.shape[1], 3)

    @property
    def dtype(self) -> np.dtype:
        return self.source.dtype

    def read(self, first: int, last: int) -> np.ndarray:
        if last <= first:
            return np.empty((0, self.source.shape[1], 3), self.dtype)
        end = self.source.shape[0] - 1
        index = np.arange(self.first + first, self.first + last, dtype=np.float64)
        position = np.clip((index + 0.5) / float(self.ratio) - 0.5, 0, end)
        below = np.floor(position).astype(np.int64)
        above = np.minimum(below + 1, end)
        weight = (position - below).astype(self.dtype)[:, None, None]
        start = int(below[0])
        stop = int(above[-1]) + 1
        if last - first > 1 and stop - start > 4 * (last - first) + 2:
            # Far down in rate most of the input between two output frames is not needed.
            middle = (first + last) // 2
            return np.concatenate([self.read(first, middle), self.read(middle, last)])
        given = self.source.read(start, stop)
        mixed = given[below - start]
        rise = given[above - start]
        del given
        rise -= mixed
        rise *= weight
        mixed += rise
        return mixed

    def part(self, first: int, last: int) -> ResampledFrames:
        return ResampledFrames(self.source, self.ratio, self.first + first, self.first + last)


@dataclass(frozen=True, eq=False)
class ScaledFrames:
    """Frames in another unit: those of a source times a factor, multiplied as they are read."""

    source: FrameSource
    factor: float

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.source.shape

    @property
    def dtype(self) -> np.dtype:
        return self.source.dtype

    def read(self, first: int, last: int) -> np.ndarray:
        return self.source.read(first, last) * self.dtype.type(self.factor)

    def part(self, first: int, last: int) -> ScaledFrames:
        return ScaledFrames(self.source.part(first, last), self.factor)


def _fill(target: np.ndarray, path: Path, offset: int) -> None:
    view = memoryview(target.data)
    with open(path, "rb", buffering=0) as file:
        file.seek(offset)
        done = 0
        while done < len(view):
            count = file.readinto(view[done:])
            if not count:
                raise DataError(
                    f"{path} has become shorter since it was opened: expected {len(view):,} bytes "
                    f"at byte {offset:,}, found {done:,}."
                )
            done += count
