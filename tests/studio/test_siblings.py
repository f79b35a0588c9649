"""Siblings: as far from each other as asked, in everything else alike."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.modes import MODES
from likeness.studio.person import Person
from likeness.studio.siblings import sibling
from likeness.studio.template import build_template

_SD = np.array([mode.sd for mode in MODES])


def _distance(one: Person, other: Person) -> float:
    apart = (np.array(one.identity.modes) - np.array(other.identity.modes)) / _SD
    return float(np.sqrt((apart**2).mean()))


def test_siblings_are_one_deviation_apart():
    """Over 12 pairs; strangers are farther, and the heads differ by as much less."""
    people = [Person.sample(seed) for seed in range(12)]
    siblings = [sibling(person, 0) for person in people]
    strangers = [sibling(person, 0, distance=np.sqrt(2.0)) for person in people]
    near = np.mean([_distance(a, b) for a, b in zip(people, siblings)])
    far = np.mean([_distance(a, b) for a, b in zip(people, strangers)])
    assert near / far == pytest.approx(1.0 / np.sqrt(2.0), rel=0.06)
    template = build_template("low")
    skin = slice(0, template.num_skin)

    def apart(a: Person, b: Person) -> float:
        move = a.rest_vertices(template)[skin] - b.rest_vertices(template)[skin]
        return float(np.linalg.norm(move - move.mean(axis=0), axis=1).mean())

    shape_near = np.mean([apart(a, b) for a, b in zip(people, siblings)])
    shape_far = np.mean([apart(a, b) for a, b in zip(people, strangers)])
    assert 0.55 < shape_near / shape_far < 0.85


def test_a_sibling_is_somebody_else_of_the_same_kind():
    person = Person.sample(3)
    one, again, other = sibling(person, 0), sibling(person, 0), sibling(person, 1)
    assert one == again
    assert one != other
    assert (one.sex, one.age, one.ancestry) == (person.sex, person.age, person.ancestry)
    assert one.appearance.hair.style == person.appearance.hair.style
    assert one.fingerprint != person.fingerprint
    assert Person.from_dict(one.to_dict()) == one
    same = sibling(person, 0, distance=0.0)
    np.testing.assert_allclose(same.identity.modes, person.identity.modes, atol=1e-4)
    with pytest.raises(ValueError, match="from 0 to 1"):
        sibling(person, 0, distance=2.0)
