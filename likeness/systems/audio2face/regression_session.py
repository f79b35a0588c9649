"""Frames of the regression network from a stream of speech, and from a whole track alike.

Owns when a window is complete. Every frame comes from its own window of sound, so a stream and a
track in one piece give the same frames; a frame is known half a window after its moment. Windows
overlap, and where a network hears each step of them by itself, no step is computed twice that two
windows have in common: at 25, 30, 50 and 60 frames a second four in five and more.
"""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor

from likeness.systems.audio2face.artefacts import ActorArtefacts, Floats
from likeness.systems.audio2face.audio import SAMPLE_RATE, SpeechTrack
from likeness.systems.audio2face.channel_layout import ChannelLayout
from likeness.systems.audio2face.frame_timing import (
    EmotionTrack,
    TimingMode,
    num_frames_of,
    window_centre,
)
from likeness.systems.audio2face.networks.diffusion_parts import ChannelSizes
from likeness.systems.audio2face.networks.regression import RegressionNetwork, StepGrid
from likeness.systems.audio2face.streaming_session import FaceFrame, next_samples

_BATCH = 128
"""Frames that go through the network together, and whose vertices are made together."""
_WHOLE_WINDOWS = 4
"""Windows that a transformer hears together on a CPU: what its convolutions give of more does not
stay in the cache, and takes a fifth longer."""


