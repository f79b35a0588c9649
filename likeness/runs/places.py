"""The files and folders a run's configuration names, found from whatever folder it is used in.

A relative one means the folder a run was trained in. Its ``environment.json`` knows that folder.
Which settings name files is told by :mod:`likeness.config.locations`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from likeness.config.keys import dotted
from likeness.config.locations import locations, with_locations
from likeness.config.schema import ConfigModel
from likeness.errors import DataError, LikenessError, MissingError

from .resumes import resumes_of
from .run import Run

_Config = TypeVar("_Config", bound=ConfigModel)


def located(run: Run, config: _Config) -> _Config:
    """The configuration of a run with relative places that are not here, but where it was trained.

    A place that is here stays as it is written; so do one that is nowhere, an address and ``~``.
    """
    folders = folders_of(run)
    moved = {}
    for key, place in _elsewhere(config).items():
        there = next((f for folder in folders if os.path.exists(f := folder / place)), None)
        if there is not None:
            moved[key] = str(there)
    return with_locations(config, moved) if moved else config


def folders_of(run: Run) -> list[Path]:
    """The working directories a run was trained in, the last one first; none if nobody knows."""
    try:
        known = run.read("environment")
    except LikenessError:
        return []
    named = [entry.get("folder") for entry in [known, *resumes_of(known)]]
    found = [Path(folder) for folder in reversed(named) if isinstance(folder, str) and folder]
    return list(dict.fromkeys(found))


@contextmanager
def told_of_places(run: Run, config: ConfigModel) -> Iterator[None]:
    """Add to an error about a place that is nowhere which folders it was looked for in.

    Args:
        config: of the run, as :func:`located` gives it.
    """
    try:
        yield
    except (MissingError, DataError) as error:
        lost = {key: place for key, place in _elsewhere(config).items() if _names(error, place)}
        if not lost:
            raise
        key, place = next(iter(lost.items()))
        tried = ", ".join(f"'{folder}'" for folder in dict.fromkeys([Path.cwd(), *folders_of(run)]))
        advice = "Run this in the folder that it is relative to"
        if key[0] == "data":
            advice += f", or say where it is: likeness resume RUN {dotted(key)}=FOLDER"
        raise type(error)(
            f"{error.message} {dotted(key)} of {run.path} is '{place}', looked for in {tried}.",
            advice=f"{error.advice} {advice}.".strip(),
            facts=error.facts,
        ) from error


def _elsewhere(config: ConfigModel) -> dict[tuple[str, ...], str]:
    """The relative paths that lead nowhere from here."""
    return {
        key: place
        for key, place in locations(config).items()
        if place
        and not place.startswith("~")
        and "://" not in place
        and not Path(place).is_absolute()
        and not os.path.exists(place)
    }


def _names(error: LikenessError, place: str) -> bool:
    """Whether a message speaks of a path, as a whole or as the beginning of one."""
    return (
        re.search(rf"(?<![\w./-]){re.escape(str(Path(place)))}(?![\w-])", error.message) is not None
    )
