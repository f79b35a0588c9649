"""Runs of a few steps of a small network, for tests of what a run keeps and starts from."""

from __future__ import annotations

from pathlib import Path

from likeness import workflow
from likeness.runs.run import Run
from tests.systems.face_encoder.toy import SMALL_MODEL

QUIET = (
    "train.ema_decay=0",
    "train.preview_every=0",
    "train.evaluate_every=0",
)


def train(head: Path, data: Path, runs: Path, *words: str, steps: int = 2) -> Run:
    settings = dict(word.split("=", 1) for word in (*SMALL_MODEL, *QUIET, *words))
    settings |= {"model.head": str(head), "data.root": str(data), "train.steps": str(steps)}
    overrides = [f"{key}={value}" for key, value in settings.items()]
    return workflow.train("face-encoder", profile="smoke", overrides=overrides, runs=runs)
