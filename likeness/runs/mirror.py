"""The copy of a run in a store: made after each checkpoint, complete without the local folder.

Copies there and, on a machine that has lost the run or never had it, back. A mirror is never read
while training.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from shlex import quote

from likeness.errors import DataError, LikenessError, MissingError, UsageError
from likeness.storage.files import disk_errors, made_folder
from likeness.storage.lock import locked
from likeness.storage.store import Store, checked_key

from .checkpoint import PROGRESS_FILE, Checkpoint, checkpoints
from .mirror_note import Fault, MirrorNote
from .run import CONFIG_FILE, DESCRIPTIONS, RECORDS, STATUS_FILE, Run, step_name, steps_in

logger = logging.getLogger(__name__)


def mirror(run: Run, store: Store, *, must_succeed: bool) -> None:
    """Bring ``<system>/<run>/`` of a store up to date.

    The records at the top of the run are always copied: what describes it first, what changes
    while it trains after the checkpoints it speaks of. A checkpoint is copied once, with its
    ``progress.json`` last, so that a copy that was cut short does not count and is completed; a
    copy that was damaged is made good, and that of a step that was trained again is replaced (see
    ``mirror_note.py``). A copy that is further than the run is left alone.
    Checkpoints that are gone here go there too, once all that are here have arrived.

    Args:
        must_succeed: raise the store's error. Otherwise it is logged, since the next call makes up
            for it and training need not wait for a network.
    """
    try:
        _bring_up_to_date(run, store)
    except LikenessError as error:
        if must_succeed:
            raise _told_with(error, run, store) from error
        logger.error(
            "%s was not copied to %s; the next checkpoint tries again: %s",
            run.path,
            store.uri,
            error,
        )


def _told_with(error: LikenessError, run: Run, store: Store) -> LikenessError:
    """The error of a store, with what became of the run all the same."""
    status = run.status
    return type(error)(
        f"{run.path} is {status.status} at step {status.step}, but was not copied to {store.uri}: "
        f"{error.message}",
        advice=f"{error.advice} Then copy it with: likeness resume {quote(str(run.path))}".strip(),
        facts={"run": str(run.path), "status": status.status, "step": status.step},
    )


def _bring_up_to_date(run: Run, store: Store) -> None:
    prefix = f"{run.path.resolve().parent.name}/{run.name}"
    saved = checkpoints(run)
    there = store.versions(f"{prefix}/checkpoints/")
    newest = saved[-1].step if saved else 0
    further = [s for s in sorted(map(_step_of, there)) if s > newest]
    if further:
        raise UsageError(
            f"The copy {store.uri}/{prefix} is further (step {further[-1]}) than {run.path} (step "
            f"{newest}), and was left as it is.",
            advice="It is brought up to date once this run is as far. If it is what counts, resume "
            "it by its address instead.",
        )
    records = {path.name for path in run.path.iterdir() if path.is_file() and path.name[0] != "."}
    # First, so that no checkpoint arrives that nobody can open.
    wanted = [name for name in DESCRIPTIONS if name in records]
    note, whole = MirrorNote(run, store, prefix), []
    for checkpoint in saved:
        folder = f"checkpoints/{checkpoint.path.name}"
        lacking = note.lacking(checkpoint, there)
        record = f"{prefix}/{folder}/{PROGRESS_FILE}"
        if lacking and record in there:
            if not _may_replace(checkpoint, lacking, store):
                continue
            store.delete(record)  # first, so that no mixture counts
        whole.append(checkpoint)
        wanted += [f"{folder}/{name}" for name in lacking]
        # Which checkpoint is the best is known from its scores alone.
        scores = run.evaluation_folder(checkpoint.step) / "scores.json"
        wanted += [scores.relative_to(run.path).as_posix()] if scores.is_file() else []
    # The status first: without it a copy that is cut short here cannot be resumed.
    wanted += sorted(records.difference(DESCRIPTIONS), key=lambda name: (name != STATUS_FILE, name))
    for name in wanted:
        store.upload(run.path / name, f"{prefix}/{name}")
    # A checkpoint that cannot be read here has its only good copy there.
    kept = steps_in(run.checkpoints_path)
    here = tuple(f"{prefix}/checkpoints/{step_name(step)}/" for step in kept)
    # The record of completeness goes first, so that no half of a checkpoint counts as one.
    gone = [key for key in there if not key.startswith(here)]
    for key in sorted(gone, key=lambda key: not key.endswith(PROGRESS_FILE)):
        store.delete(key)
    note.note(whole)


def _may_replace(checkpoint: Checkpoint, lacking: Mapping[str, Fault], store: Store) -> bool:
    """Whether a checkpoint here may take the place of its copy: it is whole itself."""
    faults = {name: fault for name, fault in lacking.items() if name != PROGRESS_FILE} or lacking
    if set(faults.values()) == {"unverified"}:
        found, why = "cannot be verified", "the store has no checksum of it"
    else:
        found, why = "differs from it", "it was damaged there or the step was trained again"
    try:
        checkpoint.verify()
    except DataError as error:
        logger.warning("Its copy in %s %s, but is left as it is: %s", store.uri, found, error)
        return False
    logger.warning(
        "The copy of %s in %s %s, because %s (%s): it is copied again.",
        *(checkpoint.path, store.uri, found, why, ", ".join(faults)),
    )
    return True


def _step_of(key: str) -> int:
    """The step of a complete checkpoint whose record has this key; -1 for other files."""
    path = PurePosixPath(key)
    number = path.parent.name.removeprefix("step-")
    return int(number) if path.name == PROGRESS_FILE and number.isdigit() else -1


def restore(store: Store, runs: str | Path) -> Run:
    """Bring the copy of a run back as ``<runs>/<system>/<run>``.

    Args:
        store: of the copy itself, ``…/<system>/<run>``.
        runs: the folder of runs here.

    Raises:
        MissingError: there is no copy of a run, or it is not complete; nothing is brought.
        UsageError: the run is here already; it is not overwritten.
    """
    keys = [checked_key(key) for key in store.list()]
    if CONFIG_FILE not in keys:
        raise MissingError(
            f"Expected the copy of a run at {store.uri}, found {len(keys)} files there, but no "
            f"{CONFIG_FILE}.",
            advice="Name the folder of one run: <storage.mirror>/<system>/<run>.",
        )
    lacking = [name for name in RECORDS if name not in keys]
    if lacking:
        raise MissingError(
            f"The copy {store.uri} is not complete: it lacks {', '.join(lacking)}.",
            advice="Complete it where the run was trained: likeness resume <folder of the run>.",
        )
    system, name = PurePosixPath(store.uri.rstrip("/")).parts[-2:]
    path = Path(runs) / system / name
    _refuse_present(path, store)
    arriving = path.with_name(f".{name}.arriving")
    with disk_errors(arriving, "copy the run"), made_folder(path.parent):
        arriving.mkdir(parents=True, exist_ok=True)  # there after a copy that was killed
        try:
            with locked(arriving):
                _refuse_present(path, store)  # it may have arrived by another process
                _fetch(store, keys, arriving)
                arriving.rename(path)
        except BlockingIOError as error:
            raise UsageError(
                f"{store.uri} is being copied to {path} by another process.",
                advice=f"Wait for it, then continue with: likeness resume {quote(str(path))}",
            ) from error
    logger.info("Copied %s to %s.", store.uri, path)
    return Run(path)


def fetch_records(store: Store, folder: Path) -> Run | None:
    """What describes the copy of a run and its checkpoints, without weights, as a run in a folder.

    None where it is no complete copy, which :func:`restore` tells of.
    """
    keys = [checked_key(key) for key in store.list()]
    if any(name not in keys for name in RECORDS):
        return None
    for key in keys:
        if key in RECORDS or _step_of(key) >= 0:
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            store.download(key, folder / key)
    return Run(folder)


def _refuse_present(path: Path, store: Store) -> None:
    if path.exists():
        raise UsageError(
            f"{path} exists already, so {store.uri} was not copied over it.",
            advice="Name another folder with --runs, or continue what is here with: likeness "
            f"resume {quote(str(path))}",
        )


def _fetch(store: Store, keys: list[str], arriving: Path) -> None:
    """Bring files into an empty folder, which goes if that fails.

    A checkpoint with a damaged file is left out: the one before it is what the run goes on from.
    """
    damaged: dict[PurePosixPath, DataError] = {}
    checkpoints_there = {PurePosixPath(key).parent for key in keys if _step_of(key) >= 0}
    try:
        for leftover in arriving.iterdir():
            shutil.rmtree(leftover) if leftover.is_dir() else leftover.unlink()
        for key in keys:
            folder = PurePosixPath(key).parent
            if folder in damaged:
                continue
            (arriving / key).parent.mkdir(parents=True, exist_ok=True)
            try:
                store.download(key, arriving / key)
            except DataError as error:
                if folder not in checkpoints_there:
                    raise
                logger.warning("This checkpoint is left out: %s", error)
                damaged[folder] = error
                shutil.rmtree(arriving / folder)
        if damaged and checkpoints_there == set(damaged):
            raise next(iter(damaged.values()))
    except BaseException:
        shutil.rmtree(arriving, ignore_errors=True)
        raise
