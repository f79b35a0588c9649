"""What preprocessing leaves of the recordings of an actor, in memory.

Owns the value types that networks, packages and evaluation share. Their files are
``preprocessing/artefact_files.py``. Lengths are centimetres, angles degrees, arrays float32 in C
order; vertices are skin (V), tongue (Vt) and jaw key points (N).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from likeness.systems.audio2face.shots import Shot

CHANNELS = ("skin", "tongue", "jaw", "eye")
"""The order of the channels in every vector."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Vertices that lie above each other: index i of ``upper`` over index i of ``lower``."""

    upper: NDArray[np.int64]
    lower: NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LipSize:
    """Vertices at the upper and the lower edge of each lip; top i over bottom i."""

    upper_lip: Pairs
    lower_lip: Pairs


@dataclass(frozen=True, eq=False)
class Basis:
    """A linear space of shapes: pose = coefficients @ shapes + mean.

    Attributes:
        shapes: (K, V, 3), orthonormal when flattened.
        mean: (V, 3).
        coefficients: shot name to (F, K).
        is_placeholder: there are no recordings of this part; the arrays are zeros of the shapes
            that the file format asks for.
        recorded_sizes: (K,) what :attr:`component_sizes` was where the recordings are not at hand.
    """

    shapes: Floats
    mean: Floats
    coefficients: Mapping[str, Floats]
    is_placeholder: bool = False
    recorded_sizes: Floats | None = None

    @property
    def component_sizes(self) -> Floats:
        """(K,) root mean square of each coefficient over all recordings; zeros without any."""
        if self.recorded_sizes is not None:
            return self.recorded_sizes
        rows = [rows for rows in self.coefficients.values() if len(rows)]
        if not rows or self.is_placeholder:
            return np.zeros(len(self.shapes), np.float32)
        squares = np.square(np.concatenate(rows), dtype=np.float64).mean(0)
        return np.sqrt(squares).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Blendshapes:
    """Named poses of one mesh as offsets from its neutral, with the settings of their solver.

    Attributes:
        names: of the poses, without "neutral".
        neutral: (V, 3).
        offsets: (P, V, 3).
        settings: the ``blendshape_params`` of the format.
        frontal_mask: (m,) vertices the solver looks at; None: all.
        rig_version: what the file says of the rig it was made with; empty: nothing.
    """

    names: tuple[str, ...]
    neutral: Floats
    offsets: Floats
    settings: Mapping[str, object]
    frontal_mask: NDArray[np.int32] | None = None
    rig_version: str = ""


@dataclass(frozen=True)
class Normalisation:
    """Normalised value = (x - translate) / scale, per axis.

    Jaw and eyes are differences already: their translation counts as 0.
    """

    translate: tuple[float, ...]
    scale: float


@dataclass(frozen=True, eq=False)
class ActorArtefacts:
    """One actor, preprocessed.

    Attributes:
        actor: name.
        fps: frames per second of every channel.
        shots: in the order that fixes the rows of the emotion data base.
        skin: basis and coefficients of the skin; ``mean`` is the training neutral.
        tongue: the same of the stabilised tongue.
        jaw_neutral: (N, 3).
        jaw: shot name to (F, N, 3), differences from ``jaw_neutral``; missing shots are still.
        eyes: shot name to (F, 2, 2): right and left eye, x (pitch) and y (yaw), degrees.
        neutral_skin: (V, 3) put into packages: the inference neutral, else the training neutral.
        neutral_tongue: (Vt, 3), likewise.
        lip_open_delta: (V, 3) zeros where there is none.
        eye_close_delta: (V, 3), likewise.
        blink_keys: (P,) of one blink at 30 fps, 0 open to 1 closed.
        saccades: (M, 2) degrees at 30 fps.
        normalisation: channel to its normalisation, always from the training neutrals.
        lip_distance: pairs across the mouth; None: the losses that need them are off.
        lip_size: likewise.
        eye_distance: pairs across the lids, entries 0 and 1 of different eyes.
        skin_faces, tongue_faces: (T, 3) triangles, for pictures and scenes; None: not known.
        blendshapes: of the skin; None: not given.
        tongue_blendshapes: of the tongue; None: not given.
        tongue_transforms: shot name to (F, 3, 4), the rotation and translation (cm) that took the
            motion of the jaw out of the tongue; empty unless it was kept.
    """

    actor: str
    fps: float
    shots: tuple[Shot, ...]
    skin: Basis
    tongue: Basis
    jaw_neutral: Floats
    jaw: Mapping[str, Floats]
    eyes: Mapping[str, Floats]
    neutral_skin: Floats
    neutral_tongue: Floats
    lip_open_delta: Floats
    eye_close_delta: Floats
    blink_keys: Floats
    saccades: Floats
    normalisation: Mapping[str, Normalisation]
    lip_distance: Pairs | None = None
    lip_size: LipSize | None = None
    eye_distance: Pairs | None = None
    skin_faces: NDArray[np.int64] | None = None
    tongue_faces: NDArray[np.int64] | None = None
    blendshapes: Blendshapes | None = None
    tongue_blendshapes: Blendshapes | None = None
    tongue_transforms: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def num_angles(self) -> int:
        """Values of the eye channel: x and y of the right and of the left eye."""
        return 4

    @property
    def jaw_size(self) -> int:
        """Values of the jaw channel."""
        return self.jaw_neutral.size
