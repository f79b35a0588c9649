from __future__ import annotations

import numpy as np
import pytest

from likeness.geometry.animation import VertexAnimation
from likeness.systems.audio2face.artefacts import Pairs
from likeness.systems.audio2face.dataset.mouth_reading import (
    SpokenMouth,
    heard_around,
    lip_places,
    read_mouths,
)
from likeness.systems.audio2face.log_mel import log_mel


def _mouths(shots: int, *, told: float, seed: int = 0) -> dict[str, SpokenMouth]:
    """Lips of two motions; what is heard says the first up to noise, and nothing of the other."""
    rng = np.random.default_rng(seed)
    found = {}
    for shot in range(shots):
        one, two = rng.normal(size=(2, 200))
        lips = np.stack([3 * one, 3 * one, two, -two], axis=1)
        heard = rng.normal(size=(200, 5))
        heard[:, 0] = told * one + np.sqrt(1 - told**2) * heard[:, 0]
        found[f"shot_{shot}"] = SpokenMouth(lips.astype(np.float32), heard.astype(np.float32))
    return found


def test_motions_are_read_as_far_as_sound_tells_them() -> None:
    read = read_mouths(_mouths(10, told=0.8))
    assert list(read) == [f"shot_{n}" for n in range(10)]
    first = read["shot_3"]
    assert first.moved.shape == first.read.shape == (200, 2)
    moved = np.concatenate([mouth.moved for mouth in read.values()])
    assert moved.std(axis=0) == pytest.approx(1.0, rel=1e-6)
    told = [np.corrcoef(m.moved[:, 0], m.read[:, 0])[0, 1] for m in read.values()]
    assert np.mean(told) == pytest.approx(0.8, abs=0.04)
    # 0.8² / (1 - 0.8²) of the first; of the other what chance makes of 2000 frames.
    assert first.shares.sum() == pytest.approx(1.0)
    assert first.shares[0] > 0.99


def test_a_shot_is_read_by_others_alone() -> None:
    mouths = _mouths(5, told=0.8)
    before = read_mouths(mouths)["shot_2"]
    strange = mouths["shot_2"].lips[::-1]  # another order of the same places: the motions stay
    after = read_mouths({**mouths, "shot_2": SpokenMouth(strange, mouths["shot_2"].heard)})
    np.testing.assert_allclose(np.abs(after["shot_2"].read), np.abs(before.read), atol=1e-5)


def test_nothing_is_read_of_one_shot_or_of_lips_that_are_still() -> None:
    assert read_mouths(_mouths(1, told=0.8)) == {}
    still = np.zeros((50, 4), np.float32)
    heard = np.zeros((50, 5), np.float32)
    assert read_mouths({name: SpokenMouth(still, heard) for name in "ab"}) == {}


def test_lips_are_the_vertices_of_the_list_in_its_order() -> None:
    frames = np.random.default_rng(1).normal(size=(25, 6, 3)).astype(np.float32)
    lips = Pairs(np.array([0, 4]), np.array([2, 5]))
    places = lip_places(VertexAnimation.of_array(frames, 25.0), lips)
    np.testing.assert_array_equal(places, frames[:, [0, 4, 2, 5]])


def test_what_is_heard_are_the_bands_around_each_frame() -> None:
    sound = 0.1 * np.random.default_rng(2).normal(size=16000)
    heard = heard_around(sound, 25, 25.0)
    assert heard.shape == (25, 5 * 40)
    # Frame 12 is at half a second, column 50; five columns within 0.09 s of it.
    columns = log_mel(sound)[[41, 46, 50, 54, 59]]
    np.testing.assert_allclose(heard[12], columns.reshape(-1), rtol=1e-6)
