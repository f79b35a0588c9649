"""Texture coordinates of the head: one chart for the skin, islands below it for the inner parts.

The skin is laid on a cylinder cut at the back midline, with more room for the front, and relaxed
until no triangle is turned over. The part's own charts come from :mod:`likeness.studio.parts`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from likeness.studio.parts import Part

ISLANDS_TOP = 0.12
"""The skin's chart lies above this v, the islands below."""

# Box of each part: u from, v from, u to, v to.
_BOXES = {
    "eyeball_left": (0.125, 0.005, 0.235, 0.115),
    "eyeball_right": (0.005, 0.005, 0.115, 0.115),
    "teeth_upper": (0.245, 0.065, 0.555, 0.115),
    "teeth_lower": (0.245, 0.005, 0.555, 0.055),
    "tongue": (0.565, 0.005, 0.655, 0.115),
    "mouth_lining": (0.665, 0.005, 0.775, 0.115),
    "lid_lining_right": (0.785, 0.010, 0.885, 0.110),
    "lid_lining_left": (0.895, 0.010, 0.995, 0.110),
}
_AXIS_Z = 5.0  # the cylinder's axis stands at x = 0 and this z
_LOWEST, _HEIGHT = -150.0, 306.0  # of the head, in mm
_NOSE = 0.49  # the nose's place in that height
_CROWN = (
    143.0  # above it points stay where the cylinder puts them, or the chart shrinks from its top
)
_RELAXATION_STEPS = 12


def unwrap_skin(
    vertices: NDArray[np.float64], triangles: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.int32], NDArray[np.int64]]:
    """The chart of the skin, made on its coarse form.

    Vertices of the cut appear twice, once for the triangles of each side.

    Args:
        vertices: (V, 3) millimetres, symmetric about x = 0.
        triangles: (F, 3).

    Returns:
        chart (T, 2), triangles (F, 3) into it, and the vertex (T,) each chart point belongs to.
    """
    x, y, z = vertices.T
    cut = np.flatnonzero((np.abs(x) < 1e-9) & (z < _AXIS_Z))
    turn = np.arctan2(x, z - _AXIS_Z) / np.pi
    turn[cut] = 1.0
    chart_vertex = np.concatenate([np.arange(len(vertices)), cut])
    turn = np.concatenate([turn, np.full(cut.size, -1.0)])

    twin = np.arange(len(vertices))
    twin[cut] = len(vertices) + np.arange(cut.size)
    on_right = vertices[triangles, 0].mean(axis=1) < 0.0
    chart_triangles = np.where(on_right[:, None], twin[triangles], triangles)

    chart = np.stack([_across(turn), _upward(y[chart_vertex])], axis=1)
    held = y[chart_vertex] > _CROWN
    held[cut] = held[len(vertices) :] = True
    held |= np.isin(chart_vertex, _lowest_rim(vertices, triangles))
    chart = _relax(chart, chart_triangles, held)
    chart[:, 1] = ISLANDS_TOP + (1.0 - ISLANDS_TOP) * chart[:, 1]
    return chart, chart_triangles.astype(np.int32), chart_vertex


def _across(turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """u from the turn about the axis in -1..1: 1.65 times the even density at the front."""
    return 0.5 + 0.5 * np.sign(turn) * (1.65 * np.abs(turn) - 0.65 * turn**2)


def _upward(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """v from the height in mm: 1.5 times the even density at the nose, half of it at both ends."""
    height = (y - _LOWEST) / _HEIGHT
    wave = np.sin(2.0 * np.pi * (height - _NOSE)) + np.sin(2.0 * np.pi * _NOSE)
    return height + 0.5 / (2.0 * np.pi) * wave


def _lowest_rim(vertices: NDArray[np.float64], triangles: NDArray[np.integer]) -> NDArray[np.int64]:
    """Vertices of the open boundary below the chin: the cut of the neck."""
    edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    unique, uses = np.unique(edges, axis=0, return_counts=True)
    rim = np.unique(unique[uses == 1])
    return rim[vertices[rim, 1] < -100.0]


def _relax(
    chart: NDArray[np.float64], triangles: NDArray[np.integer], held: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Moves every free point to the mean of its neighbours, a few times over."""
    edges = np.unique(
        np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1), axis=0
    )
    rows, columns = np.concatenate([edges, edges[:, ::-1]]).T
    joined = sparse.csr_matrix((np.ones(rows.size), (rows, columns)), shape=(len(chart),) * 2)
    mean = sparse.diags(1.0 / np.asarray(joined.sum(axis=1)).ravel()) @ joined
    for _ in range(_RELAXATION_STEPS):
        chart = np.where(held[:, None], chart, mean @ chart)
    return chart


def assemble(
    skin_chart: NDArray[np.float64],
    skin_triangles: NDArray[np.integer],
    parts: Mapping[str, Part],
) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
    """Puts the parts' charts into their boxes below the skin's.

    Args:
        skin_chart: (T, 2).
        skin_triangles: (F, 3) into ``skin_chart``.
        parts: every other part by name, in the order of the head's triangles.
    """
    charts, triangles, start = [skin_chart], [skin_triangles], len(skin_chart)
    for name, part in parts.items():
        left, bottom, right, top = _BOXES[name]
        chart = np.concatenate([part.chart, part.seam_chart])
        charts.append((left, bottom) + chart * (right - left, top - bottom))
        hanging = part.triangles < 0
        local = np.where(hanging, len(part.chart) - 1 - part.triangles, part.triangles)
        triangles.append(start + local)
        start += len(chart)
    return np.concatenate(charts), np.concatenate(triangles).astype(np.int32)
