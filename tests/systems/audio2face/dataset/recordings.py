"""A small dataset of two speaking actors, written by the writer of the contract."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from likeness.data.inspection import Finding
from likeness.systems.audio2face.artefacts import Blendshapes, LipSize, Pairs
from likeness.systems.audio2face.dataset.findings import inspect_dataset
from likeness.systems.audio2face.dataset.writer import CacheFormat, DatasetWriter
from likeness.systems.audio2face.recorded_actor import RecordedActor

ANNA = "data/anna"
USUAL = {"emotion-rare"}
"""Three shots are few."""

FPS = 30.0
FRAMES = 12
RATE = 16000
VERTICES, TONGUE = 30, 9
SHOTS = ("neutral_000", "joy_001", "joy_002")


def bare_actor(name: str, seed: int = 0) -> RecordedActor:
    """All of an actor but its shots; a head 22 cm high with lids and lips the right way up."""
    rng = np.random.default_rng(seed)

    def floats(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    skin = floats(VERTICES, 3)
    skin[:, 1] = np.linspace(0.0, 22.0, VERTICES)[::-1]
    skin[[2, 5], 0], skin[[3, 6], 0] = -3.0, 3.0  # lids of the right and of the left eye
    settings = {
        "strengthL1regularization": 0.5,
        "strengthL2regularization": 0.5,
        "strengthTemporalSmoothing": 0.3,
        "strengthSymmetry": 100.0,
        "numPoses": 2,
        "bsSolveActivePoses": [1, 1],
        "bsSolveCancelPoses": [-1, -1],
        "bsSolveSymmetryPoses": [-1, -1],
        "bsWeightMultipliers": [1.0, 1.0],
        "bsWeightOffsets": [0.0, 0.0],
        "templateBBSize": 53.4505,
    }
    return RecordedActor(
        name=name,
        fps=FPS,
        shots=(),
        clips=(),
        audio=Path(),
        skin={},
        skin_neutral=skin,
        tongue_neutral=floats(TONGUE, 3),
        tongue_rigid=np.array([0, 1, 2, 3, 4]),
        jaw_neutral=floats(5, 3),
        lip_open_delta=0.1 * floats(VERTICES, 3),
        eye_close_delta=0.1 * floats(VERTICES, 3),
        blink_keys=np.linspace(0, 1, 10, dtype=np.float32),
        saccades=floats(5000, 2),
        lip_distance=Pairs(np.array([10, 11, 12]), np.array([15, 16, 17])),
        lip_size=LipSize(
            Pairs(np.array([8, 9]), np.array([10, 11])),
            Pairs(np.array([15, 16]), np.array([18, 19])),
        ),
        eye_distance=Pairs(np.array([2, 3]), np.array([5, 6])),
        skin_faces=strip_of_triangles(VERTICES),
        tongue_faces=strip_of_triangles(TONGUE),
        blendshapes=Blendshapes(
            ("jawOpen", "mouthClose"),
            skin,
            floats(2, VERTICES, 3),
            settings,
            np.arange(20, dtype=np.int32),
        ),
    )


def strip_of_triangles(count: int) -> np.ndarray:
    """Between every three vertices that follow each other."""
    return np.arange(count - 2)[:, None] + np.arange(3)


def shot_of(actor: RecordedActor, name: str, seed: int = 0) -> dict[str, np.ndarray]:
    """The arrays of a shot, as :func:`write_shot` takes them."""
    rng = np.random.default_rng(seed)
    assert actor.skin_neutral is not None
    assert actor.tongue_neutral is not None
    moved = 0.1 * rng.normal(size=(FRAMES, VERTICES, 3))
    moved[:, 20:] = 0.0  # the back of the head is still
    return {
        "skin": (actor.skin_neutral + moved).astype(np.float32),
        "tongue": (actor.tongue_neutral + 0.1 * rng.normal(size=(FRAMES, TONGUE, 3))).astype(
            np.float32
        ),
        "jaw": (0.1 * rng.normal(size=(FRAMES, 5, 3))).astype(np.float32),
        "eyes": rng.normal(size=(FRAMES, 2, 2)).astype(np.float32),
        "sound": (0.1 * rng.normal(size=round(FRAMES / FPS * RATE))).astype(np.float32),
    }


def write_recordings(
    folder: Path,
    names: tuple[str, ...] = ("anna", "ben"),
    cache_formats: tuple[CacheFormat, ...] = ("npy",),
) -> Path:
    """Three shots of each actor: one neutral, one joyful in training, one held out."""
    actors = [bare_actor(name, seed) for seed, name in enumerate(names)]
    provenance = {"source": "random numbers", "consent": "Nobody is shown."}
    with DatasetWriter(
        str(folder), actors=actors, emotions=("neutral", "joy"), provenance=provenance
    ) as writer:
        for number, actor in enumerate(actors):
            for index, shot in enumerate(SHOTS):
                arrays = shot_of(actor, shot, 10 * number + index)
                writer.write(
                    {
                        "actor": actor.name,
                        "id": shot,
                        "split": "validation" if shot == "joy_002" else "train",
                        "rate": RATE,
                        "voices": {"high": arrays["sound"]},
                        "cache_formats": cache_formats,
                        **arrays,
                    }
                )
    return folder


def told(root: Path) -> dict[tuple[str, str], Finding]:
    """Findings by code and place, but for what is usual."""
    findings = inspect_dataset(root).findings
    return {(f.code, f.path): f for f in findings if f.code not in USUAL}


def found(root: Path) -> dict[str, Finding]:
    """Findings by code, each with a message and advice, but for what is usual."""
    inspection = inspect_dataset(root)
    json.loads(inspection.to_json())
    for finding in inspection.findings:
        assert finding.message
        assert finding.advice
    return {f.code: f for f in inspection.findings if f.code not in USUAL}
