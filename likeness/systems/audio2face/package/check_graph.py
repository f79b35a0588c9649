"""Rules of ``network.onnx``: names, ranks and axes, where onnx is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from likeness.extras import is_installed
from likeness.systems.audio2face.package.check_network import NetworkFacts
from likeness.systems.audio2face.package.network_info import network_outputs
from likeness.systems.audio2face.package.violations import Report

_OPSET = 14
_MAX_WHOLE = 2 * 1024**3
_FLOAT, _EXTERNAL = 1, 1  # TensorProto.FLOAT and TensorProto.EXTERNAL
_DOMAINS = ("", "ai.onnx")
_REAL = (1, 10, 11, 16)  # TensorProto.FLOAT, FLOAT16, DOUBLE, BFLOAT16


def check_graph(path: Path, facts: NetworkFacts, report: Report) -> None:
    """Codes ``onnx.unreadable``, ``onnx.opset``, ``onnx.external``, ``onnx.inputs``,
    ``onnx.outputs``, ``onnx.type``, ``onnx.rank``, ``onnx.axis``, ``onnx.finite``,
    ``onnx.operator`` and the warning ``onnx.unchecked``.
    """
    if not is_installed("onnx"):
        report.warn(
            "onnx.unchecked",
            path,
            "Not looked at: the package 'onnx' is not installed (pip install 'likeness[onnx]').",
        )
        return
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, ValueError, OSError, RuntimeError) as error:
        report.error("onnx.unreadable", path, f"Expected an ONNX graph: {error!s:.200}.")
        return
    graph = model.graph
    if not graph.input or not graph.output:
        report.error("onnx.unreadable", path, "Expected an ONNX graph with inputs and outputs.")
        return
    opset = max((entry.version for entry in model.opset_import if not entry.domain), default=0)
    if opset < _OPSET:
        report.error("onnx.opset", path, f"Expected opset {_OPSET} or newer, found {opset}.")
    outside = [tensor for tensor in graph.initializer if tensor.data_location == _EXTERNAL]
    lengths = (int(e.value) for t in outside for e in t.external_data if e.key == "length")
    if outside and sum(lengths) < _MAX_WHOLE:
        report.error(
            "onnx.external",
            path,
            f"Weights such as '{outside[0].name:.80}' lie in another file; below 2 GB they belong "
            "into this one.",
        )
    initial = {tensor.name for tensor in graph.initializer}
    given = [value for value in graph.input if value.name not in initial]
    _check_values("onnx.inputs", path, given, facts.inputs, report)
    _check_values("onnx.outputs", path, list(graph.output), network_outputs(facts.shape), report)
    if _check_numbers(path, graph, report) and not outside:
        _check_operators(path, model, report)


def _check_operators(path: Path, model: Any, report: Report) -> None:
    """What is computed, by the rules of onnx: inputs that are there, operators that are known,
    sizes that fit each other."""
    import onnx

    foreign = [node for node in model.graph.node if node.domain not in _DOMAINS]
    if foreign:
        report.error(
            "onnx.operator",
            path,
            f"TensorRT knows no operator '{foreign[0].op_type:.60}' of '{foreign[0].domain:.60}'.",
        )
        return
    try:
        onnx.checker.check_model(str(path), full_check=True)
    except (
        *(onnx.checker.ValidationError, onnx.shape_inference.InferenceError),
        *(ValueError, RuntimeError),  # of damaged text
    ) as error:
        told = " ".join(str(error).split())
        report.error("onnx.operator", path, f"The graph cannot be computed: {told:.300}.")


def _check_numbers(path: Path, graph: Any, report: Report) -> bool:
    """Weights and constants of the graph; those in another file are not opened.

    Returns:
        Whether all can be read.
    """
    from onnx import numpy_helper

    constants = [a.t for n in graph.node if n.op_type == "Constant" for a in n.attribute]
    broken = []
    for tensor in [*graph.initializer, *constants]:
        if tensor.data_type not in _REAL or tensor.data_location == _EXTERNAL:
            continue
        try:
            values = np.asarray(numpy_helper.to_array(tensor), np.float64)
            if np.isfinite(values).all():
                continue
        except (TypeError, ValueError) as error:
            report.error("onnx.unreadable", path, f"Expected an ONNX graph: {error!s:.200}.")
            return False
        rest = values[(values != 0) & ~np.isinf(values)]  # also what is no number
        if rest.size:  # infinity among zeros alone is a mask, as attention adds it
            broken.append(f"'{str(tensor.name) or 'a constant':.80}'")
    if broken:
        report.error("onnx.finite", path, f"Weights that are not finite: {', '.join(broken[:20])}.")
    return True


def _check_values(
    code: str,
    path: Path,
    values: list[Any],
    expected: dict[str, tuple[int | None, ...]],
    report: Report,
) -> None:
    # A damaged name is bytes.
    found = {str(value.name): value.type.tensor_type for value in values}
    if set(found) != set(expected):
        report.error(
            code, path, f"Expected {', '.join(sorted(expected))}, found {', '.join(sorted(found))}."
        )
        return
    for name, sizes in expected.items():
        tensor = found[name]
        if tensor.elem_type != _FLOAT:
            report.error("onnx.type", path, f"'{name}' must be float32, found {tensor.elem_type}.")
        axes = list(tensor.shape.dim)
        if len(axes) != len(sizes):
            report.error(
                "onnx.rank", path, f"'{name}' must have {len(sizes)} axes, found {len(axes)}."
            )
            continue
        for number, (axis, size) in enumerate(zip(axes, sizes)):
            is_fixed = axis.HasField("dim_value")
            if size is not None and (not is_fixed or axis.dim_value != size):
                there = axis.dim_value if is_fixed else f"'{axis.dim_param}' (dynamic)"
                report.error(
                    "onnx.axis", path, f"Axis {number} of '{name}' must be {size}, found {there}."
                )
