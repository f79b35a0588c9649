"""Faults of a configuration, each with its key, its origin, what was expected and what was found.

Turns the library's validation errors into that form. Does not validate.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from likeness.config.keys import Key, canonical, dotted, has, matching, named, value_at
from likeness.config.nearest import nearest_key
from likeness.config.origins import strongest
from likeness.config.overrides import PREFIX, Origin
from likeness.errors import UsageError


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a configuration."""

    key: str
    origin: Origin | None
    message: str
    """What was expected and what was found."""
    between: Mapping[str, Origin] = field(default_factory=dict)
    """Where a rule between settings is broken, those the message lists below: name to origin."""

    def __str__(self) -> str:
        place = f" ({self.origin})" if self.origin else ""
        return f"{self.key}{place}: {self.message}" if self.key else f"{self.message}{place}"


class ConfigError(UsageError):
    """A configuration with faults; all of them, not only the first."""

    def __init__(self, system: str, faults: Sequence[Fault], *, advice: str = "") -> None:
        self.faults = tuple(faults)
        count = "a fault" if len(faults) == 1 else f"{len(faults)} faults"
        lines = "\n".join(f"  {fault}" for fault in faults)
        super().__init__(
            f"The configuration of {system} has {count}:\n{lines}",
            advice=advice or f"See every setting with: likeness config explain {system}",
        )


@dataclass(frozen=True)
class Known:
    """The names that the keys of a mapping of settings may have."""

    kind: str
    """What one of them is called, e.g. "loss term"."""
    names: frozenset[str]


Names = Mapping[str, Known]
"""Dotted key of a mapping, ``*`` for any item, to what may stand in it: ``stages.*.weights``."""


def name_faults(tree: Any, names: Names, origin_of: Callable[[Key], Origin]) -> list[Fault]:
    """The keys of mappings in plain data that are none of the names they may be."""
    faults = []
    for pattern, known in names.items():
        for key in matching(tree, (*pattern.split("."), "*")):
            word = key[-1]
            if isinstance(value_at(tree, key[:-1]), Mapping) and word not in known.names:
                near = get_close_matches(word, sorted(known.names), n=1)
                there = f"There are: {', '.join(sorted(known.names))}."
                hint = f"Did you mean '{near[0]}'?" if near else there
                message = f"there is no such {known.kind}. {hint}"
                faults.append(Fault(dotted(named(tree, key)), origin_of(key), message))
    return faults


def unknown_key(key: Key, origin: Origin, known: Sequence[str], rest: Key = ()) -> Fault:
    """There is no such setting. ``rest`` is what follows the first part that is not known."""
    whole = (*key, *rest)
    near = nearest_key(whole, known) or (nearest_key(key, known) if rest else None)
    if near == dotted(whole):  # a key of a file with dots in it
        nested = ": {".join(near.split(".")) + ": …" + "}" * near.count(".")
        hint = f" In a file settings stand inside each other: {nested}."
    elif near and origin.detail.startswith(PREFIX):
        hint = f" Did you mean {PREFIX}{_variable(near)} ('{near}')?"
    elif near:
        hint = f" Did you mean '{near}'?"
    else:
        hint = _inside(dotted(key[:-1]), known)
    return Fault(dotted(whole), origin, f"there is no such setting.{hint}")


def _inside(section: str, known: Sequence[str]) -> str:
    """What there is where a key was looked for that is like none."""
    prefix = f"{section}." if section else ""
    names = [name.removeprefix(prefix) for name in known if name.startswith(prefix)]
    if names:
        return f" There are: {', '.join(name for name in names if '.' not in name)}."
    return f" '{section}' is one value and holds no others." if section in known else ""


def _variable(name: str) -> str:
    """A dotted key as in the name of an environment variable, without the prefix."""
    return name.upper().replace(".", "__").replace("-", "_")


def validation_faults(
    error: ValidationError,
    tree: Any,
    origin_of: Callable[[Key], Origin],
    known: Sequence[str],
) -> list[Fault]:
    """The faults of a validation, one for each key, in the order of the settings."""
    grouped: dict[Key, list[Mapping[str, Any]]] = {}
    for entry in _as_a_person_would(error, tree):
        key = _key_of(entry["loc"], tree, missing=entry["type"] == "missing")
        grouped.setdefault(key, []).append(entry)
    faults = []
    for key, entries in grouped.items():
        if _has_faults_inside(key, entries, grouped, tree):
            continue
        if any(entry["type"] == "extra_forbidden" for entry in entries):
            faults.append(unknown_key(named(tree, key), origin_of(key), known))
            continue
        expected = list(dict.fromkeys(_expected(entry) for entry in entries))
        found = value_at(tree, key) if key and has(tree, key) else None
        message = _joined(expected) + _found(entries, found)
        origin = origin_of(key) if key else None
        if origin is not None and not has(tree, key) and origin.layer == "default":
            origin = None  # nobody wrote anything there
        conflict = any(entry["type"] == "value_error" for entry in entries)
        involved = _involved(message, key, tree) if conflict else []
        told, between = listed(involved, tree, origin_of)
        if involved:
            # Of the settings in conflict, not of all that the part around them holds.
            origin = strongest(map(origin_of, involved)) if key else None
        faults.append(Fault(dotted(named(tree, key)), origin, message + told, between))
    return faults


