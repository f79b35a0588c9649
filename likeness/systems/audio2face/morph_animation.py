"""A performance as morphs and weights: of the actor's blendshapes, or of a basis of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.mesh import Mesh
from likeness.geometry.weight_animation import WeightAnimation
from likeness.systems.audio2face.artefacts import Blendshapes, Floats
from likeness.systems.audio2face.blendshape_solving import solve

MAX_COMPONENTS = 48
_VARIANCE = 0.99999
_BLOCK = 8192


@dataclass(frozen=True, eq=False)
class Morphs:
    """Shapes of one mesh and how much of each is seen in every frame.

    Attributes:
        neutral: (V, 3).
        offsets: name to (V, 3).
        weights: (F, K) in the order of ``offsets``; those of a basis may be negative.
    """

    neutral: Floats
    offsets: dict[str, Floats]
    weights: NDArray[np.float32]

    def animation(self, fps: float) -> WeightAnimation:
        """The weights at times k / fps."""
        return WeightAnimation(
            tuple(self.offsets), self.weights, np.arange(len(self.weights)) / fps
        )

    def vertices(self) -> Floats:
        """What the morphs make of it: (F, V, 3)."""
        stack = np.stack(list(self.offsets.values())).reshape(len(self.offsets), -1)
        moved = self.weights @ stack
        return (self.neutral + moved.reshape(-1, *self.neutral.shape)).astype(np.float32)


def solved_morphs(frames: Floats, blendshapes: Blendshapes) -> Morphs:
    """Morphs of blendshapes, with the weights that come closest to frames (F, V, 3).

    Multipliers and offsets of weights are for the rigs that are driven by them, not for the shapes
    the weights were solved with.
    """
    count = len(blendshapes.names)
    plain = {"bsWeightMultipliers": [1.0] * count, "bsWeightOffsets": [0.0] * count}
    own = replace(blendshapes, settings={**blendshapes.settings, **plain})
    offsets = dict(zip(blendshapes.names, blendshapes.offsets))
    return Morphs(blendshapes.neutral, offsets, solve(frames, own))


def principal_morphs(frames: Floats, neutral: Floats, prefix: str = "component") -> Morphs:
    """Morphs of the principal components of frames (F, V, 3) about a neutral (V, 3).

    As many as explain 99.999 % of the motion, at most 48. A component is scaled so that its weights
    reach 1.
    """
    moved = (frames - neutral).reshape(len(frames), -1)
    # There are far fewer frames than coordinates: their Gram matrix is small.
    gram = np.zeros((len(frames), len(frames)))
    for first in range(0, moved.shape[1], _BLOCK):
        block = moved[:, first : first + _BLOCK].astype(np.float64)
        gram += block @ block.T
    values, vectors = np.linalg.eigh(gram)
    values, vectors = values[::-1].clip(0), vectors[:, ::-1]
    total = values.sum()
    count = 1
    if total > 0:
        count = int(np.searchsorted(np.cumsum(values) / total, _VARIANCE)) + 1
    count = min(count, MAX_COMPONENTS, len(frames))
    weights = vectors[:, :count] * np.sqrt(values[:count])
    shapes = np.zeros((count, moved.shape[1]))
    has_length = values[:count] > 1e-12 * max(total, 1e-30)
    shapes[has_length] = (weights.T @ moved)[has_length] / values[:count][has_length, None]
    reach = np.abs(weights).max(axis=0)
    reach[reach == 0] = 1.0
    offsets = (shapes * reach[:, None]).reshape(count, *neutral.shape).astype(np.float32)
    names = [f"{prefix}{index:02d}" for index in range(count)]
    return Morphs(neutral, dict(zip(names, offsets)), (weights / reach).astype(np.float32))


def with_rest(morphs: Morphs, frames: Floats, prefix: str) -> Morphs:
    """The morphs and principal ones of what they leave of frames (F, V, 3)."""
    left = frames - morphs.vertices() + morphs.neutral
    rest = principal_morphs(left, morphs.neutral, prefix)
    weights = np.concatenate([morphs.weights, rest.weights], axis=1)
    return Morphs(morphs.neutral, {**morphs.offsets, **rest.offsets}, weights)


def merged_morphs(first: Morphs, second: Morphs) -> Morphs:
    """Two meshes as one: the vertices of the second after those of the first."""
    zeros = (np.zeros_like(first.neutral), np.zeros_like(second.neutral))
    offsets = {n: np.concatenate([o, zeros[1]]) for n, o in first.offsets.items()}
    for name, offset in second.offsets.items():
        offsets[name if name not in offsets else f"{name}_tongue"] = np.concatenate(
            [zeros[0], offset]
        )
    return Morphs(
        np.concatenate([first.neutral, second.neutral]),
        offsets,
        np.concatenate([first.weights, second.weights], axis=1),
    )


def merged_meshes(first: Mesh, second: Mesh) -> Mesh:
    """Triangles of both, the vertices of the second after those of the first; no texture."""
    return Mesh(
        np.concatenate([first.vertices, second.vertices]),
        np.concatenate([first.faces, second.faces + first.num_vertices]),
    )
