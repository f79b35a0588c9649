from __future__ import annotations

import hashlib
import multiprocessing
import os
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.storage.cache import Cache
from likeness.storage.store import LocalStore, StorageSettings
from tests.disks import read_only


class CountingStore(LocalStore):
    """A folder that plays the remote store: the cache does not pass it through."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.downloads: list[str] = []

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
        self.downloads.append(key)
        return super().download(key, path, sha256=sha256)


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CountingStore:
    store = CountingStore(tmp_path / "remote")
    monkeypatch.setattr("likeness.storage.cache.LocalStore", type("Never", (), {}))
    return store


def _age(cache: Cache, data: bytes, seconds: int) -> Path:
    digest = hashlib.sha256(data).hexdigest()
    path = cache.folder / "objects" / digest[:2] / digest
    os.utime(path, (1_000_000_000 - seconds, 1_000_000_000 - seconds))
    return path


def test_the_second_use_needs_no_transfer(store: CountingStore, tmp_path: Path) -> None:
    store.write_bytes("x", b"content")
    cache = Cache(tmp_path / "cache", 1000)
    assert cache.read_bytes(store, "x") == b"content"
    assert Cache(tmp_path / "cache", 1000).read_bytes(store, "x") == b"content"
    assert store.downloads == ["x"]


def test_a_replaced_file_is_fetched_again(store: CountingStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    store.write_bytes("x", b"old")
    assert cache.read_bytes(store, "x") == b"old"
    store.write_bytes("x", b"newer")
    assert cache.read_bytes(store, "x") == b"newer"
    assert store.downloads == ["x", "x"]


def test_a_cache_that_can_only_be_read_names_its_setting(
    store: CountingStore, tmp_path: Path
) -> None:
    store.write_bytes("x", b"content")
    (tmp_path / "cache").mkdir()
    with read_only(tmp_path / "cache") as folder, pytest.raises(UsageError) as caught:
        Cache(folder, 1000).read_bytes(store, "x")
    assert f"{folder}" in caught.value.message
    assert "Read-only file system" in caught.value.message
    assert caught.value.advice.endswith("set storage.cache_folder to another folder.")


def test_equal_content_is_kept_once(store: CountingStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    for key in ("x", "y"):
        store.write_bytes(key, b"same")
        assert cache.read_bytes(store, key) == b"same"
    assert cache.size() == 4


def test_known_content_is_used_without_asking_the_store(
    store: CountingStore, tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    digest = hashlib.sha256(b"content").hexdigest()
    store.write_bytes("x", b"content")
    cache.read_bytes(store, "x", sha256=digest)
    store.delete("x")
    assert cache.read_bytes(store, "x", sha256=digest) == b"content"
    with pytest.raises(MissingError):
        cache.read_bytes(store, "x")


def test_wrong_content_is_refused_and_not_kept(store: CountingStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    store.write_bytes("x", b"content")
    with pytest.raises(DataError, match="arrived damaged"):
        cache.read_bytes(store, "x", sha256="0" * 64)
    assert cache.size() == 0
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_a_file_that_was_damaged_here_is_fetched_again(
    store: CountingStore, tmp_path: Path
) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    store.write_bytes("x", b"content")
    with cache.borrow(store, "x") as path:
        path.chmod(0o644)
        path.write_bytes(b"CONTENT")
    assert cache.read_bytes(store, "x") == b"content"
    assert store.downloads == ["x", "x"]
    assert cache.size() == 7


def test_a_disk_that_keeps_no_content_is_an_error(
    store: CountingStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likeness.storage.cache.sha256_of", lambda path: "0" * 64)
    store.write_bytes("x", b"content")
    with pytest.raises(DataError, match=f"expected SHA-256 .*, found {'0' * 64}"):
        Cache(tmp_path / "cache", 1000).read_bytes(store, "x")
    assert store.downloads == ["x", "x"]


def _with_room_for_two_of_three(
    store: CountingStore, folder: Path
) -> tuple[Cache, dict[str, bytes]]:
    """A cache that holds the files a and b, and what a, b and c of the store have in them."""
    cache = Cache(folder, 250)
    contents = {key: key.encode() * 100 for key in "abc"}
    for key, data in contents.items():
        store.write_bytes(key, data)
    cache.read_bytes(store, "a")
    cache.read_bytes(store, "b")
    return cache, contents


def test_the_files_used_longest_ago_go_first(store: CountingStore, tmp_path: Path) -> None:
    cache, contents = _with_room_for_two_of_three(store, tmp_path / "cache")
    old, older = _age(cache, contents["a"], 10), _age(cache, contents["b"], 20)
    cache.read_bytes(store, "c")
    assert cache.size() == 200
    assert old.exists()
    assert not older.exists()


def test_use_renews_a_file(store: CountingStore, tmp_path: Path) -> None:
    cache, contents = _with_room_for_two_of_three(store, tmp_path / "cache")
    first, second = _age(cache, contents["a"], 20), _age(cache, contents["b"], 10)
    cache.read_bytes(store, "a")
    cache.read_bytes(store, "c")
    assert first.exists()
    assert not second.exists()


def test_a_borrowed_file_is_never_removed(store: CountingStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 150)
    for key in "ab":
        store.write_bytes(key, key.encode() * 100)
    with cache.borrow(store, "a") as path:
        cache.read_bytes(store, "b")
        assert path.read_bytes() == b"a" * 100
    store.write_bytes("c", b"c" * 100)
    cache.read_bytes(store, "c")
    assert cache.size() <= 150


def test_a_file_larger_than_the_bound_can_still_be_used(
    store: CountingStore, tmp_path: Path
) -> None:
    store.write_bytes("x", b"x" * 100)
    assert Cache(tmp_path / "cache", 10).read_bytes(store, "x") == b"x" * 100


def test_half_a_name_entry_is_forgotten(store: CountingStore, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 1000)
    store.write_bytes("x", b"content")
    cache.read_bytes(store, "x")
    (entry,) = (tmp_path / "cache" / "names").iterdir()
    entry.write_text('{"sha2')
    assert cache.read_bytes(store, "x") == b"content"


def test_a_local_store_is_used_where_it_lies(tmp_path: Path) -> None:
    local = LocalStore(tmp_path / "data")
    local.write_bytes("x", b"content")
    with Cache(tmp_path / "cache", 1000).borrow(local, "x") as path:
        assert path == tmp_path / "data" / "x"
    assert not (tmp_path / "cache").exists()


def test_settings_give_folder_and_size(tmp_path: Path) -> None:
    cache = Cache.from_settings(StorageSettings(cache_folder=str(tmp_path), cache_gigabytes=0.5))
    assert (cache.folder, cache.max_bytes) == (tmp_path, 500_000_000)


def _work(remote: Path, folder: Path, seed: int) -> int:
    """Read files in its own order through a cache too small for them; count wrong contents."""
    from likeness.storage import cache as module

    module.LocalStore = type("Never", (), {})  # type: ignore[assignment, misc]
    store, cache = CountingStore(remote), Cache(folder, 450)
    wrong = 0
    for turn in range(60):
        key = str((turn * 7 + seed * 3) % 10)
        wrong += cache.read_bytes(store, key) != key.encode() * 100
    return wrong


def test_processes_share_a_cache_under_pressure(tmp_path: Path) -> None:
    remote = LocalStore(tmp_path / "remote")
    for key in range(10):
        remote.write_bytes(str(key), str(key).encode() * 100)
    context = multiprocessing.get_context("fork")
    with context.Pool(4) as pool:
        tasks = [(tmp_path / "remote", tmp_path / "cache", seed) for seed in range(4)]
        assert pool.starmap(_work, tasks) == [0, 0, 0, 0]
    assert Cache(tmp_path / "cache", 450).size() <= 450
    assert list((tmp_path / "cache" / "incoming").iterdir()) == []
