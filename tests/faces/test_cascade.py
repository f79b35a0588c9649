"""Cascades on real faces: upright, tilted, in groups."""

from __future__ import annotations

import json

import numpy as np
import pytest
from skimage.data import astronaut

from likeness.faces.cascade import CascadeDetector
from likeness.faces.detect import choose_face
from likeness.faces.detectors import make_detector
from likeness.media.image import crop, load_image, resize
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


def test_a_small_face_in_a_large_photograph_is_found_where_it_is():
    """1/14 of the side: smaller than the first, reduced copy shows."""
    picture = astronaut().astype(np.float32) / 255
    image = np.pad(picture, ((600, 88), (900, 188), (0, 0)), mode="edge")
    found = choose_face(CascadeDetector().detect(image), image.shape[:2])
    assert found is not None
    assert found.size < (1200 * 1600) ** 0.5 / 12.5
    np.testing.assert_allclose(found.centre, [900 + 227, 600 + 125], atol=20)


def test_a_portrait_is_found_in_the_same_place_at_every_size():
    """Large photographs are searched in a reduced copy; boxes are those of the photograph."""
    small = astronaut().astype(np.float32)[0:240, 110:350] / 255
    boxes = []
    for factor in (1, 5):
        image = resize(small, (240 * factor, 240 * factor), filter="bicubic").clip(0, 1)
        face = choose_face(CascadeDetector().detect(image), image.shape[:2])
        assert face is not None
        boxes.append(face.box / factor)
    np.testing.assert_allclose(boxes[0], boxes[1], atol=8)


@pytest.mark.realdata
def test_every_large_portrait_is_searched_once(monkeypatch: pytest.MonkeyPatch):
    """Real portraits of 0.5 to 1.8 megapixels are found in the smallest copy, eyes inside."""
    searched = []
    search = CascadeDetector._search

    def counted(self, cascade, grey, half_sure):
        searched.append(grey.size)
        return search(self, cascade, grey, half_sure)

    monkeypatch.setattr(CascadeDetector, "_search", counted)
    detector = CascadeDetector()
    folder = real_data("london_faces")
    table = np.load(folder / "landmarks.npz")
    pupils = {str(n): p[:2] for n, p in zip(table["names"], table["points"], strict=True)}
    for path in sorted((folder / "images_1350").glob("*_neutral.jpg")):
        image = load_image(path)
        face = choose_face(detector.detect(image), image.shape[:2])
        assert face is not None, path.name
        for pupil in pupils[path.stem] * image.shape[0] / 512:
            assert (face.box[:2] < pupil).all(), path.name
            assert (pupil < face.box[2:]).all(), path.name
    for path in sorted((real_data("one_person_cc0") / "images").glob("*.jpg")):
        image = load_image(path)
        assert choose_face(detector.detect(image), image.shape[:2]) is not None, path.name
    assert max(searched) < 260_000


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
