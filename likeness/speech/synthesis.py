"""Text to an utterance: sound with exact times, by whichever backend there is.

Owns the choice of backend and what happens to the sound after it: the emotion's level, silence
around the speech, 16 bit.
"""

from __future__ import annotations

import functools
import logging
import unicodedata
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError, UsageError, first_few
from likeness.seeds import Draws, seed_of
from likeness.speech import formant
from likeness.speech.espeak import synthesise
from likeness.speech.espeak_library import (
    find_espeak,
    is_espeak_present,
    language_of,
    voice_file,
)
from likeness.speech.events import timeline_of
from likeness.speech.prosody import Prosody, moved, prosody_of
from likeness.speech.scripts import unread_words
from likeness.speech.spoken_text import spoken_text, words_of
from likeness.speech.timeline import Emotion, Timeline, Utterance, Voice

Backend = Literal["auto", "espeak", "formant"]

LEAD = (0.4, 0.15)
TAIL = (0.5, 0.2)
"""Mean and half width in seconds of the silence before and after the speech."""

MAX_SILENCE = 60.0
"""Seconds, before or after speech."""

MAX_CHARACTERS = 20_000
"""Of one text: about half an hour of speech."""

_PEAK = 0.98
_log = logging.getLogger(__name__)


def speak(
    text: str,
    voice: Voice,
    emotion: Emotion = "neutral",
    seed: int = 0,
    *,
    backend: Backend = "auto",
    silence: tuple[float, float] | None = None,
) -> Utterance:
    """Speak a text: the same samples for the same arguments and version of the backend.

    Args:
        text: one sentence, plain. Control characters count as spaces; marks of any markup are read
            out like other signs.
        voice: who speaks, before the emotion.
        emotion: how.
        seed: of the silence around the speech, the breaths within and the noise of a breathy voice;
            with ``formant`` also of what is said.
        backend: ``espeak`` speaks the text; ``formant`` says random syllables, one for each of the
            text's, and needs nothing installed; ``auto`` takes espeak where it is installed.
        silence: seconds before and after the speech instead of drawn ones.

    Raises:
        DataError: nothing in the text can be spoken, or it is too long.
        UsageError: no such voice, emotion or backend, or silence out of range.
        MissingError: espeak is asked for, by name or in the environment, and not there.
        LikenessError: the synthesiser failed.
    """
    prosody = prosody_of(emotion)
    spoken_by = moved(voice, prosody)
    draws = Draws("speech", seed, "silence")
    drawn = tuple(mean + draws.uniform(-width, width) for mean, width in (LEAD, TAIL))
    before, after = silence or (drawn[0], drawn[1])
    if not all(0.0 <= seconds <= MAX_SILENCE for seconds in (before, after)):
        raise UsageError(
            f"Silence before and after speech is 0 to {MAX_SILENCE:g} seconds, found "
            f"({before:g}, {after:g})."
        )
    if len(text) > MAX_CHARACTERS:
        raise DataError(
            f"A text to speak may have {MAX_CHARACTERS} characters; this one has {len(text)}.",
            advice="Give one sentence a line.",
        )
    plain = cleaned(text)
    if not any(unicodedata.category(letter)[0] in "LNS" for letter in plain):
        raise _nothing(text)
    backend = backend_of(backend)
    if backend == "espeak":
        audio, rate, timeline, version = _espeak(plain, spoken_by, prosody, seed, (before, after))
    elif backend == "formant":
        audio, timeline = formant.utter(plain, spoken_by, seed, silence=(before, after))
        rate, version = formant.SAMPLE_RATE, f"formant {formant.VERSION}"
    else:
        raise UsageError(
            f"There is no speech backend {backend!r}.", advice="Choose auto, espeak or formant."
        )
    if not any(timeline.sounding()):
        raise _nothing(text)
    return Utterance(
        text=text,
        audio=at_level(audio, prosody.level),
        sample_rate=rate,
        timeline=timeline,
        voice=spoken_by,
        emotion=emotion,
        backend=version,
    )


def backend_of(choice: Backend) -> Backend:
    """The backend that a choice means here; tells once where ``auto`` cannot speak the text.

    Raises:
        MissingError: ``ESPEAK_LIBRARY`` or ``ESPEAK_DATA_PATH`` names what is not there.
    """
    if choice != "auto":
        return choice
    if is_espeak_present():
        return "espeak"
    _tell_of_syllables()
    return "formant"


@functools.cache
def _tell_of_syllables() -> None:
    _log.warning(
        "eSpeak NG is not installed: random syllables are spoken in the rhythm of the text, not "
        "its words. Install it with: pip install 'likeness[speech]'"
    )


def _tell_of_unread(text: str, voice: Voice, language: str) -> None:
    words = unread_words(text, language)
    if not words:
        return
    _log.warning(
        "The voice %r cannot read %s: it names such letters and pictures one by one. Write them "
        "in letters of its language, or choose a voice of theirs.",
        voice.base,
        first_few([repr(word[:20]) for word in words], 3),
    )


def cleaned(text: str) -> str:
    """The text with a space for each character no synthesiser should see, equally long."""
    return "".join(" " if unicodedata.category(c) in ("Cc", "Cs", "Cn", "Co") else c for c in text)


def at_level(audio: NDArray[np.floating], level: float) -> NDArray[np.float32]:
    """Sound raised by some dB, as far as it does not clip, in steps of 16 bit."""
    peak = float(np.abs(audio).max(initial=0.0))
    gain = min(10 ** (level / 20), _PEAK / max(peak, 1e-9))
    return (np.round(audio * gain * 32768.0) / 32768.0).astype(np.float32)


def _espeak(
    text: str, voice: Voice, prosody: Prosody, seed: int, silence: tuple[float, float]
) -> tuple[NDArray[np.float64], int, Timeline, str]:
    library = find_espeak()
    _tell_of_unread(text, voice, language_of(voice, library))
    breathing = Draws("speech", seed, "breaths")
    spoken = spoken_text(text, prosody.words_between_breaths, breathing)
    speech = synthesise(
        spoken.text,
        voice_file(voice, library),
        words_per_minute=voice.words_per_minute,
        library=library,
        seed=seed_of("speech", seed, "noise") >> 32,
    )
    rate = speech.sample_rate
    lead, tail = (np.zeros(round(seconds * rate), np.int16) for seconds in silence)
    audio = np.concatenate([lead, speech.audio, tail])
    events = [replace(event, sample=event.sample + len(lead)) for event in speech.events]
    words, number = words_of(text, spoken.origin, speech.words)
    events = [replace(e, word=number[e.word] if e.word >= 0 else -1) for e in events]
    timeline = timeline_of(audio, rate, events, words)
    return audio / 32768.0, rate, timeline, f"espeak {speech.version}"


def _nothing(text: str) -> DataError:
    shown = text if len(text) <= 40 else text[:37] + "..."
    return DataError(
        f"The text {shown!r} holds nothing that can be spoken.",
        advice="Give a sentence with at least one word.",
    )
