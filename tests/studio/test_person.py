from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.studio import person as persons
from likeness.studio.anthropometry import ANCESTRIES
from likeness.studio.measures import MEASURES, measure
from likeness.studio.names import draw_name
from likeness.studio.person import Person
from likeness.studio.template import build_template


@pytest.fixture(scope="module")
def people():
    return [Person.sample(seed) for seed in range(60)]


def test_a_seed_is_a_person(people):
    again = Person.sample(7)
    assert again == people[7]
    assert again.fingerprint == people[7].fingerprint
    assert len({person.fingerprint for person in people}) == len(people)


def test_the_same_person_in_another_process():
    """Neither hash seed nor thread count nor what was sampled before may matter."""
    code = (
        "from likeness.studio.person import Person; Person.sample(3); "
        "print(Person.sample(11).fingerprint)"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "77", "OMP_NUM_THREADS": "2"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == Person.sample(11).fingerprint


def test_people_are_who_they_say(people):
    assert {person.sex for person in people} == {"female", "male"}
    for person in people:
        assert 18 <= person.age <= 80
        assert 17.0 <= person.bmi <= 42.0
        assert sum(person.ancestry.values()) == pytest.approx(1.0)
        assert set(person.ancestry) <= set(ANCESTRIES)
        assert tuple(person.measures) == MEASURES
        assert person.name.isalpha()
    ages = [person.age for person in people]
    assert min(ages) < 30
    assert max(ages) > 65


def test_measures_are_those_of_the_head(people):
    template = build_template()
    found = measure(template, people[4].rest_vertices(template))
    assert people[4].measures == pytest.approx(found, abs=0.006)


def test_men_are_larger_than_women(people):
    by_sex = {
        sex: np.mean([p.measures["head_length"] for p in people if p.sex == sex])
        for sex in ("male", "female")
    }
    assert 4.0 < by_sex["male"] - by_sex["female"] < 16.0


def test_json_and_back(people):
    template = build_template()
    for person in people[:10]:
        back = Person.from_dict(json.loads(json.dumps(person.to_dict())))
        assert back == person
        assert back.fingerprint == person.fingerprint
        np.testing.assert_array_equal(back.rest_vertices(template), person.rest_vertices(template))


def test_another_version_of_the_studio_is_refused(people, monkeypatch):
    data = people[0].to_dict()
    before = people[0].fingerprint
    monkeypatch.setattr(persons, "STUDIO_VERSION", 999)
    assert people[0].fingerprint != before
    with pytest.raises(DataError, match=r"version 999.*\n?.*Sample the person again"):
        Person.from_dict(data)


def test_what_is_not_a_person_is_refused(people):
    data = people[0].to_dict()
    del data["identity"]["modes"]
    with pytest.raises(DataError, match="KeyError: 'modes'"):
        Person.from_dict(data)
    with pytest.raises(DataError, match="None"):
        Person.from_dict({})


def test_persons_are_constants(people):
    with pytest.raises(FrozenInstanceError):
        people[0].age = 3
    assert replace(people[0], age=44).age == 44


def test_no_two_people_are_alike(people):
    """The nearest of 1,770 pairs of faces differs by more than a face's own sides do, 0.7 mm."""
    template = build_template()
    skin = template.vertices[: template.num_skin]
    face = (skin[:, 2] > 50.0) & (np.abs(skin[:, 1]) < 75.0)
    heads = np.array([p.rest_vertices(template)[: template.num_skin][face] for p in people])
    heads -= heads.mean(axis=1, keepdims=True)
    nearest = np.inf
    for i in range(len(heads)):
        for j in range(i):
            apart = np.linalg.norm(heads[i] - heads[j], axis=1).mean()
            nearest = min(nearest, apart)
    assert nearest > 0.7


def test_a_head_takes_milliseconds(people):
    template = build_template()
    people[0].rest_vertices(template)
    start = time.perf_counter()
    for person in people[:20]:
        person.rest_vertices(template)
    assert (time.perf_counter() - start) / 20 < 0.05


def test_names_come_from_the_persons_regions():
    rng = np.random.default_rng(0)
    drawn = {draw_name(rng, sex="male", ancestry={"east_asian": 1.0}) for _ in range(200)}
    other = {draw_name(rng, sex="male", ancestry={"african": 1.0}) for _ in range(200)}
    women = {draw_name(rng, sex="female", ancestry={"east_asian": 1.0}) for _ in range(200)}
    assert len(drawn) > 15
    assert not drawn & other
    assert not drawn & women
