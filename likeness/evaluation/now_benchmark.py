"""The NoW protocol (Sanyal et al. 2019): neutral faces predicted from photographs against scans.

Owns cropping, alignment, distances and the folder layout of the benchmark. Its scans are not part
of this project; they are in millimetres, predictions in metres by default.
"""

from __future__ import annotations

import logging
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from pathlib import Path

import numpy as np

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.evaluation.protocol import Score, Scores
from likeness.geometry.alignment import Similarity, fit_similarity
from likeness.geometry.array_files import read_npy
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_files import read_mesh
from likeness.geometry.registration import register_surface

logger = logging.getLogger(__name__)

SEVEN_FROM_51 = (19, 22, 25, 28, 16, 31, 37)
"""The benchmark's landmarks among the inner 51: right eye outer, right inner, left inner, left
outer, nose bottom, mouth right, mouth left."""

CHALLENGES = ("multiview_neutral", "multiview_expressions", "multiview_occlusions", "selfie")
LISTS = {"validation": "imagepathsvalidation.txt", "test": "imagepathstest.txt"}
CURVE_LIMIT = 7.0  # mm
CURVE_ENDINGS = (".csv", ".svg")

_OUTER_RIGHT, _INNER_RIGHT, _INNER_LEFT, _OUTER_LEFT, _NOSE = range(5)


@dataclass(frozen=True, eq=False)
class SurfaceErrors:
    """Distances (N,) in millimetres of the cropped scan points to the aligned prediction."""

    distances: np.ndarray
    motion: Similarity
    kept: np.ndarray
    """Which scan points were kept: ids (N,)."""


@dataclass(frozen=True, eq=False)
class NowReport:
    """Scores, and the share of scan points below each error (mm) for the cumulative curve."""

    scores: Scores
    thresholds: np.ndarray
    cumulative: np.ndarray
    missing: tuple[str, ...]
    """Photographs without a prediction; they are in no score."""


