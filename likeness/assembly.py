"""The parts a verb works with: configuration, inspection, system, plan, trained model.

Finds what is specific to a system through its :class:`SystemSpec`. What is done with the parts is
``workflow.py``.
"""

from __future__ import annotations

import inspect as introspection
import json
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path, PurePath
from shlex import quote
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Self, get_type_hints

from pydantic import ValidationError, create_model
from pydantic.fields import FieldInfo

from likeness.checks import checked, known_names
from likeness.config.document import load_saved, type_in_words
from likeness.config.faults import validation_faults
from likeness.config.overrides import PREFIX, Origin, Unread, coerce
from likeness.config.resolve import Resolved, draft
from likeness.config.schema import ConfigModel
from likeness.config.text import read_yaml
from likeness.errors import DataError, UsageError
from likeness.inspecting import with_local_data
from likeness.runs.places import located, told_of_places
from likeness.runs.run import Run
from likeness.seeds import seed_of
from likeness.storage.store import StorageSettings, is_remote, local_path
from likeness.systems import get_system

if TYPE_CHECKING:
    import torch

    from likeness.runs.checkpoint import Checkpoint
    from likeness.training.stage import Plan
    from likeness.training.system import System


def configure(
    system: str,
    *,
    profile: str | None = None,
    config_files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    begins: bool = False,
) -> Resolved:
    """The configuration of a system from all its layers.

    Args:
        begins: a run is to begin with it, so the run that it starts from has to be there.

    Raises:
        UsageError: there is no such system, or the configuration has faults (all are named), or
            names what the system does not have.
    """
    spec = get_system(system)
    layers = draft(
        spec.load("config"),
        system=spec.name,
        profiles=spec.load("profiles"),
        profile=profile,
        files=config_files,
        overrides=overrides,
        environ=environ,
        aliases=spec.aliases,
        names=known_names(spec),
    )
    return checked(layers, begins=begins)


def configuration_of(run: Run) -> Resolved:
    """The configuration a run was trained with, and where each value came from.

    Relative paths are those of the folder it was trained in; see :func:`.runs.places.located`.
    """
    header = read_yaml(run.config_yaml, name=str(run.config_path)).values
    system = header.get("system") if isinstance(header, dict) else None
    if not isinstance(system, str):
        raise DataError(
            f"{run.config_path} does not say which system it configures: expected a line such as "
            "'system: face-encoder', found none.",
            advice="Restore the file from a copy of the run.",
        )
    config_class = get_system(system).load("config")
    provenance = run.read("provenance") or None
    saved = load_saved(config_class, run.config_path, system=system, provenance=provenance)
    return replace(saved, config=located(run, saved.config))


def open_run(run: Run | str | Path) -> Run:
    """The run at a path, or the run itself.

    Raises:
        UsageError: there is none, the path is empty, or the address is remote.
    """
    if isinstance(run, str) and is_remote(run):
        advice = "Copy the directory of the run to this machine, and name its path."
        if run.lower().startswith("s3://"):  # the only addresses with folders
            brought = "A copy that storage.mirror made is brought here by"
            advice = f"{brought}: likeness resume {quote(run)}"
        raise UsageError(
            f"Expected the directory of a run on this machine, found the address {run}.",
            advice=advice,
        )
    if run == "":
        raise UsageError(
            "Expected the directory of a run, found an empty path.",
            advice="Name one, '.' for this folder. A variable of the shell may be unset.",
        )
    if isinstance(run, str) and "=" in run and not os.path.exists(run):
        raise UsageError(
            f"Expected the directory of a run before any settings, found '{run}'.",
            advice="Name the run first. A variable of the shell may be unset.",
        )
    return run if isinstance(run, Run) else Run(local_path(run))


def storage_from_environment(
    environ: Mapping[str, str] | None = None, *, words: Sequence[str] = ()
) -> StorageSettings:
    """Storage settings for verbs without a configuration: defaults, ``LIKENESS_STORAGE__…``, and
    words of the command line."""
    environ = os.environ if environ is None else environ
    prefix = f"{PREFIX}STORAGE"  # one underscore behind it is a fault worth telling of
    own = {name: value for name, value in environ.items() if name.startswith(prefix)}
    found = draft(_Storage, system="storage", profiles={}, environ=own, overrides=list(words))
    advice = "Every setting of storage is told by: likeness config explain SYSTEM"
    settings: StorageSettings = found.finish(advice=advice).config.storage
    return settings


