"""Sound between sample rates, into files and out of them.

Owns the conversion to another rate without a lag, WAV files of 16 bit, and the sound of recordings
of every kind. Sound is float32 mono in -1..1.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from likeness.errors import DataError, no_file


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


def read_sound(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """The sound of a recording (samples,), and its samples per second; channels are averaged.

    WAV, FLAC, OGG and MP3; also what FFmpeg finds in films and in files such as M4A. There, time 0
    is that of the container: sound that begins later is preceded by silence, what lies before is
    left out.

    Raises:
        MissingError: there is no such file.
        DataError: it holds no sound, or cannot be decoded.
    """
    path = Path(path)
    if not path.is_file():
        raise no_file(path, "sound file")
    try:
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        mono = samples.mean(1, dtype=np.float32)
    except (soundfile.LibsndfileError, RuntimeError):
        mono, rate = _sound_of_container(path)
    if not len(mono):
        raise DataError(f"'{path}' holds no sound.")
    return mono, int(rate)


def _sound_of_container(path: Path) -> tuple[NDArray[np.float32], int]:
    import av  # slow to import, and most sound needs none of it

    parts: list[NDArray[np.float32]] = []
    begins, rate = 0.0, 0
    try:
        with av.open(str(path)) as container:
            if not container.streams.audio:
                raise DataError(f"'{path}' holds no sound.")
            resampler = av.AudioResampler(format="flt", layout="mono")
            for frame in container.decode(container.streams.audio[0]):
                if not parts:
                    begins = frame.time or 0.0
                for piece in resampler.resample(frame):
                    parts.append(piece.to_ndarray().reshape(-1).astype(np.float32))
                    rate = piece.sample_rate
    except av.FFmpegError as error:
        raise DataError(
            f"'{path}' cannot be decoded as sound: {str(error).rstrip('.')}.",
            advice="Give it as WAV, FLAC, OGG or MP3, or a film with sound.",
        ) from error
    if not parts:
        return np.zeros(0, np.float32), 1
    mono = np.concatenate(parts)
    shift = round(begins * rate)
    return np.pad(mono, (shift, 0)) if shift > 0 else mono[-shift:], rate
