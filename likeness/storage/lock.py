"""The lock of a file or folder: held by one process of this machine, and by none that it forks.

Knows nothing of what lies in it.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_descriptors: set[int] = set()
"""Of what this process holds."""


@contextmanager
def locked(path: Path, *, shared: bool = False, waits: bool = False) -> Iterator[str]:
    """Hold a file or folder against others while inside; gives why it cannot be held by anybody.

    That is empty but on file systems without locks, or without locks of folders.

    The lock is the kernel's: it goes with the process, however that ends. Forked processes, such as
    the workers that load data, do not share it: they outlive a parent that is killed by seconds.
    Others are processes and threads alike.

    Args:
        shared: hold it together with others that do so.
        waits: for others to let go of it.

    Raises:
        BlockingIOError: another holds it, and this does not wait.
        FileNotFoundError: it is not there, or was removed or replaced before it was held.
        OSError: it cannot be opened.
    """
    _keep_from_forks()
    descriptor = _opened(path, shared)
    _descriptors.add(descriptor)
    without = ""
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if waits else fcntl.LOCK_NB)
    try:
        try:
            fcntl.flock(descriptor, kind)
        except BlockingIOError:
            raise
        except OSError as error:
            without = error.strerror or str(error)
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        yield without
    finally:
        if descriptor in _descriptors:  # otherwise this is a fork, and closed it
            _descriptors.remove(descriptor)
            os.close(descriptor)


def _opened(path: Path, shared: bool) -> int:
    """A descriptor; for writing if possible, since NFS lets only such a file be held alone."""
    if not shared and not path.is_dir():
        try:
            return os.open(path, os.O_RDWR)
        except PermissionError:  # a file that nobody writes to any more
            pass
    return os.open(path, os.O_RDONLY)


@cache
def _keep_from_forks() -> None:
    """From now on close the descriptors in every fork; the lock lasts while one is open."""
    os.register_at_fork(after_in_child=_let_go)


def _let_go() -> None:
    while _descriptors:
        os.close(_descriptors.pop())
