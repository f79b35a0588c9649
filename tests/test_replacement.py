"""Files that are replaced in one step, or stay as they were."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.export.safetensors import write_tensors
from likeness.geometry.array_files import write_arrays
from likeness.replacement import replacing, replacing_together


def _fail_in_the_middle(path: Path) -> None:
    with replacing(path) as temporary:
        temporary.write_bytes(b"half")
        assert temporary.parent == path.parent
        raise RuntimeError("in the middle")


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError, match="in the middle"):
        _fail_in_the_middle(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_the_new_file_takes_the_place_and_has_the_usual_rights(tmp_path: Path) -> None:
    usual = tmp_path / "usual"
    usual.write_bytes(b"")
    path = tmp_path / "folder" / ("n" * 240)
    with replacing(path) as temporary:
        temporary.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == [path.name]
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


@pytest.mark.parametrize("umask", [0o022, 0o007])
def test_the_umask_decides_who_may_read_whatever_writes(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        write_tensors(tmp_path / "a.safetensors", {"a": torch.zeros(2)})
        write_arrays(tmp_path / "b.safetensors", {"a": np.zeros(2)}, {})
        write_arrays(tmp_path / "c.npz", {"a": np.zeros(2)}, {})
        with replacing(tmp_path / "d.bin") as temporary:
            temporary.unlink()  # as a library does that puts a file of its own there
            temporary.touch(0o600)
    finally:
        os.umask(before)
    found = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert found == dict.fromkeys(
        ["a.safetensors", "b.safetensors", "c.npz", "d.bin"], 0o666 & ~umask
    )


def _folder_of(path: Path) -> dict[str, str]:
    return {entry.name: entry.read_text() for entry in path.iterdir()}


def _two_files(folder: Path, error: BaseException | None = None) -> None:
    with replacing_together(folder) as made:
        assert made.parent == folder
        (made / "a").write_text("new a")
        (made / "c").write_text("new c")
        if error is not None:
            raise error


def test_files_take_their_places_together_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old a")
    (tmp_path / "b").write_text("old b")
    _two_files(tmp_path)
    assert _folder_of(tmp_path) == {"a": "new a", "b": "old b", "c": "new c"}
    _two_files(tmp_path / "new" / "folder")
    assert _folder_of(tmp_path / "new" / "folder") == {"a": "new a", "c": "new c"}


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError("full")])
def test_files_made_in_vain_leave_those_that_were_there(
    tmp_path: Path, error: BaseException
) -> None:
    (tmp_path / "a").write_text("old a")
    with pytest.raises(type(error)):
        _two_files(tmp_path, error)
    assert _folder_of(tmp_path) == {"a": "old a"}


@pytest.mark.parametrize("moves", [0, 1, 2, 3])
@pytest.mark.parametrize("after", [False, True])
def test_an_interruption_between_two_moves_takes_them_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moves: int, after: bool
) -> None:
    """Of three moves: old a away, new a in, new c in; the interruption comes before or after."""
    (tmp_path / "a").write_text("old a")
    usual, seen = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        seen.append(self)
        if len(seen) == moves + 1 and not after:
            raise KeyboardInterrupt
        moved = usual(self, target)
        if len(seen) == moves + 1:
            raise KeyboardInterrupt
        return moved

    monkeypatch.setattr(Path, "rename", rename)
    if moves < 3:
        with pytest.raises(KeyboardInterrupt):
            _two_files(tmp_path)
        assert _folder_of(tmp_path) == {"a": "old a"}
    else:
        _two_files(tmp_path)
        assert _folder_of(tmp_path) == {"a": "new a", "c": "new c"}


def test_a_folder_in_the_place_of_a_file_stays(tmp_path: Path) -> None:
    (tmp_path / "c" / "below").mkdir(parents=True)
    (tmp_path / "a").write_text("old a")
    with pytest.raises(IsADirectoryError):
        _two_files(tmp_path)
    assert sorted(os.listdir(tmp_path)) == ["a", "c"]
    assert (tmp_path / "a").read_text() == "old a"
    assert (tmp_path / "c" / "below").is_dir()
