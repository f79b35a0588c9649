"""Datasets made piece by piece: the same however many processes, however often interrupted."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from likeness.data.making import UNFINISHED, is_unfinished, refuse_unfinished, unfinished
from likeness.errors import DataError, UsageError
from likeness.storage.files import replacing
from tests.disks import full_disk

ROOT = Path(__file__).resolve().parents[2]
REQUEST: dict[str, Any] = {
    "command": "'make it'",
    "settings": {"size": 3},
    "files": {"a": "1", "b": "2"},
    "notes": {"for": "a test"},
    "pieces": 12,
}


def piece(root: Path, number: int) -> dict[str, Any]:
    """Writes a file and says so."""
    with replacing(root / "parts" / f"{number}.txt") as temporary:
        temporary.write_text(f"part {number}\n" * 50)
    return {"number": number, "square": number**2}


def interrupted(stop: int, error: BaseException, root: Path, number: int) -> dict[str, Any]:
    if number == stop:
        raise error
    return piece(root, number)


def slow(root: Path, number: int) -> dict[str, Any]:
    (root.parent / f"worker-{os.getpid()}").touch()
    time.sleep(0.05)
    return piece(root, number)


def made(root: Path, function: Any = piece, *, workers: int = 1, **changes: Any) -> list[int]:
    """Make the dataset, or go on with it; returns what progress was told."""
    told: list[int] = []
    with unfinished(root, **{**REQUEST, **changes}) as journal:
        journal.make(
            partial(function, root),
            list(range(12)),
            workers=workers,
            progress=lambda done, total: told.append(done),
        )
        (root / "all.json").write_text(json.dumps(journal.values))
    return told


def content(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.fixture
def whole(tmp_path: Path) -> dict[str, bytes]:
    """What an uninterrupted process makes."""
    made(tmp_path / "whole")
    return content(tmp_path / "whole")


def test_a_finished_dataset_has_every_piece_and_no_journal(tmp_path, whole):
    assert len(whole) == 13
    assert json.loads(whole["all.json"])[5] == {"number": 5, "square": 25}
    assert not is_unfinished(tmp_path / "whole")
    with pytest.raises(UsageError, match="never overwritten"):
        made(tmp_path / "whole")
    assert content(tmp_path / "whole") == whole


@pytest.mark.parametrize("error", [KeyboardInterrupt(), UsageError("the disk is full")])
def test_it_goes_on_where_it_stopped(tmp_path, whole, error, caplog):
    root = tmp_path / "out"
    with pytest.raises(type(error)):
        made(root, partial(interrupted, 7, error))
    if isinstance(error, KeyboardInterrupt):
        assert "Stopped after 7 of 12" in caplog.text
    with pytest.raises(DataError, match="found an unfinished one: 7 of 12 parts") as caught:
        refuse_unfinished(root)
    assert "'make it'" in caught.value.advice
    assert made(root) == list(range(7, 13))
    assert content(root) == whole


def test_wherever_the_journal_was_cut_the_result_is_the_same(tmp_path, whole):
    """A kill leaves any number of bytes of it, and files of pieces it does not know yet."""
    stopped = tmp_path / "stopped"
    with pytest.raises(KeyboardInterrupt):
        made(stopped, partial(interrupted, 4, KeyboardInterrupt()))
    (stopped / "parts" / ".9.txt.0a1b2c.part").write_text("half")
    journal = (stopped / UNFINISHED).read_bytes()
    for length in (*range(0, len(journal), 13), len(journal)):
        root = tmp_path / f"cut-{length}"
        shutil.copytree(stopped, root)
        (root / UNFINISHED).write_bytes(journal[:length])
        assert made(root)[0] == max(journal[:length].count(b"\n") - 1, 0)
        assert content(root) == whole


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"settings": {"size": 4}}, "size was 3 and is 4"),
        ({"settings": {"size": 3, "new": True}}, "new was None and is True"),
        ({"files": {"a": "1", "b": "3"}}, "'b' has changed"),
        ({"files": {"a": "1"}}, "'b' is gone"),
        ({"files": {"c": "1", "a": "2", "b": "2", "d": ""}}, "'a' has changed and 2 other files"),
        ({"command": "'another'"}, "it was 'make it'"),
        ({"command": "'another'", "settings": {}, "files": {}}, r": it was 'make it'\.\nRun"),
    ],
)
def test_another_request_is_refused_and_says_what_differs(tmp_path, changes, message):
    root = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        made(root, partial(interrupted, 4, KeyboardInterrupt()))
    before = content(root)
    with pytest.raises(UsageError, match=message):
        made(root, **changes)
    assert content(root) == before


def test_of_a_table_the_entries_that_differ_are_told_and_not_all_of_it(tmp_path):
    """Two lists of all persons stood in the message."""
    persons = {f"photo-{number}": "anna" for number in range(1000)}
    root = tmp_path / "out"
    stopping = partial(interrupted, 4, KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        made(root, stopping, settings={"persons": persons})
    other = {**persons, "photo-7": "bob", "photo-9": "bob", "new": "eve"}
    with pytest.raises(UsageError) as caught:
        made(root, settings={"persons": other})
    told = "persons of 'photo-7' was 'anna' and is 'bob' and 2 others differ."
    assert caught.value.message.endswith(f"that was begun otherwise: {told}")


def test_notes_and_the_day_stay_those_of_the_beginning(tmp_path, monkeypatch):
    root = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt):
        made(root, partial(interrupted, 4, KeyboardInterrupt()))
    lines = (root / UNFINISHED).read_text().splitlines(keepends=True)
    lines[0] = json.dumps({**json.loads(lines[0]), "begun": "2001-02-03"}) + "\n"
    (root / UNFINISHED).write_text("".join(lines))
    with unfinished(root, **{**REQUEST, "notes": {"for": "something else"}}) as journal:
        assert (journal.begun, journal.notes) == ("2001-02-03", {"for": "a test"})


def test_only_one_process_writes(tmp_path):
    with unfinished(tmp_path / "out", **REQUEST):
        code = (
            "from tests.data.test_making import *\n"
            "try: made(Path(sys.argv[1]))\n"
            "except UsageError as error: print(error)"
        )
        done = run_python(code, str(tmp_path / "out"))
        assert "Another process is making the dataset" in done.communicate(timeout=60)[0]


def test_a_folder_with_something_else_and_no_folder_at_all_are_refused(tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious.txt").write_text("kept")
    with pytest.raises(UsageError, match="never overwritten"):
        made(tmp_path / "full")
    assert content(tmp_path / "full") == {"precious.txt": b"kept"}
    with pytest.raises(UsageError, match=r"Cannot write a dataset: .*precious\.txt"):
        made(tmp_path / "full" / "precious.txt" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="everything is writable for root")
def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "closed").mkdir(mode=0o555)
    with pytest.raises(UsageError, match="Permission denied"):
        made(tmp_path / "closed" / "out")


class FullDisk:
    """A file that takes so many bytes more, and the last of them in part."""

    def __init__(self, file: Any, space: int) -> None:
        self.file, self.space = file, space

    def write(self, data: bytes) -> int:
        if self.space == 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = int(self.file.write(data[: self.space]))
        self.space -= taken
        return taken

    def fileno(self) -> int:
        return int(self.file.fileno())


@pytest.mark.parametrize("space", [0, 10, 33, 100])
def test_nothing_is_lost_when_the_disk_gets_full(tmp_path, whole, space):
    root = tmp_path / "out"

    def until_full() -> None:
        with unfinished(root, **REQUEST) as journal:
            journal._file = FullDisk(journal._file, space)  # type: ignore[assignment]
            journal.make(partial(piece, root), list(range(12)), workers=1)

    with pytest.raises(UsageError, match="No space left") as caught:
        until_full()
    assert "Free some space" in caught.value.advice
    assert (made(root)[0] > 0) == (space > 30)
    assert content(root) == whole


@pytest.mark.parametrize("free", [0, 4096])
def test_a_disk_that_is_full_from_the_start_keeps_nothing(tmp_path, whole, free):
    """A journal without a line stayed, which any other command would have gone on with."""
    request = {**REQUEST, "notes": {"for": "x" * 10_000}}
    with full_disk(tmp_path / "full", free=free) as disk:
        (disk / "empty").mkdir()
        for root in ("deep/out", "empty"):
            with pytest.raises(UsageError, match="No space left"):
                made(disk / root, **request)
        assert sorted(path.name for path in disk.rglob("*")) == ["empty", "filler"]
        (disk / "empty" / UNFINISHED).touch()  # of an earlier version; not ours to remove
        with pytest.raises(UsageError, match="No space left"):
            made(disk / "empty", **request)
        assert (disk / "empty" / UNFINISHED).is_file()
        (disk / "filler").unlink()
        made(disk / "empty", **request)
        assert content(disk / "empty") == whole


def test_a_journal_of_something_else_is_refused(tmp_path):
    (tmp_path / UNFINISHED).write_text('{"format": 99}\n')
    for act in (lambda: made(tmp_path), lambda: refuse_unfinished(tmp_path)):
        with pytest.raises(DataError, match="this version did not write"):
            act()


def run_python(code: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_process_goes_on_and_leaves_no_workers(tmp_path, whole, workers):
    """The parent alone is killed, at a random instant after it has made so many pieces."""
    root, rng = tmp_path / "out", random.Random(workers)
    code = (
        "from tests.data.test_making import *\n"
        "if __name__ == '__main__':\n"
        "    made(Path(sys.argv[1]), slow, workers=int(sys.argv[2]))"
    )
    for pieces in (0, 2, 3, 7):
        process = run_python(code, str(root), str(workers))
        while num_lines(root) < 1 + pieces:
            assert process.poll() is None
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.06))
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert is_unfinished(root)
    assert run_python(code, str(root), str(workers)).wait(timeout=60) == 0
    assert content(root) == whole
    pids = [int(path.name.partition("-")[2]) for path in tmp_path.glob("worker-*")]
    deadline = time.monotonic() + 10
    while any(map(is_running, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = [pid for pid in pids if is_running(pid)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert not left


def num_lines(root: Path) -> int:
    path = root / UNFINISHED
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_the_journal_can_be_forgotten(tmp_path):
    with unfinished(tmp_path / "out", **REQUEST) as journal:
        (tmp_path / "out" / "images").mkdir()
        journal.discard()
    assert not (tmp_path / "out").exists()
