"""A configuration directory of the reference: read as data, merged and checked by its own rules.

Owns the two tiers (base and user) and what the reference asks of values; what they are called here
is :mod:`.reference_names`. Rules of the NVIDIA Audio2Face-3D Training Framework 1.0.1.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from likeness.errors import MissingError, UsageError
from likeness.systems.audio2face.reference_bases import ACTOR_PATHS, ARTEFACT_PATHS, BASES
from likeness.systems.audio2face.reference_literals import Constants, read_constants

FILES = ("dataset", "preproc", "train", "inference")
"""``config_<name>.py`` each; the second and the last may be missing."""
DELETE = "__delete__"
"""A value that removes the key of its base, which the reference has no way to say."""
BASE = "base"
"""The origin of a value that the user does not set."""
PLACEHOLDER = "_".join(["X" * 6] * 2)
"""What the examples of the reference begin the name of a preprocessing run with."""

_NAME = re.compile(r"\w([\w.-]*\w)?")
_LISTS = (
    ("dataset", "SHOT_EMOTION_NAMES"),
    ("dataset", "SHOT_EMOTION_MAP"),
    ("train", "CLIPS"),
    ("train", "AUG_MUTED_SHOTS"),
)
_KINDS: Mapping[type, str] = {
    bool: "True or False",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
}
_NEEDED = (
    *("NUM_EPOCHS", "LR_STEP_GAMMA", "DEFAULT_SHOT_EMOTION_NAME"),
    *("AUGMENT/pitch_shift/min_semitones", "AUGMENT/pitch_shift/max_semitones"),
)
"""Values that cannot be None."""
_BY_EMOTION = "_EMO_WEIGHTS"
"""How parameters end that map emotions to weights."""
_REQUIRED = ("AUDIO_ROOT", "SKIN_CACHE_ROOT", "CACHE_FPS")


@dataclass(frozen=True)
class ReferenceConfig:
    """The effective values of a configuration of the reference.

    Attributes:
        name: of the directory.
        network_type: ``"regression"`` or ``"diffusion"``.
        values: file (``dataset``, ``preproc``, ``train``, ``inference``) to parameter to value.
        origins: ``<file>/<path of a leaf>`` to ``config_<file>.py:<line>``, or to ``"base"``.
        notes: what the directory says to no effect.
    """

    name: str
    network_type: str
    values: Mapping[str, Mapping[str, Any]]
    origins: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def actors(self) -> tuple[str, ...]:
        """In the order of the identities."""
        return tuple(self.values["dataset"]["ACTOR_NAMES"])

    def is_set(self, path: str) -> bool:
        """Whether the user set a value at or below ``<file>/<path>``."""
        return any(
            origin != BASE and (key == path or key.startswith(f"{path}/"))
            for key, origin in self.origins.items()
        )


def read_reference(folder: str | Path) -> ReferenceConfig:
    """Read a directory of ``config_*.py``.

    Raises:
        MissingError: the directory, ``config_dataset.py`` or ``config_train.py`` is not there.
        UsageError: names every place that is not allowed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MissingError(
            f"There is no directory '{folder}'.",
            advice="Name a directory with config_dataset.py and config_train.py.",
        )
    given: dict[str, Constants] = {}
    for file in FILES:
        path = folder / f"config_{file}.py"
        if path.exists() or file in ("dataset", "train"):
            given[file] = read_constants(path)
    network_type = _network_type(given["train"])
    faults = _name_faults("configuration", folder.resolve().name)
    values: dict[str, Mapping[str, Any]] = {}
    origins: dict[str, str] = {}
    for file, base in BASES[network_type].items():
        constants = given.get(file)
        override = dict(constants.values) if constants else {}
        faults += [
            f"{_place(constants, path)}: {_strange(file, base, path)}"
            for path in unknown_paths(base, override)
        ]
        faults += [
            f"{_place(constants, name)}: {DELETE} removes keys of a dictionary, not {name}"
            for name, value in override.items()
            if value == DELETE and name in base
        ]
        values[file] = merged(base, override)
        faults += [
            f"{_place(constants, path)}: {path} must be {wanted}, found {value!r}"
            for path, wanted, value in _other_kinds(base, values[file])
        ]
        for leaf, _ in _leaves(values[file]):
            origins[f"{file}/{leaf}"] = _origin(constants, leaf)
    if faults:
        raise refusal(faults, "Parameters of the base cannot be invented or change their kind.")
    found = ReferenceConfig(folder.resolve().name, network_type, values, origins)
    faults, notes = _checked(found)
    if faults:
        raise refusal(faults, "Correct these values in the configuration directory.")
    return ReferenceConfig(found.name, network_type, values, origins, tuple(notes))


