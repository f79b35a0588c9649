"""The chunks of Maya geometry cache data (.mc and .mcx): where every channel of every time lies.

Big-endian IFF. A chunk is a tag, a size and a payload; groups (FOR4, in 64-bit files FOR8) hold a
bare type and chunks. In 64-bit files four zero bytes and a size of eight bytes follow a tag, and
payloads are padded to multiples of 8 instead of 4. Payloads of channels are not read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from likeness.errors import DataError

_TRIPLES: dict[bytes, np.dtype] = {b"FVCA": np.dtype(">f4"), b"DVCA": np.dtype(">f8")}
_MAX_NAME = 4096


class TruncatedCacheError(DataError):
    """The data ends before a chunk does."""


@dataclass(frozen=True)
class ChannelData:
    """Where the numbers of one channel lie at one time.

    ``stored`` is None for a channel that holds no triples (weights, colours of particles, ...).
    """

    offset: int
    count: int
    stored: np.dtype | None


@dataclass(frozen=True)
class CacheBlock:
    """One sampled time: its byte offset, its tick (None where it is not given) and its channels."""

    offset: int
    tick: int | None
    channels: dict[str, ChannelData]


def read_cache_blocks(path: str | Path) -> Iterator[CacheBlock]:
    """The sampled times of a file in their order; only headers are read.

    Raises:
        TruncatedCacheError: the file ends within a chunk. The blocks before it have been given.
        DataError: the file is no Maya cache, or its chunks contradict each other.
    """
    path = Path(path)
    with open(path, "rb") as file:
        yield from _Chunks(file, path, path.stat().st_size).blocks()


@dataclass
class _Chunks:
    file: BinaryIO
    path: Path
    size: int
    wide: bool = False

    def blocks(self) -> Iterator[CacheBlock]:
        tag = self._read(0, 4, self.size)
        if tag not in (b"FOR4", b"FOR8"):
            raise self._fault(0, "FOR4 or FOR8, a Maya cache", repr(tag))
        self.wide = tag == b"FOR8"
        group = tag
        position, expected = 0, b"CACH"
        while position < self.size:
            tag, start, end = self._chunk(position, self.size)
            if tag != group:
                raise self._fault(position, repr(group), repr(tag))
            kind = self._read(start, 4, end)
            if kind != expected:
                raise self._fault(start, repr(expected), repr(kind))
            if kind == b"MYCH":
                yield self._block(position, start + 4, end)
            expected = b"MYCH"
            position = self._after_padding(end)

    def _block(self, offset: int, position: int, end: int) -> CacheBlock:
        tick: int | None = None
        name: str | None = None
        count: int | None = None
        channels: dict[str, ChannelData] = {}
        while position < end:
            tag, start, stop = self._chunk(position, end)
            if tag == b"TIME":
                tick = self._integer(start, stop)
            elif tag == b"CHNM":
                name, count = self._name(start, stop), None
                if name in channels:
                    raise self._fault(start, "every channel once in a block", f"{name!r} twice")
            elif tag == b"SIZE":
                count = self._integer(start, stop)
                if count < 0:
                    raise self._fault(start, "a number of elements", str(count))
            elif name is None or count is None:
                raise self._fault(position, "CHNM and SIZE before a payload", repr(tag))
            else:
                channels[name] = self._data(tag, start, stop, count)
                name = count = None
            position = min(-(-(stop - start) // self._align) * self._align + start, end)
        if name is not None:
            raise self._fault(end, f"the numbers of channel {name!r}", "the end of the block")
        return CacheBlock(offset, tick, channels)

    def _data(self, tag: bytes, start: int, stop: int, count: int) -> ChannelData:
        stored = _TRIPLES.get(tag)
        if stored is not None and stop - start != count * 3 * stored.itemsize:
            raise self._fault(
                start,
                f"{count * 3 * stored.itemsize:,} bytes ({count:,} elements of {tag.decode()})",
                f"{stop - start:,}",
            )
        return ChannelData(start, count, stored)

    @property
    def _align(self) -> int:
        return 8 if self.wide else 4

    def _chunk(self, position: int, end: int) -> tuple[bytes, int, int]:
        """Tag, first and last (excluded) byte of the payload of the chunk at ``position``."""
        header = self._read(position, 16 if self.wide else 8, end)
        tag = header[:4]
        if self.wide:
            zeros, size = struct.unpack(">4sq", header[4:])
            if zeros != b"\0\0\0\0":
                raise self._fault(position + 4, "four zero bytes", repr(zeros))
        else:
            (size,) = struct.unpack(">i", header[4:])
        start = position + len(header)
        if size < 0:
            raise self._fault(start, f"a size of chunk {tag!r}", str(size))
        if start + size > end:
            raise self._fault(
                start,
                f"{size:,} bytes of chunk {tag!r}",
                f"{end - start:,}",
                truncated=end == self.size,
            )
        return tag, start, start + size

    def _name(self, start: int, stop: int) -> str:
        if not 0 < stop - start <= _MAX_NAME:
            raise self._fault(start, f"a channel name of 1 to {_MAX_NAME} bytes", f"{stop - start}")
        data = self._read(start, stop - start, stop).rstrip(b"\0")
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise self._fault(start, "a channel name in UTF-8", repr(data[:80])) from error

    def _integer(self, start: int, stop: int) -> int:
        if stop - start != 4:
            raise self._fault(start, "4 bytes of an integer", f"{stop - start:,}")
        return int(struct.unpack(">i", self._read(start, 4, stop))[0])

    def _after_padding(self, end: int) -> int:
        # Groups of 64-bit files end at 4 more than a multiple of 8; some programs fill that up.
        if self.wide and end % 8 == 4 and end < self.size:
            self.file.seek(end)
            if self.file.read(4) == b"\0\0\0\0":
                return end + 4
        return end

    def _read(self, position: int, count: int, end: int) -> bytes:
        if position + count > end:
            raise self._fault(
                position, f"{count} bytes", f"{end - position}", truncated=end == self.size
            )
        self.file.seek(position)
        data = self.file.read(count)
        if len(data) != count:
            raise self._fault(position, f"{count} bytes", f"{len(data)}", truncated=True)
        return data

    def _fault(
        self, position: int, expected: str, found: str, *, truncated: bool = False
    ) -> DataError:
        message = f"{self.path}: expected {expected} at byte {position:,}, found {found}"
        if truncated:
            return TruncatedCacheError(
                f"{message} before the end of the file.",
                advice="Copy the file again; an interrupted copy or recording looks like this.",
            )
        return DataError(f"{message}.")
