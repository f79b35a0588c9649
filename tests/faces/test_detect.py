"""The choice among faces, and the geometry of boxes."""

from __future__ import annotations

import numpy as np

from likeness.faces.detect import Face, choose_face, choose_unsure_face, overlap, without_duplicates


def face(x: float, y: float, size: float, score: float = 0.9) -> Face:
    return Face(np.array([x, y, x + size, y + size], np.float64), score)


def test_the_face_a_portrait_is_about():
    centred, corner, huge = face(40, 40, 20), face(0, 0, 22), face(20, 20, 70)
    assert choose_face([corner, centred], (100, 100)) is centred
    assert choose_face([corner, centred, huge], (100, 100)) is huge
    assert choose_face([face(40, 40, 20, 0.3)], (100, 100)) is None
    assert choose_face([], (100, 100)) is None
    assert choose_face([face(40, 40, 20, 0.6), centred], (100, 100)) is centred


def test_a_doubtful_face_must_fill_the_picture():
    """A window or a leaf scores as little, and is small."""
    small, weak, best = face(40, 40, 25, 0.45), face(10, 10, 60, 0.15), face(0, 0, 40, 0.3)
    assert choose_unsure_face([small, weak], (100, 100)) is None
    assert choose_unsure_face([small, weak, face(10, 10, 60, 0.25), best], (100, 100)) is best
    assert choose_unsure_face([], (100, 100)) is None


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
