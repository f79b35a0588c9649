"""Sheets: what is on them and where. Whether faces look right is for eyes to judge."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.speech.phonemes import UNITS
from likeness.studio.anatomy import head_asset
from likeness.studio.asset_sitter import AssetSitter
from likeness.studio.closures import StudioLips
from likeness.studio.performance import perform
from likeness.studio.performance_sheets import (
    blink_strip,
    emotion_sheet,
    letters,
    sound_and_lips,
    speech_strip,
)
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.person import Person
from likeness.studio.template import build_template
from tests.studio.speech_cases import timeline_of, utterance_of


@pytest.fixture(scope="module")
def sitter():
    return AssetSitter(head_asset("low"), Person.sample(3).appearance)


def test_units_have_plain_and_different_letters():
    names = [letters(unit) for unit in UNITS]
    assert all(name.isascii() for name in names)
    assert len({name.lower() + str(name.islower()) for name in names}) == len(UNITS)


def test_a_strip_has_a_face_per_time(sitter):
    timeline = timeline_of("b *ɑː b")
    curves = perform(utterance_of(timeline), PerformingStyle(), 0)
    strip = speech_strip(sitter, curves, timeline, count=6, columns=3, size=48)
    assert strip.dtype == np.float32
    one = speech_strip(sitter, curves, timeline, count=3, columns=3, size=48)
    assert strip.shape[1] == one.shape[1]
    assert strip.shape[0] == pytest.approx(2 * one.shape[0], abs=8)


def test_emotions_and_blinks_fill_their_sheets(sitter):
    sheet = emotion_sheet(sitter, columns=11, size=32)
    assert sheet.shape[1] > 11 * 16
    blink = blink_strip(sitter, fps=30.0, columns=10, size=48)
    assert blink.shape[1] > 10 * 20
    assert blink.min() >= 0.0
    assert blink.max() <= 1.0


def test_sound_stands_over_the_gap_it_belongs_to():
    template = build_template()
    timeline = timeline_of("t *ɑː p *ɑː t")
    utterance = utterance_of(timeline)
    curves = perform(utterance, PerformingStyle(), 0)
    width = 800
    page = sound_and_lips(utterance, curves, StudioLips(template, template.vertices), width=width)
    contact = next(s.contact for s in timeline.segments if s.contact)
    middle = 12 + (width - 24) * 0.5 * (contact[0] + contact[1]) / timeline.duration
    column = page[:, round(middle)]
    shaded = np.abs(column - (0.96, 0.72, 0.70)).max(axis=1) < 0.01
    assert shaded.sum() > 300  # all four rows
    beside = page[:, round(middle + 60)]
    assert (np.abs(beside - (0.96, 0.72, 0.70)).max(axis=1) < 0.01).sum() == 0
