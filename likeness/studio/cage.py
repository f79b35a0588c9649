"""The control cage of the template head: 528 named points and 1,012 triangles, read from a table.

The coordinates are measurements taken on the neutral head and the shapes of ICT-FaceKit (USC
Institute for Creative Technologies, MIT licence):
Copyright (c) 2020 USC Institute for Creative Technologies.
No file of that project is shipped, read or downloaded.

Owns the table, the triangles between rings and the mirror image. The smooth surface is made from
it in :mod:`likeness.studio.subdivision` and :mod:`likeness.studio.template`.
"""

from __future__ import annotations

import functools
import itertools
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError

NO_RING = 4.0
"""Ring number of every point that lies on no ring (rings count outward from 0)."""

_CLOSED_RING = 12
_MOUTH_WALK = (3, 2, 1, 0, 6, 5, 4)  # upper midline to the corner and back to the lower midline
_NECK_RINGS = ("k-98", "k-122", "k-150")
_NECK_AZIMUTHS = (0, 30, 60, 90, 120, 150, 180)


@dataclass(frozen=True)
class Cage:
    """The full cage, both halves. Points 0..284 have x >= 0, the rest mirror the non-midline ones.

    Attributes:
        half_names: name of each of the first 285 points, e.g. ``"e0_3"`` or ``"r34_54"``.
        points: (528, 3) millimetres; +x the subject's left, +y up, +z forward.
        triangles: (1012, 3) int32, counter-clockwise seen from outside.
        mirror: (528,) index of the mirror image of each point; its own index on the midline.
        mouth_ring: (528,) 0 at the lip seam to 3 on the skin around the lips, else 4.
        eye_ring: (528,) 0 at the lid margin to 3 at the orbit, else 4.
        ear: (528,) 1 on the ears from the helix rim inward, 0 at their attachment and elsewhere.
        detail_edges: (N, 2) where the surface of one subdivision is moved: in the middle of the
            edge between two points, lower index first, or at one point named twice.
        detail_offsets: (N, 3) by how much, in mm.
    """

    half_names: tuple[str, ...]
    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    mirror: NDArray[np.int64]
    mouth_ring: NDArray[np.float64]
    eye_ring: NDArray[np.float64]
    ear: NDArray[np.float64]
    detail_edges: NDArray[np.int64]
    detail_offsets: NDArray[np.float64]

    def index(self, name: str, *, mirrored: bool = False) -> int:
        """Index of the named point, or of its mirror image on the subject's right.

        The index is also that of the vertex the point becomes after any number of subdivisions.
        """
        position = self.half_names.index(name)
        return int(self.mirror[position]) if mirrored else position

    def indices(self, *names: str, mirrored: bool = False) -> NDArray[np.int64]:
        """:meth:`index` of several points, in the order given."""
        return np.array([self.index(name, mirrored=mirrored) for name in names], dtype=np.int64)

    def starting_with(self, prefix: str) -> NDArray[np.int64]:
        """Indices, on both sides, of all points whose name starts with ``prefix``."""
        half = [i for i, name in enumerate(self.half_names) if name.startswith(prefix)]
        return np.unique(np.concatenate([half, self.mirror[half]]))


