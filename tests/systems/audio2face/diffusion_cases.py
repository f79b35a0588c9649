"""Small random actors and networks for the tests of the diffusion side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from likeness.diffusion.process import DiffusionProcess
from likeness.models.speech_encoders import SpeechEncoder, TinyEncoder
from likeness.systems.audio2face.artefacts import (
    CHANNELS,
    ActorArtefacts,
    Basis,
    Normalisation,
    Pairs,
)
from likeness.systems.audio2face.geometry_space import GeometrySpace, build_space
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.networks.diffusion_settings import (
    DiffusionSettings,
    WindowSettings,
)
from likeness.systems.audio2face.shots import Shot
from likeness.systems.audio2face.streaming import StreamingGraph
from likeness.systems.audio2face.streaming_plan import StreamingPlan


def _basis(
    rng: np.random.Generator, count: int, vertices: int, frames: Sequence[tuple[str, int]]
) -> Basis:
    rows = np.linalg.qr(rng.normal(size=(3 * vertices, count)))[0].T
    sizes = np.linspace(2, 0.5, count)
    return Basis(
        np.ascontiguousarray(rows.reshape(count, vertices, 3), np.float32),
        rng.normal(size=(vertices, 3)).astype(np.float32) * 5,
        {
            name: (rng.normal(size=(number, count)) * sizes).astype(np.float32)
            for name, number in frames
        },
    )


def make_actor(
    name: str = "ada",
    *,
    vertices: int = 12,
    tongue: int = 5,
    skin_components: int = 6,
    tongue_components: int = 3,
    fps: float = 30.0,
    frames: Sequence[tuple[str, int]] = (("one", 40), ("two", 60)),
    emotion: str = "neutral",
    has_lists: bool = True,
    seed: int = 0,
) -> ActorArtefacts:
    """An actor of random numbers."""
    rng = np.random.default_rng([seed, *name.encode()])
    skin = _basis(rng, skin_components, vertices, frames)
    inside = _basis(rng, tongue_components, tongue, frames)
    pairs = Pairs(np.array([0, 1]), np.array([2, 3]))
    return ActorArtefacts(
        actor=name,
        fps=fps,
        shots=tuple(Shot(name, shot, count, fps, emotion) for shot, count in frames),
        skin=skin,
        tongue=inside,
        jaw_neutral=rng.normal(size=(5, 3)).astype(np.float32),
        jaw={s: rng.normal(size=(n, 5, 3)).astype(np.float32) for s, n in frames},
        eyes={s: 3 * rng.normal(size=(n, 2, 2)).astype(np.float32) for s, n in frames},
        neutral_skin=skin.mean,
        neutral_tongue=inside.mean,
        lip_open_delta=np.zeros((vertices, 3), np.float32),
        eye_close_delta=np.zeros((vertices, 3), np.float32),
        blink_keys=np.zeros(10, np.float32),
        saccades=np.zeros((50, 2), np.float32),
        normalisation={
            channel: Normalisation(tuple(rng.normal(size=3)), float(rng.uniform(3, 6)))
            for channel in CHANNELS
        },
        lip_distance=pairs if has_lists else None,
        eye_distance=Pairs(np.array([4, 5]), np.array([6, 7])) if has_lists else None,
    )


class CountingEncoder(SpeechEncoder):
    """A small encoder that counts how often it is asked."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.own, self.calls = TinyEncoder(width), 0
        self.width, self.num_layers = width, 1

    def forward(self, audio: Tensor) -> Tensor:
        self.calls += 1
        return self.own(audio)


def make_network(
    identities: Identities,
    kind: str = "vertices",
    *,
    fps: float = 60,
    emotions: int = 2,
    encoder: SpeechEncoder | None = None,
    scale: str = "range",
    context_layers: int = 0,
) -> tuple[DiffusionNetwork, GeometrySpace]:
    """A small network with heads that say something, in eval mode, and its space."""
    torch.manual_seed(5)
    space = build_space(kind, identities, scale)
    network = DiffusionNetwork(
        DiffusionSettings(features=16, gru_features=12, context_layers=context_layers),
        encoder or CountingEncoder(),
        space.sizes,
        fps=fps,
        num_identities=len(identities.actors),
        num_emotions=emotions,
        mean_geometry=space.mean_geometry,
    )
    for layer in network.heads.last:
        assert isinstance(layer, nn.Linear)
        nn.init.normal_(layer.weight, std=0.2)
        nn.init.normal_(layer.bias, std=0.2)
    return network.eval(), space


def make_graph(
    identities: Identities,
    kind: str = "vertices",
    *,
    fps: float = 60,
    steps: int = 2,
    encoder: SpeechEncoder | None = None,
    scale: str = "range",
    context_layers: int = 0,
) -> StreamingGraph:
    """A small graph of :func:`make_network`."""
    network, space = make_network(
        identities, kind, fps=fps, encoder=encoder, scale=scale, context_layers=context_layers
    )
    process = DiffusionProcess.of("cosine", 1000).respaced(steps)
    return StreamingGraph(network, space, process, StreamingPlan.of(WindowSettings(), fps))
