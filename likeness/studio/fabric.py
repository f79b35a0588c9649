"""Paints cloth: dye, stripes, knit and weave, seams and ribs.

Owns its colour and fine relief. Cut and folds belong to ``clothing``.
"""

from __future__ import annotations

import numpy as np

from likeness.studio.appearance import Appearance
from likeness.studio.noise import fbm
from likeness.studio.surface_points import SurfacePoints, SurfaceValues

_RIB_WIDTH = {"t-shirt": 17.0, "v-neck": 14.0, "sweater": 24.0}
"""mm of ribbed knit along the neckline; other kinds have none."""

_CUFF_WIDTH = {"sweater": 55.0, "roll-neck": 55.0, "hoodie": 60.0}
"""mm of ribbed knit at the wrist."""

_RELIEF = {
    "t-shirt": 0.10,
    "v-neck": 0.10,
    "shirt": 0.07,
    "sweater": 0.38,
    "roll-neck": 0.24,
    "cardigan": 0.26,
    "hoodie": 0.16,
    "blouse": 0.05,
    "dress": 0.06,
}
"""Steepness of the weave."""

_SHOES = (0.030, 0.022, 0.018)


def _visible(wavelength: float, footprint: np.ndarray) -> np.ndarray:
    # Twice as careful as for skin: coordinates around the body shrink toward the neck.
    t = np.clip((2.0 * footprint / wavelength - 0.33) / 0.34, 0.0, 1.0)
    return 1.0 - t * t * (3.0 - 2.0 * t)


def paint(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of points of the part CLOTH; their rest is what ``clothing`` says."""
    traits = appearance.clothing
    values = SurfaceValues.blank(len(points))
    around, from_edge, height = points.rest.astype(np.float64).T
    footprint = points.footprint.astype(np.float64)
    collar = (points.layer > 0.5) & (points.layer < 1.5)
    place = np.stack([around, from_edge, np.zeros_like(around)], axis=1)
    seed = appearance.texture_seed + 701

    limb = (points.layer > 0.2) & ~collar
    inner = points.layer < -0.75
    bottom, shoe = points.layer > 1.5, points.layer > 2.5
    colour, accent = np.array(traits.colour), np.array(traits.accent)
    albedo = np.broadcast_to(colour, (len(points), 3)).copy()
    if traits.stripe_width > 0.0 and traits.kind != "cardigan":
        phase = height / traits.stripe_width
        edge = np.abs(phase - np.floor(phase) - 0.5) * traits.stripe_width  # mm from the middle
        soft = 0.35 + 0.5 * footprint
        share = np.clip((0.25 * traits.stripe_width - edge) / soft + 0.5, 0.0, 1.0)
        if traits.kind == "shirt":
            across = around / traits.stripe_width
            edge = np.abs(across - np.floor(across) - 0.5) * traits.stripe_width
            share = np.clip((0.2 * traits.stripe_width - edge) / soft + 0.5, 0.0, 1.0)
        # Stripes thinner than a pixel are their mean.
        fine = np.clip((footprint / traits.stripe_width - 0.18) / 0.22, 0.0, 1.0)
        share += fine * ((0.4 if traits.kind == "shirt" else 0.5) - share)
        albedo += share[:, None] * (accent - albedo)
    albedo[inner] = accent
    albedo[bottom] = traits.bottom
    albedo[shoe] = _SHOES

    rib_width = np.where(limb, _CUFF_WIDTH.get(traits.kind, 0.0), _RIB_WIDTH.get(traits.kind, 0.0))
    rib_width = np.where(inner, _RIB_WIDTH["t-shirt"], rib_width)
    ribbed = (from_edge < rib_width) & ~collar & ~bottom
    if traits.kind == "roll-neck":
        ribbed = collar
    # Ribs run away from the edge, knit columns likewise but finer.
    pitch = np.where(
        ribbed, 2.6, 1.3 if traits.kind in ("sweater", "roll-neck", "cardigan") else 0.7
    )
    wave = 2.0 * np.pi * around / pitch
    seen = _visible(2.6, footprint) * ribbed + _visible(1.3, footprint) * ~ribbed
    slope = _RELIEF[traits.kind] * np.where(ribbed, 1.8, 1.0) * seen * np.cos(wave)
    # Around the body is x in front; close enough for a weave.
    values.bump[:, 0] = -slope
    crossing = 2.0 * np.pi * from_edge / (1.1 * pitch)
    values.bump[:, 1] = -0.7 * _RELIEF[traits.kind] * seen * ~ribbed * np.cos(crossing + wave)
    hollow = 0.5 - 0.5 * np.sin(wave)
    fibre = fbm(place, 1.2, seed, octaves=2, footprint=footprint)
    cloud = fbm(place, 60.0, seed + 3, octaves=3, footprint=footprint)
    worn = 1.0 + 0.05 * fibre + 0.045 * cloud - 0.16 * seen * hollow * np.where(ribbed, 1.6, 0.8)
    albedo *= worn[:, None]

    # The seam under the ribs, and stitching along the edge.
    seam = np.exp(-(((from_edge - rib_width) / (0.5 + 0.4 * footprint)) ** 2)) * (rib_width > 0.0)
    albedo *= (1.0 - 0.35 * seam * np.minimum(0.6 / (footprint + 0.1), 1.0))[:, None]
    if traits.kind == "shirt":
        _fasten(albedo, around, height, points.layer != 0.0, footprint)
    values.albedo[:] = np.clip(albedo, 0.004, 0.85)
    values.specular[:] = 0.35
    values.roughness[:] = 0.85
    near = np.clip(from_edge / 6.0, 0.0, 1.0)
    values.occlusion[:] = np.where(collar | limb, 1.0, 0.75 + 0.25 * near)
    # Between arm and trunk little light comes in; the map of shadows ends above.
    aside = np.exp(-(((np.abs(around) - 188.0) / 55.0) ** 2))
    aside *= np.clip((-215.0 - height) / 75.0, 0.0, 1.0)
    beside = ~limb & ~collar
    values.occlusion[beside] *= 1.0 - 0.55 * aside[beside]
    return values


def _fasten(
    albedo: np.ndarray,
    around: np.ndarray,
    height: np.ndarray,
    elsewhere: np.ndarray,
    footprint: np.ndarray,
) -> None:
    """The overlapping edge of a shirt's front and its buttons, in place."""
    front = ~elsewhere & (np.abs(around) < 40.0)
    line = np.exp(-(((np.abs(around) - 15.0) / (0.6 + 0.4 * footprint)) ** 2)) * front
    albedo *= (1.0 - 0.22 * line)[:, None]
    spacing = 78.0
    row = height / spacing
    from_button = np.hypot(around, (row - np.floor(row) - 0.5) * spacing)
    soft = 0.4 + 0.5 * footprint
    button = np.clip((5.2 - from_button) / soft + 0.5, 0.0, 1.0) * front
    shade = np.exp(-(((from_button - 5.6) / 0.9) ** 2)) * front
    albedo *= (1.0 - 0.4 * shade)[:, None]
    albedo += button[:, None] * (np.array([0.62, 0.60, 0.55]) - albedo)
