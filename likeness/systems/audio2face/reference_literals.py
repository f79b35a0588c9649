"""Python modules of constants read as data: parsed, never executed.

Owns which expressions count as constants, and the line of every value. A configuration that needs
more than that is refused with file and line, so reading one can run nothing.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from likeness.errors import MissingError, UsageError

MAX_BYTES = 16 * 1024**2
_MAX_EXPONENT = 64
_MAX_NUMBER = 10**30

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Constants:
    """What a module assigns.

    Attributes:
        path: of the file.
        values: public name to value, of dicts with text keys, lists, texts, numbers, booleans and
            None. Tuples are lists.
        lines: slash path of every value, dict or not (``AUDIO_PARAMS/buffer_len``), to its line.
    """

    path: Path
    values: Mapping[str, Any]
    lines: Mapping[str, int]


class _Refused(Exception):
    def __init__(self, node: ast.AST, what: str) -> None:
        super().__init__(what)
        self.line, self.what = getattr(node, "lineno", 0), what


def read_constants(path: str | Path) -> Constants:
    """The upper-level assignments of a Python file.

    Values are literals, arithmetic of numbers, joined texts, and names assigned earlier in the
    file. Names that begin with an underscore can be referred to and are not part of the result.

    Raises:
        MissingError: there is no such file.
        UsageError: it cannot be read or parsed, or holds anything else; every place is named.
    """
    path = Path(path)
    tree = _parsed(path)
    known: dict[str, Any] = {}
    lines: dict[str, int] = {}
    faults: list[str] = []
    for statement in tree.body:
        try:
            _assign(statement, known, lines)
        except _Refused as refused:
            faults.append(f"{path}:{refused.line}: {refused.what}")
        except RecursionError:
            faults.append(f"{path}:{statement.lineno}: values are nested too deeply")
    if faults:
        raise UsageError(
            "Expected a file of constants, found what would have to be executed:\n"
            + "\n".join(faults),
            advice="Write the values out: literals, arithmetic of numbers, and names assigned "
            "above in the same file.",
        )
    public = {name: value for name, value in known.items() if not name.startswith("_")}
    return Constants(path, public, lines)


def _parsed(path: Path) -> ast.Module:
    try:
        size = path.stat().st_size
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingError(f"There is no file '{path}'.") from error
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error}.") from error
    if size > MAX_BYTES:
        raise UsageError(
            f"'{path}' has {size} bytes; a configuration has at most {MAX_BYTES}.",
            advice="Keep long lists of clips in a CSV file.",
        )
    try:
        return ast.parse(content, filename=str(path))
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None) or 1
        raise UsageError(f"{path}:{line}: not Python: {error}.") from error
    except (RecursionError, MemoryError) as error:
        raise UsageError(f"{path}:1: values are nested too deeply.") from error


def _assign(statement: ast.stmt, known: dict[str, Any], lines: dict[str, int]) -> None:
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return  # a docstring
    if isinstance(statement, ast.Assign):
        targets, expression = statement.targets, statement.value
    elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
        targets, expression = [statement.target], statement.value
    else:
        raise _Refused(statement, f"a statement that is no assignment ({_shown(statement)})")
    value = _value(expression, known)
    for target in targets:
        if not isinstance(target, ast.Name):
            raise _Refused(
                statement, f"an assignment to something else than a name ({_shown(target)})"
            )
        known[target.id] = value
        for path in [p for p in lines if p == target.id or p.startswith(f"{target.id}/")]:
            del lines[path]
        _note_lines(expression, value, target.id, lines)


def _note_lines(node: ast.expr, value: Any, path: str, lines: dict[str, int]) -> None:
    lines[path] = node.lineno
    if isinstance(node, ast.Dict) and isinstance(value, dict):
        for key, inner in zip(node.keys, node.values, strict=True):
            name = key.value if isinstance(key, ast.Constant) else None
            if isinstance(name, str):
                _note_lines(inner, value[name], f"{path}/{name}", lines)
    elif isinstance(value, dict):  # a name assigned above
        for name, inner_value in value.items():
            _note_lines(
                ast.Constant(None, lineno=node.lineno), inner_value, f"{path}/{name}", lines
            )


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return _constant(node)
    if isinstance(node, ast.List | ast.Tuple):
        return [_value(item, known) for item in node.elts]
    if isinstance(node, ast.Dict):
        return _dictionary(node, known)
    if isinstance(node, ast.Name):
        if node.id not in known:
            raise _Refused(node, f"a name that is not assigned above ({node.id})")
        return known[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub | ast.UAdd):
        value = _value(node.operand, known)
        if not _is_number(value):
            raise _Refused(node, f"a sign before what is no number ({_shown(node)})")
        return -value if isinstance(node.op, ast.USub) else value
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _computed(node, _value(node.left, known), _value(node.right, known))
    raise _Refused(node, f"an expression that is no constant ({_shown(node)})")


def _constant(node: ast.Constant) -> Any:
    value = node.value
    if not (value is None or isinstance(value, str | bool | int | float)):
        raise _Refused(node, f"a {type(value).__name__}, which JSON does not know")
    if isinstance(value, float) and not math.isfinite(value):
        raise _Refused(node, "a number beyond the range of floats")
    return value


def _dictionary(node: ast.Dict, known: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise _Refused(value, "a dictionary unpacked into another (**)")
        name = _value(key, known)
        if not isinstance(name, str):
            raise _Refused(key, f"a key that is no text ({_shown(key)})")
        found[name] = _value(value, known)
    return found


def _computed(node: ast.BinOp, left: Any, right: Any) -> Any:
    if isinstance(node.op, ast.Add) and isinstance(left, str) and isinstance(right, str):
        return left + right
    if not (_is_number(left) and _is_number(right)):
        raise _Refused(node, f"arithmetic of what are no numbers ({_shown(node)})")
    if isinstance(node.op, ast.Pow) and abs(right) > _MAX_EXPONENT:
        raise _Refused(node, f"a power that is too large ({_shown(node)})")
    try:
        value = _OPERATORS[type(node.op)](left, right)
    except (ArithmeticError, ValueError) as error:
        raise _Refused(node, f"{error} ({_shown(node)})") from error
    if isinstance(value, complex) or not math.isfinite(value) or abs(value) > _MAX_NUMBER:
        raise _Refused(node, f"a result that is no usable number ({_shown(node)})")
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _shown(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 60 else text[:57] + "..."
