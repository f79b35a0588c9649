"""The odds by which a person's surface traits are drawn.

Owns the distributions. What a trait means is told in ``traits``.

Skin colour is drawn evenly over the whole human range rather than as any country's mixture: a
natural mixture starves the dark end. Ancestry and skin colour lean on hair and eye colour the way
they do in people, through odds, never as a rule.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from likeness.studio.anthropometry import Sex
from likeness.studio.colours import CLOTH_ODDS, Colour, dye
from likeness.studio.traits import (
    BeardStyle,
    BeardTraits,
    BrowTraits,
    ClothingKind,
    ClothingTraits,
    EyeTraits,
    HairStyle,
    HairTraits,
    SkinTraits,
)

MELANIN_RANGE = (0.03, 0.97)

ANCESTRY_MELANIN = {
    "european": -1.5,
    "east_asian": -0.75,
    "middle_eastern": -0.3,
    "hispanic": -0.05,
    "south_east_asian": 0.3,
    "south_asian": 0.8,
    "african": 1.5,
}
"""Typical skin melanin of an ancestry in standard deviations over the population."""


_DARKER = 0.09
"""Standard deviations over the population by which men's skin is darker, and women's lighter, than
that of both: on average 2.5 in CIE L* between them, about what is found in most populations
(Jablonski and Chaplin, "The evolution of human skin coloration", 2000; from memory)."""


def normalised(ancestry: Mapping[str, float]) -> dict[str, float]:
    unknown = sorted(set(ancestry) - set(ANCESTRY_MELANIN))
    total = float(sum(ancestry.values()))
    if unknown or total <= 0 or min(ancestry.values()) < 0:
        raise ValueError(
            f"ancestry weights must be non-negative, not all zero, over "
            f"{sorted(ANCESTRY_MELANIN)}; found {dict(ancestry)}"
        )
    return {name: float(ancestry.get(name, 0.0)) / total for name in ANCESTRY_MELANIN}


def _clipped_normal(
    rng: np.random.Generator, mean: float, spread: float, low: float, high: float
) -> float:
    return float(min(max(rng.normal(mean, spread), low), high))


def _ramp(low: float, high: float, value: float) -> float:
    return float(min(max((value - low) / (high - low), 0.0), 1.0))


def usual_volume(age: float) -> float:
    """Of hair at an age: it thins in the second half of life."""
    return 1.0 - 0.2 * _ramp(45.0, 80.0, age)


def brow_kept(age: float) -> float:
    """Share of the hairs of a brow that is left at an age."""
    return 1.0 - 0.3 * _ramp(50.0, 80.0, age)


def draw_skin(
    rng: np.random.Generator, sex: Sex, age: float, weights: Mapping[str, float]
) -> SkinTraits:
    male = sex == "male"
    # A Gaussian copula keeps the marginal uniform when the score is about standard normal; dividing
    # by the length of the weights makes it so for mixed and unmixed people alike.
    length = math.sqrt(sum(value * value for value in weights.values()))
    score = sum(weights[name] * value for name, value in ANCESTRY_MELANIN.items()) / length
    correlation = 0.6
    normal = correlation * score + math.sqrt(1 - correlation**2) * rng.normal()
    normal += _DARKER if male else -_DARKER
    uniform = 0.5 * (1.0 + math.erf(normal / math.sqrt(2.0)))
    melanin = MELANIN_RANGE[0] + (MELANIN_RANGE[1] - MELANIN_RANGE[0]) * uniform
    fair = 1.0 - _ramp(0.12, 0.38, melanin)
    has_freckles = rng.random() < 0.12 + 0.4 * fair
    freckles = float(rng.beta(1.2, 2.0)) if has_freckles else 0.0
    aged = _ramp(32.0, 75.0, age)
    asian = weights["east_asian"] + 0.5 * weights["south_asian"]
    return SkinTraits(
        melanin=float(melanin),
        haemoglobin=_clipped_normal(rng, 0.05 if male else -0.05, 0.3, -0.6, 0.6),
        olive=_clipped_normal(rng, 0.5 * asian - 0.2 * fair, 0.4, -1.0, 1.0),
        blotches=min(1.0, float(rng.beta(1.6, 2.4)) + 0.2 * aged),
        freckles=freckles,
        moles=float(rng.beta(1.1, 2.2)),
        age_spots=float(min(1.0, rng.gamma(2.0, 0.25) * _ramp(40.0, 78.0, age))),
        wrinkles=_clipped_normal(rng, aged, 0.08 + 0.12 * aged, 0.0, 1.0),
        pores=_clipped_normal(rng, 1.0, 0.2, 0.5, 1.5),
        oil=float(rng.beta(2.0, 2.2)) * (1.0 - 0.45 * aged),
        eye_circles=_clipped_normal(rng, 0.35 + 0.35 * aged, 0.22, 0.0, 1.0),
        # Lips stand out more in the faces of women (Russell, "A sex difference in facial contrast
        # and its exaggeration by cosmetics", 2009).
        lip_redness=_clipped_normal(rng, (0.92 if male else 1.08) - 0.25 * aged, 0.15, 0.6, 1.35),
        neck_rings=_clipped_normal(rng, 0.2 + 0.5 * aged, 0.2, 0.0, 1.0),
    )


def draw_hair(
    rng: np.random.Generator, sex: Sex, age: float, weights: Mapping[str, float], melanin: float
) -> HairTraits:
    fair = 1.0 - _ramp(0.15, 0.5, melanin)
    northern = weights["european"] + 0.3 * weights["middle_eastern"] + 0.2 * fair
    lightness = 0.02 + northern * (0.12 + 0.8 * fair)
    light = rng.random() < lightness
    eumelanin = float(rng.beta(1.5, 1.6)) * 0.82 if light else 0.78 + 0.22 * float(rng.beta(1.6, 1))
    red = light and rng.random() < 0.10
    onset = max(float(rng.normal(43.0, 8.0)), 28.0)
    natural_grey = float(min(max((age - onset) / 32.0, 0.0), 1.0) ** 1.2)
    # Many go grey for good when they retire.
    dyed = rng.random() < (0.4 - 0.22 * _ramp(58, 76, age) if sex == "female" else 0.04)
    coiled = weights["african"]
    curl = _clipped_normal(rng, 0.22 + 0.68 * coiled - 0.2 * weights["east_asian"], 0.17, 0.0, 1.0)
    losing = sex == "male" and rng.random() < 0.25 + 0.6 * _ramp(25, 70, age)
    loss = float(rng.beta(1.6, 2.2)) * (0.15 + 0.85 * _ramp(22, 65, age)) if losing else 0.0
    style = _draw_style(rng, sex, age, curl, loss)
    length, sides = _draw_lengths(rng, style)
    return HairTraits(
        style=style,
        length=length,
        sides=sides,
        eumelanin=eumelanin,
        pheomelanin=float(rng.uniform(0.7, 1.0)) if red else float(rng.beta(1.0, 6.0)),
        grey=0.0 if dyed else natural_grey,
        curl=curl,
        volume=_clipped_normal(rng, usual_volume(age), 0.17, 0.6, 1.5),
        parting=float(rng.choice([-1.0, 1.0]) * rng.beta(3.0, 2.5)),
        fringe=float(rng.beta(4.0, 2.0)) if rng.random() < 0.28 else 0.0,
        recession=float(min(1.0, loss * rng.uniform(0.7, 1.2) + _line(sex, age) * rng.random())),
        thinning=float(min(1.0, loss * rng.uniform(0.3, 1.2))) if losing else 0.0,
        dryness=float(rng.beta(2.0, 3.0)),
    )


def _line(sex: Sex, age: float) -> float:
    """Most recession of a hairline that loses no hair.

    The line of nearly all men draws back at the temples when they grow up; that of most women stays
    as it is (Hamilton, "Patterned loss of hair in man", 1951).
    """
    return 0.05 + 0.15 * _ramp(16.0, 30.0, age) if sex == "male" else 0.05


def draw_cut(rng: np.random.Generator, sex: Sex, age: float, hair: HairTraits) -> HairTraits:
    """Another cut of the same hair: style, lengths, volume, parting and fringe are drawn anew."""
    style = _draw_style(rng, sex, age, hair.curl, hair.recession)
    length, sides = _draw_lengths(rng, style)
    return replace(
        hair,
        style=style,
        length=length,
        sides=sides,
        volume=_clipped_normal(rng, usual_volume(age), 0.17, 0.6, 1.5),
        parting=float(rng.choice([-1.0, 1.0]) * rng.beta(3.0, 2.5)),
        fringe=float(rng.beta(4.0, 2.0)) if rng.random() < 0.28 else 0.0,
    )


_STYLE_ODDS: dict[str, dict[HairStyle, float]] = {
    "female": {
        "bald": 0.01,
        "buzz": 0.02,
        "crop": 0.08,
        "side_part": 0.05,
        "swept": 0.04,
        "fringe": 0.06,
        "bob": 0.21,
        "long": 0.34,
        "tied": 0.19,
        "curls": 0.0,
        "afro": 0.0,
    },
    "male": {
        "bald": 0.05,
        "buzz": 0.14,
        "crop": 0.28,
        "side_part": 0.22,
        "swept": 0.15,
        "fringe": 0.08,
        "bob": 0.03,
        "long": 0.02,
        "tied": 0.03,
        "curls": 0.0,
        "afro": 0.0,
    },
}
"""How straight and wavy hair is worn; curls and coils are added by :func:`_draw_style`."""

_CLIPPED: tuple[HairStyle, ...] = ("bald", "buzz", "crop", "side_part", "swept", "fringe")
"""Styles that show the ears and the nape."""
_SURVEYED_AGES = (19.0, 29.5, 42.5, 55.0)
_SHORT_HAIRED = (0.11, 0.27, 0.34, 0.53)
"""Share of women with hair down to the chin or shorter, at ages in years: of 2,400 in the US
(Robbins and Robbins, "Hair length in Florida theme parks: an approximation of hair length in the
United States of America", Journal of Cosmetic Science 54, 2003, table I)."""
_CLIPPED_SHARE = 0.5
"""Of them wear a style of ``_CLIPPED``, the others a bob; judged, as the survey does not tell."""


def _draw_style(
    rng: np.random.Generator, sex: Sex, age: float, curl: float, loss: float
) -> HairStyle:
    odds = dict(_STYLE_ODDS[sex])
    curly, coiled = _ramp(0.3, 0.55, curl), _ramp(0.55, 0.8, curl)
    for style in ("side_part", "swept", "fringe", "bob", "long"):
        odds[style] *= (1 - 0.55 * curly) * (1 - coiled)
    odds["curls"] = 0.32 * curly * (1 - coiled)
    odds["afro"] = 0.9 * coiled
    odds["crop"] *= 1 - 0.8 * coiled
    if loss > 0.4:
        odds["bald"] += 0.35 * loss
        odds["buzz"] += 0.3 * loss
        for style in ("fringe", "bob", "long", "curls", "afro", "tied"):
            odds[style] *= 0.3 if loss < 0.5 else 0.0
    if sex == "female":
        # Curls and coils are no cut: what is clipped takes its share of the rest.
        clipped = _CLIPPED_SHARE * float(np.interp(age, _SURVEYED_AGES, _SHORT_HAIRED))
        short = sum(odds[style] for style in _CLIPPED)
        rest = odds["bob"] + odds["long"] + odds["tied"]
        for style in _CLIPPED:
            odds[style] *= clipped / (1.0 - clipped) * rest / short
    if age > 60:
        odds["long"] *= 0.6
    names = list(odds)
    values = np.array([odds[name] for name in names])
    return names[int(rng.choice(len(names), p=values / values.sum()))]


_LENGTHS: dict[HairStyle, tuple[tuple[float, float], tuple[float, float]]] = {
    "bald": ((0.0, 0.0), (0.0, 0.0)),
    "buzz": ((2.0, 5.0), (1.0, 3.0)),
    "crop": ((14.0, 30.0), (3.0, 9.0)),
    "side_part": ((45.0, 75.0), (6.0, 16.0)),
    "swept": ((50.0, 90.0), (5.0, 18.0)),
    "fringe": ((45.0, 70.0), (8.0, 16.0)),
    "bob": ((150.0, 215.0), (140.0, 185.0)),
    "long": ((260.0, 400.0), (260.0, 400.0)),
    "tied": ((150.0, 260.0), (120.0, 200.0)),
    "curls": ((45.0, 110.0), (20.0, 80.0)),
    "afro": ((9.0, 70.0), (7.0, 60.0)),
}
"""Range in mm of the hair on top and at the sides of each style."""


def _draw_lengths(rng: np.random.Generator, style: HairStyle) -> tuple[float, float]:
    (top_low, top_high), (side_low, side_high) = _LENGTHS[style]
    share = rng.random()
    other = min(max(share + rng.normal(0.0, 0.2), 0.0), 1.0)
    return (
        float(top_low + (top_high - top_low) * share),
        float(side_low + (side_high - side_low) * other),
    )


def draw_eyes(
    rng: np.random.Generator,
    sex: Sex,
    age: float,
    weights: Mapping[str, float],
    melanin: float,
    hair: HairTraits,
) -> EyeTraits:
    light_hair = 1.0 - _ramp(0.25, 0.95, hair.eumelanin)
    light_odds = 0.03 + (weights["european"] + 0.25 * light_hair) * (0.35 + 0.4 * light_hair)
    light_odds += 0.1 * weights["middle_eastern"] + 0.06 * weights["hispanic"]
    light_odds *= 1.0 - 0.85 * _ramp(0.35, 0.75, melanin)
    if rng.random() < light_odds:
        iris_melanin = float(rng.beta(0.8, 1.6)) * 0.65
    else:
        # Light brown eyes get rare where skin is dark, and would glow in a face exposed for it.
        least = 0.62 + 0.2 * _ramp(0.45, 0.85, melanin)
        iris_melanin = least + (1.0 - least) * float(rng.beta(2.0, 1.4))
    return EyeTraits(
        iris_melanin=iris_melanin,
        iris_greyness=float(rng.beta(1.2, 1.6)),
        iris_contrast=_clipped_normal(rng, 1.0, 0.2, 0.5, 1.5),
        collar=float(rng.uniform(1.0, 1.9)),
        limbus=_clipped_normal(rng, 0.65 - 0.3 * _ramp(40, 80, age), 0.18, 0.0, 1.0),
        iris_degrees=float(rng.uniform(26.6, 28.6)),
        pupil_degrees=float(rng.uniform(7.5, 12.0)),
        sclera_redness=float(rng.beta(1.5, 4.0)),
        sclera_yellowness=float(rng.beta(1.5, 4.0)) * (0.5 + 0.5 * _ramp(30, 75, age)),
        lash_length=_clipped_normal(rng, 8.6 if sex == "female" else 7.2, 1.0, 5.0, 11.0),
        lash_density=_clipped_normal(rng, 1.1 if sex == "female" else 0.85, 0.2, 0.4, 1.5),
    )


def draw_brows(rng: np.random.Generator, sex: Sex, age: float, hair: HairTraits) -> BrowTraits:
    # At their thickest brows of the Face Research Lab London Set (DeBruine and Jones, 2017) are 9.5
    # +- 1.4 mm high in 36 men, 6.7 +- 1.0 in 26 women, if their pupils are as far apart as those of
    # the survey; the trait is half of it.
    male = sex == "male"
    dark = _ramp(0.2, 0.9, hair.eumelanin)
    return BrowTraits(
        thickness=_clipped_normal(rng, *((4.75, 0.7) if male else (3.35, 0.5)), 2.2, 6.4),
        density=_clipped_normal(
            rng, brow_kept(age) * ((0.85 if male else 0.75) + 0.2 * dark), 0.18, 0.35, 1.4
        ),
        arch=_clipped_normal(rng, -0.2 if male else 0.4, 0.6, -1.5, 1.8),
        meeting=float(rng.beta(1.0, 5.0)) * (1.0 if male else 0.35),
    )


def draw_beard(
    rng: np.random.Generator, sex: Sex, age: float, weights: Mapping[str, float]
) -> BeardTraits:
    if sex == "female" or age < 16:
        return BeardTraits(style="none", length=0.0, density=0.0)
    density = _clipped_normal(
        rng, 0.72 - 0.3 * weights["east_asian"] + 0.1 * weights["middle_eastern"], 0.17, 0.1, 1.0
    ) * _ramp(14.0, 22.0, age)
    names: list[BeardStyle] = ["none", "stubble", "moustache", "goatee", "full"]
    odds = np.array([0.42, 0.27, 0.05, 0.09, 0.17 if density > 0.4 else 0.02])
    style = names[int(rng.choice(len(names), p=odds / odds.sum()))]
    length = {
        "none": 0.0,
        "stubble": float(rng.uniform(0.6, 2.5)),
        "moustache": float(rng.uniform(4.0, 9.0)),
        "goatee": float(rng.uniform(4.0, 14.0)),
        "full": float(4.0 + 26.0 * rng.beta(1.2, 2.6)),
    }[style]
    return BeardTraits(style=style, length=length, density=float(density))


_CLOTHING_ODDS: dict[ClothingKind, tuple[float, float]] = {
    "t-shirt": (0.22, 0.27),
    "v-neck": (0.11, 0.10),
    "shirt": (0.10, 0.22),
    "sweater": (0.14, 0.14),
    "roll-neck": (0.09, 0.07),
    "cardigan": (0.10, 0.12),
    "hoodie": (0.06, 0.08),
    "blouse": (0.12, 0.0),
    "dress": (0.06, 0.0),
}
"""How often women and men wear which."""


def clothing_kinds(sex: Sex | None) -> list[ClothingKind]:
    """What a woman or a man may wear; for None what both may."""
    columns = (0, 1) if sex is None else (0 if sex == "female" else 1,)
    return [k for k, odds in _CLOTHING_ODDS.items() if all(odds[c] > 0.0 for c in columns)]


_BOTTOMS = ((0.020, 0.040, 0.095), (0.015, 0.015, 0.017), (0.10, 0.10, 0.105), (0.23, 0.17, 0.10))
"""Jeans, and black, grey and beige trousers."""


def draw_bottom(rng: np.random.Generator) -> Colour:
    """The colour of trousers."""
    return _BOTTOMS[int(rng.integers(len(_BOTTOMS)))]


def draw_clothing(rng: np.random.Generator, sex: Sex) -> ClothingTraits:
    kinds = list(_CLOTHING_ODDS)
    shares = [odds[0 if sex == "female" else 1] for odds in _CLOTHING_ODDS.values()]
    kind = kinds[int(rng.choice(len(kinds), p=shares))]
    names = list(CLOTH_ODDS)
    odds = np.array(list(CLOTH_ODDS.values()))
    name, accent = rng.choice(names, 2, replace=False, p=odds / odds.sum()).tolist()
    striped = rng.random() < 0.22
    return ClothingTraits(
        kind=kind,
        colour_name=name,
        colour=dye(rng, name),
        accent=dye(rng, accent),
        stripe_width=float(rng.uniform(4.0, 22.0)) if striped else 0.0,
        looseness=float(rng.random()),
        bottom=draw_bottom(rng),
    )
