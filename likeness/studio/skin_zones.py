"""The colour of skin region by region, as compiled functions over one template point.

Owns what ``skin`` does not want to spell out: blood, spots, the surroundings of the eyes, the nose,
the lips. Each function takes a point and the colour so far and returns the colour after it.
Positions are mm on the template; ``ax`` is |x|.
"""

from __future__ import annotations

import math

from numba import njit

from likeness.studio.lips_brows import lip_mask, lip_streaks, seam_shade
from likeness.studio.noise import fade, noise_at, smoothstep, spot_at
from likeness.studio.skin_noise import AGE_SPOT, AGE_SPOT_CELL, MOLE, MOLE_CELL, MOLE_WIDTH

FEWEST_AGE_SPOTS, FEWEST_MOLES = 0.05, 0.02
"""Below these amounts a person has none."""


@njit(cache=True)
def ball(x, y, z, cx, cy, cz, rx, ry, rz):
    """Gaussian bump exp(-sum(((p - c) / r)^2))."""
    dx, dy, dz = (x - cx) / rx, (y - cy) / ry, (z - cz) / rz
    far = dx * dx + dy * dy + dz * dz
    # Most points are far from most zones; e^-16 is nothing.
    return math.exp(-far) if far < 16.0 else 0.0


@njit(cache=True)
def blood_at(y, z, ax, ear, haemoglobin, blotches, uneven, veins):
    """Local amount of haemoglobin, -0.5..1.5: cheeks, nose, ears, chin, and unevenness.

    ``uneven`` and ``veins`` are the rows ``BLOOD`` and ``VEINS`` of ``skin_noise``.
    """
    h = 0.9 * ball(ax, y, z, 38.0, 2.0, 90.0, 20.0, 16.0, 40.0)
    h += 0.7 * ball(ax, y, z, 0.0, 6.0, 128.0, 14.0, 11.0, 16.0)
    h += 0.8 * ear + 0.35 * ball(ax, y, z, 0.0, -64.0, 110.0, 16.0, 11.0, 30.0)
    h -= 0.25 * ball(ax, y, z, 0.0, 74.0, 105.0, 40.0, 16.0, 40.0)
    h += (0.12 + 0.20 * blotches) * uneven
    h += 0.12 * blotches * veins
    return min(max(h + haemoglobin, -0.5), 1.5)


@njit(cache=True)
def spots_at(x, y, z, ax, freckles, age_spots, moles, footprint, seed, noise, here):
    """Extra melanin of freckles and age spots, and coverage by moles.

    ``noise`` is a block of ``skin_noise``, ``here`` the point's column.
    """
    pigment, mole = 0.0, 0.0
    face = smoothstep(20.0, 60.0, z) * smoothstep(-60.0, -30.0, y)
    if freckles > 0.0 and face > 0.0:
        zone = ball(ax, y, z, 0.0, 12.0, 115.0, 22.0, 20.0, 60.0)
        zone += 0.9 * ball(ax, y, z, 34.0, 8.0, 90.0, 22.0, 17.0, 60.0)
        zone += 0.35 * ball(ax, y, z, 0.0, 72.0, 100.0, 45.0, 20.0, 60.0)
        share = freckles * min(zone, 1.0)
        if share > 0.02:
            for size in range(2):
                cell = 1.9 if size == 0 else 3.3
                cover, number = spot_at(x, y, z, cell, 0.28 * cell, share, seed + 101 + 7 * size)
                pigment += 0.19 * cover * (0.4 + number) * fade(0.7 * cell, footprint)
    if age_spots > FEWEST_AGE_SPOTS:
        share = 0.8 * age_spots * smoothstep(20.0, 60.0, ax + 0.5 * max(y - 30.0, 0.0))
        cover = 0.0
        if noise[AGE_SPOT, here] < share:
            cover, number = spot_at(x, y, z, AGE_SPOT_CELL, 3.4, share, seed + 131)
        if cover > 0.0:
            # Ragged at their edge and even inside: a spot with holes is a ring.
            edge = 0.16 * noise_at(x / 1.5, y / 1.5, z / 1.5, seed + 137)
            edge = min(max(edge, -0.3), 0.3)
            filled = smoothstep(0.3 + edge, 0.7 + edge, cover)
            pigment += 0.12 * filled * (0.5 + number) * fade(6.0, footprint)
    visible = fade(MOLE_WIDTH, footprint)
    if moles > FEWEST_MOLES and visible > 0.0 and noise[MOLE, here] < 0.25 * moles:
        cover, number = spot_at(x, y, z, MOLE_CELL, 0.95, 0.25 * moles, seed + 149)
        mole = cover * (0.45 + 0.55 * number) * visible
    return pigment, mole


@njit(cache=True)
def is_upper_lid(ax, y):
    """Whether a point near the eye lies above the line through the canthi."""
    return y > 32.5 + 0.072 * (ax - 18.4)


