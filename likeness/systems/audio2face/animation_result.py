"""A predicted performance of one actor, and its way out of this system's units.

Inside this system lengths are centimetres and angles degrees; outside it they are metres.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeness.errors import UsageError
from likeness.geometry.mesh import Mesh
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.postprocessing import jaw_transform

_CENTIMETRES = 100.0


@dataclass(frozen=True, eq=False)
class AnimationResult:
    """Frames at a constant rate; what was not predicted is None.

    Attributes:
        fps: frames per second.
        skin: (F, V, 3) cm.
        tongue: (F, Vt, 3) cm, as if the jaw were still; see :meth:`with_carried_tongue`.
        jaw: (F, N, 3) cm, differences from the key points of the neutral jaw.
        eyes: (F, 2, 2) degrees: right and left eye, x (pitch) and y (yaw).
        sound: (samples,) float32 mono in -1..1 that belongs to the frames.
        sample_rate: of the sound, Hz.

    Raises:
        UsageError: channels of different lengths or other shapes.
    """

    fps: float
    skin: Floats
    tongue: Floats | None = None
    jaw: Floats | None = None
    eyes: Floats | None = None
    sound: NDArray[np.float32] | None = None
    sample_rate: int = 16_000

    def __post_init__(self) -> None:
        shapes = {
            name: np.shape(value)
            for name in ("skin", "tongue", "jaw", "eyes")
            if (value := getattr(self, name)) is not None
        }
        for name, shape in shapes.items():
            end = (2, 2) if name == "eyes" else (3,)
            if len(shape) != len(end) + (1 if name == "eyes" else 2) or shape[-len(end) :] != end:
                raise UsageError(f"'{name}' of a result has the shape {shape}.")
        if len({shape[0] for shape in shapes.values()}) != 1 or not shapes["skin"][0]:
            raise UsageError(f"The channels of a result need as many frames each, found {shapes}.")

    @property
    def num_frames(self) -> int:
        return len(self.skin)

    def differences(self, neutral_skin: Floats, neutral_tongue: Floats | None) -> AnimationResult:
        """The same with skin and tongue as differences from their neutrals."""
        tongue = self.tongue
        if tongue is not None and neutral_tongue is not None:
            tongue = tongue - neutral_tongue
        return replace(self, skin=self.skin - neutral_skin, tongue=tongue)

    def with_carried_tongue(self, neutral_jaw: Floats) -> AnimationResult:
        """The same with the tongue where it is in the head: moved by the jaw that carries it.

        Args:
            neutral_jaw: (N, 3) cm, key points of the jaw at rest.
        """
        if self.tongue is None or self.jaw is None:
            return self
        carried = np.empty_like(self.tongue)
        for frame, (own, moved) in enumerate(zip(self.tongue, self.jaw, strict=True)):
            carry = jaw_transform(neutral_jaw, neutral_jaw + moved)
            carried[frame] = own @ carry[:3, :3].T + carry[:3, 3]
        return replace(self, tongue=carried)


def metres_from_centimetres(lengths: NDArray[np.floating]) -> NDArray[np.floating]:
    """Lengths of this system in the unit of the rest of the framework."""
    return lengths / np.asarray(_CENTIMETRES, lengths.dtype)


def mesh_in_metres(mesh: Mesh) -> Mesh:
    """A mesh of this system in the unit of the rest of the framework."""
    return replace(mesh, vertices=metres_from_centimetres(mesh.vertices))
