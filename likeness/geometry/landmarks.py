"""The 68-point scheme (iBUG 300-W): regions, mirror pairs, derived points, embedding in a mesh.

Does not detect landmarks. Right and left are the subject's; point 0 is at the right ear.
"""

from __future__ import annotations

import numpy as np

from likeness.geometry.closest_point import SurfaceTree
from likeness.geometry.head_asset import LandmarkEmbedding

REGIONS_68: dict[str, tuple[int, ...]] = {
    "jaw": tuple(range(17)),
    "right_brow": tuple(range(17, 22)),
    "left_brow": tuple(range(22, 27)),
    "nose": tuple(range(27, 36)),
    "right_eye": tuple(range(36, 42)),
    "left_eye": tuple(range(42, 48)),
    "outer_lip": tuple(range(48, 60)),
    "inner_lip": tuple(range(60, 68)),
}
OUTER_EYE_CORNERS = (36, 45)
UPPER_LOWER_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
"""Upper and lower lid points that meet when an eye closes."""
UPPER_LOWER_LIPS = ((61, 67), (62, 66), (63, 65))
"""Inner lip points that meet when the mouth closes."""

_PAIRS = (
    *((i, 16 - i) for i in range(8)),
    *((17 + i, 26 - i) for i in range(5)),
    *((31, 35), (32, 34)),
    *((36, 45), (37, 44), (38, 43), (39, 42), (40, 47), (41, 46)),
    *((48, 54), (49, 53), (50, 52), (55, 59), (56, 58), (60, 64), (61, 63), (65, 67)),
)
MIDLINE_68 = (8, 27, 28, 29, 30, 33, 51, 57, 62, 66)


def _mirror_table() -> np.ndarray:
    table = np.arange(68)
    for right, left in _PAIRS:
        table[right], table[left] = left, right
    table.flags.writeable = False
    return table


MIRROR_68 = _mirror_table()
"""``points[MIRROR_68]`` renames the points of a mirrored face; an involution."""
MIRROR_51 = MIRROR_68[17:] - 17


def five_points(points: np.ndarray) -> np.ndarray:
    """Right eye, left eye, nose tip, right and left mouth corner (..., 5, D) of (..., 68, D).

    Eyes are the means of their six points. In a frontal picture this is the order of face
    detectors: the eye on the picture's left comes first.
    """
    if points.shape[-2] != 68:
        raise ValueError(f"expected 68 points, got {points.shape[-2]}")
    right = points[..., 36:42, :].mean(axis=-2)
    left = points[..., 42:48, :].mean(axis=-2)
    others = (points[..., i, :] for i in (30, 48, 54))
    return np.stack([right, left, *others], axis=-2)


def contour_first(points: np.ndarray) -> np.ndarray:
    """iBUG order of points (..., 68, D) with the 17 contour points last, as some loaders do."""
    if points.shape[-2] != 68:
        raise ValueError(f"expected 68 points, got {points.shape[-2]}")
    return np.concatenate([points[..., 51:, :], points[..., :51, :]], axis=-2)


def embed_points(
    vertices: np.ndarray, faces: np.ndarray, points: np.ndarray
) -> tuple[LandmarkEmbedding, np.ndarray]:
    """The surface points nearest to ``points`` (N, 3), and how far away they are (N,)."""
    nearest = SurfaceTree(vertices, faces).nearest(points)
    return LandmarkEmbedding(nearest.triangles, nearest.barycentric), nearest.distances


def embed_vertices(faces: np.ndarray, vertex_ids: np.ndarray) -> LandmarkEmbedding:
    """Landmarks that are vertices, as (triangle, weights): the first triangle with that corner.

    Raises:
        ValueError: a vertex without a triangle.
    """
    first: dict[int, tuple[int, int]] = {}
    wanted = set(np.asarray(vertex_ids).tolist())
    triangles, corners = np.nonzero(np.isin(faces, list(wanted)))
    for triangle, corner in zip(triangles.tolist(), corners.tolist(), strict=True):
        first.setdefault(int(faces[triangle, corner]), (triangle, corner))
    missing = wanted - set(first)
    if missing:
        raise ValueError(f"vertices {sorted(missing)} belong to no triangle")
    places = [first[int(vertex)] for vertex in vertex_ids]
    barycentric = np.eye(3)[[corner for _, corner in places]]
    return LandmarkEmbedding(np.array([triangle for triangle, _ in places]), barycentric)


def mirror_error(points: np.ndarray) -> float:
    """Mean distance between points (68 or 51, 3) and their mirror partners reflected at x = 0.

    In the unit of the points. About 0.05 mm for a correct embedding in a symmetric head and tens of
    millimetres when triangle numbers are off by one.
    """
    mirror = {68: MIRROR_68, 51: MIRROR_51}.get(len(points))
    if mirror is None:
        raise ValueError(f"mirror pairs are known for 68 and 51 points, not {len(points)}")
    reflected = points[mirror] * [-1, 1, 1]
    return float(np.linalg.norm(points - reflected, axis=1).mean())


def far_outside(points: np.ndarray, size: tuple[int, int]) -> str:
    """What is wrong with points (N, 2) that lie outside a frame half as large again as a picture of
    (width, height), centred on it; empty where none does."""
    extent = np.array(size, np.float64)
    outside = int(((points < -0.25 * extent) | (points > 1.25 * extent)).any(axis=1).sum())
    if not outside:
        return ""
    points_lie = "1 point lies" if outside == 1 else f"{outside} points lie"
    return (
        f"{points_lie} outside a frame 1.5 times the picture ({size[0]}x{size[1]}); were "
        "they made for another size?"
    )
