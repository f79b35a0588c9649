"""JSON documents of a package, read within bounds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_MAX_BYTES = 64 * 1024**2


def read_json_object(path: Path) -> dict[str, Any]:
    """The object in a file.

    Raises:
        ValueError: no JSON, no object, or too big; the message says which.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"expected at most {_MAX_BYTES:,} bytes, found {path.stat().st_size:,}")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise ValueError("expected JSON, found lists nested too deep") from error
    if not isinstance(document, dict):
        raise ValueError(f"expected a JSON object, found {type(document).__name__}")
    return document
