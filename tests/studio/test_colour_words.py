"""Colour words: CIELAB against another library, and cloths under usual light."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from likeness.studio.colour_words import hair_colour_word, lab, nearest_colour
from likeness.studio.colours import (
    BASIC_COLOURS,
    HAIR_ANCHORS,
    HAIR_GREY,
    HAIR_RED,
    dye,
    mix_linear,
)
from likeness.studio.figure import LABELS
from likeness.studio.film import encode
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene


def test_lab_is_cielab():
    pixels = np.random.default_rng(0).random((50, 3))
    np.testing.assert_allclose(lab(pixels), rgb2lab(pixels[None])[0], atol=0.05)


@pytest.mark.parametrize("name", list(BASIC_COLOURS))
def test_a_dyed_cloth_has_its_name(name):
    """In even light, most cloths of a colour are called by it; typical ones always."""
    typical = encode(np.array([[BASIC_COLOURS[name]]], np.float32))[0, 0]
    assert nearest_colour(typical) == name
    rng = np.random.default_rng(1)
    cloths = [encode(np.array([[dye(rng, name)]], np.float32))[0, 0] for _ in range(100)]
    assert np.mean([nearest_colour(cloth) == name for cloth in cloths]) >= 0.85


def test_red_in_the_shade_is_red():
    shaded = encode(np.array([[BASIC_COLOURS["red"]]], np.float32) * 0.4)[0, 0]
    assert nearest_colour(shaded) == "red"


def test_white_hairs_make_dark_hair_grey_and_leave_a_few_among_brown_ones():
    shares = (0.0, 0.05, 0.2, 0.5, 0.75, 1.0)

    def words(pigmented):
        return [hair_colour_word(mix_linear(pigmented, HAIR_GREY, share)) for share in shares]

    assert words(HAIR_ANCHORS[5]) == ["black", "black", "grey", "grey", "grey", "white"]
    assert words(HAIR_ANCHORS[4]) == ["dark brown", "dark brown", "grey", "grey", "grey", "white"]
    assert words(HAIR_ANCHORS[3]) == ["brown", "brown", "grey", "grey", "grey", "white"]
    assert words(HAIR_ANCHORS[0]) == ["blond", "blond", "blond", "grey", "white", "white"]
    assert hair_colour_word(HAIR_RED) == "red"


@pytest.mark.parametrize(
    ("seed", "word"),
    [
        (14, "grey"),
        (96, "grey"),
        (2, "grey"),
        (48, "grey"),
        (21, "white"),
        (105, "black"),
        (9, "black"),
        (22, "dark brown"),
        (20, "brown"),
        (24, "blond"),
    ],
)
def test_hair_in_a_photograph_has_the_colour_of_its_name(seed, word):
    """Hair of a fifth or more white hairs is seen as grey, whatever the pigment of the others."""
    person = Person.sample(seed)
    assert person.appearance.hair.colour_name == word
    picture = photograph(sitter_of(person), Scene.portrait(seed), 96)
    hair = picture.image[picture.mask == LABELS.index("hair")]
    lightness, a, b = rgb2lab(np.median(hair, axis=0)[None, None])[0, 0]
    saturation = np.hypot(a, b) / lightness
    # A portrait's soft light makes hair lighter by about 10 than its albedo.
    low, high = {
        "black": (0.0, 35.0),
        "dark brown": (0.0, 35.0),
        "brown": (26.0, 53.0),
        "blond": (50.0, 72.0),
        "grey": (35.0, 67.0),
        "white": (63.0, 80.0),
    }[word]
    assert low <= lightness <= high
    coloured = {"dark brown": True, "brown": True, "blond": True, "grey": False, "white": False}
    assert (saturation > 0.3) == coloured.get(word, saturation > 0.3)
