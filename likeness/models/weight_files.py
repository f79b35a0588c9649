"""Files of weights by other hands: tensors by name, in safetensors or a pickle of nothing else."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from likeness.errors import DataError, UnsafeFileError
from likeness.plain_torch import load_plain

_AGAIN = "Copy or download it again."


def read_tensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a state dict by their own names. Nothing in the file is executed.

    A dict under ``model`` or ``state_dict`` is what is taken.

    Raises:
        UnsafeFileError: the pickle asks for more than tensors.
        DataError: the file is damaged, holds no state dict, or numbers that no weights have.
    """
    found = _content(path)
    for key in ("model", "state_dict"):
        if isinstance(found, Mapping) and isinstance(found.get(key), Mapping):
            found = found[key]
    if not isinstance(found, Mapping) or not all(isinstance(v, Tensor) for v in found.values()):
        others = "" if not isinstance(found, Mapping) else " that holds other values as well"
        raise DataError(
            f"Expected tensors by name in '{path}', found a {type(found).__name__}{others}.",
            advice="Save the network's state_dict, not the network or the whole checkpoint.",
        )
    if not found:
        raise DataError(f"'{path}' holds no tensors.", advice=_AGAIN)
    tensors = {str(name): tensor for name, tensor in found.items()}
    broken = [name for name, tensor in tensors.items() if _is_broken(tensor)]
    if broken:
        raise DataError(
            f"'{path}' holds NaN or infinity in {len(broken)} of {len(tensors)} tensors, first in "
            f"'{broken[0]}'.",
            advice="Whatever made these weights had diverged; take an earlier checkpoint of it.",
        )
    return tensors


def _content(path: Path) -> object:
    try:
        return load_file(path) if path.suffix == ".safetensors" else load_plain(path)
    except pickle.UnpicklingError as error:
        raise UnsafeFileError(
            f"'{path}' is not a plain state dict: reading it would run code, or it is damaged.",
            advice="Where you trust it, save its tensors alone: "
            "safetensors.torch.save_file(model.state_dict(), …). Checkpoints of fairseq hold "
            "their settings beside them.",
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError, ValueError) as error:
        reason = (str(error) or "it ends early").splitlines()[0]
        raise DataError(
            f"'{path}' is not a readable file of weights, or damaged: {reason}.", advice=_AGAIN
        ) from error


def _is_broken(tensor: Tensor) -> bool:
    """Whether there is a number that cannot be a weight; masks may hold minus infinity."""
    if not tensor.is_floating_point():
        return False
    return bool((torch.isnan(tensor) | torch.isposinf(tensor)).any())
