"""The paint that frames of a film share: skin and cloth on a lattice, computed once a film.

Owns the lattice and how points are painted from it. What is painted is told by ``skin`` and
``fabric``; what a frame changes, wrinkles, lips, eyes and all the rest, is painted for each frame,
and so are lids and striped cloth, whose edges are finer than a pixel.

Every triangle of the sitter carries a lattice about as fine as the pixels of the film. Nodes are
painted when a frame first needs them. They depend on the film alone, never on the frame, so a frame
is the same whichever were made before it.
"""

from __future__ import annotations

from dataclasses import fields

import numpy as np
from numba import njit
from numpy.typing import NDArray

from likeness.studio import fabric, skin
from likeness.studio.figure import Figure, Sitter
from likeness.studio.pixels import Samples
from likeness.studio.surface_points import BODY, CLOTH, SurfacePoints, SurfaceValues
from likeness.studio.template import PARTS

_SPACING = 1.0
"""Pixels between two nodes: detail a picture can show is three pixels wide."""
_MOST_NODES = 2_000_000
"""Of a lattice: 74 MB. One that is full is begun anew."""
_LIDS = 1.6
"""``SurfacePoints.eye_ring`` within which lines are finer than the lattice."""
_NEUTRAL = np.zeros(52)


class FilmPaint:
    """How a sitter is painted in the frames of one film."""

    def __init__(
        self, sitter: Sitter, still: Figure, footprint: float, *, most_nodes: int = _MOST_NODES
    ) -> None:
        """Lays out the lattice; nothing is painted yet.

        Args:
            sitter: who.
            still: the sitter at rest, which tells how large triangles are.
            footprint: mm a pixel of the film covers where the face is.
            most_nodes: bound of the memory, 37 bytes each. Changes no picture, unless one frame
                alone needs more: it is painted point by point.
        """
        self._sitter, self._footprint = sitter, footprint
        surface = sitter.surface
        self._is_skin = np.zeros(256, bool)
        self._is_skin[[PARTS.index("skin"), BODY]] = True
        self._has_nodes = self._is_skin.copy()
        self._has_nodes[CLOTH] = sitter.appearance.clothing.stripe_width == 0.0
        a, b, c = np.moveaxis(1000.0 * still.vertices[surface.faces].astype(np.float64), 1, 0)
        area = 0.5 * np.linalg.norm(np.cross(b - a, c - a), axis=1)
        edge = np.sqrt(area * 4.0 / np.sqrt(3.0))  # of the equilateral triangle as large
        self._steps = np.maximum(np.ceil(edge / (_SPACING * footprint)), 1.0).astype(np.int64)
        self._sizes = (self._steps + 1) * (self._steps + 2) // 2
        # Memory that no node is written to is not taken.
        self._nodes = np.empty((most_nodes, skin.GROUND_COLUMNS), np.float32)
        self._is_painted = np.zeros(most_nodes, bool)
        self._first = np.full(len(self._steps), -1)
        self._used = 0

    def paint(self, samples: Samples, weights: NDArray[np.float64]) -> SurfaceValues:
        """Values of the points of samples under an expression (52,)."""
        points, sitter = samples.points, self._sitter
        on_lattice, is_skin = self._has_nodes[points.part], self._is_skin[points.part]
        if not self._make_room(samples.tri[on_lattice]):
            return sitter.paint(points, weights)
        values = SurfaceValues.blank(len(points))

        chosen = np.flatnonzero(is_skin)
        own, found = points.take(chosen), self._values(samples, chosen)
        near = np.flatnonzero((own.mouth_ring < skin.STILL_RING) | (own.eye_ring < _LIDS))
        found[near] = skin.ground(sitter.appearance, own.take(near), weights)
        values.put(chosen, skin.crease(sitter.appearance, own, weights, found))

        chosen = np.flatnonzero(on_lattice & ~is_skin)
        found = self._values(samples, chosen).astype(np.float32)
        columns = (found[:, :3], found[:, 3:6], found[:, 6], found[:, 7], found[:, 8])
        values.put(chosen, SurfaceValues(*columns))

        chosen = np.flatnonzero(~on_lattice)
        values.put(chosen, sitter.paint(points.take(chosen), weights))
        return values

    def _make_room(self, tri: NDArray[np.int32]) -> bool:
        """Whether all triangles of a frame have their place in the lattice now."""
        is_shown = np.zeros(len(self._first), bool)
        is_shown[tri] = True
        shown = np.flatnonzero(is_shown)
        new = shown[self._first[shown] < 0]
        if self._used + self._sizes[new].sum() > len(self._nodes):
            self._first[:], self._is_painted[:], self._used, new = -1, False, 0, shown
            if self._sizes[new].sum() > len(self._nodes):
                return False
        ends = self._used + np.cumsum(self._sizes[new])
        self._first[new] = ends - self._sizes[new]
        self._used = int(ends[-1]) if len(ends) else self._used
        return True

    def _values(self, samples: Samples, chosen: NDArray[np.int64]) -> NDArray[np.float64]:
        """The lattice at chosen points, (N, columns), all of skin or all of cloth."""
        corner = np.empty((len(chosen), 3), np.int64)
        share = np.empty((len(chosen), 3))
        node = np.empty(3 * len(chosen), np.int64)
        face = np.empty(3 * len(chosen), np.int32)
        bary = np.empty((3 * len(chosen), 3), np.float32)
        count = _find(
            samples.tri,
            samples.bary,
            chosen,
            self._steps,
            self._first,
            self._is_painted,
            corner,
            share,
            node,
            face,
            bary,
        )
        if count:
            points = self._points(face[:count], bary[:count])
            if self._is_skin[points.part[0]]:
                painted = skin.ground(self._sitter.appearance, points, _NEUTRAL)
            else:
                cloth = fabric.paint(self._sitter.appearance, points)
                painted = np.column_stack([getattr(cloth, f.name) for f in fields(cloth)])
            self._nodes[node[:count]] = painted
        found = np.empty((len(chosen), skin.GROUND_COLUMNS))
        _mean(self._nodes, corner, share, found)
        return found

    def _points(self, face: NDArray[np.int32], bary: NDArray[np.float32]) -> SurfacePoints:
        """Points at places of triangles, each as large as a pixel."""
        surface = self._sitter.surface
        corners = surface.faces[face]
        kinds = (surface.mouth_ring, surface.eye_ring, surface.ear, surface.layer)
        rings = np.empty((len(kinds), len(face)), np.float32)
        for kind, out in zip(kinds, rings):
            _mean(kind[:, None], corners, bary, out[:, None])
        rest = np.empty((len(face), 3), np.float32)
        _mean(surface.rest, corners, bary, rest)
        mouth_ring, eye_ring, ear, layer = rings
        return SurfacePoints(
            rest=rest,
            part=surface.part[corners[:, 0]],
            mouth_ring=mouth_ring,
            eye_ring=eye_ring,
            ear=ear,
            layer=layer,
            lid_distance=np.zeros(len(face), np.float32),
            footprint=np.full(len(face), self._footprint, np.float32),
        )


