"""The configuration of an earlier run that a new one starts from."""

from __future__ import annotations

from typing import TypeVar

from likeness.config.document import load_saved
from likeness.config.schema import ConfigModel
from likeness.config.text import read_yaml
from likeness.errors import UsageError
from likeness.runs.places import located
from likeness.runs.run import Run

_Config = TypeVar("_Config", bound=ConfigModel)


def system_of(run: Run) -> str | None:
    """The system that a run trained, by its configuration; None where that names none."""
    header = read_yaml(run.config_yaml, name=str(run.config_path)).values
    found = header.get("system") if isinstance(header, dict) else None
    return found if isinstance(found, str) else None


def earlier_settings(run: Run, config_class: type[_Config], *, system: str) -> _Config:
    """The configuration of the run that ``model.initial_run`` names.

    Raises:
        UsageError: it is a run of another system.
    """
    found = system_of(run)
    if found != system:
        article = "an" if system[0] in "aeiou" else "a"
        raise UsageError(
            f"model.initial_run '{run.path}' is a run of {found or 'no known system'}; expected "
            f"one of {system}.",
            advice=f"Give the directory of {article} {system} run, or null to start from nothing.",
        )
    config = load_saved(config_class, run.config_path, system=system).config
    return located(run, config)
