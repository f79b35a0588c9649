"""How the roots of hair cover the scalp, as compiled functions over one template point.

Owns coverage, the shade under hair, and which scalp counts as hair. Where hair begins is
``hairline``, its colour ``skin``.
"""

from __future__ import annotations

import math

from numba import njit

from likeness.studio import hairline
from likeness.studio.lips_brows import stubble
from likeness.studio.noise import fade, fbm_at, noise_at, smoothstep

_PARTED = 0.8
"""How bare the skin is in the middle of a parting."""
_SLANT = 3.0
"""Depth over width of what a pixel covers on top of a head: partings are looked along, at some 20
degrees. Teeth finer than that come out as steps."""

_HAIRS = 0.5
"""Wavelength in mm of hairs beside each other, a few of which lie together. Twice as wide they are
the teeth of a saw where they begin."""

HAIR_FROM = 0.5
"""Mean cover above which the scalp is hair to a label, as a pixel is what most of it shows."""


@njit(cache=True)
def _height_above(x, y, z, p):
    """Height in mm above the hairline; -inf where no root can be."""
    if y < -60.0 or p.hair_cover == 0.0 or hairline.is_below_any(x, y, z):
        return -math.inf
    if hairline.above_mean_hairline(x, y, z, p.recession) < -4.0 - hairline.MOST_WAVER:
        return -math.inf
    height = hairline.above_hairline(x, y, z, p.recession, p.seed + 229)
    return height if height >= -4.0 else -math.inf


@njit(cache=True)
def _rooted(height, x, y, z, ear, p):
    """Share 0..1 of the scalp around a point that has the roots of this cut."""
    area = hairline.density_above(height, x, y, z, ear, p.thinning)
    ramp = smoothstep(-3.0, p.hair_ramp, height)
    if p.hair_inside:  # as dense as the rim of the cap that stands on it
        return smoothstep(0.0, 0.75, area) * (0.15 + 0.85 * ramp)
    return area * (0.35 + 0.65 * ramp)


@njit(cache=True)
def _downy(area):
    """How much of its place a hair covers, 0..1: the first ones at a hairline are down."""
    return 0.45 + 0.55 * area


@njit(cache=True)
def _single_hairs(x, y, z, area, footprint, p):
    """Where the hairs are that cover a share ``area`` of the scalp: 1 on them, 0 between.

    A hairline is no line: hairs get fewer and finer over a finger's breadth, with bare skin between
    them, and run the way they are combed.
    """
    visible = fade(_HAIRS, footprint)
    share = area
    if visible > 0.0:
        if p.hair_back:  # around the axis from the middle of the skull to the knot
            across = math.atan2(x, -0.62 * (y - 60.0) - 0.78 * (z + 4.0)) * 80.0
            along = 0.78 * (y - 60.0) - 0.62 * (z + 4.0)
        else:
            across, along = math.atan2(x, z + 4.0) * 80.0, y
        hairs = fbm_at(across, along / 16.0, 0.0, _HAIRS, 2, p.seed + 239, footprint)
        sharp = smoothstep(-0.35, 0.35, 2.0 * area - 1.0 + 0.6 * hairs)
        share += visible * (smoothstep(0.0, 0.1, area) * sharp - area)
    return share * _downy(area)


@njit(cache=True)
def mean_cover(x, y, z, ear, p):
    """Coverage 0..1 of the scalp by hair around a point, with no hair and no parting by itself.

    It is what :func:`scalp_cover` comes to on average over hairs, and as smooth as the hairline.
    """
    height = _height_above(x, y, z, p)
    if height == -math.inf:
        return 0.0
    area = _rooted(height, x, y, z, ear, p)
    if p.hair_inside:
        area *= _downy(area)
    return area * p.hair_cover


@njit(cache=True, nogil=True)
def find_hair(rest, parts, ears, p, out):
    """Whether the scalp counts as hair, into ``out`` (N,), at points (N, 3) of ``parts`` (N,)."""
    any_hair = p.hair_cover > HAIR_FROM
    for index in range(len(rest)):
        out[index] = (
            any_hair
            and parts[index] == 0
            and (
                mean_cover(
                    float(rest[index, 0]),
                    float(rest[index, 1]),
                    float(rest[index, 2]),
                    float(ears[index]),
                    p,
                )
                > HAIR_FROM
            )
        )


@njit(cache=True)
def _bare(x, z, footprint, p):
    """How bare a point is beside the line hair divides along, 0..1.

    Hair is combed apart between its roots: what shows is a strip of plain skin two or three
    millimetres wide whose sides are the roots, wavering and toothed, and beyond it skin between the
    first hairs, which lie across it.
    """
    away = x - p.part_line - 0.7 * noise_at(z / 40.0, 0.0, 0.0, p.seed + 241)
    if abs(away) > 12.0 + footprint:
        return 0.0
    side = 100.0 if away > 0.0 else 0.0
    deep = _SLANT * footprint
    half = 1.1 + 0.3 * fade(2.2, deep) * noise_at(z / 2.2, side, 0.0, p.seed + 251)
    away = abs(away)
    soft = 0.5 + 0.5 * footprint
    strip = 1.0 - smoothstep(half - soft, half + soft, away)
    hairs = fbm_at(z, away / 9.0, side, 1.1, 2, p.seed + 257, deep)
    between = smoothstep(-0.3, 1.6, hairs) * (1.0 - smoothstep(half, 12.0, away))
    return max(_PARTED * strip, 0.55 * between)


@njit(cache=True)
def scalp_cover(x, y, z, ear, footprint, p):
    """Coverage of the scalp by the roots of hair, bare along a parting, and the shade under it."""
    height = _height_above(x, y, z, p)
    if height == -math.inf:
        return 0.0, 0.0
    area = _rooted(height, x, y, z, ear, p)
    if p.hair_inside and area < 0.999:
        area = _single_hairs(x, y, z, area, footprint, p)
    if p.parted and y > 85.0:
        area *= 1.0 - _bare(x, z, footprint, p) * smoothstep(-42.0, -25.0, z)
    cover = area * p.hair_cover
    if cover == 0.0:
        return 0.0, 0.0
    grain = stubble(x, y, z, footprint, p.seed + 233)
    speckled = min(cover * (0.3 + 1.4 * grain), 1.0)
    shade = 0.0
    if p.hair_inside:
        shade = p.hair_shade * cover * smoothstep(0.0, 12.0, height)
    return speckled * (1.0 - cover) + cover * cover, shade
