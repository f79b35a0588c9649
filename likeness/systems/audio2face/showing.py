"""What the demo shows of a trained network: a studio person's whole head that speaks as predicted.

Owns how a prediction becomes curves of a studio person. The person is the one whose face was
recorded; what moves is the prediction alone, by its blendshapes and angles, never the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.media.video import write_video
from likeness.runs.run import Run
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, EYES, TONGUE
from likeness.studio.gaze import follow_eyes
from likeness.studio.performance_film import photograph_frames
from likeness.studio.person import Person
from likeness.studio.photograph import sitter_of
from likeness.studio.scene import Scene
from likeness.studio.truth import replay
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.artefacts import ActorArtefacts
from likeness.systems.audio2face.audio import read_speech
from likeness.systems.audio2face.blendshape_solving import solve
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.outputs import arkit_weights
from likeness.systems.audio2face.studio import TRUTH

_SIZE, _YAW = 256, 15.0
_WORDS = (
    "One studio person said 24 sentences; the network learned from the sound how skin, tongue, jaw "
    "and eyes moved, and now hears a sentence that nobody recorded. The smoke profile learns 600 "
    "vertices of a face in about a minute: it gets when the mouth opens and closes, and little of "
    "where the eyes look."
)


def show(
    predictor: SpeechToFace, run: Run, data: Path, inputs: Sequence[str], folder: Path
) -> tuple[str, list[tuple[str, Path, str]]]:
    """A few words, and title, file and caption of a film: see ``SystemSpec.show``."""
    actor = predictor.artefacts(None)
    result = predictor.performance(read_speech(inputs[0]).samples)
    path = write_head_film(folder / "head.mp4", result, actor, person_of(data, actor.actor))
    return _WORDS, [
        (
            "Heard, and spoken by a whole head",
            path,
            "The predicted motion on the person it was learned from. The network itself moves 600 "
            "vertices of a face; the ARKit weights, the shapes of the tongue and the angles of the "
            "eyes that are read from its prediction move the whole head.",
        )
    ]


def person_of(data: Path, actor: str) -> Person:
    """The studio person who plays an actor of a set that the studio made.

    Raises:
        DataError, MissingError: the set has no truth of the actor, or a damaged one.
    """
    first = min((data / TRUTH / actor).glob("*.npz"))
    return Person.sample(int(replay(first.with_suffix("")).keys["person"]))


def curves_of(result: AnimationResult, actor: ActorArtefacts) -> NDArray[np.float64]:
    """Frames (F, 79) that move a studio head as predicted; see ``likeness.studio.curves``.

    Raises:
        UsageError: the actor has no ARKit blendshapes.
    """
    frames = np.zeros((result.num_frames, len(CHANNELS)))
    frames[:, ARKIT] = arkit_weights(result, actor).weights
    # The actor's mouthClose holds the opening of the jaw that it closes; the studio's does not.
    jaw = CHANNEL["jawOpen"]
    frames[:, jaw] = np.minimum(frames[:, jaw] + frames[:, CHANNEL["mouthClose"]], 1.0)
    if result.tongue is not None and actor.tongue_blendshapes is not None:
        frames[:, TONGUE] = solve(result.tongue, actor.tongue_blendshapes)
    if result.eyes is not None:
        frames[:, EYES] = result.eyes.reshape(result.num_frames, -1)
        follow_eyes(frames, move_lids=False)  # what lids do is predicted with the skin
    return frames


def write_head_film(
    path: Path, result: AnimationResult, actor: ActorArtefacts, person: Person, *, size: int = _SIZE
) -> Path:
    """Write an .mp4 of a studio person who moves as predicted, with the sound of the result.

    Args:
        size: side in pixels.
    """
    scene = Scene.portrait(person.seed, yaw=_YAW)
    pictures = photograph_frames(
        sitter_of(person), scene, size, curves_of(result, actor), supersampling=1
    )
    return write_video(
        path,
        (picture.image for picture in pictures),
        rate=result.fps,
        audio=result.sound,
        sample_rate=result.sample_rate,
    )
