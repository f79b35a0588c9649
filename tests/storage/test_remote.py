from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.storage.opening import open_store
from likeness.storage.remote import is_transient
from likeness.storage.store import StorageSettings
from tests.disks import full_disk
from tests.storage.faulty_server import Proxy, files_over_http, proxy_to
from tests.storage.s3_cases import DIGEST, PATIENT, PAYLOAD, QUICK, s3_store, tells_of_silence


@pytest.mark.s3
def test_s3_reads_back_what_was_written(s3_server: str, tmp_path: Path) -> None:
    store = s3_store(s3_server, "basic")
    store.write_bytes("a/b.bin", PAYLOAD)
    assert store.read_bytes("a/b.bin") == PAYLOAD
    assert store.read_range("a/b.bin", 300, 5) == PAYLOAD[300:305]
    assert store.read_range("a/b.bin", len(PAYLOAD) - 2, 10) == PAYLOAD[-2:]
    assert store.read_range("a/b.bin", len(PAYLOAD) + 5, 10) == b""
    assert store.size("a/b.bin") == len(PAYLOAD)
    assert store.checksum("a/b.bin") == DIGEST
    assert store.download("a/b.bin", tmp_path / "b.bin") == DIGEST
    assert (tmp_path / "b.bin").read_bytes() == PAYLOAD


@pytest.mark.s3
def test_a_disk_that_is_full_is_told_and_not_the_address(s3_server: str, tmp_path: Path) -> None:
    store = s3_store(s3_server, "large")
    store.write_bytes("a.bin", bytes(1024 * 1024))
    with full_disk(tmp_path / "small", free=64 * 1024) as folder:
        with pytest.raises(UsageError) as caught:
            store.download("a.bin", folder / "a.bin")
        assert caught.value.exit_code == 2
        assert "Cannot keep a download" in caught.value.message
        assert str(folder / "a.bin") in caught.value.message
        assert caught.value.advice.startswith("Free some space")
        assert [path.name for path in folder.iterdir()] == ["filler"]


@pytest.mark.s3
def test_s3_lists_exists_and_deletes(s3_server: str) -> None:
    store = s3_store(s3_server, "many")
    for key in ("b/2", "b/1", "a", "bc"):
        store.write_bytes(key, b"x")
    assert store.list() == ["a", "b/1", "b/2", "bc"]
    assert store.list("b") == ["b/1", "b/2", "bc"]
    assert store.list("b/") == ["b/1", "b/2"]
    assert store.list("none/") == []
    assert store.exists("b/1")
    assert not store.exists("b")
    store.delete("b/1")
    store.delete("b/1")
    assert store.list("b/") == ["b/2"]


@pytest.mark.s3
def test_missing_files_and_buckets_are_named(s3_server: str) -> None:
    with pytest.raises(MissingError, match="no file s3://people/basic/none"):
        s3_store(s3_server, "basic").read_bytes("none")
    with pytest.raises(MissingError, match="s3://no-such-bucket"):
        open_store("s3://no-such-bucket/x", settings=QUICK.replace(endpoint_url=s3_server)).list()


@pytest.mark.s3
def test_a_remote_key_cannot_leave_its_prefix(s3_server: str) -> None:
    store = s3_store(s3_server, "basic")
    for key in ("../other", "/abs", "a//b"):
        with pytest.raises(UnsafeFileError):
            store.read_bytes(key)
        with pytest.raises(UnsafeFileError):
            store.write_bytes(key, b"x")


@pytest.mark.s3
@pytest.mark.parametrize("fault", ["500", "503", "hang", "cut"])
def test_a_passing_fault_is_survived(s3_proxy: Proxy, tmp_path: Path, fault: str) -> None:
    store = s3_store(s3_proxy.address, f"passing-{fault}", QUICK if fault == "hang" else PATIENT)
    store.write_bytes("x.bin", PAYLOAD)
    s3_proxy.faults = [fault, fault, "pass"]  # type: ignore[list-item]
    assert store.download("x.bin", tmp_path / "x.bin") == DIGEST
    assert len(s3_proxy.requests) == 3
    s3_proxy.faults = [fault, "pass"]  # type: ignore[list-item]
    assert store.read_bytes("x.bin") == PAYLOAD


