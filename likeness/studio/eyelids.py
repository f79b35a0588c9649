"""How lids close: along an arc around the eyeball, and never into it.

Owns the blink and the clearance between lids and ball. The other shapes of the lids are ordinary
rows of :mod:`likeness.studio.expressions`; when to close and clear is the business of
:mod:`likeness.studio.deform`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.studio.parts import LID_CLEARANCE, eye_radius
from likeness.studio.spreading import Spreader
from likeness.studio.template import SIDES, Template

UPPER_SHARE = 0.22
"""Where closed lids meet, between the open lower (0) and the open upper margin (1)."""
CLOSED_HEIGHT = 0.75
"""Height of the closed margin over the ball, mm."""

_RESTING_HEIGHT = 2.0  # mm a margin may stand off the ball within the next radius of its axis
_RESTING_RADIUS = 9.5
_CANTHUS_SLOPE = 0.8  # mm more per mm beyond
_STILL_BEYOND = 2.9  # eye ring number: the orbit
_LAYER = 0.3  # mm that the lid plate clears the ball by more than its margin, or they would cut
_LINING_SHARES = (1.0, 0.85)
_LINING_HEIGHTS = (0.3, 0.35)


@dataclass(frozen=True)
class _Lids:
    """What one side's lids need: ids and the response of the skin to its margin."""

    loop: NDArray[np.int64]
    region: NDArray[np.int64]  # skin vertices that follow the margin, margin excluded
    response: NDArray[np.float64]  # (region, loop), how far each goes with each margin vertex
    linings: tuple[NDArray[np.int64], ...]  # ring by ring
    kept: NDArray[np.int64]  # margin, region and linings: what is kept off the ball
    heights: NDArray[np.float64]  # (kept,) least heights over the ball, mm
    ball: slice
    sign: float


@functools.lru_cache(maxsize=8)
def _lids(template: Template, side: str) -> _Lids:
    loop = template.eye_loops[side]
    sign = 1.0 if side == "left" else -1.0
    skin = np.arange(template.num_skin)
    moves = (template.eye_ring[skin] <= _STILL_BEYOND) & (template.side[skin] == sign)
    region = np.setdiff1d(skin[moves], loop)
    spreader = Spreader(
        template.vertices[skin],
        template.skin_faces,
        np.concatenate([loop, skin[~moves]]),
    )
    unit = np.zeros((len(spreader.anchors), len(loop)))
    unit[: len(loop)] = np.eye(len(loop))
    lining = np.arange(template.num_vertices)[template.part_ranges[f"lid_lining_{side}"]]
    linings = tuple(lining[template.lining_ring[lining] == ring] for ring in (0, 1))
    cover = np.concatenate([loop, region])
    heights = [LID_CLEARANCE + _LAYER * np.minimum(template.eye_ring[cover], 1.0)]
    heights += [np.full(len(ids), height) for ids, height in zip(linings, _LINING_HEIGHTS)]
    return _Lids(
        loop=loop,
        region=region,
        response=spreader(unit)[region],
        linings=linings,
        kept=np.concatenate([cover, *linings]),
        heights=np.concatenate(heights),
        ball=template.part_ranges[f"eyeball_{side}"],
        sign=sign,
    )


def eye_center(template: Template, rest: NDArray[np.floating], side: str) -> NDArray[np.float64]:
    """Centre of an eyeball (3,) of a head at rest; balls differ between people by a shift only."""
    ball = template.part_ranges[f"eyeball_{side}"]
    shift = (rest[ball] - template.vertices[ball]).mean(axis=0)
    return template.eye_centers[SIDES.index(side)] + shift


