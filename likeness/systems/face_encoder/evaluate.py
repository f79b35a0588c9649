"""Measuring the encoder: landmarks, and vertices where the truth is known, beside baselines.

Owns the protocol of this system; the measures are in ``likeness.evaluation``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from likeness.data.source import Source
from likeness.errors import DataError
from likeness.evaluation.landmarks import POINT_SETS, landmark_scores
from likeness.evaluation.protocol import Score, Scores
from likeness.faces.detect import choose_face, make_detector
from likeness.geometry.affine import apply_affine, landmark_box
from likeness.geometry.alignment import fit_similarity
from likeness.media.drawing import BLUE, RED, draw_grid, draw_landmarks
from likeness.media.image import crop, save_image
from likeness.systems.face_encoder.config import EvaluationSettings
from likeness.systems.face_encoder.crops import FaceCrops
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.framing import frame_face, frame_landmarks, landmark_box_of
from likeness.systems.face_encoder.heads import face_vertices

if TYPE_CHECKING:
    from likeness.systems.face_encoder.predictor import FacePredictor

_SHOWN = 12


def evaluate_landmarks(
    predictor: FacePredictor, source: Source, folder: Path, settings: EvaluationSettings
) -> Scores:
    """All scores of a predictor on photographs with landmarks.

    With ``framing`` "landmarks" the first crop is around the true points; with "detector" around
    the box the cascade finds, as in use, and the mean face is put into that box too. Points the
    dataset does not know are left out of every measure.
    """
    if not isinstance(source, FaceCrops):
        raise DataError(
            f"Expected photographs of the face-encoder contract, found {type(source).__name__}."
        )
    count = len(source.entries)
    if settings.max_samples is not None:
        count = min(count, settings.max_samples)
    chosen = np.linspace(0, len(source.entries) - 1, count).round().astype(int)
    detector = make_detector("cascade") if settings.framing == "detector" else None
    rows, missed = [], 0
    for index in (int(i) for i in chosen):
        photo = source.photograph(index).astype(np.float32) / 255
        truth, weights = source.landmarks_of(index)
        matrix, (centre, extent) = _frame(predictor, photo, truth, weights, detector)
        missed += matrix is None
        if matrix is None:
            matrix = frame_landmarks(truth[weights > 0], predictor.crop_scale, predictor.image_size)
        vector, points, _ = predictor.in_frame(photo, matrix)
        mean = predictor.mean_landmarks
        guess = truth * 0 if mean is None else centre + mean * extent
        rows.append((index, truth, weights, points, guess, vector))
    known = np.all([row[2] > 0 for row in rows], axis=0)
    truth, points, guess = (
        np.stack([np.where(known[:, None], row[k], row[1]) for row in rows]) for k in (1, 3, 4)
    )
    sets = {name: tuple(i for i in ids if known[i]) for name, ids in _point_sets(source).items()}
    scores = list(
        landmark_scores(
            points,
            truth,
            baseline=None if predictor.mean_landmarks is None else guess,
            baseline_name="mean face in the box",
            yaw=_yaw(source, [row[0] for row in rows]),
            point_sets={name: ids for name, ids in sets.items() if ids},
        )
    )
    if detector is not None:
        scores.append(Score("detector_missed", missed, "photographs", "lower", len(rows)))
    scores += _vertex_scores(predictor.decoder, source, [(row[0], row[5]) for row in rows])
    _picture(source, rows, folder / "landmarks.png")
    return Scores(scores)


def _frame(predictor, photo, truth, weights, detector):
    """The first crop, and centre and extent of the box the mean face is put in."""
    if detector is None:
        box = landmark_box(truth[weights > 0])
        matrix = frame_landmarks(truth[weights > 0], predictor.crop_scale, predictor.image_size)
        return matrix, box
    face = choose_face(detector.detect(photo), photo.shape[:2])
    if face is None:
        return None, landmark_box(truth[weights > 0])
    matrix = frame_face(face, predictor.crop_scale, predictor.image_size, detector="cascade")
    return matrix, landmark_box_of(face, detector="cascade")


def _point_sets(source: FaceCrops) -> dict[str, tuple[int, ...]]:
    """The usual sets, and those the dataset names in ``landmark_sets.json``."""
    path = source.entries[0].image.parent.parent / "landmark_sets.json"
    if not path.is_file():
        return dict(POINT_SETS)
    own = json.loads(path.read_text(encoding="utf-8"))
    return {**POINT_SETS, **{str(name): tuple(int(i) for i in ids) for name, ids in own.items()}}


def _yaw(source: FaceCrops, indices: list[int]) -> np.ndarray | None:
    """Degrees of yaw where every photograph has the truth."""
    rotations = [source[i]["head_rotation"] for i in indices if source.entries[i].truth is not None]
    if len(rotations) < len(indices):
        return None
    return np.degrees([np.arctan2(r[0, 2], r[2, 2]) for r in rotations])


def _vertex_scores(
    decoder: Decoder, source: FaceCrops, predictions: list[tuple[int, np.ndarray]]
) -> list[Score]:
    """Neutral face vertices against the truth, mm, after the best rigid motion and without one."""
    with_truth = [(i, v) for i, v in predictions if source.entries[i].truth is not None]
    if not with_truth:
        return []
    asset = decoder.asset
    ids = face_vertices(asset)
    basis = asset.shape_basis[ids, :, : decoder.num_shape].astype(np.float64)
    mean = asset.template[ids].astype(np.float64)
    values: dict[str, list[float]] = {"raw": [], "rigid": [], "mean_raw": [], "mean_rigid": []}
    angles, frontal = [], []
    for index, vector in with_truth:
        sample = source[index]
        parts = decoder.layout.split(vector)
        predicted = mean + basis @ parts["face.shape"][: decoder.num_shape].astype(np.float64)
        true = mean + basis @ sample["shape"].astype(np.float64)
        for name, guess in (("", predicted), ("mean_", mean)):
            values[f"{name}raw"].append(_distance(guess, true))
            moved = fit_similarity(guess, true, scale=1.0).apply(guess)
            values[f"{name}rigid"].append(_distance(moved, true))
        rotation = decoder.head_rotation(torch.from_numpy(vector[None])).numpy()[0]
        angles.append(_angle(rotation, sample["head_rotation"]))
        frontal.append(_angle(np.eye(3), sample["head_rotation"]))
    count = len(with_truth)

    def score(name: str, unit: str, found: list[float], base: list[float], base_name: str) -> Score:
        return Score(
            name, float(np.mean(found)), unit, "lower", count, float(np.mean(base)), base_name
        )

    return [
        score("vertex_rigid", "mm", values["rigid"], values["mean_rigid"], "mean face"),
        score("vertex_raw", "mm", values["raw"], values["mean_raw"], "mean face"),
        score("rotation", "degrees", angles, frontal, "frontal"),
    ]


def _distance(first: np.ndarray, second: np.ndarray) -> float:
    return 1000.0 * float(np.linalg.norm(first - second, axis=1).mean())


def _angle(first: np.ndarray, second: np.ndarray) -> float:
    cosine = (np.trace(first.T @ second) - 1) / 2
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def _picture(source: FaceCrops, rows: list, path: Path) -> None:
    """True (red) and predicted (blue) points of the first photographs, cropped to the face."""
    cells = []
    for index, truth, weights, points, _, _ in rows[:_SHOWN]:
        photo = source.photograph(index).astype(np.float32) / 255
        matrix = frame_landmarks(truth[weights > 0], 1.5, 256)
        image = crop(photo, matrix, (256, 256))
        image = draw_landmarks(image, apply_affine(matrix, truth)[weights > 0], RED)
        cells.append(draw_landmarks(image, apply_affine(matrix, points), BLUE))
    grid = [cells[i : i + 4] for i in range(0, len(cells), 4)]
    path.parent.mkdir(parents=True, exist_ok=True)
    save_image(path, draw_grid(grid))
