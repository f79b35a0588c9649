"""Which copies of checkpoints are made again, and what is asked of the store to know it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from likeness.runs import selection
from likeness.runs.mirror import mirror
from likeness.runs.run import Run
from likeness.storage.store import LocalStore
from tests.runs.test_mirror import save


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "here", "toy", "run", "system: toy\n")


class Counting(LocalStore):
    """Notes what is uploaded and whose checksum is asked for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.uploaded: list[str] = []
        self.asked: list[str] = []

    def upload(self, path: Path, key: str) -> str:
        self.uploaded.append(key)
        return super().upload(path, key)

    def checksum(self, key: str) -> str | None:
        self.asked.append(key)
        return super().checksum(key)


@pytest.mark.parametrize("is_noted", [True, False], ids=["noted", "another machine"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone"])
def test_a_damaged_copy_of_a_checkpoint_is_made_good(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture, damage: str, is_noted: bool
) -> None:
    """It stayed damaged, since its progress.json was there: only that was looked at."""
    store = Counting(tmp_path / "there")
    for step in (5, 10):
        save(run, step)
    mirror(run, store, must_succeed=True)
    path = tmp_path / "there" / "toy" / run.name / "checkpoints" / "step-00000005" / "optimizer.pt"
    content = path.read_bytes()
    path.unlink()
    if damage != "gone":
        changed = content[:-1] if damage == "cut" else bytes([content[0] ^ 1]) + content[1:]
        path.write_bytes(changed)
    if not is_noted:
        (run.path / ".mirror.json").unlink()
    store.uploaded.clear()
    mirror(run, store, must_succeed=True)
    assert path.read_bytes() == content
    names = [key.rpartition("/")[2] for key in store.uploaded if "/checkpoints/" in key]
    assert names == ["optimizer.pt", "progress.json"]
    assert "differs from it" in caplog.text
    assert "(optimizer.pt)" in caplog.text
    caplog.clear()
    mirror(run, store, must_succeed=True)
    assert caplog.text == ""


def test_a_copy_as_it_was_written_is_not_read_again(tmp_path: Path, run: Run) -> None:
    """Over a network that would be a download of every checkpoint after every checkpoint."""
    store = Counting(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    save(run, 10)
    mirror(run, store, must_succeed=True)
    assert store.asked == []


def test_a_copy_that_was_only_touched_is_not_made_again(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """As by what keeps two disks the same: another version, the same content."""
    store = Counting(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    folder = tmp_path / "there" / "toy" / run.name / "checkpoints" / "step-00000005"
    for name in ("optimizer.pt", "progress.json"):
        os.utime(folder / name, ns=(0, 0))
    store.uploaded.clear()
    mirror(run, store, must_succeed=True)
    assert [key for key in store.uploaded if "/checkpoints/" in key] == []
    assert caplog.text == ""
    asked = [key.rpartition("/")[2] for key in store.asked]
    assert asked == ["optimizer.pt", "progress.json"]
    mirror(run, store, must_succeed=True)
    assert len(store.asked) == 2  # by then it was noted


def test_a_copy_that_cannot_be_verified_is_made_again_and_told_as_that(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    class Silent(Counting):
        def checksum(self, key: str) -> str | None:
            return None

    store = Silent(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    os.utime(
        tmp_path / "there" / "toy" / run.name / "checkpoints/step-00000005/state.json", ns=(0, 0)
    )
    mirror(run, store, must_succeed=True)
    assert "cannot be verified, because the store has no checksum of it (state.json)" in caplog.text
    assert "differs" not in caplog.text
    caplog.clear()
    mirror(run, store, must_succeed=True)
    assert caplog.text == ""


def test_a_copy_elsewhere_has_a_note_of_its_own(tmp_path: Path, run: Run) -> None:
    """What was noted of one place says nothing of another."""
    save(run, 5)
    mirror(run, LocalStore(tmp_path / "there"), must_succeed=True)
    mirror(run, LocalStore(tmp_path / "elsewhere"), must_succeed=True)
    assert selection.find(Run(tmp_path / "elsewhere" / "toy" / run.name)).step == 5
    assert not (tmp_path / "elsewhere" / "toy" / run.name / ".mirror.json").exists()
