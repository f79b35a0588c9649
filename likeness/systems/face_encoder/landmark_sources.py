"""Where the landmarks of raw photographs come from: files, one table, or an encoder trained here.

Each source names the files it reads, so that what it gives can be told from what it gave before,
and is small enough to be sent to another process: what it reads is opened where it is used.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from likeness.errors import DataError, UsageError
from likeness.faces.detect import Detector, choose_face
from likeness.faces.detectors import make_detector
from likeness.geometry.array_files import read_arrays
from likeness.storage.files import sha256_of
from likeness.systems.face_encoder.landmark_files import read_landmarks
from likeness.systems.face_encoder.photographs import Photo

_ENDINGS = (".pts", ".npy")
"""Of files of landmarks, in the order they are looked for."""


@dataclass(frozen=True)
class Found:
    """The landmarks of a photograph and how they were found."""

    points: np.ndarray
    """(68, 2) pixels of the photograph."""
    detector: str
    """What found the face; ``"file"`` for landmarks that were there."""
    score: float | None
    """The detector's confidence in [0, 1]; None for landmarks that were there."""


class LandmarkSource(Protocol):
    """What every source of landmarks is."""

    @property
    def identity(self) -> dict[str, Any]:
        """JSON values that are others when other landmarks may come out; see also ``files``."""

    @property
    def sets(self) -> dict[str, list[int]]:
        """Named sets of points that the source itself defines."""

    def files(self, photos: Sequence[Photo]) -> list[Path]:
        """Every file it reads for these photographs."""

    def alone(self, names: Collection[str]) -> list[str]:
        """What it has landmarks of besides these pictures, by file or name, in order.

        Args:
            names: of pictures, as :attr:`Photo.name`.
        """

    def find(self, photo: Photo, image: np.ndarray) -> Found:
        """The landmarks of a photograph (H, W, 3). Raises DataError where there are none."""


def landmark_source(
    name: str, folder: Path, photos: Sequence[Photo], detector: str, weights: str | None
) -> LandmarkSource:
    """The source of the option ``landmarks`` of :func:`.prepare.prepare`.

    Raises:
        UsageError: there is no such source.
        DataError: it is damaged.
        MissingError: the encoder or the detector lacks a file.
    """
    if name.startswith("run:"):
        return Encoder.of(name.removeprefix("run:"), detector, weights)
    if name == "auto":
        beside = LandmarkFolder(folder)
        if beside.files(photos):
            return beside
        for parent in (folder, folder.parent):
            for candidate in (parent / "landmarks68.npz", parent / "landmarks.npz"):
                if candidate.is_file():
                    return LandmarkTable.of(candidate)
        raise UsageError(
            f"No landmarks were found beside the photographs of '{folder}'.",
            advice="Put <id>.npy or <id>.pts files there, name a table with landmarks=FILE.npz, "
            "or detect them with landmarks=run:RUN and an encoder trained here.",
        )
    path = Path(name)
    if path.is_dir():
        return LandmarkFolder(path)
    if path.is_file():
        return LandmarkTable.of(path)
    raise UsageError(f"There are no landmarks at '{name}'.")


@dataclass(frozen=True)
class LandmarkFolder:
    """``<name>.pts`` or ``<name>.npy`` for every photograph."""

    folder: Path
    sets: dict[str, list[int]] = field(default_factory=dict)

    @property
    def identity(self) -> dict[str, Any]:
        return {"landmarks": str(self.folder.resolve())}

    def files(self, photos: Sequence[Photo]) -> list[Path]:
        return [path for photo in photos for path in self._candidates(photo) if path.is_file()]

    def alone(self, names: Collection[str]) -> list[str]:
        below = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        return sorted(
            file.as_posix()
            for file in below
            if file.suffix in _ENDINGS
            and not any(part.startswith(".") for part in file.parts)
            and file.with_suffix("").as_posix() not in names
        )

    def find(self, photo: Photo, image: np.ndarray) -> Found:
        text, array = self._candidates(photo)
        if text.is_file():
            return Found(read_pts(text), "file", None)
        if not array.is_file():
            raise DataError(f"no landmarks: '{self.folder}' has no .pts or .npy file of its name")
        return Found(read_landmarks(array, counts=(68,))[0], "file", None)

    def _candidates(self, photo: Photo) -> tuple[Path, Path]:
        text, array = (self.folder / f"{photo.name}{ending}" for ending in _ENDINGS)
        return text, array


