"""Number formats of the forward pass. Trainable weights themselves are always float32."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch


class Precision:
    """Autocast for the forward pass, and a gradient scaler for float16.

    Args:
        setting: ``auto`` is bf16 on a GPU that has it, else fp16 on a GPU, and fp32 on a CPU.
    """

    def __init__(
        self, setting: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device
    ) -> None:
        if setting == "auto":
            if device.type != "cuda":
                setting = "fp32"
            else:
                setting = "bf16" if torch.cuda.is_bf16_supported() else "fp16"
        self.name = setting
        self._device = device
        self._dtype = {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[setting]
        self.scaler = torch.amp.GradScaler(device.type, enabled=setting == "fp16")

    def autocast(self) -> AbstractContextManager[object]:
        """Around a forward pass."""
        if self._dtype is None:
            return nullcontext()
        return torch.autocast(self._device.type, dtype=self._dtype)

    @property
    def can_overflow(self) -> bool:
        """Whether a gradient that is not finite may come from the scale, not from the loss.

        To be asked before ``scaler.update()``.
        """
        return self.scaler.is_enabled() and self.scaler.get_scale() > 1.0
