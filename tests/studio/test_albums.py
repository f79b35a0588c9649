"""Albums: the plan's counts, and pictures that bear out their captions."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from likeness.studio import albums
from likeness.studio.albums import album_plan, identity_album, picture_size
from likeness.studio.difficulty import Difficulty
from likeness.studio.labels import Labels
from likeness.studio.person import Person


@pytest.mark.parametrize("seed", range(5))
def test_the_plan_of_24(seed):
    plan = album_plan(np.random.default_rng(seed))
    labels = [wanted for wanted, _ in plan]
    views = Counter(wanted.view for wanted in labels)
    assert views["front"] == 9
    assert views["left"] == views["right"] == 4
    assert views["profile left"] + views["profile right"] == 3
    assert min(views["profile left"], views["profile right"]) >= 1
    assert views["up"] == views["down"] == 2
    assert Counter(wanted.shot for wanted in labels) == {
        "portrait": 12, "half-length": 8, "wide": 4,
    }  # fmt: skip
    backgrounds = Counter(wanted.background for wanted in labels)
    assert len(backgrounds) >= 10
    assert max(backgrounds.values()) <= 0.15 * 24
    assert len({(wanted.clothes_colour, wanted.clothes_kind) for wanted in labels}) >= 8
    assert len({wanted.light for wanted in labels}) >= 5
    faces = Counter(wanted.face for wanted in labels)
    assert len(faces) >= 4
    assert faces["closed eyes"] == 1
    assert len({shape for _, shape in plan}) == 5


def test_fewer_pictures_keep_the_shares():
    plan = album_plan(np.random.default_rng(0), 16)
    assert len(plan) == 16
    views = Counter(wanted.view for wanted, _ in plan)
    assert views["front"] == pytest.approx(6, abs=1)
    assert set(views) >= {"left", "right", "up", "down"}
    easy = album_plan(np.random.default_rng(0), 8, Difficulty.level(0))
    assert {wanted.view for wanted, _ in easy} == {"front"}
    assert {wanted.light for wanted, _ in easy} == {"daylight"}


def test_shapes_are_multiples_of_eight():
    assert picture_size(512, (1, 1)) == (512, 512)
    assert picture_size(512, (5, 4)) == (640, 512)
    assert picture_size(512, (2, 3)) == (512, 768)


def test_an_album_names_or_describes_its_person():
    person = Person.sample(32)
    named = list(identity_album(person, trigger="TOK", count=2, short_side=96))
    again = list(identity_album(person, trigger="TOK", count=2, short_side=96))
    described = list(identity_album(person, trigger=None, count=2, short_side=96))
    for one, other in zip(named, again):
        assert one.caption == other.caption
        assert np.array_equal(one.photograph.image, other.photograph.image)
    assert all(picture.caption.count("TOK") == 1 for picture in named)
    word = "woman" if person.sex == "female" else "man"
    assert all(f" {word}" in picture.caption for picture in described)
    assert all("TOK" not in picture.caption for picture in described)
    for picture in named:
        assert picture.person.identity == person.identity
        assert picture.person.appearance.hair == person.appearance.hair


def test_hair_changes_where_asked_for(monkeypatch):
    """Two other cuts, worn in as many pictures as the person's own."""
    monkeypatch.setattr(
        albums, "take", lambda person, *args, **options: (None, person, Labels(), None)
    )
    person = Person.sample(32)
    pictures = list(identity_album(person, trigger="TOK", hair_changes=2))
    cuts = Counter(picture.person.appearance.hair for picture in pictures)
    assert sorted(cuts.values()) == [8, 8, 8]
    assert person.appearance.hair in cuts
    assert {cut.eumelanin for cut in cuts} == {person.appearance.hair.eumelanin}
    assert {picture.person.identity for picture in pictures} == {person.identity}
    kept = identity_album(person, trigger="TOK")
    assert {picture.person.appearance.hair for picture in kept} == {person.appearance.hair}


@pytest.mark.slow
def test_a_whole_album_varies():
    pictures = list(identity_album(Person.sample(33), trigger="TOK", short_side=192))
    captions = [picture.caption for picture in pictures]
    assert len(set(captions)) == 24
    words = [set(text.replace(",", "").replace(";", "").split()) for text in captions]
    jaccard = [len(a & b) / len(a | b) for a, b in combinations(words, 2)]
    assert np.mean(jaccard) < 0.45
    assert max(len(text.split()) for text in captions) <= 40
    views = Counter(picture.labels.view for picture in pictures)
    assert views["front"] == 9
    assert None not in views
    assert len({picture.photograph.image.shape for picture in pictures}) == 5