class RegressionSession:
    """One stream of speech of the actor of a network.

    Args:
        network: trained, in eval mode.
        actor: whose coefficients it gives.
        implicit: (16,) the learned emotion that is held.
        emotion: named emotions over time.
        fps: frames per second; any, whatever the network was trained at.
        timing: ``centre`` puts frame f at (f + 0.5) / fps, as training does; ``runtime`` at
            f / fps, as the runtime does.
    """

    def __init__(
        self,
        network: RegressionNetwork,
        actor: ActorArtefacts,
        implicit: Floats,
        emotion: EmotionTrack,
        *,
        fps: float,
        timing: TimingMode = "centre",
    ) -> None:
        self._network, self._fps, self._timing = network, fps, timing
        self._implicit, self._emotion = np.asarray(implicit, np.float32), emotion
        self._window = network.settings.window
        self._layout = ChannelLayout.of(actor)
        self._skin = _shared(actor.skin.shapes.reshape(self._layout.skin, -1))
        self._tongue = _shared(actor.tongue.shapes.reshape(self._layout.tongue, -1))
        self._sizes = ChannelSizes(
            self._skin.shape[1], self._tongue.shape[1], self._layout.jaw, self._layout.eye
        )
        self._device = next(network.parameters()).device
        self._sound = np.zeros(0, np.float32)
        self._sound_start = 0
        self._frame = 0
        self._is_finished = False
        self._grid = network.step_grid
        self._known_at = np.zeros(0, np.int64)  # places of steps in the sound, rising
        self._known = torch.zeros(0)  # (n, channels) what was heard there

    @property
    def look_ahead(self) -> float:
        """Seconds of sound that must follow a frame before it is known."""
        return self._window / 2 / SAMPLE_RATE

    def push(self, samples: Floats) -> list[FaceFrame]:
        """The frames that samples (n,) at 16 kHz complete. Any n, 0 included.

        Raises:
            UsageError: the session is finished, or the samples are not one row of numbers.
        """
        samples = next_samples(samples, is_finished=self._is_finished)
        self._sound = np.concatenate([self._sound, samples])
        heard = self._sound_start + len(self._sound)
        count = 0
        while self._start(self._frame + count) + self._window <= heard:
            count += 1
        return self._frames(count)

    def finish(self) -> list[FaceFrame]:
        """The frames up to the end of the sound, as if silence followed."""
        self._is_finished = True
        heard = self._sound_start + len(self._sound)
        return self._frames(max(num_frames_of(heard, SAMPLE_RATE, self._fps) - self._frame, 0))

    def _start(self, frame: int) -> int:
        """First sample of the window of a frame."""
        return window_centre(frame, SAMPLE_RATE, self._fps, self._timing) - self._window // 2

    def _frames(self, count: int) -> list[FaceFrame]:
        """The next frames, in batches; sound that no later frame hears is let go."""
        found: list[FaceFrame] = []
        if count:
            # As many in each: a product of few frames takes twice the time per frame.
            frames = np.arange(self._frame, self._frame + count)
            for batch in np.array_split(frames, -(-count // _BATCH)):
                found += self._batch(batch)
        self._frame += count
        start = self._start(self._frame)
        gone = min(max(start - self._sound_start, 0), len(self._sound))
        self._sound, self._sound_start = self._sound[gone:], self._sound_start + gone
        still = int(np.searchsorted(self._known_at, start))
        self._known_at, self._known = self._known_at[still:], self._known[still:]
        return found

    def _hear(self, starts: np.ndarray) -> torch.Tensor:
        """What is heard in the windows (B, channels, T) that begin at samples (B,) of the sound."""
        if self._grid is None:
            together = _WHOLE_WINDOWS if self._device.type == "cpu" else len(starts)
            windows = [
                self._network.hear(self._sounds(starts[first : first + together], self._window))
                for first in range(0, len(starts), together)
            ]
            return torch.cat(windows)
        places = starts[:, None] + self._grid.hop * np.arange(self._grid.count)
        new = np.setdiff1d(places, self._known_at)
        if len(new):
            new = new[np.lexsort((new, new % self._grid.hop))]
            heard = self._hear_steps(new, self._grid)
            at = np.concatenate([self._known_at, new])
            order = np.argsort(at)
            known = torch.cat([self._known, heard]) if len(self._known) else heard
            self._known_at, self._known = at[order], known[torch.from_numpy(order)]
        taken = torch.from_numpy(np.searchsorted(self._known_at, places.ravel()))
        return self._known[taken].reshape(*places.shape, -1).transpose(1, 2)

    def _hear_steps(self, places: np.ndarray, grid: StepGrid) -> torch.Tensor:
        """(n, channels) of steps at places (n,), of which those a hop apart follow each other: they
        are heard as one piece of sound."""
        before = places[0] - grid.hop - 1  # no hop away: the first place begins a piece
        begins = np.flatnonzero(np.diff(places, prepend=before) != grid.hop)
        counts = np.diff(begins, append=len(places))
        most = int(counts.max())
        pieces = self._sounds(places[begins], grid.hop * (most - 1) + grid.reach)
        is_asked = np.arange(most) < counts[:, None]
        return self._network.hear(pieces).transpose(1, 2)[torch.from_numpy(is_asked)]

    def _sounds(self, starts: np.ndarray, length: int) -> torch.Tensor:
        """(n, length) samples from places in the sound on."""
        track = SpeechTrack(self._sound, 1.0)
        return torch.from_numpy(track.windows(starts - self._sound_start, length)).to(self._device)

    @torch.inference_mode()
    def _batch(self, frames: np.ndarray) -> list[FaceFrame]:
        steps = self._hear(np.array([self._start(int(frame)) for frame in frames]))
        times = frames / self._fps
        emotion = np.concatenate(
            [np.tile(self._implicit, (len(frames), 1)), self._emotion.at(times)], axis=1
        )
        felt = torch.from_numpy(emotion).to(self._device)
        rows = self._network.pose_of(steps, felt).cpu()
        columns = self._layout.slices
        moved = np.empty((len(frames), self._sizes.total), np.float32)
        skin, tongue, jaw, eye = torch.split(torch.from_numpy(moved), list(self._sizes.each), 1)
        # Into place: of a large face, a copy of the vertices costs a quarter of making them. By
        # torch: its product of a large face takes four fifths of the time of NumPy's.
        torch.mm(rows[:, columns["skin"]], self._skin, out=skin)
        torch.mm(rows[:, columns["tongue"]], self._tongue, out=tongue)
        jaw.copy_(rows[:, columns["jaw"]])
        eye.copy_(rows[:, columns["eye"]])
        return [
            FaceFrame(int(frame), float(time), row, self._sizes)
            for frame, time, row in zip(frames, times, moved, strict=True)
        ]


def _shared(array: Floats) -> Tensor:
    """An array as a tensor that is only read, without a copy for each session: bases of published
    heads have 70 MB, and files give them as arrays that may not be written to."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(array)
