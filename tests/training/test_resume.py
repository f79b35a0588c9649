"""A run that was interrupted and continued equals one that was not, bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from likeness.errors import DataError, UsageError
from likeness.runs import selection
from likeness.runs.run import Run
from likeness.training import trainer
from likeness.training.stage import Stage
from tests.toy_system.comparison import assert_equal, facts, new_run
from tests.toy_system.system import (
    ToyConfig,
    ToySystem,
    toy_plan,
    toy_settings,
    toy_stages,
    toy_system,
)


def train(run: Run, config: ToyConfig, settings: Any, stages: Any = None, **options: Any) -> Any:
    plan = toy_plan(settings, stages)
    return trainer.fit(toy_system(config), plan, run, settings, **options)


def stop_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Make the loop see a signal during the step after ``step`` steps."""
    original = trainer._Loop._step

    def step_with_signal(self: Any, planned: Any, batches: Any, interrupt: Any) -> bool:
        if self.counters.step == step - 1:
            interrupt.requested = True
        return original(self, planned, batches, interrupt)

    monkeypatch.setattr(trainer._Loop, "_step", step_with_signal)


@pytest.mark.parametrize("stopped_at", [1, 4, 11, 12, 13, 19])
@pytest.mark.parametrize("optimizer", ["keep", "reset"])
def test_resumed_equals_uninterrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: int, optimizer: str
) -> None:
    """In the middle of each stage and at the seam: dropout, batch norm, average, accumulation."""
    stages = toy_stages()
    stages[1] = stages[1].replace(optimizer=optimizer)
    settings = toy_settings()
    whole, parts = new_run(tmp_path, "whole"), new_run(tmp_path, "parts")
    assert train(whole, ToyConfig(), settings, stages).status == "finished"

    with monkeypatch.context() as patch:
        stop_at(patch, stopped_at)
        outcome = train(parts, ToyConfig(), settings, stages)
    assert (outcome.status, outcome.step) == ("stopped", stopped_at)
    assert parts.status.status == "stopped"
    assert "data changed" not in parts.log_path.read_text()
    outcome = train(parts, ToyConfig(), settings, stages, resume=True)
    assert (outcome.status, outcome.step) == ("finished", 20)

    assert_equal(facts(parts), facts(whole))


def test_the_comparison_sees_a_difference(tmp_path: Path) -> None:
    one, other = new_run(tmp_path, "one"), new_run(tmp_path, "other")
    train(one, ToyConfig(), toy_settings())
    train(other, ToyConfig(), toy_settings(seed=1))
    with pytest.raises(AssertionError):
        assert_equal(facts(other), facts(one))


_FIRST_PART = """
import sys
from likeness.runs.run import Run
from likeness.training import trainer
from tests.toy_system.system import *

class Ending(ToySystem):
    def losses(self, batch, context):
        if context.step == 7:
            sys.exit("ended")
        return super().losses(batch, context)

settings = toy_settings()
system = Ending(ToyConfig(), toy_system().placement)
trainer.fit(system, toy_plan(settings), Run(sys.argv[1]), settings)
"""


def test_another_process_continues_exactly(tmp_path: Path) -> None:
    """Nothing may depend on the hash seed of Python, which differs between processes."""
    whole, parts = new_run(tmp_path, "whole"), new_run(tmp_path, "parts")
    train(whole, ToyConfig(), toy_settings())
    done = subprocess.run(
        [sys.executable, "-c", _FIRST_PART, str(parts.path)],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, "PYTHONHASHSEED": "1234"},
        capture_output=True,
        text=True,
    )
    assert done.stderr.strip() == "ended"
    status = parts.status
    assert (status.status, status.step, status.error) == ("failed", 7, "SystemExit: ended")
    train(parts, ToyConfig(), toy_settings(), resume=True)
    assert_equal(facts(parts), facts(whole))


def test_resume_survives_buckets_and_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ToyConfig(buckets=True, batch_norm=False)  # a bucket may leave a batch of one
    settings = toy_settings(sampling="weighted", workers=1)
    whole, parts = new_run(tmp_path, "whole"), new_run(tmp_path, "parts")
    train(whole, config, toy_settings(sampling="weighted"))
    with monkeypatch.context() as patch:
        stop_at(patch, 7)
        train(parts, config, settings)
    train(parts, config, settings, resume=True)
    assert_equal(facts(parts), facts(whole))


