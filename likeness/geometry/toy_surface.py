"""The surface of the toy head: a symmetric dented ellipsoid with eyeballs, UV, points on it.

The files made from it are written by :mod:`likeness.geometry.toy_flame`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.geometry.head_asset import LandmarkEmbedding

EYE_CENTRES = np.array([[0.032, 0.030, 0.062], [-0.032, 0.030, 0.062]])  # left, right; metres
_EYE_RADIUS = 0.012
_RADII = np.array([0.075, 0.115, 0.090])
_CHIN = -0.104  # height of the lowest contour point


@dataclass(frozen=True, eq=False)
class ToySurface:
    """Skin first, then the left and the right eyeball."""

    vertices: np.ndarray  # (V, 3) metres
    faces: np.ndarray  # (F, 3)
    uv: np.ndarray  # (T, 2)
    uv_faces: np.ndarray  # (F, 3)
    left_eye: np.ndarray  # vertex ids
    right_eye: np.ndarray
    num_skin_faces: int


def toy_surface(subdivisions: int) -> ToySurface:
    """The template. Raises ValueError for fewer than 2 or more than 5 subdivisions."""
    if not 2 <= subdivisions <= 5:
        raise ValueError(f"subdivisions must be 2 to 5, not {subdivisions}")
    directions, skin = _icosphere(subdivisions)
    ball, ball_faces = _icosphere(1)
    eyes = [
        centre + _EYE_RADIUS * ball * [side, 1, 1] for centre, side in zip(EYE_CENTRES, (1, -1))
    ]
    # The right eyeball is the mirror image of the left one, so its triangles turn round.
    counts = np.cumsum([0, len(directions), len(ball), len(ball)])
    faces = [skin, ball_faces + counts[1], ball_faces[:, ::-1] + counts[2]]
    parts = [(directions, skin), (ball, ball_faces), (ball, ball_faces[:, ::-1])]
    uv, uv_faces, offset = [], [], 0
    for index, (unit, triangles) in enumerate(parts):
        points, corners = _spherical_uv(unit, triangles)
        # The head takes the upper three quarters of the texture, the eyes a corner each below.
        scale, shift = (
            ((1, 0.75), (0, 0.25)) if index == 0 else ((0.4, 0.2), (0.5 * index - 0.5, 0))
        )
        uv.append(points * scale + shift)
        uv_faces.append(corners + offset)
        offset += len(points)
    return ToySurface(
        vertices=np.concatenate([_head_shape(directions), *eyes]),
        faces=np.concatenate(faces),
        uv=np.concatenate(uv),
        uv_faces=np.concatenate(uv_faces),
        left_eye=np.arange(counts[1], counts[2]),
        right_eye=np.arange(counts[2], counts[3]),
        num_skin_faces=len(skin),
    )


def front_points(surface: ToySurface, places: np.ndarray) -> LandmarkEmbedding:
    """The foremost skin points at (x, y) places (N, 2): triangles and barycentric weights."""
    faces = surface.faces[: surface.num_skin_faces]
    corners = surface.vertices[faces]  # (F, 3, 3)
    flat = np.concatenate([corners[:, :, :2], np.ones((len(faces), 3, 1))], axis=2)
    area = np.linalg.det(flat)
    faces_front = area > 1e-12  # counter-clockwise seen from +z
    solver = np.linalg.inv(flat[faces_front].transpose(0, 2, 1))
    triangles, weights = [], []
    for x, y in places:
        barycentric = solver @ np.array([x, y, 1.0])
        inside = np.flatnonzero((barycentric >= -1e-9).all(axis=1))
        depth = (barycentric[inside] * corners[faces_front][inside][:, :, 2]).sum(axis=1)
        best = inside[depth.argmax()]
        triangles.append(np.flatnonzero(faces_front)[best])
        weights.append(np.clip(barycentric[best], 0, None))
    weights = np.array(weights)
    return LandmarkEmbedding(np.array(triangles), weights / weights.sum(axis=1, keepdims=True))


def frontal_contour(surface: ToySurface) -> LandmarkEmbedding:
    """The 17 points of the jaw line at yaw 0: the outermost skin points at nine heights."""
    heights = np.linspace(_CHIN, 0.02, 9)  # from point 8 up to points 0 and 16
    faces = surface.faces[: surface.num_skin_faces]
    chin = front_points(surface, np.array([[0.0, _CHIN]]))
    triangles, weights = np.zeros(17, dtype=np.int64), np.zeros((17, 3))
    triangles[8], weights[8] = chin.triangles[0], chin.barycentric[0]
    for step, height in enumerate(heights[1:], start=1):
        best = {1: -np.inf, -1: -np.inf}
        for triangle, face in enumerate(faces):
            for k in range(3):
                a, b = surface.vertices[face[k]], surface.vertices[face[(k + 1) % 3]]
                if (a[1] <= height) == (b[1] <= height):
                    continue
                share = (height - a[1]) / (b[1] - a[1])
                point = a + share * (b - a)
                for side in (1, -1):
                    # A little in favour of the front settles ties the same way on both sides.
                    outward = side * point[0] + 1e-6 * point[2]
                    if outward > best[side] + 1e-12:
                        best[side] = outward
                        triangles[8 + side * step] = triangle
                        row = np.zeros(3)
                        row[k], row[(k + 1) % 3] = 1 - share, share
                        weights[8 + side * step] = row
    return LandmarkEmbedding(triangles, weights)


def _head_shape(directions: np.ndarray) -> np.ndarray:
    """Ellipsoid with a nose, a chin, and hollows for the eyes."""
    points = directions * _RADII
    x, y, z = points.T
    front = z > 0

    def bump(centre_x: float, centre_y: float, width: float, height: float) -> np.ndarray:
        distance = ((x - centre_x) / width) ** 2 + ((y - centre_y) / height) ** 2
        return np.where(front, np.exp(-distance), 0.0)

    points = points.copy()
    points[:, 2] += 0.022 * bump(0, 0.006, 0.014, 0.022) + 0.010 * bump(0, -0.095, 0.03, 0.03)
    points[:, 2] -= 0.008 * (bump(0.032, 0.03, 0.016, 0.014) + bump(-0.032, 0.03, 0.016, 0.014))
    points[:, 2] += 0.005 * bump(0, -0.036, 0.025, 0.012)
    return points


def _icosphere(subdivisions: int) -> tuple[np.ndarray, np.ndarray]:
    """Unit sphere symmetric in every axis: vertices (V, 3), triangles counter-clockwise outside."""
    golden = (1 + 5**0.5) / 2
    corners = np.array([(a, b, 0.0) for a in (-1, 1) for b in (-golden, golden)])
    points = np.concatenate([np.roll(corners, turn, axis=1) for turn in range(3)])
    # Neighbours are two apart; a triangle is any three of them, turned to face outward.
    near = np.abs(np.linalg.norm(points[:, None] - points[None], axis=2) - 2) < 1e-9
    faces = []
    for a in range(12):
        for b in range(a + 1, 12):
            for c in range(b + 1, 12):
                if near[a, b] and near[b, c] and near[a, c]:
                    is_outward = np.linalg.det(points[[a, b, c]]) > 0
                    faces.append((a, b, c) if is_outward else (a, c, b))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    triangles = np.array(faces)
    for _ in range(subdivisions):
        edges = np.sort(triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
        unique, place = np.unique(edges, axis=0, return_inverse=True)
        middle = points[unique].mean(axis=1)
        middle /= np.linalg.norm(middle, axis=1, keepdims=True)
        ab, bc, ca = (place.reshape(-1, 3) + len(points)).T
        a, b, c = triangles.T
        parts = [(a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca)]
        triangles = np.concatenate([np.stack(part, axis=1) for part in parts])
        points = np.concatenate([points, middle])
    return points, triangles


def _spherical_uv(unit: np.ndarray, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude in [0, 1], front in the middle; vertices on the back seam double."""
    longitude = np.arctan2(unit[:, 0], unit[:, 2]) / (2 * np.pi) + 0.5
    latitude = np.arcsin(np.clip(unit[:, 1], -1, 1)) / np.pi + 0.5
    corner = longitude[faces]
    # A triangle across the seam has corners near both ends; the low ones go one turn further.
    crosses = np.ptp(corner, axis=1) > 0.5
    is_wrapped = crosses[:, None] & (corner < 0.5)
    key = faces + len(unit) * is_wrapped
    used, index = np.unique(key, return_inverse=True)
    vertex, wrapped = used % len(unit), used // len(unit)
    uv = np.stack([(longitude[vertex] + wrapped) / 1.25, latitude[vertex]], axis=1)
    return uv, index.reshape(-1, 3)
