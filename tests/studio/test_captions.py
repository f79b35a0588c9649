"""Captions: what is written is read back; words, triggers and templates."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import get_args

import numpy as np
import pytest

from likeness.studio import captions
from likeness.studio.background import KINDS
from likeness.studio.captions import GroupLabels, fitting, parse, parse_group, write, write_group
from likeness.studio.colours import BASIC_COLOURS
from likeness.studio.labels import AGES, BEARDS, CAPTION_LIGHTS, FACES, Labels, Traits
from likeness.studio.shots import SHOTS, VIEWS
from likeness.studio.traits import ClothingKind

_STYLES = ("shaved", "short", "medium-length", "long", "tied-back", "curly", "afro")
_HAIR = ("black", "dark brown", "brown", "blond", "red", "grey", "white")
_EYES = ("blue", "grey", "green", "hazel", "brown")


def _labels(rng: np.random.Generator, *, traits: bool) -> Labels:
    def maybe(values):
        return values[int(rng.integers(len(values)))] if rng.random() < 0.75 else None

    dressed = rng.random() < 0.75
    labels = Labels(
        shot=maybe(SHOTS),
        view=maybe(VIEWS),
        face=maybe(FACES),
        clothes_colour=maybe(list(BASIC_COLOURS)) if dressed else None,
        background=maybe(KINDS),
        light=maybe(CAPTION_LIGHTS),
    )
    if labels.clothes_colour:
        kinds = get_args(ClothingKind)
        labels = replace(labels, clothes_kind=kinds[int(rng.integers(len(kinds)))])
    return replace(labels, traits=_traits(rng, maybe)) if traits else labels


def _traits(rng: np.random.Generator, maybe) -> Traits:
    length = maybe(("bald", *_STYLES))
    noun = ("man", "woman")[int(rng.integers(2))]
    return Traits(
        noun=noun,
        age=maybe(AGES),
        hair_length=length,
        hair_colour=_HAIR[int(rng.integers(7))] if length not in (None, "bald") else None,
        eyes=maybe(_EYES),
        beard=maybe(BEARDS),
        glasses=maybe(("glasses", "sunglasses")),
    )


def test_what_is_written_is_read_back():
    """2,000 draws over all slots and templates, with a name and with traits."""
    rng = np.random.default_rng(0)
    for number in range(2_000):
        template = number % captions.TEMPLATES
        named = number % 3 > 0
        labels = _labels(rng, traits=not named)
        if not named:
            labels = fitting(labels, template)
        text = write(labels, template, trigger="TOK woman" if named else None)
        assert parse(text) == labels, text
        assert len(text.split()) <= 40
        if named:
            assert text.count("TOK woman") == 1


def test_groups_are_read_back():
    rng = np.random.default_rng(1)
    for number in range(500):
        people = []
        for _ in range(1 + number % 5):
            drawn = _labels(rng, traits=True)
            people.append(
                Labels(
                    clothes_colour=drawn.clothes_colour,
                    clothes_kind=drawn.clothes_kind,
                    traits=drawn.traits,
                )
            )
        place = _labels(rng, traits=False)
        labels = GroupLabels(tuple(people), place.background, place.light)
        assert parse_group(write_group(labels)) == labels, write_group(labels)


def test_captions_read_like_this():
    labels = Labels(
        "portrait", "left", "smile", "orange", "v-neck", "brick", "side right", traits=None
    )
    assert [write(labels, template, trigger="TOK") for template in range(4)] == [
        "TOK, close-up portrait, turned to the left of the picture, with a smile, wearing an "
        "orange v-neck top, in front of a brick wall, hard side light from the right",
        "close-up portrait of TOK, turned to the left of the picture, with a smile, wearing an "
        "orange v-neck top, in front of a brick wall, hard side light from the right",
        "TOK in an orange v-neck top, turned to the left of the picture, in front of a brick "
        "wall; close-up portrait with a smile in hard side light from the right",
        "a photo of TOK, close-up portrait, turned to the left of the picture, with a smile, "
        "wearing an orange v-neck top, in front of a brick wall, hard side light from the right",
    ]
    person = Labels(
        clothes_colour="red",
        clothes_kind="shirt",
        traits=Traits("man", "elderly", "short", "grey", None, "moustache"),
    )
    group = GroupLabels((person, replace(person, traits=Traits("woman", "young"))), "leaves")
    assert write_group(group) == (
        "two people: from left to right, an elderly man with short grey hair and a moustache, in "
        "a red shirt; a young woman, in a red shirt; in front of leaves"
    )


def test_the_name_comes_first_in_three_of_four():
    rng = np.random.default_rng(2)
    labels = Labels("portrait", "front", "smile", None, None, "plain", "studio")
    texts = [write(labels, captions.draw_template(rng), trigger="TOK") for _ in range(400)]
    first = np.mean([text.replace(",", "").split()[0] == "TOK" for text in texts])
    assert first == pytest.approx(0.75, abs=0.06)


def test_every_phrase_stands_for_one_value():
    """No phrase is part of another slot's, so that parsing needs no grammar."""
    tables = (
        captions.SHOT_WORDS,
        captions.VIEW_WORDS,
        captions.FACE_WORDS,
        captions.BACKGROUND_WORDS,
        captions.LIGHT_WORDS,
    )
    phrases = [phrase for table in tables for phrase in table.values()]
    assert len(phrases) == len(set(phrases))
    for one, other in combinations(phrases, 2):
        assert one not in other, (one, other)
        assert other not in one, (one, other)
    assert not any(word in {"no", "not", "without"} for p in phrases for word in p.split())


def test_faults_are_refused():
    with pytest.raises(ValueError, match="names its person or describes it"):
        write(Labels(traits=Traits("man")), trigger="TOK")
    with pytest.raises(ValueError, match="templates 0 to 3"):
        write(Labels(), 4)
    long = Labels(
        "half-length", "profile left", "amazed", "red", "roll-neck", "gradient", "side left",
        Traits("woman", "middle-aged", "medium-length", "dark brown", "hazel", None, "glasses"),
    )  # fmt: skip
    with pytest.raises(ValueError, match="at most 40 words"):
        write(long)
    assert len(write(fitting(long)).split()) <= 40
