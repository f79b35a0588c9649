"""Ten emotions: the table, its course over an utterance, and that a face tells them apart."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.seeds import Draws
from likeness.speech.timeline import EMOTIONS, Emotion
from likeness.studio.curves import ARKIT, RATE
from likeness.studio.emotions import UPPER_FACE, course_of, expression_of
from likeness.studio.expressions import FIGHTING_PAIRS, INDEX
from likeness.studio.performance import perform
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.speech_cues import spoken_span, stressed_vowels
from tests.studio.speech_cases import silent, timeline_of, utterance_of

TEXT = "b *ɑː b p *æ k t _ m *aɪ b *ɑː k s w ɪ ð f *aɪ v d *ʌ z ə n m *æ p s"
ALL: tuple[Emotion, ...] = ("neutral", *EMOTIONS)


def test_the_table_is_in_range_and_all_differ():
    shapes = np.stack([expression_of(name) for name in ALL])
    assert shapes.min() >= 0.0
    assert shapes.max() <= 1.0
    apart = np.linalg.norm(shapes[:, None] - shapes[None], axis=2) + 9.0 * np.eye(len(ALL))
    assert apart.min() > 0.4
    assert expression_of("joy")[INDEX["mouthSmileLeft"]] == 0.72
    assert expression_of("pain")[INDEX["eyeSquintRight"]] == 0.85


def test_mirrored_cheek_lifts_the_other_side():
    plain, mirrored = expression_of("cheekiness"), expression_of("cheekiness", mirrored=True)
    assert plain[INDEX["mouthSmileLeft"]] == mirrored[INDEX["mouthSmileRight"]] == 0.65
    assert mirrored[INDEX["mouthRight"]] == 0.12
    np.testing.assert_array_equal(expression_of("joy"), expression_of("joy", mirrored=True))


def test_no_emotion_looks_two_ways():
    for name in EMOTIONS:
        weights = expression_of(name)
        for one, two in FIGHTING_PAIRS:
            if {one[:6], two[:6]} == {"eyeLoo"} or "mouthSmile" in one:
                assert min(weights[INDEX[one]], weights[INDEX[two]]) == 0.0, (name, one, two)


def test_it_is_there_before_the_first_sound_and_fades_after_the_last():
    timeline = timeline_of(TEXT, lead=0.6, tail=1.3)
    course = course_of(timeline, "joy", Delivery(intensity=0.8), Draws("t", 1))
    first, last = (round(time * RATE) for time in spoken_span(timeline))
    assert course.intensity[0] == 0.0
    assert course.intensity[first : last + 1].mean() == pytest.approx(0.8, rel=0.12)
    assert course.intensity[first] > 0.55
    assert course.intensity[-1] < 0.02


def test_a_transition_comes_within_the_utterance():
    timeline = timeline_of(" ".join([TEXT] * 2))
    course = course_of(timeline, "joy", Delivery(intensity=1.0, transition=True), Draws("t", 1))
    first, last = (round(time * RATE) for time in spoken_span(timeline))
    assert course.intensity[first : first + RATE // 2].max() < 0.05
    assert course.intensity[last - RATE // 2 : last].min() > 0.7


def test_brows_stress_a_third_of_the_stressed_syllables():
    counts, heights, misses = [], [], []
    for seed in range(40):
        timeline = timeline_of(TEXT)
        course = course_of(timeline, "neutral", Delivery(), Draws("t", seed))
        vowels = np.array(stressed_vowels(timeline))
        counts.append(len(course.events) / len(vowels))
        heights += [event.size for event in course.events]
        misses += [
            np.abs(vowels - 0.030 - 0.5 * (event.start + event.end)).min()
            for event in course.events
        ]
    assert np.mean(counts) == pytest.approx(0.35, abs=0.06)
    assert min(heights) >= 0.12
    assert max(heights) <= 0.30
    assert max(misses) < 1e-9


def test_speech_halves_the_mouth_of_an_emotion_but_not_its_brows():
    talking = perform(
        utterance_of(timeline_of("t *iː s *iː z *iː s *iː z *iː s"), "joy"),
        PerformingStyle(),
        1,
        delivery=Delivery(intensity=0.8),
    )
    still = perform(silent(4.0, "joy"), PerformingStyle(), 1, delivery=Delivery(intensity=0.8))

    def peak(curves, name):
        held = curves.intensity > 0.8 * curves.intensity.max()
        return float(np.median(curves.channel(name)[held] / curves.intensity[held]))

    assert peak(still, "mouthSmileLeft") == pytest.approx(0.72, rel=0.01)
    # iː smiles a little itself.
    assert peak(talking, "mouthSmileLeft") < 0.55 * 0.72 + 0.12 / 0.6
    assert peak(talking, "cheekSquintLeft") == pytest.approx(0.60, rel=0.02)
    assert peak(still, "cheekSquintLeft") == pytest.approx(0.60, rel=0.02)


def _centroids_hit(shots_each: int, *, per_frame: bool = False) -> float:
    """Share of shots whose upper face is nearest to the mean of its own emotion, itself left
    out."""
    texts = (
        TEXT,
        "ð ə m *ɪ l k s m *ɛ l z f *aʊ l p l *iː z",
        "w *i p *æ s t _ æ n d ð *eɪ ɡ *ɪ v",
    )
    found, labels = [], []
    for label, name in enumerate(ALL):
        for shot in range(shots_each):
            utterance = utterance_of(timeline_of(texts[shot % len(texts)]), name)
            style = PerformingStyle(mirrored=False)
            intensity = 0.6 + 0.4 * shot / max(shots_each - 1, 1)
            curves = perform(
                utterance, style, 100 * label + shot, delivery=Delivery(intensity=intensity)
            )
            first, last = (round(time * RATE) for time in spoken_span(utterance.timeline))
            found.append(curves.values[first:last, ARKIT][:, UPPER_FACE].mean(axis=0))
            labels.append(label)
    points, kinds = np.array(found), np.array(labels)
    hits = 0
    for n, (point, kind) in enumerate(zip(points, kinds)):
        others = np.arange(len(points)) != n
        centers = np.stack(
            [points[others & (kinds == label)].mean(axis=0) for label in range(len(ALL))]
        )
        hits += int(np.linalg.norm(centers - point, axis=1).argmin() == kind)
    return hits / len(points)


def test_emotions_are_told_from_the_upper_face():
    """Twelve shots each: a mean of three lies where chance puts it."""
    assert _centroids_hit(12) >= 0.95


@pytest.mark.slow
def test_emotions_are_told_from_the_upper_face_in_many_shots():
    assert _centroids_hit(40) >= 0.95


def test_a_sad_look_is_lowered():
    curves = perform(
        silent(6.0, "sadness"),
        PerformingStyle(),
        2,
        delivery=Delivery(intensity=1.0, staring=True),
    )
    neutral = perform(silent(6.0), PerformingStyle(), 2, delivery=Delivery(staring=True))
    held = curves.intensity > 0.8
    lowered = (curves.channel("eyeLeftX") - neutral.channel("eyeLeftX"))[held].mean()
    lifted = np.degrees((curves.channel("headPitch") - neutral.channel("headPitch"))[held].mean())
    assert lifted == pytest.approx(-6.0, abs=1.0)
    assert lowered - lifted == pytest.approx(6.0, abs=1.5)
