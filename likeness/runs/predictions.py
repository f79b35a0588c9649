"""Which input the files of a prediction are of: a manifest beside them, and names kept apart.

Files of one input have one stem. ``<stem>.manifest.json`` names the input by its content (SHA-256),
what its files were made with, and each file. What the files hold is the systems' business.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from likeness.storage.files import sha256_of
from likeness.storage.json_files import load_json

from .files import write_json


def manifest_path(folder: str | Path, stem: str) -> Path:
    """Where the manifest of a stem's files lies."""
    return Path(folder) / f"{stem}.manifest.json"


class Stems:
    """Gives each input of a call the stem of its files in a folder.

    A stem that is another input's, of this call or of an earlier one by its manifest, is numbered:
    ``photo-2``. The same input gets the stem of its earlier files, which it replaces.

    Args:
        folder: where the files go.
        content: key of the manifest that holds the SHA-256 of the input.
        stem_of: makes the stem of a name, a number behind it included.
    """

    def __init__(
        self, folder: str | Path, content: str, stem_of: Callable[[str], str] = str
    ) -> None:
        self._folder, self._content, self._stem_of = folder, content, stem_of
        self._taken: set[str] = set()

    def stem(self, name: str, sha256: str) -> str:
        """The stem of an input of a name and a content."""
        stem, number = self._stem_of(name), 1
        while stem in self._taken or self._owner(stem) not in (None, sha256):
            number += 1
            stem = self._stem_of(f"{name}-{number}")
        self._taken.add(stem)
        return stem

    def _owner(self, stem: str) -> str | None:
        """The content that a manifest names; empty where it names none, None where there is none.

        A damaged manifest is somebody's too.
        """
        path = manifest_path(self._folder, stem)
        if not path.exists():
            return None
        return str(_read(path).get(self._content, ""))


def write_manifest(
    path: Path,
    facts: Mapping[str, Any],
    files: Mapping[str, Mapping[str, Any]],
    *,
    before: Path | None = None,
) -> None:
    """Write the manifest of a stem.

    Files that an earlier call wrote stay in it where all that it says but the files is equal and
    they still are what it says.

    Args:
        facts: the input and what its files were made with; JSON values.
        files: name to what is said of it, ``sha256`` among it.
        before: the manifest whose place this one takes later; None is the one at ``path``.
    """
    before = path if before is None else before
    earlier = _read(before)
    others = earlier.pop("files", None)
    kept = {}
    if isinstance(others, dict) and earlier == json.loads(json.dumps(facts)):
        kept = {
            name: entry
            for name, entry in others.items()
            if name not in files and _is_still(before.with_name(name), entry)
        }
    write_json(path, {**facts, "files": {**kept, **files}})


def _is_still(path: Path, entry: Any) -> bool:
    return isinstance(entry, dict) and path.is_file() and sha256_of(path) == entry.get("sha256")


def _read(path: Path) -> dict[str, Any]:
    """The manifest at a path; empty where there is none, or something else."""
    try:
        found = load_json(path)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
