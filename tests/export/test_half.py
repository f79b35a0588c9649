from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from torch import nn

from likeness.errors import DataError
from likeness.export.half import to_half
from likeness.export.onnx import export_module


class _Ears(nn.Module):
    """Sound (B, 64) to logarithms of its energy in 4 pieces, then two layers."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Linear(4, 32), nn.Linear(32, 3)

    def forward(self, sound: torch.Tensor) -> torch.Tensor:
        energy = sound.reshape(-1, 4, 16).square().sum(-1)
        heard: torch.Tensor = torch.log10(energy + 1e-7)
        return self.second(self.first(heard).relu())


def _exported(module: nn.Module, path: Path, example: torch.Tensor) -> Path:
    name = next(iter(module.forward.__annotations__))
    return export_module(
        module, {name: example}, path, outputs=["out"], dynamic={name: {0: "batch"}}
    )


def test_halves_weights_and_keeps_what_goes_in_and_out(tmp_path: Path) -> None:
    path = _exported(_Ears(), tmp_path / "ears.onnx", torch.ones(2, 64))
    ports = [(v.name, str(v.type)) for g in [onnx.load(path).graph] for v in (*g.input, *g.output)]
    to_half(path)
    graph = onnx.load(path).graph
    assert [(v.name, str(v.type)) for v in (*graph.input, *graph.output)] == ports
    matrices = [t for t in graph.initializer if len(t.dims) == 2]
    assert sorted(tuple(t.dims) for t in matrices) == [(3, 32), (32, 4)]
    assert {t.data_type for t in matrices} == {TensorProto.FLOAT16}


def test_the_energy_of_a_whisper_is_heard_in_full(tmp_path: Path) -> None:
    """1e-4 of full scale: its energy is 1.6e-7, and the floor 1e-7; the least step of half
    precision is 6e-8. The reference is NumPy in float64; the graph is computed in true halves."""
    module = _Ears()
    path = _exported(module, tmp_path / "ears.onnx", torch.ones(2, 64))
    to_half(path)
    sound = 1e-4 * np.random.default_rng(0).choice([-1.0, 1.0], (3, 64)).astype(np.float32)
    (found,) = ReferenceEvaluator(str(path)).run(None, {"sound": sound})
    heard = np.log10((sound.astype(float).reshape(3, 4, 16) ** 2).sum(-1) + 1e-7)
    weights = {k: v.detach().double().numpy() for k, v in module.named_parameters()}
    inner = np.maximum(heard @ weights["first.weight"].T + weights["first.bias"], 0)
    wanted = inner @ weights["second.weight"].T + weights["second.bias"]
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, wanted, atol=4 * 2**-11 * np.abs(wanted).max())


class _Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (2.0 * x).mean(-1, keepdim=True) + 1.0


def test_a_sum_beyond_the_range_of_halves_is_right(tmp_path: Path) -> None:
    """1000 values of 300 sum up to 600,000, and 65,504 is the largest half."""
    path = _exported(_Mean(), tmp_path / "mean.onnx", torch.ones(2, 1000))
    to_half(path)
    (found,) = ReferenceEvaluator(str(path)).run(None, {"x": np.full((2, 1000), 300, np.float32)})
    np.testing.assert_allclose(found, [[601.0], [601.0]], rtol=2**-10)


class _Recurrent(nn.Module):
    """The state of a recurrent layer goes through two maps, as that of the diffusion network."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.inner, self.gru = nn.Linear(5, 8), nn.GRU(8, 8, 2, batch_first=True)
        self.one, self.two = nn.Linear(8, 4), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found, _ = self.gru(self.inner(x))
        return torch.cat([self.one(found).relu(), self.two(found)], -1)


def test_what_moves_values_keeps_their_precision(tmp_path: Path) -> None:
    """A Transpose in halves behind a layer in float32 makes ONNX Runtime crash."""
    import onnxruntime

    module = _Recurrent()
    path = _exported(module, tmp_path / "recurrent.onnx", torch.ones(2, 6, 5))
    to_half(path)
    graph = onnx.load(path).graph
    (last,) = [n.output[0] for n in graph.node if n.op_type == "GRU"][-1:]
    read = {last}
    for node in graph.node:
        if node.op_type in ("Squeeze", "Reshape", "Transpose") and read & set(node.input):
            read |= set(node.output)
    assert len(read) > 1
    assert not any(name.endswith("_half") for name in read)
    x = torch.randn(3, 6, 5)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"x": x.numpy()})
    wanted = module(x).detach().numpy()
    np.testing.assert_allclose(found, wanted, atol=4 * 2**-11 * np.abs(wanted).max())


class _Wide(nn.Module):
    def __init__(self, weight: float) -> None:
        super().__init__()
        self.layer = nn.Linear(2, 2, bias=False)
        nn.init.constant_(self.layer.weight, weight)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.layer(x)
        return found + 0.5


def test_a_weight_beyond_the_range_is_told_with_its_name(tmp_path: Path) -> None:
    path = _exported(_Wide(7e4), tmp_path / "wide.onnx", torch.ones(2, 2))
    before = path.read_bytes()
    with pytest.raises(
        DataError, match=r"'layer\.weight' holds 7e\+04; half precision ends at 655"
    ):
        to_half(path)
    assert path.read_bytes() == before


def test_named_modules_stay_as_they_are(tmp_path: Path) -> None:
    path = _exported(_Wide(0.1), tmp_path / "wide.onnx", torch.ones(2, 2))
    to_half(path, keep=["layer"])
    (weight,) = [t for t in onnx.load(path).graph.initializer if tuple(t.dims) == (2, 2)]
    assert numpy_helper.to_array(weight).dtype == np.float32
    assert numpy_helper.to_array(weight)[0, 0] == np.float32(0.1)
