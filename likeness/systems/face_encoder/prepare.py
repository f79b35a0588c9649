"""From a folder of photographs to a dataset: find faces, take landmarks, check, write.

Every photograph that is left out is listed with the reason in ``skipped.json``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from likeness.data.inspection import Finding, Inspection
from likeness.errors import DataError, LikenessError, UsageError
from likeness.faces.detect import choose_face, make_detector
from likeness.geometry.array_files import read_arrays
from likeness.media.image import load_image, resize
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.landmark_files import implausible, read_landmarks
from likeness.systems.face_encoder.layouts import photographs_in

logger = logging.getLogger(__name__)

Landmarks = Callable[[Path, np.ndarray], np.ndarray | None]
"""Points (68, 2) of a photograph, None when it has none."""


def prepare(
    source: str,
    out: str,
    *,
    landmarks: str = "auto",
    detector: str = "cascade",
    weights: str | None = None,
    size: Annotated[int, Field(ge=64)] = 512,
    person_from: str = "",
    test_every: Annotated[int, Field(ge=3)] = 5,
    consent: str = "",
) -> Inspection:
    """Write a dataset from photographs.

    Args:
        source: folder with photographs.
        out: folder to write; must not exist or be empty.
        landmarks: "auto" (files beside the photographs: <id>.npy, <id>.pts, or one .npz with
            ``names`` and ``points`` in the folder or above it), a path to such a file or folder, or
            "run:PATH" to use an encoder trained here.
        detector, weights: where faces are, for "run:".
        size: photographs with a longer side are reduced to it, pixels.
        person_from: character that ends the person's name in a file name, e.g. "_" for
            012_smiling.jpg.
        test_every: of the persons in order, one of every so many is for testing, half as many are
            for validation.
        consent: a sentence on the source and the subjects' agreement, kept in provenance.json.

    Raises:
        UsageError: options do not fit together.
        DataError: no photograph could be used.
    """
    folder = Path(source)
    if not folder.is_dir():
        raise DataError(f"Expected a folder of photographs at '{source}', but there is none.")
    photographs = photographs_in(folder)
    if not photographs:
        raise DataError(f"Expected photographs in '{source}', found none.")
    if test_every < 3:
        raise UsageError(f"test_every must be at least 3, found {test_every}.")
    find, sets = _landmark_source(landmarks, folder, detector, weights)
    persons = sorted({_person(path, person_from) for path in photographs})
    splits = {p: _split(number, test_every) for number, p in enumerate(persons)}
    skipped: list[dict[str, str]] = []
    provenance = {"source": str(folder), "consent": consent, "landmarks": landmarks}
    written: set[str] = set()
    with CONTRACT.writer(out, provenance=provenance) as writer:
        for path in photographs:
            if path.stem in written:
                reason = "another photograph of this name, with another ending, was taken"
                skipped.append({"file": path.name, "reason": reason})
                continue
            try:
                image = load_image(path)
                points = find(path, image)
            except LikenessError as error:
                skipped.append({"file": path.name, "reason": error.message})
                continue
            reason = _unusable(points, image)
            if points is None or reason:
                skipped.append({"file": path.name, "reason": reason})
                continue
            image, points = _reduced(image, points, size)
            person = _person(path, person_from)
            writer.write(
                {
                    "id": path.stem,
                    "image": image,
                    "landmarks": points,
                    "person": person,
                    "split": splits[person],
                    "record": {"file": path.name},
                }
            )
            written.add(path.stem)
        if not written:
            reasons = "; ".join(f"{row['file']}: {row['reason']}" for row in skipped[:3])
            raise DataError(f"None of {len(photographs)} photographs could be used. {reasons}")
    root = Path(out)
    (root / "skipped.json").write_text(json.dumps(skipped, indent=2), encoding="utf-8")
    if sets:
        (root / "landmark_sets.json").write_text(json.dumps(sets), encoding="utf-8")
    inspection = CONTRACT.inspect(out)
    left_out = tuple(
        Finding("warning", "left-out", row["file"], row["reason"], "It is not part of the dataset.")
        for row in skipped
    )
    counts = {**inspection.counts, "left_out": len(skipped)}
    return Inspection(inspection.uri, counts, inspection.findings + left_out)


def _landmark_source(
    name: str, folder: Path, detector: str, weights: str | None
) -> tuple[Landmarks, dict[str, list[int]]]:
    if name.startswith("run:"):
        return _from_run(name.removeprefix("run:"), detector, weights), {}
    if name == "auto":
        if any(p.suffix in (".npy", ".pts") for p in folder.iterdir()):
            return _from_files(folder), {}
        for parent in (folder, folder.parent):
            for candidate in (parent / "landmarks68.npz", parent / "landmarks.npz"):
                if candidate.is_file():
                    return _from_table(candidate)
        raise UsageError(
            f"No landmarks were found beside the photographs of '{folder}'.",
            advice="Put <id>.npy or <id>.pts files there, name a table with landmarks=FILE.npz, "
            "or detect them with landmarks=run:RUN and an encoder trained here.",
        )
    path = Path(name)
    if path.is_dir():
        return _from_files(path), {}
    if path.is_file():
        return _from_table(path)
    raise UsageError(f"There are no landmarks at '{name}'.")


def _from_table(path: Path) -> tuple[Landmarks, dict[str, list[int]]]:
    """One .npz: ``names`` (N,) text, ``points`` (N, 68, 2); boolean arrays (68,) are point sets."""
    arrays, _ = read_arrays(path)
    if not {"names", "points"} <= arrays.keys() or arrays["points"].shape != (
        len(arrays["names"]),
        68,
        2,
    ):
        found = {k: v.shape for k, v in arrays.items()}
        raise DataError(
            f"Expected 'names' (N,) and 'points' (N, 68, 2) in '{path}', found {found}."
        )
    table = {str(n): p for n, p in zip(arrays["names"], arrays["points"], strict=True)}
    sets = {
        name: np.flatnonzero(array).tolist()
        for name, array in arrays.items()
        if array.dtype == bool and array.shape == (68,)
    }
    return lambda photo, image: table.get(photo.stem), sets


def _from_files(folder: Path) -> Landmarks:
    def find(photo: Path, image: np.ndarray) -> np.ndarray | None:
        points = folder / f"{photo.stem}.pts"
        if points.is_file():
            return _read_pts(points)
        array = folder / f"{photo.stem}.npy"
        if not array.is_file():
            return None
        found, weights = read_landmarks(array)
        return found if (weights > 0).all() else None

    return find


def _read_pts(path: Path) -> np.ndarray:
    """The .pts text of 300-W: a header, then one "x y" line a point in braces; 1-based pixels."""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        body = text[text.index("{") + 1 : text.index("}")]
        points = np.array([[float(v) for v in line.split()] for line in body.strip().splitlines()])
    except ValueError as error:
        raise DataError(
            f"Expected a .pts file with points in braces at '{path}': {error}."
        ) from error
    if points.shape != (68, 2):
        raise DataError(f"Expected 68 points in '{path}', found {points.shape}.")
    # 1-based, centres on integers; here centres lie on half-integers.
    return (points - 0.5).astype(np.float32)


def _from_run(path: str, detector: str, weights: str | None) -> Landmarks:
    from likeness.systems.face_encoder.weights import predictor_of

    predictor = predictor_of(path)
    finder = make_detector(detector, weights=weights)

    def find(photo: Path, image: np.ndarray) -> np.ndarray | None:
        face = choose_face(finder.detect(image, name=photo.stem), image.shape[:2])
        if face is None:
            return None
        return predictor.encode(image, face=face, kind=detector).landmarks

    return find


def _person(path: Path, separator: str) -> str:
    return path.stem.split(separator)[0] if separator else path.stem


def _split(number: int, every: int) -> str:
    """Twice as many persons test as validate: photographs with landmarks are dear."""
    turn, place = divmod(number, every)
    if place == every - 2:
        return "test"
    return "validation" if place == every - 1 and turn % 2 == 0 else "train"


def _unusable(points: np.ndarray | None, image: np.ndarray) -> str:
    if points is None:
        return "no face or no landmarks"
    if not np.isfinite(points).all():
        return "landmarks are not finite"
    problems = implausible(points, np.ones(68), (image.shape[1], image.shape[0]))
    return problems[0][1] if problems else ""


def _reduced(image: np.ndarray, points: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    longest = max(image.shape[:2])
    if longest <= size:
        return image, points.astype(np.float32)
    height, width = (max(1, round(length * size / longest)) for length in image.shape[:2])
    scale = np.array([width / image.shape[1], height / image.shape[0]])
    return resize(image, (height, width)), (points * scale).astype(np.float32)
