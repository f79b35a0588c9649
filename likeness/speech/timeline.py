"""What was said when: voices, segments, timelines and utterances as plain frozen values.

Owns the types that sound, mouths and datasets share, and the checks every timeline passes. It makes
no sound and knows no phonetics beyond the sign for silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError

SILENCE = "_"
"""The ``ipa`` of a segment without sound."""

Emotion = Literal[
    "neutral",
    "amazement",
    "anger",
    "cheekiness",
    "disgust",
    "fear",
    "grief",
    "joy",
    "outofbreath",
    "pain",
    "sadness",
]
EMOTIONS: tuple[Emotion, ...] = get_args(Emotion)[1:]
"""Every emotion but neutral."""

VOICE_LIMITS: dict[str, tuple[float, float]] = {
    "f0": (60.0, 400.0),
    "f0_range": (0.3, 2.5),
    "formant_scale": (0.75, 1.4),
    "breath": (0.0, 5.0),
    "roughness": (0.0, 4.0),
    "words_per_minute": (80.0, 300.0),
    "tone": (-6.0, 6.0),
    "flutter": (0.0, 10.0),
}
"""Lowest and highest value of the numbers of a :class:`Voice`."""

Span = tuple[float, float]
"""(start, end) in seconds."""

_TOLERANCE = 1e-9  # seconds: rounding of a sum, far below a sample


@dataclass(frozen=True)
class Voice:
    """How a person sounds.

    Attributes:
        language: tag of the language spoken, for the record.
        base: tag or name of the synthesiser's voice that the person's is built on, e.g.
            ``"en-us"``; decides what a text is read as.
        f0: median fundamental frequency, Hz, 60-400.
        f0_range: width of the intonation relative to the usual one, 0.3-2.5.
        formant_scale: first three formants relative to the base voice's, 0.75-1.4.
        breath: breathiness, 0-5.
        roughness: irregularity of the glottal pulses, 0-4.
        words_per_minute: 80-300.
        tone: level of the high frequencies, dB, -6..6.
        flutter: slow wander of the pitch, 0-10.
        whisper: without any pitch.
    """

    language: str = "en-us"
    base: str = "en-us"
    f0: float = 115.0
    f0_range: float = 1.0
    formant_scale: float = 1.0
    breath: float = 0.0
    roughness: float = 0.0
    words_per_minute: float = 160.0
    tone: float = 0.0
    flutter: float = 2.0
    whisper: bool = False

    def __post_init__(self) -> None:
        for name, (low, high) in VOICE_LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise DataError(
                    f"{name} of a voice must be within {low:g}..{high:g}; found {value:g}.",
                    advice="Voices drawn for studio people are always within these limits.",
                )


@dataclass(frozen=True)
class Segment:
    """One sound of speech, in seconds from the start of the utterance.

    Attributes:
        ipa: as the synthesiser names it, without stress marks; ``SILENCE`` for none.
        start: where it begins.
        end: where it ends; greater than ``start``.
        stress: 0 none, 1 secondary, 2 primary.
        closure: while the mouth is shut off somewhere, for stops, affricates and nasals; within the
            segment.
        contact: while the lips must touch, for p, b and m; holds the closure and may begin in the
            segment before.
    """

    ipa: str
    start: float
    end: float
    stress: int = 0
    closure: Span | None = None
    contact: Span | None = None

    def __post_init__(self) -> None:
        if not (self.start >= 0.0 and self.end > self.start):
            raise DataError(
                f"A segment must end after it starts, at 0 s or later; {self.ipa!r} runs from "
                f"{self.start:g} to {self.end:g}."
            )
        if not self.ipa or self.stress not in (0, 1, 2):
            raise DataError(
                f"A segment needs a name and a stress of 0, 1 or 2; found {self.ipa!r} and "
                f"{self.stress!r}."
            )
        low, high = self.start - _TOLERANCE, self.end + _TOLERANCE
        if self.closure and not low <= self.closure[0] < self.closure[1] <= high:
            raise DataError(
                f"The closure {self.closure} of {self.ipa!r} must lie within the segment, "
                f"{self.start:g} to {self.end:g} s."
            )
        if self.contact is not None:
            inside = self.closure or self.contact
            first, last = self.contact
            if not (0.0 <= first < last and first <= inside[0] and inside[1] <= last):
                raise DataError(f"The contact {self.contact} of {self.ipa!r} misses its closure.")

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class Word:
    """One word of the text and when it is spoken, seconds."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Timeline:
    """All segments of an utterance, without gap or overlap from 0 to its end.

    Attributes:
        segments: in order of time; the first starts at 0.
        words: in order of time; words may touch but not overlap.

    Raises:
        DataError: segments or words leave a gap, overlap, or reach over the ends.
    """

    segments: tuple[Segment, ...]
    words: tuple[Word, ...] = ()

    def __post_init__(self) -> None:
        if not self.segments:
            raise DataError("A timeline needs at least one segment; silence is one too.")
        at = 0.0
        for segment in self.segments:
            if abs(segment.start - at) > _TOLERANCE:
                kind = "a gap" if segment.start > at else "an overlap"
                raise DataError(
                    f"Segments must follow each other; there is {kind} between {at:g} and "
                    f"{segment.start:g} s before {segment.ipa!r}."
                )
            at = segment.end
        for segment in self.segments:
            if segment.contact is not None and segment.contact[1] > at + _TOLERANCE:
                raise DataError(f"The contact of {segment.ipa!r} reaches beyond the end, {at:g} s.")
        before = 0.0
        for word in self.words:
            if not before - _TOLERANCE <= word.start <= word.end <= at + _TOLERANCE:
                raise DataError(
                    f"Words must follow each other within 0 and {at:g} s; {word.text!r} runs from "
                    f"{word.start:g} to {word.end:g} after one that ends at {before:g}."
                )
            before = word.end

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.segments[-1].end

    def sounding(self) -> Iterator[Segment]:
        """The segments that are not silence."""
        return (segment for segment in self.segments if segment.ipa != SILENCE)


@dataclass(frozen=True, eq=False)
class Utterance:
    """A text as one person spoke it once.

    Attributes:
        text: what was asked for.
        audio: (samples,) float32 in -1..1, mono, no louder than 16 bit can hold.
        sample_rate: samples per second.
        timeline: what sounds when; its duration is that of ``audio`` to half a sample.
        voice: of this very utterance, drift and emotion included.
        emotion: how it was spoken.
        backend: what made the sound, with its version.
    """

    text: str
    audio: NDArray[np.float32]
    sample_rate: int
    timeline: Timeline
    voice: Voice
    emotion: Emotion = "neutral"
    backend: str = ""

    def __post_init__(self) -> None:
        if self.audio.ndim != 1 or self.audio.dtype != np.float32:
            raise DataError(
                "The sound of an utterance must be float32 of shape (samples,); found "
                f"{self.audio.dtype} of shape {self.audio.shape}."
            )
        if abs(self.timeline.duration - self.duration) > 0.5 / self.sample_rate:
            raise DataError(
                f"The timeline ends at {self.timeline.duration:g} s, the sound at "
                f"{self.duration:g} s."
            )

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self.audio) / self.sample_rate
