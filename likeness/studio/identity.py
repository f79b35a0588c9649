"""From what is known of a person's head to its shape at rest.

Owns the solve from measures to mode coefficients, the residual bumps no measure tells of, and what
eyeballs, lids, teeth and linings do when the skin around them changes. The modes themselves are
:mod:`likeness.studio.modes`, the draw of the quantities :mod:`likeness.studio.population`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

from likeness.studio import ears, eyelids, lips
from likeness.studio.anthropometry import MEASURED, QUANTITIES
from likeness.studio.cage import load_cage
from likeness.studio.measures import measure
from likeness.studio.modes import MODE_INDEX, MODES, build_modes
from likeness.studio.parts import lid_lining
from likeness.studio.template import SIDES, Template, build_template

Array = NDArray[np.float64]

NUM_BUMPS = 26
_BUMP_RADIUS = (18.0, 38.0)
_BUMP_SD = 0.75
_SYMMETRIC_SHARE = 0.7
# mm from the midline over which sideways parts of symmetric bumps fade out: more than all bumps
# together move there, or the skin of both sides would meet.
_MIDLINE_FADE = 8.0

_LIMIT = 2.6  # standard deviations a coefficient may lie from what is expected of the person
_RIDGE = 1e-3
_STILL_LINING = (1.0, 1.0, 0.6, 0.3)  # share of the seam's own movement per ring of mouth lining

_DIRECT = tuple(quantity.name for quantity in QUANTITIES[len(MEASURED) :])
_SOLVED = tuple(mode.name for mode in MODES if mode.name not in _DIRECT)
_SOLVED_AT = [MODE_INDEX[name] for name in _SOLVED]


@dataclass(frozen=True)
class Bump:
    """A smooth dent or swelling of the skin."""

    center: tuple[float, ...]
    """x, y, z on the template, mm."""
    radius: float
    """mm; the displacement has fallen to 1/e there."""
    move: tuple[float, ...]
    """x, y, z in mm at the centre; of a symmetric bump the side with x > 0."""
    symmetric: bool


@dataclass(frozen=True)
class Identity:
    """The shape of a head as plain numbers."""

    modes: tuple[float, ...]
    """Coefficients in the order of ``modes.MODES``."""
    bumps: tuple[Bump, ...]


@dataclass(frozen=True)
class _Solver:
    """The linear answer of all measures to all modes, around the mean of the population."""

    base: Array  # (modes,) coefficients of the mean head
    measured: Array  # (measures,) its measures, mm
    jacobian: Array  # (measures, modes) mm per coefficient
    inverse: Array  # (solved modes, measures) ridge solution


def draw_bumps(rng: np.random.Generator) -> tuple[Bump, ...]:
    """What makes two heads of equal measures two people; a third of it differs left and right."""
    cage = load_cage()
    smooth = (cage.ear == 0.0) & (cage.eye_ring >= 3.0) & (cage.mouth_ring >= 3.0)
    centers = cage.points[smooth & (cage.points[:, 1] > -100.0)]
    places = centers[rng.integers(len(centers), size=NUM_BUMPS)]
    places = places + rng.normal(0.0, 4.0, (NUM_BUMPS, 3))
    radii = rng.uniform(*_BUMP_RADIUS, NUM_BUMPS)
    moves = rng.normal(0.0, _BUMP_SD, (NUM_BUMPS, 3))
    symmetric = rng.random(NUM_BUMPS) < _SYMMETRIC_SHARE
    return tuple(
        Bump(_rounded(place, 2), round(float(radius), 2), _rounded(move, 3), bool(both))
        for place, radius, move, both in zip(places, radii, moves, symmetric)
    )


def solve(quantities: Array, expected: Array, bumps: tuple[Bump, ...]) -> Identity:
    """The identity whose head has the given quantities.

    Coefficients of measured modes come from the measures' linear answer and a correction of it,
    those of traits directly.
    What is expected of the person is met in full; the difference from it is limited to 2.6
    standard deviations of every coefficient.

    Args:
        quantities: of the person, in the order of ``anthropometry.QUANTITIES``, mm.
        expected: of people of the same sex, age, mass and ancestry, likewise.
        bumps: of the person; measures are met with them.
    """
    solver = _solver()
    mean = solver.base + _coefficients(solver, expected)
    mean = _corrected(solver, mean, expected, (), steps=1)  # only the middle of the limits
    own = solver.base + _coefficients(solver, quantities)
    limit = _LIMIT * np.array([mode.sd for mode in MODES])
    own = _corrected(solver, mean + np.clip(own - mean, -limit, limit), quantities, bumps, steps=2)
    return Identity(_rounded(mean + np.clip(own - mean, -limit, limit), 5), bumps)


def _corrected(
    solver: _Solver, modes: Array, quantities: Array, bumps: tuple[Bump, ...], *, steps: int
) -> Array:
    """Newton steps from the linear answer.

    The linear answer knows no bumps, and measures are distances: the tip of a nose that points
    down is further from the lip than it says.
    """
    better = modes.copy()
    for _ in range(steps):
        missing = quantities[: len(MEASURED)] - _measured(better, bumps)
        better[_SOLVED_AT] += solver.inverse @ missing
    return better


def _coefficients(solver: _Solver, quantities: Array) -> Array:
    """Coefficients (modes,) on top of the mean head's."""
    direct = [MODE_INDEX[name] for name in _DIRECT]
    found = np.zeros(len(MODES))
    found[direct] = quantities[len(MEASURED) :] - solver.base[direct]
    wanted = quantities[: len(MEASURED)] - solver.measured
    wanted -= solver.jacobian[:, direct] @ found[direct]
    found[_SOLVED_AT] = solver.inverse @ wanted
    return found


