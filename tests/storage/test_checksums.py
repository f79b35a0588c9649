"""What the records of a store prove; the digests here are those of well-known texts, or of moto."""

from __future__ import annotations

import base64
import hashlib
import logging
from pathlib import Path
from typing import Any

import pytest

from likeness.errors import DataError
from likeness.notices import NOTICE
from likeness.storage.checksums import Checksums, of_object
from likeness.storage.copies import local_copy
from likeness.storage.opening import open_store
from likeness.storage.store import StorageSettings
from tests.storage.faulty_server import Proxy

QUICK = StorageSettings(retries=3, backoff_seconds=0.01, timeout_seconds=20.0)
PAYLOAD = bytes(range(256)) * 64
MIB = 1 << 20
# RFC 1321 and FIPS 180 give the first two digests of "abc"; the third is that of the CRC catalogue.
ABC = {
    "md5": "900150983cd24fb0d6963f7d28e17f72",
    "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
}
CHECK = ("crc32", b"123456789", "cbf43926")


def client(address: str, *, checksums: bool = False) -> Any:
    """An ordinary tool; as older ones do, it sends no checksum unless told to."""
    import botocore.session
    from botocore.config import Config

    config = Config(request_checksum_calculation="when_supported" if checksums else "when_required")
    return botocore.session.Session().create_client("s3", endpoint_url=address, config=config)


