"""The named terms of a batch: values, what is left out, languages, batch sizes, learning."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from likeness.systems.audio2face import losses
from likeness.systems.audio2face.implicit_emotions import ImplicitEmotions
from likeness.systems.audio2face.learning_settings import (
    RegressionTermSettings,
    SamplingSettings,
)
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings
from likeness.systems.audio2face.regression_terms import (
    REGRESSION_TERMS,
    RegressionTerms,
    collate_regression,
    r2_without_implicit,
    regress,
)
from likeness.systems.audio2face.vertex_gaps import vertical_gaps
from tests.systems.audio2face.regression_cases import SKIN, artefacts, items

SETTINGS = RegressionTermSettings(eye_threshold=-100.0)
NETWORK = RegressionSettings(
    encoder="log_mel", encoder_width=16, formant_widths=(4, 4, 6, 6), features=12
)


def _batch(count: int, frames: int = 2, phonemes: int = 0) -> dict[str, Any]:
    generator = torch.Generator().manual_seed(3)
    target = torch.randn(count, frames, 28, generator=generator)
    batch = {
        "audio": torch.randn(count, frames, 8320, generator=generator) * 0.1,
        "target": target,
        "named": torch.zeros(count, 1),
        "rows": torch.arange(count * frames).reshape(count, frames) % 33,
        "volume": torch.linspace(0, 0.0005, count),
        "emotion": ["joy" if i % 3 == 0 else "neutral" for i in range(count)],
        "language": [("en", "zh", "unsupported")[i % 3] for i in range(count)],
        "id": [str(i) for i in range(count)],
    }
    if phonemes:
        shape = (count, frames, 25, phonemes)
        batch["phonemes"] = torch.softmax(torch.randn(shape, generator=generator), -1)
    return batch


def _poses(coefficients: torch.Tensor) -> torch.Tensor:
    basis = artefacts().skin
    shapes = torch.from_numpy(basis.shapes)
    return torch.einsum("bsk,kvc->bsvc", coefficients, shapes) + torch.from_numpy(basis.mean)


def test_every_term_is_its_formula() -> None:
    made, batch = artefacts(), _batch(6)
    settings = SETTINGS.replace(lip_distance_weights={"joy": 3.0}, lip_exponent=0.7)
    terms = RegressionTerms(made, settings)
    prediction, implicit = torch.randn(6, 2, 28), torch.randn(6, 2, 16)
    found = terms(prediction, batch, implicit, exponent=1.0)
    assert set(found) == set(REGRESSION_TERMS) - {"phoneme", "phoneme_motion"}
    for name in ("mse", "motion", "emotion_regularisation"):
        assert float(found[name]) == pytest.approx(1.0, rel=1e-5)
    pose, truth = _poses(prediction[..., :SKIN]), _poses(batch["target"][..., :SKIN])
    assert made.lip_distance is not None
    assert made.lip_size is not None
    weights = torch.tensor([3.0, 1, 1, 3, 1, 1])
    expected = losses.lip_distance(
        vertical_gaps(pose, made.lip_distance),
        vertical_gaps(truth, made.lip_distance),
        0.7,
        weights,
    )
    torch.testing.assert_close(found["lip_distance"], expected)
    lips = (made.lip_size.upper_lip, made.lip_size.lower_lip)
    expected = losses.lip_size(
        [vertical_gaps(pose, lip) for lip in lips], [vertical_gaps(truth, lip) for lip in lips]
    )
    torch.testing.assert_close(found["lip_size"], expected)
    expected = losses.volume_stability(prediction[..., :24], batch["volume"], 5000.0)
    torch.testing.assert_close(found["volume_stability"], expected)
    terms.normalisers.begin(1)
    second = terms(prediction * 2, batch, implicit, exponent=0.5)
    ratio = float(
        losses.mean_square(prediction * 2, batch["target"])
        / losses.mean_square(prediction, batch["target"])
    )
    normalised = ratio / np.sqrt((0.99 + ratio**2) / 1.99)
    assert float(second["mse"]) == pytest.approx(normalised**0.5, rel=1e-4)


def test_weights_of_channels_scale_what_mse_and_motion_compare() -> None:
    batch, prediction = _batch(4), torch.randn(4, 2, 28)
    terms = RegressionTerms(artefacts(), SETTINGS.replace(channel_weights={"eye": 0.1, "jaw": 2.0}))
    terms(prediction, batch, torch.randn(4, 2, 16))
    factors = torch.tensor([1.0] * 9 + [2.0] * 15 + [0.1] * 4)
    error = (prediction - batch["target"]) * factors
    terms.normalisers.end_step()
    sizes = terms.normalisers.terms
    assert float(sizes["mse"].total) == pytest.approx(float(error.square().mean()) ** 2, rel=1e-4)
    moved = (error[:, 1] - error[:, 0]).square().mean()
    assert float(sizes["motion"].total) == pytest.approx(float(moved) ** 2, rel=1e-4)


def test_closed_eyes_are_left_out_of_the_means() -> None:
    """In the published code they count as samples without any error."""
    made, batch = artefacts(), _batch(8)
    assert made.eye_distance is not None
    gaps = vertical_gaps(_poses(batch["target"][..., :SKIN]), made.eye_distance).mean((1, 2))
    middle = float(gaps.sort().values[2:4].mean())
    terms = RegressionTerms(made, RegressionTermSettings(eye_threshold=middle))
    keep = gaps > middle
    assert int(keep.sum()) == 5
    assert torch.equal(terms.open_eyed(batch["target"]), keep)
    prediction, implicit = torch.randn(8, 2, 28), torch.randn(8, 2, 16)
    found = terms(prediction, batch, implicit)
    small = {
        name: value[keep] if isinstance(value, torch.Tensor) else value
        for name, value in batch.items()
    }
    small["emotion"] = [e for e, kept in zip(batch["emotion"], keep) if kept]
    expected = RegressionTerms(made, SETTINGS)(prediction[keep], small, implicit[keep])
    for name in ("lip_distance", "lip_size", "volume_stability"):
        torch.testing.assert_close(found[name], expected[name])
    off = RegressionTerms(made, RegressionTermSettings(removes_closed_eyes=False))
    assert off.open_eyed(batch["target"]).all()


def test_a_batch_of_closed_eyes_teaches_nothing() -> None:
    terms = RegressionTerms(artefacts(), RegressionTermSettings(eye_threshold=100.0))
    prediction = torch.randn(3, 2, 28, requires_grad=True)
    implicit = torch.randn(3, 2, 16, requires_grad=True)
    found = terms(prediction, _batch(3), implicit)
    for name in ("mse", "motion", "lip_distance", "lip_size", "volume_stability"):
        assert float(found[name]) == 0.0
    torch.stack(list(found.values())).sum().backward()
    assert prediction.grad is not None
    assert not prediction.grad.any()
    assert implicit.grad is not None
    assert implicit.grad.any()
    assert float(terms.normalisers.terms["mse"].weight) == 0.0


def test_eyes_do_not_count_in_the_stability_of_silence() -> None:
    """The published slice leaves out the last four values, whatever they are."""
    terms, batch = RegressionTerms(artefacts(), SETTINGS), _batch(4)
    prediction = torch.zeros(4, 2, 28)
    prediction[:, 1, 24:] = 5.0
    found = terms(prediction, batch, torch.randn(4, 2, 16))
    assert float(found["volume_stability"]) == 0.0
    prediction[:, 1, 23] = 5.0
    found = terms(prediction, batch, torch.randn(4, 2, 16))
    assert float(found["volume_stability"]) > 0.1


@pytest.mark.parametrize("count", [1, 2, 64])
def test_two_languages_in_batches_of_any_size_are_finite(count: int) -> None:
    batch = _batch(count, phonemes=6)
    torch.manual_seed(0)
    network = RegressionNetwork(NETWORK, 6, 3, num_emotions=1, phonemes={"en": 4, "zh": 6}).train()
    emotions = ImplicitEmotions(33)
    terms = RegressionTerms(artefacts(), SETTINGS, silence={"en": 0, "zh": 1})
    assert terms.available == frozenset(REGRESSION_TERMS)
    output = regress(network, emotions, batch, with_phonemes=True)
    found = terms(output.prediction, batch, output.implicit, logits=output.logits)
    assert set(found) == set(REGRESSION_TERMS)
    total = torch.stack(list(found.values())).sum()
    total.backward()
    assert torch.isfinite(total)
    for parameter in network.parameters():
        assert parameter.grad is None or torch.isfinite(parameter.grad).all()
    assert float(found["phoneme"]) == pytest.approx(1.0, rel=1e-4)


def test_a_batch_of_unsupported_languages_has_no_phonemes_to_learn() -> None:
    batch = _batch(3, phonemes=6)
    batch["language"] = ["unsupported"] * 3
    network = RegressionNetwork(NETWORK, 6, 3, num_emotions=1, phonemes={"en": 4, "zh": 6})
    terms = RegressionTerms(artefacts(), SETTINGS, silence={"en": 0, "zh": 1})
    output = regress(network, ImplicitEmotions(33), batch, with_phonemes=True)
    found = terms(output.prediction, batch, output.implicit, logits=output.logits)
    assert float(found["phoneme"]) == float(found["phoneme_motion"]) == 0.0
    assert float(terms.normalisers.terms["phoneme"].weight) == 0.0


def test_terms_without_vertex_lists_weight_or_a_second_frame_are_left_out() -> None:
    bare = RegressionTerms(artefacts(has_lists=False), RegressionTermSettings())
    assert bare.available == {"mse", "motion", "emotion_regularisation", "volume_stability"}
    terms = RegressionTerms(artefacts(), SETTINGS)
    prediction, implicit = torch.randn(3, 2, 28), torch.randn(3, 2, 16)
    found = terms(prediction, _batch(3), implicit, active=lambda name: name == "lip_size")
    assert set(found) == {"lip_size"}
    single = terms(prediction[:, :1], _batch(3, frames=1), implicit[:, :1])
    assert set(single) == {"mse", "lip_distance", "lip_size"}
    assert all(torch.isfinite(value) for value in single.values())


def test_r2_without_the_learned_emotions() -> None:
    torch.manual_seed(0)
    network = RegressionNetwork(NETWORK, 6, 3, num_emotions=1).train()
    batch = _batch(4)
    found = r2_without_implicit(network, batch)
    assert network.training
    network.eval()
    with torch.no_grad():
        prediction = network(batch["audio"], torch.zeros(4, 2, 17))
    torch.testing.assert_close(found, losses.r2(prediction, batch["target"]))


def test_learns_a_small_actor_by_heart(tmp_path: Path) -> None:
    made = artefacts()
    source = items(tmp_path, made=made, sampling=SamplingSettings(timeshift=0.0))
    torch.manual_seed(0)
    settings = NETWORK.replace(noise=1.0, uses_autocorrelation=False, features=32)
    network = RegressionNetwork(settings, 6, 3, num_emotions=1)
    emotions, terms = ImplicitEmotions(33, sigma=1.0), RegressionTerms(made, SETTINGS)
    targets = source.all_targets()
    network.set_output_statistics(
        torch.from_numpy(targets.mean(0)), torch.from_numpy(targets.std(0))
    )
    optimizer = torch.optim.Adam([*network.parameters(), *emotions.parameters()], 1e-2)
    batch = collate_regression([source[i] for i in range(0, len(source), 2)])
    scores = []
    for step in range(60):
        terms.normalisers.begin(step)
        output = regress(network, emotions, batch)
        found = terms(output.prediction, batch, output.implicit)
        optimizer.zero_grad()
        (found["mse"] + found["motion"] + found["lip_distance"]).backward()
        optimizer.step()
        scores.append(float(losses.r2(output.prediction.detach(), batch["target"])))
    assert scores[0] < 0.2
    assert scores[-1] > 0.95


def test_an_actor_without_tongue_has_terms(tmp_path: Path) -> None:
    made = artefacts(has_tongue=False)
    source = items(tmp_path, made=replace(made))
    batch = collate_regression([source[0], source[1]])
    network = RegressionNetwork(NETWORK, 6, 10, num_emotions=1)
    output = regress(network, ImplicitEmotions(33), batch)
    found = RegressionTerms(made, SETTINGS)(output.prediction, batch, output.implicit)
    assert all(torch.isfinite(value) for value in found.values())
