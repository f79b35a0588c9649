"""A square to paint backgrounds on: coordinates, noise, boxes, light on a wall, blur by a disc.

Owns what painters of all families use. Chance is drawn in amounts that do not depend on the side of
the canvas, so that a seed gives one picture at every size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]


@dataclass(frozen=True)
class Canvas:
    """A square of ``side`` pixels; x to the right and y down run from -1 to 1."""

    side: int
    blur: float
    """Radius in sides of the disc it will be spread over; detail below it may be left out."""

    @property
    def grid(self) -> tuple[Picture, Picture]:
        """x and y, (side, side) each."""
        return _grid(self.side)

    def noise(self, rng: np.random.Generator, cells: int, stretch: float = 1.0) -> Picture:
        """(side, side) smooth field, mean 0 and deviation about 1, ``cells`` lumps down the side.

        Args:
            rng: draws the lumps.
            cells: along y.
            stretch: how much wider than high the lumps are.
        """
        across = max(round(cells / stretch), 1)
        coarse = rng.standard_normal((cells + 3, across + 3)).astype(np.float32)
        field = cv2.resize(coarse, (self.side, self.side), interpolation=cv2.INTER_CUBIC)
        # Between its points a field varies less than at them.
        return field / np.float32(0.75)

    def fractal(
        self, rng: np.random.Generator, cells: int, octaves: int, stretch: float = 1.0
    ) -> Picture:
        """Sum of noises, each twice as fine and half as strong; deviation about 1."""
        total = np.zeros((self.side, self.side), np.float32)
        power = 0.0
        for octave in range(octaves):
            found = self.noise(rng, cells * 2**octave, stretch)
            total += found * np.float32(0.5**octave)
            power += 0.25**octave
        return total / np.float32(np.sqrt(power))

    def box(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice]:
        """Rows and columns between coordinates; empty when there are none."""
        first_row, last_row = self._index(top), self._index(bottom)
        first, last = self._index(left), self._index(right)
        return slice(first_row, last_row), slice(first, last)

    def _index(self, coordinate: float) -> int:
        return min(max(round((coordinate + 1.0) * 0.5 * self.side), 0), self.side)

    def pool_of_light(self, rng: np.random.Generator, strength: float) -> Picture:
        """(side, side, 1) a lamp's pool on a wall: brighter about a point, falling off slowly."""
        x, y = self.grid
        cx, cy = rng.uniform(-0.9, 0.9), rng.uniform(-1.2, 0.2)
        away = (x - cx) ** 2 + (y - cy) ** 2
        pool = 1.0 + strength * (1.0 / (1.0 + 0.7 * away) - 0.65)
        return pool[..., None].astype(np.float32)

    def turned(
        self, rng: np.random.Generator, most: float, tilt: float = 0.03
    ) -> tuple[Picture, Picture]:
        """Coordinates on a wall that is not parallel to the picture: x and y, (side, side) each."""
        x, y = self.grid
        turn = rng.uniform(-most, most)
        roll = rng.normal(0.0, tilt)
        away = 1.0 / (1.0 + turn * x)
        return ((x + roll * y) * away).astype(np.float32), ((y - roll * x) * away).astype(
            np.float32
        )


@lru_cache(maxsize=4)
def _grid(side: int) -> tuple[Picture, Picture]:
    line = (np.arange(side, dtype=np.float32) + 0.5) * (2.0 / side) - 1.0
    x, y = np.meshgrid(line, line)
    x.flags.writeable = y.flags.writeable = False
    return x, y


def random_table(rng: np.random.Generator, rows: int = 128, columns: int = 128) -> Picture:
    """(rows, columns) uniform numbers, to be looked up by the numbers of bricks, boards, cells."""
    return rng.random((rows, columns), dtype=np.float32)


def look_up(table: Picture, row: Picture, column: Picture) -> Picture:
    """Entries of a table at whole numbers of any sign, repeated beyond its ends."""
    i = np.mod(np.floor(row).astype(np.int64), table.shape[0])
    j = np.mod(np.floor(column).astype(np.int64), table.shape[1])
    found: Picture = table[i, j]
    return found


def spread(picture: Picture, radius: float) -> Picture:
    """A picture (H, W) or (H, W, C) whose points become discs of a radius in pixels, as a lens out
    of focus does it; a little more hides the edge of the discs.
    """
    if radius < 0.35:
        return picture
    reach = int(np.ceil(radius))
    line = np.arange(-reach, reach + 1, dtype=np.float32)
    x, y = np.meshgrid(line, line)
    disc = np.clip(radius + 0.5 - np.hypot(x, y), 0.0, 1.0).astype(np.float32)
    disc /= disc.sum()
    found: Picture = cv2.filter2D(picture, -1, disc, borderType=cv2.BORDER_REFLECT_101)
    return cv2.GaussianBlur(found, (0, 0), 0.2 * radius + 0.05, borderType=cv2.BORDER_REFLECT_101)
