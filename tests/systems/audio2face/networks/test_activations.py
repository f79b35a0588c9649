"""The scaled ReLU and the noise per channel."""

from __future__ import annotations

import math

import torch

from likeness.systems.audio2face.networks.activations import ChannelNoise, scaled_relu


def test_scaled_relu() -> None:
    found = scaled_relu(torch.tensor([-2.0, 0.0, 3.0]))
    torch.testing.assert_close(found, torch.tensor([0.0, 0.0, 3.0 * math.sqrt(2)]))


def test_noise_is_shared_by_the_frames_of_an_item_and_has_unit_size() -> None:
    torch.manual_seed(0)
    noise = ChannelNoise(1.4).train()
    found = noise(torch.ones(6, 50, 4, 3), 3)
    factor = found[:, :, 0, 0]
    assert torch.equal(found, factor[..., None, None].expand_as(found))
    assert torch.equal(factor[0::2], factor[1::2])
    assert not torch.equal(factor[0], factor[2])
    torch.testing.assert_close(factor.square().mean(1), torch.ones(6), atol=1e-4, rtol=0)
    spread = torch.log(noise(torch.ones(1, 20000, 1), 1)).std() / math.log(1.4)
    assert abs(float(spread) - 1) < 0.02


def test_no_noise_outside_training_or_with_one_channel() -> None:
    x = torch.randn(4, 6, 5)
    assert ChannelNoise(1.4).eval()(x, 2) is x
    assert ChannelNoise(1.0).train()(x, 2) is x
    single = torch.randn(4, 1, 5)
    assert ChannelNoise(1.4).train()(single, 2) is single
