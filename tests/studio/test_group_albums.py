"""Group albums: captions of what is seen, and portraits that share nothing with group pictures."""

from __future__ import annotations

from functools import cache
from itertools import combinations

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.seeds import rng_of
from likeness.studio import group_albums
from likeness.studio.camera import face_region
from likeness.studio.captions import parse_group, write_group
from likeness.studio.difficulty import Difficulty
from likeness.studio.group_albums import group_picture, group_pictures, reference_portraits
from likeness.studio.groups import overlap
from likeness.studio.labels import Labels
from likeness.studio.person import Person
from likeness.studio.shots import apparent_turn


@cache
def _people() -> tuple[Person, ...]:
    return tuple(Person.sample(800 + number) for number in range(5))


def _yaw(truth) -> float:
    left, top, right, bottom = face_region(truth.landmarks68)
    fx, fy, cx, cy = truth.parameters["camera"]
    toward = np.array([((left + right) / 2 - cx) / fx, (cy - (top + bottom) / 2) / fy, -1.0])
    turn = apparent_turn(tuple(truth.parameters["yaw_pitch_roll"]), toward)
    return float(np.degrees(turn[0]))


@pytest.mark.parametrize("count", [1, 3])
def test_a_group_picture_and_its_caption(count):
    found = group_picture(_people()[:count], rng_of("group", count), 448)
    boxes = [face_region(truth.landmarks68) for truth in found.picture.people]
    assert [box[0] for box in boxes] == sorted(box[0] for box in boxes)
    assert all(box[3] - box[1] >= 96 for box in boxes)
    assert all(overlap(one, other) <= 0.10 for one, other in combinations(boxes, 2))
    assert len(found.labels.people) == len(found.shown) == count
    assert found.caption == write_group(found.labels)
    assert parse_group(found.caption) == found.labels
    for number, labels in zip(found.shown, found.labels.people):
        person = _people()[number]
        assert labels.traits is not None
        assert labels.traits.noun == ("woman" if person.sex == "female" else "man")


def test_a_team_wears_one_outfit():
    found = group_picture(_people()[:2], rng_of("team"), 400, one_outfit=True)
    one, other = (member.person.appearance.clothing for member in found.picture.members)
    assert (one.colour_name, one.kind) == (other.colour_name, other.kind)


def test_portraits_share_nothing_with_group_pictures():
    """Outfit, background, light, face and yaw of both kinds of picture, of two people."""
    people = _people()[:2]
    groups = [
        group_picture(people, rng_of("apart", number), 400, Difficulty(sensor="clean"))
        for number in range(2)
    ]
    for number, person in enumerate(people):
        portraits = list(reference_portraits(person, count=3, short_side=128))
        for portrait in portraits:
            yaw = _yaw(portrait.photograph)
            worn = portrait.person.appearance.clothing.colour_name
            for group in groups:
                member = group.picture.members[number]
                assert abs(yaw - _yaw(group.picture.people[number])) >= 15.0
                assert worn != member.person.appearance.clothing.colour_name
                assert portrait.scene.background.kind != group.picture.scene.background.kind
                assert portrait.scene.lighting != group.picture.scene.lighting
                assert portrait.scene.expression != member.expression
            assert portrait.person.identity == person.identity


def test_portraits_of_another_look(monkeypatch):
    """As many as asked for show other years, of the same person."""
    monkeypatch.setattr(
        group_albums, "take", lambda person, *args, **options: (None, person, Labels(), None)
    )
    person = _people()[0]
    shown = [p.person for p in reference_portraits(person, count=60, other_looks=0.3)]
    ages = [found.age for found in shown]
    assert ages.count(person.age) == pytest.approx(42, abs=9)
    assert {found.seed for found in shown} == {person.seed}
    assert {p.person.age for p in reference_portraits(person, count=20)} == {person.age}


def test_the_halves_are_disjoint():
    assert not set(group_albums.GROUP_LIGHTS) & set(group_albums.PORTRAIT_LIGHTS)
    assert not set(group_albums.GROUP_FACES) & set(group_albums.PORTRAIT_FACES)
    assert not set(group_albums.GROUP_BACKGROUNDS) & set(group_albums.PORTRAIT_BACKGROUNDS)


def test_what_cannot_be_is_refused_before_any_picture(monkeypatch):
    """When it is asked for, whichever of the pictures could not be made."""

    def never(*args, **options):
        raise AssertionError("a picture was begun")

    monkeypatch.setattr(group_albums, "group_picture", never)
    with pytest.raises(DataError, match="5 faces of 96 pixels do not fit into 528 x 352"):
        group_pictures(_people(), count=4, short_side=352, sizes=(1, 5))
    with pytest.raises(UsageError, match="there are 2"):
        group_pictures(_people()[:2], count=1)
    with pytest.raises(UsageError, match=r"asked for 3 with 1\.5"):
        group_pictures(_people(), count=3, hard=1.5)


def test_two_people_meet_where_groups_are_of_two():
    found = list(group_pictures(_people()[:2], count=2, sizes=(2,), short_side=400))
    assert [len(picture.picture.people) for picture in found] == [2, 2]
