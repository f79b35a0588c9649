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


def told_if_foreign(run: Run, system: str) -> str:
    """How a sentence goes on that begins with a run of another system; empty for one of this."""
    header = read_yaml(run.config_yaml, name=str(run.config_path)).values
    found = header.get("system") if isinstance(header, dict) else None
    if found == system:
        return ""
    found = found if isinstance(found, str) else None
    return f"is a run of {found or 'no known system'}; expected one of {system}."


def earlier_settings(run: Run, config_class: type[_Config], *, system: str) -> _Config:
    """The configuration of the run that ``model.initial_run`` names.

    Raises:
        UsageError: it is a run of another system.
    """
    foreign = told_if_foreign(run, system)
    if foreign:
        article = "an" if system[0] in "aeiou" else "a"
        raise UsageError(
            f"model.initial_run '{run.path}' {foreign}",
            advice=f"Give the directory of {article} {system} run, or null to start from nothing.",
        )
    config = load_saved(config_class, run.config_path, system=system).config
    return located(run, config)
