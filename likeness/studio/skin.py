"""Paints skin: pigment, blood, spots, lips, brows, beard shadow, scalp, and the skin's shine.

Owns the colour of everything covered by skin, linings of the lids included. Masks come from
``lips_brows`` and ``hairline``, the relief from ``relief``.

Skin colour is the logarithmic interpolation of six measured-looking anchors over melanin; local
pigment moves along the same curve, blood multiplies the three channels apart.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from likeness.studio import hairline
from likeness.studio.appearance import Appearance
from likeness.studio.colours import interpolate_log
from likeness.studio.lips_brows import (
    BEARD_STYLES,
    beard_mask,
    beard_style_mask,
    brow_cover,
    lip_mask,
    lip_streaks,
    seam_shade,
    stubble,
)
from likeness.studio.noise import fade, fbm_at, noise_at, smoothstep, spot_at
from likeness.studio.relief import drives_of, grain_gradient, wrinkle_gradient
from likeness.studio.surface_points import SurfacePoints, SurfaceValues

SKIN_ANCHORS = (
    (0.72, 0.46, 0.35),
    (0.60, 0.355, 0.245),
    (0.47, 0.25, 0.155),
    (0.32, 0.155, 0.085),
    (0.175, 0.080, 0.045),
    (0.075, 0.036, 0.022),
)
"""Linear RGB albedo at melanin 0, .2, .4, .6, .8, 1."""

BLOOD = (1.04, 0.86, 0.80)
"""Factor of one unit of haemoglobin."""

_LASH = (0.018, 0.012, 0.010)


def skin_tone(melanin: float) -> tuple[float, float, float]:
    """Linear RGB albedo of plain skin at melanin 0..1."""
    return interpolate_log(SKIN_ANCHORS, melanin)


class _Pigments(NamedTuple):
    """A person's numbers, as the kernel wants them."""

    tone: tuple[float, float, float]
    slope: tuple[float, float, float]  # d log(tone) / d melanin
    melanin: float
    haemoglobin: float
    olive: float
    blotches: float
    freckles: float
    moles: float
    age_spots: float
    oil: float
    eye_circles: float
    lip_redness: float
    brow_thickness: float
    brow_density: float
    brow_arch: float
    brow_meeting: float
    brow_colour: tuple[float, float, float]
    beard_colour: tuple[float, float, float]
    beard_style: int
    beard_shadow: float
    beard_cover: float
    hair_colour: tuple[float, float, float]
    hair_cover: float
    hair_ramp: float
    recession: float
    thinning: float
    seed: int


def pigments_of(appearance: Appearance) -> _Pigments:
    """Gathers the skin's numbers from a person's traits."""
    skin, hair, beard, brows = (
        appearance.skin,
        appearance.hair,
        appearance.beard,
        appearance.brows,
    )
    high, low = min(skin.melanin + 0.05, 1.0), max(skin.melanin - 0.05, 0.0)
    slope = [math.log(b / a) / (high - low) for a, b in zip(skin_tone(low), skin_tone(high))]
    dark = [0.75 * value for value in hair.colour]
    brow = [0.6 * a + 0.4 * b for a, b in zip(hair.colour, hair.pigmented_colour)]
    beard_redness = (1.15, 0.95, 0.85)
    cover, ramp = {
        "bald": (0.16, 5.0),
        "buzz": (0.80, 12.0),
        "crop": (0.93, 30.0),
        "side_part": (0.95, 22.0),
        "swept": (0.95, 22.0),
    }.get(hair.style, (0.96, 8.0))
    return _Pigments(
        tone=skin_tone(skin.melanin),
        slope=(slope[0], slope[1], slope[2]),
        melanin=skin.melanin,
        haemoglobin=skin.haemoglobin,
        olive=skin.olive,
        blotches=skin.blotches,
        freckles=skin.freckles,
        moles=skin.moles,
        age_spots=skin.age_spots,
        oil=skin.oil,
        eye_circles=skin.eye_circles,
        lip_redness=skin.lip_redness,
        brow_thickness=brows.thickness,
        brow_density=brows.density,
        brow_arch=brows.arch,
        brow_meeting=brows.meeting,
        brow_colour=(0.55 * brow[0], 0.55 * brow[1], 0.55 * brow[2]),
        beard_colour=(
            0.7 * beard_redness[0] * hair.colour[0],
            0.7 * beard_redness[1] * hair.colour[1],
            0.7 * beard_redness[2] * hair.colour[2],
        ),
        beard_style=BEARD_STYLES[beard.style],
        beard_shadow=beard.density,
        beard_cover=min(0.25 + 0.22 * beard.length, 0.85) if beard.length > 0 else 0.0,
        hair_colour=(dark[0], dark[1], dark[2]),
        hair_cover=cover,
        hair_ramp=ramp,
        recession=hair.recession,
        thinning=hair.thinning,
        seed=appearance.texture_seed,
    )


