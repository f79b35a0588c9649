"""Lips, brows and beard as masks over template positions.

Owns where they are and how their hairs and streaks lie; their colour is laid on in ``skin``.
Functions take the folded position (|x|, y, z) unless they say otherwise.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.studio.noise import fade, fbm_at, noise_at, random_at, smoothstep

_BROW_X = np.array([11.0, 15.5, 24.0, 33.0, 42.0, 53.0, 60.0])
_BROW_Y = np.array([51.2, 52.2, 54.6, 56.5, 56.3, 52.2, 47.6])
"""Centre line of the brow, mm. It begins near the vertical through the inner canthus and ends where
the line from the wing of the nose through the outer canthus meets it."""

_WIDTH_X = np.array([11.0, 14.0, 19.5, 36.0, 49.0, 59.0])
_WIDTH = np.array([0.45, 0.85, 1.0, 0.80, 0.46, 0.16])
"""Half width along the brow as a share of the trait."""

BEARD_STYLES = {"none": 0, "stubble": 1, "full": 1, "moustache": 2, "goatee": 3}
"""Numbers of ``traits.BeardStyle`` in :func:`beard_style_mask`."""

_MOST_WAVER = 12.0
"""mm the edge of a beard never wavers by; further inside it is as dense wherever the edge is."""

_HAIR_SPACING = 0.50
_HAIR_ROWS = 5
_LONGEST = 8.5
"""mm of a brow hair"""
_BROW_SHOWS = 3.2
"""mm of a wavelength that brow hairs side by side are seen with; see ``noise.fade``."""
_BROW_HAIR, _BROW_SHADE = 0.9, 0.24
"""What hairs of density 1 let through in the middle of a brow is exp of the first, negative; share
of the light they keep from the skin there."""


@njit(cache=True)
def _table(xs, ys, x):
    index = 0
    while index < len(xs) - 2 and x > xs[index + 1]:
        index += 1
    t = (x - xs[index]) / (xs[index + 1] - xs[index])
    t = min(max(t, 0.0), 1.0)
    return ys[index] + t * (ys[index + 1] - ys[index])


@njit(cache=True)
def brow_line(x, arch):
    """Height in mm of the brow's centre line at |x|; ``arch`` lifts the outer third by itself."""
    lift = arch * math.exp(-(((x - 40.0) / 11.0) ** 2))
    return _table(_BROW_X, _BROW_Y, x) + lift


@njit(cache=True)
def brow_half_width(x, thickness):
    """Half width in mm at |x|."""
    return thickness * _table(_WIDTH_X, _WIDTH, x)


@njit(cache=True)
def brow_band(x, y, z, thickness, arch):
    """Soft mask of the brow's area 0..1: flat inside, falling like exp(-d^4) at its rim."""
    if x < 5.0 or x > 63.0 or y < 40.0 or y > 68.0 or z < 40.0:
        return 0.0
    distance = (y - brow_line(x, arch)) / brow_half_width(x, thickness)
    ends = smoothstep(10.0, 17.0, x) * (1.0 - smoothstep(54.0, 60.5, x))
    return math.exp(-(distance**4)) * ends


@njit(cache=True)
def brow_slope(x):
    """Direction of the hairs as dy/dx: nearly upright at the nose, along the brow outside."""
    return 1.9 - 2.3 * smoothstep(14.5, 41.0, x)


