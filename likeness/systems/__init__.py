"""The table of systems. Listing them imports none of them: every path is resolved on first use.

Packages outside this one add a system through the entry-point group ``likeness.systems``; each
entry point names a :class:`SystemSpec`.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from likeness.errors import LikenessError, MissingError, UsageError

_PARTS = (
    "config",
    "profiles",
    "system",
    "contract",
    "studio",
    "predict",
    "inspect",
    "places",
    "demonstrate",
    "show",
    "prepare",
    "commands",
    "requirements",
    "loss_terms",
    "group_names",
    "score_names",
)
"""Fields of a :class:`SystemSpec` that are paths."""


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
    files out; one row for each input, with ``error`` where it could not be used."""
    exporters: Mapping[str, str] = field(default_factory=dict)
    """Target name to ``export(predictor, folder: Path, *, source_run: str, checkpoint_sha256: str,
    state: dict, **settings, **options) -> Bundle``; ``state`` is the system's, the settings are the
    fields of the configuration's ``export`` section, the options what a person adds."""
    inspect: str | None = None
    """``inspect(config, *, begins: bool) -> Inspection`` of all a configuration trains on, and of
    what training begins with where it begins. None: ``data.root`` by the contract."""
    places: str | None = None
    """``places(config) -> Mapping[str, Path]`` of a configuration whose data are on this machine:
    what they are read from besides the places that settings of ``data`` name, by names that stay
    when all of it moves. None: nothing."""
    demonstrate: str | None = None
    """``demonstrate(folder: Path) -> tuple[list[str], dict]``: what the demo predicts on, and the
    options of ``predict``. None: a photograph of a face."""
    show: str | None = None
    """``show(predictor, run: Run, data: Path, inputs: Sequence[str], folder: Path) -> tuple[str,
    list[tuple[str, Path, str]]]``: what the demo's page says and shows of a run of the smoke
    profile on a studio set: a few sentences; title, file and caption of what there is to see.
    ``inputs`` were predicted on, ``folder`` is there for files it makes. None: the summary, and the
    pictures and films that were predicted."""
    demo_data: Mapping[str, Any] = field(default_factory=lambda: {"people": 100})
    """What studio data its demo makes: options of ``make``; the number of ``people`` is the most
    that it makes when asked for more."""
    prepare: str | None = None
    """``prepare(source: str, out: str, **options) -> Inspection``: raw material to a dataset;
    ``progress`` as for the studio."""
    commands: str | None = None
    """Verbs only this system has: name to a function with typer-annotated parameters that returns a
    document (a dictionary); :class:`Partial` where some of what it was given could not be used."""
    requirements: str | None = None
    """``requirements() -> list[Requirement]``: what doctor looks for. Must not import torch."""
    loss_terms: str | None = None
    """A set of the names of all loss terms, which a configuration is checked against. Must not
    import torch. None: those of the System class, which is then imported to read a
    configuration."""
    group_names: str | None = None
    """The same of the groups that learn."""
    score_names: str | None = None
    """A set of the names of all scores that an evaluation can have, which ``train.best_score`` is
    checked against; ``*`` stands for what the data name. Must not import torch. None: they are
    known after the first evaluation."""
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

    def paths(self) -> dict[str, str]:
        """Part, as :meth:`load` takes it, to path; of the parts it has."""
        paths = {f"exporters.{target}": path for target, path in self.exporters.items()}
        for part in _PARTS:
            path = getattr(self, part)
            if path is not None:
                paths[part] = path
        return paths


class Partial(dict[str, Any]):
    """The document of a system's own verb that could not use all it was given.

    It is shown as any other; the command ends with the exit code of a data error.

    Args:
        document: what is shown.
        message: what could not be used, in a sentence, for programs: their document has it in
            ``error``.
        advice: what to do about it.
    """

    def __init__(self, document: Mapping[str, Any], message: str, *, advice: str = "") -> None:
        super().__init__(document)
        self.message, self.advice = message, advice


def load_object(path: str) -> Any:
    """The object at ``"package.module:name"``.

    Raises:
        MissingError: the module cannot be imported; of an installed package, whatever it raises.
        UsageError: it has nothing of that name.
    """
    module, _, name = path.partition(":")
    try:
        holder = importlib.import_module(module)
    except LikenessError:
        raise
    except (Exception, SystemExit) as error:
        bringer = _bringer_of(path)
        if not (isinstance(error, ImportError) or bringer):
            raise  # a defect of this package
        reason = f"{type(error).__name__}: {str(error).rstrip('.')}"
        raise MissingError(
            f"{path}{bringer} cannot be imported: {reason}.", advice=_REINSTALL
        ) from error
    if not hasattr(holder, name):
        raise UsageError(
            f"{path}{_bringer_of(path)} is not there: the module has no '{name}'.",
            advice=_REINSTALL,
        )
    return getattr(holder, name)


def _bringer_of(path: str) -> str:
    """Which entry point gives the system that has a part there; "" for the built-in ones."""
    for entry in entry_points(group="likeness.systems"):
        try:
            spec = _spec_of(entry)
        except LikenessError:
            continue
        if path in spec.paths().values():
            return f" of {_told(entry)}"
    return ""


_REINSTALL = "Install the package that brings it again, or remove it."


