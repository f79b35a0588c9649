"""What the studio's truth means for a crop, and who falls into which split."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.errors import UsageError
from likeness.seeds import rng_of
from likeness.studio.expressions import EYE_DIRECTIONS
from likeness.studio.figure import HeadPose
from likeness.studio.person import Person
from likeness.studio.photograph import sitter_of
from likeness.studio.scene import Scene, head_rotation
from likeness.systems.face_encoder import studio


@pytest.fixture
def scene() -> Scene:
    return replace(Scene.sample(rng_of("a scene")), yaw=0.4, pitch=-0.15, roll=0.1)


def test_on_the_optical_axis_the_rotation_is_the_head_s_own(scene):
    found = studio.apparent_rotation(scene, np.array([0.0, 0.0, -1.2]))
    np.testing.assert_allclose(found, head_rotation(0.4, -0.15, 0.1), atol=1e-6)


@pytest.mark.parametrize("place", [(0.3, 0.1, -0.8), (-0.5, 0.0, -0.9), (0.0, -0.4, -0.6)])
def test_beside_the_axis_the_camera_sees_the_side_it_looks_at(scene, place):
    """In the head's own frame the line to the camera is the crop's viewing axis, without twist."""
    found = studio.apparent_rotation(scene, np.array(place)).astype(np.float64)
    own = head_rotation(0.4, -0.15, 0.1)
    to_camera = -np.array(place) / np.linalg.norm(place)
    np.testing.assert_allclose(found.T @ [0, 0, 1], own.T @ to_camera, atol=1e-6)
    np.testing.assert_allclose(found @ found.T, np.eye(3), atol=1e-6)
    extra = Rotation.from_matrix(found @ own.T).as_rotvec()
    assert np.linalg.norm(extra) == pytest.approx(np.arccos(to_camera[2]), abs=1e-5)
    assert extra @ to_camera == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("people", [3, 4, 9, 10, 37])
def test_few_people_still_fill_all_splits(people):
    counts = Counter(studio._splits(people))
    assert set(counts) == {"train", "validation", "test"}
    assert counts["train"] >= counts["validation"]


def test_of_many_people_a_tenth_each_validates_and_tests():
    counts = Counter(studio._splits(200))
    assert counts == {"train": 160, "validation": 20, "test": 20}


def test_splits_share_neither_people_nor_backgrounds():
    """Of a set of 100 people in four photographs each."""
    persons: dict[str, set[int]] = {}
    grounds: dict[str, set[int]] = {}
    for number, split in enumerate(studio._splits(100)):
        persons.setdefault(split, set()).add(studio._person(11, number).seed)
        for index in range(4):
            scene = next(studio._scenes(studio._Task(11, number, split, 4, 64, 50.0), index))
            grounds.setdefault(split, set()).add(scene.background.seed)
    for found, count in ((persons, 100), (grounds, 400)):
        assert sum(map(len, found.values())) == count
        assert len(set().union(*found.values())) == count


def test_the_first_of_several_scenes_is_frontal_and_neutral():
    for number in range(40):
        scene = next(studio._scenes(studio._Task(5, number, "train", 2, 64, 50.0), 0))
        assert abs(scene.yaw) <= math.radians(12)
        assert abs(scene.pitch) <= math.radians(9)
        assert not any(scene.expression)
    other = [next(studio._scenes(studio._Task(5, n, "train", 2, 64, 50.0), 1)) for n in range(40)]
    assert max(abs(scene.yaw) for scene in other) > math.radians(30)
    assert np.mean([any(scene.expression) for scene in other]) > 0.7


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"people": 0}, "people must be at least 1"),
        ({"people": 1, "photos": 0}, "photos must be at least 1"),
        ({"people": 1, "size": 32}, "size must be at least 64"),
        ({"people": 4, "difficulty": 5}, "Difficulty goes from 0 to 3"),
        ({"people": 4, "split": ".8,.2"}, "A split is three numbers"),
        ({"people": 4, "light": "bright"}, "light must be one of soft, varied, hard, mixed"),
        (
            {"people": 2, "photos": 1, "split": ".4,.6,0", "faults": "image-turned,truth-length"},
            "2 faults need as many photographs; 1 are for training",
        ),
        ({"people": 4, "faults": "moustache"}, "There is no fault moustache"),
        (
            {"people": 3, "photos": 1, "faults": "image-turned,truth-length"},
            "2 faults need as many photographs; 1 are for training",
        ),
    ],
)
def test_impossible_requests_are_refused_before_any_work(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        studio.make(str(tmp_path / "out"), **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "photos", "size"),
    [
        ({}, 4, 192),
        ({"scale": "smoke"}, 25, 128),
        ({"scale": "fast"}, 10, 128),
        ({"scale": "full"}, 20, 256),
        ({"scale": "fast", "photos": 3, "size": 64}, 3, 64),
    ],
)
def test_a_scale_says_how_many_photographs_of_which_size(
    tmp_path, monkeypatch, options, photos, size
):
    asked = []

    def drawn(task):
        asked.append((task.photos, task.size))
        raise KeyboardInterrupt

    monkeypatch.setattr(studio, "_person_samples", drawn)
    with pytest.raises(KeyboardInterrupt):
        studio.make(str(tmp_path / "out"), people=3, workers=1, **options)
    assert asked == [(photos, size)]


def test_a_record_says_yaw_and_difficulty():
    task = studio._Task(5, 2, "train", 2, 64, 50.0, 2)
    first = next(studio._person_samples(task))
    assert not np.delete(first["truth"]["arkit"], EYE_DIRECTIONS).any()
    yaw = math.degrees(next(studio._scenes(task, 0)).yaw)
    assert first["record"]["yaw"] == pytest.approx(yaw, abs=0.05)
    assert first["record"]["difficulty"] == 2


def _stand_in(monkeypatch):
    """A plain picture for each person's, which takes seconds to draw; returns what was asked."""
    asked = []

    def drawn(task):
        asked.append(task)
        points = np.random.default_rng(task.number).uniform(10, 50, (68, 2)).astype(np.float32)
        image = np.full((64, 64, 3), task.number / 20, np.float32)
        name = f"{task.number:05d}"
        yield {"id": name, "image": image, "landmarks": points, "person": name, "split": task.split}

    monkeypatch.setattr(studio, "_person_samples", drawn)
    return asked