def test_state_comes_from_the_checkpoint_not_from_the_data(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, settings = new_run(tmp_path), toy_settings()
    with monkeypatch.context() as patch:
        stop_at(patch, 6)
        train(run, ToyConfig(), settings)
    before = selection.find(run).state()
    other = ToyConfig(samples=30)  # other data: its own statistics would differ
    train(run, other, settings, resume=True)
    assert "The training data changed since step 6" in run.log_path.read_text()
    after = selection.find(run).state()
    assert torch.equal(after["scale"], before["scale"])
    fresh = new_run(tmp_path, "fresh")
    train(fresh, other, settings)
    assert not torch.equal(selection.find(fresh).state()["scale"], before["scale"])


def test_killed_before_the_first_checkpoint_starts_anew(tmp_path: Path) -> None:
    run, whole = new_run(tmp_path), new_run(tmp_path, "whole")
    run.metrics_path.write_text('{"step": 3, "loss/total": 9.0}\n{"step": 6, "lo')
    train(run, ToyConfig(), toy_settings(), resume=True)
    train(whole, ToyConfig(), toy_settings())
    assert_equal(facts(run), facts(whole))


def test_weights_are_initialised_once_per_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when a run was killed before its first checkpoint; never over those of a checkpoint."""
    calls: list[ToySystem] = []
    monkeypatch.setattr(ToySystem, "initialise", lambda self: calls.append(self))
    run = new_run(tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, 3)
        train(run, ToyConfig(), toy_settings(), resume=True)  # nothing saved yet
    assert len(calls) == 1
    train(run, ToyConfig(), toy_settings(), resume=True)
    assert len(calls) == 1


def test_finished_run_stays_as_it_is(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    train(run, ToyConfig(), toy_settings())
    before = facts(run)
    outcome = train(run, ToyConfig(), toy_settings(), resume=True)
    assert (outcome.status, outcome.step) == ("finished", 20)
    assert_equal(facts(run), before)
    with pytest.raises(UsageError, match="trained already"):
        train(run, ToyConfig(), toy_settings())


def test_a_longer_run_continues(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    stages = [Stage(name="only", steps=6, weights={"fit": 1.0})]
    train(run, ToyConfig(), toy_settings(), stages)
    outcome = train(run, ToyConfig(), toy_settings(steps=9), stages, resume=True)
    assert outcome.step == 9


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": 3}, "train.seed cannot change on resume: the run has 0, found 3"),
        ({"optimizer": "sgd"}, "train.optimizer cannot change on resume"),
        ({"sampling": "weighted"}, "train.sampling cannot change on resume"),
        ({"batch_size": 3}, r"4 x 2 x 1 = 8, found 3 x 2 x 1 = 6"),
        ({"steps": 30}, "The stages changed: step 13 belongs to stage 'head' from step 12"),
        ({"steps": 10}, "has done 13 steps, more than the 10 now planned"),
    ],
)
def test_what_cannot_change_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], message: str
) -> None:
    run = new_run(tmp_path)
    stages = toy_stages()
    stages[1] = stages[1].replace(batch_size=None)
    with monkeypatch.context() as patch:
        stop_at(patch, 13)
        train(run, ToyConfig(), toy_settings(), stages)
    with pytest.raises(UsageError, match=message):
        train(run, ToyConfig(), toy_settings(**changes), stages, resume=True)
    assert run.status.status == "stopped"  # a refusal does not change the run


def test_same_samples_per_step_in_another_shape_are_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = new_run(tmp_path)
    with monkeypatch.context() as patch:
        stop_at(patch, 4)
        train(run, ToyConfig(), toy_settings())
    settings = toy_settings(batch_size=2, accumulation=4)
    assert train(run, ToyConfig(), settings, resume=True).status == "finished"


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    train(run, ToyConfig(), toy_settings())
    with pytest.raises(UsageError, match=r"encoder\.norm\.running_mean is not in the model"):
        train(run, ToyConfig(batch_norm=False), toy_settings(), resume=True)


def test_unreadable_checkpoints_are_not_taken_for_none(tmp_path: Path) -> None:
    """A finished run is not trained again from the start over its own results."""
    run, settings = new_run(tmp_path), toy_settings()
    trainer.fit(toy_system(), toy_plan(settings), run, settings)
    lines = run.metrics_path.read_bytes()
    for progress in run.checkpoints_path.glob("*/progress.json"):
        progress.write_text("{")
    with pytest.raises(DataError, match=r"Every checkpoint of .* is damaged"):
        trainer.fit(toy_system(), toy_plan(settings), run, settings, resume=True)
    assert run.metrics_path.read_bytes() == lines
    assert run.status.status == "finished"


def test_a_run_that_goes_on_from_before_a_damaged_checkpoint_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before its next checkpoint, it still has the one it went on from."""
    run, whole = new_run(tmp_path), new_run(tmp_path, "whole")
    train(whole, ToyConfig(), toy_settings())
    with monkeypatch.context() as patch:
        stop_at(patch, 7)
        train(run, ToyConfig(), toy_settings())  # saved at 5 and 7
    weights = run.checkpoint_folder(7) / "trainable.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    settings = toy_settings(keep_checkpoints=1)
    with monkeypatch.context() as patch:
        patch.setattr(trainer._Loop, "_step", lambda *arguments: sys.exit("killed"))
        with pytest.raises(SystemExit):
            train(run, ToyConfig(), settings, resume=True)
    assert selection.find(run).step == 5
    train(run, ToyConfig(), settings, resume=True)
    assert_equal(facts(run), facts(whole))


def test_scores_and_previews_of_weights_that_were_lost_go_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They would choose the best checkpoint among others of the same steps."""
    run = new_run(tmp_path)
    settings = toy_settings(evaluate_every=2, preview_every=2, save_every=2, keep_checkpoints=0)
    with monkeypatch.context() as patch:
        stop_at(patch, 8)
        train(run, ToyConfig(), settings)
    assert run.evaluation_steps() == [2, 4, 6, 8]
    assert run.preview_steps() == [0, 2, 4, 6, 8]
    for step in (6, 8):
        (run.checkpoint_folder(step) / "trainable.safetensors").write_bytes(b"torn")
    quiet = toy_settings(save_every=2, keep_checkpoints=0)
    with monkeypatch.context() as patch:
        patch.setattr(trainer._Loop, "_step", lambda *arguments: sys.exit("killed"))
        with pytest.raises(SystemExit):
            train(run, ToyConfig(), quiet, resume=True)
    assert run.evaluation_steps() == [2, 4]
    assert run.preview_steps() == [0, 2, 4]
