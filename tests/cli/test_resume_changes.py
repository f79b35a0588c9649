"""What a resume may change: what has run stays on record as it ran."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import UsageError
from tests.cli.conftest import Command
from tests.toy_system.system import ToySystem

LONGER = ("train.steps=null", "stages.both.steps=6", "stages.head.steps=8")
"""Words with which a toy run of 10 steps, 6 in 'both' and 4 in 'head', goes on in 'head'."""
WORDS = {
    "stages.both.batch_size=2": "stages.both.batch_size",
    "stages.both.weights.fit=3": "stages.both.weights.fit",
    "stages.both.learning_rate=0.5": "stages.both.learning_rate",
    "stages.both.schedule.kind=cosine": "stages.both.schedule.kind",
    "stages.both.groups={head: 0.5}": "stages.both.groups",
    "stages.both.optimizer=keep": "stages.both.optimizer",
    "stages.both.name=first": "stages.first",
}


def _written(run: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir() if path.is_file()}


@pytest.mark.parametrize("word", list(WORDS))
def test_what_a_stage_that_is_done_ran_with_cannot_change(
    likeness: Command, trained: Path, word: str
) -> None:
    """It was written to config.yaml and plan.json as if the stage had run so."""
    before = _written(trained)
    refused = likeness("resume", trained, *LONGER, word)
    assert refused.code == 2, refused.out
    assert WORDS[word] in refused.err
    assert "is done, and ran with that" in refused.err
    assert _written(trained) == before


def test_the_stage_that_goes_on_may_change(likeness: Command, trained: Path) -> None:
    longer = likeness("resume", trained, *LONGER, "stages.head.weights.fit=3")
    assert longer.code == 0, longer.err
    stages = json.loads((trained / "plan.json").read_text())["stages"]
    assert stages[1]["weights"]["fit"] == 3


def test_settings_of_the_loop_change_what_is_still_to_run_alone(
    likeness: Command, data: Path
) -> None:
    words = ("data.root=data", "train.batch_size=4", "train.steps=null", "stages.head.steps=0")
    made = likeness("train", "toy", "--profile", "smoke", *words, "--json")
    assert made.code == 0, made.err
    run = Path(made.document["run"])
    (first,) = json.loads((run / "plan.json").read_text())["stages"]
    longer = likeness("resume", run, "stages.head.steps=4", "train.batch_size=2")
    assert longer.code == 0, longer.err
    (then, now) = json.loads((run / "plan.json").read_text())["stages"]
    assert then == first
    assert (then["batch_size"], now["batch_size"]) == (4, 2)


@pytest.mark.parametrize(
    "word",
    [
        "train.learning_rate=0.5",
        "train.ema_decay=0.5",
        "train.clip_norm=2",
        "train.betas=[0.5,0.9]",
    ],
)
def test_what_all_steps_of_a_finished_run_were_made_by_cannot_change(
    likeness: Command, trained: Path, word: str
) -> None:
    """It did no step, and wrote into the run that all of them were made so."""
    before = _written(trained)
    refused = likeness("resume", trained, word)
    assert refused.code == 2, refused.out
    assert word.partition("=")[0] in refused.err
    assert "all 10 steps are done, and ran with that" in refused.err
    assert _written(trained) == before


def test_what_has_no_part_in_steps_may_change_after_the_last(
    likeness: Command, trained: Path
) -> None:
    result = likeness("resume", trained, "train.keep_checkpoints=1", "--json")
    assert result.code == 0, result.err
    assert result.document["nothing_to_do"].startswith("There is no step left: all 10 steps of ")
    assert "keep_checkpoints: 1" in (trained / "config.yaml").read_text()


def test_stages_that_move_are_told_at_the_length_that_moves_them(
    likeness: Command, trained: Path
) -> None:
    """The first setting of a stage was named, and what it is was no fault."""
    words = ("stages.head.weights.fit=2", "train.steps=30")
    refused = likeness("resume", trained, *words)
    assert refused.code == 2
    assert "train.steps (command line): The stages changed: step 10 belongs to" in refused.err
    assert "stages.head.weights.fit (command line): The stages changed" not in refused.err


def test_all_that_forbids_a_resume_is_told_at_once(likeness: Command, trained: Path) -> None:
    words = ("train.seed=4", "stages.head.weights.fit=2", "train.clip_norm=2")
    refused = likeness("resume", trained, *words)
    assert refused.code == 2
    for word in words:
        assert f"{word.partition('=')[0]} (command line): " in refused.err


def test_a_resume_refused_once_its_weights_are_read_leaves_the_run_as_it_was(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the file of a head was replaced: a plain resume trained what had been refused."""

    def refuse(self: object, state: object) -> None:
        raise UsageError("The head is another one.", advice="Put it back.")

    before = _written(trained)
    with monkeypatch.context() as patch:
        patch.setattr(ToySystem, "load_state", refuse)
        refused = likeness("resume", trained, *LONGER)
    assert refused.code == 2
    assert "The head is another one." in refused.err
    after = _written(trained)
    assert {n: after[n] for n in before if n != "log.txt"} == {
        n: content for n, content in before.items() if n != "log.txt"
    }
    assert "There is no step left" in likeness("resume", trained).err


def test_a_batch_size_within_a_stage_is_told_where_it_was_asked_for(
    likeness: Command, trained: Path
) -> None:
    refused = likeness("resume", trained, *LONGER, "stages.head.batch_size=3")
    assert refused.code == 2
    assert "stages.head.batch_size (command line): The samples per step" in refused.err


@pytest.mark.parametrize("words", [(), ("train.log_every=5",)])
def test_a_resume_looks_at_the_run_once(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    """The command looked before the verb did, and told each warning twice."""
    from likeness import resuming

    looks = []

    def counted(run: Any) -> Any:
        looks.append(run)
        return real(run)

    real = resuming.configuration_of
    monkeypatch.setattr(resuming, "configuration_of", counted)
    damaged = min((trained / "checkpoints").iterdir())
    (damaged / "progress.json").write_text("no JSON")
    result = likeness("resume", trained, *words, "--json")
    assert result.code == 0, result.err
    assert len(looks) == 1
    assert result.document["nothing_to_do"].startswith("There is no step left: all 10 steps of ")
    if not words:
        assert result.err.count(f"{damaged} is damaged") == 1


@pytest.mark.parametrize("verb", [("resume",), ("evaluate",), ("report",), ("watch",)])
def test_settings_in_the_place_of_the_run_are_told_as_such(
    likeness: Command, folder: Path, verb: tuple[str, ...]
) -> None:
    """As where a variable of the shell was unset: 'There is no run at train.steps=20.'"""
    found = likeness(*verb, "train.steps=20")
    assert found.code == 2
    assert (
        "Expected the directory of a run before any settings, found 'train.steps=20'." in found.err
    )


def test_a_configuration_that_names_no_system_is_told_with_what_to_do(
    likeness: Command, trained: Path
) -> None:
    (trained / "config.yaml").write_text("")
    found = likeness("resume", trained)
    assert found.code == 4
    assert f"{trained / 'config.yaml'} does not say which system it configures" in found.err
    assert "Restore the file from a copy of the run." in found.err
