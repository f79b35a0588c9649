"""Picture metrics against scikit-image and plain sums."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from likeness.evaluation.image import l1, psnr, ssim

GENERATOR = torch.Generator().manual_seed(2)
FIRST = torch.rand(3, 3, 33, 41, generator=GENERATOR, dtype=torch.float64)
SECOND = (FIRST + 0.1 * torch.randn(FIRST.shape, generator=GENERATOR)).clamp(0, 1)
MASK = (torch.rand(3, 1, 33, 41, generator=GENERATOR) > 0.6).double()


def as_array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.permute(1, 2, 0).numpy()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_ssim_equals_scikit_image(dtype):
    found = ssim(FIRST.to(dtype), SECOND.to(dtype))
    for sample in range(3):
        reference = structural_similarity(
            as_array(FIRST[sample]),
            as_array(SECOND[sample]),
            channel_axis=2,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert found[sample].item() == pytest.approx(
            reference, abs=1e-5 if dtype != torch.float64 else 1e-10
        )


def test_ssim_in_a_mask_is_the_mean_of_the_map_there():
    found = ssim(FIRST, SECOND, MASK)
    for sample in range(3):
        _, similarity = structural_similarity(
            as_array(FIRST[sample]),
            as_array(SECOND[sample]),
            channel_axis=2,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            full=True,
        )
        inside = MASK[sample, 0].numpy().astype(bool)
        inside[:5] = inside[-5:] = False
        inside[:, :5] = inside[:, -5:] = False
        assert found[sample].item() == pytest.approx(similarity[inside].mean(), abs=1e-10)


def test_psnr_equals_scikit_image_and_is_capped():
    found = psnr(FIRST, SECOND)
    for sample in range(3):
        reference = peak_signal_noise_ratio(
            as_array(FIRST[sample]), as_array(SECOND[sample]), data_range=1.0
        )
        assert found[sample].item() == pytest.approx(reference)
    assert psnr(FIRST, FIRST).tolist() == [100.0] * 3


def test_l1_and_psnr_in_a_mask_equal_plain_sums():
    difference = (FIRST - SECOND).numpy()
    for sample in range(3):
        inside = np.broadcast_to(MASK[sample].numpy() > 0, (3, 33, 41))
        mean = np.abs(difference[sample][inside]).mean()
        assert l1(FIRST, SECOND, MASK)[sample].item() == pytest.approx(mean)
        assert l1(FIRST, SECOND, MASK[:, 0])[sample].item() == pytest.approx(mean)
        decibel = -10 * math.log10((difference[sample][inside] ** 2).mean())
        assert psnr(FIRST, SECOND, MASK)[sample].item() == pytest.approx(decibel)
    assert l1(FIRST, SECOND).mean().item() == pytest.approx(np.abs(difference).mean())


def test_soft_masks_weigh():
    mask = torch.tensor([[[[0.25, 1.0]]]], dtype=torch.float64)
    first, second = torch.zeros(1, 3, 1, 2).double(), torch.tensor([[[[1.0, 0.5]]]]).double()
    assert l1(first, second.expand(1, 3, 1, 2), mask).item() == pytest.approx((0.25 + 0.5) / 1.25)


def test_what_cannot_be_measured_is_refused():
    empty = MASK.clone()
    empty[1] = 0
    with pytest.raises(ValueError, match="mask of sample 1 is empty"):
        l1(FIRST, SECOND, empty)
    with pytest.raises(ValueError, match=r"11 x 11 pixels, found \(10, 41\)"):
        ssim(FIRST[..., :10, :], SECOND[..., :10, :])