@dataclass(frozen=True)
class LandmarkTable:
    """One .npz: ``names`` (N,) text, ``points`` (N, 68, 2); boolean arrays (68,) are point sets."""

    path: Path
    sets: dict[str, list[int]]

    @staticmethod
    def of(path: Path) -> LandmarkTable:
        """Raises DataError when the file is no such table."""
        arrays, _ = read_arrays(path)
        names, points = arrays.get("names"), arrays.get("points")
        if names is None or points is None or points.shape != (len(names), 68, 2):
            found = {k: v.shape for k, v in arrays.items()}
            raise DataError(
                f"Expected 'names' (N,) and 'points' (N, 68, 2) in '{path}', found {found}."
            )
        sets = {
            name: np.flatnonzero(array).tolist()
            for name, array in arrays.items()
            if array.dtype == bool and array.shape == (68,) and array.any()
        }
        return LandmarkTable(path, sets)

    @property
    def identity(self) -> dict[str, Any]:
        return {"landmarks": str(self.path.resolve())}

    def files(self, photos: Sequence[Photo]) -> list[Path]:
        return [self.path]

    def alone(self, names: Collection[str]) -> list[str]:
        return sorted(_table(self.path).keys() - names)

    def find(self, photo: Photo, image: np.ndarray) -> Found:
        points = _table(self.path).get(photo.name)
        if points is None:
            raise DataError(f"no landmarks: it is not among the names of '{self.path}'")
        return Found(points, "file", None)


@lru_cache(maxsize=1)
def _table(path: Path) -> dict[str, np.ndarray]:
    arrays, _ = read_arrays(path)
    return {str(n): p for n, p in zip(arrays["names"], arrays["points"], strict=True)}


@dataclass(frozen=True)
class Encoder:
    """The largest, most central face a detector finds, read by an encoder trained here."""

    run: str
    fingerprint: str
    """Of the checkpoint and the configuration."""
    detector: str
    weights: str | None
    sets: dict[str, list[int]] = field(default_factory=dict)

    @staticmethod
    def of(run: str, detector: str, weights: str | None) -> Encoder:
        """Raises MissingError without the run or the detector's weights."""
        from likeness.runs import selection
        from likeness.runs.run import Run

        checkpoint = selection.find(Run(run), "best")
        make_detector(detector, weights=weights)
        parts = f"{checkpoint.hash} {sha256_of(Run(run).config_path)}"
        fingerprint = hashlib.sha256(parts.encode()).hexdigest()
        return Encoder(run, fingerprint, detector, weights)

    @property
    def identity(self) -> dict[str, Any]:
        weights = None if self.weights is None else str(Path(self.weights).resolve())
        encoder = {"landmarks": "run", "encoder": self.fingerprint}
        return {**encoder, "detector": self.detector, "weights": weights}

    def files(self, photos: Sequence[Photo]) -> list[Path]:
        if self.weights is None:
            return []
        path = Path(self.weights)
        if self.detector == "file":
            names = (f"{photo.name}{end}" for photo in photos for end in (".npy", ".json"))
            return [path / name for name in names if (path / name).is_file()]
        return [path] if path.is_file() else sorted(path.glob("*.onnx"))

    def alone(self, names: Collection[str]) -> list[str]:
        return []

    def find(self, photo: Photo, image: np.ndarray) -> Found:
        predictor, finder = _opened(self.run, self.detector, self.weights)
        faces = finder.detect(image, name=photo.name)
        face = choose_face(faces, image.shape[:2])
        if face is None:
            raise DataError(
                f"no face: the detector '{self.detector}' found none for certain"
                + (f", only {len(faces)} of low confidence" if faces else "")
            )
        record = predictor.encode(image, face=face, kind=self.detector)
        assert record.landmarks is not None
        return Found(record.landmarks, self.detector, face.score)


@lru_cache(maxsize=1)
def _opened(run: str, detector: str, weights: str | None) -> tuple[Any, Detector]:
    from likeness.systems.face_encoder.trained import predictor_of

    return predictor_of(run), make_detector(detector, weights=weights)


def read_pts(path: Path) -> np.ndarray:
    """The .pts text of 300-W: a header, then one "x y" line a point in braces; 1-based pixels."""
    text = path.read_text(encoding="utf-8", errors="replace")
    start, end = text.find("{"), text.find("}")
    if not 0 <= start < end:
        raise DataError(
            f"Expected a .pts file with points between '{{' and '}}' at '{path}', found no such "
            "pair of braces."
        )
    lines = text[start + 1 : end].strip().splitlines()
    try:
        points = np.array([[float(value) for value in line.split()] for line in lines])
    except ValueError as error:
        raise DataError(f"Expected lines of two numbers in '{path}': {error}.") from error
    if points.shape != (68, 2):
        raise DataError(f"Expected 68 points in '{path}', found {points.shape}.")
    # 1-based, centres on integers; here centres lie on half-integers.
    return (points - 0.5).astype(np.float32)
