"""Light on surfaces in plain torch: spherical-harmonic light and the five lights of grey pictures.

Both are differentiable in normals and light. Does not own surfaces' colours, shadows nor the
studio's photographic light (``likeness.studio.lighting``).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

IRRADIANCE_CONSTANTS = (
    1 / math.sqrt(4 * math.pi),
    *3 * (2 * math.pi / 3 * math.sqrt(3 / (4 * math.pi)),),
    *3 * (math.pi / 4 * 3 * math.sqrt(5 / (12 * math.pi)),),
    math.pi / 4 * 1.5 * math.sqrt(5 / (12 * math.pi)),
    math.pi / 4 * 0.5 * math.sqrt(5 / (4 * math.pi)),
)
"""Factors of the nine basis functions: the light's harmonics convolved with a clamped cosine
(Basri and Jacobs, "Lambertian reflectance and linear subspaces", PAMI 2003), in the scale of
published face models, where the constant term is left unconvolved."""

FIVE_LIGHTS = ((-1, 1, 1), (1, 1, 1), (-1, -1, 1), (1, -1, 1), (0, 0, 1))
"""Places of the lights of pictures that show geometry only."""


def harmonic_basis(normals: Tensor) -> Tensor:
    """The nine functions ``[1, x, y, z, xy, xz, yz, x^2-y^2, 3z^2-1]`` times their constants.

    Args:
        normals: (..., 3) unit vectors.

    Returns:
        (..., 9)
    """
    x, y, z = normals.unbind(-1)
    basis = torch.stack(
        [torch.ones_like(x), x, y, z, x * y, x * z, y * z, x * x - y * y, 3 * z * z - 1], dim=-1
    )
    return basis * basis.new_tensor(IRRADIANCE_CONSTANTS)


def harmonic_shading(normals: Tensor, light: Tensor) -> Tensor:
    """Light reaching a white surface: (B, ..., 3).

    Args:
        normals: (B, ..., 3) unit vectors, in the space the light is given in.
        light: (B, 9, 3) coefficients for red, green and blue. ``light[:, 0] = sqrt(4 pi)`` alone is
            white light of strength one from everywhere.
    """
    basis = harmonic_basis(normals)
    flat = basis.flatten(1, -2) @ light
    return flat.view(*basis.shape[:-1], 3)


def five_light_shading(
    normals: Tensor,
    positions: Tensor | None = None,
    *,
    kind: Literal["directional", "point"] = "directional",
    intensity: float = 1.7,
    grey: float = 180 / 255,
) -> Tensor:
    """A grey surface under five white lights in front of it: (..., 3), for pictures of geometry.

    Args:
        normals: (..., 3) unit vectors in world space.
        positions: (..., 3) surface points, needed for ``kind="point"``.
        kind: lights at infinity in the directions ``FIVE_LIGHTS``, or at these places.
        intensity: of each; the five are averaged.
        grey: reflectance.
    """
    lights = normals.new_tensor(FIVE_LIGHTS)
    if kind == "point":
        if positions is None:
            raise ValueError('kind="point" needs positions')
        towards = lights - positions[..., None, :]
    else:
        towards = lights.expand(*normals.shape[:-1], 5, 3)
    towards = towards / towards.norm(dim=-1, keepdim=True)
    cosine = (towards * normals[..., None, :]).sum(-1).clamp(min=0)
    return (grey * intensity * cosine.mean(-1, keepdim=True)).expand(*normals.shape[:-1], 3)
