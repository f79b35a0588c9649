"""Cascades on real faces: upright, tilted, in groups."""

from __future__ import annotations

import json

import numpy as np
import pytest
from skimage.data import astronaut

from likeness.faces.cascade import CascadeDetector
from likeness.faces.detect import choose_face, make_detector
from likeness.media.image import crop, load_image
from tests.realdata import real_data


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
