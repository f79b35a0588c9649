"""What a step of a speech encoder hears around itself, where the encoder hears a moment only."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class SpeechContext(nn.Module):
    """Residual convolutions over steps: (B, steps, ``channels``) to (B, steps, ``width``).

    Layer i has a kernel of three steps 2^i apart, so n layers hear 2^n - 1 steps either way. Beyond
    the ends are zeros. Dilated convolutions are those of Yu and Koltun, "Multi-scale context
    aggregation by dilated convolutions" (arXiv:1511.07122).

    Args:
        channels: features of a step of the encoder.
        width: features of a step that come out.
        num_layers: at least 1.
        dropout: share of whole features that is dropped at the entry of every layer in training.
    """

    def __init__(self, channels: int, width: int, num_layers: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        self.width, self.dropout = width, dropout
        self.entry = nn.Conv1d(channels, width, 1)
        self.layers = nn.ModuleList(
            nn.Conv1d(width, width, 3, padding=2**i, dilation=2**i) for i in range(num_layers)
        )

    def forward(self, steps: Tensor) -> Tensor:
        x = self.entry(steps.transpose(1, 2))
        for layer in self.layers:
            heard = functional.dropout1d(functional.mish(x), self.dropout, self.training)
            x = x + layer(heard)
        return x.transpose(1, 2)
