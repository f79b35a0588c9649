"""Face detection: the record of a face, what every detector is, and the choice among several faces.

Each detector is a plug-in with one method, ``detect``. Coordinates are pixels of the given picture,
centres at half-integers. Knows none of the detectors; :mod:`.detectors` has them by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import numpy as np


@dataclass(frozen=True, eq=False)
class Face:
    """One face in a picture."""

    box: np.ndarray
    """(4,) float64: left, top, right, bottom in pixels; may reach outside the picture."""
    score: float
    """Confidence in [0, 1]; 0.5 is where a detector means "yes"."""
    points5: np.ndarray | None = None
    """(5, 2): right eye, left eye, nose tip, right and left mouth corner of the subject; in a
    frontal picture the first eye is on the picture's left."""
    landmarks68: np.ndarray | None = None
    """(68, 2) in the Multi-PIE / 300-W order."""

    @property
    def size(self) -> float:
        """Square root of the box's area, pixels."""
        extent = np.maximum(self.box[2:] - self.box[:2], 0.0)
        return float(np.sqrt(extent[0] * extent[1]))

    @property
    def centre(self) -> np.ndarray:
        return (self.box[:2] + self.box[2:]) / 2

    def moved(self, scale: float, offset: Sequence[float] = (0.0, 0.0)) -> Face:
        """The same face after ``xy -> xy * scale + offset``, e.g. back in the full-size picture."""
        shift = np.asarray(offset, np.float64)
        both = np.concatenate([shift, shift])
        return replace(
            self,
            box=self.box * scale + both,
            points5=None if self.points5 is None else self.points5 * scale + shift,
            landmarks68=None if self.landmarks68 is None else self.landmarks68 * scale + shift,
        )


@runtime_checkable
class Detector(Protocol):
    """What every detector is."""

    def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
        """Faces of a picture, most confident first.

        Args:
            image: (H, W, 3) float32 RGB in [0, 1].
            name: the picture's identifier, for detectors that look results up.
        """


SURE = 0.5
"""Confidence from which a face is taken without a doubt."""


def choose_face(
    faces: Sequence[Face], image_size: tuple[int, int], *, min_score: float = SURE
) -> Face | None:
    """The face a portrait is about: the largest, unless it is at the edge; None without any.

    Ranks by area less twice the squared distance of the centres of face and picture, as InsightFace
    does, so that a passer-by in a corner does not win by a few pixels.

    Args:
        image_size: (height, width).
    """
    middle = np.array([image_size[1], image_size[0]]) / 2

    def rank(face: Face) -> tuple[float, float]:
        return (face.size**2 - 2 * float(((face.centre - middle) ** 2).sum()), face.score)

    return max((face for face in faces if face.score >= min_score), key=rank, default=None)


def choose_unsure_face(faces: Sequence[Face], image_size: tuple[int, int]) -> Face | None:
    """The most confident face that fills a picture and is no sure one; None without any.

    For a picture that somebody says is of a person. Cascades doubt true faces that are small, dark
    or behind glasses: of frontal portraits of 192 pixels, five in twelve scored 0.2 to 0.45 there.
    In pictures without people, what scores 0.2 fills less than 0.2 of them.

    Args:
        image_size: (height, width).
    """
    side = (image_size[0] * image_size[1]) ** 0.5
    found = (face for face in faces if face.score >= 0.2 and face.size >= 0.3 * side)
    return max(found, key=lambda face: face.score, default=None)


def overlap(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Intersection over union (N, M) of boxes (N, 4) and (M, 4)."""
    low = np.maximum(first[:, None, :2], second[None, :, :2])
    high = np.minimum(first[:, None, 2:], second[None, :, 2:])
    common = np.maximum(high - low, 0).prod(axis=-1)
    areas = [np.maximum(boxes[:, 2:] - boxes[:, :2], 0).prod(axis=-1) for boxes in (first, second)]
    return common / np.maximum(areas[0][:, None] + areas[1][None] - common, 1e-12)


def without_duplicates(faces: Sequence[Face], max_overlap: float = 0.4) -> list[Face]:
    """Most confident first, without those that overlap a better one (non-maximum suppression)."""
    kept: list[Face] = []
    for face in sorted(faces, key=lambda f: -f.score):
        boxes = np.array([other.box for other in kept]).reshape(-1, 4)
        if not (overlap(face.box[None], boxes) > max_overlap).any():
            kept.append(face)
    return kept
