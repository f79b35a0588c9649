"""Which layer a fault of a configuration is of: every one names where its value was written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from likeness.config.faults import ConfigError
from likeness.config.resolve import resolve
from tests.config.example import PROFILES, Example, Phase


def _layers(layer: str, key: str, value: str, folder: Path) -> tuple[dict[str, Any], str]:
    """What gives a setting a value by one layer, and how a fault has to name the place."""
    if layer == "command line":
        return {"overrides": [f"{key}={value}"]}, "command line"
    if layer == "environment":
        name = "LIKENESS_" + key.upper().replace(".", "__").replace("-", "_")
        return {"environ": {name: value}}, f"environment {name}"
    parts = key.split(".")
    lines = ["seed: 1", *("  " * depth + f"{part}:" for depth, part in enumerate(parts))]
    path = folder / "run.yaml"
    path.write_text("\n".join(lines) + f" {value}\n")
    return {"files": [path]}, f"file {path}:{len(lines)}"


@pytest.mark.parametrize("layer", ["command line", "environment", "file"])
@pytest.mark.parametrize(
    ("key", "value", "at"),
    [
        ("train.steps", "x", "train.steps"),
        ("train.steps", "0", "train.steps"),
        ("train.optimizer", "adam", "train.optimizer"),
        ("train", "5", "train"),
        ("data.sizes", "[1, x]", "data.sizes.1"),
        ("data.sizes.1", "x", "data.sizes.1"),
        ("phases.points.steps", "0", "phases.points.steps"),
        ("phases.points.weights.landmark", "[1]", "phases.points.weights.landmark"),
        ("phases.points.epochs", "2", "phases.points"),  # in conflict with the default's steps
        ("phases.photo-fit.steps", "null", "phases.photo-fit"),
    ],
)
def test_a_fault_names_the_layer_that_its_value_came_from(
    layer: str, key: str, value: str, at: str, tmp_path: Path
) -> None:
    """A part that the default or the profile gave, and one word spoilt, was said to be default."""
    given, place = _layers(layer, key, value, tmp_path)
    environ = given.pop("environ", {})
    for profile in (None, "fast"):
        with pytest.raises(ConfigError) as caught:
            resolve(
                Example,
                system="example",
                profiles=PROFILES,
                profile=profile,
                environ={"LIKENESS_DATA__LABEL": "one", **environ},
                **given,
            )
        (fault,) = caught.value.faults
        assert (fault.key, str(fault.origin)) == (at, place)


def test_every_fault_of_a_profile_names_the_profile() -> None:
    """One that breaks the rules of its own class ended in the library's error."""

    def broken() -> Example:
        return Example().replace(train={"steps": 0, "optimizer": "adam"}, seed=True)

    def unchecked() -> Example:
        phases = (Phase(name="points", steps=1).model_copy(update={"epochs": 2.0}),)
        return Example().model_copy(update={"phases": phases})

    def told(profile: str, *words: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            resolve(
                Example,
                system="example",
                profiles={"broken": broken, "unchecked": unchecked},
                profile=profile,
                overrides=words,
                environ={},
            )
        return [str(fault) for fault in caught.value.faults]

    assert told("broken", "seed=x") == [
        "Train.steps: expected a number of at least 1, found 0 (profile broken)",
        "Train.optimizer: expected one of 'adamw' or 'sgd', found 'adam'. Did you mean 'adamw'? "
        "(profile broken)",
        "seed (command line): expected a whole number, found 'x'",
    ]
    assert told("unchecked") == [
        "phases.points (profile unchecked): expected exactly one of 'steps' and 'epochs'"
        "\n      phases.points.steps = 1 (profile unchecked)"
        "\n      phases.points.epochs = 2.0 (profile unchecked)"
    ]