def paint(appearance: Appearance, points: SurfacePoints, weights: np.ndarray) -> SurfaceValues:
    """Values of skin points (parts skin, lid linings, BODY) under expression ``weights`` (52,)."""
    values = SurfaceValues.blank(len(points))
    drives = drives_of(
        weights,
        wrinkles=appearance.skin.wrinkles,
        neck_rings=appearance.skin.neck_rings,
        pores=appearance.skin.pores,
    )
    _paint_kernel(
        points.rest,
        points.part,
        points.mouth_ring,
        points.eye_ring,
        points.ear,
        points.footprint,
        pigments_of(appearance),
        drives,
        values.albedo,
        values.bump,
        values.specular,
        values.roughness,
        values.occlusion,
    )
    return values


@njit(cache=True)
def _ball(x, y, z, cx, cy, cz, rx, ry, rz):
    """Gaussian bump exp(-sum(((p - c) / r)^2))."""
    dx, dy, dz = (x - cx) / rx, (y - cy) / ry, (z - cz) / rz
    return math.exp(-(dx * dx + dy * dy + dz * dz))


@njit(cache=True)
def _blood(x, y, z, ax, ear, p, footprint):
    """Local amount of haemoglobin, -0.5..1.5."""
    h = 0.9 * _ball(ax, y, z, 38.0, 2.0, 90.0, 20.0, 16.0, 40.0)
    h += 0.7 * _ball(ax, y, z, 0.0, 6.0, 128.0, 14.0, 11.0, 16.0)
    h += 0.8 * ear + 0.35 * _ball(ax, y, z, 0.0, -64.0, 110.0, 16.0, 11.0, 30.0)
    h -= 0.25 * _ball(ax, y, z, 0.0, 74.0, 105.0, 40.0, 16.0, 40.0)
    h += (0.10 + 0.20 * p.blotches) * fbm_at(x, y, z, 16.0, 3, p.seed + 11, footprint)
    h += 0.10 * p.blotches * fbm_at(x, y, z, 2.4, 2, p.seed + 17, footprint)
    return min(max(h + p.haemoglobin, -0.5), 1.5)


@njit(cache=True)
def _spots(x, y, z, ax, p, footprint):
    """Extra melanin of freckles, age spots and moles at a point, and mole coverage."""
    pigment, mole = 0.0, 0.0
    face = smoothstep(20.0, 60.0, z) * smoothstep(-60.0, -30.0, y)
    if p.freckles > 0.0 and face > 0.0:
        zone = _ball(ax, y, z, 0.0, 12.0, 115.0, 22.0, 20.0, 60.0)
        zone += 0.9 * _ball(ax, y, z, 34.0, 8.0, 90.0, 22.0, 17.0, 60.0)
        zone += 0.35 * _ball(ax, y, z, 0.0, 72.0, 100.0, 45.0, 20.0, 60.0)
        share = p.freckles * min(zone, 1.0) * 0.8
        if share > 0.02:
            for size in range(2):
                cell = 3.4 if size == 0 else 6.0
                cover, number = spot_at(x, y, z, cell, 0.19 * cell, share, p.seed + 101 + 7 * size)
                pigment += 0.20 * cover * (0.4 + number) * fade(0.6 * cell, footprint)
    if p.age_spots > 0.05:
        share = 0.5 * p.age_spots * smoothstep(30.0, 70.0, ax + 0.5 * max(y - 30.0, 0.0))
        cover, number = spot_at(x, y, z, 17.0, 3.4, share, p.seed + 131)
        ragged = 0.75 + 0.35 * noise_at(x / 1.5, y / 1.5, z / 1.5, p.seed + 137)
        pigment += 0.13 * cover * (0.5 + number) * max(ragged, 0.0) * fade(6.0, footprint)
    if p.moles > 0.02:
        cover, number = spot_at(x, y, z, 26.0, 0.95, 0.25 * p.moles, p.seed + 149)
        mole = cover * (0.45 + 0.55 * number) * fade(1.6, footprint)
    return pigment, mole


