"""Writing to S3: checksums kept beside what is written, and faults on the way there."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from pathlib import Path

import pytest

from likeness.errors import DataError, MissingError
from likeness.storage.store import Store
from tests.storage.faulty_server import Proxy
from tests.storage.s3_cases import DIGEST, PATIENT, PAYLOAD, QUICK, s3_store, tells_of_silence


@pytest.mark.s3
def test_s3_upload_keeps_the_checksum_and_the_version_moves(s3_server: str, tmp_path: Path) -> None:
    store = s3_store(s3_server, "upload")
    source = tmp_path / "x.bin"
    source.write_bytes(PAYLOAD)
    assert store.upload(source, "x.bin") == DIGEST
    assert store.checksum("x.bin") == DIGEST
    first = store.version("x.bin")
    source.write_bytes(b"changed")
    store.upload(source, "x.bin")
    assert store.version("x.bin") != first


@pytest.mark.s3
def test_a_large_upload_in_parts_is_verified(s3_server: str, tmp_path: Path) -> None:
    store = s3_store(s3_server, "large", PATIENT)
    source = tmp_path / "large.bin"
    block = os.urandom(1 << 20)
    with source.open("wb") as file:
        for _ in range(101):
            file.write(block)
    digest = hashlib.sha256(block * 101).hexdigest()
    assert store.upload(source, "large.bin") == digest
    assert store.download("large.bin", tmp_path / "back.bin") == digest


@pytest.mark.s3
def test_a_write_survives_a_passing_fault(s3_proxy: Proxy) -> None:
    store = s3_store(s3_proxy.address, "write", PATIENT)
    s3_proxy.method, s3_proxy.faults = "PUT", ["503", "500", "pass"]
    store.write_bytes("x.bin", PAYLOAD)
    assert len(s3_proxy.requests) == 3
    assert store.read_bytes("x.bin") == PAYLOAD


@pytest.mark.s3
def test_a_server_that_never_lets_an_upload_begin_does_not_hang_us(s3_proxy: Proxy) -> None:
    s3_proxy.says_continue = False
    store = s3_store(s3_proxy.address, "deaf", QUICK.replace(retries=1))
    began = time.monotonic()
    with pytest.raises(MissingError, match=r"Writing .* failed 2 times") as caught:
        store.write_bytes("x.bin", b"x")
    tells_of_silence(caught.value, s3_proxy.address, QUICK.timeout_seconds, began)


@pytest.mark.s3
@pytest.mark.parametrize(
    ("verb", "size"),
    [("upload", len(PAYLOAD)), ("write_bytes", len(PAYLOAD)), ("upload", 101 << 20)],
    ids=["file", "bytes", "parts"],
)
def test_an_upload_damaged_on_the_way_is_repaired_or_refused(
    s3_proxy: Proxy, tmp_path: Path, verb: str, size: int
) -> None:
    """The server of these tests takes any bytes, whatever checksum the request has: what it says
    of size and SHA-256 is what it was told, and a damaged checkpoint was called safe."""
    patient, prefix = PATIENT.replace(retries=1), f"garbled-{verb}-{size}"
    store = s3_store(s3_proxy.address, prefix, patient)
    data = PAYLOAD * (size // len(PAYLOAD))
    digest, source = hashlib.sha256(data).hexdigest(), tmp_path / "x.bin"
    source.write_bytes(data)

    def write(store: Store) -> None:
        if verb == "upload":
            assert store.upload(source, "x.bin") == digest
        else:
            store.write_bytes("x.bin", data)

    s3_proxy.method, s3_proxy.faults = "PUT", ["garble", "pass"]
    write(store)
    assert hashlib.sha256(store.read_bytes("x.bin")).hexdigest() == digest
    s3_proxy.faults = ["garble"]
    with pytest.raises(DataError, match=f"SHA-256 {digest}, found {size} bytes with") as caught:
        write(s3_store(s3_proxy.address, prefix, patient.replace(retries=0)))
    assert "x.bin was not stored whole" in caught.value.message
    assert digest not in caught.value.message.partition("found")[2]


@pytest.mark.s3
@pytest.mark.parametrize("fault", ["500", "garble"])
def test_a_log_that_grows_with_each_failure_is_stored_as_it_is_then(
    s3_proxy: Proxy, tmp_path: Path, fault: str
) -> None:
    """What is said of a failed try goes to the log that is being copied."""
    store = s3_store(s3_proxy.address, f"growing-{fault}", PATIENT)
    source = tmp_path / "log.txt"
    source.write_bytes(PAYLOAD)
    handler = logging.FileHandler(source)
    logger = logging.getLogger("likeness")
    logger.addHandler(handler)
    try:
        s3_proxy.method, s3_proxy.faults = "PUT", [fault, "pass"]
        digest = store.upload(source, "log.txt")
    finally:
        logger.removeHandler(handler)
        handler.close()
    grown = source.read_bytes()
    assert len(grown) > len(PAYLOAD)
    assert store.read_bytes("log.txt") == grown
    assert digest == hashlib.sha256(grown).hexdigest()


@pytest.mark.s3
def test_an_upload_is_read_back_where_the_entity_tag_is_none_of_ours(
    s3_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a server that makes its tags in a way of its own, nothing sound is refused."""
    store = s3_store(s3_server, "own-tags", PATIENT.replace(retries=0))
    head, read = type(store)._head, list[int]()  # type: ignore[attr-defined]
    monkeypatch.setattr(type(store), "_head", lambda *a: head(*a) | {"ETag": f'"{"0" * 32}"'})
    whole = type(store)._digest_of_stored  # type: ignore[attr-defined]

    def note(store: Store, key: str, size: int) -> str:
        read.append(size)
        return str(whole(store, key, size))

    monkeypatch.setattr(type(store), "_digest_of_stored", note)
    store.write_bytes("x.bin", PAYLOAD)
    assert read == [len(PAYLOAD)]
    assert store.read_bytes("x.bin") == PAYLOAD
