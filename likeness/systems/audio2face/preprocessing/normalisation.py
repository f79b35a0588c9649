"""Normalisation of the channels, and the neutral face in normalised values.

Both always come of the training neutrals: with the neutral of a package in them, a network that
works on normalised shapes would give the package the training face again.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from likeness.systems.audio2face.artefacts import CHANNELS, ActorArtefacts, Floats, Normalisation

NUM_EYE_VALUES = 4
"""x and y of the right and of the left eye."""


def normalisations(
    skin_mean: Floats,
    tongue_mean: Floats,
    jaw_neutral: Floats,
    saccades: Floats,
    transform_scale: Mapping[str, float],
) -> dict[str, Normalisation]:
    """Channel to its normalisation.

    The translation is the mean of the rows of what the channel moves about, and the scale what
    brings the largest distance from it, along any axis, to the half-range aimed at.

    Args:
        skin_mean: (V, 3) training neutral. tongue_mean: (Vt, 3), likewise.
        jaw_neutral: (N, 3). saccades: (M, 2) degrees.
        transform_scale: channel to the half-range; 1 where it is missing.
    """
    references = dict(zip(CHANNELS, (skin_mean, tongue_mean, jaw_neutral, saccades)))
    return {
        channel: _normalisation(reference, transform_scale.get(channel, 1.0))
        for channel, reference in references.items()
    }


def _normalisation(reference: Floats, half_range: float) -> Normalisation:
    values = reference.astype(np.float64)
    translate = values.mean(axis=0)
    largest = float(np.abs(values - translate).max())
    scale = largest / half_range if largest > 0 else 1.0
    return Normalisation(tuple(translate.tolist()), scale)


def mean_geometry(
    skin_mean: Floats,
    tongue_mean: Floats,
    num_jaw_points: int,
    normalisation: Mapping[str, Normalisation],
) -> Floats:
    """(3V + 3Vt + 3N + 4,) normalised training neutrals of skin and tongue, zeros for the rest."""
    parts = [
        ((mean - np.array(normalisation[name].translate)) / normalisation[name].scale).ravel()
        for name, mean in (("skin", skin_mean), ("tongue", tongue_mean))
    ]
    zeros = np.zeros(3 * num_jaw_points + NUM_EYE_VALUES)
    return np.concatenate([*parts, zeros]).astype(np.float32)


def mean_geometry_of(artefacts: ActorArtefacts) -> Floats:
    """:func:`mean_geometry` of a preprocessed actor."""
    return mean_geometry(
        artefacts.skin.mean,
        artefacts.tongue.mean,
        len(artefacts.jaw_neutral),
        artefacts.normalisation,
    )
