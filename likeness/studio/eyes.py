"""Paints eyeballs: pupil, iris, limbus, white, veins, and the shade of the upper lid.

Owns everything seen of the ball itself. Lids, lash lines and lashes belong to ``skin`` and
``lashes``.

Angles are measured from the gaze axis at the centre of the ball, with the eyes at rest.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from likeness.studio.appearance import Appearance
from likeness.studio.colours import luminance
from likeness.studio.noise import fade, fbm_at, noise_at, smoothstep
from likeness.studio.parts import EYE_CENTER_LEFT
from likeness.studio.pigments import skin_tone
from likeness.studio.surface_points import SurfacePoints, SurfaceValues

SCLERA = (0.56, 0.52, 0.49)
"""Albedo of the white; whiter than this makes dolls."""
_BROWN = (0.20, 0.30, 0.42)
"""Share of each colour that the pigment of the conjunctiva takes where skin is darkest: beside the
iris, and six tenths of it far from there."""
_COVERED = 0.75
"""Share of the light that the upper lid and its lashes keep from the ball beneath them."""
_RETURNED = 0.6
"""Share of the light on the lids that what is hidden behind them would get from a white skin. With
skin of melanin .4 it makes .38 of the light in all, and less with darker skin."""

_CENTER = (float(EYE_CENTER_LEFT[0]), float(EYE_CENTER_LEFT[1]), float(EYE_CENTER_LEFT[2]))
_DEGREES_PER_MM = 4.66  # on a ball of 12.3 mm


def paint(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of eyeball points."""
    eyes = appearance.eyes
    values = SurfaceValues.blank(len(points))
    melanin = appearance.skin.melanin
    _paint_kernel(
        points.rest,
        points.lid_distance,
        points.footprint,
        eyes.colour,
        eyes.inner_colour,
        eyes.iris_contrast,
        eyes.collar,
        eyes.limbus,
        eyes.iris_degrees,
        eyes.pupil_degrees,
        eyes.sclera_redness,
        eyes.sclera_yellowness,
        melanin,
        luminance(skin_tone(melanin)),
        appearance.texture_seed,
        values.albedo,
        values.bump,
        values.specular,
        values.roughness,
        values.occlusion,
    )
    return values


def lid_distance(ball: np.ndarray, margin: np.ndarray, side: int) -> np.ndarray:
    """How far below the upper lid margin points on a posed eyeball lie, mm, (N,).

    Measured across the line through the canthi in the plane the face looks through, so it holds in
    every pose and for half-closed lids. Negative under the lid.

    Args:
        ball: (N, 3) posed points of one eye.
        margin: (N, 3) posed lid margin in the order of ``Template.eye_loops``.
        side: +1 for the subject's left eye, -1 for the right.
    """
    outer = len(margin) // 2
    across = margin[outer] - margin[0]
    across = side * across / np.linalg.norm(across)
    forward = margin.mean(0) - ball.mean(0)
    forward = forward - (forward @ across) * across
    up = np.cross(forward / np.linalg.norm(forward), across)
    upper = margin[: outer + 1] - margin[0]
    u, v = upper @ across, upper @ up
    order = np.argsort(u)
    offset = ball - margin[0]
    return np.interp(offset @ across, u[order], v[order]) - offset @ up


