"""Columns of targets, still channels, and recordings that are damaged."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.systems.audio2face.channel_layout import ChannelLayout, shot_targets
from tests.systems.audio2face.regression_cases import artefacts


def test_order_and_sizes() -> None:
    layout = ChannelLayout.of(artefacts())
    assert layout == ChannelLayout(6, 3, 15, 4)
    assert layout.size == 28
    assert list(layout.slices.items()) == [
        ("skin", slice(0, 6)), ("tongue", slice(6, 9)), ("jaw", slice(9, 24)),
        ("eye", slice(24, 28)),
    ]  # fmt: skip


def test_targets_hold_every_channel_and_missing_ones_are_still() -> None:
    made = artefacts()
    found = shot_targets(made, made.shots[0])
    assert np.array_equal(found[:, :6], made.skin.coefficients["neutral_1"])
    assert np.array_equal(found[:, 6:9], made.tongue.coefficients["neutral_1"])
    assert np.array_equal(found[4, 9:24], made.jaw["neutral_1"][4].ravel())
    # Right eye x, right eye y, left eye x, left eye y.
    assert np.array_equal(found[4, 24:], made.eyes["neutral_1"][4].ravel())
    assert not shot_targets(made, made.shots[1])[:, 9:24].any()


def test_an_actor_without_tongue_has_still_coefficients() -> None:
    made = artefacts(has_tongue=False)
    found = shot_targets(made, made.shots[0])
    assert found.shape == (20, 6 + 10 + 19)
    assert not found[:, 6:16].any()


def test_a_shot_of_one_frame_is_no_placeholder() -> None:
    """In the published code a length of 1 means that a channel is missing."""
    made = artefacts()
    found = shot_targets(made, made.shots[2])
    assert np.array_equal(found[0, 6:9], made.tongue.coefficients["joy_2"][0])
    assert np.array_equal(found[0, 9:24], made.jaw["joy_2"].ravel())


def test_a_frame_that_is_no_number_is_refused() -> None:
    made = artefacts()
    bad = made.jaw["neutral_1"].copy()
    bad[7, 2, 1] = np.nan
    made = replace(made, jaw={**made.jaw, "neutral_1": bad})
    with pytest.raises(DataError, match=r"'neutral_1' of 'a' .* 1 frames, the first is frame 7"):
        shot_targets(made, made.shots[0])


def test_channels_of_another_length_or_none_are_refused() -> None:
    made = artefacts()
    short = replace(made, eyes={**made.eyes, "joy_1": made.eyes["joy_1"][:5]})
    with pytest.raises(DataError, match="'eye' of shot 'joy_1' should have 12 frames of 4"):
        shot_targets(short, short.shots[1])
    basis = replace(made.skin, coefficients={})
    with pytest.raises(DataError, match="'joy_1' of 'a' has no skin"):
        shot_targets(replace(made, skin=basis), made.shots[1])
