"""Targets in time: the table, parts of diphthongs, neighbours, rates."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from likeness.speech.phonemes import CONSONANTS, UNITS, VOWELS
from likeness.speech.timeline import Segment, Timeline
from likeness.studio.articulation import (
    ARTICULATOR,
    ARTICULATORS,
    Gains,
    articulate,
    placed_units,
    targets,
    to_shapes,
)
from likeness.studio.curves import CHANNEL, CHANNELS, RATE
from tests.studio.speech_cases import timeline_of


def _row(unit: str, stress: int = 1, gains: Gains | None = None) -> tuple[dict, dict]:
    timeline = Timeline((Segment(unit, 0.0, 1.0, stress),))
    row, weight = targets(timeline, gains or Gains())
    middle = len(row) // 2
    return dict(zip(ARTICULATORS, row[middle])), dict(zip(ARTICULATORS, weight[middle]))


def test_every_unit_has_targets_in_range():
    for unit in UNITS:
        row, weight = _row(unit)
        assert all(-1.0 <= value <= 1.0 for value in row.values()), unit
        assert all(0.0 <= value <= 1.2 for value in weight.values()), unit
    assert set(VOWELS) | set(CONSONANTS) | {"_"} == set(UNITS)


def test_the_table_is_the_table():
    row, weight = _row("uː")
    assert (row["pucker"], row["funnel"], row["jaw"]) == (0.88, 0.16, 0.13)
    assert (weight["pucker"], weight["jaw"]) == (0.70, 0.55)
    row, weight = _row("ɑː", stress=2, gains=Gains(jaw=1.1))
    assert row["jaw"] == pytest.approx(0.58 * 1.15 * 1.1)
    assert weight["jaw"] == pytest.approx(0.55 * 1.2)
    row, weight = _row("ə", stress=0)
    assert weight["jaw"] == pytest.approx(0.55 * 0.6 * 0.5)
    row, weight = _row("f")
    assert (row["rollLower"], weight["rollLower"]) == (0.62, 1.0)
    assert weight["tip"] == 0.03
    row, weight = _row("l")
    assert (row["wide"], weight["wide"]) == (-0.4, 0.5)
    row, weight = _row("h")
    assert set(weight.values()) == {0.0}
    row, weight = _row("_")
    assert row["jaw"] == 0.02
    assert set(weight.values()) == {0.25}


def test_mumbling_weakens_vowels_only():
    assert _row("æ", gains=Gains(mumbling=1.0))[1]["jaw"] == pytest.approx(0.4 * 0.55)
    assert _row("s", gains=Gains(mumbling=1.0))[1] == _row("s")[1]


def test_names_of_several_sounds_share_their_time():
    units = placed_units(Timeline((Segment("aɪ", 0.0, 1.0), Segment("aɪə", 1.0, 2.2))))
    assert [unit.name for unit in units] == ["a", "ɪ", "a", "ɪ", "ə"]
    assert units[0].end == pytest.approx(0.55)
    assert [unit.end for unit in units[2:]] == pytest.approx([1.4, 1.8, 2.2])


def test_a_lone_modifier_prolongs_what_it_modifies():
    units = placed_units(Timeline((Segment("t", 0.0, 0.1), Segment("ʲ", 0.1, 0.2))))
    assert [(unit.name, unit.end) for unit in units] == [("t", 0.2)]


def test_rounding_starts_early_in_a_consonant_without_lips():
    column = ARTICULATOR["pucker"]
    for text, early in (("t *uː", 0.040), ("s *uː", 0.0), ("ɑː *uː", 0.0)):
        timeline = timeline_of(text)
        row, _ = targets(timeline, Gains())
        start = next(s.start for s in timeline.segments if s.ipa == "uː")
        rounded = np.flatnonzero(row[:, column] == 0.88)[0] / RATE
        assert rounded == pytest.approx(start - early, abs=0.0051), text


def test_lips_are_round_in_a_consonant_between_round_vowels():
    timeline = timeline_of("h *uː t *uː")
    t = next(s for s in timeline.segments if s.ipa == "t")
    curve = articulate(timeline, Gains())[:, ARTICULATOR["pucker"]]
    assert curve[round(0.5 * (t.start + t.end) * RATE)] > 0.6


def test_faster_speech_reaches_less():
    peaks = []
    for pace in (0.7, 1.0, 1.25, 1.5):
        timeline = timeline_of("t *ɑː k *ɑː t *ɑː s *ɑː k *ɑː t", pace=pace)
        jaw = articulate(timeline, Gains())[:, ARTICULATOR["jaw"]]
        vowels = [s for s in timeline.segments if s.ipa == "ɑː"]
        peaks.append(np.mean([jaw[int(s.start * RATE) : int(s.end * RATE)].max() for s in vowels]))
    assert all(slow > fast for slow, fast in itertools.pairwise(peaks))
    assert peaks[0] > 1.15 * peaks[-1]


def test_shapes_follow_the_articulators():
    values = np.zeros((2, len(CHANNELS)))
    articulators = np.zeros((2, len(ARTICULATORS)))
    articulators[0, [ARTICULATOR["jaw"], ARTICULATOR["stretch"]]] = 0.5, 0.3
    articulators[0, [ARTICULATOR["back"], ARTICULATOR["body"]]] = 1.0, 0.2
    articulators[1, ARTICULATOR["wide"]] = -0.4
    to_shapes(articulators, values)
    assert values[0, CHANNEL["jawOpen"]] == 0.5
    assert values[0, CHANNEL["mouthStretchRight"]] == 0.3
    assert values[0, CHANNEL["tongueIn"]] == pytest.approx(0.7)
    assert values[0, CHANNEL["tongueUp"]] == pytest.approx(0.6)
    assert (values[1, CHANNEL["tongueNarrow"]], values[1, CHANNEL["tongueWide"]]) == (0.4, 0.0)
