"""The index of a dataset: a JSON list in a file, each entry as a model of fields says.

Owns how a file that people may have written or damaged becomes rows and findings. What a row means
is each contract's business.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from likeness.config.faults import validation_faults
from likeness.config.overrides import Origin
from likeness.config.schema import ConfigModel
from likeness.data.inspection import Finding

Row = TypeVar("Row", bound=ConfigModel)
_ADVICE = "Restore the file, or make the dataset again."
_JSON = {
    dict: "an object",
    list: "a list",
    str: "text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def read_rows(path: Path, model: type[Row]) -> tuple[list[Row], list[Finding]]:
    """The sound entries of a JSON list, and a finding for everything else.

    Args:
        path: the file. Findings name it by its last part, entries by their number from 1.
        model: the fields of an entry. Nothing is converted: ``"0.5"`` is no number. Fields it does
            not know are left out.
    """

    def finding(code: str, message: str) -> Finding:
        return Finding("error", code, path.name, message, _ADVICE)

    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        return [], [finding("index-missing", f"The file cannot be read: {error.strerror}.")]
    except UnicodeDecodeError as error:
        found = f"byte {error.start} is not UTF-8"
        return [], [finding("index-broken", f"Expected a JSON list, found no text: {found}.")]
    except (json.JSONDecodeError, RecursionError) as error:
        place = f": line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        return [], [finding("index-broken", f"Expected a JSON list, found no JSON{place}.")]
    if not isinstance(entries, list):
        found = _JSON[type(entries)]
        return [], [finding("index-broken", f"Expected a JSON list, found {found}.")]
    rows, findings = [], []
    for number, entry in enumerate(entries, start=1):
        row = _row(entry, model)
        if isinstance(row, str):
            findings.append(finding("entry-wrong", f"Entry {number}: {row}."))
        else:
            rows.append(row)
    return rows, findings


def _row(entry: Any, model: type[Row]) -> Row | str:
    """An entry as the model, or what is wrong with it."""
    fields = list(model.model_fields)
    if not isinstance(entry, dict):
        return f"expected an object with {', '.join(fields)}, found {_JSON[type(entry)]}"
    values = {name: entry[name] for name in fields if name in entry}
    try:
        return model.model_validate(values, strict=True)
    except ValidationError as error:
        faults = validation_faults(error, values, lambda key: Origin("default"), fields)
        return "; ".join(f"{fault.key}: {fault.message}" for fault in faults)
