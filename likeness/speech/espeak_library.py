"""Where eSpeak NG is, which voices it has, and the voice file of a person.

Owns the search for the library and the composition of voice files; speaks nothing. The library is
free software under the GPL, version 3 or later: it is found where its own package or the system has
put it and loaded by a process of its own; no part of it comes with this product.
"""

from __future__ import annotations

import ctypes.util
import functools
import glob
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from likeness.errors import MissingError, UsageError
from likeness.extras import is_installed, require
from likeness.speech.timeline import Voice

LIBRARY_VARIABLE = "ESPEAK_LIBRARY"
DATA_VARIABLE = "ESPEAK_DATA_PATH"

_DATA_FOLDERS = (
    "/usr/share/espeak-ng-data",
    "/usr/lib/*/espeak-ng-data",
    "/usr/local/share/espeak-ng-data",
    "/opt/homebrew/share/espeak-ng-data",
)
# Half an octave around the asked pitch, lower than higher: intonation falls more than it rises.
_PITCH_BELOW, _PITCH_ABOVE = 0.29, 0.13
_TONE = ((600, 170), (1200, 135), (2000, 110), (3000, 110))  # the library's own curve
_TONE_SHARE = (0.0, 0.5, 1.0, 1.0)  # of the shelf at these frequencies
_BREATH = (0, 2, 3, 3, 3, 3, 3, 2)  # of the formants, for a breath of 1
_TAG = re.compile(r"[a-z]{2,3}(-[a-z0-9-]+)?")
_NAMING = (["language"], ["name"], ["gender"])  # lines of a variant that shape no sound
_WHISPER = """voicing 17
breath 75 75 50 40 15 10
breathw 150 150 200 200 400 400
formant 0 100 0 100"""


@dataclass(frozen=True)
class EspeakLibrary:
    """The library and its data on this machine.

    Attributes:
        library: path of the shared library.
        data: folder of voices and dictionaries.
    """

    library: str
    data: str


def is_espeak_present() -> bool:
    """Whether :func:`find_espeak` finds the library.

    Raises:
        MissingError: the environment names one that is not there: that is a slip, no absence.
    """
    try:
        find_espeak()
    except MissingError:
        if _named():
            raise
        return False
    return True


def find_espeak() -> EspeakLibrary:
    """The library and data that ``ESPEAK_LIBRARY`` and ``ESPEAK_DATA_PATH`` name, each else that
    of the package ``espeakng_loader``, else the system's.

    Raises:
        MissingError: there is none, the message names the extra; or what is named is not there.
    """
    named, data = os.environ.get(LIBRARY_VARIABLE), os.environ.get(DATA_VARIABLE)
    if is_installed("espeakng_loader"):
        loader = require("espeakng_loader", extra="speech", purpose="speak with eSpeak NG")
        library, known = loader.get_library_path(), loader.get_data_path()
    else:
        library, known = ctypes.util.find_library("espeak-ng") or "", _system_data()
    if named:
        known = _system_data() or known  # of its own version, rather than of the package's
    if named or (library and (data or known)):
        return _checked(EspeakLibrary(named or library, data or known))
    raise MissingError(
        "The speech library eSpeak NG is needed to speak text, but neither the package "
        "'espeakng_loader' nor a library of the system can be found.",
        advice=f"Install it with: pip install 'likeness[speech]', or set {LIBRARY_VARIABLE} and "
        f"{DATA_VARIABLE}.",
    )


def _named() -> bool:
    return any(os.environ.get(name) for name in (LIBRARY_VARIABLE, DATA_VARIABLE))


def _checked(found: EspeakLibrary) -> EspeakLibrary:
    for kind, path in (("library", found.library), ("data", found.data)):
        # A bare name is the linker's to find.
        is_bare = kind == "library" and path and not {"/", os.sep} & set(path)
        if not (is_bare or (path and Path(path).exists())):
            raise MissingError(
                f"The {kind} of eSpeak NG should be at {path!r}, but is not there.",
                advice=f"Reinstall 'likeness[speech]', or correct {LIBRARY_VARIABLE} and "
                f"{DATA_VARIABLE}.",
            )
    return found


def _system_data() -> str:
    for pattern in _DATA_FOLDERS:
        if found := sorted(glob.glob(pattern)):
            return found[0]
    return ""


