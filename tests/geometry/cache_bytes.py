"""The bytes of point caches, put together number by number from the layouts of the formats.

Shares nothing with the package: these are what its readers and writers are compared with.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

Frames = Sequence[Sequence[Sequence[float]]]


def pc2_bytes(frames: Frames, *, start: float = 0.0, interval: float = 1.0) -> bytes:
    data = b"POINTCACHE2\0"
    data += struct.pack("<i", 1) + struct.pack("<i", len(frames[0]))
    data += struct.pack("<f", start) + struct.pack("<f", interval) + struct.pack("<i", len(frames))
    for frame in frames:
        for vertex in frame:
            for number in vertex:
                data += struct.pack("<f", number)
    return data


def npy_bytes(frames: Frames) -> bytes:
    shape = f"({len(frames)}, {len(frames[0])}, 3)"
    text = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}"
    text += " " * (-(10 + len(text) + 1) % 64) + "\n"
    data = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode("ascii")
    for frame in frames:
        for vertex in frame:
            for number in vertex:
                data += struct.pack("<f", number)
    return data


def mc_header(start: int = 0, end: int = 1) -> bytes:
    data = b"FOR4" + struct.pack(">i", 40) + b"CACH"
    data += b"VRSN" + struct.pack(">i", 4) + b"0.1\0"
    data += b"STIM" + struct.pack(">i", 4) + struct.pack(">i", start)
    return data + b"ETIM" + struct.pack(">i", 4) + struct.pack(">i", end)


def mc_channel(name: str, frame: Sequence[Sequence[float]], *, double: bool = False) -> bytes:
    text = name.encode("utf-8") + b"\0"
    data = b"CHNM" + struct.pack(">i", len(text)) + text
    while len(text) % 4:
        text += b"\0"
        data += b"\0"
    data += b"SIZE" + struct.pack(">i", 4) + struct.pack(">i", len(frame))
    data += b"DVCA" if double else b"FVCA"
    data += struct.pack(">i", len(frame) * (24 if double else 12))
    for vertex in frame:
        for number in vertex:
            data += struct.pack(">d" if double else ">f", number)
    return data


def mc_block(tick: int | None, channels: Sequence[bytes]) -> bytes:
    body = b"MYCH"
    if tick is not None:
        body += b"TIME" + struct.pack(">i", 4) + struct.pack(">i", tick)
    for channel in channels:
        body += channel
    return b"FOR4" + struct.pack(">i", len(body)) + body


def mc_bytes(frames: Frames, ticks: Sequence[int], name: str, *, double: bool = False) -> bytes:
    data = mc_header(ticks[0], ticks[-1])
    for tick, frame in zip(ticks, frames):
        data += mc_block(tick, [mc_channel(name, frame, double=double)])
    return data


def wide_chunk(tag: bytes, payload: bytes) -> bytes:
    """A chunk of a 64-bit file."""
    data = tag + b"\0\0\0\0" + struct.pack(">q", len(payload)) + payload
    while len(payload) % 8:
        payload += b"\0"
        data += b"\0"
    return data


def mcx_bytes(
    frames: Frames, ticks: Sequence[int], name: str, *, double: bool = False, fill: bool = False
) -> bytes:
    """A 64-bit file; ``fill`` pads its groups, as some programs do."""
    header = b"CACH" + wide_chunk(b"VRSN", b"0.1\0")
    header += wide_chunk(b"STIM", struct.pack(">i", ticks[0]))
    header += wide_chunk(b"ETIM", struct.pack(">i", ticks[-1]))
    data = b"FOR8" + b"\0\0\0\0" + struct.pack(">q", len(header)) + header
    if fill:
        data += b"\0" * (-len(data) % 8)
    for tick, frame in zip(ticks, frames):
        numbers = b""
        for vertex in frame:
            for number in vertex:
                numbers += struct.pack(">d" if double else ">f", number)
        body = b"MYCH" + wide_chunk(b"TIME", struct.pack(">i", tick))
        body += wide_chunk(b"CHNM", name.encode("utf-8") + b"\0")
        body += wide_chunk(b"SIZE", struct.pack(">i", len(frame)))
        # The numbers end the group; triples of an odd count are not a multiple of 8 bytes.
        body += wide_chunk(b"DVCA" if double else b"FVCA", numbers)
        data += b"FOR8" + b"\0\0\0\0" + struct.pack(">q", len(body)) + body
        if fill:
            data += b"\0" * (-len(data) % 8)
    return data


def cache_xml_text(
    channels: Sequence[tuple[str, str]],
    *,
    layout: str = "OneFile",
    data_format: str = "mcc",
    time_range: str = "0-400",
    ticks_per_frame: int | None = 200,
    end: int | None = 400,
) -> str:
    """An .xml file with (name, interpretation) channels."""
    rate = "" if ticks_per_frame is None else f' SamplingRate="{ticks_per_frame}"'
    last = "" if end is None else f' EndTime="{end}"'
    lines = ['<?xml version="1.0"?>', "<Autodesk_Cache_File>"]
    lines += [f'<cacheType Type="{layout}" Format="{data_format}"/>']
    lines += [f'<time Range="{time_range}"/>']
    if ticks_per_frame is not None:
        lines += [f'<cacheTimePerFrame TimePerFrame="{ticks_per_frame}"/>']
    lines += ['<cacheVersion Version="2.0"/>', "<extra>made by hand</extra>", "<Channels>"]
    for index, (name, interpretation) in enumerate(channels):
        lines += [
            f'<channel{index} ChannelName="{name}" ChannelType="FloatVectorArray" '
            f'ChannelInterpretation="{interpretation}" SamplingType="Regular"{rate} '
            f'StartTime="0"{last}/>'
        ]
    return "\n".join([*lines, "</Channels>", "</Autodesk_Cache_File>"])


def small_frames(count: int, vertices: int) -> list[list[list[float]]]:
    """Numbers that float32 holds exactly, all different."""
    return [
        [[100 * f + v + 0.25 * axis - 3 for axis in range(3)] for v in range(vertices)]
        for f in range(count)
    ]
