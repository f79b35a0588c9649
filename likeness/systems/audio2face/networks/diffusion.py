"""The diffusion network of the face: sound and a noisy animation to a clean one.

The design of the network ``diffusion_rnn`` of NVIDIA's Audio2Face-3D (model generation 3): a speech
encoder, an embedding of every noisy frame, and a recurrent network whose state is carried along the
track. It predicts the clean values (x̂0). Spaces it can work in are ``geometry_space.py``.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.models.speech_encoders import HOP, RECEPTIVE_FIELD, SpeechEncoder, num_steps
from likeness.systems.audio2face.networks.diffusion_parts import (
    ChannelSizes,
    GeometryEmbedding,
    GeometryHeads,
)
from likeness.systems.audio2face.networks.diffusion_settings import DiffusionSettings
from likeness.systems.audio2face.networks.speech_alignment import aligned, steps_per_frame
from likeness.systems.audio2face.networks.speech_context import SpeechContext

_AROUND = 100
"""Steps that a piece is heard with either way: more than any context reaches."""


class DiffusionNetwork(nn.Module):
    """x̂0 from x_t, the step, sound, identity and emotion.

    D is the number of values of a frame; the channels are skin, tongue, jaw, eye, normalised.

    Args:
        settings: widths of the layers.
        encoder: of speech; its last layer is heard.
        sizes: of the channels.
        fps: frames per second.
        num_identities: actors A, at least 1.
        num_emotions: explicit emotions E, at least 1.
        steps: of the diffusion in training.
        mean_geometry: (A, D) of the neutral faces; None: zeros, for spaces of differences.
    """

    mean_geometry: Tensor

    def __init__(
        self,
        settings: DiffusionSettings,
        encoder: SpeechEncoder,
        sizes: ChannelSizes,
        *,
        fps: float,
        num_identities: int,
        num_emotions: int,
        steps: int = 1000,
        mean_geometry: Tensor | None = None,
    ) -> None:
        super().__init__()
        if num_identities < 1 or num_emotions < 1:
            # Runtimes refuse tensors without any element.
            raise ValueError("a diffusion network has an identity and an emotion at least")
        self.settings, self.sizes, self.fps = settings, sizes, fps
        self.num_identities, self.num_emotions, self.steps = num_identities, num_emotions, steps
        width = settings.features
        self.steps_per_frame = steps_per_frame(fps)
        self.encoder = encoder
        self.context = (
            SpeechContext(
                encoder.width, width, settings.context_layers, dropout=settings.context_dropout
            )
            if settings.context_layers
            else None
        )
        heard = encoder.width if self.context is None else width
        self.audio = nn.Linear(heard * self.steps_per_frame, width)
        self.geometry = GeometryEmbedding(sizes, settings)
        self.time = nn.Linear(steps, width)
        self.identity = nn.Linear(num_identities, settings.identity_embedding, bias=False)
        self.emotion = nn.Linear(num_emotions, settings.emotion_embedding, bias=False)
        tokens = 2 * width + self.geometry.width
        self.gru = nn.GRU(
            tokens + settings.identity_embedding + settings.emotion_embedding,
            settings.gru_features,
            settings.gru_layers,
            batch_first=True,
            dropout=settings.gru_dropout if settings.gru_layers > 1 else 0.0,
        )
        self.heads = GeometryHeads(sizes, settings)
        if mean_geometry is None:
            mean_geometry = torch.zeros(num_identities, sizes.total)
        # A fact about the actors, not a weight: it is not in checkpoints.
        self.register_buffer("mean_geometry", mean_geometry, persistent=False)

    def hear(self, audio: Tensor, num_frames: int, *, piece: int | None = None) -> Tensor:
        """Sound (B, L) at 16 kHz to features (B, ``num_frames``, ``features``).

        ``piece`` is the number of steps that the encoder gives at once, None: all. It hears two
        seconds around them, so log_mel and tiny give the same either way, and the memory of
        encoders with attention does not grow with the square of L.
        """
        if self.settings.standardises_audio:
            audio = audio - audio.mean(1, keepdim=True)
            audio = audio / (audio.square().mean(1, keepdim=True) + 1e-7).sqrt()
        total = num_steps(audio.shape[1])
        if piece is None or total <= piece:
            encoded = self._encoded(audio)
        else:
            parts = []
            for first in range(0, total, piece):
                start = max(first - _AROUND, 0)
                end = min(first + piece + _AROUND, total)
                around = self._encoded(audio[:, start * HOP : (end - 1) * HOP + RECEPTIVE_FIELD])
                parts.append(around[:, first - start :][:, :piece])
            encoded = torch.cat(parts, 1)
        return self.audio(aligned(encoded, num_frames, self.steps_per_frame))

    def _encoded(self, audio: Tensor) -> Tensor:
        """(B, steps, …) of the encoder, with its context."""
        encoded = self.encoder(audio)[:, -1]
        return encoded if self.context is None else self.context(encoded)

    def tokens(
        self, heard: Tensor, geometry: Tensor, time: Tensor, identity: Tensor, emotion: Tensor
    ) -> Tensor:
        """What the recurrent layers read, (B, T, …), from the five things that are known.

        Args:
            heard: (B, T, ``features``).
            geometry: (B, T, G), embedded.
            time: (B, ``features``), embedded.
            identity: (B, A), one-hot.
            emotion: (B, E), or (B, T, E) where it changes.
        """
        frames = heard.shape[1]
        felt = self.emotion(emotion)
        if felt.ndim == 2:
            felt = felt.unsqueeze(1).expand(-1, frames, -1)
        who = self.identity(identity).unsqueeze(1).expand(-1, frames, -1)
        when = time.unsqueeze(1).expand(-1, frames, -1)
        return torch.cat([heard, geometry, who, when, felt], -1)

    def embedded_time(self, time: Tensor) -> Tensor:
        """(B, ``features``) of the steps (B,) int64."""
        one_hot = functional.one_hot(time, self.steps).to(self.time.weight.dtype)
        return functional.mish(self.time(one_hot))

    def neutral(self, identity: Tensor) -> Tensor:
        """(B, 1, D): the mean geometry of each identity (B, A)."""
        return (identity @ self.mean_geometry).unsqueeze(1)

    def denoise(
        self,
        noisy: Tensor,
        time: Tensor,
        heard: Tensor,
        identity: Tensor,
        emotion: Tensor,
        state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """x̂0 (B, T, D) and the state (layers, B, ``gru_features``) after the last frame.

        Args:
            noisy: (B, T, D).
            time: (B,) int64, index of the step in training.
            heard: (B, T, ``features``) from :meth:`hear`, made once for all steps.
            identity: (B, A), one-hot.
            emotion: (B, E) or (B, T, E).
            state: before the first frame; None: zeros.
        """
        tokens = self.tokens(
            heard, self.geometry(noisy), self.embedded_time(time), identity, emotion
        )
        features, state = self.gru(tokens, state)
        return self.heads(features) + self.neutral(identity), state

    def forward(
        self,
        noisy: Tensor,
        time: Tensor,
        audio: Tensor,
        identity: Tensor,
        emotion: Tensor,
        state: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """:meth:`denoise` that listens to ``audio`` (B, L) first."""
        heard = self.hear(audio, noisy.shape[1])
        return self.denoise(noisy, time, heard, identity, emotion, state)
