"""Vertex lists: JSON files of which vertices are lips, lids and the rigid part of a tongue."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError, no_file
from likeness.systems.audio2face.artefacts import LipSize, Pairs

_MAX_BYTES = 16 * 1024**2
MIN_RIGID = 4
"""Points without which a rigid motion is not determined well."""


def read_pairs(path: Path) -> Pairs:
    """``{"upper": [...], "lower": [...]}`` of equal lengths, index i of one over index i of other.

    Raises:
        MissingError: there is no such file.
        DataError: it holds anything else.
    """
    return _pairs(_object(path, ("upper", "lower")), "upper", "lower", path)


def read_lip_size(path: Path) -> LipSize:
    """``{"upper_lip": {"top", "bottom"}, "lower_lip": {"top", "bottom"}}``; raises as above."""
    found = _object(path, ("upper_lip", "lower_lip"))
    lips = []
    for lip in ("upper_lip", "lower_lip"):
        if not isinstance(found[lip], dict) or not {"top", "bottom"} <= found[lip].keys():
            raise DataError(f"'{path}': expected 'top' and 'bottom' in '{lip}'.")
        lips.append(_pairs(found[lip], "top", "bottom", path))
    return LipSize(*lips)


def read_rigid(path: Path) -> NDArray[np.int64]:
    """A list of at least four vertices that only move rigidly; raises as above."""
    indices = _indices(_value(path), str(path))
    if len(set(indices.tolist())) < MIN_RIGID:
        raise DataError(
            f"'{path}': expected {MIN_RIGID} or more different vertices that only move rigidly, "
            f"found {len(set(indices.tolist()))}."
        )
    return indices


def pairs_as_json(pairs: Pairs) -> dict[str, list[int]]:
    """What :func:`read_pairs` reads."""
    return {"upper": pairs.upper.tolist(), "lower": pairs.lower.tolist()}


def lip_size_as_json(size: LipSize) -> dict[str, dict[str, list[int]]]:
    """What :func:`read_lip_size` reads."""
    lips = {"upper_lip": size.upper_lip, "lower_lip": size.lower_lip}
    return {
        name: {"top": lip.upper.tolist(), "bottom": lip.lower.tolist()}
        for name, lip in lips.items()
    }


def _pairs(found: dict[str, Any], first: str, second: str, path: Path) -> Pairs:
    upper = _indices(found[first], f"'{first}' of '{path}'")
    lower = _indices(found[second], f"'{second}' of '{path}'")
    if len(upper) != len(lower):
        raise DataError(
            f"'{path}': expected as many vertices in '{first}' as in '{second}', found "
            f"{len(upper)} and {len(lower)}."
        )
    return Pairs(upper, lower)


def _object(path: Path, keys: tuple[str, ...]) -> dict[str, Any]:
    found = _value(path)
    if not isinstance(found, dict) or not set(keys) <= found.keys():
        raise DataError(f"'{path}': expected an object with {' and '.join(map(repr, keys))}.")
    return found


def _indices(found: Any, where: str) -> NDArray[np.int64]:
    whole = isinstance(found, list) and all(
        isinstance(i, int) and not isinstance(i, bool) and 0 <= i < 2**31 for i in found
    )
    if not whole or not found:
        raise DataError(f"{where}: expected a list of vertex numbers from 0.")
    return np.array(found, np.int64)


def _value(path: Path) -> Any:
    if not path.is_file():
        raise no_file(path)
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"'{path}' is too large for a list of vertices.")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{path}' is no readable JSON: {error}.") from error
