"""The same person on another day: years apart, or with another cut of hair.

Owns what of a person may change and what stays. The head keeps everything that is its own; age
moves what is expected of everybody of that age.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from likeness.studio.anthropometry import QUANTITIES
from likeness.studio.appearance_odds import (
    brow_kept,
    draw_beard,
    draw_cut,
    normalised,
    usual_volume,
)
from likeness.studio.identity import Identity, rest_vertices, solve
from likeness.studio.measures import measure
from likeness.studio.modes import MODE_INDEX
from likeness.studio.person import AGES, Person
from likeness.studio.population import mean_of
from likeness.studio.template import build_template
from likeness.studio.traits import BeardTraits, BrowTraits, HairTraits, SkinTraits

YEARS = (15, 30)
"""How many years apart two looks of one person are."""
_GREYING = (43.0, 32.0)
"""Years at which most people's hair begins to grey, and how many it takes."""


def other_hair(person: Person, rng: np.random.Generator) -> Person:
    """The person with another cut of hair, and another beard where one grows.

    Colour, curl and what has been lost stay.
    """
    hair = person.appearance.hair
    cut = hair
    while cut.style == hair.style:
        cut = draw_cut(rng, person.sex, person.age, hair)
    beard = draw_beard(rng, person.sex, person.age, normalised(person.ancestry))
    if beard.style != "none":
        beard = BeardTraits(beard.style, beard.length, person.appearance.beard.density)
    return replace(person, appearance=replace(person.appearance, hair=cut, beard=beard))


def at_age(person: Person, age: int) -> Person:
    """The person at another age.

    The head moves by what the years do to everybody of that sex, mass and ancestry; skin, brows
    and hair age as well. Clothes, glasses, beard and the cut of the hair stay.

    Args:
        person: at any age.
        age: years, 18 .. 80.

    Raises:
        ValueError: an age outside that range.
    """
    if not AGES[0] <= age <= AGES[1]:
        raise ValueError(f"people are {AGES[0]} to {AGES[1]} years old, asked for {age}")
    expected = [
        mean_of(person.sex, years, person.bmi, person.ancestry) for years in (person.age, age)
    ]
    known = _quantities(person)
    before, after = (
        np.array(solve(known + mean - expected[0], mean, person.identity.bumps).modes)
        for mean in expected
    )
    # The difference, as a solution is nearly the head it was measured on, not quite.
    modes = np.array(person.identity.modes) + after - before
    identity = Identity(
        tuple(round(float(value), 5) for value in modes), tuple(person.identity.bumps)
    )
    template = build_template()
    measures = measure(template, rest_vertices(template, identity))
    look = person.appearance
    return replace(
        person,
        age=age,
        measures={name: round(value, 2) for name, value in measures.items()},
        identity=identity,
        appearance=replace(
            look,
            skin=_aged_skin(look.skin, person.age, age),
            brows=_aged_brows(look.brows, person.age, age),
            hair=_aged_hair(look.hair, person.age, age),
        ),
    )


def another_look(person: Person, rng: np.random.Generator) -> Person:
    """The person 15 to 30 years younger or older, half of the time with other hair as well."""
    years = int(rng.integers(YEARS[0], YEARS[1] + 1))
    ages = [age for age in (person.age - years, person.age + years) if AGES[0] <= age <= AGES[1]]
    if not ages:  # as far as people are made
        ages = [max(AGES, key=lambda end: abs(end - person.age))]
    changed = at_age(person, ages[int(rng.integers(len(ages)))])
    return other_hair(changed, rng) if rng.random() < 0.5 else changed


def _quantities(person: Person) -> NDArray[np.float64]:
    """What is known of a head, in the order of ``anthropometry.QUANTITIES``."""
    modes = person.identity.modes
    return np.array(
        [
            person.measures[q.name] if q.name in person.measures else modes[MODE_INDEX[q.name]]
            for q in QUANTITIES
        ]
    )


def _aged_skin(skin: SkinTraits, before: float, after: float) -> SkinTraits:
    worn, wear = _share(before, 32.0, 75.0), _share(after, 32.0, 75.0)
    lines = wear - worn
    spots = _share(after, 40.0, 78.0) - _share(before, 40.0, 78.0)
    return replace(
        skin,
        wrinkles=_within(skin.wrinkles + lines),
        age_spots=_within(skin.age_spots + 0.5 * spots),
        blotches=_within(skin.blotches + 0.2 * lines),
        oil=_within(skin.oil * (1.0 - 0.45 * wear) / (1.0 - 0.45 * worn)),
        eye_circles=_within(skin.eye_circles + 0.35 * lines),
        lip_redness=float(np.clip(skin.lip_redness - 0.25 * lines, 0.6, 1.35)),
        neck_rings=_within(skin.neck_rings + 0.5 * lines),
    )


def _aged_brows(brows: BrowTraits, before: float, after: float) -> BrowTraits:
    kept = brow_kept(after) / brow_kept(before)
    return replace(brows, density=float(np.clip(brows.density * kept, 0.35, 1.4)))


def _aged_hair(hair: HairTraits, before: float, after: float) -> HairTraits:
    """Grey and loss change only where there can be some: dyed hair keeps its colour."""
    onset, years = _GREYING
    usual = [_share(age, onset, onset + years) ** 1.2 for age in (before, after)]
    dyed = hair.grey == 0.0 and before > onset
    grey = hair.grey if dyed else _within(hair.grey + usual[1] - usual[0])
    loss = (0.15 + 0.85 * _share(after, 22.0, 65.0)) / (0.15 + 0.85 * _share(before, 22.0, 65.0))
    loss = loss if hair.thinning > 0.0 else 1.0
    fuller = usual_volume(after) - usual_volume(before)
    return replace(
        hair,
        grey=grey,
        volume=float(np.clip(hair.volume + fuller, 0.6, 1.5)),
        recession=_within(loss * hair.recession),
        thinning=_within(loss * hair.thinning),
    )


def _share(value: float, low: float, high: float) -> float:
    return _within((value - low) / (high - low))


def _within(value: float) -> float:
    return float(min(max(value, 0.0), 1.0))
