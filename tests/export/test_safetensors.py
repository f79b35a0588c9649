"""Weight files: exact values, tied weights, types, metadata, damage."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import load_file

from likeness.errors import DataError
from likeness.export.safetensors import read_metadata, read_tensors, write_tensors


def test_tensors_come_back_exactly_also_for_other_readers(tmp_path):
    base = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    tensors = {
        "plain": base,
        "tied": base,
        "view": base.T[1:],
        "half": base.to(torch.bfloat16),
        "count": torch.tensor(7),
        "learned": torch.nn.Parameter(base * 2),
    }
    path = write_tensors(tmp_path / "deep" / "w.safetensors", tensors, metadata={"rank": "4"})
    for back in (read_tensors(path), load_file(path)):
        assert set(back) == set(tensors)
        for name, tensor in tensors.items():
            assert torch.equal(back[name], tensor)
            assert back[name].dtype == tensor.dtype
    assert read_metadata(path) == {"rank": "4"}
    assert [p.name for p in path.parent.iterdir()] == ["w.safetensors"]


def test_floating_tensors_can_be_stored_smaller(tmp_path):
    path = write_tensors(
        tmp_path / "w.safetensors",
        {"a": torch.tensor([1.001]), "n": torch.tensor([3])},
        dtype=torch.float16,
    )
    back = read_tensors(path)
    assert back["a"].dtype == torch.float16
    assert back["a"].item() == pytest.approx(1.001, abs=1e-3)
    assert back["n"].dtype == torch.int64


def test_damage_is_named(tmp_path):
    path = write_tensors(tmp_path / "w.safetensors", {"a": torch.ones(100)})
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match=r"w\.safetensors; it cannot be read"):
        read_tensors(path)
    with pytest.raises(DataError, match=r"none\.safetensors"):
        read_metadata(tmp_path / "none.safetensors")
