"""Settings that name a file or a folder: how a config class marks them, and which ones are set.

Owns the mark. What a relative one is relative to, its user decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from likeness.config.keys import Key, annotations_at, field_at, leaves
from likeness.config.schema import ConfigModel

_Config = TypeVar("_Config", bound=ConfigModel)


@dataclass(frozen=True)
class Place:
    """The mark in an annotation: ``head: Annotated[str, Place(("studio",))]``."""

    names: tuple[str, ...] = ()
    """Values that name something else."""
    is_written: bool = False
    """Whether training writes there what it does not find."""


Location = Annotated[str, Place()]
"""A path, or an address where the setting takes one."""


def locations(config: ConfigModel, *, written: bool = True) -> dict[Key, str]:
    """The key and the value of every setting that names a file or a folder.

    Args:
        written: also those that training writes to.
    """
    found = {}
    for key, value in leaves(config.model_dump(mode="json")):
        mark = next(_marks(type(config), key), None)
        if mark is None or not isinstance(value, str) or value in mark.names:
            continue
        if written or not mark.is_written:
            found[key] = value
    return found


def with_locations(config: _Config, changes: Mapping[Key, str]) -> _Config:
    """The configuration with other places of :func:`locations`."""
    nested: dict[str, Any] = {}
    for key, value in changes.items():
        inside = nested
        for part in key[:-1]:
            inside = inside.setdefault(part, {})
        inside[key[-1]] = value
    return config.replace(**nested)


def _marks(config_class: type[ConfigModel], key: Key) -> Iterator[Place]:
    field = field_at(config_class, key)  # keeps what stood in the outermost Annotated
    yield from (item for item in (field.metadata if field else ()) if isinstance(item, Place))
    for annotation in annotations_at(config_class, key):
        yield from _inside(annotation)


def _inside(annotation: Any) -> Iterator[Place]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        yield from (item for item in arguments[1:] if isinstance(item, Place))
    elif origin in (Union, UnionType):
        for choice in arguments:
            yield from _inside(choice)
