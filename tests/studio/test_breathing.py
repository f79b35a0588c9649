from __future__ import annotations

import numpy as np
import pytest

from likeness.seeds import Draws
from likeness.studio.breathing import breath_sound, draw_rest
from likeness.studio.curves import RATE, Event
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from tests.studio.speech_cases import silent, timeline_of, utterance_of


def test_breath_is_taken_before_speech_after_a_pause():
    timeline = timeline_of("t *ɑː k _0.25 t *iː s _0.6 k *oʊ t", lead=0.5, tail=0.9)
    rest = draw_rest(timeline, "neutral", Draws("rest", 1))
    breaths = [event for event in rest.events if event.kind == "inhalation"]
    onsets = [breath.end for breath in breaths]
    k = [s for s in timeline.segments if s.ipa == "k"][1]
    assert onsets == pytest.approx([0.5, k.start])
    for breath in breaths:
        assert 0.25 <= breath.end - breath.start <= 0.4
        assert 0.05 <= breath.size <= 0.10
    hurried = draw_rest(timeline, "outofbreath", Draws("rest", 1))
    assert sum(event.kind == "inhalation" for event in hurried.events) == 3


def test_nobody_breathes_in_to_say_nothing():
    rest = draw_rest(silent(30.0).timeline, "neutral", Draws("rest", 1))
    assert not [event for event in rest.events if event.kind == "inhalation"]
    assert rest.closed.min() > 0.99


def test_idle_lips_move_rarely_and_only_in_long_pauses():
    kinds: list[str] = []
    for seed in range(20):
        kinds += [
            event.kind
            for event in draw_rest(silent(60.0).timeline, "neutral", Draws("i", seed)).events
        ]
    assert len(kinds) / 20 == pytest.approx(5.0, rel=0.2)
    assert set(kinds) == {"press", "swallow", "roll"}
    short = timeline_of("t *ɑː k _0.7 t *iː s", lead=0.3, tail=0.7)
    for seed in range(30):
        events = draw_rest(short, "neutral", Draws("i", seed)).events
        assert all(event.kind == "inhalation" for event in events)


def test_lips_rest_closed_in_long_pauses_and_parted_in_short_ones():
    timeline = timeline_of("t *ɑː k _0.2 t *ɑː k _1.2 t *iː s")
    curves = perform(utterance_of(timeline), PerformingStyle(), 3)
    pauses = [s for s in timeline.segments if s.ipa == "_"][1:3]
    jaw, closed = curves.channel("jawOpen"), curves.channel("mouthClose")
    short, long = (round((pause.start + 0.5 * pause.duration) * RATE) for pause in pauses)
    assert closed[long] == pytest.approx(jaw[long], abs=2e-3)
    assert closed[short] < 0.1 * jaw[short - 10 : short + 10].max()


def test_a_swallow_closes_the_jaw_and_presses_the_lips():
    for seed in range(40):
        curves = perform(silent(20.0), PerformingStyle(), seed)
        swallows = curves.of_kind("swallow")
        if swallows:
            middle = round(0.5 * (swallows[0].start + swallows[0].end) * RATE)
            assert curves.channel("jawOpen")[middle] < 0.005
            assert curves.channel("mouthPressLeft")[middle] == pytest.approx(0.25, abs=0.01)
            return
    raise AssertionError("nobody swallowed in 800 s")


def test_half_of_the_breaths_are_heard():
    events = tuple(Event("inhalation", n + 0.1, n + 0.45, 0.07) for n in range(200))
    sound = breath_sound(events, 200 * 16_000, 16_000, Draws("sound", 1))
    assert sound.dtype == np.float32
    seconds = np.abs(sound.reshape(200, -1)).max(axis=1)
    assert np.mean(seconds > 0.0) == pytest.approx(0.5, abs=0.1)
    loud = sound.reshape(200, -1)[seconds > 0.0]
    middle = loud[:, round(0.2 * 16_000) : round(0.35 * 16_000)]
    level = 20.0 * np.log10(np.sqrt((middle**2).mean()))
    assert level == pytest.approx(-45.0, abs=3.0)
    spectrum = (np.abs(np.fft.rfft(loud, axis=1)) ** 2).mean(axis=0)
    hertz = np.fft.rfftfreq(loud.shape[1], 1 / 16_000)
    band = (hertz > 400) & (hertz < 3500)
    assert spectrum[band].sum() / spectrum.sum() > 0.9


def test_breath_lifts_chest_and_shoulders():
    """0.2 degrees to either side in silence, once in about 4.2 s; 0.4 more with a breath."""
    curves = perform(silent(120.0), PerformingStyle(), 1)
    chest = np.degrees(curves.channel("chestPitch").astype(np.float64))
    assert np.abs(chest).max() == pytest.approx(0.2, abs=0.01)
    ups = np.count_nonzero((chest[:-1] < 0.0) & (chest[1:] >= 0.0))
    assert 120.0 / ups == pytest.approx(4.2, abs=2.0)  # one person's period, of sd 0.8

    timeline = timeline_of("t *ɑː k _0.6 k *oʊ t", lead=0.5, tail=0.9)
    breaths = perform(utterance_of(timeline), PerformingStyle(), 1)
    lifted = np.degrees(breaths.channel("chestPitch").astype(np.float64))
    for event in breaths.of_kind("inhalation"):
        start, end = (round(time * RATE) for time in (event.start, event.end))
        assert lifted[end] - lifted[start] == pytest.approx(0.4, abs=0.25)
