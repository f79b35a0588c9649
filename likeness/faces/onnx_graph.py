"""An ONNX network as a torch module with gradients: an interpreter of the operations face nets use.

Published recognisers come as ONNX files, and a loss on identity needs their gradient with respect
to the pixels. Running without gradients is :class:`likeness.models.onnx_model.OnnxModel`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from likeness.errors import DataError, MissingError
from likeness.extras import require

Attributes = dict[str, Any]
Operation = Callable[[list[Any], Attributes], Tensor]


class OnnxGraph(nn.Module):
    """Runs a graph of one input; its constants are buffers, so they move but never learn.

    ``forward`` takes the input tensor and returns the first output. The module is in eval mode for
    good: batch normalisation always uses its stored statistics.

    Raises:
        MissingError: the file or the package onnx is not there.
        DataError: not an ONNX file, several inputs, or an operation that is not known here.
    """

    def __init__(self, path: str | Path) -> None:
        super().__init__()
        onnx = require("onnx", extra="onnx", purpose="read an ONNX network")
        if not Path(path).is_file():
            raise MissingError(
                f"Expected an ONNX file at {path}; there is none.", advice="Check the path."
            )
        try:
            graph = onnx.load(str(path)).graph
        except Exception as error:  # protobuf and onnx raise unrelated types
            raise DataError(f"{path} is not an ONNX file: {error}") from error
        self._constants: dict[str, str] = {}
        for constant in graph.initializer:
            self._keep(constant.name, onnx.numpy_helper.to_array(constant))
        self._nodes: list[tuple[str, list[str], str, Attributes]] = []
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            if node.op_type == "Constant":
                (value,) = attributes.values()
                tensor = isinstance(value, onnx.TensorProto)
                array = onnx.numpy_helper.to_array(value) if tensor else np.asarray(value)
                self._keep(node.output[0], array)
                continue
            _check(node.op_type, attributes, path)
            self._nodes.append((node.op_type, list(node.input), node.output[0], attributes))
        inputs = [port.name for port in graph.input if port.name not in self._constants]
        if len(inputs) != 1:
            raise DataError(f"{path} has the inputs {inputs}; expected exactly one.")
        self._input, self._output = inputs[0], graph.output[0].name
        super().train(False)

    @property
    def operations(self) -> list[str]:
        """The kinds of operation in the order they run."""
        return [kind for kind, *_ in self._nodes]

    def _keep(self, name: str, array: np.ndarray) -> None:
        slot = f"constant_{len(self._constants)}"
        self._constants[name] = slot
        self.register_buffer(slot, torch.from_numpy(np.array(array)))

    def train(self, mode: bool = True) -> OnnxGraph:
        """Does nothing: the published network is what it is."""
        return self

    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Any] = {
            name: getattr(self, slot) for name, slot in self._constants.items()
        }
        values[self._input] = x
        values[""] = None  # an optional input that is left out
        for kind, inputs, output, attributes in self._nodes:
            values[output] = _OPERATIONS[kind]([values[name] for name in inputs], attributes)
        return values[self._output]


def _check(kind: str, attributes: Attributes, path: str | Path) -> None:
    if kind not in _OPERATIONS:
        raise DataError(
            f"{path} uses the operation '{kind}', which is not known here.",
            advice=f"Known are: {', '.join(sorted(_OPERATIONS))}.",
        )
    if attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", b"VALID"):
        raise DataError(f"{path}: '{kind}' pads by {attributes['auto_pad']}; give explicit pads.")
    if attributes.get("ceil_mode", 0) or attributes.get("training_mode", 0):
        raise DataError(f"{path}: '{kind}' with ceil_mode or training_mode is not known here.")


def _padded(x: Tensor, attributes: Attributes, value: float = 0.0) -> Tensor:
    """ONNX pads as (begin of each dimension, end of each); torch wants pairs, last one first."""
    pads = attributes.get("pads", [])
    half = len(pads) // 2
    order = [p for i in reversed(range(half)) for p in (pads[i], pads[i + half])]
    return functional.pad(x, order, value=value) if any(pads) else x


def _convolution(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias = (*inputs, None)[:3]
    return functional.conv2d(
        _padded(x, attributes),
        weight,
        bias,
        stride=attributes.get("strides", 1),
        dilation=attributes.get("dilations", 1),
        groups=attributes.get("group", 1),
    )


def _batch_norm(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, weight, bias, mean, variance = inputs
    epsilon = attributes.get("epsilon", 1e-5)
    return functional.batch_norm(x, mean, variance, weight, bias, training=False, eps=epsilon)


def _prelu(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, slope = inputs
    return torch.where(x >= 0, x, slope * x)


def _gemm(inputs: list[Any], attributes: Attributes) -> Tensor:
    a, b, c = (*inputs, None)[:3]
    a = a.T if attributes.get("transA") else a
    b = b.T if attributes.get("transB") else b
    out = attributes.get("alpha", 1.0) * (a @ b)
    return out if c is None else out + attributes.get("beta", 1.0) * c


def _reshape(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, shape = inputs
    lengths = shape.tolist()
    if not attributes.get("allowzero", 0):  # 0 copies the length of the input
        lengths = [x.shape[i] if length == 0 else length for i, length in enumerate(lengths)]
    return x.reshape(lengths)


def _flatten(inputs: list[Any], attributes: Attributes) -> Tensor:
    (x,) = inputs
    axis = attributes.get("axis", 1) % (x.ndim + 1)
    rows = int(np.prod(x.shape[:axis], dtype=np.int64))
    return x.reshape(rows, -1)


def _max_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    (x,) = inputs
    return functional.max_pool2d(
        _padded(x, attributes, -torch.inf),
        attributes["kernel_shape"],
        stride=attributes.get("strides", 1),
        dilation=attributes.get("dilations", 1),
    )


def _average_pool(inputs: list[Any], attributes: Attributes) -> Tensor:
    (x,) = inputs
    kernel, stride = attributes["kernel_shape"], attributes.get("strides", 1)
    total = functional.avg_pool2d(_padded(x, attributes), kernel, stride)
    if attributes.get("count_include_pad", 0) or not any(attributes.get("pads", [])):
        return total
    inside = _padded(torch.ones_like(x[:1, :1]), attributes)
    return total / functional.avg_pool2d(inside, kernel, stride)


def _unsqueeze(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, *rest = inputs
    axes = rest[0].tolist() if rest else attributes["axes"]  # an input since opset 13
    for axis in sorted(a % (x.ndim + len(axes)) for a in axes):
        x = x.unsqueeze(axis)
    return x


def _reduce(function: Callable[..., Tensor]) -> Operation:
    def run(inputs: list[Any], attributes: Attributes) -> Tensor:
        x, *rest = inputs
        axes = rest[0].tolist() if rest else attributes.get("axes", range(x.ndim))
        return function(x, dim=tuple(axes), keepdim=bool(attributes.get("keepdims", 1)))

    return run


def _clip(inputs: list[Any], attributes: Attributes) -> Tensor:
    x, low, high = (*inputs, None, None)[:3]
    low = attributes.get("min") if low is None else low
    high = attributes.get("max") if high is None else high
    return torch.clamp(x, low, high)


_OPERATIONS: dict[str, Operation] = {
    "Add": lambda i, a: i[0] + i[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Clip": _clip,
    "Concat": lambda i, a: torch.cat(i, dim=a["axis"]),
    "Conv": _convolution,
    "Div": lambda i, a: i[0] / i[1],
    "Dropout": lambda i, a: i[0],
    "Flatten": _flatten,
    "Gemm": _gemm,
    "GlobalAveragePool": lambda i, a: i[0].mean(dim=(2, 3), keepdim=True),
    "HardSigmoid": lambda i, a: (a.get("alpha", 0.2) * i[0] + a.get("beta", 0.5)).clamp(0, 1),
    "Identity": lambda i, a: i[0],
    "LeakyRelu": lambda i, a: functional.leaky_relu(i[0], a.get("alpha", 0.01)),
    "MatMul": lambda i, a: i[0] @ i[1],
    "MaxPool": _max_pool,
    "Mul": lambda i, a: i[0] * i[1],
    "PRelu": _prelu,
    "Pow": lambda i, a: i[0] ** i[1],
    "ReduceL2": _reduce(torch.linalg.vector_norm),
    "ReduceMean": _reduce(torch.mean),
    "ReduceSum": _reduce(torch.sum),
    "Relu": lambda i, a: functional.relu(i[0]),
    "Reshape": _reshape,
    "Sigmoid": lambda i, a: torch.sigmoid(i[0]),
    "Softmax": lambda i, a: torch.softmax(i[0], dim=a.get("axis", -1)),
    "Sqrt": lambda i, a: torch.sqrt(i[0]),
    "Sub": lambda i, a: i[0] - i[1],
    "Tanh": lambda i, a: torch.tanh(i[0]),
    "Transpose": lambda i, a: i[0].permute(a.get("perm", tuple(reversed(range(i[0].ndim))))),
    "Unsqueeze": _unsqueeze,
}
"""ONNX operation to torch; ``i`` are the inputs, ``a`` the attributes."""
