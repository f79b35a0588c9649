from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.replacement import PART
from likeness.storage.copies import local_copy
from likeness.storage.files import replacing
from likeness.storage.opening import open_store
from likeness.storage.store import LocalStore, StorageSettings, checked_key, is_remote, local_folder


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(tmp_path / "root")


def test_what_is_written_is_read_back(store: LocalStore) -> None:
    store.write_bytes("a/b/c.bin", b"0123456789")
    assert store.read_bytes("a/b/c.bin") == b"0123456789"
    assert store.read_range("a/b/c.bin", 3, 4) == b"3456"
    assert store.read_range("a/b/c.bin", 8, 100) == b"89"
    assert store.size("a/b/c.bin") == 10
    assert store.checksum("a/b/c.bin") == hashlib.sha256(b"0123456789").hexdigest()
    assert (store.root / "a" / "b" / "c.bin").read_bytes() == b"0123456789"


def test_list_gives_sorted_files_by_prefix(store: LocalStore) -> None:
    for key in ("b/2.txt", "b/1.txt", "a.txt", "bc.txt"):
        store.write_bytes(key, b"x")
    (store.root / f".unfinished{PART}").touch()
    assert store.list() == ["a.txt", "b/1.txt", "b/2.txt", "bc.txt"]
    assert store.list("b") == ["b/1.txt", "b/2.txt", "bc.txt"]
    assert store.list("b/") == ["b/1.txt", "b/2.txt"]
    assert store.list("b/1") == ["b/1.txt"]
    assert store.list("zzz/") == []


def test_exists_is_about_files(store: LocalStore) -> None:
    store.write_bytes("folder/file", b"x")
    assert store.exists("folder/file")
    assert not store.exists("folder")
    assert not store.exists("other")


def test_delete_is_repeatable(store: LocalStore) -> None:
    store.write_bytes("a", b"x")
    store.delete("a")
    store.delete("a")
    assert not store.exists("a")


@pytest.mark.parametrize(
    "key",
    ["../a", "a/../../b", "/etc/passwd", "a//b", "", ".", "a/.", "a\\b", "C:/x", "a\nb", "a\0b"],
)
def test_no_key_leaves_its_folder(store: LocalStore, key: str) -> None:
    with pytest.raises(UnsafeFileError, match="relative path inside its folder"):
        checked_key(key)
    with pytest.raises(UnsafeFileError):
        store.read_bytes(key)
    with pytest.raises(UnsafeFileError):
        store.write_bytes(key, b"x")


