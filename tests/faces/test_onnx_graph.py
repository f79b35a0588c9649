"""ONNX as a torch module: equal to the exported network and to onnxruntime, gradients included."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from likeness.errors import DataError, MissingError
from likeness.export.onnx import export_module
from likeness.faces.onnx_graph import OnnxGraph
from likeness.models.onnx_model import OnnxModel
from tests.faces.toy_networks import residual_recogniser


@pytest.fixture(scope="module", params=["dynamo", "torchscript"])
def network(request, tmp_path_factory):
    """The same network written by both of torch's exporters."""
    net = residual_recogniser(side=16)
    path = tmp_path_factory.mktemp(request.param) / "net.onnx"
    if request.param == "dynamo":
        export_module(
            net, {"input": torch.rand(2, 3, 16, 16)}, path,
            outputs=("embedding",), dynamic={"input": {0: "batch"}},
        )  # fmt: skip
    else:
        torch.onnx.export(
            net, (torch.rand(2, 3, 16, 16),), str(path), dynamo=False, opset_version=13,
            dynamic_axes={"input": {0: "batch"}}, input_names=["input"],
        )  # fmt: skip
    return net, path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_values_and_gradients_equal_the_network(network):
    net, path = network
    graph = OnnxGraph(path)
    x = torch.rand(3, 3, 16, 16, requires_grad=True)
    y = x.detach().clone().requires_grad_()
    ours, theirs = graph(x), net(y)
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)
    (ours * torch.arange(8)).sum().backward()
    (theirs * torch.arange(8)).sum().backward()
    torch.testing.assert_close(x.grad, y.grad, atol=1e-5, rtol=1e-4)
    reference = OnnxModel(path)
    (name,) = reference.inputs
    (expected,) = reference(**{name: x.detach().numpy()}).values()
    np.testing.assert_allclose(ours.detach().numpy(), expected, atol=1e-5)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_it_is_frozen_and_moves_as_a_module(network):
    graph = OnnxGraph(network[1])
    assert list(graph.parameters()) == []
    assert not graph.train().training
    x = torch.rand(2, 3, 16, 16)
    double = OnnxGraph(network[1]).double()(x.double())
    torch.testing.assert_close(double.float(), graph(x), atol=1e-5, rtol=1e-5)


def one_node(tmp_path, kind, arrays, *, shape=(2, 4, 6, 6), opset=13, **attributes):
    """A graph of a single operation on x and constants; None leaves an input out."""
    names = ["x"] + ["" if a is None else f"c{i}" for i, a in enumerate(arrays)]
    graph = helper.make_graph(
        [helper.make_node(kind, names, ["y"], **attributes)],
        "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(a, f"c{i}") for i, a in enumerate(arrays) if a is not None],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    path = tmp_path / "one.onnx"
    onnx.save(model, str(path))
    return path


def f32(*values):
    return np.array(values, np.float32)


def i64(*values):
    return np.array(values, np.int64)


@pytest.mark.parametrize(
    ("kind", "arrays", "attributes"),
    [
        ("AveragePool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
        ("AveragePool", [], {"kernel_shape": [2, 2], "pads": [1, 1, 0, 0], "count_include_pad": 1}),
        ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
        ("Conv", [np.ones((4, 1, 3, 3), np.float32), f32(1, 2, 3, 4)],
         {"group": 4, "pads": [0, 1, 2, 3], "dilations": [1, 2], "strides": [2, 1]}),
        ("Clip", [f32(0.2).reshape(()), f32(0.7).reshape(())], {}),
        ("Clip", [None, f32(0.7).reshape(())], {}),
        ("HardSigmoid", [], {"alpha": 0.3}),
        ("LeakyRelu", [], {"alpha": 0.2}),
        ("GlobalAveragePool", [], {}),
        ("PRelu", [f32(0.1, 0.2, 0.3, 0.4).reshape(4, 1, 1)], {}),
        ("Flatten", [], {"axis": 2}),
        ("Flatten", [], {"axis": 0}),
        ("Reshape", [i64(0, 2, -1)], {}),
        ("Transpose", [], {"perm": [0, 2, 3, 1]}),
        ("Transpose", [], {}),
        ("Concat", [np.ones((2, 1, 6, 6), np.float32)], {"axis": 1}),
        ("Unsqueeze", [i64(0, -1)], {}),
        ("ReduceMean", [], {"axes": [2, 3]}),
        ("ReduceL2", [], {"axes": [1], "keepdims": 0}),
        ("ReduceSum", [i64(1)], {}),
        ("Softmax", [], {"axis": 1}),
        ("Pow", [f32(2.0)], {}),
        ("MatMul", [np.ones((6, 3), np.float32)], {}),
        ("Sub", [f32(127.5)], {}),
        ("Div", [f32(3.0)], {}),
        ("Sigmoid", [], {}),
        ("Tanh", [], {}),
        ("Sqrt", [], {}),
        ("Relu", [], {}),
        ("Identity", [], {}),
    ],
)  # fmt: skip
def test_every_operation_equals_onnxruntime(tmp_path, kind, arrays, attributes):
    path = one_node(tmp_path, kind, arrays, **attributes)
    x = np.random.default_rng(0).uniform(0.0 if kind == "Sqrt" else -1.0, 1, (2, 4, 6, 6))
    x = x.astype(np.float32)
    (expected,) = OnnxModel(path)(x=x).values()
    found = OnnxGraph(path)(torch.from_numpy(x)).numpy()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_gemm_transposes_and_scales(tmp_path):
    weight = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
    path = one_node(
        tmp_path, "Gemm", [weight, f32(1, 2, 3, 4, 5)], shape=(2, 3), transB=1, alpha=0.5, beta=2.0
    )
    x = np.ones((2, 3), np.float32)
    np.testing.assert_allclose(
        OnnxGraph(path)(torch.from_numpy(x)).numpy(), 0.5 * x @ weight.T + 2 * f32(1, 2, 3, 4, 5),
        rtol=1e-6,
    )  # fmt: skip


def test_what_cannot_be_run_is_named(tmp_path):
    with pytest.raises(DataError, match="operation 'Erf', which is not known"):
        OnnxGraph(one_node(tmp_path, "Erf", []))
    with pytest.raises(DataError, match="'MaxPool' pads by b'SAME_UPPER'"):
        OnnxGraph(one_node(tmp_path, "MaxPool", [], kernel_shape=[2, 2], auto_pad="SAME_UPPER"))
    with pytest.raises(DataError, match="ceil_mode"):
        OnnxGraph(one_node(tmp_path, "MaxPool", [], kernel_shape=[2, 2], ceil_mode=1))
    (tmp_path / "text.onnx").write_bytes(b"\x00no network")
    with pytest.raises(DataError, match=r"text\.onnx is not an ONNX file"):
        OnnxGraph(tmp_path / "text.onnx")
    with pytest.raises(MissingError, match=r"gone\.onnx"):
        OnnxGraph(tmp_path / "gone.onnx")