@pytest.mark.s3
@pytest.mark.parametrize("verb", ["version", "list", "read_bytes", "check_writable"])
def test_a_server_that_hangs_is_told_as_one(s3_proxy: Proxy, verb: str) -> None:
    """It was told by the names of the exceptions of libraries."""
    store = s3_store(s3_proxy.address, "hangs", QUICK.replace(retries=0))
    s3_proxy.method, s3_proxy.faults = "", ["hang"]
    began = time.monotonic()
    with pytest.raises(MissingError) as caught:
        getattr(store, verb)(*(["x.bin"] if verb in ("version", "read_bytes") else []))
    tells_of_silence(caught.value, s3_proxy.address, QUICK.timeout_seconds, began)


@pytest.mark.parametrize(("verb", "waits"), [("read_bytes", 1), ("version", 2)])
def test_an_http_server_that_hangs_is_told_as_one(verb: str, waits: int) -> None:
    """Of a version it was said that there is no such file. It is asked for in two ways."""
    with files_over_http({"x": PAYLOAD}) as upstream, proxy_to(upstream) as proxy:
        proxy.method, proxy.faults = "", ["hang"]
        settings = QUICK.replace(retries=0, timeout_seconds=0.3)
        began = time.monotonic()
        with pytest.raises(MissingError) as caught:
            getattr(open_store(f"{proxy.address}/below", settings=settings), verb)("x")
        tells_of_silence(caught.value, proxy.address, 0.3 * waits, began)


def test_http_refusals_are_not_told_as_missing_files() -> None:
    with files_over_http({"x": PAYLOAD}) as upstream, proxy_to(upstream) as proxy:
        proxy.method, proxy.faults = "", ["500"]
        store = open_store(proxy.address, settings=QUICK.replace(retries=1))
        with pytest.raises(MissingError, match=r"Looking at .* failed 2 times; the last time: "):
            store.version("x")
        once = open_store(proxy.address, settings=QUICK.replace(retries=0))
        with pytest.raises(MissingError, match=r"Looking at \S+/x failed: "):
            once.version("x")
        proxy.faults = ["pass"]
        with pytest.raises(MissingError, match="There is no file"):
            store.version("y")
        assert store.size("x") == len(PAYLOAD)


