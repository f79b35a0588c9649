"""How a voice is recorded: breath, room, noise, microphone and level.

Owns the conditions and what each does to the sound. Nothing moves it in time: rooms keep the direct
sound at sample 0, filters have no phase, and what was spoken when stays true.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve

from likeness.errors import DataError, UsageError
from likeness.media.audio import resample, to_16_bit
from likeness.seeds import Draws
from likeness.speech.prosody import prosody_of
from likeness.speech.timeline import SILENCE, Span, Utterance

Noise = Literal["none", "pink", "hum", "babble"]
Microphone = Literal["none", "tilt", "high-pass", "telephone", "compression"]

SAMPLE_RATE = 16000
"""Of recordings, unless asked otherwise."""

NOISES: tuple[tuple[Noise, float], ...] = (
    ("none", 0.4),
    ("pink", 0.2),
    ("hum", 0.2),
    ("babble", 0.2),
)
MICROPHONES: tuple[tuple[Microphone, float], ...] = (
    ("none", 0.60),
    ("tilt", 0.12),
    ("high-pass", 0.12),
    ("telephone", 0.05),
    ("compression", 0.11),
)
VOICES_OF_BABBLE = 6

_FLOOR = -75.0  # dBFS of a recording without noise
_BREATH = -45.0  # dBFS
_BREATH_BAND = (500.0, 3000.0)
_TELEPHONE_BAND = (300.0, 3400.0)
_GAP = 0.003  # s between the direct sound and the first of the room
_USUAL_LEVEL = -26.0  # dBFS over speech
_PEAK = 10 ** (-1 / 20)
_OVERDRIVE = 10 ** (6 / 20)
_ENVELOPE = 0.02  # s


@dataclass(frozen=True)
class Room:
    """A room by its sound.

    Attributes:
        rt60: seconds until the reverberation has fallen by 60 dB.
        direct: energy of the direct sound over that of the reverberation, dB.
    """

    rt60: float
    direct: float


@dataclass(frozen=True)
class Conditions:
    """Of one recording.

    Attributes:
        room: None for a dry one.
        noise: its kind; ``none`` leaves a floor of -75 dBFS, ``hum`` is brown noise with mains hum.
        snr: speech over noise, dB.
        microphone: what it does to the sound.
        tilt: dB from 1 kHz to 8 kHz, for ``tilt``.
        mains: Hz, for ``hum``.
        level: of a neutral voice, root mean square over the speech, dBFS. Emotions keep their
            distance from it.
        clipped: driven over the limit by 6 dB.
    """

    room: Room | None = None
    noise: Noise = "none"
    snr: float = 22.0
    microphone: Microphone = "none"
    tilt: float = 0.0
    mains: float = 50.0
    level: float = _USUAL_LEVEL
    clipped: bool = False


def draw_conditions(*key: int | str, difficulty: int = 1, clipping: float = 0.0) -> Conditions:
    """The conditions of a key.

    Args:
        key: names the recording.
        difficulty: 0 dry and without noise, 1 as most recordings are, 2 noise at 5-15 dB,
            3 a telephone among other voices.
        clipping: share of recordings that are clipped; 0.02 is usual for bad ones.

    Raises:
        UsageError: there is no such difficulty.
    """
    if difficulty not in (0, 1, 2, 3):
        raise UsageError(
            f"The difficulty of a recording is 0, 1, 2 or 3; found {difficulty!r}.",
            advice="0 is the easiest.",
        )
    draws = Draws("recording", *key)
    share, first, second = draws.uniform(), draws.uniform(), draws.uniform()
    room = None
    if share >= 0.8:
        room = Room(round(0.4 + 0.4 * first, 3), round(6.0 - 6.0 * second, 2))
    elif share >= 0.4:
        room = Room(round(0.15 + 0.2 * first, 3), round(12.0 - 6.0 * second, 2))
    noise = NOISES[draws.choice([share for _, share in NOISES])][0]
    noisy = NOISES[1 + draws.integer(len(NOISES) - 1)][0]
    microphone = MICROPHONES[draws.choice([share for _, share in MICROPHONES])][0]
    drawn = Conditions(
        room=room,
        noise=noise,
        snr=round(float(np.clip(draws.normal(22.0, 5.0), 10.0, 30.0)), 2),
        microphone=microphone,
        tilt=round(draws.uniform(-4.0, 4.0), 2),
        mains=(50.0, 60.0)[draws.integer(2)],
        level=round(_USUAL_LEVEL + draws.uniform(-4.0, 4.0), 2),
        clipped=draws.uniform() < clipping,
    )
    hard = round(draws.uniform(5.0, 15.0), 2)
    if difficulty == 0:
        return replace(drawn, room=None, noise="none", microphone="none")
    if difficulty == 2:
        return replace(drawn, noise=noisy, snr=hard)
    if difficulty == 3:
        return replace(drawn, noise="babble", snr=hard, microphone="telephone")
    return drawn


def record(
    utterance: Utterance,
    conditions: Conditions,
    *key: int | str,
    breaths: Sequence[Span] = (),
    others: Sequence[Utterance] = (),
    sample_rate: int = SAMPLE_RATE,
) -> NDArray[np.float32]:
    """The utterance as a microphone hears it.

    Args:
        utterance: what is spoken.
        conditions: where and with what.
        key: names the recording; its noise and room are drawn from it.
        breaths: when air is heard being taken in, seconds.
        others: who talks in the background, for ``babble``; ``VOICES_OF_BABBLE`` of them are heard,
            some twice when there are fewer.
        sample_rate: of the recording.

    Returns:
        (round(duration * sample_rate),) in steps of 16 bit, every sound at the time the timeline
        says.

    Raises:
        DataError: babble without anybody else.
    """
    sound = resample(utterance.audio, utterance.sample_rate, sample_rate)
    spoken = speech_mask(utterance, len(sound), sample_rate)
    usual = _decibels(_USUAL_LEVEL) * _decibels(prosody_of(utterance.emotion).level)
    sound *= usual / _rms(sound[spoken])
    sound += _breath(breaths, len(sound), sample_rate, Draws("recording", *key, "breath"))
    if conditions.room is not None:
        sound = _in_room(sound, conditions.room, sample_rate, Draws("recording", *key, "room"))
    noise = _noise(conditions, others, len(sound), sample_rate, key)
    if conditions.noise == "none":
        sound += noise * _decibels(_FLOOR)
    else:
        sound += noise * _rms(sound[spoken]) * _decibels(-conditions.snr)
    sound = _through(sound, conditions, sample_rate)
    target = _decibels(conditions.level) * _decibels(prosody_of(utterance.emotion).level)
    sound *= target / _rms(sound[spoken])
    peak = float(np.abs(sound).max())
    if conditions.clipped:
        sound *= _OVERDRIVE / peak
    elif peak > _PEAK:
        sound *= _PEAK / peak
    return (to_16_bit(sound) / 32768.0).astype(np.float32)


def speech_mask(utterance: Utterance, samples: int, rate: int) -> NDArray[np.bool_]:
    """(samples,) true where a segment other than silence is spoken."""
    mask = np.zeros(samples, dtype=bool)
    for segment in utterance.timeline.segments:
        if segment.ipa != SILENCE:
            mask[round(segment.start * rate) : round(segment.end * rate)] = True
    return mask


def _decibels(level: float) -> float:
    return float(10 ** (level / 20))


def _rms(sound: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(sound**2))) + 1e-12


def _filtered(
    sound: NDArray[np.float64], gain: NDArray[np.float64], size: int
) -> NDArray[np.float64]:
    """Without phase: ``gain`` at the frequencies of a transform of ``size`` samples."""
    return irfft(rfft(sound, size) * gain, size)[: len(sound)]


def _band(frequencies: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Gain of Butterworth filters of fourth order at both edges."""
    ratio = np.maximum(frequencies, 1e-3)
    return 1 / np.sqrt((1 + (low / ratio) ** 8) * (1 + (ratio / high) ** 8))


