"""Strands of hair as thin ribbons: from paths in space to an attached mesh.

Owns the triangles, shading normals and strand coordinates of ribbons. Where strands run is decided
by ``hair``, ``beard`` and ``lashes``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

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
    base = roots.on(skin)
    offsets = np.empty((strands, points * 2, 3))
    normals = np.empty((strands, points * 2, 3))
    along = np.empty((strands, points))
    _ribbon_kernel(
        np.ascontiguousarray(paths, np.float64),
        np.ascontiguousarray(facing, np.float64),
        0.5 * widths,
        base,
        roundness,
        offsets,
        normals,
        along,
    )
    rest = np.empty((strands, points, 2, 3), dtype=np.float32)
    rest[:, :, 0, 0], rest[:, :, 1, 0] = 0.5 * widths, -0.5 * widths
    rest[..., 1] = along[:, :, None]
    rest[..., 2] = numbers[:, None, None]

    index = np.arange(strands * points * 2).reshape(strands, points, 2)
    a, b = index[:, :-1, 0].ravel(), index[:, :-1, 1].ravel()
    c, d = index[:, 1:, 1].ravel(), index[:, 1:, 0].ravel()
    faces = np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])

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


@njit(cache=True, nogil=True)
def _ribbon_kernel(paths, facing, half, base, roundness, offsets, normals, along):
    """Both edges (S, 2 K, 3) of ribbons about ``base`` (S, 3), their unit normals and the distance
    (S, K) from the root, into the last three. Tangents are central differences, one-sided at both
    ends; a ribbon is as wide as ``half`` (S, K) on each side."""
    strands, points = paths.shape[:2]
    tangent, across = np.empty(3), np.empty(3)
    for s in range(strands):
        travelled = 0.0
        for k in range(points):
            before, after = max(k - 1, 0), min(k + 1, points - 1)
            step = 0.0
            for c in range(3):
                tangent[c] = (paths[s, after, c] - paths[s, before, c]) / (after - before)
                step += (paths[s, k, c] - paths[s, before, c]) ** 2
            travelled += np.sqrt(step)
            along[s, k] = travelled
            _shorten(tangent)
            _cross(facing[s, k], tangent, across)
            _shorten(across)
            for edge in range(2):
                sign = 1.0 - 2.0 * edge
                out = normals[s, 2 * k + edge]
                _cross(tangent, across, out)
                for c in range(3):
                    out[c] += sign * roundness * across[c]
                    away = sign * half[s, k] * across[c]
                    offsets[s, 2 * k + edge, c] = paths[s, k, c] + away - base[s, c]
                _shorten(out)


@njit(cache=True, nogil=True)
def _cross(a, b, out):
    out[0] = a[1] * b[2] - a[2] * b[1]
    out[1] = a[2] * b[0] - a[0] * b[2]
    out[2] = a[0] * b[1] - a[1] * b[0]


@njit(cache=True, nogil=True)
def _shorten(vector):
    """To unit length, where it has a direction."""
    length = max(np.sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2), 1e-9)
    for c in range(3):
        vector[c] /= length
