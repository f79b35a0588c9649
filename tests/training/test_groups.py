from __future__ import annotations

import pytest
import torch
from torch import nn

from likeness.errors import UsageError
from likeness.training.groups import Groups, frozen_copy
from likeness.training.stage import Plan, Stage


def stage(**changes: object) -> Stage:
    return Stage(**{"name": "a", "steps": 1, "weights": {"fit": 1.0}, **changes})


def plan(**changes: object) -> Plan:
    return Plan.build([stage(**changes)], samples_per_epoch=1, batch_size=1)


def modules() -> dict[str, nn.Module]:
    return {"body": nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), "head": nn.Linear(2, 1)}


def test_stage_decides_what_learns_and_who_is_in_train_mode() -> None:
    parts = modules()
    groups = Groups(parts)
    groups.activate(stage(groups={"head": 1.0}))
    assert {id(p) for p in groups.learning} == {id(p) for p in parts["head"].parameters()}
    assert not any(p.requires_grad for p in parts["body"].parameters())
    assert parts["head"].training
    assert not parts["body"].training  # its running statistics stand still
    groups.activate(stage())
    assert len(groups.learning) == 6
    assert parts["body"].training


def test_what_is_frozen_at_the_start_stays_frozen() -> None:
    parts = modules()
    parts["body"][0].weight.requires_grad_(False)
    groups = Groups(parts)
    groups.activate(stage(groups={"head": 1.0}))
    groups.activate(stage())
    assert not parts["body"][0].weight.requires_grad
    assert parts["body"][0].bias.requires_grad


def test_unknown_group_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'haed'.*\nDid you mean 'head'\?"):
        Groups(modules()).check(plan(groups={"haed": 1.0}))


def test_a_group_at_0_is_frozen() -> None:
    """A setting of a profile cannot be taken away, only set to another number."""
    parts = modules()
    groups = Groups(parts)
    groups.activate(stage := plan(groups={"head": 1.0, "body": 0.0}).stages[0].stage)
    assert [p.requires_grad for p in parts["body"].parameters()] == [False] * len(
        list(parts["body"].parameters())
    )
    assert not parts["body"].training
    assert stage.learning_groups == ("head",)
    with pytest.raises(UsageError, match="Stage 'a' trains nothing"):
        groups.check(plan(groups={"head": 0.0, "body": 0.0}))


def test_stage_that_trains_nothing_is_refused() -> None:
    parts = modules()
    parts["head"].requires_grad_(False)
    with pytest.raises(UsageError, match="Stage 'a' trains nothing"):
        Groups(parts).check(plan(groups={"head": 1.0}))


def test_half_precision_weights_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found torch.float16 in 'head.weight'"):
        Groups({"head": nn.Linear(2, 1).half()})


def test_one_parameter_in_two_groups_is_refused() -> None:
    layer = nn.Linear(2, 2)
    with pytest.raises(ValueError, match=r"'b.weight' also belongs to group 'a'"):
        Groups({"a": layer, "b": layer})


def test_weights_go_in_by_name_and_misfits_are_named() -> None:
    source, target = Groups(modules()), Groups(modules())
    target.load(source.tensors())
    for name, tensor in source.tensors().items():
        assert torch.equal(target.tensors()[name], tensor)
    weights = source.tensors()
    weights["head.weight"] = torch.zeros(3, 2)
    del weights["head.bias"]
    with pytest.raises(
        UsageError,
        match=r"head.bias is missing; head.weight has shape \(3, 2\), the model has \(1, 2\)",
    ):
        target.load(weights)


def test_buffers_come_back() -> None:
    parts = modules()
    groups = Groups(parts)
    groups.activate(stage())
    norm = parts["body"][1]
    groups.keep_buffers()
    norm.running_mean.fill_(float("nan"))
    norm.num_batches_tracked += 1
    groups.restore_buffers()
    assert norm.running_mean.tolist() == [0.0, 0.0]
    assert norm.num_batches_tracked == 0
    norm.running_mean.fill_(2.0)
    groups.keep_buffers()
    norm.running_mean.fill_(3.0)
    groups.restore_buffers()
    assert norm.running_mean.tolist() == [2.0, 2.0]


@pytest.mark.parametrize("averaged", [False, True])
def test_a_copy_for_a_predictor_has_its_own_weights_and_does_not_learn(averaged: bool) -> None:
    body = modules()["body"]
    body.train()
    body[0].bias.data.fill_(1.0)
    weights = {f"body.{name}": 0 * value for name, value in body.state_dict().items()}
    weights["head.weight"] = torch.ones(9, 9)  # of another group
    copied = frozen_copy(body, weights if averaged else None, "body")
    body[0].bias.data.fill_(5.0)  # as training on does
    assert copied[0].bias.tolist() == ([0.0, 0.0] if averaged else [1.0, 1.0])
    assert not copied.training
    assert not any(parameter.requires_grad for parameter in copied.parameters())
    assert body.training
    assert all(parameter.requires_grad for parameter in body.parameters())
