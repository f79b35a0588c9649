"""Colour words: CIELAB against another library, and cloths under usual light."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from skimage.color import rgb2lab

from likeness.studio.camera import Framing
from likeness.studio.colour_words import eye_colour_word, hair_colour_word, lab, nearest_colour
from likeness.studio.colours import (
    BASIC_COLOURS,
    HAIR_ANCHORS,
    HAIR_GREY,
    HAIR_RED,
    IRIS_ANCHORS,
    dye,
    mix_linear,
)
from likeness.studio.film import encode
from likeness.studio.part_tables import LABELS
from likeness.studio.person import Person
from likeness.studio.photograph import PersonSitter, photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.template import build_template


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


def test_irises_of_one_pigment_have_their_words():
    words = [eye_colour_word(colour) for colour in IRIS_ANCHORS]
    assert words == ["blue", "green", "hazel", "brown", "brown"]
    assert eye_colour_word((0.125, 0.145, 0.150)) == "grey"


@pytest.mark.parametrize("seed", [14, 8101])
def test_eyes_in_a_photograph_have_the_colour_of_their_name(seed):
    """Hues of CIELAB of the iris alone: browns are reds and oranges, blues have no yellow, and
    hazel is between brown and green, brown around the pupil and greener at the edge."""
    person = Person.sample(seed)
    look = replace(person.appearance, glasses=replace(person.appearance.glasses, kind="none"))
    sitter = PersonSitter(replace(person, appearance=look))
    # The left eye alone, 300 pixels from corner to corner.
    framing = Framing(distance=1.0, margin=0.16, offset=(-1.25, 1.75))
    scene = replace(Scene.portrait(seed), framing=framing)
    hues: dict[str, list[float]] = {}
    for melanin, greyness in [(m, 0.2) for m in np.linspace(0.0, 1.0, 12)] + [(0.04, 0.95)]:
        eyes = replace(look.eyes, iris_melanin=float(melanin), iris_greyness=greyness)
        sitter.person = replace(person, appearance=replace(look, eyes=eyes))
        whole, inner, outer = _iris(photograph(sitter, scene, (200, 300), supersampling=1))
        hues.setdefault(eyes.colour_name, []).append(whole[1])
        if eyes.colour_name == "hazel":
            assert inner[1] < outer[1] - 8.0
        if eyes.colour_name == "grey":
            assert whole[0] < 8.0  # chroma
    ranges = {"brown": (35, 84), "hazel": (78, 108), "green": (100, 190), "blue": (180, 280)}
    assert set(hues) == {*ranges, "grey"}
    for name, (low, high) in ranges.items():
        assert low <= min(hues[name]) <= max(hues[name]) <= high, name


def _iris(picture):
    """Chroma and hue in degrees of the subject's left iris: all of it, its inner half, its edge."""
    pole = picture.vertices[build_template().part_ranges["eyeball_left"].start].astype(np.float64)
    focal, _, cx, cy = picture.parameters["camera"]
    middle = np.array([cx, cy]) + focal / -pole[2] * pole[:2] * (1.0, -1.0)
    radius = focal / -pole[2] * 0.0057
    rows, columns = np.indices(picture.mask.shape) + 0.5
    away = np.hypot(columns - middle[0], rows - middle[1]) / radius
    below = rows > middle[1] - 0.2 * radius  # the upper lid shades what is above
    found = []
    for low, high in ((0.45, 0.95), (0.45, 0.60), (0.72, 0.88)):
        ring = picture.image[(away > low) & (away < high) & below]
        assert len(ring) > 200
        _, a, b = rgb2lab(np.median(ring, axis=0)[None, None])[0, 0]
        found.append((float(np.hypot(a, b)), float(np.degrees(np.arctan2(b, a)) % 360.0)))
    return found
