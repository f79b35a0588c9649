"""Heads of the regression network from what it hears, in closed form: a face in seconds of sound.

A network that was trained on another face hears already; what it lacks is the way from what it
hears to this face's coefficients. That way is linear, so ridge regression finds it, with a strength
that cross-validation chooses (Hoerl and Kennard, 1970; Stone, 1974).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.regression_items import RegressionItems
from likeness.systems.audio2face.regression_terms import RegressionTerms, collate_regression

Array = NDArray[np.float64]

_FOLDS = 8
_STRENGTHS = 10.0 ** np.arange(-4.0, 2.1, 0.5)
"""As shares of the summed variance of the features, times the number of rows over that of rows."""
_BATCH = 64
_LEAST_ROWS = 2 * _FOLDS


@dataclass(frozen=True, eq=False)
class Ridge:
    """A line from features (d,) to values (D,): ``features @ weight + bias``.

    Attributes:
        weight: (d, D). bias: (D,).
        strength: of the shrinkage that was chosen.
    """

    weight: Array
    bias: Array
    strength: float


def fit_ridge(features: Array, values: Array, *, judged: slice = slice(None)) -> Ridge:
    """Ridge regression with the strength that predicts left-out stretches of time best.

    Rows are in the order of time and their neighbours are alike, so whole stretches are left out.

    Args:
        features: (N, d), N at least 16.
        values: (N, D).
        judged: columns of ``values`` whose squared error decides.
    """
    fold = np.arange(len(features)) * _FOLDS // len(features)
    size = float(features.var(axis=0).sum())
    errors = np.zeros(len(_STRENGTHS))
    for left_out in range(_FOLDS):
        inside, outside = fold != left_out, fold == left_out
        lines = _lines(features[inside], values[inside][:, judged], _STRENGTHS * size)
        for place, (weight, bias) in enumerate(lines):
            off = features[outside] @ weight + bias - values[outside][:, judged]
            errors[place] += float(np.square(off).sum())
    strength = float(_STRENGTHS[errors.argmin()]) * size
    weight, bias = _lines(features, values, np.array([strength]))[0]
    return Ridge(weight, bias, strength)


def _lines(features: Array, values: Array, strengths: Array) -> list[tuple[Array, Array]]:
    """Weight and bias for each strength, from one decomposition."""
    centre, mean = features.mean(axis=0), values.mean(axis=0)
    apart = features - centre
    sizes, axes = np.linalg.eigh(apart.T @ apart)
    along = axes.T @ (apart.T @ (values - mean))
    lines = []
    for strength in strengths:
        # Without any shrinkage, directions nothing moves in would divide by nothing.
        weight = axes @ (along / np.maximum(sizes + strength, np.finfo(np.float64).tiny)[:, None])
        lines.append((weight, mean - centre @ weight))
    return lines


@torch.no_grad()
def fit_heads(
    network: RegressionNetwork, terms: RegressionTerms, source: RegressionItems, implicit: Tensor
) -> float:
    """Set the heads of a network to the ridge regression from what it hears on all of a source.

    The first frame of every sample counts; samples with closed eyes do not, as in learning. The
    skin decides the strength: most of the rest follows no sound.

    Args:
        network: whose other weights stay; its output statistics are those of the source.
        terms: of the actor.
        source: samples to fit.
        implicit: (length,) the learned emotion that is held.

    Returns:
        The strength, or 0 where there are too few samples, and the heads stay as they were.
    """
    was_training, device = network.training, network.output_mean.device
    network.eval()
    heard, wanted = [], []
    for first in range(0, len(source), _BATCH):
        batch = collate_regression(
            [source[i] for i in range(first, min(first + _BATCH, len(source)))]
        )
        open_eyed = terms.open_eyed(batch["target"].to(device)).cpu()
        if not open_eyed.any():
            continue
        named = batch["named"][open_eyed].to(device)
        emotion = torch.cat([implicit.to(device).expand(len(named), -1), named], 1)
        audio = batch["audio"][open_eyed, :1].to(device)
        heard.append(network.features(audio, emotion[:, None]).cpu())
        wanted.append(batch["target"][open_eyed, 0])
    network.train(was_training)
    if sum(map(len, heard)) < _LEAST_ROWS:
        return 0.0
    mean, scale = network.output_mean.cpu().double(), network.output_scale.cpu().double()
    target = (torch.cat(wanted).double() - mean) / scale
    skin = slice(0, network.heads.num_skin)
    # Judged in centimetres: the small components are many and mostly noise.
    line = fit_ridge(torch.cat(heard).double().numpy(), (target * scale).numpy(), judged=skin)
    weight = torch.from_numpy(line.weight.T) / scale[:, None]
    bias = torch.from_numpy(line.bias) / scale
    network.heads.set_line(weight.float().to(device), bias.float().to(device))
    return line.strength