@njit(cache=True, nogil=True, error_model="numpy")
def _paint_kernel(
    rest,
    lid_distances,
    footprints,
    iris,
    inner,
    contrast,
    collar,
    limbus,
    iris_degrees,
    pupil_degrees,
    redness,
    yellowness,
    melanin,
    skin,
    seed,
    albedo,
    bump,
    specular,
    roughness,
    occlusion,
):
    pigment = smoothstep(0.45, 0.95, melanin)
    for index in range(rest.shape[0]):
        x, y, z = float(rest[index, 0]), float(rest[index, 1]), float(rest[index, 2])
        footprint = float(footprints[index])
        side = 1.0 if x > 0.0 else -1.0
        dx, dy, dz = x - side * _CENTER[0], y - _CENTER[1], z - _CENTER[2]
        radial = math.hypot(dx, dy)
        angle = math.degrees(math.atan2(radial, dz))
        ux, uy = (dx / radial, dy / radial) if radial > 1e-6 else (1.0, 0.0)
        blur = _DEGREES_PER_MM * footprint  # degrees a pixel covers

        # White: redder toward the corners, with fine vessels.
        corner = smoothstep(4.0, 11.0, abs(dx)) * (1.0 if dx * side < 0 else 0.75)
        red = (0.10 + 0.5 * redness) * corner
        vessel = abs(noise_at(x / 2.2, y / 0.9, z / 2.2, seed + 301))
        vessel = (1.0 - smoothstep(0.0, 0.16, vessel)) * fade(1.0, footprint)
        vessel *= smoothstep(0.0, 0.8, noise_at(x / 3.1, y / 3.1, z / 3.1, seed + 307) + 0.4)
        red += 0.45 * redness * vessel * (0.25 + corner)
        r = SCLERA[0] * (1.0 - 0.06 * red) * (1.0 - 0.03 * yellowness)
        g = SCLERA[1] * (1.0 - 0.42 * red) * (1.0 - 0.07 * yellowness)
        b = SCLERA[2] * (1.0 - 0.44 * red) * (1.0 - 0.26 * yellowness)
        blue = 0.05 * (1.0 - smoothstep(30.0, 38.0, angle))
        r, g = r * (1.0 - 1.4 * blue), g * (1.0 - blue)
        # Where skin is dark the conjunctiva holds melanin too, most around the iris.
        brown = pigment * (1.0 - 0.4 * smoothstep(32.0, 55.0, angle))
        r *= 1.0 - _BROWN[0] * brown
        g *= 1.0 - _BROWN[1] * brown
        b *= 1.0 - _BROWN[2] * brown

        # Iris: fibres fan out of the collar, the edge is dark.
        inside = 1.0 - smoothstep(
            iris_degrees - 1.8 - 0.5 * blur, iris_degrees + 1.4 + 0.5 * blur, angle
        )
        if inside > 0.0:
            share = (angle - pupil_degrees) / (iris_degrees - pupil_degrees)
            fibres = 0.0
            visible = fade(0.5, footprint)
            if visible > 0.0:
                fibres = 0.16 * noise_at(ux * 14.0, uy * 14.0, angle / 11.0 + side, seed + 311)
                fibres += 0.13 * noise_at(ux * 30.0, uy * 30.0, angle / 8.0 + side, seed + 313)
                fibres *= visible
            fibres += 0.09 * fbm_at(dx, dy, side * 7.0, 2.6, 2, seed + 317, footprint)
            ring = (collar - 1.0) * math.exp(-(((share - 0.27) / 0.16) ** 2))
            bright = (1.0 + contrast * fibres) * (1.0 + ring)
            bright *= 0.82 + 0.30 * share
            edge = 1.0 - (0.30 + 0.50 * limbus) * smoothstep(0.66, 0.94, share)
            ruff = 1.0 - 0.45 * (1.0 - smoothstep(0.0, 0.10, share))
            bright = max(bright * edge * ruff, 0.05)
            # The collar of light eyes is warmer than their rim.
            warm = 0.5 * ring
            # More pigment around the pupil ends raggedly, along the fibres.
            near = 1.0 - smoothstep(0.20, 0.58, share + 0.5 * fibres)
            ir = (iris[0] + near * (inner[0] - iris[0])) * bright * (1.0 + 0.55 * warm)
            ig = (iris[1] + near * (inner[1] - iris[1])) * bright * (1.0 + 0.12 * warm)
            ib = (iris[2] + near * (inner[2] - iris[2])) * bright * (1.0 - 0.35 * min(warm, 1.0))
            r += inside * (ir - r)
            g += inside * (ig - g)
            b += inside * (ib - b)
        pupil = 1.0 - smoothstep(
            pupil_degrees - 0.5 - 0.5 * blur, pupil_degrees + 0.5 + 0.5 * blur, angle
        )
        r, g, b = r + pupil * (0.004 - r), g + pupil * (0.004 - g), b + pupil * (0.004 - b)

        # The upper lid and its lashes take the light from the upper part of the ball, the corners
        # from its sides; the skin around it returns some.
        lid = float(lid_distances[index])
        seen = 1.0 - _COVERED * (1.0 - smoothstep(-0.5, 5.5, lid))
        seen *= 1.0 - 0.30 * smoothstep(6.5, 11.5, abs(dx))
        shade = seen + _RETURNED * (1.0 - seen) * skin
        albedo[index, 0], albedo[index, 1], albedo[index, 2] = r * shade, g * shade, b * shade
        occlusion[index] = shade
        wet = 1.0 - smoothstep(iris_degrees + 1.0, iris_degrees + 8.0, angle)
        specular[index] = (0.9 + 2.1 * wet) * smoothstep(-0.6, 1.6, lid)
        roughness[index] = 0.22 - 0.16 * wet
        if wet < 1.0:
            # The white is not perfectly round: its sheen is broken.
            visible = 0.03 * (1.0 - wet) * fade(2.5, footprint)
            for axis in range(3):
                bump[index, axis] = visible * noise_at(x / 2.5, y / 2.5, z / 2.5, seed + 331 + axis)
