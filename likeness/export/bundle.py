"""Bundle: an exported model as a folder that has proved it equals the model it came from.

A bundle holds the weights, ``manifest.json`` (what it is, its inputs, outputs and state, where it
came from, a hash of every file), ``parity.json`` (how far it is from the source) and ``parity.npz``
(the inputs and the source's outputs, so that anyone can repeat the proof). Owns the folder; how a
model is written is the exporter's business (:mod:`.onnx`, :mod:`.safetensors`).
"""

from __future__ import annotations

import json
import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from likeness.errors import DataError, UnsafeFileError, UsageError
from likeness.export.safetensors import read_tensors, write_tensors
from likeness.export.workplace import take_place, workplace
from likeness.notices import NOTICE
from likeness.storage.files import disk_refusals, sha256_of
from likeness.storage.json_files import load_json

logger = logging.getLogger(__name__)

FORMAT = "likeness.bundle/1"
_PACKAGES = ("likeness", "torch", "numpy", "safetensors", "onnx", "onnxscript", "onnxruntime")
_KEYS = frozenset(
    ("format", "system", "target", "inputs", "outputs", "state", "source", "software", "files")
)

ModelFunction = Callable[..., Mapping[str, Any]]
"""Named arrays in, named arrays (or CPU tensors) out."""


@dataclass(frozen=True)
class Port:
    """One input or output of an exported model."""

    name: str
    shape: tuple[int | str, ...]
    """Lengths; a text names one that may change, e.g. ``("batch", 3, 224, 224)``."""
    dtype: str
    meaning: str
    """What it is, with unit and convention, one phrase."""
    range: tuple[float, float] | None = None
    """Smallest and largest meaningful value."""
    rate: float | None = None
    """Samples or frames per second, for what runs in time."""


