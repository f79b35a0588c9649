"""Checkpoints of a run: saved whole or not at all, verified when loaded, found, retained, mirrored.

Owns the folder and its files. What training puts in and takes out is ``training/state.py``.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from likeness.errors import DataError, MissingError, UsageError

from .files import disk_errors, flush_to_disk, raise_explained, sha256_of, write_json
from .run import Run, step_name, steps_in

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)

FORMAT = 1
"""Number of the checkpoint layout; a reader refuses a newer one."""

_PROGRESS = "progress.json"
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
    """Fingerprint of the configuration."""
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
        return load_file(self.path / ("ema.safetensors" if ema else "trainable.safetensors"))

    def optimizer(self) -> dict[str, Any]:
        """What the optimiser needs to continue, on the CPU."""
        import torch

        loaded: dict[str, Any] = torch.load(
            self.path / "optimizer.pt", map_location="cpu", weights_only=True
        )
        return loaded

    def state(self) -> dict[str, Any]:
        """The system's state: JSON values and CPU tensors by name."""
        from safetensors.torch import load_file

        values: dict[str, Any] = json.loads((self.path / "state.json").read_text(encoding="utf-8"))
        return {**values, **load_file(self.path / "state.safetensors")}


class Mirror(Protocol):
    """The part of a storage place a checkpoint is copied to."""

    def write(self, path: str, data: bytes) -> None: ...


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
    import torch
    from safetensors.torch import save_file

    values, tensors = _split(state)
    folder = run.checkpoints_path
    target = run.checkpoint_folder(progress.step)
    temporary = folder / f"{_TEMPORARY}{target.name}"
    try:
        folder.mkdir(exist_ok=True)
        clean(run)
        temporary.mkdir()
        save_file(_own_memory(weights), temporary / "trainable.safetensors")
        if ema is not None:
            save_file(_own_memory(ema), temporary / "ema.safetensors")
        torch.save(dict(optimizer), temporary / "optimizer.pt")
        write_json(temporary / "state.json", values)
        save_file(_own_memory(tensors), temporary / "state.safetensors")
        files = sorted(path for path in temporary.iterdir())
        for path in files:
            flush_to_disk(path)
        complete = replace(
            progress, format=FORMAT, sha256={path.name: sha256_of(path) for path in files}
        )
        write_json(temporary / _PROGRESS, asdict(complete))
        flush_to_disk(temporary / _PROGRESS)
        flush_to_disk(temporary)
        if target.exists():
            _discard(target)
        os.rename(temporary, target)
        flush_to_disk(folder)
    except Exception as error:
        shutil.rmtree(temporary, ignore_errors=True)
        raise_explained(error, target, "save a checkpoint")
    return Checkpoint(target, complete)


def clean(run: Run) -> None:
    """Remove the temporary folders that a killed run left in ``checkpoints/``."""
    for leftover in run.checkpoints_path.glob(f"{_TEMPORARY}*"):
        logger.info("Removing %s, left by a run that was killed.", leftover)
        shutil.rmtree(leftover)


def checkpoints(run: Run) -> list[Checkpoint]:
    """The complete checkpoints of a run by step, ascending. Hashes are not verified here.

    One whose ``progress.json`` cannot be read is reported with a warning and left out.

    Raises:
        DataError: a checkpoint was written by a newer version.
    """
    found = []
    for step in steps_in(run.checkpoints_path):
        path = run.checkpoint_folder(step)
        if not (path / _PROGRESS).is_file():
            continue
        try:
            found.append(Checkpoint(path, _read_progress(path / _PROGRESS)))
        except (ValueError, TypeError, KeyError) as error:
            logger.warning("The checkpoint %s is damaged: %s: %s.", path, _PROGRESS, error)
    return found


