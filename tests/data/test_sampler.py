from __future__ import annotations

from collections import Counter
from collections.abc import Hashable

import numpy as np
import pytest

from likeness.data.sampler import Draw, Sampler, StageOrder
from likeness.data.source import Mixed, Sample, Source
from likeness.errors import DataError, UsageError
from likeness.seeds import rng_of


class Numbers(Source):
    def __init__(
        self,
        count: int,
        *,
        weights: list[float] | None = None,
        buckets: list[Hashable] | None = None,
    ) -> None:
        self.count, self.weights, self.buckets = count, weights, buckets

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return {"id": str(index)}

    def fingerprint(self) -> str:
        return str(self.count)

    def weight(self, index: int) -> float:
        return self.weights[index] if self.weights else 1.0

    def bucket(self, index: int) -> Hashable | None:
        return self.buckets[index] if self.buckets else None


def order(*sources: Source, batch_size: int = 4, **options: object) -> StageOrder:
    mixture = Mixed(dict(zip("abc", sources, strict=False)))
    mix = options.pop("mix", None)
    stage = options.pop("stage", 0)
    sampler = Sampler(mixture, **{"seed": 7, **options})
    return sampler.stage(stage, batch_size=batch_size, mix=mix)


def stream(found: StageOrder, batches: int) -> list[Draw]:
    return [draw for number in range(batches) for draw in found.micro_batch(number)]


def test_every_sample_once_per_epoch_across_batch_borders() -> None:
    """10 samples in batches of 4: the third batch holds the end of one epoch and the next start."""
    draws = stream(order(Numbers(10)), 10)
    assert len(draws) == 40
    for epoch in range(4):
        part = draws[epoch * 10 : (epoch + 1) * 10]
        assert sorted(draw.sample for draw in part) == list(range(10))
        assert {draw.epoch for draw in part} == {epoch}
    assert [d.sample for d in draws[:10]] != [d.sample for d in draws[10:20]]


def test_a_batch_larger_than_the_dataset() -> None:
    draws = order(Numbers(3), batch_size=8).micro_batch(0)
    assert Counter(draw.epoch for draw in draws) == {0: 3, 1: 3, 2: 2}
    assert len(set(draws)) == 8  # no draw twice: each epoch augments anew


def test_order_depends_on_seed_stage_and_number_alone() -> None:
    found = order(Numbers(50))
    expected = stream(found, 40)
    assert stream(order(Numbers(50)), 40) == expected
    late = order(Numbers(50))  # asked in the middle first, then backwards
    for number in (33, 12, 39, 0):
        assert late.micro_batch(number) == expected[4 * number : 4 * number + 4]
    assert stream(order(Numbers(50), seed=8), 40) != expected
    assert stream(order(Numbers(50), stage=1), 40) != expected


def test_an_epoch_is_the_permutation_of_its_counter() -> None:
    draws = stream(order(Numbers(8), stage=2), 4)
    for epoch in range(2):
        expected = rng_of(7, "order", 2, epoch).permutation(8).tolist()
        assert [draw.sample for draw in draws[8 * epoch : 8 * epoch + 8]] == expected


def test_mix_keeps_its_ratio_and_visits_evenly() -> None:
    found = order(Numbers(30), Numbers(10), batch_size=4, mix={"a": 1.0, "b": 3.0})
    assert found.samples_per_epoch == 40
    draws = stream(found, 30)  # three epochs
    for epoch in range(3):
        part = draws[epoch * 40 : (epoch + 1) * 40]
        assert sum(draw.sample < 30 for draw in part) == 10
    counts = Counter(draw.sample for draw in draws)
    assert {counts[i] for i in range(30)} == {1}  # 30 draws of 30 samples
    assert {counts[i] for i in range(30, 40)} == {9}  # 90 draws of 10 samples
    small = [draw for draw in draws if draw.sample >= 30]
    assert len(set(small)) == 90  # the repeats of an epoch are told apart


def test_rare_source_is_drawn_in_every_epoch() -> None:
    found = order(Numbers(5), Numbers(5), mix={"a": 0.99, "b": 0.01})
    assert found.samples_per_epoch == 100
    draws = stream(found, 50)
    for epoch in range(2):
        assert sum(draw.sample >= 5 for draw in draws[epoch * 100 : (epoch + 1) * 100]) == 1


