"""Meshes that grow on or hang from a head: hair, lashes, cloth.

Owns how such a mesh follows the skin it is attached to. It builds none (``hair``, ``clothing``).

Every vertex is a point on the skin (three skin vertices and weights) plus an offset. The offset
turns with one of two frames. *Rigid* vertices turn with the skull, fitted from scattered skin
vertices: a strand of 300 mm must not swing when the skin under its root tilts by a degree.
*Local* vertices turn with their own triangle: a lash follows its lid.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class AttachedMesh:
    """Triangles anchored on skin vertices. Lengths in mm, template frame."""

    faces: np.ndarray
    """(F, 3) int32, counter-clockwise from outside."""
    part: np.ndarray
    """(V,) uint8 part codes of ``surface``: HAIR, BEARD, LASH, CLOTH, BODY."""
    layer: np.ndarray
    """(V,) float32; hair: 0 the cap next to the scalp, up to 1 the outermost strands."""
    rest: np.ndarray
    """(V, 3) float32 coordinates at which the surface is evaluated: template position for cloth and
    body, for hair (mm across the strand, mm along it, number of the strand)."""
    anchors: np.ndarray
    """(V, 3) int32 skin vertices."""
    weights: np.ndarray
    """(V, 3) float32 barycentric weights of the anchors."""
    offsets: np.ndarray
    """(V, 3) float32 offset from the anchor point at rest, mm; in the triangle's frame if local."""
    normals: np.ndarray
    """(V, 3) float32 unit shading normals at rest; in the triangle's frame if local."""
    local: np.ndarray
    """(V,) bool, which frame the offset turns with."""
    frame_vertices: np.ndarray
    """(K,) int32 skin vertices the rigid frame is fitted to."""
    frame_rest: np.ndarray
    """(K, 3) float64 where they were when the mesh was built."""

    def place(self, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Vertices and unit normals on a posed skin.

        Args:
            skin: (S, 3) posed vertices in mm, beginning with the skin part of the template.

        Returns:
            (V, 3) positions and (V, 3) normals, float64.
        """
        rotation = fit_rotation(self.frame_rest, skin[self.frame_vertices])
        positions = np.empty((len(self.part), 3))
        normals = np.empty((len(self.part), 3))
        _place(
            np.ascontiguousarray(skin, dtype=np.float64),
            self.anchors,
            self.weights,
            self.offsets,
            self.normals,
            self.local,
            np.ascontiguousarray(rotation),
            positions,
            normals,
        )
        return positions, normals


@njit(cache=True, nogil=True, error_model="numpy")
def _place(skin, anchors, weights, offsets, normals, local, rigid, out_positions, out_normals):
    frame = rigid.copy()
    for vertex in range(len(anchors)):
        a, b, c = anchors[vertex, 0], anchors[vertex, 1], anchors[vertex, 2]
        if local[vertex]:
            _triangle_frame(skin[a], skin[b], skin[c], frame)
        elif vertex and local[vertex - 1]:
            frame[:] = rigid
        for axis in range(3):
            position = weights[vertex, 0] * skin[a, axis]
            position += weights[vertex, 1] * skin[b, axis] + weights[vertex, 2] * skin[c, axis]
            normal = 0.0
            for k in range(3):
                position += frame[axis, k] * offsets[vertex, k]
                normal += frame[axis, k] * normals[vertex, k]
            out_positions[vertex, axis] = position
            out_normals[vertex, axis] = normal


@njit(cache=True, nogil=True, error_model="numpy")
def _triangle_frame(a, b, c, out):
    """The frame of :func:`triangle_frames`, as columns."""
    ex, ey, ez = b[0] - a[0], b[1] - a[1], b[2] - a[2]
    fx, fy, fz = c[0] - a[0], c[1] - a[1], c[2] - a[2]
    nx, ny, nz = ey * fz - ez * fy, ez * fx - ex * fz, ex * fy - ey * fx
    scale = 1.0 / np.sqrt(ex * ex + ey * ey + ez * ez)
    ex, ey, ez = ex * scale, ey * scale, ez * scale
    scale = 1.0 / np.sqrt(nx * nx + ny * ny + nz * nz)
    nx, ny, nz = nx * scale, ny * scale, nz * scale
    out[0, 0], out[1, 0], out[2, 0] = ex, ey, ez
    out[0, 1], out[1, 1], out[2, 1] = ny * ez - nz * ey, nz * ex - nx * ez, nx * ey - ny * ex
    out[0, 2], out[1, 2], out[2, 2] = nx, ny, nz


def join(meshes: list[AttachedMesh]) -> AttachedMesh:
    """One mesh of several that share their rigid frame; an empty list is a ValueError."""
    if not meshes:
        raise ValueError("nothing to join")
    starts = np.cumsum([0, *(len(mesh.part) for mesh in meshes[:-1])])
    joined = {
        name: np.concatenate([getattr(mesh, name) for mesh in meshes])
        for name in ("part", "layer", "rest", "anchors", "weights", "offsets", "normals", "local")
    }
    return AttachedMesh(
        faces=np.concatenate([mesh.faces + start for mesh, start in zip(meshes, starts)]).astype(
            np.int32
        ),
        frame_vertices=meshes[0].frame_vertices,
        frame_rest=meshes[0].frame_rest,
        **joined,
    )


def fit_rotation(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Rotation that best carries ``source`` onto ``target`` (Kabsch 1976), (3, 3)."""
    covariance = (source - source.mean(0)).T @ (target - target.mean(0))
    left, _, right = np.linalg.svd(covariance)
    handedness = np.sign(np.linalg.det(left) * np.linalg.det(right))
    return right.T @ np.diag([1.0, 1.0, handedness]) @ left.T


def triangle_frames(corners: np.ndarray) -> np.ndarray:
    """Orthonormal frames of (N, 3, 3) triangles as rows: first edge, across, normal."""
    edge = corners[:, 1] - corners[:, 0]
    normal = np.cross(edge, corners[:, 2] - corners[:, 0])
    edge = edge / np.linalg.norm(edge, axis=1, keepdims=True)
    normal = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return np.stack([edge, np.cross(normal, edge), normal], axis=1)
