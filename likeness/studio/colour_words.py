"""Words for colours that are seen, by CIELAB: the eleven basic ones of cloth, hair and eyes.

Owns the reading of a colour; the cloths they stand for are ``colours.BASIC_COLOURS``.
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.studio.colours import BASIC_COLOURS, Colour

_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.0890])

_DARK_LIGHTNESS = 25.0
"""Munsell value 2.5: no grey and no plain brown is darker in the ISCC-NBS system (K. L. Kelly and
D. B. Judd, "Color: Universal Language and Dictionary of Names", 1976)."""
_BLACK_LIMIT = 11.0
"""Of chroma and a quarter of lightness: black is neither coloured nor light."""
_GREY_SATURATION = 0.3
"""Chroma over lightness, half of what unmixed hair of any pigment has."""
_WHITE_LIGHTNESS, _WHITE_SATURATION = 56.5, 0.15
_RED_HUE, _RED_REDNESS = 61.0, 12.5
"""Degrees at most, and a* at least."""
_BLOND_LIGHTNESS = 41.0
_BROWN_HUE, _HAZEL_HUE, _GREEN_HUE = 80.0, 107.0, 180.0
"""Degrees at most, of irises: Munsell's 10YR, with which browns end and olive begins, 10Y, with
which greens begin (names of hues after Kelly and Judd), and where b* turns to blue."""
_GREY_IRIS_SATURATION = 0.14


def nearest_colour(pixel: ArrayLike) -> str:
    """The basic colour word of an sRGB colour (3,) in [0, 1].

    Each word stands at its typical cloth, in the light and in half of it, so that a shadow on red
    cloth is red.
    """
    names, places = _places()
    away = places - lab(np.asarray(pixel, np.float64))
    # Lightness tells less of a cloth than hue does.
    distance = 0.5 * away[:, 0] ** 2 + away[:, 1] ** 2 + away[:, 2] ** 2
    return names[int(np.argmin(distance))]


def hair_colour_word(albedo: Colour) -> str:
    """The word for hair: black, dark brown, brown, blond, red, grey or white.

    White hairs among dark ones make grey as soon as the whole is too light to be black and has no
    colour; a few among brown ones leave it brown.

    Args:
        albedo: linear RGB of the mixture of hairs.
    """
    lightness, a, b = _lab_of_linear(np.array(albedo)).tolist()
    chroma, hue = math.hypot(a, b), math.degrees(math.atan2(b, a))
    dark = lightness < _DARK_LIGHTNESS
    if dark and chroma + 0.25 * lightness < _BLACK_LIMIT:
        return "black"
    if not dark and chroma < _GREY_SATURATION * lightness:
        pale = lightness >= _WHITE_LIGHTNESS and chroma < _WHITE_SATURATION * lightness
        return "white" if pale else "grey"
    if a >= _RED_REDNESS and hue <= _RED_HUE:
        return "red"
    if dark:
        return "dark brown"
    return "blond" if lightness >= _BLOND_LIGHTNESS else "brown"


def eye_colour_word(albedo: Colour) -> str:
    """The word for an iris: blue, grey, green, hazel or brown.

    Args:
        albedo: linear RGB of the whole iris without its pupil.
    """
    lightness, a, b = _lab_of_linear(np.array(albedo)).tolist()
    hue = math.degrees(math.atan2(b, a)) % 360.0
    if hue < _BROWN_HUE:
        return "brown"
    if hue < _HAZEL_HUE:
        return "hazel"
    if hue < _GREEN_HUE:
        return "green"
    return "grey" if math.hypot(a, b) < _GREY_IRIS_SATURATION * lightness else "blue"


def lab(pixel: NDArray[np.floating]) -> NDArray[np.float64]:
    """CIELAB (..., 3) of sRGB (..., 3), D65 (CIE 15:2004)."""
    linear = np.where(pixel <= 0.04045, pixel / 12.92, ((pixel + 0.055) / 1.055) ** 2.4)
    return _lab_of_linear(linear)


def _lab_of_linear(linear: NDArray[np.floating]) -> NDArray[np.float64]:
    ratio = np.maximum(linear @ _XYZ.T, 0.0) / _WHITE
    root = np.where(ratio > 216.0 / 24389.0, np.cbrt(ratio), (24389.0 / 27.0 * ratio + 16.0) / 116)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)], axis=-1)


@cache
def _places() -> tuple[list[str], NDArray[np.float64]]:
    """Names and CIELAB places; greys have one place each, since a dark grey is black."""
    names, places = [], []
    for name, cloth in BASIC_COLOURS.items():
        lights = (1.0,) if name in ("black", "white", "grey") else (1.0, 0.45)
        for light in lights:
            names.append(name)
            places.append(_lab_of_linear(np.array(cloth) * light))
    return names, np.array(places)
