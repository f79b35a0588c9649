"""Recorded faces: both file forms, and what is wrong with broken ones."""

from __future__ import annotations

import json

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.faces.detectors import make_detector


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
    image = np.zeros((140, 140, 3), np.float32)
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
        (
            b'[{"box": [1, 2, 3, 4], "score": 1, "points5": [[1,1],[1,1],[1,1],[1,1],[1,1]]}]',
            "the same one every time",
        ),
    ],
)
def test_broken_records_are_named(tmp_path, content, message):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        make_detector("file", weights=tmp_path).detect(np.zeros((4, 4, 3)), name="x")


def test_a_face_without_its_jaw_line_has_five_points(tmp_path):
    """As the files of a dataset may be, which prediction refused."""
    points = np.random.default_rng(2).uniform(10, 90, (68, 2))
    np.save(tmp_path / "a.npy", np.column_stack([points[17:], np.ones(51)]))
    (face,) = make_detector("file", weights=tmp_path).detect(np.zeros((99, 99, 3)), name="a")
    assert face.landmarks68 is None
    right, left = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    np.testing.assert_allclose(face.points5, [right, left, points[30], points[48], points[54]])


@pytest.mark.parametrize("count", [68, 51, 5])
def test_a_face_of_another_size_of_the_picture_is_refused(tmp_path, count):
    """The background was described as a person, without a word."""
    points = np.random.default_rng(2).uniform(20, 80, (count, 2))
    detector = make_detector("file", weights=tmp_path)
    np.save(tmp_path / "a.npy", points)
    assert len(detector.detect(np.zeros((80, 100, 3)), name="a")) == 1
    np.save(tmp_path / "a.npy", points * 8)
    with pytest.raises(DataError, match=r"a\.npy: \d+ points lie outside .* \(100x80\)"):
        detector.detect(np.zeros((80, 100, 3)), name="a")
    if count == 5:
        row = {"box": [20, 20, 60, 60], "score": 1, "points5": (points + 5000).tolist()}
        (tmp_path / "b.json").write_text(json.dumps([row]))
        with pytest.raises(DataError, match=r"b\.json: 5 points lie outside"):
            detector.detect(np.zeros((80, 100, 3)), name="b")
        (tmp_path / "c.json").write_text(json.dumps([{"box": [900, 9, 990, 99], "score": 1}]))
        with pytest.raises(DataError, match=r"c\.json: 1 point lies outside"):
            detector.detect(np.zeros((80, 100, 3)), name="c")


def test_numbers_that_are_none_are_told_as_such(tmp_path):
    np.save(tmp_path / "a.npy", np.full((68, 2), np.nan))
    with pytest.raises(DataError, match="found NaN or infinity among them"):
        make_detector("file", weights=tmp_path).detect(np.zeros((9, 9, 3)), name="a")


def test_missing_records_are_named(tmp_path):
    np.save(tmp_path / "n.npy", np.full((68, 2), np.nan))
    detector = make_detector("file", weights=tmp_path)
    with pytest.raises(DataError, match=r"n\.npy must hold finite"):
        detector.detect(np.zeros((4, 4, 3)), name="n")
    np.save(tmp_path / "n.npy", np.zeros((5, 2)))
    with pytest.raises(DataError, match=r"n\.npy must hold positions of a face"):
        detector.detect(np.zeros((4, 4, 3)), name="n")
    with pytest.raises(DataError, match=r"faces of 'gone' at .*gone\.npy"):
        detector.detect(np.zeros((4, 4, 3)), name="gone")
    with pytest.raises(UsageError, match="needs a folder"):
        make_detector("file", weights=tmp_path / "nowhere")
