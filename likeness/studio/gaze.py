"""Gaze: where the eyes look while a person talks to a partner, and what lids and head do with it.

Owns targets, saccades, fixations and the weights of the eye shapes. Durations and sizes follow the
main sequence of saccades (Bahill, Clark and Stark, 1975) and the share of the head in large shifts
(Freedman, "Coordination of the eyes and head during visual orienting", 2008).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.seeds import Draws
from likeness.studio.curves import CHANNEL, EYES, HEAD, RATE, Event, at_times
from likeness.studio.slow_noise import wander

Array = NDArray[np.float64]

_HOLD = {True: 1.4, False: 2.2}
"""Mean seconds of a look, talking or not; a gamma distribution of shape 2."""
_TO_PARTNER = 0.75
_MEAN_AWAY, _MOST_AWAY = 7.0, 25.0
_DIRECTIONS = ((0.30, "side"), (0.25, "down"), (0.15, "up"), (0.30, "oblique"))
_SACCADE_BASE, _SACCADE_PER_DEGREE = 0.025, 0.0024
_VERGENCE = 2.0
_DRIFT_TAU, _DRIFT_SD = 0.8, 0.1
_SMALL_RATE, _SMALL_SIZE = 1.0, (0.3, 1.0)
_SMALL_RETURN = 0.5
"""How far each small saccade also brings the eyes back to their target."""
_SHARED_BEYOND, _HEAD_SHARE, _HEAD_DELAY, _HEAD_TIME = 15.0, 0.4, 0.150, 0.45
_LIDS_DOWN, _LIDS_UP = 0.20, 0.25
"""What lids do beyond the shapes of the look, which move them along; more would hide the pupils."""
_LARGEST_KEY = 4.0

FULL_TURNS = {"Up": 25.0, "Down": 30.0, "In": 35.0, "Out": 30.0}
"""Degrees of an eye at weight 1 of ``eyeLook`` shapes, those of the studio's head."""


@dataclass(frozen=True, eq=False)
class GazeCourse:
    """Where a person looks.

    Attributes:
        direction: (N, 2) degrees of the line of sight in space: down, toward the subject's left.
        vergence: (N,) degrees between the eyes.
        head: (N, 2) degrees the head takes over: lifted, toward the subject's left.
        saccades: shifts of the target; ``size`` in degrees.
    """

    direction: Array
    vergence: Array
    head: Array
    saccades: tuple[Event, ...]


def draw_gaze(count: int, draws: Draws, *, talking: bool, staring: bool) -> GazeCourse:
    """The gaze over ``count`` samples.

    Args:
        count: rows of the grid.
        draws: the only source of chance.
        talking: looks are shorter.
        staring: no look aside.
    """
    direction, vergence = np.zeros((count, 2)), np.zeros(count)
    head, saccades = np.zeros((count, 2)), []
    end = (count - 1) / RATE
    target, crossing, turned = np.zeros(2), draws.uniform(0.0, _VERGENCE), np.zeros(2)
    vergence += crossing
    at = _hold(draws, talking)
    while at < end:
        new, crossed = _target(draws, staring), draws.uniform(0.0, _VERGENCE)
        size = float(np.linalg.norm(new - target))
        if size > 0.0:
            length = _SACCADE_BASE + _SACCADE_PER_DEGREE * size
            _add_step(direction, at, length, new - target)
            _add_step(vergence, at, length, crossed - crossing)
            saccades.append(Event("saccade", at, at + length, size))
            now = _HEAD_SHARE * new if np.linalg.norm(new) > _SHARED_BEYOND else np.zeros(2)
            _add_step(head, at + _HEAD_DELAY, _HEAD_TIME, (now - turned) * (-1.0, 1.0))
            target, crossing, turned = new, crossed, now
        at += _hold(draws, talking)
    return GazeCourse(direction + _fixation(count, draws), vergence, head, tuple(saccades))


def _hold(draws: Draws, talking: bool) -> float:
    one, two = draws.uniforms(2)
    return -0.5 * _HOLD[talking] * (math.log1p(-one) + math.log1p(-two))


def _target(draws: Draws, staring: bool) -> Array:
    """Degrees (2,) down and toward the left; the partner is at zero."""
    partner, size, around, sign = draws.uniforms(4)
    kind = _DIRECTIONS[draws.choice([share for share, _ in _DIRECTIONS])][1]
    if staring or partner < _TO_PARTNER:
        return np.zeros(2)
    amplitude = min(-_MEAN_AWAY * math.log1p(-size), _MOST_AWAY)
    side = 1.0 if sign < 0.5 else -1.0
    if kind == "side":
        return np.array([0.0, side * amplitude])
    if kind in ("down", "up"):
        return np.array([amplitude if kind == "down" else -amplitude, 0.0])
    angle = 2.0 * math.pi * around
    return amplitude * np.array([math.sin(angle), math.cos(angle)])


