"""ONNX files as functions: values, ports, wrong inputs, missing and broken files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from likeness.errors import DataError, MissingError
from likeness.models.onnx_model import OnnxModel


@pytest.fixture
def model(tmp_path) -> OnnxModel:
    """``sum = a + b`` and ``product = a * b`` of arrays (batch, 3)."""
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", 3])
        for name in ("a", "b", "sum", "product")
    ]
    graph = helper.make_graph(
        [
            helper.make_node("Add", ["a", "b"], ["sum"]),
            helper.make_node("Mul", ["a", "b"], ["product"]),
        ],
        "two",
        ports[:2],
        ports[2:],
    )
    path = tmp_path / "two.onnx"
    opset = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=8), str(path))
    return OnnxModel(path, threads=1)


def test_values_come_back_by_name(model):
    a, b = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32([[7, 8, 9], [1, 1, 2]])
    found = model(b=b, a=np.asfortranarray(a))
    assert list(found) == ["sum", "product"]
    np.testing.assert_array_equal(found["sum"], a + b)
    np.testing.assert_array_equal(found["product"], a * b)


def test_ports_have_names_and_shapes(model):
    assert model.inputs == {"a": ("batch", 3), "b": ("batch", 3)}
    assert model.outputs == {"sum": ("batch", 3), "product": ("batch", 3)}


def test_wrong_inputs_are_named(model):
    a = np.zeros((2, 3), np.float32)
    with pytest.raises(ValueError, match=r"expected inputs \['a', 'b'\], found \['a'\]"):
        model(a=a)
    with pytest.raises(ValueError, match=r"'b' must have shape .*found \(2, 4\)"):
        model(a=a, b=np.zeros((2, 4), np.float32))


def test_missing_and_broken_files_have_messages(tmp_path):
    with pytest.raises(MissingError, match=r"gone\.onnx; there is none"):
        OnnxModel(tmp_path / "gone.onnx")
    (tmp_path / "broken.onnx").write_bytes(b"not a model")
    with pytest.raises(DataError, match=r"broken\.onnx is not an ONNX model"):
        OnnxModel(tmp_path / "broken.onnx")
