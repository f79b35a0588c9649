"""Predictions for the NoW benchmark: neutral heads with seven landmarks, in its folder layout.

Owns what this system submits; the protocol and its scores are
:mod:`likeness.evaluation.now_benchmark`.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np

from likeness.errors import DataError, MissingError, UsageError
from likeness.evaluation.now_benchmark import CHALLENGES, SEVEN_FROM_51, NowReport
from likeness.faces.detectors import make_detector
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_obj import obj_files
from likeness.media.image import load_image
from likeness.storage.files import replacing
from likeness.systems.face_encoder.layouts import photographs_in
from likeness.systems.face_encoder.predictor import FacePredictor

logger = logging.getLogger(__name__)


def seven_landmarks(asset: HeadAsset, vertices: np.ndarray) -> np.ndarray:
    """The benchmark's points (7, 3) on a head with these vertices (V, 3)."""
    if asset.landmarks51 is None:
        raise UsageError(
            f"The head model '{asset.name}' has no landmarks; the benchmark aligns by seven.",
            advice="Put its landmark embedding beside it (FLAME: landmark_embedding.npy).",
        )
    return asset.landmarks51.points(vertices, asset.faces)[list(SEVEN_FROM_51)]


def mean_face(asset: HeadAsset) -> tuple[Mesh, np.ndarray]:
    """The head model's mean and its seven points: what knows nothing of a photograph."""
    vertices = asset.template.astype(np.float64)
    return Mesh(vertices, asset.faces), seven_landmarks(asset, vertices)


def write_predictions(
    predictor: FacePredictor,
    photographs: Path,
    out: Path,
    *,
    detector: str = "cascade",
    weights: str | None = None,
) -> list[dict[str, Any]]:
    """A neutral head in metres and its seven points for every photograph.

    Args:
        photographs: folder with ``<subject>/<challenge>/<photo>``.
        out: folder for ``<subject>/<challenge>/<photo>.obj`` and ``.npy``.
        detector: as :func:`likeness.faces.detectors.make_detector` takes it. The results of "file"
            lie in ``weights`` under the photographs' own folders.

    Returns:
        One row for each photograph: ``photograph`` and ``error``, empty where there is none.

    Raises:
        MissingError: no photograph in such folders.
        UsageError: the head model has no landmarks; two photographs in a folder differ by their
            ending alone, and would overwrite each other.
        DataError: no face in any photograph.
    """
    found = [
        path
        for challenge in CHALLENGES
        for folder in sorted(photographs.glob(f"*/{challenge}"))
        for path in photographs_in(folder)
    ]
    if not found:
        raise MissingError(
            f"There are no photographs <subject>/<challenge>/<photo> in '{photographs}', with a "
            f"challenge of {', '.join(CHALLENGES)}.",
            advice="Give the benchmark's folder of photographs (iphone_pictures).",
        )
    taken: dict[Path, Path] = {}
    for path in found:
        other = taken.setdefault(path.with_suffix(""), path)
        if other != path:
            raise UsageError(
                f"'{other}' and '{path}' would both be predicted as '{path.stem}.obj'.",
                advice="Leave one photograph of each name in a folder.",
            )
    asset, rows = predictor.decoder.asset, []
    seven_landmarks(asset, asset.template)  # refuses a head without landmarks before any work
    finder = None if detector == "file" else make_detector(detector, weights=weights)
    for path in sorted(found):
        place = path.parent.relative_to(photographs)
        try:
            own = finder or make_detector(detector, weights=weights and Path(weights) / place)
            record = predictor.encode(
                load_image(path), detector=own, kind=detector, source=path.name
            )
        except DataError as error:
            logger.warning("%s: %s", path, error.message)
            rows.append({"photograph": str(place / path.name), "error": error.message})
            continue
        vertices = record.to_mesh(asset, neutral=True).vertices
        target = out / place / f"{path.stem}.obj"
        with replacing(target.with_suffix(".npy")) as temporary, temporary.open("wb") as file:
            np.save(file, seven_landmarks(asset, vertices))
        # Positions and triangles alone: the benchmark's reader wants no more.
        with replacing(target) as temporary:
            temporary.write_bytes(obj_files(Mesh(vertices, asset.faces), target.stem)[".obj"])
        rows.append({"photograph": str(place / path.name), "error": ""})
    if all(row["error"] for row in rows):
        raise DataError(
            f"None of {len(rows)} photographs could be encoded; the first: {rows[0]['error']}",
            advice="Use another detector (--detector scrfd --weights FILE).",
        )
    return rows


def report_rows(report: NowReport) -> list[dict[str, Any]]:
    """Millimetres in total and by challenge, one row each."""
    rows = []
    for name in ("", *CHALLENGES):
        suffix = f"_{name}" if name else ""
        if f"now_median{suffix}" not in report.scores:
            continue
        scores = {kind: report.scores[f"now_{kind}{suffix}"] for kind in ("median", "mean", "std")}
        row: dict[str, Any] = {
            "challenge": name or "all",
            "photographs": scores["median"].count,
            **{f"{kind}_mm": score.value for kind, score in scores.items()},
        }
        for kind in ("median", "mean", "std"):
            row[f"mean_face_{kind}_mm"] = scores[kind].baseline
        rows.append(row)
    return rows