@njit(cache=True)
def around_eyes(r, g, b, ax, y, z, eye_ring, circles):
    """Socket, lids, crease, lash line and the red inner corner.

    Returns the colour, and factors of shine and of open sky.
    """
    shine, sky = 1.0, 1.0
    inner = 0.5 * ball(ax, y, z, 24.0, 28.0, 92.0, 9.0, 6.0, 20.0)
    lid = 0.45 * ball(ax, y, z, 33.0, 43.0, 92.0, 16.0, 5.0, 20.0)
    rim = ball(ax, y, z, 29.0, 22.0, 92.0, 14.0, 5.0, 20.0)
    socket = (inner + lid) * (0.55 + 0.9 * circles) + 0.4 * circles * rim
    r *= 1.0 - 0.18 * socket
    g *= 1.0 - 0.28 * socket
    b *= 1.0 - 0.25 * socket
    if eye_ring >= 3.9:
        return r, g, b, shine, sky
    upper = is_upper_lid(ax, y)
    lids = 1.0 - smoothstep(0.9, 1.6, eye_ring)
    r, g, b = r * (1 - 0.03 * lids), g * (1 - 0.10 * lids), b * (1 - 0.09 * lids)
    corner = ball(ax, y, z, 18.6, 32.5, 92.0, 1.9, 1.6, 6.0)
    r += 0.7 * corner * (0.06 + 0.80 * r - r)
    g += 0.7 * corner * (0.02 + 0.50 * g - g)
    b += 0.7 * corner * (0.02 + 0.50 * b - b)
    shine += 1.0 * corner
    if upper:
        crease = math.exp(-(((eye_ring - 1.25) / 0.16) ** 2))
        crease *= smoothstep(17.0, 23.0, ax) * (1.0 - 0.5 * smoothstep(42.0, 50.0, ax))
        fold = 1.0 - 0.38 * crease
        r, g, b = r * fold, g * fold * (1 - 0.05 * crease), b * fold
        sky *= 1.0 - 0.35 * crease
    line = 1.0 - smoothstep(0.12, 0.62, eye_ring)
    line *= (0.80 if upper else 0.26) * smoothstep(19.0, 24.0, ax)
    r += line * (0.018 - r)
    g += line * (0.012 - g)
    b += line * (0.010 - b)
    return r, g, b, shine, sky


@njit(cache=True)
def around_nose(r, g, b, ax, y, z, ear):
    """Nostrils, the crease of the wings, and the bowl of the ear.

    Returns the colour, and factors of shine and of open sky.
    """
    nostril = ball(ax, y, z, 8.6, -2.5, 117.5, 4.2, 4.2, 5.5)
    dark = min(1.25 * nostril, 1.0) * 0.86
    r, g, b = r * (1 - 0.92 * dark), g * (1 - dark), b * (1 - dark)
    hidden = min(1.3 * nostril, 1.0)
    sky, shine = 1.0 - 0.7 * hidden, 1.0 - 0.8 * hidden
    if abs(ax - 18.6) < 6.4 and abs(y + 2.5) < 26.0:
        wing = math.exp(-(((ax - 18.6) / 1.6) ** 2) - ((y + 2.5) / 6.5) ** 2)
        wing *= smoothstep(88.0, 96.0, z) * (1.0 - smoothstep(106.0, 112.0, z))
        sky *= 1.0 - 0.35 * wing
        r, g, b = r * (1 - 0.10 * wing), g * (1 - 0.20 * wing), b * (1 - 0.20 * wing)
    bowl = ball(ax, y, z, 66.0, 4.0, 4.5, 7.0, 11.0, 9.0) * min(ear * 1.5, 1.0)
    sky *= 1.0 - 0.5 * bowl
    return r, g, b, shine, sky


@njit(cache=True)
def on_lips(r, g, b, x, y, z, mouth_ring, melanin, redness, openness, footprint, seed):
    """The red of the lips and the line between them.

    Returns the colour, the share of lip, and a factor of open sky.
    """
    sky = 1.0
    lips = lip_mask(abs(x), y, mouth_ring)
    if lips > 0.0:
        streak = 1.0 + 0.08 * lip_streaks(x, y, z, footprint, seed + 211)
        lower = 1.0 - smoothstep(-35.5, -33.0, y)
        strength = min(0.80 * redness * lips, 1.0)
        # Thin skin over blood: on fair people the lip has about .80, .54 and .66 of the skin's
        # albedo in red, green and blue. Dark skin has less of a step, and a pinker lower lip.
        deep = smoothstep(0.35, 0.9, melanin)
        lip_r = r * (0.77 + 0.10 * deep) + 0.008 * deep * lower
        lip_g = g * (0.48 + (0.26 + 0.10 * lower) * deep)
        lip_b = b * (0.61 + (0.24 + 0.22 * lower) * deep)
        r += strength * (lip_r * streak - r)
        g += strength * (lip_g * streak - g)
        b += strength * (lip_b * streak - b)
    if mouth_ring < 1.0:
        seam = seam_shade(abs(x), mouth_ring, openness)
        r, g, b = r * (1 - 0.9 * seam), g * (1 - 1.1 * seam), b * (1 - 1.1 * seam)
        sky *= 1.0 - 0.5 * seam
    sky *= 1.0 - 0.22 * ball(abs(x), y, z, 0.0, -50.0, 108.0, 15.0, 3.6, 14.0)
    return r, g, b, lips, sky


@njit(cache=True)
def toward(r, g, b, colour, cover):
    """The colour under a cover of another."""
    return (
        r + cover * (colour[0] - r),
        g + cover * (colour[1] - g),
        b + cover * (colour[2] - b),
    )
