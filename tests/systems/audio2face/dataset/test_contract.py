from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from likeness.data.contract import Contract
from likeness.errors import UsageError
from likeness.systems.audio2face.dataset.contract import CONTRACT
from likeness.systems.audio2face.dataset.emotions import emotion_of_shot
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.dataset.splits import split_of_shots
from likeness.systems.audio2face.shots import Shot
from tests.systems.audio2face.dataset.recordings import bare_actor, write_recordings


def test_the_contract_is_one_and_gives_the_clips_of_a_split(tmp_path: Path) -> None:
    assert isinstance(CONTRACT, Contract)
    root = str(write_recordings(tmp_path / "set"))
    train, validation = CONTRACT.open(root, "train"), CONTRACT.open(root, "validation")
    assert sorted({train[i]["shot"] for i in range(len(train))}) == ["joy_001", "neutral_000"]
    assert {validation[i]["shot"] for i in range(len(validation))} == {"joy_002"}
    assert len(CONTRACT.open(root, "all")) == len(train) + len(validation) == 12
    assert len(CONTRACT.open(root, "test")) == 0
    assert train.fingerprint() != validation.fingerprint()
    with pytest.raises(UsageError, match="speed"):
        CONTRACT.open(root, "train", speed=1)


def test_a_dataset_is_never_overwritten(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "set", ("anna",))
    with pytest.raises(UsageError, match="never overwritten"):
        write_recordings(root, ("anna",))
    assert len(open_dataset(root)) == 1


def test_an_interrupted_dataset_has_no_description(tmp_path: Path) -> None:
    with (
        pytest.raises(KeyboardInterrupt),
        CONTRACT.writer(str(tmp_path / "set"), actors=[bare_actor("anna")]),
    ):
        raise KeyboardInterrupt
    assert not (tmp_path / "set/dataset.yaml").exists()
    assert not CONTRACT.inspect(str(tmp_path / "set")).ok


def test_held_out_shots_are_a_share_of_every_emotion_and_stay_when_others_come() -> None:
    def actor(count: int):  # type: ignore[no-untyped-def]
        shots = [Shot("anna", f"joy_{i:03}", 10, 30.0, "joy") for i in range(count)]
        shots += [Shot("anna", f"sad_{i:03}", 10, 30.0, "sad") for i in range(2)]
        return {"anna": replace(bare_actor("anna"), shots=tuple(shots))}

    few, more = (split_of_shots(actor(n), share=0.2) for n in (20, 21))
    held = {shot for (_, shot), split in few.items() if split == "validation"}
    assert len(held) == 4
    assert all(shot.startswith("joy") for shot in held)
    now = {shot for (_, shot), split in more.items() if split == "validation"}
    assert len(held & now) >= 3
    named = split_of_shots(actor(4), validation=["anna::joy_001"], test=["joy_002"])
    assert [named["anna", f"joy_{i:03}"] for i in range(4)] == [
        *("train", "validation", "test", "train")
    ]


@pytest.mark.parametrize(
    ("shot", "emotion", "is_named"),
    [
        ("joy_001", "joy", True),
        ("take3-out_of_breath-2", "out_of_breath", True),
        ("enjoyable_1", "neutral", False),
        ("Joy_1", "joy", True),
        ("breath_joy", "joy", True),
        ("mapped_joy", "sadness", True),
    ],
)
def test_defect_08_an_emotion_is_a_whole_word_and_the_longest_wins(
    shot: str, emotion: str, is_named: bool
) -> None:
    vocabulary = ("neutral", "joy", "sadness", "breath", "out_of_breath")
    if shot == "breath_joy":
        vocabulary = ("neutral", "joy", "out_of_breath")
    found = emotion_of_shot(shot, vocabulary, "neutral", {"mapped_joy": "sadness"})
    assert (found.emotion, found.is_named) == (emotion, is_named)