def test_source_of_ratio_zero_is_left_out() -> None:
    draws = stream(order(Numbers(4), Numbers(4), mix={"a": 1.0, "b": 0.0}), 5)
    assert {draw.sample for draw in draws} == {0, 1, 2, 3}


def test_three_way_shares_add_up() -> None:
    mix = {"a": 1.0, "b": 1.0, "c": 1.0}
    found = order(Numbers(5), Numbers(3), Numbers(3), batch_size=11, mix=mix)
    assert found.samples_per_epoch == 11
    names = ["a" if d.sample < 5 else "b" if d.sample < 8 else "c" for d in found.micro_batch(0)]
    assert sorted(Counter(names).values()) == [3, 4, 4]


@pytest.mark.parametrize(
    ("mix", "message"),
    [
        ({"aa": 1.0}, r"unknown source 'aa'\.\nDid you mean 'a'"),
        ({"a": -1.0, "b": 2.0}, "source 'a' in the mix is negative"),
        ({"a": 0.0}, "no source a positive ratio"),
        ({}, "no source a positive ratio"),
    ],
)
def test_wrong_mixes_are_refused(mix: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        order(Numbers(3), Numbers(3), mix=mix)


def test_empty_source_is_refused() -> None:
    with pytest.raises(DataError, match="'b' has no samples"):
        order(Numbers(3), Numbers(0))


def test_weighted_draws_have_their_share_in_every_epoch() -> None:
    """Systematic resampling: each count is its expectation rounded up or down."""
    weights = [1.0, 2.0, 3.0, 0.5, 3.5]
    found = order(Numbers(5, weights=weights), sampling="weighted", batch_size=5)
    totals: Counter[int] = Counter()
    for epoch in range(400):
        draws = found.micro_batch(epoch)
        counts = Counter(draw.sample for draw in draws)
        for sample, weight in enumerate(weights):
            expected = 5 * weight / 10
            assert np.floor(expected) <= counts[sample] <= np.ceil(expected)
        totals += counts
        assert len(set(draws)) == 5  # a sample drawn twice is augmented in two ways
    # Each count of 400 epochs has a standard deviation of at most 10.
    for sample, weight in enumerate(weights):
        assert abs(totals[sample] - 2000 * weight / 10) < 40


def test_weighted_within_a_mix() -> None:
    found = order(
        Numbers(2, weights=[1.0, 3.0]),
        Numbers(2),
        sampling="weighted",
        mix={"a": 0.8, "b": 0.2},
        batch_size=5,
    )
    assert found.samples_per_epoch == 5
    counts = Counter(draw.sample for draw in stream(found, 200))
    assert counts[0] + counts[1] == 800
    assert counts[0] == pytest.approx(200, abs=5)
    assert counts[1] == pytest.approx(600, abs=5)


@pytest.mark.parametrize("bad", [0.0, -1.0, float("nan")])
def test_weights_must_be_positive(bad: float) -> None:
    found = order(Numbers(3, weights=[1.0, bad, 1.0]), sampling="weighted")
    with pytest.raises(DataError, match="Sample 1 of source 'a' has weight"):
        found.micro_batch(0)


def test_buckets_are_never_mixed_and_nothing_is_lost() -> None:
    buckets: list[Hashable] = [(64, 64)] * 7 + [(48, 80)] * 5 + [(80, 48)] * 1
    found = order(Numbers(13, buckets=buckets), batch_size=3)
    # ceil(7/3) + ceil(5/3) + ceil(1/3) batches in each epoch
    for epoch in range(4):
        batches = [found.micro_batch(6 * epoch + number) for number in range(6)]
        assert sorted(d.sample for batch in batches for d in batch) == list(range(13))
        assert {d.epoch for batch in batches for d in batch} == {epoch}
        for batch in batches:
            assert len({buckets[draw.sample] for draw in batch}) == 1
        assert sorted(len(batch) for batch in batches) == [1, 1, 2, 3, 3, 3]
    assert [len(found.micro_batch(n)) for n in range(6)] != [1, 1, 2, 3, 3, 3]  # shuffled


def test_bucketed_order_can_be_entered_anywhere() -> None:
    buckets: list[Hashable] = [index % 3 for index in range(20)]
    source = Numbers(20, buckets=buckets, weights=[1.0 + index for index in range(20)])
    expected = [order(source, sampling="weighted").micro_batch(n) for n in range(40)]
    late = order(source, sampling="weighted")
    for number in (31, 3, 39, 0):
        assert late.micro_batch(number) == expected[number]
