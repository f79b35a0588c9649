"""Groups: places, boxes, and who hides whom, against each person rendered alone."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.seeds import rng_of
from likeness.studio.background import Background
from likeness.studio.camera import face_region, focal_pixels
from likeness.studio.film import Film
from likeness.studio.groups import (
    GroupPicture,
    GroupScene,
    Member,
    clipped,
    draw_places,
    front_focus,
    overlap,
    photograph_group,
)
from likeness.studio.light_kinds import PORTRAIT_LIGHT
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person

_SIZE = (144, 192)
_FAR, _NEAR = 1.15, 0.85


def _member(seed: int, yaw: float = 0.0) -> Member:
    return Member(Person.sample(seed), (yaw, 0.0, 0.0), tuple(np.zeros(52)))


def _scene(*places: tuple[float, float, float]) -> GroupScene:
    return GroupScene(
        seed=1,
        focal_length=50.0,
        places=places,
        lighting=PORTRAIT_LIGHT,
        background=Background("plain", (0.4, 0.4, 0.4), (0.3, 0.3, 0.3), 0.02, 1),
        film=Film(),
    )


@cache
def _two() -> GroupPicture:
    """The nearer one, on the left, hides a part of the farther one's face."""
    scene = _scene((-0.05, -0.02, _NEAR), (0.08, 0.0, _FAR))
    return photograph_group([_member(32), _member(5)], scene, _SIZE)


def _alone(number: int) -> GroupPicture:
    together = _two()
    scene = replace(together.scene, places=(together.scene.places[number],))
    return photograph_group([together.members[number]], scene, _SIZE)


def test_the_nearer_one_is_seen():
    """Rendered one by one, the depth of every pixel is the smaller of both."""
    together, near, far = _two(), _alone(0), _alone(1)
    shift = [
        round(
            float(p.people[0].parameters["camera"][3] - together.people[0].parameters["camera"][3])
        )
        for p in (near, far)
    ]
    assert shift == [0, 0]
    both = np.minimum(near.depth, far.depth)
    same = np.isclose(together.depth, both, atol=2e-3) | (np.isinf(both) & np.isinf(together.depth))
    assert same.mean() > 0.99
    inner = (near.mask > 0) & (near.depth < far.depth)
    assert (together.instance[inner] == 1).mean() > 0.98
    inner = (far.mask > 0) & (far.depth < near.depth)
    assert (together.instance[inner] == 2).mean() > 0.98
    assert np.array_equal(together.mask == 0, together.instance == 0)


def test_hidden_landmarks_are_flagged():
    together, far = _two(), _alone(1)
    hidden = far.people[0].visible & ~together.people[1].visible
    assert 3 < hidden.sum() < 68
    column, row = np.floor(together.people[1].landmarks68[hidden]).astype(int).T
    assert (together.instance[row, column] == 1).mean() > 0.8
    assert together.people[0].visible[17:].all()
    np.testing.assert_allclose(together.people[1].landmarks68, far.people[0].landmarks68, atol=1e-3)


def test_a_person_s_truth_is_its_own():
    together = _two()
    for number, truth in enumerate(together.people):
        own = together.instance == number + 1
        assert np.array_equal(truth.mask > 0, own)
        assert np.array_equal(truth.mask[own], together.mask[own])
        assert truth.image is together.image
        x, y = truth.landmarks68[27:31].mean(axis=0)
        place = together.scene.places[number]
        middle = 0.5 * (truth.landmarks3d.min(axis=0) + truth.landmarks3d.max(axis=0))
        assert -middle[2] == pytest.approx(place[2], abs=1e-5)
        assert together.mask[int(y), int(x)] == LABELS.index("skin")


def test_everybody_looks_into_the_camera():
    """Turned alike, whatever the place, noses point as far past the camera."""
    scene = _scene((-0.3, 0.0, 1.5), (0.3, 0.0, 1.5))
    picture = photograph_group([_member(32, 0.3), _member(5, 0.3)], scene, _SIZE)
    turns = []
    for truth in picture.people:
        forward = truth.landmarks3d[30] - truth.landmarks3d[[2, 14]].mean(axis=0)
        to_camera = -truth.landmarks3d.mean(axis=0)
        turn = np.arctan2(forward[0], forward[2]) - np.arctan2(to_camera[0], to_camera[2])
        turns.append(turn)
    # Noses are not quite straight.
    assert turns == pytest.approx([0.33, 0.33], abs=0.06)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_places_leave_faces_large_and_apart(count):
    size = (512, 768)
    for seed in range(20):
        rng = np.random.default_rng(seed)
        focal_length = rng.uniform(35.0, 85.0)
        places = draw_places(rng, count, size, focal_length)
        focal = focal_pixels(focal_length, *size)
        assert len(places) == count
        assert list(places) == sorted(places)
        assert min(focal * 0.155 / away for _, _, away in places) >= 96.0
        assert max(abs(focal * x / away) for x, _, away in places) < 384 - 40


