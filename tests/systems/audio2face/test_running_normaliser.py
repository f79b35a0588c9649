"""The running size of losses: golden numbers, checkpoints, and the end of annealing."""

from __future__ import annotations

import copy

import pytest
import torch

from likeness.systems.audio2face.running_normaliser import (
    Normalisers,
    RunningNormaliser,
    annealed_exponent,
)


def test_golden_sequence() -> None:
    normalisers, found = Normalisers(["mse"]), []
    for step, value in enumerate((2.0, 1.0, 0.5, 3.0)):
        normalisers.begin(step)
        found.append(float(normalisers("mse", torch.tensor(value), 1.0)))
        normalisers.end_micro_batch(lambda tensor: tensor, torch.device("cpu"))
    assert found == pytest.approx([1.0, 0.633411, 0.379327, 1.585427], abs=1e-6)


def test_the_size_is_a_constant_to_gradients() -> None:
    normaliser = RunningNormaliser()
    loss = torch.tensor(4.0, requires_grad=True)
    normaliser(loss).backward()
    assert float(loss.grad) == pytest.approx(0.25)  # type: ignore[arg-type]


def test_state_goes_through_a_checkpoint_and_validation_leaves_it_alone() -> None:
    normalisers = Normalisers(["mse", "motion"])
    normalisers("mse", torch.tensor(2.0), 1.0)
    normalisers.end_micro_batch(lambda tensor: tensor, torch.device("cpu"))
    normalisers.end_step()
    state = copy.deepcopy(normalisers.state_dict())
    assert set(state) == {f"terms.{n}.{k}" for n in ("mse", "motion") for k in ("total", "weight")}
    other = Normalisers(["mse", "motion"])
    other.load_state_dict(state)
    assert torch.equal(
        other("mse", torch.tensor(1.0), 1.0), normalisers("mse", torch.tensor(1.0), 1.0)
    )
    normalisers.eval()
    before = copy.deepcopy(normalisers.state_dict())
    assert float(normalisers("mse", torch.tensor(9.0), 1.0)) == pytest.approx(4.5)
    assert all(torch.equal(value, before[name]) for name, value in normalisers.state_dict().items())


def test_annealing_fades_gradients_and_never_makes_them_infinite() -> None:
    assert [annealed_exponent(share) for share in (0, 0.25, 1, 1.2)] == [1.0, 0.75, 0.0, 0.0]
    gradients = []
    for exponent in (1.0, 0.5, 0.0):
        loss = torch.tensor(3.0, requires_grad=True)
        Normalisers(["a"])("a", loss, exponent).backward()
        gradients.append(float(loss.grad))  # type: ignore[arg-type]
    assert gradients == pytest.approx([1 / 3, 1 / 6, 0.0])
    zero = torch.tensor(0.0, requires_grad=True)
    Normalisers(["a"])("a", zero, 0.5).backward()
    assert torch.isfinite(zero.grad)  # type: ignore[arg-type]


def test_micro_batches_of_one_process_are_remembered_as_those_of_two() -> None:
    """The second process has no such loss in step 1: everyone still asks everyone."""
    losses = {0: (2.0, 4.0), 1: (1.0, None), 2: (3.0, 3.5)}
    one, first, second = (Normalisers(["mse"]) for _ in range(3))
    together: list[list[float]] = []
    for step, values in losses.items():
        one.begin(step)
        alone = []
        for value in values:
            if value is not None:
                alone.append(float(one("mse", torch.tensor(value), 1.0)))
            one.end_micro_batch(lambda tensor: tensor, torch.device("cpu"))
        together.append(alone)
    for step, values in losses.items():
        found, squares = [], torch.tensor([[float("nan") if v is None else v * v] for v in values])
        for process, value in zip((first, second), values, strict=True):
            process.begin(step)
            if value is not None:
                found.append(float(process("mse", torch.tensor(value), 1.0)))
            process.end_micro_batch(lambda tensor, all=squares: all, torch.device("cpu"))
        assert found == pytest.approx(together[step])
    assert together[1][0] == pytest.approx(1 / ((0.99 * 10 + 1) / (0.99 + 1)) ** 0.5, rel=1e-5)
