"""glTF 2.0 (.glb, .gltf) animations of morph weights, read as vertices over time.

After the Khronos glTF 2.0 specification. Vertices are those of the file, where seams of UV are
doubled, in the space of the mesh. Only the data of the file itself or in files beside it is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.geometry.animation import VertexAnimation, checked_rate
from likeness.geometry.gltf_document import GltfDocument, gltf_document

_MAX_FRAMES = 10_000_000


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
    checked_rate(fps)
    with gltf_document(path) as document:
        return _animation(document, fps)


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


def _animation(document: GltfDocument, fps: float) -> VertexAnimation:
    content = document.content
    for animation in content.get("animations", []):
        for channel in animation["channels"]:
            if channel["target"].get("path") != "weights" or "node" not in channel["target"]:
                continue
            node = content["nodes"][channel["target"]["node"]]
            sampler = animation["samplers"][channel["sampler"]]
            primitives = content["meshes"][node["mesh"]]["primitives"]
            base, targets = document.morphs(primitives)
            weights, start = _weights(document, sampler, len(targets), fps)
            frames = MorphFrames(base, targets, weights)
            return VertexAnimation(frames, fps, start)
    raise DataError(f"{document.path} has no animation of morph weights.")


def _weights(
    document: GltfDocument, sampler: dict[str, Any], count: int, fps: float
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
