"""How the quantities of a head vary together in the population, and the draw of one person's.

Owns correlations, the dependence on sex, ancestry, body mass and age, and the draw. The quantities
themselves are listed in :mod:`likeness.studio.anthropometry`.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from likeness.studio.anthropometry import ANCESTRIES, BMI_MEAN, BMI_SD, QUANTITIES, Sex

_SURVEY = {
    "male": {"european": 0.68, "african": 0.15, "hispanic": 0.12, "east_asian": 0.05},
    "female": {"european": 0.52, "african": 0.31, "hispanic": 0.12, "east_asian": 0.05},
}
"""Composition of ANSUR II, whose spreads include the differences between its groups."""

LEAST = {"epicanthus": 0.0, "eye_bag": 0.0, "jowl": 0.0, "upper_red": 4.5, "lower_red": 5.5}
"""Bounds of a draw, mm: a fold or bag is there or not, and no lip turns inward."""

_CORRELATIONS: dict[tuple[str, str], float] = {
    # ANSUR II, within a sex.
    ("head_length", "head_breadth"): 0.19,
    ("head_breadth", "bizygomatic"): 0.64,
    ("bizygomatic", "interpupillary"): 0.45,
    ("bizygomatic", "neck_circumference"): 0.53,
    ("menton_sellion", "head_length"): 0.30,
    ("menton_sellion", "head_breadth"): 0.18,
    ("menton_sellion", "bizygomatic"): 0.28,
    ("menton_sellion", "neck_circumference"): 0.25,
    ("menton_sellion", "interpupillary"): 0.15,
    ("menton_sellion", "ear_length"): 0.25,
    ("menton_sellion", "tragion_vertex"): 0.20,
    ("head_length", "interpupillary"): 0.25,
    ("head_length", "bizygomatic"): 0.30,
    ("head_length", "neck_circumference"): 0.28,
    ("head_length", "tragion_vertex"): 0.30,
    ("head_breadth", "interpupillary"): 0.30,
    ("head_breadth", "neck_circumference"): 0.35,
    ("head_breadth", "tragion_vertex"): 0.20,
    ("ear_length", "ear_breadth"): 0.33,
    ("ear_length", "ear_protrusion"): 0.25,
    ("size", "head_length"): 0.65,
    ("size", "head_breadth"): 0.40,
    ("size", "bizygomatic"): 0.45,
    ("size", "menton_sellion"): 0.55,
    ("size", "nose_height"): 0.40,
    ("size", "interpupillary"): 0.35,
    ("size", "mouth_width"): 0.25,
    ("size", "ear_length"): 0.25,
    # A linear model of scanned heads, lessened where ancestry explains a part of it.
    ("upper_red", "lower_red"): 0.75,
    ("upper_red", "nose_protrusion"): -0.20,
    # A lip with more red is higher: the skin above it varies by 1.4 mm among the same heads, less
    # than the red (1.7) and than both together (1.9).
    ("upper_red", "upper_lip_height"): 0.45,
    ("lower_red", "upper_lip_height"): 0.30,
    ("upper_red", "lips_out"): 0.45,
    ("lower_red", "lips_out"): 0.45,
    ("upper_red", "cupid_bow"): 0.25,
    ("mouth_width", "nose_width"): 0.35,
    ("mouth_width", "bizygomatic"): 0.30,
    ("bizygomatic", "bigonial"): 0.60,
    ("bigonial", "neck_circumference"): 0.50,
    ("bigonial", "chin_width"): 0.40,
    ("bigonial", "head_breadth"): 0.35,
    ("bigonial", "jaw_body"): 0.40,
    ("jaw_body", "chin_width"): 0.40,
    ("nose_height", "menton_sellion"): 0.60,
    ("nose_height", "head_length"): 0.20,
    ("upper_lip_height", "menton_sellion"): 0.40,
    ("intercanthal", "biocular"): 0.68,
    ("intercanthal", "interpupillary"): 0.80,
    ("biocular", "interpupillary"): 0.85,
    ("intercanthal", "nose_width"): 0.30,
    ("intercanthal", "bridge_width"): 0.35,
    ("biocular", "bizygomatic"): 0.45,
    ("biocular", "head_breadth"): 0.30,
    ("biocular", "head_length"): 0.25,
    ("nose_width", "tip_width"): 0.45,
    ("nose_width", "bridge_width"): 0.25,
    ("bridge_out", "nose_protrusion"): 0.35,
    ("bridge_out", "hump"): 0.30,
    ("tip_up", "hump"): -0.30,
    ("brow_ridge", "forehead_slope"): 0.40,
    ("brow_ridge", "brow_height"): -0.35,
    ("brow_ridge", "eye_depth"): -0.30,
    ("brow_height", "fissure_height"): 0.25,
    ("brow_height", "lid_fold"): -0.30,
    ("brow_height", "brow_tilt"): 0.20,
    ("lid_fold", "fissure_height"): -0.25,
    ("lid_fold", "epicanthus"): 0.35,
    ("temple_width", "head_breadth"): 0.40,
    ("temple_width", "bizygomatic"): 0.30,
    ("cheek_full", "submental"): 0.50,
    ("cheek_full", "cheekbone"): -0.15,
    ("cheek_full", "bizygomatic"): 0.30,
    ("cheek_full", "jowl"): 0.30,
    ("submental", "neck_circumference"): 0.60,
    ("submental", "jowl"): 0.40,
    ("ear_length", "ear_lobe"): 0.45,
}


def nearest_correlation(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """The closest correlation matrix with no eigenvalue under 1e-3, in the Frobenius norm.

    Alternating projections with Dykstra's correction: Higham, "Computing the nearest correlation
    matrix: a problem from finance" (2002), algorithm 3.3.
    """
    current = matrix.copy()
    correction = np.zeros_like(matrix)
    for _ in range(200):
        shifted = current - correction
        values, vectors = np.linalg.eigh(shifted)
        definite = (vectors * np.maximum(values, 1e-3)) @ vectors.T
        correction = definite - shifted
        previous, current = current, definite.copy()
        np.fill_diagonal(current, 1.0)
        if np.abs(current - previous).max() < 1e-9:
            break
    # The last projection fixed the diagonal; one rescaling removes what that left negative.
    values, vectors = np.linalg.eigh(current)
    definite = (vectors * np.maximum(values, 1e-3)) @ vectors.T
    scale = 1.0 / np.sqrt(np.diag(definite))
    return definite * scale[:, None] * scale


@functools.cache
def _residual_root(sex: Sex) -> NDArray[np.float64]:
    """A square root of the covariance of all quantities, given sex, ancestry and body mass."""
    side = 0 if sex == "male" else 1
    names = [quantity.name for quantity in QUANTITIES]
    count = len(names)
    matrix = np.eye(count + 1)
    for (first, second), value in _CORRELATIONS.items():
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = value
    matrix[:count, count] = matrix[count, :count] = [quantity.bmi[side] for quantity in QUANTITIES]
    matrix = nearest_correlation(matrix)

    # A spread that includes differences between groups is reduced to the spread within one.
    spread = np.empty(count)
    for i, quantity in enumerate(QUANTITIES):
        between = 0.0
        if quantity.survey is not None:
            between = sum(
                share * quantity.shift(sex, group) ** 2 for group, share in _SURVEY[sex].items()
            )
        spread[i] = np.sqrt(quantity.typical(sex)[1] ** 2 - between)
    with_bmi = matrix[:count, count]
    given_bmi = matrix[:count, :count] - np.outer(with_bmi, with_bmi)
    # The Cholesky factor is unique, so that a seed means the same draw on every machine.
    return np.linalg.cholesky(given_bmi * np.outer(spread, spread))


def mean_of(sex: Sex, age: float, bmi: float, ancestry: Mapping[str, float]) -> NDArray[np.float64]:
    """What is expected of a person, in the order of ``QUANTITIES``, mm.

    Args:
        sex: women and men have means of their own.
        age: years, 18-80.
        bmi: kg/m2; acts through the correlations, at most three standard deviations.
        ancestry: weights over ``ANCESTRIES`` that sum to 1; absent ones are 0.
    """
    unknown = sorted(set(ancestry) - set(ANCESTRIES))
    if unknown:
        raise ValueError(f"unknown ancestry {unknown}; expected some of {list(ANCESTRIES)}")
    mean, by_ancestry, by_mass, rates, since = _mean_terms(sex)
    weights = np.array([ancestry.get(name, 0.0) for name in ANCESTRIES])
    deviation = float(np.clip((bmi - BMI_MEAN[sex]) / BMI_SD[sex], -3.0, 3.0))
    return mean + weights @ by_ancestry + deviation * by_mass + rates * np.maximum(age - since, 0.0)


@functools.cache
def _mean_terms(sex: Sex) -> tuple[NDArray[np.float64], ...]:
    """Mean (Q,), shifts (ancestries, Q), mm per deviation of mass (Q,), aging rates and ages."""
    side = 0 if sex == "male" else 1
    mean, sd = np.array([quantity.typical(sex) for quantity in QUANTITIES]).T
    shifts = [[quantity.shift(sex, name) for quantity in QUANTITIES] for name in ANCESTRIES]
    mass = sd * np.array([quantity.bmi[side] for quantity in QUANTITIES])
    rates, since = np.array([quantity.aging for quantity in QUANTITIES]).T
    return mean, np.array(shifts), mass, rates, since


def draw(
    rng: np.random.Generator, sex: Sex, age: float, bmi: float, ancestry: Mapping[str, float]
) -> NDArray[np.float64]:
    """One person's quantities in the order of ``QUANTITIES``, mm. Arguments as :func:`mean_of`."""
    values = mean_of(sex, age, bmi, ancestry)
    values = values + _residual_root(sex) @ rng.standard_normal(len(QUANTITIES))
    return np.maximum(values, _least())


@functools.cache
def _least() -> NDArray[np.float64]:
    return np.array([LEAST.get(quantity.name, -np.inf) for quantity in QUANTITIES])
