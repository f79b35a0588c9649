"""Checkpoints of a run: saved whole or not at all, verified when loaded.

Owns the folder and its files. Which checkpoint is used or kept is ``selection.py``; what training
puts in and takes out is ``training/restore.py``.
"""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.replacement import PART, flush_to_disk, replacing
from likeness.storage.files import disk_errors, sha256_of

from .files import read_json, write_json
from .run import RECORDS, Run, steps_in

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

FORMAT = 1
"""Number of the checkpoint layout; a reader refuses a newer one."""

PROGRESS_FILE = "progress.json"
_TEMPORARY = ".part-"


@dataclass(frozen=True)
class Progress:
    """Where a run was when the checkpoint was taken. JSON values only."""

    step: int
    """Optimiser steps done."""
    stage: str
    """Name of the stage of the last step done."""
    stage_first_step: int
    samples_seen: int
    """Over all processes."""
    seed: int
    sampling: str
    optimizer: str
    batch_size: int
    """Samples per micro-batch and process in that stage."""
    accumulation: int
    world_size: int
    updates: int
    """Steps whose update was applied: ``step`` minus those skipped for non-finite numbers."""
    skipped_in_row: int = 0
    recording: tuple[dict[str, tuple[float, int]], ...] = ()
    """Sums and counts of the unfinished logging interval, one table per process."""
    best_score: str | None = None
    """Name of the score that decides which checkpoint is the best."""
    fingerprint: str = ""
    """Of the configuration."""
    data: str = ""
    """Fingerprint of the training data."""
    format: int = FORMAT
    sha256: dict[str, str] = field(default_factory=dict)
    """File name to hash, for every other file of the folder."""

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Progress:
        """The inverse of ``asdict`` after a trip through JSON."""
        unknown = set(values) - {f.name for f in fields(Progress)}
        if unknown:
            raise ValueError(f"unknown entries {sorted(unknown)}")
        recording = tuple(
            {name: (float(total), int(count)) for name, (total, count) in table.items()}
            for table in values.get("recording", ())
        )
        return Progress(**{**values, "recording": recording})


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint folder."""

    path: Path
    progress: Progress

    @property
    def step(self) -> int:
        return self.progress.step

    @property
    def has_ema(self) -> bool:
        return "ema.safetensors" in self.progress.sha256

    @property
    def hash(self) -> str:
        """SHA-256 of ``trainable.safetensors``: names the weights."""
        return self.progress.sha256["trainable.safetensors"]

    def verify(self) -> None:
        """Compare every file with its recorded hash.

        Raises:
            DataError: a file is missing or differs; the message names it.
        """
        for name, expected in self.progress.sha256.items():
            file = self.path / name
            if not file.is_file():
                raise DataError(f"The checkpoint {self.path} is damaged: {name} is missing.")
            found = sha256_of(file)
            if found != expected:
                raise DataError(
                    f"The checkpoint {self.path} is damaged: {name} has SHA-256 {found[:12]}…, "
                    f"expected {expected[:12]}…."
                )

    def weights(self, *, ema: bool = False) -> dict[str, Tensor]:
        """Tensors by "group.name" on the CPU: parameters and buffers of the trainable modules.

        Args:
            ema: the running average instead of the last values.

        Raises:
            MissingError: the average is asked for and the run keeps none.
        """
        from safetensors.torch import load_file

        if ema and not self.has_ema:
            raise MissingError(
                f"The checkpoint {self.path} holds no average of the weights (ema.safetensors).",
                advice="Use the last weights (ema=False), or train with train.ema_decay > 0.",
            )
        path = self.path / ("ema.safetensors" if ema else "trainable.safetensors")
        with _readable(path):
            return load_file(path)

    def optimizer(self) -> dict[str, Any]:
        """What the optimiser needs to continue, on the CPU.

        Raises:
            UnsafeFileError: the file holds something else than tensors and plain values.
            DataError: it is damaged.
        """
        from likeness.plain_torch import load_plain

        path = self.path / "optimizer.pt"
        with _readable(path):
            loaded = load_plain(path)
        if not isinstance(loaded, dict):
            raise _foreign(path, f"it holds a {type(loaded).__name__}")
        return loaded

    def state(self) -> dict[str, Any]:
        """The system's state: JSON values and CPU tensors by name."""
        from safetensors.torch import load_file

        values = read_json(self.path / "state.json", purpose="the state of the system")
        path = self.path / "state.safetensors"
        with _readable(path):
            return {**values, **load_file(path)}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn what torch and safetensors raise on a file that is not theirs into an error."""
    try:
        yield
    except UnpicklingError as error:
        # Its text is long and names the ways around the check, which are none.
        raise UnsafeFileError(
            f"{path} holds something else than tensors and plain values, which could run code; "
            "it was not loaded.",
            advice=_ANOTHER,
        ) from error
    except Exception as error:  # a damaged archive surfaces as any of a dozen types
        raise _foreign(path, f"{type(error).__name__}: {error}") from error


_ANOTHER = "Restore the checkpoint from a copy, or remove its folder to use the one before it."


def _foreign(path: Path, found: str) -> DataError:
    return DataError(f"{path} is damaged: {found}.", advice=_ANOTHER)


def save(
    run: Run,
    progress: Progress,
    *,
    weights: Mapping[str, Tensor],
    optimizer: Mapping[str, Any],
    state: Mapping[str, Any],
    ema: Mapping[str, Tensor] | None = None,
) -> Checkpoint:
    """Write ``checkpoints/step-…`` so that it exists completely or not at all.

    Everything is written to a temporary sibling, flushed to the disk, hashed into ``progress.json``
    and renamed. Left-overs of a run that was killed are removed first.

    Args:
        weights: "group.name" to tensor.
        state: the system's state, JSON values and tensors by name.

    Raises:
        UsageError: the disk is full or cannot be written; the folder is left as it was.
        TypeError: ``state`` holds something that is neither JSON nor a tensor.
    """
    values, tensors = _split(state)
    folder = run.checkpoints_path
    target = run.checkpoint_folder(progress.step)
    temporary = folder / f"{_TEMPORARY}{target.name}"
    try:
        with disk_errors(target, "save a checkpoint"):
            folder.mkdir(exist_ok=True)
            clean(run)
            temporary.mkdir()
            complete = _write(temporary, progress, weights, optimizer, values, tensors, ema)
            if target.exists():
                discard(target)
            temporary.rename(target)
            flush_to_disk(folder)
    except Exception:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Checkpoint(target, complete)


def _write(
    folder: Path,
    progress: Progress,
    weights: Mapping[str, Tensor],
    optimizer: Mapping[str, Any],
    values: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    ema: Mapping[str, Tensor] | None,
) -> Progress:
    """All files of a checkpoint, flushed; returns the progress with their hashes."""
    import torch
    from safetensors.torch import save_file

    parts = {"trainable": weights, "state": tensors} | ({} if ema is None else {"ema": ema})
    for name, part in parts.items():
        with replacing(folder / f"{name}.safetensors") as path:
            save_file(_own_memory(part), path)
    with open(folder / "optimizer.pt", "wb") as file:
        torch.save(dict(optimizer), file)
    (folder / "state.json").write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
    files = sorted(folder.iterdir())
    for path in files:
        flush_to_disk(path)
    hashes = {path.name: sha256_of(path) for path in files}
    complete = replace(progress, format=FORMAT, sha256=hashes)
    write_json(folder / PROGRESS_FILE, asdict(complete))
    return complete


def clean(run: Run) -> None:
    """Remove what a killed run left half written: folders of checkpoints and records."""
    for leftover in run.checkpoints_path.glob(f"{_TEMPORARY}*"):
        logger.info("Removing %s, left by a run that was killed.", leftover)
        shutil.rmtree(leftover)
    for name in RECORDS:  # of which whoever trains is the only writer
        for unfinished in run.path.glob(f".{name}.*{PART}"):
            logger.info("Removing %s, left by a run that was killed.", unfinished)
            unfinished.unlink(missing_ok=True)


def has_checkpoints(run: Run) -> bool:
    """Whether one was ever completed, readable or not."""
    steps = steps_in(run.checkpoints_path)
    return any((run.checkpoint_folder(step) / PROGRESS_FILE).is_file() for step in steps)


def checkpoints(run: Run) -> list[Checkpoint]:
    """The complete checkpoints of a run by step, ascending. Hashes are not verified here.

    One whose ``progress.json`` cannot be read is reported with a warning and left out.

    Raises:
        DataError: a checkpoint was written by a newer version.
    """
    found = []
    for step in steps_in(run.checkpoints_path):
        path = run.checkpoint_folder(step)
        if not (path / PROGRESS_FILE).is_file():
            continue
        try:
            found.append(Checkpoint(path, _read_progress(path / PROGRESS_FILE)))
        except (ValueError, TypeError, KeyError) as error:
            logger.warning("The checkpoint %s is damaged: %s: %s.", path, PROGRESS_FILE, error)
    return found


def _read_progress(path: Path) -> Progress:
    values = json.loads(path.read_text(encoding="utf-8"))
    if values["format"] > FORMAT:
        raise DataError(
            f"{path} has checkpoint format {values['format']}; this version reads up to {FORMAT}.",
            advice="Update the package.",
        )
    return Progress.from_dict(values)


def _split(state: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """JSON values and tensors of a system's state."""
    from torch import Tensor

    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    values = {name: value for name, value in state.items() if name not in tensors}
    for name, value in values.items():
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"state()['{name}'] must be a tensor or a JSON value, found "
                f"{type(value).__name__}: {error}"
            ) from error
    return values, tensors


def _own_memory(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Contiguous copies that share no memory, as the file format asks."""
    return {name: t.detach().to("cpu", copy=True).contiguous() for name, t in tensors.items()}


def discard(path: Path) -> None:
    """Remove a checkpoint folder such that it is never seen half removed."""
    doomed = path.with_name(f"{_TEMPORARY}removed-{path.name}")
    if doomed.exists():
        shutil.rmtree(doomed)
    path.rename(doomed)
    shutil.rmtree(doomed)


def group_of(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What stands below ``name.`` in the flat names of a checkpoint, without that beginning."""
    start = f"{name}."
    return {k.removeprefix(start): v for k, v in values.items() if k.startswith(start)}


def weights_digest(values: Mapping[str, Tensor]) -> str:
    """SHA-256 (64 hexadecimal digits) over the names and the bytes of tensors, such as a
    ``state_dict()``; their order does not matter."""
    digest = hashlib.sha256()
    for name, value in sorted(values.items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