@dataclass(frozen=True)
class Difference:
    """How far one output of the exported model is from the source's, over all samples."""

    output: str
    largest_absolute: float
    largest_relative: float
    """``largest_absolute`` over the largest magnitude of this output."""


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk; get one from :func:`write_bundle` or :meth:`open`."""

    folder: Path
    manifest: dict[str, Any]

    @staticmethod
    def open(folder: str | Path) -> Bundle:
        """Read a bundle and check every file against its hash.

        Raises:
            DataError: no manifest (no bundle, or one whose parity failed), another format, or a
                file that is missing or was changed.
            UnsafeFileError: the manifest names a file outside the folder.
        """
        folder = Path(folder)
        try:
            manifest = load_json(folder / "manifest.json")
        except (OSError, ValueError) as error:
            raise DataError(
                f"Expected a bundle at {folder}; its manifest.json cannot be read: {error}.",
                advice="Export the run again. A bundle has a manifest only once its parity held.",
            ) from error
        manifest = manifest if isinstance(manifest, dict) else {}
        found = manifest.get("format")
        if found != FORMAT or not manifest.keys() >= _KEYS:
            raise DataError(
                f"The manifest of {folder} has the format {found!r} and the keys "
                f"{sorted(manifest)}; expected {FORMAT!r} and {sorted(_KEYS)}.",
                advice="Export the run again with this version.",
            )
        for name, facts in manifest["files"].items():
            _verify(folder, name, facts["sha256"])
        return Bundle(folder, manifest)

    @property
    def system(self) -> str:
        return str(self.manifest["system"])

    @property
    def target(self) -> str:
        return str(self.manifest["target"])

    @property
    def inputs(self) -> tuple[Port, ...]:
        return tuple(_port(row) for row in self.manifest["inputs"])

    @property
    def outputs(self) -> tuple[Port, ...]:
        return tuple(_port(row) for row in self.manifest["outputs"])

    @property
    def state(self) -> dict[str, Any]:
        """What inference needs besides weights: JSON values, and tensors by name."""
        tensors = self.folder / "state.safetensors"
        stored = "state.safetensors" in self.manifest["files"]
        return {**self.manifest["state"], **(read_tensors(tensors) if stored else {})}

    @property
    def options(self) -> dict[str, Any]:
        """What was asked of the export; nothing in bundles that were written without."""
        return dict(self.manifest.get("options", {}))

    @property
    def parity(self) -> tuple[Difference, ...]:
        """The differences measured when the bundle was written."""
        rows = load_json(self.folder / "parity.json")["outputs"]
        return tuple(Difference(**row) for row in rows)

    def samples(self) -> list[tuple[dict[str, np.ndarray], dict[str, np.ndarray]]]:
        """The saved inputs and what the source model answered to each."""
        pairs: dict[int, tuple[dict[str, np.ndarray], dict[str, np.ndarray]]] = {}
        with np.load(self.folder / "parity.npz", allow_pickle=False) as arrays:
            for key in arrays.files:
                number, kind, name = key.split("/", 2)
                pair = pairs.setdefault(int(number), ({}, {}))
                pair[kind == "output"][name] = arrays[key]
        return [pairs[number] for number in sorted(pairs)]


def write_bundle(
    folder: str | Path,
    *,
    system: str,
    target: str,
    write_model: Callable[[Path], None],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    state: Mapping[str, Any],
    source_run: str,
    checkpoint_sha256: str,
    reference: ModelFunction,
    exported: Callable[[Path], ModelFunction],
    samples: Sequence[Mapping[str, np.ndarray]],
    tolerance: float,
    options: Mapping[str, Any] | None = None,
) -> Bundle:
    """Export a model, run it beside its source, and keep it only if both agree.

    Everything is written to a sibling folder that takes the place of ``folder`` at the end. On
    any failure nothing is left behind, and an older bundle stays as it was.

    Args:
        folder: where the bundle goes; may hold an older bundle, which is replaced.
        write_model: writes the model's files into the folder it is given.
        state: what inference needs besides weights; JSON values and tensors or arrays.
        source_run, checkpoint_sha256: where the weights came from.
        reference: the model in training form.
        exported: opens what ``write_model`` wrote in the folder it is given, as a function.
        samples: inputs by name for the proof, at least one.
        tolerance: largest difference allowed in any output, as a fraction of the largest magnitude
            of that output of the reference.
        options: what was asked of the export, for the manifest; JSON values.

    Raises:
        UsageError: ``folder`` holds something that is no bundle.
        DataError: the outputs differ by more than ``tolerance`` or in names or shapes, or are not
            finite; the message has the numbers.
    """
    folder = Path(folder)
    if not samples:
        raise ValueError("parity needs at least one sample")
    if folder.exists() and not _is_replaceable(folder):
        raise UsageError(
            f"{folder} exists and is not a bundle.", advice="Choose another folder, or remove it."
        )
    with disk_refusals(folder, "write the bundle"), workplace(folder) as work:
        write_model(work)
        values, tensors = _split_state(state)
        if tensors:
            write_tensors(work / "state.safetensors", tensors)
        differences, arrays = _measure(reference, exported(work), outputs, samples)
        _require_parity(differences, tolerance, system, target)
        np.savez(work / "parity.npz", allow_pickle=False, **arrays)
        _write_json(
            work / "parity.json",
            {
                "samples": len(samples),
                "tolerance": tolerance,
                "outputs": [asdict(difference) for difference in differences],
            },
        )
        manifest = {
            "format": FORMAT,
            "system": system,
            "target": target,
            "inputs": [asdict(port) for port in inputs],
            "outputs": [asdict(port) for port in outputs],
            "state": values,
            "options": dict(options or {}),
            "source": {"run": source_run, "checkpoint_sha256": checkpoint_sha256},
            "software": _software(),
            "files": _hashes(work),
        }
        _write_json(work / "manifest.json", manifest)
        is_again = (folder / "manifest.json").is_file()
        take_place(work, folder)
    if is_again:
        logger.log(NOTICE, "%s held an older bundle, which this one replaces.", folder)
    return Bundle.open(folder)


def measure_parity(bundle: Bundle, function: ModelFunction) -> tuple[Difference, ...]:
    """Repeat a bundle's proof with another way of running it, on its saved inputs and answers."""
    pairs = bundle.samples()
    answers = iter([answer for _, answer in pairs])
    differences, _ = _measure(
        lambda **_: next(answers), function, bundle.outputs, [inputs for inputs, _ in pairs]
    )
    return tuple(differences)


