"""Assignments: what a file, a variable or a command-line word asks to set, and from where.

Owns parsing and coercion by annotation. Which assignment wins is decided in ``resolve.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import Any, Literal, get_args, get_origin

from likeness.config.keys import Key
from likeness.config.schema import leaf_types
from likeness.config.text import YamlText, read_yaml
from likeness.errors import UsageError

PREFIX = "LIKENESS_"
LAUNCHER_VARIABLES = frozenset({"RANK", "WORLD_SIZE", "LOCAL_RANK"})
"""Set by torchrun and its kin; an alias of the same name is ignored under a distributed launch."""

OTHER_VARIABLES = frozenset({"LIKENESS_TEST_DATA"})
"""Variables with the prefix that are no settings: where the tests find real recordings."""

Layer = Literal["default", "profile", "file", "environment", "command line"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Origin:
    """Where a value came from: the layer, and the profile, file and line, or variable."""

    layer: Layer
    detail: str = ""
    is_earlier: bool = False
    """Of a command before this one, whose words a run keeps."""

    def __str__(self) -> str:
        told = f"{self.layer} {self.detail}" if self.detail else self.layer
        return f"{told} of an earlier command" if self.is_earlier else told

    def of_earlier(self) -> Origin:
        """The same, told apart from what the words and variables of this command say."""
        return replace(self, is_earlier=self.layer in ("environment", "command line"))


def saved_origin(entry: Mapping[str, Any]) -> Origin:
    """An origin from its two texts.

    Raises:
        KeyError, TypeError, ValueError: they are none, or there is no such layer.
    """
    layer, detail = entry["layer"], entry["detail"]
    if layer not in get_args(Layer) or not isinstance(detail, str):
        raise ValueError(f"there is no such origin: {entry}")
    return Origin(layer, detail)


@dataclass(frozen=True)
class Assignment:
    """One value to set. ``text`` means the value is still to be coerced by annotation."""

    key: Key
    value: Any
    origin: Origin
    is_text: bool = False
    inner: Mapping[Key, Origin] = field(default_factory=dict)
    """Origins of the values inside a list, relative to the key."""
    is_partial: bool = False
    """A mapping changes what it names and keeps the rest; else it replaces what was there."""


class Unread(str):
    """The text of a command-line word, to be read by :func:`coerce` where the type is known."""


def parse_overrides(words: Iterable[str]) -> tuple[list[Assignment], list[str]]:
    """Command-line words ``a.b=value`` as assignments, and a message for each that is none."""
    assignments, faults = [], []
    for word in words:
        name, equals, value = word.partition("=")
        key = tuple(name.strip().split("."))
        if not equals or not all(key):
            faults.append(f"expected key=value, as in train.steps=100, found '{word}'")
        else:
            assignments.append(Assignment(key, value, Origin("command line"), is_text=True))
    return assignments, faults


def environment_assignments(
    environ: Mapping[str, str], aliases: Mapping[str, str]
) -> list[Assignment]:
    """Settings named by environment variables; an empty variable counts as unset.

    ``LIKENESS_TRAIN__STEPS`` names ``train.steps``. Every variable with the prefix is taken for a
    setting, so that a misspelt one does not go unnoticed, but for :data:`OTHER_VARIABLES`.
    """
    out = []
    for name, value in sorted(environ.items()):
        if not name.startswith(PREFIX) or not value or name in OTHER_VARIABLES:
            continue
        key = tuple(name[len(PREFIX) :].lower().split("__"))
        out.append(Assignment(key, value, Origin("environment", name), is_text=True))
    launched = "RANK" in environ and "WORLD_SIZE" in environ
    for name, target in aliases.items():
        if not environ.get(name):
            continue
        if launched and name in LAUNCHER_VARIABLES:
            _log.warning(
                "%s is set by the distributed launcher, so it does not set %s here; use %s%s.",
                name,
                target,
                PREFIX,
                target.upper().replace(".", "__"),
            )
            continue
        key = tuple(target.split("."))
        out.append(Assignment(key, environ[name], Origin("environment", name), is_text=True))
    return out


def file_assignments(document: YamlText, *, name: str, whole: bool) -> Iterator[Assignment]:
    """The leaves of a file's mapping; lists are one value, mappings are entered, empty ones given.

    Args:
        name: the file, as shown to people; the line is added.
        whole: each top-level value replaces what was there, instead of changing what it names.
    """

    def origin(key: Key) -> Origin:
        line = document.lines.get(key)
        return Origin("file", f"{name}:{line}" if line else name)

    def visit(value: Any, key: Key) -> Iterator[Assignment]:
        if isinstance(value, Mapping) and value and not (whole and key):
            for part, inner in value.items():
                yield from visit(inner, (*key, part))
        else:
            below = {
                k[len(key) :]: origin(k)
                for k in document.lines
                if len(k) > len(key) and k[: len(key)] == key
            }
            yield Assignment(key, value, origin(key), inner=below, is_partial=not whole)

    yield from visit(document.values, ())


def coerce(text: str, annotations: Sequence[Any]) -> Any:
    """Plain data from the text of an override, read as the annotation asks.

    Text settings take the text as it is, so that ``name=007`` and ``name=on`` stay text. ``null``
    is None where None is allowed. Anything else is read as YAML: ``[1, 2]``, ``{a: 1}``, ``1e-4``.

    Raises:
        ValueError: brackets that are not valid YAML.
    """
    wanted = set().union(*(leaf_types(annotation) for annotation in annotations))
    if text == "null" and type(None) in wanted:
        return None
    textual = all(
        isinstance(kind, type) and issubclass(kind, (str, PurePath))
        for kind in wanted - {type(None)}
    )
    bracketed = text.startswith(("[", "{")) and any(_is_container(a) for a in annotations)
    if textual and not bracketed:
        return text
    try:
        return read_yaml(text, name="the value").values if text else ""
    except UsageError as error:
        hint = f". {error.advice.rstrip('.')}" if error.advice else ""
        raise ValueError(f"expected a value, found {text!r}{hint}") from error


def _is_container(annotation: Any) -> bool:
    """Whether the annotation is, or may be, a list or mapping."""
    origin = get_origin(annotation)
    if isinstance(origin, type) and issubclass(origin, (Mapping, Sequence)):
        return True
    return origin is not Literal and any(_is_container(item) for item in get_args(annotation))
