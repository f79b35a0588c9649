"""Keeps hair outside of what is worn: strands that would enter the bust come to lie on it.

Owns the map of the dressed bust and the way out of it. It neither grows hair nor makes cloth.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, maximum_filter1d

from likeness.studio.torso import AXIS_Z

_AZIMUTHS = 60
_LOWEST, _STEP = -440.0, 4.0
_CLEAR = 3.0
"""mm between cloth and the innermost strands."""
_LAYER = 7.0
"""mm the strands on cloth are spread over, or they would all lie in one sheet."""
_STEPS = 3


class Drape:
    """The radius of a dressed bust over azimuth and height.

    Args:
        points: (N, 3) vertices of cloth and skin of the bust at rest, mm.
    """

    def __init__(self, points: NDArray[np.floating]) -> None:
        across, forward = points[:, 0], points[:, 2] - AXIS_Z
        place = np.arctan2(across, forward) / (2.0 * np.pi) * _AZIMUTHS
        column = np.floor(place).astype(int) % _AZIMUTHS
        row = np.maximum((points[:, 1] - _LOWEST) / _STEP, 0.0).astype(int)
        rows = int(row.max()) + 1
        radius = np.zeros((_AZIMUTHS, rows))
        np.maximum.at(radius, (column, row), np.hypot(across, forward))
        around = np.arange(3 * _AZIMUTHS)
        # Rings of a garment are further apart than rows of the map: what lies between is filled.
        for number in range(_AZIMUTHS):
            known = np.flatnonzero(radius[number])
            if len(known):
                inner = np.arange(known[-1] + 1)
                radius[number, inner] = np.interp(inner, known, radius[number, known])
        for number in range(rows):
            values = np.tile(radius[:, number], 3)
            known = np.flatnonzero(values)
            if len(known):
                radius[:, number] = np.interp(around, known, values[known])[_AZIMUTHS:-_AZIMUTHS]
        radius = maximum_filter1d(radius, 3, axis=1, mode="nearest")
        self._radius = gaussian_filter(radius, 1.0, mode=("wrap", "nearest"))

    def lay(
        self,
        points: NDArray[np.float64],
        layer: NDArray[np.floating],
        roots: NDArray[np.bool_],
        rotation: NDArray[np.float64],
        center: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """(N, 3) points of strands, those within the bust moved onto it.

        A strand that begins within the bust, as hair of the neck does under a collar, stays there
        until it comes out, and so does one that would have to get longer to lie on it, as the beard
        just above a collar.

        Args:
            points: (N, 3) posed, mm; two by two the edges of a ribbon, which are moved alike, and
                strand by strand from root to tip.
            layer: (N,) depth in the hair; outer strands lie higher on the cloth.
            roots: (N,) whether a point is one of a strand's first two.
            rotation: (3, 3) of the shoulders.
            center: (3,) the point they turn about.
        """
        out = points.copy()
        _lay(out, np.asarray(layer, np.float64), roots, rotation, center, self._radius)
        return out


@njit(cache=True, nogil=True, error_model="numpy")
def _lay(points, layer, roots, rotation, center, radii):
    """Newton's steps along the gradient of radius minus the map's, in the frame of the body."""
    count, rows = radii.shape
    local, before, root = np.empty(3), np.empty(3), np.empty(3)
    tucked = False
    for index in range(0, len(points), 2):
        for axis in range(3):
            local[axis] = center[axis]
            for k in range(3):
                middle = 0.5 * (points[index, k] + points[index + 1, k])
                local[axis] += rotation[k, axis] * (middle - center[k])
            before[axis] = local[axis]
        if roots[index]:
            root[:] = local
        clear = _CLEAR + _LAYER * layer[index]
        moved = False
        for _ in range(_STEPS):
            x, z = local[0], local[2] - AXIS_Z
            radius = max(np.sqrt(x * x + z * z), 1e-6)
            a = (np.arctan2(x, z) / (2.0 * np.pi)) * count - 0.5
            b = (local[1] - _LOWEST) / _STEP - 0.5
            if b > rows - 1:
                break
            b = min(max(b, 0.0), rows - 1.001)
            i, j = int(np.floor(a)), int(b)
            u, v = a - i, b - j
            i, following = i % count, (i + 1) % count
            low = (1.0 - u) * radii[i, j] + u * radii[following, j]
            high = (1.0 - u) * radii[i, j + 1] + u * radii[following, j + 1]
            slope = (high - low) / _STEP
            steep = np.sqrt(1.0 + slope * slope)
            inside = (low + v * (high - low)) + clear * steep - radius
            if inside <= 0.0:
                break
            moved = True
            step = inside / (steep * steep)
            local[0] += step * x / radius
            local[2] += step * z / radius
            local[1] -= step * slope
        if not moved:  # as most hair, which is above the bust
            tucked = False
            continue
        far = ((local - before) ** 2).sum() > ((before - root) ** 2).sum()
        tucked = tucked or roots[index] or far
        if not tucked:
            for axis in range(3):
                for k in range(3):
                    shift = rotation[axis, k] * (local[k] - before[k])
                    points[index, axis] += shift
                    points[index + 1, axis] += shift