@functools.cache
def language_files(data: str) -> Mapping[str, Path]:
    """Files of the library's own voices by lower-case language tag and by voice name.

    Where several voices speak a language, the one that claims it most strongly has its tag.
    """
    claims: dict[str, tuple[int, str]] = {}
    for path in sorted(p for p in (Path(data) / "lang").rglob("*") if p.is_file()):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            word, _, rest = line.strip().partition(" ")
            fields = rest.split()
            if word == "name" and fields:
                key, rank = " ".join(fields), 0
            elif word == "language" and fields:
                key, rank = fields[0], int(fields[1]) if fields[1:] and fields[1].isdigit() else 5
            else:
                continue
            claims[key.lower()] = min(claims.get(key.lower(), (99, "")), (rank, str(path)))
    return {key: Path(path) for key, (_, path) in claims.items()}


def check_language(tag: str, library: EspeakLibrary) -> None:
    """Raises UsageError unless a tag, e.g. ``"de"`` or ``"pt-br"``, is a language it speaks."""
    files = language_files(library.data)
    tags = sorted(key for key in files if _TAG.fullmatch(key))
    if tag in tags:
        return
    # Somebody may have written "German": then the tag of that voice is meant.
    named = [key for key in tags if files[key] == files.get(tag.lower())]
    near = named or get_close_matches(tag.lower(), tags, n=1)
    if not named and _TAG.fullmatch(tag.lower()):  # such as "deu" and "de-de"
        near = [key for key in tags if tag.lower().startswith(key)][-1:] or near
    raise UsageError(
        f"eSpeak NG speaks no language with the tag {tag!r}.",
        advice=f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(tags)}.",
    )


def voice_file(voice: Voice, library: EspeakLibrary) -> str:
    """The text of the voice file of a person.

    Args:
        voice: ``base`` is a language tag or the name of one of the library's voices, optionally
            followed by ``+`` and the name of one of its variants.
        library: whose voices are meant.

    Raises:
        UsageError: no voice or variant is called that, or the variant has an echo, in which the
            silence of closures cannot be seen.
    """
    name, plus, variant = voice.base.partition("+")
    files = language_files(library.data)
    if name.lower() not in files:
        raise UsageError(
            f"eSpeak NG has no voice {name!r}.",
            advice=_close(name, list(files)) + "Voices have tags such as 'en-us' or names such as "
            "'English (Great Britain)'.",
        )
    lines = [files[name.lower()].read_text(encoding="utf-8", errors="replace")]
    if plus:
        lines.append(_variant(variant, library))
    below, above = _PITCH_BELOW * voice.f0_range, _PITCH_ABOVE * voice.f0_range
    lines.append(f"pitch {voice.f0 * (1 - below):.0f} {voice.f0 * (1 + above):.0f}")
    scale = round(100 * voice.formant_scale)
    lines += [f"formant {number} {scale} 100 100" for number in range(9)]
    lines.append(f"flutter {voice.flutter:.0f}")
    lines.append(f"roughness {voice.roughness:.0f}")
    gain = 10 ** (voice.tone / 20)
    levels = ((f, a * gain**share) for (f, a), share in zip(_TONE, _TONE_SHARE))
    lines.append("tone " + " ".join(f"{f} {min(round(level), 255)}" for f, level in levels))
    if voice.breath > 0:
        lines.append("breath " + " ".join(str(round(b * voice.breath)) for b in _BREATH))
    if voice.whisper:
        lines.append(_WHISPER)
    return "\n".join(lines) + "\n"


def language_of(voice: Voice, library: EspeakLibrary) -> str:
    """Tag of the language that the voice of a valid :func:`voice_file` reads, such as "en-us"."""
    name = voice.base.partition("+")[0].lower()
    return language_files(library.data)[name].name.lower()


def _variant(name: str, library: EspeakLibrary) -> str:
    """The lines of a variant that shape the sound."""
    folder = Path(library.data) / "voices" / "!v"
    known = {path.name: path for path in folder.iterdir() if path.is_file()}
    if name not in known:
        raise UsageError(
            f"eSpeak NG has no variant {name!r} of its voices.",
            advice=_close(name, list(known)) + "Variants stand after a plus: 'en-us+m1'.",
        )
    text = known[name].read_text(encoding="utf-8", errors="replace")
    if any(line.split()[:1] == ["echo"] for line in text.splitlines()):
        raise UsageError(
            f"The variant {name!r} of eSpeak NG has an echo, which fills the silence that closed "
            "lips leave.",
            advice="Choose one without, such as 'm1', and add a room when it is recorded.",
        )
    kept = (line for line in text.splitlines() if line.split()[:1] not in _NAMING)
    return "\n".join(kept)


def _close(name: str, known: list[str]) -> str:
    found = get_close_matches(name.lower(), known, n=1)
    return f"Did you mean {found[0]!r}? " if found else ""
