"""Truth on disk: a replay is the same performance."""

from __future__ import annotations

import json

import numpy as np
import pytest

from likeness.errors import DataError, MissingError
from likeness.studio.animation import animate_studio_head
from likeness.studio.curves import sample
from likeness.studio.performance import perform
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.template import build_template
from likeness.studio.truth import replay, write_truth
from tests.studio.speech_cases import timeline_of, utterance_of


@pytest.fixture
def kept(tmp_path):
    utterance = utterance_of(timeline_of("b *ɑː b ð ə m *iː p"), "joy")
    curves = perform(utterance, PerformingStyle(), 4)
    return utterance, curves, write_truth(tmp_path / "joy_001", curves, utterance, {"person": 7})


def test_a_replay_is_the_performance(kept):
    utterance, curves, path = kept
    truth = replay(path)
    np.testing.assert_array_equal(truth.curves.values, curves.values)
    np.testing.assert_array_equal(truth.curves.intensity, curves.intensity)
    assert truth.curves.events == curves.events
    assert truth.curves.emotion == "joy"
    assert truth.timeline == utterance.timeline
    assert truth.voice == utterance.voice
    assert truth.keys == {"person": 7}


def test_replayed_frames_are_the_written_ones_at_any_rate(kept):
    _, curves, path = kept
    template = build_template()
    for fps in (25, 60):
        rows = sample(curves, fps)[::9]
        again = sample(replay(path).curves, fps)[::9]
        np.testing.assert_array_equal(
            animate_studio_head(template, template.vertices, rows),
            animate_studio_head(template, template.vertices, again),
        )


def test_it_is_small(kept):
    _, curves, path = kept
    size = path.with_name("joy_001.npz").stat().st_size
    assert len(curves.values) <= 200 * (curves.duration + 0.1) + 1
    # Two bytes a value, and names and events whatever the length.
    assert size < 2 * curves.values.size + 10_000
    assert {found.name for found in path.parent.iterdir()} == {"joy_001.npz", "joy_001.json"}


def test_what_is_missing_or_wrong_is_said(kept, tmp_path):
    _, _, path = kept
    with pytest.raises(MissingError):
        replay(tmp_path / "nobody")
    story = path.with_name("joy_001.json")
    parsed = json.loads(story.read_text("utf-8"))
    del parsed["timeline"]
    story.write_text(json.dumps(parsed), "utf-8")
    with pytest.raises(DataError, match="KeyError: 'timeline'"):
        replay(path)


def test_curves_that_16_bits_cannot_hold_are_refused(kept, tmp_path):
    utterance, curves, _ = kept
    curves.values[3, 17] = 0.12345678
    with pytest.raises(ValueError, match="16-bit"):
        write_truth(tmp_path / "more", curves, utterance)
