"""Which background goes with which light, how far away it is, and how blurred.

Owns the draw of a background. How it looks is ``background``'s.
"""

from __future__ import annotations

import math

import numpy as np

from likeness.studio.background import Background, Kind
from likeness.studio.difficulty import BackgroundKnob
from likeness.studio.light_kinds import LightName
from likeness.studio.lighting import Lighting, balanced_color

_PLAIN: dict[Kind, float] = {"plain": 0.45, "gradient": 0.35, "mottled": 0.2}
_OUTDOORS: dict[Kind, float] = {"leaves": 0.4, "street": 0.3, "sky": 0.15, "brick": 0.15}
_ROOM: dict[Kind, float] = {
    "window": 0.3,
    "books": 0.2,
    "plain": 0.2,
    "curtain": 0.1,
    "wood": 0.1,
    "brick": 0.1,
}
_NIGHT: dict[Kind, float] = {"lights": 0.6, "curtain": 0.1, "books": 0.1, "wood": 0.2}
_ODDS: dict[LightName, dict[Kind, float]] = {
    "studio": {"plain": 0.3, "gradient": 0.3, "mottled": 0.25, "curtain": 0.15},
    "window": _ROOM,
    "overcast": _OUTDOORS,
    "sun": _OUTDOORS,
    "evening": {"lights": 0.35, "street": 0.2, "leaves": 0.15, "wood": 0.15, "brick": 0.15},
    "flash": {"plain": 0.3, "lights": 0.3, "curtain": 0.2, "brick": 0.2},
    "soft": _ROOM | {"gradient": 0.2},
    "side": {"plain": 0.3, "mottled": 0.2, "brick": 0.2, "wood": 0.15, "books": 0.15},
    "dim": _NIGHT,
}
_BEHIND: dict[Kind, tuple[float, float]] = {
    "plain": (0.4, 2.5),
    "gradient": (1.0, 3.0),
    "mottled": (0.8, 2.5),
    "brick": (0.6, 4.0),
    "wood": (0.6, 3.0),
    "books": (0.8, 4.0),
    "curtain": (0.6, 3.0),
    "window": (2.0, 6.0),
    "leaves": (2.0, 15.0),
    "sky": (200.0, 2000.0),
    "street": (10.0, 80.0),
    "lights": (10.0, 200.0),
}
"""Metres a background is behind the sitter."""
_BLUR: dict[Kind, tuple[float, float]] = {
    "books": (0.004, 0.05),
    "leaves": (0.012, 0.08),
    "street": (0.012, 0.08),
    "window": (0.012, 0.08),
    "lights": (0.015, 0.08),
}
"""Least and most blur of a family: what is drawn simply is seen out of focus."""


def draw_background_kind(rng: np.random.Generator, light: LightName, knob: BackgroundKnob) -> Kind:
    """A family that goes with the light."""
    odds = _PLAIN if knob == "plain" else _ODDS[light]
    kinds = list(odds)
    shares = np.array(list(odds.values()))
    return kinds[int(rng.choice(len(kinds), p=shares / shares.sum()))]


def sample_background(
    rng: np.random.Generator,
    kind: Kind,
    lighting: Lighting,
    *,
    knob: BackgroundKnob = "families",
    blur_of: tuple[float, float, float] | None = None,
) -> Background:
    """A background of a family under a light.

    Args:
        rng: the only source of chance.
        kind: the family.
        lighting: tints it and makes it dark with the exposure.
        knob: "clutter" puts things there, "people" things and people.
        blur_of: focal length mm, f-number, metres in focus: blurs as that lens does; None draws the
            blur.
    """
    level = math.exp(rng.uniform(math.log(0.05), math.log(0.6)))
    shades = np.exp(rng.normal(0.0, 0.14, 3))
    other = np.exp(rng.uniform(math.log(0.05), math.log(0.5))) * np.exp(rng.normal(0.0, 0.2, 3))
    away = math.exp(rng.uniform(*np.log(_BEHIND[kind])))
    drawn = float(rng.uniform(0.01, 0.07))
    seed = int(rng.integers(2**31))
    if kind == "gradient":  # both ends of one hue
        other = level * shades * math.exp(rng.uniform(-1.2, 0.5)) * np.exp(rng.normal(0, 0.08, 3))
    blur = drawn if blur_of is None else _blur(*blur_of, away)
    low, high = _BLUR.get(kind, (0.0, 0.1))
    if knob in ("clutter", "people"):
        low = max(low, 0.012)
    return Background(
        kind=kind,
        color=tuple(float(v) for v in np.clip(level * shades, 0.0, 0.8)),
        second=tuple(float(v) for v in np.clip(other, 0.0, 0.8)),
        blur=float(np.clip(blur, low, high)),
        seed=seed,
        tint=_tint(rng, kind, lighting),
        clutter=int(rng.integers(3, 10)) if knob in ("clutter", "people") else 0,
        people=int(rng.integers(1, 5)) if knob == "people" else 0,
    )


def _blur(focal_length: float, aperture: float, focus: float, behind: float) -> float:
    """Radius of the disc of a point behind the sitter, over the longer side of a 3:2 picture."""
    focal = 0.001 * focal_length
    circle = focal * focal / aperture / max(focus - focal, 0.05) * behind / (focus + behind)
    return 0.5 * circle / 0.036


def _tint(rng: np.random.Generator, kind: Kind, lighting: Lighting) -> tuple[float, float, float]:
    """Light on the background: a share of the key's colour, and as dark as the picture."""
    key = balanced_color(lighting.key.temperature, lighting.white_balance)
    share = 0.25 if kind in ("lights", "sky") else 0.75
    color = key**share
    dark = 2.0 ** min(lighting.exposure, 0.0)
    strength = dark * math.exp(rng.normal(0.0, 0.15))
    red, green, blue = (float(strength * value) for value in color)
    return red, green, blue
