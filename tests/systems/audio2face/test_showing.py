"""The demo's film: a whole studio head moves as predicted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import lsq_linear

from likeness.media.video import probe_video
from likeness.seeds import Draws
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, EYES, TONGUE
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.person import Person
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.artefacts import ActorArtefacts, Blendshapes
from likeness.systems.audio2face.showing import curves_of, write_head_film
from likeness.systems.audio2face.studio_actor import actor_of
from likeness.systems.audio2face.studio_faces import StudioFace

PERSON = Person.sample(7)
HELD = 10


class Actor:
    """What of artefacts a film needs."""

    def __init__(self, face: StudioFace) -> None:
        recorded = actor_of(face, "ada", 30.0, Draws("test"))
        self.actor = "ada"
        self.blendshapes = recorded.blendshapes
        self.tongue_blendshapes = recorded.tongue_blendshapes


def spoken() -> np.ndarray:
    """Six poses, each held until the solver of weights has followed.

    Rest, an open jaw, lips closed over one, a smile, a raised tongue, eyes to the side.
    """
    frames = np.zeros((6, len(CHANNELS)))
    frames[1, CHANNEL["jawOpen"]] = 0.6
    frames[2, CHANNEL["jawOpen"]], frames[2, CHANNEL["mouthClose"]] = 0.4, 0.4
    frames[3, [CHANNEL["mouthSmileLeft"], CHANNEL["mouthSmileRight"]]] = 0.8
    frames[4, TONGUE.start] = 0.7
    frames[5, EYES] = [0.0, 12.0, 0.0, 12.0]
    return np.repeat(frames, HELD, axis=0)


def best_weights(frames: np.ndarray | None, shapes: Blendshapes) -> np.ndarray:
    """Weights (F, P), before multipliers, of the released rigs' problem: least squares with rows
    for each part of it, by SciPy. What is missed, the sum of the weights, their size, and how far
    they are from those of the frame before."""
    assert frames is not None
    settings: Any = shapes.settings
    count = len(shapes.names)
    assert max(settings["bsSolveSymmetryPoses"]) == max(settings["bsSolveCancelPoses"]) == -1
    box = np.linalg.norm(np.ptp(shapes.neutral.astype(float), axis=0)) / settings["templateBBSize"]
    parts = {
        "missed": shapes.offsets.reshape(count, -1).T,
        "sum": np.full((1, count), 0.5 * box * settings["strengthL1regularization"]),
        "size": np.sqrt(10 * settings["strengthL2regularization"]) * box * np.eye(count),
        "before": np.sqrt(100 * settings["strengthTemporalSmoothing"]) * box * np.eye(count),
    }
    rows = np.concatenate(list(parts.values())).astype(float)
    weights, found = np.zeros(count), []
    for frame in frames:
        wanted = {name: np.zeros(len(part)) for name, part in parts.items()}
        wanted["missed"] = (frame - shapes.neutral).ravel().astype(float)
        wanted["before"] = parts["before"] @ weights
        goal = np.concatenate(list(wanted.values()))
        weights = lsq_linear(rows, goal, (0.0, 1.0), method="bvls", tol=1e-14).x
        found.append(weights)
    return np.array(found)


def share_of(motion: np.ndarray, made: np.ndarray) -> float:
    """How much of a motion another one makes, along it."""
    return float((made * motion).sum() / (motion**2).sum())


def test_the_whole_head_moves_as_the_reduced_one_was_predicted_to(tmp_path: Path) -> None:
    """The vertices of the full face that the network has lie where it put them."""
    face = StudioFace(PERSON, 600)
    actor: ActorArtefacts = Actor(face)  # type: ignore[assignment]
    frames = spoken()
    skin, _, jaw = face.move(frames)
    still = frames.copy()
    still[:, ARKIT] = 0.0  # results hold the tongue as if the jaw were still
    tongue = face.move(still)[1]
    result = AnimationResult(30.0, skin, tongue, jaw, frames[:, EYES].reshape(-1, 2, 2))
    found = curves_of(result, actor)
    again = face.move(found)[0]
    found_still = found.copy()
    found_still[:, ARKIT] = 0.0
    tongue_again = face.move(found_still)[1]
    last = slice(HELD - 1, None, HELD)
    skin, again, tongue, tongue_again = (part[last] for part in (skin, again, tongue, tongue_again))
    moved = np.abs(skin - face.neutral).max(axis=(1, 2))
    missed = np.sqrt(((again - skin) ** 2).sum(axis=2).mean(axis=1))
    spread = np.sqrt(((skin - face.neutral) ** 2).sum(axis=2).mean(axis=1))
    assert moved[1] > 1.0  # cm
    for frame in (1, 2, 3):
        assert missed[frame] < 0.1 * spread[frame], frame
    # Weights of the tongue are the best by the settings of the released rigs. These pull them to 0:
    # without multipliers, which are 2 and 3 for the tip, they do a part of the motion.
    assert actor.tongue_blendshapes is not None
    best = best_weights(result.tongue, actor.tongue_blendshapes)
    multipliers: Any = actor.tongue_blendshapes.settings["bsWeightMultipliers"]
    np.testing.assert_allclose(found[:, TONGUE], best * multipliers, atol=1e-6)
    assert np.abs(tongue_again[1] - tongue[1]).max() < 0.05
    lifted = tongue[4] - tongue[0]
    fitted = np.tensordot(best[last][4], actor.tongue_blendshapes.offsets, 1)
    assert 0.0 < share_of(lifted, fitted) < 1.0
    assert share_of(lifted, tongue_again[4] - tongue[0]) > share_of(lifted, fitted)
    # Both look to the subject's left: outward for the left eye, inward for the right one.
    looking = {name: found[-1, ARKIT][ARKIT_NAMES.index(name)] for name in ARKIT_NAMES}
    assert looking["eyeLookOutLeft"] > 0.2
    assert looking["eyeLookInRight"] > 0.2
    assert looking["eyeLookOutRight"] == looking["eyeLookInLeft"] == 0.0
    short = AnimationResult(30.0, result.skin[:2])
    path = write_head_film(tmp_path / "head.mp4", short, actor, PERSON, size=64)
    info = probe_video(path)
    assert (info.width, info.height, info.rate) == (64, 64, 30.0)