@njit(cache=True)
def brow_cover(x, y, z, side, thickness, arch, density, meeting, footprint, seed):
    """Coverage by brow hairs, the shade they throw on the skin between them, and their tone.

    Hairs are tapering strokes on a jittered lattice, each as much of a pixel as it covers. A pixel
    of a portrait is crossed by a handful of them, and by more here and fewer there: that unevenness
    is what tells hairs from paint, so they are drawn for as long as a brow is some pixels high.
    Where pixels are larger the mean coverage remains.

    Returns:
        coverage 0..1; shade 0..1; mean over the hairs of a random number -1..1 of each, by which
        one is lighter than the next.
    """
    band = brow_band(x, y, z, thickness + 1.6, arch)
    if band < 0.004:
        bridge = math.exp(-((x / 5.5) ** 2) - ((y - 50.5) / 4.0) ** 2)
        return 0.25 * meeting * density * bridge, 0.0, 0.0
    mean = density * brow_band(x, y, z, thickness, arch)
    shade = min(_BROW_SHADE * mean, 0.4)
    mean = 1.0 - math.exp(-_BROW_HAIR * mean)
    visible = fade(_BROW_SHOWS, footprint)
    if visible <= 0.0:
        return mean, shade, 0.0
    width = 0.10 + 0.75 * footprint
    through, tone, total = 1.0, 0.0, 1e-6
    first = math.floor((x - _LONGEST) / _HAIR_SPACING)
    last = math.floor((x + width) / _HAIR_SPACING)
    offset = 0 if side > 0 else 7919
    for column in range(first, last + 1):
        for row in range(_HAIR_ROWS):
            rx = (column + random_at(column, row, offset, seed + 1)) * _HAIR_SPACING
            length = (4.5 + 4.0 * random_at(column, row, offset, seed + 4)) * (
                0.6 + 0.4 * smoothstep(11.5, 19.5, rx)
            )
            # They lean outward.
            if rx < 12.5 or rx > 59.0 or rx > x + width or x - rx > length:
                continue
            # Thin where the brow begins: a dense inner end is a frown.
            grown = (0.2 + 0.75 * _table(_WIDTH_X, _WIDTH, rx)) * (
                0.45 + 0.55 * smoothstep(13.0, 22.0, rx)
            )
            if random_at(column, row, offset, seed) > density * grown:
                continue
            level = (row + random_at(column, row, offset, seed + 2)) / _HAIR_ROWS
            half = brow_half_width(rx, thickness)
            ry = brow_line(rx, arch) + half * (1.7 * level - 1.05)
            slope = brow_slope(rx) - 0.9 * (level - 0.35) * smoothstep(18.0, 32.0, rx)
            slope += 0.35 * (random_at(column, row, offset, seed + 3) - 0.5)
            # Their tips bend into the brow's own direction.
            norm = math.sqrt(1.0 + slope * slope)
            ux, uy = 1.0 / norm, slope / norm
            dx, dy = x - rx, y - ry
            along = dx * ux + dy * uy
            if along < 0.0 or along > length:
                continue
            bend = 0.07 * along * along / length
            across = abs(-dx * uy + dy * ux + bend)
            if across >= width:
                continue
            taper = 1.0 - 0.75 * along / length
            stroke = 1.0 - smoothstep(0.1 * width, width, across / taper)
            stroke *= min(1.0, 0.10 / width * 1.7) * (0.65 + 0.35 * taper)
            through *= 1.0 - stroke
            tone += stroke * (2.0 * random_at(column, row, offset, seed + 5) - 1.0)
            total += stroke
    cover = visible * (1.0 - through) + (1.0 - visible) * mean
    return cover, shade, visible * tone / total


@njit(cache=True)
def lip_mask(x, y, mouth_ring):
    """1 on the red of the lips, 0 on skin.

    The ring beneath the lower lip runs as far from the seam all along. Real red narrows: at three
    quarters of half the mouth's width it is .55 as high as in the middle (62 adults of the Face
    Research Lab London Set; DeBruine and Jones, 2017). Red as high as that up to the corners makes
    a mouth whose corners hang.
    """
    seam = -33.3 - 0.0095 * max(x - 11.0, 0.0) ** 2
    lower = smoothstep(0.0, 1.5, seam - y)
    border = 1.0 - 0.36 * lower * smoothstep(4.0, 24.0, x)
    return 1.0 - smoothstep(1.80 * border, 2.08 * border, mouth_ring)


@njit(cache=True)
def lip_streaks(x, y, z, footprint, seed):
    """Vertical streaks about 1 mm wide, deviation 1; x signed."""
    visible = fade(1.1, footprint)
    if visible <= 0.0:
        return 0.0
    return visible * noise_at(x / 1.1, y / 6.0, z / 8.0, seed)


