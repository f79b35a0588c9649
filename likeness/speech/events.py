"""From the library's events to a timeline: who is silent, closed or touching when.

Owns the rules that turn "this sound begins here" into intervals that agree with the sound itself.
The events name where a listener hears a sound begin; a mouth has to close before that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from likeness.speech.espeak import PhonemeEvent
from likeness.speech.phonemes import VOWELS, is_language_mark, manner_of, units_of
from likeness.speech.timeline import SILENCE, Segment, Span, Timeline, Word

CONTACT = 0.055
"""Seconds that lips touch at least: a frame falls into each contact at 20 frames a second."""

_LONGEST_CLOSURE = 0.12  # s; what is silent before that is a pause
_PAUSE = 0.06  # s of exact zeros
_CLOSED_SHARE = 0.6  # of a voiced stop or nasal, at least
_RELEASE = {"voiced stop": 0.028, "nasal": 0.018}  # s before the next event
_GLIDE = 0.012
_LATE = 0.06
_GLIDING = frozenset(["l", "ɹ", "w", "j", "v", "ð", "z", "ʒ", "ɾ"])
_STRESSES = {"ˈ": 2, "ˌ": 1}
_LIP_STARTS = frozenset((unit,) for unit in ("p", "b", "m"))
_VOWEL_STARTS = frozenset((vowel,) for vowel in VOWELS)


@dataclass(frozen=True)
class _Piece:
    """A segment in the making, in samples."""

    ipa: str
    start: int
    end: int
    stress: int = 0
    word: int = -1
    closure: tuple[int, int] | None = None


def timeline_of(
    audio: NDArray[np.int16],
    sample_rate: int,
    events: Sequence[PhonemeEvent],
    words: Sequence[str] = (),
) -> Timeline:
    """The timeline of a sound whose phonemes were announced by eSpeak NG.

    Args:
        audio: (samples,) int16, exactly as the library made it, with or without added silence.
        sample_rate: samples per second.
        events: in order of time; samples count from the start of ``audio``.
        words: texts, by the index the events name. A word of which nothing is heard is left out.

    Returns:
        A timeline of ``len(audio) / sample_rate`` seconds.
    """
    zero = audio == 0
    pieces = _spoken(events, zero, len(audio))
    pieces = _with_late_sounds(pieces, zero, sample_rate)
    pieces = _with_closures(pieces, zero, sample_rate)
    pieces = _with_pauses(pieces, zero, sample_rate)
    pieces = _with_early_vowels(pieces, sample_rate)
    segments = tuple(_segment(piece, sample_rate) for piece in pieces)
    return Timeline(segments, _words(pieces, segments, words))


def _spoken(events: Sequence[PhonemeEvent], zero: NDArray[np.bool_], end: int) -> list[_Piece]:
    """One piece for each interval between events; what carries no name goes on or is silent."""
    pieces = [_Piece(SILENCE, 0, end)]
    for event in events:
        start = min(max(event.sample, pieces[-1].start), end)
        marks = event.name[:1] if event.name[:1] in _STRESSES else ""
        name = event.name.strip("ˈˌ")
        silent = not name or is_language_mark(name)
        if not silent and not units_of(name):
            continue
        last = pieces.pop()
        if start > last.start:
            pieces.append(replace(last, end=start))
        elif silent and last.ipa != SILENCE:
            pieces.append(last)
            continue
        ipa = SILENCE if silent else name
        pieces.append(
            _Piece(ipa, start, end, _STRESSES.get(marks, 0), -1 if silent else event.word)
        )
    heard: list[_Piece] = []
    for piece in pieces:
        if heard and piece.ipa == SILENCE and not zero[piece.start : piece.end].all():
            heard[-1] = replace(heard[-1], end=piece.end)
        elif piece.end > piece.start:
            heard.append(piece)
    return _joined(heard)


def _with_late_sounds(pieces: list[_Piece], zero: NDArray[np.bool_], rate: int) -> list[_Piece]:
    """Sounds announced when they are over get their share of the sound before.

    So the library does with liquids at the end of a word: they are the last part of its vowel.
    """
    done: list[_Piece] = []
    for piece in pieces:
        named = piece.ipa != SILENCE and manner_of(piece.ipa) != "unvoiced stop"
        follows = bool(done) and done[-1].ipa != SILENCE
        if named and follows and zero[piece.start : piece.end].all():
            before = done.pop()
            share = min(_LATE * rate, (1 - _CLOSED_SHARE) * (before.end - before.start))
            start = before.end - round(share)
            done.append(replace(before, end=start))
            piece = replace(piece, start=start)
        done.append(piece)
    return [piece for piece in done if piece.end > piece.start]


def _with_closures(pieces: list[_Piece], zero: NDArray[np.bool_], rate: int) -> list[_Piece]:
    """Unvoiced stops begin with the silence before their burst."""
    done: list[_Piece] = []
    for piece in pieces:
        if manner_of(piece.ipa) != "unvoiced stop" or not done:
            done.append(piece)
            continue
        burst = piece.start
        silent_from = burst
        # Never the whole of a sound before: that one is heard, however short.
        floor = done[-1].start + (done[-1].ipa != SILENCE)
        while silent_from > floor and zero[silent_from - 1]:
            silent_from -= 1
        if silent_from == burst:
            done.append(piece)
            continue
        start = max(silent_from, burst - round(_LONGEST_CLOSURE * rate))
        before = done.pop()
        if silent_from > before.start:
            done.append(replace(before, end=silent_from))
        if start > silent_from:
            done.append(_Piece(SILENCE, silent_from, start))
        done.append(replace(piece, start=start, closure=(start, burst)))
    return done


def _with_pauses(pieces: list[_Piece], zero: NDArray[np.bool_], rate: int) -> list[_Piece]:
    """Long silence inside a segment, behind its closure if it has one, becomes its own."""
    done: list[_Piece] = []
    for piece in pieces:
        if piece.ipa == SILENCE:
            done.append(piece)
            continue
        at = piece.closure[1] if piece.closure else piece.start
        rest = piece
        for first, last in _runs(zero[at : piece.end]):
            if last - first > _PAUSE * rate:
                if at + first > rest.start:
                    done.append(replace(rest, end=at + first))
                done.append(_Piece(SILENCE, at + first, at + last))
                rest = replace(rest, start=at + last, closure=None)
        if rest.end > rest.start:
            done.append(rest)
    return _joined(done)


def _joined(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Silences that touch become one."""
    done: list[_Piece] = []
    for piece in pieces:
        if done and piece.ipa == done[-1].ipa == SILENCE:
            done[-1] = replace(done[-1], end=piece.end)
        else:
            done.append(piece)
    return done


