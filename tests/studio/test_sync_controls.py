"""Sounds moved and exchanged: exactly so far, and never the own sentence."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from likeness.errors import DataError
from likeness.studio.sync_controls import fitted_sound, shifted_sound, shifts, shuffled

SOUND = np.arange(1, 10 * 640 + 1, dtype=np.float32)


@pytest.mark.parametrize("frames", [-11, -4, -1, 0, 1, 4, 11])
def test_sound_is_moved_by_whole_frames_with_silence_behind_it(frames):
    """Sample by sample: what is heard at t was said at t - 640 frames."""
    moved = shifted_sound(SOUND, frames)
    places = range(0, len(SOUND), 97)
    for place in places:
        before = place - 640 * frames
        expected = SOUND[before] if 0 <= before < len(SOUND) else 0.0
        assert moved[place] == expected
    assert moved.shape == SOUND.shape
    assert SOUND[0] == 1.0


def test_every_shift_comes_equally_often_and_none_is_nothing():
    drawn = shifts(40, seed=3)
    assert Counter(drawn) == dict.fromkeys((-4, -3, -2, -1, 1, 2, 3, 4), 5)
    assert drawn != shifts(40, seed=4)
    assert shifts(13, seed=3) == drawn[:13]
    assert shifts(0) == ()


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("texts", ["ab", "aabb", "aaabbc", "abcdefgh", "aabbcc", "abcabcaabb"])
def test_every_sound_is_given_once_and_never_for_its_own_sentence(texts, seed):
    given = shuffled(list(texts), seed=seed)
    assert sorted(given) == list(range(len(texts)))
    assert all(texts[other] != texts[clip] for clip, other in enumerate(given))


def test_another_seed_shuffles_otherwise():
    assert len({shuffled(list("abcdefgh"), seed=seed) for seed in range(10)}) >= 9


@pytest.mark.parametrize("texts", ["", "a", "aab", "aaabb"])
def test_what_cannot_be_shuffled_is_refused(texts):
    if not texts:
        with pytest.raises(DataError, match="Sounds of 0 clips"):
            shuffled([])
        return
    with pytest.raises(DataError, match=f"{texts.count('a')} say one sentence"):
        shuffled(list(texts))


def test_another_sound_is_cut_or_followed_by_silence():
    np.testing.assert_array_equal(fitted_sound(SOUND, 4), SOUND[: 4 * 640])
    longer = fitted_sound(SOUND, 12)
    assert longer.shape == (12 * 640,)
    assert longer.dtype == np.float32
    np.testing.assert_array_equal(longer[: len(SOUND)], SOUND)
    assert not longer[len(SOUND) :].any()
