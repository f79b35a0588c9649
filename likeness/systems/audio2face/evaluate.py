"""Scores of held-out shots, and pictures of them: what is predicted beside what was recorded.

Owns which shots are looked at and what stands beside each score. Formulas are ``metrics.py``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from likeness.data.contract import Split
from likeness.errors import DataError
from likeness.evaluation.protocol import Score, Scores
from likeness.notices import NOTICE
from likeness.runs.files import write_json
from likeness.systems.audio2face import metrics
from likeness.systems.audio2face.animation_result import AnimationResult
from likeness.systems.audio2face.artefacts import ActorArtefacts, Basis, Blendshapes, Floats
from likeness.systems.audio2face.audio import SAMPLE_RATE, SpeechTrack, read_speech
from likeness.systems.audio2face.baselines import (
    BASELINES,
    FittedBaseline,
    SpokenShot,
)
from likeness.systems.audio2face.blendshape_solving import solve
from likeness.systems.audio2face.channel_layout import ChannelLayout, shot_targets
from likeness.systems.audio2face.config import EvaluationSettings
from likeness.systems.audio2face.diffusion_items import resampled
from likeness.systems.audio2face.face_predictor import SpeechToFace
from likeness.systems.audio2face.metrics import lip_vertices, spoken_frames
from likeness.systems.audio2face.recordings import Recordings
from likeness.systems.audio2face.scoring import FaceRegions, score_shots
from likeness.systems.audio2face.shot_pictures import shot_strip
from likeness.systems.audio2face.shots import Clip
from likeness.systems.audio2face.timed_prediction import TimedPrediction

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class _Shot:
    """A held-out shot: what was said, and how the face moved."""

    clip: Clip
    sound: SpeechTrack
    truth: AnimationResult
    emotion: str


class FittedBaselines:
    """The baselines of each actor, fitted on its training shots when first asked for, and kept."""

    def __init__(self, recordings: Recordings, fps: float) -> None:
        self._recordings, self._fps = recordings, fps
        self._known: dict[str, dict[str, FittedBaseline]] = {}

    def of(self, actor: str) -> Mapping[str, FittedBaseline]:
        """By name; none for an actor without training shots, who is for testing alone."""
        if actor not in self._known:
            training = self._training(actor)
            fits = BASELINES.items() if training else ()
            self._known[actor] = {name: fit(training) for name, fit in fits}
        return self._known[actor]

    def _training(self, actor: str) -> list[SpokenShot]:
        own, seen = self._recordings.actors[actor], self._recordings.artefacts[actor]
        by_name = {shot.name: shot for shot in seen.shots}
        training = []
        for clip in _clips(self._recordings, actor, "train"):
            sound = read_speech(own.audio / clip.audio).samples
            rows = resampled(shot_targets(seen, by_name[clip.shot]), seen.fps, self._fps)
            training.append(SpokenShot(sound, rows, self._fps))
        return training


def evaluate_shots(
    predictor: SpeechToFace,
    recordings: Recordings,
    split: Split,
    settings: EvaluationSettings,
    folder: Path,
    baselines: FittedBaselines,
) -> Scores:
    """Scores over the shots of a split, of all actors together; those of each shot go to a file.

    Predictions are what the network gives, without post-processing, in the shot's own emotion. How
    tracks were heard and how long that took goes to ``inference.json``.

    Raises:
        DataError: there is no shot with sound in the split.
    """
    per_actor: list[Scores] = []
    heard = TimedPrediction(predictor, settings.mode)
    for name, actor in predictor.identities.by_name.items():
        clips = _clips(recordings, name, split)[: settings.max_shots]
        shots = [_opened(recordings, clip, predictor.fps) for clip in clips]
        if not shots:
            continue
        predicted = {shot.clip.shot: _predicted(heard, shot) for shot in shots}
        truth = {shot.clip.shot: shot.truth for shot in shots}
        spoken = {
            shot.clip.shot: spoken_frames(
                shot.sound.samples, SAMPLE_RATE, shot.truth.num_frames, predictor.fps
            )
            for shot in shots
        }
        beside = {}
        if settings.baselines:
            beside = _beside(recordings, baselines.of(name), name, shots, predictor.fps)
        face = FaceRegions.of(actor, settings.lip_vertices or _lips(actor, settings.lip_radius))
        scores = score_shots(
            predicted,
            truth,
            face=face,
            spoken=spoken,
            fps=predictor.fps,
            baselines=beside,
        )
        first = shots[0]
        dear = _dear_scores(heard, first, predicted[first.clip.shot])
        per_actor.append(Scores([*scores, *dear]))
        rows = {
            shot: score_shots(
                {shot: predicted[shot]},
                {shot: truth[shot]},
                face=face,
                spoken={shot: spoken[shot]},
                fps=predictor.fps,
            ).to_list()
            for shot in truth
        }
        folder.mkdir(parents=True, exist_ok=True)
        write_json(folder / f"shots_{name}.json", rows)
    if not per_actor:
        raise DataError(
            f"Expected shots with sound in the split '{split}', found none.",
            advice="Hold out some with data.validation, or name them as 'validation' or 'test' in "
            "dataset.yaml.",
        )
    _tell(heard, folder)
    return _joined(per_actor)


def _tell(heard: TimedPrediction, folder: Path) -> None:
    record = heard.record()
    write_json(folder / "inference.json", record)
    ahead = record["look_ahead_ms"]
    _LOG.log(
        NOTICE,
        "Heard %s: %.2f ms a frame, %.1f times real time, %s.",
        record["mode"],
        record["frame_ms"],
        record["real_time_factor"],
        "all of a track ahead" if ahead is None else f"{ahead[0]:g} to {ahead[1]:g} ms ahead",
    )


def shown_shots(
    predictor: SpeechToFace, recordings: Recordings, settings: EvaluationSettings, folder: Path
) -> list[Path]:
    """A strip of pictures of a few held-out shots: recorded above, predicted below."""
    folder.mkdir(parents=True, exist_ok=True)
    heard = TimedPrediction(predictor, settings.mode)
    clips = [
        clip
        for name in predictor.identities.names
        for clip in _clips(recordings, name, "validation")
    ]
    if not clips:
        return []
    made = []
    for index in np.unique(
        np.linspace(0, len(clips) - 1, settings.num_preview).round().astype(int)
    ):
        shot = _opened(recordings, clips[index], predictor.fps)
        actor = predictor.artefacts(shot.clip.actor)
        path = folder / f"{actor.actor}_{shot.clip.shot}.png"
        made.append(shot_strip(path, actor, shot.truth, _predicted(heard, shot)))
    return made


def _lips(actor: ActorArtefacts, radius: float) -> list[int]:
    found = lip_vertices(
        np.asarray(actor.skin.mean), actor.lip_distance, actor.lip_size, radius=radius
    )
    return [int(index) for index in found]


def _clips(recordings: Recordings, actor: str, split: Split) -> list[Clip]:
    """One clip of every shot of a split, in the actor's own voice."""
    found: dict[str, Clip] = {}
    for clip in recordings.clips(split):
        if clip.actor == clip.speaker == actor:
            found.setdefault(clip.shot, clip)
    return list(found.values())


