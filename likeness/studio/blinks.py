"""Blinks: when they come, and how lids close and open.

Owns rates, the hold speech has on them, and the profile of one. Rates and the tie to pauses follow
what is published on spontaneous blinking (Bentivoglio et al., "Analysis of blink rate patterns in
normal subjects", 1997; Nakano and Kitazawa, "Eyeblink entrainment at breakpoints of speech", 2010).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import Draws
from likeness.speech.timeline import Timeline
from likeness.studio.curves import CHANNEL, RATE, Event, grid_times
from likeness.studio.performing_style import Delivery, PerformingStyle
from likeness.studio.speech_cues import silences, spoken_span

Array = NDArray[np.float64]

SILENT_RATE, TALKING_RATE, STARING_RATE = 17.0, 24.0, 5.0
"""Per minute."""
CLOSING, CLOSED, OPENING = 0.085, 0.025, 0.170
"""Seconds."""
_OPENING_EXPONENT = 1.3
_SHORTEST = 0.4
"""Seconds between the starts of two blinks, at least."""
_SPREAD = math.sqrt(math.log(1.0 + 0.75**2))
"""Of the lognormal rest of the interval: coefficient of variation 0.75."""
_SETTLING = 40.0  # seconds before the start from which intervals are laid out
_IN_PAUSES, _IN_WORDS = 2.5, 0.7
_PAUSE, _AFTERWARDS = 0.150, 0.300
_WITH_SACCADE = 0.5
_LARGE_SACCADE = 12.0
_MOVED_FROM = 2.0
"""Seconds around a large saccade from which a blink is moved to it, so that the rate stays."""
_INCOMPLETE = 0.08
_ACCOMPANIED = {"browDown": 0.05, "cheekSquint": 0.06, "eyeSquint": 0.08}


def profile(since: Array) -> Array:
    """How far lids are closed, 0..1, seconds after a blink began."""
    closing = 0.5 - 0.5 * np.cos(np.pi * np.clip(since / CLOSING, 0.0, 1.0))
    back = np.clip((since - CLOSING - CLOSED) / OPENING, 0.0, 1.0)
    opening = (0.5 + 0.5 * np.cos(np.pi * back)) ** _OPENING_EXPONENT
    return np.minimum(closing, opening)


def blink_keys(fps: float = 30.0) -> NDArray[np.float32]:
    """(K,) one blink as frames, from open to open."""
    # Placed so that a frame falls into the middle of the closed phase.
    middle, length = CLOSING + 0.5 * CLOSED, CLOSING + CLOSED + OPENING
    before, after = math.ceil(middle * fps), math.ceil((length - middle) * fps)
    return profile(middle + np.arange(-before, after + 1) / fps).astype(np.float32)


def draw_blinks(
    timeline: Timeline,
    style: PerformingStyle,
    delivery: Delivery,
    saccades: list[Event],
    draws: Draws,
) -> list[Event]:
    """The blinks of an utterance; ``size`` is how far they close, ``start`` that of the left eye.

    Intervals are renewals in a time that runs faster in pauses and slower in words, so the rate
    stays what was asked for.
    """
    rate = TALKING_RATE if spoken_span(timeline) else SILENT_RATE
    rate = STARING_RATE if delivery.staring else rate * style.blink_factor
    mean = max(60.0 / rate - _SHORTEST, 0.1)
    clock, times = _clock(timeline, delivery), grid_times(timeline.duration)
    at, starts = -_SETTLING, []
    while at < clock[-1]:
        if at >= 0.0:
            starts.append(float(np.interp(at, clock, times)))
        rest = math.exp(math.log(mean) - 0.5 * _SPREAD**2 + _SPREAD * draws.normal())
        at += _SHORTEST + rest
    for saccade in saccades:
        if saccade.size > _LARGE_SACCADE and draws.uniform() < _WITH_SACCADE:
            starts.sort(key=lambda start: abs(start - saccade.start))
            if starts and abs(starts[0] - saccade.start) < _MOVED_FROM:
                starts.pop(0)
            starts.append(saccade.start)
    blinks: list[Event] = []
    for start in sorted(starts):
        partly, size = draws.uniforms(2)
        peak = 0.5 + 0.35 * float(size) if partly < _INCOMPLETE else 1.0
        if not blinks or start - blinks[-1].start >= _SHORTEST:
            blinks.append(Event("blink", start, start + CLOSING + CLOSED + OPENING, peak))
    return blinks


def _clock(timeline: Timeline, delivery: Delivery) -> Array:
    """(N,) the time by which blinks come, seconds; it ends where the utterance ends."""
    times = grid_times(timeline.duration)
    pace = np.ones(len(times))
    if delivery.coupling == "natural":
        for word in timeline.words:
            pace[_rows(word.start, word.end)] = _IN_WORDS
        spans = silences(timeline, _PAUSE)
        span = spoken_span(timeline)
        if span is not None:
            spans.append((span[1], span[1] + _AFTERWARDS))
            for start, end in spans:
                pace[_rows(start, end)] = _IN_PAUSES
    elapsed = np.concatenate([[0.0], np.cumsum(pace[:-1])]) / RATE
    return elapsed * (times[-1] / elapsed[-1]) if elapsed[-1] > 0.0 else elapsed


def _rows(start: float, end: float) -> slice:
    return slice(math.ceil(start * RATE), math.ceil(end * RATE))


def add_blinks(values: Array, blinks: list[Event], draws: Draws) -> None:
    """Closes the lids in ``values`` (N, 79), in place, with what goes along with it.

    The right eye closes up to 8 ms later; both turn a degree or two down and to the nose.
    """
    for blink in blinks:
        delay, down, nasal = draws.uniforms(3)
        for side, late, sign in (("Left", 0.0, -1.0), ("Right", -0.004 + 0.012 * delay, 1.0)):
            begin = max(math.floor((blink.start + late) * RATE), 0)
            during = values[begin : math.ceil((blink.end + late) * RATE) + 1]
            times = np.arange(begin, begin + len(during)) / RATE
            shut = blink.size * profile(times - blink.start - late)
            lid = during[:, CHANNEL[f"eyeBlink{side}"]]
            during[:, CHANNEL[f"eyeBlink{side}"]] = 1.0 - (1.0 - lid) * (1.0 - shut)
            during[:, CHANNEL[f"eyeWide{side}"]] *= 1.0 - shut
            for name, size in _ACCOMPANIED.items():
                column = CHANNEL[f"{name}{side}"]
                during[:, column] = np.minimum(during[:, column] + size * shut, 1.0)
            during[:, CHANNEL[f"eye{side}X"]] += (1.0 + down) * shut
            during[:, CHANNEL[f"eye{side}Y"]] += sign * (1.0 + nasal) * shut
