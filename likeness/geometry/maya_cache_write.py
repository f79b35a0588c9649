"""Maya geometry caches, written: an .xml file with .mc or .mcx data in one or many files."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np

from likeness.errors import UsageError
from likeness.geometry.animation import BLOCK_BYTES, VertexAnimation, frames_per_block
from likeness.geometry.maya_cache_xml import TICKS_PER_SECOND, cache_xml
from likeness.replacement import replacing

_LARGEST = 2**31 - 1
_OTHER_CHUNKS = 10_000  # bytes of a block besides its numbers: headers and a channel's name
_SUFFIXES = {"mcc": ".mc", "mcx": ".mcx"}


def write_maya_cache(
    path: str | Path,
    animation: VertexAnimation,
    *,
    channel: str = "head_meshShape",
    layout: Literal["OneFile", "OneFilePerFrame"] = "OneFile",
    data_format: Literal["mcc", "mcx"] = "mcc",
) -> None:
    """Write a cache with one channel of positions, block by block.

    Frame i is at tick ``round(6000 · start) + round(6000 / fps · i)``. float64 frames become DVCA,
    others FVCA. All files are complete before the first of them takes its place, the .xml file
    comes last, and frames of an older cache of the same name and layout that are no longer part of
    it are removed.

    Args:
        path: of the .xml file; the data goes beside it.
        channel: the name of the mesh's shape node in Maya.
        layout: all frames in ``<name>.mc`` or each in ``<name>Frame<k>[Tick<t>].mc``.
        data_format: mcc with 32-bit sizes or mcx with 64-bit ones.

    Raises:
        UsageError: a path without .xml, a name Maya could not read, or numbers beyond the format.
    """
    path = Path(path)
    encoded = channel.encode("utf-8") + b"\0"
    if path.suffix != ".xml" or not channel.isprintable() or not 1 < len(encoded) <= 1024:
        raise UsageError(
            f"A cache needs a path ending in .xml and a channel with a printable name of at most "
            f"1023 bytes, got {path} and {channel[:80]!r}."
        )
    ticks = _ticks(animation)
    form = _Form(data_format == "mcx", encoded, animation.frames.dtype.itemsize == 8)
    num_bytes = animation.num_vertices * 3 * (8 if form.double else 4)
    if animation.num_vertices > _LARGEST or (
        not form.wide and num_bytes + _OTHER_CHUNKS > _LARGEST
    ):
        raise UsageError(
            f"A frame of {num_bytes:,} bytes does not fit the {data_format} format.",
            advice='Write data_format="mcx".' if not form.wide else "",
        )
    step = max(round(TICKS_PER_SECOND / animation.fps), 1)
    text = cache_xml(
        layout=layout,
        data_format=data_format,
        channel=channel,
        channel_type="DoubleVectorArray" if form.double else "FloatVectorArray",
        ticks=(ticks[0], ticks[-1]),
        ticks_per_frame=step,
    )
    suffix = _SUFFIXES[data_format]
    written: set[str] = set()
    with ExitStack() as stack:
        # The last file that is entered is the first to be moved to its place.
        stack.enter_context(replacing(path)).write_text(text, encoding="utf-8")
        frames = zip(ticks, _frames(animation, form))
        if layout == "OneFile":
            temporary = stack.enter_context(replacing(path.with_suffix(suffix)))
            with open(temporary, "wb") as file:
                file.write(form.header(ticks[0], ticks[-1]))
                for tick, numbers in frames:
                    form.write_block(file, tick, numbers, animation.num_vertices)
        else:
            for tick, numbers in frames:
                name = f"{path.stem}{_frame_name(tick, step)}{suffix}"
                written.add(name)
                with open(stack.enter_context(replacing(path.with_name(name))), "wb") as file:
                    file.write(form.header(tick, tick))
                    form.write_block(file, None, numbers, animation.num_vertices)
    if layout == "OneFilePerFrame":
        _remove_others(path, written)


def _ticks(animation: VertexAnimation) -> list[int]:
    first = round(TICKS_PER_SECOND * animation.start)
    step = TICKS_PER_SECOND / animation.fps
    ticks = [first + round(step * index) for index in range(animation.num_frames)]
    if step < 1:
        raise UsageError(
            f"Maya caches count {TICKS_PER_SECOND} ticks a second; {animation.fps:g} frames a "
            "second are more than that."
        )
    if ticks[0] < -_LARGEST or ticks[-1] > _LARGEST:
        raise UsageError(f"Ticks {ticks[0]} to {ticks[-1]} do not fit the 32 bits of a cache.")
    return ticks


def _frame_name(tick: int, step: int) -> str:
    frame, extra = divmod(tick, step)
    return f"Frame{frame}Tick{extra}" if extra else f"Frame{frame}"


def _frames(animation: VertexAnimation, form: _Form) -> Iterator[bytes]:
    """The numbers of every frame, big-endian."""
    size = frames_per_block(animation, BLOCK_BYTES)
    for first in range(0, animation.num_frames, size):
        last = min(first + size, animation.num_frames)
        for frame in animation.frames.read(first, last).astype(form.stored):
            yield frame.tobytes()


def _remove_others(path: Path, written: set[str]) -> None:
    """Frames of an older cache that is replaced; they would be read as frames of the new one."""
    own = re.compile(re.escape(path.stem) + r"Frame-?\d+(Tick\d+)?\.mcx?")
    for file in path.parent.iterdir():
        if own.fullmatch(file.name) and file.name not in written:
            file.unlink()


class _Form:
    """The bytes of chunks, in the 32-bit or the 64-bit form."""

    def __init__(self, wide: bool, name: bytes, double: bool) -> None:
        self.wide, self.name, self.double = wide, name, double
        self.align = 8 if wide else 4
        self.stored = np.dtype(">f8" if double else ">f4")

    def header(self, start: int, end: int) -> bytes:
        return self._group(
            b"CACH",
            self._chunk(b"VRSN", b"0.1\0")
            + self._chunk(b"STIM", struct.pack(">i", start))
            + self._chunk(b"ETIM", struct.pack(">i", end)),
        )

    def write_block(self, file: BinaryIO, tick: int | None, numbers: bytes, count: int) -> None:
        padding = b"\0" * (-len(numbers) % self.align)
        body = b"" if tick is None else self._chunk(b"TIME", struct.pack(">i", tick))
        body += self._chunk(b"CHNM", self.name) + self._chunk(b"SIZE", struct.pack(">i", count))
        body += self._start(b"DVCA" if self.double else b"FVCA", len(numbers))
        file.write(self._group(b"MYCH", body, following=len(numbers) + len(padding)))
        file.write(numbers)
        file.write(padding)

    def _group(self, kind: bytes, body: bytes, following: int = 0) -> bytes:
        tag = b"FOR8" if self.wide else b"FOR4"
        return self._start(tag, 4 + len(body) + following) + kind + body

    def _chunk(self, tag: bytes, payload: bytes) -> bytes:
        return self._start(tag, len(payload)) + payload + b"\0" * (-len(payload) % self.align)

    def _start(self, tag: bytes, size: int) -> bytes:
        return struct.pack(">4s4xq" if self.wide else ">4si", tag, size)
