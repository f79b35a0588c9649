"""Groups of samples: who comes together, how often, and that training draws them afresh."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import numpy as np
import pytest

from likeness.data.sampler import Sampler
from likeness.data.source import Grouped, Mixed, Repeated, Sample, Source, members_of

PERSONS = ["a", "b", "a", "a", "c", "b", "a", "a"]
"""Five photographs of a, two of b, one of c."""


class Photographs(Source):
    def __init__(self, buckets: list[Hashable] | None = None) -> None:
        self.buckets = buckets

    def __len__(self) -> int:
        return len(PERSONS)

    def __getitem__(self, index: int) -> Sample:
        return {"id": f"{PERSONS[index]}{index}", "noise": 0.0}

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        return {**self[index], "noise": rng.random()}

    def fingerprint(self) -> str:
        return "photographs"

    def bucket(self, index: int) -> Hashable | None:
        return self.buckets[index] if self.buckets else None

    def weight(self, index: int) -> float:
        return 1.0 + index


def names(sample: Sample) -> list[str]:
    return [member["id"] for member in sample["members"]]


def test_groups_are_visited_in_proportion_to_their_size() -> None:
    source = Grouped(Photographs(), PERSONS, 2)
    visits = [names(source[i]) for i in range(len(source))]
    assert visits == [["a0", "a2"], ["a3", "a6"], ["b1", "b5"], ["c4", "c4"]]
    assert source[0]["id"] == "a0+a2"
    assert len(Repeated(source, 3)) == 12


def test_training_draws_members_afresh_and_none_twice_unless_it_must() -> None:
    source = Grouped(Photographs(), PERSONS, 3)
    drawn: Counter[str] = Counter()
    for seed in range(300):
        sample = source.draw(0, np.random.default_rng(seed))
        assert len(set(names(sample))) == 3
        assert len({member["noise"] for member in sample["members"]}) == 3
        assert source.draw(0, np.random.default_rng(seed)) == sample
        drawn.update(names(sample))
    assert set(drawn) == {"a0", "a2", "a3", "a6", "a7"}
    assert min(drawn.values()) > 0.8 * 180  # 300 draws of 3 among 5
    assert set(names(source.draw(2, np.random.default_rng(0)))) == {"c4"}


def test_samples_of_two_buckets_are_never_together() -> None:
    buckets: list[Hashable] = ["tall", "tall", "wide", "tall", "tall", "wide", "wide", "tall"]
    source = Grouped(Photographs(buckets), PERSONS, 2)
    for index in range(len(source)):
        for seed in range(20):
            drawn = names(source.draw(index, np.random.default_rng(seed)))
            assert {buckets[int(name[1:])] for name in drawn} == {source.bucket(index)}


def test_a_batch_of_the_sampler_is_persons_times_photographs() -> None:
    source = Mixed({"people": Grouped(Photographs(), PERSONS, 2)})
    order = Sampler(source, seed=0).stage(0, batch_size=4, mix=None)
    samples = [source[draw.sample] for draw in order.micro_batch(0)]
    flat = members_of(samples)
    assert len(flat) == 8
    assert Counter(member["id"][0] for member in flat) == {"a": 4, "b": 2, "c": 2}
    assert members_of(flat) == flat


def test_weight_and_fingerprint_follow_the_members() -> None:
    source = Grouped(Photographs(), PERSONS, 2)
    assert source.weight(2) == pytest.approx((2 + 6) / 2)
    others = [
        Grouped(Photographs(), PERSONS, 3),
        Grouped(Photographs(), [*PERSONS[:-1], "c"], 2),
    ]
    assert len({part.fingerprint() for part in (source, *others)}) == 3
    assert source.fingerprint() == Grouped(Photographs(), PERSONS, 2).fingerprint()
    with pytest.raises(ValueError, match="8 samples came with 2 keys"):
        Grouped(Photographs(), ["a", "b"], 2)
    with pytest.raises(ValueError, match="at least 1, found 0"):
        Grouped(Photographs(), PERSONS, 0)
