"""The lock of a file or folder, against processes, threads and forks."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from likeness.storage import lock
from likeness.storage.lock import locked

TRY = "import fcntl, sys; fcntl.flock(open(sys.argv[1]), fcntl.LOCK_EX | fcntl.LOCK_NB)"


def _is_free(path: Path) -> bool:
    """Whether a process of its own gets the kernel's lock of a file."""
    return (
        subprocess.run([sys.executable, "-c", TRY, str(path)], capture_output=True).returncode == 0
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lock"
    path.touch()
    return path


def test_another_process_is_kept_out_until_the_end(file: Path) -> None:
    with locked(file) as is_held:
        assert is_held
        assert not _is_free(file)
    assert _is_free(file)


@pytest.mark.parametrize("is_folder", [False, True])
def test_who_does_not_wait_is_refused(file: Path, is_folder: bool) -> None:
    place = file.parent if is_folder else file
    with locked(place), pytest.raises(BlockingIOError), locked(place):
        pass
    with locked(place):
        pass


def test_those_who_share_keep_out_who_does_not(file: Path) -> None:
    file.chmod(0o444)  # as the cache keeps its files
    with (
        locked(file, shared=True),
        locked(file, shared=True),
        pytest.raises(BlockingIOError),
        locked(file),
    ):
        pass
    with locked(file), pytest.raises(BlockingIOError), locked(file, shared=True):
        pass


def test_who_waits_has_it_once_it_is_let_go(file: Path) -> None:
    order: list[str] = []

    def wait() -> None:
        with locked(file, waits=True):
            order.append("second")

    with locked(file):
        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.2)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]


def test_what_was_replaced_meanwhile_is_not_held(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise two would work at once, one of them holding a file that nobody finds any more."""
    flock = fcntl.flock

    def late(descriptor: int, kind: int) -> None:
        file.unlink()
        file.touch()
        flock(descriptor, kind)

    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(FileNotFoundError, match=r"lock"), locked(file, waits=True):
        pass


def test_a_fork_does_not_keep_it(file: Path) -> None:
    """Workers outlive a parent that is killed: what it held must be free at once."""
    with locked(file):
        child = os.fork()
        if child == 0:
            time.sleep(30)
            os._exit(0)
    try:
        assert _is_free(file)
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def _refused(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(descriptor: int, kind: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)
    monkeypatch.setattr(lock, "_told", set())


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF])
def test_a_file_system_without_locks_is_told_once(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    _refused(monkeypatch, number)
    for place in (file, file.parent):
        with locked(place) as is_held:
            assert not is_held
    assert len(caplog.records) == 1
    assert f"{file} cannot be locked ({os.strerror(number)}): " in caplog.text


def test_other_refusals_of_the_kernel_are_errors(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refused(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), locked(file):
        pass
