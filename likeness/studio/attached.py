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
        _place_rigid(
            np.ascontiguousarray(skin, dtype=np.float64),
            self.anchors,
            self.weights,
            self.offsets,
            self.normals,
            np.ascontiguousarray(rotation),
            positions,
            normals,
        )
        if self.local.any():
            corners = skin[self.anchors[self.local]]
            frames = triangle_frames(corners)
            base = np.einsum("vk,vkc->vc", self.weights[self.local], corners)
            positions[self.local] = base + np.einsum("vc,vck->vk", self.offsets[self.local], frames)
            normals[self.local] = np.einsum("vc,vck->vk", self.normals[self.local], frames)
        return positions, normals


@njit(cache=True, nogil=True)
def _place_rigid(skin, anchors, weights, offsets, normals, rotation, out_positions, out_normals):
    for vertex in range(len(anchors)):
        for axis in range(3):
            position, normal = 0.0, 0.0
            for corner in range(3):
                position += weights[vertex, corner] * skin[anchors[vertex, corner], axis]
                position += rotation[axis, corner] * offsets[vertex, corner]
                normal += rotation[axis, corner] * normals[vertex, corner]
            out_positions[vertex, axis] = position
            out_normals[vertex, axis] = normal


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
