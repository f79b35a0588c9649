from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto
from torch import nn

from likeness.export.int8 import products_in, quantise
from likeness.export.onnx import export_module
from likeness.models.onnx_model import OnnxModel


class _Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.encoder = nn.Sequential(nn.Linear(16, 24), nn.ReLU())
        self.rest = nn.Linear(24, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.rest(self.encoder(x))
        return found


class _Convolutions(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(6)
        self.encoder = nn.Sequential(nn.Conv1d(3, 8, 5), nn.ReLU(), nn.Conv1d(8, 8, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.encoder(x)
        return found


def _rounded_products(x: np.ndarray, weight: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """By the formulas of ONNX: x to 0..255 over its own range with zero in it, weights (in, out) to
    -127..127 over the largest of each column; then whole numbers are multiplied."""
    low, high = min(x.min(), 0.0), max(x.max(), 0.0)
    step = (high - low) / 255
    zero = np.clip(np.rint(-low / step), 0, 255)
    whole = np.clip(np.rint(x / step) + zero, 0, 255)
    out = np.zeros((len(x), weight.shape[1]))
    for column in range(weight.shape[1]):
        own = np.abs(weight[:, column]).max() / 127
        for row in range(len(x)):
            sum_of_products = 0.0
            for i in range(weight.shape[0]):
                sum_of_products += (whole[row, i] - zero) * np.rint(weight[i, column] / own)
            out[row, column] = sum_of_products * own * step
    return out + bias


def test_products_of_the_named_module_are_rounded_and_no_others(tmp_path: Path) -> None:
    module, path = _Network(), tmp_path / "network.onnx"
    x = torch.randn(3, 7, 16)
    export_module(module, {"x": x}, path, outputs=["out"], dynamic={"x": {0: "batch"}})
    (product,) = products_in(path, ["encoder"])
    quantise(path, [product])
    kinds = {tuple(t.dims): t.data_type for t in onnx.load(path).graph.initializer if t.dims}
    assert kinds[(16, 24)] == TensorProto.INT8
    assert TensorProto.FLOAT in (kinds.get((24, 4)), kinds.get((4, 24)))
    found = OnnxModel(path)(x=x.numpy())["out"]
    weights = {k: v.detach().numpy() for k, v in module.named_parameters()}
    inner = _rounded_products(
        x.numpy().reshape(-1, 16), weights["encoder.0.weight"].T, weights["encoder.0.bias"]
    )
    wanted = np.maximum(inner, 0) @ weights["rest.weight"].T + weights["rest.bias"]
    np.testing.assert_allclose(found.reshape(-1, 4), wanted, atol=1e-5)
    exact = module(x).detach().numpy().reshape(-1, 4)
    assert 1e-4 < np.abs(wanted - exact).max() < 0.05 * np.abs(exact).max()


def test_convolutions_over_several_steps_stay(tmp_path: Path) -> None:
    path = tmp_path / "network.onnx"
    export_module(
        _Convolutions(), {"x": torch.randn(2, 3, 20)}, path, outputs=["out"],
        dynamic={"x": {0: "batch"}},
    )  # fmt: skip
    (product,) = products_in(path, ["encoder"])
    quantise(path, [product])
    kinds = {tuple(t.dims): t.data_type for t in onnx.load(path).graph.initializer}
    assert kinds[(8, 3, 5)] == TensorProto.FLOAT
    assert kinds[(8, 8, 1)] == TensorProto.INT8


def test_what_leads_to_a_logarithm_is_not_rounded(tmp_path: Path) -> None:
    class Ears(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Linear(16, 16)
            self.rest = nn.Linear(16, 16)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            found: torch.Tensor = self.rest((self.encoder(x).square() + 1e-7).log())
            return found

    path = tmp_path / "network.onnx"
    example = {"x": torch.randn(2, 7, 16)}
    export_module(Ears(), example, path, outputs=["out"], dynamic={"x": {0: "batch"}})
    assert products_in(path, ["encoder"]) == []
    assert len(products_in(path, ["rest"])) == 1
