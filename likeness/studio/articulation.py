"""What every sound asks of jaw, lips and tongue: targets, and how much each of them matters.

Owns the table of units, their place in time, and the mapping from articulators to ARKit and tongue
shapes. How targets become movement is :mod:`likeness.studio.coarticulation`; that lips really meet
is :mod:`likeness.studio.closures`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.speech.phonemes import CONSONANTS, VOWELS, units_of
from likeness.speech.timeline import SILENCE, Timeline
from likeness.studio.coarticulation import smooth
from likeness.studio.curves import CHANNEL, RATE, grid_times

Array = NDArray[np.float64]

ARTICULATORS = (
    "jaw", "pucker", "funnel", "stretch", "smile", "upper", "lower", "rollLower", "press",
    "shrugUpper", "tip", "body", "back", "out", "wide", "roll",
)  # fmt: skip
"""Columns of targets: all 0..1 but ``wide``, which narrows the tongue below 0."""
ARTICULATOR = {name: i for i, name in enumerate(ARTICULATORS)}

_SIGNED = ("body", "back", "wide")
_TAU = {
    **dict.fromkeys(ARTICULATORS, 0.022),
    "jaw": 0.036,
    "out": 0.012,
    "tip": 0.014,
}
"""Seconds; how sluggish each is. A ð lasts 40 ms, in which a tongue of 18 ms is half out."""

_VOWEL_IMPORTANCE = {
    "jaw": 0.55, "pucker": 0.70, "funnel": 0.60, "stretch": 0.50, "smile": 0.40, "upper": 0.40,
    "lower": 0.40, "rollLower": 0.50, "press": 0.30, "shrugUpper": 0.30, "tip": 0.30, "body": 0.60,
    "back": 0.60, "out": 0.60, "wide": 0.40, "roll": 0.30,
}  # fmt: skip
_STRESS_IMPORTANCE = (0.6, 1.0, 1.2)
_STRESS_JAW = (0.92, 1.0, 1.15)
_REDUCED = {"ə": 0.5, "ɐ": 0.5, "ᵻ": 0.5}
_UNNAMED_IMPORTANCE = 0.03
"""Of what a consonant does not ask for."""
_SILENCE_IMPORTANCE = 0.25
REST_JAW = 0.02
_PARTED_JAW = 0.035
"""In a pause too short to close the mouth."""
CLOSED_AFTER = 0.25
"""Seconds of a pause after which the mouth is closed."""
_ANTICIPATION = 0.040
"""Seconds by which rounding starts early, into a consonant that leaves the lips alone."""
_SPLIT_OF_TWO = 0.55

_VOWEL_TABLE = """
iː jaw .12 stretch .38 smile .12 lower .12 body .95 wide .4
i jaw .13 stretch .28 smile .06 lower .08 body .85 wide .3
ɪ jaw .20 stretch .20 lower .08 body .65 wide .2
ᵻ jaw .18 stretch .10 body .60
e jaw .26 stretch .24 lower .08 body .60
ɛ jaw .34 stretch .18 lower .10 body .40
æ jaw .50 stretch .24 lower .14 upper .06 body .15 wide .3
a jaw .52 stretch .08 lower .05
ɑː jaw .58 back .40
ʌ jaw .38 body .10 back .20
ə jaw .22 body .30
ɐ jaw .26 body .20
ɔː jaw .42 funnel .34 pucker .12 back .50
ɔ jaw .34 funnel .28 pucker .12 back .50
o jaw .26 funnel .30 pucker .30 back .60
ʊ jaw .18 pucker .42 funnel .18 back .60 body .40
uː jaw .13 pucker .88 funnel .16 back .70 body .60
ɜː jaw .20 pucker .22 funnel .22 body .40 tip .40
ɚ jaw .18 pucker .18 funnel .18 body .40 tip .40
y jaw .13 pucker .70 funnel .12 body .95
ø jaw .26 pucker .42 funnel .25 body .60
œ jaw .34 pucker .25 funnel .30 body .40
"""
_CONSONANT_TABLE = """
p jaw .07/.8 press .22/.9 lower 0/.6 upper 0/.6
b jaw .06/.8 press .14/.9 lower 0/.6 upper 0/.6
m jaw .06/.8 press .08/.9 lower 0/.6 upper 0/.6
f jaw .07/.8 rollLower .62/1 upper .26/.8 lower 0/.5 pucker 0/.15
v jaw .07/.8 rollLower .52/1 upper .22/.8 lower 0/.5 pucker 0/.15
θ jaw .14/.7 lower .12/.3 tip .55/1 out .30/1 back 0/.9 roll 0/1
ð jaw .14/.6 lower .12/.3 tip .55/1 out .31/1 back 0/.9 roll 0/1
t jaw .07/.5 lower .10/.1 tip 1/1
d jaw .08/.45 lower .10/.1 tip 1/1
n jaw .09/.4 tip 1/1
l jaw .16/.35 tip .95/.9 wide -.4/.5
ɾ jaw .12/.3 tip .85/.7
r jaw .14/.35 tip .85/.9
s jaw .035/.95 stretch .16/.25 lower .14/.35 tip .70/1
z jaw .04/.9 stretch .16/.25 lower .14/.35 tip .70/1
ʃ jaw .045/.9 funnel .46/.75 pucker .22/.6 tip .5/.8 body .6/.7
ʒ jaw .045/.9 funnel .46/.75 pucker .22/.6 tip .5/.8 body .6/.7
tʃ jaw .045/.9 funnel .46/.75 pucker .22/.6 tip .5/.8 body .6/.7
dʒ jaw .045/.9 funnel .46/.75 pucker .22/.6 tip .5/.8 body .6/.7
ɹ jaw .13/.35 pucker .28/.35 funnel .20/.3 tip .55/.8 roll .5/.6 back .3/.3
w jaw .08/.6 pucker .95/1 funnel .12/.6 back .70/.8
j jaw .12/.4 stretch .22/.25 body .95/.8
ɥ jaw .12/.4 pucker .80/.9 body .95/.8
k jaw .14/.22 back 1/.9
ɡ jaw .14/.22 back 1/.9
ŋ jaw .14/.22 back 1/.9
"""
_NO_OWN_SHAPE = ("h", "ʔ")
_LIP_TARGETS = ("pucker", "funnel", "stretch", "rollLower", "press")
_LIP_GAIN = ("pucker", "funnel", "stretch", "smile", "upper", "lower")

_ARKIT_PARTS: dict[str, tuple[str, ...]] = {
    "jaw": ("jawOpen",),
    "pucker": ("mouthPucker",),
    "funnel": ("mouthFunnel",),
    "stretch": ("mouthStretchLeft", "mouthStretchRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "upper": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "lower": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "rollLower": ("mouthRollLower",),
    "press": ("mouthPressLeft", "mouthPressRight"),
    "shrugUpper": ("mouthShrugUpper",),
    "out": ("tongueOut",),
}


@dataclass(frozen=True, eq=False)
class PlacedUnit:
    """A unit of sound in time, seconds, as articulated."""

    name: str
    start: float
    end: float
    stress: int


@dataclass(frozen=True)
class Gains:
    """What a person and a way of speaking do to vowels; 1 and 0 change nothing."""

    jaw: float = 1.0
    lips: float = 1.0
    mumbling: float = 0.0
    """0..1, how far vowels lose against what surrounds them."""


def placed_units(timeline: Timeline) -> list[PlacedUnit]:
    """The units of a timeline; two of one segment part at 55 % of it, more equally.

    A segment without units, such as a lone modifier, prolongs the one before.
    """
    units: list[PlacedUnit] = []
    for segment in timeline.segments:
        names = units_of(segment.ipa)
        if not names:
            if units:
                last = units[-1]
                units[-1] = PlacedUnit(last.name, last.start, segment.end, last.stress)
            continue
        shares = [0.0, _SPLIT_OF_TWO, 1.0] if len(names) == 2 else np.linspace(0, 1, len(names) + 1)
        borders = [segment.start + float(share) * segment.duration for share in shares]
        units += [
            PlacedUnit(name, start, end, segment.stress)
            for name, start, end in zip(names, borders, borders[1:])
        ]
    return units


def articulate(timeline: Timeline, gains: Gains) -> Array:
    """Curves (N, 16) of the articulators on the grid of the timeline, clipped to their ranges.

    A jaw that opens further than usual takes longer for it: in speech the ratio of peak speed to
    amplitude falls as amplitude grows (Ostry and Munhall, "Control of rate and duration of speech
    movements", 1985). Its ``tau`` grows with the root of the gain.
    """
    target, importance = targets(timeline, gains)
    found = np.empty_like(target)
    for name, i in ARTICULATOR.items():
        rest, tau = 0.0, _TAU[name]
        if name == "jaw":
            rest, tau = REST_JAW, tau * math.sqrt(max(gains.jaw, 1.0))
        found[:, i] = smooth(target[:, i], importance[:, i], tau, 1.0 / RATE, rest=rest)
        found[:, i] = np.clip(found[:, i], -1.0 if name in _SIGNED else 0.0, 1.0)
    return found


def targets(timeline: Timeline, gains: Gains) -> tuple[Array, Array]:
    """Piecewise constant targets and importances (N, 16 each) on the grid."""
    times = grid_times(timeline.duration)
    target = np.zeros((len(times), len(ARTICULATORS)))
    importance = np.zeros_like(target)
    units = placed_units(timeline)
    rounding = [ARTICULATOR["pucker"], ARTICULATOR["funnel"]]
    for number, unit in enumerate(units):
        first = np.searchsorted(times, unit.start)
        is_last = number == len(units) - 1
        inside = slice(first, None if is_last else np.searchsorted(times, unit.end))
        row, weight = _row(unit, gains)
        target[inside], importance[inside] = row, weight
        if unit.name == SILENCE and unit.start > 0.0:
            until = unit.start + CLOSED_AFTER
            if not is_last:
                until = min(until, unit.end)
            short = slice(first, np.searchsorted(times, until))
            target[short, ARTICULATOR["jaw"]] = _PARTED_JAW
        before = units[number - 1].name if number else SILENCE
        if max(row[rounding]) > 0.0 and _leaves_lips_alone(before):
            since = max(unit.start - _ANTICIPATION, units[number - 1].start)
            early = slice(np.searchsorted(times, since), first)
            for i in rounding:
                target[early, i], importance[early, i] = row[i], weight[i]
    return target, importance


def _row(unit: PlacedUnit, gains: Gains) -> tuple[Array, Array]:
    """Targets and importances (16,) of one unit."""
    row, weight = np.zeros(len(ARTICULATORS)), np.zeros(len(ARTICULATORS))
    if unit.name in _NO_OWN_SHAPE:
        return row, weight
    if unit.name == SILENCE:
        row[ARTICULATOR["jaw"]] = REST_JAW
        weight[:] = _SILENCE_IMPORTANCE
        return row, weight
    if unit.name in VOWELS:
        for name, value in _VOWEL_IMPORTANCE.items():
            weight[ARTICULATOR[name]] = value
        weight *= _STRESS_IMPORTANCE[unit.stress] * _REDUCED.get(unit.name, 1.0)
        weight *= 1.0 - 0.6 * gains.mumbling
        for name, (value, _) in _TABLE[unit.name].items():
            row[ARTICULATOR[name]] = value
        row[ARTICULATOR["jaw"]] *= _STRESS_JAW[unit.stress] * gains.jaw
        row[[ARTICULATOR[name] for name in _LIP_GAIN]] *= gains.lips
        return row, weight
    weight[:] = _UNNAMED_IMPORTANCE
    for name, (value, matters) in _TABLE[unit.name].items():
        row[ARTICULATOR[name]], weight[ARTICULATOR[name]] = value, matters
    return row, weight


def _leaves_lips_alone(name: str) -> bool:
    return name in CONSONANTS and not any(part in _TABLE[name] for part in _LIP_TARGETS)


def to_shapes(articulators: Array, values: Array) -> None:
    """Writes articulator curves (N, 16) into the ARKit and tongue columns of ``values`` (N, 79)."""
    for name, shapes in _ARKIT_PARTS.items():
        for shape in shapes:
            values[:, CHANNEL[shape]] = articulators[:, ARTICULATOR[name]]
    tip, body, back, out, wide, roll = (
        articulators[:, ARTICULATOR[name]]
        for name in ("tip", "body", "back", "out", "wide", "roll")
    )
    for shape, curve in (
        ("tongueTipUp", tip),
        ("tongueUp", body + 0.4 * back),
        ("tongueIn", 0.7 * back),
        ("tongueStretch", 2.0 * out),
        ("tongueWide", wide),
        ("tongueNarrow", -wide),
        ("tongueRollUp", roll),
    ):
        values[:, CHANNEL[shape]] = np.clip(curve, 0.0, 1.0)


def _parsed(table: str) -> dict[str, dict[str, tuple[float, float]]]:
    """{unit: {articulator: (target, importance)}}; importances of vowels are not here (0)."""
    found = {}
    for line in table.strip().splitlines():
        unit, *words = line.split()
        pairs = zip(words[::2], words[1::2])
        found[unit] = {
            name: (float(value.split("/")[0]), float((*value.split("/"), "0")[1]))
            for name, value in pairs
        }
    return found


_TABLE = {**_parsed(_VOWEL_TABLE), **_parsed(_CONSONANT_TABLE), "h": {}, "ʔ": {}}
