"""The predictor: crops to vectors, photographs to records, always its own weights."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from likeness.errors import DataError, DivergedError, UsageError
from likeness.faces.detect import Face
from likeness.faces.recorded import RecordedDetector
from likeness.geometry.landmarks import MIRROR_68
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.system import FaceEncoder
from tests.systems.face_encoder.toy import (
    CROP_SIZE,
    SMALL_LAYOUT,
    build_system,
    random_vector,
)


class Fixed(nn.Module):
    """A network that sees one face everywhere."""

    def __init__(self, vector: torch.Tensor) -> None:
        super().__init__()
        self.vector = vector
        self.seen: list[torch.Tensor] = []

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        self.seen.append(image)
        return self.vector.expand(len(image), -1)


MakePredictor = Callable[..., FacePredictor]


@pytest.fixture
def fixed(decoder: Decoder) -> MakePredictor:
    def make(vector: torch.Tensor, **options: object) -> FacePredictor:
        settings = {
            "image_size": CROP_SIZE, "crop_scale": 1.6, "refinements": 0, "flip_average": False,
            "crop_average": 0.0,
            "mean_landmarks": None, "device": torch.device("cpu"), "albedo": "synthetic",
        } | options  # fmt: skip
        return FacePredictor(Fixed(vector), decoder, None, **settings)

    return make


@pytest.fixture(scope="module")
def system(toy_folder: Path) -> FaceEncoder:
    return build_system(toy_folder)


PHOTO = np.random.default_rng(0).uniform(size=(90, 120, 3)).astype(np.float32)
MATRIX = np.array([[0.6, 0.1, -4.0], [-0.1, 0.6, 3.0]])


def crop_pixels(decoder: Decoder, vector: torch.Tensor) -> np.ndarray:
    return (decoder.landmarks(vector)[0].numpy() + 1) * CROP_SIZE / 2


def photo_pixels(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Crop pixels back in the photograph, by solving the map for every point."""
    return np.stack([np.linalg.solve(matrix[:, :2], point - matrix[:, 2]) for point in points])


def test_landmarks_are_placed_in_the_photograph(fixed, decoder):
    vector = random_vector(SMALL_LAYOUT, 1)
    found, points, matrix = fixed(vector).in_frame(PHOTO, MATRIX)
    np.testing.assert_array_equal(found, vector[0].numpy())
    np.testing.assert_array_equal(matrix, MATRIX)
    expected = photo_pixels(MATRIX, crop_pixels(decoder, vector))
    np.testing.assert_allclose(points, expected, atol=1e-3)


def test_every_refinement_crops_around_the_points_found(fixed, decoder):
    vector = random_vector(SMALL_LAYOUT, 1)
    predictor = fixed(vector, refinements=2)
    matrix = MATRIX
    for _ in range(2):
        points = photo_pixels(matrix, crop_pixels(decoder, vector))
        low, high = points.min(axis=0), points.max(axis=0)
        zoom = CROP_SIZE / ((high - low).mean() * 1.6)
        offset = CROP_SIZE / 2 - zoom * (low + high) / 2
        matrix = np.array([[zoom, 0, offset[0]], [0, zoom, offset[1]]])
    _, _, found = predictor.in_frame(PHOTO, MATRIX)
    np.testing.assert_allclose(found, matrix, atol=1e-4)
    assert len(predictor.network.seen) == 3


@pytest.mark.parametrize("crop_scale", [160.0, 0.016])
def test_no_frame_of_another_size_by_far_is_looked_at(fixed, crop_scale):
    """A network that had diverged led to crops of a thousand pictures, until memory ended."""
    predictor = fixed(random_vector(SMALL_LAYOUT, 1), refinements=2, crop_scale=crop_scale)
    _, _, found = predictor.in_frame(PHOTO, MATRIX)
    np.testing.assert_array_equal(found, MATRIX)
    assert len(predictor.network.seen) == 1