def test_shares_and_knobs_decide_what_is_made_and_are_recorded(tmp_path, monkeypatch):
    asked = _stand_in(monkeypatch)
    settings = {"people": 8, "photos": 1, "size": 64, "workers": 1}
    own = {"split": ".5,.25,.25", "difficulty": 2, "sensor": "light", "occlusion": 0.5}
    root = str(tmp_path / "out")
    studio.make(root, **settings, **own)
    rows = [json.loads(line) for line in (tmp_path / "out/index.jsonl").read_text().splitlines()]
    assert Counter(row["split"] for row in rows) == {"train": 4, "validation": 2, "test": 2}
    assert {dict(task.knobs)["sensor"] for task in asked} == {"light"}
    recorded = json.loads((tmp_path / "out/studio.json").read_text())["settings"]
    assert recorded["split"] == [0.5, 0.25, 0.25]
    assert recorded["knobs"] == {"occlusion": 0.5, "sensor": "light"}
    assert studio.make(root, **settings, **own).is_up_to_date
    # A knob as the difficulty has it, and a share written otherwise, ask for nothing else.
    same = {**own, "split": "0.50,.25,.25", "light": "hard"}
    assert studio.make(root, **settings, **same).is_up_to_date
    for other, told in (
        ({"sensor": "clean"}, "knobs of 'sensor' was 'light' and is 'clean'"),
        ({"split": None}, "split was .* and is None"),
    ):
        with pytest.raises(UsageError, match=told):
            studio.make(root, **settings, **{**own, **other})
    studio.make(str(tmp_path / "plain"), **settings)
    plain = json.loads((tmp_path / "plain/studio.json").read_text())["settings"]
    assert not {"split", "knobs"} & set(plain)


def test_a_set_with_knobs_goes_on_with_the_same_ones_only(tmp_path, monkeypatch):
    _stand_in(monkeypatch)
    settings = {"people": 4, "photos": 1, "size": 64, "workers": 1, "split": ".5,.5,0"}
    whole, root = tmp_path / "whole", tmp_path / "out"
    studio.make(str(whole), **settings, pose="near")
    drawn = studio._person_samples

    def stopping(task):
        if task.number == 2:
            raise KeyboardInterrupt
        return drawn(task)

    monkeypatch.setattr(studio, "_person_samples", stopping)
    with pytest.raises(KeyboardInterrupt):
        studio.make(str(root), **settings, pose="near")
    monkeypatch.setattr(studio, "_person_samples", drawn)
    with pytest.raises(UsageError, match=r"knobs was .*'near'.* and is None"):
        studio.make(str(root), **settings)
    studio.make(str(root), **settings, pose="near")
    for path in whole.rglob("*.*"):
        assert (root / path.relative_to(whole)).read_bytes() == path.read_bytes(), path


def test_a_knob_changes_scenes_and_is_written_beside_the_difficulty():
    near = studio._Task(5, 2, "train", 12, 64, 90.0, 3, (("pose", "near"),))
    for index in range(1, 12):
        scene = next(studio._scenes(near, index))
        assert abs(scene.yaw) <= math.radians(20)
        assert scene.film.source_side == 96
    (sample,) = studio._person_samples(near._replace(photos=1))
    assert sample["record"]["difficulty"] == 3
    assert sample["record"]["knobs"] == {"pose": "near"}


def test_the_truth_beside_a_picture_makes_its_head_again():
    """Weights and turns pose the person of the seed; camera and place put it where it was seen."""
    (sample,) = studio._person_samples(studio._Task(3, 1, "train", 1, 64, 40.0))
    truth = sample["truth"]
    sitter = sitter_of(Person.sample(sample["record"]["seed"]))
    figure = sitter.pose(truth["arkit"], HeadPose(tuple(truth["root"]), tuple(truth["neck"])))
    points = figure.landmarks68 + truth["translation"]
    np.testing.assert_allclose(points, truth["landmarks3d"], atol=1e-5)
    fx, fy, cx, cy = truth["camera"]
    x, y, z = truth["landmarks3d"].T
    seen = np.stack([cx - fx * x / z, cy + fy * y / z], axis=1)
    np.testing.assert_allclose(seen, sample["landmarks"], atol=1e-2)
    np.testing.assert_allclose(truth["box"], [*seen.min(axis=0), *seen.max(axis=0)], atol=1e-2)
    kept = sum(np.asarray(value).nbytes for name, value in truth.items() if name != "shape")
    assert kept < 3000


@pytest.mark.slow
def test_a_set_is_clean_and_as_small_as_planned(tmp_path):
    """Nothing to find but that four people are few; 200 photographs take 6 MB and half as much."""
    root = tmp_path / "set"
    found = studio.make(str(root), people=4, photos=5, size=128, workers=1)
    assert [finding.code for finding in found.findings] == ["few-photographs"]
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert size / 20 * 200 <= 1.5 * 6e6
