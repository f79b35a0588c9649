"""How long a sound file says it is, which is longer than what it holds where its end is missing.

Decoders play what is there of a copy that stopped early and say nothing of the rest. Owns the
headers; decoding is :mod:`.audio`.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

import soundfile

_UNKNOWN = 0x7FFF0000
"""Bytes from which a size is none: who writes into a pipe puts the largest number there."""
_RIFF_HEAD, _CHUNK_HEAD = 12, 8


def told_seconds(path: str | Path) -> float | None:
    """The length in a file's header, seconds; None where it has none or cannot be read.

    WAV (RIFF, and RF64 of EBU Tech 3306), FLAC, and MP3 with a Xing header tell it. What this
    library otherwise says of a format is taken: for some it is what the file holds.
    """
    try:
        with open(path, "rb") as file:
            kind = file.read(_RIFF_HEAD)
            if kind[:4] in (b"RIFF", b"RF64", b"BW64") and kind[8:] == b"WAVE":
                return _seconds_of_wave(file)
        info = soundfile.info(str(path))
    except (OSError, soundfile.LibsndfileError, RuntimeError):
        return None
    return info.frames / info.samplerate if info.samplerate > 0 else None


def _seconds_of_wave(file: BinaryIO) -> float | None:
    """Of the chunks after the head: ``fmt `` has bytes per second, ``data`` how many bytes."""
    per_second, large = 0, None
    while len(head := file.read(_CHUNK_HEAD)) == _CHUNK_HEAD:
        name, size = struct.unpack("<4sI", head)
        if name == b"data":
            size = large if large is not None and size == 0xFFFFFFFF else size
            known = per_second > 0 and size > 0 and (size < _UNKNOWN or size == large)
            return size / per_second if known else None
        body = file.read(min(size, 28))
        if name == b"fmt " and len(body) >= 12:
            per_second = struct.unpack_from("<I", body, 8)[0]
        elif name == b"ds64" and len(body) >= 16:
            large = struct.unpack_from("<Q", body, 8)[0]
        file.seek(size + size % 2 - len(body), 1)  # chunks begin at even bytes
    return None
