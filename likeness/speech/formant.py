"""Speech-like sound from formulas, for where no synthesiser is installed.

A source-filter synthesiser after D. H. Klatt, "Software for a cascade/parallel formant synthesizer"
(JASA 67, 1980): a pulse train through three resonators, noise through one. It says syllables drawn
at random, as many as a text has, with times exact by construction. Nobody will understand it; lips
that learn from it learn what lips do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.signal import lfilter

from likeness.seeds import Draws
from likeness.speech.events import contact_of
from likeness.speech.spoken_text import written_words
from likeness.speech.timeline import SILENCE, Segment, Timeline, Voice, Word

SAMPLE_RATE = 16000
VERSION = 1

_VOWELS: dict[str, tuple[float, float, float]] = {
    "iː": (280, 2250, 2900),
    "ɪ": (400, 1950, 2550),
    "ɛ": (550, 1800, 2500),
    "æ": (690, 1650, 2400),
    "ɑː": (730, 1100, 2450),
    "ʌ": (620, 1200, 2400),
    "ɔː": (570, 850, 2400),
    "ʊ": (440, 1050, 2250),
    "uː": (310, 880, 2250),
    "ɜː": (490, 1350, 1700),
    "ə": (500, 1400, 2400),
}
_SONORANTS: dict[str, tuple[float, float, float]] = {
    "w": (290, 650, 2200),
    "l": (360, 1200, 2600),
    "ɹ": (330, 1100, 1600),
    "m": (250, 1000, 2200),
    "n": (250, 1500, 2400),
}
_FRICATIVES = {
    "s": (6500.0, 0.10),
    "ʃ": (3200.0, 0.12),
    "f": (5000.0, 0.03),
    "θ": (5500.0, 0.025),
    "h": (1500.0, 0.03),
}
_STOPS = {"p": 1200.0, "t": 5000.0, "k": 2500.0}
_CONSONANTS = (*_SONORANTS, *_FRICATIVES, *_STOPS)
_NASALS = ("m", "n")

_BANDWIDTHS = (60.0, 90.0, 120.0)
_NOISE_BANDWIDTH = 0.25  # of the centre
_STEP = 80  # samples between new coefficients: 5 ms
_BURST = 0.02  # s
_BURST_LEVEL = 0.08
_SONORANT_LEVEL = 0.5  # of the voice in vowels
_VOWEL_LEVEL = 0.3  # root mean square, in the unit of the noise's levels
_SMOOTHING = 0.03  # s over which formants move
_ONSET = 0.008  # s over which voicing and noise come and go
_PAUSE_SHARE = 0.12
_PAUSE = (0.15, 0.35)
_PEAK = 0.5


@dataclass(frozen=True)
class _Sound:
    """A unit and how many samples it lasts."""

    unit: str
    samples: int
    word: int
    stress: int = 0


def utter(
    text: str, voice: Voice, seed: int, *, silence: tuple[float, float]
) -> tuple[NDArray[np.float64], Timeline]:
    """Random syllables in the rhythm of a text.

    Args:
        text: a syllable is said for each group of its vowels, and for each word without.
        voice: its pitch, range, formant scale and rate count.
        seed: of the syllables and the noise.
        silence: seconds before and after.

    Returns:
        Sound (samples,) in -1..1 at ``SAMPLE_RATE``, and its timeline.
    """
    words = [text[first:last] for first, last in written_words(text)]
    sounds = _sounds(words, voice, seed, silence)
    edges = np.concatenate([[0], np.cumsum([sound.samples for sound in sounds])])
    pieces = [(sound, int(first)) for sound, first in zip(sounds, edges)]
    audio = _voiced(pieces, int(edges[-1]), voice, seed) + _noise(pieces, int(edges[-1]), seed)
    quiet = np.ones(len(audio), dtype=bool)
    for sound, first in pieces:
        if sound.unit != SILENCE:
            closed = sound.samples - round(_BURST * SAMPLE_RATE) if sound.unit in _STOPS else 0
            quiet[first + closed : first + sound.samples] = False
    audio[quiet] = 0.0
    audio *= _PEAK / max(float(np.abs(audio).max()), 1e-9)
    return audio, _timeline(pieces, words)


def _sounds(
    words: Sequence[str], voice: Voice, seed: int, silence: tuple[float, float]
) -> list[_Sound]:
    draws = Draws("formant", seed, "syllables")
    speed = 160.0 / voice.words_per_minute

    def lasting(low: float, high: float) -> int:
        return max(round(draws.uniform(low, high) * SAMPLE_RATE), 1)

    sounds = [_Sound(SILENCE, round(silence[0] * SAMPLE_RATE), -1)]
    for index, word in enumerate(words):
        syllables = max(len(re.findall(r"[aeiouyAEIOUY]+", word)), 1)
        for syllable in range(syllables):
            consonant = _CONSONANTS[draws.integer(len(_CONSONANTS))]
            vowel = tuple(_VOWELS)[draws.integer(len(_VOWELS))]
            stress = 2 if syllable == 0 and vowel != "ə" else 0
            sounds.append(_Sound(consonant, lasting(0.06 * speed, 0.1 * speed), index))
            sounds.append(_Sound(vowel, lasting(0.1 * speed, 0.22 * speed), index, stress))
        if index + 1 < len(words) and draws.uniform() < _PAUSE_SHARE:
            sounds.append(_Sound(SILENCE, lasting(*_PAUSE), -1))
    sounds.append(_Sound(SILENCE, round(silence[1] * SAMPLE_RATE), -1))
    return [sound for sound in sounds if sound.samples > 0]


def _timeline(pieces: Sequence[tuple[_Sound, int]], words: Sequence[str]) -> Timeline:
    segments = []
    spans: dict[int, tuple[float, float]] = {}
    for sound, first in pieces:
        start, end = first / SAMPLE_RATE, (first + sound.samples) / SAMPLE_RATE
        closure = None
        if sound.unit in _STOPS:
            closure = (start, (first + sound.samples - round(_BURST * SAMPLE_RATE)) / SAMPLE_RATE)
        elif sound.unit in _NASALS:
            closure = (start, end)
        contact = contact_of(sound.unit, closure or (start, start))
        segments.append(Segment(sound.unit, start, end, sound.stress, closure, contact))
        if sound.word >= 0:
            spans[sound.word] = (spans.get(sound.word, (start, end))[0], end)
    return Timeline(tuple(segments), tuple(Word(words[i], *span) for i, span in spans.items()))


def _voiced(
    pieces: Sequence[tuple[_Sound, int]], samples: int, voice: Voice, seed: int
) -> NDArray[np.float64]:
    """The pulse train through the resonators of the vocal tract."""
    draws = Draws("formant", seed, "pitch")
    seconds = np.arange(samples) / SAMPLE_RATE
    wave = np.sin(2 * np.pi * (draws.uniform(0.2, 0.5) * seconds + draws.uniform()))
    f0 = voice.f0 * (1 + 0.08 * voice.f0_range * wave)
    cycles = np.cumsum(f0 / SAMPLE_RATE)
    pulses = np.diff(np.floor(cycles), prepend=0.0)
    level = np.zeros(samples)
    formants = np.tile(_VOWELS["ə"], (samples, 1)).astype(np.float64)
    for place, (sound, first) in enumerate(pieces):
        span = slice(first, first + sound.samples)
        if sound.unit in _VOWELS:
            level[span] = 1.0
        elif sound.unit in _SONORANTS:
            level[span] = _SONORANT_LEVEL
        # Sounds without formants of their own are made with the tongue on its way to the vowel.
        near = [s.unit for s, _ in pieces[place : place + 2]]
        known = next((u for u in near if u in _VOWELS or u in _SONORANTS), "ə")
        formants[span] = _VOWELS.get(known) or _SONORANTS[known]
    if voice.whisper:
        pulses = 0.1 * Draws("formant", seed, "whisper").normals(samples)
    source = pulses * _smoothed(level, _ONSET)
    smooth = np.stack([_smoothed(track, _SMOOTHING) for track in formants.T], axis=1)
    voiced = _resonated(source, smooth * voice.formant_scale)
    power = float(np.mean(voiced[level == 1.0] ** 2))
    return voiced * (_VOWEL_LEVEL / max(power**0.5, 1e-9))


def _resonated(source: NDArray[np.float64], formants: NDArray[np.float64]) -> NDArray[np.float64]:
    """A cascade of resonators whose coefficients move every ``_STEP`` samples.

    Args:
        source: (samples,).
        formants: (samples, 3) Hz.
    """
    sound = source
    for track, bandwidth in zip(formants[::_STEP].T, _BANDWIDTHS):
        gain, turn, shrink = _resonator(np.ascontiguousarray(track), bandwidth)
        sound, given = np.empty_like(source), sound
        _resonate(given, gain, turn, shrink, sound)
    return sound


@njit(cache=True, nogil=True)
def _resonate(
    given: NDArray[np.float64],
    gain: NDArray[np.float64],
    turn: NDArray[np.float64],
    shrink: float,
    out: NDArray[np.float64],
) -> None:
    """A two-pole resonator with a gain and a turn for each ``_STEP`` samples, which a library's
    filter, called for one piece after the other, needs thirty times as long for.
    """
    first, second = 0.0, 0.0
    for sample in range(len(given)):
        step = sample // _STEP
        out[sample] = first + gain[step] * given[sample]
        first = second + turn[step] * out[sample]
        second = -shrink * out[sample]


def _resonator(
    frequency: NDArray[np.float64], bandwidth: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Two-pole resonators with a gain of 1 at 0 Hz: factors of the input, and of the last two
    outputs, the second one negative.
    """
    radius = float(np.exp(-np.pi * bandwidth / SAMPLE_RATE))
    turn = 2.0 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE)
    return 1.0 - turn + radius * radius, turn, radius * radius


