"""The regression network: half a second of sound and an emotion to the pose in its middle.

Two branches hear: a speech encoder and the autocorrelation of the sound. After Karras et al.,
"Audio-driven facial animation by joint end-to-end learning of pose and emotion" (2017), with a
wav2vec 2.0 branch, named emotions and coefficients of a basis for output, as in NVIDIA's
Audio2Face-3D ("conv_w2v_autocorr"). Stateless: any frame can be asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from likeness.errors import UsageError
from likeness.models.speech_choice import build_encoder
from likeness.models.speech_encoders import HOP, RECEPTIVE_FIELD, SpeechEncoder, num_steps
from likeness.systems.audio2face.networks.autocorrelation import Autocorrelation, FormantAnalysis
from likeness.systems.audio2face.networks.regression_parts import (
    Articulation,
    PhonemeHead,
    PoseHeads,
)
from likeness.systems.audio2face.networks.regression_settings import RegressionSettings


class EncoderBranch(nn.Module):
    """Layers of a speech encoder, mixed by learned shares, to features (N, ``features``, T)."""

    def __init__(self, encoder: SpeechEncoder, features: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.shares = nn.Parameter(torch.ones(encoder.num_layers))
        self.projection = nn.Linear(encoder.width, features)

    def forward(self, audio: Tensor) -> Tensor:
        layers = self.encoder(audio)
        shares = self.shares / self.shares.sum()
        mixed = (layers * shares[:, None, None]).sum(1)
        return functional.relu(self.projection(mixed)).transpose(1, 2)


class StepGrid(NamedTuple):
    """How the steps of a window lie in its sound.

    Attributes:
        hop: samples from step to step.
        reach: samples that a step hears, from its place on.
        count: steps of a window.
    """

    hop: int
    reach: int
    count: int


class RegressionNetwork(nn.Module):
    """See the module's docstring.

    No level is taken out of the sound: the network hears what it is given, in training and later.

    Args:
        settings: its shape.
        num_skin: coefficients of the skin.
        num_tongue: coefficients of the tongue.
        jaw_size: values of the jaw.
        eye_size: values of the eyes.
        num_emotions: named emotions, at least 1.
        phonemes: language to number of phonemes, for the head that training may add.
        with_weights: False leaves a published encoder random, for weights from a checkpoint.

    Raises:
        UsageError: no emotion, or phonemes without a speech encoder.
        MissingError, DataError: from the speech encoder's file.
    """

    output_mean: Tensor
    output_scale: Tensor

    def __init__(
        self,
        settings: RegressionSettings,
        num_skin: int,
        num_tongue: int,
        jaw_size: int = 15,
        eye_size: int = 4,
        num_emotions: int = 1,
        *,
        phonemes: Mapping[str, int] | None = None,
        with_weights: bool = True,
    ) -> None:
        super().__init__()
        if num_emotions < 1:
            raise UsageError(
                "The regression network needs an emotion at least: runtimes refuse an empty input.",
                advice="Keep the neutral emotion as a channel that is always 0.",
            )
        self.settings = settings
        features, noise = settings.features, settings.noise
        self.encoder_branch, self.correlation, self.formants = None, None, None
        if settings.uses_encoder:
            encoder = build_encoder(
                settings.encoder,
                settings.encoder_path,
                settings.encoder_layers,
                width=settings.encoder_width,
                freeze="all" if settings.freezes_encoder else "none",
                with_weights=with_weights,
            )
            self.encoder_branch = EncoderBranch(encoder, features)
        if settings.uses_autocorrelation:
            own = settings.autocorrelation
            self.correlation = Autocorrelation(own)
            self.formants = FormantAnalysis(own.num_lags, settings.formant_widths, features, noise)
            steps = (settings.window - own.window) // own.stride + 1
        else:
            steps = num_steps(settings.window)
        self.steps = steps
        """Steps of sound in a window, 20 ms apart."""
        self.phoneme_head = None
        if phonemes:
            if self.encoder_branch is None:
                raise UsageError(
                    "Phonemes are learned from the speech encoder, which is switched off.",
                    advice="Set uses_encoder, or leave the phoneme terms out.",
                )
            self.phoneme_head = PhonemeHead(features, phonemes, noise)
        self.explicit = nn.Linear(num_emotions, settings.explicit_emotion_embedding)
        emotion = settings.implicit_emotion_len + settings.explicit_emotion_embedding
        branches = int(settings.uses_encoder) + int(settings.uses_autocorrelation)
        self.articulation = Articulation(branches * features, steps, features, emotion, noise)
        self.heads = PoseHeads(
            self.articulation.width, num_skin, num_tongue, jaw_size + eye_size, settings.head_width
        )
        self.output_size = num_skin + num_tongue + jaw_size + eye_size
        self.register_buffer("output_mean", torch.zeros(self.output_size))
        self.register_buffer("output_scale", torch.ones(self.output_size))

    @torch.no_grad()
    def set_output_statistics(self, mean: Tensor, scale: Tensor) -> None:
        """Let the last layers put out standardised values: result = output · scale + mean.

        Targets in cm and degrees differ in size by orders of magnitude, and Adam moves all weights
        at one pace. Losses still compare cm and degrees.

        Args:
            mean: (D,) of the training targets.
            scale: (D,) their standard deviations; zeros (what never moves) count as 1.
        """
        self.output_mean.copy_(mean)
        self.output_scale.copy_(torch.where(scale > 0, scale, torch.ones_like(scale)))

    def forward(self, audio: Tensor, emotion: Tensor) -> Tensor:
        """Poses (B, S, D): skin, tongue, jaw, eyes.

        Args:
            audio: (B, S, window) samples at 16 kHz.
            emotion: (B, S, implicit + named), implicit first.
        """
        return self._pose(audio, emotion)[0]

    def with_phonemes(self, audio: Tensor, emotion: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Poses, and language to logits (B, S, T, phonemes)."""
        pose, heard = self._pose(audio, emotion)
        if self.phoneme_head is None or heard is None:
            return pose, {}
        items, frames = audio.shape[:2]
        logits = self.phoneme_head(heard, items)
        return pose, {
            language: values.reshape(items, frames, *values.shape[1:])
            for language, values in logits.items()
        }

    @property
    def step_grid(self) -> StepGrid | None:
        """How steps lie in a window, where each hears its own samples alone, so that windows which
        overlap can share them. None where a step depends on the window around it: by the norms and
        the attention of a transformer, by a level, by pre-emphasis."""
        hops, reaches = set[int](), [0]
        if self.encoder_branch is not None:
            if not self.encoder_branch.encoder.is_local:
                return None
            hops.add(HOP)
            reaches.append(RECEPTIVE_FIELD)
        if self.settings.uses_autocorrelation:
            own = self.settings.autocorrelation
            if own.level_floor is not None or own.preemphasis:
                return None
            hops.add(own.stride)
            reaches.append(own.window)
        return StepGrid(hops.pop(), max(reaches), self.steps) if len(hops) == 1 else None

    def hear(self, audio: Tensor) -> Tensor:
        """What is heard in every step, (N, channels, T), of sound (N, samples) of any length."""
        return self._steps_of(audio, len(audio))[0]

    def pose_of(self, steps: Tensor, emotion: Tensor) -> Tensor:
        """Poses (N, D) of what :meth:`hear` gives for windows, and of emotions (N, E)."""
        features = self._articulated(steps, emotion, len(steps))
        return self.heads(features) * self.output_scale + self.output_mean

    def features(self, audio: Tensor, emotion: Tensor) -> Tensor:
        """What the heads read, (B · S, ``heads.width``); arguments as :meth:`forward`."""
        return self._heard(audio, emotion)[0]

    def _pose(self, audio: Tensor, emotion: Tensor) -> tuple[Tensor, Tensor | None]:
        items, frames, _ = audio.shape
        features, heard = self._heard(audio, emotion)
        pose = self.heads(features) * self.output_scale + self.output_mean
        return pose.reshape(items, frames, self.output_size), heard

    def _heard(self, audio: Tensor, emotion: Tensor) -> tuple[Tensor, Tensor | None]:
        """Features of every frame, and those of the speech encoder's branch."""
        items = audio.shape[0]
        steps, heard = self._steps_of(audio.flatten(0, 1), items)
        return self._articulated(steps, emotion.flatten(0, 1), items), heard

    def _steps_of(self, flat: Tensor, items: int) -> tuple[Tensor, Tensor | None]:
        """What both branches hear (N, channels, T), and the speech encoder's part of it."""
        parts, heard = [], None
        if self.encoder_branch is not None:
            heard = self.encoder_branch(flat)
            parts.append(heard)
        if self.correlation is not None and self.formants is not None:
            parts.append(self.formants(self.correlation(flat), items))
        return torch.cat(parts, 1), heard

    def _articulated(self, steps: Tensor, emotion: Tensor, items: int) -> Tensor:
        length = self.settings.implicit_emotion_len
        implicit, named = emotion[:, :length], emotion[:, length:]
        joined = torch.cat([implicit, self.explicit(named)], 1)
        return self.articulation(steps, joined, items)


class RegressionGraph(nn.Module):
    """The network as runtimes call it: inputs ``input`` and ``emotion``, one result."""

    def __init__(self, network: RegressionNetwork) -> None:
        super().__init__()
        self.network = network
        self.train(network.training)

    def forward(self, input: Tensor, emotion: Tensor) -> Tensor:
        """(B, 1, D) of sound (B, 1, window) and emotion (B, 1, implicit + named)."""
        return self.network(input, emotion)
