"""One call of the loop with what a configuration says: store, prepared inputs, display, trackers.

Owns no order of verbs; that is ``workflow.py``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from likeness.config.document import fingerprint
from likeness.config.resolve import Resolved
from likeness.runs.run import Run
from likeness.storage.files import disk_refusals
from likeness.storage.store import Store, open_store

if TYPE_CHECKING:
    from likeness.runs.record import Tracker
    from likeness.training.stage import Plan
    from likeness.training.system import System

Display = Callable[[Run, "Plan"], "Tracker | None"]
"""Makes something that is told the metrics while training, once run and plan are known."""


def check_fit(built: System, plan: Plan, resolved: Resolved) -> None:
    """Refuse what :func:`fit_run` would refuse, while there is no run to leave behind.

    Raises:
        MissingError: the extra of a tracker or of ``storage.mirror`` is not installed, or its
            bucket does not exist.
        UsageError: a mix names no source, there is nothing to evaluate on, or ``storage.mirror`` is
            no address.
        DataError: a training source has no samples.
    """
    from likeness.data.sampler import Sampler
    from likeness.data.source import Mixed
    from likeness.runs.trackers import check_installed
    from likeness.training.looking import held_out

    config = resolved.config
    check_installed(config.tracking)
    if config.storage.mirror:
        open_store(config.storage.mirror, settings=config.storage).check_writable()
    sampler = Sampler(Mixed(built.sources("train")), seed=config.train.seed)
    for planned in plan.stages:
        sampler.stage(planned.index, batch_size=planned.batch_size, mix=planned.stage.mix)
    if config.train.evaluate_every:
        held_out(built)


def fit_run(
    built: System,
    plan: Plan,
    run: Run,
    resolved: Resolved,
    *,
    resume: bool,
    display: Display | None,
) -> Run:
    """Prepare inputs that never change, then train ``built`` in ``run``."""
    from likeness.training import distributed
    from likeness.training.trainer import fit

    config = resolved.config
    is_first = distributed.current(built.placement.device).is_first
    store: Store | None = None
    if config.storage.mirror:
        store = open_store(config.storage.mirror, settings=config.storage)
    prepared = Path(config.storage.cache_folder).expanduser() / "prepared" / resolved.system
    with disk_refusals(prepared, "prepare the inputs"):
        built.prepare(prepared)
    shown = display(run, plan) if display is not None and is_first else None
    try:
        fit(
            built,
            plan,
            run,
            config.train,
            resume=resume,
            tracking=config.tracking,
            trackers=[] if shown is None else [shown],
            fingerprint=fingerprint(config),
            store=store,
        )
    finally:
        distributed.stop()
    return run


def environment_of(device: str) -> dict[str, Any]:
    """What this process runs on, for the directory of a run."""
    from likeness.runs.environment import environment

    return environment(command=[Path(sys.argv[0]).name, *sys.argv[1:]], device=device)
