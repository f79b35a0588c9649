"""The eleven basic colour words of pixels, by distance in CIELAB.

Owns the reading of a colour; the cloths they stand for are ``colours.BASIC_COLOURS``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.studio.colours import BASIC_COLOURS

_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
_WHITE = np.array([0.9505, 1.0, 1.0890])


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
