"""Two sounds that have changed places, in sets of several sizes and by how much sound tells."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.dataset.exchanged_findings import look_at_exchanged
from likeness.systems.audio2face.dataset.mouth_reading import SpokenMouth, read_mouths
from likeness.systems.audio2face.dataset.own_sounds import OwnSound

FPS = 30.0


def spoken(shots: int, told: float, lengths: tuple[int, ...]) -> dict[str, SpokenMouth]:
    """Lips of one motion that what is heard says up to noise."""
    rng = np.random.default_rng(0)
    found = {}
    for shot in range(shots):
        count = lengths[shot % len(lengths)]
        moved = rng.normal(size=count)
        heard = rng.normal(size=(count, 5))
        heard[:, 0] = told * moved + np.sqrt(1 - told**2) * heard[:, 0]
        lips = np.stack([moved, -moved], axis=1)
        found[f"shot_{shot}"] = SpokenMouth(lips.astype(np.float32), heard.astype(np.float32))
    return found


def with_sounds(mouths: dict[str, SpokenMouth], **of: str) -> dict[str, SpokenMouth]:
    """The same with the sounds of other shots, which are cut, or held at their end."""
    changed = dict(mouths)
    for shot, other in of.items():
        count, heard = len(mouths[shot].lips), mouths[other].heard
        rows = np.minimum(np.arange(count), len(heard) - 1)
        changed[shot] = SpokenMouth(mouths[shot].lips, heard[rows])
    return changed


def told(mouths: dict[str, SpokenMouth]) -> list[tuple[str, str]]:
    nothing = np.zeros(0)
    sounds = {s: OwnSound(f"audio/{s}.wav", nothing, nothing.astype(np.float32)) for s in mouths}
    read = read_mouths(mouths)
    own = {
        shot: float(np.mean([np.corrcoef(one, two)[0, 1] for one, two in zip(m.moved.T, m.read.T)]))
        for shot, m in read.items()
    }
    found = list(look_at_exchanged(read, own, sounds, FPS))
    assert {finding.code for finding in found} <= {"audio-exchanged"}
    return [(finding.path, finding.message) for finding in found]


@pytest.mark.parametrize("shots", [10, 30])
@pytest.mark.parametrize("agreement", [0.5, 0.9])
def test_two_sounds_that_have_changed_places(shots: int, agreement: float) -> None:
    mouths = spoken(shots, agreement, (100, 102))
    assert told(mouths) == []
    found = told(with_sounds(mouths, shot_3="shot_6", shot_6="shot_3"))
    assert [path for path, _ in found] == ["audio/shot_3.wav", "audio/shot_6.wav"] or [
        path for path, _ in found
    ] == ["audio/shot_6.wav", "audio/shot_3.wav"]
    messages = dict(found)
    assert "the mouth of 'shot_6', whose own sound" in messages["audio/shot_3.wav"]
    assert "the mouth of 'shot_3', whose own sound" in messages["audio/shot_6.wav"]


def test_two_pairs_are_told_each_with_its_own() -> None:
    mouths = spoken(20, 0.8, (100, 101, 102, 103))
    swapped = {"shot_1": "shot_2", "shot_2": "shot_1", "shot_9": "shot_12", "shot_12": "shot_9"}
    found = dict(told(with_sounds(mouths, **swapped)))
    assert sorted(found) == [f"audio/shot_{n}.wav" for n in (1, 12, 2, 9)]
    assert all(f"'{other}'" in found[f"audio/{shot}.wav"] for shot, other in swapped.items())


def test_a_sound_used_twice_or_of_another_length_is_not_exchanged() -> None:
    mouths = spoken(20, 0.8, (100, 140))
    assert told(with_sounds(mouths, shot_2="shot_4")) == []
    # Lengths tell these; an exchange is not looked for beyond a tenth of a second.
    assert told(with_sounds(mouths, shot_2="shot_3", shot_3="shot_2")) == []


def test_sounds_that_tell_nothing_of_mouths_are_not_exchanged() -> None:
    assert told(spoken(40, 0.0, (100,))) == []
