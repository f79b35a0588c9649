"""Blinks: rate, profile, contact of the lids, ties to speech."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.seeds import Draws
from likeness.speech.timeline import SILENCE, Segment, Timeline, Word
from likeness.studio.blinks import blink_keys, draw_blinks, profile
from likeness.studio.curves import CHANNEL, RATE, Event
from likeness.studio.deform import apply_expression
from likeness.studio.performance import perform
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.person import Person
from likeness.studio.template import build_template
from tests.studio.speech_cases import silent, timeline_of, utterance_of

PLAIN = PerformingStyle()


def _long(seconds: float) -> Timeline:
    """Words of 2 s with pauses of 0.5 s between."""
    segments, words, at = [Segment(SILENCE, 0.0, 0.5)], [], 0.5
    while at < seconds:
        segments += [Segment("ɑː", at, at + 2.0), Segment(SILENCE, at + 2.0, at + 2.5)]
        words.append(Word("word", at, at + 2.0))
        at += 2.5
    return Timeline(tuple(segments), tuple(words))


@pytest.mark.parametrize(
    ("timeline", "delivery", "style", "wanted"),
    [
        (silent(600.0).timeline, Delivery(), PLAIN, 17.0),
        (_long(600.0), Delivery(), PLAIN, 24.0),
        (_long(600.0), Delivery(), PerformingStyle(blink_factor=0.7), 24.0 * 0.7),
        (_long(3000.0), Delivery(staring=True), PLAIN, 5.0),
    ],
)
def test_rate_over_ten_minutes(timeline, delivery, style, wanted):
    blinks = draw_blinks(timeline, style, delivery, [], Draws("rate", 3))
    rate = 60.0 * len(blinks) / timeline.duration
    assert rate == pytest.approx(wanted, rel=0.10)
    gaps = np.diff([blink.start for blink in blinks])
    assert gaps.min() >= 0.4 - 1e-9


def test_intervals_are_spread_as_published():
    timeline = silent(6000.0).timeline
    blinks = draw_blinks(timeline, PLAIN, Delivery(), [], Draws("spread", 1))
    gaps = np.diff([blink.start for blink in blinks])
    assert np.median(gaps) == pytest.approx(2.9, rel=0.06)
    low, high = np.percentile(gaps, (5, 95))
    assert low == pytest.approx(1.2, rel=0.12)
    assert high == pytest.approx(7.9, rel=0.12)
    partly = np.mean([blink.size < 1.0 for blink in blinks])
    assert partly == pytest.approx(0.08, abs=0.025)


def test_blinks_prefer_pauses():
    timeline = _long(6000.0)
    blinks = draw_blinks(timeline, PLAIN, Delivery(), [], Draws("pauses", 2))
    in_word = np.mean([(b.start - 0.5) % 2.5 < 2.0 for b in blinks])
    assert in_word == pytest.approx(2.0 * 0.7 / (2.0 * 0.7 + 0.5 * 2.5), abs=0.04)
    loose = draw_blinks(timeline, PLAIN, Delivery(coupling="independent"), [], Draws("pauses", 2))
    in_word = np.mean([(b.start - 0.5) % 2.5 < 2.0 for b in loose])
    assert in_word == pytest.approx(0.8, abs=0.04)


def test_half_of_the_large_saccades_bring_a_blink():
    timeline = silent(1200.0).timeline
    saccades = [Event("saccade", at, at + 0.06, 15.0) for at in np.arange(5.0, 1190.0, 10.0)]
    blinks = draw_blinks(timeline, PLAIN, Delivery(), saccades, Draws("saccades", 1))
    starts = np.array([blink.start for blink in blinks])
    with_blink = np.mean([np.abs(starts - s.start).min() < 1e-9 for s in saccades])
    assert with_blink == pytest.approx(0.5, abs=0.12)
    assert 60.0 * len(blinks) / 1200.0 == pytest.approx(17.0, rel=0.12)


def test_width_of_the_profile():
    times = np.arange(0.0, 0.3, 1e-4)
    closed = profile(times)
    assert closed.max() == 1.0
    width = 1e-4 * (closed >= 0.5).sum()
    assert width == pytest.approx(0.150, abs=0.015)
    assert (closed[times < 0.085] <= 1.0).all()
    assert np.diff(closed[times < 0.085]).min() >= 0.0
    assert np.diff(closed[times > 0.110]).max() <= 0.0


def test_keys_run_from_open_to_open_over_closed():
    for fps in (30.0, 60.0):
        keys = blink_keys(fps)
        assert keys.dtype == np.float32
        assert keys[0] == keys[-1] == 0.0
        assert keys.max() == 1.0
    assert len(blink_keys(30.0)) == 10


@pytest.mark.parametrize("seed", [None, 7, 85])  # 85 has narrow outer canthi
def test_lids_touch_and_stay_off_the_balls(seed):
    """Every blink of a performance in which the eyes look about."""
    template = build_template()
    rest = template.vertices if seed is None else Person.sample(seed).rest_vertices(template)
    curves = perform(silent(40.0, "fear"), PLAIN, 4)
    whole = [blink for blink in curves.of_kind("blink") if blink.size == 1.0]
    assert len(whole) >= 5
    for blink in whole[:6]:
        row = curves.values[round((blink.start + 0.0975) * RATE)]
        moved = apply_expression(template, rest, row[:52])
        for side in ("left", "right"):
            upper, lower = template.lid_pairs[side]
            gap = np.linalg.norm(moved[upper] - moved[lower], axis=1)
            assert gap.max() < 0.5
            ball = template.part_ranges[f"eyeball_{side}"]
            shift = (rest[ball] - template.vertices[ball]).mean(axis=0)
            center = template.eye_centers[("left", "right").index(side)] + shift
            distance = np.linalg.norm(moved[template.eye_loops[side]] - center, axis=1)
            assert distance.min() > template.eye_radius + 0.3


def test_what_goes_along_with_a_blink():
    curves = perform(utterance_of(timeline_of("_ _", lead=5.0, tail=40.0)), PLAIN, 1)
    open_eyes = perform(silent(45.6), PLAIN, 1, delivery=Delivery(staring=True))
    blink = next(b for b in curves.of_kind("blink") if b.size == 1.0)
    middle = round((blink.start + 0.0975) * RATE)
    assert curves.channel("eyeBlinkLeft")[middle] == 1.0
    assert curves.channel("eyeBlinkRight")[middle] > 0.99
    assert curves.channel("eyeWideLeft")[middle] == 0.0
    assert curves.channel("browDownLeft")[middle] == pytest.approx(0.05, abs=0.002)
    assert curves.channel("eyeSquintRight")[middle] == pytest.approx(0.08, abs=0.002)
    assert open_eyes.channel("browDownLeft").min() == 0.0
    assert CHANNEL["eyeBlinkLeft"] == 0
