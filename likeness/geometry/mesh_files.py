"""Meshes in and out of files, by suffix: .obj, .ply, .npz; out only: .glb.

Owns the choice and the .npz form; each text or binary format has its own module.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import DataError, UsageError, no_file
from likeness.geometry.array_files import read_arrays, write_arrays
from likeness.geometry.mesh import Mesh, triangulate
from likeness.geometry.mesh_glb import write_glb
from likeness.geometry.mesh_obj import read_obj, write_obj
from likeness.geometry.mesh_ply import read_ply, write_ply


def read_mesh(path: str | Path) -> Mesh:
    """Read a mesh; polygons become triangles. Raises MissingError, DataError, UnsafeFileError."""
    path = Path(path)
    if not path.is_file():
        raise no_file(path, "mesh file")
    readers = {".obj": read_obj, ".ply": read_ply, ".npz": _read_npz}
    if path.suffix.lower() not in readers:
        raise UsageError(
            f"{path} is not a mesh format that can be read; expected {', '.join(readers)}."
        )
    return readers[path.suffix.lower()](path)


def write_mesh(path: str | Path, mesh: Mesh) -> None:
    """Write a mesh in the format of the suffix. Parts a format cannot hold raise UsageError."""
    path = Path(path)
    writers = {".obj": write_obj, ".ply": write_ply, ".npz": _write_npz, ".glb": write_glb}
    if path.suffix.lower() not in writers:
        raise UsageError(
            f"{path} is not a mesh format that can be written; expected {', '.join(writers)}."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    writers[path.suffix.lower()](path, mesh)


def _write_npz(path: Path, mesh: Mesh) -> None:
    arrays = {
        name: np.asarray(value)
        for name in ("vertices", "faces", "uv", "uv_faces", "normals", "colours", "texture")
        if (value := getattr(mesh, name)) is not None
    }
    write_arrays(path, arrays, {})


def _read_npz(path: Path) -> Mesh:
    """``vertices`` and ``faces``; faces may be quads, with -1 where there is a triangle."""
    arrays, _ = read_arrays(path)
    missing = {"vertices", "faces"} - set(arrays)
    if missing:
        raise DataError(
            f"{path} has no {' and no '.join(sorted(missing))}; found {', '.join(sorted(arrays))}."
        )
    uv_faces = arrays.get("uv_faces")
    return Mesh(
        vertices=arrays["vertices"],
        faces=triangulate(arrays["faces"]),
        uv=arrays.get("uv"),
        uv_faces=None if uv_faces is None else triangulate(uv_faces),
        normals=arrays.get("normals"),
        colours=arrays.get("colours"),
        texture=arrays.get("texture"),
    )
