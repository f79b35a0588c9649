"""The terms that the networks of this system learn by, each a plain function.

After Karras et al., "Audio-driven facial animation by joint end-to-end learning of pose and
emotion" (2017), section 4, and NVIDIA's Audio2Face-3D. Sequences have the shape (B, S, …), with S
frames; every result is a scalar, a mean over what it compares. Heights are cm
(:mod:`likeness.systems.audio2face.vertex_gaps` knows the up axis and the unit).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional


def mean_square(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of (ŷ - y)²."""
    return (prediction - target).square().mean()


def motion(prediction: Tensor, target: Tensor) -> Tensor:
    """Mean of ((ŷ[t+1] - ŷ[t]) - (y[t+1] - y[t]))² of sequences with at least two frames."""
    return (prediction - target).diff(dim=1).square().mean()


def motion_ratio(vectors: Tensor) -> Tensor:
    """Mean of (e[t+1] - e[t])² over mean of e²: the regulariser of learned emotions."""
    return vectors.diff(dim=1).square().mean() / vectors.square().mean()


def lip_distance(
    prediction: Tensor, target: Tensor, exponent: float, weights: Tensor | None = None
) -> Tensor:
    """Mean of (w · (d̂ - d))² with w = exp(-``exponent`` · max(d, 0)): closed lips weigh most.

    Args:
        prediction: (B, S, P) heights between the lips, cm.
        target: likewise.
        exponent: 1 / cm.
        weights: (B,) of the samples; None: 1.
    """
    closed = torch.exp(-exponent * target.clamp(min=0))
    return _weighted((closed * (prediction - target)).square(), weights)


def lip_size(
    predictions: Sequence[Tensor], targets: Sequence[Tensor], weights: Tensor | None = None
) -> Tensor:
    """Sum over the two lips of the mean of (h - ĥ)².

    Args:
        predictions: (B, S, P) heights of the upper lip, then of the lower, cm.
        targets: likewise.
        weights: (B,) of the samples; None: 1.
    """
    terms = [
        _weighted((found - wanted).square(), weights)
        for found, wanted in zip(predictions, targets, strict=True)
    ]
    return torch.stack(terms).sum()


def volume_stability(prediction: Tensor, volume: Tensor, exponent: float) -> Tensor:
    """Mean over samples of exp(-``exponent`` · a) · mean of (ŷ[t+1] - ŷ[t])²: silence is still.

    Args:
        prediction: (B, S, D) of the channels that sound moves, so without the eyes.
        volume: (B,) mean of abs(sample) over the sound of each sample, as recorded.
        exponent: of the volume.
    """
    moved = prediction.diff(dim=1).square().flatten(1).mean(1)
    return (torch.exp(-exponent * volume) * moved).mean()


def phoneme_cross_entropy(
    logits: Mapping[str, Tensor],
    targets: Tensor,
    languages: Sequence[str],
    class_weights: Mapping[str, Tensor],
) -> Tensor:
    """Sum over the languages present of the mean cross-entropy with soft targets.

    Args:
        logits: language to (B, S, T, P).
        targets: (B, S, T, largest P) probabilities, padded by zeros.
        languages: (B,) of the samples; those of no language in ``logits`` do not count.
        class_weights: language to (P,).
    """
    terms = []
    for found, wanted, language in _by_language(logits, targets, languages):
        weighted = wanted * class_weights[language]
        terms.append(-(weighted * functional.log_softmax(found, -1)).sum(-1).mean())
    return _summed(terms, targets)


def phoneme_motion(
    logits: Mapping[str, Tensor], targets: Tensor, languages: Sequence[str]
) -> Tensor:
    """Sum over the languages present of :func:`motion` of logits beside probabilities."""
    terms = [motion(found, wanted) for found, wanted, _ in _by_language(logits, targets, languages)]
    return _summed(terms, targets)


def eyes_open(gaps: Tensor, threshold: float) -> Tensor:
    """(B,) True where the mean height between the lids (B, S, P), cm, exceeds ``threshold``."""
    return gaps.flatten(1).mean(1) > threshold


def r2(prediction: Tensor, target: Tensor) -> Tensor:
    """1 - mean (ŷ - y)² / mean (ȳ - y)², ȳ the mean of each value over samples and frames."""
    spread = (target - target.mean((0, 1))).square().mean()
    return 1 - (prediction - target).square().mean() / spread


def _by_language(
    logits: Mapping[str, Tensor], targets: Tensor, languages: Sequence[str]
) -> list[tuple[Tensor, Tensor, str]]:
    """Logits and targets of the samples of each language; a language without any is left out."""
    found = []
    for language, values in logits.items():
        chosen = [number for number, own in enumerate(languages) if own == language]
        if chosen:
            rows = torch.tensor(chosen, device=targets.device)
            found.append((values[rows], targets[rows][..., : values.shape[-1]], language))
    return found


def _summed(terms: Sequence[Tensor], like: Tensor) -> Tensor:
    return torch.stack(list(terms)).sum() if terms else like.new_zeros(())


def _weighted(errors: Tensor, weights: Tensor | None) -> Tensor:
    if weights is not None:
        errors = errors * weights.reshape(-1, *([1] * (errors.ndim - 1)))
    return errors.mean()
