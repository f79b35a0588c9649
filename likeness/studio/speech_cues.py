"""Where an utterance speaks, pauses and stresses: what gestures of the face hold on to.

Owns the reading of a timeline for everything that is not articulation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.speech.phonemes import VOWELS, units_of
from likeness.speech.timeline import SILENCE, Span, Timeline
from likeness.studio.coarticulation import smooth
from likeness.studio.curves import RATE, grid_times

Array = NDArray[np.float64]

_VOICE_TAU = 0.060


def spoken_span(timeline: Timeline) -> Span | None:
    """From the first sound to the last, seconds; None in a silent timeline."""
    sounding = list(timeline.sounding())
    return (sounding[0].start, sounding[-1].end) if sounding else None


def silences(timeline: Timeline, at_least: float) -> list[Span]:
    """Stretches without sound of ``at_least`` seconds, those before and after the speech too."""
    spans: list[Span] = []
    for segment in timeline.segments:
        if segment.ipa != SILENCE:
            continue
        if spans and abs(spans[-1][1] - segment.start) < 1e-9:
            spans[-1] = (spans[-1][0], segment.end)
        else:
            spans.append((segment.start, segment.end))
    return [span for span in spans if span[1] - span[0] >= at_least - 1e-9]


def stressed_vowels(timeline: Timeline) -> list[float]:
    """Starts of the vowels of main stress, seconds."""
    return [
        segment.start
        for segment in timeline.segments
        if segment.stress == 2 and any(unit in VOWELS for unit in units_of(segment.ipa))
    ]


def sounding(timeline: Timeline) -> Array:
    """(N,) 1 where there is sound, 0 in silence, with soft edges."""
    times = grid_times(timeline.duration)
    on = np.zeros(len(times))
    for segment in timeline.sounding():
        first = np.searchsorted(times, segment.start)
        on[first : np.searchsorted(times, segment.end, side="right")] = 1.0
    curve = smooth(on, np.ones(len(on)), _VOICE_TAU, 1.0 / RATE, rest_importance=0.0)
    return np.clip(curve, 0.0, 1.0)


def bump(times: Array, center: float, sd: float) -> Array:
    """A Gaussian of height 1 around ``center``."""
    return np.exp(-0.5 * ((times - center) / sd) ** 2)


def rise(times: Array, start: float, end: float) -> Array:
    """A raised cosine from 0 at ``start`` to 1 at ``end``."""
    share = np.clip((times - start) / max(end - start, 1e-9), 0.0, 1.0)
    return 0.5 - 0.5 * np.cos(np.pi * share)
