"""Weights of blend shapes as plain tables: CSV with a header ``frame,time,<names>``, and JSON."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np

from likeness.geometry.weight_animation import WeightAnimation
from likeness.replacement import replacing


def write_weights_csv(path: str | Path, animation: WeightAnimation) -> None:
    """One row per frame: its number from 0, its time in seconds, its weights; in one step."""
    with replacing(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["frame", "time", *animation.names])
        for frame, (time, row) in enumerate(zip(animation.times.tolist(), _short(animation))):
            writer.writerow([frame, time, *row])


def write_weights_json(path: str | Path, animation: WeightAnimation) -> None:
    """An object of ``names`` [K], ``times`` [F] in seconds and ``weights`` [F][K]; in one step."""
    document = {
        "names": list(animation.names),
        "times": animation.times.tolist(),
        "weights": _short(animation),
    }
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(document) + "\n", encoding="utf-8")


def _short(animation: WeightAnimation) -> list[list[float]]:
    """The weights in the fewest digits that give the same float32: 0.1, not 0.10000000149."""
    return [[float(np.format_float_scientific(v)) for v in row] for row in animation.weights]
