"""Weights of an earlier run, to start another from or to predict with."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from likeness.runs import selection
from likeness.runs.run import Run

if TYPE_CHECKING:
    from likeness.systems.face_encoder.predictor import FacePredictor


def initial_weights(path: str | Path) -> tuple[Mapping[str, Tensor], dict[str, Any]]:
    """Weights ("group.parameter") and state of a run's best checkpoint; the average if it has one.

    Raises:
        MissingError: no run, or no checkpoint in it.
    """
    checkpoint = selection.find(Run(path), "best")
    return checkpoint.weights(ema=checkpoint.has_ema), checkpoint.state()


def group_of(weights: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The weights of one group, without the group's name before theirs."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): v for k, v in weights.items() if k.startswith(prefix)}


def predictor_of(path: str | Path) -> FacePredictor:
    """The trained encoder of a run, from the run alone."""
    import torch

    from likeness.config.document import load_saved
    from likeness.systems.face_encoder.config import FaceEncoderConfig
    from likeness.systems.face_encoder.system import FaceEncoder
    from likeness.training.system import Placement

    run = Run(path)
    resolved = load_saved(FaceEncoderConfig, run.config_path, system="face-encoder")
    system = FaceEncoder(resolved.config, Placement(torch.device("cpu")))
    weights, state = initial_weights(path)
    system.load_state(state)
    return system.predictor(weights)
