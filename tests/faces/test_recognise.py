"""Recognisers: pictures to embeddings, both ways of scaling, missing files."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper

from likeness.errors import MissingError
from likeness.export.onnx import export_module
from likeness.faces.align import align_faces
from likeness.faces.recognise import load_recogniser
from tests.faces.toy_networks import residual_recogniser


def test_a_recogniser_takes_pictures_to_embeddings(tmp_path):
    net = residual_recogniser(side=112)
    export_module(
        net, {"input": torch.rand(2, 3, 112, 112)}, tmp_path / "w600k_r50.onnx",
        outputs=("embedding",), dynamic={"input": {0: "batch"}},
    )  # fmt: skip
    embed = load_recogniser(tmp_path)
    images = torch.rand(2, 3, 150, 160, requires_grad=True)
    points = torch.tensor([[[60.0, 60], [100, 62], [80, 85], [65, 110], [95, 108]]]).repeat(2, 1, 1)
    found = embed.embed(images, points)
    faces = align_faces(images.detach(), points, antialias=False)
    torch.testing.assert_close(found, net(faces * 2 - 1), atol=1e-4, rtol=1e-4)
    found.sum().backward()
    assert images.grad.abs().sum() > 0


def test_networks_that_scale_their_input_get_pixels_of_255(tmp_path):
    graph = helper.make_graph(
        [
            helper.make_node("Sub", ["data", "mean"], ["a"]),
            helper.make_node("Mul", ["a", "scale"], ["b"]),
            helper.make_node("Flatten", ["b"], ["embedding"]),
        ],
        "mxnet",
        [helper.make_tensor_value_info("data", TensorProto.FLOAT, [1, 3, 112, 112])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, [1, 3 * 112 * 112])],
        [
            numpy_helper.from_array(np.float32([127.5]), "mean"),
            numpy_helper.from_array(np.float32([1 / 128]), "scale"),
        ],
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)]),
        str(tmp_path / "m.onnx"),
    )
    faces = torch.rand(1, 3, 112, 112)
    expected = ((faces * 255 - 127.5) / 128).flatten(1)
    torch.testing.assert_close(load_recogniser(tmp_path / "m.onnx")(faces), expected)


def test_a_missing_recogniser_names_the_files(tmp_path):
    for weights in (None, tmp_path, tmp_path / "x.onnx"):
        with pytest.raises(MissingError, match=r"glintr100\.onnx, w600k_r50\.onnx"):
            load_recogniser(weights)
