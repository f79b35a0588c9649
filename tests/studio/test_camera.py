"""Cameras: where a lens puts a face, and how it blurs, against formulas written out here."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from likeness.studio.camera import Lens, circle_of_confusion, face_region, region_points
from likeness.studio.hairline import hairline_height
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.scene import Scene, turn_head
from likeness.studio.shots import draw_lens, draw_turn
from likeness.studio.template import build_template

_HEAD = np.random.default_rng(0).uniform((-0.07, -0.06, -0.05), (0.07, 0.06, 0.05), (68, 3))
_HEAD[27], _HEAD[8] = (0.0, 0.04, 0.05), (0.0, -0.07, 0.05)


def _tall() -> np.ndarray:
    """A figure whose feet are far below."""
    return np.array([[0.0, -1.6, 0.0], [0.0, 0.1, 0.0]])


@pytest.mark.parametrize("size", [(240, 240), (300, 200), (160, 320)])
@pytest.mark.parametrize("lens", [Lens(35.0, 0.55, (0.05, -0.04)), Lens(120.0, 0.2, (0.0, -0.2))])
def test_a_lens_gives_the_face_its_height_and_place(size, lens):
    height, width = size
    translation, (fx, fy, cx, cy) = lens.place(_HEAD, _tall(), height, width)
    points = region_points(_HEAD) + translation
    x, y = cx - fx * points[:, 0] / points[:, 2], cy + fy * points[:, 1] / points[:, 2]
    assert y.max() - y.min() == pytest.approx(lens.face_height * height, rel=1e-6)
    middle = 0.5 * (x.min() + x.max()) - width / 2, 0.5 * (y.min() + y.max()) - height / 2
    assert middle == pytest.approx([height * value for value in lens.offset], abs=1e-4)
    # 36 x 24 mm have a diagonal of 43.267 mm.
    assert fx == fy == pytest.approx(lens.focal_length * math.hypot(*size) / 43.267)
    assert (cx, cy) == (width / 2, height / 2)


def test_a_longer_lens_stands_farther_off():
    near, far = (Lens(mm, 0.4).place(_HEAD, _tall(), 200, 200)[0][2] for mm in (35.0, 135.0))
    assert far / near == pytest.approx(135.0 / 35.0, rel=0.15)


def test_no_picture_shows_where_a_body_stops():
    """A frame longer than the body has its axis lower: what is worn goes on to the last row."""
    person = Person.sample(32)
    lens = Lens(85.0, 0.10, (0.0, -0.3))
    picture = photograph(person, replace(Scene.portrait(), framing=lens), 128)
    assert picture.parameters["camera"][3] >= 64.0
    body = LABELS.index("body")
    above = picture.mask[-6] == body
    assert above.sum() >= 4
    assert (picture.mask[-1, above] == body).mean() > 0.75


def test_a_whole_head_begins_two_hundredths_below_the_upper_edge():
    """The picture moves down over the same view: place and focal length stay."""
    lens = Lens(85.0, 0.33, (0.0, -0.28))
    crown = np.concatenate([_tall(), [[0.02, 0.16, -0.06], [0.1, 0.11, 0.03]]])
    cut, whole = (
        replace(lens, whole_head=kept).place(_HEAD, crown, 300, 200) for kept in (False, True)
    )
    np.testing.assert_array_equal(cut[0], whole[0])
    assert cut[1][:3] == whole[1][:3]
    _, y, z = (crown + whole[0]).T
    fy, cy = whole[1][1], whole[1][3]
    assert (cy - fy * y / -z)[1:].min() == pytest.approx(0.02 * 300)
    assert (cut[1][3] - fy * y / -z)[1:].min() < 0.0
    low = replace(lens, offset=(0.0, 0.0))  # where there is room, nothing moves
    free, kept = (
        replace(low, whole_head=kept).place(_HEAD, crown, 300, 200) for kept in (False, True)
    )
    assert kept[1] == free[1] == (fy, fy, 100.0, 150.0)


@pytest.mark.parametrize("view", ["front", "down"])
def test_half_length_pictures_show_the_crown_and_the_hair(view):
    """Of the largest and highest faces that are drawn."""
    rng = np.random.default_rng(3)
    turn = draw_turn(rng, view)
    lens = max(
        (draw_lens(rng, "half-length") for _ in range(40)),
        key=lambda lens: lens.face_height - 4.0 * lens.offset[1],
    )
    scene = replace(
        Scene.portrait(), framing=lens, pitch=turn[1], pose=turn_head(*turn, body_share=0.5)
    )
    head = [LABELS.index("skin"), LABELS.index("hair")]
    mask = photograph(Person.sample(61), scene, 96).mask
    assert not np.isin(mask[0], head).any()
    assert np.isin(mask[:8], head).any()


@pytest.mark.parametrize("seed", [5, 7, 32])
def test_the_face_region_reaches_from_chin_to_hairline(seed):
    """Where the head's own hairline vertex is drawn, within a twelfth of the region's height."""
    picture = photograph(Person.sample(seed), Scene.portrait(), 64)
    template = build_template()
    skin = template.vertices[: template.num_skin]
    front = np.flatnonzero((np.abs(skin[:, 0]) < 1.0) & (skin[:, 2] > 40.0))
    vertex = front[np.argmin(np.abs(skin[front, 1] - hairline_height(0.0, 0.0)))]
    _, fy, _, cy = picture.parameters["camera"]
    hairline = cy - fy * picture.vertices[vertex, 1] / -picture.vertices[vertex, 2]
    _, top, _, bottom = face_region(picture.landmarks68)
    assert bottom == pytest.approx(picture.landmarks68[:, 1].max())
    assert abs(hairline - top) < (bottom - top) / 12.0


def test_the_circle_of_confusion_is_the_thin_lens():
    """85 mm at f/1.8 from 1.5 m: f^2 / (N (s - f)) |d - s| / d on the sensor."""
    focal, stop, focus, diagonal = 0.085, 1.8, 1.5, 724.0
    for depth in (1.3, 1.5, 1.6, 8.0):
        mm = 1000 * focal**2 / (stop * (focus - focal)) * abs(depth - focus) / depth
        found = circle_of_confusion(
            depth, focus=focus, aperture=stop, focal_length=85.0, diagonal=diagonal
        )
        assert float(found) == pytest.approx(mm / 43.267 * diagonal, rel=1e-6)
    far = circle_of_confusion(
        np.inf, focus=focus, aperture=stop, focal_length=85.0, diagonal=diagonal
    )
    assert float(far) == pytest.approx(2.836 / 43.267 * diagonal, rel=1e-3)
