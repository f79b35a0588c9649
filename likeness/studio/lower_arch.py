"""The lower teeth as a wall the tongue lies behind and passes over, read off their crowns.

Owns where the tongue may be beside the lower teeth. The upper arch and the palate, and the tongue's
own shapes, are :mod:`likeness.studio.tongue`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.easing import smoothstep
from likeness.studio.parts import (
    LOWER_TEETH,
    TEETH_PER_SIDE,
    TONGUE_COLUMNS,
    TONGUE_ROWS,
    TOOTH_COLUMNS,
    TOOTH_ROWS,
    teeth,
)

Array = NDArray[np.float64]

_CLEARANCE = 0.5
"""mm between the tongue and the backs of the crowns."""
_OVER = 1.2
"""mm over the biting edges at which the tongue passes; below, the crowns hold it."""
_BEFORE, _SLOPE = 3.0, 0.5
"""mm in front of the crowns from which nothing holds the tongue, and how it may droop there."""
_PASSES = 2.0
"""mm past the backs of the crowns from which the tip is lifted; one that only leans on them is held
back."""
_MOST_LIFT = 4.5
"""mm the tip is lifted to pass. One that lies deeper behind the teeth stays behind them."""
_FRONT = (0.5, 0.8)
"""Angles along the arch, in radians from the middle: canine to premolar. The front passes over the
edges, the sides never do."""
_CARRIED = (0.2, 0.6)
"""From the root (0) to the tip (1): how a lift fades toward the root, which stays with the jaw."""
_PIECES = 4
"""Points looked at between two vertices: an edge must clear the teeth as its ends do."""


@dataclass(frozen=True)
class _Wall:
    """Crowns along the arch: angles (N,) and, for each, mm of height and shares of the arch."""

    angle: Array
    top: Array
    low: Array
    back_top: Array
    back_low: Array
    front: Array

    def at(self, angle: Array) -> tuple[Array, Array, Array, Array, Array]:
        """Edges and gums in mm of height, backs at both and fronts in shares, at angles (...)."""
        found = (self.top, self.low, self.back_top, self.back_low, self.front)
        top, low, back_top, back_low, front = (np.interp(angle, self.angle, v) for v in found)
        return top, low, back_top, back_low, front


def clear_lower_teeth(points: Array) -> Array:
    """Vertices (72, 3) of the tongue in the frame of the lower teeth at rest, mm, kept off them.

    The front is lifted over the edges where it passes, and what is still below them is held
    behind them. Every step is continuous in the points.
    """
    return held_behind(_lifted(points))


def _lifted(points: Array) -> Array:
    grid = points.reshape(TONGUE_ROWS, TONGUE_COLUMNS, 3)
    place = np.linspace(0.0, 1.0, _PIECES * (TONGUE_ROWS - 1) + 1)
    rows = place * (TONGUE_ROWS - 1)
    first = np.minimum(rows.astype(int), TONGUE_ROWS - 2)
    share = (rows - first)[:, None, None]
    dense = (1.0 - share) * grid[first] + share * grid[first + 1]
    angle, reach, scale = _polar(dense)
    top, low, back_top, back_low, front = _wall().at(angle)
    back_top, back_low = back_top - _CLEARANCE / scale, back_low - _CLEARANCE / scale
    climbed = np.clip((reach - back_low) / (back_top - back_low), 0.0, 1.0)
    floor = low + (top + _OVER - low) * climbed
    floor -= _SLOPE * np.maximum((reach - front) * scale, 0.0)
    missing = np.maximum(floor - dense[..., 1], 0.0)
    height = np.clip((dense[..., 1] - low) / (top - low), 0.0, 1.0)
    passed = (reach - back_low - (back_top - back_low) * height) * scale
    missing *= np.clip(passed / _PASSES, 0.0, 1.0)
    missing *= np.clip(2.0 - missing / _MOST_LIFT, 0.0, 1.0) * _frontal(angle)
    carried = smoothstep(*_CARRIED, place)
    tip_half = carried > 0.5
    lift = (missing[tip_half] / carried[tip_half, None]).max(axis=0)
    found = grid.copy()
    found[..., 1] += smoothstep(*_CARRIED, np.linspace(0.0, 1.0, TONGUE_ROWS))[:, None] * lift
    return found.reshape(-1, 3)


def held_behind(points: Array) -> Array:
    """Vertices (72, 3) of the tongue held behind the crowns where they are below the edges, in the
    frame of :func:`clear_lower_teeth`, without its lift: for what moved after that."""
    angle, reach, scale = _polar(points)
    top, low, back_top, back_low, front = _wall().at(angle)
    height = np.clip((points[:, 1] - low) / (top - low), 0.0, 1.0)
    most = back_low + (back_top - back_low) * height - _CLEARANCE / scale
    held = np.clip((top + _OVER - points[:, 1]) / _OVER, 0.0, 1.0)
    held *= 1.0 - _frontal(angle) * np.clip((reach - front) * scale / _BEFORE, 0.0, 1.0)
    held *= np.repeat(smoothstep(0.05, 0.25, np.linspace(0.0, 1.0, TONGUE_ROWS)), TONGUE_COLUMNS)
    shrink = 1.0 - held * (1.0 - np.minimum(most / np.maximum(reach, 1e-6), 1.0))
    middle = LOWER_TEETH.arch_front - LOWER_TEETH.arch_depth
    found = points.copy()
    found[:, 0] *= shrink
    found[:, 2] += (shrink - 1.0) * np.maximum(points[:, 2] - middle, 0.0)
    return found


def _polar(points: Array) -> tuple[Array, Array, Array]:
    """Angle from the middle in radians and share of the arch's radius of points (..., 3), and mm
    per share there; points behind the widest place count as beside it."""
    row = LOWER_TEETH
    ahead = np.maximum(points[..., 2] - (row.arch_front - row.arch_depth), 0.0)
    across = np.abs(points[..., 0])
    reach = np.hypot(across / row.arch_width, ahead / row.arch_depth)
    length = np.hypot(across, ahead)
    scale = np.where(reach > 1e-6, length / np.maximum(reach, 1e-6), row.arch_width)
    return np.arctan2(across / row.arch_width, ahead / row.arch_depth), reach, scale


def _frontal(angle: Array) -> Array:
    return 1.0 - smoothstep(*_FRONT, angle)


@functools.cache
def _wall() -> _Wall:
    crowns = teeth(upper=False).vertices[: TEETH_PER_SIDE * TOOTH_ROWS * TOOTH_COLUMNS]
    crowns = crowns.reshape(TEETH_PER_SIDE, TOOTH_ROWS, TOOTH_COLUMNS, 3)
    # Rows of a crown run from the gum in front over the biting edge to the gum behind.
    front_row, edge_row, back_row, gum_row = (crowns[:, k] for k in range(2, TOOTH_ROWS))
    angle, back_top, _ = _polar(back_row.reshape(-1, 3))
    low_angle, back_low, _ = _polar(gum_row.reshape(-1, 3))
    front_angle, front, _ = _polar(front_row.reshape(-1, 3))
    edge = np.repeat(edge_row[..., 1].max(axis=1), TOOTH_COLUMNS)
    return _Wall(
        angle=angle,
        top=edge,
        low=np.interp(angle, low_angle, gum_row[..., 1].ravel()),
        back_top=back_top,
        back_low=np.interp(angle, low_angle, back_low),
        front=np.interp(angle, front_angle, front),
    )
