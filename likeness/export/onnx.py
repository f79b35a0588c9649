"""A torch module as an ONNX file.

The file runs as :class:`likeness.models.onnx_model.OnnxModel`; the proof that it equals the
module is :mod:`likeness.export.bundle`.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from likeness.extras import require

_OPSET = 18
"""What onnxruntime 1.14 (2023) and everything newer runs."""


def export_module(
    module: nn.Module,
    inputs: Mapping[str, Tensor],
    path: str | Path,
    *,
    outputs: Sequence[str],
    dynamic: Mapping[str, Mapping[int, str]] | None = None,
) -> Path:
    """Write ``module`` as one ONNX file with named inputs and outputs, in eval mode.

    Args:
        inputs: example tensors by the names of the arguments of ``forward``, in its order.
        outputs: names of what ``forward`` returns, a tensor or a tuple of them.
        dynamic: input name to {dimension: name of the axis} for what may change, e.g.
            ``{"image": {0: "batch"}}``. Equal names are equal lengths.

    Raises:
        ValueError: a dynamic dimension of the example has length 1; the exporter would bake the 1
            in silently, and other lengths would fail only later.
        MissingError: the packages of the extra 'onnx' are not installed.
    """
    require("onnxscript", extra="onnx", purpose="export to ONNX")
    dynamic = dynamic or {}
    for name, axes in dynamic.items():
        for axis in axes:
            if inputs[name].shape[axis] < 2:
                raise ValueError(
                    f"the example for '{name}' has length {inputs[name].shape[axis]} in its "
                    f"dynamic dimension {axis}; give an example of length 2 or more"
                )
    labels = {label for axes in dynamic.values() for label in axes.values()}
    dimensions = {label: torch.export.Dim(label) for label in sorted(labels)}
    shapes = {
        name: {axis: dimensions[label] for axis, label in dynamic.get(name, {}).items()} or None
        for name in inputs
    }
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    was_training = module.training
    module.eval()
    try:
        with _quiet_exporter(), torch.no_grad():
            torch.onnx.export(
                module,
                args=(),
                f=str(path),
                kwargs=dict(inputs),
                input_names=list(inputs),
                output_names=list(outputs),
                dynamic_shapes=shapes,
                opset_version=_OPSET,
                custom_translation_table={torch.ops.aten.mish.default: _mish},
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        module.train(was_training)
    return path


def _mish(x: Any) -> Any:
    """x · tanh(softplus(x)): onnxruntime has no kernel of Mish to fold constants with."""
    from onnxscript import opset18

    return opset18.Mul(x, opset18.Tanh(opset18.Softplus(x)))


@contextlib.contextmanager
def _quiet_exporter() -> Iterator[None]:
    """Silence the exporter's remarks on its own internals; what matters is proved by running."""
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)
