"""What resuming a run finds, and refuses, before anything of it is done.

In which order a resume does things is ``workflow.py``; of finished runs alone is ``finished.py``.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from likeness.assembly import configuration_of, storage_from_environment
from likeness.checks import Resumption
from likeness.config.resolve import Resolved
from likeness.errors import LikenessError, UsageError
from likeness.finished import nothing_left
from likeness.runs.run import Run
from likeness.storage.opening import open_store
from likeness.storage.store import Store

if TYPE_CHECKING:
    from likeness.runs.checkpoint import Checkpoint


class Resumed(NamedTuple):
    """A run that was to go on."""

    run: Run
    nothing_to_do: str
    """How to train it longer, where it was finished and no step was done; else empty."""


class Found(NamedTuple):
    """What a resume finds before it does anything."""

    before: Resolved
    saved: Sequence[Checkpoint]
    change: Resumption
    settings: Resolved
    reached: int | None
    """The step at which the run was finished; None where it was not, or cannot be told."""
    done: str
    """What is said where there is nothing to do; else empty."""


def look_at(run: Run, overrides: Sequence[str]) -> Found:
    """A run, and what the words of the caller make of it.

    Raises:
        UsageError: the words have faults, so that nothing can be planned.
        MissingError: its checkpoints are gone.
    """
    from likeness.runs import selection
    from likeness.runs.checkpoint import checkpoints

    before = configuration_of(run)
    selection.check_kept(run)
    saved = checkpoints(run)
    change = Resumption(before, overrides, saved[-1].progress if saved else None)
    settings = change.settings()
    done = "" if change.is_refused else nothing_left(run, before, settings, saved)
    return Found(before, saved, change, settings, _finished_step(run), done)


def fetch_run(uri: str, runs: str | Path, overrides: Sequence[str] = ()) -> Run:
    """The run of which ``storage.mirror`` made the copy at ``uri``, brought to ``runs``.

    Args:
        overrides: words of the command line; those on ``storage`` say how to fetch it.

    Raises:
        UsageError: words are wrong, which is told before it is fetched, or it is here already.
        MissingError: there is no copy of a run, or it is not complete.
    """
    from likeness.runs.mirror import restore

    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            f"{uri} would be fetched by every process of the launcher at once.",
            advice="Copy the run to this machine first, and resume the copy by its path.",
        )
    words = [word for word in overrides if word.startswith("storage.")]
    store = open_store(uri, settings=storage_from_environment(words=words))
    _refuse_words(store, overrides)
    return restore(store, runs)


def _refuse_words(store: Store, overrides: Sequence[str]) -> None:
    """Refuse words for a run that lies in a store, from its records alone: before it is fetched.

    What is wrong with the copy itself is told where it is fetched.

    Args:
        store: of the copy itself, ``…/<system>/<run>``.

    Raises:
        UsageError: names everything that is wrong with them.
    """
    from likeness.runs.checkpoint import checkpoints
    from likeness.runs.mirror import fetch_records

    with TemporaryDirectory() as folder:
        run = fetch_records(store, Path(folder)) if overrides else None
        if run is None:
            return
        try:
            before, saved = configuration_of(run), checkpoints(run)
        except LikenessError:
            return
        change = Resumption(before, overrides, saved[-1].progress if saved else None)
        change.settings()
        change.refuse()


def _finished_step(run: Run) -> int | None:
    try:
        status = run.status
    except LikenessError:
        return None
    return status.step if status.status == "finished" else None