def test_what_does_not_fit_is_said():
    with pytest.raises(DataError, match="5 faces of 96 pixels do not fit into 256 x 256"):
        draw_places(np.random.default_rng(0), 5, (256, 256), 50.0)
    with pytest.raises(ValueError, match="1 to 5 people"):
        draw_places(np.random.default_rng(0), 6, (512, 768), 50.0)


def test_boxes_are_cut_at_the_picture():
    assert clipped((10, 10, 30, 30), 40, 40) == (10, 10, 30, 30)
    assert clipped((-8, 10, 12, 30), 40, 40) == (0, 10, 12, 30)  # 60 % is enough
    assert clipped((-9, 10, 11, 30), 40, 40) is None
    assert overlap((0, 0, 10, 10), (5, 0, 25, 10)) == pytest.approx(0.5)
    assert overlap((0, 0, 10, 10), (11, 0, 25, 10)) == 0.0
    together = _two()
    left, top, right, bottom = face_region(together.people[0].landmarks68)
    assert together.face_box(0) == pytest.approx((left, max(top, 0.0), right, bottom), abs=1e-6)


def test_the_front_row_is_in_focus():
    """Between two rows, where the median of four distances is, nobody would be."""
    assert front_focus([1.0]) == 1.0
    assert front_focus([1.03, 1.16, 1.0, 1.19]) == pytest.approx(1.015)
    assert front_focus([1.16, 0.99]) == pytest.approx(0.99)
    assert front_focus([2.05, 2.31, 2.0, 2.18]) == pytest.approx(2.025)


def test_the_nearer_one_is_sharp_and_the_farther_one_is_not():
    sharp = _two()
    scene = replace(sharp.scene, aperture=1.4)
    taken = photograph_group(sharp.members, scene, _SIZE)

    def detail(picture: GroupPicture, number: int) -> float:
        """Second differences about the eyes of one person."""
        luma = picture.image.mean(axis=2)
        found = np.zeros_like(luma)
        found[1:-1] = np.abs(luma[2:] - 2.0 * luma[1:-1] + luma[:-2])
        eyes = sharp.people[number].landmarks68[36:48]
        (left, top), (right, bottom) = eyes.min(axis=0), eyes.max(axis=0)
        return float(found[int(top) - 3 : int(bottom) + 4, int(left) : int(right) + 1].mean())

    assert detail(taken, 0) > 0.97 * detail(sharp, 0)
    assert detail(taken, 1) < 0.7 * detail(sharp, 1)


def test_no_crown_is_cut():
    """A tall person beside a small one: all of both heads lies below the upper edge."""
    scene = _scene((-0.16, 0.2, _FAR), (0.16, 0.08, _FAR))
    made = photograph_group([_member(32), _member(5)], scene, _SIZE)
    assert not (made.instance[0] > 0).any()
    rows = [np.flatnonzero((made.instance == number).any(axis=1)).min() for number in (1, 2)]
    assert 1 <= min(rows) < 0.1 * _SIZE[0]


@pytest.mark.parametrize("count", [2, 3])
def test_bodies_have_the_room_they_need_in_a_usual_picture(count):
    """42 cm to the side of each other or 26 cm behind, in 30 pictures of 512 x 768."""
    for number in range(30):
        places = np.array(draw_places(rng_of("room", number), count, (512, 768), 50.0))
        for first in range(count):
            for second in range(first):
                across, _, deep = np.abs(places[first] - places[second])
                assert across >= 0.42 - 1e-9 or deep >= 0.26 - 1e-9


def test_whoever_is_squeezed_in_shows_through_nobody():
    """Bodies that reach into each other: every pixel of the nearer one alone stays the nearer's."""
    places = (-0.12, 0.0, 1.00), (0.12, 0.0, 1.03)
    together = photograph_group([_member(32), _member(5)], _scene(*places), _SIZE)
    alone = photograph_group([_member(32)], _scene(places[0]), _SIZE)
    cameras = [p.people[0].parameters["camera"][3] for p in (together, alone)]
    shift = round(float(cameras[0] - cameras[1]))
    shown = np.roll(alone.instance == 1, shift, axis=0)
    assert shown.sum() > 3000
    assert (together.instance[shown] == 1).mean() > 0.985
