"""Tiny networks in the formats of published ones; for detectors a white block is a face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

STRIDES = (8, 16, 32)


class GraphWriter:
    """Collects nodes and constants of an ONNX graph."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, kind: str, inputs: list[str], output: str, **attributes) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    def cells(self, x: str, name: str, stride: int, weight: np.ndarray, bias: np.ndarray) -> str:
        """A convolution whose kernel is one cell of the stride: (1, channels, rows, columns)."""
        kernel = np.broadcast_to(
            (weight / (3 * stride**2))[:, None, None, None], (len(weight), 3, stride, stride)
        )
        inputs = [
            x,
            self.constant(f"{name}_w", np.ascontiguousarray(kernel, np.float32)),
            self.constant(f"{name}_b", bias.astype(np.float32)),
        ]
        side = [stride, stride]
        return self.node("Conv", inputs, f"{name}_conv", kernel_shape=side, strides=side)

    def rows(self, x: str, name: str, shape: list[int]) -> str:
        """Channels last, flattened to ``shape``."""
        moved = self.node("Transpose", [x], f"{name}_t", perm=[0, 2, 3, 1])
        target = self.constant(f"{name}_shape", np.array(shape, np.int64))
        return self.node("Reshape", [moved, target], name)

    def save(self, path: Path, input_name: str, input_shape: list, outputs: list[tuple]) -> Path:
        graph = helper.make_graph(
            self.nodes,
            "toy",
            [helper.make_tensor_value_info(input_name, TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n, shape in outputs],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=8)
        onnx.save(model, str(path))
        return path


def scrfd(
    path: Path, *, stride: int, anchor: int, sides: np.ndarray, points: np.ndarray | None,
    input_side: int | str = 64,
) -> Path:  # fmt: skip
    """SCRFD's outputs: three score arrays, three of box sides, three of points; two anchors a cell.

    Only ``anchor`` of ``stride`` answers, with these sides (4,) and points (10,), in strides.
    """
    graph = GraphWriter()
    names: dict[str, list[str]] = {"score": [], "bbox": [], "kps": []}
    for level in STRIDES:
        # Black is -1 and white 1 after normalisation: sigmoid(20 x - 10) is 0 and 1.
        live = [level == stride and a == anchor for a in range(2)]
        gain = np.array([20.0 if on else 0.0 for on in live])
        bias = np.array([-10.0 if on else -50.0 for on in live])
        conv = graph.cells("input.1", f"s{level}", level, gain, bias)
        score = graph.node("Sigmoid", [conv], f"s{level}_sigmoid")
        names["score"].append(graph.rows(score, f"score_{level}", [-1, 1]))
        zeros = np.zeros(8)
        box_bias = np.concatenate([sides if a == anchor else sides * 0 for a in range(2)])
        box = graph.cells("input.1", f"b{level}", level, zeros, box_bias)
        names["bbox"].append(graph.rows(box, f"bbox_{level}", [-1, 4]))
        if points is not None:
            kps_bias = np.concatenate([points if a == anchor else points * 0 for a in range(2)])
            kps = graph.cells("input.1", f"k{level}", level, np.zeros(20), kps_bias)
            names["kps"].append(graph.rows(kps, f"kps_{level}", [-1, 10]))
    outputs = [(name, [None, None]) for group in names.values() for name in group]
    return graph.save(path, "input.1", [1, 3, input_side, input_side], outputs)


def yunet(path: Path, *, stride: int, box: np.ndarray, points: np.ndarray) -> Path:
    """YuNet's twelve outputs: cls, obj, bbox and kps of each stride, pixels 0..255 in.

    ``box`` is (dx, dy, log w, log h) and ``points`` (10,), in strides, of the answering stride.
    """
    graph = GraphWriter()
    outputs = []
    for level in STRIDES:
        live = level == stride
        for kind in ("cls", "obj"):
            # Black is 0 and white 255: sigmoid(0.08 x - 10) is about 0 and 1.
            gain, bias = np.array([0.08 if live else 0.0]), np.array([-10.0 if live else -50.0])
            conv = graph.cells("input", f"{kind}{level}", level, gain, bias)
            score = graph.node("Sigmoid", [conv], f"{kind}{level}_sigmoid")
            outputs.append(graph.rows(score, f"{kind}_{level}", [1, -1, 1]))
        for kind, values in (("bbox", box), ("kps", points)):
            conv = graph.cells("input", f"{kind}{level}", level, np.zeros(len(values)), values)
            outputs.append(graph.rows(conv, f"{kind}_{level}", [1, -1, len(values)]))
    outputs.sort(key=lambda name: ("cls", "obj", "bbox", "kps").index(name.split("_")[0]))
    shaped = [(name, [1, None, None]) for name in outputs]
    return graph.save(path, "input", [1, 3, 640, 640], shaped)


class ResidualUnit(nn.Module):
    """The building block of an IResNet."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.PReLU(width),
            nn.Conv2d(width, width, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.skip = nn.Conv2d(width, width, 1, stride=2, bias=False)

    def forward(self, x):
        return self.body(x) + self.skip(x)


def residual_recogniser(side: int) -> nn.Module:
    """A recogniser with the parts of ArcFace's IResNet (Deng et al. 2019), small."""
    torch.manual_seed(1)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1, bias=False),
        nn.BatchNorm2d(6),
        nn.PReLU(6),
        ResidualUnit(6),
        nn.BatchNorm2d(6),
        nn.Dropout(0.4),
        nn.Flatten(),
        nn.Linear(6 * (side // 2) ** 2, 8),
        nn.BatchNorm1d(8),
    )
    net(torch.randn(16, 3, side, side) * 2 + 0.5)  # gives every batch norm its statistics
    return net.eval()
