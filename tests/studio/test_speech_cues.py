from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.curves import RATE
from likeness.studio.speech_cues import (
    rise,
    silences,
    sounding,
    spoken_span,
    stressed_vowels,
)
from tests.studio.speech_cases import silent, timeline_of


def test_what_an_utterance_tells_a_face():
    timeline = timeline_of("t *ɑː s _0.2 *k *oʊ t", lead=0.4, tail=0.5)
    first = 0.4 + 0.096
    assert stressed_vowels(timeline)[0] == pytest.approx(first)
    assert len(stressed_vowels(timeline)) == 2  # a stressed consonant is none
    assert spoken_span(timeline) == pytest.approx((0.4, timeline.duration - 0.5))
    assert [round(end - start, 6) for start, end in silences(timeline, 0.15)] == [0.4, 0.2, 0.5]
    assert len(silences(timeline, 0.3)) == 2
    on = sounding(timeline)
    assert on[round(0.6 * RATE)] > 0.9
    assert on[0] < 0.05


def test_silence_has_no_span():
    assert spoken_span(silent(2.0).timeline) is None
    assert silences(silent(2.0).timeline, 1.0) == [(0.0, 2.0)]


def test_a_rise_is_half_in_the_middle():
    np.testing.assert_allclose(
        rise(np.array([0.0, 1.0, 1.5, 2.0, 3.0]), 1.0, 2.0), [0, 0, 0.5, 1, 1], atol=1e-12
    )
