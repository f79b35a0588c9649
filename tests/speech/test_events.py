"""Events to timelines on sounds made by hand, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from likeness.speech.espeak import PhonemeEvent
from likeness.speech.events import CONTACT, contact_of, timeline_of
from likeness.speech.timeline import Segment, Timeline

RATE = 1000  # a sample is a millisecond
_NAMES = ("", "ʲ", "ˈa", "p", "b", "m", "t", "s", "l", "r", "ʔ", "dʒ")


def _timeline(sound: str, *events: tuple[int, str], words: tuple[str, ...] = ()) -> Timeline:
    """``sound`` in stretches such as ``"s50 v100"``: 50 ms of silence, 100 ms of voice."""
    parts = [
        np.full(int(part[1:]), 0 if part[0] == "s" else 100, np.int16) for part in sound.split()
    ]
    listed = [PhonemeEvent(sample, name, 0 if words else -1) for sample, name in events]
    return timeline_of(np.concatenate(parts), RATE, listed, words)


def _rounded(segment: Segment) -> tuple[str, int, int]:
    return segment.ipa, round(segment.start * 1000), round(segment.end * 1000)


def _milliseconds(span: tuple[float, float] | None) -> tuple[int, int] | None:
    return None if span is None else (round(span[0] * 1000), round(span[1] * 1000))


def _all(timeline: Timeline) -> list[tuple[str, int, int]]:
    return [_rounded(segment) for segment in timeline.segments]


def test_a_stop_begins_with_its_silence() -> None:
    timeline = _timeline("s10 v90 s40 v160", (10, "ˈa"), (140, "p"), (200, "ɪ"), (300, ""))
    assert _all(timeline) == [("_", 0, 10), ("a", 10, 100), ("p", 100, 200), ("ɪ", 200, 300)]
    stop = timeline.segments[2]
    assert _milliseconds(stop.closure) == (100, 140)
    assert _milliseconds(stop.contact) == (85, 140)
    assert [segment.stress for segment in timeline.segments] == [0, 2, 0, 0]


def test_a_long_silence_before_a_stop_is_a_pause_then_a_closure() -> None:
    timeline = _timeline("v100 s300 v100", (0, "a"), (100, ""), (400, "k"), (450, "a"))
    assert _all(timeline) == [("a", 0, 100), ("_", 100, 280), ("k", 280, 450), ("a", 450, 500)]
    assert _milliseconds(timeline.segments[2].closure) == (280, 400)
    # The same where no event tells of the pause.
    again = _timeline("v100 s300 v100", (0, "a"), (400, "k"), (450, "a"))
    assert again == timeline


def test_a_stop_without_silence_has_no_closure_but_touches() -> None:
    timeline = _timeline("v300", (0, "a"), (200, "p"), (250, "a"))
    stop = timeline.segments[1]
    assert _rounded(stop) == ("p", 200, 250)
    assert stop.closure is None
    assert _milliseconds(stop.contact) == (145, 200)


def test_a_stop_never_swallows_the_sound_before() -> None:
    timeline = _timeline("v50 s60 v50", (0, "a"), (70, "t"), (110, "k"))
    assert [segment.ipa for segment in timeline.segments][:2] == ["a", "t"]
    assert all(segment.duration > 0 for segment in timeline.segments)


@pytest.mark.parametrize(
    ("name", "length", "vowel_from"),
    [
        ("b", 100, 272),  # 28 ms before the vowel's event
        ("b", 50, 280),  # 0.4 of a short one
        ("dʒ", 100, 272),
        ("m", 100, 282),
        ("m", 30, 288),
        ("l", 100, 288),
        ("z", 20, 292),
        ("s", 100, 300),
        ("h", 100, 300),
    ],
)
def test_vowels_start_before_their_event(name: str, length: int, vowel_from: int) -> None:
    timeline = _timeline("v400", (0, "a"), (300 - length, name), (300, "ˈæ"))
    consonant, vowel = timeline.segments[1:]
    assert _milliseconds((vowel.start, vowel.end)) == (vowel_from, 400)
    assert consonant.start * 1000 == pytest.approx(300 - length)
    if name in ("b", "dʒ", "m"):
        assert _milliseconds(consonant.closure) == (300 - length, vowel_from)
    else:
        assert consonant.closure is None


def test_a_voiced_stop_before_a_consonant_is_released_within_itself() -> None:
    timeline = _timeline("v400", (0, "a"), (200, "d"), (300, "z"))
    assert _milliseconds(timeline.segments[1].closure) == (200, 272)
    assert _rounded(timeline.segments[1]) == ("d", 200, 300)


def test_a_short_initial_b_touches_for_as_long_as_there_is_time() -> None:
    timeline = _timeline("s100 v100", (100, "b"), (120, "a"))
    assert _milliseconds(timeline.segments[1].contact) == (57, 112)
    first = _timeline("v100", (0, "b"), (20, "a")).segments[0]
    assert _milliseconds(first.contact) == (0, 12)


def test_nameless_events_prolong_sounds_and_make_silences() -> None:
    timeline = _timeline("v200 s50 v50", (0, "a"), (100, ""), (200, ""), (250, "ɪ"), (250, ""))
    assert _all(timeline) == [("a", 0, 200), ("_", 200, 250), ("ɪ", 250, 300)]


@pytest.mark.parametrize("mark", ["(en)", "(en-us)", "(pt-br)", "(en-gb-x"])
def test_a_mark_of_language_is_no_sound(mark: str) -> None:
    timeline = _timeline(
        "v100 s40 v100 s20", (0, "ʌ"), (100, mark), (140, "b"), (240, "(ko)"), (260, "")
    )
    assert _all(timeline) == [("ʌ", 0, 100), ("_", 100, 140), ("b", 140, 240), ("_", 240, 260)]
    # Over sound it prolongs, as a nameless event does.
    over = _timeline("v200", (0, "ʌ"), (100, mark), (140, "n"))
    assert _all(over) == [("ʌ", 0, 140), ("n", 140, 200)]


def test_modifiers_belong_to_the_sound_before() -> None:
    assert _all(_timeline("v200", (0, "nʲ"), (80, "ʲ"), (120, "a")))[0] == ("nʲ", 0, 102)


def test_long_silence_inside_a_sound_becomes_a_pause() -> None:
    timeline = _timeline("v100 s100 v20 s50 v30", (0, "s"))
    assert _all(timeline) == [("s", 0, 100), ("_", 100, 200), ("s", 200, 300)]


def test_a_sound_announced_too_late_gets_the_end_of_its_vowel() -> None:
    """As the library announces the last sound of "pull"."""
    final = _timeline("v200 s8", (0, "ʊ"), (200, "l"), (208, ""))
    assert _all(final) == [("ʊ", 0, 140), ("l", 140, 208)]
    before_stop = _timeline("v100 s50 v50", (0, "ɔ"), (100, "r"), (150, "t"))
    assert _all(before_stop) == [("ɔ", 0, 60), ("r", 60, 100), ("t", 100, 200)]


def test_words_run_from_their_first_sound_to_their_last() -> None:
    audio = np.r_[np.zeros(100), np.full(100, 9), np.zeros(40), np.full(160, 9)].astype(np.int16)
    events = (
        PhonemeEvent(100, "a", 0),
        PhonemeEvent(240, "p", 2),
        PhonemeEvent(300, "ɪ", 2),
    )
    words = timeline_of(audio, RATE, events, ("a", "silent", "pit")).words
    assert [(w.text, *(_milliseconds((w.start, w.end)) or ())) for w in words] == [
        ("a", 100, 200),
        ("pit", 200, 400),
    ]


@settings(deadline=None, max_examples=300)
@given(
    sound=st.lists(st.tuples(st.booleans(), st.integers(1, 150)), min_size=1, max_size=8),
    events=st.lists(
        st.tuples(st.integers(-5, 900), st.sampled_from(_NAMES)),
        max_size=14,
    ),
)
def test_any_sound_and_events_make_a_timeline(
    sound: list[tuple[bool, int]], events: list[tuple[int, str]]
) -> None:
    """Whatever the library says, the timeline covers the sound and its closures are inside."""
    audio = np.concatenate([np.full(n, 9 if loud else 0, np.int16) for loud, n in sound])
    listed = [PhonemeEvent(sample, name, 0) for sample, name in sorted(events)]
    timeline = timeline_of(audio, RATE, listed, ("word",))
    assert timeline.duration == pytest.approx(len(audio) / RATE)
    for segment in timeline.segments:
        if segment.ipa == "p":
            assert segment.contact is not None or segment.start == 0.0
        if segment.ipa in ("p", "t") and segment.closure:
            first, last = (round(time * RATE) for time in segment.closure)
            assert not audio[first:last].any()


def test_no_events_are_silence() -> None:
    assert _all(_timeline("s50")) == [("_", 0, 50)]


def test_only_lips_touch() -> None:
    assert contact_of("t", (0.1, 0.2)) is None
    assert contact_of("mʲ", (0.1, 0.2)) == (0.1, 0.2)
    assert contact_of("p", (0.18, 0.2)) == (pytest.approx(0.2 - CONTACT), 0.2)
    assert contact_of("b", (0.0, 0.0)) is None
