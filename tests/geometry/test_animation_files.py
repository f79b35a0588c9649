"""The cache of a shot in a folder, and animations by the suffix of their file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from likeness.errors import MissingError, UsageError
from likeness.geometry.animation import FrameRateError, VertexAnimation
from likeness.geometry.animation_files import (
    find_cache,
    list_shots,
    read_animation,
    write_animation,
)


def touch(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_the_first_of_npy_xml_pc2_and_folders_before_flat_files(tmp_path: Path) -> None:
    order = ["s/s.npy", "s/s.xml", "s/s.pc2", "s.npy", "s.xml", "s.pc2"]
    touch(tmp_path, *order)
    for name in order:
        assert find_cache(tmp_path, "s") == tmp_path / name
        (tmp_path / name).unlink()
    with pytest.raises(MissingError, match=r"Shot 's' has no cache in .*expected s/s or s with"):
        find_cache(tmp_path, "s")


def test_names_are_no_patterns(tmp_path: Path) -> None:
    touch(tmp_path, "a1.npy", "shot[1]/shot[1].npy", "b*.pc2", "shot1/shot1.npy")
    assert find_cache(tmp_path, "shot[1]") == tmp_path / "shot[1]" / "shot[1].npy"
    assert find_cache(tmp_path, "b*") == tmp_path / "b*.pc2"
    for name in ("a*", "a?", "[a]1", "shot*"):
        with pytest.raises(MissingError):
            find_cache(tmp_path, name)


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "a/b", "../a", "a\\b", "a\0"])
def test_names_that_leave_the_folder(tmp_path: Path, name: str) -> None:
    touch(tmp_path, "a.npy", "root/b.npy", ".a.npy")
    with pytest.raises(UsageError, match="is no name of a shot"):
        find_cache(tmp_path / "root", name)


def test_the_list_of_shots_is_what_can_be_found(tmp_path: Path) -> None:
    touch(tmp_path, "b/b.pc2", "a.x/a.x.npy", "c.xml", "c.mc", "b.npy", "notes.txt", ".d.npy")
    touch(
        tmp_path, "h\\i.npy", ".e/.e.npy", "empty/other.npy", "Z/Z.xml", "f.npy/readme", "g/.g.npy"
    )
    shots = list_shots(tmp_path)
    assert shots == ["Z", "a.x", "b", "c"]
    for shot in shots:
        assert find_cache(tmp_path, shot).is_file()
    with pytest.raises(MissingError, match="There is no folder"):
        list_shots(tmp_path / "none")


@pytest.mark.parametrize("suffix", [".npy", ".pc2", ".xml"])
def test_every_format_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    array = np.random.default_rng(0).normal(size=(4, 6, 3)).astype(np.float32)
    path = tmp_path / "s" / f"s{suffix}"
    write_animation(path, VertexAnimation.of_array(array, 25))
    moving = read_animation(find_cache(tmp_path, "s"), 25)
    np.testing.assert_array_equal(moving.read(), array)
    assert moving.fps == 25


def test_a_cache_that_knows_its_rate_must_agree(tmp_path: Path) -> None:
    write_animation(tmp_path / "s.xml", VertexAnimation.of_array(np.zeros((4, 6, 3)), 25))
    with pytest.raises(FrameRateError, match="expected 30 frames per second as declared, found 25"):
        read_animation(tmp_path / "s.xml", 30)


def test_other_suffixes(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"a \.npy, \.xml, \.pc2, .* file or .*, not .*s\.fbx"):
        read_animation(tmp_path / "s.fbx", 30)
    with pytest.raises(UsageError, match=r"as \.npy, \.xml, \.pc2, not .*s\.mc"):
        write_animation(tmp_path / "s.mc", VertexAnimation.of_array(np.zeros((1, 1, 3)), 30))
