"""Encoder steps at frame rates against plain interpolation."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.systems.audio2face.networks.speech_alignment import aligned, steps_per_frame


@pytest.mark.parametrize(("fps", "frames"), [(60, 60), (30, 30), (24, 24), (50, 37)])
def test_alignment_equals_interpolation_between_the_ends(fps: float, frames: int) -> None:
    features = torch.randn(2, 49, 3, dtype=torch.float64)
    per = steps_per_frame(fps)
    found = aligned(features, frames, per).numpy()
    places = np.linspace(0, 48, frames * per)
    for item in range(2):
        for channel in range(3):
            wanted = np.interp(places, np.arange(49), features[item, :, channel].numpy())
            for part in range(per):
                column = found[item, :, part * 3 + channel]
                np.testing.assert_allclose(column, wanted[part::per], atol=1e-9)
