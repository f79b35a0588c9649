"""Colour words: CIELAB against another library, and cloths under usual light."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.color import rgb2lab

from likeness.studio.colour_words import lab, nearest_colour
from likeness.studio.colours import BASIC_COLOURS, dye
from likeness.studio.film import encode


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