@functools.cache
def _solver() -> _Solver:
    """Moves the template to the mean of both sexes and measures the Jacobian there.

    The template is one mesh, not the population: its breadths are large and its ears small. Three
    Newton steps bring every measure to the mean; what remains is far under a millimetre.
    """
    sd = np.array([0.5 * (q.men[1] + q.women[1]) for q in MEASURED])
    mean = np.array([0.5 * (q.men[0] + q.women[0]) for q in MEASURED])
    solved = _SOLVED_AT
    spread = np.array([MODES[i].sd for i in solved])

    base = np.zeros(len(MODES))
    for _ in range(3):
        measured = _measured(base)
        jacobian = np.empty((len(MEASURED), len(MODES)))
        for i, mode in enumerate(MODES):
            step = np.zeros(len(MODES))
            step[i] = 0.25 * mode.sd
            jacobian[:, i] = _measured(base + step) - _measured(base - step)
            jacobian[:, i] /= 0.5 * mode.sd
        answer = jacobian[:, solved] * spread / sd[:, None]
        ridge = answer.T @ answer + _RIDGE * np.eye(len(solved))
        inverse = spread[:, None] * np.linalg.solve(ridge, answer.T) / sd
        base[solved] += inverse @ (mean - measured)
    return _Solver(base, _measured(base), jacobian, inverse)


def _measured(modes: Array, bumps: tuple[Bump, ...] = ()) -> Array:
    """(measures,) of a head in mm, in the order of ``MEASURED``."""
    template = build_template()
    values = measure(template, _settled(template, _skin_moves(template, modes, bumps)))
    return np.array([values[quantity.name] for quantity in MEASURED])


def _rounded(values: Array, digits: int) -> tuple[float, ...]:
    """Plain numbers, rounded so that they are the same on every machine."""
    return tuple(round(float(value), digits) + 0.0 for value in values)