@njit(cache=True)
def _is_upper(ax, y):
    """Whether a point near the eye lies above the line through the canthi."""
    return y > 32.5 + 0.072 * (ax - 18.4)


@njit(cache=True, error_model="numpy")
def _paint_kernel(
    rest,
    part,
    mouth_rings,
    eye_rings,
    ears,
    footprints,
    p,
    drives,
    albedo,
    bump,
    specular,
    roughness,
    occlusion,
):
    for index in range(rest.shape[0]):
        x, y, z = float(rest[index, 0]), float(rest[index, 1]), float(rest[index, 2])
        m, e = float(mouth_rings[index]), float(eye_rings[index])
        ear, footprint = float(ears[index]), float(footprints[index])
        ax = abs(x)
        on_head = part[index] == 0

        # Pigment and blood.
        pigment = 0.020 * fbm_at(x, y, z, 22.0, 3, p.seed, footprint)
        mole = 0.0
        if on_head or part[index] > 9:
            spots, mole = _spots(x, y, z, ax, p, footprint)
            pigment += spots
        # Faces tan on top; throats, and what lies under the jaw, stay pale.
        pigment += 0.03 * smoothstep(20.0, 90.0, y) - 0.025 * (1 - smoothstep(-100.0, -70.0, y))
        blood = _blood(x, y, z, ax, ear, p, footprint) * (1.0 - 0.45 * p.melanin)
        fine = 1.0 + 0.035 * fbm_at(x, y, z, 1.0, 2, p.seed + 3, footprint)
        olive = 0.035 * p.olive
        r = p.tone[0] * math.exp(p.slope[0] * pigment + blood * 0.0392) * fine * (1 - 0.5 * olive)
        g = p.tone[1] * math.exp(p.slope[1] * pigment - blood * 0.1508) * fine * (1 + olive)
        b = p.tone[2] * math.exp(p.slope[2] * pigment - blood * 0.2231) * fine * (1 - 2 * olive)
        shine, rough, open_sky = 0.8, 0.52, 1.0

        if mole > 0.0:
            r, g, b = (
                r * (1.0 - 0.62 * mole),
                g * (1.0 - 0.74 * mole),
                b * (1.0 - 0.78 * mole),
            )

        if part[index] == 1 or part[index] == 2:
            # The wet inner edge of the lids.
            r, g, b = 0.85 * r + 0.04, 0.62 * g + 0.015, 0.62 * b + 0.015
            shine, rough, open_sky = 2.2, 0.25, 0.65
        elif on_head:
            upper = _is_upper(ax, y)

            # Around the eyes.
            inner = 0.5 * _ball(ax, y, z, 24.0, 28.0, 92.0, 9.0, 6.0, 20.0)
            lid = 0.45 * _ball(ax, y, z, 33.0, 43.0, 92.0, 16.0, 5.0, 20.0)
            rim = _ball(ax, y, z, 29.0, 22.0, 92.0, 14.0, 5.0, 20.0)
            socket = (inner + lid) * (0.55 + 0.9 * p.eye_circles) + 0.4 * p.eye_circles * rim
            r *= 1.0 - 0.18 * socket
            g *= 1.0 - 0.28 * socket
            b *= 1.0 - 0.25 * socket
            if e < 3.9:
                lids = 1.0 - smoothstep(0.9, 1.6, e)
                r, g, b = r * (1 - 0.03 * lids), g * (1 - 0.10 * lids), b * (1 - 0.09 * lids)
                corner = _ball(ax, y, z, 17.6, 32.6, 92.0, 2.2, 2.0, 6.0)
                r += 0.75 * corner * (0.30 + 0.45 * r - r)
                g += 0.75 * corner * (0.10 + 0.28 * g - g)
                b += 0.75 * corner * (0.09 + 0.28 * b - b)
                shine += 1.0 * corner
                if upper:
                    crease = math.exp(-(((e - 1.25) / 0.16) ** 2))
                    crease *= smoothstep(17.0, 23.0, ax) * (1.0 - 0.5 * smoothstep(42.0, 50.0, ax))
                    fold = 1.0 - 0.38 * crease
                    r, g, b = r * fold, g * fold * (1 - 0.05 * crease), b * fold
                    open_sky *= 1.0 - 0.35 * crease
                line = 1.0 - smoothstep(0.12, 0.62, e)
                line *= (0.80 if upper else 0.26) * smoothstep(19.0, 24.0, ax)
                r += line * (0.018 - r)
                g += line * (0.012 - g)
                b += line * (0.010 - b)

            # Nose: nostrils, the crease of the wings.
            nostril = _ball(ax, y, z, 8.6, -2.5, 117.5, 4.2, 4.2, 5.5)
            dark = min(1.25 * nostril, 1.0) * 0.86
            r, g, b = r * (1 - 0.92 * dark), g * (1 - dark), b * (1 - dark)
            open_sky *= 1.0 - 0.7 * min(1.3 * nostril, 1.0)
            shine *= 1.0 - 0.8 * min(1.3 * nostril, 1.0)
            wing = math.exp(-(((ax - 18.6) / 1.6) ** 2)) * math.exp(-(((y + 2.5) / 6.5) ** 2))
            wing *= smoothstep(88.0, 96.0, z) * (1.0 - smoothstep(106.0, 112.0, z))
            open_sky *= 1.0 - 0.35 * wing
            r, g, b = r * (1 - 0.10 * wing), g * (1 - 0.20 * wing), b * (1 - 0.20 * wing)

            # Ears are thin and red, their bowl is dark.
            bowl = _ball(ax, y, z, 66.0, 4.0, 4.5, 7.0, 11.0, 9.0) * min(ear * 1.5, 1.0)
            open_sky *= 1.0 - 0.5 * bowl

            # Lips.
            lips = lip_mask(m)
            if lips > 0.0:
                streak = 1.0 + 0.09 * lip_streaks(x, y, z, footprint, p.seed + 211)
                lower = 1.0 - smoothstep(-35.5, -33.0, y)
                strength = min(0.60 * p.lip_redness * lips, 0.9)
                # Dark skin has less of a step to the lip, and a pinker lower one.
                deep = smoothstep(0.45, 0.9, p.melanin)
                lr = r * (0.80 + 0.14 * deep * lower) + 0.02 * (1.0 + deep * lower)
                lg = g * (0.52 + 0.20 * deep)
                lb = b * (0.55 + 0.22 * deep) + 0.004
                r += strength * (lr * streak - r)
                g += strength * (lg * streak - g)
                b += strength * (lb * streak - b)
                shine += lips * 0.7
                rough -= 0.10 * lips
            if m < 1.0:
                seam = seam_shade(m, drives.openness)
                r, g, b = r * (1 - seam), g * (1 - 1.05 * seam), b * (1 - 1.05 * seam)
                open_sky *= 1.0 - 0.5 * seam
            under = _ball(ax, y, z, 0.0, -50.0, 108.0, 15.0, 3.6, 14.0)
            open_sky *= 1.0 - 0.22 * under

            # Brows.
            brow = brow_cover(
                ax,
                y,
                z,
                x,
                p.brow_thickness,
                p.brow_arch,
                p.brow_density,
                p.brow_meeting,
                footprint,
                p.seed + 223,
            )
            if brow > 0.0:
                r += brow * (p.brow_colour[0] - r)
                g += brow * (p.brow_colour[1] - g)
                b += brow * (p.brow_colour[2] - b)
                shine *= 1.0 - 0.6 * brow

            # Beard: the shadow of what is shaved, the roots of what is not.
            if p.beard_shadow > 0.0:
                area = beard_mask(ax, y, z, m, ear)
                if area > 0.0:
                    shade = 0.30 * p.beard_shadow * area
                    r, g, b = r * (1 - shade), g * (1 - 0.85 * shade), b * (1 - 0.70 * shade)
                    standing = area * beard_style_mask(ax, y, z, p.beard_style) * p.beard_cover
                    if standing > 0.0:
                        grain = stubble(x, y, z, footprint, p.seed + 227)
                        cover = min(2.0 * grain * standing * (0.45 + 0.55 * p.beard_shadow), 0.93)
                        r += cover * (p.beard_colour[0] - r)
                        g += cover * (p.beard_colour[1] - g)
                        b += cover * (p.beard_colour[2] - b)
                        shine *= 1.0 - 0.6 * cover

            # Scalp.
            if y > -60.0 and p.hair_cover > 0.0:
                height = hairline.above_hairline(x, y, z, p.recession, p.seed + 229)
                if height > -4.0:
                    area = hairline.scalp_density(
                        x, y, z, ear, p.recession, p.thinning, p.seed + 229
                    )
                    area *= 0.35 + 0.65 * smoothstep(-3.0, p.hair_ramp, height)
                    grain = stubble(x, y, z, footprint, p.seed + 233)
                    cover = area * p.hair_cover
                    cover = min(max(cover * (0.3 + 1.4 * grain), 0.0), 1.0) * (1 - cover) + (
                        cover * cover
                    )
                    r += cover * (p.hair_colour[0] - r)
                    g += cover * (p.hair_colour[1] - g)
                    b += cover * (p.hair_colour[2] - b)
                    shine *= 1.0 - 0.55 * cover

        # Relief, and the light that creases swallow.
        wrinkle, wx, wy, wz = 0.0, 0.0, 0.0, 0.0
        if on_head:
            wrinkle, wx, wy, wz = wrinkle_gradient(x, y, z, drives, footprint, p.seed)
        gx, gy, gz = grain_gradient(x, y, z, m, drives, footprint, p.seed)
        bump[index, 0], bump[index, 1], bump[index, 2] = -(wx + gx), -(wy + gy), -(wz + gz)
        hollow = min(max(-wrinkle, 0.0), 0.8)
        open_sky *= 1.0 - 0.55 * hollow
        r, g, b = r * (1 - 0.22 * hollow), g * (1 - 0.34 * hollow), b * (1 - 0.34 * hollow)

        # Shine: oilier on the forehead, nose and cheekbones, broken up at a millimetre.
        zone = _ball(ax, y, z, 0.0, 74.0, 105.0, 34.0, 18.0, 40.0)
        zone += _ball(ax, y, z, 0.0, 14.0, 125.0, 10.0, 26.0, 40.0)
        zone += 0.6 * _ball(ax, y, z, 42.0, 14.0, 88.0, 14.0, 10.0, 30.0)
        zone = min(zone, 1.0)
        shine *= 0.75 + zone * (0.25 + 0.8 * p.oil)
        visible = fade(1.4, footprint)
        if visible > 0.0:
            shine *= 1.0 + 0.22 * visible * noise_at(x / 1.4, y / 1.4, z / 1.4, p.seed + 239)
        rough -= 0.12 * zone * p.oil

        albedo[index, 0] = min(max(r, 0.002), 0.9)
        albedo[index, 1] = min(max(g, 0.002), 0.9)
        albedo[index, 2] = min(max(b, 0.002), 0.9)
        specular[index] = max(shine, 0.0)
        roughness[index] = min(max(rough, 0.05), 1.0)
        occlusion[index] = open_sky
