"""What preprocessing of a recorded actor costs as its recordings grow tenfold.

    python benchmarks/audio2face_preprocessing.py [--json FILE] [--quick]

An actor of 50 shots with a skin of 60,000 vertices and no prune mask, the hardest case: 40 and then
400 frames a shot, 14.4 GB of float32 in the second. The frames are computed where they are read, so
no disk is filled: 120 modes that fade, moving smoothly, and noise of 0.02 mm on every coordinate,
so that every frame is a distinct pose and the choice goes on to its limit of 791. Each case is a
process of its own; its peak is the resident memory the system saw. The ratio is that of the peaks;
a program that holds all poses has ten. ``--quick`` takes 6,000 vertices and a fifth of the shots.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from likeness.geometry.animation import VertexAnimation
from likeness.seeds import rng_of
from likeness.systems.audio2face.preprocessing.preparation import preprocess
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.recorded_actor import RecordedActor
from likeness.systems.audio2face.shots import Shot

BUDGET_GIB = 4.0
FPS = 30.0
NUM_MODES = 120
NOISE_CM = 0.002
SHOTS, VERTICES = 50, 60_000
FRAMES = (40, 400)


@dataclass(frozen=True, eq=False)
class ComputedFrames:
    """Frames of a shot, made when they are read: the same for the same numbers.

    Attributes:
        neutral: (3V,). modes: (K, 3V). noise: (n,) much longer than 3V.
        shot: number of the shot.
        first, last: frames of it.
    """

    neutral: np.ndarray
    modes: np.ndarray
    noise: np.ndarray
    shot: int
    first: int
    last: int

    @property
    def shape(self) -> tuple[int, int, int]:
        return (self.last - self.first, len(self.neutral) // 3, 3)

    @property
    def dtype(self) -> np.dtype:
        return np.dtype(np.float32)

    def read(self, first: int, last: int) -> np.ndarray:
        frames = np.arange(self.first + first, self.first + last)
        rng = rng_of("shot", self.shot)
        rates, phases = rng.uniform(0.1, 4.0, NUM_MODES), rng.uniform(0, 2 * np.pi, NUM_MODES)
        weights = np.sin(2 * np.pi * rates * frames[:, None] / FPS + phases).astype(np.float32)
        out = weights @ self.modes
        out += self.neutral
        for row, frame in zip(out, frames):
            start = rng_of("noise", self.shot, int(frame)).integers(len(self.noise) - len(row))
            row += self.noise[start : start + len(row)]
        return out.reshape(-1, *self.shape[1:])

    def part(self, first: int, last: int) -> ComputedFrames:
        return ComputedFrames(
            self.neutral, self.modes, self.noise, self.shot, self.first + first, self.first + last
        )


def recorded_actor(num_shots: int, num_frames: int, num_vertices: int) -> RecordedActor:
    """An actor whose caches are :class:`ComputedFrames`."""
    rng = rng_of("actor", num_vertices)
    neutral = rng.normal(scale=8.0, size=3 * num_vertices).astype(np.float32)
    modes = rng.standard_normal((NUM_MODES, 3 * num_vertices), dtype=np.float32)
    modes *= (0.3 * 0.95 ** np.arange(NUM_MODES, dtype=np.float32))[:, None]
    noise = rng.standard_normal(4_000_000, dtype=np.float32) * np.float32(NOISE_CM)
    names = [f"shot{number:03d}" for number in range(num_shots)]
    skin = {
        name: VertexAnimation(ComputedFrames(neutral, modes, noise, i, 0, num_frames), FPS)
        for i, name in enumerate(names)
    }
    shots = tuple(Shot("actor", name, num_frames, FPS, "neutral") for name in names)
    mean = neutral.reshape(-1, 3)
    return RecordedActor("actor", FPS, shots, (), Path(), skin, skin_neutral=mean)


def case(num_shots: int, num_frames: int, num_vertices: int) -> dict[str, float]:
    """Preprocess one actor here; seconds, peak of memory, and what came out."""
    actor = recorded_actor(num_shots, num_frames, num_vertices)
    started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    clock, times = time.perf_counter(), os.times()
    with tempfile.TemporaryDirectory() as root:
        settings = PreprocessingSettings(keep_intermediate=False)
        folder = Path(root) / "actor"
        preprocess(actor, settings, folder, progress=_show)
        report = json.loads((folder / "report.json").read_text(encoding="utf-8"))["skin"]
        written = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    ended = os.times()
    return {
        "poses_gb": num_shots * num_frames * num_vertices * 12 / 1e9,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        "before_gib": started / 2**20,
        "clock_s": time.perf_counter() - clock,
        "worked_s": ended.user + ended.system - times.user - times.system,
        "chosen": report["chosen"],
        "components": report["components"],
        "last_error_cm": report["error_curve_cm"][-1],
        "worst_rmse_cm": max(shot["rmse_cm"] for shot in report["shots"].values()),
        "written_mb": written / 1e6,
    }


def _show(done: int, total: int) -> None:
    if done % 10 == 0 or done == total:
        print(f"  {done} of {total}", file=sys.stderr, flush=True)


def main() -> None:
    """Prints a line for each case and the ratio; writes them as JSON where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--quick", action="store_true", help="6,000 vertices, ten shots")
    parser.add_argument("--case", type=int, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        print(json.dumps(case(*options.case)))
        return
    shots, vertices = (SHOTS // 5, VERTICES // 10) if options.quick else (SHOTS, VERTICES)
    rows = []
    for frames in FRAMES:
        numbers = [str(number) for number in (shots, frames, vertices)]
        command = [sys.executable, __file__, "--case", *numbers]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        row = {"shots": shots, "frames": frames, "vertices": vertices, **json.loads(done.stdout)}
        rows.append(row)
        print("  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
    ratio = rows[1]["peak_gib"] / rows[0]["peak_gib"]
    print(f"ten times the frames take {ratio:.2f} times the memory", flush=True)
    result = {"budget_gib": BUDGET_GIB, "ratio": ratio, "load": os.getloadavg()[0], "rows": rows}
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
