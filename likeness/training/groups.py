"""The trainable groups of a system: names, which of them learn, their tensors in and out.

Knows nothing of gradients' use; that is ``optimizer.py``.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TypeVar

import torch
from torch import Tensor, nn

from likeness.errors import UsageError, first_few
from likeness.runs.checkpoint import group_of
from likeness.training.stage import Plan, Stage

Module = TypeVar("Module", bound=nn.Module)


class Groups:
    """Named modules whose parameters learn.

    Args:
        modules: what ``System.trainable()`` gave. A parameter that does not require a gradient now
            never will.

    Raises:
        ValueError: a parameter is not float32, or belongs to two groups.
    """

    def __init__(self, modules: Mapping[str, nn.Module]) -> None:
        self.modules = dict(modules)
        self._learnable: dict[str, list[nn.Parameter]] = {}
        owner: dict[nn.Parameter, str] = {}
        for group, module in self.modules.items():
            for name, parameter in module.named_parameters():
                if parameter.requires_grad and parameter.dtype != torch.float32:
                    raise ValueError(
                        f"trainable weights are float32, found {parameter.dtype} in "
                        f"'{group}.{name}'; keep it float32 and let autocast lower the precision"
                    )
                if owner.setdefault(parameter, group) != group:
                    raise ValueError(
                        f"parameter '{group}.{name}' also belongs to group '{owner[parameter]}'"
                    )
            self._learnable[group] = [p for p in module.parameters() if p.requires_grad]
        self.learning: list[nn.Parameter] = []
        """The parameters that learn in the current stage."""
        self._with_buffers: list[nn.Module] = []
        self._kept: list[Tensor] = []

    def check(self, plan: Plan) -> None:
        """Every group a stage names exists and can learn.

        Raises:
            UsageError: naming the stages and the groups.
        """
        plan.check_names(groups=self.modules)
        for planned in plan.stages:
            name = planned.stage.name
            if not any(self._learnable[group] for group in self._active(planned.stage)):
                raise UsageError(
                    f"Stage '{name}' trains nothing: none of its groups has weights that learn.",
                    advice=f"Name at least one of {', '.join(self.modules)} under its 'groups', "
                    "with a factor above 0.",
                )

    def activate(self, stage: Stage) -> None:
        """Let the stage's groups learn, in train mode; freeze the others, in eval mode."""
        active = self._active(stage)
        for group, module in self.modules.items():
            module.train(group in active)
            for parameter in self._learnable[group]:
                parameter.requires_grad_(group in active)
                parameter.grad = None
        # In the order of the modules, not of the set: a sum over them must not depend on hashes.
        self.learning = [p for g in self.modules if g in active for p in self._learnable[g]]
        self._with_buffers = [
            part
            for module in self.modules.values()
            for part in module.modules()
            if any(True for _ in part.buffers(recurse=False))
        ]

    def _active(self, stage: Stage) -> set[str]:
        learning = stage.learning_groups
        return set(self.modules if learning is None else learning)

    def tensors(self) -> dict[str, Tensor]:
        """Parameters and saved buffers by "group.name": the tensors themselves, not copies."""
        return {
            f"{group}.{name}": tensor
            for group, module in self.modules.items()
            for name, tensor in module.state_dict(keep_vars=True).items()
        }

    def parameters(self) -> dict[str, Tensor]:
        """Those of :meth:`tensors` that are parameters."""
        return {n: t for n, t in self.tensors().items() if isinstance(t, nn.Parameter)}

    @torch.no_grad()
    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take every tensor from a checkpoint.

        Raises:
            UsageError: names or shapes differ: the checkpoint is of another model.
        """
        live = self.tensors()
        wrong = [f"{name} is missing" for name in live if name not in weights]
        wrong += [f"{name} is not in the model" for name in weights if name not in live]
        wrong += [
            f"{name} has shape {tuple(weights[name].shape)}, the model has {tuple(tensor.shape)}"
            for name, tensor in live.items()
            if name in weights and weights[name].shape != tensor.shape
        ]
        if wrong:
            raise UsageError(
                f"The checkpoint does not fit the model: {first_few(wrong, 5, between='; ')}.",
                advice="Use the model settings the run was started with.",
            )
        for name, tensor in live.items():
            tensor.copy_(weights[name])

    @torch.no_grad()
    def keep_buffers(self) -> None:
        """Remember the buffers as they are, so that a skipped step can leave no trace in them."""
        live = self._buffers()
        if len(self._kept) != len(live):
            self._kept = [buffer.clone() for buffer in live]
        elif live:
            torch._foreach_copy_(self._kept, live)

    @torch.no_grad()
    def restore_buffers(self) -> None:
        """Put back what :meth:`keep_buffers` remembered."""
        live = self._buffers()
        if live:
            torch._foreach_copy_(live, self._kept)

    def _buffers(self) -> list[Tensor]:
        return [b for module in self._with_buffers for b in module.buffers(recurse=False)]


def frozen_copy(module: Module, weights: Mapping[str, Tensor] | None, group: str) -> Module:
    """A copy of a group for a predictor: in eval mode, and nothing in it learns.

    Args:
        module: the group, as it is in training; it stays as it is.
        weights: "group.name" to tensors that the copy takes, such as the running average; None
            keeps the current ones.
        group: its name among them.

    Raises:
        RuntimeError: from torch, where names or shapes of the weights differ.
    """
    own = copy.deepcopy(module)
    if weights is not None:
        own.load_state_dict(group_of(weights, group))
    return own.eval().requires_grad_(False)
