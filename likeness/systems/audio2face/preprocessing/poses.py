"""Poses spread over the shots of actors, read as rows where they are asked for.

Owns the way from frames (F, V, 3) in caches to rows of coordinates in memory: a block at a time,
of the vertices looked at, checked, about an origin. A whole shot is never held unless it is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation, frames_per_block
from likeness.systems.audio2face.artefacts import Floats

BLOCK_BYTES = 64 * 1024**2
"""Coordinates that are read at a time. Larger blocks make the products with a basis faster."""

Indices = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ShotPoses:
    """Some frames of one shot as rows.

    Attributes:
        shot: its name, for messages.
        animation: frames (F, V, 3).
        frames: rising indices of the frames meant.
        vertices: the vertices looked at; None: all.
        origin: (D,) what is taken from every row; None: nothing.
        scale: factor of the coordinates, before the origin is taken.
    """

    shot: str
    animation: VertexAnimation
    frames: Indices
    vertices: Indices | None = None
    origin: Floats | None = None
    scale: float = 1.0

    @property
    def size(self) -> int:
        """Coordinates of a row, D."""
        count = self.animation.num_vertices if self.vertices is None else len(self.vertices)
        return 3 * count

    def rows(self, chosen: Indices) -> Floats:
        """The rows of positions in ``frames``, float32 (n, D); the caller's own.

        Raises:
            DataError: a coordinate that is no finite number.
        """
        frames = self.frames[chosen]
        out = np.empty((len(frames), self.size), np.float32)
        limit = frames_per_block(self.animation, BLOCK_BYTES)
        for start, stop in _runs(frames, limit):
            block = self.animation.read(int(frames[start]), int(frames[stop - 1]) + 1)
            seen = block if self.vertices is None else block[:, self.vertices]
            rows = seen.reshape(stop - start, -1)
            _check_finite(rows, self.shot, int(frames[start]))
            out[start:stop] = rows
        if self.scale != 1.0:
            out *= np.float32(self.scale)
        if self.origin is not None:
            out -= self.origin
        return out

    def blocks(self) -> Iterator[tuple[int, Floats]]:
        """All rows in order, as the position of the first and the rows (n, D)."""
        step = frames_per_block(self.animation, BLOCK_BYTES)
        for start in range(0, len(self.frames), step):
            yield start, self.rows(np.arange(start, min(start + step, len(self.frames))))


@dataclass(frozen=True, eq=False)
class Poses:
    """Poses of several shots, numbered through in their order.

    Raises:
        DataError: no pose, or shots with different numbers of coordinates.
    """

    shots: tuple[ShotPoses, ...]

    def __post_init__(self) -> None:
        if not sum(len(part.frames) for part in self.shots):
            raise DataError("Expected a pose at least, found none in the shots that were chosen.")
        sizes: dict[int, str] = {}
        for part in self.shots:
            sizes.setdefault(part.size, part.shot)
        if len(sizes) > 1:
            found = ", ".join(f"{size // 3} in '{shot}'" for size, shot in sizes.items())
            raise DataError(
                f"All shots must have the same vertices in the same order, found {found}."
            )

    @property
    def size(self) -> int:
        """Coordinates of a pose, D."""
        return self.shots[0].size

    def __len__(self) -> int:
        return int(sum(len(part.frames) for part in self.shots))

    def blocks(self) -> Iterator[tuple[int, Floats]]:
        """All poses in order, as the number of the first and rows (n, D)."""
        first = 0
        for part in self.shots:
            for start, rows in part.blocks():
                yield first + start, rows
            first += len(part.frames)

    def rows(self, numbers: Indices | None = None) -> Floats:
        """The poses of rising numbers, (n, D); all by default."""
        numbers = np.arange(len(self), dtype=np.int64) if numbers is None else numbers
        out = np.empty((len(numbers), self.size), np.float32)
        first = done = 0
        for part in self.shots:
            stop = first + len(part.frames)
            inside = numbers[(numbers >= first) & (numbers < stop)] - first
            if len(inside):
                out[done : done + len(inside)] = part.rows(inside)
            done += len(inside)
            first = stop
        return out

    def by_shot(self, numbers: Indices) -> dict[str, Indices]:
        """Shot to the frames that rising numbers stand for; shots without one are left out."""
        first, out = 0, {}
        for part in self.shots:
            stop = first + len(part.frames)
            inside = numbers[(numbers >= first) & (numbers < stop)] - first
            if len(inside):
                out[part.shot] = part.frames[inside]
            first = stop
        return out


def frames_inside(frames: Mapping[str, Indices], lengths: Mapping[str, int]) -> dict[str, Indices]:
    """The frames of each shot that it has: those below its length, all others left out at once."""
    return {
        shot: indices[(indices >= 0) & (indices < lengths[shot])]
        for shot, indices in frames.items()
    }


def _runs(frames: Indices, limit: int) -> Iterator[tuple[int, int]]:
    """Positions of frames that follow each other, at most ``limit`` at a time."""
    start = 0
    for stop in range(1, len(frames) + 1):
        follows = stop < len(frames) and frames[stop] == frames[stop - 1] + 1
        if not follows or stop - start == limit:
            yield start, stop
            start = stop


def _check_finite(rows: Floats, shot: str, first: int) -> None:
    good = np.isfinite(rows.sum(axis=1, dtype=np.float64))
    if not good.all():
        frame = first + int(np.argmin(good))
        raise DataError(
            f"Frame {frame} of shot '{shot}' has coordinates that are no finite numbers.",
            advice="Cache the shot again, or leave it out.",
        )
