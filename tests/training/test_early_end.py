"""Training that ends once a score gets no better."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from likeness.data.source import Source
from likeness.evaluation.protocol import Score, Scores
from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.runs.run import Run
from likeness.training import trainer
from likeness.training.stage import Stage
from likeness.training.system import Predictor
from tests.toy_system.comparison import assert_equal, facts, new_run
from tests.toy_system.system import ToyConfig, ToySystem, toy_plan, toy_settings, toy_system
from tests.training.cases import one_stage
from tests.training.test_resume import stop_at
from tests.training.two_processes import end_early, together

ERRORS = {2: 5.0, 4: 4.0, 6: 4.5, 8: 4.2, 10: 3.0, 12: 3.5, 14: 3.0, 16: 2.0, 18: 2.5, 20: 2.5}
"""By step: best at 4, two that are no better at 6 and 8; best at 10, an equal one at 14."""


class Measured(ToySystem):
    """A system whose scores are given."""

    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        error = ERRORS[int(folder.name.removeprefix("step-"))]
        return Scores([Score("error", error, "1", "lower", 1, 9.0, "mean target")])


def train(
    run: Run, stages: list[Stage] | None = None, *, resume: bool = False, **changes: Any
) -> Any:
    settings = toy_settings(
        **{"evaluate_every": 2, "best_score": "error", "patience": 2, "save_every": 0, **changes}
    )
    system = Measured(ToyConfig(), toy_system().placement)
    plan = toy_plan(settings, stages or one_stage(20))
    return trainer.fit(system, plan, run, settings, resume=resume)


def test_two_evaluations_that_are_no_better_end_a_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = new_run(tmp_path)
    outcome = train(run)
    assert (outcome.status, outcome.step) == ("finished", 8)
    status = run.status
    assert (status.status, status.step, status.total_steps, status.saved) == ("finished", 8, 20, 8)
    assert (
        status.reason == "error was measured 2 times in a row without being better than at step 4"
    )
    assert [
        row["score/error"] for row in read_metrics(run.metrics_path) if "score/error" in row
    ] == [
        5.0,
        4.0,
        4.5,
        4.2,
    ]
    assert selection.find(run, "best").step == 4
    assert f"before step 20: {status.reason}." in caplog.text
    assert f"likeness resume {run.path} train.patience=0" in caplog.text


def test_an_early_end_has_the_line_the_preview_and_the_status_of_an_end(tmp_path: Path) -> None:
    """Steps 7 and 8 have no line by their cadence, and step 8 no preview."""
    run = new_run(tmp_path)
    train(run, log_every=3, preview_every=5)
    rows = [row for row in read_metrics(run.metrics_path) if "loss/total" in row]
    assert [row["step"] for row in rows] == [3, 6, 8]
    assert run.preview_steps() == [0, 5, 8]
    assert (run.status.saved, selection.find(run).step) == (8, 8)
    again = new_run(tmp_path, "cadences")
    train(again, log_every=4, preview_every=4)
    rows = [row for row in read_metrics(again.metrics_path) if "loss/total" in row]
    assert [row["step"] for row in rows] == [4, 8]


@pytest.mark.parametrize(("patience", "end"), [(0, 20), (1, 6), (2, 8), (3, 20)])
def test_patience_is_how_many_evaluations_may_be_no_better(
    tmp_path: Path, patience: int, end: int
) -> None:
    run = new_run(tmp_path)
    assert train(run, patience=patience).step == end
    assert bool(run.status.reason) == (end < 20)


def test_an_equal_value_is_no_better_one(tmp_path: Path) -> None:
    """3.0 at step 14 is what step 10 had; without it 2.0 at step 16 would come in time."""
    run = new_run(tmp_path)
    stages = [Stage(name="long", steps=8, weights={"fit": 1.0}), *one_stage(12)]
    assert train(run, stages).step == 14
    assert run.status.reason.endswith("better than at step 10")


def test_evaluations_of_earlier_stages_end_nothing_and_do_not_count(tmp_path: Path) -> None:
    """At step 8 two evaluations were no better; what step 10 has to beat is no 4.0 of step 4."""
    stages = [Stage(name="first", steps=8, weights={"fit": 1.0}), *one_stage(4)]
    run = new_run(tmp_path)
    assert train(run, stages).step == 12
    assert run.status.reason == ""


@pytest.mark.parametrize("stopped_at", [3, 6, 7])
def test_an_interrupted_run_ends_where_an_uninterrupted_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: int
) -> None:
    whole, parts = new_run(tmp_path, "whole"), new_run(tmp_path, "parts")
    train(whole)
    with monkeypatch.context() as patch:
        stop_at(patch, stopped_at)
        assert train(parts).status == "stopped"
    assert parts.status.reason == ""
    outcome = train(parts, resume=True)
    assert (outcome.status, outcome.step) == ("finished", 8)
    assert parts.status.reason == whole.status.reason
    assert_equal(facts(parts), facts(whole))


def test_resuming_a_run_that_ended_early_changes_nothing_until_patience_allows_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run, whole = new_run(tmp_path), new_run(tmp_path, "whole")
    train(run, log_every=2)  # the end adds no line of its own, which the whole run has not
    before = facts(run)
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert train(run, resume=True, log_every=2).step == 8
    assert "train.patience=0" in caplog.text
    assert_equal(facts(run), before)
    assert run.status.reason
    assert train(run, resume=True, patience=0, log_every=2).step == 20
    assert run.status.reason == ""
    train(whole, patience=0, log_every=2)
    assert_equal(facts(run), facts(whole))


def test_a_run_that_ended_early_opens_no_trackers_when_it_is_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[int] = []

    def note(run: Run, settings: Any, *, step: int, config: Any) -> list[Any]:
        opened.append(step)
        return []

    monkeypatch.setattr(trainer, "open_trackers", note)
    run = new_run(tmp_path)
    train(run)
    train(run, resume=True)
    assert opened == [0]
    train(run, resume=True, patience=0)
    assert opened == [0, 8]


def test_evaluations_are_counted_in_the_direction_of_the_score(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    for step, value in ((5, 0.2), (10, 0.7), (15, 0.6), (20, 0.7)):
        folder = run.evaluation_folder(step)
        folder.mkdir(parents=True)
        Scores([Score("likeness", value, "1", "higher", 1, 0.0, "mean")]).save(
            folder / "scores.json"
        )
    assert selection.evaluations_since_best(run, "likeness", after=0) == (2, 10)
    assert selection.evaluations_since_best(run, "likeness", after=10) == (0, 20)
    assert selection.evaluations_since_best(run, "likeness", after=20) == (0, 0)
    assert selection.evaluations_since_best(run, "other", after=0) == (0, 0)


def test_processes_end_together(tmp_path: Path) -> None:
    """The first alone sees scores."""
    run = new_run(tmp_path)
    assert together(end_early, run.path) == [4, 4]
    assert run.status.reason == "error was measured once without being better than at step 2"
