"""One call of the loop with what a configuration says: store, prepared inputs, display, trackers.

Owns no order of verbs; that is ``workflow.py``.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from likeness.config.document import fingerprint, load_saved, provenance_to_dict, to_yaml
from likeness.config.overrides import environment_assignments
from likeness.config.resolve import Resolved
from likeness.data.inspection import Inspection
from likeness.errors import LikenessError, UsageError
from likeness.finished import all_done, longer
from likeness.notices import NOTICE
from likeness.runs.places import as_written
from likeness.runs.run import Document, Run
from likeness.storage.cache import CACHE_ELSEWHERE
from likeness.storage.files import disk_refusals, read_only_told
from likeness.storage.opening import open_store
from likeness.storage.store import LocalStore, Store

if TYPE_CHECKING:
    from likeness.runs.checkpoint import Checkpoint
    from likeness.runs.record import Tracker
    from likeness.training.stage import Plan
    from likeness.training.system import System

logger = logging.getLogger(__name__)

Display = Callable[[Run, "Plan"], "Tracker | None"]
"""Makes something that is told the metrics while training, once run and plan are known."""


def check_fit(built: System, plan: Plan, resolved: Resolved, runs: Path) -> None:
    """Refuse what :func:`fit_run` would refuse, while there is no run to leave behind.

    Args:
        runs: the folder of runs.

    Raises:
        MissingError: the extra of a tracker or of ``storage.mirror`` is not installed, or its
            bucket does not exist.
        UsageError: a mix names no source, there is nothing to evaluate on, or ``storage.mirror`` is
            no address, or the folder of runs.
        DataError: a training source has no samples.
    """
    from likeness.data.sampler import Sampler
    from likeness.data.source import Mixed
    from likeness.runs.trackers import check_installed
    from likeness.training.looking import held_out

    config = resolved.config
    check_installed(config.tracking)
    if config.storage.mirror:
        store = open_store(config.storage.mirror, settings=config.storage)
        if isinstance(store, LocalStore) and store.root.resolve() == runs.resolve():
            raise UsageError(
                f"storage.mirror is {config.storage.mirror}, the folder of the runs themselves.",
                advice="Name another folder or an address, or null for no copies.",
            )
        with read_only_told("set storage.mirror to another place, or to null for no copies"):
            store.check_writable()
    sampler = Sampler(Mixed(built.sources("train")), seed=config.train.seed)
    for planned in plan.stages:
        mix = planned.stage.mix
        try:
            sampler.stage(planned.index, batch_size=planned.batch_size, mix=mix)
        except UsageError as error:
            if mix is None:
                raise
            raise UsageError(
                f"stages.{planned.stage.name}.mix: {error.message}",
                advice=error.advice or "Give sources ratios above 0, or null for their own sizes.",
            ) from error
    if config.train.evaluate_every:
        held_out(built)


def tell_of_device(setting: str) -> None:
    """Warn where this machine lacks ``train.device``; a plan may be looked at all the same."""
    from likeness.training import distributed

    try:
        distributed.device_of(setting)
    except LikenessError as error:
        logger.warning("Training would not begin on this machine: %s", error.message)


def copy_again(run: Run, config: Any) -> None:
    """Bring the copy of ``storage.mirror`` up to date, as a resume of a finished run does.

    Raises:
        LikenessError: of the store; the run itself is as it was.
    """
    from likeness.runs.mirror import mirror

    if config.storage.mirror:
        store = open_store(config.storage.mirror, settings=config.storage)
        with run.held():  # what a kill left takes its place
            mirror(run, store, must_succeed=True)


@contextmanager
def described_anew(
    run: Run,
    resolved: Resolved,
    plan: Plan,
    seen: Inspection | None,
    *,
    text: str,
    saved: Sequence[Checkpoint],
) -> Iterator[None]:
    """Hold a run that is to go on, and write what it goes on with.

    Args:
        seen: what was found in data that are other than before; None: they are not.
        text: its ``config.yaml`` as it was read.
        saved: its checkpoints as they were found then.

    Raises:
        UsageError: another process holds the run, or went on with it meanwhile. Nothing is written.
    """
    from likeness.runs.checkpoint import checkpoints

    with run.held():
        now = [checkpoint.step for checkpoint in checkpoints(run)]
        if run.config_yaml != text or now != [checkpoint.step for checkpoint in saved]:
            raise UsageError(
                f"Another process went on with {run.path} while this one was starting.",
                advice="Look at it with 'likeness watch', and resume it again.",
            )
        saved_config = load_saved(
            type(resolved.config), run.config_path, system=resolved.system
        ).config
        kept = replace(resolved, config=as_written(run, saved_config, resolved.config))
        before, status = run.descriptions(), _content(run.status_path)
        documents: dict[Document, Mapping[str, Any]] = {
            "provenance": provenance_to_dict(resolved),
            "plan": _with_what_ran(plan, run, now[-1] if now else 0),
        }
        if seen is not None:
            documents["inspection"] = seen.to_dict()
        run.describe_anew(to_yaml(kept), documents)
        try:
            yield
        except LikenessError:
            # Refused by what was only found out with the weights, before anything was trained.
            if _content(run.status_path) == status:
                run.put_back(before)
            raise


def _content(path: Path) -> str | None:
    """The text of a file, None where there is none or it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _with_what_ran(plan: Plan, run: Run, step: int) -> dict[str, Any]:
    """A plan to go on with after a step; stages that are done stay as they are on record.

    Settings of the loop, such as ``train.batch_size``, are those of all stages and may change.
    """
    told = plan.to_dict()
    try:
        before = run.read("plan")
        ran = {row["index"]: row for row in before["stages"]}
    except (LikenessError, KeyError, TypeError):  # damaged: written anew
        ran = {}
    told["stages"] = [
        ran.get(row["index"], row) if row["end_step"] <= step else row for row in told["stages"]
    ]
    return told


