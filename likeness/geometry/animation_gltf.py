"""glTF 2.0 (.glb, .gltf) animations of morph weights, read as vertices over time.

After the Khronos glTF 2.0 specification. Vertices are those of the file, where seams of UV are
doubled, in the space of the mesh. Only the data of the file itself or in files beside it is read.
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.geometry.animation import VertexAnimation, checked_rate

_MAX_BYTES = 4 * 1024**3
_MAX_FRAMES = 10_000_000
_WIDTHS = {"SCALAR": 1, "VEC3": 3}
_TYPES = {5126: "<f4", 5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2"}
_FAULTS = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError)


def read_gltf_animation(path: str | Path, fps: float) -> VertexAnimation:
    """The first animation of morph weights, at 0, 1/fps, … seconds from its first key to its last.

    Args:
        path: .glb or .gltf.
        fps: frames per second wanted; between keys the weights go as the file says (linear or
            stepped; of cubic splines the values at the keys are joined by lines).

    Raises:
        MissingError: there is no such file.
        DataError: no glTF file, or none with an animation of weights.
        UnsafeFileError: data outside the file's folder, or more than the file holds.
    """
    path = Path(path)
    checked_rate(fps)
    if not path.is_file():
        raise MissingError(f"There is no file {path}.")
    if path.stat().st_size > _MAX_BYTES:
        raise UnsafeFileError(f"{path} has more than {_MAX_BYTES:,} bytes.")
    try:
        return _animation(_Document(path), fps)
    except _FAULTS as error:
        raise DataError(
            f"{path} is not glTF 2.0 as it is specified: {type(error).__name__}: {error!s:.200}."
        ) from error


@dataclass(frozen=True, eq=False)
class MorphFrames:
    """base + weights · targets; see :class:`likeness.geometry.frames`.

    Args:
        base: (V, 3). targets: (K, V, 3). weights: (F, K).
    """

    base: np.ndarray
    targets: np.ndarray
    weights: np.ndarray

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(self.weights), len(self.base), 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        flat = self.targets.reshape(len(self.targets), -1)
        moved = self.weights[first:last] @ flat
        return self.base + moved.reshape(-1, *self.base.shape)

    def part(self, first: int, last: int) -> MorphFrames:
        return MorphFrames(self.base, self.targets, self.weights[first:last])


def _animation(document: _Document, fps: float) -> VertexAnimation:
    content = document.content
    for animation in content.get("animations", []):
        for channel in animation["channels"]:
            if channel["target"].get("path") != "weights" or "node" not in channel["target"]:
                continue
            node = content["nodes"][channel["target"]["node"]]
            sampler = animation["samplers"][channel["sampler"]]
            primitives = content["meshes"][node["mesh"]]["primitives"]
            base = [document.array(p["attributes"]["POSITION"]) for p in primitives]
            count = len(primitives[0]["targets"])
            targets = [
                np.concatenate([
                    document.array(p["targets"][k]["POSITION"])
                    if "POSITION" in p["targets"][k] else np.zeros_like(b)
                    for p, b in zip(primitives, base)
                ])
                for k in range(count)
            ]  # fmt: skip
            weights, start = _weights(document, sampler, count, fps)
            frames = MorphFrames(np.concatenate(base), np.stack(targets), weights)
            return VertexAnimation(frames, fps, start)
    raise DataError(f"{document.path} has no animation of morph weights.")


def _weights(
    document: _Document, sampler: dict[str, Any], count: int, fps: float
) -> tuple[np.ndarray, float]:
    """Weights (F, K) at even times, and the time of the first."""
    times = document.array(sampler["input"])[:, 0].astype(np.float64)
    values = document.array(sampler["output"]).reshape(-1, count)
    interpolation = sampler.get("interpolation", "LINEAR")
    if interpolation == "CUBICSPLINE":
        values = values.reshape(-1, 3, count)[:, 1]
    if len(values) != len(times) or not len(times) or (np.diff(times) <= 0).any():
        raise ValueError(f"{len(times)} times, which must rise, for {len(values)} rows of weights")
    span = (times[-1] - times[0]) * fps
    if not 0 <= span < _MAX_FRAMES:
        raise ValueError(f"an animation of {span:g} frames")
    wanted = times[0] + np.arange(int(span + 1e-3) + 1) / fps
    if interpolation == "STEP":
        rows = np.searchsorted(times, wanted + 1e-3 / fps, side="right") - 1
        return values[rows].astype(np.float32), float(times[0])
    columns = [np.interp(wanted, times, column) for column in values.T]
    return np.stack(columns, axis=1).astype(np.float32), float(times[0])


class _Document:
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

    def array(self, index: int) -> np.ndarray:
        """The numbers of an accessor (count, width) as float32."""
        accessor = self.content["accessors"][index]
        width, count = _WIDTHS[accessor["type"]], int(accessor["count"])
        stored = np.dtype(_TYPES[accessor["componentType"]])
        total = 0 if "sparse" not in accessor else -1
        if total < 0:
            raise DataError(f"{self.path}: sparse accessors are not read; export without them.")
        if "bufferView" not in accessor:
            if not 0 <= count <= _MAX_FRAMES:
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
            np.float32
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
