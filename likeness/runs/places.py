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
from likeness.errors import DataError, LikenessError, MissingError, UsageError

from .resumes import resumes_of
from .run import Run

_Config = TypeVar("_Config", bound=ConfigModel)


def located(run: Run, config: _Config) -> _Config:
    """The configuration of a run with its relative places where it was trained, if they are there.

    Otherwise they are those of this folder. What is written stays where both are one; so do an
    address and ``~``.
    """
    folders = folders_of(run)
    moved = {}
    for key, place in _relative(config).items():
        there = next((folder for folder in folders if os.path.exists(folder / place)), None)
        if there is not None and there != Path.cwd():
            moved[key] = str(there / place)
    return with_locations(config, moved) if moved else config


def as_written(run: Run, written: _Config, config: _Config) -> _Config:
    """The configuration with the relative places that :func:`located` replaced, as they were.

    A run and its data that move together are found again.

    Args:
        written: what ``config.yaml`` says.
        config: of a run that goes on, perhaps with other places.
    """
    found, now = locations(located(run, written)), locations(config)
    kept = {
        key: place
        for key, place in _relative(written).items()
        if key in now and now[key] == found[key]
    }
    return with_locations(config, kept) if kept else config


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
    """Say of an error about a place that is nowhere where it was looked for, and how to name it.

    Data are asked for anew by ``resume``; an absolute path of anything else speaks for itself.

    Args:
        config: of the run, as :func:`located` gives it.
    """
    try:
        yield
    except (MissingError, DataError, UsageError) as error:
        lost = {key: place for key, place in _lost(config).items() if _names(error, place)}
        if not lost:
            raise
        key, place = next(iter(lost.items()))
        is_data, is_absolute = key[0] == "data", Path(place).is_absolute()
        if is_absolute and not is_data:
            raise
        message = f"{error.message} {dotted(key)} of {run.path} is '{place}'"
        advice = "Put it back there"
        if not is_absolute:
            tried = ", ".join(
                f"'{folder}'" for folder in dict.fromkeys([Path.cwd(), *folders_of(run)])
            )
            message += f", looked for in {tried}"
            advice = "Run this in the folder that it is relative to"
        if is_data:
            # The run was trained on them: they moved, and have no errors. How to make others, as
            # the error itself may advise, is no help.
            advice += f", or say where it is: likeness resume RUN {dotted(key)}=FOLDER"
            raise UsageError(f"{message}.", advice=f"{advice}.", facts=error.facts) from error
        # A command at the end of the advice must not run into what follows.
        apart = " " if error.advice.endswith(".") else "\n"
        raise type(error)(
            f"{message}.", advice=f"{error.advice}{apart}{advice}.".strip(), facts=error.facts
        ) from error


def _lost(config: ConfigModel) -> dict[tuple[str, ...], str]:
    """The paths that lead nowhere from here."""
    return {k: place for k, place in _paths(config).items() if not os.path.exists(place)}


def _relative(config: ConfigModel) -> dict[tuple[str, ...], str]:
    return {k: place for k, place in _paths(config).items() if not Path(place).is_absolute()}


def _paths(config: ConfigModel) -> dict[tuple[str, ...], str]:
    return {
        key: place
        for key, place in locations(config).items()
        if place and not place.startswith("~") and "://" not in place
    }


def _names(error: LikenessError, place: str) -> bool:
    """Whether a message speaks of a path, as a whole or as the beginning of one."""
    return (
        re.search(rf"(?<![\w./-]){re.escape(str(Path(place)))}(?![\w-])", error.message) is not None
    )
