"""The mix of expressions in photographs: its shares, its emotions, and what each kind shows."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from scipy.stats import binom

from likeness.speech.timeline import EMOTIONS
from likeness.studio.expressions import ARKIT_NAMES, EYE_DIRECTIONS, FIGHTING_PAIRS, INDEX
from likeness.studio.labels import FACES
from likeness.studio.moods import (
    EXPRESSION_SHARES,
    DrawnExpression,
    draw_expression,
)
from likeness.studio.staging import FACE_EMOTIONS

DRAWS = 2000


@pytest.fixture(scope="module")
def drawn() -> list[DrawnExpression]:
    rng = np.random.default_rng(0)
    return [draw_expression(rng) for _ in range(DRAWS)]


def _of(drawn: list[DrawnExpression], kind: str) -> np.ndarray:
    return np.stack([found.weights for found in drawn if found.kind == kind])


def test_shares_are_those_asked_for(drawn):
    """Within the interval that holds 99.9 % of binomial counts."""
    counts = Counter(found.kind for found in drawn)
    assert EXPRESSION_SHARES == {"shapes": 0.4, "emotion": 0.3, "speech": 0.2, "neutral": 0.1}
    for kind, share in EXPRESSION_SHARES.items():
        low, high = binom.interval(0.999, DRAWS, share)
        assert low <= counts[kind] <= high, kind


def test_every_emotion_is_drawn_as_often_and_from_weak_to_strong(drawn):
    found = [one for one in drawn if one.kind == "emotion"]
    counts = Counter(one.emotion for one in found)
    low, high = binom.interval(0.9999, len(found), 1 / len(EMOTIONS))
    assert set(counts) == set(EMOTIONS)
    assert all(low <= count <= high for count in counts.values())
    intensity = np.array([one.intensity for one in found])
    assert 0.4 <= intensity.min() < 0.42
    assert 0.98 < intensity.max() <= 1.0
    assert intensity.mean() == pytest.approx(0.7, abs=0.03)


def test_every_emotion_that_captions_name_is_drawn(drawn):
    """As strong as they ask for, too."""
    strong = Counter(
        face
        for one in drawn
        for face, (emotion, least) in FACE_EMOTIONS.items()
        if one.emotion == emotion and one.intensity >= least
    )
    assert set(strong) | {"neutral", "closed eyes"} == set(FACES)
    assert min(strong.values()) >= 5


def test_a_drawn_emotion_is_its_row_of_the_table(drawn):
    """Joy by hand: its smile is 0.72 of the intensity, a tenth more or less on each side."""
    joy = [one for one in drawn if one.emotion == "joy"]
    smiles = np.array(
        [[one.weights[INDEX[f"mouthSmile{side}"]] for side in ("Left", "Right")] for one in joy]
    )
    ratio = smiles / np.array([one.intensity for one in joy])[:, None]
    assert ratio.mean() == pytest.approx(0.72, abs=0.03)
    assert ratio.std() == pytest.approx(0.072, abs=0.02)
    assert np.abs(ratio[:, 0] - ratio[:, 1]).max() > 0.05


def test_cheeky_faces_lift_either_side(drawn):
    sides = Counter(
        one.weights[INDEX["mouthSmileLeft"]] > one.weights[INDEX["mouthSmileRight"]]
        for one in drawn
        if one.emotion == "cheekiness"
    )
    assert min(sides[True], sides[False]) >= 0.25 * sides.total()


def test_neutral_faces_rest_and_the_others_do_not(drawn):
    assert not _of(drawn, "neutral").any()
    for kind in ("shapes", "emotion"):
        assert _of(drawn, kind).max(axis=1).min() > 0.1


def test_speech_opens_rounds_and_closes_the_mouth(drawn):
    speech = _of(drawn, "speech")
    for name in ("jawOpen", "mouthPucker", "mouthFunnel"):
        values = speech[:, INDEX[name]]
        assert values.max() > 0.3, name
        assert np.median(values) < 0.3, name
    assert speech[:, INDEX["mouthSmileLeft"]].max() < 0.3  # nobody is happy


def test_random_shapes_are_possible_and_all_are_used(drawn):
    shapes = _of(drawn, "shapes")
    for first, second in FIGHTING_PAIRS:
        together = (shapes[:, INDEX[first]] > 0) & (shapes[:, INDEX[second]] > 0)
        assert not together.any(), (first, second)
    used = set(np.flatnonzero(shapes.max(axis=0) > 0.1))
    assert used == set(range(len(ARKIT_NAMES))) - set(EYE_DIRECTIONS)


def test_weights_are_in_range_and_leave_the_eyes_alone(drawn):
    every = np.stack([one.weights for one in drawn])
    assert every.min() >= 0.0
    assert every.max() <= 1.0
    assert not every[:, EYE_DIRECTIONS].any()