def rest_vertices(template: Template, identity: Identity) -> Array:
    """The head at rest, (V, 3) mm: mouth closed, eyes open and straight ahead.

    Args:
        template: any level of detail.
        identity: of the person.
    """
    move = _skin_moves(template, np.asarray(identity.modes), identity.bumps)
    vertices = _settled(template, move)
    _hang_linings(template, vertices, move)
    lips.tuck_lining(template, vertices)
    return vertices


def _skin_moves(template: Template, modes: Array, bumps: tuple[Bump, ...]) -> Array:
    """Displacement (skin vertices, 3) of a head from the template."""
    return np.tensordot(modes, build_modes(template), axes=1) + _bump_moves(template, bumps)


@functools.lru_cache(maxsize=4)  # solving and building a head need the same
def _bump_moves(template: Template, bumps: tuple[Bump, ...]) -> Array:
    """Displacement (skin vertices, 3) by all bumps together."""
    skin = template.vertices[: template.num_skin]
    moves = np.zeros_like(skin)
    for bump in bumps:
        _add_bump(
            skin, np.array(bump.center), bump.radius, np.array(bump.move), bump.symmetric, moves
        )
    return moves


@numba.njit(cache=True)
def _add_bump(
    skin: Array, center: Array, radius: float, move: Array, symmetric: bool, moves: Array
) -> None:
    for i in range(len(skin)):
        x, y, z = skin[i]
        side = x
        fade = 1.0
        if symmetric:
            side = abs(x)
            fade = min(max(x / _MIDLINE_FADE, -1.0), 1.0)
        along = side - (abs(center[0]) if symmetric else center[0])
        distance = along**2 + (y - center[1]) ** 2 + (z - center[2]) ** 2
        if distance < 14.0 * radius**2:  # e^-14 mm is nothing
            amount = np.exp(-distance / radius**2)
            moves[i, 0] += amount * fade * move[0]
            moves[i, 1] += amount * move[1]
            moves[i, 2] += amount * move[2]


def _settled(template: Template, move: Array) -> Array:
    """The head but for its linings, from a displacement of its skin (skin vertices, 3).

    Balls move rigidly by the median of their lid margin and are never scaled, so lids are cleared
    of them afterwards; teeth and tongue follow the mean of the lip seam. Linings are not measured
    and stay behind: :func:`_hang_linings` brings them.
    """
    vertices = template.vertices.copy()
    vertices[: template.num_skin] += move
    ears.clear_heads(template, vertices)
    for side, center in zip(SIDES, template.eye_centers):
        shift = np.median(move[template.eye_loops[side]], axis=0)
        vertices[template.part_ranges[f"eyeball_{side}"]] += shift
        eyelids.draw_in_lids(template, vertices, side, center + shift)
        eyelids.clear_ball(template, vertices, side, center + shift, np.array([0.0, 0.0, 1.0]))
    middle = move[template.mouth_loop].mean(axis=0)
    vertices[template.of("teeth_upper", "teeth_lower", "tongue")] += middle
    lips.settle_lips(template, vertices, np.eye(3))
    return vertices


def _hang_linings(template: Template, vertices: Array, move: Array) -> None:
    """Brings the lining of the mouth after the lips, and sweeps those of the lids, in place."""
    seam = move[template.mouth_loop]
    middle = seam.mean(axis=0)
    lining = template.of("mouth_lining")
    for ring, share in enumerate(_STILL_LINING):
        ids = lining[template.lining_ring[lining] == ring]
        vertices[ids] += share * seam + (1.0 - share) * middle
    for side, center in zip(SIDES, template.eye_centers):
        shift = np.median(move[template.eye_loops[side]], axis=0)
        mirror = np.array([1.0 if side == "left" else -1.0, 1.0, 1.0])
        from_left = (center + shift) * mirror - template.eye_centers[0]
        margin = vertices[template.eye_loops[side]] * mirror - from_left
        lining = lid_lining(margin).vertices + from_left
        vertices[template.part_ranges[f"lid_lining_{side}"]] = lining * mirror
