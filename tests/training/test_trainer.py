"""The loop on the toy system: what a step computes, records and saves."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from likeness.data.sampler import Sampler
from likeness.data.source import Mixed
from likeness.errors import MissingError, UsageError
from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.runs.run import Run
from likeness.seeds import rng_of
from likeness.storage.store import LocalStore
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
from tests.training.cases import PLAIN, fit, one_stage


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


def test_the_run_is_mirrored_after_each_checkpoint(tmp_path: Path) -> None:
    from likeness.storage.opening import open_store

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


def test_a_copy_that_failed_at_the_end_is_made_good_by_resume(tmp_path: Path) -> None:
    """The run itself has ended well, and says so; its copy then does too."""

    class Away(LocalStore):
        def upload(self, path: Path, key: str) -> str:
            raise MissingError("The server is away.")

    run = new_run(tmp_path)
    with pytest.raises(MissingError, match="The server is away"):
        fit(run, PLAIN, toy_settings(), one_stage(6), store=Away(tmp_path / "elsewhere"))
    assert (run.status.status, run.status.step) == ("finished", 6)
    fit(
        run,
        PLAIN,
        toy_settings(),
        one_stage(6),
        store=LocalStore(tmp_path / "elsewhere"),
        resume=True,
    )
    copy = Run(tmp_path / "elsewhere" / "toy" / run.name)
    assert copy.status.status == "finished"
    assert selection.find(copy).step == 6
