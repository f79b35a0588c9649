"""Fifteen seconds of a face: what a captured take teaches, with and without an earlier run.

    python benchmarks/audio2face_capture.py [--run RUN] [--json FILE] [--quick]

Each of three studio people says sentences for about 15 seconds to learn from and others for about
20 to be measured on. The performances are written as the Live Link Face app writes a take, a CSV
file with a time code that starts late in an hour, rows left out singly and four at a time and, for
every other person, the other spelling of the header, beside a WAV file. ``likeness data prepare``
reads them back onto the studio's head. Compared on the measured takes, whose sentences and people
the earlier run never met:

    mean pose        of the 15 seconds
    ridge 30         ridge regression on log-mel windows, as ``likeness evaluate`` has it
    ridge chosen     the same with the strength that cross-validation chooses on the 15 seconds
    from nothing     profile studio, which begins with random weights
    fitted heads     the earlier run's ears and heads in closed form, before any step
    adapt            profile adapt: the same with its steps of training

The earlier run is of one studio actor (profile studio, 4000 steps); without ``--run`` it is made
first. Lip vertex error is that of ``likeness evaluate``. Channels are the weights that the solver
of blendshapes finds on the skin, of truth and of predictions alike; their correlation is over all
spoken frames of a person's takes. ``--quick`` takes one person and few steps.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from likeness import datasets, workflow
from likeness.geometry.live_link_face import write_live_link_face
from likeness.geometry.weight_animation import WeightAnimation
from likeness.media.audio import write_wav
from likeness.seeds import rng_of
from likeness.studio.corpus import more_sentences, sentences
from likeness.studio.curves import ARKIT, RATE
from likeness.studio.difficulty import Difficulty
from likeness.studio.expressions import ARKIT_NAMES
from likeness.studio.person import Person
from likeness.studio.recording import SAMPLE_RATE
from likeness.systems.audio2face.audio import read_speech
from likeness.systems.audio2face.baselines import MeanPose, RidgeRegression, SpokenShot
from likeness.systems.audio2face.blendshape_solving import BlendshapeSolver
from likeness.systems.audio2face.dataset.reading import open_dataset
from likeness.systems.audio2face.fitted_heads import fit_ridge
from likeness.systems.audio2face.log_mel import log_mel_windows
from likeness.systems.audio2face.metrics import lip_vertex_error, lip_vertices, spoken_frames
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.studio_faces import StudioFace
from likeness.systems.audio2face.studio_shots import Line, take_of

FPS = 30.0
PEOPLE = (301, 302, 303)
LEARNED, MEASURED = 15.0, 20.0
"""Seconds of takes."""
CHANNELS = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretchLeft",
            "mouthLowerDownLeft", "mouthUpperUpLeft", "mouthPressLeft")  # fmt: skip
_STARTS = 13 * 3600 + 59 * 60 + 52.0
_DROPPED, _AT_ONCE = 0.03, 4

Take = tuple[np.ndarray, np.ndarray]
"""Sound (samples,) at 16 kHz and skin (F, V, 3) in cm."""


def write_takes(folder: Path, person: Person, texts: Iterator[str], seconds: float) -> float:
    """Takes of about so many seconds as files of the app with their sounds; their true length."""
    folder.mkdir(parents=True)
    lips, total, number = StudioFace(person, 600).lips, 0.0, 0
    while total < seconds - 1.0:
        name = f"{folder.name}_{number}"
        line = Line(name, next(texts), "neutral", "train")
        take = take_of(person, lips, line, number, 0, difficulty=Difficulty.level(1), voices=False)
        duration = take.curves.duration
        times = np.arange(round(duration * FPS)) / FPS
        given = np.arange(len(take.curves.values)) / RATE
        weights = [np.interp(times, given, column) for column in take.curves.values[:, ARKIT].T]
        rng = rng_of("dropped rows", person.seed, folder.name, number)
        kept = rng.random(len(times)) > _DROPPED
        gap = int(rng.integers(10, len(times) - 10))
        kept[gap : gap + _AT_ONCE], kept[0] = False, True
        rows = WeightAnimation(
            tuple(ARKIT_NAMES), np.stack(weights, 1)[kept], times[kept] + _STARTS + 10 * number
        )
        write_live_link_face(folder / f"{name}.csv", rows)
        if person.seed % 2:
            table = (folder / f"{name}.csv").read_text(encoding="utf-8")
            table = table.replace("BlendShapeCount", "BlendshapeCount", 1)
            (folder / f"{name}.csv").write_text(table, encoding="utf-8")
        write_wav(folder / f"{name}.wav", take.sound, SAMPLE_RATE)
        total, number = total + duration, number + 1
    return total


def takes_of(root: Path) -> tuple[RecordedActor, list[Take]]:
    """The actor of a prepared dataset and all its takes."""
    actor = next(iter(open_dataset(root).values()))
    takes = [
        (read_speech(actor.audio / clip.audio).samples, np.asarray(actor.skin[clip.shot].read()))
        for clip in actor.clips
    ]
    return actor, takes


@dataclass(frozen=True, eq=False)
class Measure:
    """How near predictions come to the measured takes of a person."""

    actor: RecordedActor
    takes: Sequence[Take]

    def __call__(self, predict: Callable[[np.ndarray, int], np.ndarray]) -> dict[str, float]:
        """Scores of a function from sound and number of frames to skin (F, V, 3)."""
        actor = self.actor
        assert actor.skin_neutral is not None
        assert actor.blendshapes is not None
        lips = lip_vertices(actor.skin_neutral, actor.lip_distance, actor.lip_size, radius=0.5)
        solver = BlendshapeSolver(actor.blendshapes)
        errors, pairs = [], []
        for sound, skin in self.takes:
            found = predict(sound, len(skin))[: len(skin)]
            errors.append((lip_vertex_error(found, skin[: len(found)], lips), len(found)))
            spoken = spoken_frames(sound, SAMPLE_RATE, len(found), FPS)
            pairs.append((solver.run(found)[spoken], solver.run(skin[: len(found)])[spoken]))
        ours, true = (np.concatenate(part) for part in zip(*pairs, strict=True))
        known = {
            name: _correlation(ours[:, column], true[:, column])
            for column, name in enumerate(actor.blendshapes.names)
            if name.startswith(("jaw", "mouth")) and true[:, column].std() > 0.01
        }
        shown = {name: known[name] for name in CHANNELS if name in known}
        values, counts = zip(*errors, strict=True)
        error = float(np.average(values, weights=counts))
        return {"lip_vertex_error": error, "mouth": float(np.mean(list(known.values()))), **shown}


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's; 0 where one of them stands still."""
    spread = float(one.std() * other.std())
    return float(((one - one.mean()) * (other - other.mean())).mean()) / spread if spread else 0.0


