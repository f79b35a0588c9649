"""What a timeline refuses."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.speech.timeline import EMOTIONS, Segment, Timeline, Utterance, Voice, Word


def test_a_timeline_covers_its_duration() -> None:
    timeline = Timeline(
        (
            Segment("_", 0.0, 0.1),
            Segment("b", 0.1, 0.16, 0, (0.1, 0.13), (0.075, 0.13)),
            Segment("ɪ", 0.16, 0.3, 2),
        ),
        (Word("bi", 0.1, 0.3),),
    )
    assert timeline.duration == 0.3
    assert [segment.ipa for segment in timeline.sounding()] == ["b", "ɪ"]
    assert timeline.segments[1].duration == pytest.approx(0.06)


@pytest.mark.parametrize(
    ("segments", "message"),
    [
        ((), "at least one segment"),
        ((Segment("a", 0.1, 0.2),), "a gap between 0 and 0.1"),
        ((Segment("a", 0.0, 0.2), Segment("b", 0.3, 0.4)), "a gap between 0.2 and 0.3"),
        ((Segment("a", 0.0, 0.2), Segment("b", 0.1, 0.4)), "an overlap between 0.2 and 0.1"),
        ((Segment("m", 0.0, 0.2, 0, (0.0, 0.2), (0.0, 0.3)),), "beyond the end"),
    ],
)
def test_gaps_and_overlaps_are_refused(segments: tuple[Segment, ...], message: str) -> None:
    with pytest.raises(DataError, match=message):
        Timeline(segments)


def test_words_overlap_nothing() -> None:
    segments = (Segment("a", 0.0, 0.5),)
    with pytest.raises(DataError, match="Words must follow"):
        Timeline(segments, (Word("a", 0.0, 0.3), Word("b", 0.2, 0.4)))
    with pytest.raises(DataError, match="Words must follow"):
        Timeline(segments, (Word("a", 0.0, 0.6),))


@pytest.mark.parametrize(
    "given",
    [
        ("a", 0.2, 0.2),
        ("a", -0.1, 0.2),
        ("a", float("nan"), 0.2),
        ("", 0.0, 0.2),
        ("a", 0.0, 0.2, 3),
        ("p", 0.1, 0.2, 0, (0.05, 0.15)),
        ("p", 0.1, 0.2, 0, (0.1, 0.15), (0.12, 0.15)),
    ],
)
def test_bad_segments_are_refused(given: tuple) -> None:
    with pytest.raises(DataError):
        Segment(*given)


@pytest.mark.parametrize(
    "values", [{"f0": 20.0}, {"formant_scale": 2.0}, {"words_per_minute": float("nan")}]
)
def test_a_voice_stays_within_what_people_have(values: dict[str, float]) -> None:
    with pytest.raises(DataError, match=next(iter(values))):
        Voice(**values)


def test_sound_and_timeline_are_equally_long() -> None:
    timeline = Timeline((Segment("_", 0.0, 0.1),))
    silence = np.zeros(2205, np.float32)
    assert Utterance("", silence, 22050, timeline, Voice()).duration == pytest.approx(0.1)
    with pytest.raises(DataError, match="the sound at"):
        Utterance("", silence[:-1], 22050, timeline, Voice())
    with pytest.raises(DataError, match="float32"):
        Utterance("", silence.astype(np.float64), 22050, timeline, Voice())


def test_there_are_ten_emotions() -> None:
    assert len(set(EMOTIONS)) == 10
    assert "neutral" not in EMOTIONS
