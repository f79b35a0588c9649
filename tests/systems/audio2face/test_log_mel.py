from __future__ import annotations

import numpy as np
import pytest

from likeness.systems.audio2face.log_mel import filters, log_mel, log_mel_windows


def test_filters_are_triangles_that_add_up_to_one_between_their_ends() -> None:
    gains = filters()
    assert gains.shape == (40, 257)
    assert gains.min() == 0.0
    bins = np.arange(257) * 31.25
    inside = (bins > 150) & (bins < 7000)
    assert gains.sum(axis=0)[inside] == pytest.approx(1.0)


def test_columns_are_windowed_transforms() -> None:
    sound = np.random.default_rng(0).normal(size=4000)
    found = log_mel(sound)
    assert found.shape == (26, 40)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 399)
    piece = sound[1600 - 200 : 1600 + 200] * window
    spectrum = [
        abs(sum(piece * np.exp(-2j * np.pi * k * np.arange(400) / 512))) ** 2 / 400
        for k in range(257)
    ]
    assert found[10] == pytest.approx(np.log(filters() @ spectrum + 1e-7))


def test_a_tone_is_in_its_band() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000)
    band = int(log_mel(tone)[50].argmax())
    assert filters()[band, 32] > 0.4  # bin 32 is 1 kHz


def test_windows_are_centred_on_frames() -> None:
    sound = np.zeros(32000)
    sound[16000:16160] = 1.0  # one second in, the middle of frame 25 at 25.5 fps
    windows = log_mel_windows(sound, 50, 25.5).reshape(50, 13, 40)
    energy = windows.mean(axis=2)
    assert energy[25].argmax() == 6
    assert energy[20].argmax() > 6 > energy[30].argmax()
    assert np.allclose(windows[0, :6], np.log(1e-7))
