"""Looking at data: before a run begins, again when they have changed, and by themselves.

What to look for is each contract's business; the record of it is ``data/inspection.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from shlex import quote
from typing import Any

from likeness.config.keys import dotted
from likeness.config.locations import locations
from likeness.config.resolve import Resolved
from likeness.data.checksum_list import with_checksums
from likeness.data.inspection import Inspection, with_emptiness
from likeness.errors import DataError, LikenessError, UsageError, first_few
from likeness.runs.checkpoint import has_checkpoints
from likeness.runs.run import Run, is_run
from likeness.storage.copies import local_copy
from likeness.storage.stamps import stamp_of
from likeness.storage.store import StorageSettings, is_remote, local_path
from likeness.systems import SystemSpec, get_system, load_object

logger = logging.getLogger(__name__)


def inspect_configured(resolved: Resolved, *, begins: bool = True) -> Inspection:
    """Look at all the data a configuration trains on.

    Args:
        begins: False where training goes on, and needs no more what it began with.

    Raises:
        UsageError, DataError: the configuration names no data; and see :func:`refuse_errors`.
    """
    spec, config = get_system(resolved.system), resolved.config
    stamps = _stamps(resolved)  # first: what changes meanwhile is looked at the next time
    if spec.inspect is not None:
        local = with_local_data(config)
        inspection: Inspection = load_object(spec.inspect)(local, begins=begins)
        if local.data.root:
            inspection = with_checksums(inspection, local.data.root)
        if local is not config:
            inspection = replace(inspection, uri=config.data.root)
    else:
        if not config.data.root:
            raise UsageError(
                "data.root names no dataset.",
                advice=f"Make studio data with 'likeness data make {spec.name} out/people', then "
                "add data.root=out/people.",
            )
        inspection = inspect_dataset(spec, config.data.root, config.storage)
    refuse_errors(inspection, resolved.system)
    return replace(inspection, stamps=stamps)


def inspect_changed(run: Run, before: Resolved, now: Resolved) -> Inspection | None:
    """What :func:`inspect_configured` finds where the data of a run are other than before: by the
    settings, or by their files since the run looked at them. None where they are not."""
    if before.config.data == now.config.data:
        known, found = _known_stamps(run), _stamps(now)
        if known == found:
            return None
        _tell_of_changes(run, known, found)
    return inspect_configured(now, begins=not has_checkpoints(run))


def _stamps(resolved: Resolved) -> dict[str, dict[str, Any]]:
    """Of every place that the data of a configuration are read from, by its setting or name."""
    spec, config = get_system(resolved.system), resolved.config
    read, every = locations(config, written=False), locations(config)
    places: dict[str, Any] = {dotted(key): place for key, place in read.items() if key[0] == "data"}
    local = {key: _resolved(place) for key, place in every.items() if not is_remote(place)}
    # What training writes below the data, while it goes on, is no change of them.
    written = {path for key, path in local.items() if key not in read}
    written -= {path for key, path in local.items() if key in read}
    if spec.places is not None and not any(map(is_remote, places.values())):
        places |= load_object(spec.places)(with_local_data(config))

    def skips(folder: Path) -> bool:
        return is_run(folder) or folder.resolve() in written

    return {
        name: asdict(stamp_of(place, settings=config.storage, skips=skips))
        for name, place in places.items()
    }


def _resolved(place: str | Path) -> Path:
    return local_path(place).expanduser().resolve()


def _known_stamps(run: Run) -> dict[str, Any]:
    try:
        known = run.read("inspection").get("stamps")
    except LikenessError:  # nobody knows: the data are looked at, and what is found written anew
        return {}
    return known if isinstance(known, dict) else {}


def _tell_of_changes(
    run: Run, known: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]
) -> None:
    if not known:
        logger.info("Nothing tells which files %s looked at: its data are inspected.", run.path)
        return
    for key, stamp in found.items():
        if stamp == known.get(key):
            continue
        then, last = known.get(key), stamp["newest"]
        count = then.get("files", "?") if isinstance(then, dict) else "?"
        logger.warning(
            "The files at %s are other than when %s looked at them: %s then, %s now%s. They are "
            "inspected again.",
            *(key, run.path, count, stamp["files"]),
            f"; '{last}' was written last" if last else "",
        )


def inspect_dataset(spec: SystemSpec, uri: str, storage: StorageSettings) -> Inspection:
    """Look at a dataset by a system's contract; a remote one is copied here first."""
    place = str(local_copy(uri, settings=storage))
    found: Inspection = spec.load("contract").inspect(place)
    return with_emptiness(with_checksums(replace(found, uri=uri), place))


def with_local_data(config: Any) -> Any:
    """A configuration whose ``data.root`` is the path of a folder here, a copy of a remote one."""
    root = config.data.root
    if not root or (not is_remote(root) and str(local_path(root)) == root):
        return config
    return config.replace(data={"root": str(local_copy(root, settings=config.storage))})


def refuse_errors(inspection: Inspection, system: str) -> None:
    """Raise an error naming the first errors of an inspection that has any.

    Raises:
        UsageError: nothing is where the dataset was said to be.
        DataError: what is there has errors.
    """
    errors = inspection.errors
    if not errors:
        return
    shown = "  " + first_few([finding.to_text().strip() for finding in errors], 5, between="\n  ")
    place = "" if f"'{inspection.uri}'" in shown else f" at {inspection.uri}"
    count = "an error" if len(errors) == 1 else f"{len(errors)} errors"
    command = f"likeness data inspect {system} {quote(inspection.uri)}"
    advice = "" if inspection.is_of_settings else f"See all findings with: {command}"
    kind = UsageError if is_nowhere(inspection.uri) else DataError
    raise kind(f"The data{place} has {count}:\n{shown}", advice=advice)


def is_nowhere(uri: str) -> bool:
    """Whether a place on this machine leads to nothing: a slip of who wrote it, no fault of data.

    Of addresses nobody knows without a network.
    """
    return bool(uri) and not is_remote(uri) and not local_path(uri).exists()
