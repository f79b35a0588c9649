"""What the loop refuses, and when: terms, plans, groups and sources that do not fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from likeness.errors import UsageError
from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.training import trainer
from likeness.training.stage import Stage
from tests.toy_system.comparison import new_run
from tests.toy_system.system import (
    ToyConfig,
    ToySystem,
    toy_plan,
    toy_settings,
    toy_system,
)
from tests.training.cases import PLAIN, fit, one_stage


class Renamed(ToySystem):
    """Returns what a test gives it."""

    terms: Any = None

    def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
        found: Mapping[str, Tensor] = type(self).terms(dict(super().losses(batch, context)))
        return found


@pytest.mark.parametrize(
    ("change", "weights", "message"),
    [
        (lambda t: {**t, "fti": t["fit"]}, {"fit": 1.0}, "returned the term 'fti'"),
        (
            lambda t: {},
            {"fit": 0.5},
            "left out the term 'fit', which has weight 0.5 at step 0 of stage 'only'",
        ),
        (
            lambda t: {"fit": t["fit"][None]},
            {"fit": 1.0},
            r"'fit' must be a scalar, found shape \(1,\)",
        ),
    ],
)
def test_terms_that_break_the_rules_are_named(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    change: Any,
    weights: dict[str, float],
    message: str,
) -> None:
    monkeypatch.setattr(Renamed, "terms", staticmethod(change))
    settings = toy_settings()
    system = Renamed(PLAIN, toy_system().placement)
    plan = toy_plan(settings, one_stage(weights=weights))
    run = new_run(tmp_path)
    with pytest.raises(ValueError, match=message):
        trainer.fit(system, plan, run, settings)
    assert run.status.status == "failed"


@pytest.mark.parametrize("groups", [None, {"head": 1.0}])
def test_a_stage_whose_terms_depend_on_nothing_that_learns_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: dict[str, float] | None
) -> None:
    monkeypatch.setattr(Renamed, "terms", staticmethod(lambda t: {"fit": t["fit"].detach()}))
    settings = toy_settings()
    system = Renamed(PLAIN, toy_system().placement)
    plan = toy_plan(settings, one_stage(groups=groups))
    run = new_run(tmp_path)
    with pytest.raises(UsageError) as caught:
        trainer.fit(system, plan, run, settings)
    trained = "its groups (head)" if groups else "its groups"
    assert caught.value.message == (
        f"Expected a loss of stage 'only' that depends on {trained}; at step 0 none of its terms "
        "does: fit."
    )
    assert "train the groups" in caught.value.advice
    assert run.status.status == "failed"


def test_a_term_of_weight_zero_may_be_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        Renamed, "terms", staticmethod(lambda t: {**t, "size": torch.tensor(math.nan)})
    )
    run, settings = new_run(tmp_path), toy_settings()
    system = Renamed(PLAIN, toy_system().placement)
    trainer.fit(system, toy_plan(settings, one_stage()), run, settings)
    rows = read_metrics(run.metrics_path)
    assert all("loss/size" not in row and "nonfinite" not in row for row in rows)


def test_wrong_plans_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    class Closed(ToySystem):
        def sources(self, split: str) -> Any:
            raise AssertionError("loaded")

    settings = toy_settings()
    system = Closed(PLAIN, toy_system().placement)
    for stage, message in [
        (one_stage(weights={"fitt": 1.0}), "'fitt'.*\nDid you mean 'fit'"),
        (one_stage(groups={"heads": 1.0}), "'heads'.*\nDid you mean 'head'"),
    ]:
        with pytest.raises(UsageError, match=message):
            trainer.fit(system, toy_plan(settings, stage), new_run(tmp_path, "x"), settings)
        for folder in (tmp_path / "toy").iterdir():
            for file in folder.iterdir():
                file.unlink()
            folder.rmdir()


def test_a_later_stage_with_a_wrong_mix_fails_at_the_start(tmp_path: Path) -> None:
    mix = {"man": 0.5, "others": 0.5}
    stages = [*one_stage(), Stage(name="later", steps=2, weights={"fit": 1.0}, mix=mix)]
    run = new_run(tmp_path)
    with pytest.raises(UsageError, match=r"unknown source 'man'\.\nDid you mean 'main'"):
        fit(run, ToyConfig(), toy_settings(), stages)
    assert (run.status.status, run.status.step) == ("failed", 0)


def test_evaluation_without_validation_data_is_said_at_once(tmp_path: Path) -> None:
    class Unheld(ToySystem):
        def sources(self, split: str) -> Any:
            return super().sources(split) if split == "train" else {}

    settings = toy_settings(evaluate_every=5)
    system = Unheld(PLAIN, toy_system().placement)
    run = new_run(tmp_path)
    with pytest.raises(UsageError, match="no validation samples"):
        trainer.fit(system, toy_plan(settings, one_stage()), run, settings)


def test_a_best_score_that_nobody_measures_ends_training_at_the_first_evaluation(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = new_run(tmp_path)
    settings = toy_settings(evaluate_every=2, best_score="eror")
    with pytest.raises(UsageError, match="has a score 'eror'") as caught:
        fit(run, PLAIN, settings, one_stage(6))
    assert caught.value.advice.endswith(f"resume {run.path} train.best_score=error")
    assert "--checkpoint latest" in caught.value.advice
    assert run.status.status == "failed"
    assert run.evaluation_steps() == [2]
    assert selection.find(run).step == 2  # nothing is lost by a word
    settings = toy_settings(evaluate_every=2, best_score="error")
    fit(run, PLAIN, settings, one_stage(6), resume=True)
    assert run.status.status == "finished"
    assert "Stage 'only': step 2 to 6." in caplog.text


def test_a_best_score_that_nobody_measures_does_not_undo_a_training_that_is_done(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The only evaluation is that of the last step."""
    run = new_run(tmp_path)
    fit(run, PLAIN, toy_settings(evaluate_every=50, best_score="eror"), one_stage(6))
    assert run.status.status == "finished"
    assert selection.find(run).step == 6
    assert "has a score 'eror'" in caplog.text
