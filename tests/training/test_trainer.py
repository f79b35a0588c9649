"""The loop on the toy system: what a step computes, records, skips and saves."""

from __future__ import annotations

import copy
import json
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from likeness.data.sampler import Sampler
from likeness.data.source import Mixed
from likeness.errors import LikenessError, UsageError
from likeness.runs import selection
from likeness.runs.checkpoint import checkpoints
from likeness.runs.record import read_metrics
from likeness.seeds import rng_of
from likeness.training import trainer
from likeness.training.stage import Ramp, Stage
from tests.toy_system.comparison import MEASURED, assert_equal, facts, new_run
from tests.toy_system.system import (
    ToyConfig,
    ToySystem,
    toy_plan,
    toy_settings,
    toy_stages,
    toy_system,
)

ROOT = Path(__file__).resolve().parents[2]
PLAIN = ToyConfig(batch_norm=False, dropout=0.0, noise=0.0, others=0)


def one_stage(steps: int = 6, **changes: Any) -> list[Stage]:
    return [Stage(**{"name": "only", "steps": steps, "weights": {"fit": 1.0}, **changes})]


def fit(run: Any, config: ToyConfig, settings: Any, stages: Any = None, **options: Any) -> Any:
    system = toy_system(config)
    trainer.fit(system, toy_plan(settings, stages), run, settings, **options)
    return system


def test_the_loop_equals_a_plain_one(tmp_path: Path) -> None:
    """Against straight PyTorch: order, augmentation, accumulation, AdamW, clipping, weights."""
    settings = toy_settings(batch_size=3, accumulation=2, clip_norm=0.5, weight_decay=0.1)
    stages = one_stage(8, weights={"fit": 2.0, "size": Ramp(start=0.7, end=0.0)})
    trained = fit(new_run(tmp_path), PLAIN, settings, stages)

    system = toy_system(PLAIN)
    source = Mixed(system.sources("train"))
    matrices = [system.encoder.project.weight, system.head.weight]
    others = [p for m in (system.encoder, system.head) for p in m.parameters() if p.ndim == 1]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=1e-2,
    )
    order = Sampler(source, seed=0).stage(0, batch_size=3, mix=None)
    for step in range(8):
        for micro in range(2):
            draws = order.micro_batch(2 * step + micro)
            samples = [
                source.draw(d.sample, rng_of(0, "draw", 0, d.epoch, d.sample, d.repeat))
                for d in draws
            ]
            batch = system.collate(samples)
            code = system.encoder(batch["input"])
            fit_loss = (system.head(code) - batch["target"]).square().mean()
            size_weight = 0.7 * (1 - step / 7)
            (2.0 * fit_loss + size_weight * code.square().mean()).div(2).backward()
        torch.nn.utils.clip_grad_norm_([*matrices, *others], 0.5)
        optimizer.step()
        optimizer.zero_grad()
    for name, module in system.trainable().items():
        for (key, expected), found in zip(
            module.named_parameters(), trained.trainable()[name].parameters(), strict=True
        ):
            assert (found - expected).abs().max() < 1e-6, key


def test_accumulation_equals_the_big_batch(tmp_path: Path) -> None:
    whole = fit(
        new_run(tmp_path, "a"), PLAIN, toy_settings(batch_size=8, accumulation=1), one_stage(10)
    )
    parts = fit(
        new_run(tmp_path, "b"), PLAIN, toy_settings(batch_size=2, accumulation=4), one_stage(10)
    )
    for one, other in zip(whole.encoder.parameters(), parts.encoder.parameters(), strict=True):
        assert (one - other).abs().max() < 1e-6


