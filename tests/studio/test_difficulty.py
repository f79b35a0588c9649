"""Difficulty: presets, knobs alone, and what they do to scenes."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.studio.difficulty import LEVELS, Difficulty, own_knobs
from likeness.studio.scene import Scene


def _scenes(difficulty: Difficulty, count: int = 150) -> list[Scene]:
    rng = np.random.default_rng(0)
    return [Scene.sample(rng, difficulty=difficulty) for _ in range(count)]


def test_levels_and_single_knobs():
    assert Difficulty.level(1) == Difficulty()
    changed = Difficulty.level(0, sensor="strong")
    assert changed.sensor == "strong"
    assert changed.light == "soft"
    assert Difficulty(**Difficulty.level(3).to_dict()) == LEVELS[3]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Difficulty.level(4), "from 0 to 3"),
        (lambda: Difficulty.level(1, fog=1), "no knob fog"),
        (lambda: Difficulty(light="bright"), "light must be one of soft, varied"),
        (lambda: Difficulty(occlusion=3), "share of pictures from 0 to 1"),
    ],
)
def test_wrong_knobs_are_named(make, message):
    with pytest.raises(UsageError, match=message):
        make()


def test_knobs_count_as_set_alone_where_the_level_has_them_otherwise():
    assert own_knobs(1, light=None, sensor="light", occlusion=0.03) == {}
    assert own_knobs(2, sensor="light", occlusion=0, pose="all") == {
        "occlusion": 0,
        "sensor": "light",
    }
    with pytest.raises(UsageError, match="light must be one of soft, varied, hard, mixed"):
        own_knobs(1, light="bright")


def test_level_0_is_plain():
    scenes = _scenes(Difficulty.level(0))
    assert max(abs(np.degrees(scene.yaw)) for scene in scenes) <= 20
    assert {scene.background.kind for scene in scenes} <= {"plain", "gradient", "mottled"}
    assert {scene.light_name for scene in scenes} == {"soft", "overcast"}
    assert all(scene.occluder is None for scene in scenes)
    assert all(scene.film.photons is None and scene.film.blur == 0 for scene in scenes)


def test_each_level_is_harder():
    levels = [_scenes(level) for level in LEVELS]
    occluded = [np.mean([s.occluder is not None for s in scenes]) for scenes in levels]
    assert occluded[0] == 0.0
    assert occluded[1] < 0.1 < occluded[2] < 0.22 < occluded[3]
    turned = [np.mean([abs(s.yaw) for s in scenes]) for scenes in levels]
    assert turned[0] < turned[1] < turned[2] < turned[3]
    assert max(abs(np.degrees(s.roll)) for s in levels[3]) > 25
    assert all(s.film.jpeg_quality == 60 for s in levels[2])
    assert all(s.film.source_side == 96 for s in levels[3])
    assert all(s.film.jpeg_quality in (None, *range(80, 96)) for s in levels[1])
    assert [max(s.background.clutter for s in scenes) > 0 for scenes in levels] == [
        False, False, True, True,
    ]  # fmt: skip
    assert all(s.background.people > 0 for s in levels[3])
    dark = [np.mean([s.lighting.exposure < -1.2 for s in scenes]) for scenes in levels]
    assert dark[3] > 0.2 > dark[2]