class _Storage(ConfigModel):
    storage: StorageSettings = StorageSettings()


def build(resolved: Resolved, *, device: torch.device, with_data: bool = True) -> System:
    """The system of a configuration on a device, with its frozen weights loaded.

    Args:
        with_data: fetch data that is not on this machine; not needed to predict.
    """
    import torch

    from likeness.training.system import Placement

    dtype = getattr(resolved.config.model, "base_dtype", "float32")
    placement = Placement(device, getattr(torch, dtype))
    config = with_local_data(resolved.config) if with_data else resolved.config
    # Weights that are not loaded are drawn: a function of the seed, whatever was drawn before.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed_of(config.train.seed, "weights"))
        system: System = get_system(resolved.system).load("system")(config, placement)
    return system


def local_input(place: str | Path, what: str, option: str) -> Path:
    """The path of something to read, written as one or as ``file://…``.

    Args:
        what: begins "… of files on this machine".
        option: where the caller named it.

    Raises:
        UsageError: it is not there, or on another machine.
    """
    if is_remote(place):
        raise UsageError(
            f"{what} of files on this machine, found the address {place}.",
            advice="Copy what is there to this machine, and name the copy.",
        )
    path = local_path(place)
    if not path.exists():
        raise UsageError(
            f"There is no file or folder {place}.", advice=f"Check the path of {option}."
        )
    return path


def plan_of(system: System, resolved: Resolved, *, world_size: int) -> Plan:
    """The stages of a configuration as step ranges, given the data the system trains on.

    Raises:
        UsageError: the stages do not fit together, or name groups the system does not have.
    """
    from likeness.training.groups import Groups
    from likeness.training.stage import Plan

    config = resolved.config
    plan = Plan.build(
        config.stages,
        samples_per_epoch=sum(len(source) for source in system.sources("train").values()),
        batch_size=config.train.batch_size,
        accumulation=config.train.accumulation,
        world_size=world_size,
        total_steps=config.train.steps,
    )
    Groups(system.trainable()).check(plan)
    return plan


def _plain(value: Any, annotation: Any) -> Any:
    """An option as plain data: paths are text, and text from the command line is read as asked."""
    if isinstance(value, Unread):
        return coerce(str(value), [annotation])
    return str(value) if isinstance(value, PurePath) else value


def checked_options(
    function: Callable[..., Any],
    options: Mapping[str, Any],
    what: str,
    *,
    taken: int,
    given: Collection[str] = ("progress",),
) -> dict[str, Any]:
    """Options as a function's annotations ask, e.g. ``Annotated[int, Field(ge=1)]``.

    Args:
        what: completes "the options of …".
        taken: how many of its first parameters are not options.
        given: parameters behind them that the caller gives; they are no options.

    Raises:
        UsageError: names every option that the function does not have, with the nearest, and every
            value of another type or out of range; then what there is, with type, default and
            meaning where ``Field(description=…)`` tells it.
    """
    parameters = list(introspection.signature(function).parameters.values())[taken:]
    others_pass = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    offered = [
        parameter
        for parameter in parameters
        if parameter.kind is not parameter.VAR_KEYWORD and parameter.name not in given
    ]
    known = {parameter.name: parameter.annotation for parameter in offered}
    lines, hints = [], []
    for name in options:
        if name in known or (others_pass and name not in given):
            continue
        near = get_close_matches(name, known, n=1)
        hints += [f"Did you mean '{near[0]}'? "] if near else []
        lines.append(f"There is no option '{name}' of {what}.")
    chosen = {name: value for name, value in options.items() if name in known}
    # Only the chosen ones: what the others are annotated with may not even be importable here.
    holder = SimpleNamespace(__annotations__={name: known[name] for name in chosen})
    annotations = get_type_hints(holder, globalns=function.__globals__, include_extras=True)
    fields: dict[str, Any] = {name: (annotation, ...) for name, annotation in annotations.items()}
    values = {}
    for name, value in chosen.items():
        try:
            values[name] = _plain(value, annotations[name])
        except ValueError as error:
            lines.append(f"The option '{name}' of {what}: {error}.")
            del fields[name]
    try:
        checked = create_model("Options", __base__=ConfigModel, **fields).model_validate(values)
    except ValidationError as error:
        faults = validation_faults(error, values, lambda key: Origin("command line"), list(known))
        told = [
            fault.message if fault.message.endswith("?") else f"{fault.message}."
            for fault in faults
        ]
        lines += [f"The option '{f.key}' of {what}: {text}" for f, text in zip(faults, told)]
    if lines:
        told = _told_options(function, offered)
        raise UsageError("\n".join(lines), advice=f"{''.join(hints)}There are: {told}.")
    others = {name: _plain(value, Any) for name, value in options.items() if name not in known}
    return {**others, **{name: getattr(checked, name) for name in fields}}


