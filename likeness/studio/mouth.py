"""Paints the inside of the mouth: teeth, gums, tongue, lining.

Owns their colour. The lips belong to ``skin``, the shapes to ``parts``.
"""

from __future__ import annotations

import functools

import numpy as np
from scipy.spatial import cKDTree

from likeness.geometry.easing import smoothstep
from likeness.studio.appearance import Appearance
from likeness.studio.noise import fade, fbm, random_at
from likeness.studio.parts import LOWER_TEETH, UPPER_TEETH, TeethRow
from likeness.studio.surface_points import SurfacePoints, SurfaceValues
from likeness.studio.template import PARTS

_ENAMEL = np.array([0.665, 0.605, 0.520])
_GUM = np.array([0.430, 0.165, 0.150])
_GUM_SHINE = (1.6, 0.26)
"""Specular and roughness."""
_SHADED = 12.0, 34.0
"""mm behind the incisors between which teeth fall into the shade of the cheeks."""
_TONGUE = np.array([0.430, 0.175, 0.155])
_LINING_FRONT = np.array([0.380, 0.125, 0.110])
_LINING_BACK = np.array([0.190, 0.070, 0.060])


@functools.cache
def _arch(row: TeethRow) -> tuple[cKDTree, np.ndarray]:
    """Samples of the curve the crowns stand on, in (x, z), and their arc lengths."""
    angle = np.linspace(0.0, 0.5 * np.pi, 2000)
    back = row.arch_front - row.arch_depth * (1.0 - np.cos(angle))
    curve = np.stack([row.arch_width * np.sin(angle), back], axis=1)
    steps = np.linalg.norm(np.diff(curve, axis=0), axis=1)
    return cKDTree(curve), np.concatenate([[0.0], np.cumsum(steps)])


def crown_position(rest: np.ndarray, *, upper: bool) -> tuple[np.ndarray, np.ndarray]:
    """Which crown a point of the teeth is on and where across it.

    Args:
        rest: (N, 3) template positions.

    Returns:
        (N,) int number of the crown from the middle, (N,) place across it from -1 to 1.
    """
    row = UPPER_TEETH if upper else LOWER_TEETH
    curve, lengths = _arch(row)
    _, nearest = curve.query(np.stack([np.abs(rest[:, 0]), rest[:, 2]], axis=1))
    length = lengths[nearest]
    borders = np.concatenate([[0.0], np.cumsum(row.widths)])
    number = np.clip(np.searchsorted(borders, length, side="right") - 1, 0, 6)
    start, stop = borders[number], borders[number + 1]
    return number, np.clip(2.0 * (length - start) / (stop - start) - 1.0, -1.0, 1.0)


def middle_of_crown(place: np.ndarray, *, upper: bool) -> np.ndarray:
    """(2,) x and z of the middle of the crown that a point (3,) of the teeth is on."""
    row = UPPER_TEETH if upper else LOWER_TEETH
    curve, lengths = _arch(row)
    number = crown_position(place[None], upper=upper)[0][0]
    middle = sum(row.widths[:number]) + 0.5 * row.widths[number]
    x, z = curve.data[np.searchsorted(lengths, middle)]
    return np.array([np.copysign(x, place[0]), z])


