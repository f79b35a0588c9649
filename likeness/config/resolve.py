"""Layers to one validated configuration: default < profile < files < environment < command line.

Keeps where every value came from (``origins.py``). Reading is ``files.py`` and ``overrides.py``;
how a resolved configuration is written is ``document.py``.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import to_jsonable_python

from likeness.config.faults import (
    ConfigError,
    Fault,
    Names,
    brief,
    broken_rules,
    name_faults,
    unknown_key,
)
from likeness.config.files import HEADER, chosen_profile, read_config_file
from likeness.config.keys import (
    Key,
    annotations_at,
    canonical,
    dotted,
    has,
    known_keys,
    leaves,
    models_in,
    named,
    value_at,
)
from likeness.config.left_out import validated
from likeness.config.origins import Origins
from likeness.config.overrides import (
    Assignment,
    Origin,
    coerce,
    environment_assignments,
    file_assignments,
    parse_overrides,
)
from likeness.config.schema import ConfigModel

Profiles = Mapping[str, Callable[[], ConfigModel]]


@dataclass(frozen=True)
class Resolved:
    """A validated configuration and the origin of every value in it."""

    system: str
    profile: str
    config: Any
    """An instance of the system's config class."""
    provenance: Mapping[str, Origin]
    """Dotted key of each leaf, items of lists by name, to its origin."""


@dataclass(frozen=True)
class Draft:
    """A configuration as far as it can be understood, and everything wrong with it."""

    system: str
    profile: str
    faults: Sequence[Fault]
    resolved: Resolved | None
    """What the layers say without the words that have a fault; None where that is not valid."""
    written: Mapping[str, tuple[Any, Origin]] = field(default_factory=dict)
    """Dotted key of each leaf to its value and origin as the layers have it, valid or not."""

    def finish(self, faults: Sequence[Fault] = (), *, advice: str = "") -> Resolved:
        """The configuration, if neither it nor the caller has a fault to tell of.

        Raises:
            ConfigError: names all of them.
        """
        if self.faults or faults or self.resolved is None:
            raise ConfigError(self.system, [*self.faults, *faults], advice=advice)
        return self.resolved


def resolve(
    config_class: type[ConfigModel],
    *,
    system: str,
    profiles: Profiles,
    profile: str | None = None,
    files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
) -> Resolved:
    """One configuration from all layers; see :func:`draft`.

    Raises:
        ConfigError: with every fault found (exit code 2).
    """
    return draft(
        config_class,
        system=system,
        profiles=profiles,
        profile=profile,
        files=files,
        overrides=overrides,
        environ=environ,
        aliases=aliases,
    ).finish()


def draft(
    config_class: type[ConfigModel],
    *,
    system: str,
    profiles: Profiles,
    profile: str | None = None,
    files: Sequence[str | Path] = (),
    overrides: Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
    aliases: Mapping[str, str] | None = None,
    names: Names | None = None,
) -> Draft:
    """All layers laid over each other and validated once, with all faults together.

    Args:
        profiles: name to a function that returns a whole config.
        profile: None takes the one a file names, else the defaults of the class.
        files: YAML, applied in order. Mappings change what they name, an empty one nothing; lists
            replace. A list's items can also be changed by position or name: ``stages: {landmarks:
            {steps: 5}}``. A file in the saved form is complete and replaces everything below it.
        overrides: ``a.b=value``; items of lists by position or name.
        environ: None reads the process environment.
        aliases: environment variable to dotted key.
        names: what the keys of mappings may be.
    """
    reserved = set(HEADER) & set(config_class.model_fields)
    if reserved:
        raise ValueError(f"{config_class.__name__} has fields reserved for the header: {reserved}")
    faults: list[Fault] = []
    documents = []
    for path in files:
        document, wrong = read_config_file(Path(path), system)
        documents += [] if document is None else [document]
        faults += wrong
    is_foreign = any(fault.key in ("system", "format") for fault in faults)
    profile, meant, wrong = chosen_profile(profile, documents, profiles, system)
    faults += wrong
    if is_foreign:  # without what it should have said, the rest cannot be judged
        return Draft(system, profile, faults, None)
    environment = os.environ if environ is None else environ

    def layers_on(base: str) -> _Layers:
        layers = _Layers(config_class, defaults_of(config_class), list(faults), names=names)
        if base in profiles:
            layers.begin_with(profiles[base], Origin("profile", base))
        for document in documents:
            if document.is_saved:
                layers.rebase(defaults_of(config_class), Origin("default"))
            words = file_assignments(document.text, name=document.name, whole=document.is_saved)
            layers.apply(words)
        layers.apply(environment_assignments(environment, aliases or {}))
        layers.apply_words(overrides)
        return layers

    if meant:
        # Its fault alone is certain, and what is wrong on top of every profile that may be meant.
        first, *others = [layers_on(base).draft(system, base).faults for base in meant]
        places = [{(fault.key, fault.origin) for fault in each} for each in others]
        certain = [f for f in first if all((f.key, f.origin) in each for each in places)]
        return Draft(system, profile, certain, None)
    return layers_on(profile).draft(system, profile)


def override(resolved: Resolved, overrides: Sequence[str], *, names: Names | None = None) -> Draft:
    """The same configuration with command-line assignments on top.

    Other origins are kept, those of words and variables as ones of an earlier command.
    """
    tree = resolved.config.model_dump(mode="json")
    origins = {
        canonical(tree, tuple(key.split("."))): origin.of_earlier()
        for key, origin in resolved.provenance.items()
    }
    layers = _Layers(type(resolved.config), tree, [], Origins(origins), names=names)
    layers.apply_words(overrides)
    return layers.draft(resolved.system, resolved.profile)


