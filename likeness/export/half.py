"""An ONNX graph in half precision that is called as before.

Weights and computation become float16 (11 significant bits, 6e-5 to 65504 without loss); inputs
and outputs stay float32 with their names, ranks and axes. Owns which operations cannot bear it;
which parts of a network cannot is known where the network is.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError
from likeness.export.onnx_nodes import is_in, leading_to

_KEPT_OPS = frozenset(
    (
        # Sums over many values: the sum or its squares pass 65504 long before the values do.
        *("LayerNormalization", "InstanceNormalization", "GroupNormalization"),
        *("ReduceMean", "ReduceSum", "ReduceSumSquare", "ReduceL2", "CumSum"),
        # Exponentials: exp(12) passes 65504, exp(-10) is below the least number without loss.
        *("Softmax", "LogSoftmax", "Softplus", "Exp", "Log"),
        # Squares and their inverses halve the range of what goes in.
        *("Pow", "Sqrt", "Reciprocal"),
        # A state carries the rounding of every frame on to the next.
        *("RNN", "GRU", "LSTM"),
    )
)
_MOVES = frozenset(
    (
        *("Transpose", "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Expand", "Identity"),
        *("Slice", "Split", "Gather", "GatherND", "Pad"),
    )
)
"""Operations that compute nothing: they stay in the precision of what they move. (ONNX Runtime 1.31
crashes on a Transpose in half precision behind a recurrent layer in float32.)"""
_ENDS_OF_ENERGIES = ("Log", "Sqrt")
"""What leads here is an energy with a floor such as 1e-7, which half precision does not hold."""
_LARGEST = float(np.finfo(np.float16).max)


def to_half(path: Path, *, keep: Collection[str] = (), keep_nodes: Collection[str] = ()) -> None:
    """Rewrite the graph at ``path`` in half precision.

    Sums, exponentials, powers and what leads to a logarithm or a root stay float32.

    Args:
        path: a float32 graph of :func:`likeness.export.onnx.export_module`, replaced.
        keep: names of modules that stay float32 as a whole, as ``named_modules`` gives them.
        keep_nodes: names of nodes that do.

    Raises:
        DataError: a weight is beyond the range of half precision.
    """
    import onnx

    model = onnx.shape_inference.infer_shapes(onnx.load(str(path)), strict_mode=True)
    kept = {node.name for node in leading_to(model.graph, _ENDS_OF_ENERGIES)}
    kept |= {node.name for node in model.graph.node if is_in(node, keep)} | set(keep_nodes)
    _Halving(model.graph, kept).rewrite()
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, str(path))


class _Halving:
    """A value ``v`` of float32 is called ``v_half`` in half precision; casts are made once."""

    def __init__(self, graph: Any, kept: Collection[str]) -> None:
        from onnx import TensorProto

        self.graph, self.kept = graph, kept
        self.float, self.half = TensorProto.FLOAT, TensorProto.FLOAT16
        typed = [*graph.input, *graph.output, *graph.value_info]
        self.floats = {v.name for v in typed if v.type.tensor_type.elem_type == self.float}
        self.weights = {t.name: t for t in graph.initializer if t.data_type == self.float}
        self.known = {value.name for value in graph.input} | {t.name for t in graph.initializer}
        self.nodes: list[Any] = []

    def rewrite(self) -> None:
        """Replace nodes, weights and what is known of the values between."""
        graph = self.graph
        for node in list(graph.node):
            is_half = self._becomes_half(node)
            for place, name in enumerate(node.input):
                if name in self.floats or name in self.weights:
                    node.input[place] = self._in_half(name) if is_half else self._in_full(name)
            if is_half:
                self._retype(node)
                for place, name in enumerate(node.output):
                    node.output[place] = f"{name}_half" if name in self.floats else name
            self.known |= set(node.output)
            self.nodes.append(node)
        for value in graph.output:
            self._in_full(value.name)
        used = {name for node in self.nodes for name in node.input}
        weights = [tensor for tensor in graph.initializer if tensor.name in used]
        for field, values in (("node", self.nodes), ("initializer", weights), ("value_info", [])):
            graph.ClearField(field)
            getattr(graph, field).extend(values)

    def _becomes_half(self, node: Any) -> bool:
        gives_floats = any(name in self.floats for name in node.output)
        if not gives_floats or node.op_type in _KEPT_OPS or node.name in self.kept:
            return False
        if node.op_type not in _MOVES:
            return True
        moved = node.input[0]
        return moved in self.weights or moved not in self.known

    def _in_half(self, name: str) -> str:
        own = f"{name}_half"
        if own in self.known:
            return own
        if name in self.weights:
            self.graph.initializer.append(self._halved(self.weights[name], own))
            self.known.add(own)
            return own
        return self._cast(name, own, self.half)

    def _in_full(self, name: str) -> str:
        return name if name in self.known else self._cast(f"{name}_half", name, self.float)

    def _cast(self, source: str, target: str, kind: int) -> str:
        from onnx import helper

        self.nodes.append(helper.make_node("Cast", [source], [target], f"cast_{target}", to=kind))
        self.known.add(target)
        return target

    def _halved(self, tensor: Any, name: str) -> Any:
        from onnx import numpy_helper

        values = numpy_helper.to_array(tensor)
        # What masks by the largest number of its format does so by that of the other.
        masks = np.abs(values) == np.finfo(np.float32).max
        values = np.where(masks, np.sign(values) * np.float32(_LARGEST), values)
        finite = np.abs(values[np.isfinite(values)])
        if finite.size and finite.max() > _LARGEST:
            raise DataError(
                f"The weight '{tensor.name}' holds {finite.max():.4g}; half precision ends at "
                f"{_LARGEST:g}.",
                advice="Export in float32.",
            )
        return numpy_helper.from_array(values.astype(np.float16), name)

    def _retype(self, node: Any) -> None:
        """Attributes that say float32."""
        for attribute in node.attribute:
            if attribute.name == "to" and node.op_type == "Cast" and attribute.i == self.float:
                attribute.i = self.half
            if attribute.t.data_type == self.float:
                attribute.t.CopyFrom(self._halved(attribute.t, attribute.t.name))