def paint_teeth(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of the upper and lower teeth with their gums."""
    values = SurfaceValues.blank(len(points))
    for name in ("teeth_upper", "teeth_lower"):
        chosen = points.part == PARTS.index(name)
        if chosen.any():
            _paint_row(values, chosen, appearance, points, upper=name == "teeth_upper")
    return values


def _paint_row(
    values: SurfaceValues,
    chosen: np.ndarray,
    appearance: Appearance,
    points: SurfacePoints,
    *,
    upper: bool,
) -> None:
    rest = points.rest[chosen].astype(np.float64)
    footprint = points.footprint[chosen].astype(np.float64)
    seed = appearance.texture_seed
    number, across = crown_position(rest, upper=upper)
    # Share of the crown from the gum (0) to the biting edge (1).
    row = UPPER_TEETH if upper else LOWER_TEETH
    along = (-1.0 if upper else 1.0) * (rest[:, 1] - row.gum_line) / row.height
    yellow = 0.25 + 0.75 * random_at(1, 0, 0, seed)
    tint = np.array([1.0, 1.0 - 0.05 * yellow, 1.0 - 0.16 * yellow])
    colour = _ENAMEL * tint * (0.93 + 0.07 * random_at(2, 0, 0, seed))
    toward_gum = np.clip(1.0 - along, 0.0, 1.0)[:, None] ** 2
    albedo = colour * (1.0 - toward_gum * np.array([0.06, 0.11, 0.22]))
    toward_edge = np.clip((along - 0.75) / 0.25, 0.0, 1.0)[:, None]
    albedo = albedo * (1.0 - toward_edge * np.array([0.12, 0.08, 0.03]))
    canine = (number == 2)[:, None]
    albedo = np.where(canine, albedo * (0.97, 0.94, 0.86), albedo)
    albedo *= 1.0 + 0.03 * fbm(rest, 2.5, seed + 401, octaves=2, footprint=footprint)[:, None]
    # The gaps between crowns: half a millimetre, softened to a pixel, over which what is dark in
    # them spreads. Crowns touch and let light through: no gap is black.
    widths = np.array(row.widths)[number]
    distance = (1.0 - np.abs(across)) * 0.5 * widths
    reach = 0.28 + 0.5 * footprint
    gap = np.exp(-((distance / reach) ** 2)) * (0.28 / reach)
    albedo *= 1.0 - 0.6 * gap[:, None] * np.array([0.92, 1.0, 1.0])

    gum_line = 0.02 + 0.10 * across**2  # the gum rises between the crowns
    gum = np.clip((gum_line - along) / 0.05 + 0.5, 0.0, 1.0)[:, None]
    albedo = albedo * (1.0 - gum) + _gum_colour(appearance, rest, footprint) * gum

    if not upper:
        # Cheeks keep lamps as well from the molars: in an open mouth turned aside the lower ones
        # stood there as bright blocks.
        albedo *= 1.0 - 0.62 * smoothstep(*_SHADED, row.arch_front - rest[:, 2])[:, None]
    occlusion = _occlusion_of_depth(row, rest)
    occlusion *= 1.0 - 0.25 * np.clip(1.0 - along, 0.0, 1.0)
    values.albedo[chosen] = np.maximum(albedo, 0.02)
    values.occlusion[chosen] = occlusion
    shine, roughness = _GUM_SHINE
    values.specular[chosen] = 2.2 + (shine - 2.2) * gum[:, 0]
    values.roughness[chosen] = 0.16 + (roughness - 0.16) * gum[:, 0]


def _gum_colour(appearance: Appearance, rest: np.ndarray, footprint: np.ndarray) -> np.ndarray:
    """(N, 3) linear RGB albedo of gums at (N, 3) template positions."""
    pale = 1.0 - 0.35 * appearance.skin.melanin
    blotches = fbm(rest, 3.0, appearance.texture_seed + 409, footprint=footprint)
    return _GUM * pale * (1.0 + 0.08 * blotches)[:, None]


def _occlusion_of_depth(row: TeethRow, rest: np.ndarray) -> np.ndarray:
    """(N,) share of the light that gets to (N, 3) template positions of teeth and gums."""
    depth = np.clip((row.arch_front - rest[:, 2]) / 34.0, 0.0, 1.0)
    return 1.0 - 0.58 * depth**0.8


def paint_gums(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of gums that are a surface of their own, palate included."""
    values = SurfaceValues.blank(len(points))
    rest = points.rest.astype(np.float64)
    values.albedo[:] = _gum_colour(appearance, rest, points.footprint.astype(np.float64))
    values.occlusion[:] = 0.75 * _occlusion_of_depth(UPPER_TEETH, rest)
    values.specular[:], values.roughness[:] = _GUM_SHINE
    return values


def paint_soft(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of the tongue and of the lining of the mouth.

    The lining never gets darker than about a tenth: a black hole reads as a missing mouth.
    """
    values = SurfaceValues.blank(len(points))
    rest = points.rest.astype(np.float64)
    footprint = points.footprint.astype(np.float64)
    seed = appearance.texture_seed
    is_tongue = points.part == PARTS.index("tongue")
    # Linings start under the lips (z about 110) and end in the throat (60).
    depth = np.clip((108.0 - rest[:, 2]) / 42.0, 0.0, 1.0)[:, None]
    lining = _LINING_FRONT * (1.0 - depth) + _LINING_BACK * depth
    tongue = _TONGUE * (1.0 - 0.25 * depth)
    furrow = np.exp(-((rest[:, 0] / 1.3) ** 2))[:, None]
    tongue = tongue * (1.0 - 0.25 * furrow)
    albedo = np.where(is_tongue[:, None], tongue, lining)
    mottled = 1.0 + 0.07 * fbm(rest, 5.0, seed + 421, octaves=3, footprint=footprint)[:, None]
    values.albedo[:] = albedo * mottled
    values.occlusion[:] = np.where(is_tongue, 1.0 - 0.45 * depth[:, 0], 1.0 - 0.55 * depth[:, 0])
    values.specular[:] = 1.9
    values.roughness[:] = np.where(is_tongue, 0.34, 0.28)
    papillae = np.where(is_tongue, 0.12, 0.04) * np.array([fade(1.6, f) for f in footprint])
    for axis in range(3):
        values.bump[:, axis] = papillae * fbm(rest, 1.6, seed + 431 + axis)
    return values
