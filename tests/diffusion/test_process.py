"""The steps of a diffusion against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.diffusion.process import DiffusionProcess


def test_two_levels_have_the_known_numbers() -> None:
    two = DiffusionProcess.of("cosine", 1000).respaced(2)
    assert two.times == (0, 999)
    assert two.betas[0] == pytest.approx(4.128422e-5, rel=1e-6)
    assert two.betas[1] == pytest.approx(0.9999999976, abs=1e-10)
    step = two.posterior(1)
    assert step.clean == pytest.approx(0.99997936, abs=1e-8)
    assert step.noisy == pytest.approx(2.03e-9, abs=0.005e-9)
    assert step.fresh**2 == pytest.approx(4.12842e-5, rel=1e-5)


def test_the_lowest_level_returns_the_prediction() -> None:
    two = DiffusionProcess.of("cosine", 1000).respaced(2)
    for step in (two.posterior(0), two.implicit(0)):
        assert (step.clean, step.noisy, step.fresh) == (1, 0, 0)


def test_respacing_keeps_the_noise_of_the_kept_levels() -> None:
    long = DiffusionProcess.of("linear", 200)
    short = long.respaced(7)
    np.testing.assert_allclose(short.signal, long.signal[list(short.times)], rtol=1e-12)
    np.testing.assert_allclose(long.respaced(200).betas, long.betas, rtol=1e-9)


def test_noising_has_the_promised_mean_and_variance() -> None:
    process = DiffusionProcess.of("cosine", 1000)
    noise = torch.randn(3, 40000, generator=torch.Generator().manual_seed(1))
    level = torch.tensor([0, 500, 999])
    found = process.noised(torch.full((3, 40000), 2.0), level, noise)
    signal = torch.from_numpy(process.signal)[level].float()
    assert torch.allclose(found.mean(1), 2 * signal.sqrt(), atol=0.02)
    assert torch.allclose(found.var(1), 1 - signal, atol=0.03)


@pytest.mark.parametrize("level", [1, 10, 49])
def test_posterior_equals_the_product_of_two_gaussians(level: int) -> None:
    # q(x_(t-1) | x_t, x0) ∝ N(x_t; sqrt(α) x_(t-1), β) · N(x_(t-1); sqrt(ᾱ_(t-1)) x0, 1 - ᾱ_(t-1))
    process = DiffusionProcess.of("linear", 50)
    beta, before = process.betas[level], process.signal[level - 1]
    alpha = 1 - beta
    precision = alpha / beta + 1 / (1 - before)
    step = process.posterior(level)
    assert step.fresh**2 == pytest.approx(1 / precision, rel=1e-9)
    assert step.noisy == pytest.approx(np.sqrt(alpha) / beta / precision, rel=1e-9)
    assert step.clean == pytest.approx(np.sqrt(before) / (1 - before) / precision, rel=1e-9)


def test_ddim_moves_along_the_noise_it_sees() -> None:
    process = DiffusionProcess.of("cosine", 1000).respaced(5)
    clean, noise = torch.randn(4, 5, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    for level in range(1, 5):
        here = process.noised(clean, torch.full((4,), level), noise)
        below = process.noised(clean, torch.full((4,), level - 1), noise)
        step = process.implicit(level)
        found = step.clean * clean + step.noisy * here
        assert torch.allclose(found, below, atol=1e-9)


def test_ddim_with_full_noise_has_the_variance_of_the_posterior() -> None:
    process = DiffusionProcess.of("cosine", 1000).respaced(5)
    for level in range(1, 5):
        implicit, posterior = process.implicit(level, eta=1.0), process.posterior(level)
        assert implicit.fresh == pytest.approx(posterior.fresh, rel=1e-9)
        assert implicit.clean == pytest.approx(posterior.clean, rel=1e-6)
        assert implicit.noisy == pytest.approx(posterior.noisy, rel=1e-6)
