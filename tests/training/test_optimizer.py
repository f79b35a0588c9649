from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn

from likeness.training import optimizer
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan, Schedule, Stage


def factors(schedule: Schedule, length: int) -> list[float]:
    return [optimizer.schedule_factor(schedule, position, length) for position in range(length)]


def test_constant_after_warm_up() -> None:
    found = factors(Schedule(kind="constant", warmup_steps=4), 7)
    assert found == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0])


def test_linear_loses_the_same_every_step() -> None:
    found = factors(Schedule(kind="linear", final_factor=0.2), 4)
    assert found == pytest.approx([1.0, 0.8, 0.6, 0.4])


def test_cosine_against_its_table() -> None:
    found = factors(Schedule(kind="cosine"), 4)
    half = math.sqrt(0.5)
    assert found == pytest.approx([1.0, (1 + half) / 2, 0.5, (1 - half) / 2])
    with_end = factors(Schedule(kind="cosine", warmup_steps=2, final_factor=0.1), 4)
    assert with_end == pytest.approx([0.5, 1.0, 1.0, 0.1 + 0.9 * 0.5])


def test_exponential_halves() -> None:
    found = factors(Schedule(kind="exponential", final_factor=1 / 16), 4)
    assert found == pytest.approx([1.0, 0.5, 0.25, 0.125])


def test_exponential_needs_an_end_above_zero() -> None:
    with pytest.raises(ValidationError, match="'final_factor' of 0"):
        Schedule(kind="exponential")


def test_schedule_spans_the_stage_or_the_run() -> None:
    linear, over_run = Schedule(kind="linear"), Schedule(kind="linear", span="run")
    stages = [
        Stage(name="a", steps=4, weights={"fit": 1.0}, schedule=linear),
        Stage(name="b", steps=6, weights={"fit": 1.0}, schedule=linear, learning_rate=0.5),
        Stage(name="c", steps=10, weights={"fit": 1.0}, schedule=over_run),
    ]
    plan = Plan.build(stages, samples_per_epoch=10, batch_size=1)
    built = optimizer.build({"net": nn.Linear(2, 2)}, TrainSettings(), fused=False)

    def rate(step: int) -> float:
        planned = plan.at(step)
        return optimizer.set_learning_rate(built, plan, planned, rate=2.0, step=step)["net"]

    assert [rate(0), rate(2)] == pytest.approx([2.0, 1.0])
    assert [rate(4), rate(7)] == pytest.approx([0.5, 0.25])  # its own peak, from its own start
    assert rate(15) == pytest.approx(2.0 * 0.25)  # a quarter of all 20 steps is left
    assert built.param_groups[0]["lr"] == rate(15)


def test_groups_have_their_factor() -> None:
    stage = Stage(name="a", steps=4, weights={"fit": 1.0}, groups={"one": 1.0, "two": 0.1})
    plan = Plan.build([stage], samples_per_epoch=10, batch_size=1)
    modules = {"one": nn.Linear(2, 2), "two": nn.Linear(2, 2)}
    built = optimizer.build(modules, TrainSettings(), fused=False)
    rates = optimizer.set_learning_rate(built, plan, plan.stages[0], rate=3.0, step=0)
    assert rates == pytest.approx({"one": 3.0, "two": 0.3})


def test_only_weights_decay() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.LayerNorm([4, 5, 5]))
    module.append(nn.Linear(5, 2))
    built = optimizer.build({"net": module}, TrainSettings(weight_decay=0.3), fused=False)
    decay = {name: group["weight_decay"] for group in built.param_groups for name in group["names"]}
    # The weight of a layer norm over an image has three axes and is still no weight matrix.
    assert {name for name, value in decay.items() if value == 0.3} == {
        "net.0.weight",
        "net.3.weight",
    }
    assert {name for name, value in decay.items() if value == 0.0} == {
        "net.0.bias",
        "net.1.weight",
        "net.1.bias",
        "net.2.weight",
        "net.2.bias",
        "net.3.bias",
    }


def test_frozen_parameters_are_not_given_to_the_optimiser() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    built = optimizer.build({"net": module}, TrainSettings(), fused=False)
    assert [name for group in built.param_groups for name in group["names"]] == ["net.weight"]


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "adafactor"])
def test_moments_survive_a_rebuild_by_name(name: str) -> None:
    """An optimiser of fewer parameters continues exactly where the old one was for those."""
    torch.manual_seed(0)
    settings = TrainSettings(optimizer=name, learning_rate=0.1)
    inputs = torch.randn(8, 4)

    def trained(rebuild: bool) -> torch.Tensor:
        torch.manual_seed(1)
        modules = {"first": nn.Linear(4, 4), "second": nn.Linear(4, 1)}
        built = optimizer.build(modules, settings, fused=False)
        for step in range(6):
            if step == 3:
                modules["first"].requires_grad_(False)
                modules["first"].zero_grad()
                if rebuild:
                    memory = optimizer.moments(built)
                    assert set(memory) == {
                        "first.weight",
                        "first.bias",
                        "second.weight",
                        "second.bias",
                    }
                    built = optimizer.build(modules, settings, fused=False)
                    optimizer.load_moments(built, memory)
                    assert set(optimizer.moments(built)) == {"second.weight", "second.bias"}
            modules["second"](modules["first"](inputs)).square().mean().backward()
            built.step()
            built.zero_grad()
        return modules["second"].weight.detach()

    assert torch.equal(trained(rebuild=True), trained(rebuild=False))


def test_adamw_is_the_published_update() -> None:
    """Loshchilov & Hutter 2019, algorithm 2, by hand for one weight."""
    module = nn.Linear(1, 1, bias=False)
    module.weight.data.fill_(2.0)
    settings = TrainSettings(learning_rate=0.1, weight_decay=0.5, betas=(0.8, 0.9))
    built = optimizer.build({"net": module}, settings, fused=False)
    weight, mean, square = 2.0, 0.0, 0.0
    for step in (1, 2):
        gradient = 3.0 * step
        module.weight.grad = torch.tensor([[gradient]])
        built.step()
        mean = 0.8 * mean + 0.2 * gradient
        square = 0.9 * square + 0.1 * gradient**2
        moved = (mean / (1 - 0.8**step)) / (math.sqrt(square / (1 - 0.9**step)) + 1e-8)
        weight = weight - 0.1 * 0.5 * weight - 0.1 * moved
        assert module.weight.item() == pytest.approx(weight, rel=1e-6)


def test_gradient_norm_and_limit() -> None:
    one, two = nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1))
    unused = nn.Parameter(torch.zeros(1))

    def with_gradient(largest: float) -> tuple[float, list[float]]:
        one.grad, two.grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
        norm = optimizer.limit_gradient([one, two, unused], largest)
        return norm.item(), [*one.grad.tolist(), *two.grad.tolist()]

    assert with_gradient(0.0) == (5.0, [3.0, 0.0, 4.0])
    assert with_gradient(10.0) == (5.0, [3.0, 0.0, 4.0])
    norm, gradient = with_gradient(1.0)
    assert norm == 5.0
    assert gradient == pytest.approx([0.6, 0.0, 0.8], rel=1e-5)