def line_of(takes: Sequence[Take]) -> Callable[[np.ndarray, int], np.ndarray]:
    """Ridge regression on log-mel, its strength chosen as for the heads."""
    windows = np.concatenate([log_mel_windows(sound, len(skin), FPS) for sound, skin in takes])
    spread = np.maximum(windows.std(axis=0), 1e-3)
    rows = np.concatenate([skin.reshape(len(skin), -1) for _, skin in takes]).astype(np.float64)
    # All there is to learn lies in the span of the frames: fewer numbers, the same line.
    mean = rows.mean(axis=0)
    left, sizes, axes = np.linalg.svd(rows - mean, full_matrices=False)
    kept = sizes > sizes[0] * 1e-5
    line = fit_ridge((windows / spread).astype(np.float64), (left * sizes)[:, kept])

    def predict(sound: np.ndarray, count: int) -> np.ndarray:
        features = log_mel_windows(sound, count, FPS) / spread
        flat = mean + (features @ line.weight + line.bias) @ axes[kept]
        return flat.reshape(count, -1, 3)

    return predict


def baseline(kind: Any, takes: Sequence[Take]) -> Callable[[np.ndarray, int], np.ndarray]:
    """A baseline of ``likeness evaluate``, fitted to vertices."""
    fitted = kind.fit(
        [SpokenShot(sound, skin.reshape(len(skin), -1), FPS) for sound, skin in takes]
    )
    return lambda sound, count: fitted.predict(sound, count, FPS).reshape(count, -1, 3)


