"""The dataset contract of the face encoder: open, inspect, write.

Owns the contract object and the writer of the native layout; which file is where is ``layouts.py``,
what may be wrong with them ``findings.py``, what training sees ``crops.py``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from likeness.data.contract import Split
from likeness.data.inspection import Inspection
from likeness.data.source import Sample
from likeness.errors import DataError, UsageError
from likeness.geometry.array_files import write_arrays
from likeness.geometry.head_asset import HeadAsset
from likeness.media.image import save_image
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
        **options: Any,
    ) -> FaceCrops:
        """The crops of a split; none are fine but in training. Raises DataError."""
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
        return FaceCrops(chosen, settings, size=size, num_shape=num_shape)

    def check_head(self, uri: str, asset: HeadAsset) -> None:
        """The dataset's truth belongs to this head model. Raises DataError when it does not."""
        mismatch = head_mismatch(read_folder(uri), asset)
        if mismatch is not None:
            raise DataError(f"'{uri}': {mismatch.message}", advice=mismatch.advice)

    def writer(self, uri: str, **options: Any) -> FaceWriter:
        """A writer of the native layout; options: ``head`` {name, fingerprint}, ``provenance``."""
        return FaceWriter(uri, **options)


class FaceWriter:
    """Writes ``images``, ``landmarks``, ``masks``, ``truth``, ``index.jsonl``, ``identity.csv``.

    Samples are dicts with ``id``, ``image`` (H, W, 3) float32 in [0, 1], ``landmarks`` (68, 2)
    pixels, and optionally ``mask`` (H, W) uint8, ``truth`` (arrays by name), ``person``, ``split``
    and further JSON values under ``record``. The index, and with it the dataset, appears when the
    writer closes cleanly.
    """

    def __init__(
        self,
        uri: str,
        *,
        head: Mapping[str, str] | None = None,
        provenance: Mapping[str, Any] | None = None,
    ) -> None:
        self.root = Path(uri)
        if self.root.exists() and any(self.root.iterdir()):
            raise UsageError(
                f"'{self.root}' exists and is not empty; a dataset is never overwritten.",
                advice="Choose another folder, or remove this one.",
            )
        self._head, self._provenance = head, provenance or {}
        self._rows: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> FaceWriter:
        try:
            for name in ("images", "landmarks"):
                (self.root / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"Cannot write a dataset to '{self.root}': {error.strerror}."
            ) from error
        return self

    def write(self, sample: Sample) -> None:
        """Add a photograph. Raises ValueError when the landmarks are not (68, 2) finite numbers."""
        name = str(sample["id"])
        if name in self._rows or "/" in name or name.startswith("."):
            raise ValueError(f"the id '{name}' is taken or not a plain file name")
        points = np.asarray(sample["landmarks"], np.float32)
        if points.shape != (68, 2) or not np.isfinite(points).all():
            raise ValueError(f"landmarks of '{name}' must be (68, 2) finite numbers")
        image = sample["image"]
        save_image(self.root / "images" / f"{name}.png", image)
        np.save(self.root / "landmarks" / f"{name}.npy", points)
        if sample.get("mask") is not None:
            self._save_mask(name, sample["mask"])
        if sample.get("truth") is not None:
            (self.root / "truth").mkdir(exist_ok=True)
            arrays = {k: np.asarray(v) for k, v in sample["truth"].items()}
            write_arrays(self.root / "truth" / f"{name}.npz", arrays, {})
        row = {"id": name, "width": image.shape[1], "height": image.shape[0]}
        row |= {k: sample[k] for k in ("person", "split") if sample.get(k) is not None}
        self._rows[name] = {**row, **sample.get("record", {})}

    def _save_mask(self, name: str, mask: np.ndarray) -> None:
        from PIL import Image

        (self.root / "masks").mkdir(exist_ok=True)
        Image.fromarray(np.asarray(mask, np.uint8)).save(self.root / "masks" / f"{name}.png")

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is not None:
            return
        rows = sorted(self._rows.values(), key=lambda row: row["id"])
        persons = "".join(f"{r['id']},{r['person']}\n" for r in rows if "person" in r)
        if persons:
            self._put("identity.csv", "id,person\n" + persons)
        if self._head is not None:
            self._put("head.json", json.dumps(dict(self._head), indent=2))
        provenance = {
            "made": date.today().isoformat(),
            "photographs": len(rows),
            **self._provenance,
        }
        self._put("provenance.json", json.dumps(provenance, indent=2, ensure_ascii=False))
        self._put("index.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    def _put(self, name: str, text: str) -> None:
        temporary = self.root / f".{name}.tmp"
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, self.root / name)


CONTRACT = FaceContract()
