"""Denoising at run time: one window with the states it carries, as a graph that can be exported.

Owns the exact short cuts. Sound is encoded once per window. Only the frames that are kept are
embedded. And between two levels no geometry is made at all: what the network reads of it is a
linear map of it, the next level is a sum of the prediction, the level before and noise, and the
prediction is a linear map of the last hidden layer. So the sum is taken behind the map.
Sessions that cut sound into windows are ``streaming_session.py``.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.diffusion.process import DiffusionProcess
from likeness.systems.audio2face.geometry_space import GeometrySpace
from likeness.systems.audio2face.networks.diffusion import DiffusionNetwork
from likeness.systems.audio2face.streaming_plan import StreamingPlan


class Denoiser(nn.Module):
    """All levels of a process on some consecutive frames, with the states of each level carried.

    Levels are counted in ascending order: 0 is the last one to be removed. Equal to calling the
    network level by level, up to rounding. Made from the weights as they are now.

    Args:
        network: trained, in eval mode.
        process: the levels of run time.
        implicit: DDIM instead of DDPM steps: the result follows from the first noise alone.
    """

    embedded_mean: Tensor

    def __init__(
        self, network: DiffusionNetwork, process: DiffusionProcess, *, implicit: bool = False
    ) -> None:
        super().__init__()
        self.network, self.num_levels = network, len(process)
        self._times = process.times
        step = process.implicit if implicit else process.posterior
        self._steps = [step(level) for level in range(len(process))]
        pairs = list(zip(network.geometry.layers, network.heads.last, strict=True))
        self.shortcuts = nn.ModuleList()
        with torch.no_grad():
            for embed, last in pairs:
                assert isinstance(last, nn.Linear)
                joined = nn.Linear(last.in_features, embed.out_features, device=last.weight.device)
                joined.weight.copy_(embed.weight.double() @ last.weight.double())
                joined.bias.copy_(embed.weight.double() @ last.bias.double())
                self.shortcuts.append(joined)
            mean = network.geometry.project(network.mean_geometry)
        self.requires_grad_(False)
        self.register_buffer("embedded_mean", mean, persistent=False)

    def used_noise(self, noise: Tensor) -> list[Tensor]:
        """What the network reads of each slice of noise (B, levels + 1, T, D).

        Slice i is added after level i, the last one is where denoising starts. Slice 0 is never
        read and is not looked at. The result is as :meth:`forward` takes it, and the same for every
        window where noise is drawn once.
        """
        project = self.network.geometry.project
        return [project(noise[:, i]) for i in range(1, self.num_levels + 1)]

    def forward(
        self,
        heard: Tensor,
        identity: Tensor,
        emotion: Tensor,
        states: Tensor,
        noise: Sequence[Tensor],
    ) -> tuple[Tensor, Tensor]:
        """x̂0 (B, T, D) and the states after the last frame.

        Args:
            heard: (B, T, features) of :meth:`DiffusionNetwork.hear`.
            identity: (B, A).
            emotion: (B, E) or (B, T, E).
            states: (levels, layers, B, ``gru_features``).
            noise: of :meth:`used_noise`.
        """
        network, batch = self.network, heard.shape[0]
        projected = noise[-1]
        after: list[Tensor] = []
        mean = (identity @ self.embedded_mean).unsqueeze(1)
        for level in reversed(range(self.num_levels)):
            # One column of the map, known when the graph is made.
            time = functional.mish(network.time.weight[:, self._times[level]] + network.time.bias)
            tokens = network.tokens(
                heard,
                network.geometry.finish(projected),
                time.unsqueeze(0).expand(batch, -1),
                identity,
                emotion,
            )
            features, state = network.gru(tokens, states[level])
            after.append(state)
            inner = network.heads.inner(features)
            if level == 0:
                break
            clean = torch.cat([join(x) for join, x in zip(self.shortcuts, inner)], -1) + mean
            step = self._steps[level]
            projected = step.clean * clean + step.noisy * projected + step.fresh * noise[level - 1]
        found = network.heads.outer(inner) + network.neutral(identity)
        return found, torch.stack(after[::-1])


class StreamingGraph(nn.Module):
    """One window of sound to displacements, as the runtime of Audio2Face-3D calls it.

    Args:
        network: trained, in eval mode.
        space: that the network works in.
        process: the levels of run time.
        plan: of the windows.
    """

    def __init__(
        self,
        network: DiffusionNetwork,
        space: GeometrySpace,
        process: DiffusionProcess,
        plan: StreamingPlan,
        *,
        implicit: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.space, self.plan = network, space, plan
        self.denoiser = Denoiser(network, process, implicit=implicit)
        self.eval()

    @property
    def state_shape(self) -> tuple[int, int, int]:
        """(levels, layers, width) of the states of one stream; the batch lies before the width."""
        settings = self.network.settings
        return self.denoiser.num_levels, settings.gru_layers, settings.gru_features

    def hear(self, window: Tensor) -> Tensor:
        """(B, centre, features) of the kept frames of windows (B, L)."""
        plan = self.plan
        return self.network.hear(window, plan.num_frames)[:, plan.left : plan.left + plan.centre]

    def forward(
        self,
        window: Tensor,
        identity: Tensor,
        emotion: Tensor,
        input_latents: Tensor,
        noise: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Displacements in cm and degrees, and the states for the next window.

        Args:
            window: (B, window) samples.
            identity: (B, A), one-hot.
            emotion: (B, centre, E), of the kept frames.
            input_latents: (levels, layers, B, ``gru_features``); zeros before the first window.
            noise: (B, levels + 1, left + centre + right, 3V + 3Vt + jaw + eye), unit normal.

        Returns:
            ``prediction`` (B, left + centre + right, 3V + 3Vt + jaw + eye), zero on the frames that
            are not kept; ``output_latents``, like ``input_latents``.
        """
        plan = self.plan
        kept = noise[:, :, plan.left : plan.left + plan.centre]
        # Slice 0 is never added; leaving it out before the projection costs a third less.
        own = self.space.noise(kept[:, 1:], identity)
        slices = [self.network.geometry.project(own[:, i]) for i in range(self.denoiser.num_levels)]
        values, states = self.denoiser(self.hear(window), identity, emotion, input_latents, slices)
        moved = self.space.displacements(values, identity)
        return functional.pad(moved, (0, 0, plan.left, plan.right)), states


def graph_examples(graph: StreamingGraph, batch: int = 2) -> dict[str, Tensor]:
    """Inputs of a graph by name, in its order, for export and comparison; drawn anew each time."""
    network, plan = graph.network, graph.plan
    levels, layers, width = graph.state_shape
    who = torch.arange(batch) % network.num_identities
    return {
        "window": 0.1 * torch.randn(batch, plan.window),
        "identity": torch.eye(network.num_identities)[who],
        "emotion": torch.rand(batch, plan.centre, network.num_emotions),
        "input_latents": torch.randn(levels, layers, batch, width),
        "noise": torch.randn(batch, levels + 1, plan.num_frames, graph.space.vertex_sizes.total),
    }


GRAPH_OUTPUTS = ("prediction", "output_latents")
GRAPH_DYNAMIC = {
    "window": {0: "batch_size"},
    "identity": {0: "batch_size"},
    "emotion": {0: "batch_size"},
    "input_latents": {2: "batch_size"},
    "noise": {0: "batch_size"},
}
"""Axes that may change: the number of streams and nothing else."""
