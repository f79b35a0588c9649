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
from likeness.replacement import replacing


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
