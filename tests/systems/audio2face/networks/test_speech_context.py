"""What the convolutions around an encoder hear, and what they do not."""

from __future__ import annotations

import pytest
import torch

from likeness.systems.audio2face.networks.speech_context import SpeechContext


@pytest.mark.parametrize("num_layers", [1, 2, 4])
def test_a_step_hears_so_many_steps_either_way(num_layers: int) -> None:
    torch.manual_seed(0)
    context, steps = SpeechContext(5, 6, num_layers).eval(), torch.randn(1, 81, 5)
    changed = steps.clone()
    changed[:, 40] += 1
    moved = (context(changed) - context(steps)).abs().sum(-1)[0]
    reach = 2**num_layers - 1
    assert moved.nonzero().flatten().tolist() == list(range(40 - reach, 41 + reach))


def test_layers_equal_plain_loops() -> None:
    torch.manual_seed(1)
    context, steps = SpeechContext(3, 4, 2).eval(), torch.randn(1, 9, 3)
    x = steps[0] @ context.entry.weight[:, :, 0].T + context.entry.bias
    for apart, layer in zip((1, 2), context.layers, strict=True):
        felt = x * torch.tanh(torch.log1p(torch.exp(x)))
        rows = []
        for step in range(9):
            row = layer.bias.clone()
            for tap in range(3):
                place = step + (tap - 1) * apart
                if 0 <= place < 9:
                    row = row + layer.weight[:, :, tap] @ felt[place]
            rows.append(x[step] + row)
        x = torch.stack(rows)
    assert torch.allclose(context(steps)[0], x, atol=1e-5)


def test_features_are_dropped_in_training_alone() -> None:
    torch.manual_seed(2)
    context, steps = SpeechContext(3, 4, 2, dropout=0.5), torch.randn(1, 9, 3)
    assert not torch.equal(context(steps), context(steps))
    context.eval()
    assert torch.equal(context(steps), context(steps))
