"""Paints skin: pigment, blood, spots, lips, brows, beard shadow, scalp, and the skin's shine.

Owns the colour of everything covered by skin, linings of the lids included. Masks come from
``lips_brows`` and ``hairline``, the relief from ``relief``.

Local pigment moves along the curve of skin colour over melanin, blood multiplies the three channels
apart; see ``pigments``.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.studio.appearance import Appearance
from likeness.studio.drives import Drives, drives_of
from likeness.studio.lips_brows import (
    beard_mask,
    beard_style_mask,
    brow_cover,
    stubble,
)
from likeness.studio.noise import fade, smoothstep
from likeness.studio.pigments import pigments_of
from likeness.studio.relief import grain_gradient, lines_of, wrinkle_gradient
from likeness.studio.scalp_cover import find_hair, scalp_cover
from likeness.studio.skin_noise import (
    BLOCK,
    BLOOD,
    BROKEN,
    BROKEN_WAVE,
    FINE,
    PIGMENT,
    ROWS,
    VEINS,
    fill_block,
)
from likeness.studio.skin_zones import (
    FEWEST_AGE_SPOTS,
    FEWEST_MOLES,
    around_eyes,
    around_nose,
    ball,
    blood_at,
    on_lips,
    spots_at,
    toward,
)
from likeness.studio.surface_points import SurfacePoints, SurfaceValues

BROW_TONES = 0.5
"""How far the lightest brow hairs are from the mean one, in the logarithm of their albedo."""


def paint(appearance: Appearance, points: SurfacePoints, weights: np.ndarray) -> SurfaceValues:
    """Values of skin points (parts skin, lid linings, BODY) under expression ``weights`` (52,)."""
    return crease(appearance, points, weights, ground(appearance, points, weights))


def is_hair(appearance: Appearance, points: SurfacePoints) -> np.ndarray:
    """(N,) whether hair painted on the scalp covers most of it around each point."""
    found = np.empty(len(points), bool)
    find_hair(points.rest, points.part, points.ear, pigments_of(appearance), found)
    return found


GROUND_COLUMNS = 9
"""Numbers of a point's ground: colour, gradient of the grain, shine, roughness, open sky."""
STILL_RING = 3.4
"""``SurfacePoints.mouth_ring`` from which on no expression changes the ground."""


def ground(appearance: Appearance, points: SurfacePoints, weights: np.ndarray) -> np.ndarray:
    """Skin points without their wrinkles, (N, ``GROUND_COLUMNS``) float64, for :func:`crease`.

    ``weights`` (52,) change it only where lips part and purse, see ``STILL_RING``.
    """
    found = np.empty((len(points), GROUND_COLUMNS))
    _ground_kernel(
        points.rest,
        points.part,
        points.mouth_ring,
        points.eye_ring,
        points.ear,
        points.footprint,
        pigments_of(appearance),
        _drives(appearance, weights),
        found,
    )
    return found


def crease(
    appearance: Appearance, points: SurfacePoints, weights: np.ndarray, ground: np.ndarray
) -> SurfaceValues:
    """Values of skin points of their ground, with the wrinkles of an expression (52,)."""
    values = SurfaceValues.blank(len(points))
    _crease_kernel(
        points.rest,
        points.part,
        points.footprint,
        _drives(appearance, weights),
        appearance.texture_seed,
        lines_of(appearance.texture_seed),
        ground,
        values.albedo,
        values.bump,
        values.specular,
        values.roughness,
        values.occlusion,
    )
    return values


def _drives(appearance: Appearance, weights: np.ndarray) -> Drives:
    skin = appearance.skin
    return drives_of(weights, wrinkles=skin.wrinkles, neck_rings=skin.neck_rings, pores=skin.pores)


@njit(cache=True, nogil=True, error_model="numpy")
def _crease_kernel(
    rest,
    part,
    footprints,
    drives,
    seed,
    lines,
    ground,
    albedo,
    bump,
    specular,
    roughness,
    occlusion,
):
    for index in range(rest.shape[0]):
        x, y, z = float(rest[index, 0]), float(rest[index, 1]), float(rest[index, 2])
        hollow = 0.0
        slope = (0.0, 0.0, 0.0)
        if part[index] == 0:
            _, wx, wy, wz, hollow = wrinkle_gradient(
                x, y, z, drives, float(footprints[index]), seed, lines
            )
            slope = (wx, wy, wz)
        # Creases swallow light.
        hollow = min(hollow, 0.8)
        kept = (1 - 0.22 * hollow, 1 - 0.34 * hollow, 1 - 0.34 * hollow)
        for axis in range(3):
            bump[index, axis] = -(slope[axis] + ground[index, 3 + axis])
            albedo[index, axis] = min(max(ground[index, axis] * kept[axis], 0.002), 0.9)
        specular[index] = max(ground[index, 6], 0.0)
        roughness[index] = min(max(ground[index, 7], 0.05), 1.0)
        occlusion[index] = ground[index, 8] * (1.0 - 0.55 * hollow)


