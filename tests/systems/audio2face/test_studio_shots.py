from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.speech.timeline import Emotion, Utterance
from likeness.studio.babble import babble_person
from likeness.studio.closures import StudioLips
from likeness.studio.corpus import Split
from likeness.studio.difficulty import Difficulty
from likeness.studio.person import Person
from likeness.studio.recording import Conditions
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