def tell_of_environment(environ: Mapping[str, str], *, is_fetched: bool = False) -> None:
    """Say that variables which set something elsewhere set nothing on a resume.

    Args:
        is_fetched: the run came from a store, and those on storage said how.
    """
    items = environment_assignments(environ, {})
    named = [i.origin.detail for i in items if not (is_fetched and i.key[0] == "storage")]
    if named:
        logger.log(
            NOTICE,
            "A resume keeps the settings of the run: %s %s nothing here. What is to change goes "
            "behind the run, as storage.endpoint_url=ADDRESS.",
            ", ".join(named),
            "sets" if len(named) == 1 else "set",
        )


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
    from likeness.runs import checkpoint, resumes, selection
    from likeness.training import distributed
    from likeness.training.trainer import fit

    config = resolved.config
    is_first = distributed.current(built.placement.device).is_first
    store: Store | None = None
    if config.storage.mirror:
        store = open_store(config.storage.mirror, settings=config.storage)
    prepared = Path(config.storage.cache_folder).expanduser() / "prepared" / resolved.system
    with read_only_told(CACHE_ELSEWHERE), disk_refusals(prepared, "prepare the inputs"):
        built.prepare(prepared)
    if resume and is_first:
        device = built.placement.device
        done = selection.find(run).step if checkpoint.has_checkpoints(run) else 0
        _tell_of_resume(run, plan, resolved, device.type, done)
        resumes.note_resume(run, environment_of(str(device)), step=done)
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
    except RuntimeError as error:
        if not distributed.is_parted(error):
            raise
        raise LikenessError(
            "Another process of this training ended, or cannot be reached any more.",
            advice="See what it said last; then go on from the last checkpoint with: "
            f"likeness resume {quote(str(run.path))}",
        ) from error
    finally:
        distributed.stop()
    return run


def _tell_of_resume(run: Run, plan: Plan, resolved: Resolved, device: str, done: int) -> None:
    """Say when there is nothing to do, and when the result will not be bit for bit the same.

    Args:
        device: type of it. done: the step to go on from.
    """
    import torch

    from likeness.runs import resumes

    if done >= plan.total_steps:
        words = longer(plan.to_dict(), resolved)
        logger.log(NOTICE, "%s", all_done(run, plan.total_steps, words))
        return
    now, before = torch.get_num_threads(), resumes.threads_before(run, done)
    if device != "cpu" or before in ([], [now]):
        return
    if len(before) > 1:
        logger.warning(
            "%s was trained with %s threads in turn, so sums were added in other orders: its "
            "result is not that of an uninterrupted run bit for bit.",
            run.path,
            " and ".join(map(str, before)),
        )
        return
    logger.warning(
        "%s began with %d threads and goes on with %d, so sums are added in another order: set "
        "OMP_NUM_THREADS=%d for the result of an uninterrupted run bit for bit.",
        run.path,
        before[0],
        now,
        before[0],
    )


def environment_of(device: str) -> dict[str, Any]:
    """What this process runs on, for the directory of a run."""
    from likeness.runs.environment import environment

    name = Path(sys.argv[0]).name
    # What `python -m likeness` was called by is no command.
    return environment(
        command=["likeness" if name == "__main__.py" else name, *sys.argv[1:]], device=device
    )
