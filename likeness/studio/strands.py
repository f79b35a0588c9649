"""Paints strands: hair, beard, lashes, and the cap beneath the hair.

Owns their colour and shine. Where strands are is told by their geometry (``hair``, ``beard``,
``lashes``).
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.studio.appearance import Appearance
from likeness.studio.colours import HAIR_GREY, Colour
from likeness.studio.noise import fade, fbm_at, noise_at, random_at, smoothstep
from likeness.studio.surface_points import BEARD, HAIR, HAIR_CAP, LASH, SurfacePoints, SurfaceValues


def paint(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of points of the parts HAIR, HAIR_CAP, BEARD and LASH."""
    values = SurfaceValues.blank(len(points))
    hair = appearance.hair
    base = hair.pigmented_colour
    # Beards are redder than the hair above them; lashes darker.
    for part, colour, grey in (
        (BEARD, (0.95 * base[0], 0.80 * base[1], 0.72 * base[2]), min(1.25 * hair.grey, 1.0)),
        (
            LASH,
            (0.35 * base[0] + 0.004, 0.35 * base[1] + 0.003, 0.35 * base[2] + 0.003),
            0.5 * hair.late_grey,
        ),
        (None, base, hair.grey),
    ):
        if part is None:
            chosen = (points.part != BEARD) & (points.part != LASH)
        else:
            chosen = points.part == part
        if chosen.any():
            _fill(
                values,
                chosen,
                points,
                colour,
                grey,
                hair.dryness,
                hair.curl,
                appearance.texture_seed,
            )
    return values


def _fill(
    values: SurfaceValues,
    chosen: np.ndarray,
    points: SurfacePoints,
    colour: Colour,
    grey: float,
    dryness: float,
    curl: float,
    seed: int,
) -> None:
    count = int(chosen.sum())
    albedo = np.empty((count, 3), np.float32)
    others = np.empty((3, count), np.float32)
    _paint_kernel(
        points.rest[chosen],
        points.part[chosen],
        points.layer[chosen],
        points.footprint[chosen],
        colour,
        HAIR_GREY,
        grey,
        dryness,
        curl,
        seed,
        albedo,
        others,
    )
    values.albedo[chosen] = albedo
    values.specular[chosen], values.roughness[chosen], values.occlusion[chosen] = others


@njit(cache=True, nogil=True, error_model="numpy")
def passes_light(green):
    """How much hair of an albedo lights what lies under it, 0 dark .. 1 white: light is scattered
    on and on between fibres that absorb little, and there is no black between white hairs."""
    return smoothstep(0.04, 0.30, green)


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_kernel(
    rest,
    part,
    layer,
    footprints,
    colour,
    grey_colour,
    grey,
    dryness,
    curl,
    seed,
    albedo,
    others,
):
    for index in range(rest.shape[0]):
        footprint = float(footprints[index])
        depth = float(layer[index])
        if part[index] == HAIR_CAP:
            # Seen only through gaps: streaks running down, in deep shade.
            x, y, z = float(rest[index, 0]), float(rest[index, 1]), float(rest[index, 2])
            azimuth = math.atan2(x, z + 4.0) * 80.0
            streak = 0.25 * fbm_at(
                azimuth, y / (9.0 - 8.0 * curl), 0.0, 2.2, 2, seed + 501, footprint
            )
            light = passes_light(colour[1] + 0.85 * grey * (grey_colour[1] - colour[1]))
            bright = (0.62 + 0.30 * light) * math.exp(streak)
            for channel in range(3):
                mixed = colour[channel] + 0.85 * grey * (grey_colour[channel] - colour[channel])
                albedo[index, channel] = min(mixed * bright, 0.8)
            # A smooth skin would mirror the sky where strands leave a parting.
            others[0, index], others[1, index] = 0.0, 0.6
            others[2, index] = 0.43 + 0.47 * light
            continue
        across, along = float(rest[index, 0]), float(rest[index, 1])
        number = round(rest[index, 2])
        own = random_at(number, 1, 0, seed)
        streak = 0.42 * (own - 0.5) + 0.10 * noise_at(along / 11.0, own * 50.0, 0.5, seed)
        # Finer hairs within a ribbon.
        visible = fade(0.34, footprint)
        hairs = 0.0
        if visible > 0.0:
            hairs = visible * noise_at(across / 0.17, along / 16.0, own * 90.0, seed + 503)
        # White hairs lie among the others; a ribbon is seldom all of one kind.
        white = 0.0
        if grey > 0.0:
            mixed = grey + 0.9 * grey * (1.0 - grey) * (random_at(number, 2, 0, seed) - 0.5)
            sharp = 0.18 + 0.8 * (1.0 - visible)
            white = mixed
            if visible > 0.0:
                kind = noise_at(across / 0.19, along / 40.0, own * 70.0, seed + 509)
                kind = smoothstep(-sharp, sharp, mixed - 0.5 + 0.38 * kind)
                white = visible * kind + (1.0 - visible) * mixed
        sun = 1.0 + 0.30 * smoothstep(30.0, 220.0, along)  # old tips are bleached
        light = 0.0  # beards and lashes stand before skin
        if part[index] == HAIR:
            light = passes_light(colour[1] + white * (grey_colour[1] - colour[1]))
        # Light that passes from hair to hair evens them out.
        uneven = 1.0 - 0.7 * light
        bright = math.exp(uneven * streak + 0.30 * hairs)
        root = 1.0 - 0.28 * (1.0 - 0.7 * light) * (1.0 - smoothstep(0.0, 14.0, along))
        for channel in range(3):
            pigmented = colour[channel] * (sun if channel == 0 else 1.0 + 0.8 * (sun - 1.0))
            dyed = pigmented + white * (grey_colour[channel] - pigmented)
            albedo[index, channel] = min(dyed * bright * root, 0.8)
        shine = (1.15 - 0.75 * dryness) * (1.0 - 0.6 * curl) * (0.45 + 0.55 * depth)
        others[0, index] = shine * (1.0 + 0.9 * uneven * (random_at(number, 4, 0, seed) - 0.5))
        others[1, index] = 0.30 + 0.18 * dryness + 0.10 * own
        others[2, index] = 1.0 - 0.66 * (1.0 - 0.8 * light) * (1.0 - depth * depth)
        if part[index] == LASH:
            others[0, index], others[2, index] = 0.2, 0.8
