"""The odds by which glasses are worn and chosen.

Owns the distributions. What a trait means is told in ``traits``.
"""

from __future__ import annotations

import numpy as np

from likeness.studio.colours import Colour
from likeness.studio.traits import GlassesKind, GlassesTraits

_WORN = ((18.0, 0.20), (40.0, 0.26), (50.0, 0.42), (65.0, 0.50), (80.0, 0.52))
"""Share of people in portraits who wear glasses, by age. Many more own some, above all for reading
from the middle forties on."""
_SUNGLASSES = 0.02
"""Share of all people who keep sunglasses on for a portrait."""

_KINDS: dict[GlassesKind, float] = {
    "rectangular": 0.38,
    "round": 0.24,
    "browline": 0.12,
    "aviator": 0.12,
    "rimless": 0.14,
}
_ACETATE_SHARE = {"rectangular": 0.62, "round": 0.5, "browline": 1.0, "aviator": 0.1, "rimless": 0}

_ACETATE: dict[str, tuple[float, Colour]] = {
    "black": (0.42, (0.010, 0.010, 0.011)),
    "tortoiseshell": (0.24, (0.150, 0.058, 0.014)),
    "brown": (0.10, (0.060, 0.026, 0.012)),
    "blue": (0.09, (0.014, 0.032, 0.110)),
    "red": (0.06, (0.160, 0.012, 0.016)),
    "grey": (0.09, (0.130, 0.130, 0.135)),
}
# Polished metal scatters little; what it shows is the reflection (``glasses_surface``).
_METAL: dict[str, tuple[float, Colour]] = {
    "silver": (0.34, (0.14, 0.14, 0.145)),
    "gold": (0.26, (0.17, 0.104, 0.035)),
    "black": (0.40, (0.014, 0.014, 0.015)),
}
_CLEAR: Colour = (0.93, 0.94, 0.935)
_DARK: tuple[Colour, ...] = ((0.10, 0.10, 0.105), (0.15, 0.095, 0.05), (0.07, 0.11, 0.075))

NO_GLASSES = GlassesTraits("none", False, "", (0.0, 0.0, 0.0), 0.0, 0.0, 1.0, (1.0, 1.0, 1.0))


def draw_glasses(rng: np.random.Generator, age: float) -> GlassesTraits:
    """Glasses, or none, of a person of an age."""
    dark = rng.random() < _SUNGLASSES
    ages, shares = zip(*_WORN)
    if not dark and rng.random() > float(np.interp(age, ages, shares)):
        return NO_GLASSES
    kinds = list(_KINDS)
    kind = kinds[int(rng.choice(len(kinds), p=list(_KINDS.values())))]
    metal = bool(rng.random() >= _ACETATE_SHARE[kind])
    table = _METAL if metal else _ACETATE
    names = list(table)
    name = names[int(rng.choice(len(names), p=[odds for odds, _ in table.values()]))]
    thick = float(rng.uniform(1.2, 1.9)) if metal else float(rng.uniform(2.4, 5.2))
    return GlassesTraits(
        kind=kind,
        metal=metal,
        colour_name="" if kind == "rimless" else name,
        colour=table[name][1],
        pattern=float(rng.uniform(0.6, 1.0)) if name == "tortoiseshell" else 0.0,
        thickness=0.0 if kind == "rimless" else thick,
        size=float(np.clip(rng.normal(1.02, 0.05), 0.92, 1.15)),
        tint=_DARK[int(rng.integers(len(_DARK)))] if dark else _CLEAR,
    )
