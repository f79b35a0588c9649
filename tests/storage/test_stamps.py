"""Stamps are other ones exactly when files are."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from likeness.errors import UsageError
from likeness.storage.opening import open_store
from likeness.storage.stamps import Stamp, stamp_of
from likeness.storage.store import StorageSettings

SETTINGS = StorageSettings()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("a", "deep/b", "deep/er/c")):
        path = tmp_path / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        os.utime(path, ns=(0, number * 10**9))
    return tmp_path / "data"


def _stamp(place: str | Path) -> Stamp:
    return stamp_of(place, settings=SETTINGS)


def test_it_counts_files_and_names_the_newest(folder: Path) -> None:
    stamp = _stamp(folder)
    assert (stamp.files, stamp.newest) == (3, "deep/er/c")
    assert stamp == _stamp(f"file://{folder}")
    alone = _stamp(folder / "a")
    assert (alone.files, alone.newest) == (1, "a")
    (folder / "b").write_text("beside it")
    assert _stamp(folder / "a") == alone


@pytest.mark.parametrize(
    "change",
    [
        lambda f: (f / "deep/b").write_text("x" * 6),
        lambda f: (f / "deep/b").unlink(),
        lambda f: (f / "deep/b").rename(f / "deep/d"),
        lambda f: (f / "new").write_text(""),
        lambda f: os.utime(f / "a", ns=(0, 1)),
    ],
    ids=["written", "removed", "renamed", "new", "touched"],
)
def test_every_change_of_a_file_changes_it(folder: Path, change: Callable[[Path], object]) -> None:
    before = _stamp(folder)
    change(folder)
    assert _stamp(folder).digest != before.digest


def test_what_is_hidden_or_no_file_does_not_count(folder: Path) -> None:
    before = _stamp(folder)
    (folder / ".hidden").write_text("x")
    (folder / "empty").mkdir()
    (folder / "link").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    (folder / "deep" / "up").symlink_to(folder)  # a circle
    folder.rename(folder.with_name("moved"))
    assert _stamp(folder.with_name("moved")) == before


def test_folders_behind_links_count_and_skipped_ones_do_not(folder: Path, tmp_path: Path) -> None:
    (folder / "deep").rename(tmp_path / "disk")
    (folder / "deep").symlink_to(tmp_path / "disk")
    assert _stamp(folder).files == 3
    skipping = stamp_of(folder, settings=SETTINGS, skips=lambda path: path.name == "er")
    assert skipping.files == 2


def test_a_place_without_anything_has_a_stamp_and_a_web_address_none(tmp_path: Path) -> None:
    assert _stamp(tmp_path / "nowhere").files == 0
    with pytest.raises(UsageError, match="cannot be listed"):
        _stamp("https://host.invalid/x")


@pytest.mark.s3
def test_a_bucket_has_one_by_its_listing(s3_server: str, tmp_path: Path) -> None:
    settings = StorageSettings(endpoint_url=s3_server)
    store = open_store(f"s3://people/{tmp_path.name}", settings=settings)
    store.write_bytes("a", b"one")
    before = stamp_of(store.uri, settings=settings)
    assert before == stamp_of(store.uri, settings=settings)
    store.write_bytes("a", b"two")
    assert stamp_of(store.uri, settings=settings).digest != before.digest
