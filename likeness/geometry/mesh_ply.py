"""Stanford PLY: ASCII and binary in, binary out; positions, triangles, normals, colours.

UV coordinates have no agreed place in the format and are refused on writing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np

from likeness.errors import DataError, UnsafeFileError, UsageError
from likeness.geometry.mesh import Mesh, triangulate

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2",
    "ushort": "u2", "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4",
    "float": "f4", "float32": "f4", "double": "f8", "float64": "f8",
}  # fmt: skip
_FORMATS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}
_MAX_HEADER_LINES = 1000
_MAX_LIST = 64  # corners of one polygon


@dataclass
class _Element:
    name: str
    count: int
    properties: list[tuple[str, str, str | None]] = field(default_factory=list)
    """(name, value type, count type of a list or None)."""

    @property
    def least_size(self) -> int:
        """Bytes one row takes at least in a binary file."""
        return sum(np.dtype(length or value).itemsize for _, value, length in self.properties)


def write_ply(path: str | Path, mesh: Mesh) -> None:
    """Write little-endian binary PLY: float32 positions and normals, 8-bit colours."""
    if mesh.uv is not None or mesh.texture is not None:
        raise UsageError("A .ply file has no place for UV or texture; write .obj, .glb or .npz.")
    columns: list[tuple[str, str, np.ndarray]] = [
        (name, "<f4", mesh.vertices[:, axis]) for axis, name in enumerate("xyz")
    ]
    if mesh.normals is not None:
        columns += [(f"n{name}", "<f4", mesh.normals[:, axis]) for axis, name in enumerate("xyz")]
    if mesh.colours is not None:
        bytes_ = np.round(np.clip(mesh.colours, 0, 1) * 255)
        columns += [
            (name, "u1", bytes_[:, axis]) for axis, name in enumerate(("red", "green", "blue"))
        ]
    vertices = np.empty(mesh.num_vertices, dtype=[(name, kind) for name, kind, _ in columns])
    for name, _, values in columns:
        vertices[name] = values
    faces = np.empty(mesh.num_faces, dtype=[("count", "u1"), ("corners", "<i4", (3,))])
    faces["count"], faces["corners"] = 3, mesh.faces
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {mesh.num_vertices}"]
    header += [f"property {'uchar' if kind == 'u1' else 'float'} {n}" for n, kind, _ in columns]
    header += [f"element face {mesh.num_faces}", "property list uchar int vertex_indices"]
    text = "\n".join([*header, "end_header\n"])
    Path(path).write_bytes(text.encode("ascii") + vertices.tobytes() + faces.tobytes())


def read_ply(path: str | Path) -> Mesh:
    """Read a PLY mesh of any format and property order.

    Raises:
        DataError: not a PLY file, no positions, or cut short.
        UnsafeFileError: a header that declares more than the file can hold.
    """
    path = Path(path)
    with open(path, "rb") as file:
        order, elements = _read_header(file, path)
        size = path.stat().st_size - file.tell()
        for element in elements:
            if element.count * max(element.least_size if order else 1, 1) > size:
                raise UnsafeFileError(
                    f"{path} declares {element.count:,} '{element.name}' rows but has {size:,} "
                    "bytes."
                )
        read = _read_binary if order else _read_ascii
        tables = {element.name: read(file, element, order, path) for element in elements}
    vertex, face = tables.get("vertex"), tables.get("face", {})
    if vertex is None or not {"x", "y", "z"} <= set(vertex):
        raise DataError(f"{path} has no vertex element with x, y and z.")
    polygons = face.get("vertex_indices", face.get("vertex_index", np.zeros((0, 3), np.int32)))
    colour_names = ("red", "green", "blue")
    normals = colours = None
    if {"nx", "ny", "nz"} <= set(vertex):
        normals = np.stack([vertex[name] for name in ("nx", "ny", "nz")], axis=1)
    if set(colour_names) <= set(vertex):
        colours = np.stack([vertex[name] for name in colour_names], axis=1)
        colours = colours / 255.0 if colours.dtype.kind == "u" else colours
    vertices = np.stack([vertex[name] for name in ("x", "y", "z")], axis=1)
    if not np.isfinite(vertices).all():
        raise DataError(f"{path} has coordinates that are not finite.")
    return Mesh(vertices, triangulate(polygons), normals=normals, colours=colours)


def _read_header(file: BinaryIO, path: Path) -> tuple[str, list[_Element]]:
    if file.readline(64).strip() != b"ply":
        raise DataError(f"{path} is not a PLY file: it does not begin with 'ply'.")
    order: str | None = None
    elements: list[_Element] = []
    for number in range(2, _MAX_HEADER_LINES):
        words = file.readline(1024).decode("ascii", errors="replace").split()
        try:
            match words:
                case ["end_header"]:
                    if order is None:
                        raise DataError(f"{path} does not say its format.")
                    return order, elements
                case ["format", name, _]:
                    order = _FORMATS[name]
                case ["comment" | "obj_info", *_]:
                    pass
                case ["element", name, count]:
                    elements.append(_Element(name, int(count)))
                    if elements[-1].count < 0:
                        raise ValueError(f"count {count}")
                case ["property", "list", length, value, name]:
                    elements[-1].properties.append((name, _TYPES[value], _TYPES[length]))
                case ["property", value, name]:
                    elements[-1].properties.append((name, _TYPES[value], None))
                case _:
                    raise ValueError(f"unknown line {' '.join(words)!r}")
        except (KeyError, ValueError, IndexError) as error:
            raise DataError(
                f"{path}, line {number}: PLY header not understood: {error}."
            ) from error
    raise DataError(f"{path} has no end_header line.")


def _read_binary(
    file: BinaryIO, element: _Element, order: str, path: Path
) -> dict[str, np.ndarray]:
    lists = [p for p in element.properties if p[2] is not None]
    if not lists:
        dtype = np.dtype([(name, order + value) for name, value, _ in element.properties])
        return _rows(_exactly(file, dtype.itemsize * element.count, element, path), dtype)
    if len(element.properties) == 1 and element.count:
        fast = _read_uniform_lists(file, element, order)
        if fast is not None:
            return fast
    rows: dict[str, list[np.ndarray]] = {name: [] for name, _, _ in element.properties}
    for _ in range(element.count):
        for name, value, length in element.properties:
            count = 1
            if length is not None:
                kind = np.dtype(order + length)
                count = int(np.frombuffer(_exactly(file, kind.itemsize, element, path), kind)[0])
                _check_length(count, element, path)
            kind = np.dtype(order + value)
            data = _exactly(file, kind.itemsize * count, element, path)
            rows[name].append(np.frombuffer(data, kind))
    return {name: _padded(values) for name, values in rows.items()}


def _read_uniform_lists(
    file: BinaryIO, element: _Element, order: str
) -> dict[str, np.ndarray] | None:
    """Faces that all have as many corners as the first one, in one read; None when they differ."""
    name, value, length = element.properties[0]
    start = file.tell()
    kind = np.dtype(order + str(length))
    first = np.frombuffer(file.read(kind.itemsize), kind)
    file.seek(start)
    if not len(first) or not 0 <= int(first[0]) <= _MAX_LIST:
        return None
    dtype = np.dtype([("count", kind), ("values", order + value, (int(first[0]),))])
    data = file.read(dtype.itemsize * element.count)
    table = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    if len(table) != element.count or (table["count"] != first[0]).any():
        file.seek(start)
        return None
    return {name: table["values"].astype(np.int64)}


def _read_ascii(file: BinaryIO, element: _Element, order: str, path: Path) -> dict[str, np.ndarray]:
    rows: dict[str, list[np.ndarray]] = {name: [] for name, _, _ in element.properties}
    for row in range(element.count):
        words = file.readline().split()
        place = 0
        for name, value, length in element.properties:
            count = 1
            try:
                if length is not None:
                    count = int(words[place])
                    place += 1
                    _check_length(count, element, path)
                values = np.array([float(word) for word in words[place : place + count]])
            except (ValueError, IndexError) as error:
                raise DataError(
                    f"{path}: row {row} of '{element.name}' cannot be read: {error}."
                ) from error
            if len(values) != count:
                raise DataError(
                    f"{path}: row {row} of '{element.name}' ends early: expected {count} values "
                    f"of '{name}', found {len(values)}."
                )
            rows[name].append(values.astype(value))
            place += count
    return {name: _padded(values) for name, values in rows.items()}


def _rows(data: bytes, dtype: np.dtype) -> dict[str, np.ndarray]:
    table = np.frombuffer(data, dtype)
    return {name: table[name].astype(dtype[name].newbyteorder("=")) for name in dtype.names or ()}


def _padded(values: list[np.ndarray]) -> np.ndarray:
    """Rows of one value as (N,), lists as (N, longest) integers filled up with -1."""
    widths = {len(row) for row in values}
    if widths <= {1}:
        return np.array([row[0] for row in values])
    table = np.full((len(values), max(widths)), -1, dtype=np.int64)
    for row, content in zip(table, values, strict=True):
        row[: len(content)] = content
    return table


def _exactly(file: BinaryIO, count: int, element: _Element, path: Path) -> bytes:
    data = file.read(count)
    if len(data) != count:
        raise DataError(f"{path} ends in the middle of '{element.name}'.")
    return data


def _check_length(count: int, element: _Element, path: Path) -> None:
    if not 0 <= count <= _MAX_LIST:
        raise UnsafeFileError(
            f"{path} has a list of {count} entries in '{element.name}'; at most {_MAX_LIST} are "
            "read."
        )
