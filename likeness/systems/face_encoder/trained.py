"""The trained encoder of a run, from the run alone: for verbs that use one and train nothing."""

from __future__ import annotations

from pathlib import Path

import torch

from likeness.config.document import load_saved
from likeness.runs.places import located
from likeness.runs.run import Run
from likeness.systems.face_encoder.config import FaceEncoderConfig
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.system import FaceEncoder
from likeness.systems.face_encoder.weights import initial_weights
from likeness.training.system import Placement


def predictor_of(path: str | Path) -> FacePredictor:
    """The best checkpoint of a run as a predictor on the CPU; the average if it has one.

    Raises:
        UsageError: there is no run.
        MissingError: there is no checkpoint in it.
    """
    run = Run(path)
    config = located(
        run, load_saved(FaceEncoderConfig, run.config_path, system="face-encoder").config
    )
    system = FaceEncoder(config, Placement(torch.device("cpu")))
    weights, state = initial_weights(path)
    system.load_state(state)
    return system.predictor(weights)