@njit(cache=True, nogil=True, error_model="numpy")
def _find(tri, bary, chosen, steps, first, is_painted, corner, share, new_node, new_face, new_bary):
    """The three nodes around chosen points and their shares, and what has to be painted before:
    nodes, their triangles and places. Returns how many.
    """
    count = 0
    node_i, node_j = np.empty(3, np.int64), np.empty(3, np.int64)
    for index in range(len(chosen)):
        face = tri[chosen[index]]
        n = steps[face]
        u = min(max(float(bary[chosen[index], 1]), 0.0), 1.0) * n
        v = min(max(float(bary[chosen[index], 2]) * n, 0.0), n - u)
        i = min(int(u), n - 1)
        j = min(int(v), n - 1 - i)
        s, t = u - i, v - j
        node_i[0], node_j[0] = i, j + 1
        node_i[1], node_j[1] = i + 1, j
        if s + t <= 1.0:
            node_i[2], node_j[2] = i, j
            share[index, 0], share[index, 1], share[index, 2] = t, s, 1.0 - s - t
        else:
            node_i[2], node_j[2] = i + 1, j + 1
            share[index, 0], share[index, 1], share[index, 2] = 1.0 - s, 1.0 - t, s + t - 1.0
        for k in range(3):
            i, j = node_i[k], node_j[k]
            # Row i comes after i rows that get shorter by one.
            node = first[face] + i * (2 * n + 3 - i) // 2 + j
            corner[index, k] = node
            if not is_painted[node]:
                is_painted[node] = True
                new_node[count], new_face[count] = node, face
                new_bary[count, 0] = (n - i - j) / n
                new_bary[count, 1], new_bary[count, 2] = i / n, j / n
                count += 1
    return count


@njit(cache=True, nogil=True)
def _mean(values, corner, share, out):
    """Means of three rows each of ``values`` into ``out`` (N, columns)."""
    for index in range(len(out)):
        i, j, k = corner[index, 0], corner[index, 1], corner[index, 2]
        a, b, c = share[index, 0], share[index, 1], share[index, 2]
        for column in range(out.shape[1]):
            out[index, column] = (
                a * values[i, column] + b * values[j, column] + c * values[k, column]
            )