def _strange(file: str, base: Mapping[str, Any], path: str) -> str:
    """What is wrong with a path of :func:`unknown_paths`."""
    at: Any = base
    for part in path.split("/"):
        at = at.get(part) if isinstance(at, Mapping) else None
    if at is None:
        return f"config_{file} has no parameter {path}"
    return f"{path} must stay a dictionary; {DELETE} as its value removes it"


def merged(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """The base with what is overridden: dictionaries key by key, everything else as a whole."""
    out = copy.deepcopy(dict(base))
    for key, value in override.items():
        if value == DELETE:
            out.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(out.get(key), Mapping):
            out[key] = merged(out[key], value)
        else:
            out[key] = copy.deepcopy(value)
    return out


def unknown_paths(base: Mapping[str, Any], override: Mapping[str, Any]) -> list[str]:
    """Slash paths of the override that the base does not have.

    A leaf of the base may be replaced by anything, an empty dictionary filled with anything; a
    dictionary that is not empty stays one.
    """
    found: list[str] = []
    for key, value in override.items():
        if value == DELETE and key in base:
            continue
        at = base.get(key)
        if isinstance(at, Mapping) and at:
            if isinstance(value, Mapping):
                found += [f"{key}/{path}" for path in unknown_paths(at, value)]
            else:
                found.append(key)
        elif key not in base:
            below = unknown_paths({}, value) if isinstance(value, Mapping) else []
            found += [f"{key}/{path}" for path in below] or [key]
    return found


def _other_kinds(
    base: Mapping[str, Any], values: Mapping[str, Any], path: str = ""
) -> Iterator[tuple[str, str, Any]]:
    """Leaves of another kind than the base has them: path, what is wanted and the value. Whole
    numbers and fractions are one kind; None stands for most values, and switches them off."""
    for key, value in values.items():
        at, own = f"{path}/{key}" if path else key, base.get(key)
        if isinstance(own, Mapping) and isinstance(value, Mapping):
            yield from _other_kinds(own, value, at)
        elif value is None:
            if _is_needed(at):
                yield at, _KINDS[type(own)], value
        elif own is None:
            if at.endswith(_BY_EMOTION):
                if not _are_weights(value):
                    yield at, "a dictionary of emotions and their weights, or None", value
            elif at.startswith("LOSS_") and not isinstance(value, int | float):
                yield at, "a number or None", value
        elif _is_shape(at) and not _is_counts(value):
            yield at, "a list of whole numbers above 0", value
        elif isinstance(own, bool) or isinstance(value, bool):
            if type(own) is not type(value):
                yield at, _KINDS.get(type(own), "something else"), value
        elif isinstance(own, int | float):
            if not isinstance(value, int | float):
                yield at, _KINDS[type(own)], value
        elif type(own) in _KINDS and type(own) is not type(value):
            yield at, _KINDS[type(own)], value


def _is_shape(path: str) -> bool:
    return path.startswith("DEFAULT_") and path.endswith("_SHAPE")


def _is_needed(path: str) -> bool:
    return path in _NEEDED or _is_shape(path)


def _are_weights(value: Any) -> bool:
    return isinstance(value, Mapping) and all(
        isinstance(weight, int | float) and not isinstance(weight, bool)
        for weight in value.values()
    )


def _is_counts(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) > 0
        and all(type(count) is int and count > 0 for count in value)
    )


def _network_type(train: Constants) -> str:
    if "NETWORK_TYPE" not in train.values:
        raise UsageError(
            f"{train.path}: NETWORK_TYPE is missing; it decides which defaults hold.",
            advice='Add NETWORK_TYPE = "regression" or "diffusion".',
        )
    kind = train.values["NETWORK_TYPE"]
    if not isinstance(kind, str) or kind not in BASES:
        raise UsageError(
            f"{train.path}:{train.lines['NETWORK_TYPE']}: expected a NETWORK_TYPE of "
            f"'regression' or 'diffusion', found {kind!r}.",
            advice="Write one of the two.",
        )
    return kind


def is_name(value: object) -> bool:
    """Whether the reference takes a value for the name of a configuration, an actor or a run."""
    return isinstance(value, str) and bool(_NAME.fullmatch(value)) and ".." not in value


def _name_faults(kind: str, value: object) -> list[str]:
    if is_name(value):
        return []
    return [
        f"the {kind} name {value!r} is not made of letters, digits, '_', and '.' or '-' between"
    ]


