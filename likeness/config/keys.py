"""Dotted keys: where a key leads in a config class and in plain data.

A key names fields, keys of mappings and items of lists, by the item's name or its position:
``stages.landmarks.weights.landmark``, ``stages.0.steps``. Both are read; people are told the name.
Knows nothing of layers. Which key was meant by one that leads nowhere is ``nearest.py``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from likeness.config.schema import ConfigModel

Key = tuple[str, ...]


def dotted(key: Sequence[str | int]) -> str:
    """``("stages", 0, "steps")`` as ``"stages.0.steps"``."""
    return ".".join(str(part) for part in key)


def matching(tree: Any, pattern: Key) -> list[Key]:
    """The keys in plain data that a pattern means; ``*`` is any item of a list or a mapping."""
    found: list[Key] = [()]
    for part in pattern:
        found = [
            (*key, step)
            for key in found
            for step in _steps(value_at(tree, key))
            if part in ("*", step)
        ]
    return found


def _steps(value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [str(name) for name in value]
    return [str(position) for position in range(len(value))] if isinstance(value, list) else []


def annotations_at(config_class: type[ConfigModel], key: Key) -> list[Any]:
    """The annotations a value at the key may have; empty when the key leads nowhere."""
    found: list[Any] = [config_class]
    for part in key:
        found = [step for annotation in found for step in _inside(annotation, part)]
    return found


def field_at(config_class: type[ConfigModel], key: Key) -> FieldInfo | None:
    """The field a key names; None for items of lists and mappings, and for unknown keys."""
    if not key:
        return None
    for annotation in annotations_at(config_class, key[:-1]):
        for model in models_in(annotation):
            if key[-1] in model.model_fields:
                return model.model_fields[key[-1]]
    return None


def help_at(config_class: type[ConfigModel], key: Key) -> str:
    """Help of the field, or of the nearest field around an item of a list or mapping."""
    for end in range(len(key), 0, -1):
        field = field_at(config_class, key[:end])
        if field is not None:
            return " ".join((field.description or "").split())
    return ""


def models_in(annotation: Any) -> list[type[ConfigModel]]:
    """The config models an annotation allows directly, not those inside its lists or mappings."""
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        return [annotation]
    if get_origin(annotation) in (Union, UnionType):
        return [model for choice in get_args(annotation) for model in models_in(choice)]
    if get_origin(annotation) is Annotated:
        return models_in(get_args(annotation)[0])
    return []


def _inside(annotation: Any, part: str) -> Iterator[Any]:
    """Annotations of ``value[part]`` for a value of the given annotation."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, ConfigModel):
        if part in annotation.model_fields:
            yield annotation.model_fields[part].annotation
    elif origin is Annotated:
        yield from _inside(arguments[0], part)
    elif origin in (Union, UnionType):
        for choice in arguments:
            yield from _inside(choice, part)
    elif isinstance(origin, type) and issubclass(origin, Mapping):
        yield arguments[1]
    elif isinstance(origin, type) and issubclass(origin, Sequence):
        if origin is tuple and Ellipsis not in arguments:
            if part.isdigit() and int(part) < len(arguments):
                yield arguments[int(part)]
        elif part.isdigit() or models_in(arguments[0]):
            yield arguments[0]


def known_keys(config_class: type[ConfigModel], tree: Any) -> list[str]:
    """Every dotted key that can be set, given the list items and mapping keys of ``tree``."""
    out: list[str] = []
    _collect(config_class, tree, (), out)
    return out


def _collect(annotation: Any, tree: Any, key: Key, out: list[str]) -> None:
    if key:
        out.append(dotted(key))
    for model in models_in(annotation):
        for name, field in model.model_fields.items():
            value = tree.get(name) if isinstance(tree, Mapping) else None
            _collect(field.annotation, value, (*key, name), out)
        return
    if isinstance(tree, Mapping):
        children: list[tuple[str, str, Any]] = [
            (str(n), str(n), value) for n, value in tree.items()
        ]
    elif isinstance(tree, (list, tuple)):
        labels = _labels(tree)
        children = [(str(i), labels[i], value) for i, value in enumerate(tree)]
    else:
        return
    for step, label, value in children:
        for inner in _inside(annotation, step):
            _collect(inner, value, (*key, label), out)


