"""Where hair grows on the scalp: the hairline around the head, recession, thinning.

Owns the density of scalp hair over template positions, for the painted scalp and for the roots of
strands alike. It grows no strand (``hair``).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.studio.noise import fbm_at, smoothstep

_AZIMUTH = np.array([0, 12, 26, 38, 50, 62, 76, 84, 90, 97, 106, 125, 150, 180], dtype=np.float64)
_HEIGHT = np.array([90, 90, 86, 80, 70, 52, 22, 8, 18, 26, -5, -38, -46, -47], dtype=np.float64)
"""Height in mm of the hairline over the azimuth in degrees from the front."""

AXIS_Z = 5.0
"""The azimuth is measured around the vertical axis through (0, 5) in (x, z)."""


MOST_WAVER = 12.0
"""mm"""

_FRONT = 50.0
_BELOW_ANY = float(_HEIGHT[_AZIMUTH <= _FRONT].min()) - MOST_WAVER - 4.0
_ASIDE = math.tan(math.radians(_FRONT))
"""Degrees from the front; mm below which no hair grows there; its tangent."""


@njit(cache=True)
def is_below_any(x, y, z):
    """Whether a template point lies on a face, more than 4 mm below where any hairline may be."""
    return y < _BELOW_ANY and abs(x) < _ASIDE * (z - AXIS_Z)


@njit(cache=True)
def hairline_height(azimuth, recession):
    """Height of the hairline in mm at an azimuth of 0..180 degrees.

    Recession lifts the whole front by up to 30 mm and the temples, at 34 degrees, by 32 mm more.
    """
    index = 0
    while index < 12 and azimuth > _AZIMUTH[index + 1]:
        index += 1
    share = (azimuth - _AZIMUTH[index]) / (_AZIMUTH[index + 1] - _AZIMUTH[index])
    share = min(max(share, 0.0), 1.0)
    height = _HEIGHT[index] + share * (_HEIGHT[index + 1] - _HEIGHT[index])
    front = 1.0 - smoothstep(52.0, 80.0, azimuth)
    temple = math.exp(-(((azimuth - 34.0) / 14.0) ** 2))
    return height + recession * (30.0 * front + 32.0 * temple)


@njit(cache=True)
def above_hairline(x, y, z, recession, seed):
    """Signed distance in mm of a template point above its hairline, wavering by 3 mm.

    The waver is so long that it stays less steep than the distance itself; a shorter one would make
    the line a saw's edge and take the softness out of what thins toward it. Heights of the table
    are along y; on the sloping crown the distance is no longer that, but there it is far from the
    line.
    """
    return above_mean_hairline(x, y, z, recession) + 2.4 * fbm_at(x, y, z, 30.0, 2, seed, 0.0)


@njit(cache=True)
def above_mean_hairline(x, y, z, recession):
    """:func:`above_hairline` without the waver, which never reaches ``MOST_WAVER``."""
    azimuth = math.degrees(math.atan2(abs(x), z - AXIS_Z))
    return y - hairline_height(azimuth, recession)


@njit(cache=True)
def scalp_density(x, y, z, ear, recession, thinning, seed):
    """How densely hair grows at a template point, 0..1, thinning out toward the hairline."""
    return density_above(above_hairline(x, y, z, recession, seed), x, y, z, ear, thinning)


@njit(cache=True)
def density_above(height, x, y, z, ear, thinning):
    """:func:`scalp_density` of a point whose height above the hairline is known."""
    if height < -3.0:
        return 0.0
    density = smoothstep(-3.0, 9.0, height) * (1.0 - smoothstep(0.08, 0.3, ear))
    if thinning > 0.0:
        crown = math.sqrt((x / 62.0) ** 2 + ((z + 28.0) / 62.0) ** 2)
        if y > 70.0:
            patch = 1.0 - smoothstep(0.75, 1.25, crown / (0.25 + 1.0 * thinning))
            density *= 1.0 - min(1.0, 1.6 * thinning) * patch
    return density


@njit(cache=True)
def _density_kernel(points, ear, recession, thinning, seed, out):
    for index in range(points.shape[0]):
        out[index] = scalp_density(
            points[index, 0],
            points[index, 1],
            points[index, 2],
            ear[index],
            recession,
            thinning,
            seed,
        )


def density_of(
    points: np.ndarray, ear: np.ndarray, *, recession: float, thinning: float, seed: int
) -> np.ndarray:
    """:func:`scalp_density` of (N, 3) template points, (N,)."""
    out = np.empty(len(points))
    points = np.ascontiguousarray(points, dtype=np.float64)
    _density_kernel(points, np.asarray(ear, np.float64), recession, thinning, seed, out)
    return out


@njit(cache=True)
def _height_kernel(points, recession, seed, out):
    for index in range(points.shape[0]):
        out[index] = above_hairline(
            points[index, 0], points[index, 1], points[index, 2], recession, seed
        )


def heights_of(points: np.ndarray, *, recession: float, seed: int) -> np.ndarray:
    """:func:`above_hairline` of (N, 3) template points, (N,) mm."""
    out = np.empty(len(points))
    _height_kernel(np.ascontiguousarray(points, dtype=np.float64), recession, seed, out)
    return out
