"""Breathing and what a mouth does that has nothing to say.

Owns inhalations before speech, their sound, the slow rise and fall of chest and head, and the rare
press, swallow and roll of idle lips. How lips rest in a pause is here too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfiltfilt

from likeness.seeds import Draws
from likeness.speech.timeline import SILENCE, Emotion, Timeline
from likeness.studio.articulation import CLOSED_AFTER
from likeness.studio.coarticulation import smooth
from likeness.studio.curves import CHANNEL, CHEST_NAME, RATE, Event, grid_times
from likeness.studio.speech_cues import rise, silences, spoken_span

Array = NDArray[np.float64]

_PAUSE_BEFORE_BREATH = 0.4
_INHALATION, _JAW, _LOWER = (0.250, 0.400), (0.05, 0.10), 0.04
_INHALATION_PITCH = 0.4
_PERIOD, _PERIOD_SD, _BREATH_PITCH = 4.2, 0.8, 0.2
_IDLE_EVERY, _IDLE_PAUSE, _IDLE_MARGIN = 12.0, 0.8, 0.15
_IDLE = ("press", "swallow", "roll")
_IDLE_LENGTH = {"press": 0.6, "swallow": 0.4, "roll": 0.7}
_IDLE_SIZE = {"press": 0.15, "swallow": 0.25, "roll": 0.3}
_REST_TAU = 0.05
_PARTING = 0.10
"""Seconds before an onset at which resting lips begin to part."""
_BREATH_BAND, _BREATH_LEVEL, _AUDIBLE = (500.0, 3000.0), -45.0, 0.5


@dataclass(frozen=True, eq=False)
class Rest:
    """What a face does between words.

    Attributes:
        closed: (N,) how far the lips rest on each other, 0..1.
        events: inhalations, presses, swallows and rolls.
    """

    closed: Array
    events: tuple[Event, ...]


def draw_rest(timeline: Timeline, emotion: Emotion, draws: Draws) -> Rest:
    """Inhalations before onsets, idle mouths in long pauses, lips that rest in the others."""
    shortest = _PAUSE_BEFORE_BREATH * (0.5 if emotion == "outofbreath" else 1.0)
    span = spoken_span(timeline)
    events: list[Event] = []
    for start, end in silences(timeline, shortest):
        if span is None or end > span[1] - 1e-9:
            continue  # nobody speaks after it
        length, jaw = draws.uniforms(2)
        seconds = min(_INHALATION[0] + (_INHALATION[1] - _INHALATION[0]) * length, end - start)
        size = _JAW[0] + (_JAW[1] - _JAW[0]) * float(jaw)
        events.append(Event("inhalation", end - float(seconds), end, size))
    busy = [(event.start, event.end) for event in events]
    for start, end in silences(timeline, _IDLE_PAUSE):
        at = start + _IDLE_MARGIN
        while True:
            wait, kind = draws.uniforms(2)
            at += -_IDLE_EVERY * math.log1p(-float(wait))
            name = _IDLE[int(kind * len(_IDLE))]
            stop = at + _IDLE_LENGTH[name]
            if stop > end - _IDLE_MARGIN:
                break
            if all(stop < first or at > last for first, last in busy):
                events.append(Event(name, at, stop, _IDLE_SIZE[name]))
            at = stop
    events.sort(key=lambda event: event.start)
    return Rest(_resting(timeline, events), tuple(events))


def _resting(timeline: Timeline, events: list[Event]) -> Array:
    times = grid_times(timeline.duration)
    target = np.zeros(len(times))
    for segment in timeline.segments:
        if segment.ipa != SILENCE:
            continue
        first = segment.start + CLOSED_AFTER if segment.start > 0.0 else -1.0
        last = segment.end - _PARTING if segment.end < timeline.duration - 1e-9 else np.inf
        target[(times >= first) & (times <= last)] = 1.0
    for event in events:
        if event.kind == "inhalation":
            target[(times >= event.start) & (times <= event.end)] = 0.0
    curve = smooth(target, np.ones(len(target)), _REST_TAU, 1.0 / RATE, rest_importance=0.0)
    return np.clip(curve, 0.0, 1.0)


def add_rest(values: Array, rest: Rest) -> None:
    """Adds all of it to the mouth of ``values`` (N, 79) that so far only articulates, in place."""
    times = np.arange(len(values)) / RATE
    jaw = values[:, CHANNEL["jawOpen"]]
    closing = rest.closed * jaw
    for event in rest.events:
        middle = 0.5 * (event.start + event.end)
        shape = rise(times, event.start, middle) - rise(times, middle, event.end)
        if event.kind == "inhalation":
            # Deepest at two thirds: the mouth opens slowly and speaks at once.
            middle = event.start + 0.67 * (event.end - event.start)
            shape = rise(times, event.start, middle) - rise(times, middle, event.end)
            jaw += event.size * shape
            _add(values, "mouthLowerDown", _LOWER * shape)
        elif event.kind == "roll":
            _add(values, "mouthRollLower", event.size * shape)
            _add(values, "mouthRollUpper", event.size * shape)
        else:
            _add(values, "mouthPress", event.size * shape)
            if event.kind == "swallow":
                jaw *= 1.0 - shape
                closing *= 1.0 - shape
    values[:, CHANNEL["mouthClose"]] += closing


def _add(values: Array, name: str, curve: Array) -> None:
    for full in (name,) if name in CHANNEL else (f"{name}Left", f"{name}Right"):
        values[:, CHANNEL[full]] += curve


def add_breath_to_body(values: Array, timeline: Timeline, rest: Rest, draws: Draws) -> None:
    """Chest, shoulders and head rise a little with every breath; ``values`` (N, 79) in place."""
    times = grid_times(timeline.duration)
    phase, period = draws.uniform(), max(draws.normal(_PERIOD, _PERIOD_SD), 2.0)
    silent = np.zeros(len(times))
    for start, end in silences(timeline, 0.0):
        silent[(times >= start) & (times <= end)] = 1.0
    silent = np.clip(
        smooth(silent, np.ones(len(silent)), 0.3, 1.0 / RATE, rest_importance=0.0), 0.0, 1.0
    )
    pitch = _BREATH_PITCH * silent * np.sin(2.0 * np.pi * (times / period + phase))
    for event in rest.events:
        if event.kind == "inhalation":
            lifted = rise(times, event.start, event.end)
            pitch += _INHALATION_PITCH * (lifted - rise(times, event.end, event.end + 0.8))
    for name in ("headPitch", CHEST_NAME):
        values[:, CHANNEL[name]] += np.radians(pitch)


def breath_sound(
    events: tuple[Event, ...], count: int, sample_rate: int, draws: Draws
) -> NDArray[np.float32]:
    """(count,) samples of breath, to be added to the voice: half of the inhalations are heard.

    Noise between 500 and 3000 Hz at -45 dB of full scale, without lag.
    """
    sound = np.zeros(count)
    band = butter(2, _BREATH_BAND, "bandpass", fs=sample_rate, output="sos")
    for event in events:
        if event.kind != "inhalation":
            continue
        heard = draws.uniform() < _AUDIBLE
        first, last = round(event.start * sample_rate), min(round(event.end * sample_rate), count)
        noise = draws.normals(max(last - first, 0))
        if not heard or len(noise) < 100:
            continue
        noise = sosfiltfilt(band, noise)
        share = np.linspace(0.0, 1.0, len(noise))
        envelope = np.sin(np.pi * share) ** 2
        level = 10.0 ** (_BREATH_LEVEL / 20.0)
        sound[first:last] += level * envelope * noise / max(float(np.std(noise)), 1e-12)
    return sound.astype(np.float32)
