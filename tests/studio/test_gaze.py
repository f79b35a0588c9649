"""Gaze: statistics of looks, saccades, and the agreement of weights, angles and eyeballs."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.seeds import Draws
from likeness.studio.curves import ARKIT, CHANNEL, CHANNELS, EYES, HEAD, RATE
from likeness.studio.expressions import eye_rotations
from likeness.studio.gaze import (
    FULL_TURNS,
    draw_gaze,
    follow_eyes,
    saccade_rotations,
    turn_eyes,
)
from likeness.studio.performance import perform
from likeness.studio.performing_style import Delivery, PerformingStyle
from tests.studio.speech_cases import silent, timeline_of, utterance_of


def test_eyes_and_weights_agree():
    """Rotations are the truth; the weights turn the head's eyeballs as far, to half a degree."""
    for emotion in ("neutral", "sadness"):
        curves = perform(silent(60.0, emotion), PerformingStyle(), 1)
        worst = 0.0
        for row in curves.values[::7].astype(np.float64):
            left, right = np.degrees(eye_rotations(row[ARKIT]))
            angles = row[EYES]
            worst = max(worst, np.abs([*right[:2], *left[:2]] - angles).max())
        assert worst < 0.5


def test_eyes_turn_no_further_than_their_shapes_show():
    """A head that turns by 60 degrees leaves its target: angles and weights say the same look."""
    values = np.zeros((400, len(CHANNELS)))
    values[:, HEAD.start] = np.radians(np.linspace(-60.0, 60.0, 400))
    values[:, HEAD.start + 1] = np.radians(np.linspace(60.0, -60.0, 400))
    course = draw_gaze(400, Draws("gaze"), talking=True, staring=False)
    turn_eyes(values, course, np.zeros(400))
    follow_eyes(values)
    for side, inward in (("Left", -1.0), ("Right", 1.0)):
        down, aside = values[:, CHANNEL[f"eye{side}X"]], values[:, CHANNEL[f"eye{side}Y"]]
        weight = {
            way: FULL_TURNS[way] * values[:, CHANNEL[f"eyeLook{way}{side}"]] for way in FULL_TURNS
        }
        np.testing.assert_allclose(weight["Down"] - weight["Up"], down, atol=1e-9)
        np.testing.assert_allclose(weight["In"] - weight["Out"], inward * aside, atol=1e-9)
        assert np.ptp(down) == pytest.approx(55.0)  # there and there they reach their ends


def test_looks_go_mostly_to_the_partner():
    talking = draw_gaze(600 * RATE, Draws("gaze", 1), talking=True, staring=False)
    away = np.linalg.norm(talking.direction, axis=1) > 2.5
    assert 0.10 < away.mean() < 0.25
    sizes = np.array([event.size for event in talking.saccades])
    assert sizes.max() <= 50.0
    lengths = np.array([event.end - event.start for event in talking.saccades])
    np.testing.assert_allclose(lengths, 0.025 + 0.0024 * sizes)
    listening = draw_gaze(600 * RATE, Draws("gaze", 1), talking=False, staring=False)
    assert len(listening.saccades) < 0.85 * len(talking.saccades)
    assert np.abs(talking.vergence).max() <= 2.0


def test_a_stare_stays():
    held = draw_gaze(120 * RATE, Draws("gaze", 2), talking=True, staring=True)
    assert not held.saccades
    assert np.linalg.norm(held.direction, axis=1).max() < 2.5
    assert held.direction.std() > 0.05


def test_large_looks_are_shared_with_the_head_and_the_eyes_turn_back():
    course = draw_gaze(1200 * RATE, Draws("gaze", 3), talking=True, staring=False)
    far = [event for event in course.saccades if event.size > 20.0]
    assert far
    assert np.abs(course.head).max() == pytest.approx(0.4 * 25.0, rel=0.25)
    quiet = np.abs(course.head).max(axis=1) == 0.0
    assert quiet.any()
    at = round((far[0].start + 0.1) * RATE)
    assert np.abs(course.head[at] - course.head[at - round(0.1 * RATE)]).max() < 1e-9


def test_the_line_of_sight_holds_while_the_head_turns():
    curves = perform(
        utterance_of(timeline_of(" ".join(["t *ɑː k *iː t _"] * 8))),
        PerformingStyle(),
        5,
        delivery=Delivery(staring=True),
    )
    lids = np.maximum(curves.channel("eyeBlinkLeft"), curves.channel("eyeBlinkRight"))
    still = lids < 0.05  # a blink turns the eyes
    yaw = np.degrees(curves.channel("headYaw"))[still]
    aside = 0.5 * (curves.channel("eyeLeftY") + curves.channel("eyeRightY"))[still]
    assert yaw.std() > 0.5
    assert (yaw + aside).std() < 0.8
    assert np.corrcoef(yaw, aside)[0, 1] < -0.8


def test_lids_follow_the_look():
    curves = perform(silent(60.0), PerformingStyle(), 2, delivery=Delivery(staring=True))
    shut = np.zeros(len(curves.values), bool)
    for blink in curves.of_kind("blink"):
        shut[max(int((blink.start - 0.1) * RATE), 0) : int((blink.end + 0.1) * RATE)] = True
    down = curves.channel("eyeLookDownLeft")[~shut]
    lid = curves.channel("eyeBlinkLeft")[~shut]
    np.testing.assert_allclose(lid, 0.20 * down, atol=2e-3)
    up = curves.channel("eyeLookUpLeft")[~shut]
    np.testing.assert_allclose(curves.channel("eyeWideLeft")[~shut], 0.25 * up, atol=2e-3)


def test_saccades_for_a_face_that_looks_nowhere():
    rows = saccade_rotations(5000, 30.0, Draws("saccades", 0))
    assert rows.shape == (5000, 2)
    assert rows.dtype == np.float32
    assert np.abs(rows).max() <= 4.0
    assert 0.2 < rows.std() < 1.5
    assert np.abs(np.diff(rows, axis=0)).max() > 0.3