def test_a_short_micro_batch_weighs_as_one(tmp_path: Path) -> None:
    """With buckets the end of an epoch leaves short batches: the gradient is the mean over the
    micro-batches really used, each the mean over its own samples."""
    config = PLAIN.replace(buckets=True, samples=10, augmentation=0.0)
    settings = toy_settings(
        batch_size=3, accumulation=2, optimizer="sgd", betas=(0.0, 0.9), clip_norm=0.0,
        weight_decay=0.0, learning_rate=0.1,
    )  # fmt: skip
    trained = fit(new_run(tmp_path), config, settings, one_stage(5))
    system = toy_system(config)
    source = Mixed(system.sources("train"))
    order = Sampler(source, seed=0).stage(0, batch_size=3, mix=None)
    parameters = [*system.encoder.parameters(), *system.head.parameters()]
    sizes = []
    for step in range(5):
        means = []
        for micro in range(2):
            draws = order.micro_batch(2 * step + micro)
            sizes.append(len(draws))
            batch = system.collate([source[d.sample] for d in draws])
            output = system.head(system.encoder(batch["input"]))
            means.append((output - batch["target"]).square().mean())
        gradients = torch.autograd.grad(0.5 * (means[0] + means[1]), parameters)
        with torch.no_grad():
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter -= 0.1 * gradient
    assert set(sizes) == {1, 3}  # buckets of 4, 3 and 3 samples
    for expected, found in zip(
        parameters,
        [*trained.encoder.parameters(), *trained.head.parameters()],
        strict=True,
    ):
        assert (found - expected).abs().max() < 1e-6


