"""What a person does with a dataset: make a studio set, prepare raw material, inspect either.

The command line and notebooks call the same functions. What is done with a system on top of a
dataset is ``workflow.py``.
"""

from __future__ import annotations

import inspect as introspection
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from typing import Any

from likeness.assembly import checked_options, local_input, storage_from_environment
from likeness.data.inspection import Inspection
from likeness.data.making import Progress, is_unfinished
from likeness.data.record import is_recorded
from likeness.data.rounding import one_thread
from likeness.data.workers import refuse_import_by_worker
from likeness.errors import UsageError
from likeness.inspecting import inspect_dataset
from likeness.seeds import check_seed
from likeness.storage.files import disk_refusals, read_only_told
from likeness.storage.store import local_folder, local_path
from likeness.systems import get_system


def make_data(
    system: str,
    out: str | Path,
    *,
    people: int = 32,
    seed: int = 0,
    progress: Progress | None = None,
    **options: Any,
) -> Inspection:
    """Write studio data as the system expects it, unless this call has made it, and look at it.

    Args:
        people: how many different people.
        seed: decides who they are; 0 or more.
        progress: is told how much of how much is made.
        options: of the system's studio set.
    """
    spec = get_system(system)
    if people < 1:
        raise UsageError(
            f"Expected at least one person, found people={people}.",
            advice="Set --people 1 or more.",
        )
    check_seed(seed)
    _check_empty(out)
    function = spec.load("studio")
    chosen = checked_options(function, options, "studio data", taken=1)
    told = _with_progress(function, chosen, progress)
    with _written(out), one_thread():
        inspection: Inspection = function(str(out), people=people, seed=seed, **told)
    return inspection


def prepare_data(
    system: str,
    source: str | Path,
    out: str | Path,
    *,
    progress: Progress | None = None,
    **options: Any,
) -> Inspection:
    """Turn raw material into a dataset of a system, unless this call has done it, and look at it.

    See :func:`make_data`.
    """
    spec = get_system(system)
    if spec.prepare is None:
        raise UsageError(
            f"{system} takes its data as it is; there is nothing to prepare.",
            advice=f"Look at it with: likeness data inspect {system} {quote(str(source))}",
        )
    given = local_input(source, "Datasets are prepared", "IN")
    _check_empty(out)
    function = spec.load("prepare")
    chosen = checked_options(function, options, "preparation", taken=2)
    told = _with_progress(function, chosen, progress)
    with _written(out), one_thread():
        inspection: Inspection = function(str(given), str(local_path(out)), **told)
    return inspection


def inspect_data(system: str, uri: str | Path) -> Inspection:
    """Counts, problems and advice for a dataset. Bad data gives findings, not exceptions."""
    return inspect_dataset(get_system(system), str(uri), storage_from_environment())


@contextmanager
def _written(out: str | Path) -> Iterator[None]:
    """Say what a disk refuses to a dataset."""
    remedy = "name another folder to write"
    with read_only_told(remedy), disk_refusals(Path(out), "write the dataset"):
        yield


def _check_empty(out: str | Path) -> None:
    """Refuse to write a dataset over something other than its own unfinished beginning.

    A finished one with a record passes: who makes it compares.
    """
    refuse_import_by_worker()  # it would find what its parent has written
    folder = local_folder(out, "Datasets are written")
    if is_unfinished(folder) or is_recorded(folder):
        return
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} exists already; a dataset is never overwritten.",
            advice="Choose another folder, or remove this one.",
        )


def _with_progress(
    function: Callable[..., Any], options: Mapping[str, Any], progress: Progress | None
) -> dict[str, Any]:
    """The options, and whom to tell how far it is; (0, 0) tells it here where no function does."""
    if progress is not None and "progress" not in introspection.signature(function).parameters:
        progress(0, 0)
        progress = None
    return dict(options) if progress is None else {**options, "progress": progress}
