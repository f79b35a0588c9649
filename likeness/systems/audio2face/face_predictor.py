"""A trained network as something that is given speech and gives a moving face.

Owns what regression and diffusion have in common: who there is, emotions by name and over time, and
post-processing. Frames come from sessions (``regression_session.py``, ``streaming_session.py``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, Literal, Protocol

import numpy as np
from torch import nn

from likeness.errors import UsageError
from likeness.runs.checkpoint import weights_digest
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.audio import SAMPLE_RATE
from likeness.systems.audio2face.cast import Cast
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.frame_timing import EmotionTrack, TimingMode, TrackMode
from likeness.systems.audio2face.identities import Identities
from likeness.systems.audio2face.postprocessing import FaceMotion
from likeness.systems.audio2face.postprocessing_settings import PostprocessingSettings
from likeness.systems.audio2face.streaming_session import FaceFrame, check_finite
from likeness.training.divergence import check_answer

Emotion = str | Sequence[float] | EmotionTrack
"""A name, a vector (E,), or vectors over time."""
_PIECE = 320
"""Samples that a stream is given at a time where a track is to be heard as one: 20 ms."""


class Session(Protocol):
    """A stream of speech; both kinds of networks have one."""

    def push(self, samples: Floats) -> list[FaceFrame]:
        """The frames that samples (n,) at 16 kHz complete."""
        ...

    def finish(self) -> list[FaceFrame]:
        """The frames up to the end of the sound."""
        ...


class SpeechToFace(ABC):
    """Speech of one of its actors to frames of that actor's face.

    Args:
        cast: whom it is of.
        config: of the run; what it says of post-processing and of the network's version is kept.
        fps: frames per second.
    """

    network_type: Literal["regression", "diffusion"]
    network: nn.Module

    def __init__(self, cast: Cast, *, config: AudioToFaceConfig, fps: float) -> None:
        self.cast, self.fps = cast, fps
        self.postprocessing, self.version = config.postprocessing, config.model.version

    @property
    def identities(self) -> Identities:
        """The actors."""
        return self.cast.identities

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 over the weights."""
        return weights_digest(self.network.state_dict())

    @abstractmethod
    def session(
        self,
        actor: str | None = None,
        emotion: Emotion | None = None,
        *,
        seed: int = 0,
        timing: TimingMode = "centre",
    ) -> Session:
        """A new stream.

        Args:
            actor: whose face; the first by default.
            emotion: the default by default.
            seed: of the noise, where there is any.
            timing: ``centre`` hears frame f around (f + 0.5) / fps, as training does; ``runtime``
                around f / fps, as the runtime of Audio2Face-3D does with regression. Windows of
                diffusion are those of the runtime already.

        Raises:
            UsageError: an actor or an emotion there is not, or ``runtime`` of diffusion.
        """

    @property
    @abstractmethod
    def look_ahead(self) -> tuple[float, float]:
        """Seconds of sound that must follow a frame before it is known, the least and the most."""

    def whole(
        self, audio: Floats, actor: str | None, emotion: Emotion | None, *, seed: int
    ) -> Floats:
        """(F, 3V + 3Vt + jaw + eye) displacements of a track that is heard as one window.

        Raises:
            UsageError: the network hears every frame by itself.
            DataError: the sound is shorter than a frame.
        """
        raise UsageError(
            f"A network of {self.network_type} hears every frame by itself: it has no mode whole.",
            advice="Leave the mode out; offline and streaming give the same frames.",
        )

    def __call__(
        self,
        *,
        audio: Any = None,
        actor: str | None = None,
        emotion: Emotion | None = None,
        mode: TrackMode = "offline",
        seed: int = 0,
        timing: TimingMode = "centre",
        **rest: Any,
    ) -> Mapping[str, Any]:
        """Displacements from the neutral face, as the network gives them.

        Args:
            audio: (n,) mono at 16 kHz.
            actor, emotion, seed, timing: see :meth:`session`.
            mode: ``offline`` hears the track by the windows of a stream, ``streaming`` gets it 20
                ms at a time; both give the same ceil(n / 16000 · fps) frames. ``whole``, of
                diffusion alone, is the offline inference of the Audio2Face-3D training framework:
                one window from a state of zeros, int(n / 16000 · fps) other frames.

        Returns:
            ``skin`` (F, V, 3) and ``tongue`` (F, Vt, 3) in cm, ``jaw`` (F, N, 3) in cm, ``eyes``
            (F, 2, 2) in degrees, and ``fps``.

        Raises:
            DivergedError: they are not finite.
        """
        if rest or audio is None:
            given = [*([] if audio is None else ["audio"]), *sorted(rest)]
            raise UsageError(
                "Expected audio, and perhaps actor, emotion, mode, seed and timing; found "
                f"{', '.join(given) or 'nothing'}."
            )
        samples = np.asarray(audio, np.float32)
        if samples.ndim != 1 or not len(samples):
            raise UsageError(
                f"Expected mono samples (n,) at {SAMPLE_RATE} Hz, found the shape {samples.shape}."
            )
        check_finite(samples)
        if mode == "whole":
            rows = self.whole(samples, actor, emotion, seed=seed)
        elif mode in ("offline", "streaming"):
            piece = _PIECE if mode == "streaming" else len(samples)
            session = self.session(actor, emotion, seed=seed, timing=timing)
            frames: list[FaceFrame] = []
            for start in range(0, len(samples), piece):
                frames += session.push(samples[start : start + piece])
            frames += session.finish()
            rows = np.stack([frame.values for frame in frames])
        else:
            raise UsageError(f"A track is heard offline, streaming or whole, not {mode!r:.40}.")
        check_answer(frames=rows)
        return {**self._parted(rows, self.artefacts(actor)), "fps": self.fps}

    def performance(
        self,
        audio: Floats,
        *,
        actor: str | None = None,
        emotion: Emotion | None = None,
        mode: TrackMode = "offline",
        seed: int = 0,
        timing: TimingMode = "centre",
        postprocessing: PostprocessingSettings | None = None,
        blinks: Floats | None = None,
    ) -> AnimationResult:
        """The frames as they are shown: post-processed vertices with their sound.

        Args:
            audio, actor, emotion, mode, seed, timing: see :meth:`__call__`.
            postprocessing: instead of the predictor's own.
            blinks: (F,) added closing of the lids.
        """
        own = self.artefacts(actor)
        settings = postprocessing or self.postprocessing
        samples = np.asarray(audio, np.float32)
        heard = samples * np.float32(settings.input_strength)
        if self.network_type == "diffusion":
            heard = samples  # the runtime applies the strength for regression alone
        found = self(audio=heard, actor=actor, emotion=emotion, mode=mode, seed=seed, timing=timing)
        motion = FaceMotion(own, settings, self.fps)
        frames = list(
            motion.run(found["skin"], found["tongue"], found["jaw"], found["eyes"], blinks)
        )
        tongue = None if own.tongue.is_placeholder else np.stack([f.tongue for f in frames])
        return AnimationResult(
            self.fps,
            np.stack([frame.skin for frame in frames]),
            tongue,
            np.stack([frame.jaw for frame in frames]) - own.jaw_neutral,
            np.stack([frame.eyes for frame in frames]),
            sound=samples,
            sample_rate=SAMPLE_RATE,
        )

    def artefacts(self, actor: str | None) -> ActorArtefacts:
        """Of an actor; the first by default."""
        if actor is None:
            return self.identities.actors[0]
        self.identities.index(actor)
        return self.identities.by_name[actor]

    def emotion_track(self, emotion: Emotion | None) -> EmotionTrack:
        """An emotion as vectors over time.

        Raises:
            UsageError: it is not known, or a vector of another length.
        """
        if emotion is None:
            emotion = self.cast.default_emotion
        if isinstance(emotion, str):
            return EmotionTrack.constant(self.cast.labels.vector(emotion))
        track = emotion if isinstance(emotion, EmotionTrack) else EmotionTrack.constant(emotion)
        if track.vectors.shape[1] != len(self.cast.labels.names):
            names = self.cast.labels.names
            raise UsageError(
                f"An emotion has {len(names)} values ({', '.join(names)}), found "
                f"{track.vectors.shape[1]}."
            )
        return track

    @staticmethod
    def _parted(rows: Floats, actor: ActorArtefacts) -> dict[str, Floats]:
        skin, tongue = actor.skin.mean.size, actor.tongue.mean.size
        ends = np.cumsum([skin, tongue, actor.jaw_size])
        parts = np.split(rows, ends, axis=1)
        count = len(rows)
        return {
            "skin": parts[0].reshape(count, -1, 3),
            "tongue": parts[1].reshape(count, -1, 3),
            "jaw": parts[2].reshape(count, -1, 3),
            "eyes": parts[3].reshape(count, 2, 2),
        }