def close_lids(
    template: Template,
    vertices: NDArray[np.float64],
    side: str,
    weight: float,
    center: NDArray[np.float64],
) -> None:
    """Closes the lids of one side, in place, by ``weight`` from wherever they are.

    The 23 pairs of margin vertices go to a common point between them along the arc about the eye's
    centre; at 1 there is no gap left. The skin up to the orbit follows.

    Args:
        vertices: (V, 3) mm.
        weight: 0 as they are .. 1 closed.
        center: (3,) of the eyeball.
    """
    lids = _lids(template, side)
    upper, lower = template.lid_pairs[side]
    meeting = UPPER_SHARE * vertices[upper] + (1.0 - UPPER_SHARE) * vertices[lower]
    radius = np.linalg.norm(meeting - center, axis=1, keepdims=True)
    floor = template.eye_radius + CLOSED_HEIGHT
    meeting = center + (meeting - center) * np.maximum(floor / radius, 1.0)

    before = vertices[lids.loop]
    for ids in (upper, lower):
        vertices[ids] = center + _along_arc(vertices[ids] - center, meeting - center, weight)
    _follow_margin(lids, vertices, vertices[lids.loop] - before)


def uncross_lids(template: Template, vertices: NDArray[np.float64], side: str) -> None:
    """Lets margins that have passed each other meet, in place, at the point a blink closes to."""
    upper, lower = template.lid_pairs[side]
    crossed = vertices[upper, 1] < vertices[lower, 1]
    if not crossed.any():
        return
    lids = _lids(template, side)
    before = vertices[lids.loop]
    a, b = upper[crossed], lower[crossed]
    vertices[a] = vertices[b] = UPPER_SHARE * vertices[a] + (1.0 - UPPER_SHARE) * vertices[b]
    _follow_margin(lids, vertices, vertices[lids.loop] - before)


def _follow_margin(lids: _Lids, vertices: NDArray[np.float64], moved: NDArray[np.float64]) -> None:
    vertices[lids.region] += lids.response @ moved
    for ids, share in zip(lids.linings, _LINING_SHARES):
        vertices[ids] += share * moved


def _along_arc(
    start: NDArray[np.float64], end: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """Directions by spherical interpolation (Shoemake, 1985), lengths linearly."""
    from_length = np.linalg.norm(start, axis=1, keepdims=True)
    to_length = np.linalg.norm(end, axis=1, keepdims=True)
    a, b = start / from_length, end / to_length
    angle = np.arccos(np.clip((a * b).sum(axis=1, keepdims=True), -1.0, 1.0))
    whole = np.maximum(np.sin(angle), 1e-12)
    near = angle < 1e-6
    first = np.where(near, 1.0 - weight, np.sin((1.0 - weight) * angle) / whole)
    second = np.where(near, weight, np.sin(weight * angle) / whole)
    return (first * a + second * b) * ((1.0 - weight) * from_length + weight * to_length)


def draw_in_lids(
    template: Template,
    vertices: NDArray[np.float64],
    side: str,
    center: NDArray[np.float64],
) -> None:
    """Brings a margin that stands off the ball back to it along the radius, in place.

    Lids rest on the ball up to where it turns away from them; at the canthi they are free of it.
    """
    lids = _lids(template, side)
    before = vertices[lids.loop]
    offset = before - center
    distance = np.linalg.norm(offset, axis=1)
    from_axis = np.linalg.norm(offset[:, :2], axis=1)
    most = template.eye_radius + _RESTING_HEIGHT
    most = most + _CANTHUS_SLOPE * np.maximum(from_axis - _RESTING_RADIUS, 0.0)
    vertices[lids.loop] = center + offset * np.minimum(most / distance, 1.0)[:, None]
    _follow_margin(lids, vertices, vertices[lids.loop] - before)


def clear_ball(
    template: Template,
    vertices: NDArray[np.float64],
    side: str,
    center: NDArray[np.float64],
    gaze: NDArray[np.float64],
) -> None:
    """Moves every lid vertex that is too near the ball out along its radius, in place.

    Args:
        vertices: (V, 3) mm.
        center: (3,) of the eyeball.
        gaze: (3,) unit vector the eye looks along; the cornea stands out around it.
    """
    lids = _lids(template, side)
    offset = vertices[lids.kept] - center
    distance = np.linalg.norm(offset, axis=1, keepdims=True)
    least = (eye_radius(offset / distance, gaze) + lids.heights)[:, None]
    vertices[lids.kept] = center + offset * np.maximum(least / distance, 1.0)
