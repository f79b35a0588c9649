"""Talking clips: one person says one sentence before one camera, with sound and exact truth.

Owns what is drawn for a clip: voice of the day, delivery, outfit, place, light, camera and
microphone. Frames are derived from the curves, so the same clip can be had at any rate and size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of, seed_of
from likeness.speech.synthesis import Backend, speak
from likeness.speech.timeline import Emotion, Utterance
from likeness.studio.babble import babble_voices
from likeness.studio.closures import StudioLips
from likeness.studio.corpus import Split
from likeness.studio.curves import Curves, sample
from likeness.studio.difficulty import AudioKnob, Difficulty, SpeechKnob
from likeness.studio.labels import Labels
from likeness.studio.performance import perform
from likeness.studio.performance_film import photograph_frames
from likeness.studio.performing_style import TRANSITIONS, Coupling, Delivery, PerformingStyle
from likeness.studio.person import Person
from likeness.studio.photograph import Photograph, sitter_of
from likeness.studio.recording import SAMPLE_RATE, draw_conditions, record
from likeness.studio.scene import Scene
from likeness.studio.shots import View
from likeness.studio.staging import draw_labels, draw_outfit, dressed, stage
from likeness.studio.template import build_template
from likeness.studio.voice import drifted, voice_of

FPS = 25.0
SAMPLES_PER_FRAME = round(SAMPLE_RATE / FPS)
_VIEWS: tuple[View, ...] = ("front", "front", "front", "left", "right")
_MOST_MUMBLING = 0.4


@dataclass(frozen=True)
class Setting:
    """What stays through a clip, and may stay from one clip to the next."""

    person: Person
    """As dressed."""
    scene: Scene
    """Pose, light, place and camera; the face's expression does not count."""


@dataclass(frozen=True, eq=False)
class TalkingClip:
    """A person who says something, and how it is filmed.

    Attributes:
        person: as dressed for the clip.
        utterance: what is said, dry and at the synthesiser's own rate.
        curves: what the face does.
        scene: pose, light, place and camera, which stay; the face's expression does not count.
        sound: (num_frames * 640,) what the microphone hears at 16 kHz; frame k of 25 a second
            begins at sample 640 k.
    """

    person: Person
    utterance: Utterance
    curves: Curves
    scene: Scene
    sound: NDArray[np.float32]

    @property
    def num_frames(self) -> int:
        """Of the clip at 25 frames a second."""
        return len(self.sound) // SAMPLES_PER_FRAME

    def frames(
        self, size: int, *, fps: float = FPS, supersampling: int = 2
    ) -> Iterator[Photograph]:
        """One photograph per frame, taken at (k + 0.5) / fps seconds.

        Args:
            size: side in pixels.
            fps: frames a second.
            supersampling: samples per pixel along each side.
        """
        yield from photograph_frames(
            sitter_of(self.person),
            self.scene,
            size,
            sample(self.curves, fps),
            supersampling=supersampling,
        )


def talking_clip(
    person: Person,
    text: str,
    number: int = 0,
    *,
    emotion: Emotion = "neutral",
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    coupling: Coupling = "natural",
    split: Split = "train",
    backend: Backend = "auto",
    setting: Setting | None = None,
) -> TalkingClip:
    """Draws a clip: a function of the person, the text and the number.

    Args:
        person: who.
        text: one sentence.
        number: of the clip; another one is another take in another place.
        emotion: how it is said.
        difficulty: knobs.
        coupling: ``independent`` draws blinks, gaze, head and brows without looking at the speech.
        split: whose voices babble in the background, where there is babble.
        backend: of :func:`likeness.speech.synthesis.speak`.
        setting: outfit, place, light and camera instead of those drawn for the number; it changes
            nothing of what is heard and how the face moves.

    Raises:
        DataError, MissingError, LikenessError: the text cannot be spoken.
    """
    key = ("talking clip", person.seed, number)
    rng = rng_of(*key)
    own = _setting(rng, person, difficulty)
    shown = own if setting is None else setting

    level = get_args(SpeechKnob).index(difficulty.speech)
    voice = drifted(voice_of(person), person.seed, number, difficulty=level)
    seed = seed_of(*key)
    utterance = speak(text, voice, emotion, seed, backend=backend)
    delivery = Delivery(
        mumbling=float(rng.uniform(0.0, _MOST_MUMBLING)) if level == 2 else 0.0,
        whispered=voice.whisper,
        transition=bool(rng.random() < TRANSITIONS) and emotion != "neutral",
        coupling=coupling,
    )
    curves = perform(
        utterance, PerformingStyle.of(person), seed, head=lips_of(person), delivery=delivery
    )
    room = get_args(AudioKnob).index(difficulty.audio)
    conditions = draw_conditions(*key, difficulty=room)
    babbles = conditions.noise == "babble"
    others = babble_voices(split, *key, backend=backend) if babbles else ()
    breaths = [(e.start, e.end) for e in curves.events if e.kind == "inhalation"]
    sound = record(utterance, conditions, *key, breaths=breaths, others=others)
    length = int(np.floor(curves.duration * FPS + 1e-6)) * SAMPLES_PER_FRAME
    padded = np.zeros(length, np.float32)
    padded[: min(length, len(sound))] = sound[:length]
    return TalkingClip(shown.person, utterance, curves, shown.scene, padded)


def draw_setting(
    person: Person,
    number: int,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
) -> Setting:
    """The setting of the clip with a number, for other clips to share."""
    return _setting(rng_of("talking clip", person.seed, number), person, difficulty)


def _setting(rng: np.random.Generator, person: Person, difficulty: Difficulty) -> Setting:
    colour, worn = draw_outfit(rng, person.sex)
    shown = dressed(person, colour, worn, rng)
    drawn = draw_labels(rng, difficulty, person.sex)
    view = _VIEWS[int(rng.integers(len(_VIEWS)))] if difficulty.pose != "near" else "front"
    wanted = Labels("portrait", view, "neutral", background=drawn.background, light=drawn.light)
    return Setting(shown, replace(stage(wanted, rng, (512, 512), difficulty), occluder=None))


def lips_of(person: Person) -> StudioLips:
    """The lips of a person, which their own curves close."""
    template = build_template()
    return StudioLips(template, person.rest_vertices(template))
