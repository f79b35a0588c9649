"""Takes of Live Link Face for the tests: tables of known weights, and noise as their sound."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from likeness.geometry.live_link_face import write_live_link_face
from likeness.geometry.weight_animation import WeightAnimation
from likeness.media.audio import write_wav

RATE = 16000
NAMES = ("jawOpen", "mouthClose", "eyeLookDownLeft", "eyeLookOutRight", "eyeBlinkLeft")


def jaw(times: np.ndarray) -> np.ndarray:
    """A jaw that opens evenly, 0.2 a second: the true value at any time."""
    return 0.1 + 0.2 * times


def table(seconds: float, dropped: Collection[int] = ()) -> WeightAnimation:
    """Rows 30 times a second, seen from 13:00:00; ``dropped`` ones are not there."""
    times = np.arange(round(seconds * 30)) / 30
    kept = np.array([i not in dropped for i in range(len(times))])
    weights = np.zeros((len(times), len(NAMES)))
    weights[:, 0] = jaw(times)
    weights[:, 2], weights[:, 3] = 0.5, 1.0
    return WeightAnimation(NAMES, weights[kept], times[kept] + 13 * 3600)


def noise(seconds: float, seed: int = 0) -> np.ndarray:
    return 0.1 * np.random.default_rng(seed).normal(size=round(seconds * RATE))


def put(folder: Path, name: str, seconds: float = 1.5) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_live_link_face(folder / f"{name}.csv", table(seconds))
    write_wav(folder / f"{name}.wav", noise(seconds), RATE)
