from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from likeness.errors import MissingError, UsageError
from likeness.storage.files import disk_refusals, file_version, refusal_in, replacing, used_folder
from tests.disks import full_disk


@pytest.mark.parametrize("library", ["plain", "numpy", "safetensors", "torch"])
def test_a_full_disk_is_known_in_the_words_of_every_library(tmp_path: Path, library: str) -> None:
    array = np.zeros(100_000)

    def write(path: Path) -> None:
        if library == "plain":
            path.write_bytes(array.tobytes())
        elif library == "safetensors":
            save_file({"a": array}, path)
        else:
            with path.open("wb") as file:
                np.save(file, array) if library == "numpy" else torch.save(array, file)

    with full_disk(tmp_path / "full") as disk:
        message = r"Cannot write a\.bin: .*/full/a\.bin: No space left on device\."
        with pytest.raises(UsageError, match=message), replacing(disk / "a.bin") as temporary:
            write(temporary)
        assert [path.name for path in disk.iterdir()] == ["filler"]


def test_only_refusals_are_turned_where_other_work_is_done(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), disk_refusals(tmp_path, "write"):
        (tmp_path / "none").read_bytes()
    with pytest.raises(ConnectionRefusedError), disk_refusals(tmp_path, "write"):
        raise ConnectionRefusedError(errno.ECONNREFUSED, "refused")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="File exists"), disk_refusals(tmp_path, "write"):
        (tmp_path / "file").mkdir()


def test_an_error_that_is_explained_already_is_no_refusal() -> None:
    refused = PermissionError(errno.EACCES, "Permission denied", "secret")
    explained = MissingError("There are no credentials.")
    explained.__cause__ = refused
    assert refusal_in(refused) is refused
    assert refusal_in(explained) is None


def test_a_folder_nothing_was_written_to_goes_again(tmp_path: Path) -> None:
    with used_folder(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match="int"), used_folder(tmp_path / "a" / "b"):
        int("no number")
    assert list(tmp_path.iterdir()) == []
    with used_folder(tmp_path / "a" / "b"):
        (tmp_path / "a" / "file").write_text("somebody else's")
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["file"]


def test_a_place_for_no_new_folders_is_told_with_its_name() -> None:
    """The system says that a file is missing, which is true of no file a person chose."""
    message = r"Cannot make the folder /proc/x/y: nothing new can be made in /proc\."
    with pytest.raises(UsageError, match=message), used_folder(Path("/proc/x/y")):
        pass


def test_a_folder_that_was_there_or_is_used_stays(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with used_folder(tmp_path / "mine"):
        pass
    assert (tmp_path / "mine").is_dir()
    with used_folder(tmp_path / "used"):
        (tmp_path / "used" / "file").write_text("kept")
    assert (tmp_path / "used" / "file").read_text() == "kept"


def test_a_version_is_another_when_the_file_is(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    before = file_version(path.stat())
    assert file_version(path.stat()) == before
    os.utime(path, ns=(1, 1))
    assert file_version(path.stat()) != before


def test_errors_that_are_each_others_context_are_looked_at_once() -> None:
    """As a server that hangs leaves them: the search for a refusal never ended."""
    one, other = TimeoutError("first"), ValueError("second")
    one.__cause__, other.__cause__ = other, one
    assert refusal_in(one) is None
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    other.__cause__, full.__cause__ = full, one
    assert refusal_in(one) is full
