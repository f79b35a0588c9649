"""A small system's configuration, as the tests of this folder use it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from likeness.config.schema import ConfigModel, exactly_one


class Data(ConfigModel):
    """Where samples come from."""

    root: str = "data"
    """Folder or URI of the dataset."""
    folder: Path | None = None
    sizes: tuple[int, ...] = (1, 2)
    label: str | None = None
    mirrored: bool = True
    """Show mirrored pictures too."""


class Ramp(ConfigModel):
    """A weight that moves."""

    start: float
    end: float


class Phase(ConfigModel):
    """One phase of training."""

    model_config = ConfigDict(json_schema_extra=exactly_one("steps", "epochs"))

    name: str
    steps: Annotated[int, Field(ge=1)] | None = None
    """Length in steps."""
    epochs: float | None = None
    weights: Mapping[str, float | Ramp] = {}
    """Term to weight."""
    groups: Mapping[str, float] | None = None

    @model_validator(mode="after")
    def _one_length(self) -> Phase:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("expected exactly one of 'steps' and 'epochs'")
        return self


class Train(ConfigModel):
    """The loop."""

    steps: Annotated[int, Field(ge=1)] = 100
    """Optimiser steps."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    optimizer: Literal["adamw", "sgd"] = "adamw"
    clip_norm: float | None = None


class Example(ConfigModel):
    data: Data = Data()
    train: Train = Train()
    phases: tuple[Phase, ...] = (
        Phase(name="points", steps=10, weights={"landmark": 1.0}),
        Phase(name="photo-fit", steps=20, weights={"photo": 1.0}),
    )
    seed: int = 0


def smoke() -> Example:
    """Seconds on a CPU."""
    return Example().replace(train={"steps": 3})


def fast() -> Example:
    return smoke().replace(train={"learning_rate": 0.01})


PROFILES: Mapping[str, Callable[[], Example]] = {"smoke": smoke, "fast": fast}
