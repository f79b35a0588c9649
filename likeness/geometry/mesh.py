"""Mesh: a triangle mesh as a value, and what follows from its triangles, in NumPy.

Files are in :mod:`likeness.geometry.mesh_files`; normals of batched tensors in
:mod:`likeness.geometry.normals`. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.errors import DataError


@dataclass(frozen=True, eq=False)
class Mesh:
    """Triangles in space; +y up. The unit is the caller's, metres unless said otherwise.

    Raises:
        DataError: shapes that do not fit together or indices out of range.
    """

    vertices: np.ndarray  # (V, 3) float32 or float64
    faces: np.ndarray  # (F, 3) int32, counter-clockwise from outside
    uv: np.ndarray | None = None  # (T, 2), u right, v up
    uv_faces: np.ndarray | None = None  # (F, 3) into uv
    normals: np.ndarray | None = None  # (V, 3) unit
    colours: np.ndarray | None = None  # (V, 3) RGB in [0, 1]
    texture: np.ndarray | None = None  # (H, W, 3) RGB in [0, 1], first row at the top (v = 1)

    def __post_init__(self) -> None:
        put = object.__setattr__
        vertices = np.asarray(self.vertices)
        if vertices.dtype not in (np.float32, np.float64):
            vertices = vertices.astype(np.float64)
        put(self, "vertices", vertices)
        put(self, "faces", np.asarray(self.faces, dtype=np.int32))
        _expect("vertices", vertices, (None, 3))
        _expect("faces", self.faces, (None, 3))
        _in_range("faces", self.faces, len(vertices), "vertices")
        if (self.uv is None) != (self.uv_faces is None):
            raise DataError("A mesh needs both UV points and UV faces, or neither.")
        if self.uv_faces is not None:
            put(self, "uv", np.asarray(self.uv))
            put(self, "uv_faces", np.asarray(self.uv_faces, dtype=np.int32))
            _expect("uv", self.uv, (None, 2))
            _expect("uv_faces", self.uv_faces, (len(self.faces), 3))
            _in_range("uv_faces", self.uv_faces, len(self.uv), "UV points")
        for name in ("normals", "colours"):
            value = getattr(self, name)
            if value is not None:
                _expect(name, np.asarray(value), (len(vertices), 3))
        if self.texture is not None:
            _expect("texture", np.asarray(self.texture), (None, None, 3))

    @property
    def num_vertices(self) -> int:
        return len(self.vertices)

    @property
    def num_faces(self) -> int:
        return len(self.faces)


def triangulate(polygons: np.ndarray) -> np.ndarray:
    """Triangles (T, 3) of polygons (F, N), each a fan from its first corner.

    -1 fills the row of a polygon with fewer corners. All first triangles come before all second
    ones, so that two index lists of the same polygons (vertices and UV) stay in step.
    """
    polygons = np.asarray(polygons)
    _expect("polygons", polygons, (None, None))
    if polygons.shape[1] < 3 or (polygons[:, :3] < 0).any():
        bad = int(np.argmax((polygons[:, :3] < 0).any(axis=1))) if polygons.shape[1] >= 3 else 0
        raise DataError(f"Polygon {bad} has fewer than three corners: {polygons[bad].tolist()}.")
    parts = [polygons[:, :3]]
    for corner in range(3, polygons.shape[1]):
        is_there = polygons[:, corner] >= 0
        parts.append(polygons[is_there][:, [0, corner - 1, corner]])
    return np.concatenate(parts).astype(np.int32)


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Unnormalised normals (F, 3), twice the area long, toward the counter-clockwise side."""
    a, b, c = (vertices[faces[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def vertex_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Area-weighted unit normals (V, 3); zero where a vertex has no triangle."""
    per_face = face_normals(vertices, faces)
    total = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            total[:, axis] += np.bincount(
                faces[:, corner], weights=per_face[:, axis], minlength=len(vertices)
            )
    length = np.linalg.norm(total, axis=1, keepdims=True)
    return np.divide(total, length, out=np.zeros_like(total), where=length > 0)


def faces_within(faces: np.ndarray, vertex_ids: np.ndarray, num_vertices: int) -> np.ndarray:
    """Ids of the triangles that have all three corners among ``vertex_ids``."""
    inside = np.zeros(num_vertices, dtype=bool)
    inside[vertex_ids] = True
    return np.flatnonzero(inside[faces].all(axis=1))


def select_faces(mesh: Mesh, face_ids: np.ndarray) -> tuple[Mesh, np.ndarray]:
    """The mesh of some triangles only, and the old ids (V',) of the vertices it keeps."""
    faces = mesh.faces[face_ids]
    kept, compact = np.unique(faces, return_inverse=True)
    uv = uv_faces = None
    if mesh.uv is not None and mesh.uv_faces is not None:
        uv_kept, uv_compact = np.unique(mesh.uv_faces[face_ids], return_inverse=True)
        uv, uv_faces = mesh.uv[uv_kept], uv_compact.reshape(-1, 3)
    part = Mesh(
        vertices=mesh.vertices[kept],
        faces=compact.reshape(-1, 3),
        uv=uv,
        uv_faces=uv_faces,
        normals=None if mesh.normals is None else mesh.normals[kept],
        colours=None if mesh.colours is None else mesh.colours[kept],
        texture=mesh.texture,
    )
    return part, kept


def _expect(name: str, array: np.ndarray, shape: tuple[int | None, ...]) -> None:
    if array.ndim != len(shape) or any(
        wanted is not None and found != wanted
        for found, wanted in zip(array.shape, shape, strict=True)
    ):
        text = ", ".join("any" if size is None else str(size) for size in shape)
        raise DataError(f"'{name}' of a mesh must have shape ({text}), found {array.shape}.")


def _in_range(name: str, ids: np.ndarray, limit: int, of: str) -> None:
    if ids.size and (ids.min() < 0 or ids.max() >= limit):
        bad = int(ids.min()) if ids.min() < 0 else int(ids.max())
        raise DataError(f"'{name}' of a mesh name number {bad}, but there are {limit} {of}.")
