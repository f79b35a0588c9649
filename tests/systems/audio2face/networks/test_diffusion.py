"""The diffusion network: its size, what it says untrained, and what reaches what."""

from __future__ import annotations

import importlib.util

import pytest
import torch
from torch import Tensor, nn

from likeness.models.speech_choice import build_encoder
from likeness.models.speech_encoders import SpeechEncoder, num_steps
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.networks.diffusion_parts import ChannelSizes
from likeness.systems.audio2face.networks.diffusion_settings import DiffusionSettings


class Deaf(SpeechEncoder):
    """An encoder of a given width without a parameter, which counts how often it is asked."""

    def __init__(self, width: int = 768) -> None:
        super().__init__()
        self.width, self.num_layers, self.calls = width, 1, 0

    def forward(self, audio: Tensor) -> Tensor:
        self.calls += 1
        steps = num_steps(audio.shape[-1])
        heard = audio[:, 200 : 200 + 320 * steps : 320]
        return heard.reshape(len(audio), 1, steps, 1).expand(-1, -1, -1, self.width)


def _count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(
    ("vertices", "tongue", "count"), [(100, 20, 2_868_850), (24002, 5602, 85_293_118)]
)
def test_number_of_parameters_is_the_published_one(vertices: int, tongue: int, count: int) -> None:
    with torch.device("meta"):
        network = DiffusionNetwork(
            DiffusionSettings(),
            Deaf(),
            ChannelSizes(3 * vertices, 3 * tongue),
            fps=60,
            num_identities=3,
            num_emotions=10,
        )
    assert _count(network) == count


@pytest.mark.skipif(importlib.util.find_spec("transformers") is None, reason="needs transformers")
def test_number_of_parameters_with_hubert() -> None:
    with torch.device("meta"):
        encoder = build_encoder("hubert", freeze="lower", with_weights=False)
        network = DiffusionNetwork(
            DiffusionSettings(),
            encoder,
            ChannelSizes(72006, 16806),
            fps=60,
            num_identities=3,
            num_emotions=10,
        )
    assert _count(network) == 179_664_830
    frozen = sum(p.numel() for p in network.parameters() if not p.requires_grad)
    assert frozen == 18_771_200


def test_coefficients_need_a_thirtieth_of_the_parameters() -> None:
    with torch.device("meta"):
        network = DiffusionNetwork(
            DiffusionSettings(),
            Deaf(),
            ChannelSizes(140, 10),
            fps=60,
            num_identities=3,
            num_emotions=10,
        )
    assert 2.6e6 < _count(network) < 2.8e6


def small(fps: float = 60, **settings: int) -> DiffusionNetwork:
    torch.manual_seed(3)
    sizes = ChannelSizes(21, 9)
    return DiffusionNetwork(
        DiffusionSettings(features=16, gru_features=16, **settings),
        Deaf(6),
        sizes,
        fps=fps,
        num_identities=2,
        num_emotions=1,
        mean_geometry=torch.randn(2, sizes.total),
    ).eval()


def test_an_untrained_network_says_the_neutral_face_of_the_actor() -> None:
    network = small()
    noisy, audio = torch.randn(3, 60, 49), torch.randn(3, 16000)
    identity = torch.eye(2)[[0, 1, 0]]
    found, state = network(noisy, torch.tensor([0, 500, 999]), audio, identity, torch.ones(3, 1))
    wanted = network.mean_geometry[[0, 1, 0]].unsqueeze(1).expand(-1, 60, -1)
    assert torch.equal(found, wanted)
    assert state.shape == (2, 3, 16)


@pytest.mark.parametrize(
    ("fps", "width"), [(24, 1536), (25, 1536), (30, 1536), (48, 768), (50, 768), (60, 768)]
)
def test_defect_16_the_width_of_features_follows_from_the_frame_rate(
    fps: float, width: int
) -> None:
    """Defect 16: at 30 fps the width had to be changed by hand."""
    with torch.device("meta"):
        network = DiffusionNetwork(
            DiffusionSettings(),
            Deaf(),
            ChannelSizes(30, 9),
            fps=fps,
            num_identities=1,
            num_emotions=1,
        )
    assert network.audio.in_features == width


@pytest.mark.parametrize("fps", [24, 25, 30, 48, 50, 60])
def test_a_second_of_sound_gives_a_second_of_frames(fps: int) -> None:
    network = small(fps)
    assert network.hear(torch.randn(2, 16000), fps).shape == (2, fps, 16)


