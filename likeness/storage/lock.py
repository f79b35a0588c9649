"""The lock of a file or folder: held by one process of this machine, and by none that it forks.

Knows nothing of what lies in it.
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_log = logging.getLogger(__name__)
_descriptors: set[int] = set()
"""Of what this process holds."""
_told: set[int] = set()
"""File systems, by device, of which was told that nothing can be held there."""
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
"""What a file system without locks answers, or without locks of folders; the last one: NFS, of a
file that may not be written to and is to be held alone."""


@contextmanager
def locked(path: Path, *, shared: bool = False, waits: bool = False) -> Iterator[bool]:
    """Hold a file or folder against others while inside; gives whether it is held.

    That is so but where its file system has no locks. There others are not kept out, and a warning
    says so, once for each file system.

    The lock is the kernel's: it goes with the process, however that ends. Forked processes, such as
    the workers that load data, do not share it: they outlive a parent that is killed by seconds.
    Others are processes and threads alike.

    Args:
        shared: hold it together with others that do so.
        waits: for others to let go of it.

    Raises:
        BlockingIOError: another holds it, and this does not wait.
        FileNotFoundError: it is not there, or was removed or replaced before it was held.
        OSError: it cannot be opened, or the kernel refuses for another reason than these.
    """
    _keep_from_forks()
    descriptor = _opened(path, shared)
    _descriptors.add(descriptor)
    is_held = True
    kind = (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if waits else fcntl.LOCK_NB)
    try:
        try:
            fcntl.flock(descriptor, kind)
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
            is_held = False
            _tell(path, os.fstat(descriptor).st_dev, error)
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
        yield is_held
    finally:
        if descriptor in _descriptors:  # otherwise this is a fork, and closed it
            _descriptors.remove(descriptor)
            os.close(descriptor)


def _tell(path: Path, device: int, error: OSError) -> None:
    if device in _told:
        return
    _told.add(device)
    _log.warning(
        "%s cannot be locked (%s): see to it that one process at a time works there, and with "
        "other runs, datasets and caches of that file system.",
        *(path, error.strerror or error),
    )


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
