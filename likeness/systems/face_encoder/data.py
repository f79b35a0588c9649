"""The dataset contract of the face encoder: open, inspect, write.

Owns the contract object and the writer of the native layout; which file is where is ``layouts.py``,
what may be wrong with them ``findings.py``, what training sees ``crops.py``.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.contract import Split
from likeness.data.inspection import Inspection
from likeness.data.making import check_is_new
from likeness.data.source import Sample
from likeness.errors import DataError, UsageError
from likeness.geometry.array_files import write_arrays
from likeness.geometry.head_asset import HeadAsset
from likeness.media.image import save_image
from likeness.storage.files import disk_errors, replacing
from likeness.systems.face_encoder.config import DataSettings
from likeness.systems.face_encoder.crops import FaceCrops
from likeness.systems.face_encoder.findings import head_mismatch, inspect_folder
from likeness.systems.face_encoder.layouts import LAYOUTS, read_folder, split_of


@dataclass(frozen=True)
class FaceContract:
    """Photographs with 68 landmarks each."""

    name: str = "face-encoder"
    layouts: tuple[str, ...] = LAYOUTS

    def inspect(self, uri: str, *, landmarks: str | None = None) -> Inspection:
        """Look at every file; never raises on bad data."""
        return inspect_folder(uri, landmarks)

    def open(
        self,
        uri: str,
        split: Split,
        *,
        settings: DataSettings | None = None,
        size: int = 224,
        num_shape: int = 300,
        num_albedo: int = 0,
        albedo: str = "",
        **options: Any,
    ) -> FaceCrops:
        """The crops of a split; none are fine but in training. Raises DataError.

        Args:
            num_albedo: length of the albedo codes; the dataset's are read where they belong to the
                albedo space with the fingerprint ``albedo``.
        """
        if options:
            raise UsageError(f"Unknown options {sorted(options)} for face-encoder data.")
        settings = settings or DataSettings(root=uri)
        folder = read_folder(uri, settings.landmarks)
        total = len(folder.entries)
        chosen = tuple(
            entry
            for position, entry in enumerate(folder.entries)
            if split == "all" or split_of(entry, position, total, folder.layout) == split
        )
        if not chosen and split in ("train", "all"):
            raise DataError(
                f"Expected photographs of split '{split}' in '{uri}', found none among {total}.",
                advice="Add a 'split' to the lines of index.jsonl, or add photographs.",
            )
        known = bool(albedo) and folder.head is not None and folder.head.get("albedo") == albedo
        return FaceCrops(
            chosen,
            settings,
            size=size,
            num_shape=num_shape,
            num_albedo=num_albedo if known else 0,
        )

    def check_head(self, uri: str, asset: HeadAsset) -> None:
        """The dataset's truth belongs to this head model. Raises DataError when it does not."""
        mismatch = head_mismatch(read_folder(uri), asset)
        if mismatch is not None:
            raise DataError(f"'{uri}': {mismatch.message}", advice=mismatch.advice)

    def writer(self, uri: str, **options: Any) -> FaceWriter:
        """A writer of the native layout.

        Options: ``head`` {name, fingerprint}, with the fingerprint of their space as ``albedo``
        where the truth has albedo codes; ``provenance``.
        """
        return FaceWriter(uri, **options)


class FaceWriter:
    """Writes a dataset photograph by photograph, see :func:`write_photograph`.

    The index, and with it the dataset, appears when the writer closes cleanly.
    """

    def __init__(
        self,
        uri: str,
        *,
        head: Mapping[str, str] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = Path(uri)
        check_is_new(self.root)
        self._head, self._provenance = head, provenance or {}
        self._rows: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> FaceWriter:
        with disk_errors(self.root, "write a dataset"):
            (self.root / "images").mkdir(parents=True, exist_ok=True)
        return self

    def write(self, sample: Sample) -> None:
        """Add a photograph. Raises ValueError when its id is taken."""
        if str(sample["id"]) in self._rows:
            raise ValueError(f"the id '{sample['id']}' is taken")
        row = write_photograph(self.root, sample)
        self._rows[row["id"]] = row

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            made = {"made": date.today().isoformat(), **self._provenance}
            write_index(self.root, list(self._rows.values()), head=self._head, provenance=made)


def write_photograph(root: Path, sample: Sample) -> dict[str, Any]:
    """Write the files of one photograph, each whole or not at all; returns its line of the index.

    Args:
        sample: ``id``, ``image`` (H, W, 3) float32 in [0, 1], ``landmarks`` (68, 2) pixels, and
            optionally ``mask`` (H, W) uint8, ``truth`` (arrays by name), ``person``, ``split`` and
            further JSON values under ``record``.

    Raises:
        ValueError: the landmarks are not (68, 2) finite numbers, the id is no plain file name.
        UsageError: the disk refuses.
    """
    name, image = str(sample["id"]), sample["image"]
    points = np.asarray(sample["landmarks"], np.float32)
    if "/" in name or name.startswith("."):
        raise ValueError(f"the id '{name}' is not a plain file name")
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise ValueError(f"landmarks of '{name}' must be (68, 2) finite numbers")
    with disk_errors(root, f"write the photograph '{name}'"):
        save_image(root / "images" / f"{name}.png", image)
        with (
            replacing(root / "landmarks" / f"{name}.npy") as temporary,
            temporary.open("wb") as file,
        ):
            np.save(file, points)
        if sample.get("mask") is not None:
            save_image(root / "masks" / f"{name}.png", np.asarray(sample["mask"], np.uint8))
        if sample.get("truth") is not None:
            arrays = {k: np.asarray(v) for k, v in sample["truth"].items()}
            write_arrays(root / "truth" / f"{name}.npz", arrays, {})
    row = {"id": name, "width": image.shape[1], "height": image.shape[0]}
    row |= {k: sample[k] for k in ("person", "split") if sample.get(k) is not None}
    return {**row, **sample.get("record", {})}


def write_index(
    root: Path,
    rows: Sequence[Mapping[str, Any]],
    *,
    head: Mapping[str, str] | None,
    provenance: Mapping[str, Any],
) -> None:
    """Write what says which photographs there are, whose they are and where they come from."""
    rows = sorted(rows, key=lambda row: row["id"])
    persons = [(row["id"], row["person"]) for row in rows if "person" in row]
    if persons:
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows([("id", "person"), *persons])
        put_text(root / "identity.csv", table.getvalue())
    if head is not None:
        put_text(root / "head.json", json.dumps(dict(head), indent=2))
    facts = {"made": provenance["made"], "photographs": len(rows), **provenance}
    put_text(root / "provenance.json", json.dumps(facts, indent=2, ensure_ascii=False))
    put_text(root / "index.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


def put_text(path: Path, text: str) -> None:
    """Write a text file of a dataset, whole or not at all. Raises UsageError."""
    with disk_errors(path, f"write {path.name}"), replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


CONTRACT = FaceContract()