def _told_options(function: Callable[..., Any], offered: Sequence[introspection.Parameter]) -> str:
    """Names of options; with type, default and meaning where all of them say what they are."""
    names = [parameter.name for parameter in offered]
    holder = SimpleNamespace(__annotations__={item.name: item.annotation for item in offered})
    try:
        hints = get_type_hints(holder, globalns=function.__globals__, include_extras=True)
    except NameError:  # an annotation of a package that is not installed
        return ", ".join(names)
    fields = [FieldInfo.from_annotation(hints[name]) if name in hints else None for name in names]
    if not names or not all(field is not None and field.description for field in fields):
        return ", ".join(names) or "none"
    return "; ".join(
        f"{item.name} ({type_in_words(field.annotation, field.metadata)}, "
        f"{_written(item.default)} by default): {field.description}"
        for item, field in zip(offered, fields, strict=True)
        if field is not None
    )


def _written(value: Any) -> str:
    """A default as it would be written."""
    return value if isinstance(value, str) else json.dumps(value)


@dataclass(frozen=True)
class Predictor:
    """A trained model, ready to use: call it with the inputs its system documents."""

    run: Run
    checkpoint: Checkpoint
    system: System
    model: Any
    """The system's own predictor."""

    @classmethod
    def from_run(
        cls,
        path: Run | str | Path,
        which: str = "best",
        *,
        ema: bool = True,
        device: str = "auto",
    ) -> Self:
        """The one way to get a trained model back. Needs the run, not its dataset.

        Args:
            which: ``best``, ``latest`` or a step.
            ema: the running average of the weights, where the run keeps one.
            device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

        Raises:
            UsageError: there is no such run.
            MissingError: it has no such checkpoint.
            DataError: the checkpoint is damaged.
        """
        return cls._load(path, which, ema=ema, device=device, with_data=False)

    @classmethod
    def with_data(cls, path: Run | str | Path, which: str = "best", *, ema: bool = True) -> Self:
        """The same, with the run's dataset at hand: for scoring it."""
        return cls._load(path, which, ema=ema, device="auto", with_data=True)

    @classmethod
    def _load(
        cls, path: Run | str | Path, which: str, *, ema: bool, device: str, with_data: bool
    ) -> Self:
        from likeness.runs import selection
        from likeness.training import distributed

        run = open_run(path)
        resolved = configuration_of(run)
        checkpoint = selection.find(run, _which(which))
        with told_of_places(run, resolved.config):
            built = build(resolved, device=distributed.alone(device), with_data=with_data)
        built.load_state(checkpoint.state())
        weights = checkpoint.weights(ema=ema and checkpoint.has_ema)
        return cls(run, checkpoint, built, built.predictor(weights))

    def __call__(self, **inputs: Any) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self.model(**inputs)
        return answer


def _which(text: str) -> Any:
    """``best``, ``latest`` or a step, as :func:`likeness.runs.selection.find` takes it."""
    if text in ("best", "latest"):
        return text
    if text.isdigit():
        return int(text)
    raise UsageError(f"Expected the checkpoint 'best', 'latest' or a step, found '{text}'.")
