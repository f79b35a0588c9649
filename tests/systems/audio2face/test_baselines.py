from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.baselines import (
    BASELINES,
    LoudnessJaw,
    MeanPose,
    NearestFrame,
    RidgeRegression,
    SpokenShot,
)
from likeness.systems.audio2face.log_mel import log_mel_windows
from likeness.systems.audio2face.metrics import frame_levels

FPS = 25.0


def _sound(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Noise that swells and fades."""
    rng = np.random.default_rng(seed)
    count = round(16000 * seconds)
    swell = np.interp(np.arange(count), np.linspace(0, count, 12), rng.uniform(0.01, 0.5, 12))
    return rng.normal(size=count) * swell


def _shots(count: int = 3) -> list[SpokenShot]:
    shots = []
    for seed in range(count):
        sound = _sound(seed)
        loud = frame_levels(sound, 16000, 75, FPS)
        rows = np.stack([1.0 + 0.1 * loud, 3.0 - 0.2 * loud], axis=1)
        shots.append(SpokenShot(sound, rows, FPS))
    return shots


def test_the_mean_pose_is_the_mean_of_all_frames() -> None:
    shots = _shots()
    predicted = MeanPose.fit(shots).predict(_sound(9), 10, FPS)
    assert predicted.shape == (10, 2)
    every = [row for shot in shots for row in shot.rows]
    assert predicted == pytest.approx(np.tile(sum(every) / len(every), (10, 1)), rel=1e-6)


def test_loudness_is_the_best_line() -> None:
    shots = _shots()
    fitted = LoudnessJaw.fit(shots)
    predicted = fitted.predict(_sound(9), 75, FPS)
    loud = frame_levels(_sound(9), 16000, 75, FPS)
    assert np.corrcoef(predicted[:, 0], loud)[0, 1] > 0.9
    # Its coefficients solve the normal equations, row by row.
    total, errors = np.zeros(2), np.zeros(2)
    for shot in shots:
        residual = shot.rows - fitted.predict(shot.sound, 75, FPS)
        total += residual.sum(axis=0)
        ours = fitted.predict(shot.sound, 75, FPS)
        errors += (residual * ours).sum(axis=0)
    assert total == pytest.approx(0.0, abs=1e-2)
    assert errors == pytest.approx(0.0, abs=1e-1)


def test_ridge_minimises_its_own_sum() -> None:
    shots = _shots()
    fitted = RidgeRegression.fit(shots, strength=7.0)
    windows = np.concatenate([log_mel_windows(s.sound, 75, FPS) for s in shots]).astype(float)
    rows = np.concatenate([s.rows for s in shots])
    features = (windows - windows.mean(0)) / np.maximum(windows.std(0), 1e-3)
    # A ridge is a plain least squares with rows of its own below the data.
    below = np.sqrt(7.0) * np.eye(features.shape[1])
    design = np.concatenate([features, below])
    target = np.concatenate([rows - rows.mean(0), np.zeros((features.shape[1], 2))])
    expected = np.linalg.lstsq(design, target, rcond=None)[0]
    assert fitted.line.coefficients == pytest.approx(expected, abs=1e-6)
    again = fitted.predict(shots[0].sound, 75, FPS)
    assert again == pytest.approx(rows.mean(0) + features[:75] @ expected, abs=1e-3)


def test_the_nearest_frame_is_found_by_looking_at_every_one() -> None:
    shots = _shots()
    sound = _sound(9)
    predicted = NearestFrame.fit(shots).predict(sound, 75, FPS)
    windows = np.concatenate([log_mel_windows(s.sound, 75, FPS) for s in shots])
    rows = np.concatenate([s.rows for s in shots])
    spread = windows.std(0)
    asked = log_mel_windows(sound, 75, FPS)
    for frame in (0, 7, 40, 74):
        distances = [(((window - asked[frame]) / spread) ** 2).sum() for window in windows]
        assert predicted[frame] == pytest.approx(rows[int(np.argmin(distances))], rel=1e-5)
    again = NearestFrame.fit(shots).predict(shots[1].sound, 75, FPS)
    assert again == pytest.approx(shots[1].rows, rel=1e-5)


def test_all_have_names() -> None:
    assert list(BASELINES) == ["mean pose", "loudness jaw", "nearest frame", "ridge"]
    shots = _shots(2)
    for fit in BASELINES.values():
        assert fit(shots).predict(_sound(5, 1.0), 25, FPS).shape == (25, 2)
