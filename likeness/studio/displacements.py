"""Reads the table of facial displacements: how 217 points of the cage move in each shape.

The numbers are measurements taken on the expression shapes of ICT-FaceKit (USC Institute for
Creative Technologies, MIT licence):
Copyright (c) 2020 USC Institute for Creative Technologies.
No file of that project is shipped, read or downloaded.

Owns the table and its mirror images; spreading it over the skin is the business of
:mod:`likeness.studio.expressions`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.studio.cage import load_cage

TWO_SIDED = ("jawLeft", "mouthLeft")
"""Shapes without a left half that are not symmetric either: the table lists both sides."""


@dataclass(frozen=True)
class Displacements:
    """Displacements at weight 1 at the anchors of both sides.

    Attributes:
        anchors: (217,) indices of cage points, equally of skin vertices: the listed ones, then the
            mirror images of those off the midline.
        shapes: (217, 3) mm by name as in the table, e.g. ``"browDown_L"``.
    """

    anchors: NDArray[np.int64]
    shapes: Mapping[str, NDArray[np.float64]]


@functools.cache
def load_displacements() -> Displacements:
    """Reads ``tables/displacements.txt``. The arrays are shared: treat them as constants."""
    text = (
        resources.files("likeness.studio").joinpath("tables/displacements.txt").read_text("utf-8")
    )
    names, listed = parse_displacements(text)
    cage = load_cage()
    half = cage.indices(*names)
    off_midline = np.flatnonzero(cage.mirror[half] != half)
    row_of_mirrored = {int(k): len(half) + i for i, k in enumerate(off_midline)}

    shapes = {}
    for shape, moves in listed.items():
        rows = np.zeros((len(half) + len(off_midline), 3))
        symmetric = not shape.endswith("_L") and shape not in TWO_SIDED
        for (number, mirrored), move in moves.items():
            if not mirrored:
                rows[number] = move
            if symmetric and number in row_of_mirrored:
                rows[row_of_mirrored[number]] = np.multiply(move, (-1.0, 1.0, 1.0))
            if mirrored:
                rows[row_of_mirrored[number]] = move
        if symmetric:
            rows[: len(half)][cage.mirror[half] == half, 0] = 0.0  # rounding of the measurement
        shapes[shape] = rows
    return Displacements(np.concatenate([half, cage.mirror[half[off_midline]]]), shapes)


def parse_displacements(
    text: str,
) -> tuple[list[str], dict[str, dict[tuple[int, bool], tuple[float, ...]]]]:
    """The anchors' names, and per shape the move of each (anchor number, is mirrored).

    Raises:
        DataError: a line is not of the table's form.
    """
    names: list[str] = []
    shapes: dict[str, dict[tuple[int, bool], tuple[float, ...]]] = {}
    current: dict[tuple[int, bool], tuple[float, ...]] | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.split("#")[0].split()
        try:
            match words:
                case []:
                    continue
                case ["anchors"]:
                    current = None
                case ["shape", name] if name not in shapes:
                    current = shapes.setdefault(name, {})
                case _ if current is None:
                    for word in words:
                        index, name = word.split("=")
                        if int(index) != len(names):
                            raise ValueError(word)
                        names.append(name)
                case _:
                    for word in words:
                        anchor, move = word.split(":")
                        x, y, z = (float(value) for value in move.split(","))
                        key = (abs(int(anchor)), anchor.startswith("-"))
                        if key in current or key[0] >= len(names):
                            raise ValueError(word)
                        current[key] = (x, y, z)
        except ValueError as error:
            raise DataError(
                f"tables/displacements.txt line {number}: expected 'anchors', 'shape <new name>', "
                f"'number=point' or 'anchor:dx,dy,dz', found {line!r}",
                advice="Reinstall the package; the table is part of it.",
            ) from error
    return names, shapes
