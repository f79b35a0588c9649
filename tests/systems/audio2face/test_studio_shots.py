from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.speech.espeak_library import is_espeak_present
from likeness.speech.timeline import EMOTIONS, Emotion, Utterance
from likeness.studio.babble import babble_person
from likeness.studio.closures import StudioLips
from likeness.studio.corpus import Sentence, Split, split_of_text
from likeness.studio.difficulty import Difficulty
from likeness.studio.person import Person
from likeness.studio.recording import Conditions
from likeness.studio.shares import Shares
from likeness.studio.template import build_template
from likeness.studio.voice import voice_of
from likeness.systems.audio2face import studio_shots

ROOT = Path(__file__).resolve().parents[3]


def test_sentences_are_the_same_whatever_order_sets_have() -> None:
    code = (
        "from likeness.systems.audio2face.studio_shots import lines_of\n"
        "print([line.text for line in lines_of('smoke', 0)])"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(said) == 1


@pytest.mark.parametrize("split", ["train", "test"])
def test_babble_is_of_the_shot_s_own_split(monkeypatch: pytest.MonkeyPatch, split: Split) -> None:
    """The hardest recordings are telephones among voices: six of the split, in every voice."""
    heard = []

    def recorded(utterance: Utterance, conditions: Conditions, *key: Any, **rest: Any) -> Any:
        heard.append((conditions, rest["others"]))
        return np.zeros(len(utterance.audio), np.float32)

    monkeypatch.setattr(studio_shots, "record", recorded)
    template = build_template()
    line = studio_shots.Line("neutral_000", "Move the blue boat.", "neutral", split)
    studio_shots.take_of(
        Person.sample(1),
        StudioLips(template, template.vertices),
        line,
        0,
        0,
        difficulty=Difficulty.level(3),
        backend="formant",
    )
    own = {voice_of(babble_person(split, number)) for number in range(12)}
    assert len(heard) == 3
    for conditions, others in heard:
        assert conditions.noise == "babble"
        assert len({other.voice for other in others} & own) == 6


def test_one_emotional_shot_in_ten_goes_over_to_its_emotion() -> None:
    """Before the middle of such a shot the face is still neutral; neutral shots have no emotion."""
    template = build_template()
    lips = StudioLips(template, template.vertices)

    def intensity(number: int, emotion: Emotion) -> float:
        take = studio_shots.take_of(
            Person.sample(1),
            lips,
            studio_shots.Line(f"{emotion}_000", "Move the blue boat to the bay.", emotion, "train"),
            number,
            0,
            difficulty=Difficulty(),
            backend="formant",
            voices=False,
        )
        return float(take.curves.intensity[len(take.curves.intensity) // 3])

    late = [intensity(number, "joy") < 0.05 for number in range(60)]
    assert 2 <= sum(late) <= 12
    assert not intensity(late.index(True), "neutral")


def _own(count: int) -> tuple[Sentence, ...]:
    return tuple(
        Sentence(f"Satz {n}.", split_of_text(f"Satz {n}."), number=n) for n in range(count)
    )


def test_own_sentences_take_turns_of_neutral_and_emotions() -> None:
    lines = studio_shots.lines_of("smoke", 0, own=_own(5))
    assert [line.shot for line in lines] == [
        *("neutral_000", "joy_000", "neutral_001", "joy_001", "neutral_002"),
        studio_shots.SILENT,
    ]
    assert [line.text for line in lines] == [*(f"Satz {n}." for n in range(5)), ""]
    fast = studio_shots.lines_of("fast", 0, own=_own(40))
    said = [line.emotion for line in fast[:-1]]
    assert said[::2] == ["neutral"] * 20
    assert said[1::2] == 2 * list(EMOTIONS)
    assert len(studio_shots.lines_of("fast", 0, 7, own=_own(40))) == 8


def test_own_sentences_are_split_by_their_text_and_leave_no_split_empty() -> None:
    many = studio_shots.lines_of("smoke", 0, own=_own(300))[:-1]
    assert all(line.split == split_of_text(line.text) for line in many)
    for count in (3, 4, 5, 8):
        splits = {line.split for line in studio_shots.lines_of("smoke", 0, own=_own(count))}
        assert splits == {"train", "validation", "test"}
    assert [line.split for line in studio_shots.lines_of("smoke", 0, own=_own(1))] == 2 * ["train"]


@pytest.mark.parametrize("own", [(), _own(24)])
def test_shares_of_the_sentences_are_exact(own: tuple[Sentence, ...]) -> None:
    lines = studio_shots.lines_of("smoke", 0, own=own, shares=Shares.read(".5,.25,.25"))
    counts = Counter(line.split for line in lines[:-1])
    assert counts == {"train": 12, "validation": 6, "test": 6}
    usual = studio_shots.lines_of("smoke", 0, own=own)
    assert [(line.shot, line.text) for line in lines] == [(line.shot, line.text) for line in usual]


@pytest.mark.skipif(not is_espeak_present(), reason="the extra speech is missing")
def test_a_language_decides_what_a_text_is_read_as_and_who_speaks_stays() -> None:
    template = build_template()
    line = studio_shots.Line("neutral_000", "Ich höre euch.", "neutral", "train")

    def said(language: str | None) -> Utterance:
        lips = StudioLips(template, template.vertices)
        options: dict[str, Any] = {"difficulty": Difficulty.level(0), "backend": "espeak"}
        options |= {"voices": False, "language": language}
        return studio_shots.take_of(Person.sample(1), lips, line, 0, 0, **options).utterance

    german, english = said("de"), said(None)
    sounds = [segment.ipa for segment in german.timeline.segments]
    assert {"ç", "øː"} <= set(sounds)  # of "ich" and "höre", which English has not
    assert not {"ç", "øː"} & {segment.ipa for segment in english.timeline.segments}
    assert (german.voice.language, german.voice.base) == ("de", "de")
    assert german.voice.formant_scale == english.voice.formant_scale
    assert german.voice.f0 == english.voice.f0
