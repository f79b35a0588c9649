"""Fine relief of the skin: pores, creases, wrinkles that follow expression and age.

Owns heights in mm over template positions and their gradients. Coarser shape belongs to the mesh
(``template``, ``expressions``); what is here is too fine for it.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit

from likeness.studio.lips_brows import lip_mask
from likeness.studio.noise import fade, noise_and_gradient_at, noise_at, smoothstep
from likeness.studio.skin_noise import GRAIN, GRAIN_WAVES

_FOLD_Y = np.array([-46.0, -38.0, -27.0, -14.0, -3.0, 3.0])
_FOLD_X = np.array([33.0, 34.5, 32.5, 27.0, 20.5, 18.0])
"""Course of the fold from the wing of the nose past the corner of the mouth."""

_TROUGH_X = np.array([12.0, 16.0, 23.0, 32.0, 42.0])
_TROUGH_Y = np.array([30.0, 25.0, 19.5, 16.5, 17.5])
"""Lower rim of the eye socket."""


@njit(cache=True)
def _course(xs, ys, x):
    index = 0
    while index < len(xs) - 2 and x > xs[index + 1]:
        index += 1
    return ys[index] + (x - xs[index]) * (ys[index + 1] - ys[index]) / (xs[index + 1] - xs[index])


@njit(cache=True)
def _valley(distance, width):
    """A crease of unit depth with softly raised banks."""
    t = distance / width
    if abs(t) > 6.5:
        return 0.0
    return -math.exp(-t * t) + 0.3 * math.exp(-((abs(t) - 2.4) ** 2) / 1.6)


@njit(cache=True)
def _forehead_depth(x, drives):
    """Depth in mm of the lines across the forehead at a signed x."""
    ax = abs(x)
    drive = drives.forehead_left if x > 0.0 else drives.forehead_right
    # Near the midline both sides pull.
    if ax < 12.0:
        other = drives.forehead_right if x > 0.0 else drives.forehead_left
        drive = 0.5 * (drive + other) + (drive - other) * ax / 24.0
    return (0.36 + 0.24 * drives.age) * drive + 0.42 * max(drives.age - 0.15, 0.0)


_LINES_END, _LINES_STEPS = 120.0, 960


@functools.lru_cache(maxsize=64)
def lines_of(seed: int) -> np.ndarray:
    """How lines run that waver with x alone, over signed x of 120 mm to each side. (961, 13).

    Of the four lines across the forehead their bow, then the strength of each, then the shift of
    each; of the four beside each eye how many degrees each is turned.
    """
    table = np.empty((_LINES_STEPS + 1, 13))
    _fill_lines(np.linspace(-_LINES_END, _LINES_END, _LINES_STEPS + 1), seed, table)
    table.flags.writeable = False
    return table


@njit(cache=True)
def _fill_lines(places, seed, table):
    for row in range(len(places)):
        x = places[row]
        bow = 2.2 * math.exp(-(((abs(x) - 30.0) / 16.0) ** 2))
        table[row, 0] = bow + 1.1 * noise_at(x / 24.0, 0.3, 0.1, seed + 31)
        for line in range(4):
            strength = 0.65 + 0.35 * noise_at(x / 18.0, 1.7 * line, 0.5, seed + 37)
            table[row, 1 + line] = max(strength, 0.1)
            table[row, 5 + line] = 0.5 * noise_at(x / 16.0, 3.1 * line, 0.2, seed + 41)
            table[row, 9 + line] = 5.0 * noise_at(float(line), x / 60.0, 0.7, seed + 43)


@njit(cache=True)
def _row_of_lines(x):
    """The row of :func:`lines_of` before a signed x, and the share of the next one."""
    place = (x + _LINES_END) * (0.5 * _LINES_STEPS / _LINES_END)
    place = min(max(place, 0.0), _LINES_STEPS - 1e-6)
    return int(place), place - int(place)


@njit(cache=True)
def _forehead_waves(x, lines):
    """Bow, strengths and shifts of the forehead's lines at a signed x."""
    row, share = _row_of_lines(x)
    return (
        _between(lines, row, share, 0),
        _between(lines, row, share, 1),
        _between(lines, row, share, 2),
        _between(lines, row, share, 3),
        _between(lines, row, share, 4),
        _between(lines, row, share, 5),
        _between(lines, row, share, 6),
        _between(lines, row, share, 7),
        _between(lines, row, share, 8),
    )


