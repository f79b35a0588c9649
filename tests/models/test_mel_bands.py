"""Triangles on the mel scale, against loops over bands and bins."""

from __future__ import annotations

import math

import pytest

from likeness.errors import UsageError
from likeness.models.mel_bands import mel_bands, mel_edges


@pytest.mark.parametrize(("lowest", "highest"), [(0.0, None), (60.0, 7600.0)])
def test_bands_are_triangles_of_height_one(lowest: float, highest: float | None) -> None:
    gains = mel_bands(20, 512, 16000, lowest=lowest, highest=highest)
    assert gains.shape == (20, 257)
    low, high = (2595 * math.log10(1 + f / 700) for f in (lowest, highest or 8000.0))
    edges = [700 * (10 ** ((low + (high - low) * k / 21) / 2595) - 1) for k in range(22)]
    assert mel_edges(20, lowest, highest or 8000.0) == pytest.approx(edges)
    for band in range(20):
        left, middle, right = edges[band : band + 3]
        for place in range(257):
            f = place * 16000 / 512
            expected = 0.0
            if left < f <= middle:
                expected = (f - left) / (middle - left)
            elif middle < f < right:
                expected = (right - f) / (right - middle)
            assert gains[band, place] == pytest.approx(expected, abs=1e-9)


def test_a_band_without_a_frequency_is_refused() -> None:
    with pytest.raises(UsageError, match="100 mel bands are too many for 128"):
        mel_bands(100, 128, 16000)
