from __future__ import annotations

import hashlib
import json
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.storage.cache import Cache
from likeness.storage.copies import local_copy
from likeness.storage.opening import open_store
from likeness.storage.remote import RemoteStore
from likeness.storage.s3_store import S3Store
from likeness.storage.store import StorageSettings, Store


@pytest.fixture
def settings(s3_server: str, tmp_path: Path) -> StorageSettings:
    return StorageSettings(
        endpoint_url=s3_server, cache_folder=str(tmp_path / "cache"), backoff_seconds=0.01
    )


@pytest.fixture
def store(settings: StorageSettings, tmp_path: Path) -> Store:
    store = open_store(f"s3://people/{tmp_path.name}", settings=settings)
    for key in ("a.txt", "deep/b.txt", "deep/c.txt"):
        store.write_bytes(key, key.encode())
    return store


def _contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.s3
def test_a_copy_has_every_file(store: Store, settings: StorageSettings) -> None:
    folder = local_copy(store.uri, settings=settings)
    assert _contents(folder) == {key: key.encode() for key in ("a.txt", "deep/b.txt", "deep/c.txt")}
    assert not os.access(folder / "a.txt", os.W_OK) or os.geteuid() == 0


@pytest.mark.s3
def test_only_changes_are_fetched(
    store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    local_copy(store.uri, settings=settings)
    store.write_bytes("deep/b.txt", b"changed")
    store.write_bytes("new.txt", b"new")
    store.delete("a.txt")
    fetched = _counted(monkeypatch)
    folder = local_copy(store.uri, settings=settings)
    assert sorted(fetched) == ["deep/b.txt", "new.txt"]
    assert _contents(folder) == {
        "deep/b.txt": b"changed",
        "deep/c.txt": b"deep/c.txt",
        "new.txt": b"new",
    }


@pytest.mark.s3
def test_a_lost_file_comes_back_from_the_cache(
    store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_copy(store.uri, settings=settings)
    (folder / "a.txt").unlink()
    monkeypatch.delattr(RemoteStore, "download")
    assert (local_copy(store.uri, settings=settings) / "a.txt").read_bytes() == b"a.txt"


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The keys that are transferred from now on."""
    fetched: list[str] = []
    download = S3Store.download

    def counted(self: S3Store, key: str, path: Path, *, sha256: str | None = None) -> str:
        fetched.append(key)
        return download(self, key, path, sha256=sha256)

    monkeypatch.setattr(S3Store, "download", counted)
    return fetched


def _write(path: Path, content: bytes) -> None:
    """Into the file itself, which the cache and other copies have too."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.truncate()
        file.write(content)


@pytest.mark.s3
@pytest.mark.parametrize("content", [b"A.txt", b"a.t", b"", b"deep/b.txt"])
def test_a_file_that_was_damaged_here_is_fetched_again(
    store: Store,
    settings: StorageSettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    content: bytes,
) -> None:
    """Of the right size or cut; it was used as it was for ever, also for a copy made anew."""
    folder = local_copy(store.uri, settings=settings)
    whole = _contents(folder)
    _write(folder / "a.txt", content)
    fetched = _counted(monkeypatch)
    assert _contents(local_copy(store.uri, settings=settings)) == whole
    assert fetched == ["a.txt"]
    assert "damaged or changed (a.txt): fetching again" in caplog.text
    # And the next call asks for nothing.
    caplog.clear()
    local_copy(store.uri, settings=settings)
    assert fetched == ["a.txt"]
    assert not any(record.name.startswith("likeness") for record in caplog.records)


@pytest.mark.s3
def test_a_copy_made_of_a_damaged_cache_is_whole(
    store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_copy(store.uri, settings=settings)
    whole = _contents(folder)
    _write(folder / "deep/b.txt", b"deep/X.txt")
    shutil.rmtree(folder.parent)
    fetched = _counted(monkeypatch)
    assert _contents(local_copy(store.uri, settings=settings)) == whole
    assert fetched == ["deep/b.txt"]


@pytest.mark.s3
def test_an_edited_file_is_told_and_taken_from_the_cache(
    store: Store,
    settings: StorageSettings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Editors write a new file in the place of the old one: the cache still has that."""
    folder = local_copy(store.uri, settings=settings)
    for key in ("a.txt", "deep/c.txt"):
        (folder / key).unlink()
        (folder / key).write_text("mine")
    monkeypatch.delattr(RemoteStore, "download")
    assert (local_copy(store.uri, settings=settings) / "a.txt").read_bytes() == b"a.txt"
    assert "(a.txt and 1 more)" in caplog.text


@pytest.mark.s3
def test_a_file_that_was_only_touched_is_read_once(
    store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = local_copy(store.uri, settings=settings)
    os.utime(folder / "a.txt")
    read: list[str] = []

    def counted(path: Path) -> str:
        read.append(path.name)
        return hashlib.sha256(path.read_bytes()).hexdigest()

    monkeypatch.setattr("likeness.storage.copies.sha256_of", counted)
    fetched = _counted(monkeypatch)
    local_copy(store.uri, settings=settings)
    local_copy(store.uri, settings=settings)
    assert (read, fetched) == (["a.txt"], [])


@pytest.mark.s3
def test_use_by_another_copy_is_no_change(
    store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have the same file: what the cache notes of its use must not look like a write."""
    local_copy(store.uri, settings=settings)
    local_copy(f"{store.uri}/deep", settings=settings)
    monkeypatch.setattr("likeness.storage.copies.sha256_of", lambda path: pytest.fail(str(path)))
    local_copy(store.uri, settings=settings)


@pytest.mark.s3
def test_what_is_gone_there_goes_here_also_after_the_list_was_lost(
    store: Store, settings: StorageSettings
) -> None:
    folder = local_copy(store.uri, settings=settings)
    store.delete("deep/b.txt")
    (folder.parent / "manifest.json").write_text("half a fi")
    assert set(_contents(local_copy(store.uri, settings=settings))) == {"a.txt", "deep/c.txt"}


@pytest.mark.s3
def test_files_of_a_copy_outlive_the_bound_of_the_cache(
    store: Store, settings: StorageSettings
) -> None:
    tight = settings.replace(cache_gigabytes=1e-9)
    folder = local_copy(store.uri, settings=tight)
    assert len(_contents(folder)) == 3
    assert Cache.from_settings(tight).size() == 0


@pytest.mark.s3
def test_many_may_ask_at_once(store: Store, settings: StorageSettings) -> None:
    with ThreadPoolExecutor(4) as pool:
        folders = list(pool.map(lambda _: local_copy(store.uri, settings=settings), range(4)))
    assert len(set(folders)) == 1
    assert len(_contents(folders[0])) == 3


@pytest.mark.s3
def test_nothing_there_is_an_error(settings: StorageSettings) -> None:
    with pytest.raises(MissingError, match="There are no files at s3://people/empty"):
        local_copy("s3://people/empty", settings=settings)


@pytest.mark.s3
def test_a_remote_name_cannot_leave_the_copy(
    store: Store, settings: StorageSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(S3Store, "versions", lambda self: {"../../evil": "1"})
    with pytest.raises(UnsafeFileError):
        local_copy(store.uri, settings=settings)


def test_local_folders_are_used_where_they_lie(tmp_path: Path) -> None:
    settings = StorageSettings(cache_folder=str(tmp_path / "cache"))
    assert local_copy("some/folder", settings=settings) == Path("some/folder")
    assert local_copy("file:///some/folder", settings=settings) == Path("/some/folder")
    with pytest.raises(UsageError, match="cannot be listed"):
        local_copy("https://host.invalid/x", settings=settings)


@pytest.mark.s3
def test_a_system_trains_on_a_bucket(
    store: Store,
    settings: StorageSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The URI stays in the run; the model needs no bucket to predict."""
    import likeness
    from tests.cli.conftest import LONGER
    from tests.cli.toy_spec import SPEC

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("likeness.systems._BUILT_IN", (SPEC,))
    monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", str(settings.endpoint_url))
    monkeypatch.setenv("LIKENESS_STORAGE__CACHE_FOLDER", settings.cache_folder)
    store.write_bytes("set/toy.json", json.dumps({"samples": 20}).encode())
    root = f"{store.uri}/set"
    assert likeness.inspect_data("toy", root).counts == {"samples": 20}
    mirror = f"{store.uri}/runs"
    run = likeness.train(
        "toy", profile="smoke", overrides=[f"data.root={root}", f"storage.mirror={mirror}"]
    )
    assert run.read("inspection")["uri"] == root
    assert f"root: {root}" in run.config_yaml
    assert f"runs/toy/{run.name}/checkpoints/step-00000010/progress.json" in store.list()
    assert likeness.evaluate(run).scores["error"].count == 16
    assert likeness.resume(run).status.status == "finished"
    store.write_bytes("set/toy.json", b"garbage")
    with pytest.raises(DataError, match=f"The data at {root} has an error"):
        likeness.resume(run, overrides=LONGER)
    store.delete("set/toy.json")
    likeness.Predictor.from_run(run)
    with pytest.raises(MissingError):
        likeness.evaluate(run)


@pytest.mark.s3
@pytest.mark.parametrize("damage", ["garbage", "[1]"])
def test_a_damaged_list_of_files_is_fetched_again(
    store: Store, settings: StorageSettings, damage: str
) -> None:
    folder = local_copy(store.uri, settings=settings)
    (folder.parent / "manifest.json").write_text(damage)
    assert _contents(local_copy(store.uri, settings=settings)) == _contents(folder)
    assert set(json.loads((folder.parent / "manifest.json").read_text())) == {
        "a.txt", "deep/b.txt", "deep/c.txt"
    }  # fmt: skip


@pytest.mark.s3
def test_the_address_of_a_file_is_told_as_one(store: Store, settings: StorageSettings) -> None:
    with pytest.raises(UsageError, match=r"a\.txt is a file; expected a folder"):
        local_copy(f"{store.uri}/a.txt", settings=settings)
