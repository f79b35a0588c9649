"""YAML text to plain data and back: safe, bounded, with the line of every value.

Scalars follow the YAML 1.2 core schema: ``1e-4`` is a number; ``on``, ``off``, ``yes``, ``no``,
``12:30`` and dates are text (a boolean setting still takes on/off and yes/no, because its type says
so). Knows nothing of settings.
"""

from __future__ import annotations

import errno
import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from likeness.errors import UsageError

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_KEY = 200
MAX_VALUES = 50_000
"""Values after aliases are expanded; a configuration has a few hundred."""

Path = tuple[str, ...]

_SCALARS: tuple[tuple[str, str, list[str]], ...] = (
    ("tag:yaml.org,2002:null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("tag:yaml.org,2002:bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("tag:yaml.org,2002:int", r"^(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)$", list("-+0123456789")),
    (
        "tag:yaml.org,2002:float",
        r"^(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
        list("-+.0123456789"),
    ),
)
_MAP, _SEQUENCE, _STRING = (f"tag:yaml.org,2002:{kind}" for kind in ("map", "seq", "str"))


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012


class _Dumper(yaml.SafeDumper):
    """Quotes text that YAML 1.1 or 1.2 would read as something else."""

    yaml_implicit_resolvers = {  # noqa: RUF012
        first: list(pairs) for first, pairs in yaml.SafeDumper.yaml_implicit_resolvers.items()
    }

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: yaml.SafeDumper, data: list[Any]) -> yaml.SequenceNode:
    """Lists of scalars on one line, everything else one item a line."""
    node = dumper.represent_sequence(_SEQUENCE, data)
    node.flow_style = all(isinstance(item, yaml.ScalarNode) for item in node.value)
    return node


_Dumper.add_representer(list, _represent_list)
for _tag, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(_tag, re.compile(_pattern), _first)
    _Dumper.add_implicit_resolver(_tag, re.compile(_pattern), _first)


@dataclass(frozen=True)
class YamlText:
    """Plain data read from YAML, and the line each value stands on (from 1)."""

    values: Any
    lines: Mapping[Path, int] = field(default_factory=dict)


def file_text(path: pathlib.Path) -> str:
    """The text of a file; of one that is too large, no more than :func:`read_yaml` refuses.

    Raises:
        OSError: it cannot be read; it is a folder, a pipe, which would be waited for, or a device;
            or it is not UTF-8.
    """
    if path.is_dir():
        raise OSError(errno.EISDIR, "it is a folder")
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is a pipe or a device")
    try:
        with path.open(encoding="utf-8") as stream:
            return stream.read(MAX_BYTES + 1)
    except UnicodeDecodeError as error:
        raise OSError(errno.EILSEQ, "it is not UTF-8 text") from error


def read_yaml(text: str, *, name: str) -> YamlText:
    """Read one YAML document.

    Args:
        text: the document.
        name: what messages call it, e.g. the file's path.

    Raises:
        UsageError: broken syntax, a key given twice, a key that is not text; too large, too deep,
            expanding without bound, or asking for Python objects.
    """
    if len(text.encode("utf-8")) > MAX_BYTES:
        raise UsageError(
            f"{name} has more than {MAX_BYTES // 1024} KiB; no configuration is that long.",
            advice="Check that this is the configuration file you meant.",
        )
    try:
        _check_depth(text, name)
        node = _compose(text)
    except yaml.YAMLError as error:
        raise UsageError(_syntax_message(error, name)) from error
    if node is None:
        return YamlText({})
    reader = _Reader(name)
    values = reader.build(node, ())
    return YamlText(values, reader.lines)


def write_yaml(data: Any) -> str:
    """Plain data as YAML that :func:`read_yaml` gives back unchanged."""
    text: str = yaml.dump(
        data,
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=100,
    )
    return text


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _check_depth(text: str, name: str) -> None:
    """Refuse deep nesting before the recursive composer meets it."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                place = f"{name}:{event.start_mark.line + 1}" if event.start_mark else name
                raise UsageError(
                    f"{place} nests values deeper than {MAX_DEPTH} levels.",
                    advice="A configuration has no more than a handful.",
                )
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _syntax_message(error: yaml.YAMLError, name: str) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"{name}:{mark.line + 1}" if mark is not None else name
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    if problem.startswith("but "):  # the end of a sentence whose beginning is the context
        problem = f"{getattr(error, 'context', None) or 'something else was expected'}, {problem}"
    return f"{place} is not valid YAML: {problem}."


class _Reader:
    """Nodes to plain data, counting every value so that aliases cannot expand without bound."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[Path, int] = {}
        self._count = 0

    def build(self, node: yaml.Node, path: Path) -> Any:
        line = node.start_mark.line + 1
        self._count += 1
        if self._count > MAX_VALUES or len(path) > MAX_DEPTH:
            raise UsageError(
                f"{self.name}:{line} expands to more than {MAX_VALUES} values or refers to itself.",
                advice="Write the values out instead of using YAML aliases.",
            )
        self.lines.setdefault(path, line)
        if isinstance(node, yaml.MappingNode) and node.tag == _MAP:
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == _SEQUENCE:
            return [self.build(item, (*path, str(i))) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node, line)
        raise self._refused_tag(node, line)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value
            if not isinstance(key_node, yaml.ScalarNode) or not key or len(key) > MAX_KEY:
                raise UsageError(
                    f"{self.name}:{line} has a key that is not a word: {_shown(key_node)}.",
                    advice="Settings are 'name: value' lines.",
                )
            if ":" in key and value_node.start_mark.index == value_node.end_mark.index:
                word, _, value = key.partition(":")
                raise UsageError(
                    f"{self.name}:{line} has '{key}', which is a name without a value.",
                    advice=f"A colon wants a blank behind it: '{word}: {value}'.",
                )
            if key in out:
                dotted = ".".join((*path, key))
                raise UsageError(
                    f"{self.name}:{line} sets '{dotted}' a second time.",
                    advice=f"Keep one of them; the first is on line {self.lines[(*path, key)]}.",
                )
            self.lines[(*path, key)] = line
            out[key] = self.build(value_node, (*path, key))
        return out

    def _scalar(self, node: yaml.ScalarNode, line: int) -> Any:
        text, kind = node.value, node.tag.rpartition(":")[2]
        if node.tag == _STRING:
            return text
        if node.tag not in {tag for tag, _, _ in _SCALARS}:
            raise self._refused_tag(node, line)
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        try:
            if kind == "int":
                return _integer(text)
            return float(re.sub(r"\.(inf|nan)", r"\1", text.lower()))
        except ValueError as error:
            raise UsageError(f"{self.name}:{line} is not a number: {text[:40]!r}.") from error

    def _refused_tag(self, node: yaml.Node, line: int) -> UsageError:
        return UsageError(
            f"{self.name}:{line} uses the YAML tag '{node.tag}'; only plain values are read.",
            advice="Remove the tag; a configuration never builds Python objects.",
        )


def _shown(node: yaml.Node) -> str:
    """A key in a message, briefly."""
    if isinstance(node, yaml.ScalarNode):
        return repr(node.value if len(node.value) <= 40 else f"{node.value[:37]}...")
    return "a list" if isinstance(node, yaml.SequenceNode) else "a mapping"


def _integer(text: str) -> int:
    for prefix, base in (("0o", 8), ("0x", 16)):
        if text.startswith(prefix):
            return int(text[2:], base)
    return int(text)
