"""Sound in, frames out: sessions that carry their state, and a whole track at once.

Owns when a window is complete, which frames of it are new, and where noise comes from. Windows are
``streaming_plan.py``, their computation ``streaming.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from likeness.errors import DataError, UsageError
from likeness.seeds import rng_of
from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.geometry_space import GeometrySpace
from likeness.systems.audio2face.networks.diffusion_parts import ChannelSizes
from likeness.systems.audio2face.streaming import Denoiser, StreamingGraph
from likeness.systems.audio2face.streaming_plan import whole_track_frames

EmotionAt = Callable[[NDArray[np.float64]], Floats]
"""Times (n,), seconds, to emotions (n, E)."""

_TRACK_CHUNK = 120
"""Frames whose geometry is in memory at once."""
_TRACK_STEPS = 1500
"""Steps, 20 ms each, that the encoder gives at once: attention takes memory by their square."""


@dataclass(frozen=True)
class Noise:
    """Where the noise of a stream comes from. The same noise gives the same animation.

    Attributes:
        seed: of what is drawn.
        drawn: once for all windows, or anew for each window.
        array: (levels + 1, frames of a window, 3V + 3Vt + jaw + eye) to use instead of drawing; a
            leading dimension of 1 is allowed.
    """

    seed: int = 0
    drawn: Literal["once", "window"] = "once"
    array: Floats | None = None


@dataclass(frozen=True, eq=False)
class FaceFrame:
    """Displacements from the neutral face at one moment.

    Attributes:
        index: of the frame, from 0.
        time: seconds from the start of the sound.
        values: (3V + 3Vt + jaw + eye,) cm and degrees.
        sizes: of the channels in ``values``.
    """

    index: int
    time: float
    values: Floats
    sizes: ChannelSizes

    @cached_property
    def _parts(self) -> list[Floats]:
        return np.split(self.values, np.cumsum(self.sizes.each)[:-1])

    @property
    def skin(self) -> Floats:
        """(V, 3) cm."""
        return self._parts[0].reshape(-1, 3)

    @property
    def tongue(self) -> Floats:
        """(Vt, 3) cm."""
        return self._parts[1].reshape(-1, 3)

    @property
    def jaw(self) -> Floats:
        """(N, 3) cm."""
        return self._parts[2].reshape(-1, 3)

    @property
    def eyes(self) -> Floats:
        """(2, 2) degrees: right and left eye, x and y."""
        return self._parts[3].reshape(2, 2)


def next_samples(samples: Floats, *, is_finished: bool) -> Floats:
    """What is pushed into a stream, as float32 (n,).

    Raises:
        UsageError: the session is finished, or the samples are not one row of real numbers.
    """
    samples = np.asarray(samples)
    if is_finished:
        raise UsageError("This session is finished.", advice="Start a new one.")
    if samples.dtype.kind != "f" and samples.size:
        raise UsageError(
            f"A stream takes samples in -1 to 1, and got numbers of the kind {samples.dtype}.",
            advice="Divide 16-bit samples by 32768.",
        )
    samples = samples.astype(np.float32, copy=False)
    if samples.ndim != 1:
        raise UsageError(f"A stream takes mono samples (n,), and got the shape {samples.shape}.")
    check_finite(samples)
    return samples


def check_finite(samples: Floats) -> None:
    """Refuse samples (n,) that are no numbers.

    Raises:
        UsageError: names the first of them.
    """
    wrong = np.flatnonzero(~np.isfinite(samples))
    if len(wrong):
        raise UsageError(
            f"Expected finite samples, found {samples[wrong[0]]} at {wrong[0]}, and so in "
            f"{len(wrong)} of {len(samples)}.",
            advice="Look at what makes the sound: a division by zero, or a buffer never filled.",
        )


class StreamingSession:
    """One stream of speech of one actor.

    ``for frame in session.push(samples)`` gives the frames that have become known, which are those
    up to 0.25 to 0.75 s ago at the usual windows; ``finish`` gives the rest.

    Args:
        graph: of the network, on its device.
        identity: (A,) one-hot of the actor: both the way of moving and the face.
        emotion: (E,) held, or a function of times in seconds.
        noise: that denoising starts from.

    Raises:
        UsageError: an identity, emotion or noise of another shape.
    """

    def __init__(
        self,
        graph: StreamingGraph,
        identity: Floats,
        emotion: Floats | EmotionAt,
        noise: Noise = Noise(),
    ) -> None:
        self.graph, self.plan = graph, graph.plan
        self._emotion = emotion if callable(emotion) else _held(emotion)
        self._noise = _NoiseReader(graph, noise, identity)
        self._device = graph.network.mean_geometry.device
        who = np.asarray(identity, np.float32).reshape(1, -1)
        if who.shape[1] != graph.network.num_identities:
            raise UsageError(
                f"The network knows {graph.network.num_identities} actors; the identity given has "
                f"{who.shape[1]} values."
            )
        self._identity = torch.from_numpy(who).to(self._device)
        levels, layers, width = graph.state_shape
        self._states = torch.zeros(levels, layers, 1, width, device=self._device)
        self._sound = np.zeros(self.plan.padding_left, np.float32)
        self._sound_start = -self.plan.padding_left
        self._received = self._window = 0
        self._is_finished = False

    def push(self, samples: Floats) -> list[FaceFrame]:
        """Frames that these samples (n,) at 16 kHz complete. Any n, 0 included.

        Raises:
            UsageError: the session is finished, or the samples are not one row of numbers.
        """
        samples = next_samples(samples, is_finished=self._is_finished)
        self._sound = np.concatenate([self._sound, samples])
        self._received += len(samples)
        found = []
        while self.plan.start(self._window) + self.plan.window <= self._received:
            found += self._next_window(None)
        return found

    def finish(self) -> list[FaceFrame]:
        """The frames up to the end of the sound, as if silence followed."""
        self._is_finished = True
        last = self.plan.frames_of(self._received)
        rest = np.zeros(self.plan.window + self.plan.padding_right, np.float32)
        self._sound = np.concatenate([self._sound, rest])
        found = []
        while self._window < self.plan.needed_windows(self._received):
            found += self._next_window(last)
        return found

    @torch.inference_mode()
    def _next_window(self, end: int | None) -> list[FaceFrame]:
        plan, number = self.plan, self._window
        start = plan.start(number)
        self._sound = self._sound[start - self._sound_start :]
        self._sound_start = start
        window = torch.from_numpy(self._sound[None, : plan.window].copy()).to(self._device)
        frames = number * plan.centre - plan.drop + np.arange(plan.centre)
        times = frames / float(plan.fps)
        emotion = torch.from_numpy(_emotions(self._emotion, times, self.graph)).to(self._device)
        graph = self.graph
        values, self._states = graph.denoiser(
            graph.hear(window), self._identity, emotion[None], self._states,
            self._noise.read(number),
        )  # fmt: skip
        self._window += 1
        new = (frames >= 0) & (frames < (end if end is not None else np.inf))
        if not new.any():
            return []
        kept = torch.from_numpy(new).to(self._device)
        moved = graph.space.displacements(values[:, kept], self._identity)[0].cpu().numpy()
        return [
            FaceFrame(int(index), float(time), row, graph.space.vertex_sizes)
            for index, time, row in zip(frames[new], times[new], moved, strict=True)
        ]


class _NoiseReader:
    """What the network reads of the noise of a window; kept where it never changes."""

    def __init__(self, graph: StreamingGraph, noise: Noise, identity: Floats) -> None:
        self._graph, self._noise = graph, noise
        self._device = graph.network.mean_geometry.device
        self._identity = torch.as_tensor(identity, dtype=torch.float32, device=self._device)
        self._kept: list[Tensor] | None = None
        if noise.array is not None:
            plan, levels = graph.plan, graph.denoiser.num_levels
            wanted = (levels + 1, plan.num_frames, graph.space.vertex_sizes.total)
            found = noise.array.shape[1:] if noise.array.ndim == 4 else noise.array.shape
            if found != wanted:
                raise UsageError(
                    f"Noise should have the shape {wanted} (levels + 1, frames of a window, values "
                    f"of a frame), and has {noise.array.shape}."
                )

    def read(self, window: int) -> list[Tensor]:
        if self._kept is not None:
            return self._kept
        noise, plan = self._noise, self._graph.plan
        if noise.array is not None:
            array = noise.array[0] if noise.array.ndim == 4 else noise.array
            kept = np.ascontiguousarray(array[:, plan.left : plan.left + plan.centre], np.float32)
            given = torch.from_numpy(kept)[None].to(self._device)
            own = self._graph.space.noise(given, self._identity[None])
        else:
            number = window if noise.drawn == "window" else 0
            own = drawn_noise(
                self._graph.denoiser, self._graph.space, plan.centre, noise.seed, number
            ).to(self._device)
        read = self._graph.denoiser.used_noise(own)
        if noise.array is not None or noise.drawn == "once":
            self._kept = read
        return read


def drawn_noise(
    denoiser: Denoiser, space: GeometrySpace, frames: int, seed: int, number: int
) -> Tensor:
    """(1, levels + 1, frames, D) unit normal noise, a function of the seed and the number."""
    shape = (denoiser.num_levels, frames, space.sizes.total)
    rng = rng_of("diffusion noise", seed, number)
    drawn = rng.standard_normal(shape, dtype=np.float32)
    # Slice 0 is never read.
    return torch.from_numpy(np.concatenate([np.zeros((1, *shape[1:]), np.float32), drawn]))[None]


@torch.inference_mode()
def whole_track(
    graph: StreamingGraph,
    samples: Floats,
    identity: Floats,
    emotion: Floats | EmotionAt,
    seed: int = 0,
) -> Floats:
    """(F, 3V + 3Vt + jaw + eye) with the sound heard as one window, F = int(n / 16000 · fps).

    The offline inference of the Audio2Face-3D training framework: the states start at zero at the
    first frame, and the encoder hears the future. What is longer than half a minute is encoded half
    a minute at a time, two seconds around it heard.

    Raises:
        DataError: the sound is shorter than a frame.
    """
    network, space, denoiser = graph.network, graph.space, graph.denoiser
    device = network.mean_geometry.device
    total = whole_track_frames(len(samples), float(graph.plan.fps))
    if not total:
        raise DataError(
            f"Heard whole, a sound of {len(samples)} samples is shorter than a frame, which has "
            f"{float(graph.plan.samples_per_frame):g}.",
            advice="Leave the mode out: offline gives it a frame.",
        )
    found = np.zeros((total, space.vertex_sizes.total), np.float32)
    given = torch.from_numpy(np.asarray(samples, np.float32)[None]).to(device)
    heard = network.hear(given, total, piece=_TRACK_STEPS)
    who = torch.from_numpy(np.asarray(identity, np.float32)[None]).to(device)
    levels, layers, width = graph.state_shape
    states = torch.zeros(levels, layers, 1, width, device=device)
    emotion_at = emotion if callable(emotion) else _held(emotion)
    for number, start in enumerate(range(0, total, _TRACK_CHUNK)):
        frames = np.arange(start, min(start + _TRACK_CHUNK, total))
        felt = _emotions(emotion_at, frames / float(graph.plan.fps), graph)
        noise = drawn_noise(denoiser, space, len(frames), seed, number).to(device)
        values, states = denoiser(
            heard[:, start : start + len(frames)], who, torch.from_numpy(felt)[None].to(device),
            states, denoiser.used_noise(noise),
        )  # fmt: skip
        found[frames] = space.displacements(values, who)[0].cpu().numpy()
    return found


def _held(emotion: Floats) -> EmotionAt:
    row = np.asarray(emotion, np.float32)
    return lambda times: np.broadcast_to(row, (len(times), len(row)))


def _emotions(emotion: EmotionAt, times: NDArray[np.float64], graph: StreamingGraph) -> Floats:
    found = np.ascontiguousarray(emotion(times), np.float32)
    wanted = (len(times), graph.network.num_emotions)
    if found.shape != wanted:
        raise UsageError(
            f"Emotions of {wanted[0]} frames should have the shape {wanted}, found {found.shape}."
        )
    return found
