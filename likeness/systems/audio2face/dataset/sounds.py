"""Sound files of a dataset: which belongs to which shot, and what their headers say.

A file belongs to a shot by its whole stem. Decoding for training is :mod:`..audio`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import soundfile

from likeness.errors import DataError, no_file

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
"""In the order in which the sound of a shot is looked for."""
AUGMENTED = "aug"
"""Folder of re-voiced recordings, one folder per voice in it."""
SPEAKER_PREFIX = "aug_"
Recordings = Mapping[str, Mapping[str, str]]
"""Shot to speaker to path; see :func:`recordings_of`."""


@dataclass(frozen=True)
class SoundFacts:
    """What the header of a sound file says.

    Attributes:
        rate: samples per second.
        channels: how many.
        bits: of a sample; 0 where the format has no such number.
    """

    rate: int
    channels: int
    bits: int


def sound_facts(path: Path) -> SoundFacts:
    """The facts of a sound file.

    Raises:
        MissingError: it is not there, or a folder.
        DataError: it is none, or holds no sample.
    """
    if not path.is_file():
        raise no_file(path, "sound file")
    try:
        info = soundfile.info(str(path))
    except (soundfile.LibsndfileError, RuntimeError, OSError) as error:
        raise DataError(
            f"'{path}' cannot be decoded as sound: {str(error).rstrip('.')}."
        ) from error
    if info.frames < 1 or info.samplerate < 1:
        raise DataError(f"'{path}' holds no sound.")
    bits = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32, "FLOAT": 32}
    return SoundFacts(info.samplerate, info.channels, bits.get(info.subtype, 0))


def recordings_of(folder: Path) -> dict[str, dict[str, str]]:
    """Shot to speaker to path below ``folder``; the speaker of the actor's own voice is "".

    Dot files and everything that is no sound are passed over; nothing where there is no folder.
    """
    found: dict[str, dict[str, str]] = {}
    voices = folder / AUGMENTED
    folders = [("", folder)]
    if voices.is_dir():
        folders += [(f"{SPEAKER_PREFIX}{p.name}", p) for p in sorted(voices.iterdir())]
    for speaker, place in folders:
        if not place.is_dir() or place.name.startswith("."):
            continue
        for suffix in reversed(SUFFIXES):  # the first of them wins
            for path in sorted(place.iterdir()):
                if path.suffix.lower() == suffix and not path.name.startswith("."):
                    relative = path.relative_to(folder).as_posix()
                    found.setdefault(path.stem, {})[speaker] = relative
    return found
