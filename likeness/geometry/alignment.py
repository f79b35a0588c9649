"""Best similarity or rigid motion between matched points, in closed form (Umeyama 1991), NumPy.

Batched tensors have :mod:`likeness.geometry.procrustes`; surfaces without matches are registered by
:mod:`likeness.geometry.registration`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Similarity:
    """``y = scale * rotation @ x + translation`` in D dimensions; never a reflection."""

    scale: float
    rotation: np.ndarray  # (D, D)
    translation: np.ndarray  # (D,)

    def apply(self, points: np.ndarray) -> np.ndarray:
        """Points (..., D) moved."""
        return self.scale * points @ self.rotation.T + self.translation

    def inverse(self) -> Similarity:
        rotation = self.rotation.T
        return Similarity(1.0 / self.scale, rotation, -(rotation @ self.translation) / self.scale)

    @property
    def matrix(self) -> np.ndarray:
        """(D, D + 1); for D = 2 the affine map of :mod:`likeness.geometry.affine`."""
        return np.concatenate([self.scale * self.rotation, self.translation[:, None]], axis=1)


def fit_similarity(
    source: np.ndarray,
    target: np.ndarray,
    *,
    weights: np.ndarray | None = None,
    scale: float | None = None,
) -> Similarity:
    """The similarity that moves ``source`` onto ``target`` with the least squared error.

    Args:
        source, target: matched points (N, D), D 2 or 3, at least D of them in general position.
        weights: (N,) not negative; None for equal ones.
        scale: fixes the scale (1.0 for a rigid motion); None finds it. The best rotation does not
            depend on the scale, the translation does.

    Raises:
        ValueError: shapes that differ, or points that all coincide.
    """
    source, target = np.asarray(source, np.float64), np.asarray(target, np.float64)
    if source.shape != target.shape or source.ndim != 2 or source.shape[1] not in (2, 3):
        raise ValueError(
            f"expected two (N, 2) or (N, 3) arrays of matched points, got {source.shape} and "
            f"{target.shape}"
        )
    share = np.ones(len(source)) if weights is None else np.asarray(weights, np.float64)
    total = share.sum()
    if share.shape != (len(source),) or (share < 0).any() or total <= 0:
        raise ValueError("weights must be (N,), not negative, and not all zero")
    share = share / total
    mean_source, mean_target = share @ source, share @ target
    x, y = source - mean_source, target - mean_target
    variance = float(share @ (x * x).sum(axis=1))
    if variance <= 0:
        raise ValueError("the source points coincide: there is no similarity to find")
    u, singular, vt = np.linalg.svd((share[:, None] * x).T @ y)
    sign = np.ones(source.shape[1])
    sign[-1] = np.sign(np.linalg.det(vt.T @ u.T)) or 1.0
    rotation = (vt.T * sign) @ u.T
    if scale is None:
        scale = float((singular * sign).sum() / variance)
    return Similarity(scale, rotation, mean_target - scale * rotation @ mean_source)
