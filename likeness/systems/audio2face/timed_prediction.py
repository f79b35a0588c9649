"""How tracks were heard when they were scored, and how long it took."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from likeness.systems.audio2face.artefacts import Floats
from likeness.systems.audio2face.audio import SAMPLE_RATE
from likeness.systems.audio2face.face_predictor import Emotion, SpeechToFace
from likeness.systems.audio2face.frame_timing import TrackMode


class TimedPrediction:
    """A predictor in one mode that keeps count of the time it takes.

    Args:
        predictor: that is scored.
        mode: of hearing a track.
    """

    def __init__(self, predictor: SpeechToFace, mode: TrackMode) -> None:
        self.predictor, self.mode = predictor, mode
        self._frames, self._samples, self._seconds = 0, 0, 0.0

    def __call__(self, audio: Floats, actor: str, emotion: Emotion) -> Mapping[str, Any]:
        """Displacements as :meth:`SpeechToFace.__call__` gives them."""
        begun = time.perf_counter()
        found = self.predictor(audio=audio, actor=actor, emotion=emotion, mode=self.mode)
        self._seconds += time.perf_counter() - begun
        self._frames += len(found["skin"])
        self._samples += len(audio)
        return found

    def record(self) -> dict[str, Any]:
        """``mode``; ``look_ahead_ms``, the least and the most, null where all of a track is heard;
        ``frames``; ``frame_ms``; and ``real_time_factor``, seconds of sound per second of work."""
        ahead = None
        if self.mode != "whole":
            ahead = [round(1000 * seconds, 3) for seconds in self.predictor.look_ahead]
        return {
            "mode": self.mode,
            "look_ahead_ms": ahead,
            "frames": self._frames,
            "frame_ms": 1000 * self._seconds / max(self._frames, 1),
            "real_time_factor": self._samples / SAMPLE_RATE / max(self._seconds, 1e-9),
        }