@dataclass(frozen=True)
class BrokenSystem:
    """An entry point that gives no system, and why."""

    entry: str
    """The entry point's name."""
    system: str
    """The name of the system it would give; the entry point's where that is not known."""
    error: LikenessError
    """What anyone who asks for the system is told."""


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
        show="likeness.systems.face_encoder.showing:show",
        demo_data={"people": 400, "photos": 1, "size": 128},
        commands="likeness.systems.face_encoder.commands:COMMANDS",
        requirements="likeness.systems.face_encoder.requirements:requirements",
        loss_terms="likeness.systems.face_encoder.terms:LOSS_TERMS",
        group_names="likeness.systems.face_encoder.terms:GROUP_NAMES",
        score_names="likeness.systems.face_encoder.score_names:SCORE_NAMES",
        aliases={
            "IMAGE_DIR": "data.root",
            "LANDMARK_DIR": "data.landmarks",
            "FLAME_MODEL": "model.head",
        },
    ),
    SystemSpec(
        name="audio2face",
        summary="Speech to a moving 3D face: skin, tongue, jaw and eyes, for a runtime.",
        config="likeness.systems.audio2face.config:AudioToFaceConfig",
        profiles="likeness.systems.audio2face.profiles:PROFILES",
        system="likeness.systems.audio2face.system:AudioToFace",
        contract="likeness.systems.audio2face.dataset.contract:CONTRACT",
        studio="likeness.systems.audio2face.studio:make",
        predict="likeness.systems.audio2face.predict:predict",
        exporters={
            "onnx": "likeness.systems.audio2face.export:export_onnx",
            "package": "likeness.systems.audio2face.export:export_package",
        },
        inspect="likeness.systems.audio2face.initial_weights:inspect_configured",
        places="likeness.systems.audio2face.dataset.places:places_elsewhere",
        demonstrate="likeness.systems.audio2face.predict:demonstrate",
        show="likeness.systems.audio2face.showing:show",
        demo_data={"people": 1},
        prepare="likeness.systems.audio2face.prepare:prepare",
        commands="likeness.systems.audio2face.commands:COMMANDS",
        requirements="likeness.systems.audio2face.requirements:requirements",
        loss_terms="likeness.systems.audio2face.terms:LOSS_TERMS",
        group_names="likeness.systems.audio2face.terms:GROUP_NAMES",
        score_names="likeness.systems.audio2face.score_names:SCORE_NAMES",
    ),
)


def all_systems() -> dict[str, SystemSpec]:
    """Every system by name: the built-in ones, then those of installed packages that can be used.

    One package that brings something else stops no other system; see :func:`broken_systems`.
    """
    return _survey()[0]


def broken_systems() -> list[BrokenSystem]:
    """The entry points that give no system: not importable, no spec, or a name taken already."""
    return _survey()[1]


def get_system(name: str) -> SystemSpec:
    """The named system.

    Raises:
        UsageError: there is none (the nearest is named), or its entry point names no spec.
        MissingError: the module of its entry point cannot be imported.
    """
    table, broken = _survey()
    if name in table:
        return table[name]
    for item in broken:
        if name in (item.entry, item.system):
            raise item.error
    near = get_close_matches(name, table, n=1)
    hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(table)}."
    raise UsageError(f"There is no system '{name}'.", advice=hint)


def _survey() -> tuple[dict[str, SystemSpec], list[BrokenSystem]]:
    table = {spec.name: spec for spec in _BUILT_IN}
    brought: dict[str, list[tuple[EntryPoint, SystemSpec]]] = {}
    broken = []
    for entry in entry_points(group="likeness.systems"):
        try:
            spec = _spec_of(entry)
        except LikenessError as error:
            broken.append(BrokenSystem(entry.name, entry.name, error))
        else:
            brought.setdefault(spec.name, []).append((entry, spec))
    for name, found in brought.items():
        if name not in table and len(found) == 1:
            table[name] = found[0][1]
            continue
        if name in table:
            reason = f"The system '{name}' is built in and stays; it is brought again by "
        else:
            reason = f"The system '{name}' is expected once, and is brought by "
        error = UsageError(
            f"{reason}{' and by '.join(_told(entry) for entry, _ in found)}.",
            advice="Remove the packages that are not wanted.",
        )
        broken += [BrokenSystem(entry.name, name, error) for entry, _ in found]
    return table, broken


def _spec_of(entry: EntryPoint) -> SystemSpec:
    """What an entry point names. Raises MissingError or UsageError, whatever its module raises."""
    try:
        spec = entry.load()
    except (Exception, SystemExit) as error:
        if isinstance(error, AttributeError) and entry.value.partition(":")[0] in sys.modules:
            raise UsageError(
                f"Expected a SystemSpec at {_told(entry)}, found none: {error}.", advice=_REINSTALL
            ) from error
        reason = f"{type(error).__name__}: {error}"
        raise MissingError(
            f"The system of {_told(entry)} cannot be imported: {reason}.", advice=_REINSTALL
        ) from error
    if not isinstance(spec, SystemSpec):
        raise UsageError(
            f"Expected a SystemSpec at {_told(entry)}, found {type(spec).__name__}.",
            advice=_REINSTALL,
        )
    return spec


def _told(entry: EntryPoint) -> str:
    """An entry point as people are told of it."""
    package = "" if entry.dist is None else f" of the package {entry.dist.name}"
    return f"the entry point '{entry.name} = {entry.value}'{package}"