def broken_rules(error: ValidationError) -> list[str]:
    """The faults of a model that was built by code, where nobody knows what stood around it."""
    messages = []
    for entry in error.errors(include_url=False):
        place = dotted([error.title, *entry["loc"]])
        messages.append(f"{place}: {_expected(entry)}{_found([entry], entry['input'])}")
    return messages


def _has_faults_inside(
    key: Key, entries: Sequence[Mapping[str, Any]], others: Iterable[Key], tree: Any
) -> bool:
    """Settings by name were written where a number may stand too: what is in them is at fault."""
    if not (has(tree, key) and isinstance(value_at(tree, key), Mapping)):
        return False
    inside = any(len(other) > len(key) and other[: len(key)] == key for other in others)
    return inside and all(entry["type"].endswith(("_type", "_parsing")) for entry in entries)


def _as_a_person_would(error: ValidationError, tree: Any) -> list[Mapping[str, Any]]:
    """The library's errors as faults of what somebody wrote.

    An item that a list of fixed length lacks is a fault of the list. A list with a faulty item is
    not too short for that: the library counts the sound ones only.
    """
    entries: list[Mapping[str, Any]] = []
    for entry in error.errors(include_url=False):
        location = entry["loc"]
        if entry["type"] == "missing" and isinstance(location[-1], int):
            context = {"min_length": location[-1] + 1}
            entry = {**entry, "type": "too_short", "loc": location[:-1], "ctx": context}
            entries = [e for e in entries if (e["type"], e["loc"]) != ("too_short", entry["loc"])]
        elif entry["type"] == "too_short":
            key = _key_of(location, tree, missing=False)
            if has(tree, key) and len(value_at(tree, key)) >= entry["ctx"]["min_length"]:
                continue
        entries.append(entry)
    return entries


def _key_of(location: Sequence[str | int], tree: Any, *, missing: bool) -> Key:
    """The key of an error, without the names of union branches the library puts in between."""
    key: list[str] = []
    for position, part in enumerate(location):
        last = position == len(location) - 1
        if has(tree, (*key, str(part))) or (missing and last):
            key.append(str(part))
    return tuple(key)


_EXPECTED: dict[str, str] = {
    "missing": "a value is needed here",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "int_parsing_size": "expected a whole number nearer to 0",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text (put it in quotes)",
    "path_type": "expected a path (put it in quotes)",
    "none_required": "expected null",
    "list_type": "expected a list, as in [a, b]",
    "tuple_type": "expected a list, as in [a, b]",
    "dict_type": "expected settings by name, as in {a: 1}",
    "mapping_type": "expected settings by name, as in {a: 1}",
    "model_type": "expected settings by name, as in {a: 1}",
    "model_attributes_type": "expected settings by name, as in {a: 1}",
}
_BOUNDS: dict[str, tuple[str, str]] = {
    "greater_than": ("gt", "expected a number above {}"),
    "greater_than_equal": ("ge", "expected a number of at least {}"),
    "less_than": ("lt", "expected a number below {}"),
    "less_than_equal": ("le", "expected a number of at most {}"),
    "string_pattern_mismatch": ("pattern", "expected text that matches {}"),
    "too_short": ("min_length", "expected at least {} values"),
    "too_long": ("max_length", "expected at most {} values"),
    "string_too_short": ("min_length", "expected at least {} characters"),
    "literal_error": ("expected", "expected one of {}"),
}


def _expected(entry: Mapping[str, Any]) -> str:
    kind, context = entry["type"], entry.get("ctx", {})
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind in _BOUNDS:
        name, sentence = _BOUNDS[kind]
        return sentence.format(context[name])
    if kind == "value_error":
        return str(context["error"])
    return str(entry["msg"]).replace("Input should be", "expected")


def _joined(expected: Sequence[str]) -> str:
    first, *others = expected
    return " or ".join([first, *(other.removeprefix("expected ") for other in others)])


def _found(entries: Sequence[Mapping[str, Any]], found: Any) -> str:
    kinds = {entry["type"] for entry in entries}
    if kinds <= {"missing"} or "value_error" in kinds:
        return ""
    text = brief(found)
    for entry in entries:
        if entry["type"] == "literal_error" and isinstance(found, str):
            choices = re.findall(r"'([^']*)'", entry["ctx"]["expected"])
            near = get_close_matches(found, choices, n=1)
            return f", found {text}" + (f". Did you mean '{near[0]}'?" if near else "")
    return f", found {text}"


def brief(value: Any) -> str:
    """A value in a message, as it is written: no more than 80 characters of it."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _involved(message: str, key: Key, tree: Any) -> list[Key]:
    """The settings a message names in single quotes, from the part that is at fault or in full."""
    keys = []
    for name in dict.fromkeys(re.findall(r"'([A-Za-z_][\w.-]*)'", message)):
        parts = tuple(name.split("."))
        for full in ((*key, *parts), parts):
            try:
                place = canonical(tree, full)
            except LookupError:
                continue  # a list has no such item: it is another word that was quoted
            if has(tree, place):
                keys.append(place)
                break
    return keys


def listed(
    keys: Iterable[Key], tree: Any, origin_of: Callable[[Key], Origin]
) -> tuple[str, dict[str, Origin]]:
    """A line for each setting, to stand below a message: its value and where that came from; and
    the same origins by name."""
    told, origins = "", {}
    for key in keys:
        name, origin = dotted(named(tree, key)), origin_of(key)
        told += f"\n      {name} = {brief(value_at(tree, key))} ({origin})"
        origins[name] = origin
    return told, origins
