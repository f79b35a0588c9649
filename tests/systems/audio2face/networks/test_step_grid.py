"""Steps of sound that overlapping windows share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.systems.audio2face.frame_timing import EmotionTrack
from likeness.systems.audio2face.networks.regression import RegressionNetwork, StepGrid
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings
from likeness.systems.audio2face.regression_session import RegressionSession
from tests.systems.audio2face.random_actor import random_actor

SOUND = 0.1 * torch.randn(1, 16000, generator=torch.Generator().manual_seed(0))


def network_of(**settings: object) -> RegressionNetwork:
    torch.manual_seed(1)
    found = RegressionSettings.model_validate(settings)
    network = RegressionNetwork(found, 5, 3, 15, 4, 2, with_weights=False)
    return network.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("settings", "grid"),
    [
        ({}, StepGrid(320, 640, 25)),
        ({"encoder": "tiny"}, StepGrid(320, 640, 25)),
        ({"uses_autocorrelation": False}, StepGrid(320, 400, 25)),
        ({"uses_encoder": False, "autocorrelation": {"stride": 160}}, StepGrid(160, 640, 49)),
        ({"autocorrelation": {"level_floor": 0.01}}, None),
        ({"autocorrelation": {"preemphasis": 0.9}}, None),
    ],
    ids=["published", "tiny", "log-mel", "finer", "level", "pre-emphasis"],
)
def test_a_step_on_the_grid_hears_its_own_samples_alone(
    settings: dict[str, object], grid: StepGrid | None
) -> None:
    network = network_of(**settings)
    assert network.step_grid == grid
    if grid is None:
        return
    window = SOUND[:, 500 : 500 + network.settings.window]
    whole = network.hear(window)[0]
    assert whole.shape[1] == grid.count
    for step in (0, 7, grid.count - 1):
        place = step * grid.hop
        alone = network.hear(window[:, place : place + grid.reach])
        np.testing.assert_allclose(alone[0, :, 0], whole[:, step], atol=2e-5)


def test_a_transformer_has_no_grid() -> None:
    pytest.importorskip("transformers")
    assert network_of(encoder="wav2vec2", encoder_layers=1).step_grid is None


def test_what_is_heard_and_posed_is_what_the_network_gives() -> None:
    network = network_of()
    windows, felt = SOUND[:, : 2 * 8000].unfold(1, 8320, 533)[0], torch.randn(15, 18)
    posed = network.pose_of(network.hear(windows), felt)
    np.testing.assert_allclose(posed, network(windows[:, None], felt[:, None])[:, 0], atol=1e-5)


@pytest.mark.parametrize(("fps", "most"), [(25.0, 2.0), (30.0, 5.0), (60.0, 5.0), (24.0, 25.0)])
def test_a_stream_hears_no_step_twice(
    fps: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """320 samples are a step: at 30 frames a second three frames begin five steps later; at 24 no
    two windows have a step in common."""
    network, actor = network_of(), random_actor()
    heard = 0
    plain = network.hear

    def counted(audio: torch.Tensor) -> torch.Tensor:
        nonlocal heard
        found = plain(audio)
        heard += found.shape[0] * found.shape[2]
        return found

    monkeypatch.setattr(network, "hear", counted)
    track = EmotionTrack.constant(np.zeros(2, np.float32))
    stream = RegressionSession(network, actor, np.zeros(16, np.float32), track, fps=fps)
    sound = np.tile(SOUND[0].numpy(), 4)
    count = sum(len(stream.push(sound[at : at + 800])) for at in range(0, len(sound), 800))
    assert count > 80
    # The first windows have nobody before them: 25 steps each on every grid there is.
    assert heard <= most * count + 25 * 12
    assert heard >= most * count