def test_metrics_hold_every_term_raw_weighted_and_in_total(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    fit(run, ToyConfig(), toy_settings(), toy_stages())
    rows = read_metrics(run.metrics_path)
    # Every third step, and the end of the stages at 12 and 20: an interval never spans two stages.
    assert [row["step"] for row in rows] == [3, 6, 9, 12, 15, 18, 20]
    for row in rows[:4]:
        assert row["stage"] == 0
        parts = [row[f"loss_weighted/{name}"] for name in ("fit", "size", "spread")]
        assert row["loss/total"] == pytest.approx(sum(parts), rel=1e-6)
        assert row["loss_weighted/spread"] == pytest.approx(0.01 * row["loss/spread"])
        assert row["lr/encoder"] == row["lr/head"]
    for row in rows[4:]:
        assert row["stage"] == 1
        assert "loss/size" not in row
        assert "lr/encoder" not in row
        assert row["loss/total"] == row["loss/fit"]
    # Linear over 8 steps, half the rate: the last step of the stage has 1/8 left.
    assert rows[-1]["lr/head"] == pytest.approx(1e-2 * 0.5 / 8)
    for row in rows:
        assert row["grad_norm"] > 0
        assert row["samples_per_second"] > 0
        assert 0 <= row["data_wait_fraction"] <= 1
        assert 0.01 < row["memory_gigabytes"] < 100
        assert -1 < row["code_mean"] < 1


def test_frozen_group_does_not_move(tmp_path: Path) -> None:
    system = toy_system()
    before = copy.deepcopy(system.encoder.state_dict())
    settings = toy_settings()
    trainer.fit(
        system, toy_plan(settings, one_stage(groups={"head": 1.0})), new_run(tmp_path), settings
    )
    for name, tensor in system.encoder.state_dict().items():  # weights and running statistics
        assert torch.equal(tensor, before[name]), name


def test_keep_and_reset_differ_only_in_memory(tmp_path: Path) -> None:
    """With reset the second stage starts as a new optimiser would."""
    memories = {}
    for choice in ("keep", "reset"):
        run = new_run(tmp_path, choice)
        last = Stage(name="next", steps=1, weights={"fit": 1.0}, optimizer=choice)
        stages = [*one_stage(4), last]
        fit(run, PLAIN, toy_settings(save_every=1, keep_checkpoints=0), stages)
        memories[choice] = selection.find(run, 5).optimizer()["moments"]
    steps = {
        choice: {int(memory["step"]) for memory in table.values()}
        for choice, table in memories.items()
    }
    assert steps == {"keep": {5}, "reset": {1}}


def test_evaluation_and_previews_change_no_training_step(tmp_path: Path) -> None:
    quiet, busy = new_run(tmp_path, "quiet"), new_run(tmp_path, "busy")
    fit(quiet, ToyConfig(), toy_settings())
    fit(busy, ToyConfig(), toy_settings(preview_every=2, evaluate_every=3, best_score="error"))
    one, other = facts(quiet), facts(busy)
    other["metrics"] = [row for row in other["metrics"] if "score/error" not in row]
    assert_equal(other, one)
    assert busy.preview_steps() == [0, *range(2, 21, 2)]
    assert busy.evaluation_steps() == [3, 6, 9, 12, 15, 18, 20]
    # Two looks at one moment are the same: the last checkpoint scores what was recorded.
    best = selection.find(busy, "best")
    scored = {
        row["step"]: row["score/error"]
        for row in read_metrics(busy.metrics_path)
        if "score/error" in row
    }
    assert best.step == min(scored, key=lambda step: scored[step])
    system = toy_system()
    predictor = system.predictor(best.weights(ema=True))
    source = system.sources("validation")["validation-main"]
    score = system.evaluate(predictor, source, tmp_path)["error"]
    assert score.value == scored[best.step]
    assert score.beats_baseline


def test_workers_change_nothing(tmp_path: Path) -> None:
    runs = [new_run(tmp_path, f"workers-{count}") for count in range(3)]
    for count, run in enumerate(runs):
        fit(run, ToyConfig(), toy_settings(workers=count))
    assert_equal(facts(runs[1]), facts(runs[0]))
    assert_equal(facts(runs[2]), facts(runs[0]))


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
    assert "main-003" in run.log_path.read_text()


def test_ten_bad_steps_in_a_row_stop_with_advice(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    config = PLAIN.replace(poison=tuple(f"main-{i:03d}" for i in range(40)))
    with pytest.raises(LikenessError, match=r"at step 10: .* of 10 steps in a row") as caught:
        fit(run, config, toy_settings(save_every=4), one_stage(30))
    assert "train.learning_rate" in caught.value.advice
    status = run.status
    assert (status.status, status.step) == ("failed", 9)
    assert "10 steps in a row" in status.error
    rows = read_metrics(run.metrics_path)
    assert len([row for row in rows if "nonfinite" in row]) == 10
    assert [c.step for c in checkpoints(run)] == [4, 8]
    assert checkpoints(run)[-1].progress.skipped_in_row == 8


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
        (
            lambda t: {"fit": t["fit"].detach()},
            {"fit": 1.0},
            "no loss depends on a weight that learns; active terms: fit",
        ),
        (lambda t: t, {"fit": 0.0}, "active terms: none"),
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


class Display:
    """A tracker that remembers."""

    def __init__(self) -> None:
        self.rows: list[dict[str, float]] = []
        self.closed = 0

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self.rows.append({**values, "step": step})

    def media(self, step: int, name: str, path: Path) -> None: ...

    def close(self) -> None:
        self.closed += 1


def test_trackers_hear_every_line_and_are_closed_once(tmp_path: Path) -> None:
    run, display = new_run(tmp_path), Display()
    fit(run, PLAIN, toy_settings(), one_stage(7), trackers=[display])
    lines = [
        {name: value for name, value in row.items() if name != "time"}
        for row in read_metrics(run.metrics_path)
    ]
    assert display.rows == lines
    assert display.closed == 1
    refused = Display()
    with pytest.raises(UsageError, match="unknown group"):
        fit(new_run(tmp_path, "b"), PLAIN, toy_settings(), one_stage(groups={"x": 1.0}),
            trackers=[refused])  # fmt: skip
    assert (refused.rows, refused.closed) == ([], 1)


def test_evaluation_without_validation_data_is_said_at_once(tmp_path: Path) -> None:
    class Unheld(ToySystem):
        def sources(self, split: str) -> Any:
            return super().sources(split) if split == "train" else {}

    settings = toy_settings(evaluate_every=5)
    system = Unheld(PLAIN, toy_system().placement)
    run = new_run(tmp_path)
    with pytest.raises(UsageError, match="no validation samples"):
        trainer.fit(system, toy_plan(settings, one_stage()), run, settings)


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


def test_draws_come_from_two_different_streams(tmp_path: Path) -> None:
    """Dropout and noise must not be the same numbers, nor repeat between steps or micro-batches."""
    drawn: list[tuple[float, float]] = []

    class Watched(ToySystem):
        def losses(self, batch: Any, context: Any) -> Mapping[str, Tensor]:
            own = torch.rand((), generator=context.generator).item()
            drawn.append((own, torch.rand(()).item()))
            return super().losses(batch, context)

    settings = toy_settings()
    trainer.fit(
        Watched(PLAIN, toy_system().placement),
        toy_plan(settings, one_stage(5)),
        new_run(tmp_path),
        settings,
    )
    numbers = [number for pair in drawn for number in pair]
    assert len(numbers) == len(set(numbers)) == 20


_SCRIPT = """
import sys
from pathlib import Path
from likeness.runs.run import Run
from likeness.training import trainer
from tests.toy_system.system import *
import time

class Slow(ToySystem):
    def losses(self, batch, context):
        print("step", context.step, flush=True)
        time.sleep(float(sys.argv[3]))
        return super().losses(batch, context)

settings = toy_settings(save_every=1000, workers=int(sys.argv[2]))
stages = [Stage(name="only", steps=1000, weights={"fit": 1.0})]
system = Slow(ToyConfig(), toy_system().placement)
outcome = trainer.fit(system, toy_plan(settings, stages), Run(Path(sys.argv[1])), settings)
sys.exit(130 if outcome.status == "stopped" else 0)
"""


def _started(run: Any, workers: int, seconds: float = 0.05) -> subprocess.Popen[str]:
    """A training process that is in its third step; every step takes some seconds."""
    process = subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, str(run.path), str(workers), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line == "step 2\n":
            return process
    raise AssertionError("the process ended before its third step")


@pytest.mark.parametrize(
    ("number", "workers"), [(signal.SIGTERM, 2), (signal.SIGINT, 0)], ids=["term", "int"]
)
def test_a_signal_to_the_whole_group_finishes_the_step_and_saves(
    tmp_path: Path, number: int, workers: int
) -> None:
    run = new_run(tmp_path)
    process = _started(run, workers)
    os.killpg(process.pid, number)
    assert process.wait(20) == 130
    status = run.status
    assert status.status == "stopped"
    assert 3 <= status.step < 10
    assert [c.step for c in checkpoints(run)] == [status.step]
    selection.find(run)  # verifies the hashes


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    process = _started(run, 0, seconds=1.5)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    assert process.wait(20) == -signal.SIGINT
    assert checkpoints(run) == []
    assert run.status.status == "running"
    assert run.status.is_abandoned


def test_one_run_is_trained_by_one_process(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    process = _started(run, 0)
    try:
        with pytest.raises(UsageError, match=f"is being trained by process {process.pid}"):
            fit(run, ToyConfig(), toy_settings(), resume=True)
    finally:
        process.kill()
        process.wait()
    assert run.status.is_abandoned


def test_the_run_is_mirrored_after_each_checkpoint(tmp_path: Path) -> None:
    from likeness.storage.store import open_store

    store = open_store(tmp_path / "elsewhere")
    run = new_run(tmp_path)
    fit(run, PLAIN, toy_settings(), one_stage(14), store=store)
    prefix = f"toy/{run.name}"
    keys = [key.removeprefix(f"{prefix}/") for key in store.list()]
    steps = {key.split("/")[1] for key in keys if key.startswith("checkpoints/")}
    assert steps == {"step-00000010", "step-00000014"}  # as many as are kept here
    for name in ("trainable.safetensors", "progress.json"):
        here = run.checkpoint_folder(14) / name
        there = store.read_bytes(f"{prefix}/checkpoints/step-00000014/{name}")
        assert there == here.read_bytes()
    assert json.loads(store.read_bytes(f"{prefix}/status.json"))["step"] == 14
    rows = store.read_bytes(f"{prefix}/metrics.jsonl").decode().splitlines()
    assert [json.loads(row)["step"] for row in rows] == [3, 6, 9, 12, 14]


def test_measured_names_are_those_the_comparison_leaves_out(tmp_path: Path) -> None:
    run = new_run(tmp_path)
    fit(run, ToyConfig(), toy_settings())
    row = read_metrics(run.metrics_path)[0]
    assert set(row) >= MEASURED
