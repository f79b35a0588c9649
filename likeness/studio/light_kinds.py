"""Kinds of light: the lamps and surroundings of a studio, a window, an evening, a dim room.

Owns the draw of a lighting of a kind. What a lighting does is ``lighting``.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np

from likeness.studio.difficulty import LightKnob
from likeness.studio.lighting import Lamp, Lighting

LightName = Literal[
    "studio", "window", "overcast", "sun", "evening", "flash", "soft", "side", "dim"
]
LIGHT_NAMES: tuple[LightName, ...] = (
    "studio",
    "window",
    "overcast",
    "sun",
    "evening",
    "flash",
    "soft",
    "side",
    "dim",
)

_LIGHT_ODDS: dict[LightName, float] = {
    "studio": 0.22,
    "window": 0.18,
    "overcast": 0.14,
    "sun": 0.13,
    "evening": 0.10,
    "flash": 0.06,
    "soft": 0.11,
    "side": 0.04,
    "dim": 0.02,
}
_SOFT: dict[LightName, float] = {"soft": 0.6, "overcast": 0.4}
_HARD: dict[LightName, float] = {
    "sun": 0.24,
    "side": 0.22,
    "flash": 0.12,
    "evening": 0.16,
    "studio": 0.10,
    "window": 0.10,
    "dim": 0.06,
}


def draw_light_name(rng: np.random.Generator, knob: LightKnob) -> LightName:
    """A kind of light as frequent as the knob has it."""
    odds = {"soft": _SOFT, "varied": _LIGHT_ODDS, "hard": _HARD, "mixed": _HARD}[knob]
    names = list(odds)
    shares = np.array(list(odds.values()))
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


PORTRAIT_LIGHT = Lighting(
    key=Lamp(math.radians(-40), math.radians(38), 1.0, 5200, 0.12),
    fill=Lamp(math.radians(50), math.radians(8), 0.16, 5900, 0.40),
    rim=Lamp(math.radians(152), math.radians(42), 0.6, 6200, 0.15),
    sky=0.18,
    sky_temperature=6800,
    ground=(0.20, 0.18, 0.16),
    white_balance=5600,
    exposure=0.15,
)


def sample_lighting(
    rng: np.random.Generator,
    name: LightName,
    *,
    knob: LightKnob = "varied",
    side: float | None = None,
) -> Lighting:
    """Light of a kind: each draws its lamps from its own ranges.

    Args:
        rng: the only source of chance.
        name: the kind.
        knob: "hard" may colour fill and rim, "mixed" also gives lamps of different temperatures and
            may leave the picture nearly dark.
        side: 1.0 puts the key to the right of the picture, -1.0 to the left; None draws.
    """
    drawn = 1.0 if rng.random() < 0.5 else -1.0
    side = drawn if side is None else side

    def lamp(
        azimuth: tuple[float, float],
        elevation: tuple[float, float],
        strength: tuple[float, float],
        temperature: tuple[float, float],
        softness: tuple[float, float],
        mirrored: float = 1.0,
    ) -> Lamp:
        return Lamp(
            azimuth=mirrored * side * math.radians(rng.uniform(*azimuth)),
            elevation=math.radians(rng.uniform(*elevation)),
            strength=float(rng.uniform(*strength)),
            temperature=float(rng.uniform(*temperature)),
            softness=float(rng.uniform(*softness)),
        )

    key_azimuth, key_height, key_color, key_soft = {
        "studio": ((20, 60), (10, 60), (4800, 6000), (0.08, 0.30)),
        "window": ((45, 90), (0, 30), (5500, 7500), (0.25, 0.45)),
        "overcast": ((0, 60), (40, 75), (6000, 7500), (0.45, 0.60)),
        "sun": ((15, 75), (20, 65), (4200, 5600), (0.01, 0.03)),
        "evening": ((20, 80), (-5, 40), (2800, 3600), (0.03, 0.15)),
        "flash": ((0, 10), (2, 14), (5200, 6000), (0.02, 0.05)),
        "soft": ((0, 40), (10, 45), (4500, 6500), (0.35, 0.60)),
        "side": ((56, 76), (8, 30), (4300, 6200), (0.01, 0.05)),
        "dim": ((0, 50), (10, 50), (4000, 5500), (0.15, 0.5)),
    }[name]
    key_strength = {"overcast": (0.25, 0.45), "soft": (0.45, 0.7)}.get(name, (0.8, 1.0))
    fill = {
        "sun": (0.0, 0.1),
        "flash": (0.0, 0.05),
        "evening": (0.02, 0.15),
        "window": (0.0, 0.15),
        "side": (0.04, 0.12),
        "overcast": (0.0, 0.1),
    }.get(name, (0.1, 0.4))
    sky = {"overcast": (0.6, 0.9), "evening": (0.04, 0.14), "flash": (0.05, 0.2)}.get(
        name, (0.14, 0.26) if name == "side" else (0.14, 0.32)
    )
    key = lamp(key_azimuth, key_height, key_strength, key_color, key_soft)
    sky_temperature = float(rng.uniform(*((3000, 4500) if name == "evening" else (5800, 9000))))
    # A camera balances for the light it finds, never quite.
    found = 0.75 * key.temperature + 0.25 * sky_temperature
    lighting = Lighting(
        key=key,
        fill=lamp((20, 75), (-5, 30), fill, (4500, 7000), (0.25, 0.5), mirrored=-1.0),
        rim=lamp(
            (125, 175),
            (15, 60),
            (0.1, 0.5) if rng.random() < 0.6 else (0.0, 0.0),
            (3500, 8000),
            (0.05, 0.25),
            mirrored=float(rng.choice((-1.0, 1.0))),
        ),
        sky=float(rng.uniform(*sky)),
        sky_temperature=sky_temperature,
        ground=tuple(float(v) for v in rng.uniform(0.08, 0.4) * rng.uniform(0.8, 1.2, 3)),
        white_balance=float(found + 0.65 * (5500 - found) * rng.uniform(0.0, 0.6)),
        exposure=float(np.clip(rng.normal(0.2, 0.3), -0.6, 0.9)),
    )
    if name == "side":  # a card that faces the camera gets less than the cheek
        lighting = replace(lighting, exposure=lighting.exposure - 0.5)
    if name == "dim":
        lighting = replace(lighting, exposure=float(rng.uniform(-1.9, -1.3)))
    return lighting if knob in ("soft", "varied") else _harder(rng, lighting, knob)


def _harder(rng: np.random.Generator, lighting: Lighting, knob: LightKnob) -> Lighting:
    """Lamps of other colours, and at the hardest nearly no light."""
    if rng.random() < 0.5:
        fill = replace(lighting.fill, temperature=float(rng.choice((2200.0, 11000.0))))
        rim = replace(lighting.rim, temperature=float(rng.choice((2200.0, 11000.0))), strength=0.6)
        fill = replace(fill, strength=max(fill.strength, 0.25))
        lighting = replace(lighting, fill=fill, rim=rim)
    if knob == "mixed":
        key = replace(lighting.key, temperature=float(rng.uniform(2200.0, 11000.0)))
        lighting = replace(lighting, key=key)
        if rng.random() < 0.4:
            lighting = replace(lighting, exposure=float(rng.uniform(-3.2, -1.8)))
    return lighting