def _measure(
    reference: ModelFunction,
    function: ModelFunction,
    outputs: Sequence[Port],
    samples: Sequence[Mapping[str, np.ndarray]],
) -> tuple[list[Difference], dict[str, np.ndarray]]:
    """Differences per output over all samples, and the arrays of ``parity.npz``."""
    largest = {port.name: 0.0 for port in outputs}
    magnitude = dict(largest)
    arrays: dict[str, np.ndarray] = {}
    for number, sample in enumerate(samples):
        expected, found = reference(**sample), function(**sample)
        for name, value in sample.items():
            arrays[f"{number}/input/{name}"] = np.asarray(value)
        for name in largest:
            missing = [
                who for who, got in (("source", expected), ("export", found)) if name not in got
            ]
            if missing:
                raise DataError(f"The {missing[0]} gave no output '{name}'.")
            truth, value = _array(expected[name]), _array(found[name])
            if truth.shape != value.shape:
                raise DataError(
                    f"Output '{name}' of the export has shape {value.shape}, "
                    f"of the source {truth.shape}."
                )
            if not (np.isfinite(truth).all() and np.isfinite(value).all()):
                raise DataError(f"Output '{name}' has values that are not finite.")
            arrays[f"{number}/output/{name}"] = truth
            difference = np.abs(truth.astype(np.float64) - value.astype(np.float64))
            largest[name] = max(largest[name], float(difference.max(initial=0.0)))
            magnitude[name] = max(magnitude[name], float(np.abs(truth).max(initial=0)))
    return [
        Difference(name, value, value / magnitude[name] if magnitude[name] else value)
        for name, value in largest.items()
    ], arrays


def _require_parity(
    differences: Sequence[Difference], tolerance: float, system: str, target: str
) -> None:
    failed = [d for d in differences if d.largest_relative > tolerance]
    if failed:
        rows = "; ".join(
            f"'{d.output}' differs by {d.largest_absolute:.3g}, "
            f"{d.largest_relative:.3g} of its magnitude"
            for d in failed
        )
        raise DataError(
            f"The {target} export of {system} does not equal the model it came from: {rows} "
            f"(allowed: {tolerance:.3g}). No bundle was written.",
            advice="Export in float32, or report the operation that differs.",
        )


def _split_state(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    values: dict[str, Any] = {}
    tensors: dict[str, Tensor] = {}
    for name, value in state.items():
        if isinstance(value, (Tensor, np.ndarray)):
            tensors[name] = torch.as_tensor(value)
        else:
            values[name] = value
    return values, tensors


def _array(value: Any) -> np.ndarray:
    return value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)


def _port(row: Mapping[str, Any]) -> Port:
    limits = row["range"]
    return Port(**{**row, "shape": tuple(row["shape"]), "range": tuple(limits) if limits else None})


def _hashes(folder: Path) -> dict[str, dict[str, Any]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256_of(path),
            "bytes": path.stat().st_size,
        }
        for path in files
    }


def _verify(folder: Path, name: str, expected: str) -> None:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UnsafeFileError(f"The manifest of {folder} names '{name}', outside its folder.")
    if not path.is_file():
        raise DataError(f"{folder} lacks '{name}'.", advice="Copy it again, or export again.")
    found = sha256_of(path)
    if found != expected:
        raise DataError(
            f"{path} was changed after the export: its SHA-256 begins with {found[:12]}, the "
            f"manifest says {expected[:12]}.",
            advice="Do not use it; copy it again, or export again.",
        )


def _software() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False), "utf-8")


def _is_replaceable(folder: Path) -> bool:
    """An empty folder, or one that holds a bundle of any version."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return not names or {"manifest.json", "parity.json"} <= names
