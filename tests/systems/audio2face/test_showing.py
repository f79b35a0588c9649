"""The demo's film: a whole studio head moves as predicted."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.media.video import probe_video
from likeness.seeds import Draws
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, EYES, TONGUE
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.person import Person
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.artefacts import ActorArtefacts
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
    # The released rigs pull weights of the tongue to 0: it does a part of what it should.
    assert np.abs(tongue_again[1] - tongue[1]).max() < 0.05
    lifted = tongue[4] - tongue[0]
    share = ((tongue_again[4] - tongue[0]) * lifted).sum() / (lifted**2).sum()
    assert share > 0.0
    # Both look to the subject's left: outward for the left eye, inward for the right one.
    looking = {name: found[-1, ARKIT][ARKIT_NAMES.index(name)] for name in ARKIT_NAMES}
    assert looking["eyeLookOutLeft"] > 0.2
    assert looking["eyeLookInRight"] > 0.2
    assert looking["eyeLookOutRight"] == looking["eyeLookInLeft"] == 0.0
    short = AnimationResult(30.0, result.skin[:2])
    path = write_head_film(tmp_path / "head.mp4", short, actor, PERSON, size=64)
    info = probe_video(path)
    assert (info.width, info.height, info.rate) == (64, 64, 30.0)
