"""An ONNX file as a function on arrays, on the CPU.

Writing one is :mod:`likeness.export.onnx`; :mod:`likeness.faces.onnx_graph` reads one as a
differentiable torch module. Imports no torch.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from likeness.errors import DataError, MissingError
from likeness.extras import require


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