def leaves(tree: Any, key: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Key and value of every leaf: a scalar, an empty container or a list of scalars."""
    if isinstance(tree, Mapping) and tree:
        for name, value in tree.items():
            yield from leaves(value, (*key, str(name)))
    elif isinstance(tree, (list, tuple)) and any(isinstance(item, Mapping) for item in tree):
        for index, item in enumerate(tree):
            yield from leaves(item, (*key, str(index)))
    else:
        yield key, tree


def settings(tree: Any) -> dict[str, Any]:
    """The values of all leaves by their dotted keys as people are told them."""
    return {dotted(named(tree, key)): value for key, value in leaves(tree)}


def item_names(tree: Any, key: Key = ()) -> dict[str, list[str]]:
    """The names of the items, in their order, of every list that has them, by its dotted key."""
    found: dict[str, list[str]] = {}
    if isinstance(tree, Mapping):
        for name, value in tree.items():
            found |= item_names(value, (*key, str(name)))
    elif isinstance(tree, (list, tuple)):
        if any(_names(tree)):
            found[dotted(key)] = _names(tree)
        for label, item in zip(_labels(tree), tree, strict=True):
            found |= item_names(item, (*key, label))
    return found


def has(tree: Any, key: Key) -> bool:
    """Whether plain data holds a value at the key."""
    for part in key:
        if isinstance(tree, Mapping) and part in tree:
            tree = tree[part]
        elif isinstance(tree, (list, tuple)) and part.isdigit() and int(part) < len(tree):
            tree = tree[int(part)]
        else:
            return False
    return True


def value_at(tree: Any, key: Key) -> Any:
    """The value at a key that :func:`has` confirmed."""
    for part in key:
        tree = tree[part] if isinstance(tree, Mapping) else tree[int(part)]
    return tree


def canonical(tree: Any, key: Key, *, loosely: bool = False) -> Key:
    """The key with items of lists by position instead of by name.

    Args:
        loosely: compare names without case and with ``-`` as ``_``, as environment variables need.

    Raises:
        LookupError: a list has no such item; the message names what there is.
    """
    out: list[str] = []
    for position, part in enumerate(key):
        if isinstance(tree, (list, tuple)):
            part = _item(tree, part, dotted(key[:position]), loosely)
            tree = tree[int(part)]
        elif isinstance(tree, Mapping):
            part = _match(list(tree), part, loosely) or part
            tree = tree.get(part)
        else:
            tree = None
        out.append(part)
    return tuple(out)


def named(tree: Any, key: Key) -> Key:
    """The key with items of lists by name instead of by position, which is how people are told it.

    An item stays at its position where it has no name, or one that would be read as something else:
    the name of two, a number, one with a dot.
    """
    out: list[str] = []
    for part in key:
        if isinstance(tree, (list, tuple)):
            labels = _labels(tree)
            if part.isdigit() and int(part) < len(tree):
                tree, part = tree[int(part)], labels[int(part)]
            else:
                tree = tree[labels.index(part)] if part in labels else None
        else:
            tree = tree.get(part) if isinstance(tree, Mapping) else None
        out.append(part)
    return tuple(out)


def _names(items: Sequence[Any]) -> list[str]:
    """The name of each item of a list; empty for one without."""
    return [str(item.get("name", "")) if isinstance(item, Mapping) else "" for item in items]


def _labels(items: Sequence[Any]) -> list[str]:
    """The part of a key that means each item and no other: its name, else its position."""
    names = _names(items)
    return [
        str(position)
        if not name or name.isdigit() or "." in name or names.count(name) > 1
        else name
        for position, name in enumerate(names)
    ]


def _item(items: Sequence[Any], part: str, where: str, loosely: bool) -> str:
    if part.isdigit() and int(part) < len(items):
        return part
    names = _names(items)
    match = _match([name for name in names if name], part, loosely)
    if match is not None:
        return str(names.index(match))
    known = ", ".join(f"{i} ({name})" if name else str(i) for i, name in enumerate(names))
    near = get_close_matches(part, [name for name in names if name], n=1)
    hint = f" Did you mean '{where}.{near[0]}'?" if near else ""
    raise LookupError(f"'{where}' has no item '{part}'; there are: {known or 'none'}.{hint}")


def _match(names: Sequence[str], part: str, loosely: bool) -> str | None:
    if part in names:
        return part
    if loosely:
        for name in names:
            if name.lower().replace("-", "_") == part.lower().replace("-", "_"):
                return name
    return None