def _spectrum(samples: int, rate: int) -> tuple[int, NDArray[np.float64]]:
    """A length of transform with room for the ringing of filters, and its frequencies."""
    size = next_fast_len(samples + rate // 2)
    return size, rfftfreq(size, 1 / rate)


def _breath(spans: Sequence[Span], samples: int, rate: int, draws: Draws) -> NDArray[np.float64]:
    sound = np.zeros(samples)
    for start, end in spans:
        first, last = max(round(start * rate), 0), min(round(end * rate), samples)
        if last - first < 2:
            continue
        size, frequencies = _spectrum(last - first, rate)
        air = _filtered(draws.normals(last - first), _band(frequencies, *_BREATH_BAND), size)
        air *= np.sin(np.linspace(0, np.pi, last - first))
        sound[first:last] += air * _decibels(_BREATH) / _rms(air)
    return sound


def _in_room(
    sound: NDArray[np.float64], room: Room, rate: int, draws: Draws
) -> NDArray[np.float64]:
    seconds = np.arange(1, max(round(room.rt60 * rate), 2)) / rate
    tail = draws.normals(len(seconds)) * 10 ** (-3 * seconds / room.rt60)
    tail[seconds < _GAP] = 0.0
    tail *= _decibels(-room.direct) / np.sqrt(np.sum(tail**2))
    return fftconvolve(sound, np.concatenate([[1.0], tail]))[: len(sound)]


def _noise(
    conditions: Conditions,
    others: Sequence[Utterance],
    samples: int,
    rate: int,
    key: Sequence[int | str],
) -> NDArray[np.float64]:
    """(samples,) with a root mean square of 1."""
    draws = Draws("recording", *key, "noise")
    if conditions.noise == "babble":
        sound = _babble(others, samples, rate, draws)
        return sound / _rms(sound)
    white = draws.normals(samples)
    if conditions.noise == "none":
        return white / _rms(white)
    size, frequencies = _spectrum(samples, rate)
    power = {"pink": 0.5, "hum": 1.0}[conditions.noise]
    sound = _filtered(white, np.maximum(frequencies, 20.0) ** -power, size)
    sound /= _rms(sound)
    if conditions.noise == "hum":
        at = np.arange(samples) / rate
        for harmonic in (1, 2, 3, 5):
            turn = 2 * np.pi * (harmonic * conditions.mains * at + draws.uniform())
            sound += np.sin(turn) / harmonic
    return sound / _rms(sound)


def _babble(
    others: Sequence[Utterance], samples: int, rate: int, draws: Draws
) -> NDArray[np.float64]:
    if not others:
        raise DataError(
            "A recording among other voices needs utterances of other people.",
            advice="Give those of likeness.studio.babble.babble_voices for the split.",
        )
    sound = np.zeros(samples)
    for number in range(VOICES_OF_BABBLE):
        other = others[number % len(others)]
        voice = resample(other.audio, other.sample_rate, rate)
        voice /= _rms(voice)
        first = draws.integer(len(voice))
        sound += np.tile(voice, samples // len(voice) + 2)[first : first + samples]
    return sound


def _through(sound: NDArray[np.float64], conditions: Conditions, rate: int) -> NDArray[np.float64]:
    """What the microphone makes of the sound."""
    kind = conditions.microphone
    if kind == "none":
        return sound
    if kind == "compression":
        width = round(_ENVELOPE * rate) | 1
        window = np.hanning(width + 2)[1:-1]
        envelope = np.sqrt(fftconvolve(sound**2, window / window.sum(), mode="same").clip(0.0))
        threshold = _rms(sound)
        return sound * (np.maximum(envelope, threshold) / threshold) ** -0.5
    size, frequencies = _spectrum(len(sound), rate)
    if kind == "tilt":
        octaves = np.log2(np.clip(frequencies, 62.5, 8000.0) / 1000.0)
        gain = 10 ** (conditions.tilt * octaves / 3 / 20)
    elif kind == "high-pass":
        gain = 1 / np.sqrt(1 + (100.0 / np.maximum(frequencies, 1e-3)) ** 4)
    else:
        gain = _band(frequencies, *_TELEPHONE_BAND)
    return _filtered(sound, gain, size)