@pytest.mark.s3
def test_a_refused_connection_is_tried_again(
    s3_server: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with socket.socket() as bound:  # bound and not listening: every connection is refused
        bound.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(MissingError, match="failed 4 times"):
            s3_store(address, "refused").read_bytes("x.bin")
    assert caplog.text.count("trying again") == 3


def test_what_botocore_retries_is_transient() -> None:
    """Its "standard" mode tells: every class it takes for transient, by its own list."""
    from botocore import exceptions
    from botocore.retries import standard

    listed = standard.TransientRetryableChecker._TRANSIENT_EXCEPTION_CLS
    kinds = [
        kind
        for kind in vars(exceptions).values()
        if isinstance(kind, type) and issubclass(kind, listed)
    ]
    assert exceptions.EndpointConnectionError in kinds
    assert all(is_transient(kind.__new__(kind)) for kind in kinds)
    assert not is_transient(exceptions.NoCredentialsError())


@pytest.mark.s3
@pytest.mark.parametrize("fault", ["500", "cut"])
def test_a_lasting_fault_ends_after_the_bounded_retries(
    s3_proxy: Proxy, tmp_path: Path, fault: str
) -> None:
    store = s3_store(s3_proxy.address, f"lasting-{fault}", PATIENT)
    store.write_bytes("x.bin", PAYLOAD)
    s3_proxy.faults = [fault]  # type: ignore[list-item]
    with pytest.raises(MissingError, match="failed 4 times") as caught:
        store.download("x.bin", tmp_path / "x.bin")
    assert len(s3_proxy.requests) == 4
    assert "storage.retries" in caught.value.advice
    assert list(tmp_path.iterdir()) == []


@pytest.mark.s3
def test_damage_on_the_way_is_repaired_or_refused(s3_proxy: Proxy, tmp_path: Path) -> None:
    store = s3_store(s3_proxy.address, "damage")
    store.write_bytes("x.bin", PAYLOAD)
    s3_proxy.faults = ["disguise", "pass"]
    assert store.download("x.bin", tmp_path / "x.bin") == DIGEST
    s3_proxy.faults = ["disguise"]
    with pytest.raises(DataError, match=f"expected SHA-256 {DIGEST}"):
        store.download("x.bin", tmp_path / "y.bin")
    assert not (tmp_path / "y.bin").exists()


@pytest.mark.s3
def test_damage_that_the_client_notices_is_repaired_or_refused(
    s3_proxy: Proxy, tmp_path: Path
) -> None:
    """By the checksum that the server sends with the file, before ours is looked at."""
    store = s3_store(s3_proxy.address, "noticed", PATIENT)
    store.write_bytes("x.bin", PAYLOAD)
    s3_proxy.faults = ["corrupt", "corrupt", "pass"]
    assert store.download("x.bin", tmp_path / "x.bin") == DIGEST
    assert len(s3_proxy.requests) == 3
    s3_proxy.faults = ["corrupt", "pass"]
    assert store.read_bytes("x.bin") == PAYLOAD
    s3_proxy.faults, s3_proxy.requests = ["corrupt"], []
    for use in (
        lambda: store.download("x.bin", tmp_path / "y.bin"),
        lambda: store.read_bytes("x.bin"),
    ):
        with pytest.raises(DataError) as caught:
            use()
        assert caught.value.exit_code == 4
        start = f"{store.uri}/x.bin arrived damaged: expected checksum "
        assert caught.value.message.startswith(start)
        assert "must be written anew" in caught.value.advice
    assert len(s3_proxy.requests) == 2 * 4
    assert not (tmp_path / "y.bin").exists()


def test_http_reads_files_and_ranges(tmp_path: Path) -> None:
    with files_over_http({"data/x y.bin": b"", "data/x%20y.bin": PAYLOAD}) as address:
        store = open_store(f"{address}/data", settings=QUICK)
        assert store.read_bytes("x y.bin") == PAYLOAD
        assert store.read_range("x y.bin", 10, 20) == PAYLOAD[10:30]
        assert store.size("x y.bin") == len(PAYLOAD)
        assert store.exists("x y.bin")
        assert not store.exists("other")
        assert store.download("x y.bin", tmp_path / "x") == DIGEST


def test_http_without_ranges_still_gives_the_part_asked_for() -> None:
    with files_over_http({"x": PAYLOAD}, knows_ranges=False) as address:
        assert open_store(address, settings=QUICK).read_range("x", 10, 20) == PAYLOAD[10:30]


def test_http_verifies_against_the_sidecar(tmp_path: Path) -> None:
    files = {"x": PAYLOAD, "x.sha256": f"{DIGEST}  x\n".encode()}
    with files_over_http(files) as address:
        store = open_store(address, settings=QUICK)
        assert store.checksum("x") == DIGEST
        assert store.download("x", tmp_path / "x") == DIGEST
        files["x"] = PAYLOAD[:-1]
        with pytest.raises(DataError, match="arrived damaged"):
            store.download("x", tmp_path / "y")
    assert not (tmp_path / "y").exists()


def test_http_is_read_only_and_says_so(tmp_path: Path) -> None:
    store = open_store("https://host.invalid/data")
    for action in (
        lambda: store.write_bytes("x", b""),
        lambda: store.delete("x"),
        lambda: store.upload(tmp_path, "x"),
    ):
        with pytest.raises(UsageError, match="read only"):
            action()
    with pytest.raises(UsageError, match="cannot be listed"):
        store.list()


@pytest.mark.parametrize("fault", ["500", "503", "hang", "cut"])
def test_http_survives_a_passing_fault(tmp_path: Path, fault: str) -> None:
    files = {"x": PAYLOAD, "x.sha256": DIGEST.encode()}
    with files_over_http(files) as upstream, proxy_to(upstream) as proxy:
        proxy.faults = ["pass", fault, "pass"]  # type: ignore[list-item]
        store = open_store(proxy.address, settings=QUICK)
        assert store.download("x", tmp_path / "x") == DIGEST
        assert proxy.requests == ["/x.sha256", "/x", "/x"]


def test_http_gives_up_after_the_bounded_retries() -> None:
    with files_over_http({"x": PAYLOAD}) as upstream, proxy_to(upstream) as proxy:
        proxy.faults = ["hang"]
        store = open_store(proxy.address, settings=QUICK.replace(retries=1, timeout_seconds=0.2))
        with pytest.raises(MissingError, match="failed 2 times"):
            store.read_bytes("x")
        assert len(proxy.requests) == 2


def test_a_missing_file_is_not_asked_for_again() -> None:
    with files_over_http({}) as upstream, proxy_to(upstream) as proxy:
        with pytest.raises(MissingError, match="There is no file"):
            open_store(proxy.address, settings=QUICK).read_bytes("x")
        assert len(proxy.requests) == 1


def test_a_server_that_is_not_there_is_explained() -> None:
    store = open_store("http://127.0.0.1:9", settings=QUICK.replace(retries=1))
    with pytest.raises(MissingError, match="failed 2 times") as caught:
        store.read_bytes("x")
    assert "network" in caught.value.advice


def test_waits_grow_and_stay_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("likeness.storage.remote.time.sleep", waits.append)
    with files_over_http({"x": b""}) as upstream, proxy_to(upstream) as proxy:
        proxy.faults = ["500"]
        settings = StorageSettings(retries=8, backoff_seconds=1.0)
        with pytest.raises(MissingError, match="failed 9 times"):
            open_store(proxy.address, settings=settings).read_bytes("x")
    assert len(waits) == 8
    for attempt, wait in enumerate(waits):
        nominal = min(2.0**attempt, 30.0)
        assert 0.75 * nominal <= wait <= 1.25 * nominal


@pytest.mark.s3
def test_a_bucket_that_does_not_exist_is_named(s3_server: str, tmp_path: Path) -> None:
    store = open_store("s3://nobody/runs", settings=QUICK.replace(endpoint_url=s3_server))
    source = tmp_path / "a"
    source.write_bytes(b"x")
    for use in (
        store.check_writable,
        store.list,
        lambda: store.list("checkpoints/"),
        lambda: store.read_bytes("a"),
        lambda: store.write_bytes("a", b"x"),
        lambda: store.upload(source, "a"),
    ):
        with pytest.raises(MissingError, match="The bucket 'nobody' of s3://nobody/runs does not"):
            use()
    s3_store(s3_server, "runs").check_writable()
    with pytest.raises(MissingError, match="There is no file s3://people/runs/none"):
        s3_store(s3_server, "runs").read_bytes("none")


@pytest.mark.s3
def test_a_refusal_is_told_with_one_full_stop(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = s3_store(s3_server, "refusal")

    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError("The key does not exist in our records.")

    monkeypatch.setattr(store.filesystem, "cat_file", refuse)
    with pytest.raises(MissingError) as caught:
        store.read_bytes("x.bin")
    assert caught.value.message == (
        f"Reading {store.uri}/x.bin was refused: The key does not exist in our records."
    )
