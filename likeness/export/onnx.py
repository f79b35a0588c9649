"""A torch module as an ONNX file, and an ONNX file as a function on arrays (CPU).

Owns the format; the proof that both agree is :mod:`likeness.export.bundle`. Reading a foreign ONNX
network as a differentiable module is :mod:`likeness.faces.onnx_graph`.
"""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from likeness.errors import DataError, MissingError
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
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    finally:
        module.train(was_training)
    return path


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


class OnnxModel:
    """An ONNX file ready to run on the CPU: arrays by name in, arrays by name out.

    Args:
        path: the .onnx file.
        threads: of one call; 0 lets onnxruntime decide.

    Raises:
        MissingError: onnxruntime is not installed, or there is no such file.
        DataError: the file is not a model that onnxruntime can run.
    """

    def __init__(self, path: str | Path, *, threads: int = 0) -> None:
        runtime = require("onnxruntime", extra="onnx", purpose="run an ONNX model")
        if not Path(path).is_file():
            raise MissingError(
                f"Expected an ONNX file at {path}; there is none.", advice="Check the path."
            )
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        try:
            self._session = runtime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has no common base for its own errors
            raise DataError(
                f"{path} is not an ONNX model that can be run: {error}",
                advice="Export or download it again.",
            ) from error
        self.inputs: dict[str, tuple[int | str | None, ...]] = {
            port.name: tuple(port.shape) for port in self._session.get_inputs()
        }
        """Input names and shapes; a text or None stands for a length that may change."""
        self.outputs: dict[str, tuple[int | str | None, ...]] = {
            port.name: tuple(port.shape) for port in self._session.get_outputs()
        }

    def __call__(self, **inputs: np.ndarray) -> dict[str, np.ndarray]:
        """Run once. Raises ValueError for missing or unknown names and shapes that do not fit."""
        if set(inputs) != set(self.inputs):
            raise ValueError(f"expected inputs {sorted(self.inputs)}, found {sorted(inputs)}")
        for name, value in inputs.items():
            shape = self.inputs[name]
            if len(shape) != value.ndim or any(
                isinstance(length, int) and length != found
                for length, found in zip(shape, value.shape)
            ):
                raise ValueError(f"'{name}' must have shape {shape}, found {value.shape}")
        feed = {name: np.ascontiguousarray(value) for name, value in inputs.items()}
        return dict(zip(self.outputs, self._session.run(list(self.outputs), feed), strict=True))
