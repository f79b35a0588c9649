"""Two processes that train together, over gloo on the CPU."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch

from likeness.errors import MissingError, UsageError
from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.runs.run import Run
from likeness.training import distributed
from likeness.training.stage import Stage
from likeness.training.system import Placement
from tests.toy_system.comparison import new_run
from tests.toy_system.system import ToyConfig, ToySystem, toy_stages
from tests.training.two_processes import (
    gather,
    talk,
    together,
    train,
    train_and_listen,
    train_with_a_signal,
)

# Gradients of two processes are added in another order than those of two micro-batches, so the last
# bits differ: after twenty steps of Adam on numbers of order one, by less than this.
TOLERANCE = 1e-6


def stages(terms: dict[str, float]) -> list[Stage]:
    return [stage.model_copy(update={"weights": terms}) for stage in toy_stages()]


def results(run: Run) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor], list[Any]]:
    last = selection.find(run)
    losses = [
        {name: value for name, value in row.items() if name.startswith(("loss", "grad"))}
        for row in read_metrics(run.metrics_path)
    ]
    return last.weights(), last.weights(ema=True), losses


def assert_close(found: Run, expected: Run) -> None:
    for one, other in zip(results(found), results(expected), strict=True):
        if isinstance(one, dict):
            assert set(one) == set(other)
            for name, tensor in one.items():
                assert (tensor - other[name]).abs().max() < TOLERANCE, name
        else:
            assert len(one) == len(other) >= 5
            for row, reference in zip(one, other, strict=True):
                assert row == pytest.approx(reference, abs=10 * TOLERANCE)


def test_two_processes_equal_one_with_twice_the_micro_batches(tmp_path: Path) -> None:
    """Same samples, same noise, same dropout, over two stages with different groups and mixes."""
    config = ToyConfig(batch_norm=False)
    plan_stages = stages({"fit": 1.0, "size": 0.1})
    alone, pair = new_run(tmp_path, "alone"), new_run(tmp_path, "pair")
    four, two = {"accumulation": 4}, {"accumulation": 2}
    assert together(train, alone.path, config, plan_stages, four, processes=1) == [20]
    assert together(train, pair.path, config, plan_stages, two) == [20, 20]
    assert_close(pair, alone)
    progress = [selection.find(run).progress for run in (alone, pair)]
    assert progress[0].samples_seen == progress[1].samples_seen == 12 * 16 + 8 * 20
    assert [record.world_size for record in progress] == [1, 2]


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_keep_the_running_statistics_of_one(
    tmp_path: Path, accumulation: int
) -> None:
    """Without the other process's batches the running means would be off by a tenth."""
    # Adam would make steps of the rounding errors that are the gradient of a bias before a norm.
    plain = {"optimizer": "sgd", "betas": (0.0, 0.9), "learning_rate": 0.05}
    plan_stages = [Stage(name="all", steps=12, weights={"fit": 1.0})]
    alone, pair = new_run(tmp_path, "alone"), new_run(tmp_path, "pair")
    once = {**plain, "accumulation": 2 * accumulation}
    together(train, alone.path, ToyConfig(), plan_stages, once, processes=1)
    together(train, pair.path, ToyConfig(), plan_stages, {**plain, "accumulation": accumulation})
    found, expected = (selection.find(run).weights() for run in (pair, alone))
    assert found["encoder.norm.num_batches_tracked"] == 12 * 2 * accumulation
    for name, tensor in expected.items():
        assert (found[name] - tensor).abs().max() < TOLERANCE, name


def test_two_processes_equal_one_with_the_whole_batch(tmp_path: Path) -> None:
    config = ToyConfig(batch_norm=False, dropout=0.0, noise=0.0)
    plan_stages = [Stage(name="all", steps=15, weights={"fit": 1.0})]
    alone, pair = new_run(tmp_path, "alone"), new_run(tmp_path, "pair")
    whole, half = {"batch_size": 8, "accumulation": 1}, {"batch_size": 4, "accumulation": 1}
    together(train, alone.path, config, plan_stages, whole, processes=1)
    together(train, pair.path, config, plan_stages, half)
    assert_close(pair, alone)


