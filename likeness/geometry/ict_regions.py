"""Vertex masks and a texture layout for an ICT-FaceKit head, under the names FLAME uses.

Everything follows from the parts of the mesh and the 68 landmarks; units are the caller's.
"""

from __future__ import annotations

import numpy as np

from likeness.errors import DataError

NUM_NARROW_FACE = 6706
"""The first vertices of the mesh: the face without forehead, ears and throat."""

# Rectangles (left, bottom, edge) of one square texture, by part for the tile that several parts
# share and by tile for the rest. The face gets most of the room.
_ATLAS: dict[str, tuple[float, float, float]] = {
    "face": (0.0, 1 / 3, 2 / 3),
    "eyeball_left": (1 / 3, 0.0, 1 / 3),
    "eyeball_right": (2 / 3, 0.0, 1 / 6),
    "eye_blend_left": (5 / 6, 1 / 12, 1 / 12),
    "eye_blend_right": (11 / 12, 1 / 12, 1 / 12),
    "eye_occlusion_left": (2 / 3, 1 / 6, 1 / 12),
    "eye_occlusion_right": (3 / 4, 1 / 6, 1 / 12),
    "tile 1": (2 / 3, 2 / 3, 1 / 3),  # back of the head, neck, sockets
    "tile 2": (2 / 3, 1 / 3, 1 / 3),  # gums, tongue
    "tile 3": (0.0, 0.0, 1 / 3),  # teeth
    "tile 4": (5 / 6, 0.0, 1 / 12),  # lacrimal, left
    "tile 5": (11 / 12, 0.0, 1 / 12),  # lacrimal, right
    "tile 6": (5 / 6, 1 / 6, 1 / 6),  # lashes
}


def pack_uv(
    uv: np.ndarray, uv_faces: np.ndarray, faces: np.ndarray, parts: dict[str, slice]
) -> tuple[np.ndarray, np.ndarray]:
    """One square texture from the tiles (UDIM) of the source, so that no two parts share a place.

    Args:
        uv: (T, 2), where the whole part of u is the tile.
        uv_faces, faces: (F, 3) into ``uv`` and into the vertices.

    Returns:
        UV points in [0, 1] and triangles into them.
    """
    tile = np.floor(uv[uv_faces][:, :, 0].mean(axis=1)).astype(np.int64)
    starts = np.array([part.start for part in parts.values()])
    # The first corners of a triangle may lie on the rim of the part before.
    part = np.searchsorted(starts, faces.max(axis=1), side="right") - 1
    place = np.where(tile > 0, -tile, part)
    names = list(parts)
    packed, result, offset = [], np.empty_like(uv_faces), 0
    for key in np.unique(place):
        name = f"tile {-key}" if key < 0 else names[key]
        if name not in _ATLAS:
            raise DataError(f"The texture coordinates of '{name}' are of no known layout.")
        left, bottom, edge = _ATLAS[name]
        rows = np.flatnonzero(place == key)
        used, index = np.unique(uv_faces[rows], return_inverse=True)
        packed.append((uv[used] - [max(-key, 0), 0]) * edge + [left, bottom])
        result[rows] = index.reshape(-1, 3) + offset
        offset += len(used)
    return np.concatenate(packed), result


def region_masks(
    vertices: np.ndarray, landmarks: np.ndarray, parts: dict[str, slice]
) -> dict[str, np.ndarray]:
    """Vertex ids by region: the parts themselves, and FLAME's regions of the skin."""
    masks = {
        name: np.arange(part.start, part.stop) for name, part in parts.items() if name != "face"
    }
    points = vertices[landmarks]
    x, y, z = vertices.T
    distance = float(np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0)))
    num_skin = parts["head_neck"].stop if "head_neck" in parts else parts["face"].stop
    is_skin = np.arange(len(vertices)) < num_skin
    front = is_skin & (np.arange(len(vertices)) < parts["face"].stop)
    chin, brows = points[8, 1], points[17:27, 1].max()
    masks["face"] = np.arange(min(NUM_NARROW_FACE, num_skin))
    masks["skin_face"] = masks["face"]
    masks["lips"] = np.flatnonzero(front & _within(vertices, points[48:60], z, 0.35 * distance))
    root, low, wing = points[27, 1], points[31:36, 1].min(), np.abs(points[[31, 35], 0]).mean()
    # From 0.1 eye distances at its root to beyond the wings at its base.
    half_width = np.interp(y, [low, root], [1.7 * wing, 0.1 * distance])
    masks["nose"] = np.flatnonzero(
        front
        & (y > low - 0.06 * distance)
        & (y < root)
        & (np.abs(x) < half_width)
        & (z > points[31, 2] - 0.3 * distance)
    )
    for side, ids in (("right", slice(36, 42)), ("left", slice(42, 48))):
        centre = points[ids].mean(axis=0)
        near = (((vertices - centre) / (distance * np.array([0.42, 0.32, 0.6]))) ** 2).sum(
            axis=1
        ) < 1
        masks[f"{side}_eye_region"] = np.flatnonzero(front & near)
    masks["eye_region"] = np.union1d(masks["left_eye_region"], masks["right_eye_region"])
    masks["forehead"] = np.flatnonzero(front & (y > brows) & (z > points[0, 2]))
    if "head_neck" in parts:
        ear = is_skin & (np.abs(x) > 1.02 * np.abs(points[[0, 16], 0]).mean())
        ear &= (y > points[3, 1]) & (y < points[36:48, 1].max() + 0.12 * distance)
        ear &= (z < points[0, 2] + 0.1 * distance) & (z > points[0, 2] - 0.75 * distance)
        masks["left_ear"], masks["right_ear"] = (
            np.flatnonzero(ear & (x > 0)),
            np.flatnonzero(ear & (x < 0)),
        )
        masks["ears"] = np.flatnonzero(ear)
        # The nape begins higher than the throat.
        neck = y < chin - 0.1 * distance + 0.25 * (points[8, 2] - z)
        neck &= y < points[3, 1]
        masks["neck"] = np.flatnonzero(is_skin & neck & ~ear)
        masks["boundary"] = np.flatnonzero(is_skin & (y < y[:num_skin].min() + 0.3 * distance))
        masks["scalp"] = np.flatnonzero(
            is_skin
            & ~neck
            & ~ear
            & ((y > brows + 0.5 * distance) | (z < points[0, 2] - 0.2 * distance))
        )
        covered = np.union1d(masks["face"], masks["neck"])
        masks["hair"] = np.setdiff1d(masks["scalp"], covered)
    if {"eyeball_left", "eyeball_right"} <= parts.keys():
        masks["left_eyeball"], masks["right_eyeball"] = (
            masks["eyeball_left"],
            masks["eyeball_right"],
        )
        masks["eyeballs"] = np.union1d(masks["left_eyeball"], masks["right_eyeball"])
    return masks


def _within(vertices: np.ndarray, polygon: np.ndarray, z: np.ndarray, depth: float) -> np.ndarray:
    """Vertices whose (x, y) lies in a polygon seen from the front, not far behind it."""
    inside = np.zeros(len(vertices), dtype=bool)
    following = np.roll(polygon, -1, axis=0)
    for (ax, ay, _), (bx, by, _) in zip(polygon, following, strict=True):
        crosses = (vertices[:, 1] < ay) != (vertices[:, 1] < by)
        at = ax + (vertices[:, 1] - ay) / np.where(by == ay, 1.0, by - ay) * (bx - ax)
        inside ^= crosses & (vertices[:, 0] < at)
    return inside & (z > polygon[:, 2].min() - depth)