def _stirred(network: DiffusionNetwork) -> DiffusionNetwork:
    for layer in network.heads.last:
        assert isinstance(layer, nn.Linear)
        nn.init.normal_(layer.weight, std=0.3)
        nn.init.normal_(layer.bias, std=0.3)
    return network


def test_frames_in_two_pieces_with_the_state_carried_equal_one_piece() -> None:
    network = _stirred(small())
    noisy, heard = torch.randn(2, 20, 49), torch.randn(2, 20, 16)
    time, identity, emotion = torch.tensor([7, 7]), torch.eye(2), torch.rand(2, 20, 1)
    whole, end = network.denoise(noisy, time, heard, identity, emotion)
    first, state = network.denoise(noisy[:, :8], time, heard[:, :8], identity, emotion[:, :8], None)
    second, state = network.denoise(
        noisy[:, 8:], time, heard[:, 8:], identity, emotion[:, 8:], state
    )
    assert torch.allclose(torch.cat([first, second], 1), whole, atol=1e-6)
    assert torch.allclose(state, end, atol=1e-6)


def test_a_constant_emotion_equals_the_same_on_every_frame() -> None:
    network = _stirred(small())
    noisy, heard = torch.randn(2, 5, 49), torch.randn(2, 5, 16)
    time, emotion = torch.tensor([3, 900]), torch.rand(2, 1)
    one, _ = network.denoise(noisy, time, heard, torch.eye(2), emotion)
    each, _ = network.denoise(
        noisy, time, heard, torch.eye(2), emotion.unsqueeze(1).expand(-1, 5, -1)
    )
    assert torch.equal(one, each)


@pytest.mark.parametrize("batch", [1, 64])
def test_batches_of_any_size_equal_single_items(batch: int) -> None:
    """Defect 6: the batch size was 1."""
    network = _stirred(small())
    generator = torch.Generator().manual_seed(batch)
    noisy = torch.randn(batch, 6, 49, generator=generator)
    audio = torch.randn(batch, 1600, generator=generator)
    time = torch.randint(0, 1000, (batch,), generator=generator)
    identity = torch.eye(2)[torch.arange(batch) % 2]
    emotion = torch.rand(batch, 1, generator=generator)
    together, _ = network(noisy, time, audio, identity, emotion)
    for i in (0, batch - 1):
        alone, _ = network(
            noisy[i : i + 1],
            time[i : i + 1],
            audio[i : i + 1],
            identity[i : i + 1],
            emotion[i : i + 1],
        )
        assert torch.allclose(together[i], alone[0], atol=1e-5)


def test_the_step_identity_emotion_and_sound_all_matter() -> None:
    network = _stirred(small())
    noisy, audio = torch.randn(1, 6, 49), torch.randn(1, 1600)
    time, identity, emotion = torch.tensor([5]), torch.eye(2)[:1], torch.zeros(1, 1)
    usual = network(noisy, time, audio, identity, emotion)[0]
    others = (
        network(noisy, time + 1, audio, identity, emotion)[0],
        network(noisy, time, audio * 2, identity, emotion)[0],
        network(noisy, time, audio, identity, emotion + 1)[0],
        network(noisy + 1, time, audio, identity, emotion)[0],
    )
    for other in others:
        assert (other - usual).abs().max() > 1e-4


@pytest.mark.parametrize("seconds", [2.0, 7.31, 12.0])
def test_a_long_sound_is_heard_alike_in_pieces(seconds: float) -> None:
    torch.manual_seed(3)
    network = DiffusionNetwork(
        DiffusionSettings(features=16, gru_features=12, context_layers=4),
        build_encoder("log_mel"),
        ChannelSizes(9, 9),
        fps=30,
        num_identities=1,
        num_emotions=1,
    ).eval()
    audio = 0.1 * torch.randn(2, round(16000 * seconds))
    frames = int(30 * seconds)
    with torch.no_grad():
        whole, pieces = network.hear(audio, frames), network.hear(audio, frames, piece=110)
    assert torch.allclose(pieces, whole, atol=1e-5)


def test_an_encoder_never_hears_more_than_a_piece_and_what_is_around() -> None:
    heard: list[int] = []

    class Measured(Deaf):
        def forward(self, audio: Tensor) -> Tensor:
            heard.append(num_steps(audio.shape[-1]))
            return super().forward(audio)

    network = DiffusionNetwork(
        DiffusionSettings(features=16, gru_features=12),
        Measured(4),
        ChannelSizes(9, 9),
        fps=30,
        num_identities=1,
        num_emotions=1,
    )
    network.hear(torch.zeros(1, 400 + 320 * 999), 600, piece=300)
    assert heard == [400, 500, 500, 200]
