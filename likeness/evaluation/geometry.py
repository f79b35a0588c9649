"""Errors of heads as surfaces, in millimetres: between registered meshes, and between persons.

Surfaces without vertex correspondence are measured by :mod:`likeness.evaluation.now_benchmark`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import numpy as np

from likeness.evaluation.protocol import Score, Scores
from likeness.geometry.alignment import fit_similarity

Mode = Literal["raw", "rigid", "similarity"]
_MILLIMETRES = 1000.0


def vertex_errors(
    predicted: np.ndarray,
    truth: np.ndarray,
    *,
    mode: Mode,
    region: np.ndarray | None = None,
) -> np.ndarray:
    """Distance of every vertex from its true place, (N,) millimetres.

    Args:
        predicted, truth: registered meshes (V, 3), metres.
        mode: "raw" compares as they are, "rigid" after the best rotation and translation,
            "similarity" after the best scale too (Procrustes; never a reflection).
        region: vertex ids (N,) that are aligned and measured; None for all.
    """
    if predicted.shape != truth.shape:
        raise ValueError(f"meshes of {predicted.shape} and {truth.shape} are not registered")
    if mode not in get_args(Mode):
        raise ValueError(f"unknown mode {mode!r}; there are {', '.join(get_args(Mode))}")
    if region is not None:
        predicted, truth = predicted[region], truth[region]
    if mode != "raw":
        motion = fit_similarity(predicted, truth, scale=1.0 if mode == "rigid" else None)
        predicted = motion.apply(predicted)
    return _MILLIMETRES * np.linalg.norm(predicted - truth, axis=1)


def vertex_scores(
    predicted: Sequence[np.ndarray],
    truth: Sequence[np.ndarray],
    *,
    region: np.ndarray | None = None,
    baseline: np.ndarray | None = None,
    prefix: str = "vertex_error",
) -> Scores:
    """Mean vertex error over persons in the three modes, beside that of one fixed face.

    Args:
        predicted, truth: registered meshes (V, 3) in metres, one each per sample.
        baseline: the mean face (V, 3), compared with every truth in the same way.
        prefix: of the score names, e.g. "vertex_error" gives "vertex_error_rigid".
    """
    if len(predicted) != len(truth) or not len(truth):
        raise ValueError(f"{len(predicted)} predictions for {len(truth)} true heads")
    rows = []
    for mode in get_args(Mode):
        found = [
            vertex_errors(p, t, mode=mode, region=region).mean()
            for p, t in zip(predicted, truth, strict=True)
        ]
        base = None
        if baseline is not None:
            base = float(
                np.mean(
                    [vertex_errors(baseline, t, mode=mode, region=region).mean() for t in truth]
                )
            )
        rows.append(
            Score(
                name=f"{prefix}_{mode}",
                value=float(np.mean(found)),
                unit="mm",
                direction="lower",
                count=len(truth),
                baseline=base,
                baseline_name="mean face" if base is not None else "",
            )
        )
    return Scores(rows)


def shape_consistency(
    shapes: Mapping[str, np.ndarray], basis: np.ndarray, *, region: np.ndarray | None = None
) -> Scores:
    """How much the shape found for one person varies over photographs, against between persons.

    Both spreads are root mean square vertex distances from a mean: of a person's photographs from
    that person's mean, and of the persons' means from theirs.

    Args:
        shapes: person to coefficients (K, S) of K photographs; persons with one are used for the
            spread between persons only.
        basis: shape basis (V, 3, S), metres per unit.
        region: vertex ids to measure; None for all.
    """
    chosen = basis if region is None else basis[region]
    repeated = [codes for codes in shapes.values() if len(codes) > 1]
    if len(shapes) < 2 or not repeated:
        raise ValueError(
            f"consistency needs two persons and one with two photographs, got {len(shapes)} persons"
        )

    def spread(codes: np.ndarray, degrees_lost: int) -> float:
        offsets = np.einsum("vcs,ks->kvc", chosen, codes)
        return float((offsets**2).sum(axis=2).mean(axis=1).sum() / (len(codes) - degrees_lost))

    squares = [
        spread(codes - codes.mean(axis=0), 0) * len(codes) / (len(codes) - 1) for codes in repeated
    ]
    within = _MILLIMETRES * float(np.sqrt(np.mean(squares)))
    means = np.stack([codes.mean(axis=0) for codes in shapes.values()])
    between = _MILLIMETRES * float(np.sqrt(spread(means - means.mean(axis=0), 1)))
    count = sum(len(codes) for codes in shapes.values())
    return Scores(
        [
            Score("shape_spread_within", within, "mm", "lower", count, between, "between persons"),
            Score("shape_spread_ratio", within / between, "", "lower", count, 1.0, "no identity"),
        ]
    )
