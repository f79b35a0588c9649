"""What talking heads and sets of studio people cost, on one process and on two.

    python benchmarks/performances.py [--json FILE] [--quick]

Talking frames: films of one person, 256 pixels. The baseline photographs the same moments as
stills, each with the camera found anew. Shots: the sentences of the corpus spoken, performed and
turned into 4,957 vertices of skin at 30 frames a second. The baseline poses the whole figure for
each frame, as a photograph does. The set: ``data make face-encoder`` with 60 of the 600 people of
the fast scale, ten photographs of 128 pixels each; the baseline is the bare photographing of its
first three people. Rates are of the time processors worked, child processes included; where two
processes are compared with one, also by the clock. The load of the machine is printed with them.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from numpy.typing import NDArray

from likeness.seeds import rng_of, seed_of
from likeness.speech.synthesis import speak
from likeness.studio.animation import animate_studio_head, head_pose
from likeness.studio.closures import StudioLips
from likeness.studio.corpus import sentences
from likeness.studio.curves import ARKIT, TONGUE, sample
from likeness.studio.figure import HeadPose
from likeness.studio.performance import perform
from likeness.studio.performance_film import photograph_frames
from likeness.studio.performing_style import PerformingStyle
from likeness.studio.person import Person
from likeness.studio.photograph import photograph, sitter_of
from likeness.studio.scene import Scene
from likeness.studio.voice import voice_of
from likeness.systems.face_encoder.studio import make

BUDGETS = {
    "talking frame": 260.0 * 2 / (24 * 8 * 80),
    "shot": 30.0 * 2 / (2 * 94),
    "set of 600 people": 100.0,
    "set of 600 people, MB": 170.0,
}
"""Seconds of one process for a frame and a shot, of two processes for the set: films of 24 people
with eight clips of about 80 frames may take 260 s on two, and two actors with 94 shots 30 s."""
PERSON = 7
SIZE = 256


def seconds(work: Callable[[], object]) -> float:
    """Time processors worked on it, with that of child processes that ended."""
    start = sum(os.times()[:4])
    work()
    return sum(os.times()[:4]) - start


def wall(work: Callable[[], object]) -> float:
    """By the clock."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _rows(number: int, fps: float) -> NDArray[np.float64]:
    """Frames of one sentence of the corpus by the person, spoken and performed."""
    person, sitter = Person.sample(PERSON), sitter_of(Person.sample(PERSON))
    sentence = sentences()[number]
    utterance = speak(sentence.text, voice_of(person), sentence.emotion, seed=number)
    style = PerformingStyle.of(person)
    lips = StudioLips(sitter.template, sitter.rest)
    return sample(perform(utterance, style, number, head=lips), fps)


def film(task: tuple[int, int, int]) -> float:
    """Seconds a frame: (sentence, frames, samples along each side of a pixel; 0 takes stills)."""
    number, count, samples = task
    sitter, scene = sitter_of(Person.sample(PERSON)), Scene.sample(rng_of("film", number))
    rows = _rows(number, 25.0)[10 : 10 + count]
    next(photograph_frames(sitter, scene, SIZE, rows[:1]))  # compile

    def stills() -> None:
        for row in rows:
            moment = replace(scene, pose=head_pose(row, scene.pose))
            photograph(sitter, moment, SIZE, expression=row[ARKIT], tongue=row[TONGUE])

    def moving() -> None:
        for _ in photograph_frames(sitter, scene, SIZE, rows, supersampling=samples):
            pass

    return seconds(moving if samples else stills) / len(rows)


def shots(task: Sequence[int]) -> tuple[int, int]:
    """Makes shots of sentences; returns how many shots and frames."""
    sitter, frames = sitter_of(Person.sample(PERSON)), 0
    for number in task:
        rows = _rows(number, 30.0)
        moved = animate_studio_head(sitter.template, sitter.rest, rows)
        frames += len(moved[:, : sitter.template.num_skin])
    return len(task), frames


def whole_figures(count: int) -> float:
    """Seconds a frame when the whole figure is posed for each."""
    sitter, rows = sitter_of(Person.sample(PERSON)), _rows(0, 30.0)[:count]
    sitter.pose(rows[0, ARKIT], HeadPose(), rows[0, TONGUE])
    return seconds(lambda: [sitter.pose(r[ARKIT], HeadPose(), r[TONGUE]) for r in rows]) / count


def bare_set(people: int, photos: int, size: int) -> float:
    """Seconds to photograph the first people of a set, and nothing else."""

    def work() -> None:
        for number in range(people):
            person = Person.sample(seed_of("face-encoder person", 0, number) % 2**31)
            sitter = sitter_of(person, strands="low")
            for index in range(photos):
                rng = rng_of("face-encoder photograph", 0, number, index)
                photograph(sitter, Scene.sample(rng), size)

    return seconds(work)


def megabytes(root: Path) -> float:
    """Of all files."""
    return sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) / 1e6


def load() -> float:
    """Mean number of running programs over the last minute."""
    return round(os.getloadavg()[0], 1)


def main() -> None:
    """Prints the table; writes it as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    few = options.quick
    rows: list[dict[str, object]] = []

    def note(what: str, **values: float) -> None:
        rows.append({"what": what, "load": load(), **values})
        shown = "  ".join(f"{name} {value:.3g}" for name, value in values.items())
        print(f"{what:34s} {shown}  (load {load()})", flush=True)

    count = 6 if few else 24
    film((0, 2, 2))
    two, one, still = (film((0, count, samples)) for samples in (2, 1, 0))
    note("talking frames a second, 2 x 2", rate=1 / two, stills=1 / still, ratio=still / two)
    note("talking frames a second, 1 x 1", rate=1 / one, stills=1 / still, ratio=still / one)
    chosen = list(range(94))[:: 20 if few else 4]
    made, frames = 0, 0

    def alone() -> None:
        nonlocal made, frames
        made, frames = shots(chosen)

    clock: list[float] = []
    took = seconds(lambda: clock.append(wall(alone)))
    posed = whole_figures(10 if few else 30) * frames
    note("shots a second", rate=made / took, frames=frames / took, ratio=posed / took)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        list(pool.map(shots, [chosen[:1], chosen[1:2]]))  # start, compile
        both = wall(lambda: list(pool.map(shots, [chosen[::2], chosen[1::2]])))
        note("shots, two processes by the clock", rate=made / both, ratio=clock[0] / both)
    people = 6 if few else 60
    bare = bare_set(3, 10, 128) / 3
    for workers in (1, 2):
        with tempfile.TemporaryDirectory() as root:
            out = Path(root) / "set"
            clock.clear()
            took = seconds(
                lambda out=out, w=workers: clock.append(
                    wall(lambda: make(str(out), people=people, photos=10, size=128, workers=w))
                )
            )
            values = {"clock": clock[0], "seconds": took, "of_600": took * 600 / people}
            values |= {"of_600_mb": megabytes(out) * 600 / people, "ratio": bare * people / took}
        note(f"set of {people} x 10, {workers} processes", **values)
    if options.json:
        options.json.write_text(json.dumps({"budgets_s": BUDGETS, "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
