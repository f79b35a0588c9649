"""The record of a dataset that code has made: what was asked, and a fingerprint over all of it.

Owns the files ``studio.json`` of made and ``prepared.json`` of prepared data, and the comparison
with another request. A dataset that is not finished has a journal instead (``making``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from likeness import __version__
from likeness.data.making import differences_of, is_unfinished
from likeness.errors import DataError, UsageError
from likeness.storage.files import replacing
from likeness.storage.json_files import load_json

RECORD = "studio.json"
PREPARED_RECORD = "prepared.json"
"""Of raw material that became a dataset."""
_FORMAT = 1


def is_recorded(root: str | Path) -> bool:
    """Whether a folder holds a finished dataset with a record."""
    return not is_unfinished(root) and _record_in(root).is_file()


def write_record(
    root: str | Path,
    *,
    command: str,
    settings: Mapping[str, Any],
    begun: str,
    counts: Mapping[str, int],
    name: str = RECORD,
) -> None:
    """Write the record beside the data, as the last file of it.

    Args:
        root: the dataset.
        command: what makes it, e.g. ``"'likeness data make face-encoder'"``.
        settings: everything that decides the content, as JSON values: versions of what makes it
            among them. This package's own is added.
        begun: the day, ISO 8601.
        counts: what there is of everything.
        name: of the file: ``RECORD`` or ``PREPARED_RECORD``.
    """
    asked = _asked(command, settings)
    record = {
        "format": _FORMAT,
        **asked,
        "begun": begun,
        "counts": dict(counts),
        "fingerprint": fingerprint_of(asked),
    }
    with replacing(Path(root) / name) as temporary:
        temporary.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", "utf-8")


def is_up_to_date(root: str | Path, *, command: str, settings: Mapping[str, Any]) -> bool:
    """Whether a folder holds the finished dataset of a request; see :func:`write_record`.

    Raises:
        UsageError: it holds one that was made otherwise; every difference is named.
        DataError: the record is damaged.
    """
    if not is_recorded(root):
        return False
    path = _record_in(root)
    try:
        found = load_json(path)
        before = {"command": found["command"], "settings": dict(found["settings"])}
        whole = found["fingerprint"] == fingerprint_of(before)
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if not whole:
        raise _damaged(path)
    now = json.loads(json.dumps(_asked(command, settings)))
    differences = differences_of(before, now)
    if differences:
        raise UsageError(
            f"'{root}' exists and is not empty; it holds a dataset that was made otherwise: "
            f"{'; '.join(differences)}.",
            advice="Choose another folder, or remove this one; a dataset is never overwritten.",
        )
    return True


def fingerprint_of(asked: Mapping[str, Any]) -> str:
    """32 hexadecimal digits over command and settings: BLAKE2b of their canonical JSON."""
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def with_files_read(settings: Mapping[str, Any], read: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with a fingerprint of what was read: a dataset is given away, and where files lie is
    nobody's business who gets it.

    Args:
        settings: of the command.
        read: paths of files and their versions, and whatever else names places.
    """
    return {**settings, "files_read": fingerprint_of(read)}


def _record_in(root: str | Path) -> Path:
    """The record there is; where there is none, where that of studio data would lie."""
    prepared = Path(root) / PREPARED_RECORD
    return prepared if prepared.is_file() else Path(root) / RECORD


def _asked(command: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"command": command, "settings": {"likeness": __version__, **settings}}


def _damaged(path: Path) -> DataError:
    return DataError(
        f"Expected the record of a finished dataset in '{path}', found a file that was changed "
        "or that this version did not write.",
        advice="Remove the folder and make the dataset again.",
    )
