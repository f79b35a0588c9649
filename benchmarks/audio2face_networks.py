"""The networks that ``audio2face.py`` times: of studio and of published sizes, with random weights.

Owns how a stream of each begins, and the baseline it is compared with: the same network called as
it is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from likeness.diffusion.process import DiffusionProcess
from likeness.models.speech_choice import build_encoder
from likeness.seeds import rng_of
from likeness.systems.audio2face.artefacts import CHANNELS, ActorArtefacts, Basis, Normalisation
from likeness.systems.audio2face.face_predictor import Session
from likeness.systems.audio2face.frame_timing import EmotionTrack
from likeness.systems.audio2face.geometry_space import build_space
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.networks.diffusion_settings import (
    DiffusionSettings,
    WindowSettings,
)
from likeness.systems.audio2face.networks.regression import RegressionNetwork
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings
from likeness.systems.audio2face.regression_session import RegressionSession
from likeness.systems.audio2face.shots import Shot
from likeness.systems.audio2face.streaming import StreamingGraph
from likeness.systems.audio2face.streaming_plan import StreamingPlan
from likeness.systems.audio2face.streaming_session import StreamingSession

RATE, EMOTIONS, LEVELS = 16000, 10, 2


def random_actor(name: str, vertices: int, tongue: int, sizes: tuple[int, int]) -> ActorArtefacts:
    """Of random numbers; only shapes matter here. Bases have K and Kt components."""
    rng = rng_of("actor", name)

    def floats(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape, dtype=np.float32)

    skin, lingual = (
        Basis(floats(count, size, 3), floats(size, 3), {"rest": floats(2, count)})
        for count, size in zip(sizes, (vertices, tongue), strict=True)
    )
    still = np.zeros((vertices, 3), np.float32)
    return ActorArtefacts(
        name, 30.0, (Shot(name, "rest", 2, 30.0, "neutral"),), skin, lingual,
        floats(5, 3), {}, {}, skin.mean, lingual.mean, still, still,
        np.zeros(10, np.float32), np.zeros((5000, 2), np.float32),
        dict.fromkeys(CHANNELS, Normalisation((0.0, 0.0, 0.0), 1.0)),
    )  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A network at a frame rate.

    Attributes:
        network: regression or diffusion.
        name: which size.
        parameters: of the network.
        fps: frames per second.
        session: makes a stream.
        look_ahead: seconds of sound after a frame before it can be known; least and most.
        baseline: the network as it is written, on so many seconds of sound.
    """

    network: str
    name: str
    parameters: int
    fps: int
    session: Callable[[], Session]
    look_ahead: tuple[float, float]
    baseline: Callable[[np.ndarray], None]


def regression_cases(device: torch.device) -> Iterator[Case]:
    """As profile studio has it, and as published, on log-mel and on wav2vec 2.0."""
    studio = {"uses_autocorrelation": False, "features": 128, "noise": 1.2}
    for name, settings, vertices, tongue, components in (
        ("studio", RegressionSettings.model_validate(studio), 4957, 400, (60, 10)),
        ("published, log-mel", RegressionSettings(), 61520, 5602, (272, 10)),
        ("published", RegressionSettings(encoder="wav2vec2"), 61520, 5602, (272, 10)),
    ):
        actor = random_actor(name, vertices, tongue, components)
        network = RegressionNetwork(settings, *components, 15, 4, EMOTIONS, with_weights=False)
        network = network.eval().requires_grad_(False).to(device)
        yield from (_regression_case(name, network, actor, fps) for fps in (30, 60))


def _regression_case(
    name: str, network: RegressionNetwork, actor: ActorArtefacts, fps: int
) -> Case:
    window, device = network.settings.window, next(network.parameters()).device
    held = EmotionTrack.constant(np.zeros(EMOTIONS, np.float32))
    implicit = np.zeros(16, np.float32)

    def session() -> RegressionSession:
        return RegressionSession(network, actor, implicit, held, fps=fps)

    @torch.inference_mode()
    def baseline(sound: np.ndarray) -> None:
        skin, tongue = (b.shapes.reshape(len(b.shapes), -1) for b in (actor.skin, actor.tongue))
        padded = torch.from_numpy(np.pad(sound, window // 2)).to(device)
        felt = torch.zeros(1, 1, 16 + EMOTIONS, device=device)
        for frame in range(len(sound) * fps // RATE):
            start = frame * RATE // fps
            row = network(padded[None, None, start : start + window], felt)[0, 0].cpu().numpy()
            _ = row[: len(skin)] @ skin
            _ = row[len(skin) : len(skin) + len(tongue)] @ tongue

    ahead = window / 2 / RATE
    return Case("regression", name, _size(network), fps, session, (ahead, ahead), baseline)


def diffusion_cases(device: torch.device) -> Iterator[Case]:
    """In coefficients on log-mel, as profile studio-diffusion has it, and as published."""
    for name, settings, vertices, tongue, components, actors in (
        ("studio", DiffusionSettings(space="coefficients"), 4957, 400, (60, 10), 1),
        ("published", DiffusionSettings(encoder="hubert"), 24002, 5602, (2, 2), 3),
    ):
        identities = Identities(
            tuple(random_actor(f"{name}{i}", vertices, tongue, components) for i in range(actors))
        )
        space = build_space(settings.space, identities).to(device)
        for fps in (30, 60):
            encoder = build_encoder(settings.encoder, with_weights=False)
            network = DiffusionNetwork(
                settings, encoder, space.sizes, fps=fps, num_identities=actors,
                num_emotions=EMOTIONS, mean_geometry=space.mean_geometry,
            ).to(device).eval().requires_grad_(False)  # fmt: skip
            process = DiffusionProcess.of("cosine", 1000).respaced(LEVELS)
            plan = StreamingPlan.of(WindowSettings(), fps)
            graph = StreamingGraph(network, space, process, plan)
            yield _diffusion_case(name, graph, process, identities)


def _diffusion_case(
    name: str, graph: StreamingGraph, process: DiffusionProcess, identities: Identities
) -> Case:
    plan, network, device = graph.plan, graph.network, graph.network.mean_geometry.device
    who = identities.one_hot(identities.names[0])

    def session() -> StreamingSession:
        return StreamingSession(graph, who, np.zeros(EMOTIONS, np.float32))

    @torch.inference_mode()
    def baseline(sound: np.ndarray) -> None:
        identity = torch.from_numpy(who[None]).to(device)
        felt = torch.zeros(1, EMOTIONS, device=device)
        states: list[Tensor | None] = [None] * len(process)
        for number in range(plan.needed_windows(len(sound))):
            start = max(plan.start(number), 0)
            window = np.zeros(plan.window, np.float32)
            window[: len(sound[start : start + plan.window])] = sound[start : start + plan.window]
            heard = torch.from_numpy(window[None]).to(device)
            noisy = torch.randn(1, plan.num_frames, graph.space.sizes.total, device=device)
            for level in reversed(range(len(process))):
                when = torch.tensor([process.times[level]], device=device)
                clean, states[level] = network(noisy, when, heard, identity, felt, states[level])
                step = process.posterior(level)
                noisy = step.clean * clean + step.noisy * noisy
                noisy += step.fresh * torch.randn_like(noisy)
            graph.space.displacements(clean, identity).cpu()

    fps, ahead = round(float(plan.fps)), plan.look_ahead
    return Case("diffusion", name, _size(network), fps, session, ahead, baseline)


def _size(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())
