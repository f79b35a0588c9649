"""What each resume of a run ran on: the list ``resumed`` of its ``environment.json``.

The file keeps the circumstances a run began with; those of each resume are added behind them. What
circumstances are is ``environment.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from likeness.errors import DataError, LikenessError, MissingError

from .run import Run

logger = logging.getLogger(__name__)


def note_resume(run: Run, circumstances: Mapping[str, Any], *, step: int) -> None:
    """Add what a resume runs on to ``environment.json``; a damaged file is left with a warning.

    Args:
        circumstances: as :func:`.environment.environment` tells them.
        step: the optimiser step it goes on from.
    """
    try:
        known = run.read("environment")
    except MissingError:
        known = {}
    except DataError as error:  # no reason not to go on
        logger.warning("What this resume runs on is not recorded: %s", error)
        return
    now = datetime.now(UTC).isoformat(timespec="seconds")
    entry = {"time": now, "step": step, **circumstances}
    run.write("environment", {**known, "resumed": [*resumes_of(known), entry]})


def threads_before(run: Run, step: int) -> list[int]:
    """The numbers of CPU threads that the steps before ``step`` were done with, each once.

    Steps done again by a later resume count as that one did them. Circumstances that cannot be
    read, or say nothing of threads, are left out.
    """
    try:
        known = run.read("environment")
    except LikenessError:
        return []
    found: list[int] = []
    for entry in reversed([{**known, "step": 0}, *resumes_of(known)]):
        began = entry.get("step")
        if not isinstance(began, int) or began >= step:
            continue  # nothing of it is left
        step = began
        device = entry.get("device")
        threads = device.get("threads") if isinstance(device, dict) else None
        if isinstance(threads, int) and threads not in found:
            found.append(threads)
    return found[::-1]


def resumes_of(known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The entries that an ``environment.json`` has of resumes, the first first; often none."""
    entries = known.get("resumed")
    return (
        [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    )
