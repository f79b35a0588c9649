"""Lamps and surroundings: where light comes from, its colour and its strength.

Owns the description of a lighting and what follows from it alone: directions, colours, the nine
harmonic coefficients of the surroundings, the exposure. Shadows are ``visibility``, surfaces are
``shading``.

Directions are in the picture's axes: x right, y up, z toward the camera. A lamp of strength one
lights a white surface that faces it to one.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.studio.visibility import harmonics, sphere_directions

Vector = NDArray[np.float64]

_XYZ_TO_RGB = np.array(
    [[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]]
)
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


@dataclass(frozen=True)
class Lamp:
    """A lamp far away."""

    azimuth: float
    """Radians from the camera toward the right of the picture; pi is behind the person."""
    elevation: float
    """Radians above the horizon."""
    strength: float
    temperature: float
    """Colour temperature in kelvin, 2,000 to 12,000."""
    softness: float
    """Angular radius in radians: .01 is the sun, .3 a large softbox."""

    @property
    def direction(self) -> Vector:
        """Unit vector toward the lamp."""
        level = math.cos(self.elevation)
        return np.array(
            [
                level * math.sin(self.azimuth),
                math.sin(self.elevation),
                level * math.cos(self.azimuth),
            ]
        )


@dataclass(frozen=True)
class Lighting:
    """All light of a scene."""

    key: Lamp
    fill: Lamp
    rim: Lamp
    sky: float
    """Light from above and all around, on a white surface that faces up."""
    sky_temperature: float
    ground: tuple[float, float, float]
    """Reflectance of the floor, which returns light from below."""
    white_balance: float
    """Colour temperature that comes out white."""
    exposure: float = 0.0
    """Stops brighter (+) than a picture in which a grey card is grey."""

    @property
    def lamps(self) -> tuple[Lamp, Lamp, Lamp]:
        return self.key, self.fill, self.rim

    def lamp_color(self, lamp: Lamp) -> Vector:
        """Linear RGB of a lamp after white balance, strength included."""
        return lamp.strength * balanced_color(lamp.temperature, self.white_balance)

    @property
    def sky_color(self) -> Vector:
        return self.sky * balanced_color(self.sky_temperature, self.white_balance)

    @property
    def ground_color(self) -> Vector:
        """Radiance of the floor: the sky's and the lamps' light, reflected."""
        received = self.sky_color + sum(
            max(math.sin(lamp.elevation), 0.0) * self.lamp_color(lamp) for lamp in self.lamps
        )
        return np.asarray(self.ground) * received

    def surroundings(self) -> Vector:
        """Harmonic coefficients (9, 3) of the light that comes from no lamp."""
        return project_surroundings(tuple(self.sky_color), tuple(self.ground_color))

    def gain(self) -> float:
        """Factor that exposes a card of 18 % facing the camera, moved by ``exposure`` stops."""
        card = np.array([0.0, 0.0, 1.0])
        received = 0.5 * (self.sky_color + self.ground_color) + sum(
            max(float(lamp.direction @ card), 0.0) * self.lamp_color(lamp) for lamp in self.lamps
        )
        return 2.0**self.exposure / max(float(_LUMINANCE @ received), 1e-3)


@functools.lru_cache(maxsize=256)
def _black_body(temperature: float) -> tuple[float, float, float]:
    """Linear sRGB of a black body, luminance 1.

    Chromaticity by the cubic fit of Kim et al. (US patent 7024034), 1,667 to 25,000 K.
    """
    t = 1000.0 / temperature
    if temperature < 4000.0:
        x = -0.2661239 * t**3 - 0.2343589 * t**2 + 0.8776956 * t + 0.179910
    else:
        x = -3.0258469 * t**3 + 2.1070379 * t**2 + 0.2226347 * t + 0.240390
    if temperature < 2222.0:
        y = -1.1063814 * x**3 - 1.34811020 * x**2 + 2.18555832 * x - 0.20219683
    elif temperature < 4000.0:
        y = -0.9549476 * x**3 - 1.37418593 * x**2 + 2.09137015 * x - 0.16748867
    else:
        y = 3.0817580 * x**3 - 5.87338670 * x**2 + 3.75112997 * x - 0.37001483
    rgb = np.maximum(_XYZ_TO_RGB @ (x / y, 1.0, (1.0 - x - y) / y), 0.0)
    rgb /= _LUMINANCE @ rgb
    return float(rgb[0]), float(rgb[1]), float(rgb[2])


def balanced_color(temperature: float, white: float) -> Vector:
    """Linear RGB, luminance 1, of light of one temperature in a picture balanced for another."""
    color = np.array(_black_body(temperature)) / np.array(_black_body(white))
    return color / (_LUMINANCE @ color)


def sky_share(height: NDArray[np.floating] | float) -> NDArray[np.floating] | float:
    """How much of the sky (against the floor) is seen toward a direction of that height (y)."""
    t = np.clip((np.asarray(height) + 0.35) / 0.7, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


@functools.lru_cache(maxsize=64)
def project_surroundings(
    sky: tuple[float, float, float], ground: tuple[float, float, float]
) -> Vector:
    """(9, 3) harmonic coefficients of a sky over a floor with a soft horizon."""
    directions = sphere_directions(512)
    share = sky_share(directions[:, 1])[:, None]
    radiance = share * np.array(sky) + (1.0 - share) * np.array(ground)
    return harmonics(directions).T @ radiance * (4.0 * math.pi / len(directions))
