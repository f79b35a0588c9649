from __future__ import annotations

import pytest
import torch

from likeness.training.interval import Interval, Speed, StepValues, means, merged


def test_step_values_keep_their_order_and_kind() -> None:
    values = StepValues()
    values.log("a", torch.tensor(0.1, dtype=torch.float64, requires_grad=True))
    values.log("b", 2)
    values.log("a", torch.tensor([3]))
    values.log("a", torch.tensor(0.25), 4.0)
    assert values.read() == [("a", 0.1), ("b", 2.0), ("a", 3.0), ("a", 1.0)]
    assert StepValues().read() == []
    with pytest.raises(ValueError, match=r"'a' must be one number, found a tensor of shape \(2,\)"):
        values.log("a", torch.zeros(2))


def test_terms_are_kept_raw_and_weighted_also_where_a_weight_is_zero() -> None:
    values = StepValues()
    values.log_terms({"a": torch.tensor(3.0)}, {"a": 0.5, "b": 0.0}, torch.tensor(1.5))
    assert values.read() == [
        ("loss/a", 3.0),
        ("loss_weighted/a", 1.5),
        ("loss_weighted/b", 0.0),
        ("loss/total", 1.5),
    ]


def test_interval_takes_the_mean_of_what_is_finite() -> None:
    interval = Interval()
    for value in (1.0, float("nan"), 4.0, float("inf")):
        interval.add("a", value)
    interval.add("b", float("nan"))
    assert means(interval.table) == {"a": 2.5}
    continued = Interval(interval.table)
    interval.clear()
    continued.add("a", 4.0)
    assert means(continued.table) == {"a": 3.0}
    assert interval.table == {}


def test_merged_weighs_by_count() -> None:
    table = merged([{"a": (6.0, 3), "b": (1.0, 1)}, {"a": (2.0, 1)}])
    assert means(table) == {"a": 2.0, "b": 1.0}


def test_speed_counts_only_steps() -> None:
    speed = Speed(torch.device("cpu"))
    speed.add(samples=8, seconds=0.5, waited=0.1)
    speed.add(samples=4, seconds=1.5, waited=0.3)
    row = speed.row()
    assert row["samples_per_second"] == 6.0
    assert row["data_wait_fraction"] == pytest.approx(0.2)
    assert 0.05 < row["memory_gigabytes"] < 50
