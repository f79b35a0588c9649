"""Strands of hair as thin ribbons: from paths in space to an attached mesh.

Owns the triangles, shading normals and strand coordinates of ribbons. Where strands run is decided
by ``hair``, ``beard`` and ``lashes``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.studio.attached import AttachedMesh, triangle_frames


@dataclass(frozen=True)
class Roots:
    """Where strands are rooted on the skin."""

    anchors: np.ndarray
    """(S, 3) skin vertices of the triangle."""
    weights: np.ndarray
    """(S, 3) barycentric weights."""

    def on(self, vertices: np.ndarray) -> np.ndarray:
        """(S, ...) the interpolated values of anything given on vertices."""
        return np.einsum("sk,sk...->s...", self.weights, vertices[self.anchors])


def scatter_roots(
    rng: np.random.Generator,
    faces: np.ndarray,
    vertices: np.ndarray,
    density: np.ndarray,
    count: int,
) -> Roots:
    """``count`` random points on ``faces``, by area times the mean of ``density`` (V,).

    Points are spread by stratifying along the triangle list, so that no patch stays bare.
    """
    corners = vertices[faces]
    area = np.linalg.norm(
        np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1
    )
    mass = np.cumsum(area * density[faces].mean(axis=1))
    places = (np.arange(count) + rng.random(count)) / count * mass[-1]
    chosen = np.minimum(np.searchsorted(mass, places), len(faces) - 1)
    u, v = np.sqrt(rng.random(count)), rng.random(count)
    weights = np.stack([1 - u, u * (1 - v), u * v], axis=1)
    return Roots(faces[chosen], weights)


def ribbons(
    roots: Roots,
    paths: np.ndarray,
    facing: np.ndarray,
    widths: np.ndarray,
    skin: np.ndarray,
    frame_vertices: np.ndarray,
    *,
    part: int,
    layer: np.ndarray,
    numbers: np.ndarray,
    local: bool,
    roundness: float = 0.45,
) -> AttachedMesh:
    """Ribbons along strands.

    Args:
        roots: of the S strands.
        paths: (S, K, 3) from root to tip, mm.
        facing: (S, K, 3) unit directions the ribbons turn their faces to.
        widths: (S, K) mm.
        skin: (>= skin, 3) rest vertices the paths were grown on.
        frame_vertices: skin vertices for the rigid frame.
        part: part code.
        layer: (S,) depth in the hair, 0 innermost .. 1 outermost.
        numbers: (S,) number of each strand, seeds its colour.
        local: follow the triangle (lashes, beard) rather than the skull.
        roundness: tilt of the normals at the ribbons' edges, so that flat ribbons shade like locks.
    """
    strands, points = paths.shape[:2]
    tangent = np.gradient(paths, axis=1)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=-1, keepdims=True), 1e-9)
    across = np.cross(facing, tangent)
    across /= np.maximum(np.linalg.norm(across, axis=-1, keepdims=True), 1e-9)
    normal = np.cross(tangent, across)
    half = 0.5 * widths[..., None] * across
    vertices = np.stack([paths + half, paths - half], axis=2)  # (S, K, 2, 3)
    normals = np.stack([normal + roundness * across, normal - roundness * across], axis=2)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)

    along = np.concatenate(
        [
            np.zeros((strands, 1)),
            np.cumsum(np.linalg.norm(np.diff(paths, axis=1), axis=-1), axis=1),
        ],
        axis=1,
    )
    rest = np.empty((strands, points, 2, 3), dtype=np.float32)
    rest[:, :, 0, 0], rest[:, :, 1, 0] = 0.5 * widths, -0.5 * widths
    rest[..., 1] = along[:, :, None]
    rest[..., 2] = numbers[:, None, None]

    index = np.arange(strands * points * 2).reshape(strands, points, 2)
    a, b = index[:, :-1, 0].ravel(), index[:, :-1, 1].ravel()
    c, d = index[:, 1:, 1].ravel(), index[:, 1:, 0].ravel()
    faces = np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])

    base = roots.on(skin)
    offsets = (vertices - base[:, None, None]).reshape(strands, -1, 3)
    normals = normals.reshape(strands, -1, 3)
    if local:
        frames = triangle_frames(skin[roots.anchors])  # (S, 3, 3) rows
        offsets = np.einsum("snk,sck->snc", offsets, frames)
        normals = np.einsum("snk,sck->snc", normals, frames)
    count = strands * points * 2
    per_strand = points * 2
    return AttachedMesh(
        faces=faces.astype(np.int32),
        part=np.full(count, part, dtype=np.uint8),
        layer=np.repeat(layer, per_strand).astype(np.float32),
        rest=rest.reshape(-1, 3),
        anchors=np.repeat(roots.anchors, per_strand, axis=0).astype(np.int32),
        weights=np.repeat(roots.weights, per_strand, axis=0).astype(np.float32),
        offsets=offsets.reshape(-1, 3).astype(np.float32),
        normals=normals.reshape(-1, 3).astype(np.float32),
        local=np.full(count, local),
        frame_vertices=frame_vertices.astype(np.int32),
        frame_rest=skin[frame_vertices].astype(np.float64),
    )