def find(
    run: Run, which: Literal["latest", "best"] | int = "latest", *, score: str | None = None
) -> Checkpoint:
    """One checkpoint, verified.

    Args:
        which: the last one, the best by a score, or the one of a step. The best is the last when
            the run names no score or was never evaluated.
        score: the score that decides; by default the one the run was trained with
            (``train.best_score``).

    Raises:
        MissingError: there is none, or none at that step; the message lists those there are.
        DataError: the one asked for is damaged. The latest is then the last undamaged one, with a
            warning, and an error only when no undamaged one is left.
    """
    found = checkpoints(run)
    if not found:
        raise MissingError(
            f"{run.path} has no checkpoint yet; looked in {run.checkpoints_path}.",
            advice="Train it further: checkpoints are saved every train.save_every steps.",
        )
    if isinstance(which, int):
        chosen = [c for c in found if c.step == which]
        if not chosen:
            raise MissingError(
                f"{run.path} has no checkpoint at step {which}.",
                advice=f"There are: {', '.join(str(c.step) for c in found)}.",
            )
        return _verified(chosen[0], found)
    if which == "best":
        best = best_of(run, found, score or found[-1].progress.best_score)
        if best is not None:
            return _verified(best, found)
    for checkpoint in reversed(found):
        try:
            checkpoint.verify()
        except DataError as error:
            logger.warning("%s Trying the one before it.", error)
        else:
            return checkpoint
    raise DataError(
        f"Every checkpoint of {run.path} is damaged ({', '.join(str(c.step) for c in found)}).",
        advice="Restore checkpoints/ from a copy, or train again.",
    )


def best_of(run: Run, among: list[Checkpoint], score: str | None) -> Checkpoint | None:
    """The checkpoint whose evaluation has the best value of a score; the later one when equal.

    None when no score is named or no evaluation of these checkpoints has one.

    Raises:
        UsageError: evaluations exist and none has a score of that name.
    """
    if score is None:
        return None
    best: tuple[float, Checkpoint] | None = None
    names: set[str] = set()
    for checkpoint in among:
        for row in _scores(run, checkpoint.step):
            names.add(row["name"])
            if row["name"] == score:
                value = -row["value"] if row["direction"] == "lower" else row["value"]
                if best is None or value >= best[0]:
                    best = (value, checkpoint)
    if best is None and names:
        raise UsageError(
            f"No evaluation of {run.path} has a score '{score}'.",
            advice=f"There are: {', '.join(sorted(names))}.",
        )
    return best[1] if best else None


def retain(run: Run, *, keep: int, best_score: str | None = None) -> list[int]:
    """Remove all checkpoints but the last ``keep`` and the best one; returns the steps removed.

    Args:
        keep: 0 keeps all.
    """
    found = checkpoints(run)
    if keep == 0 or len(found) <= keep:
        return []
    best = best_of(run, found, best_score)
    removed = [c for c in found[:-keep] if best is None or c.step != best.step]
    with disk_errors(run.checkpoints_path, "remove old checkpoints"):
        for checkpoint in removed:
            _discard(checkpoint.path)
    return [c.step for c in removed]


def mirror(checkpoint: Checkpoint, store: Mirror, prefix: str) -> None:
    """Copy a checkpoint to ``<prefix>/step-…`` of a store; ``progress.json`` last, so that a copy
    that was cut short does not count."""
    for name in [*checkpoint.progress.sha256, _PROGRESS]:
        store.write(
            f"{prefix}/{step_name(checkpoint.step)}/{name}", (checkpoint.path / name).read_bytes()
        )


def _verified(checkpoint: Checkpoint, among: list[Checkpoint]) -> Checkpoint:
    try:
        checkpoint.verify()
    except DataError as error:
        others = [str(c.step) for c in among if c.step != checkpoint.step]
        advice = f"Use the checkpoint of another step: {', '.join(others)}." if others else ""
        raise DataError(error.message, advice=advice) from error
    return checkpoint


def _read_progress(path: Path) -> Progress:
    values = json.loads(path.read_text(encoding="utf-8"))
    if values["format"] > FORMAT:
        raise DataError(
            f"{path} has checkpoint format {values['format']}; this version reads up to {FORMAT}.",
            advice="Update the package.",
        )
    return Progress.from_dict(values)


def _scores(run: Run, step: int) -> list[dict[str, Any]]:
    path = run.evaluation_folder(step) / "scores.json"
    if not path.is_file():
        return []
    try:
        rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        logger.warning("%s is not JSON and does not count for the best checkpoint: %s", path, error)
        return []
    return rows


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


def _discard(path: Path) -> None:
    """Remove a checkpoint such that it is never seen half removed."""
    doomed = path.with_name(f"{_TEMPORARY}removed-{path.name}")
    if doomed.exists():
        shutil.rmtree(doomed)
    os.rename(path, doomed)
    shutil.rmtree(doomed)