@njit(cache=True)
def _between(table, row, share, column):
    return table[row, column] + share * (table[row + 1, column] - table[row, column])


@njit(cache=True)
def _forehead_height(x, y, z, depth, waves):
    if y <= 56.0 or y >= 104.0 or z <= 30.0:
        return 0.0
    height = 0.0
    sides = (1.0 - smoothstep(34.0, 52.0, abs(x))) * (1.0 - smoothstep(92.0, 104.0, y))
    for line in range(4):
        distance = y - (66.0 + 8.8 * line) - waves[0] - waves[5 + line]
        height += depth * waves[1 + line] * sides * _valley(distance, 1.35)
    return height


@njit(cache=True)
def _forehead(x, y, z, drives, step, lines):
    """Heights at a point and a step further along x, y and z. How lines run depends on x alone."""
    if y <= 56.0 - step or y >= 104.0 or z <= 30.0 - step or abs(x) > 52.0 + step:
        return 0.0, 0.0, 0.0, 0.0
    here, right, up, forward = 0.0, 0.0, 0.0, 0.0
    depth = _forehead_depth(x, drives)
    if depth > 0.01:
        waves = _forehead_waves(x, lines)
        here = _forehead_height(x, y, z, depth, waves)
        up = _forehead_height(x, y + step, z, depth, waves)
        forward = _forehead_height(x, y, z + step, depth, waves)
    depth = _forehead_depth(x + step, drives)
    if depth > 0.01:
        right = _forehead_height(x + step, y, z, depth, _forehead_waves(x + step, lines))
    return here, right, up, forward


@njit(cache=True)
def _crows_feet(x, y, step, lines):
    """How many degrees the four lines beside an eye are turned at a signed x, if they are there or
    a step away.
    """
    if abs(x) < 44.0 - step or y < 12.0 - step or y > 56.0:
        return 0.0, 0.0, 0.0, 0.0
    row, share = _row_of_lines(x)
    return (
        _between(lines, row, share, 9),
        _between(lines, row, share, 10),
        _between(lines, row, share, 11),
        _between(lines, row, share, 12),
    )


_RINGS_REACH = 10.5 + 1.5 * 6.5 + 2.2 * 8.0
"""mm from the middle between the two rings of a neck beyond which both are flat, however far noise
moves them: of its eight corners' shares no sum is above 7.86."""


