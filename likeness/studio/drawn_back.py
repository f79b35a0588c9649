"""How single strands of tied hair differ: short ones at the hairline, loose ones at the temples.

Owns which roots have them, and how far the others reach. The combing of each style is told by
``hair_shapes``, what is beyond the knot by ``knots``.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from likeness.studio.hair_shapes import KNOT, Recipe, smooth

_ROUND = 95.0
"""Radius in mm of the way over a head of average size."""


def reach_of_knot(roots: np.ndarray) -> np.ndarray:
    """(N,) mm that strands from (N, 3) roots need along the head to end just beyond the knot."""
    straight = np.linalg.norm(KNOT - roots, axis=1)
    along = 2.0 * _ROUND * np.arcsin(np.minimum(straight / (2.0 * _ROUND), 1.0))
    return 1.06 * along + 8.0


def wisps_of(recipe: Recipe) -> Recipe:
    """The recipe of the short hairs where tied hair begins: they lie back, before the ears down."""

    def flow(positions: np.ndarray, roots: np.ndarray) -> np.ndarray:
        before_ear = (smooth(48.0, 30.0, roots[:, 1]) * smooth(-20.0, 0.0, roots[:, 2]))[:, None]
        down = np.array([0.0, -1.0, -0.45])
        return before_ear * down + (1.0 - before_ear) * recipe.flow(positions, roots)

    return replace(recipe, flow=flow, unruly=0.5)


def are_wisps(above_line: np.ndarray, chance: np.ndarray) -> np.ndarray:
    """Which roots so far above the hairline in mm have short hairs, by (N,) ``chance`` of 0..1."""
    return chance < 0.6 * smooth(14.0, 2.0, above_line)


def at_temple(roots: np.ndarray, above_line: np.ndarray) -> np.ndarray:
    """Which (N, 3) roots so far above the hairline in mm are those of locks before the ears."""
    before_ears = (roots[:, 2] > 30.0) & (roots[:, 1] > 40.0) & (np.abs(roots[:, 0]) > 45.0)
    return before_ears & (above_line < 16.0)
