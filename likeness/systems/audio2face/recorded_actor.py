"""An actor as recorded: caches that are read where they are asked for, and what lies beside them.

Owns the value type between reading a dataset (``dataset/``) and preprocessing it. Lengths are
centimetres and angles degrees, whatever the files hold.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import CHANNELS, Blendshapes, Floats, LipSize, Pairs
from likeness.systems.audio2face.shots import Clip, Shot


@dataclass(frozen=True, eq=False)
class RecordedActor:
    """One actor of a dataset. What a dataset lacks is None or empty.

    Attributes:
        name: of the actor.
        fps: frames per second of all caches.
        shots: in the order of preprocessing, which fixes the rows of the emotion data base.
        clips: the parts to train on, with their recordings.
        audio: folder that the clips' recordings lie in.
        skin: shot name to frames (F, V, 3).
        tongue: shot name to frames (F, Vt, 3).
        skin_neutral: (V, 3) mean of the basis; None: the mean of the selected poses.
        skin_neutral_inference: (V, 3) the neutral of packages; None: ``skin_neutral``.
        tongue_neutral: (Vt, 3).
        tongue_neutral_inference: (Vt, 3), likewise.
        tongue_rigid: vertices of the tongue that only move rigidly, at least 4.
        jaw_neutral: (N, 3) key points.
        jaw: shot name to (F, N, 3), differences from ``jaw_neutral``.
        eyes: shot name to (F, 2, 2): right and left eye, x (pitch) and y (yaw), degrees.
        lip_open_delta, eye_close_delta: (V, 3).
        blink_keys: (P,). saccades: (M, 2) degrees.
        transform_scale: channel to the half-range aimed at by normalisation.
        lip_distance, lip_size, eye_distance: vertex lists of losses.
        skin_faces, tongue_faces: (T, 3) triangles, for pictures and scenes.
        blendshapes, tongue_blendshapes: for the package.
    """

    name: str
    fps: float
    shots: tuple[Shot, ...]
    clips: tuple[Clip, ...]
    audio: Path
    skin: Mapping[str, VertexAnimation]
    tongue: Mapping[str, VertexAnimation] = field(default_factory=dict)
    skin_neutral: Floats | None = None
    skin_neutral_inference: Floats | None = None
    tongue_neutral: Floats | None = None
    tongue_neutral_inference: Floats | None = None
    tongue_rigid: NDArray[np.int64] | None = None
    jaw_neutral: Floats | None = None
    jaw: Mapping[str, Floats] = field(default_factory=dict)
    eyes: Mapping[str, Floats] = field(default_factory=dict)
    lip_open_delta: Floats | None = None
    eye_close_delta: Floats | None = None
    blink_keys: Floats | None = None
    saccades: Floats | None = None
    transform_scale: Mapping[str, float] = field(
        default_factory=lambda: dict.fromkeys(CHANNELS, 1.0)
    )
    lip_distance: Pairs | None = None
    lip_size: LipSize | None = None
    eye_distance: Pairs | None = None
    skin_faces: NDArray[np.int64] | None = None
    tongue_faces: NDArray[np.int64] | None = None
    blendshapes: Blendshapes | None = None
    tongue_blendshapes: Blendshapes | None = None
