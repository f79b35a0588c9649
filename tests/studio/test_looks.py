"""Looks: what of a person changes over years and at the barber's, and what stays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.seeds import rng_of
from likeness.studio.anthropometry import QUANTITIES
from likeness.studio.appearance import Appearance
from likeness.studio.looks import another_look, at_age, other_hair
from likeness.studio.modes import MODES
from likeness.studio.person import Person
from likeness.studio.population import mean_of

_SD = np.array([mode.sd for mode in MODES])


def _apart(one: Person, other: Person) -> float:
    """Deviations between the heads, root mean square."""
    apart = (np.array(one.identity.modes) - np.array(other.identity.modes)) / _SD
    return float(np.sqrt((apart**2).mean()))


@pytest.mark.parametrize("seed", [3, 4, 8])
def test_years_move_a_head_as_they_move_everybody_s(seed):
    person = replace(Person.sample(seed), age=30)
    young = replace(person.appearance, skin=replace(person.appearance.skin, wrinkles=0.1))
    person = replace(person, appearance=young)
    older = at_age(person, 70)
    assert older.age == 70
    assert (older.seed, older.name, older.ancestry) == (person.seed, person.name, person.ancestry)
    assert older.identity.bumps == person.identity.bumps
    assert older.appearance.clothing == person.appearance.clothing
    assert older.appearance.glasses == person.appearance.glasses
    # Far less than another person of the same body.
    assert 0.02 < _apart(person, older) < 0.5 * _apart(person, Person.sample(seed + 100))
    # Ears grow by what the population's do.
    means = [mean_of(person.sex, age, person.bmi, person.ancestry) for age in (30, 70)]
    ear = [quantity.name for quantity in QUANTITIES].index("ear_length")
    grown = older.measures["ear_length"] - person.measures["ear_length"]
    assert grown == pytest.approx(means[1][ear] - means[0][ear], abs=0.1)
    assert grown > 1.0
    assert older.appearance.skin.wrinkles > person.appearance.skin.wrinkles + 0.3
    assert Person.from_dict(older.to_dict()) == older


def test_the_same_age_is_the_same_look():
    person = Person.sample(5)
    same = at_age(person, person.age)
    np.testing.assert_allclose(same.identity.modes, person.identity.modes, atol=2e-5)
    assert same.appearance == person.appearance
    with pytest.raises(ValueError, match="18 to 80"):
        at_age(person, 90)


def test_hair_greys_unless_it_is_dyed():
    person = replace(Person.sample(6), age=65)
    look = person.appearance
    grey = replace(person, appearance=replace(look, hair=replace(look.hair, grey=0.7)))
    dyed = replace(person, appearance=replace(look, hair=replace(look.hair, grey=0.0)))
    assert at_age(grey, 40).appearance.hair.grey < 0.1
    assert at_age(dyed, 78).appearance.hair.grey == 0.0


def test_years_wear_a_face_as_they_do_in_the_population():
    """From 30 to 75 and back: as much as between people drawn at these ages, means of 400 each."""

    def drawn(age: int) -> list[Appearance]:
        return [
            Appearance.sample(rng_of("drawn", n), sex="female", age=age, ancestry={"hispanic": 1.0})
            for n in range(400)
        ]

    person = replace(Person.sample(6), age=30)
    skin = replace(person.appearance.skin, oil=0.5, blotches=0.4, eye_circles=0.3, lip_redness=1.0)
    brows = replace(person.appearance.brows, density=0.9)
    hair = replace(person.appearance.hair, volume=1.0)
    person = replace(
        person, appearance=replace(person.appearance, skin=skin, brows=brows, hair=hair)
    )
    older = at_age(person, 75)
    means = {
        age: {
            (group, name): np.mean([getattr(getattr(p, group), name) for p in drawn(age)])
            for group, name in (
                ("skin", "blotches"),
                ("skin", "eye_circles"),
                ("skin", "lip_redness"),
                ("hair", "volume"),
                ("brows", "density"),
                ("skin", "oil"),
            )
        }
        for age in (30, 75)
    }
    for key, old in means[75].items():
        group, name = key
        before, after = (getattr(getattr(who.appearance, group), name) for who in (person, older))
        young = means[30][key]
        if key in (("brows", "density"), ("skin", "oil")):  # shares of what there was
            assert after / before == pytest.approx(old / young, abs=0.07), name
        else:
            assert after - before == pytest.approx(old - young, abs=0.04), name
        back = getattr(getattr(at_age(older, 30).appearance, group), name)
        assert back == pytest.approx(before, abs=1e-9), name


def test_another_cut_keeps_colour_and_loss():
    for seed in range(20):
        person = Person.sample(seed)
        changed = other_hair(person, rng_of("cut", seed))
        before, after = person.appearance.hair, changed.appearance.hair
        assert after.style != before.style
        for name in ("eumelanin", "pheomelanin", "grey", "curl", "recession", "thinning"):
            assert getattr(after, name) == getattr(before, name)
        assert changed.identity == person.identity
        if person.sex == "female":
            assert changed.appearance.beard.style == "none"


def test_another_look_is_years_apart():
    ages, cuts = [], []
    for seed in range(24):
        person = Person.sample(seed)
        changed = another_look(person, rng_of("look", seed))
        assert 15 <= abs(changed.age - person.age) <= 30
        ages.append(changed.age > person.age)
        cuts.append(changed.appearance.hair.style != person.appearance.hair.style)
    assert 0.2 < np.mean(ages) < 0.8
    assert 0.25 < np.mean(cuts) < 0.75
