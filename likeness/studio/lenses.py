"""What lenses do to a picture: light that passes is tinted, light that is mirrored is added.

Owns the pass that lays them over a finished picture. Where they are is ``glasses``'s.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.geometry import rasterize_kernels
from likeness.studio.figure import Figure
from likeness.studio.film import Film, tone
from likeness.studio.lighting import Lighting
from likeness.studio.part_tables import LABELS
from likeness.studio.pixels import project
from likeness.studio.traits import is_dark
from likeness.studio.visibility import harmonics

_REFLECTANCE = 0.015  # of both sides of a lens coated against reflections, seen straight


def lay_lenses(
    figure: Figure,
    vertices: NDArray[np.float32],
    intrinsics: tuple[float, float, float, float],
    lighting: Lighting,
    film: Film,
    picture: NDArray[np.float32],
    mask: NDArray[np.uint8],
    depth: NDArray[np.float32],
) -> NDArray[np.bool_]:
    """Draws a figure's lenses over a picture of all the rest of it, in place.

    Light that passes is tinted; what the lens mirrors is added: surroundings and lamps at the angle
    of each pixel, by Schlick's approximation of Fresnel's law. Only dark lenses change mask and
    depth.

    Args:
        figure: whose lenses.
        vertices: (V, 3) the figure before the camera, metres.
        intrinsics: fx, fy, cx, cy in pixels.
        lighting: what there is to be mirrored.
        film: how the picture was developed from light.
        picture: (H, W, 3) display-linear.
        mask: (H, W) of ``figure.LABELS``.
        depth: (H, W) metres.

    Returns:
        (H, W) where a dark lens is seen instead of what is behind it.
    """
    hidden = np.zeros(mask.shape, bool)
    faces = figure.surface.lenses
    if len(faces) == 0:
        return hidden
    used, faces = np.unique(faces, return_inverse=True)
    faces = faces.reshape(-1, 3).astype(np.int32)
    vertices, normals = vertices[used], figure.normals[used]
    xy, distance = project(vertices, intrinsics)
    # Only the rectangle around the lenses is looked at.
    size = np.array(mask.shape[::-1])
    left, top = np.clip(np.floor(xy.min(axis=0)), 0, size).astype(int)
    right, bottom = np.clip(np.ceil(xy.max(axis=0)), 0, size).astype(int)
    height, width = bottom - top, right - left
    if height <= 0 or width <= 0:
        return hidden
    xy = np.ascontiguousarray((xy - np.array([left, top], np.float32))[None])
    distance = np.ascontiguousarray(distance[None])
    tri = np.empty((1, height, width), np.int32)
    buffer = np.empty((1, height, width), np.float32)
    bary = np.empty((1, height, width, 3), np.float32)
    rasterize_kernels.cover(0, 1, xy, distance, distance, faces, False, tri, buffer)
    rasterize_kernels.resolve(0, 1, xy, distance, distance, faces, tri, bary, buffer)
    seen = (tri[0] >= 0) & (buffer[0] < depth[top:bottom, left:right])
    rows, columns = np.nonzero(seen)
    if len(rows) == 0:
        return hidden
    corners = faces[tri[0, rows, columns]]
    weights = bary[0, rows, columns]
    normal = np.einsum("nk,nkc->nc", weights, normals[corners])
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    view = -np.einsum("nk,nkc->nc", weights, vertices[corners])
    view /= np.linalg.norm(view, axis=1, keepdims=True)
    facing = np.abs((normal * view).sum(axis=1, keepdims=True))
    mirrored = 2.0 * (normal * view).sum(axis=1, keepdims=True) * normal - view

    light = np.maximum(harmonics(mirrored) @ lighting.surroundings(), 0.0)
    for lamp in lighting.lamps:
        cosine = mirrored @ lamp.direction
        radius = max(lamp.softness, 0.05)
        edge = np.clip((cosine - np.cos(1.15 * radius)) / (0.3 * radius * radius), 0.0, 1.0)
        disc = np.pi * radius * radius
        light += edge[:, None] * lighting.lamp_color(lamp) / disc
    share = _REFLECTANCE + (1.0 - _REFLECTANCE) * (1.0 - facing) ** 5
    glare = (share * light).astype(np.float32)
    tone(glare, lighting.gain(), film)
    nearer = buffer[0, rows, columns]
    rows, columns = rows + top, columns + left
    passed = np.asarray(figure.surface.lens_tint, np.float32)
    picture[rows, columns] = np.minimum(picture[rows, columns] * passed + glare, 1.0)
    if is_dark(figure.surface.lens_tint):
        mask[rows, columns] = LABELS.index("occluder")
        depth[rows, columns] = nearer
        hidden[rows, columns] = True
    return hidden
