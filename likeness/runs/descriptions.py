"""Files that describe a run, replaced together: one instant decides between the old and the new.

All are written to a folder beside them, and its renaming is that instant. Then each takes its
place; until it has, it is read where it lies. What the files hold is ``run.py``.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from likeness.replacement import PART, flush_to_disk
from likeness.storage.files import disk_errors

_DECIDED = ".described-anew"
"""Folder of files that count and have not taken their places, left by a kill."""


def replace_together(run: Path, texts: Mapping[str, str]) -> None:
    """Replace text files at the top of a run: after a kill all are the old ones, or all the new.

    Only for who holds the run; what an earlier kill left is :func:`settle`'s.

    Args:
        texts: file name to content.

    Raises:
        UsageError: the disk refuses; all are the old ones.
    """
    temporary = run / f"{_DECIDED}.{secrets.token_hex(6)}{PART}"
    with disk_errors(run, "write what describes the run"):
        try:
            temporary.mkdir()
            for name, text in texts.items():
                (temporary / name).write_text(text, encoding="utf-8")
                flush_to_disk(temporary / name)
            flush_to_disk(temporary)
            temporary.rename(run / _DECIDED)
        except BaseException:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        flush_to_disk(run)
    settle(run)


def settle(run: Path) -> None:
    """Let decided files take their places, and remove what was never decided.

    Raises:
        UsageError: the disk refuses.
    """
    with disk_errors(run, "complete what describes the run"):
        for leftover in run.glob(f"{_DECIDED}.*{PART}"):
            shutil.rmtree(leftover)
        decided = run / _DECIDED
        if decided.is_dir():
            for path in sorted(decided.iterdir()):
                path.replace(run / path.name)
            flush_to_disk(run)
            decided.rmdir()


def place_of(run: Path, name: str) -> Path:
    """Where a file that describes a run is to be read."""
    decided = run / _DECIDED / name
    return decided if decided.is_file() else run / name
