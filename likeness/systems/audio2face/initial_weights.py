"""Weights of an earlier run as the start of a new one, also for another face.

What an actor's basis decides (the last layers, the learned emotions, the scale of the output) is of
that actor alone and is taken only where the shapes agree.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from likeness.errors import UsageError
from likeness.runs import selection
from likeness.runs.run import Run

logger = logging.getLogger(__name__)

_OF_THE_DATA = ("network.output_mean", "network.output_scale", "emotions.weight")


def initial_weights(path: str | Path, groups: Mapping[str, nn.Module]) -> None:
    """Load every tensor of the best checkpoint that has a namesake of its shape in ``groups``.

    Raises:
        MissingError: there is no run, or no checkpoint in it.
        DataError: the checkpoint is damaged.
        UsageError: nothing fits: it is a run of another network.
    """
    checkpoint = selection.find(Run(path))
    weights = checkpoint.weights(ema=checkpoint.has_ema)
    taken, left = [], []
    for group, module in groups.items():
        own = module.state_dict(prefix=f"{group}.")
        for name, tensor in own.items():
            found = weights.get(name)
            if found is None or found.shape != tensor.shape or name in _OF_THE_DATA:
                left.append(name)
                continue
            with torch.no_grad():
                tensor.copy_(found)
            taken.append(name)
    if not taken:
        raise UsageError(
            f"No weight of model.initial_run '{path}' fits this network.",
            advice="Give a run with the same model settings, or null to start from nothing.",
        )
    logger.info(
        "%d of %d tensors come from %s; new are %s",
        len(taken),
        len(taken) + len(left),
        path,
        ", ".join(left) or "none",
    )