@njit(cache=True)
def _crease_height(x, y, z, drives, seed, feet):
    """Height in mm of all lines below the forehead; what fades to nothing is not looked at.

    ``feet`` are :func:`_crows_feet` of x. The second number is the part of the height that is a
    bank between two levels: its foot lies low, and in no hollow.
    """
    ax = abs(x)
    left = x > 0.0
    age = drives.age
    height, bank = 0.0, 0.0
    if 38.0 < y < 66.0 and ax < 22.0:
        drive = drives.frown_left if left else drives.frown_right
        depth = (0.44 + 0.24 * age) * drive + 0.40 * max(age - 0.2, 0.0)
        if depth > 0.01 and z > 85.0:
            ends = smoothstep(40.0, 46.0, y) * (1.0 - smoothstep(56.0, 64.0, y))
            if ends > 0.0:
                distance = ax - 7.0 - 0.14 * (y - 50.0)
                height += depth * ends * _valley(distance, 1.5)
    if ax > 44.0 and 12.0 < y < 56.0 and z > 40.0:
        drive = drives.squint_left if left else drives.squint_right
        depth = (0.24 + 0.34 * age) * drive + 0.30 * max(age - 0.1, 0.0)
        if depth > 0.01:
            lateral = (ax - 41.0) + 0.45 * (88.0 - z)
            reach = smoothstep(6.0, 11.0, lateral) * (1.0 - smoothstep(20.0, 34.0, lateral))
            reach *= smoothstep(44.0, 47.0, ax) * smoothstep(12.0, 20.0, y)
            reach *= 1.0 - smoothstep(48.0, 56.0, y)
            if reach > 0.0:
                angle = math.degrees(math.atan2(y - 33.5, lateral))
                for line in range(4):
                    middle = -34.0 + 22.0 * line + feet[line]
                    distance = math.radians(angle - middle) * lateral
                    height += depth * reach * _valley(distance, 1.2)
    if 8.0 < ax < 46.0 and 6.0 < y < 34.0 and z > 40.0:
        drive = drives.squint_left if left else drives.squint_right
        depth = 0.22 * drive + 0.38 * max(age - 0.1, 0.0)
        if depth > 0.01:
            ends = smoothstep(11.0, 16.0, ax) * (1.0 - smoothstep(30.0, 42.0, ax))
            ends *= smoothstep(6.0, 9.0, y) * (1.0 - smoothstep(31.0, 34.0, y))
            if ends > 0.0:
                distance = y - _course(_TROUGH_X, _TROUGH_Y, ax)
                height += depth * ends * _valley(distance, 2.0)
    if -66.0 < y < 6.0 and 7.0 < ax < 52.0 and z > 40.0:
        drive = drives.fold_left if left else drives.fold_right
        depth = (0.75 + 0.45 * age) * drive + 0.80 * age + 0.04
        ends = smoothstep(-46.0, -34.0, y) * (1.0 - smoothstep(-1.0, 5.0, y))
        ends *= smoothstep(7.0, 14.0, ax) * (1.0 - smoothstep(44.0, 52.0, ax))
        distance = (ax - _course(_FOLD_Y, _FOLD_X, min(max(y, -46.0), 3.0))) * 0.82
        if ends > 0.0 and abs(distance) < 36.0:
            step = (1.0 - 2.0 / (math.exp(distance / 1.6) + 1.0)) * math.exp(
                -((distance / 11.0) ** 2)
            )
            # A bank, and a groove in it that is sharp only where the face folds now.
            groove = 1.7 + 1.3 * (1.0 - min(1.5 * drive, 1.0))
            bank = depth * ends * 0.5 * step
            height += bank + depth * ends * 0.5 * _valley(distance, groove)
        if age > 0.3:
            # From the corner of the mouth outward and down; short and soft in most people.
            ends = smoothstep(-60.0, -47.0, y) * (1.0 - smoothstep(-43.0, -36.0, y))
            if ends > 0.0:
                distance = ax - 28.5 - 0.35 * (-40.0 - y)
                height += 0.80 * (age - 0.3) * ends * _valley(distance, 2.4)
    if drives.chin > 0.01 and ax < 40.0 and -92.0 < y < -36.0:
        round_chin = math.exp(-((x / 13.0) ** 2) - ((y + 63.0) / 9.0) ** 2)
        round_chin *= smoothstep(82.0, 96.0, z)
        if round_chin > 0.0:
            wave = noise_at(x / 3.4, y / 3.4, z / 3.4, seed + 47)
            height += 0.28 * drives.chin * round_chin * wave
    if y < -84.0 and z > -20.0 and drives.neck > 0.0 and abs(y + 0.14 * z + 108.5) < _RINGS_REACH:
        level = y + 0.14 * z + 2.2 * noise_at(x / 21.0, y / 40.0, 0.4, seed + 53)
        rings = _valley(level + 98.0, 1.5) + 0.8 * _valley(level + 119.0, 1.5)
        if rings != 0.0:
            depth = 0.34 * drives.neck
            depth *= 0.55 + 0.45 * noise_at(x / 17.0, y / 9.0, 0.8, seed + 59)
            height += depth * smoothstep(-20.0, 15.0, z) * rings
    return height, bank


@njit(cache=True)
def _may_crease(ax, y, z, step):
    """Whether lines below the forehead may be at a point or a step away."""
    if y < -84.0:
        return z > -20.0 - step
    if y >= 66.0 or z <= 40.0 - step:
        return False
    return ax < 52.0 + step or 12.0 - step < y < 56.0


@njit(cache=True)
def wrinkle_height(x, y, z, drives, seed, lines):
    """Height in mm of all expression and age lines at a template point; x signed.

    ``lines`` are :func:`lines_of` the seed.
    """
    creases, _ = _crease_height(x, y, z, drives, seed, _crows_feet(x, y, 0.0, lines))
    return creases + _forehead(x, y, z, drives, 0.0, lines)[0]


