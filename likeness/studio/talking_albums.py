"""Talking albums: the clips of one person that a talking-head dataset holds.

Owns the plan: which sentence each clip says and how, which clips share outfit, place, light and
camera, and in which the face does not follow the speech. Clips are ``talking``, the controls that a
score must fall on ``sync_controls``; writing them in a layout is a system's.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from likeness.errors import DataError
from likeness.seeds import rng_of
from likeness.speech.synthesis import Backend
from likeness.speech.timeline import EMOTIONS, Emotion
from likeness.studio.corpus import Sentence, Split, sentences
from likeness.studio.difficulty import Difficulty
from likeness.studio.performing_style import Coupling
from likeness.studio.person import Person
from likeness.studio.talking import TalkingClip, draw_setting, talking_clip

ALBUM = 8
"""Clips of a whole album."""
SHARED = 3
"""Clips that have one outfit, place, light and camera."""
EMOTIONAL, INDEPENDENT = 0.30, 0.25
"""Shares of clips said with an emotion, and of those whose face does not follow the speech."""


@dataclass(frozen=True)
class PlannedClip:
    """What a clip is to be; see :func:`talking_plan`."""

    number: int
    """Of the clip, as for ``talking_clip``."""
    sentence: Sentence
    emotion: Emotion
    coupling: Coupling
    setting: int
    """Number of the clip whose outfit, place, light and camera it has; often its own."""


def talking_plan(
    person: Person, *, split: Split, count: int = ALBUM, shared: int = SHARED
) -> tuple[PlannedClip, ...]:
    """Which clips a person has: a function of the person and the arguments.

    Of eight: three in one setting and five in settings of their own, two said with an emotion, two
    in which brows, nods and blinks do not follow the speech. Other counts keep the last two shares.
    No sentence comes twice. An emotion is said with a sentence written for it where the split has
    one, else with a neutral sentence.

    Args:
        person: who.
        split: whose sentences are said: people who are tested with say only those of ``test``.
        count: clips.
        shared: clips in one setting, at most ``count``; 0 or 1 gives each its own.

    Raises:
        DataError: the split has fewer sentences than are asked for.
    """
    rng = rng_of("talking album", person.seed, split)
    places = rng.permutation(count)
    emotional = set(places[: round(EMOTIONAL * count)].tolist())
    independent = set(rng.permutation(count)[: round(INDEPENDENT * count)].tolist())
    together = sorted(rng.permutation(count)[:shared].tolist())
    moods = [EMOTIONS[int(k)] for k in rng.permutation(len(EMOTIONS))]
    lines = sentences()
    left = [lines[int(k)] for k in rng.permutation(len(lines)) if lines[int(k)].split == split]
    plan = []
    for number in range(count):
        emotion: Emotion = "neutral"
        if number in emotional:
            emotion = moods[sum(before < number for before in emotional) % len(moods)]
        said = next((line for line in left if line.emotion == emotion), None)
        if said is None:
            said = next((line for line in left if line.emotion == "neutral"), None)
        if said is None:
            raise DataError(
                f"The split '{split}' has no sentence left for clip {number + 1} of {count}.",
                advice="Ask for fewer clips of a person.",
            )
        left.remove(said)
        plan.append(
            PlannedClip(
                number,
                said,
                emotion,
                "independent" if number in independent else "natural",
                together[0] if number in together else number,
            )
        )
    return tuple(plan)


def talking_album(
    person: Person,
    *,
    split: Split,
    count: int = ALBUM,
    shared: int = SHARED,
    difficulty: Difficulty = Difficulty(),  # noqa: B008 - a frozen value
    backend: Backend = "auto",
) -> Iterator[tuple[PlannedClip, TalkingClip]]:
    """The clips of :func:`talking_plan`, one after the other, each with its plan.

    Args:
        person: who.
        split: whose sentences are said, and whose voices babble in the background.
        count: clips.
        shared: clips in one setting.
        difficulty: knobs.
        backend: of :func:`likeness.speech.synthesis.speak`.

    Raises:
        DataError, MissingError, LikenessError: there are too few sentences, or speech fails.
    """
    for planned in talking_plan(person, split=split, count=count, shared=shared):
        clip = talking_clip(
            person,
            planned.sentence.text,
            planned.number,
            emotion=planned.emotion,
            difficulty=difficulty,
            coupling=planned.coupling,
            split=split,
            backend=backend,
            setting=draw_setting(person, planned.setting, difficulty),
        )
        yield planned, clip
