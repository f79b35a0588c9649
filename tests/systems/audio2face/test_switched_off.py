"""What lists leave out is told where training begins."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.assembly import configure
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.switched_off import switched_off
from tests.systems.audio2face.dataset.recordings import write_recordings
from tests.systems.audio2face.diffusion_cases import make_actor
from tests.systems.audio2face.small_runs import trained

ONE_EYE = Pairs(np.array([4, 4]), np.array([6, 6]))


def configured(profile: str, *overrides: str) -> AudioToFaceConfig:
    found = configure("audio2face", profile=profile, overrides=list(overrides), environ={}).config
    assert isinstance(found, AudioToFaceConfig)
    return found


def test_two_pairs_on_one_eye_are_told_of_and_nothing_else() -> None:
    actors = (make_actor("ada"), replace(make_actor("bob"), eye_distance=ONE_EYE))
    config = configured("diffusion")
    (sentence,) = switched_off(config, actors)
    assert sentence.startswith("The term 'expression_smooth' is off for 'bob'")
    assert sentence.endswith("Let its first two pairs lie on different eyes.")
    unasked = configured("diffusion", "stages.train.weights.expression_smooth=0")
    assert switched_off(unasked, actors) == []


@pytest.mark.parametrize(
    ("profile", "overrides", "expected"),
    [
        ("diffusion", [], ["'lip_distance'", "'expression_smooth' is off for 'ada', who has no"]),
        ("regression", [], ["'lip_distance'", "Samples with closed eyes are learned from"]),
        (
            "regression",
            ["stages.train.weights={mse: 1, lip_size: {start: 0, end: 2}}"],
            ["'lip_size' is off", "closed eyes"],
        ),
        ("regression", ["learning.terms.removes_closed_eyes=false"], ["'lip_distance'"]),
    ],
)
def test_lists_that_are_missing(profile: str, overrides: list[str], expected: list[str]) -> None:
    told = switched_off(configured(profile, *overrides), [make_actor("ada", has_lists=False)])
    assert len(told) == len(expected)
    for sentence, words in zip(told, expected, strict=True):
        assert words in sentence


def test_training_tells(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    root = write_recordings(tmp_path / "data")
    description = root / "dataset.yaml"
    lines = description.read_text().splitlines(keepends=True)
    lines = [line for line in lines if not ("lip_distance" in line and "/ben/" in line)]
    description.write_text("".join(lines))
    with caplog.at_level(logging.WARNING):
        trained(root, tmp_path, profile="studio-diffusion")
    told = [r.getMessage() for r in caplog.records if "is off for" in r.getMessage()]
    assert told == ["The term 'lip_distance' is off for 'ben', who has no lip_distance_list."]


def test_a_still_tongue_of_the_others_size_stands_in(tmp_path: Path) -> None:
    """As the message for actors of whom one has no tongue says."""
    root = write_recordings(tmp_path / "data")
    description = root / "dataset.yaml"
    lines = description.read_text().splitlines(keepends=True)
    description.write_text("".join(x for x in lines if not ("tongue" in x and "/ben/" in x)))
    tongue = "preprocessing.placeholders.tongue=[5,9]"
    run = trained(root, tmp_path, tongue, profile="studio-diffusion")
    assert run.status.status == "finished"
