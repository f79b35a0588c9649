"""Sound between sample rates and into files.

Owns the conversion to another rate without a lag, and WAV files of 16 bit. Sound is float32 mono in
-1..1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from likeness.errors import DataError


def resample(audio: NDArray[np.floating], rate: int, new_rate: int) -> NDArray[np.float64]:
    """Sound at another rate, with its events at the same times.

    Args:
        audio: (samples,).
        rate: samples per second of ``audio``.
        new_rate: samples per second wanted.

    Returns:
        (round(samples * new_rate / rate),).
    """
    wanted = round(len(audio) * new_rate / rate)
    if rate == new_rate:
        return np.array(audio, dtype=np.float64)
    converted = soxr.resample(np.asarray(audio, np.float64), rate, new_rate, quality="HQ")
    return np.pad(converted, (0, max(wanted - len(converted), 0)))[:wanted]


def to_16_bit(audio: NDArray[np.floating]) -> NDArray[np.int16]:
    """The nearest 16-bit samples; what is beyond -1..1 is cut off there."""
    return np.clip(np.round(np.asarray(audio, np.float64) * 32768.0), -32768, 32767).astype(
        np.int16
    )


def write_wav(path: str | Path, audio: NDArray[np.floating], rate: int) -> None:
    """Write sound as 16-bit PCM WAV.

    Args:
        path: of the file.
        audio: (samples,) in -1..1.
        rate: samples per second.

    Raises:
        DataError: the sound is not mono, holds values that are no numbers, or cannot be written.
    """
    if audio.ndim != 1 or not np.isfinite(audio).all():
        raise DataError(
            f"Sound for {path} must be finite numbers of shape (samples,); found shape "
            f"{audio.shape} with {int((~np.isfinite(audio)).sum())} values that are no numbers."
        )
    try:
        soundfile.write(str(path), to_16_bit(audio), rate, subtype="PCM_16", format="WAV")
    except (OSError, soundfile.LibsndfileError) as error:
        raise DataError(f"The sound cannot be written to {path}: {error}.") from error