def _runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First and last + 1 of each stretch of true flags."""
    edges = np.flatnonzero(np.diff(np.r_[0, flags.astype(np.int8), 0]))
    return [(int(first), int(last)) for first, last in edges.reshape(-1, 2)]


def _with_early_vowels(pieces: list[_Piece], rate: int) -> list[_Piece]:
    """Voiced stops and nasals get their closure; vowels start where their transition does."""
    done = list(pieces)
    for index, piece in enumerate(pieces):
        manner = manner_of(piece.ipa)
        length = piece.end - piece.start
        if manner in _RELEASE:
            release = max(_CLOSED_SHARE * length, length - _RELEASE[manner] * rate)
            done[index] = replace(piece, closure=(piece.start, piece.start + round(release)))
        following = pieces[index + 1] if index + 1 < len(pieces) else None
        units = units_of(piece.ipa)
        if following is None or not units or units_of(following.ipa)[:1] not in _VOWEL_STARTS:
            continue
        lead = _RELEASE.get(manner or "", _GLIDE if units[-1] in _GLIDING else 0.0)
        start = piece.end - round(min(lead * rate, (1 - _CLOSED_SHARE) * length))
        done[index] = replace(done[index], end=start)
        done[index + 1] = replace(following, start=start)
    return [replace(p, closure=_clipped(p)) if p.closure else p for p in done]


def _clipped(piece: _Piece) -> tuple[int, int]:
    assert piece.closure is not None
    return piece.closure[0], min(piece.closure[1], piece.end)


def _segment(piece: _Piece, rate: int) -> Segment:
    start, end = piece.start / rate, piece.end / rate
    closure = (piece.closure[0] / rate, piece.closure[1] / rate) if piece.closure else None
    contact = contact_of(piece.ipa, closure or (start, start))
    return Segment(piece.ipa, start, end, piece.stress, closure, contact)


def contact_of(ipa: str, closure: Span) -> Span | None:
    """While the lips touch for a sound: its closure, from ``CONTACT`` before its end at the latest.

    None for sounds other than p, b and m, and where there is no time before the closure's end.
    """
    if units_of(ipa)[:1] not in _LIP_STARTS or closure[1] <= 0.0:
        return None
    return max(min(closure[0], closure[1] - CONTACT), 0.0), closure[1]


def _words(
    pieces: Sequence[_Piece], segments: Sequence[Segment], texts: Sequence[str]
) -> tuple[Word, ...]:
    spans: dict[int, tuple[float, float]] = {}
    for piece, segment in zip(pieces, segments):
        if piece.ipa != SILENCE and 0 <= piece.word < len(texts):
            start = spans.get(piece.word, (segment.start, 0.0))[0]
            spans[piece.word] = (start, segment.end)
    return tuple(Word(texts[index], *spans[index]) for index in sorted(spans))
