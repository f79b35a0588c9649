"""Where each channel lies in a vector of coefficients: skin, tongue, jaw, eye.

Owns the slices and how the targets of a shot are put together. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.shots import Shot


@dataclass(frozen=True)
class ChannelLayout:
    """Sizes of the channels, in their order.

    Attributes:
        skin: coefficients of the skin.
        tongue: coefficients of the tongue.
        jaw: values of the jaw, cm.
        eye: angles of the eyes, degrees.
    """

    skin: int
    tongue: int
    jaw: int
    eye: int

    @classmethod
    def of(cls, artefacts: ActorArtefacts) -> ChannelLayout:
        """The layout of an actor's coefficients."""
        return cls(
            len(artefacts.skin.shapes),
            len(artefacts.tongue.shapes),
            artefacts.jaw_size,
            artefacts.num_angles,
        )

    @property
    def size(self) -> int:
        """Values of a frame."""
        return self.skin + self.tongue + self.jaw + self.eye

    @property
    def slices(self) -> dict[str, slice]:
        """Channel to its columns."""
        found, start = {}, 0
        for name in ("skin", "tongue", "jaw", "eye"):
            stop = start + getattr(self, name)
            found[name] = slice(start, stop)
            start = stop
        return found


def shot_targets(artefacts: ActorArtefacts, shot: Shot) -> Floats:
    """(F, D) of a shot: coefficients of skin and tongue, jaw and eyes as they are.

    A channel that was not recorded for the shot is still.

    Raises:
        DataError: the skin is missing, a channel has another length, or values are no numbers.
    """
    layout = ChannelLayout.of(artefacts)
    if shot.name not in artefacts.skin.coefficients:
        raise DataError(f"Shot '{shot.name}' of '{artefacts.actor}' has no skin coefficients.")
    recorded = {
        "skin": artefacts.skin.coefficients,
        # A placeholder holds a single frame of zeros for the sake of its file.
        "tongue": {} if artefacts.tongue.is_placeholder else artefacts.tongue.coefficients,
        "jaw": artefacts.jaw,
        "eye": artefacts.eyes,
    }
    target = np.zeros((shot.num_frames, layout.size), np.float32)
    for channel, columns in layout.slices.items():
        values = recorded[channel].get(shot.name)
        if values is None:
            continue
        flat = values.reshape(len(values), -1)
        expected = (shot.num_frames, columns.stop - columns.start)
        if flat.shape != expected:
            raise DataError(
                f"'{channel}' of shot '{shot.name}' should have {expected[0]} frames of "
                f"{expected[1]} values, and has {flat.shape[0]} of {flat.shape[1]}.",
                advice="Prepare the dataset again.",
            )
        target[:, columns] = flat
    bad = np.flatnonzero(~np.isfinite(target).all(1))
    if len(bad):
        raise DataError(
            f"Shot '{shot.name}' of '{artefacts.actor}' holds values that are no numbers in "
            f"{len(bad)} frames, the first is frame {bad[0]}.",
            advice="Repair the recording, or leave the shot out, and prepare the dataset again.",
        )
    return target
