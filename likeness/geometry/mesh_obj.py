"""Wavefront OBJ with UV, material and texture file; read and written.

Positions, UV, polygons and one diffuse texture are kept; normals, groups and smoothing are not.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from likeness.errors import DataError, UnsafeFileError, UsageError
from likeness.geometry.mesh import Mesh


def write_obj(path: str | Path, mesh: Mesh) -> None:
    """Write ``path``, and with a texture ``<stem>.mtl`` and ``<stem>.texture.png`` beside it.

    The picture is not called ``<stem>.png``: that may be the photograph the mesh was made of.

    Vertex colours raise UsageError: some benchmark loaders reject them on ``v`` lines.
    """
    path = Path(path)
    for suffix, content in obj_files(mesh, path.stem).items():
        path.with_suffix(suffix).write_bytes(content)


def obj_files(mesh: Mesh, stem: str) -> dict[str, bytes]:
    """What :func:`write_obj` writes: ending to content, the mesh itself last.

    Args:
        stem: of the files' names, by which they refer to each other.
    """
    if mesh.colours is not None:
        raise UsageError("An .obj file has no place for vertex colours; write .ply or .npz.")
    if mesh.texture is not None and mesh.uv is None:
        raise UsageError("A texture needs UV coordinates to be written to an .obj file.")
    files, lines = {}, []
    if mesh.texture is not None:
        picture, buffer = np.round(np.clip(mesh.texture, 0, 1) * 255).astype(np.uint8), io.BytesIO()
        Image.fromarray(picture).save(buffer, "PNG")
        material = f"newmtl surface\nKa 1 1 1\nKd 1 1 1\nmap_Kd {stem}.texture.png\n"
        files = {".texture.png": buffer.getvalue(), ".mtl": material.encode("utf-8")}
        lines.append(f"mtllib {stem}.mtl\n")
    lines.extend(f"v {x:.9g} {y:.9g} {z:.9g}\n" for x, y, z in mesh.vertices.tolist())
    if mesh.uv is not None and mesh.uv_faces is not None:
        lines.extend(f"vt {u:.9g} {v:.9g}\n" for u, v in mesh.uv.tolist())
        if mesh.texture is not None:
            lines.append("usemtl surface\n")
        for (a, b, c), (p, q, r) in zip(
            (mesh.faces + 1).tolist(), (mesh.uv_faces + 1).tolist(), strict=True
        ):
            lines.append(f"f {a}/{p} {b}/{q} {c}/{r}\n")
    else:
        lines.extend(f"f {a} {b} {c}\n" for a, b, c in (mesh.faces + 1).tolist())
    return {**files, ".obj": "".join(lines).encode("utf-8")}


def read_obj(path: str | Path) -> Mesh:
    """Read an OBJ file; polygons become fans, relative (negative) indices are resolved.

    The texture is read when a material library in the same folder names one.

    Raises:
        DataError: with the number of the line that cannot be read.
        UnsafeFileError: a material or texture outside the folder of ``path``.
    """
    path = Path(path)
    vertices: list[list[float]] = []
    colours: list[list[float]] = []
    uv: list[list[float]] = []
    corners: list[tuple[int, int]] = []
    texture = None
    for number, words in _lines(path):
        kind, values = words[0], words[1:]
        if kind in ("v", "vt"):
            row = _numbers(values, 3 if kind == "v" else 2, path, number)
            if kind == "vt":
                uv.append(row[:2])
            else:
                vertices.append(row[:3])
                if len(row) == 6:
                    colours.append(row[3:])
        elif kind == "f":
            polygon = [_corner(word, len(vertices), len(uv), path, number) for word in values]
            if len(polygon) < 3:
                raise DataError(f"{path}, line {number}: a face needs three corners: {words}.")
            for second, third in pairwise(polygon[1:]):
                corners += (polygon[0], second, third)
        elif kind == "mtllib" and texture is None:
            texture = _texture_of(path, " ".join(values), number)
    if not vertices:
        raise DataError(f"{path} has no vertices; it is empty or not an OBJ file.")
    indices = np.array(corners, dtype=np.int64).reshape(-1, 3, 2)
    has_uv = bool(uv) and bool(len(indices)) and not (indices[:, :, 1] < 0).any()
    has_colours = len(colours) == len(vertices)
    return Mesh(
        vertices=np.array(vertices, dtype=np.float64),
        faces=indices[:, :, 0],
        uv=np.array(uv, dtype=np.float64) if has_uv else None,
        uv_faces=indices[:, :, 1] if has_uv else None,
        colours=np.array(colours, dtype=np.float64) if has_colours else None,
        texture=texture if has_uv else None,
    )


def read_obj_vertices(path: str | Path) -> np.ndarray:
    """Positions (V, 3) only, fast: for folders with hundreds of shapes of one mesh."""
    with open(path, encoding="utf-8", errors="replace") as file:
        rows = [line.split()[1:4] for line in file if line.startswith("v ")]
    try:
        vertices = np.array(rows, dtype=np.float64).reshape(-1, 3)
    except ValueError as error:
        raise DataError(f"{path} has a vertex line that cannot be read: {error}.") from error
    if not len(vertices) or not np.isfinite(vertices).all():
        raise DataError(f"{path} has no vertices, or some that are not finite.")
    return vertices


def _lines(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Numbered lines as words, without comments; a backslash continues a line."""
    start, pending = 1, ""
    with open(path, encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            text = line.split("#", 1)[0].rstrip()
            if not pending:
                start = number
            if text.endswith("\\"):
                pending += text[:-1] + " "
                continue
            words = (pending + text).split()
            pending = ""
            if words:
                yield start, words


def _numbers(words: list[str], least: int, path: Path, number: int) -> list[float]:
    try:
        row = [float(word) for word in words]
    except ValueError as error:
        raise DataError(f"{path}, line {number}: expected numbers: {error}.") from error
    if len(row) < least:
        raise DataError(f"{path}, line {number}: expected {least} numbers, found {len(row)}.")
    if not all(math.isfinite(value) for value in row):
        raise DataError(f"{path}, line {number}: a coordinate is not finite: {words}.")
    return row


def _corner(word: str, num_vertices: int, num_uv: int, path: Path, number: int) -> tuple[int, int]:
    """0-based (vertex, UV point) of ``a``, ``a/b``, ``a//c`` or ``a/b/c``; -1 for no UV."""
    parts = word.split("/")
    found = [-1, -1]
    for place, (limit, what) in enumerate(((num_vertices, "vertices"), (num_uv, "vt lines"))):
        if place >= len(parts) or (place == 1 and not parts[1]):
            continue
        try:
            index = int(parts[place])
        except ValueError as error:
            raise DataError(f"{path}, line {number}: '{word}' is not a face corner.") from error
        index = index - 1 if index > 0 else limit + index
        if parts[place] == "0" or not 0 <= index < limit:
            raise DataError(
                f"{path}, line {number}: '{word}' names one of {what} 1..{limit} that "
                "does not exist above this line."
            )
        found[place] = index
    return found[0], found[1]


def _texture_of(path: Path, library: str, number: int) -> np.ndarray | None:
    """The first ``map_Kd`` picture of a material library; None when the library is not there."""
    material = _beside(path, library, number)
    if not material.is_file():
        return None
    for _, words in _lines(material):
        if words[0] == "map_Kd" and len(words) > 1:
            # Options come before the name; without any, a name may contain spaces.
            name = words[-1] if words[1].startswith("-") else " ".join(words[1:])
            picture = _beside(path, name, number)
            try:
                with Image.open(picture) as image:
                    return np.asarray(image.convert("RGB"), dtype=np.float32) / 255
            except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
                raise DataError(
                    f"The texture '{name}' named in {material} cannot be read: {error}."
                ) from error
    return None


def _beside(path: Path, name: str, number: int) -> Path:
    folder = path.parent.resolve()
    target = (folder / name).resolve()
    if not target.is_relative_to(folder):
        raise UnsafeFileError(
            f"{path}, line {number}: '{name}' lies outside the folder of the mesh."
        )
    return target
