"""Look-alikes: people who resemble somebody as sisters and brothers do.

Owns the draw of a sibling. One standard deviation of identity between two people means a root mean
square difference of one deviation over all modes of the head; strangers of one body are the square
root of two apart.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from likeness.seeds import rng_of, seed_of
from likeness.studio.anthropometry import Sex
from likeness.studio.appearance import Appearance
from likeness.studio.identity import Bump, Identity, rest_vertices, solve
from likeness.studio.measures import measure
from likeness.studio.names import draw_name
from likeness.studio.person import Body, Person, draw_identity
from likeness.studio.population import mean_of
from likeness.studio.template import build_template


def sibling(person: Person, number: int, *, distance: float = 1.0) -> Person:
    """A look-alike of the same sex, age, build and ancestry.

    The head is drawn with a correlation to the person's that gives the distance; skin, eyes and
    hair have nearly the same colours, hair the same cut. Clothes are the sibling's own.

    Args:
        person: whom to resemble.
        number: which sibling.
        distance: standard deviations of identity; 1.0 is a correlation of one half, 0 the same
            head, the square root of 2 a stranger.

    Raises:
        ValueError: a distance outside 0 .. sqrt(2).
    """
    if not 0.0 <= distance <= math.sqrt(2.0):
        raise ValueError(f"a distance is from 0 to 1.414 deviations, found {distance}")
    same = 1.0 - 0.5 * distance * distance
    own = math.sqrt(1.0 - same * same)
    key = ("sibling", person.seed, number)
    body = Body(person.sex, person.age, person.bmi, person.ancestry)
    other = draw_identity(*key, body=body)
    known = mean_of(person.sex, person.age, person.bmi, person.ancestry)
    mean = np.array(solve(known, known, ()).modes)
    ones, others = np.array(person.identity.modes), np.array(other.modes)
    modes = mean + same * (ones - mean) + own * (others - mean)
    bumps = (*_scaled(person.identity.bumps, same), *_scaled(other.bumps, own))
    identity = Identity(tuple(round(float(value), 5) for value in modes), bumps)
    template = build_template()
    measures = measure(template, rest_vertices(template, identity))
    sex: Sex = person.sex
    return replace(
        person,
        seed=seed_of(*key, "seed") % 2**31,
        name=draw_name(rng_of(*key, "name"), sex=sex, ancestry=person.ancestry),
        measures={name: round(value, 2) for name, value in measures.items()},
        identity=identity,
        appearance=_resembling(person, key),
        voice_seed=seed_of(*key, "voice"),
    )


def _scaled(bumps: tuple[Bump, ...], factor: float) -> tuple[Bump, ...]:
    return tuple(
        replace(bump, move=tuple(round(factor * value, 4) for value in bump.move))
        for bump in bumps
        if factor > 0.0
    )


def _resembling(person: Person, key: tuple[int | str, ...]) -> Appearance:
    rng = rng_of(*key, "appearance")
    drawn = Appearance.sample(rng, sex=person.sex, age=person.age, ancestry=person.ancestry)
    look = person.appearance
    skin = replace(
        look.skin,
        melanin=float(np.clip(look.skin.melanin + rng.normal(0.0, 0.03), 0.03, 0.97)),
        freckles=drawn.skin.freckles,
        moles=drawn.skin.moles,
        blotches=drawn.skin.blotches,
    )
    hair = replace(
        look.hair,
        eumelanin=float(np.clip(look.hair.eumelanin + rng.normal(0.0, 0.04), 0.0, 1.0)),
        parting=drawn.hair.parting,
    )
    return replace(
        look,
        texture_seed=drawn.texture_seed,
        skin=skin,
        hair=hair,
        brows=drawn.brows,
        clothing=drawn.clothing,
    )