def crop_scan(points: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Ids of scan points (N, 3) in the sphere around the face given by 7 landmarks (7, 3).

    The centre lies three tenths of the way from the bottom of the nose to the middle of the inner
    eye corners; the radius is 1.4 times the mean of the eyes' outer distance and the nose's length.
    """
    inner = (landmarks[_INNER_RIGHT] + landmarks[_INNER_LEFT]) / 2
    nose = landmarks[_NOSE]
    centre = nose + 0.3 * (inner - nose)
    outer = np.linalg.norm(landmarks[_OUTER_LEFT] - landmarks[_OUTER_RIGHT])
    radius = 1.4 * (outer + np.linalg.norm(inner - nose)) / 2
    return np.flatnonzero(np.linalg.norm(points - centre, axis=1) <= radius)


def surface_errors(
    prediction: Mesh,
    prediction_landmarks: np.ndarray,
    scan: np.ndarray,
    scan_landmarks: np.ndarray,
    *,
    metrical: bool = False,
    millimetres: float = 1000.0,
) -> SurfaceErrors:
    """Align a predicted neutral face with a scan and measure the distances.

    Args:
        prediction: the predicted surface.
        prediction_landmarks, scan_landmarks: the seven points (7, 3), each in its own unit.
        scan: scan points (N, 3), millimetres.
        metrical: no scale is fitted anywhere; the prediction's unit is taken at its word.
        millimetres: how many one unit of the prediction has (metrical only).
    """
    kept = crop_scan(scan, scan_landmarks)
    if not len(kept):
        raise DataError(
            "No scan point lies near the scan's landmarks; are they of the same scan and unit?"
        )
    start = fit_similarity(
        prediction_landmarks, scan_landmarks, scale=millimetres if metrical else None
    )
    found = register_surface(
        prediction.vertices, prediction.faces, scan[kept], start, with_scale=not metrical
    )
    return SurfaceErrors(found.distances, found.motion, kept)


def evaluate_now(
    predictions: str | Path,
    dataset: str | Path,
    *,
    split: str = "validation",
    metrical: bool = False,
    millimetres: float = 1000.0,
    baseline: tuple[Mesh, np.ndarray] | None = None,
    allow_missing: bool = False,
) -> NowReport:
    """Scores of a folder of predictions.

    Args:
        predictions: ``<subject>/<challenge>/<photo>.obj`` (or ``.ply``) with seven landmarks (7, 3)
            beside each as ``.npy``.
        dataset: the benchmark's folder with ``scans/<subject>/*.obj``,
            ``scans_lmks_onlypp/<subject>/*.pp`` and the lists of photographs.
        baseline: the mean face and its seven landmarks, measured on every photograph's scan.
        allow_missing: leave photographs without prediction out instead of raising.

    Raises:
        MissingError: a folder, a scan or (unless allowed) a prediction is not there.
        DataError: a mesh or landmark file that cannot be used; the message names it.
    """
    predictions, dataset = Path(predictions), Path(dataset)
    photos = _photographs(dataset, split)
    found = {photo: _prediction_of(predictions, photo) for photo in photos}
    missing = tuple(photo for photo, path in found.items() if path is None)
    if missing and (not allow_missing or len(missing) == len(photos)):
        raise MissingError(
            f"{len(missing)} of {len(photos)} photographs have no prediction in {predictions}, "
            f"e.g. {missing[0]}.",
            advice="Expected <subject>/<challenge>/<photo>.obj or .ply for each; missing ones can "
            "be allowed and are then reported.",
        )

    @lru_cache(maxsize=2)
    def scan_of(subject: str) -> tuple[np.ndarray, np.ndarray]:
        return _read_scan(dataset, subject)

    measure = partial(surface_errors, metrical=metrical, millimetres=millimetres)

    def baseline_of(face: tuple[Mesh, np.ndarray]) -> Callable[[str], np.ndarray]:
        return cache(lambda subject: measure(*face, *scan_of(subject)).distances)

    errors: dict[str, list[np.ndarray]] = {challenge: [] for challenge in CHALLENGES}
    subjects: dict[str, list[str]] = {challenge: [] for challenge in CHALLENGES}
    for photo, path in found.items():
        if path is None:
            continue
        subject, challenge, _ = photo.split("/")
        scan, landmarks = scan_of(subject)
        points = _seven_points(path.with_suffix(".npy"))
        measured = measure(read_mesh(path), points, scan, landmarks)
        errors[challenge].append(measured.distances.astype(np.float32))
        subjects[challenge].append(subject)
        logger.info("%s: median %.3f mm", photo, np.median(measured.distances))
    scores = _scores(errors, subjects, None if baseline is None else baseline_of(baseline))
    pooled = np.sort(np.concatenate([part for parts in errors.values() for part in parts]))
    thresholds = np.linspace(0, CURVE_LIMIT, 141)
    cumulative = np.searchsorted(pooled, thresholds, side="right") / len(pooled)
    return NowReport(scores, thresholds, cumulative, missing)


def curve_text(report: NowReport, ending: str) -> str:
    """The cumulative curve as a file with this ending: numbers (".csv") or a drawing (".svg")."""
    percent = 100 * report.cumulative
    if ending == ".csv":
        rows = [f"{x:.2f},{y:.4f}" for x, y in zip(report.thresholds, percent, strict=True)]
        return "\n".join(["error_mm,points_percent", *rows]) + "\n"
    if ending == ".svg":
        return _drawn_curve(report.thresholds, percent)
    raise ValueError(f"unknown ending {ending!r}; there are {', '.join(CURVE_ENDINGS)}")


def _drawn_curve(thresholds: np.ndarray, percent: np.ndarray) -> str:
    """100 units to the right are 1 mm, 4 units up are 1 %; the axes' numbers lie outside."""
    width, height = round(100 * CURVE_LIMIT), 400
    line = " ".join(
        f"{100 * x:.1f},{height - 4 * y:.1f}" for x, y in zip(thresholds, percent, strict=True)
    )
    marks = "".join(
        f'<path d="M{100 * mm} 0V{height}" stroke="#ddd"/>'
        f'<text x="{100 * mm}" y="{height + 24}" text-anchor="middle">{mm}</text>'
        for mm in range(int(CURVE_LIMIT) + 1)
    )
    marks += "".join(
        f'<path d="M0 {height - 4 * share}H{width}" stroke="#ddd"/>'
        f'<text x="-8" y="{height - 4 * share + 6}" text-anchor="end">{share}</text>'
        for share in range(0, 101, 20)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-70 -20 {width + 100} {height + 80}" '
        f'font-family="sans-serif" font-size="18"><title>NoW cumulative error</title>{marks}'
        f'<text x="{width / 2}" y="{height + 52}" text-anchor="middle">error, mm</text>'
        f'<text x="-52" y="{height / 2}" text-anchor="middle" '
        f'transform="rotate(-90 -52 {height / 2})">scan points, %</text>'
        f'<polyline points="{line}" fill="none" stroke="#1f5fa8" stroke-width="3"/></svg>\n'
    )


def read_picked_points(path: str | Path) -> np.ndarray:
    """Points (N, 3) of a MeshLab ``.pp`` file in their order."""
    path = Path(path)
    data = path.read_bytes()
    if b"<!ENTITY" in data:
        raise UnsafeFileError(f"{path} defines entities; a list of points needs none.")
    try:
        root = ElementTree.fromstring(data)
        rows = [[float(point.attrib[axis]) for axis in "xyz"] for point in root.iter("point")]
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise DataError(f"{path} is not a readable list of picked points: {error!r}.") from error
    return np.array(rows, dtype=np.float64).reshape(-1, 3)


def _scores(
    errors: dict[str, list[np.ndarray]],
    subjects: dict[str, list[str]],
    baseline: Callable[[str], np.ndarray] | None,
) -> Scores:
    """Median, mean and standard deviation over all scan points, in total and by challenge."""
    rows = []
    groups: dict[str, list[str]] = {"": list(CHALLENGES)}
    groups |= {f"_{challenge}": [challenge] for challenge in CHALLENGES if errors[challenge]}
    for suffix, challenges in groups.items():
        parts = [part for challenge in challenges for part in errors[challenge]]
        pooled, base = np.concatenate(parts), None
        if baseline is not None:
            base = np.concatenate(
                [baseline(subject) for challenge in challenges for subject in subjects[challenge]]
            )
        for name, measure in (("median", np.median), ("mean", np.mean), ("std", np.std)):
            rows.append(
                Score(
                    name=f"now_{name}{suffix}",
                    value=float(measure(pooled)),
                    unit="mm",
                    direction="lower",
                    count=len(parts),
                    baseline=None if base is None else float(measure(base)),
                    baseline_name="" if base is None else "mean face",
                )
            )
    return Scores(rows)


def _photographs(dataset: Path, split: str) -> list[str]:
    """Names ``subject/challenge/photo`` of a list file, without suffix."""
    if split not in LISTS:
        raise ValueError(f"unknown split {split!r}; there are {', '.join(LISTS)}")
    path = dataset / LISTS[split]
    if not path.is_file():
        raise MissingError(f"There is no list of photographs {path}.")
    names = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        parts = line.strip().rsplit(".", 1)[0].split("/")
        if len(parts) != 3 or parts[1] not in CHALLENGES or ".." in parts:
            raise DataError(
                f"{path}, line {number}: expected <subject>/<challenge>/<photo> with a challenge "
                f"of {', '.join(CHALLENGES)}, found '{line.strip()}'."
            )
        names.append("/".join(parts))
    return names


def _prediction_of(folder: Path, photo: str) -> Path | None:
    candidates = (folder / f"{photo}{suffix}" for suffix in (".obj", ".ply"))
    return next((path for path in candidates if path.is_file()), None)


def _seven_points(path: Path) -> np.ndarray:
    points = read_npy(path)
    if points.shape != (7, 3) or points.dtype.kind != "f" or not np.isfinite(points).all():
        raise DataError(
            f"{path} should hold the seven landmarks as finite numbers (7, 3), found "
            f"{points.shape} {points.dtype}.",
            advice=f"They are the points {SEVEN_FROM_51} of the inner 51 landmarks.",
        )
    return points.astype(np.float64)


def _read_scan(dataset: Path, subject: str) -> tuple[np.ndarray, np.ndarray]:
    scan = _only_file(dataset / "scans" / subject, (".obj", ".ply"))
    picked = _only_file(dataset / "scans_lmks_onlypp" / subject, (".pp", ".npy"))
    points = read_picked_points(picked) if picked.suffix == ".pp" else read_npy(picked)
    if points.shape != (7, 3):
        raise DataError(f"{picked} should hold seven landmarks, found {points.shape}.")
    return read_mesh(scan).vertices.astype(np.float64), points


def _only_file(folder: Path, suffixes: tuple[str, ...]) -> Path:
    found = sorted(entry for entry in folder.glob("*") if entry.suffix.lower() in suffixes)
    if not found:
        raise MissingError(f"There is no {' or '.join(suffixes)} file in {folder}.")
    return found[0]