def _opened(recordings: Recordings, clip: Clip, fps: float) -> _Shot:
    own, artefacts = recordings.actors[clip.actor], recordings.artefacts[clip.actor]
    shot = next(shot for shot in artefacts.shots if shot.name == clip.shot)
    skin = own.skin[clip.shot].resampled(fps).read()
    rows = resampled(shot_targets(artefacts, shot), artefacts.fps, fps)[: len(skin)]
    return _Shot(
        clip,
        read_speech(own.audio / clip.audio),
        _result(artefacts, rows, fps, skin=skin[: len(rows)]),
        shot.emotion,
    )


def _result(
    actor: ActorArtefacts, rows: Floats, fps: float, skin: Floats | None = None
) -> AnimationResult:
    """Rows (F, D) of coefficients as a face; ``skin`` (F, V, 3) where it is known better."""
    columns, count = ChannelLayout.of(actor).slices, len(rows)

    def pose(name: str, basis: Basis) -> Floats:
        flat = rows[:, columns[name]] @ basis.shapes.reshape(len(basis.shapes), -1)
        return np.asarray(flat.reshape(count, -1, 3) + basis.mean, np.float32)

    return AnimationResult(
        fps,
        pose("skin", actor.skin) if skin is None else skin,
        None if actor.tongue.is_placeholder else pose("tongue", actor.tongue),
        rows[:, columns["jaw"]].reshape(count, -1, 3),
        rows[:, columns["eye"]].reshape(count, 2, 2),
    )