def defaults_of(config_class: type[ConfigModel]) -> dict[str, Any]:
    """Plain data of all defaults; a field without one is left out, a nested model is entered."""
    tree: dict[str, Any] = {}
    for name, own in config_class.model_fields.items():
        models = models_in(own.annotation)
        if not own.is_required():
            default = own.get_default(call_default_factory=True, validated_data={})
            tree[name] = to_jsonable_python(default)
        elif len(models) == 1:
            tree[name] = defaults_of(models[0])
    return tree


class _Layers:
    """Plain data under construction, the origin of each part, and the faults so far."""

    def __init__(
        self,
        config_class: type[ConfigModel],
        tree: dict[str, Any],
        faults: list[Fault],
        origins: Origins | None = None,
        *,
        names: Names | None = None,
    ) -> None:
        self._names = names or {}
        self._class, self._tree, self._faults = config_class, tree, faults
        self._origins = Origins() if origins is None else origins
        self._below = copy.deepcopy(tree)

    def begin_with(self, profile: Callable[[], ConfigModel], origin: Origin) -> None:
        """Replace everything by a profile; breaking the rules of its own class is its fault."""
        try:
            config = profile()
        except ValidationError as error:
            self._faults += [Fault("", origin, message) for message in broken_rules(error)]
            return
        self.rebase(config.model_dump(mode="json"), origin)

    def rebase(self, tree: dict[str, Any], origin: Origin) -> None:
        """Replace everything; values that equal the defaults are said to be defaults."""
        defaults = defaults_of(self._class)
        self._tree, self._origins, self._below = tree, Origins(), copy.deepcopy(tree)
        self._origins.begin_layer()
        for key, value in leaves(tree):
            if not (has(defaults, key) and value_at(defaults, key) == value):
                self._origins.write(key, origin)

    def apply_words(self, words: Iterable[str]) -> None:
        assignments, messages = parse_overrides(words)
        for message in messages:
            self._faults.append(Fault("", Origin("command line"), message))
        self.apply(assignments)

    def apply(self, assignments: Iterable[Assignment]) -> None:
        """Apply one layer; two different values for one key in it are a conflict."""
        done: dict[Key, tuple[Any, Assignment]] = {}
        self._origins.begin_layer()
        for assignment in assignments:
            located = self._locate(assignment)
            if located is None:
                continue
            key, value = located
            if assignment.is_partial and value == {} and self._is_mapping(key):
                continue  # it names nothing to change
            if key in done and done[key][0] != value:
                first = done[key][1].origin
                message = (
                    f"set to {brief(done[key][0])} ({first}) and to {brief(value)} "
                    f"({assignment.origin}); keep one of them"
                )
                self._faults.append(Fault(dotted(named(self._tree, key)), None, message))
                continue
            done[key] = (value, assignment)
            self._assign(key, value, assignment)

    def _locate(self, assignment: Assignment) -> tuple[Key, Any] | None:
        """The key with list items by position and the value as plain data; None after a fault."""
        key, origin = assignment.key, assignment.origin
        if not key:
            return None
        for end in range(1, len(key) + 1):
            if not annotations_at(self._class, key[:end]):
                known = known_keys(self._class, self._tree)
                fault = unknown_key(named(self._tree, key[:end]), origin, known, key[end:])
                self._faults.append(fault)
                return None
        try:
            place = canonical(self._tree, key, loosely=origin.layer == "environment")
        except LookupError as error:
            self._faults.append(Fault(dotted(key), origin, str(error.args[0])))
            return None
        value = assignment.value
        if assignment.is_text:
            try:
                value = coerce(value, annotations_at(self._class, place))
            except ValueError as error:
                name = dotted(named(self._tree, place))
                self._faults.append(Fault(name, origin, str(error)))
                return None
        return place, value

    def _is_mapping(self, key: Key) -> bool:
        return has(self._tree, key) and isinstance(value_at(self._tree, key), Mapping)

    def _assign(self, key: Key, value: Any, assignment: Assignment) -> None:
        tree: Any = self._tree
        for position, part in enumerate(key[:-1]):
            step: Any = int(part) if isinstance(tree, list) else part
            inner = tree[step] if isinstance(tree, list) else tree.get(step)
            if not isinstance(inner, (dict, list)):
                inner = tree[step] = {}
                self._origins.write(key[: position + 1], assignment.origin)
            tree = inner
        tree[int(key[-1]) if isinstance(tree, list) else key[-1]] = copy.deepcopy(value)
        self._origins.write(key, assignment.origin, assignment.inner)

    def draft(self, system: str, profile: str) -> Draft:
        """What came of it, validated."""
        faults = [*self._faults, *name_faults(self._tree, self._names, self._origins.at)]
        written = {
            dotted(named(self._tree, key)): (value, self._origins.at(key))
            for key, value in leaves(self._tree)
        }
        config, found = validated(self._class, self._tree, self._below, self._origins.at, faults)
        faults += found
        if config is None:
            return Draft(system, profile, faults, None, written)
        tree = config.model_dump(mode="json")
        provenance = {
            dotted(named(tree, key)): self._origins.at(key)
            if has(self._tree, key)
            else Origin("default")
            for key, _ in leaves(tree)
        }
        resolved = Resolved(system, profile, config, provenance)
        return Draft(system, profile, faults, resolved, written)
