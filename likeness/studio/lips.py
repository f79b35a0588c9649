"""How lips meet, and how they stay in front of the teeth.

Owns what happens where lips touch each other or the teeth, at rest and in expressions. Which lips
move where is :mod:`likeness.studio.expressions` and :mod:`likeness.studio.identity`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.studio.spreading import Spreader
from likeness.studio.template import Template

_LIPS_END = 2.9  # mouth ring number beyond which sealed lips move nothing
# mm between lips that still touch, and at which they are free of each other: in the middle, and
# toward the corners, where skin holds them together. Between is how far that is from the middle.
_CLING_MIDDLE = (0.7, 1.8)
_CLING_CORNER = (1.5, 4.0)
_CORNER = (8.0, 18.0)
_TOOTH_GAP = 0.8  # mm between lips and teeth
_TOOTH_COLUMN = 1.6  # half the largest distance in mm between columns of vertices of a row
_TOOTH_MARGIN = 2.0  # mm over which the push fades above gums and beyond biting edges
_TEETH_REACH = 3.2  # mouth ring number of the outermost skin that is kept off the teeth
_MOUTH_LINING_SHARES = (1.0, 0.85, 0.5, 0.25)
_LINING_DEPTH = 1.5  # mm the lining stays behind the fold between lower lip and chin
_LINING_SIDES = 20.0  # mm from the midline; beyond, lips turn back and skin lies beside the lining
_LINING_COLUMN = (2.5, 5.0)  # mm aside and up or down of the skin that lies before a point of it


def settle_lips(
    template: Template, vertices: NDArray[np.float64], jaw_rotation: NDArray[np.float64]
) -> None:
    """Lets lips meet and keeps them off the teeth, in place; the lining follows the seam.

    Args:
        vertices: (V, 3) mm.
        jaw_rotation: (3, 3) how the lower teeth are turned from rest.
    """
    seam = template.mouth_loop
    before = vertices[seam]
    _seal_lips(template, vertices)
    _clear_teeth(template, vertices, "teeth_upper", np.eye(3))
    _clear_teeth(template, vertices, "teeth_lower", jaw_rotation)
    moved = vertices[seam] - before
    lining = template.of("mouth_lining")
    for ring, share in enumerate(_MOUTH_LINING_SHARES):
        vertices[lining[template.lining_ring[lining] == ring]] += share * moved


@functools.lru_cache(maxsize=4)
def touching_gaps(template: Template) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Height between lips (P,) in mm, pair by pair, at which they still touch, and at which they
    are free of each other."""
    aside = np.abs(template.vertices[template.lip_pairs[0], 0])
    touching, free = (np.interp(aside, _CORNER, ends) for ends in zip(_CLING_MIDDLE, _CLING_CORNER))
    return touching, free


