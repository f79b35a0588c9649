"""Whatever a file holds that is no file of torch, it is refused as one that cannot be read."""

from __future__ import annotations

import contextlib
import pickle

import numpy as np
import pytest
import torch

from likeness.errors import DataError
from likeness.models.weight_files import read_tensors
from likeness.plain_torch import load_plain

REFUSED = (pickle.UnpicklingError, OSError, RuntimeError, EOFError, ValueError)


@pytest.mark.parametrize("first", range(0, 256, 3))
def test_texts_of_any_beginning_are_refused(tmp_path, first):
    """Letters are commands of pickles: one without its operands ended in an IndexError."""
    path = tmp_path / "weights.pth"
    path.write_bytes(bytes([first]) + b"ystem: face-encoder\n")
    with pytest.raises(REFUSED):
        load_plain(path)
    with pytest.raises(DataError):
        read_tensors(path)


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_are_refused_or_hold_plain_tensors(tmp_path, seed):
    path, rng = tmp_path / "weights.pth", np.random.default_rng(seed)
    torch.save(
        {"a": torch.ones(3), "b": torch.zeros(2, 2)},
        path,
        _use_new_zipfile_serialization=bool(seed % 2),
    )
    data = bytearray(path.read_bytes())
    for _ in range(4):
        data[int(rng.integers(len(data)))] = int(rng.integers(256))
    path.write_bytes(bytes(data))
    with contextlib.suppress(*REFUSED):
        load_plain(path)
