"""A face that curves move as an actor of a dataset: everything but the shots."""

from __future__ import annotations

from pathlib import Path

from likeness.seeds import Draws
from likeness.studio.blinks import blink_keys
from likeness.studio.gaze import saccade_rotations
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.studio_faces import SpeakingFace

_SACCADES, _KEY_FPS = 5000, 30.0


def actor_of(face: SpeakingFace, name: str, fps: float, draws: Draws) -> RecordedActor:
    """The actor of this face.

    Args:
        face: gives neutrals, lists, triangles and poses.
        name: of the actor.
        fps: frames per second of its caches.
        draws: of the saccades.
    """
    return RecordedActor(
        name=name,
        fps=float(fps),
        shots=(),
        clips=(),
        audio=Path(),
        skin={},
        skin_neutral=face.neutral,
        tongue_neutral=face.tongue_neutral,
        tongue_rigid=face.tongue_rigid,
        jaw_neutral=face.jaw_neutral,
        lip_open_delta=face.lip_open_delta,
        eye_close_delta=face.eye_close_delta,
        blink_keys=blink_keys(_KEY_FPS),
        saccades=saccade_rotations(_SACCADES, _KEY_FPS, draws),
        lip_distance=face.lip_distance,
        lip_size=face.lip_size,
        eye_distance=face.eye_distance,
        skin_faces=face.faces,
        tongue_faces=face.tongue_faces,
        blendshapes=face.blendshapes(),
        tongue_blendshapes=face.tongue_blendshapes(),
    )
