"""What the studio's truth means for a crop, and who falls into which split."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from likeness.errors import UsageError
from likeness.seeds import rng_of
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
    counts = Counter(studio._split(number, people) for number in range(people))
    assert set(counts) == {"train", "validation", "test"}
    assert counts["train"] >= counts["validation"]


def test_of_many_people_a_tenth_each_validates_and_tests():
    counts = Counter(studio._split(number, 200) for number in range(200))
    assert counts == {"train": 160, "validation": 20, "test": 20}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"people": 0}, "people must be at least 1"),
        ({"people": 1, "photos": 0}, "photos must be at least 1"),
        ({"people": 1, "size": 32}, "size must be at least 64"),
    ],
)
def test_impossible_requests_are_refused_before_any_work(tmp_path, options, message):
    with pytest.raises(UsageError, match=message):
        studio.make(str(tmp_path / "out"), **options)
    assert not (tmp_path / "out").exists()


def test_the_truth_beside_a_picture_makes_its_head_again():
    """Weights and turns pose the person of the seed; camera and place put it where it was seen."""
    (sample,) = studio._person_samples((3, 1, 4, 1, 64, 40.0))
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


def test_true_light_and_albedo_draw_the_photograph_again():
    """The encoder's own rendering of the truth is much nearer than the mean colour in white."""
    (sample,) = studio._person_samples((3, 1, 4, 1, 96, 20.0))
    truth = sample["truth"]
    assert truth["albedo"].shape == (50,)
    assert truth["harmonic_light"].shape == (9, 3)
    renderer = studio._renderer()
    layout = renderer.decoder.layout
    vector, photo, skin = studio.true_view(
        truth, sample["landmarks"], sample["image"], sample["mask"]
    )

    def distance() -> float:
        drawn = renderer(vector, photo.shape[-1])
        mask = drawn.face * skin
        return float(((drawn.image - photo).abs() * mask).sum() / (3 * mask.sum()))

    vector[:, layout.slice("light.sh")] = torch.tensor(truth["harmonic_light"]).flatten()
    near = distance()
    vector[:, layout.slice("face.albedo")] = 0
    vector[:, layout.slice("light.sh")] = torch.tensor(layout.segment("light.sh").bias)
    assert near < 0.05
    assert near < 0.4 * distance()


@pytest.mark.slow
def test_a_set_is_clean_and_as_small_as_planned(tmp_path):
    """Nothing to find but that four people are few; 200 photographs take 6 MB and half as much."""
    root = tmp_path / "set"
    found = studio.make(str(root), people=4, photos=5, size=128, workers=1)
    assert [finding.code for finding in found.findings] == ["few-photographs"]
    size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file())
    assert size / 20 * 200 <= 1.5 * 6e6
