"""Heads in closed form: ridge regression against plain solving, exact factors, a learned face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.systems.audio2face.fitted_heads import _STRENGTHS, fit_heads, fit_ridge
from likeness.systems.audio2face.learning_settings import RegressionTermSettings
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.networks.regression_parts import PoseHeads
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings
from likeness.systems.audio2face.regression_terms import RegressionTerms
from tests.systems.audio2face.regression_cases import SKIN, TONGUE, artefacts, items

NETWORK = RegressionSettings(
    encoder="log_mel", encoder_width=16, uses_autocorrelation=False, features=12
)


def _plain(features: np.ndarray, values: np.ndarray, strength: float) -> tuple[np.ndarray, ...]:
    """Ridge regression as rows that are appended to least squares."""
    centre, mean = features.mean(0), values.mean(0)
    width = features.shape[1]
    rows = np.concatenate([features - centre, np.sqrt(strength) * np.eye(width)])
    wanted = np.concatenate([values - mean, np.zeros((width, values.shape[1]))])
    weight = np.linalg.lstsq(rows, wanted, rcond=None)[0]
    return weight, mean - centre @ weight


@pytest.mark.parametrize("noise", [0.01, 3.0])
def test_strength_and_line_are_those_of_plain_loops(noise: float) -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(90, 7)) * np.array([3, 1, 1, 1, 0.3, 0.1, 0.0])
    values = features @ rng.normal(size=(7, 4)) + 5 + noise * rng.normal(size=(90, 4))
    found = fit_ridge(features, values, judged=slice(0, 3))
    size, errors = features.var(0).sum(), []
    for strength in _STRENGTHS * size:
        error = 0.0
        for left_out in range(8):
            inside = np.array([i * 8 // 90 != left_out for i in range(90)])
            weight, bias = _plain(features[inside], values[inside], strength)
            off = features[~inside] @ weight + bias - values[~inside]
            error += (off[:, :3] ** 2).sum()
        errors.append(error)
    assert found.strength == pytest.approx(_STRENGTHS[int(np.argmin(errors))] * size)
    weight, bias = _plain(features, values, found.strength)
    np.testing.assert_allclose(found.weight, weight, atol=1e-7)
    np.testing.assert_allclose(found.bias, bias, atol=1e-7)


def test_noise_asks_for_more_strength() -> None:
    rng = np.random.default_rng(3)
    features = rng.normal(size=(60, 30))
    clean = features @ rng.normal(size=(30, 2))
    noisy = 0.2 * clean + 10 * rng.normal(size=clean.shape)
    assert fit_ridge(features, noisy).strength > 100 * fit_ridge(features, clean).strength


@pytest.mark.parametrize("hidden", [None, 11, 40])
def test_heads_put_out_the_line_they_are_set_to(hidden: int | None) -> None:
    torch.manual_seed(0)
    heads, x = PoseHeads(9, 6, 3, 5, hidden), torch.randn(8, 9)
    weight, bias = torch.randn(14, 9), torch.randn(14)
    heads.set_line(weight, bias)
    assert torch.allclose(heads(x), x @ weight.T + bias, atol=1e-5)
    heads(x).square().sum().backward()
    # No weight is dead: a hidden value that is not needed can come to be.
    for pair in (heads.face, heads.tongue):
        assert (pair[1].weight.grad.abs().sum(0) > 0).all()


def test_a_narrow_head_is_the_nearest_of_its_rank() -> None:
    torch.manual_seed(1)
    heads, weight = PoseHeads(9, 6, 3, 5, 2), torch.randn(14, 9)
    heads.set_line(weight, torch.zeros(14))
    face = torch.cat([weight[:6], weight[9:]])
    left, sizes, right = torch.linalg.svd(face, full_matrices=False)
    nearest = left[:, :2] * sizes[:2] @ right[:2]
    assert torch.allclose(heads.face[1].weight @ heads.face[0].weight, nearest, atol=1e-5)


def test_heads_learn_a_face_without_a_step(tmp_path: Path) -> None:
    """Predictions are the regression from what the network hears; the rest of it is untouched."""
    torch.manual_seed(4)
    actor = artefacts()
    source = items(tmp_path, made=actor)
    network = RegressionNetwork(NETWORK, SKIN, TONGUE, num_emotions=1)
    terms = RegressionTerms(actor, RegressionTermSettings(removes_closed_eyes=False))
    implicit = torch.full((16,), 0.3)
    samples = [source[i] for i in range(len(source))]
    audio = torch.from_numpy(np.stack([sample["audio"][:1] for sample in samples]))
    named = torch.from_numpy(np.stack([sample["named"] for sample in samples]))
    assert named.std() > 0
    emotion = torch.cat([implicit.expand(len(samples), -1), named], 1)[:, None]
    network.eval()
    with torch.no_grad():
        heard = network.features(audio, emotion)
    line = torch.randn(heard.shape[1], SKIN + TONGUE + 19)
    told = heard @ line
    told += 0.3 * told.std(0) * torch.randn(told.shape)
    targets = dict(zip((sample["id"] for sample in samples), told.numpy(), strict=True))

    class Told(type(source)):  # type: ignore[misc]
        def __getitem__(self, index: int) -> dict[str, object]:
            sample = super().__getitem__(index)
            return {**sample, "target": np.stack([targets[sample["id"]]] * 2)}

    source.__class__ = Told
    wanted = torch.from_numpy(np.stack(list(targets.values())))
    network.set_output_statistics(wanted.mean(0), wanted.std(0))
    before = {k: v.clone() for k, v in network.state_dict().items() if "heads" not in k}
    network.train()
    strength = fit_heads(network, terms, source, implicit)
    assert network.training
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())
    weight, bias = _plain(heard.double().numpy(), wanted.double().numpy(), strength)
    with torch.no_grad():  # the line itself: random features hardly vary, its weights are large
        bent = network.heads(torch.cat([torch.zeros(1, heard.shape[1]), torch.eye(heard.shape[1])]))
    scale, mean = network.output_scale.numpy(), network.output_mean.numpy()
    found = (bent[1:] - bent[:1]).numpy() * scale
    np.testing.assert_allclose(found, weight, atol=1e-4 * np.abs(weight).max())
    np.testing.assert_allclose(bent[0].numpy() * scale + mean, bias, rtol=1e-3)


def test_too_few_samples_leave_the_heads(tmp_path: Path) -> None:
    from tests.systems.audio2face.regression_cases import clip

    actor = artefacts()
    source = items(tmp_path, [clip("neutral_1", 0, 9)], made=actor)
    network = RegressionNetwork(NETWORK, SKIN, TONGUE, num_emotions=1)
    terms = RegressionTerms(actor, RegressionTermSettings(removes_closed_eyes=False))
    before = {k: v.clone() for k, v in network.state_dict().items()}
    assert fit_heads(network, terms, source, torch.zeros(16)) == 0
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())
