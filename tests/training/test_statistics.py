"""Running statistics put together against a batch norm that saw all batches itself."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from likeness.training.statistics import _joint, joint_statistics


@pytest.mark.parametrize("momentum", [0.1, 0.5, None])
@pytest.mark.parametrize("batches", [1, 3])
def test_put_together_as_if_one_norm_had_seen_everything(
    momentum: float | None, batches: int
) -> None:
    generator = torch.Generator().manual_seed(3)
    whole = nn.BatchNorm1d(5, momentum=momentum).double()
    for _ in range(4):  # statistics that have moved before
        whole(torch.randn(6, 5, generator=generator, dtype=torch.float64))

    def statistics(norm: nn.BatchNorm1d) -> list[torch.Tensor]:
        buffers = (norm.running_mean, norm.running_var, norm.num_batches_tracked)
        return [b.clone().double() for b in buffers if b is not None]

    start, old, new = copy.deepcopy(whole), statistics(whole), []
    for _ in range(3):  # processes
        own = copy.deepcopy(start)
        for _ in range(batches):
            data = 2 + torch.randn(6, 5, generator=generator, dtype=torch.float64)
            own(data)
            whole(data)
        new.append(statistics(own))
    for found, expected in zip(_joint(momentum, old, new), statistics(whole), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-12)


def test_alone_nothing_happens() -> None:
    norm = nn.BatchNorm1d(2)
    with joint_statistics(norm):
        norm(torch.ones(3, 2))
    assert norm.running_mean is not None
    assert norm.running_mean.tolist() == pytest.approx([0.1, 0.1])
