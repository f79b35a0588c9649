"""Maya geometry caches, read: an .xml file with .mc or .mcx data in one file or one per frame.

The layout of the data is in :mod:`likeness.geometry.maya_cache_chunks`. Frames are found on opening
and read when they are asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness.errors import DataError
from likeness.geometry.animation import FrameRateError, VertexAnimation, checked_rate
from likeness.geometry.frames import FileFrames
from likeness.geometry.maya_cache_chunks import (
    CacheBlock,
    ChannelData,
    TruncatedCacheError,
    read_cache_blocks,
)
from likeness.geometry.maya_cache_xml import (
    TICKS_PER_SECOND,
    CacheChannel,
    CacheDescription,
    read_cache_xml,
)

_FRAME = re.compile(r"Frame(-?\d{1,15})(?:Tick(\d{1,15}))?")
_SUFFIXES = {"mcc": ".mc", "mcx": ".mcx"}


@dataclass(frozen=True)
class _Sample:
    """One channel at one time."""

    path: Path
    tick: int | None
    data: ChannelData


def read_maya_cache(
    path: str | Path,
    *,
    channel: str | None = None,
    declared_fps: float | None = None,
    allow_truncated: bool = False,
) -> VertexAnimation:
    """An animation whose frames are read from the data files when they are asked for.

    The rate follows from the times of the samples (6000 ticks to the second) and must be that of
    the .xml file and the declared one, to the rounding of a tick.

    Args:
        path: the .xml file; the data lies beside it.
        channel: which one; by default the only one of positions, or the only one.
        declared_fps: the rate the data is said to have. Needed when the files say nothing about
            time; otherwise checked.
        allow_truncated: give the whole frames before the place where the data of a single file ends
            too early. Without it that is an error.

    Raises:
        MissingError: there is no .xml file.
        FrameRateError: samples, .xml file and declared rate contradict each other.
        TruncatedCacheError: the data ends within a frame or before the described end.
        DataError: any other fault of the files, or a channel that cannot be told.
        UnsafeFileError: see :func:`likeness.geometry.maya_cache_xml.read_cache_xml`.
    """
    path = Path(path)
    description = read_cache_xml(path)
    wanted = _wanted(path, description, channel)
    whole = _one_file(path, description)
    if whole is not None:
        blocks = (
            _tolerant(read_cache_blocks(whole)) if allow_truncated else read_cache_blocks(whole)
        )
        samples = _samples(whole, blocks, wanted)
    else:
        samples = _per_frame(path, description, wanted)
    if not samples:
        raise DataError(f"{whole or path}: expected a frame at least, found none.")
    _check_topology(samples)
    described = _described(description, wanted)
    fps, start, step = _rate(path, samples, description, described, declared_fps)
    if step is not None and whole is None:
        _check_start(samples, description, step)
    if step is not None and not allow_truncated:
        _check_end(whole or path, samples, description, described, step)
    frames = _frames(samples)
    return VertexAnimation(frames, fps, start)


def _wanted(path: Path, description: CacheDescription, channel: str | None) -> str | None:
    """The name of the channel to read; None when only the data can tell."""
    if channel is not None or not description.channels:
        return channel
    names = [c.name for c in description.channels]
    positions = [c.name for c in description.channels if c.interpretation == "positions"]
    for candidates in (positions, names):
        if len(candidates) == 1:
            return candidates[0]
    raise DataError(
        f"{path}: expected one channel of positions, found {_listed(positions or names)}.",
        advice="Say which is meant: in dataset.yaml, skin_channel and tongue_channel of the actor.",
    )


def _described(description: CacheDescription, wanted: str | None) -> CacheChannel | None:
    return next((c for c in description.channels if c.name == wanted), None)


def _one_file(path: Path, description: CacheDescription) -> Path | None:
    """The data file of a cache in one file; None for one file per frame."""
    if description.layout == "OneFilePerFrame":
        return None
    formats = [description.data_format] if description.data_format else list(_SUFFIXES)
    candidates = [path.with_suffix(_SUFFIXES[name]) for name in formats]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if description.layout == "OneFile":
        raise DataError(f"{path}: expected the data in {_listed(c.name for c in candidates)} "
                        "beside it, found no such file.")  # fmt: skip
    return None


def _per_frame(path: Path, description: CacheDescription, wanted: str | None) -> list[_Sample]:
    """The samples of ``<name>Frame<k>[Tick<t>].mc``, by time."""
    formats = [description.data_format] if description.data_format else list(_SUFFIXES)
    suffixes = {_SUFFIXES[name] for name in formats}
    found: list[tuple[int, int, Path]] = []
    with os.scandir(path.parent) as entries:
        for entry in entries:
            stem, suffix = os.path.splitext(entry.name)
            if suffix not in suffixes or not stem.startswith(path.stem) or not entry.is_file():
                continue
            match = _FRAME.fullmatch(stem[len(path.stem) :])
            if match is not None:
                found.append((int(match[1]), int(match[2] or 0), Path(entry.path)))
    samples = []
    for frame, extra, file in sorted(found):
        blocks = list(read_cache_blocks(file))
        if len(blocks) != 1:
            raise DataError(
                f"{file}: expected one block in the file of a frame, found {len(blocks)}."
            )
        (sample,) = _samples(file, blocks, wanted)
        if wanted is None:
            wanted = next(iter(blocks[0].channels))
        if sample.tick is None and description.ticks_per_frame is not None:
            tick = round(frame * description.ticks_per_frame) + extra
            sample = _Sample(file, tick, sample.data)
        samples.append(sample)
    return samples


def _tolerant(blocks: Iterator[CacheBlock]) -> Iterator[CacheBlock]:
    try:
        yield from blocks
    except TruncatedCacheError:
        return


def _samples(path: Path, blocks: Iterable[CacheBlock], wanted: str | None) -> list[_Sample]:
    samples = []
    for block in blocks:
        if wanted is None and len(block.channels) == 1:
            wanted = next(iter(block.channels))
        data = block.channels.get(wanted) if wanted is not None else None
        if data is None:
            expected = "one channel" if wanted is None else f"channel {wanted!r}"
            raise DataError(
                f"{path}: expected {expected} in the block at byte {block.offset:,}, found "
                f"{_listed(block.channels) or 'none'}.",
                advice="Name one of its channels.",
            )
        if data.stored is None:
            raise DataError(
                f"{path}: expected FVCA or DVCA for channel {wanted!r} before byte "
                f"{data.offset:,}, found another kind of data."
            )
        samples.append(_Sample(path, block.tick, data))
    return samples


def _check_topology(samples: list[_Sample]) -> None:
    first = samples[0].data
    if first.count < 1:
        raise DataError(f"{samples[0].path}: expected a vertex at least, found none.")
    for index, sample in enumerate(samples):
        data = sample.data
        if (data.count, data.stored) != (first.count, first.stored):
            raise DataError(
                f"{sample.path}: expected {first.count:,} vertices of {first.stored} in frame "
                f"{index} at byte {data.offset:,}, found {data.count:,} of {data.stored}."
            )


def _rate(
    path: Path,
    samples: list[_Sample],
    description: CacheDescription,
    described: CacheChannel | None,
    declared: float | None,
) -> tuple[float, float, float | None]:
    """Frames per second, the second of the first frame, and ticks per frame if they are known."""
    ticks = [sample.tick for sample in samples]
    known = [tick for tick in ticks if tick is not None]
    sampling = described.sampling_rate if described else None
    steps = [step for step in (description.ticks_per_frame, sampling) if step]
    if len(known) < len(ticks):
        if known:
            raise DataError(f"{path}: expected a TIME in all frames or in none, found both.")
        step = steps[0] if steps else None
        start = 0.0
        slack = 0.5
    else:
        start = known[0] / TICKS_PER_SECOND
        step = _regular_step(samples, known) if len(known) > 1 else (steps[0] if steps else None)
        # Every tick is rounded; a step over many frames is known much better than one of them.
        slack = 1 / (len(known) - 1) if len(known) > 1 else 0.5
        if len(known) > 1 and steps and step is not None:
            if all(abs(header - step) > 0.5 + slack for header in steps):
                raise FrameRateError(
                    f"{path}: expected {step:g} ticks per frame, the distance of the samples, "
                    f"found TimePerFrame or SamplingRate {_listed(f'{s:g}' for s in steps)}."
                )
            step = next((s for s in steps if abs(s - step) <= slack), step)
    if declared is not None:
        wanted = TICKS_PER_SECOND / checked_rate(declared)
        measured = (known[-1] - known[0]) / (len(known) - 1) if len(known) > 1 else step
        if measured is not None and abs(measured - wanted) > slack + 1e-6:
            raise FrameRateError(
                f"{path}: expected {declared:g} frames per second as declared, found "
                f"{TICKS_PER_SECOND / measured:g} ({measured:g} ticks per frame).",
                advice="Declare the rate of the cache, or resample it afterwards.",
            )
        return declared, start, step
    if step is None:
        raise DataError(
            f"{path}: expected TimePerFrame or the times of two frames, found neither.",
            advice="Declare the frame rate.",
        )
    return TICKS_PER_SECOND / step, start, step


def _regular_step(samples: list[_Sample], ticks: list[int]) -> float:
    """Ticks between samples that follow each other evenly, to the rounding of a tick."""
    gaps = np.diff(ticks)
    usual = float(np.median(gaps))
    wide = int(gaps.argmax())
    if usual > 0 and gaps.min() >= usual - 1 and gaps[wide] >= 2 * usual - 2:
        raise TruncatedCacheError(
            f"{samples[wide + 1].path}: expected a sample every {usual:g} ticks, found none "
            f"between tick {ticks[wide]} (frame {wide}) and tick {ticks[wide + 1]}.",
            advice="Copy the cache again with all of its files, or bake it again with one sample "
            "per frame.",
        )
    step = (ticks[-1] - ticks[0]) / (len(ticks) - 1)
    off = np.abs(np.array(ticks, np.float64) - ticks[0] - step * np.arange(len(ticks)))
    worst = int(off.argmax())
    if step <= 0 or off[worst] > 1 + 1e-6:
        raise DataError(
            f"{samples[worst].path}: expected samples at even times, {step:g} ticks apart, found "
            f"frame {worst} at tick {ticks[worst]} after a first one at {ticks[0]}.",
            advice="Bake the cache again with one sample per frame.",
        )
    return step


def _check_start(samples: list[_Sample], description: CacheDescription, step: float) -> None:
    """Without its first files a cache would be read as if it began earlier than it does."""
    first, start = samples[0].tick, description.time_range and description.time_range[0]
    if first is not None and start is not None and first - start >= step - 1 + 1e-6:
        raise TruncatedCacheError(
            f"{samples[0].path}: expected a first frame at tick {start:g}, as the .xml file says, "
            f"found the first of {len(samples)} at tick {first}.",
            advice="Copy the files of all frames again.",
        )


def _check_end(
    path: Path,
    samples: list[_Sample],
    description: CacheDescription,
    described: CacheChannel | None,
    step: float,
) -> None:
    """A file cut between two frames looks whole; the .xml file knows where it ended."""
    end, margin = (described.end_time if described is not None else None), step - 1
    if end is None and description.time_range is not None:
        # Some programs end the range of the whole cache after its last frame, not at it.
        end, margin = description.time_range[1], step + 1
    last = samples[-1].tick
    if end is not None and last is not None and end - last >= margin + 1e-6:
        raise TruncatedCacheError(
            f"{path}: expected frames until tick {end:g}, as the .xml file says, found the last "
            f"of {len(samples)} at tick {last}.",
            advice="Copy the data again; an interrupted copy or recording looks like this.",
        )


def _frames(samples: list[_Sample]) -> FileFrames:
    paths = list(dict.fromkeys(sample.path for sample in samples))
    path_ids = {path: index for index, path in enumerate(paths)}
    stored = samples[0].data.stored
    assert stored is not None
    return FileFrames(
        tuple(paths),
        np.array([path_ids[sample.path] for sample in samples], np.int32),
        np.array([sample.data.offset for sample in samples], np.int64),
        samples[0].data.count,
        stored,
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)[:400]