def upload_in_parts(address: str, key: str, data: bytes, size: int) -> None:
    tool = client(address)
    place = {"Bucket": "people", "Key": key}
    place["UploadId"] = tool.create_multipart_upload(**place)["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(data), size), start=1):
        body = data[start : start + size]
        answer = tool.upload_part(**place, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": answer["ETag"]})
    tool.complete_multipart_upload(**place, MultipartUpload={"Parts": parts})


@pytest.mark.parametrize(
    ("algorithm", "data", "expected"),
    [*((name, b"abc", digest) for name, digest in ABC.items()), CHECK],
)
def test_known_digests(tmp_path: Path, algorithm: str, data: bytes, expected: str) -> None:
    path = tmp_path / "x"
    path.write_bytes(data)
    assert Checksums(others={algorithm: expected}).check(path, sha256="0" * 64, name="x")
    path.write_bytes(data + b"!")
    with pytest.raises(DataError, match=f"x arrived damaged: expected {algorithm.upper()} "):
        Checksums(others={algorithm: expected}).check(path, sha256="0" * 64, name="x")


@pytest.mark.parametrize(
    ("head", "bucket", "expected"),
    [
        ({}, "people", {"md5": ABC["md5"]}),
        ({"ServerSideEncryption": "AES256"}, "people", {"md5": ABC["md5"]}),
        ({"ServerSideEncryption": "aws:kms"}, "people", {}),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "people", {}),
        ({"SSECustomerAlgorithm": "AES256"}, "people", {}),
        ({}, "people--use1-az4--x-s3", {}),
        ({"ChecksumCRC32": "y/Q5Jg=="}, "people", {"crc32": "cbf43926", "md5": ABC["md5"]}),
        ({"ChecksumCRC32": "y/Q5Jg==", "ChecksumType": "COMPOSITE"}, "people", {"md5": ABC["md5"]}),
        ({"ChecksumCRC32": "y/Q5Jg==-2"}, "people", {"md5": ABC["md5"]}),
        ({"ETag": '"not-an-md5"'}, "people", {}),
    ],
)
def test_which_records_count(head: dict[str, str], bucket: str, expected: dict[str, str]) -> None:
    found = of_object({"ETag": f'"{ABC["md5"]}"', **head}, bucket)
    assert found == Checksums(None, expected, None)


def test_our_own_record_comes_first() -> None:
    sent = hashlib.sha256(b"abc").digest()
    head = {"ETag": f'"{ABC["md5"]}-3"', "ChecksumSHA256": base64.b64encode(sent).decode()}
    assert of_object(head, "people") == Checksums(sent.hex(), {}, (ABC["md5"], 3))
    head["Metadata"] = {"sha256": "12" * 32}
    assert of_object(head, "people") == Checksums("12" * 32, {}, (ABC["md5"], 3))


@pytest.mark.parametrize("size", [1, 5 * MIB, 10 * MIB])
def test_the_last_part_may_be_whole_or_small(tmp_path: Path, size: int) -> None:
    path, data = tmp_path / "x", hashlib.shake_256(b"parts").digest(size)
    path.write_bytes(data)
    digests = [hashlib.md5(data[i : i + 5 * MIB]).digest() for i in range(0, size, 5 * MIB)]
    tag = hashlib.md5(b"".join(digests)).hexdigest()
    assert Checksums(parts=(tag, len(digests))).check(path, sha256="", name="x")
    assert not Checksums(parts=(tag[::-1], len(digests))).check(path, sha256="", name="x")


@pytest.mark.s3
def test_what_ordinary_tools_uploaded_is_verified(s3_proxy: Proxy, tmp_path: Path) -> None:
    """A byte flipped on the way was accepted, and stayed in the cache for good."""
    for name, checksums in (("old", False), ("new", True)):
        tool = client(s3_proxy.address, checksums=checksums)
        tool.put_object(Bucket="people", Key=f"tools/{name}.bin", Body=PAYLOAD)
    store = open_store("s3://people/tools", settings=QUICK.replace(endpoint_url=s3_proxy.address))
    for name, record in (("old.bin", "MD5"), ("new.bin", "CRC32")):
        s3_proxy.faults, s3_proxy.requests = ["disguise", "disguise", "pass"], []
        digest = store.download(name, tmp_path / name)
        assert digest == hashlib.sha256(PAYLOAD).hexdigest()
        assert len(s3_proxy.requests) == 3
        s3_proxy.faults = ["disguise"]
        with pytest.raises(
            DataError, match=f"{name} arrived damaged: expected {record} "
        ) as caught:
            store.download(name, tmp_path / "damaged")
        assert caught.value.exit_code == 4
        assert not (tmp_path / "damaged").exists()


@pytest.mark.s3
def test_a_damaged_dataset_does_not_get_into_the_cache(s3_proxy: Proxy, tmp_path: Path) -> None:
    tool = client(s3_proxy.address)
    for number in range(3):
        tool.put_object(Bucket="people", Key=f"flipped/{number}", Body=PAYLOAD + bytes([number]))
    cache = tmp_path / "cache"
    settings = QUICK.replace(endpoint_url=s3_proxy.address, cache_folder=str(cache), retries=0)
    s3_proxy.faults = ["pass", "disguise"]  # the listing, then what is fetched
    with pytest.raises(DataError, match="arrived damaged: expected MD5 "):
        local_copy("s3://people/flipped", settings=settings)
    assert [path for path in (cache / "objects").rglob("*") if path.is_file()] == []
    s3_proxy.faults = ["pass"]
    folder = local_copy("s3://people/flipped", settings=settings)
    assert [(folder / str(n)).read_bytes()[-1] for n in range(3)] == [0, 1, 2]


@pytest.mark.s3
@pytest.mark.parametrize(("mebibytes", "is_verified"), [(5, True), (8, True), (7, False)])
def test_uploads_in_parts_are_verified_at_the_usual_sizes(
    s3_server: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    mebibytes: int,
    is_verified: bool,
) -> None:
    """At another size nothing is proved: the file is taken, and that is told once."""
    data = hashlib.shake_256(b"parts").digest(2 * mebibytes * MIB + 12345)
    upload_in_parts(s3_server, f"parts-{mebibytes}/a", data, mebibytes * MIB)
    upload_in_parts(s3_server, f"parts-{mebibytes}/b", data, mebibytes * MIB)
    store = open_store(
        f"s3://people/parts-{mebibytes}", settings=QUICK.replace(endpoint_url=s3_server)
    )
    with caplog.at_level(logging.INFO, logger="likeness"):
        for key in ("a", "b"):
            expected = hashlib.sha256(data).hexdigest()
            assert store.download(key, tmp_path / key) == expected
    told = [r for r in caplog.records if "no checksum" in r.getMessage()]
    assert len(told) == (0 if is_verified else 1)
    assert all(record.levelno == NOTICE for record in told)


@pytest.mark.s3
def test_an_entity_tag_of_keys_of_kms_proves_nothing(
    s3_server: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    client(s3_server).put_object(
        Bucket="people", Key="kms/x", Body=PAYLOAD, ServerSideEncryption="aws:kms"
    )
    store = open_store("s3://people/kms", settings=QUICK.replace(endpoint_url=s3_server))
    with caplog.at_level(logging.INFO, logger="likeness"):
        store.download("x", tmp_path / "x")
    assert "no checksum of s3://people/kms/x that can be verified" in caplog.text