@njit(cache=True, nogil=True, error_model="numpy")
def _ground_kernel(rest, part, mouth_rings, eye_rings, ears, footprints, p, drives, out):
    block = np.empty((ROWS, BLOCK))
    age_spots, moles = p.age_spots > FEWEST_AGE_SPOTS, p.moles > FEWEST_MOLES
    for index in range(rest.shape[0]):
        here = index % BLOCK
        if here == 0:
            count = min(BLOCK, rest.shape[0] - index)
            fill_block(rest, footprints, index, count, p.seed, age_spots, moles, block)
        x, y, z = float(rest[index, 0]), float(rest[index, 1]), float(rest[index, 2])
        m, e = float(mouth_rings[index]), float(eye_rings[index])
        ear, footprint = float(ears[index]), float(footprints[index])
        ax = abs(x)
        on_head = part[index] == 0
        on_lid_edge = part[index] == 1 or part[index] == 2

        # Pigment moves along the person's own curve, blood multiplies the channels apart.
        pigment = p.mottling * block[PIGMENT, here]
        mole = 0.0
        if not on_lid_edge:
            spots, mole = spots_at(
                x,
                y,
                z,
                ax,
                p.freckles,
                p.age_spots,
                p.moles,
                footprint,
                p.seed,
                block,
                here,
            )
            pigment += spots
        # Foreheads tan; throats, and what lies under the jaw, stay pale.
        pigment += 0.03 * smoothstep(20.0, 90.0, y) - 0.025 * (1 - smoothstep(-100.0, -70.0, y))
        blood = blood_at(
            y, z, ax, ear, p.haemoglobin, p.blotches, block[BLOOD, here], block[VEINS, here]
        )
        blood *= 1.0 - 0.45 * p.melanin
        fine = 1.0 + 0.035 * block[FINE, here]
        olive = 0.035 * p.olive
        r = p.tone[0] * math.exp(p.slope[0] * pigment + blood * 0.0392) * (1 - 0.5 * olive)
        g = p.tone[1] * math.exp(p.slope[1] * pigment - blood * 0.1508) * (1 + olive)
        b = p.tone[2] * math.exp(p.slope[2] * pigment - blood * 0.2231) * (1 - 2 * olive)
        r, g, b = r * fine, g * fine, b * fine
        shine, rough, sky = 0.8, 0.52, 1.0
        if mole > 0.0:
            r, g, b = r * (1 - 0.70 * mole), g * (1 - 0.76 * mole), b * (1 - 0.76 * mole)

        if on_lid_edge:
            # The wet inner edge of the lids.
            r, g, b = 0.85 * r + 0.04, 0.62 * g + 0.015, 0.62 * b + 0.015
            shine, rough, sky = 2.2, 0.25, 0.65
        elif on_head:
            r, g, b, glint, shade = around_eyes(r, g, b, ax, y, z, e, p.eye_circles)
            shine, sky = shine * glint, sky * shade
            r, g, b, glint, shade = around_nose(r, g, b, ax, y, z, ear)
            shine, sky = shine * glint, sky * shade
            r, g, b, lips, shade = on_lips(
                r, g, b, x, y, z, m, p.melanin, p.lip_redness, drives.openness, footprint, p.seed
            )
            sky *= shade
            # Moist in the middle; a lamp mirrored beside a corner looks like a tooth.
            moist = lips * (1.0 - smoothstep(6.0, 16.0, ax))
            shine += 0.7 * moist - 0.3 * (lips - moist)
            rough -= 0.10 * moist

            cover, shade, tone = brow_cover(
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
            if shade > 0.0:
                r, g, b = r * (1 - shade), g * (1 - shade), b * (1 - shade)
            bright = math.exp(BROW_TONES * tone)
            hairs = (
                bright * p.brow_colour[0],
                bright * p.brow_colour[1],
                bright * p.brow_colour[2],
            )
            r, g, b = toward(r, g, b, hairs, cover)
            shine *= 1.0 - 0.6 * cover

            # Beard: the shadow of what is shaved, the roots of what is not.
            if p.beard_shadow > 0.0:
                area = beard_mask(ax, y, z, m, ear, x, p.seed + 227)
                if area > 0.0:
                    shade = 0.30 * p.beard_shadow * area
                    r, g, b = r * (1 - shade), g * (1 - 0.85 * shade), b * (1 - 0.70 * shade)
                    standing = area * beard_style_mask(ax, y, z, p.beard_style) * p.beard_cover
                    if standing > 0.0:
                        grain = stubble(x, y, z, footprint, p.seed + 227)
                        cover = min(2.0 * grain * standing * (0.45 + 0.55 * p.beard_shadow), 0.93)
                        r, g, b = toward(r, g, b, p.beard_colour, cover)
                        shine *= 1.0 - 0.6 * cover

            cover, shade = scalp_cover(x, y, z, ear, footprint, p)
            r, g, b = toward(r, g, b, p.hair_colour, cover)
            # Roots roughen a scalp: where hair divides it would mirror the sky.
            shine *= 1.0 - cover
            # What light comes there comes off hair; off skin alone it would be red as blood.
            r, g = r * (1.0 - 0.5 * shade), g * (1.0 - 0.2 * shade)
            sky *= 1.0 - shade

        gx, gy, gz = grain_gradient(x, y, z, m, drives, footprint, p.seed, block, here)

        # Shine: oilier on forehead, nose and cheekbones, broken up at a millimetre.
        zone = ball(ax, y, z, 0.0, 74.0, 105.0, 34.0, 18.0, 40.0)
        zone += ball(ax, y, z, 0.0, 14.0, 125.0, 10.0, 26.0, 40.0)
        zone = min(zone + 0.6 * ball(ax, y, z, 42.0, 14.0, 88.0, 14.0, 10.0, 30.0), 1.0)
        shine *= 0.75 + zone * (0.25 + 0.8 * p.oil)
        visible = fade(BROKEN_WAVE, footprint)
        if visible > 0.0:
            shine *= 1.0 + 0.22 * visible * block[BROKEN, here]
        rough -= 0.12 * zone * p.oil

        out[index, 0], out[index, 1], out[index, 2] = r, g, b
        out[index, 3], out[index, 4], out[index, 5] = gx, gy, gz
        out[index, 6], out[index, 7], out[index, 8] = shine, rough, sky