def trained(
    profile: str, runs: Path, name: str, *overrides: str
) -> tuple[Callable[[np.ndarray, int], np.ndarray], float]:
    """A model trained on a person's dataset, and the processor seconds it took."""
    began = time.process_time()
    run = workflow.train(
        "audio2face", profile=profile, runs=runs, name=name,
        overrides=["train.preview_every=0", "train.evaluate_every=0", "train.log_every=100",
                   *overrides],
    )  # fmt: skip
    taken = time.process_time() - began
    model = workflow.Predictor.from_run(run).model
    mean = model.artefacts(None).skin.mean
    return lambda sound, count: np.asarray(model(audio=sound)["skin"]) + mean, taken


def earlier_run(work: Path, steps: int) -> Path:
    """A run of one studio actor to start from."""
    datasets.make_data(
        "audio2face", work / "actor", people=1, scale="fast", progress=None, workers=1
    )
    run = workflow.train(
        "audio2face", profile="studio", runs=work / "runs", name="earlier",
        overrides=[f"data.root={work / 'actor'}", f"train.steps={steps}", "train.preview_every=0"],
    )  # fmt: skip
    return run.path


def measured_person(
    work: Path, number: int, earlier: Path, *, quick: bool
) -> dict[str, dict[str, float]]:
    """Method to scores for one person."""
    person = Person.sample(PEOPLE[number])
    place = work / f"person{person.seed}"
    spoken = [s.text for s in sentences() if s.emotion == "neutral" and s.split == "train"]
    others = [s.text for s in more_sentences(400, seed=1) if s.split == "test"]
    parts = (
        ("learned", iter(spoken[8 * number :]), LEARNED),
        ("measured", iter(others[8 * number :]), MEASURED),
    )
    for part, texts, seconds in parts:
        found = write_takes(place / part, person, texts, seconds)
        datasets.prepare_data(
            "audio2face", place / part, place / f"{part}_set",
            person=person.seed, consent="Nobody is recorded.", workers=1, progress=None,
        )  # fmt: skip
        print(f"person {person.seed}, {part}: {found:.1f} s", flush=True)
    actor, takes = takes_of(place / "measured_set")
    learned = takes_of(place / "learned_set")[1]
    measure, root = Measure(actor, takes), f"data.root={place / 'learned_set'}"
    start = f"model.initial_run={earlier}"
    short = ["train.steps=20"] if quick else []
    rows = {
        "mean pose": measure(baseline(MeanPose, learned)),
        "ridge 30": measure(baseline(RidgeRegression, learned)),
        "ridge chosen": measure(line_of(learned)),
    }
    runs = {
        "from nothing": ("studio", [root, *(short or ["train.steps=1500"])]),
        "fitted heads": ("adapt", [root, start, "train.steps=1", "train.learning_rate=1e-9"]),
        "adapt": ("adapt", [root, start, *short]),
    }
    for method, (profile, overrides) in runs.items():
        predict, seconds = trained(profile, work / "runs", method.replace(" ", "-"), *overrides)
        rows[method] = {**measure(predict), "seconds": seconds}
    return rows


def main() -> None:
    """Prints a table, means over people; writes all rows as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, help="an earlier run of the profile studio")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="one person, few steps")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        earlier = options.run or earlier_run(work, 50 if options.quick else 4000)
        rows: list[Mapping[str, Mapping[str, float]]] = []
        for number in range(1 if options.quick else len(PEOPLE)):
            rows.append(measured_person(work, number, earlier.resolve(), quick=options.quick))
            show(rows[-1:])
    print(f"means over {len(rows)} people")
    show(rows)
    if options.json:
        options.json.write_text(json.dumps(dict(zip(map(str, PEOPLE), rows)), indent=1))


def show(rows: Sequence[Mapping[str, Mapping[str, float]]]) -> None:
    """Methods down, means of their scores across."""
    columns = ["lip_vertex_error", "mouth", *CHANNELS, "seconds"]
    print("  ".join([f"{'':14s}", *(f"{name[:18]:>18s}" for name in columns)]))
    for method in rows[0]:
        cells = []
        for column in columns:
            known = [row[method][column] for row in rows if column in row[method]]
            cells.append(f"{np.mean(known):18.3f}" if known else f"{'':18s}")
        print("  ".join([f"{method:14s}", *cells]), flush=True)


if __name__ == "__main__":
    main()