def _noise(pieces: Sequence[tuple[_Sound, int]], samples: int, seed: int) -> NDArray[np.float64]:
    """Fricatives and bursts, each through the resonator of its place."""
    white = Draws("formant", seed, "noise").normals(samples)
    sound = np.zeros(samples)
    burst = round(_BURST * SAMPLE_RATE)
    for piece, first in pieces:
        if piece.unit in _FRICATIVES:
            span = slice(first, first + piece.samples)
            centre, level = _FRICATIVES[piece.unit]
            ramp = round(_ONSET * SAMPLE_RATE)
            at = np.arange(piece.samples)
            shape = np.clip(np.minimum(at + 1, piece.samples - at) / ramp, 0.0, 1.0)
        elif piece.unit in _STOPS:
            span = slice(first + piece.samples - burst, first + piece.samples)
            centre, level = _STOPS[piece.unit], _BURST_LEVEL
            shape = np.exp(-np.arange(burst) / (0.3 * burst))
        else:
            continue
        gain, turn, shrink = _resonator(np.array([centre]), _NOISE_BANDWIDTH * centre)
        coloured = lfilter(gain, [1.0, -turn[0], shrink], white[span])
        power = float(np.sqrt(np.mean(coloured**2)))
        sound[span] += level * shape * coloured / power
    return sound


def _smoothed(track: NDArray[np.float64], seconds: float) -> NDArray[np.float64]:
    window = np.hanning(2 * round(seconds * SAMPLE_RATE / 2) + 1)
    padded = np.pad(track, len(window) // 2, mode="edge")
    return np.convolve(padded, window / window.sum(), mode="valid")
