"""A configuration as YAML, as tables and as a page; its fingerprint.

Reads the provenance the resolver kept. Decides nothing about values.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import BaseMetadata, Ge, Gt, Le, Lt

from likeness.config.files import FORMAT
from likeness.config.keys import (
    Key,
    annotations_at,
    dotted,
    help_at,
    item_names,
    leaves,
    models_in,
    named,
    settings,
)
from likeness.config.overrides import saved_origin
from likeness.config.resolve import Profiles, Resolved, resolve
from likeness.config.schema import ConfigModel
from likeness.config.text import write_yaml
from likeness.errors import DataError


def to_yaml(resolved: Resolved) -> str:
    """The saved form: format number, system and profile, then every setting."""
    header = {"format": FORMAT, "system": resolved.system, "profile": resolved.profile}
    return write_yaml({**header, **resolved.config.model_dump(mode="json")})


def provenance_to_dict(resolved: Resolved) -> dict[str, dict[str, str]]:
    """JSON-able provenance: dotted key, items of lists by name, to layer and detail."""
    return {
        key: {"layer": origin.layer, "detail": origin.detail}
        for key, origin in resolved.provenance.items()
    }


def load_saved(
    config_class: type[ConfigModel],
    path: Path,
    *,
    system: str,
    provenance: Mapping[str, Mapping[str, Any]] | None = None,
) -> Resolved:
    """A configuration from its saved form, with the origins it had when it was saved.

    Args:
        provenance: what :func:`provenance_to_dict` gave; None says "file <path>" for every value.

    Raises:
        ConfigError: the file was changed into something invalid, or belongs to another system.
        DataError: the provenance is not what :func:`provenance_to_dict` gave.
    """
    loaded = resolve(config_class, system=system, profiles={}, files=[path], environ={})
    if provenance is None:
        return loaded
    tree = loaded.config.model_dump(mode="json")
    try:  # a run of an earlier version says positions
        origins = {
            dotted(named(tree, tuple(key.split(".")))): saved_origin(entry)
            for key, entry in provenance.items()
        }
    except (TypeError, KeyError, ValueError) as error:
        raise DataError(
            f"The provenance kept beside {path} is damaged: expected 'layer' and 'detail' of each "
            "setting.",
            advice="Restore provenance.json from a copy of the run, or write {} into it: the "
            "origins of the values are then forgotten, nothing else.",
        ) from error
    merged = {key: origins.get(key, origin) for key, origin in loaded.provenance.items()}
    return Resolved(loaded.system, loaded.profile, loaded.config, merged)


def fingerprint(config: ConfigModel) -> str:
    """A hash of all values: the same for equal configurations on every machine."""
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def explain(resolved: Resolved) -> list[dict[str, Any]]:
    """Every value with its dotted key, its source and its help."""
    tree = resolved.config.model_dump(mode="json")
    return [
        {
            "key": name,
            "value": value,
            "source": str(resolved.provenance[name]),
            "help": help_at(type(resolved.config), key),
        }
        for key, value in leaves(tree)
        for name in [dotted(named(tree, key))]
    ]


def diff(left: Resolved, right: Resolved) -> list[dict[str, Any]]:
    """The settings that differ, with both values and sources; a side without the key has None.

    Items of lists are compared by name; where the same ones stand in another order, so does a row
    of their names say.
    """
    trees = [side.config.model_dump(mode="json") for side in (left, right)]
    values = [{**item_names(tree), **settings(tree)} for tree in trees]
    rows = []
    for name in dict.fromkeys([*values[0], *values[1]]):
        one, other = (side.get(name) for side in values)
        if one is None and other is None and _is_filled(values, name):
            continue  # nothing on one side, and on the other what it holds has rows of its own
        if one != other or (name in values[0]) != (name in values[1]):
            rows.append(
                {
                    "key": name,
                    "left": one,
                    "right": other,
                    "left_source": _source(left, name),
                    "right_source": _source(right, name),
                }
            )
    return rows


def _is_filled(sides: Sequence[Mapping[str, Any]], name: str) -> bool:
    return any(key.startswith(f"{name}.") for side in sides for key in side)


def _source(resolved: Resolved, name: str) -> str | None:
    """Where a value comes from; of a list or section the sources of what it holds."""
    origin = resolved.provenance.get(name)
    if origin:
        return str(origin)
    within = [str(o) for key, o in resolved.provenance.items() if key.startswith(f"{name}.")]
    return ", ".join(dict.fromkeys(within)) or None


def help_rows(config_class: type[ConfigModel]) -> list[dict[str, Any]]:
    """Every setting of a class with its type in words, its default and its help."""
    rows: list[dict[str, Any]] = []
    _help_rows(config_class, (), rows, frozenset())
    return rows


def _help_rows(
    model: type[ConfigModel],
    key: Key,
    rows: list[dict[str, Any]],
    around: frozenset[type[ConfigModel]],
) -> None:
    for name, field in model.model_fields.items():
        inner = models_in(field.annotation)
        if len(inner) == 1 and inner[0] not in around and _is_section(field.annotation):
            _help_rows(inner[0], (*key, name), rows, around | {model})
            continue
        required = field.is_required()
        default = None if required else field.get_default(call_default_factory=True)
        constraints = [item for item in field.metadata if isinstance(item, BaseMetadata)]
        rows.append(
            {
                "key": dotted((*key, name)),
                "type": type_in_words(field.annotation, constraints),
                "default": "required" if required else _short(default),
                "help": " ".join((field.description or "").split()),
            }
        )


def _is_section(annotation: Any) -> bool:
    """A model that is always there, as against an optional one."""
    return isinstance(annotation, type)


def _short(value: Any) -> str:
    if isinstance(value, ConfigModel):
        return _short(value.model_dump(mode="json"))
    if isinstance(value, (list, tuple)) and any(isinstance(item, ConfigModel) for item in value):
        return f"{len(value)} items"
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(_short(item) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {_short(item)}" for name, item in value.items()) + "}"
    return str(value) if value != "" else '""'


_WORDS: dict[Any, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
    NoneType: "null",
    Any: "anything",
}
_SIGNS: tuple[tuple[type[BaseMetadata], str, str], ...] = (
    (Ge, "ge", "≥"),
    (Gt, "gt", ">"),
    (Le, "le", "≤"),
    (Lt, "lt", "<"),
)


def type_in_words(annotation: Any, constraints: list[Any]) -> str:
    """An annotation for people: ``whole number ≥ 1``, ``list of number``, ``adamw | sgd``."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return type_in_words(arguments[0], [*_constraints(arguments[1:]), *constraints])
    if origin is Literal:
        return " | ".join(str(choice) for choice in arguments)
    if origin in (Union, UnionType):
        return " | ".join(type_in_words(choice, constraints) for choice in arguments)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"{type_in_words(arguments[1], [])} by name"
    if isinstance(origin, type) and arguments:
        inner = [type_in_words(item, []) for item in arguments if item is not Ellipsis]
        return f"list of {', '.join(dict.fromkeys(inner))}"
    word = _WORDS.get(annotation)
    if word is None:
        is_path = isinstance(annotation, type) and issubclass(annotation, PurePath)
        word = "path" if is_path else annotation.__name__
    if annotation in (int, float):
        for kind, name, sign in _SIGNS:
            for item in constraints:
                if isinstance(item, kind):
                    word += f" {sign} {getattr(item, name)}"
    return word