def _fixation(count: int, draws: Draws) -> Array:
    """Drift and small saccades (N, 2) around wherever the eyes are, degrees."""
    held = np.stack([wander(draws, count, _DRIFT_TAU, _DRIFT_SD) for _ in range(2)], axis=1)
    offset = np.zeros(2)
    at = -math.log1p(-draws.uniform()) / _SMALL_RATE
    while at < (count - 1) / RATE:
        size, around, gap = draws.uniforms(3)
        amplitude = _SMALL_SIZE[0] + (_SMALL_SIZE[1] - _SMALL_SIZE[0]) * float(size)
        angle = 2.0 * math.pi * float(around)
        away = amplitude * np.array([math.sin(angle), math.cos(angle)])
        step = away - _SMALL_RETURN * offset
        length = _SACCADE_BASE + _SACCADE_PER_DEGREE * float(np.linalg.norm(step))
        _add_step(held, at, length, step)
        offset += step
        at += -math.log1p(-gap) / _SMALL_RATE
    return held


def _add_step(curve: Array, start: float, length: float, step: Array | float) -> None:
    """Adds the smoothest way from 0 to ``step`` (Flash and Hogan, 1985) to samples (N, ...)."""
    first = min(max(math.ceil(start * RATE), 0), len(curve))
    last = min(math.ceil((start + length) * RATE), len(curve))
    s = np.clip((np.arange(first, last) / RATE - start) / length, 0.0, 1.0)
    share = s**3 * (10.0 - 15.0 * s + 6.0 * s * s)
    curve[first:last] += np.multiply.outer(share, step)
    curve[last:] += step


def turn_eyes(values: Array, course: GazeCourse, lowered: Array) -> None:
    """Writes the eyes' angles into ``values`` (N, 79), in place: they hold their target against
    every turn of the head, as far as eyes turn.

    Args:
        values: with the head's own turns already in.
        course: where the person looks.
        lowered: (N,) degrees the look is lowered by a feeling.
    """
    lifted, turned = (np.degrees(values[:, HEAD.start + k]) for k in (0, 1))
    down = course.direction[:, 0] + lowered + lifted
    aside = course.direction[:, 1] - turned
    for side, sign, right, left in (("Right", 1.0, "Out", "In"), ("Left", -1.0, "In", "Out")):
        for axis, turn, least, most in (
            ("X", down, "Up", "Down"),
            ("Y", aside + sign * 0.5 * course.vergence, right, left),
        ):
            column = CHANNEL[f"eye{side}{axis}"]
            turned_to = values[:, column] + turn
            values[:, column] = np.clip(turned_to, -FULL_TURNS[least], FULL_TURNS[most])


def follow_eyes(values: Array, *, move_lids: bool = True) -> None:
    """Sets the ``eyeLook`` weights to the eyes' angles, in place, and lets the lids follow."""
    right_x, right_y, left_x, left_y = np.moveaxis(values[:, EYES], 1, 0)
    for side, x, y in (("Left", left_x, left_y), ("Right", right_x, -right_y)):
        for way, angle in (("Down", x), ("Up", -x), ("Out", y), ("In", -y)):
            weight = np.clip(angle / FULL_TURNS[way], 0.0, 1.0)
            values[:, CHANNEL[f"eyeLook{way}{side}"]] = weight
            shape, share = {"Down": ("eyeBlink", _LIDS_DOWN), "Up": ("eyeWide", _LIDS_UP)}.get(
                way, ("", 0.0)
            )
            if shape and move_lids:
                column = CHANNEL[f"{shape}{side}"]
                values[:, column] = np.minimum(values[:, column] + share * weight, 1.0)


def saccade_rotations(count: int, fps: float, draws: Draws) -> NDArray[np.float32]:
    """(count, 2) degrees, x down and y to the subject's left: how eyes move that look nowhere.

    Fixation around one target, sizes limited to 4 degrees, at ``fps`` frames a second.
    """
    rows = math.ceil(count / fps * RATE) + 2
    held = _fixation(rows, draws)
    frames = at_times(held, (np.arange(count, dtype=np.float64) + 0.5) / fps)
    return np.clip(frames, -_LARGEST_KEY, _LARGEST_KEY).astype(np.float32)
