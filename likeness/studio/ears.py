"""How flat an ear may lie: its back never enters the head behind it.

Owns the limit that a head sets to the flatness of its ears. How far ears stand out is drawn in
:mod:`likeness.studio.population`, and how they swing is a mode of :mod:`likeness.studio.modes`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

from likeness.studio.modes import MODE_INDEX, build_modes
from likeness.studio.template import SIDES, Template, build_template

_LEAST_SHARE = 0.15  # of the template's room between an ear's back and the head; the ear is full
_BACK = (0.1, 0.6)  # ear number of the sheet between the line of attachment and the rim
_BEHIND = 5.0  # z in mm: in front of it an ear has grown to the face
_MOST_BARE = 0.02  # ear number of skin that counts as the head's


@dataclass(frozen=True)
class _Back:
    """The back of one ear and the skin of the head it lies over."""

    back: NDArray[np.int64]  # (N,) skin vertices
    head: NDArray[np.int64]  # (N, 3) corners of the triangle of bare skin beneath, seen from aside
    weights: NDArray[np.float64]  # (N, 3) barycentric
    least: NDArray[np.float64]  # (N,) mm that must be left between
    swing: NDArray[np.float64]  # (N,) mm a vertex leaves the head per mm of protrusion
    field: NDArray[np.float64]  # (skin vertices, 3) per mm of protrusion, this side alone
    sign: float


def clear_heads(template: Template, vertices: NDArray[np.float64]) -> None:
    """Swings an ear that lies too flat out until its back is free of the head, in place.

    An ear moves as a whole, by the mode of its protrusion: both of its sheets keep their form.

    Args:
        vertices: (V, 3) mm.
    """
    for side in SIDES:
        ear = _back_of(template, side)
        x = ear.sign * vertices[:, 0]
        room = x[ear.back] - (x[ear.head] * ear.weights).sum(axis=1)
        short = float(((ear.least - room) / ear.swing).max())
        if short > 0.0:
            vertices[: template.num_skin] += short * ear.field


@functools.lru_cache(maxsize=8)
def _back_of(template: Template, side: str) -> _Back:
    sign = 1.0 if side == "left" else -1.0
    # Vertices that every level of detail has, so that an ear is as flat in all of them.
    known = slice(0, build_template("low").num_skin)
    skin, on_ear = template.vertices[known], template.ear[known]
    here = sign * skin[:, 0] > 50.0
    bare = np.flatnonzero(here & (on_ear < _MOST_BARE))
    field = build_modes(template)[MODE_INDEX["ear_out"]] * (
        template.side[: template.num_skin, None] == sign
    )
    swing = sign * field[known, 0]
    back = np.flatnonzero(
        here & (on_ear > _BACK[0]) & (on_ear < _BACK[1]) & (skin[:, 2] < _BEHIND) & (swing > 0.1)
    )
    seen = Delaunay(skin[bare][:, 1:])
    triangle = seen.find_simplex(skin[back][:, 1:])
    turn = seen.transform[triangle]
    first = np.einsum("nij,nj->ni", turn[:, :2], skin[back][:, 1:] - turn[:, 2])
    weights = np.column_stack([first, 1.0 - first.sum(axis=1)])
    head = bare[seen.simplices[triangle]]
    room = sign * (skin[back, 0] - (skin[head, 0] * weights).sum(axis=1))
    apart = swing[back] - (swing[head] * weights).sum(axis=1)
    return _Back(back, head, weights, _LEAST_SHARE * room, apart, field, sign)
