from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.curves import CHANNEL, HEAD, RATE, TRAVEL
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from tests.studio.speech_cases import silent, timeline_of, utterance_of


def test_a_head_sways_as_far_and_as_fast_as_heads_do():
    """Over 48 minutes: sway is slow, and twelve tell its spread no better than by a fifth."""
    angles, speeds = [], []
    for seed in range(48):
        curves = perform(silent(60.0), PerformingStyle(), seed)
        degrees = np.degrees(curves.values[:, HEAD].astype(np.float64))
        angles.append(degrees)
        speeds.append(np.abs(np.diff(degrees, axis=0)).max(axis=0) * RATE)
    spread = np.concatenate(angles).std(axis=0)
    assert spread[0] == pytest.approx(1.5, rel=0.35)  # pitch
    assert spread[2] == pytest.approx(1.2, rel=0.35)  # roll
    assert 2.2 < spread[1] < 4.5  # yaw, some of it looks aside
    assert np.median(speeds, axis=0)[1] < 40.0


def test_nods_fall_on_stressed_syllables():
    timeline = timeline_of(" ".join(["t *ɑː k ɪ t *iː s ə _"] * 10))
    utterance = utterance_of(timeline)
    stressed = np.array([s.start for s in timeline.segments if s.stress == 2])
    share, misses, sizes = [], [], []
    for seed in range(60):
        nods = perform(utterance, PerformingStyle(), seed).of_kind("nod")
        share.append(len(nods) / len(stressed))
        misses += [np.abs(stressed - 0.5 * (n.start + n.end)).min() for n in nods]
        sizes += [nod.size for nod in nods]
    assert np.mean(share) == pytest.approx(0.4, abs=0.06)
    assert max(misses) <= 0.0301
    assert min(sizes) >= 1.0
    assert max(sizes) <= 3.5


def test_feelings_lean_and_tilt():
    def mean(emotion: str, column: int, **style: bool) -> float:
        curves = perform(silent(30.0, emotion), PerformingStyle(**style), 1)
        return float(np.degrees(curves.values[curves.intensity > 0.5][:, HEAD][:, column].mean()))

    plain = perform(silent(30.0), PerformingStyle(), 1)
    pitch, _, roll = np.degrees(plain.values[:, HEAD].mean(axis=0))
    assert mean("grief", 0) < pitch - 3.0
    assert mean("joy", 0) > pitch + 1.0
    assert mean("cheekiness", 2) > roll + 2.0
    assert mean("cheekiness", 2, mirrored=True) < roll - 2.0


def test_a_body_travels_4_mm_to_each_side_and_slowly():
    """Two cascaded filters of 1.5 s forget half of a place in 2.5 s."""
    placed = [perform(silent(60.0), PerformingStyle(), n).values[:, TRAVEL] for n in range(12)]
    spread = np.concatenate(placed).std(axis=0)
    assert spread == pytest.approx(np.full(3, 4.0), rel=0.25)
    speed = np.abs(np.diff(np.stack(placed), axis=1)).max() * RATE
    assert speed < 40.0  # mm a second
    later = round(2.5 * RATE)
    pairs = [(place[:-later].ravel(), place[later:].ravel()) for place in placed]
    kept = np.corrcoef(*map(np.concatenate, zip(*pairs, strict=True)))[0, 1]
    assert 0.3 < kept < 0.7


def test_fear_draws_back_and_anger_comes_forward():
    def ahead(emotion: str) -> float:
        curves = perform(silent(30.0, emotion), PerformingStyle(), 1)
        plain = perform(silent(30.0), PerformingStyle(), 1)
        moved = (curves.values - plain.values)[:, CHANNEL["headZ"]]
        strong = curves.intensity > 0.3
        return float((moved[strong] / curves.intensity[strong]).mean())

    assert ahead("fear") == pytest.approx(-10.0, abs=0.1)
    assert ahead("anger") == pytest.approx(10.0, abs=0.1)
    assert ahead("joy") == pytest.approx(0.0, abs=0.1)
