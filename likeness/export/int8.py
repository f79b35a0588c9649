"""Matrix products of parts of an ONNX graph with INT8 weights.

Weights are rounded once, each column by its own largest; what they are multiplied with is rounded
when it is known, by its own range. Everything else stays as it is.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from likeness.export.onnx_nodes import is_in, leading_to
from likeness.extras import require


def products_in(path: Path, modules: Collection[str]) -> list[str]:
    """Names of the nodes whose weights :func:`quantise` rounds.

    They are MatMul and convolutions of one step. Wider convolutions stay: those of a speech
    encoder read the sound itself, of whose 16 bits 8 would be lost. So does what leads to a
    logarithm, where a small number weighs as much as a large one.

    Args:
        path: a graph of :func:`likeness.export.onnx.export_module`.
        modules: names, as ``named_modules`` gives them.
    """
    import onnx

    graph = onnx.load(str(path)).graph
    weights = {tensor.name: tensor.dims for tensor in graph.initializer}
    energies = {node.name for node in leading_to(graph, ("Log",))}
    return [
        node.name
        for node in graph.node
        if is_in(node, modules) and node.name not in energies and _is_product(node, weights)
    ]


def quantise(path: Path, products: Sequence[str]) -> None:
    """Give products INT8 weights; the graph at ``path`` is replaced.

    Args:
        products: at least one, of :func:`products_in`, in float32.

    Raises:
        MissingError: onnxruntime is not installed.
    """
    require("onnxruntime", extra="onnx", purpose="round weights to INT8")
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(str(path))
    model.graph.ClearField("value_info")  # of weights that are transposed on the way
    with _no_advice():
        quantize_dynamic(
            model,
            str(path),
            op_types_to_quantize=["MatMul", "Conv"],
            nodes_to_quantize=list(products),
            per_channel=True,
            weight_type=QuantType.QInt8,
        )


@contextmanager
def _no_advice() -> Iterator[None]:
    """Without what the quantiser says through the root logger: to fold constants and infer shapes
    by its own tools, which the exporter of torch has done."""

    def drop(record: logging.LogRecord) -> bool:
        return False

    root = logging.getLogger()
    root.addFilter(drop)
    try:
        yield
    finally:
        root.removeFilter(drop)


def _is_product(node: Any, weights: dict[str, Any]) -> bool:
    if node.op_type not in ("MatMul", "Conv"):
        return False
    sizes = weights.get(node.input[1])
    return sizes is not None and (node.op_type == "MatMul" or all(n == 1 for n in sizes[2:]))
