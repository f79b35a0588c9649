from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from likeness.config.schema import ConfigModel, leaf_types
from tests.config.example import Data, Example, Phase, Ramp, Train


def test_a_config_is_frozen_and_closed() -> None:
    config = Train()
    with pytest.raises(ValidationError, match="frozen"):
        config.steps = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Train(stpes=5)  # type: ignore[call-arg]


def test_the_string_under_a_field_is_its_help() -> None:
    assert Train.model_fields["steps"].description == "Optimiser steps."


def test_defaults_are_validated_too() -> None:
    class Wrong(ConfigModel):
        steps: Annotated[int, Field(ge=1)] = 0

    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Wrong()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(value: float) -> None:
    with pytest.raises(ValidationError, match="finite"):
        Train(learning_rate=value)
    with pytest.raises(ValidationError, match="finite"):
        Phase(name="a", steps=1, weights={"x": value})


def test_true_is_not_the_number_one() -> None:
    for broken in ({"steps": True}, {"learning_rate": True}, {"clip_norm": False}):
        with pytest.raises(ValidationError, match=r"expected a number, found (true|false)"):
            Train(**broken)
    with pytest.raises(ValidationError, match="expected a number"):
        Phase(name="a", steps=1, weights={"x": True})
    with pytest.raises(ValidationError, match="expected a number"):
        Data(sizes=[1, True])
    assert Data(mirrored=False).mirrored is False


def test_replace_goes_deep_and_leaves_the_original() -> None:
    before = Example()
    after = before.replace(train={"steps": 7}, seed=3)
    assert (after.train.steps, after.train.learning_rate, after.seed) == (7, 1e-3, 3)
    assert (before.train.steps, before.seed) == (100, 0)


def test_replace_changes_only_the_keys_of_a_mapping_it_names() -> None:
    phase = Phase(name="a", steps=1, weights={"x": 1.0, "y": Ramp(start=0, end=1)})
    changed = phase.replace(weights={"y": {"end": 5.0}, "z": 2})
    assert changed.weights == {"x": 1.0, "y": Ramp(start=0, end=5.0), "z": 2.0}


def test_replace_takes_whole_models_and_lists() -> None:
    only = Phase(name="only", steps=1)
    after = Example().replace(train=Train(steps=9), phases=(only,))
    assert after.train == Train(steps=9)
    assert after.phases == (only,)


def test_replace_validates() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Example().replace(train={"stpes": 7})
    with pytest.raises(ValidationError, match="Extra inputs"):
        Example().replace(trian={})
    with pytest.raises(ValidationError, match="exactly one of"):
        Phase(name="a", steps=1).replace(epochs=2.0)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int | None, {int, type(None)}),
        (Mapping[str, float | Ramp], {float, Ramp}),
        (tuple[int, ...], {int}),
        (Literal["a", "b"] | None, {str, type(None)}),
        (Annotated[int, Field(ge=1)] | str, {int, str}),
    ],
)
def test_leaf_types(annotation: object, expected: set[object]) -> None:
    assert leaf_types(annotation) == expected
