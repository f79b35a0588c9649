"""The lock of a folder: held by one process of this machine, and by none that it forks.

Knows nothing of what lies in it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_descriptors: set[int] = set()
"""Of the folders that this process holds."""


@contextmanager
def locked(folder: Path) -> Iterator[str]:
    """Hold a folder against other processes while inside; gives why it cannot be held by anybody.

    That is empty but on file systems without locks.

    The lock is the kernel's: it goes with the process, however that ends. Forked processes, such as
    the workers that load data, do not share it: they outlive a parent that is killed by seconds.

    Raises:
        BlockingIOError: another process holds it.
        OSError: the folder cannot be opened.
    """
    _keep_from_forks()
    descriptor = os.open(folder, os.O_RDONLY)
    _descriptors.add(descriptor)
    without = ""
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError as error:
            without = error.strerror or str(error)
        yield without
    finally:
        if descriptor in _descriptors:  # otherwise this is a fork, and closed it
            _descriptors.remove(descriptor)
            os.close(descriptor)


@cache
def _keep_from_forks() -> None:
    """From now on close the descriptors in every fork; the lock lasts while one is open."""
    os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    while _descriptors:
        os.close(_descriptors.pop())