@njit(cache=True)
def wrinkle_gradient(x, y, z, drives, footprint, seed, lines):
    """Height and gradient of :func:`wrinkle_height`, by differences over about a pixel, and the
    depth of the hollow a point lies in, mm and 0 on a bank's foot."""
    visible = fade(5.0, footprint)
    if visible <= 0.0:
        return 0.0, 0.0, 0.0, 0.0, 0.0
    step = max(0.12, 0.4 * footprint)
    here, right, up, forward = _forehead(x, y, z, drives, step, lines)
    scale = visible / step
    if not _may_crease(abs(x), y, z, step):
        height, hollow = visible * here, visible * max(-here, 0.0)
        across, along, ahead = (right - here) * scale, (up - here) * scale, (forward - here) * scale
        return height, across, along, ahead, hollow
    feet = _crows_feet(x, y, step, lines)
    creases, bank = _crease_height(x, y, z, drives, seed, feet)
    beside = _crows_feet(x + step, y, step, lines)
    right += _crease_height(x + step, y, z, drives, seed, beside)[0] - creases
    up += _crease_height(x, y + step, z, drives, seed, feet)[0] - creases
    # Below the forehead depth alone changes a line on temples, chin and neck only; elsewhere it
    # tells front from back, far from where the face is.
    if (abs(x) > 44.0 and y > 12.0) or y < -84.0 or drives.chin > 0.01:
        forward += _crease_height(x, y, z + step, drives, seed, feet)[0] - creases
    return (
        visible * (here + creases),
        (right - here) * scale,
        (up - here) * scale,
        (forward - here) * scale,
        visible * max(bank - creases - here, 0.0),
    )


@njit(cache=True)
def pore_amount(x, y, z):
    """How coarse the pores are, 0.25..1, over the folded position: nose, cheeks, forehead."""
    nose = math.exp(-((x / 17.0) ** 2) - ((y - 5.0) / 20.0) ** 2)
    cheek = math.exp(-(((x - 27.0) / 15.0) ** 2) - ((y - 2.0) / 18.0) ** 2)
    forehead = 0.55 * math.exp(-((x / 40.0) ** 2) - ((y - 72.0) / 18.0) ** 2)
    front = smoothstep(40.0, 80.0, z)
    return 0.25 + 0.75 * front * min(nose + cheek + forehead, 1.0)


@njit(cache=True)
def grain_gradient(x, y, z, mouth_ring, drives, footprint, seed, noise, here):
    """Gradient of pores, skin grain and lip creases at a template point; x signed.

    ``noise`` is a block of ``skin_noise``, ``here`` the point's column.
    """
    gx, gy, gz = 0.0, 0.0, 0.0
    lips = lip_mask(abs(x), y, mouth_ring)
    dry = 1.0 - lips
    if dry > 0.0:
        amount = drives.pores * pore_amount(abs(x), y, z)
        for octave in range(3):
            wavelength = GRAIN_WAVES[octave]
            depth = 0.016 if octave == 0 else (0.012 if octave == 1 else 0.008)
            visible = fade(wavelength, footprint)
            if visible <= 0.0:
                continue
            scale = 1.0 / wavelength
            row = GRAIN + 4 * octave
            value, nx = noise[row, here], noise[row + 1, here]
            ny, nz = noise[row + 2, here], noise[row + 3, here]
            # Squaring the troughs makes pits between plateaus instead of hills.
            factor = dry * visible * depth * scale
            factor *= 0.55 if octave == 0 else (0.25 + amount) * (1.5 if value < 0.0 else 0.5)
            gx += factor * nx
            gy += factor * ny
            gz += factor * nz
    if lips > 0.0:
        wavelength = 1.25
        visible = fade(wavelength, footprint)
        if visible > 0.0:
            _, nx, ny, nz = noise_and_gradient_at(x / wavelength, y / 7.0, z / 9.0, seed + 71)
            depth = (0.045 + 0.03 * drives.age + 0.09 * drives.pucker) * lips * visible
            gx += depth * nx / wavelength
            gy += depth * ny / 7.0
            gz += depth * nz / 9.0
    elif mouth_ring < 3.4 and drives.pucker + drives.age > 0.3:
        visible = fade(2.6, footprint)
        around = 1.0 - smoothstep(2.5, 3.4, mouth_ring)
        depth = (0.16 * drives.pucker + 0.15 * max(drives.age - 0.3, 0.0)) * around * visible
        _, nx, ny, nz = noise_and_gradient_at(x / 2.6, y / 14.0, z / 18.0, seed + 73)
        gx += depth * nx / 2.6
        gy += depth * ny / 14.0
        gz += depth * nz / 18.0
    return gx, gy, gz
