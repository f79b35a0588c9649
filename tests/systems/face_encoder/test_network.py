"""The encoder network: what it gives before training, ranges, gradients, freezing, pooling."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn

from likeness.geometry.head_asset import HeadAsset
from likeness.systems.face_encoder.decode import Decoder
from likeness.systems.face_encoder.layout import PRESETS, VectorLayout, head_v1
from likeness.systems.face_encoder.network import (
    EncoderNetwork,
    KeypointPooling,
    LandmarkOffsets,
    activate,
)
from tests.systems.face_encoder.toy import SMALL_LAYOUT, mean_vector


def network(layout: VectorLayout = SMALL_LAYOUT, **options: object) -> EncoderNetwork:
    torch.manual_seed(0)
    settings = {"backbone": "tiny", "pooling": "average", "hidden": 16} | options
    return EncoderNetwork(layout, **settings)


def pictures(count: int, size: int = 48) -> torch.Tensor:
    """Bright, dark, plain and noisy pictures."""
    generator = torch.Generator().manual_seed(3)
    noise = torch.rand(count, 3, size, size, generator=generator)
    noise[0], noise[1] = 0.0, 1.0
    return noise


@pytest.mark.parametrize("pooling", ["average", "keypoint"])
@pytest.mark.parametrize("backbone", ["tiny", "small", "resnet18", "resnet50"])
def test_before_training_every_picture_gives_the_mean_face(toy_head, backbone, pooling):
    layout = head_v1(shape=300, expression=100, albedo=50)
    decoder = Decoder(toy_head, layout, "weak_perspective")
    for mode in (True, False):
        encoder = network(layout, backbone=backbone, pooling=pooling, hidden=64).train(mode)
        with torch.no_grad():
            vector = encoder(pictures(4))
            vertices = decoder.mesh(vector).vertices
        template = torch.tensor(toy_head.template, dtype=torch.float32)
        assert (vertices - template).abs().max() < 1e-4
        camera = layout.split(vector)["camera"]
        assert torch.allclose(camera[:, 0], torch.tensor(7.0), atol=1e-5)
        assert camera[:, 1:].abs().max() < 1e-3
        assert (vector - mean_vector(layout)).abs().max() < 1e-3


@pytest.mark.parametrize("make", PRESETS.values(), ids=PRESETS)
def test_zero_raw_outputs_give_the_biases_of_every_layout(make):
    layout = make()
    found = activate(torch.zeros(2, layout.dim), layout)
    assert torch.allclose(found, mean_vector(layout, 2), atol=1e-6)


def test_outputs_stay_in_the_ranges_of_their_units():
    layout = head_v1()
    raw = torch.linspace(-60, 60, 241)[:, None].expand(241, layout.dim)
    parts = layout.split(activate(raw, layout))
    ranges = {
        "face.eyelid": (0.0, 1.0),
        "pose.neck": (-0.7, 0.7),
        "pose.eyes": (-0.6, 0.6),
    }
    for name, (low, high) in ranges.items():
        assert parts[name].min() >= low
        assert parts[name].max() <= high
        assert parts[name].max() - parts[name].min() == pytest.approx(high - low, rel=1e-3)
    jaw = parts["pose.jaw"]
    assert (jaw[:, 0].min().item(), jaw[:, 0].max().item()) == (0.0, pytest.approx(0.6))
    assert jaw[:, 1:].abs().max() <= 0.2
    assert parts["camera"][:, 0].min() > 0
    # Codes, rotation, light and shifts are free.
    for name in ("face.shape", "face.expression", "pose.global", "pose.transl", "face.albedo"):
        bias = torch.tensor(layout.segment(name).bias or (0.0,) * layout.segment(name).dim)
        assert torch.allclose(parts[name], raw[:, layout.slice(name)] + bias)


def test_clamped_outputs_keep_their_gradient_beyond_the_ends():
    """A clamp with no gradient keeps an eyelid or a jaw at its end for ever."""
    layout = head_v1()
    raw = torch.full((1, layout.dim), -0.5, requires_grad=True)
    parts = layout.split(activate(raw, layout))
    assert parts["face.eyelid"].tolist() == [[0.0, 0.0]]
    assert parts["pose.jaw"][0, 0].item() == 0.0
    (parts["face.eyelid"].sum() + parts["pose.jaw"][0, 0]).backward()
    gradient = layout.split(raw.grad)
    assert gradient["face.eyelid"].tolist() == [[1.0, 1.0]]
    assert gradient["pose.jaw"][0, 0].item() == 1.0


def test_scale_is_softplus_shifted_to_its_bias():
    layout = SMALL_LAYOUT
    raw = torch.zeros(3, layout.dim, dtype=torch.float64)
    start = layout.slice("camera").start
    raw[:, start] = torch.tensor([-2.0, 0.0, 3.0])
    found = activate(raw, layout)[:, start].tolist()
    shift = math.log(math.expm1(7.0 - 1e-3))
    for value, expected in zip(found, (-2.0, 0.0, 3.0)):
        assert value == pytest.approx(math.log1p(math.exp(expected + shift)) + 1e-3, rel=1e-6)


def _ten_steps(encoder: EncoderNetwork) -> None:
    """Ten optimiser steps as the loop does them, on pictures that move statistics."""
    encoder.train()
    optimizer = torch.optim.Adam([p for p in encoder.parameters() if p.requires_grad], lr=1e-2)
    for step in range(10):
        loss = (encoder(pictures(4) * (step + 1) / 3) - 1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _snapshot(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def test_a_frozen_backbone_does_not_move_in_ten_steps():
    """Weights were frozen once while the statistics of the norms drifted on."""
    encoder = network(freeze="backbone")
    backbone, head = _snapshot(encoder.backbone), _snapshot(encoder.head)
    _ten_steps(encoder)
    for name, value in encoder.backbone.state_dict().items():
        assert torch.equal(value, backbone[name]), name
    assert not torch.equal(encoder.head[-1].weight, head["3.weight"])
    assert not any(p.requires_grad for p in encoder.backbone.parameters())


def test_frozen_norms_neither_learn_nor_drift_while_convolutions_learn():
    encoder = network(freeze="batch_norm")
    before = _snapshot(encoder)
    _ten_steps(encoder)
    norms = {n for n, m in encoder.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert norms
    for name, value in encoder.state_dict().items():
        is_norm = name.rpartition(".")[0] in norms
        assert torch.equal(value, before[name]) == is_norm, name


def test_without_freezing_everything_moves():
    encoder = network()
    before = _snapshot(encoder)
    _ten_steps(encoder)
    same = [n for n, v in encoder.state_dict().items() if torch.equal(v, before[n])]
    assert same == []


def test_eval_mode_is_eval_everywhere_and_train_mode_returns():
    encoder = network()
    assert not any(part.training for part in encoder.eval().modules())
    assert all(part.training for part in encoder.train().modules())


def test_keypoint_pooling_against_a_loop():
    generator = torch.Generator().manual_seed(4)
    features = torch.randn(2, 3, 4, 5, generator=generator)
    pooling = KeypointPooling(3)
    with torch.no_grad():
        pooling.log_temperature.copy_(torch.tensor([0.0, 0.5, -1.0]))
        found = pooling(features).numpy()
    assert found.shape == (2, 9)
    for b in range(2):
        for c in range(3):
            values = features[b, c].double().numpy()
            weights = np.exp(values * math.exp([0.0, 0.5, -1.0][c]))
            x = y = 0.0
            for row in range(4):
                for column in range(5):
                    share = weights[row, column] / weights.sum()
                    x += share * ((column + 0.5) / 5 * 2 - 1)
                    y += share * ((row + 0.5) / 4 * 2 - 1)
            assert found[b, c] == pytest.approx(values.mean(), abs=1e-6)
            assert found[b, 3 + c] == pytest.approx(x, abs=1e-6)
            assert found[b, 6 + c] == pytest.approx(y, abs=1e-6)


def test_keypoint_pooling_says_where_a_feature_fired():
    features = torch.zeros(1, 1, 8, 8)
    features[0, 0, 1, 6] = 50.0
    _, x, y = KeypointPooling(1)(features)[0].tolist()
    assert (x, y) == (pytest.approx(6.5 / 4 - 1), pytest.approx(1.5 / 4 - 1))


def test_normalisation_happens_inside(monkeypatch):
    """The network gets ImageNet's statistics; everyone else sees pictures in [0, 1]."""
    encoder = network().eval()
    seen = []
    encoder.backbone.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    image = pictures(2)
    encoder(image)
    mean, std = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = (image.numpy().transpose(0, 2, 3, 1) - mean) / std
    np.testing.assert_allclose(seen[0].numpy().transpose(0, 2, 3, 1), expected, atol=1e-5)


def test_offsets_start_at_zero_and_move_by_centimetres(decoder: Decoder, toy_head: HeadAsset):
    offsets = LandmarkOffsets()
    assert torch.equal(offsets(), torch.zeros(68, 3))
    with torch.no_grad():
        offsets.weight[30, 0] = 1.0
    vector = mean_vector(SMALL_LAYOUT)
    moved = decoder.landmarks(vector, offsets.values) - decoder.landmarks(vector)
    # 1 cm to the side at scale 7 per metre is 0.07 of half a crop, for that point alone.
    assert moved[0, 30].tolist() == pytest.approx([0.07, 0.0], abs=1e-5)
    moved[0, 30] = 0
    assert moved.abs().max() == 0