def test_flip_averaging_averages_the_picture_and_its_mirror_image(fixed, decoder):
    vector = random_vector(SMALL_LAYOUT, 2)
    predictor = fixed(vector, flip_average=True)
    _, points, _ = predictor.in_frame(PHOTO, MATRIX)
    views = predictor.network.seen[0]
    torch.testing.assert_close(views[1], views[0].flip(-1))
    direct = crop_pixels(decoder, vector)
    mirrored = direct[MIRROR_68] * [-1, 1] + [CROP_SIZE, 0]
    expected = photo_pixels(MATRIX, (direct + mirrored) / 2)
    np.testing.assert_allclose(points, expected, atol=1e-3)


@pytest.mark.parametrize("flip_average", [False, True])
def test_landmarks_are_averaged_over_crops_to_four_sides(fixed, decoder, flip_average):
    """A network that always answers alike sees the same points at five places around one."""
    vector = random_vector(SMALL_LAYOUT, 2)
    one, five = (
        fixed(vector, crop_average=share, flip_average=flip_average) for share in (0.0, 0.125)
    )
    _, expected, _ = one.in_frame(PHOTO, MATRIX)
    found, points, matrix = five.in_frame(PHOTO, MATRIX)
    np.testing.assert_allclose(points, expected, atol=1e-3)
    np.testing.assert_array_equal(matrix, MATRIX)
    np.testing.assert_array_equal(found, vector.numpy().ravel())
    views = five.network.seen[0]
    assert len(views) == (10 if flip_average else 5)
    step = CROP_SIZE // 8
    still = views[0][:, step:-step, step:-step]
    for view, (dx, dy) in zip(
        views[1:5], [(step, 0), (-step, 0), (0, step), (0, -step)], strict=True
    ):
        moved = view.roll((-dy, -dx), dims=(-2, -1))[:, step:-step, step:-step]
        torch.testing.assert_close(moved, still, atol=1e-5, rtol=0)


def test_the_vectors_own_landmarks_have_no_offsets_and_no_mirror_image(fixed, decoder):
    vector = random_vector(SMALL_LAYOUT, 2)
    predictor = fixed(vector, flip_average=True)
    predictor.offsets = torch.full((68, 3), 0.01)
    found, points, matrix = predictor.in_frame(PHOTO, MATRIX)
    own = predictor.vector_landmarks(found, matrix)
    np.testing.assert_allclose(own, photo_pixels(MATRIX, crop_pixels(decoder, vector)), atol=1e-3)
    assert np.abs(own - points).mean() > 1


