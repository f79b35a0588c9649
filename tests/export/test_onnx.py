"""ONNX export: equal to the module at any batch size, and the traps that must not stay silent."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

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
