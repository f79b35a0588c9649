"""Measuring: an oracle scores zero, known errors score what they are, baselines stand beside."""

from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial.transform import Rotation

from likeness.data.source import Subset
from likeness.errors import DataError
from likeness.evaluation.protocol import Score, Scores
from likeness.faces.detect import Face
from likeness.geometry.rotations import matrix_to_rotation_6d
from likeness.geometry.texture_space import synthetic_texture_space
from likeness.systems.face_encoder import evaluate
from likeness.systems.face_encoder.config import DataSettings, EvaluationSettings
from likeness.systems.face_encoder.crops import FaceCrops
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.heads import face_vertices
from likeness.systems.face_encoder.layout import head_v1
from tests.systems.face_encoder.toy import (
    CROP_SIZE,
    NUM_ALBEDO,
    NUM_SHAPE,
    mean_vector,
)


class Oracle:
    """A predictor that knows the truth of every photograph, and may be off by a known amount."""

    crop_scale, image_size = 1.6, CROP_SIZE

    def __init__(
        self,
        source: FaceCrops,
        decoder: Decoder,
        *,
        offset: tuple[float, float] = (0.0, 0.0),
        code: float = 0.0,
        turn: np.ndarray | None = None,
        mean: np.ndarray | None = None,
    ) -> None:
        self.source, self.decoder, self.mean_landmarks = source, decoder, mean
        self.offset, self.code = np.array(offset), code
        self.turn = np.eye(3) if turn is None else turn
        self.frames: list[np.ndarray] = []

    def in_frame(
        self, photo: np.ndarray, matrix: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        self.frames.append(matrix)
        (index,) = (
            i
            for i in range(len(self.source.entries))
            if np.array_equal(self.source.photograph(i).astype(np.float32) / 255, photo)
        )
        sample = self.source[index]
        layout = self.decoder.layout
        vector = mean_vector(layout)
        shape = torch.from_numpy(sample["shape"][: self.decoder.num_shape]).clone()
        shape[0] += self.code
        vector[0, layout.slice("face.shape")] = shape
        rotation = torch.from_numpy(sample["head_rotation"] @ self.turn.astype(np.float32))
        vector[0, layout.slice("pose.global")] = matrix_to_rotation_6d(rotation)
        points, _ = self.source.landmarks_of(index)
        return vector[0].numpy(), points + self.offset, matrix

    def vector_landmarks(self, vector: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        units = self.decoder.landmarks(torch.from_numpy(vector)[None])[0].numpy()
        in_crop = (units + 1) * CROP_SIZE / 2
        return (in_crop - matrix[:, 2]) @ np.linalg.inv(matrix[:, :2]).T


@pytest.fixture
def source(dataset: Path) -> FaceCrops:
    return open_all(dataset)


def open_all(folder: Path, num_shape: int = NUM_SHAPE) -> FaceCrops:
    settings = DataSettings(root=str(folder))
    return CONTRACT.open(str(folder), "all", settings=settings, size=CROP_SIZE, num_shape=num_shape)


def scores_of(oracle: Oracle, folder: Path, **settings: object) -> Scores:
    return evaluate.evaluate_landmarks(
        oracle, oracle.source, folder, EvaluationSettings(**settings)
    )


def true_points(source: FaceCrops) -> list[np.ndarray]:
    return [source.landmarks_of(i)[0].astype(np.float64) for i in range(len(source))]


def test_the_truth_scores_zero(source, decoder, tmp_path):
    scores = scores_of(Oracle(source, decoder), tmp_path)
    for score in scores:
        if score.name.startswith("vector_"):
            continue  # the oracle's vectors know shape and rotation, not camera and expression
        if score.name.startswith("auc"):
            assert score.value == 1
        elif score.name == "rotation":
            assert score.value < 0.05  # degrees; 6D and back in 32 bits
        else:
            assert score.value == pytest.approx(0, abs=1e-4), score.name
        assert score.count == 8
    assert {"nme_68_eyes", "nme_51_box", "vertex_raw", "vertex_rigid", "rotation"} <= {
        score.name for score in scores
    }


def test_a_known_offset_scores_the_known_error(source, decoder, tmp_path):
    scores = scores_of(Oracle(source, decoder, offset=(3.0, -4.0)), tmp_path)
    eyes, box = [], []
    for points in true_points(source):
        eyes.append(5 / math.dist(points[36], points[45]))
        width, height = points.max(axis=0) - points.min(axis=0)
        box.append(5 / math.sqrt(width * height))
    for name in ("68", "51", "nose", "inner_lip"):
        assert scores[f"nme_{name}_eyes"].value == pytest.approx(100 * np.mean(eyes), rel=1e-4)
        assert scores[f"nme_{name}_box"].value == pytest.approx(100 * np.mean(box), rel=1e-4)
    assert scores["failure_box"].value == np.mean(np.array(box) > 0.08)


def test_known_shapes_score_their_distance_and_the_mean_face_stands_beside(
    source, decoder, tmp_path
):
    scores = scores_of(Oracle(source, decoder, code=0.5), tmp_path)
    asset, ids = decoder.asset, face_vertices(decoder.asset)
    off = 500 * np.mean([np.linalg.norm(asset.shape_basis[v, :, 0]) for v in ids])
    assert scores["vertex_raw"].value == pytest.approx(off, rel=1e-3)
    base = []
    for index in range(len(source)):
        code = source[index]["shape"]
        gaps = [np.linalg.norm(asset.shape_basis[v, :, :NUM_SHAPE] @ code) for v in ids]
        base.append(1000 * np.mean(gaps))
    assert scores["vertex_raw"].baseline == pytest.approx(np.mean(base), rel=1e-4)
    assert scores["vertex_raw"].baseline_name == "mean face"
    assert scores["vertex_rigid"].value < scores["vertex_raw"].value
    assert scores["vertex_raw"].unit == "mm"


@pytest.mark.parametrize("columns", [1, 5, NUM_SHAPE])
def test_what_few_columns_cannot_express_is_an_error_and_the_mean_face_is_as_far(
    dataset, toy_head, tmp_path, columns
):
    """The truth was cut to the columns of the model, which made small models look good."""
    layout = head_v1(shape=columns, expression=6, albedo=NUM_ALBEDO)
    decoder = Decoder(toy_head, layout, "weak_perspective")
    source = open_all(dataset, columns)
    scores = scores_of(Oracle(source, decoder), tmp_path)
    ids, missed, whole, rigid = face_vertices(toy_head), [], [], []
    template = toy_head.template[ids].astype(np.float64)
    for entry in source.entries:
        code = np.load(entry.truth)["shape"].astype(np.float64)
        assert len(code) == NUM_SHAPE
        moved = np.zeros((NUM_SHAPE, len(ids), 3))  # by every column
        for column in range(NUM_SHAPE):
            moved[column] = toy_head.shape_basis[ids, :, column] * code[column]
        missed.append(1000 * np.linalg.norm(moved[columns:].sum(axis=0), axis=1).mean())
        whole.append(1000 * np.linalg.norm(moved.sum(axis=0), axis=1).mean())
        true = template + moved.sum(axis=0)
        own, other = template - template.mean(axis=0), true - true.mean(axis=0)
        turn, _ = Rotation.align_vectors(other, own)
        rigid.append(1000 * np.linalg.norm(turn.apply(own) - other, axis=1).mean())
    assert scores["vertex_raw"].value == pytest.approx(np.mean(missed), rel=1e-4, abs=1e-4)
    assert scores["vertex_raw"].baseline == pytest.approx(np.mean(whole), rel=1e-4)
    assert scores["vertex_rigid"].baseline == pytest.approx(np.mean(rigid), rel=1e-4)


def test_a_known_turn_scores_its_angle(source, decoder, tmp_path):
    angle = math.radians(7)
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    scores = scores_of(Oracle(source, decoder, turn=turn), tmp_path)
    assert scores["rotation"].value == pytest.approx(7, abs=0.02)
    frontal = []
    for index in range(len(source)):
        trace = np.trace(source[index]["head_rotation"].astype(np.float64))
        frontal.append(math.degrees(math.acos(min(1.0, (trace - 1) / 2))))
    assert scores["rotation"].baseline == pytest.approx(np.mean(frontal), abs=0.05)


def test_the_mean_face_in_the_true_box_is_the_baseline(source, decoder, tmp_path):
    mean = source.mean_landmarks()
    scores = scores_of(Oracle(source, decoder, mean=mean), tmp_path)
    errors = []
    for points in true_points(source):
        low, high = points.min(axis=0), points.max(axis=0)
        guess = (low + high) / 2 + mean * (high - low).mean()
        distances = [math.dist(guess[i], points[i]) for i in range(17, 68)]
        errors.append(sum(distances) / 51 / math.dist(points[36], points[45]))
    assert scores["nme_51_eyes"].baseline == pytest.approx(100 * np.mean(errors), rel=1e-4)
    assert scores["nme_51_eyes"].baseline_name == "mean face in the box"
    assert scores["nme_51_eyes"].beats_baseline
    without = scores_of(Oracle(source, decoder), tmp_path)
    assert without["nme_51_eyes"].baseline is None


def test_yaw_is_reported_in_bins_where_all_of_it_is_known(source, decoder, tmp_path):
    scores = scores_of(Oracle(source, decoder, offset=(1.0, 0.0)), tmp_path)
    degrees = []
    for index in range(len(source)):
        nose = source[index]["head_rotation"] @ [0, 0, 1]
        degrees.append(math.degrees(math.atan2(nose[0], nose[2])))
    small = [abs(angle) < 30 for angle in degrees]
    assert scores["nme_box_yaw_0-30"].count == sum(small)
    assert max(np.abs(degrees)) > 5


def test_without_truth_only_landmarks_are_scored(dataset, decoder, tmp_path):
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    shutil.rmtree(data / "truth")
    names = {s.name for s in scores_of(Oracle(open_all(data), decoder), tmp_path / "out")}
    assert "nme_68_eyes" in names
    assert not any(n.startswith(("vertex", "rotation", "nme_box_yaw")) for n in names)


def test_points_a_photograph_lacks_are_left_out_everywhere(dataset, decoder, tmp_path):
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    path = data / "landmarks" / "p0_0.npy"
    np.save(path, np.load(path)[17:])
    source = open_all(data)
    scores = scores_of(Oracle(source, decoder, offset=(3.0, -4.0)), tmp_path / "out")
    assert {"nme_68_eyes", "nme_jaw_eyes"}.isdisjoint(s.name for s in scores)
    eyes = np.mean([5 / math.dist(p[36], p[45]) for p in true_points(source)])
    assert scores["nme_51_eyes"].value == pytest.approx(100 * eyes, rel=1e-4)
    assert scores["failure_eyes"].value == 1  # five pixels are more than 8 % of any eye distance


def test_point_sets_of_the_dataset_are_scored_too(dataset, decoder, tmp_path):
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    (data / "landmark_sets.json").write_text(json.dumps({"core": [30, 36, 45]}))
    source = open_all(data)
    scores = scores_of(Oracle(source, decoder, offset=(0.0, 2.0)), tmp_path / "out")
    eyes = np.mean([2 / math.dist(p[36], p[45]) for p in true_points(source)])
    assert scores["nme_core_eyes"].value == pytest.approx(100 * eyes, rel=1e-4)


@pytest.mark.parametrize("text", ["[1", '{"x": [99]}', '{"x": "abc"}', "[1]"])
def test_damaged_point_sets_are_refused_before_anything_is_predicted(
    dataset, decoder, tmp_path, text
):
    """They ended a whole evaluation with a JSONDecodeError."""
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    (data / "landmark_sets.json").write_text(text)
    source = open_all(data)
    oracle = Oracle(source, decoder)
    with pytest.raises(DataError, match=r"landmark_sets\.json"):
        scores_of(oracle, tmp_path / "out")
    assert not oracle.frames


def test_a_limit_takes_photographs_evenly(source, decoder, tmp_path):
    oracle = Oracle(source, decoder)
    assert scores_of(oracle, tmp_path, max_samples=3)["nme_68_eyes"].count == 3
    assert len(oracle.frames) == 3


def test_true_points_frame_the_photograph(source, decoder, tmp_path):
    oracle = Oracle(source, decoder)
    scores_of(oracle, tmp_path)
    for matrix, points in zip(oracle.frames, true_points(source)):
        low, high = points.min(axis=0), points.max(axis=0)
        zoom = CROP_SIZE / (1.6 * (high - low).mean())
        np.testing.assert_allclose(matrix[:, :2], np.eye(2) * zoom, atol=1e-5)
        middle = matrix[:, :2] @ ((low + high) / 2) + matrix[:, 2]
        np.testing.assert_allclose(middle, CROP_SIZE / 2, atol=1e-3)


def test_the_detector_frames_and_counts_what_it_misses(source, decoder, tmp_path, monkeypatch):
    class Blind:
        """Finds a face of a fixed size in every photograph but the second."""

        def __init__(self) -> None:
            self.calls = 0

        def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
            self.calls += 1
            return [] if self.calls == 2 else [Face(np.array([20.0, 10.0, 50.0, 40.0]), 0.9)]

    monkeypatch.setattr(evaluate, "make_detector", lambda kind: Blind())
    mean = source.mean_landmarks()
    oracle = Oracle(source, decoder, mean=mean)
    scores = scores_of(oracle, tmp_path, framing="detector")
    assert scores["detector_missed"].value == 1
    assert scores["detector_missed"].count == 8
    # The missed one got a crop around its true points, and so counted as found.
    assert scores["nme_68_eyes"].value == pytest.approx(0, abs=1e-4)
    assert scores["nme_68_eyes"].count == scores["vertex_raw"].count == len(oracle.frames) == 7
    for name in ("failure_eyes", "failure_box"):
        assert (scores[name].value, scores[name].count) == (1 / 8, 8)
    assert scores["auc_box"].value == pytest.approx(7 / 8)
    # Every found face has one box, and so one frame and one mean face.
    assert all(np.array_equal(matrix, oracle.frames[0]) for matrix in oracle.frames)
    extent = CROP_SIZE / oracle.frames[0][0, 0] / 1.6
    centre = (CROP_SIZE / 2 - oracle.frames[0][:, 2]) / oracle.frames[0][0, 0]
    errors = []
    for number, points in enumerate(true_points(source)):
        if number != 1:
            distances = np.linalg.norm(centre + mean * extent - points, axis=1)
            errors.append(distances.mean() / math.dist(points[36], points[45]))
    assert scores["nme_68_eyes"].baseline == pytest.approx(100 * np.mean(errors), rel=1e-3)


def test_a_detector_that_finds_nobody_fails_everywhere(source, decoder, tmp_path, monkeypatch):
    class Blind:
        def detect(self, image: np.ndarray, *, name: str = "") -> list[Face]:
            return []

    monkeypatch.setattr(evaluate, "make_detector", lambda kind: Blind())
    oracle = Oracle(source, decoder, mean=source.mean_landmarks())
    scores = scores_of(oracle, tmp_path, framing="detector")
    assert {s.name.removeprefix("vector_") for s in scores} == {
        "auc_eyes", "failure_eyes", "auc_box", "failure_box", "detector_missed",
    }  # fmt: skip
    assert scores["failure_box"].value == scores["vector_failure_box"].value == 1
    assert scores["detector_missed"].value == 8


def test_what_the_vector_shows_is_scored_beside_what_the_record_says(source, decoder, tmp_path):
    """Learned offsets and the mirror image move the record's points; a mesh has neither."""
    oracle = Oracle(source, decoder, offset=(3.0, -4.0))
    scores = scores_of(oracle, tmp_path)
    errors = []
    for number, points in enumerate(true_points(source)):
        vector, _, matrix = oracle.in_frame(
            source.photograph(number).astype(np.float32) / 255, oracle.frames[number]
        )
        own = oracle.vector_landmarks(vector, matrix)
        distances = np.linalg.norm(own - points, axis=1)
        errors.append(distances.mean() / math.dist(points[36], points[45]))
    assert scores["vector_nme_68_eyes"].value == pytest.approx(100 * np.mean(errors), rel=1e-4)
    assert scores["vector_nme_68_eyes"].value != pytest.approx(scores["nme_68_eyes"].value, rel=0.1)
    assert {"vector_nme_51_box", "vector_auc_box", "vector_failure_eyes"} <= {
        score.name for score in scores
    }


def test_a_picture_of_the_first_photographs_is_kept(source, decoder, tmp_path):
    scores_of(Oracle(source, decoder, offset=(4.0, 4.0)), tmp_path / "deep")
    with Image.open(tmp_path / "deep" / "landmarks.png") as picture:
        pixels = np.asarray(picture.convert("RGB")).astype(int)
    assert picture.width >= 4 * 256
    reddish = (pixels[..., 0] > 150) & (pixels[..., 1] < 90)
    bluish = (pixels[..., 2] > 150) & (pixels[..., 0] < 90)
    assert reddish.sum() > 500  # true points
    assert bluish.sum() > 500  # predicted ones


def test_other_sources_are_refused(source, decoder, tmp_path):
    with pytest.raises(DataError, match="found Subset"):
        evaluate.evaluate_landmarks(
            Oracle(source, decoder), Subset(source, [0]), tmp_path, EvaluationSettings()
        )


@pytest.mark.parametrize("columns", [1, NUM_ALBEDO])
def test_albedo_is_scored_in_colours_where_its_space_is_the_dataset_s(
    data, toy_head, tmp_path, columns
):
    """The whole of it, also where the model has fewer columns."""
    layout = head_v1(shape=NUM_SHAPE, expression=6, albedo=columns)
    decoder = Decoder(toy_head, layout, "weak_perspective")
    space = synthetic_texture_space(num_components=NUM_ALBEDO)
    rng, distances = np.random.default_rng(2), []
    for path in sorted((data / "truth").iterdir()):
        code = rng.normal(size=NUM_ALBEDO).astype(np.float32)
        with np.load(path) as file:
            np.savez(path, **file, albedo=code, harmonic_light=np.zeros((9, 3), np.float32))
        picture = space.basis.astype(np.float64) @ code
        distances.append(255 * np.sqrt((picture**2).mean()))
    described = json.loads((data / "head.json").read_text())
    (data / "head.json").write_text(json.dumps({**described, "albedo": "synthetic-1"}))

    def score(fingerprint: str) -> list[Score]:
        source = CONTRACT.open(
            str(data), "all", settings=DataSettings(root=str(data)), size=CROP_SIZE,
            num_shape=NUM_SHAPE, num_albedo=columns, albedo=fingerprint,
        )  # fmt: skip
        oracle = Oracle(source, decoder)
        oracle.albedo = "synthetic"
        scores = evaluate.evaluate_landmarks(oracle, source, tmp_path, EvaluationSettings())
        return [row for row in scores if row.name == "albedo"]

    (found,) = score("synthetic-1")  # the oracle knows no colours: it answers the mean
    assert found.value == found.baseline == pytest.approx(np.mean(distances), rel=1e-4)
    assert found.unit == "of 255"
    assert score("studio-albedo-1-3") == []
