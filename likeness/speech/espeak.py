"""eSpeak NG in a process of its own: text in, sound and its events out.

Owns the exchange with that process and every way it can fail. What the events mean is
:mod:`likeness.speech.events`.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from likeness.errors import LikenessError, MissingError
from likeness.speech import espeak_child
from likeness.speech.espeak_library import EspeakLibrary

_LONGEST_PATH = 150  # bytes; the library gives up a little above
_SECONDS = 30.0
_SECONDS_PER_CHARACTER = 0.005  # ten times what a slow machine takes


@dataclass(frozen=True)
class PhonemeEvent:
    """The library says that a sound begins.

    Attributes:
        sample: where, exactly.
        name: in IPA with stress marks; empty for none.
        word: index into :attr:`Speech.words` of the word it belongs to, -1 before the first.
    """

    sample: int
    name: str
    word: int


@dataclass(frozen=True, eq=False)
class Speech:
    """What the library made of a text.

    Attributes:
        audio: (samples,) int16.
        sample_rate: samples per second.
        events: in order of time.
        words: first and last + 1 character of the text, for each word.
        version: of the library.
    """

    audio: NDArray[np.int16]
    sample_rate: int
    events: tuple[PhonemeEvent, ...]
    words: tuple[tuple[int, int], ...]
    version: str


def synthesise(
    text: str, voice_file: str, *, words_per_minute: float, library: EspeakLibrary, seed: int = 0
) -> Speech:
    """Speak a text once, in a fresh process: the same bytes each time.

    Args:
        text: plain text; marks of any markup are read out like other signs.
        voice_file: from :func:`likeness.speech.espeak_library.voice_file`.
        words_per_minute: 80-450.
        library: which one to load.
        seed: 0 .. 2**31 - 1, of the noise in a breathy voice.

    Raises:
        MissingError: the library cannot be loaded.
        LikenessError: its process crashed, hung or answered nonsense.
    """
    with tempfile.TemporaryDirectory(prefix="speech-") as folder:
        # The library takes paths of at most 59 bytes, hence the relative one.
        Path(folder, "voice").write_text(voice_file, encoding="utf-8")
        data = _absolute(library.data)
        if len(data.encode()) > _LONGEST_PATH:
            Path(folder, "espeak-ng-data").symlink_to(data, target_is_directory=True)
            data = str(Path(folder, "espeak-ng-data"))
        request = {
            "library": _absolute(library.library),
            "data": data,
            "voice": "voice",
            "rate": round(words_per_minute),
            "seed": seed,
            "text": text,
        }
        limit = _SECONDS + _SECONDS_PER_CHARACTER * len(text)
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-S", espeak_child.__file__],
                input=json.dumps(request).encode(),
                capture_output=True,
                cwd=folder,
                timeout=limit,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _failure(text, f"did not end within {limit:.0f} s") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        ended = f"ended with status {done.returncode}" + (f": {said[-1]}" if said else "")
        raise _failure(text, ended)
    return _parse(text, done.stdout)


def _parse(text: str, answer: bytes) -> Speech:
    head, _, sound = answer.partition(b"\n")
    try:
        facts = json.loads(head)
    except ValueError as error:
        raise _failure(text, "answered what cannot be read") from error
    if "error" in facts:
        raise MissingError(
            f"eSpeak NG cannot be used: {facts['error']}.",
            advice="Reinstall it with: pip install --force-reinstall 'likeness[speech]'",
        )
    if len(sound) != 2 * facts["samples"]:
        raise _failure(text, f"sent {len(sound) // 2} of {facts['samples']} samples")
    events: list[PhonemeEvent] = []
    words: list[tuple[int, int]] = []
    for sample, kind, position, length, name in facts["events"]:
        if kind == espeak_child.WORD:
            words.append((position - 1, position - 1 + length))
        else:
            events.append(PhonemeEvent(sample, name, len(words) - 1))
    audio = np.frombuffer(sound, "<i2").astype(np.int16)
    return Speech(audio, facts["sample_rate"], tuple(events), tuple(words), facts["version"])


def _absolute(path: str) -> str:
    """Paths stay valid in the other process's folder; bare library names stay bare."""
    return str(Path(path).absolute()) if "/" in path or "\\" in path else path


def _failure(text: str, what: str) -> LikenessError:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return LikenessError(
        f"The process that speaks {shown!r} {what}.",
        advice="Try the text alone; if it fails again, leave it out or change its wording.",
    )
