"""Running statistics of batch norms over several processes, as one process would have them.

DDP averages gradients, but every process normalises its own samples and keeps its own running
statistics; the first one's would be saved, and they have seen a part of the data only.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm


@contextmanager
def joint_statistics(module: nn.Module) -> Iterator[None]:
    """Around forward and backward of a micro-batch: afterwards all processes have the same.

    n batches move a statistic r to ``k r + c``, with k = (1 - momentum) ** n and c theirs alone.
    Here it moves by the k and c of one process after the other, in the order of their ranks, as in
    one process that saw their micro-batches in turn.
    """
    norms = _tracking(module) if dist.is_initialized() else []
    if not norms:
        yield
        return
    before = _flat(norms)
    yield
    # Not earlier: what autograd keeps of the forward pass must not change before the backward pass.
    after = _flat(norms)
    parts = [torch.empty_like(after) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, after)
    sizes = [tensor.numel() for norm in norms for tensor in _statistics(norm)]
    old, *new = (list(torch.split(part, sizes)) for part in (before, *parts))
    with torch.no_grad():
        for number, norm in enumerate(norms):
            place = slice(3 * number, 3 * number + 3)
            joint = _joint(norm.momentum, old[place], [part[place] for part in new])
            for tensor, value in zip(_statistics(norm), joint, strict=True):
                tensor.copy_(value.view_as(tensor))


def _joint(momentum: float | None, old: list[Tensor], new: list[list[Tensor]]) -> list[Tensor]:
    """Mean, variance and number of batches after all processes, of those before and after each."""
    *values, count = old
    total = count
    for *moved, after in new:
        batches = after - count
        if momentum is None:  # plain averages over all batches so far
            values = [
                (total * value + after * end - count * start) / (total + batches)
                for value, start, end in zip(values, old[:2], moved, strict=True)
            ]
        else:
            kept = (1.0 - momentum) ** batches
            values = [
                kept * value + end - kept * start
                for value, start, end in zip(values, old[:2], moved, strict=True)
            ]
        total = total + batches
    return [*values, total]


def _tracking(module: nn.Module) -> list[_BatchNorm]:
    """The batch norms whose statistics move: those in train mode that keep them."""
    return [
        part
        for part in module.modules()
        if isinstance(part, _BatchNorm) and part.training and part.running_mean is not None
    ]


def _statistics(norm: _BatchNorm) -> tuple[Tensor, Tensor, Tensor]:
    mean, variance, count = norm.running_mean, norm.running_var, norm.num_batches_tracked
    assert mean is not None
    assert variance is not None
    assert count is not None
    return mean, variance, count


def _flat(norms: list[_BatchNorm]) -> Tensor:
    # Float64 holds the counts exactly.
    return torch.cat([t.detach().flatten().double() for norm in norms for t in _statistics(norm)])