def _constraints(metadata: tuple[Any, ...]) -> list[Any]:
    """The bounds in the metadata of an ``Annotated``, also those inside a pydantic ``Field``."""
    out: list[Any] = []
    for item in metadata:
        out.extend([item] if isinstance(item, BaseMetadata) else getattr(item, "metadata", []))
    return out


def markdown_page(config_class: type[ConfigModel], *, system: str, profiles: Profiles) -> str:
    """The reference page of a system: every setting, the parts of its lists, and the profiles."""
    lines = [
        f"# Settings of {system}",
        "",
        f"Generated by `likeness config reference {system}`; a test compares it with the models.",
        "Set a value with `key=value` on the command line, `LIKENESS_` and the key with `__` for",
        "each dot in the environment, or in a YAML file given to `--config`.",
        "",
    ]
    sections: dict[str, list[dict[str, Any]]] = {}
    for row in help_rows(config_class):
        section = row["key"].partition(".")[0] if "." in row["key"] else ""
        sections.setdefault(section, []).append(row)
    for section, rows in sections.items():
        lines += [f"## {section or 'At the top'}", ""]
        if section:
            description = help_at(config_class, (section,)) or _model_help(config_class, section)
            lines += [description, ""] if description else []
        lines += [*_table(rows), ""]
    for model in _item_models(config_class):
        lines += [f"## {model.__name__}", "", _first_sentence(model), ""]
        lines += [*_table(help_rows(model)), ""]
    lines += ["## Profiles", ""]
    for name in profiles:
        lines += _profile_section(config_class, system, profiles, name)
    return "\n".join(lines).replace("``", "`").rstrip() + "\n"


def _model_help(config_class: type[ConfigModel], section: str) -> str:
    (annotation,) = annotations_at(config_class, (section,))
    return _first_sentence(annotation) if _is_section(annotation) else ""


def _first_sentence(model: type[ConfigModel]) -> str:
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def _table(rows: list[dict[str, Any]]) -> list[str]:
    out = ["| setting | type | default | meaning |", "| --- | --- | --- | --- |"]
    for row in rows:
        cells = [f"`{row['key']}`", row["type"], f"`{row['default']}`", row["help"]]
        out.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return out


def _item_models(config_class: type[ConfigModel]) -> list[type[ConfigModel]]:
    """Models that occur only inside lists, mappings or optional fields, each once."""
    found: dict[type[ConfigModel], None] = {}

    def visit(annotation: Any, is_item: bool) -> None:
        for model in models_in(annotation):
            if is_item and model in found:
                return
            if is_item:
                found[model] = None
            for field in model.model_fields.values():
                visit(field.annotation, not _is_section(field.annotation))
        if not models_in(annotation):
            for argument in get_args(annotation):
                visit(argument, True)

    visit(config_class, False)
    return list(found)


def _profile_section(
    config_class: type[ConfigModel], system: str, profiles: Profiles, name: str
) -> list[str]:
    function = profiles[name]
    summary = " ".join((function.__doc__ or "").split("\n\n")[0].split())
    resolved = resolve(config_class, system=system, profiles=profiles, profile=name, environ={})
    lines = [f"### {name}", ""]
    lines += [summary, ""] if summary else []
    changed = {
        key: value
        for key, value in settings(resolved.config.model_dump(mode="json")).items()
        if resolved.provenance[key].layer == "profile"
    }
    if not changed:
        return [*lines, "The defaults.", ""]
    lines += ["| setting | value |", "| --- | --- |"]
    lines += [f"| `{key}` | `{_short(value)}` |" for key, value in changed.items()]
    return [*lines, ""]
