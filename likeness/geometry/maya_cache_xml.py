"""The .xml file of a Maya geometry cache (version 2.0): how the data is stored, and its channels.

Times are in ticks, 6000 to the second. Only the root element is required when it is read: caches of
other programs leave fields out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from xml.parsers import expat
from xml.sax.saxutils import quoteattr

from likeness.errors import DataError, UnsafeFileError, no_file

TICKS_PER_SECOND = 6000
_MAX_BYTES = 1024**2
_RANGE = re.compile(r"(-?\d{1,15})-(-?\d{1,15})")
_CHANNEL = re.compile(r"channel\d+")


@dataclass(frozen=True)
class CacheChannel:
    """A channel as the .xml file describes it; None where it says nothing. Times are in ticks."""

    name: str
    interpretation: str | None = None
    sampling_rate: float | None = None
    end_time: float | None = None


@dataclass(frozen=True)
class CacheDescription:
    """What the .xml file says; None or empty where it says nothing. Times are in ticks.

    ``layout`` is OneFile or OneFilePerFrame, ``data_format`` mcc (32-bit) or mcx (64-bit).
    """

    layout: str | None = None
    data_format: str | None = None
    ticks_per_frame: float | None = None
    time_range: tuple[int, int] | None = None
    channels: tuple[CacheChannel, ...] = ()


def read_cache_xml(path: str | Path) -> CacheDescription:
    """Read the description of a cache.

    Raises:
        MissingError: there is no such file.
        DataError: no XML, another root element, or a value that is none.
        UnsafeFileError: a document type, which a cache does not need and which can define entities
            that grow without bound, or more than 1 MiB.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path)
    size = path.stat().st_size
    if size > _MAX_BYTES:
        raise UnsafeFileError(
            f"{path}: expected a cache description of at most {_MAX_BYTES:,} bytes, found {size:,}."
        )
    reading = _Reading(path)
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = reading.refuse_document_type
    parser.StartElementHandler = reading.element
    try:
        parser.Parse(path.read_bytes(), True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise DataError(f"{path}: expected XML, found a fault: {error}.") from error
    return CacheDescription(
        reading.layout,
        reading.data_format,
        reading.ticks_per_frame,
        reading.time_range,
        tuple(reading.channels),
    )


def cache_xml(
    *,
    layout: str,
    data_format: str,
    channel: str,
    channel_type: str,
    ticks: tuple[int, int],
    ticks_per_frame: int,
) -> str:
    """The text of a description of one channel of positions; ``ticks`` are its first and last."""
    start, end = ticks
    return "\n".join(
        [
            '<?xml version="1.0"?>',
            "<Autodesk_Cache_File>",
            f'  <cacheType Type="{layout}" Format="{data_format}"/>',
            f'  <time Range="{start}-{end}"/>',
            f'  <cacheTimePerFrame TimePerFrame="{ticks_per_frame}"/>',
            '  <cacheVersion Version="2.0"/>',
            "  <extra>likeness</extra>",
            "  <Channels>",
            f"    <channel0 ChannelName={quoteattr(channel)} ChannelType={quoteattr(channel_type)}"
            ' ChannelInterpretation="positions" SamplingType="Regular"'
            f' SamplingRate="{ticks_per_frame}" StartTime="{start}" EndTime="{end}"/>',
            "  </Channels>",
            "</Autodesk_Cache_File>",
            "",
        ]
    )


class _Reading:
    """What has been read so far."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.started = False
        self.layout: str | None = None
        self.data_format: str | None = None
        self.ticks_per_frame: float | None = None
        self.time_range: tuple[int, int] | None = None
        self.channels: list[CacheChannel] = []

    def refuse_document_type(self, *_: object) -> None:
        raise UnsafeFileError(
            f"{self.path}: expected a cache description without a document type, found one."
        )

    def element(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self.started:
            if tag != "Autodesk_Cache_File":
                raise DataError(
                    f"{self.path}: expected the root element Autodesk_Cache_File, found {tag[:80]}."
                )
            self.started = True
        elif tag == "cacheType":
            self.layout = self._choice(attributes, "Type", ("OneFile", "OneFilePerFrame"))
            self.data_format = self._choice(attributes, "Format", ("mcc", "mcx"))
        elif tag == "time" and attributes.get("Range"):
            match = _RANGE.fullmatch(attributes["Range"].strip())
            if match is None:
                raise DataError(
                    f'{self.path}: expected time Range="start-end" in ticks, found '
                    f"{attributes['Range'][:80]!r}."
                )
            self.time_range = (int(match[1]), int(match[2]))
        elif tag == "cacheTimePerFrame":
            self.ticks_per_frame = self._number(attributes, "TimePerFrame", positive=True)
        elif _CHANNEL.fullmatch(tag) and attributes.get("ChannelName"):
            self.channels.append(
                CacheChannel(
                    attributes["ChannelName"],
                    attributes.get("ChannelInterpretation") or None,
                    self._number(attributes, "SamplingRate", positive=True),
                    self._number(attributes, "EndTime"),
                )
            )

    def _choice(
        self, attributes: Mapping[str, str], name: str, choices: tuple[str, ...]
    ) -> str | None:
        value = attributes.get(name)
        if not value:
            return None
        if value not in choices:
            raise DataError(
                f"{self.path}: expected {name} to be {' or '.join(choices)}, found {value[:80]!r}."
            )
        return value

    def _number(
        self, attributes: Mapping[str, str], name: str, *, positive: bool = False
    ) -> float | None:
        text = attributes.get(name)
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or (positive and value <= 0):
            wanted = "a number of ticks above 0" if positive else "a number of ticks"
            raise DataError(f"{self.path}: expected {wanted} in {name}, found {text[:80]!r}.")
        return value
