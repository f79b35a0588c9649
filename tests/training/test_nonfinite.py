"""Steps whose numbers are not finite, and low precision, which makes some of them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from likeness.errors import LikenessError
from likeness.runs import selection
from likeness.runs.checkpoint import checkpoints
from likeness.runs.record import read_metrics
from likeness.training import trainer
from tests.toy_system.comparison import assert_equal, new_run
from tests.toy_system.system import (
    ToyConfig,
    ToySystem,
    toy_plan,
    toy_settings,
    toy_system,
)
from tests.training.cases import PLAIN, fit, one_stage


def test_bad_samples_are_skipped_without_a_trace(tmp_path: Path) -> None:
    """The batch norm's statistics too are as if the step had not been."""
    run = new_run(tmp_path)
    config = ToyConfig(poison=("main-003",), others=0, noise=0.0)
    seen: list[dict[str, Tensor]] = []

    class Watched(ToySystem):
        def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
            seen.append(copy.deepcopy(self.predictor_weights()))
            terms = super().losses(batch, context)
            if "main-003" in batch["id"]:
                self.encoder.norm.running_mean.data.fill_(float("nan"))
            return terms

        def predictor_weights(self) -> dict[str, Tensor]:
            return {**self.encoder.state_dict(), **self.head.state_dict()}

    settings = toy_settings(accumulation=1, log_every=1)
    system = Watched(config, toy_system().placement)
    trainer.fit(system, toy_plan(settings, one_stage(10)), run, settings)
    rows = read_metrics(run.metrics_path)
    bad = [row for row in rows if "nonfinite" in row]
    assert len(bad) == 1  # one epoch
    assert "main-003" in bad[0]["nonfinite_ids"]
    assert len(bad[0]["nonfinite_ids"]) == 4
    step = bad[0]["step"]
    assert_equal(seen[step], seen[step - 1])  # before the next step, and before the skipped one
    assert all(torch.isfinite(t).all() for t in selection.find(run).weights(ema=True).values())
    progress = selection.find(run).progress
    assert (progress.step, progress.updates, progress.skipped_in_row) == (10, 9, 0)
    assert "taught nothing" not in run.log_path.read_text()  # the last steps did
    assert "main-003" in run.log_path.read_text()


def test_ten_bad_steps_in_a_row_stop_with_advice(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    config = PLAIN.replace(poison=tuple(f"main-{i:03d}" for i in range(40)))
    with pytest.raises(LikenessError, match=r"at step 10: .* of 10 steps in a row") as caught:
        fit(run, config, toy_settings(save_every=4), one_stage(30))
    assert "lower the learning rate" in caught.value.advice
    status = run.status
    assert (status.status, status.step) == ("failed", 9)
    assert "10 steps in a row" in status.error
    rows = read_metrics(run.metrics_path)
    assert len([row for row in rows if "nonfinite" in row]) == 10
    assert [c.step for c in checkpoints(run)] == [4, 8]
    assert checkpoints(run)[-1].progress.skipped_in_row == 8


@pytest.mark.parametrize(("bad", "told"), [(1, "last step of 6"), (4, "last 4 steps of 6")])
def test_last_steps_that_were_skipped_are_told_as_training_finishes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, bad: int, told: str
) -> None:
    """It finished without a word of advice, its weights those of some steps before."""

    class Late(ToySystem):
        def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
            terms = super().losses(batch, context)
            factor = float("nan") if context.step >= 6 - bad else 1.0
            return {name: term * factor for name, term in terms.items()}

    run, settings = new_run(tmp_path), toy_settings(log_every=1)
    system = Late(PLAIN, toy_system().placement)
    assert trainer.fit(system, toy_plan(settings, one_stage(6)), run, settings).status == "finished"
    (line,) = [r.getMessage() for r in caplog.records if "taught nothing" in r.getMessage()]
    assert f"The {told} taught nothing" in line
    assert "lower the learning rate" in line
    assert line in run.log_path.read_text()


def test_gradient_that_is_not_finite_is_skipped(tmp_path: Path) -> None:
    """The loss is finite, its gradient is not: the square root at zero."""

    class Rooted(ToySystem):
        def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
            terms = dict(super().losses(batch, context))
            if context.step == 2:
                terms["fit"] = terms["fit"] + (self.head.weight * 0.0).sum().abs().sqrt()
            return terms

    run, settings = new_run(tmp_path), toy_settings(log_every=1)
    system = Rooted(PLAIN, toy_system().placement)
    trainer.fit(system, toy_plan(settings, one_stage(5)), run, settings)
    assert [r["step"] for r in read_metrics(run.metrics_path) if "nonfinite" in r] == [3]
    assert all(torch.isfinite(p).all() for p in system.head.parameters())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_low_precision_learns_and_keeps_float32_weights(tmp_path: Path, precision: str) -> None:
    run = new_run(tmp_path)
    seen: set[torch.dtype] = set()

    class Watched(ToySystem):
        def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
            seen.add(self.encoder.project(batch["input"]).dtype)
            return super().losses(batch, context)

    settings = toy_settings(precision=precision, log_every=1)
    system = Watched(PLAIN, toy_system().placement)
    trainer.fit(system, toy_plan(settings, one_stage(40)), run, settings)
    assert seen == {torch.bfloat16 if precision == "bf16" else torch.float16}
    assert {t.dtype for t in selection.find(run).weights().values()} == {torch.float32}
    rows = [row for row in read_metrics(run.metrics_path) if "loss/fit" in row]
    assert np.mean([r["loss/fit"] for r in rows[-5:]]) < 0.7 * rows[0]["loss/fit"]
    # The scale was divided out before the norm was taken.
    exact = new_run(tmp_path, "exact")
    fit(exact, PLAIN, toy_settings(log_every=1), one_stage(1))
    norm = read_metrics(exact.metrics_path)[0]["grad_norm"]
    first = next(row for row in rows if "grad_norm" in row)
    assert first["grad_norm"] == pytest.approx(norm, rel=0.05)


def test_float16_overflow_lowers_the_scale_and_is_no_fault(tmp_path: Path) -> None:
    class Huge(ToySystem):
        def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
            code = self.encoder(batch["input"])
            return {"fit": 1e3 * (self.head(code) - batch["target"]).square().mean()}

    run, settings = new_run(tmp_path), toy_settings(precision="fp16", clip_norm=1.0)
    trainer.fit(
        Huge(PLAIN, toy_system().placement), toy_plan(settings, one_stage(20)), run, settings
    )
    saved = selection.find(run)
    assert 0 < saved.progress.updates < 20
    assert saved.optimizer()["scaler"]["scale"] < 2.0**16
    assert not [row for row in read_metrics(run.metrics_path) if "nonfinite" in row]