def test_many_crops_equal_each_alone(system):
    predictor = system.predictor()
    images = np.random.default_rng(1).uniform(size=(70, 3, CROP_SIZE, CROP_SIZE))
    images = images.astype(np.float32)
    together = predictor(image=images)
    assert together["vector"].shape == (70, SMALL_LAYOUT.dim)
    assert together["landmarks"].shape == (70, 68, 2)
    assert together["vector"].dtype == np.float32
    for index in (0, 31, 32, 69):
        alone = predictor(image=torch.from_numpy(images[index : index + 1]))
        for key, value in alone.items():
            np.testing.assert_allclose(together[key][index], value[0], atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "highest", "told"),
    [
        ((1, 3, CROP_SIZE // 2, CROP_SIZE // 2), 1.0, "Expected an image of shape"),
        ((3, CROP_SIZE, CROP_SIZE), 1.0, "Expected an image of shape"),
        ((1, 3, CROP_SIZE, CROP_SIZE), 255.0, "Expected values within 0..1, found 0 to 255"),
    ],
)
def test_crops_of_another_shape_or_range_are_refused(system, shape, highest, told):
    image = np.linspace(0.0, highest, int(np.prod(shape)), dtype=np.float32).reshape(shape)
    with pytest.raises(UsageError, match=told):
        system.predictor()(image=image)


def test_weights_beyond_what_numbers_hold_are_told_of(system):
    """A training that diverged; a crop around such landmarks would fail in linear algebra."""
    predictor = system.predictor()
    with torch.no_grad():
        for parameter in predictor.network.parameters():
            parameter.fill_(1e30)
    with pytest.raises(DivergedError, match=r"The answer of the model \(.*landmarks\)") as caught:
        predictor.in_frame(np.full((60, 60, 3), 0.5, np.float32), np.eye(2, 3))
    assert "--checkpoint STEP" in caught.value.advice


def test_the_predictor_keeps_its_weights_while_training_goes_on(toy_folder):
    system = build_system(toy_folder, None, "model.landmark_offsets=true")
    image = np.full((1, 3, CROP_SIZE, CROP_SIZE), 0.5, np.float32)
    predictor = system.predictor()
    before = predictor(image=image)
    with torch.no_grad():
        for module in system.trainable().values():
            for parameter in module.parameters():
                parameter.add_(0.3)
    for key, value in predictor(image=image).items():
        np.testing.assert_array_equal(value, before[key])
    assert not np.array_equal(system.predictor()(image=image)["landmarks"], before["landmarks"])
    assert not any(part.training for part in predictor.network.modules())


def test_given_weights_are_used_and_named_by_group(toy_folder):
    system = build_system(toy_folder, None, "model.landmark_offsets=true")
    weights = {}
    for group, module in system.trainable().items():
        for name, value in module.state_dict().items():
            weights[f"{group}.{name}"] = value.clone()
    weights["encoder.head.3.bias"] += 0.25
    weights["landmark_offsets.weight"][8] = 1.0
    image = np.full((1, 3, CROP_SIZE, CROP_SIZE), 0.5, np.float32)
    plain, changed = system.predictor()(image=image), system.predictor(weights)(image=image)
    part = SMALL_LAYOUT.slice("face.shape")
    np.testing.assert_allclose(
        changed["vector"][:, part], plain["vector"][:, part] + 0.25, atol=1e-5
    )
    moved = system.predictor({**weights, "encoder.head.3.bias": weights["encoder.head.3.bias"] * 0})
    gap = moved(image=image)["landmarks"] - plain["landmarks"]
    assert np.abs(gap[0, 8]).max() > 0.05
    assert np.abs(np.delete(gap[0], 8, axis=0)).max() < 1e-3
    del weights["encoder.head.3.bias"]
    with pytest.raises(RuntimeError, match=r"head\.3\.bias"):
        system.predictor(weights)


def test_the_fingerprint_is_a_hash_of_the_weights(system):
    predictor = system.predictor()
    digest = hashlib.sha256()
    for name in sorted(predictor.network.state_dict()):
        digest.update(name.encode())
        digest.update(predictor.network.state_dict()[name].numpy().tobytes())
    assert predictor.fingerprint == digest.hexdigest()
    weights = {f"encoder.{k}": v.clone() for k, v in system.network.state_dict().items()}
    weights["encoder.head.0.bias"][0] += 1e-6
    assert system.predictor(weights).fingerprint != predictor.fingerprint


class Listed:
    """A detector that finds what it is told to."""

    def __init__(self, *faces: Face) -> None:
        self.faces, self.names = list(faces), []

    def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
        self.names.append(name)
        return self.faces


def test_the_largest_and_most_central_face_is_encoded_not_the_first(fixed, decoder):
    """The first of several faces may be a passer-by at the edge."""
    small = Face(np.array([2.0, 2, 12, 12]), 0.99)
    large = Face(np.array([30.0, 20, 80, 70]), 0.7)
    unsure = Face(np.array([0.0, 0, 120, 90]), 0.2)
    record = fixed(random_vector(SMALL_LAYOUT, 1)).encode(
        PHOTO, detector=Listed(small, large, unsure), source="a.jpg"
    )
    centre = record.crop_matrix[:, :2] @ [55, 45] + record.crop_matrix[:, 2]
    assert np.abs(centre - CROP_SIZE / 2).max() < 0.35 * CROP_SIZE
    assert record.image_size == CROP_SIZE


def test_several_faces_are_told_and_a_passer_by_is_not(fixed, caplog) -> None:
    predictor = fixed(random_vector(SMALL_LAYOUT, 1))
    large = Face(np.array([30.0, 20, 80, 70]), 0.7)
    beside = Face(np.array([80.0, 20, 115, 60]), 0.9)
    far = Face(np.array([2.0, 2, 12, 12]), 0.99)
    predictor.encode(PHOTO, detector=Listed(large, far), source="one.jpg")
    assert caplog.text == ""
    predictor.encode(PHOTO, detector=Listed(large, beside, far), source="two.jpg")
    assert "two.jpg shows 2 faces; the largest and most central one is read" in caplog.text


def test_a_record_says_all_about_its_making(fixed, decoder, tmp_path):
    vector = random_vector(SMALL_LAYOUT, 1)
    points = np.random.default_rng(2).uniform(20, 70, (68, 2))
    np.save(tmp_path / "anna.npy", points)
    predictor = fixed(vector, albedo_fingerprint="a" * 64)
    record = predictor.encode(PHOTO, detector=RecordedDetector(tmp_path), source="anna.jpg")
    low, high = points.min(axis=0), points.max(axis=0)
    assert record.crop_matrix[0, 0] == pytest.approx(CROP_SIZE / (1.6 * (high - low).mean()))
    expected = photo_pixels(record.crop_matrix, crop_pixels(decoder, vector))
    np.testing.assert_allclose(record.landmarks, expected, atol=1e-3)
    assert record.layout == SMALL_LAYOUT
    assert record.head_fingerprint == decoder.asset.fingerprint
    assert record.encoder_fingerprint == predictor.fingerprint
    assert record.camera == decoder.camera
    assert record.albedo_fingerprint == predictor.albedo_fingerprint == "a" * 64
    assert record.source == "anna.jpg"
    assert set(record.valid) == set(SMALL_LAYOUT.names)
    # Nothing reads the translation under weak perspective, so it is not said to be valid.
    assert [name for name, valid in record.valid.items() if not valid] == ["pose.transl"]
    # Nor are codes of a space that lies on another head's chart.
    assert not fixed(vector, albedo="studio")._reads("face.albedo")


def test_no_face_is_a_data_error_with_advice(fixed):
    predictor = fixed(random_vector(SMALL_LAYOUT, 1))
    with pytest.raises(DataError, match=r"No face was found in x\.png \(120x90 pixels\)") as caught:
        predictor.encode(PHOTO, detector=Listed(), kind="scrfd", source="x.png")
    assert caught.value.exit_code == 4
    assert "'scrfd'" in caught.value.message
    assert "detector=scrfd" in caught.value.advice


def test_a_face_the_detector_doubts_is_read_with_a_warning(fixed, caplog):
    """A small frontal portrait was refused, with advice to use a larger face."""
    predictor = fixed(random_vector(SMALL_LAYOUT, 1))
    doubtful = Face(np.array([20.0, 10, 80, 70]), 0.33)
    record = predictor.encode(PHOTO, detector=Listed(doubtful), source="x.png")
    sure = predictor.encode(PHOTO, detector=Listed(replace(doubtful, score=0.9)), source="x.png")
    np.testing.assert_array_equal(record.crop_matrix, sure.crop_matrix)
    (line,) = [entry.getMessage() for entry in caplog.records]
    assert "not sure of the face in x.png (confidence 0.33, sure from 0.50)" in line
    with pytest.raises(DataError, match="the best of 1 guesses is too uncertain or too small"):
        predictor.encode(PHOTO, detector=Listed(replace(doubtful, score=0.15)), source="x.png")


def test_recorded_faces_go_by_the_stem_of_the_file(fixed, tmp_path):
    rows = [{"box": [30, 20, 80, 70], "score": 0.9}]
    (tmp_path / "anna.v2.json").write_text(json.dumps(rows))
    predictor = fixed(random_vector(SMALL_LAYOUT, 1))
    predictor.encode(PHOTO, detector=RecordedDetector(tmp_path), source="anna.v2.jpg")
