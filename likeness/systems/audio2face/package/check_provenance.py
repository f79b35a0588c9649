"""Rules of ``provenance.json``: the files of a package are those it was written with.

No runtime reads it, and packages of others have none.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from likeness.storage.files import sha256_of
from likeness.storage.json_files import load_object
from likeness.systems.audio2face.package.violations import Report

_DIGEST = re.compile("[0-9a-f]{64}")


def check_provenance(path: Path, report: Report) -> None:
    """Codes ``provenance.json``, ``provenance.missing`` and ``provenance.hash``.

    Args:
        path: of the document; hashes in it are of files beside it, under ``sha256``. A document
            without hashes says nothing.
    """
    try:
        hashes = load_object(path).get("sha256", {})
    except ValueError as error:
        report.error("provenance.json", path, f"Cannot be read: {error}.")
        return
    if not isinstance(hashes, dict) or not all(map(_is_entry, hashes.items())):
        report.error(
            "provenance.json",
            path,
            "'sha256' must hold names of files beside it, each with 64 hexadecimal digits.",
        )
        return
    for name, expected in hashes.items():
        file = path.parent / name
        if not os.path.isfile(file):
            report.error(
                "provenance.missing", file, "The package was written with this file; it is gone."
            )
        elif (found := sha256_of(file)) != expected:
            report.error(
                "provenance.hash",
                file,
                f"Expected the SHA-256 {expected[:12]}… of the file the package was written with, "
                f"found {found[:12]}…: it was changed. Export the package again, or take the entry "
                f"out of {path.name} if the change is yours.",
            )


def _is_entry(entry: tuple[str, object]) -> bool:
    """A plain name with a digest: no path leads out of the folder."""
    name, digest = entry
    is_plain = name == os.path.basename(name) and name not in ("", ".", "..") and "\0" not in name
    return is_plain and isinstance(digest, str) and _DIGEST.fullmatch(digest) is not None
