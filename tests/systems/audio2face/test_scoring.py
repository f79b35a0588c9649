from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from likeness.systems.audio2face import metrics
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.scoring import FaceRegions, score_shots

FPS = 30.0


@dataclass(frozen=True)
class Frames:
    skin: np.ndarray
    tongue: np.ndarray | None = None
    jaw: np.ndarray | None = None
    eyes: np.ndarray | None = None


NEUTRAL = np.array(
    [[0, 1.0, 9], [0, 0.9, 9], [3, 5, 8], [-3, 5, 8], [0, 7, 9], [0, -4, 8]], np.float64
)
JAW = np.array([[0, 0, 9], [2, 0, 8], [-2, 0, 8], [3, 0.5, 5], [-3, 0.5, 5]], np.float64)
FACE = FaceRegions(
    NEUTRAL,
    lips=np.array([0, 1]),
    upper=np.array([4]),
    lip_pairs=Pairs(np.array([0]), np.array([1])),
    jaw_neutral=JAW,
)


def _motion(seed: int, frames: int = 60, scale: float = 1.0) -> Frames:
    times = np.arange(frames) / FPS
    opening = scale * np.clip(np.sin(9 * times + seed), 0.0, None)
    skin = np.tile(NEUTRAL, (frames, 1, 1))
    skin[:, 1, 1] -= opening
    skin[:, 4, 1] += 0.2 * scale * np.sin(5 * times)
    jaw = np.zeros((frames, 5, 3))
    jaw[:, :, 1] = -opening[:, None]
    return Frames(skin, jaw=jaw, eyes=np.zeros((frames, 2, 2)) + seed)


TRUTH = {"a": _motion(1), "b": _motion(2, frames=45)}
SPOKEN = {"a": np.arange(60) < 50, "b": np.arange(45) < 40}


def test_a_perfect_prediction() -> None:
    still = {name: Frames(np.tile(NEUTRAL, (len(m.skin), 1, 1))) for name, m in TRUTH.items()}
    scores = score_shots(
        TRUTH, TRUTH, face=FACE, spoken=SPOKEN, fps=FPS, baselines={"mean pose": still}
    )
    for name in ("lip_vertex_error", "mean_vertex_error", "mae_jaw", "upper_face_dynamics"):
        assert scores[name].value == pytest.approx(0.0, abs=1e-12)
    assert scores["lip_closure_balanced_accuracy"].value == 1.0
    assert scores["lip_lag"].value == pytest.approx(0.0, abs=0.02)
    assert scores["lip_vertex_error"].baseline > 0.1
    assert scores["lip_vertex_error"].baseline_name == "mean pose"
    assert scores["lip_closure_balanced_accuracy"].baseline == 0.5
    assert scores["lip_vertex_error_over_mean_pose"].value == 0.0
    assert scores["mae_eyes"].baseline is None  # the baseline has no eyes
    assert "mae_tongue" not in scores


def test_values_are_means_over_all_frames() -> None:
    ours = {"a": _motion(1, scale=0.5), "b": _motion(2, frames=45, scale=0.9)}
    scores = score_shots(ours, TRUTH, face=FACE, spoken=SPOKEN, fps=FPS)
    frames = [
        max(np.sum((ours[n].skin[f, v] - TRUTH[n].skin[f, v]) ** 2) for v in (0, 1))
        for n in ("a", "b")
        for f in range(len(TRUTH[n].skin))
    ]
    assert scores["lip_vertex_error"].value == pytest.approx(np.mean(frames))
    assert scores["lip_vertex_error"].count == 105
    assert scores["lip_vertex_error"].baseline is None
    dynamics = metrics.upper_face_dynamics_deviation(
        [m.skin for m in ours.values()], [m.skin for m in TRUTH.values()], NEUTRAL, FACE.upper
    )
    assert scores["upper_face_dynamics"].value == pytest.approx(abs(dynamics))
    assert scores["lip_closure_f1"].count == 90


def test_a_late_prediction_is_told_in_frames() -> None:
    late = {name: Frames(np.roll(m.skin, 3, axis=0)) for name, m in TRUTH.items()}
    scores = score_shots(late, TRUTH, face=FACE, spoken=SPOKEN, fps=FPS)
    assert scores["lip_lag"].value == pytest.approx(3.0, abs=0.3)


def test_a_shot_is_compared_over_the_frames_both_have() -> None:
    short = {name: Frames(m.skin[:-2]) for name, m in TRUTH.items()}
    scores = score_shots(short, TRUTH, face=FACE, spoken=SPOKEN, fps=FPS)
    assert scores["lip_vertex_error"].value == 0.0
    assert scores["lip_vertex_error"].count == 101


def test_other_shots_or_faces_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shots \['a', 'b'\], found \['a'\]"):
        score_shots({"a": TRUTH["a"]}, TRUTH, face=FACE, spoken=SPOKEN, fps=FPS)
    small = {name: Frames(m.skin[:, :4]) for name, m in TRUTH.items()}
    with pytest.raises(ValueError, match="6 vertices was predicted with 4"):
        score_shots(small, TRUTH, face=FACE, spoken=SPOKEN, fps=FPS)
