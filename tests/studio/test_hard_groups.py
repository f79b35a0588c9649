"""Hard groups: who is cast, and what their pictures and captions tell of them."""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from likeness.seeds import rng_of
from likeness.studio import group_albums
from likeness.studio.group_albums import GroupAlbumPicture, group_pictures
from likeness.studio.hard_groups import (
    HARD_CASES,
    NOBODY,
    Cast,
    HardCase,
    hard_cast,
    possible_cases,
)
from likeness.studio.person import Person
from likeness.studio.siblings import sibling


@cache
def _people() -> tuple[Person, ...]:
    return tuple(Person.sample(800 + number) for number in range(5))


@cache
def _picture(case: HardCase) -> GroupAlbumPicture:
    """The first hard picture of a case among two people, of many albums."""
    for seed in range(50):
        rng = rng_of("group case", seed, 0)
        rng.random()
        if HARD_CASES[int(rng.integers(len(HARD_CASES)))] == case:
            people = _people()
            return next(
                group_pictures(people, count=1, seed=seed, short_side=320, sizes=(2,), hard=1.0)
            )
    raise AssertionError(case)


def test_siblings_stand_together():
    cast = hard_cast("siblings", _people(), (2, 3), rng_of("hard", 0))
    pool = {person.seed: person for person in _people()}
    strangers = [person for person in cast.people if person.seed not in pool]
    assert len(strangers) == 1
    assert any(strangers[0] == sibling(p, 0) for p in cast.people if p.seed in pool)
    found = _picture("siblings").picture.members
    assert found[0].person.appearance.hair.style == found[1].person.appearance.hair.style
    assert found[0].person.identity != found[1].person.identity


def test_a_team_wears_one_outfit():
    one, other = (m.person.appearance.clothing for m in _picture("one outfit").picture.members)
    assert (one.colour_name, one.kind) == (other.colour_name, other.kind)


def test_one_person_has_no_name():
    found = _picture("unnamed")
    names = found.cast.names
    assert Counter(name == NOBODY for name in names) == {True: 1, False: 1}
    known = names[0] if names[1] == NOBODY else names[1]
    assert known in {member.person.name for member in found.picture.members}


def test_only_boxes_tell_a_swapped_pair_apart():
    found = _picture("swapped")
    one, other = (member.person for member in found.picture.members)
    assert one.sex == other.sex
    assert one.seed != other.seed
    assert found.cast.listed == (1, 0)
    boxes = [found.picture.face_box(number) for number in found.cast.listed]
    assert boxes[0] is not None
    assert boxes[1] is not None
    assert boxes[0][0] > boxes[1][0]
    assert len(found.labels.people) == 2
    assert found.labels.people[0] == found.labels.people[1]
    described = found.caption.split("from left to right, ")[1].split("; ")
    assert described[0] == described[1]


def test_cases_that_people_can_make():
    women = [person for person in _people() if person.sex == "female"]
    men = [person for person in _people() if person.sex == "male"]
    assert possible_cases(_people(), (1,)) == ()
    assert possible_cases(_people(), (1, 2)) == HARD_CASES
    assert "swapped" not in possible_cases([women[0], men[0]], (2,))
    assert "swapped" not in possible_cases(_people(), (3,))
    usual = Cast.usual(_people()[:2])
    assert usual.listed == (0, 1)
    assert usual.case is None


def test_a_fifth_is_hard(monkeypatch):
    """Casting alone, without rendering: the share, every case, and pictures that do not change."""

    def cast_only(people, rng, *args, one_outfit=False):
        return people, rng.random(), one_outfit

    monkeypatch.setattr(group_albums, "group_picture", cast_only)
    monkeypatch.setattr(group_albums, "_told", lambda found, cast: (cast, found))
    usual = list(group_pictures(_people(), count=400))
    none = list(group_pictures(_people(), count=400, hard=0.0))
    cases = Counter(cast.case for cast, _ in usual)
    assert set(cases) == {None, *HARD_CASES}
    assert 400 - cases[None] == pytest.approx(80, abs=20)
    for (cast, found), (plain, same) in zip(usual, none):
        assert plain.case is None
        if cast.case is None:
            assert (cast, found) == (plain, same)