@njit(cache=True)
def seam_shade(x, mouth_ring, openness):
    """Darkness 0..0.66 of the line between closed lips at |x|; gone when they part.

    It fades toward the corners, where the lips are thin: a line of one strength draws a mouth wider
    than its red, and a sad one.
    """
    line = (0.66 - 0.36 * smoothstep(8.0, 23.0, x)) * math.exp(-((mouth_ring / 0.16) ** 2))
    return line * (1.0 - smoothstep(0.02, 0.15, openness))


@njit(cache=True)
def beard_mask(x, y, z, mouth_ring, ear, signed_x, seed):
    """Where beard grows, 0..1: jaw, chin, upper lip, sideburn; not on lips, cheek, neck.

    Growth thins out over two centimetres at the cheek and the throat, as hairs do; its edge wavers
    by millimetres, not alike on both sides.
    """
    if y > 28.0 or z < 6.0 or y < -118.0:
        return 0.0
    mask = smoothstep(2.05, 2.75, mouth_ring) * (1.0 - smoothstep(0.1, 0.4, ear))
    nose = (x / 17.0) ** 2 + ((y + 2.0) / 11.0) ** 2
    mask *= smoothstep(0.85, 1.15, nose)
    # The line of the cheek: down before the ear, then forward to the corner of the mouth.
    fall = math.exp((45.0 - z) / 12.0)
    line = -33.0 + 57.0 * fall
    slope = 57.0 / 12.0 * fall
    under = (line - y) / math.sqrt(1.0 + slope * slope)
    # The moustache reaches up to the nose.
    lip = (1.0 - smoothstep(18.0, 32.0, x)) * smoothstep(90.0, 104.0, z)
    under += (max(under, -14.0 - y) - under) * lip
    if mask == 0.0 or under < -14.0:
        return 0.0
    thinning = 22.0 - 10.0 * lip
    if under < thinning - 7.0 + _MOST_WAVER:
        under += 2.2 * fbm_at(signed_x, y, z, 18.0, 2, seed + 7, 0.0)
    mask *= smoothstep(-7.0, thinning - 7.0, under) * (1.0 - smoothstep(8.0, 28.0, y))
    # Behind, it follows the jaw from the lobe of the ear down to the throat.
    behind = 14.0 + 22.0 * smoothstep(-40.0, -104.0, y)
    mask *= smoothstep(behind - 6.0, behind + 16.0, z)
    # Bare beside the tuft under the lower lip, thin in the groove of the upper one.
    bare = math.exp(-(((x - 13.0) / 5.0) ** 2) - ((y + 52.5) / 3.5) ** 2)
    mask *= 1.0 - 0.65 * bare
    mask *= smoothstep(-114.0, -84.0, y)
    return mask


@njit(cache=True)
def beard_style_mask(x, y, z, style):
    """Part of the beard that is left standing: 0 none, 1 all, 2 moustache, 3 goatee."""
    if style == 0:
        return 0.0
    if style == 1:
        return 1.0
    lip = (1.0 - smoothstep(27.0, 33.0, x)) * smoothstep(-40.0, -33.0, y) * smoothstep(80, 90, z)
    if style == 2:
        return lip
    chin = (1.0 - smoothstep(24.0, 31.0, x)) * (1.0 - smoothstep(-34.0, -28.0, y))
    chin *= smoothstep(56.0, 70.0, z)
    return max(lip, chin)


@njit(cache=True)
def stubble(x, y, z, footprint, seed):
    """Coverage by short dark hairs, mean about .5, as a share of a full beard's; x signed."""
    visible = fade(0.7, footprint)
    patchy = 0.06 * fbm_at(x, y, z, 9.0, 2, seed + 5, footprint)
    if visible <= 0.0:
        return min(max(0.5 + patchy, 0.0), 1.0)
    grain = noise_at(x / 0.6, y / 1.3, z / 0.7, seed)
    grain += 0.7 * noise_at(x / 0.42, y / 0.8, z / 0.42, seed + 1)
    return min(max(0.5 + patchy + 0.34 * visible * grain, 0.0), 1.0)
