"""A small recorded actor of sine waves, whose truth the tests of preprocessing know."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import Blendshapes, LipSize, Pairs
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Clip, Shot
from tests.systems.audio2face.package.packages import shape_settings

FPS = 30.0
LENGTHS = (40, 33, 52)
NUM_VERTICES, NUM_TONGUE, NUM_MODES = 30, 14, 6
RIGID = np.array([0, 1, 2, 3, 4])


def rotations(angles: np.ndarray) -> np.ndarray:
    """(F, 3, 3) about the axis (1, 2, 3), by the formula of Rodrigues."""
    axis = np.array([1.0, 2.0, 3.0]) / np.sqrt(14.0)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    out = [np.eye(3) + np.sin(a) * cross + (1 - np.cos(a)) * cross @ cross for a in angles]
    return np.stack(out)


def waves(num_frames: int, count: int, phase: float) -> np.ndarray:
    """(F, count) smooth weights."""
    seconds = np.arange(num_frames)[:, None] / FPS
    return np.sin(2 * np.pi * (0.5 + 0.3 * np.arange(count)) * seconds + phase)


def skin_arrays(seed: int = 0) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Neutral (V, 3) and shot to frames of rank six about it, with an offset of their own."""
    rng = np.random.default_rng(seed)
    neutral = rng.normal(scale=8.0, size=(NUM_VERTICES, 3))
    modes = (
        rng.normal(size=(NUM_MODES, NUM_VERTICES, 3)) * (1.0 / (1 + np.arange(6)))[:, None, None]
    )
    offset = rng.normal(scale=0.1, size=(NUM_VERTICES, 3))
    shots = {
        f"shot{i}": neutral + offset + np.einsum("fk,kvc->fvc", waves(n, NUM_MODES, i), modes)
        for i, n in enumerate(LENGTHS)
    }
    return neutral.astype(np.float32), {k: v.astype(np.float32) for k, v in shots.items()}


def tongue_arrays(seed: int = 1) -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Neutral, shot to frames, and shot to the frames without the rigid motion of the jaw."""
    rng = np.random.default_rng(seed)
    neutral = rng.normal(scale=2.0, size=(NUM_TONGUE, 3))
    modes = rng.normal(scale=2.0, size=(3, NUM_TONGUE, 3))
    modes[:, RIGID] = 0
    frames, still = {}, {}
    for i, n in enumerate(LENGTHS):
        rest = neutral + np.einsum("fk,kvc->fvc", waves(n, 3, i), modes)
        turn = rotations(0.3 * waves(n, 1, i)[:, 0])
        moved = np.einsum("fij,fvj->fvi", turn, rest) + waves(n, 3, i + 1)[:, None]
        frames[f"shot{i}"], still[f"shot{i}"] = moved.astype(np.float32), rest.astype(np.float32)
    return neutral.astype(np.float32), frames, still


def animations(arrays: dict[str, np.ndarray]) -> dict[str, VertexAnimation]:
    """The arrays at the frame rate of the actor."""
    return {name: VertexAnimation.of_array(array, FPS) for name, array in arrays.items()}


def minimal(**changes: Any) -> RecordedActor:
    """Sound and skin, nothing else."""
    _, skin = skin_arrays()
    shots = tuple(Shot("bo", f"shot{i}", n, FPS, "neutral") for i, n in enumerate(LENGTHS))
    clips = tuple(
        Clip("bo", s.name, 0, s.num_frames - 1, "bo", "en", f"{s.name}.wav") for s in shots
    )
    values: dict[str, Any] = {
        "name": "bo",
        "fps": FPS,
        "shots": shots,
        "clips": clips,
        "audio": Path("audio"),
        "skin": animations(skin),
    }
    return RecordedActor(**{**values, **changes})


def complete(**changes: Any) -> RecordedActor:
    """Everything there is."""
    neutral, _ = skin_arrays()
    tongue_neutral, tongue, _ = tongue_arrays()
    rng = np.random.default_rng(2)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    pairs = Pairs(np.array([1, 2]), np.array([3, 4]))
    shapes = Blendshapes(
        ("jawOpen", "mouthClose"), neutral, floats(2, NUM_VERTICES, 3), shape_settings(2), None
    )
    lower = Blendshapes(
        ("tongueUp",),
        tongue_neutral,
        floats(1, NUM_TONGUE, 3),
        shape_settings(1),
        np.array([0, 2], np.int32),
    )
    values: dict[str, Any] = {
        "skin_neutral": neutral,
        "skin_neutral_inference": neutral + 1.0,
        "tongue": animations(tongue),
        "tongue_neutral": tongue_neutral,
        "tongue_neutral_inference": tongue_neutral * 1.1,
        "tongue_rigid": RIGID,
        "jaw_neutral": floats(5, 3),
        "jaw": {f"shot{i}": floats(n, 5, 3) for i, n in enumerate(LENGTHS)},
        "eyes": {f"shot{i}": floats(n, 2, 2) for i, n in enumerate(LENGTHS)},
        "lip_open_delta": floats(NUM_VERTICES, 3),
        "eye_close_delta": floats(NUM_VERTICES, 3),
        "blink_keys": floats(12),
        "saccades": floats(5000, 2),
        "lip_distance": pairs,
        "lip_size": LipSize(pairs, Pairs(np.array([5]), np.array([6]))),
        "eye_distance": pairs,
        "blendshapes": shapes,
        "tongue_blendshapes": lower,
    }
    return minimal(**{**values, **changes})
