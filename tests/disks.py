"""Disks that refuse: one that is full, and a folder that nothing can be written to.

Both are mounted, since permissions do not stop the administrator that tests may run as.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def full_disk(folder: Path, *, free: int = 0) -> Iterator[Path]:
    """A file system at ``folder`` with room for ``free`` bytes and for names of files."""
    folder.mkdir()
    size = 64 * 1024
    with _mounted(folder, "-t", "tmpfs", "-o", f"size={size + free}", "tmpfs"):
        (folder / "filler").write_bytes(bytes(size))
        yield folder


@contextmanager
def read_only(folder: Path) -> Iterator[Path]:
    """An existing folder that can be read only."""
    with _mounted(folder, "--bind", str(folder)):
        _mount("-o", "remount,bind,ro", str(folder))
        yield folder


@contextmanager
def _mounted(folder: Path, *how: str) -> Iterator[None]:
    _mount(*how, str(folder))
    try:
        yield
    finally:
        # Lazily, since loaded weights may still be mapped from files there.
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def _mount(*words: str) -> None:
    try:
        done = subprocess.run(["mount", *words], capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no program 'mount' to make a disk that refuses")
    if done.returncode:
        pytest.skip(f"not allowed to mount a disk that refuses: {done.stderr.strip()}")