@functools.cache
def load_cage() -> Cage:
    """Reads the tables and lays the triangles. The arrays are shared: treat them as constants."""
    tables = resources.files("likeness.studio").joinpath("tables")
    names, half_points, listed = _read_table(tables.joinpath("cage.txt").read_text("utf-8"))
    number = {name: i for i, name in enumerate(names)}
    half_triangles = np.array(
        [[number[name] for name in triangle] for triangle in [*_bands(), *listed]], dtype=np.int64
    )

    count = len(names)
    off_midline = np.flatnonzero(half_points[:, 0] != 0.0)
    to_mirror = np.arange(count)
    to_mirror[off_midline] = count + np.arange(off_midline.size)
    points = np.concatenate([half_points, half_points[off_midline] * (-1.0, 1.0, 1.0)])
    mirror = np.concatenate([to_mirror, off_midline])
    # The mirror image turns the sense of a triangle round; swapping two corners turns it back.
    triangles = np.concatenate([half_triangles, to_mirror[half_triangles][:, [0, 2, 1]]])

    rings = {letter: np.full(count, NO_RING) for letter in "me"}
    ear = np.zeros(count)
    for i, name in enumerate(names):
        series = name.split("_")[0]
        if series[0] in rings and series[1:].isdigit():
            rings[series[0]][i] = float(series[1:])
        ear[i] = float(series[0] == "a" and series != "a0")
    both = np.concatenate([np.arange(count), off_midline])
    edges, offsets = _read_offsets(tables.joinpath("detail.txt").read_text("utf-8"), number)
    return Cage(
        half_names=tuple(names),
        points=points,
        triangles=triangles.astype(np.int32),
        mirror=mirror,
        mouth_ring=rings["m"][both],
        eye_ring=rings["e"][both],
        ear=ear[both],
        detail_edges=np.sort(np.concatenate([edges, mirror[edges]]), axis=1),
        detail_offsets=np.concatenate([offsets, offsets * (-1.0, 1.0, 1.0)]),
    )


def _read_table(text: str) -> tuple[list[str], NDArray[np.float64], list[tuple[str, str, str]]]:
    names: list[str] = []
    points: list[list[float]] = []
    triangles: list[tuple[str, str, str]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        match line.split("#")[0].split():
            case []:
                continue
            case ["point", name, x, y, z] if name not in names:
                names.append(name)
                points.append([float(x), float(y), float(z)])
            case ["triangle", a, b, c] if {a, b, c} <= set(names):
                triangles.append((a, b, c))
            case _:
                raise DataError(
                    f"tables/cage.txt line {number}: expected 'point <new name> x y z' or "
                    f"'triangle <name> <name> <name>', found {line!r}",
                    advice="Reinstall the package; the table is part of it.",
                )
    return names, np.array(points), triangles


def _read_offsets(
    text: str, number: dict[str, int]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    edges: list[list[int]] = []
    offsets: list[list[float]] = []
    for line_number, line in enumerate(text.splitlines(), start=1):
        match line.split("#")[0].split():
            case []:
                continue
            case ["offset", *names, x, y, z] if len(names) in (1, 2) and set(names) <= set(number):
                edges.append([number[names[0]], number[names[-1]]])
                offsets.append([float(x), float(y), float(z)])
            case _:
                raise DataError(
                    f"tables/detail.txt line {line_number}: expected 'offset <one or two names> "
                    f"dx dy dz', found {line!r}",
                    advice="Reinstall the package; the table is part of it.",
                )
    return np.array(edges, dtype=np.int64).reshape(-1, 2), np.array(offsets).reshape(-1, 3)


def _bands() -> list[tuple[str, str, str]]:
    """The triangles between consecutive rings of the half, as point names."""
    circle = range(_CLOSED_RING + 1)
    ears = [[f"a{ring}_{i % _CLOSED_RING}" for i in circle] for ring in range(5)]
    eyes = [[f"e{ring}_{i % _CLOSED_RING}" for i in circle] for ring in range(4)]
    mouth = [[f"m{ring}_{i}" for i in _MOUTH_WALK] for ring in range(4)]
    neck = [[f"{ring}_{azimuth}" for azimuth in _NECK_AZIMUTHS] for ring in _NECK_RINGS]

    triangles = []
    for rings, turned in ((eyes, True), (mouth, True), (ears, False), (neck, False)):
        for inner, outer in itertools.pairwise(rings):
            for i in range(len(inner) - 1):
                pair = [
                    (inner[i], outer[i], outer[i + 1]),
                    (inner[i], outer[i + 1], inner[i + 1]),
                ]
                triangles += [(a, c, b) for a, b, c in pair] if turned else pair
    concha = ears[-1]
    triangles += [(concha[i], "a_c", concha[i + 1]) for i in range(_CLOSED_RING)]
    return triangles
