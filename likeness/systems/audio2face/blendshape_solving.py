"""Weights of blendshapes that come closest to vertices, frame by frame.

The problem is that of NVIDIA's Audio2Face-3D SDK: least squares with an L1-like term, a ridge, ties
between mirrored poses and a pull towards the frame before, all weights in 0..1. The SDK adds the
pull a hundred times as strong to the matrix as to the vector, which shrinks the weights of a held
pose instead of smoothing them, and takes the least squares of the normal equations; both are done
only on demand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.systems.audio2face.artefacts import Blendshapes
from likeness.systems.audio2face.bounded_solving import Bounds, minimise_in_box

_OFF = 1e-10
"""Upper bound of the weaker pose of two that cancel each other."""
_BLOCK = 8
"""Frames projected together: more do not fit the caches of a processor."""


@dataclass(frozen=True, eq=False)
class SolveState:
    """Weights of the active poses before multipliers, and which lie at their bounds."""

    weights: NDArray[np.float64]
    bounds: Bounds


class BlendshapeSolver:
    """The solver of one mesh. It has no memory; states go in and come out."""

    def __init__(self, blendshapes: Blendshapes, *, runtime_compat: bool = False) -> None:
        """Args:
            blendshapes: shapes with the settings of their solver.
            runtime_compat: solve what the SDK solves (see above) instead of the quadratic itself,
                with a previous frame that counts as much in the vector as in the matrix.

        Raises:
            DataError: settings that are missing or do not fit, or no active pose.
        """
        settings, num_poses = blendshapes.settings, len(blendshapes.names)
        active = np.flatnonzero(_list(settings, "bsSolveActivePoses", num_poses))
        if not len(active):
            raise DataError("Blendshapes need an active pose at least, found none.")
        self._active, self._num_poses, self._compat = active, num_poses, runtime_compat
        rows: slice | NDArray[np.int32] = slice(None)
        if blendshapes.frontal_mask is not None:
            rows = blendshapes.frontal_mask
        self._rows = rows
        self._neutral = blendshapes.neutral[rows].astype(np.float64).ravel()
        basis = blendshapes.offsets[active][:, rows].reshape(len(active), -1)
        self._basis = basis.astype(np.float64)  # (P, 3 m)
        box = np.linalg.norm(np.ptp(blendshapes.neutral.astype(np.float64), axis=0))
        scale = float(box / _number(settings, "templateBBSize")) ** 2
        self._symmetric = _pairs(
            settings, "bsSolveSymmetryPoses", active, num_poses, runtime_compat
        )
        self._cancel = _pairs(settings, "bsSolveCancelPoses", active, num_poses, runtime_compat)
        temporal = _number(settings, "strengthTemporalSmoothing") * scale
        self._pull = temporal * (1.0 if runtime_compat else 100.0)
        matrix = self._basis @ self._basis.T
        matrix += _number(settings, "strengthL1regularization") ** 2 * 0.25 * scale
        ridge = _number(settings, "strengthL2regularization") * 10 * scale + temporal * 100
        matrix += ridge * np.eye(len(active))
        tie = _number(settings, "strengthSymmetry") * 10 * scale
        for one, other in self._symmetric:
            matrix[[one, other], [one, other]] += tie
            matrix[[one, other], [other, one]] -= tie
        self._matrix = matrix
        self._squared = matrix.T @ matrix if runtime_compat else matrix
        multipliers = _list(settings, "bsWeightMultipliers", num_poses)
        self._multipliers = multipliers[active]
        self._offsets = _list(settings, "bsWeightOffsets", num_poses)

    def start(self) -> SolveState:
        """The state before the first frame: weights 0."""
        count = len(self._active)
        return SolveState(np.zeros(count), np.full(count, -1, np.int8))

    def step(
        self, state: SolveState, vertices: NDArray[np.floating]
    ) -> tuple[SolveState, NDArray[np.float32]]:
        """The next state and the weights (P,) of all poses for vertices (V, 3)."""
        return self._solve(state, self._project(vertices[None])[0])

    def run(self, vertices: NDArray[np.floating]) -> NDArray[np.float32]:
        """Weights (F, P) of frames (F, V, 3) that follow each other."""
        out = np.empty((len(vertices), self._num_poses), np.float32)
        state = self.start()
        for first in range(0, len(vertices), _BLOCK):
            block = self._project(vertices[first : first + _BLOCK])
            for frame, projected in enumerate(block, first):
                state, out[frame] = self._solve(state, projected)
        return out

    def _project(self, vertices: NDArray[np.floating]) -> NDArray[np.float64]:
        given = np.asarray(vertices[:, self._rows], np.float64).reshape(len(vertices), -1)
        return (given - self._neutral) @ self._basis.T

    def _solve(
        self, state: SolveState, projected: NDArray[np.float64]
    ) -> tuple[SolveState, NDArray[np.float32]]:
        vector = projected + self._pull * state.weights
        if self._compat:
            vector = self._matrix.T @ vector
        upper = np.ones(len(self._active))
        weights, bounds = minimise_in_box(self._squared, vector, upper, state.bounds)
        if self._cancel:
            for one, other in self._cancel:
                upper[one if weights[one] < weights[other] else other] = _OFF
            weights, bounds = minimise_in_box(self._squared, vector, upper, bounds)
        out = self._offsets.copy()
        out[self._active] += weights * self._multipliers
        return SolveState(weights, bounds), out.astype(np.float32)


def solve(
    targets: NDArray[np.floating], blendshapes: Blendshapes, *, runtime_compat: bool = False
) -> NDArray[np.float32]:
    """Weights (F, P) of frames (F, V, 3) of vertices in the unit of the blendshapes."""
    return BlendshapeSolver(blendshapes, runtime_compat=runtime_compat).run(targets)


def _pairs(
    settings: Mapping[str, object],
    key: str,
    active: NDArray[np.int64],
    num_poses: int,
    runtime_compat: bool,
) -> list[tuple[int, int]]:
    """Places among the active poses that share an identity of their own.

    The SDK takes two active poses that are unpaired for a pair, if there are exactly two.
    """
    identities = _list(settings, key, num_poses)[active].astype(int)
    found = []
    for identity in dict.fromkeys(identities.tolist()):
        places = np.flatnonzero(identities == identity)
        if len(places) == 2 and (identity >= 0 or runtime_compat):
            found.append((int(places[0]), int(places[1])))
    return found


def _list(settings: Mapping[str, object], key: str, count: int) -> NDArray[np.float64]:
    values = settings.get(key)
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        raise DataError(f"The settings of a solver need {count} entries of '{key}'.")
    return np.array(values, np.float64)


def _number(settings: Mapping[str, object], key: str) -> float:
    value = settings.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise DataError(f"The settings of a solver need a number from 0 on for '{key}'.")
    if key == "templateBBSize" and value < 1:
        raise DataError(f"'templateBBSize' must be at least 1, found {value}.")
    return float(value)
