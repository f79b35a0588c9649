"""Detectors: real decoding of both network formats, real faces for the cascade, records, choice."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from skimage.data import astronaut

from likeness.errors import DataError, MissingError, UsageError
from likeness.faces.cascade import CascadeDetector
from likeness.faces.detect import (
    Detector,
    Face,
    choose_face,
    make_detector,
    overlap,
    without_duplicates,
)
from likeness.faces.networks import Scrfd, YuNet
from likeness.media.image import crop, load_image
from tests.faces import toy_networks
from tests.realdata import real_data

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


def test_missing_weights_name_the_files_looked_for(tmp_path):
    with pytest.raises(MissingError, match=r"scrfd_10g_bnkps\.onnx, det_10g.* in .*no folder"):
        make_detector("scrfd")
    with pytest.raises(MissingError, match=r"face_detection_yunet_2023mar\.onnx") as raised:
        make_detector("yunet", weights=tmp_path)
    assert str(tmp_path) in str(raised.value)
    with pytest.raises(UsageError, match="no face detector 'magic'"):
        make_detector("magic")


def test_the_best_detector_follows_from_the_weights(tmp_path):
    assert isinstance(make_detector("best"), CascadeDetector)
    assert isinstance(make_detector("best", weights=tmp_path), CascadeDetector)
    toy_networks.yunet(
        tmp_path / "face_detection_yunet_2023mar.onnx", stride=8, box=np.zeros(4), points=POINTS
    )
    assert isinstance(make_detector("best", weights=tmp_path), YuNet)
    toy_networks.scrfd(tmp_path / "det_500m.onnx", stride=8, anchor=0, sides=SIDES, points=POINTS)
    best = make_detector("best", weights=tmp_path)
    assert isinstance(best, Scrfd)
    assert isinstance(best, Detector)


def test_the_cascade_finds_a_real_face():
    image = astronaut().astype(np.float32) / 255
    face = choose_face(make_detector("cascade").detect(image), image.shape[:2])
    assert face is not None
    # Her eyes are at about (206, 114) and (247, 112), her mouth at (228, 156).
    for x, y in ((206, 114), (247, 112), (228, 150)):
        assert face.box[0] < x < face.box[2]
        assert face.box[1] < y < face.box[3]
    assert 70 < face.size < 130
    assert make_detector("cascade").detect(np.full((200, 200, 3), 0.5, np.float32)) == []


def test_the_cascade_finds_a_tilted_face():
    image = astronaut().astype(np.float32)[0:240, 110:350] / 255
    angle = np.radians(32)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.array([117.0, 125.0])
    matrix = np.column_stack([turn, [120, 120] - turn @ centre])
    tilted = crop(image, matrix, (240, 240))
    face = choose_face(CascadeDetector().detect(tilted), (240, 240))
    assert face is not None
    np.testing.assert_allclose(face.centre, [120, 120], atol=15)


@pytest.mark.realdata
def test_the_cascade_on_real_groups():
    """Every person of five group pictures, and at most one confident mistake among them all."""
    folder = real_data("london_faces")
    detector, mistakes = CascadeDetector(), 0
    for group in json.loads((folder / "groups.json").read_text())[1::3]:
        image = load_image(folder / group["image"])
        faces = [face for face in detector.detect(image) if face.score >= 0.5]
        centres = np.array([np.mean(p["pupils_xy"], axis=0) for p in group["persons"]])
        inside = np.array(
            [[(f.box[:2] < c).all() and (c < f.box[2:]).all() for c in centres] for f in faces]
        )
        assert inside.any(axis=0).all(), group["image"]
        mistakes += int((~inside.any(axis=1)).sum())
    assert mistakes <= 1


def test_recorded_faces_are_read(tmp_path):
    points = np.arange(136, dtype=np.float32).reshape(68, 2)
    np.save(tmp_path / "a.npy", points)
    np.save(tmp_path / "b.npy", points[:5])
    (tmp_path / "c.json").write_text(
        json.dumps(
            [
                {"box": [0, 0, 5, 5], "score": 0.4},
                {"box": [1, 2, 30, 40], "score": 0.9, "points5": points[:5].tolist()},
            ]
        )
    )
    detector = make_detector("file", weights=tmp_path)
    image = np.zeros((10, 10, 3), np.float32)
    (face,) = detector.detect(image, name="a")
    np.testing.assert_array_equal(face.landmarks68, points)
    np.testing.assert_array_equal(face.box, [0, 1, 134, 135])
    (face,) = detector.detect(image, name="b")
    np.testing.assert_array_equal(face.points5, points[:5])
    first, second = detector.detect(image, name="c")
    assert (first.score, second.score) == (0.9, 0.4)
    np.testing.assert_array_equal(first.points5, points[:5])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[{}]", "not a list of faces: KeyError: 'box'"),
        (b"{", "not a list of faces"),
        (b'[{"box": [1, 2, 3], "score": 1}]', r"shape \(4,\), found \(3,\)"),
    ],
)
def test_broken_records_are_named(tmp_path, content, message):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        make_detector("file", weights=tmp_path).detect(np.zeros((4, 4, 3)), name="x")


def test_missing_records_are_named(tmp_path):
    np.save(tmp_path / "n.npy", np.full((68, 2), np.nan))
    detector = make_detector("file", weights=tmp_path)
    with pytest.raises(DataError, match=r"n\.npy must hold finite"):
        detector.detect(np.zeros((4, 4, 3)), name="n")
    with pytest.raises(DataError, match=r"faces of 'gone' at .*gone\.npy"):
        detector.detect(np.zeros((4, 4, 3)), name="gone")
    with pytest.raises(UsageError, match="needs a folder"):
        make_detector("file", weights=tmp_path / "nowhere")


def face(x: float, y: float, size: float, score: float = 0.9) -> Face:
    return Face(np.array([x, y, x + size, y + size], np.float64), score)


def test_the_face_a_portrait_is_about():
    centred, corner, huge = face(40, 40, 20), face(0, 0, 22), face(20, 20, 70)
    assert choose_face([corner, centred], (100, 100)) is centred
    assert choose_face([corner, centred, huge], (100, 100)) is huge
    assert choose_face([face(40, 40, 20, 0.3)], (100, 100)) is None
    assert choose_face([], (100, 100)) is None
    assert choose_face([face(40, 40, 20, 0.6), centred], (100, 100)) is centred


def test_overlap_by_hand():
    boxes = np.array([[0.0, 0, 4, 4], [2, 2, 6, 6], [10, 10, 12, 12]])
    np.testing.assert_allclose(overlap(boxes[:1], boxes), [[1, 4 / 28, 0]])
    kept = without_duplicates([face(0, 0, 10, 0.5), face(1, 1, 10, 0.9), face(30, 30, 5, 0.6)])
    assert [f.score for f in kept] == [0.9, 0.6]


def test_a_face_moves_as_a_whole():
    moved = Face(np.array([0.0, 0, 2, 2]), 1.0, np.ones((5, 2)), np.zeros((68, 2))).moved(3, (1, 2))
    np.testing.assert_array_equal(moved.box, [1, 2, 7, 8])
    np.testing.assert_array_equal(moved.points5[0], [4, 5])
    np.testing.assert_array_equal(moved.landmarks68[0], [1, 2])
