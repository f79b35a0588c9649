"""Each term against plain loops, and what it must not do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from likeness.systems.audio2face import losses


def _random(*shape: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


def test_mean_square_and_motion() -> None:
    found, wanted = _random(3, 4, 5), _random(3, 4, 5, seed=1)
    square = step = 0.0
    for b in range(3):
        for s in range(4):
            for d in range(5):
                square += float(found[b, s, d] - wanted[b, s, d]) ** 2
                if s:
                    moved = found[b, s, d] - found[b, s - 1, d]
                    step += float(moved - (wanted[b, s, d] - wanted[b, s - 1, d])) ** 2
    assert float(losses.mean_square(found, wanted)) == pytest.approx(square / 60, rel=1e-5)
    assert float(losses.motion(found, wanted)) == pytest.approx(step / 45, rel=1e-5)


def test_motion_ratio() -> None:
    vectors = torch.tensor([[[1.0, 0.0], [3.0, 0.0]]])
    assert float(losses.motion_ratio(vectors)) == pytest.approx((4 / 2) / (10 / 4))


def test_lip_distance_weighs_closed_lips_and_emotions() -> None:
    found, wanted = _random(2, 3, 4), _random(2, 3, 4, seed=1)
    weights = torch.tensor([2.0, 0.5])
    total = 0.0
    for b in range(2):
        for s in range(3):
            for p in range(4):
                d = float(wanted[b, s, p])
                w = math.exp(-1.5 * max(d, 0.0))
                total += float(weights[b]) * (w * (float(found[b, s, p]) - d)) ** 2
    result = losses.lip_distance(found, wanted, 1.5, weights)
    assert float(result) == pytest.approx(total / 24, rel=1e-5)
    open_lips = torch.full((1, 1, 1), 4.0)
    shut = torch.zeros(1, 1, 1)
    assert losses.lip_distance(shut + 1, shut, 1.0) > 1000 * losses.lip_distance(
        open_lips + 1, open_lips, 1.0
    )


def test_lip_size_adds_both_lips() -> None:
    upper, lower = _random(2, 3, 4), _random(2, 3, 5, seed=2)
    zeros = (torch.zeros(2, 3, 4), torch.zeros(2, 3, 5))
    expected = float((upper**2).mean() + (lower**2).mean())
    assert float(losses.lip_size((upper, lower), zeros)) == pytest.approx(expected, rel=1e-5)
    doubled = losses.lip_size((upper, lower), zeros, torch.tensor([2.0, 2.0]))
    assert float(doubled) == pytest.approx(2 * expected, rel=1e-5)


def test_volume_stability_counts_silence_only() -> None:
    prediction = _random(2, 3, 4)
    volume = torch.tensor([0.0, 0.001])
    moved = (prediction[:, 1:] - prediction[:, :-1]).square().mean((1, 2))
    expected = float((moved[0] + math.exp(-5) * moved[1]) / 2)
    result = losses.volume_stability(prediction, volume, 5000.0)
    assert float(result) == pytest.approx(expected, rel=1e-5)


def test_phoneme_cross_entropy_equals_the_library() -> None:
    logits = {"en": _random(3, 2, 5, 4), "zh": _random(3, 2, 5, 6, seed=1)}
    targets = torch.softmax(_random(3, 2, 5, 6, seed=2), -1)
    weights = {"en": torch.tensor([0.3, 1, 1, 1]), "zh": torch.ones(6)}
    languages = ["zh", "en", "zh"]
    entropy = torch.nn.functional.cross_entropy
    expected = entropy(
        logits["en"][1:2].reshape(-1, 4), targets[1:2, ..., :4].reshape(-1, 4), weights["en"]
    ) + entropy(logits["zh"][[0, 2]].reshape(-1, 6), targets[[0, 2]].reshape(-1, 6))
    found = losses.phoneme_cross_entropy(logits, targets, languages, weights)
    torch.testing.assert_close(found, expected)
    moved = losses.phoneme_motion(logits, targets, languages)
    expected = losses.motion(logits["en"][1:2], targets[1:2, ..., :4]) + losses.motion(
        logits["zh"][[0, 2]], targets[[0, 2]]
    )
    torch.testing.assert_close(moved, expected)


@pytest.mark.parametrize("languages", [["en", "en"], ["unsupported", "zh"], ["unsupported"] * 2])
def test_a_batch_without_one_of_two_languages_is_not_nan(languages: list[str]) -> None:
    """The published code takes the mean over no sample."""
    logits = {
        "en": _random(2, 2, 3, 4).requires_grad_(),
        "zh": _random(2, 2, 3, 5, seed=1).requires_grad_(),
    }
    targets = torch.softmax(_random(2, 2, 3, 5), -1)
    weights = {"en": torch.ones(4), "zh": torch.ones(5)}
    found = losses.phoneme_cross_entropy(logits, targets, languages, weights)
    found = found + losses.phoneme_motion(logits, targets, languages)
    assert torch.isfinite(found)
    assert bool(found > 0) == (set(languages) != {"unsupported"})


def test_eyes_open_by_their_mean_height() -> None:
    gaps = torch.tensor([[[0.9, 0.1]], [[0.3, 0.3]], [[0.35, 0.35]]])
    assert losses.eyes_open(gaps, 0.35).tolist() == [True, False, False]


def test_r2_is_by_the_mean_of_each_value() -> None:
    target = torch.tensor([[[0.0, 10.0], [2.0, 10.0]], [[4.0, 10.0], [6.0, 10.0]]])
    assert float(losses.r2(target, target)) == 1.0
    mean = target.mean((0, 1)).expand_as(target)
    assert float(losses.r2(mean, target)) == pytest.approx(0.0)
    assert float(losses.r2(target + 1, target)) == pytest.approx(1 - 1 / 2.5)
