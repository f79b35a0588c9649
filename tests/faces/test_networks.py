"""Both network formats decoded on tiny graphs of the published layout."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.faces.networks import Scrfd, YuNet
from tests.faces import toy_networks

SIDES = np.array([0.5, 1.0, 1.5, 2.0])
POINTS = np.array([0.1, 0.2, 0.8, 0.2, 0.5, 0.5, 0.2, 0.9, 0.8, 0.9])


def block(size: tuple[int, int], row: int, column: int, stride: int) -> np.ndarray:
    """A black picture with one white cell of a stride."""
    image = np.zeros((*size, 3), np.float32)
    image[row * stride : (row + 1) * stride, column * stride : (column + 1) * stride] = 1.0
    return image


@pytest.mark.parametrize(("stride", "anchor"), list(itertools.product((8, 16, 32), (0, 1))))
def test_scrfd_decodes_every_stride_and_anchor(tmp_path, stride, anchor):
    path = toy_networks.scrfd(
        tmp_path / "net.onnx", stride=stride, anchor=anchor, sides=SIDES, points=POINTS
    )
    (face,) = Scrfd(path).detect(block((64, 64), 0, 1, stride))
    x, y = 1 * stride, 0 * stride  # anchors lie at the corner of their cell
    expected = np.array([x - 0.5 * stride, y - stride, x + 1.5 * stride, y + 2 * stride])
    np.testing.assert_allclose(face.box, expected + 0.5, atol=1e-4)
    np.testing.assert_allclose(
        face.points5, np.array([x, y]) + POINTS.reshape(5, 2) * stride + 0.5, atol=1e-4
    )
    assert face.score > 0.99


def test_scrfd_maps_back_to_a_larger_picture(tmp_path):
    path = toy_networks.scrfd(
        tmp_path / "net.onnx", stride=16, anchor=0, sides=SIDES, points=POINTS
    )
    # 96 x 128 is halved to 48 x 64 at the top left of the 64 x 64 input.
    (face,) = Scrfd(path).detect(block((96, 128), 1, 2, 32))
    expected = np.array([32 - 8, 16 - 16, 32 + 24, 16 + 32]) * 2
    np.testing.assert_allclose(face.box, expected + 0.5, atol=1e-4)


def test_scrfd_with_a_free_input_size_and_without_points(tmp_path):
    path = toy_networks.scrfd(
        tmp_path / "net.onnx", stride=32, anchor=0, sides=SIDES, points=None, input_side="side"
    )
    (face,) = Scrfd(path, side=128).detect(block((128, 128), 2, 3, 32))
    np.testing.assert_allclose(face.box, np.array([80, 32, 144, 128]) + 0.5, atol=1e-4)
    assert face.points5 is None


def test_scrfd_drops_overlapping_answers(tmp_path):
    path = toy_networks.scrfd(
        tmp_path / "net.onnx", stride=8, anchor=0, sides=np.full(4, 4.0), points=POINTS
    )
    image = block((64, 64), 2, 2, 8) + block((64, 64), 2, 3, 8) + block((64, 64), 6, 7, 8) * 0.9
    faces = Scrfd(path).detect(image)
    assert [round(float(face.centre[0])) for face in faces] == [16, 56]


@pytest.mark.parametrize("stride", [8, 16, 32])
def test_yunet_decodes_every_stride(tmp_path, stride):
    box = np.array([0.25, 0.5, np.log(3.0), np.log(2.0)])
    path = toy_networks.yunet(tmp_path / "net.onnx", stride=stride, box=box, points=POINTS)
    (face,) = YuNet(path).detect(block((96, 128), 1, 2, stride))
    x, y = 2 * stride, 1 * stride
    width, height = 3 * stride, 2 * stride
    left, top = x + 0.25 * stride - width / 2, y + 0.5 * stride - height / 2
    np.testing.assert_allclose(
        face.box, np.array([left, top, left + width, top + height]) + 0.5, atol=1e-2
    )
    np.testing.assert_allclose(
        face.points5, np.array([x, y]) + POINTS.reshape(5, 2) * stride + 0.5, atol=1e-2
    )
    assert 0.99 < face.score <= 1


def test_yunet_maps_back_to_a_larger_picture(tmp_path):
    box = np.array([0.5, 0.5, 0.0, 0.0])
    path = toy_networks.yunet(tmp_path / "net.onnx", stride=16, box=box, points=POINTS)
    (face,) = YuNet(path, max_side=128).detect(block((192, 256), 1, 2, 32))
    np.testing.assert_allclose(face.centre, (np.array([40, 24]) + 0.5) * 2, atol=0.05)
    assert face.size == pytest.approx(32, abs=0.1)
    assert YuNet(path).detect(np.zeros((64, 64, 3), np.float32)) == []


def test_files_that_are_no_detectors_are_refused(tmp_path):
    (tmp_path / "text.onnx").write_bytes(b"weights")
    with pytest.raises(DataError, match=r"text\.onnx is not a YuNet"):
        YuNet(tmp_path / "text.onnx")
    with pytest.raises(DataError, match=r"text\.onnx is not an ONNX model"):
        Scrfd(tmp_path / "text.onnx")
    yunet = toy_networks.yunet(tmp_path / "yunet.onnx", stride=8, box=np.zeros(4), points=POINTS)
    with pytest.raises(DataError, match="has 12 outputs; SCRFD has 6, with points 9"):
        Scrfd(yunet)
