"""Autocorrelation against golden numbers and plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from likeness.systems.audio2face.networks.autocorrelation import (
    GAIN,
    Autocorrelation,
    FormantAnalysis,
)
from likeness.systems.audio2face.networks.regression_settings import AutocorrelationSettings


def test_golden_numbers_of_a_tone() -> None:
    tone = torch.sin(2 * torch.pi * 200 * torch.arange(8320, dtype=torch.float64) / 16000)
    found = Autocorrelation(AutocorrelationSettings())(tone.float()[None])
    assert GAIN == 8.912028
    assert found.shape == (1, 25, 32)
    expected = torch.tensor([14.8688, 14.8227, 14.6848, 14.4559])
    torch.testing.assert_close(found[0, 0, :4], expected, atol=6e-5, rtol=0)
    lags = found[0, 12, [8, 16, 31]]
    expected = torch.tensor([12.0167, 4.5758, -11.1325])
    torch.testing.assert_close(lags, expected, atol=6e-5, rtol=0)


@pytest.mark.parametrize(
    ("length", "settings"),
    [
        (8320, AutocorrelationSettings()),
        (700, AutocorrelationSettings(window=100, stride=33, num_lags=48, preemphasis=0.9)),
        (500, AutocorrelationSettings(window=16, stride=7, num_lags=16, removes_mean=False)),
        (640, AutocorrelationSettings(window_shape="none", preemphasis=0.5)),
        (8320, AutocorrelationSettings(window_shape="kaiser6")),
    ],
)
def test_equals_plain_loops(length: int, settings: AutocorrelationSettings) -> None:
    rng = np.random.default_rng(1)
    audio = rng.normal(0, 0.1, (2, length)).astype(np.float32)
    found = Autocorrelation(settings)(torch.from_numpy(audio)).numpy()
    size, stride, lags = settings.window, settings.stride, settings.num_lags
    tapers = {"none": np.ones(size), "hann": np.hanning(size), "kaiser6": np.kaiser(size, 6)}
    taper = tapers[settings.window_shape]
    for item in range(2):
        x = audio[item].astype(np.float64) * GAIN
        x = x - settings.preemphasis * np.concatenate([[0], x[:-1]])
        for window in range((length - size) // stride + 1):
            frame = x[window * stride : window * stride + size]
            if settings.removes_mean:
                frame = frame - frame.mean()
            w = frame * taper
            expected = [np.dot(w[: size - lag], w[lag:]) / size for lag in range(lags)]
            np.testing.assert_allclose(found[item, window], expected, atol=1e-5)


def test_a_level_taken_inside_makes_correlations_follow_no_gain() -> None:
    settings = AutocorrelationSettings(level_floor=0.01)
    audio = torch.randn(3, 8320) * torch.tensor([[0.02], [0.1], [0.001]])
    found = Autocorrelation(settings)(audio)
    torch.testing.assert_close(Autocorrelation(settings)(audio[:2] * 4), found[:2])
    level = audio.square().mean(1).sqrt()
    plain = Autocorrelation(AutocorrelationSettings())(audio) / GAIN**2
    torch.testing.assert_close(found[:2], plain[:2] / level[:2, None, None] ** 2)
    # Silence stays quiet.
    torch.testing.assert_close(found[2], plain[2] / 0.01**2)


def test_formant_analysis_halves_the_lags_to_one() -> None:
    analysis = FormantAnalysis(32, (3, 4, 5, 6), 7, 1.0)
    kernels = [tuple(layer.weight.shape) for layer in analysis.layers]
    assert kernels == [(3, 1, 1, 3), (4, 3, 1, 3), (5, 4, 1, 3), (6, 5, 1, 3), (7, 6, 1, 2)]
    assert analysis(torch.randn(4, 25, 32), 2).shape == (4, 7, 25)
    assert FormantAnalysis(64, (3, 4, 5, 6), 7, 1.0)(torch.randn(1, 5, 64), 1).shape == (1, 7, 5)


def test_lags_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(ValidationError, match="multiple of 16"):
        AutocorrelationSettings(num_lags=40)
    with pytest.raises(ValidationError, match="at most 'window'"):
        AutocorrelationSettings(num_lags=64, window=60)
