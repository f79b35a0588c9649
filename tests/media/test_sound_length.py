"""Lengths in the headers of sound files, against headers written by hand."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from likeness.media.sound_length import told_seconds


def chunk(name: bytes, body: bytes, size: int | None = None) -> bytes:
    return struct.pack("<4sI", name, len(body) if size is None else size) + body


FORM = struct.pack("<HHIIHH", 1, 2, 8000, 32000, 4, 16)
"""PCM, stereo, 8000 samples a second of 4 bytes."""


@pytest.mark.parametrize(
    ("kind", "chunks", "seconds"),
    [
        (b"RIFF", chunk(b"fmt ", FORM) + chunk(b"data", b"", 64000), 2.0),
        (b"RIFF", chunk(b"LIST", b"odd\0\0", 5) + b"\0" + chunk(b"fmt ", FORM)
         + chunk(b"data", bytes(4), 16000), 0.5),
        (b"RF64", chunk(b"ds64", struct.pack("<QQQI", 0, 6_400_000_000, 0, 0))
         + chunk(b"fmt ", FORM) + chunk(b"data", b"", 0xFFFFFFFF), 200_000.0),
        (b"RIFF", chunk(b"fmt ", FORM) + chunk(b"data", bytes(9), 0xFFFFFFFF), None),
        (b"RIFF", chunk(b"fmt ", FORM) + chunk(b"data", bytes(9), 0x7FFFFFFF), None),
        (b"RIFF", chunk(b"fmt ", FORM) + chunk(b"data", bytes(9), 0), None),
        (b"RIFF", chunk(b"fmt ", FORM), None),
        (b"RIFF", chunk(b"data", b"", 64000) + chunk(b"fmt ", FORM), None),
    ],
    ids=["whole", "odd", "large", "pipe", "pipe of sox", "unset", "no data", "no rate yet"],
)  # fmt: skip
def test_chunks_of_a_wave_file(
    tmp_path: Path, kind: bytes, chunks: bytes, seconds: float | None
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(kind + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks)
    assert told_seconds(path) == seconds


@pytest.mark.parametrize(
    ("suffix", "subtype"),
    [("wav", "PCM_16"), ("wav", "PCM_24"), ("wav", "FLOAT"), ("wav", "IMA_ADPCM"),
     ("flac", "PCM_16"), ("mp3", "MPEG_LAYER_III")],
)  # fmt: skip
def test_a_file_cut_in_the_middle_still_tells_its_whole_length(
    tmp_path: Path, suffix: str, subtype: str
) -> None:
    path = tmp_path / f"a.{suffix}"
    noise = 0.1 * np.random.default_rng(0).normal(size=32000)
    soundfile.write(path, noise, 16000, subtype=subtype)
    assert told_seconds(path) == pytest.approx(2.0, rel=0.03)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert told_seconds(path) == pytest.approx(2.0, rel=0.03)


def test_what_is_no_sound_tells_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    assert told_seconds(path) is None
    for content in (b"", b"RIFF", b"RIFF\0\0\0\0WAVEfmt ", b"no sound at all"):
        path.write_bytes(content)
        assert told_seconds(path) is None
