"""The update: parameter groups, optimisers by name, learning-rate schedules, gradient norm.

Schedules are pure functions of the step, so there is no scheduler state to save.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan, PlannedStage, Schedule

_NORMS = (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm, nn.modules.batchnorm._NormBase)


def build(
    modules: Mapping[str, nn.Module], settings: TrainSettings, *, fused: bool
) -> torch.optim.Optimizer:
    """The optimiser of the parameters that require a gradient.

    Each of its parameter groups has ``"group"``, the name of the trainable group, and
    ``"names"``, the names of its parameters; weights and undecayed vectors are in separate ones.

    Args:
        modules: group name to module.
        fused: one kernel for the whole update, where the rule has it (on a GPU).
    """
    groups = []
    for name, module in modules.items():
        vectors = _undecayed(module)
        learning = [(n, p) for n, p in module.named_parameters() if p.requires_grad]
        for decay, wanted in ((settings.weight_decay, False), (0.0, True)):
            chosen = [(n, p) for n, p in learning if (p in vectors) == wanted]
            if chosen:
                groups.append(
                    {
                        "params": [p for _, p in chosen],
                        "names": [f"{name}.{n}" for n, _ in chosen],
                        "group": name,
                        "weight_decay": decay,
                    }
                )
    rate, betas = settings.learning_rate, settings.betas
    match settings.optimizer:
        case "adamw":
            return torch.optim.AdamW(groups, lr=rate, betas=betas, fused=fused or None)
        case "adam":
            return torch.optim.Adam(groups, lr=rate, betas=betas, fused=fused or None)
        case "sgd":
            return torch.optim.SGD(groups, lr=rate, momentum=betas[0], fused=fused or None)
        case "adafactor":
            return torch.optim.Adafactor(groups, lr=rate)


def moments(optimizer: torch.optim.Optimizer) -> dict[str, dict[str, Any]]:
    """The optimiser's memory by parameter name ("group.name")."""
    return {
        name: dict(optimizer.state[parameter])
        for group in optimizer.param_groups
        for name, parameter in zip(group["names"], group["params"], strict=True)
        if parameter in optimizer.state
    }


def load_moments(optimizer: torch.optim.Optimizer, memory: Mapping[str, Mapping[str, Any]]) -> None:
    """Give parameters back what :func:`moments` said of them; the others start with none."""
    state = optimizer.state_dict()
    names = [name for group in optimizer.param_groups for name in group["names"]]
    state["state"] = {i: dict(memory[name]) for i, name in enumerate(names) if name in memory}
    optimizer.load_state_dict(state)


def set_learning_rate(
    optimizer: torch.optim.Optimizer, plan: Plan, planned: PlannedStage, *, rate: float, step: int
) -> dict[str, float]:
    """Set the learning rate of every group for one step; returns it by group name.

    Args:
        rate: ``train.learning_rate``, which the stage may override.
        step: the absolute step about to be done.
    """
    stage = planned.stage
    peak = rate if stage.learning_rate is None else stage.learning_rate
    if stage.schedule.span == "run":
        factor = schedule_factor(stage.schedule, step, plan.total_steps)
    else:
        factor = schedule_factor(stage.schedule, step - planned.first_step, planned.length)
    rates: dict[str, float] = {}
    for group in optimizer.param_groups:
        share = 1.0 if stage.groups is None else stage.groups.get(group["group"], 0.0)
        group["lr"] = rates[group["group"]] = peak * factor * share
    return rates


def schedule_factor(schedule: Schedule, position: int, length: int) -> float:
    """The learning rate as a fraction of its peak.

    During the warm-up it is ``(position + 1) / warmup_steps``: the first step already moves, the
    last one is at the peak. After it, with u the share of the remaining steps done (0 at the first
    of them, 1 just after the last) and f the final factor: constant 1; linear ``1 + (f - 1) u``;
    cosine ``f + (1 - f) (1 + cos(pi u)) / 2``; exponential ``f ** u``.

    Args:
        position: steps since the span began.
        length: steps of the span.
    """
    warmup, final = schedule.warmup_steps, schedule.final_factor
    if position < warmup:
        return (position + 1) / warmup
    share = (position - warmup) / max(length - warmup, 1)
    match schedule.kind:
        case "constant":
            return 1.0
        case "linear":
            return 1.0 + (final - 1.0) * share
        case "cosine":
            return final + (1.0 - final) * 0.5 * (1.0 + math.cos(math.pi * share))
        case "exponential":
            return float(final**share)


def limit_gradient(parameters: Iterable[Tensor], largest: float) -> Tensor:
    """The norm of the whole gradient before it is shortened to ``largest`` (0: never shortened)."""
    with_gradient = [p for p in parameters if p.grad is not None]
    norm = nn.utils.get_total_norm([p.grad for p in with_gradient if p.grad is not None])
    if largest > 0:
        nn.utils.clip_grads_with_norm_(with_gradient, largest, norm)
    return norm


def _undecayed(module: nn.Module) -> set[Tensor]:
    """Parameters that are not weights of a linear map: vectors, and everything in a norm."""
    found: set[Tensor] = {p for p in module.parameters() if p.ndim <= 1}
    for part in module.modules():
        if isinstance(part, _NORMS):
            found.update(part.parameters(recurse=False))
    return found
