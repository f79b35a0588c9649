"""What a store has on record of the content of a file, and whether a copy agrees with it.

Owns what each record proves. Asking a server for them is the store's business.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

from likeness.storage.store import checksum_error, damage_error

_BLOCK = 1 << 20
_PART_MEBIBYTES = (5, 8, 10, 15, 16, 25, 32, 50, 64, 100, 128, 256, 512)
"""Sizes in which tools upload: 8 is that of boto3 and the AWS command line, 5 of rclone, 15 of
s3cmd, 16 of the MinIO client, 50 of s3fs and s5cmd."""
_PLAIN_TAG = re.compile(r"[0-9a-f]{32}")
_TAG_OF_PARTS = re.compile(r"([0-9a-f]{32})-([1-9][0-9]{0,4})")


@dataclass(frozen=True)
class Checksums:
    """Digests of a whole file, in hexadecimal digits, and of its parts."""

    sha256: str | None = None
    others: Mapping[str, str] = field(default_factory=dict)
    """By algorithm, ``sha1``, ``crc32`` or ``md5``; the first one decides."""
    parts: tuple[str, int] | None = None
    """MD5 over the MD5s of the parts it was uploaded in, and their number."""

    def check(self, path: Path, *, sha256: str, name: str) -> bool:
        """Whether a copy is proved to be what was stored; False where the records prove nothing.

        Args:
            sha256: of the copy, which the caller has.
            name: of the file, for the error.

        Raises:
            DataError: it is proved to be something else.
        """
        if self.sha256 is not None:
            if sha256 != self.sha256:
                raise checksum_error(name, expected=self.sha256, found=sha256)
            return True
        for algorithm, expected in self.others.items():
            found = _digest(path, algorithm)
            if found != expected:
                text = f"expected {algorithm.upper()} {expected}, found {found}"
                raise damage_error(name, text)
            return True
        # Another digest may come from parts of another size, so that it proves nothing.
        return self.parts is not None and _fits_parts(path, *self.parts)

    def tag_fits(self, content: Path | bytes) -> bool | None:
        """Whether the entity tag, which a server computes from what it received, is that of the
        content; None where there is none of a kind that can be computed here.

        Other records only repeat what the upload said of itself. A tag that does not fit is no
        proof of damage: some servers make theirs in ways of their own.
        """
        if "md5" in self.others:
            return _digest(content, "md5") == self.others["md5"]
        return None if self.parts is None else _fits_parts(content, *self.parts)


def of_object(head: Mapping[str, Any], bucket: str) -> Checksums:
    """The records in the answer of S3 to ``HeadObject`` with ``ChecksumMode=ENABLED``.

    Counted are ``sha256`` of our own metadata, the checksums of the whole object that it was
    uploaded with, and the entity tag. That is the MD5 of the content of an object that was uploaded
    in one part, and is plain or encrypted with keys of S3; with keys of KMS or of the customer, and
    in a directory bucket, it is something else ("Checking object integrity", Amazon S3 User Guide).
    """
    others = {}
    if head.get("ChecksumType") != "COMPOSITE":
        for algorithm in ("sha256", "sha1", "crc32"):
            value = _hexadecimal(head.get(f"Checksum{algorithm.upper()}"))
            if value is not None:
                others[algorithm] = value
    parts = None
    encrypted = head.get("ServerSideEncryption") not in (None, "AES256")
    if not (encrypted or head.get("SSECustomerAlgorithm") or bucket.endswith("--x-s3")):
        tag = str(head.get("ETag", "")).strip('"').lower()
        if _PLAIN_TAG.fullmatch(tag):
            others["md5"] = tag
        elif of_parts := _TAG_OF_PARTS.fullmatch(tag):
            parts = of_parts[1], int(of_parts[2])
    sent, recorded = others.pop("sha256", None), (head.get("Metadata") or {}).get("sha256")
    return Checksums(recorded or sent, others, parts)


def _hexadecimal(value: str | None) -> str | None:
    """Of a checksum in base64; None for none and for one of parts, which ends in their number."""
    try:
        return None if value is None else base64.b64decode(value, validate=True).hex()
    except binascii.Error:
        return None


def _digest(content: Path | bytes, algorithm: str) -> str:
    if algorithm == "crc32":
        value = 0
        for block in _blocks(content):
            value = zlib.crc32(block, value)
        return f"{value:08x}"
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for block in _blocks(content):
        digest.update(block)
    return digest.hexdigest()


def _fits_parts(content: Path | bytes, expected: str, count: int) -> bool:
    """Whether parts of one of the usual sizes give this MD5 of their MD5s."""
    size = len(content) if isinstance(content, bytes) else content.stat().st_size
    for mebibytes in _PART_MEBIBYTES:
        if max(-(-size // (mebibytes << 20)), 1) != count:
            continue
        digests, part = [], hashlib.md5(usedforsecurity=False)
        for number, block in enumerate(_blocks(content), start=1):
            part.update(block)
            if number % mebibytes == 0:
                digests.append(part.digest())
                part = hashlib.md5(usedforsecurity=False)
        if len(digests) < count:
            digests.append(part.digest())
        if hashlib.md5(b"".join(digests), usedforsecurity=False).hexdigest() == expected:
            return True
    return False


def _blocks(content: Path | bytes) -> Iterator[bytes]:
    """A file, or what is in memory, in pieces of a mebibyte."""
    with BytesIO(content) if isinstance(content, bytes) else content.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
