"""Weights as a safetensors file: what loads anywhere, runs no code, and maps without copying.

Owns the file; which tensors a system ships, and their names, is the system's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from likeness.errors import DataError
from likeness.storage.files import replacing


def write_tensors(
    path: str | Path,
    tensors: Mapping[str, Tensor],
    *,
    metadata: Mapping[str, str] | None = None,
    dtype: torch.dtype | None = None,
) -> Path:
    """Write named tensors; the file appears whole or not at all.

    Tensors that share memory (tied weights, views) are stored once each, under every name.

    Args:
        metadata: text stored in the header.
        dtype: store floating tensors in this type; None keeps each as it is.
    """
    path = Path(path)
    plain: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        value = tensor.detach().cpu()
        if dtype is not None and value.is_floating_point():
            value = value.to(dtype)
        plain[name] = value.clone(memory_format=torch.contiguous_format)
    with replacing(path) as temporary:
        save_file(plain, temporary, metadata=dict(metadata or {}))
    return path


def read_tensors(path: str | Path, *, device: str | torch.device = "cpu") -> dict[str, Tensor]:
    """All tensors of a file. Raises DataError when it is missing, cut short or no such file."""
    try:
        with safe_open(str(path), framework="pt", device=str(device)) as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def read_metadata(path: str | Path) -> dict[str, str]:
    """The text stored in a file's header. Raises DataError."""
    try:
        with safe_open(str(path), framework="pt") as file:
            return dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str | Path, error: Exception) -> DataError:
    return DataError(
        f"Expected a safetensors file at {path}; it cannot be read: {error}.",
        advice="Check the path, and copy or download the file again.",
    )
