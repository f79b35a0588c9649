"""Hard groups: people who are easily mistaken for each other, or whom nobody knows.

Owns which hard cases there are, and who stands in a picture of each. Taking and describing the
picture is ``group_albums``'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, get_args

import numpy as np

from likeness.studio.person import Person
from likeness.studio.siblings import sibling

HardCase = Literal["siblings", "one outfit", "unnamed", "swapped"]
"""siblings: two people are look-alikes; one outfit: all wear the same; unnamed: one person has no
name; swapped: two people of one sex in one outfit, listed from right to left, whom a caption
describes alike, so that only boxes tell who is where."""
HARD_CASES: tuple[HardCase, ...] = get_args(HardCase)
HARD_SHARE = 0.2
NOBODY = "none"
"""The name of people who are not to be known."""


@dataclass(frozen=True)
class Cast:
    """Who is in a picture, and how the people are told of."""

    people: tuple[Person, ...]
    """From left to right."""
    names: tuple[str, ...]
    """Theirs, :data:`NOBODY` for whom nobody knows."""
    listed: tuple[int, ...]
    """The order in which a record lists them."""
    case: HardCase | None = None

    @classmethod
    def usual(cls, people: Sequence[Person]) -> Cast:
        """Everybody named, from left to right."""
        names = tuple(person.name for person in people)
        return cls(tuple(people), names, tuple(range(len(people))))


def possible_cases(people: Sequence[Person], sizes: Sequence[int]) -> tuple[HardCase, ...]:
    """The hard cases that these people can make in groups of these sizes."""
    if max(sizes) < 2:
        return ()
    pairs = 2 in sizes and bool(_same_sex_pairs(people))
    return tuple(case for case in HARD_CASES if case != "swapped" or pairs)


def hard_cast(
    case: HardCase, people: Sequence[Person], sizes: Sequence[int], rng: np.random.Generator
) -> Cast:
    """Who is in a picture of a hard case.

    Args:
        case: one of :func:`possible_cases`.
        people: those who may meet. A sibling is nobody of them, but belongs where the resembled
            person does.
        sizes: how many people a picture may show; at least one is 2 or more.
        rng: the only source of chance.
    """
    if case == "swapped":
        pairs = _same_sex_pairs(people)
        pair = [people[k] for k in pairs[int(rng.integers(len(pairs)))]]
        chosen = [pair[int(k)] for k in rng.permutation(2)]
        return Cast(tuple(chosen), tuple(person.name for person in chosen), (1, 0), case)
    several = [size for size in sizes if size > 1]
    size = several[int(rng.integers(len(several)))]
    chosen = [people[int(k)] for k in rng.permutation(len(people))[:size]]
    if case == "siblings":
        one, other = rng.permutation(size)[:2]
        chosen[other] = sibling(chosen[one], 0)
    names = [person.name for person in chosen]
    if case == "unnamed":
        names[int(rng.integers(size))] = NOBODY
    return Cast(tuple(chosen), tuple(names), tuple(range(size)), case)


def _same_sex_pairs(people: Sequence[Person]) -> list[tuple[int, int]]:
    numbers = combinations(range(len(people)), 2)
    return [(a, b) for a, b in numbers if people[a].sex == people[b].sex]
