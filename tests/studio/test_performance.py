"""Performances as a whole: determinism, ranges, limits, lag behind the sound, silence."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt

from likeness.speech.synthesis import speak
from likeness.speech.timeline import EMOTIONS, Utterance, Voice
from likeness.studio.closures import StudioLips
from likeness.studio.curves import ARKIT, CHANNEL, EYES, HEAD, RATE, TONGUE, Curves
from likeness.studio.deform import apply_expression
from likeness.studio.performance import perform
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.person import Person
from likeness.studio.template import build_template
from tests.studio.speech_cases import BILABIALS, silent, spoken, timeline_of, utterance_of

PLAIN = PerformingStyle()
TEXT = "w *iː t *ɑː k _0.5 b *aɪ f *æ s t"


@pytest.fixture(scope="module")
def lips():
    template = build_template()
    return StudioLips(template, template.vertices)


def test_one_seed_is_one_performance():
    utterance = utterance_of(timeline_of(TEXT), "joy")
    one, two = (perform(utterance, PLAIN, 5) for _ in range(2))
    np.testing.assert_array_equal(one.values, two.values)
    assert one.events == two.events
    other = perform(utterance, PLAIN, 6)
    assert not np.array_equal(one.values[:, EYES], other.values[:, EYES])
    mouth = [CHANNEL["mouthPucker"], CHANNEL["mouthRollLower"]]
    np.testing.assert_array_equal(one.values[:, mouth], other.values[:, mouth])


def test_values_are_numbers_of_16_bits_in_range():
    for emotion in ("neutral", *EMOTIONS):
        curves = perform(utterance_of(timeline_of(BILABIALS[0]), emotion), PLAIN, 1)
        faces = curves.values[:, : TONGUE.stop]
        assert np.isfinite(curves.values).all()
        assert faces.min() >= 0.0
        assert faces.max() <= 1.0
        assert np.abs(curves.values[:, HEAD]).max() < np.radians(25.0)
        assert np.abs(curves.values[:, EYES]).max() < 40.0
        np.testing.assert_array_equal(
            curves.values.astype(np.float16).astype(np.float32), curves.values
        )


def test_the_mouth_begins_and_ends_at_rest():
    mouth = [i for name, i in CHANNEL.items() if name.startswith(("mouth", "jaw", "tongue"))]
    for emotion in ("neutral", "pain", "amazement"):
        curves = perform(utterance_of(timeline_of(TEXT), emotion), PLAIN, 2)
        assert curves.values[[0, -1]][:, mouth].max() <= 0.06
        assert curves.intensity[[0, -1]].max() < 0.05


WIDEST = PerformingStyle(jaw_gain=1.35)
"""The jaw that opens furthest."""


@pytest.mark.parametrize("style", [PLAIN, WIDEST], ids=["usual", "widest"])
def test_limits_of_movement(lips, style):
    """Jaw at most 7 a second, lips 45 cm a second, bounded second differences of the mouth."""
    mouth = [i for name, i in CHANNEL.items() if name.startswith(("mouth", "jaw"))]
    middle = lips.closing.size // 2
    for text in (*BILABIALS, "f *ɑː v *ɑː b *ɑː t *ɑː _ k *ɑː m *ɑː p s", "ʃ *ɑː ʃ *ɑː s"):
        curves = perform(utterance_of(timeline_of(text)), style, 0, head=lips)
        _assert_limits(curves, lips, middle, mouth)


def _assert_limits(curves: Curves, lips: StudioLips, middle: int, mouth: list[int]) -> None:
    assert np.abs(np.diff(curves.channel("jawOpen"))).max() * RATE <= 7.0
    gap = lips.gaps(curves.values[:, ARKIT].astype(np.float64))[:, middle]
    assert np.abs(np.diff(gap)).max() * RATE / 10.0 <= 45.0
    assert np.abs(np.diff(curves.values[:, mouth], 2, axis=0)).max() <= 0.03


@pytest.mark.slow
@pytest.mark.parametrize("style", [PLAIN, WIDEST], ids=["usual", "widest"])
def test_limits_of_movement_in_the_sentences(lips, style):
    mouth = [i for name, i in CHANNEL.items() if name.startswith(("mouth", "jaw"))]
    for number, utterance in enumerate(spoken()):
        curves = perform(utterance, style, number, head=lips)
        _assert_limits(curves, lips, lips.closing.size // 2, mouth)


@pytest.mark.slow
def test_fast_speech_opens_less():
    peaks = []
    for rate in (110.0, 160.0, 200.0, 240.0):
        found = [perform(u, PLAIN, 0).channel("jawOpen").max() for u in spoken(8, rate)]
        peaks.append(float(np.mean(found)))
    assert all(slow > fast for slow, fast in itertools.pairwise(peaks))


def test_habits_and_delivery_change_vowels_not_contacts(lips):
    timeline = timeline_of("t *ɑː m *ɑː t")
    utterance = utterance_of(timeline)

    def peak(style: PerformingStyle, delivery: Delivery | None = None) -> float:
        curves = perform(utterance, style, 0, head=lips, delivery=delivery or Delivery())
        contact = next(s.contact for s in timeline.segments if s.contact)
        rows = slice(int(contact[0] * RATE) + 1, int(contact[1] * RATE))
        weights = curves.values[rows, ARKIT].astype(np.float64)
        assert (lips.gaps(weights) - lips.touching).max() <= 0.1
        return float(curves.channel("jawOpen").max())

    usual = peak(PLAIN)
    assert peak(PerformingStyle(jaw_gain=1.3)) > 1.15 * usual
    assert peak(PerformingStyle(trade=0.2)) == pytest.approx(0.8 * usual, rel=0.05)
    assert peak(PLAIN, Delivery(loudness=8.0)) > 1.1 * usual
    assert peak(PLAIN, Delivery(mumbling=1.0)) < 0.9 * usual
    assert peak(PLAIN, Delivery(whispered=True)) == pytest.approx(1.1 * usual, rel=0.05)


def test_sides_differ_by_the_asymmetry():
    utterance = utterance_of(timeline_of("t *iː t"))
    curves = perform(utterance, PerformingStyle(asymmetry=0.1), 0)
    left, right = (curves.channel(f"mouthStretch{side}").max() for side in ("Left", "Right"))
    assert left / right == pytest.approx(1.1 / 0.9, rel=0.01)


def test_habits_are_those_of_the_person():
    styles = [PerformingStyle.of(Person.sample(seed)) for seed in (1, 1, 2)]
    assert styles[0] == styles[1] != styles[2]


def test_deliveries_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"loudness must be within -8..8, found 9"):
        Delivery(loudness=9.0)
    with pytest.raises(ValueError, match="coupling must be one of natural, independent, found 'x'"):
        Delivery(coupling="x")


def _log_energy(utterance: Utterance) -> np.ndarray:
    """(N,) on the grid: log energy between 250 and 3000 Hz in windows of 10 ms, without lag."""
    band = butter(4, (250.0, 3000.0), "bandpass", fs=utterance.sample_rate, output="sos")
    power = sosfiltfilt(band, utterance.audio.astype(np.float64)) ** 2
    window = np.hanning(int(0.010 * utterance.sample_rate) // 2 * 2 + 1)
    smooth = np.convolve(power, window / window.sum(), "same")
    times = np.arange(len(smooth)) / utterance.sample_rate
    grid = np.arange(int(utterance.duration * RATE)) / RATE
    return np.log10(np.interp(grid, times, smooth) + 1e-6)


def _lag(pairs: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """Milliseconds by which the first of each pair follows the second: the peak of the pooled
    cross-correlation, between grid points by a parabola."""
    reach = np.arange(-30, 31)
    total, overlap = np.zeros(len(reach)), np.zeros(len(reach))
    for curve, energy in pairs:
        a, b = curve - curve.mean(), energy - energy.mean()
        for place, lag in enumerate(reach):
            total[place] += a[lag:] @ b[: len(b) - lag] if lag >= 0 else a[:lag] @ b[-lag:]
            overlap[place] += len(a) - abs(lag)
    total /= overlap  # or every lag would look smaller than it is
    top = int(total.argmax())
    left, peak, right = total[top - 1 : top + 2]
    return 1000.0 / RATE * (reach[top] + 0.5 * (left - right) / (left - 2.0 * peak + right))


def _pairs(
    utterances: tuple[Utterance, ...], lips: StudioLips, shift: int = 0
) -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    pairs: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"gap": [], "jaw": []}
    middle = lips.closing.size // 2
    for number, utterance in enumerate(utterances):
        curves = perform(utterance, PLAIN, number, head=lips)
        gap = lips.gaps(curves.values[:, ARKIT].astype(np.float64))[:, middle]
        sounds = list(utterance.timeline.sounding())
        rows = slice(int(sounds[0].start * RATE), int(sounds[-1].end * RATE))
        energy = _log_energy(utterance)[rows]
        for name, curve in (("gap", gap), ("jaw", curves.channel("jawOpen"))):
            pairs[name].append((np.roll(curve, shift)[rows][: len(energy)], energy))
    return pairs


@pytest.mark.slow
def test_lips_keep_time_with_the_voice(lips):
    """Pooled over the neutral sentences; a control of shifted curves must read its shift."""
    utterances = spoken()[:64]
    assert sum(utterance.duration for utterance in utterances) > 60.0
    found = _pairs(utterances, lips)
    assert abs(_lag(found["gap"])) < 10.0
    assert abs(_lag(found["jaw"])) < 10.0
    for shift in (-8, 8):
        shifted = _lag(_pairs(utterances, lips, shift)["gap"])
        assert shifted == pytest.approx(1000.0 / RATE * shift, abs=3.0)


def test_lips_keep_time_with_formula_speech(lips):
    """Without the synthesiser: syllables whose sound is computed from the timeline."""
    text = "one two three four five six seven eight nine ten eleven twelve"
    utterances = tuple(
        speak(text, Voice(), seed=seed, backend="formant", silence=(0.3, 0.3)) for seed in range(10)
    )
    found = _lag(_pairs(utterances, lips)["gap"])
    shifted = _lag(_pairs(utterances, lips, 8)["gap"])
    assert abs(found) < 25.0
    assert shifted - found == pytest.approx(40.0, abs=3.0)


def test_a_silent_mouth_is_still_outside_its_events():
    template = build_template()
    lips = template.lip_pairs.ravel()
    for seed in range(2):
        curves = perform(silent(20.0), PLAIN, seed)
        quiet = np.ones(len(curves.values), bool)
        for event in curves.events:
            if event.kind in ("press", "swallow", "roll", "inhalation"):
                quiet[int((event.start - 0.1) * RATE) : int((event.end + 0.1) * RATE)] = False
        rows = curves.values[quiet][::80]
        places = np.stack(
            [
                apply_expression(template, template.vertices, row[ARKIT], row[TONGUE])[lips]
                for row in rows
            ]
        )
        moved = np.linalg.norm(places - places.mean(axis=0), axis=2)
        assert np.sqrt((moved**2).mean()) < 0.3
        assert not curves.of_kind("inhalation")


def test_nothing_of_the_eyes_or_head_changes_the_mouth():
    utterance = utterance_of(timeline_of(TEXT))
    one = perform(utterance, PLAIN, 0)
    two = perform(utterance, PLAIN, 0, delivery=Delivery(staring=True))
    mouth = [i for name, i in CHANNEL.items() if name.startswith(("mouth", "jaw", "tongue"))]
    np.testing.assert_array_equal(one.values[:, mouth], two.values[:, mouth])
    assert not [event for event in two.of_kind("saccade") if event.size > 1.0]


def test_independent_gestures_keep_the_mouth_and_lose_the_speech():
    utterance = utterance_of(timeline_of(" ".join(["t *ɑː k *iː t _"] * 12)))
    natural = perform(utterance, PLAIN, 3)
    loose = perform(utterance, PLAIN, 3, delivery=Delivery(coupling="independent"))
    np.testing.assert_array_equal(natural.channel("jawOpen"), loose.channel("jawOpen"))
    starts = np.array([s.start for s in utterance.timeline.segments if s.stress == 2])

    def misses(curves: Curves) -> float:
        centers = [0.5 * (event.start + event.end) for event in curves.of_kind("nod")]
        return float(np.mean([np.abs(starts - center).min() for center in centers]))

    assert misses(natural) <= 0.031
    assert misses(loose) > 0.04


def test_only_the_timeline_and_the_emotion_are_read():
    utterance = utterance_of(timeline_of(TEXT))
    louder = dataclasses.replace(utterance, audio=np.full_like(utterance.audio, 0.5))
    np.testing.assert_array_equal(
        perform(utterance, PLAIN, 1).values, perform(louder, PLAIN, 1).values
    )
