"""What may be wrong with a sound file by itself, whatever it is the sound of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from likeness.data.inspection import Finding
from likeness.errors import LikenessError
from likeness.media.sound_length import told_seconds
from likeness.systems.audio2face.dataset.sounds import SoundFacts, sound_facts

LONGEST_GAP = 0.1
"""Seconds by which sound and animation of a shot, or a sound and its header, may differ."""
_MIN_RATE = 16000
_MIN_BITS = 16
_SILENT = 10 ** (-60 / 20)
_FULL = 10 ** (12 / 20)
"""The largest sample: as far as the gain that training draws leaves full scale. More is another
scale, such as that of integers."""
_BLOCK = 1 << 18
_TOP = 1 - 1e-4
"""Of the peak: less is below it. The top of a wave of 100 Hz leaves it within two samples."""
_FLAT_SAMPLES, _FLAT_SECONDS = 4, 1 / 8000
"""At the peak in a row, the longer of both, where a wave has no top."""
_CLIPPED = 1e-3
"""Share of a sound from which that is told: a millisecond of each second."""


@dataclass(frozen=True)
class Heard:
    """What the samples of a sound say.

    Attributes:
        seconds: how long it is; a header may say more.
        peak: the largest absolute sample of a channel.
        mixed: the largest one of the mean of the channels, which is what is heard.
        loudness: root mean square.
        flat: share of the samples that begin such a run at the peak as no wave has.
        is_finite: whether all are numbers.
    """

    seconds: float
    peak: float
    mixed: float
    loudness: float
    flat: float
    is_finite: bool


def listen(
    path: Path, where: str, *, is_silence: bool = False
) -> tuple[Heard | None, list[Finding]]:
    """What is heard in a sound file, None where it cannot be decoded; and its faults.

    Args:
        where: how findings call the file.
        is_silence: nothing should be heard.
    """
    try:
        facts = sound_facts(path)
        heard = _heard(path, facts.rate)
    except (LikenessError, soundfile.LibsndfileError) as error:
        message = (
            error.message if isinstance(error, LikenessError) else f"It cannot be decoded: {error}."
        )
        return None, [Finding("error", "sound", where, message, "Export the sound again.")]
    return heard, list(_faults(path, where, facts, heard, is_silence))


def _faults(
    path: Path, where: str, facts: SoundFacts, heard: Heard, is_silence: bool
) -> Iterable[Finding]:
    told = told_seconds(path)
    if told is not None and told - heard.seconds > LONGEST_GAP:
        yield Finding(
            "warning",
            "sound-cut",
            where,
            f"Expected the {told:.2f} s that its header says, found {heard.seconds:.2f} s: the "
            "file is cut off.",
            "Copy or export it again.",
        )
    if facts.rate < _MIN_RATE:
        yield Finding(
            "warning",
            "sound-rate",
            where,
            f"Expected {_MIN_RATE} samples per second or more, found {facts.rate}.",
            "Use the original recording: what lies above half the rate is lost.",
        )
    if 0 < facts.bits < _MIN_BITS:
        yield Finding(
            "warning",
            "sound-bits",
            where,
            f"Expected {_MIN_BITS} bits or more, found {facts.bits}.",
            "Use the original recording.",
        )
    if not heard.is_finite:
        yield Finding(
            "error",
            "sound-not-finite",
            where,
            "The sound holds samples that are no numbers.",
            "Export the sound again.",
        )
    elif heard.mixed < _SILENT and not is_silence:
        cancel = heard.peak >= _SILENT
        yield Finding(
            "warning",
            "sound-silent",
            where,
            f"Expected speech, found silence: the loudest sample is {heard.mixed:.1e}"
            + (
                f" in the mean of its {facts.channels} channels, which cancel each other."
                if cancel
                else "."
            ),
            "Keep one of the channels." if cancel else "Leave the shot out, or name it as silence.",
        )
    elif heard.peak > _FULL:
        yield Finding(
            "warning",
            "sound-range",
            where,
            f"Expected samples of -1 to 1, found some of {heard.peak:.4g}.",
            "Divide them by full scale, 32768 where they were integers of 16 bits.",
        )
    elif heard.flat > _CLIPPED and not 0 < facts.bits < _MIN_BITS:
        yield Finding(
            "warning",
            "sound-clipped",
            where,
            f"Expected waves with tops, found {heard.flat:.1%} of the sound cut off flat at "
            f"{heard.peak:.2g}.",
            "Use the recording before it was amplified, or record with less gain.",
        )


def _heard(path: Path, rate: int) -> Heard:
    """Two passes: how loud a sound is, and where samples in a row stay at its peak."""
    frames, peak, mixed, power, count, finite = 0, 0.0, 0.0, 0.0, 0, True
    for block in _blocks(path):
        finite = finite and bool(np.isfinite(block).all())
        known = np.nan_to_num(block)
        peak = max(peak, float(np.abs(known).max(initial=0.0)))
        mixed = max(mixed, float(np.abs(known.mean(axis=1)).max(initial=0.0)))
        power += float(np.square(known, dtype=np.float64).sum())
        count += block.size
        frames += len(block)
    flat, run = 0, max(_FLAT_SAMPLES, round(_FLAT_SECONDS * rate))
    for block in _blocks(path) if finite and peak > _SILENT else ():
        for top in (block >= _TOP * peak, block <= -_TOP * peak):
            if len(top) >= run:
                flat += int(sliding_window_view(top, run, axis=0).all(axis=-1).sum())
    loudness, share = (power / max(count, 1)) ** 0.5, flat / max(count, 1)
    return Heard(frames / rate, peak, mixed, loudness, share, finite)


def _blocks(path: Path) -> Iterable[NDArray[np.float32]]:
    """(n, channels) one after the other."""
    with soundfile.SoundFile(str(path)) as file:
        # Its own blocks() go on to the length in the header with what was in the memory.
        while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
            yield block
