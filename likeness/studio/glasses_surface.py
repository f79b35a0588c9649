"""What the frames of glasses are made of.

Owns their paint. Where they sit is ``glasses``'s, what lenses do ``lenses``'s.
"""

from __future__ import annotations

import numpy as np

from likeness.studio.appearance import Appearance
from likeness.studio.glasses import EDGE, METAL
from likeness.studio.noise import fbm
from likeness.studio.surface_points import SurfacePoints, SurfaceValues

_PLASTIC = 0.038
"""Reflectance of acetate, of lacquer and of a lens's edge, seen straight: Fresnel's ((n - 1) /
(n + 1))^2 at a refractive index of 1.48."""
_METAL_SHINE = 2.3
"""What metal mirrors beyond its lacquer, times the albedo's green: with what it scatters, half of
the light of silver, as of steel and nickel, and little of black."""
_LENS_EDGE = (0.14, 0.155, 0.155)
"""Cut and polished: most of what meets it passes on into the lens."""
_TORTOISE = (0.018, 0.008, 0.004)


def paint(appearance: Appearance, points: SurfacePoints) -> SurfaceValues:
    """Values of points of the part FRAME."""
    traits = appearance.glasses
    values = SurfaceValues.blank(len(points))
    metal, edge = points.layer < METAL + 0.5, points.layer > EDGE - 0.5
    albedo = np.broadcast_to(np.array(traits.colour), (len(points), 3)).copy()
    if traits.pattern > 0.0:
        cloud = fbm(
            points.rest.astype(np.float64),
            9.0,
            appearance.texture_seed + 801,
            octaves=2,
            footprint=points.footprint.astype(np.float64),
        )
        dark = traits.pattern * np.clip(0.5 + 1.3 * cloud, 0.0, 1.0) * ~metal
        albedo += dark[:, None] * (np.array(_TORTOISE) - albedo)
    if not traits.metal:
        albedo[metal] = (0.12, 0.12, 0.12)
    albedo[edge] = _LENS_EDGE
    values.albedo[:] = albedo
    values.specular[:] = np.where(metal, _PLASTIC + _METAL_SHINE * albedo[:, 1], _PLASTIC)
    values.roughness[:] = np.where(metal, 0.32, 0.26)
    return values