def _checked(config: ReferenceConfig) -> tuple[list[str], list[str]]:
    """Everything wrong with the values, and what has no effect."""
    data, train = config.values["dataset"], config.values["train"]
    faults: list[str] = []
    notes: list[str] = []
    actors = data["ACTOR_NAMES"]
    if not isinstance(actors, list) or not actors:
        return ["ACTOR_NAMES must be a list with an actor at least"], notes
    for actor in actors:
        faults += _name_faults("actor", actor)
    if len(set(map(str, actors))) < len(actors):
        faults.append(f"ACTOR_NAMES names an actor twice: {actors}")
    if config.network_type == "regression" and len(actors) > 1:
        faults.append(f"a regression network has one actor; ACTOR_NAMES has {len(actors)}")
    for file, name in _LISTS:
        if not isinstance(config.values[file][name], list):
            return [f"{name} must be a list, found {config.values[file][name]!r}"], notes
    for file in ("preproc", "train"):
        faults += _name_faults(f"{file} run", config.values[file]["RUN_NAME"])
    per_actor = [("dataset", name) for name in (*ACTOR_PATHS, "CACHE_FPS", "TRANSFORM_SCALE")]
    per_actor += [("train", name) for name in ("PREPROC_RUN_NAME_FULL", *ARTEFACT_PATHS)]
    for file, name in per_actor:
        given = config.values[file][name]
        if not isinstance(given, Mapping):
            faults.append(f"{name} must be a dictionary by actor, found {given!r}")
            continue
        others = sorted(set(given) - set(actors))
        if others:
            notes.append(f"{name} names {', '.join(others)}, not in ACTOR_NAMES; left out")
    if faults:
        return faults, notes
    for name in _REQUIRED:
        missing = [actor for actor in actors if actor not in data[name]]
        if missing:
            faults.append(f"{name} is missing for {', '.join(map(str, missing))}")
    faults += _shot_faults(config)
    for actor, run in train["PREPROC_RUN_NAME_FULL"].items():
        if not isinstance(run, str) or run.startswith(PLACEHOLDER):
            notes.append(f"PREPROC_RUN_NAME_FULL of {actor} is still a placeholder")
    return faults, notes


def _shot_faults(config: ReferenceConfig) -> Iterator[str]:
    data, train = config.values["dataset"], config.values["train"]
    emotions, actors = data["SHOT_EMOTION_NAMES"], data["ACTOR_NAMES"]
    for name in (n for n in train if n.endswith(_BY_EMOTION)):
        for emotion in sorted(set(map(str, train[name] or {})) - set(map(str, emotions))):
            yield f"{name} weighs {emotion!r}, which is not among SHOT_EMOTION_NAMES {emotions}"
    if (gamma := train.get("LR_STEP_GAMMA", 1.0)) < 0:
        yield f"LR_STEP_GAMMA must be at least 0, found {gamma!r}"
    for name in ("SHOT_EMOTION_NAME_FOR_ALL_ZEROS", "DEFAULT_SHOT_EMOTION_NAME"):
        if train[name] is not None and train[name] not in emotions:
            yield f"{name} {train[name]!r} is not among SHOT_EMOTION_NAMES {emotions}"
    for entry in data["SHOT_EMOTION_MAP"]:
        if not _has_kinds(entry, (str, str, str)):
            yield f"SHOT_EMOTION_MAP needs (actor, shot, emotion), found {entry!r}"
        elif entry[2] not in emotions:
            yield f"SHOT_EMOTION_MAP gives {entry[1]} an emotion not listed, {entry[2]!r}"
    for entry in train["CLIPS"]:
        if not _has_kinds(entry, (str, str, list, str, str, str, int)) or not (
            _has_kinds(entry[2], (int, int)) and 0 <= entry[2][0] <= entry[2][1]
        ):
            yield (
                "CLIPS needs (actor, shot, (first, last), speaker, language, audio, offset), "
                f"found {entry!r}"
            )
        elif entry[0] not in actors:
            yield f"CLIPS has a clip of {entry[0]}, who is not in ACTOR_NAMES"
    for entry in train["AUG_MUTED_SHOTS"]:
        if not _has_kinds(entry, (str, list, int, str)) or not _has_kinds(entry[1], (str, int)):
            yield f"AUG_MUTED_SHOTS needs (actor, (shot, frame), length, emotion), found {entry!r}"
        elif entry[3] not in emotions:
            yield f"AUG_MUTED_SHOTS has an emotion not listed, {entry[3]!r}"


def _has_kinds(entry: Any, kinds: tuple[type, ...]) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == len(kinds)
        and all(
            isinstance(item, kind) and not isinstance(item, bool)
            for item, kind in zip(entry, kinds, strict=True)
        )
    )


def _leaves(values: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        at = f"{path}/{key}" if path else key
        if isinstance(value, Mapping) and value:
            yield from _leaves(value, at)
        else:
            yield at, value


def _origin(constants: Constants | None, path: str) -> str:
    """Where a leaf comes from: its own line, else the line of what it was set as a part of."""
    if constants is None or path not in constants.lines:
        return BASE
    return f"{constants.path.name}:{constants.lines[path]}"


def _place(constants: Constants | None, path: str) -> str:
    return "" if constants is None else f"{constants.path}:{constants.lines.get(path, 1)}"


def refusal(faults: list[str], advice: str) -> UsageError:
    """The error that names every fault of a configuration of the reference."""
    return UsageError(
        "The configuration of the reference cannot be used:\n" + "\n".join(faults), advice=advice
    )
