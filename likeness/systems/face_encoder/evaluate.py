"""Measuring the encoder: landmarks, and vertices where the truth is known, beside baselines.

Owns the protocol of this system; the measures are in ``likeness.evaluation``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch

from likeness.data.source import Source
from likeness.errors import DataError
from likeness.evaluation.geometry import vertex_scores
from likeness.evaluation.landmarks import POINT_SETS, landmark_scores
from likeness.evaluation.protocol import Score, Scores
from likeness.faces.detect import Detector, choose_face
from likeness.faces.detectors import make_detector
from likeness.geometry.affine import apply_affine, square_crop
from likeness.geometry.landmarks import REGIONS_68
from likeness.geometry.rotations import geodesic_distance
from likeness.media.drawing import BLUE, RED, draw_grid, draw_landmarks
from likeness.media.image import crop, save_image
from likeness.systems.face_encoder.albedo_space import open_albedo_space
from likeness.systems.face_encoder.annotation_files import point_sets_file, read_point_sets
from likeness.systems.face_encoder.config import EvaluationSettings
from likeness.systems.face_encoder.crops import FaceCrops
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.framing import box_of_landmarks, frame_face, landmark_box_of
from likeness.systems.face_encoder.heads import face_vertices
from likeness.systems.face_encoder.predictor import FacePredictor

_SHOWN = 12


@dataclass(frozen=True, eq=False)
class _Result:
    """One photograph: the truth, what was predicted, and where the mean face would lie."""

    index: int
    truth: np.ndarray  # (68, 2) pixels of the photograph
    weights: np.ndarray  # (68,), 0 for points the truth lacks
    points: np.ndarray  # (68, 2) predicted, as a person record has them
    own: np.ndarray  # (68, 2) of the vector alone
    guess: np.ndarray  # (68, 2) the mean face in the box
    vector: np.ndarray  # (D,)


def evaluate_landmarks(
    predictor: FacePredictor, source: Source, folder: Path, settings: EvaluationSettings
) -> Scores:
    """All scores of a predictor on photographs with landmarks.

    With ``framing`` "landmarks" the first crop is around the true points; with "detector" around
    the box the cascade finds, as in use, and the mean face is put into that box too. A face the
    detector misses has no crop: it is in no mean, but counts as a failure (``failure_…``,
    ``auc_…``), and ``detector_missed`` says how many there are. Points that a photograph of the
    dataset lacks are left out of every measure.

    The landmarks are those a person record carries: with learned offsets, and averaged with the
    mirror image's where the configuration asks for it. A vector has neither, so the points its mesh
    shows are scored beside, as ``vector_…``. Vertices and rotation are always the vector's.
    """
    if not isinstance(source, FaceCrops):
        raise DataError(
            f"Expected photographs of the face-encoder contract, found {type(source).__name__}."
        )
    sets = _point_sets(source)
    chosen = evaluated(source, settings)
    detector = make_detector("cascade") if settings.framing == "detector" else None
    results, missed = [], 0
    for index in chosen:
        photo = source.photograph(index).astype(np.float32) / 255
        truth, weights = source.landmarks_of(index)
        start, (centre, extent) = _frame(predictor, photo, truth, weights, detector)
        if start is None:
            missed += 1
            continue
        vector, points, matrix = predictor.in_frame(photo, start)
        mean = predictor.mean_landmarks
        guess = truth if mean is None else centre + mean * extent
        own = predictor.vector_landmarks(vector, matrix)
        results.append(_Result(index, truth, weights, points, own, guess, vector))
    measure = partial(
        landmark_scores,
        truth=_stacked(row.truth for row in results),
        baseline=None
        if predictor.mean_landmarks is None
        else _stacked(row.guess for row in results),
        baseline_name="mean face in the box",
        known=np.all([row.weights > 0 for row in results], axis=0) if results else None,
        num_missed=missed,
    )
    yaw = _yaw(source, [row.index for row in results])
    refined = measure(_stacked(row.points for row in results), yaw=yaw, point_sets=sets)
    few = {name: ids for name, ids in sets.items() if name not in REGIONS_68}
    vectors = measure(_stacked(row.own for row in results), point_sets=few)
    scores = [*refined, *(replace(score, name=f"vector_{score.name}") for score in vectors)]
    if detector is not None:
        scores.append(Score("detector_missed", missed, "photographs", "lower", len(chosen)))
    scores += _truth_scores(predictor.decoder, source, results)
    scores += _albedo_score(predictor, source, results)
    if results:
        _picture(source, results[:_SHOWN], folder / "landmarks.png")
    return Scores(scores)


def evaluated(source: FaceCrops, settings: EvaluationSettings) -> list[int]:
    """The photographs that count, spread over the source where not all do."""
    count = len(source.entries)
    if settings.max_samples is not None:
        count = min(count, settings.max_samples)
    chosen: list[int] = np.linspace(0, len(source.entries) - 1, count).round().astype(int).tolist()
    return chosen


def _stacked(points: Iterable[np.ndarray]) -> np.ndarray:
    """(N, 68, 2), also of no photograph at all."""
    return np.array(list(points), np.float64).reshape(-1, 68, 2)


def _frame(
    predictor: FacePredictor,
    photo: np.ndarray,
    points: np.ndarray,
    weights: np.ndarray,
    detector: Detector | None,
) -> tuple[np.ndarray | None, tuple[np.ndarray, float]]:
    """The first crop, None where the detector finds no face; centre and extent of the mean face."""
    scale, size = predictor.crop_scale, predictor.image_size
    centre, extent = box_of_landmarks(points, weights)
    if detector is None:
        return square_crop(centre, extent * scale, size), (centre, extent)
    face = choose_face(detector.detect(photo), photo.shape[:2])
    if face is None:
        return None, (centre, extent)
    return (
        frame_face(face, scale, size, detector="cascade"),
        landmark_box_of(face, detector="cascade"),
    )


def _point_sets(source: FaceCrops) -> dict[str, tuple[int, ...]]:
    """The usual sets, and those the dataset names in ``landmark_sets.json``."""
    path = point_sets_file(source.entries[0].image)
    return {**POINT_SETS, **(read_point_sets(path) if path.is_file() else {})}


def _yaw(source: FaceCrops, indices: list[int]) -> np.ndarray | None:
    """Degrees of yaw where every photograph has the truth."""
    rotations = [source[i]["head_rotation"] for i in indices if source.entries[i].truth is not None]
    if not indices or len(rotations) < len(indices):
        return None
    return np.degrees([np.arctan2(r[0, 2], r[2, 2]) for r in rotations])


def _truth_scores(decoder: Decoder, source: FaceCrops, results: list[_Result]) -> list[Score]:
    """Neutral face vertices and head rotation against the truth, where photographs have it.

    The true face has every column of the head that the data know: what a layout of fewer cannot
    express is its error, and the mean face is as far from a person whatever the layout.
    """
    known = [row for row in results if source.entries[row.index].truth is not None]
    if not known:
        return []
    ids = face_vertices(decoder.asset)
    basis = decoder.asset.shape_basis[ids].astype(np.float64)
    mean = decoder.asset.template[ids].astype(np.float64)

    def neutral(code: np.ndarray) -> np.ndarray:
        columns = min(len(code), basis.shape[2])
        vertices: np.ndarray = mean + basis[:, :, :columns] @ code[:columns]
        return vertices

    samples = [source[row.index] for row in known]
    vectors = np.stack([row.vector for row in known])
    codes = decoder.layout.split(vectors)["face.shape"][:, : decoder.num_shape]
    scores = vertex_scores(
        [neutral(code) for code in codes],
        [neutral(source.truth_of(row.index)["shape"]) for row in known],
        baseline=mean,
        prefix="vertex",
    )
    rotation = decoder.head_rotation(torch.from_numpy(vectors).to(decoder.centre.device)).cpu()
    truth = torch.from_numpy(np.stack([sample["head_rotation"] for sample in samples]))
    turned = Score(
        name="rotation",
        value=_mean_degrees(rotation, truth),
        unit="degrees",
        direction="lower",
        count=len(known),
        baseline=_mean_degrees(torch.eye(3).expand_as(truth), truth),
        baseline_name="frontal",
    )
    return [*scores, turned]


def _albedo_score(
    predictor: FacePredictor, source: FaceCrops, results: list[_Result]
) -> list[Score]:
    """Root mean square distance of albedo pictures, over all their texels, in 8-bit steps.

    As with vertices, the truth has every column the data know, whatever the layout has.
    """
    known = [row for row in results if source[row.index]["has_appearance"]]
    if not known:
        return []
    albedos = [source.truth_of(row.index)["albedo"] for row in known]
    parts = predictor.decoder.layout.split(np.stack([row.vector for row in known]))
    found = parts["face.albedo"]
    size = max(found.shape[1], *(len(albedo) for albedo in albedos))
    truth = np.stack([_padded(albedo, size) for albedo in albedos])
    basis = open_albedo_space(predictor.albedo, size).basis
    columns = basis.reshape(-1, size).astype(np.float64)
    products = columns.T @ columns / len(columns)

    def distance(codes: np.ndarray) -> float:
        squares = np.einsum("bi,ij,bj->b", codes - truth, products, codes - truth)
        return float(255 * np.sqrt(squares).mean())

    return [
        Score(
            name="albedo",
            value=distance(np.stack([_padded(code, size) for code in found])),
            unit="of 255",
            direction="lower",
            count=len(known),
            baseline=distance(np.zeros_like(truth)),
            baseline_name="mean albedo",
        )
    ]


def _padded(code: np.ndarray, size: int) -> np.ndarray:
    """(size,) with 0 for the columns that a code lacks."""
    return np.pad(code.astype(np.float64), (0, size - len(code)))


def _mean_degrees(first: torch.Tensor, second: torch.Tensor) -> float:
    return float(torch.rad2deg(geodesic_distance(first, second)).mean())


def _picture(source: FaceCrops, results: list[_Result], path: Path) -> None:
    """True (red) and predicted (blue) points of photographs, cropped to the face."""
    cells = []
    for row in results:
        photo = source.photograph(row.index).astype(np.float32) / 255
        known = row.weights > 0
        centre, extent = box_of_landmarks(row.truth, row.weights)
        matrix = square_crop(centre, extent * 1.5, 256)
        image = crop(photo, matrix, (256, 256))
        image = draw_landmarks(image, apply_affine(matrix, row.truth)[known], RED)
        cells.append(draw_landmarks(image, apply_affine(matrix, row.points), BLUE))
    grid = [cells[i : i + 4] for i in range(0, len(cells), 4)]
    save_image(path, draw_grid(grid))
