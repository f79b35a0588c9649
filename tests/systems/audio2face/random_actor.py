"""A preprocessed actor of random numbers, in the shapes the real ones have."""

from __future__ import annotations

import numpy as np

from likeness.systems.audio2face.artefacts import (
    CHANNELS,
    ActorArtefacts,
    Basis,
    Blendshapes,
    LipSize,
    Normalisation,
    Pairs,
)
from likeness.systems.audio2face.shots import Shot


def random_actor(
    name: str = "anna", *, vertices: int = 40, tongue: int = 12, frames: int = 20, seed: int = 0
) -> ActorArtefacts:
    """Two shots, five shapes of the skin and three of the tongue."""
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    def basis(count: int, points: int) -> Basis:
        shapes = np.linalg.qr(floats(3 * points, count))[0].T.reshape(count, points, 3)
        coefficients = {shot: floats(frames, count) for shot in ("joy_1", "neutral_1")}
        return Basis(np.ascontiguousarray(shapes), floats(points, 3), coefficients)

    def pairs(*upper: int) -> Pairs:
        return Pairs(np.array(upper), np.array(upper) + 10)

    skin, lingual = basis(5, vertices), basis(3, tongue)
    settings = {"strengthL2regularization": 0.5, "numPoses": 2, "bsSolveActivePoses": [1, 1]}
    shapes = Blendshapes(
        ("jawOpen", "mouthClose"), skin.mean, floats(2, vertices, 3), settings, np.arange(9), "2.1"
    )
    return ActorArtefacts(
        actor=name,
        fps=30.0,
        shots=(
            Shot(name, "joy_1", frames, 30.0, "joy"),
            Shot(name, "neutral_1", frames, 30.0, "neutral"),
        ),
        skin=skin,
        tongue=lingual,
        jaw_neutral=floats(5, 3),
        jaw={"joy_1": floats(frames, 5, 3)},
        eyes={"joy_1": floats(frames, 2, 2)},
        neutral_skin=skin.mean,
        neutral_tongue=lingual.mean,
        lip_open_delta=floats(vertices, 3),
        eye_close_delta=floats(vertices, 3),
        blink_keys=floats(10),
        saccades=floats(5000, 2),
        normalisation={c: Normalisation(tuple(floats(3).tolist()), 2.0) for c in CHANNELS},
        lip_distance=pairs(0, 1, 2),
        lip_size=LipSize(pairs(3, 4), pairs(5, 6)),
        eye_distance=pairs(7, 8),
        blendshapes=shapes,
    )
