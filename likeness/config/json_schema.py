"""JSON Schema of a configuration file, so that an editor completes and marks what one types.

A file changes what it names: what a section or an item of a list requires is required only where a
list is written out as a whole. The rules themselves are the models'.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from likeness.config.faults import Names
from likeness.config.files import FORMAT, HEADER, NO_PROFILE
from likeness.config.schema import ConfigModel

_PREFIX = "#/$defs/"
_CHANGED = "Changed"
"""Ends the name of a definition for changes of a value, next to that of a whole value."""


def json_schema(
    config_class: type[ConfigModel],
    *,
    system: str,
    profiles: Collection[str],
    names: Names | None = None,
) -> dict[str, Any]:
    """JSON Schema (Draft 2020-12) of a configuration file; the header's keys are part of it.

    Args:
        profiles: names of those there are.
        names: what the keys of mappings may be.
    """
    whole = config_class.model_json_schema()
    definitions: dict[str, Any] = whole.pop("$defs", {})
    for pattern, known in (names or {}).items():
        field = _field_at(whole, definitions, pattern.split("."))
        field["propertyNames"] = {"enum": sorted(known.names)}
    schema: dict[str, Any] = _changes_of(whole)
    schema["$defs"] = definitions | {
        f"{name}{_CHANGED}": _changes_of(model) for name, model in definitions.items()
    }
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = f"likeness {system}"
    header: dict[str, Any] = {
        "format": {"const": FORMAT, "description": "Present in the saved form."},
        "system": {"const": system},
        "profile": {
            "enum": list(dict.fromkeys([*profiles, NO_PROFILE])),
            "description": "The profile the values are laid over.",
        },
    }
    assert set(header) == set(HEADER)
    schema["properties"] = {**header, **schema.get("properties", {})}
    return schema


def _changes_of(node: Any) -> Any:
    """The schema of changes of what a schema describes.

    Nothing is required, and the items of a list may also be changed by position or name.
    """
    if isinstance(node, list):
        return [_changes_of(item) for item in node]
    if not isinstance(node, dict):
        return node
    if node.get("type") == "array":
        item = node.get("items", {})
        if "$ref" not in item:
            return node
        about = {key: node[key] for key in ("title", "description") if key in node}
        listed = {key: value for key, value in node.items() if key not in about}
        by_name = {"type": "object", "additionalProperties": _changes_of(item)}
        return {"anyOf": [listed, by_name], **about}
    changes: dict[str, Any] = {}
    for key, value in node.items():
        if key == "properties":  # the keys of this one are settings
            changes[key] = {name: _changes_of(field) for name, field in value.items()}
        elif key == "$ref":
            changes[key] = f"{value}{_CHANGED}"
        elif key in ("default", "enum", "const", "examples"):
            changes[key] = value
        elif key != "required":
            changes[key] = _changes_of(value)
    return changes


def _field_at(schema: dict[str, Any], definitions: dict[str, Any], pattern: list[str]) -> Any:
    """The part of a schema that a dotted key means; ``*`` is the items of a list."""
    for part in pattern:
        schema = schema["items"] if part == "*" else schema["properties"][part]
        if "$ref" in schema:
            schema = definitions[schema["$ref"].removeprefix(_PREFIX)]
    return schema
