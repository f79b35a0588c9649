"""Colours of people and of their clothes: linear RGB tables, mixing, and the words for them.

Owns the tables and the arithmetic on them. It does not decide who has which colour
(``appearance``) nor where a colour goes (``surface``).
"""

from __future__ import annotations

import math

import numpy as np

Colour = tuple[float, float, float]

HAIR_ANCHORS: tuple[Colour, ...] = (
    (0.420, 0.270, 0.130),  # pale blond
    (0.280, 0.160, 0.070),
    (0.150, 0.078, 0.036),
    (0.090, 0.045, 0.022),
    (0.030, 0.018, 0.012),
    (0.010, 0.007, 0.006),  # black
)
"""Diffuse albedo of hair over the amount of eumelanin 0..1, evenly spaced."""

HAIR_RED: Colour = (0.190, 0.052, 0.016)
HAIR_GREY: Colour = (0.300, 0.285, 0.265)

IRIS_ANCHORS: tuple[Colour, ...] = (
    (0.100, 0.160, 0.200),  # blue
    (0.095, 0.145, 0.110),  # green
    (0.110, 0.100, 0.045),  # hazel
    (0.090, 0.045, 0.018),  # brown
    (0.035, 0.016, 0.008),  # dark brown
)
"""Albedo of the iris over its amount of melanin 0..1, evenly spaced."""

BASIC_COLOURS: dict[str, Colour] = {
    "black": (0.012, 0.012, 0.014),
    "white": (0.720, 0.710, 0.690),
    "grey": (0.180, 0.180, 0.185),
    "red": (0.330, 0.018, 0.020),
    "orange": (0.520, 0.160, 0.020),
    "yellow": (0.600, 0.420, 0.040),
    "green": (0.035, 0.150, 0.045),
    "blue": (0.022, 0.070, 0.300),
    "purple": (0.110, 0.028, 0.190),
    "pink": (0.560, 0.170, 0.270),
    "brown": (0.110, 0.050, 0.022),
}
"""The eleven basic colour words and a typical cloth of each."""

CLOTH_ODDS = {
    "black": 0.16,
    "white": 0.13,
    "grey": 0.15,
    "red": 0.08,
    "orange": 0.03,
    "yellow": 0.03,
    "green": 0.09,
    "blue": 0.18,
    "purple": 0.04,
    "pink": 0.05,
    "brown": 0.06,
}
"""How often people wear which."""


def interpolate_log(anchors: tuple[Colour, ...], position: float) -> Colour:
    """Colour at ``position`` in 0..1 between evenly spaced anchors, linear in the logarithm.

    Absorbing pigment multiplies light, so equal steps of pigment are equal factors (Beer-Lambert).
    """
    scaled = min(max(position, 0.0), 1.0) * (len(anchors) - 1)
    index = min(int(scaled), len(anchors) - 2)
    return mix_log(anchors[index], anchors[index + 1], scaled - index)


def mix_log(first: Colour, second: Colour, amount: float) -> Colour:
    """Geometric mixture of two colours: ``first`` at 0, ``second`` at 1."""
    mixed = [
        math.exp((1 - amount) * math.log(a) + amount * math.log(b)) for a, b in zip(first, second)
    ]
    return (mixed[0], mixed[1], mixed[2])


def mix_linear(first: Colour, second: Colour, amount: float) -> Colour:
    """Arithmetic mixture of two colours, as of two kinds of fibre lying side by side."""
    mixed = [(1 - amount) * a + amount * b for a, b in zip(first, second)]
    return (mixed[0], mixed[1], mixed[2])


def dye(rng: np.random.Generator, name: str) -> Colour:
    """A cloth of a basic colour: paler or deeper, a little off in hue, seldom fully saturated."""
    typical = BASIC_COLOURS[name]
    brightness = math.exp(rng.normal(0.0, 0.16))
    hue = np.exp(rng.normal(0.0, 0.05, 3))
    grey, dulled = luminance(typical), float(rng.beta(1.5, 6.0))
    channels = [
        float(min(max(brightness * shift * (value + dulled * (grey - value)), 0.006), 0.85))
        for value, shift in zip(typical, hue)
    ]
    return (channels[0], channels[1], channels[2])


def luminance(colour: Colour) -> float:
    """Relative luminance of a linear RGB colour with Rec. 709 primaries."""
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]
