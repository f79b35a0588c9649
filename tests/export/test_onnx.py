"""ONNX export: equal to the module at any batch size, and the traps that must not stay silent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.export.onnx import export_module
from likeness.models.onnx_model import OnnxModel


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1), nn.BatchNorm2d(6), nn.PReLU(6), nn.Dropout(0.5)
        )
        self.head = nn.Linear(6, 4)

    def forward(self, image: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        pooled = self.features(image).mean(dim=(2, 3))
        return self.head(pooled) * scale, pooled


@pytest.fixture(scope="module")
def net() -> Net:
    torch.manual_seed(3)
    net = Net()
    net(torch.rand(8, 3, 16, 16), torch.ones(8, 1))  # gives the batch norm statistics
    return net


@pytest.fixture(scope="module")
def exported(net, tmp_path_factory) -> OnnxModel:
    path = export_module(
        net,
        {"image": torch.rand(2, 3, 16, 16), "scale": torch.rand(2, 1)},
        tmp_path_factory.mktemp("onnx") / "net.onnx",
        outputs=("vector", "pooled"),
        dynamic={"image": {0: "batch"}, "scale": {0: "batch"}},
    )
    assert net.training, "the module's mode was changed"
    assert [p.name for p in path.parent.iterdir()] == ["net.onnx"], "weights beside the file"
    return OnnxModel(path)


@pytest.mark.parametrize("batch", [1, 2, 7])
def test_the_file_equals_the_module_at_any_batch_size(net, exported, batch):
    generator = torch.Generator().manual_seed(batch)
    image = torch.rand(batch, 3, 16, 16, generator=generator)
    scale = torch.rand(batch, 1, generator=generator)
    with torch.no_grad():
        vector, pooled = net.eval()(image, scale)
    net.train()
    found = exported(image=image.numpy(), scale=scale.numpy())
    np.testing.assert_allclose(found["vector"], vector.numpy(), atol=1e-6)
    np.testing.assert_allclose(found["pooled"], pooled.numpy(), atol=1e-6)


def test_ports_have_names_and_shapes(exported):
    assert exported.inputs == {"image": ("batch", 3, 16, 16), "scale": ("batch", 1)}
    assert exported.outputs == {"vector": ("batch", 4), "pooled": ("batch", 6)}


def test_an_example_of_length_one_is_refused(net, tmp_path):
    with pytest.raises(ValueError, match="length 1 in its dynamic dimension 0"):
        export_module(
            net,
            {"image": torch.rand(1, 3, 16, 16), "scale": torch.rand(1, 1)},
            tmp_path / "net.onnx",
            outputs=("vector", "pooled"),
            dynamic={"image": {0: "batch"}},
        )


class Mish(nn.Module):
    """Of an input, and of a weight: a constant of the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-90.0, 90.0, 4))

    def forward(self, x: Tensor) -> Tensor:
        return functional.mish(x) + functional.mish(self.weight)


def test_constants_of_mish_are_folded_without_a_warning(tmp_path, capfd):
    """onnxruntime has no kernel of Mish to fold with; its warnings go past Python."""
    import onnxruntime

    path = export_module(
        Mish(), {"x": torch.rand(2, 4)}, tmp_path / "mish.onnx", outputs=["y"],
        dynamic={"x": {0: "batch"}},
    )  # fmt: skip
    capfd.readouterr()
    session = onnxruntime.InferenceSession(str(path))
    assert capfd.readouterr() == ("", "")
    x = np.array([[-100.0, -5.0, -0.3, 0.0], [0.7, 5.0, 30.0, 100.0]], np.float32)

    def plain(value: np.ndarray) -> np.ndarray:
        value = value.astype(np.float64)
        return value * np.tanh(np.log1p(np.exp(value)))

    expected = plain(x) + plain(np.linspace(-90, 90, 4))
    np.testing.assert_allclose(session.run(None, {"x": x})[0], expected, rtol=1e-6, atol=1e-6)
