"""The table of systems. Listing them imports none of them: every path is resolved on first use.

Packages outside this one add a system through the entry-point group ``likeness.systems``; each
entry point names a :class:`SystemSpec`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

from likeness.errors import UsageError


@dataclass(frozen=True)
class SystemSpec:
    """Where the parts of a system are, as ``"module:object"`` paths."""

    name: str
    summary: str
    config: str
    """The config class (a ConfigModel with sections data, model, stages, train, evaluation, …)."""
    profiles: str
    """A mapping of profile name to a function returning a whole config. "smoke" is always there."""
    system: str
    """The System class."""
    contract: str
    """The Contract object of its datasets."""
    studio: str
    """``make(out: str, *, people: int, seed: int, **options) -> Inspection``: studio data. Options
    here and below are checked by their annotations, e.g. ``Annotated[int, Field(ge=1)]``. With a
    parameter ``progress`` it is given a function to be told (done, total), or None."""
    predict: str
    """``predict(predictor, inputs: list[str], output: Path, **options) -> list[dict]``: files in,
    files out; one row for each input."""
    exporters: Mapping[str, str] = field(default_factory=dict)
    """Target name to ``export(predictor, folder: Path, *, source_run: str, checkpoint_sha256: str,
    state: dict, **options) -> Bundle``; ``state`` is the system's, the options are the fields of
    the configuration's ``export`` section."""
    inspect: str | None = None
    """``inspect(config) -> Inspection`` of all a configuration trains on. None: ``data.root`` by
    the contract."""
    demonstrate: str | None = None
    """``demonstrate(folder: Path) -> tuple[list[str], dict]``: what the demo predicts on, and the
    options of ``predict``. None: a photograph of a face."""
    prepare: str | None = None
    """``prepare(source: str, out: str, **options) -> Inspection``: raw material to a dataset;
    ``progress`` as for the studio."""
    commands: str | None = None
    """Verbs only this system has: name to a function with typer-annotated parameters that returns a
    document (a dictionary)."""
    requirements: str | None = None
    """``requirements() -> list[Requirement]``: what doctor looks for. Must not import torch."""
    loss_terms: str | None = None
    """A set of the names of all loss terms, which a configuration is checked against. Must not
    import torch. None: those of the System class, which is then imported to read a
    configuration."""
    group_names: str | None = None
    """The same of the groups that learn."""
    aliases: Mapping[str, str] = field(default_factory=dict)
    """Environment variable to dotted configuration key."""

    def load(self, part: str) -> Any:
        """Import one part, e.g. ``load("config")``; ``load("exporters.onnx")`` for a target."""
        if part.startswith("exporters."):
            path = self.exporters.get(part.split(".", 1)[1])
        else:
            path = getattr(self, part)
        if path is None:
            raise UsageError(f"System '{self.name}' has no {part}.")
        return load_object(path)


def load_object(path: str) -> Any:
    """The object at ``"package.module:name"``."""
    module, _, name = path.partition(":")
    return getattr(importlib.import_module(module), name)


_BUILT_IN: tuple[SystemSpec, ...] = (
    SystemSpec(
        name="face-encoder",
        summary="A photograph to one vector of a person: shape, expression, pose, albedo, light.",
        config="likeness.systems.face_encoder.config:FaceEncoderConfig",
        profiles="likeness.systems.face_encoder.config:PROFILES",
        system="likeness.systems.face_encoder.system:FaceEncoder",
        contract="likeness.systems.face_encoder.data:CONTRACT",
        studio="likeness.systems.face_encoder.studio:make",
        predict="likeness.systems.face_encoder.predict:predict",
        exporters={"onnx": "likeness.systems.face_encoder.export:export_onnx"},
        inspect="likeness.systems.face_encoder.findings:inspect_configured",
        prepare="likeness.systems.face_encoder.prepare:prepare",
        commands="likeness.systems.face_encoder.commands:COMMANDS",
        requirements="likeness.systems.face_encoder.requirements:requirements",
        loss_terms="likeness.systems.face_encoder.terms:LOSS_TERMS",
        group_names="likeness.systems.face_encoder.terms:GROUP_NAMES",
        aliases={
            "IMAGE_DIR": "data.root",
            "LANDMARK_DIR": "data.landmarks",
            "FLAME_MODEL": "model.head",
        },
    ),
)


def all_systems() -> dict[str, SystemSpec]:
    """Every registered system by name: the built-in ones, then those of installed packages."""
    table = {spec.name: spec for spec in _BUILT_IN}
    for entry in entry_points(group="likeness.systems"):
        spec = entry.load()
        table.setdefault(spec.name, spec)
    return table


def get_system(name: str) -> SystemSpec:
    """The named system. Raises UsageError with the nearest name."""
    table = all_systems()
    if name not in table:
        near = get_close_matches(name, table, n=1)
        hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(table)}."
        raise UsageError(f"There is no system '{name}'.", advice=hint)
    return table[name]
