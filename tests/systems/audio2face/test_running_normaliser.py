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
    normaliser = RunningNormaliser()
    found = [float(normaliser(torch.tensor(value))) for value in (2.0, 1.0, 0.5, 3.0)]
    assert found == pytest.approx([1.0, 0.633411, 0.379327, 1.585427], abs=1e-6)


def test_the_size_is_a_constant_to_gradients() -> None:
    normaliser = RunningNormaliser()
    loss = torch.tensor(4.0, requires_grad=True)
    normaliser(loss).backward()
    assert float(loss.grad) == pytest.approx(0.25)  # type: ignore[arg-type]


def test_state_goes_through_a_checkpoint_and_validation_leaves_it_alone() -> None:
    normalisers = Normalisers(["mse", "motion"])
    normalisers("mse", torch.tensor(2.0), 1.0)
    state = copy.deepcopy(normalisers.state_dict())
    assert set(state) == {f"terms.{n}.{k}" for n in ("mse", "motion") for k in ("total", "weight")}
    other = Normalisers(["mse", "motion"])
    other.load_state_dict(state)
    assert torch.equal(
        other("mse", torch.tensor(1.0), 1.0), normalisers("mse", torch.tensor(1.0), 1.0)
    )
    normalisers.eval()
    before = copy.deepcopy(normalisers.state_dict())
    assert float(normalisers("mse", torch.tensor(9.0), 1.0)) > 5
    assert all(torch.equal(value, before[name]) for name, value in normalisers.state_dict().items())


def test_annealing_fades_gradients_and_never_makes_them_infinite() -> None:
    assert [annealed_exponent(s, 100) for s in (0, 25, 100, 120)] == [1.0, 0.75, 0.0, 0.0]
    assert annealed_exponent(0, 0) == 1.0
    gradients = []
    for exponent in (1.0, 0.5, 0.0):
        loss = torch.tensor(3.0, requires_grad=True)
        Normalisers(["a"])("a", loss, exponent).backward()
        gradients.append(float(loss.grad))  # type: ignore[arg-type]
    assert gradients == pytest.approx([1 / 3, 1 / 6, 0.0])
    zero = torch.tensor(0.0, requires_grad=True)
    Normalisers(["a"])("a", zero, 0.5).backward()
    assert torch.isfinite(zero.grad)  # type: ignore[arg-type]
