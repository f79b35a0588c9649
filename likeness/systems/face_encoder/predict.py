"""Photographs in, files out: vectors, overlays, meshes, turntables, and what they are."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from likeness.errors import DataError, UsageError
from likeness.faces.detectors import make_detector
from likeness.media.drawing import landmark_text
from likeness.media.image import load_image, save_image
from likeness.media.video import write_animation
from likeness.replacement import replacing_together
from likeness.runs.predictions import Stems, manifest_path, write_manifest
from likeness.storage.files import replacing, sha256_of
from likeness.systems.face_encoder.meshes import open_renderer, texture_of, write_mesh
from likeness.systems.face_encoder.photographs import photographs_below
from likeness.systems.face_encoder.pictures import overlay, turntable
from likeness.systems.face_encoder.predictor import FacePredictor
from likeness.systems.face_encoder.record import SUFFIXES, PersonRecord
from likeness.systems.face_encoder.render import Renderer

logger = logging.getLogger(__name__)

FORMATS = ("npz", "safetensors", "json", "overlay", "ascii", "obj", "glb", "turntable")
DEFAULT_FORMATS = ("npz", "overlay", "obj", "glb", "turntable")
_ENDINGS = {
    "npz": "person.npz",
    "safetensors": "person.safetensors",
    "json": "person.json",
    "overlay": "overlay.png",
    "ascii": "landmarks.txt",
    "turntable": "turntable.gif",
}
_TURNTABLE_FRAMES = 36
_TURNTABLE_SIZE = 256
_WITH_TEXTURE = {"overlay", "obj", "glb"}


def predict(
    predictor: FacePredictor,
    inputs: Sequence[str],
    output: Path,
    *,
    format: str = ",".join(DEFAULT_FORMATS),
    detector: str = "cascade",
    weights: str | None = None,
    frames: Annotated[int, Field(ge=1)] = _TURNTABLE_FRAMES,
) -> list[dict[str, Any]]:
    """Encode photographs, or all in folders and the folders below them, into ``output``.

    Files are named by the photograph; ``anna/01.jpg`` in a folder gives ``anna__01``, as
    ``data prepare`` names it. Where that name is another photograph's, of this call or of an
    earlier one, it is numbered. ``<name>.manifest.json`` says of which photograph and network the
    files are; a later call adds its files. What lies in ``output`` itself is no input.

    Args:
        format: comma-separated choice of ``FORMATS``.
        detector: "cascade", "scrfd", "yunet" or "file"; the latter three read ``weights``.
        frames: of the turntable.

    Returns:
        One row per photograph: ``input`` and ``files`` by format, or ``error``. With meshes and
        overlays also ``texture``: the albedo space that coloured them, or why none did.

    Raises:
        UsageError: an unknown format.
        DataError: no face in any photograph.
    """
    formats = [name.strip() for name in format.split(",") if name.strip()]
    wrong = [name for name in formats if name not in FORMATS]
    if wrong or not formats:
        unknown = f"There is no format {', '.join(wrong)}." if wrong else "No format is named."
        raise UsageError(unknown, advice=f"There are: {', '.join(FORMATS)}.")
    finder = make_detector(detector, weights=weights)
    renderer, texture = open_renderer(predictor, with_albedo=bool(_WITH_TEXTURE & set(formats)))
    rows: list[dict[str, Any]] = []
    failures: list[DataError] = []
    photos, others = _photographs(inputs, output)
    for path, reason in others:
        failures.append(DataError(f"'{path}' is no photograph: {reason}."))
        rows.append({"input": str(path), "error": failures[-1].message})
    total = len(photos) + len(others)
    stems = Stems(output, "photograph_sha256")
    for path, name in photos:
        try:
            photo = load_image(path)
            record = predictor.encode(photo, detector=finder, kind=detector, source=path.name)
        except DataError as error:
            failures.append(error)
            named = error.message if path.name in error.message else f"{path}: {error.message}"
            if total > 1:  # what is wrong with the only one is the error below
                logger.warning("%s %s", named, error.advice)
            rows.append({"input": str(path), "error": error.message})
            continue
        digest = sha256_of(path)
        stem = stems.stem(name, digest)
        files = {kind: str(output / f"{stem}.{_ENDINGS.get(kind, kind)}") for kind in formats}
        about = {
            "photograph": path.name,
            "photograph_sha256": digest,
            "network_sha256": predictor.fingerprint,
            "detector": detector,
            "detector_weights": None if weights is None else Path(weights).name,
        }
        with replacing_together(output) as made:
            hashes = {
                written.name: {"sha256": sha256_of(written)}
                for kind in formats
                for written in _write(
                    made / Path(files[kind]).name, photo, record, renderer, frames
                )
            }
            last = manifest_path(output, stem)
            write_manifest(made / last.name, about, hashes, before=last)
        rows.append({"input": str(path), "files": files, **texture})
    if len(failures) == len(rows):
        if len(failures) == 1:
            raise failures[0]
        raise DataError(
            f"None of {len(rows)} photographs could be encoded; the first: {failures[0].message}",
            advice=failures[0].advice,
        )
    return rows


def _photographs(
    inputs: Sequence[str], output: Path
) -> tuple[list[tuple[Path, str]], list[tuple[Path, str]]]:
    """Every photograph with its name for files, and every other thing with the reason."""
    photos: list[tuple[Path, str]] = []
    others: list[tuple[Path, str]] = []
    for name in inputs:
        path = Path(name)
        if path.is_dir():
            found, rest = photographs_below(path, without=output)
            if not found and not rest:
                if len(inputs) == 1:
                    raise DataError(
                        f"Expected photographs in the folder '{path}' or below it, found none."
                    )
                others.append((path, "a folder without photographs"))
            photos += [(photo.path, photo.id) for photo in found]
            others += [(path / row["file"], row["reason"]) for row in rest]
        elif path.is_file():
            photos.append((path, path.stem))
        else:
            raise DataError(f"Expected a photograph or a folder at '{path}', but there is nothing.")
    return photos, others


def _write(
    path: Path, photo: np.ndarray, record: PersonRecord, renderer: Renderer, frames: int
) -> list[Path]:
    """Write what the ending of ``path`` says; returns the files."""
    if path.suffix in SUFFIXES:
        return [record.save(path)]
    if path.suffix == ".png":
        return [save_image(path, overlay(photo, record, renderer))]
    if path.suffix == ".txt":
        assert record.landmarks is not None
        low, high = record.landmarks.min(axis=0), record.landmarks.max(axis=0)
        # A square around them: a character is twice as high as wide, the plot 40 by 20 of them.
        middle, half = (low + high) / 2, (high - low).max() / 2
        plot = landmark_text(record.landmarks, box=(*(middle - half), *(middle + half)))
        with replacing(path) as temporary:
            temporary.write_text(plot + "\n", encoding="ascii")
        return [path]
    if path.suffix == ".gif":
        views = turntable(renderer, record.vector, frames=frames, size=_TURNTABLE_SIZE)
        return [write_animation(path, views, rate=18)]
    return write_mesh(path, record, renderer.decoder.asset, texture=texture_of(renderer, record))
