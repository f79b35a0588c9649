from __future__ import annotations

import pytest
from pydantic import ValidationError

from likeness.config.document import help_rows
from likeness.errors import UsageError
from likeness.training.stage import Plan, Ramp, Stage


def stage(name: str = "a", **changes: object) -> Stage:
    length = {} if {"steps", "epochs"} & set(changes) else {"steps": 10}
    return Stage(**{"name": name, "weights": {"fit": 1.0}, **length, **changes})


def build(*stages: Stage, **changes: object) -> Plan:
    return Plan.build(stages, **{"samples_per_epoch": 100, "batch_size": 4, **changes})


def test_stages_follow_each_other() -> None:
    plan = build(stage("a", steps=10), stage("b", steps=5, batch_size=2))
    assert [(p.first_step, p.end_step, p.batch_size) for p in plan.stages] == [
        (0, 10, 4),
        (10, 15, 2),
    ]
    assert plan.total_steps == 15
    names = [plan.at(step).stage.name for step in (0, 9, 10, 14, 15)]
    assert names == ["a", "a", "b", "b", "b"]


@pytest.mark.parametrize(
    ("changes", "steps"),
    [({}, 50), ({"accumulation": 5}, 10), ({"world_size": 2}, 25), ({"batch_size": 1000}, 1)],
)
def test_epochs_count_samples_not_micro_batches(changes: dict[str, int], steps: int) -> None:
    assert build(stage(epochs=2.0), **changes).total_steps == steps


def test_total_steps_scale_all_stages() -> None:
    stages = [stage("a", steps=10), stage("b", steps=20), stage("c", steps=1)]
    plan = build(*stages, total_steps=9)
    assert [(p.stage.name, p.index, p.length) for p in plan.stages] == [("a", 0, 3), ("b", 1, 6)]
    longer = build(*stages, total_steps=310)
    assert [p.length for p in longer.stages] == [100, 200, 10]


def test_ramp_moves_from_the_first_step_to_the_last() -> None:
    ramp = {"fit": Ramp(start=1.0, end=3.0), "size": 0.5}
    planned = build(stage("a"), stage("b", steps=5, weights=ramp)).stages[1]
    assert [planned.weights_at(step)["fit"] for step in range(10, 15)] == [1.0, 1.5, 2.0, 2.5, 3.0]
    assert planned.weights_at(12)["size"] == 0.5
    single = build(stage(steps=1, weights=ramp)).stages[0]
    assert single.weights_at(0)["fit"] == 1.0


@pytest.mark.parametrize("length", [{"steps": 3, "epochs": 1.0}, {"steps": None, "epochs": None}])
def test_exactly_one_length(length: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="exactly one of 'steps' and 'epochs'"):
        stage(**length)


def test_wrong_plans_are_refused() -> None:
    with pytest.raises(UsageError, match="no stages"):
        build()
    with pytest.raises(UsageError, match="Stage names must differ"):
        build(stage("a"), stage("a"))
    with pytest.raises(UsageError, match=r"'a' weighs an unknown .* 'ift'\.\nDid you mean 'fit'"):
        build(stage(weights={"ift": 1.0})).check_names(terms=frozenset({"fit", "size"}))
    plan = build(
        stage("a", weights={"ift": 1.0, "sze": 1.0}, groups={"haed": 1.0}),
        stage("b", weights={"other": 1.0}),
    )
    with pytest.raises(UsageError) as caught:
        plan.check_names(terms={"fit", "size"}, groups={"head"})
    assert caught.value.message.splitlines() == [
        "Stage 'a' weighs an unknown loss term 'ift'.",
        "Stage 'a' weighs an unknown loss term 'sze'.",
        "Stage 'a' trains an unknown group 'haed'.",
        "Stage 'b' weighs an unknown loss term 'other'.",
    ]
    assert caught.value.advice == (
        "Did you mean 'fit'? Did you mean 'size'? Did you mean 'head'? Every loss term: fit, size."
    )
    build(stage()).check_names(terms=frozenset({"fit"}))


def test_every_setting_of_a_stage_says_what_it_means() -> None:
    rows = help_rows(Stage) + help_rows(Ramp)
    keys = {row["key"] for row in rows}
    assert {"name", "steps", "epochs", "weights", "schedule.kind", "start", "end"} <= keys
    assert [row["key"] for row in rows if not row["help"]] == []


def test_a_stage_of_no_steps_is_left_out() -> None:
    stages = (stage("a", steps=3), stage("b", steps=0), stage("c", steps=2))
    for total, ranges in ((None, [(0, 3), (3, 5)]), (10, [(0, 6), (6, 10)])):
        plan = build(*stages, total_steps=total)
        assert [p.stage.name for p in plan.stages] == ["a", "c"]
        assert [(p.first_step, p.end_step) for p in plan.stages] == ranges
    for total in (None, 10):
        with pytest.raises(UsageError, match="The plan has no steps"):
            build(stage("a", steps=0), stage("b", steps=0), total_steps=total)


@pytest.mark.parametrize(
    ("weight", "found"),
    [
        *[(None, "null"), ("off", "'off'"), ([1.0], "[1.0]")],
        *[(-1, "-1"), (-0.5, "-0.5"), (float("nan"), "nan"), (float("inf"), "inf")],
    ],
)
def test_a_weight_that_is_none_is_told_how_to_switch_it_off(weight: object, found: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Stage.model_validate({"name": "a", "steps": 1, "weights": {"fit": weight}})
    (fault,) = caught.value.errors()
    assert fault["loc"] == ("weights", "fit")
    assert fault["msg"] == (
        "Value error, expected a number of at least 0, 0 to switch the term off, or "
        f"{{start: 0, end: 1}} for a weight that moves; found {found}"
    )
    off = Stage.model_validate({"name": "a", "steps": 1, "weights": {"fit": 0, "code": 1}})
    assert off.weights == {"fit": 0.0, "code": 1.0}


def test_no_group_learns_backwards() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        stage("one", groups={"head": -1.0})
    assert stage("one", groups={"head": 0.0, "body": 0.5}).learning_groups == ("body",)
    assert stage("one").learning_groups is None


@pytest.mark.parametrize("end", ["start", "end"])
def test_no_weight_moves_below_nothing(end: str) -> None:
    """Below 0, a term is made as large as can be."""
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        stage("one", weights={"fit": {"start": 1.0, "end": 1.0, end: -0.1}})


@pytest.mark.parametrize(
    ("weights", "end"),
    [
        ({}, "first"),
        ({"fit": 0.0, "code": 0}, "first"),
        ({"fit": {"start": 0.0, "end": 1.0}}, "first"),
        ({"fit": {"start": 1.0, "end": 0.0}, "code": 0.0}, "last"),
    ],
)
def test_a_stage_minimises_something_from_its_first_step_to_its_last(weights, end):
    with pytest.raises(ValidationError) as caught:
        stage("one", steps=4, weights=weights)
    assert f"found none at the {end} step, which would learn nothing" in str(caught.value)
    moving = any(isinstance(weight, dict) for weight in weights.values())
    assert ("{start: 0.001, end: 1}" in str(caught.value)) == moving
    stage("one", steps=0, weights=weights)  # is left out


def test_a_stage_of_one_step_has_no_other_end():
    stage("one", steps=1, weights={"fit": {"start": 1.0, "end": 0.0}})