def _predicted(heard: TimedPrediction, shot: _Shot) -> AnimationResult:
    """What the network gives, on the training neutral."""
    actor = heard.predictor.artefacts(shot.clip.actor)
    found = heard(shot.sound.samples, shot.clip.actor, shot.emotion)
    count = min(len(found["skin"]), shot.truth.num_frames)
    return AnimationResult(
        heard.predictor.fps,
        found["skin"][:count] + actor.skin.mean,
        None if actor.tongue.is_placeholder else found["tongue"][:count] + actor.tongue.mean,
        found["jaw"][:count],
        found["eyes"][:count],
    )


def _dear_scores(heard: TimedPrediction, shot: _Shot, predicted: AnimationResult) -> list[Score]:
    """What takes a solver or a prediction for each emotion, over the first second of a shot."""
    predictor, who = heard.predictor, shot.clip.actor
    actor, frames = predictor.artefacts(who), max(round(predictor.fps), 1)
    scores = []
    if actor.blendshapes is not None:
        ours = _residual(predicted.skin[:frames], actor.blendshapes)
        recorded = _residual(shot.truth.skin[:frames], actor.blendshapes)
        count = len(predicted.skin[:frames])
        scores.append(
            Score("blendshape_residual", ours, "mm", "lower", count, recorded, "recorded face")
        )
    labels = predictor.cast.labels
    zero = [] if labels.zero is None else [labels.zero]
    names = list(dict.fromkeys([*zero, *labels.names]))
    if len(names) > 1:
        sound = shot.sound.samples[:SAMPLE_RATE]
        poses = {
            name: predictor(audio=sound, actor=who, emotion=name, mode=heard.mode)["skin"]
            for name in names
        }
        apart = metrics.emotion_separability(poses)
        count = len(poses[names[0]])
        scores.append(Score("emotion_separability", apart, "mm", "higher", count))
    return scores


def _residual(skin: Floats, shapes: Blendshapes) -> float:
    weights = solve(skin, shapes)
    return metrics.blendshape_residual(skin, shapes.neutral, shapes.offsets, weights)


def _beside(
    recordings: Recordings,
    baselines: Mapping[str, FittedBaseline],
    actor: str,
    shots: Sequence[_Shot],
    fps: float,
) -> dict[str, dict[str, AnimationResult]]:
    """Baseline to what it predicts of the shots."""
    seen = recordings.artefacts[actor]
    return {
        name: {
            shot.clip.shot: _result(
                seen, baseline.predict(shot.sound.samples, shot.truth.num_frames, fps), fps
            )
            for shot in shots
        }
        for name, baseline in baselines.items()
    }


def _joined(parts: Sequence[Scores]) -> Scores:
    """Scores of several actors as one: means weighted by their counts.

    A baseline that one of the actors lacks is left out: it would be of other shots.
    """
    first = {score.name: score for part in reversed(parts) for score in part}
    order = dict.fromkeys(score.name for part in parts for score in part)
    rows = []
    for score in (first[name] for name in order):
        own = [part[score.name] for part in parts if score.name in part]
        counts = [item.count for item in own]
        baselines = [item.baseline for item in own if item.baseline is not None]
        is_known = len(baselines) == len(own)
        rows.append(
            Score(
                score.name,
                float(np.average([item.value for item in own], weights=counts)),
                score.unit,
                score.direction,
                sum(counts),
                float(np.average(baselines, weights=counts)) if is_known else None,
                score.baseline_name if is_known else "",
            )
        )
    return Scores(rows)
