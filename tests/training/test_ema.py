from __future__ import annotations

import pytest
import torch

from likeness.training.ema import Average


def test_average_against_a_plain_loop() -> None:
    values = torch.tensor([1.0, -2.0])
    average = Average({"net.weight": values}, decay=0.9)
    expected, moved = values.clone().double(), values.clone().double()
    for number in range(200):
        moved = moved + 0.1
        values.copy_(moved)
        decay = min(0.9, (1 + number) / (10 + number))
        expected = decay * expected + (1 - decay) * values.double()
        average.update(number)
    assert average.weights()["net.weight"].tolist() == pytest.approx(expected.tolist(), rel=1e-5)


def test_parameters_at_rest_stay_exactly() -> None:
    values = torch.randn(1000, generator=torch.Generator().manual_seed(0))
    average = Average({"w": values}, decay=0.999)
    for number in range(50):
        average.update(number)
    assert torch.equal(average.weights()["w"], values)


def test_average_is_its_own_memory() -> None:
    values = torch.zeros(3)
    average = Average({"w": values}, decay=0.5)
    values.fill_(1.0)
    assert average.weights()["w"].tolist() == [0.0, 0.0, 0.0]
    average.load({"w": torch.full((3,), 7.0)})
    assert average.weights()["w"].tolist() == [7.0, 7.0, 7.0]
    assert values.tolist() == [1.0, 1.0, 1.0]
