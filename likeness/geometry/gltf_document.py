"""The parts of a glTF 2.0 file (.glb, .gltf): its JSON and the numbers it points to.

After the Khronos glTF 2.0 specification. Only the data of the file itself or in files beside it is
read.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import json
import struct
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, MissingError, UnsafeFileError, no_file

_MAX_BYTES = 4 * 1024**3
_MAX_COUNT = 10_000_000
_WIDTHS = {"SCALAR": 1, "VEC3": 3}
_TYPES = {5126: "<f4", 5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4"}
_FAULTS = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


@contextlib.contextmanager
def gltf_document(path: str | Path) -> Iterator[GltfDocument]:
    """An opened file; what goes wrong while it is read in here is told as a fault of the file.

    Raises:
        MissingError: there is no such file.
        DataError: it is not glTF as it is specified.
        UnsafeFileError: data outside the file's folder, or more than the file holds.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    if path.stat().st_size > _MAX_BYTES:
        raise UnsafeFileError(f"{path} has more than {_MAX_BYTES:,} bytes.")
    try:
        yield GltfDocument(path)
    except _FAULTS as error:
        raise DataError(
            f"{path} is not glTF 2.0 as it is specified: {type(error).__name__}: {error!s:.200}."
        ) from error


class GltfDocument:
    """The JSON of a file and its binary data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        data = path.read_bytes()
        self._inner = b""
        if data[:4] == b"glTF":
            version, _, length, kind = struct.unpack_from("<II", data, 4) + struct.unpack_from(
                "<I4s", data, 12
            )
            if version != 2 or kind != b"JSON":
                raise ValueError(f"version {version} with {kind!r} first")
            text = data[20 : 20 + length]
            if len(data) >= 28 + length:
                (size,) = struct.unpack_from("<I", data, 20 + length)
                self._inner = data[28 + length : 28 + length + size]
        else:
            text = data
        try:
            self.content: dict[str, Any] = json.loads(text)
        except RecursionError as error:
            raise ValueError("JSON nested too deep") from error
        self._buffers: dict[int, bytes] = {}

    def morphs(self, primitives: Sequence[Mapping[str, Any]]) -> tuple[np.ndarray, np.ndarray]:
        """Positions (V, 3) of the primitives of a mesh end to end, and their targets (K, V, 3)."""
        base = [self.array(p["attributes"]["POSITION"]) for p in primitives]
        targets = [
            np.concatenate([
                self.array(p["targets"][k]["POSITION"])
                if "POSITION" in p["targets"][k] else np.zeros_like(b)
                for p, b in zip(primitives, base)
            ])
            for k in range(len(primitives[0]["targets"]))
        ]  # fmt: skip
        return np.concatenate(base), np.stack(targets)

    def array(self, index: int) -> np.ndarray:
        """The numbers of an accessor (count, width); float32, of 32-bit integers float64."""
        accessor = self.content["accessors"][index]
        width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
        stored = np.dtype(_TYPES[accessor["componentType"]])
        total = 0 if "sparse" not in accessor else -1
        if total < 0:
            raise DataError(f"{self.path}: sparse accessors are not read; export without them.")
        if "bufferView" not in accessor:
            if not 0 <= count <= _MAX_COUNT:
                raise UnsafeFileError(f"{self.path} declares {count:,} values without data.")
            return np.zeros((count, width), np.float32)
        view = self.content["bufferViews"][accessor["bufferView"]]
        data = self._buffer(int(view["buffer"]))
        start = int(view.get("byteOffset", 0)) + int(accessor.get("byteOffset", 0))
        stride = int(view.get("byteStride", width * stored.itemsize))
        if min(start, count - 1) < 0 or stride < width * stored.itemsize:
            raise ValueError(f"accessor {index} has no place")
        if start + stride * (count - 1) + width * stored.itemsize > len(data):
            raise UnsafeFileError(
                f"{self.path}: accessor {index} asks for {count:,} values from byte {start:,}, the "
                f"buffer has {len(data):,} bytes."
            )
        values = np.ndarray((count, width), stored, data, start, (stride, stored.itemsize)).astype(
            np.float64 if stored.itemsize == 4 and stored.kind == "u" else np.float32
        )
        if accessor.get("normalized") and stored.kind in "iu":
            values = np.maximum(values / np.float32(np.iinfo(stored).max), -1)
        return values

    def _buffer(self, index: int) -> bytes:
        if index not in self._buffers:
            uri = self.content["buffers"][index].get("uri")
            self._buffers[index] = self._inner if uri is None else self._fetched(uri)
        return self._buffers[index]

    def _fetched(self, uri: str) -> bytes:
        if uri.startswith("data:"):
            try:
                return base64.b64decode(uri.split(",", 1)[1], validate=True)
            except (binascii.Error, IndexError) as error:
                raise ValueError("data that is no base64") from error
        folder = self.path.parent.resolve()
        target = (folder / uri).resolve()
        if not target.is_relative_to(folder):
            raise UnsafeFileError(f"{self.path}: '{uri:.80}' lies outside the file's folder.")
        if not target.is_file():
            raise MissingError(f"{self.path} needs {target.name}, which is not beside it.")
        if target.stat().st_size > _MAX_BYTES:
            raise UnsafeFileError(f"{target} has more than {_MAX_BYTES:,} bytes.")
        return target.read_bytes()