def test_a_write_does_not_follow_a_link_out_of_the_folder(
    store: LocalStore, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    store.root.mkdir()
    (store.root / "link").symlink_to(outside)
    with pytest.raises(UnsafeFileError, match="through a link"):
        store.write_bytes("link/a", b"x")
    assert list(outside.iterdir()) == []


def test_reading_follows_links_that_people_make(store: LocalStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere.bin").write_bytes(b"data")
    store.root.mkdir()
    (store.root / "link.bin").symlink_to(tmp_path / "elsewhere.bin")
    assert store.read_bytes("link.bin") == b"data"


def test_a_failed_write_leaves_the_old_content_and_no_rest(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_bytes(b"old")

    def write_half() -> None:
        with replacing(target) as temporary:
            temporary.write_bytes(b"half of the n")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        write_half()
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_written_files_have_the_permissions_of_ordinary_files(store: LocalStore) -> None:
    store.write_bytes("a", b"x")
    plain = store.root / "plain"
    plain.touch()
    assert (store.root / "a").stat().st_mode == plain.stat().st_mode


def test_download_and_upload_copy_and_verify(store: LocalStore, tmp_path: Path) -> None:
    source = tmp_path / "source.bin"
    source.write_bytes(b"payload")
    digest = hashlib.sha256(b"payload").hexdigest()
    assert store.upload(source, "in/x.bin") == digest
    assert store.download("in/x.bin", tmp_path / "out" / "x.bin", sha256=digest) == digest
    assert (tmp_path / "out" / "x.bin").read_bytes() == b"payload"
    with pytest.raises(DataError, match="arrived damaged"):
        store.download("in/x.bin", tmp_path / "wrong.bin", sha256="0" * 64)
    assert not (tmp_path / "wrong.bin").exists()


def test_a_missing_file_says_where_it_was_looked_for(store: LocalStore, tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="itself does not exist"):
        store.read_bytes("a")
    store.root.mkdir()
    with pytest.raises(MissingError, match=r"no file 'a' in .*root"):
        store.size("a")
    with pytest.raises(MissingError, match="to upload"):
        store.upload(tmp_path / "none", "a")


def test_a_file_in_the_way_of_a_folder_is_explained(store: LocalStore) -> None:
    store.write_bytes("a", b"x")
    with pytest.raises(UsageError, match="Cannot write a file"):
        store.write_bytes("a/b", b"x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_explained(store: LocalStore) -> None:
    store.root.mkdir()
    store.root.chmod(0o500)
    with pytest.raises(UsageError, match="Cannot write a file") as caught:
        store.write_bytes("a", b"x")
    assert "permission" in caught.value.advice


def test_version_changes_with_the_content(store: LocalStore) -> None:
    store.write_bytes("a", b"one")
    first = store.version("a")
    assert store.version("a") == first
    store.write_bytes("a", b"other")
    assert store.version("a") != first


def test_open_store_by_scheme(tmp_path: Path) -> None:
    assert isinstance(open_store(tmp_path), LocalStore)
    assert isinstance(open_store(f"file://{tmp_path}"), LocalStore)
    assert open_store("s3://bucket/a/").uri == "s3://bucket/a"
    assert open_store("https://host/a", settings=StorageSettings(retries=0)).uri == "https://host/a"
    with pytest.raises(UsageError, match="scheme 'gopher' is unknown"):
        open_store("gopher://host/a")
    with pytest.raises(UsageError, match="names no bucket"):
        open_store("s3:///key")


def test_is_remote() -> None:
    assert is_remote("s3://bucket")
    assert is_remote("https://host/x")
    assert not is_remote("out/people")
    assert not is_remote("file:///data")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("s3:/people/r", "Did you mean 's3://people/r'?"),
        ("S3:people/r", "Did you mean 's3://people/r'?"),
        ("https:/host/a", "Did you mean 'https://host/a'?"),
        ("file:/a/b", "Did you mean 'file:///a/b'?"),
        ("ftp:/host/a", "Write a path that begins so"),
    ],
)
def test_a_misspelt_address_is_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, meant: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for use in (open_store, is_remote, lambda uri: local_copy(uri, settings=StorageSettings())):
        with pytest.raises(UsageError, match="begins like an address, but is none") as caught:
            use(text)
        assert caught.value.advice.startswith(meant)
    with pytest.raises(UsageError, match="Runs are written to a folder on this machine"):
        local_folder(Path(text), "Runs are written")
    store = open_store(f"./{text}")
    store.write_bytes("a", b"x")
    assert store.read_bytes("a") == b"x"


def test_paths_with_colons_elsewhere_are_paths(tmp_path: Path) -> None:
    for text in ("C:/people", "out/a:b", "/s3:/people", "./s3:/people", "12:30"):
        assert not is_remote(text)
        assert local_folder(text, "Runs are written") == Path(text)
    with pytest.raises(UsageError, match="found the address s3://b/r"):
        local_folder("s3://b/r", "Runs are written")


def test_a_store_that_cannot_be_written_says_so_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match=r"Cannot keep files: .*file: Not a directory"):
        open_store(tmp_path / "file" / "inner").check_writable()
    open_store(tmp_path / "a" / "b").check_writable()
    assert not (tmp_path / "a").exists()
    with pytest.raises(UsageError, match="read only"):
        open_store("https://host/a").check_writable()