def test_processes_agree_to_skip_and_to_stop(tmp_path: Path) -> None:
    """A bad sample that one process sees, then a signal that only one receives."""
    run = new_run(tmp_path)
    config = ToyConfig(batch_norm=False, poison=("main-007",), others=0)
    plan_stages = [Stage(name="all", steps=30, weights={"fit": 1.0})]
    first, second = together(train_with_a_signal, run.path, config, plan_stages)
    assert first == second  # the same steps, and bit for bit the same weights
    assert first[:3] == ("stopped", 25, 25)
    assert math.isfinite(first[3])
    skipped = [row for row in read_metrics(run.metrics_path) if "nonfinite" in row]
    # Two epochs of 40 samples and a half in 25 steps of 4: the bad one came twice or three times.
    assert 2 <= len(skipped) <= 3
    assert all("main-007" in row["nonfinite_ids"] for row in skipped)
    assert all(len(row["nonfinite_ids"]) == 4 for row in skipped)
    assert selection.find(run).progress.updates == 25 - len(skipped)


def test_torch_does_not_warn_of_looking_for_unused_parameters(tmp_path: Path) -> None:
    """Every process did, though a term that is not active needs it at other steps."""
    run = new_run(tmp_path)
    plan_stages = [Stage(name="all", steps=3, weights={"fit": 1.0})]
    for said in together(train_and_listen, run.path, ToyConfig(batch_norm=False), plan_stages):
        assert "find_unused_parameters" not in said
    assert not [name for name in selection.find(run).weights() if "unused" in name]


def test_gather_keeps_the_gradient_of_the_local_part() -> None:
    first, second = together(gather)
    assert first == ([1.0, 11.0, 12.0], [1.0])
    assert second == ([1.0, 11.0, 12.0], [2.0, 3.0])


def test_first_speaks_for_all_and_collect_hears_all() -> None:
    expected = ("from 0", [{"rank": 0}, {"rank": 1}], [2.0, 1.0])
    assert together(talk) == [expected, expected]


def test_alone_everything_is_itself() -> None:
    tensor = torch.ones(2, requires_grad=True)
    assert distributed.gather(tensor) is tensor
    assert distributed.from_first("x") == "x"
    assert distributed.collect(3) == [3]
    assert distributed.sum_over_processes([1.0], torch.device("cpu")) == [1.0]
    assert distributed.start("cpu") == distributed.Process(torch.device("cpu"), 0, 1)


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_missing_gpu_is_said() -> None:
    assert distributed.start("auto").device.type == "cpu"
    with pytest.raises(MissingError, match="torch finds no CUDA device") as caught:
        distributed.start("cuda")
    assert "train.device=cpu" in caught.value.advice


def test_device_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert distributed.device_of("auto", 1, 2) == torch.device("cuda", 1)
    assert distributed.device_of("cuda:1", 0, 1) == torch.device("cuda", 1)
    with pytest.raises(UsageError, match="2 processes train together"):
        distributed.device_of("cuda:1", 0, 2)
    with pytest.raises(MissingError, match="GPU 2 is asked for, but torch finds 2"):
        distributed.device_of("cuda:2", 0, 1)


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"WORLD_SIZE": "abc"}, "WORLD_SIZE is 'abc', expected a whole number of at least 1"),
        ({"WORLD_SIZE": "0"}, "WORLD_SIZE is '0', expected a whole number of at least 1"),
        ({"LOCAL_RANK": "-1"}, "LOCAL_RANK is '-1', expected a whole number of at least 0"),
        ({"WORLD_SIZE": "2", "RANK": "0"}, "MASTER_ADDR and MASTER_PORT are not set"),
        ({"WORLD_SIZE": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"}, "RANK is not set"),
        (
            {"WORLD_SIZE": "2", "RANK": "2", "MASTER_ADDR": "x", "MASTER_PORT": "1"},
            "RANK is 2, expected a number below WORLD_SIZE, 2",
        ),
        (
            {"WORLD_SIZE": "2", "RANK": "0", "MASTER_ADDR": "x", "MASTER_PORT": "http"},
            "MASTER_PORT is 'http', expected a whole number",
        ),
    ],
)
def test_a_launch_that_makes_no_sense_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=named) as caught:
        distributed.start("cpu")
    assert "torchrun" in caught.value.advice


def test_frozen_parts_are_not_registered() -> None:
    system = ToySystem(ToyConfig(), Placement(torch.device("cpu")))
    module = distributed.LossModule(system, {"head": system.head})
    assert {id(p) for p in module.parameters()} == {id(p) for p in system.head.parameters()}
