"""Faces found earlier: results read from files beside the pictures instead of being computed.

For datasets that come with landmarks, and for detectors that run elsewhere.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, UsageError
from likeness.faces.detect import Face
from likeness.geometry.landmarks import far_outside, five_points


class RecordedDetector:
    """Reads ``<folder>/<name>.npy`` or ``<folder>/<name>.json``.

    ``.npy``: one face as (68, 2), (51, 2) or (5, 2) pixel positions; of 51, which lack the jaw
    line, the five are taken; a third column is not read. ``.json``: a list of faces, each with
    ``box`` [left, top, right, bottom], ``score`` and optionally ``points5`` and ``landmarks68``.

    Raises:
        UsageError: no folder is given, or there is none.
    """

    def __init__(self, folder: str | Path | None) -> None:
        if folder is None or not Path(folder).is_dir():
            raise UsageError(
                f"The detector 'file' needs a folder of results; found {folder}.",
                advice="Give the folder with <name>.npy or <name>.json for every picture.",
            )
        self._folder = Path(folder)

    def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
        """The recorded faces of the picture ``name``. Raises DataError when there is no record."""
        arrays, records = self._folder / f"{name}.npy", self._folder / f"{name}.json"
        size = (image.shape[1], image.shape[0])
        if arrays.is_file():
            return [_within(_from_array(arrays), size, arrays)]
        if records.is_file():
            faces = [_within(face, size, records) for face in _from_json(records)]
            return sorted(faces, key=lambda face: -face.score)
        raise DataError(
            f"Expected recorded faces of '{name}' at {arrays} or {records}; there is neither.",
            advice="Run the detector that makes them on this picture too, or leave it out.",
        )


def _within(face: Face, size: tuple[int, int], path: Path) -> Face:
    """A face of a picture of (width, height). Raises DataError where it is not in it."""
    points = face.landmarks68 if face.landmarks68 is not None else face.points5
    if points is None:
        points = face.box.reshape(2, 2).mean(axis=0, keepdims=True)
    outside = far_outside(points, size)
    if outside:
        raise DataError(
            f"{path}: {outside}", advice="Detect the face on this very picture, or leave it out."
        )
    return face


def _from_array(path: Path) -> Face:
    try:
        points = np.load(path, allow_pickle=False).astype(np.float64)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is not an array file: {error}.") from error
    shapes = [(count, columns) for count in (68, 51, 5) for columns in (2, 3)]
    if points.shape not in shapes or not np.isfinite(points).all():
        what = f"{points.shape}" if points.shape not in shapes else "NaN or infinity among them"
        raise DataError(
            f"{path} must hold finite positions (68, 2), (51, 2) or (5, 2), found {what}."
        )
    points = points[:, :2]
    if (points == points[0]).all():
        raise DataError(f"{path} must hold positions of a face, found the same one every time.")
    box = np.concatenate([points.min(axis=0), points.max(axis=0)])
    if len(points) == 51:
        points = five_points(np.concatenate([np.zeros((17, 2)), points]))
    if len(points) == 5:
        return Face(box, 1.0, points5=points)
    return Face(box, 1.0, landmarks68=points)


def _from_json(path: Path) -> list[Face]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [
            Face(
                box=_positions(row["box"], (4,)),
                score=float(row["score"]),
                points5=_positions(row["points5"], (5, 2)) if row.get("points5") else None,
                landmarks68=_positions(row["landmarks68"], (68, 2))
                if row.get("landmarks68")
                else None,
            )
            for row in rows
        ]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path} is not a list of faces: {type(error).__name__}: {error}.",
            advice='Expected [{"box": [left, top, right, bottom], "score": 0.9, …}, …].',
        ) from error


def _positions(value: Any, shape: tuple[int, ...]) -> np.ndarray:
    array = np.asarray(value, np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"expected finite numbers of shape {shape}, found {array.shape}")
    if len(shape) == 2 and (array == array[0]).all():
        raise ValueError("expected positions of a face, found the same one every time")
    return array