@functools.lru_cache(maxsize=4)
def _lip_response(template: Template) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Skin vertices around the mouth and how far each follows each vertex of the seam."""
    skin = np.arange(template.num_skin)
    loop = template.mouth_loop
    moves = template.mouth_ring[skin] <= _LIPS_END
    region = np.setdiff1d(skin[moves], loop)
    spreader = Spreader(
        template.vertices[skin], template.skin_faces, np.concatenate([loop, skin[~moves]])
    )
    unit = np.zeros((len(spreader.anchors), len(loop)))
    unit[: len(loop)] = np.eye(len(loop))
    return region, spreader(unit)[region]


def _seal_lips(template: Template, vertices: NDArray[np.float64]) -> None:
    """Lips meet: where the upper seam is below the lower both go to the point between them.

    They become one point in depth and side as well: seams at one height that differ in the other
    two cut each other wherever they slope. Lips a fraction of a millimetre apart still touch;
    otherwise teeth glint through the slit.
    """
    upper, lower = template.lip_pairs
    overlap = vertices[lower, 1] - vertices[upper, 1]
    touching, free = touching_gaps(template)
    touch = np.clip((overlap + free) / (free - touching), 0.0, 1.0)
    if touch.max() == 0.0:
        return
    region, response = _lip_response(template)
    before = vertices[template.mouth_loop]
    middle = 0.5 * (vertices[upper] + vertices[lower])
    for ids in (upper, lower):
        vertices[ids] += touch[:, None] * (middle - vertices[ids])
    vertices[region] += response @ (vertices[template.mouth_loop] - before)


@dataclass(frozen=True)
class _Row:
    """A row of teeth of the template and the lips before it."""

    near: NDArray[np.int64]  # skin vertices that are kept off it
    teeth: slice
    middle: NDArray[np.float64]  # (3,) of its vertices
    low: float  # y of its lowest and highest vertex
    high: float
    front: NDArray[np.float64]  # (N, 2) x and z of its front by ascending x


@functools.lru_cache(maxsize=8)
def _row(template: Template, part: str) -> _Row:
    here = template.part_ranges[part]
    teeth = template.vertices[here]
    across = np.linspace(teeth[:, 0].min(), teeth[:, 0].max(), 61)
    # Columns of vertices are up to 3 mm apart, and between two fronts there may be a back.
    near = np.abs(teeth[:, 0] - across[:, None]) <= _TOOTH_COLUMN
    front = np.stack([across, np.where(near, teeth[:, 2], -np.inf).max(axis=1)], axis=1)
    return _Row(
        near=np.flatnonzero(template.mouth_ring[: template.num_skin] <= _TEETH_REACH),
        teeth=here,
        middle=teeth.mean(axis=0),
        low=float(teeth[:, 1].min()),
        high=float(teeth[:, 1].max()),
        front=front,
    )


def _clear_teeth(
    template: Template,
    vertices: NDArray[np.float64],
    part: str,
    rotation: NDArray[np.float64],
) -> None:
    """Pushes lips that lie behind a row of teeth forward, in the frame of the teeth."""
    row = _row(template, part)
    moved = vertices[row.teeth].mean(axis=0)
    local = (vertices[row.near] - moved) @ rotation + row.middle
    fade = np.minimum(local[:, 1] - row.low, row.high - local[:, 1])
    fade = np.clip(1.0 + fade / _TOOTH_MARGIN, 0.0, 1.0)
    fade *= np.abs(local[:, 0]) < row.front[-1, 0]
    least = np.interp(local[:, 0], row.front[:, 0], row.front[:, 1]) + _TOOTH_GAP
    push = fade * np.maximum(least - local[:, 2], 0.0)
    vertices[row.near] += push[:, None] * rotation[:, 2]


@functools.lru_cache(maxsize=4)
def _skin_before_lining(template: Template) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Vertices (N,) of the lining below the lower lip, and the skin (N, K) below that lip which
    lies before each, the last repeated."""
    rest = template.vertices
    upper, lower = template.lip_pairs
    lining = template.of("mouth_lining")
    below = np.isin(template.seam_parent[lining], lower) & (template.lining_ring[lining] < 3)
    ids = lining[below & (np.abs(rest[lining, 0]) < _LINING_SIDES)]
    skin = np.arange(template.num_skin)
    chin = (template.mouth_ring[skin] <= 2.0 * _TEETH_REACH) & (rest[skin, 2] > 80.0)
    chin &= (rest[skin, 1] < rest[lower, 1].min()) & ~np.isin(skin, upper)
    skin = skin[chin]
    columns = [skin[np.abs(rest[skin, 0] - rest[at, 0]) < _LINING_COLUMN[0]] for at in ids]
    ids = ids[[len(column) > 0 for column in columns]]
    columns = [column for column in columns if len(column) > 0]
    most = max(map(len, columns))
    return ids, np.array([np.pad(column, (0, most - len(column)), "edge") for column in columns])


def tuck_lining(template: Template, vertices: NDArray[np.float64]) -> None:
    """Keeps the lining (V, 3), in place, behind the skin where a raised chin folds under a lip."""
    ids, skin = _skin_before_lining(template)
    height = np.abs(vertices[skin, 1] - vertices[ids, 1][:, None])
    front = np.where(height < _LINING_COLUMN[1], vertices[skin, 2], np.inf).min(axis=1)
    vertices[ids, 2] = np.minimum(vertices[ids, 2], front - _LINING_DEPTH)
