"""Claims: on two cores a regression network gives faces at least 20 times as fast as its sound
lasts, and a diffusion network of the published size, in two levels, at least as fast.

    OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE \\
        python -m benchmarks.audio2face [--json FILE] [--only TEXT] [--quick]

Training: where the time of a step goes, for each profile that a CPU can train, on one studio actor.
Its baseline, the network alone (forward, a mean of squares, backward, on the same batch), takes
turns with it. Run time: whole tracks, and streams that are given the sound of one frame at a time
as if it arrived just then; a frame is late by its look-ahead, by what waits, and by computing.
Published sizes have random weights, which cost what trained ones cost: 61,520 vertices of the
skin, 272 coefficients and the lowest layer of wav2vec 2.0 for regression; 24,002 vertices, three
actors and HuBERT for diffusion. Baselines are the same networks called as they are written: frame
by frame, or level by level with all frames of a window. Post-processing is not in these figures.
With a GPU also how many streams at 30 frames a second it can serve. What preprocessing costs is
``audio2face_preprocessing.py``.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmarks.audio2face_networks import RATE, Case, diffusion_cases, regression_cases
from likeness.assembly import build, configure
from likeness.data.sampler import Sampler
from likeness.data.source import Mixed
from likeness.seeds import rng_of
from likeness.systems.audio2face.diffusion_learner import DiffusionLearner
from likeness.systems.audio2face.diffusion_terms import predicted
from likeness.systems.audio2face.regression_learner import RegressionLearner
from likeness.systems.audio2face.regression_terms import regress
from likeness.systems.audio2face.studio import make
from likeness.systems.audio2face.system import AudioToFace
from likeness.training import optimizer
from likeness.training.ema import Average
from likeness.training.groups import Groups
from likeness.training.system import StepContext

GOALS = {"regression": 20.0, "diffusion": 1.0}
PROFILES = ("studio", "regression", "studio-diffusion")
PARTS = ("data", "forward", "backward", "update")
Clocks = np.ndarray
"""Seconds by the wall clock, and of processor time."""


def clocks() -> Clocks:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return np.array([time.perf_counter(), time.process_time()])


# -- training ----------------------------------------------------------------------------------


def training(profile: str, data: Path, steps: int) -> dict[str, Any]:
    """Steps of a profile, each after one of the network alone on the same batch."""
    config = configure("audio2face", profile=profile, overrides=[f"data.root={data}"])
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    system = build(config, device=device)
    assert isinstance(system, AudioToFace)
    settings, stage = config.config.train, config.config.stages[0]
    source = Mixed(system.sources("train"))
    order = Sampler(source, seed=0).stage(0, batch_size=settings.batch_size, mix=None)
    groups = Groups(system.trainable())
    groups.activate(stage)
    rule = optimizer.build(groups.modules, settings, fused=device.type == "cuda")
    average = Average(groups.parameters(), decay=settings.ema_decay or 0.999)
    generator = torch.Generator(device).manual_seed(0)
    weights = {name: float(getattr(w, "end", w)) for name, w in stage.weights.items()}
    spent = {name: np.zeros(2) for name in (*PARTS, "network alone")}
    warm = max(2, steps // 10)
    for step in range(steps + warm):
        if step == warm:
            spent = {name: np.zeros(2) for name in spent}
        times = [clocks()]
        draws = order.micro_batch(step)
        samples = [source.draw(d.sample, rng_of("bench", step, i)) for i, d in enumerate(draws)]
        batch = {k: _on(v, device) for k, v in system.collate(samples).items()}
        times.append(clocks())
        alone = _network_alone(system, batch, generator)
        torch.autograd.backward(alone)
        rule.zero_grad(set_to_none=True)
        begun = clocks()
        spent["network alone"] += begun - times[1]
        context = StepContext(step, stage, weights, device, generator)
        terms = system.losses(batch, context)
        total = torch.stack([weights[name] * term for name, term in terms.items()]).sum()
        ended = clocks()
        torch.autograd.backward(total)
        times += [ended, clocks()]
        optimizer.limit_gradient(groups.learning, settings.clip_norm)
        rule.step()
        rule.zero_grad(set_to_none=True)
        average.update(step)
        times.append(clocks())
        parts = [times[1] - times[0], ended - begun, times[3] - ended, times[4] - times[3]]
        for name, seconds in zip(PARTS, parts):
            spent[name] += seconds
    whole = np.sum([spent[name] for name in PARTS], axis=0)
    return {
        "profile": profile,
        "steps": steps,
        "batch": settings.batch_size,
        "steps_per_second": steps / whole[0],
        "steps_per_processor_second": steps / whole[1],
        "shares": {name: spent[name][0] / whole[0] for name in PARTS},
        "over_network_alone": whole[0] / spent["network alone"][0],
    }


def _on(value: Any, device: torch.device) -> Any:
    return value.to(device) if isinstance(value, Tensor) else value


def _network_alone(system: AudioToFace, batch: Any, generator: torch.Generator) -> Tensor:
    learner = system.learner
    if isinstance(learner, RegressionLearner):
        return regress(learner.network, learner.emotions, batch).prediction.square().mean()
    assert isinstance(learner, DiffusionLearner)
    own = learner.network, learner.space, learner.process, learner.plan
    return predicted(*own, batch, generator).square().mean()


# -- run time ----------------------------------------------------------------------------------


def speech(seconds: float) -> np.ndarray:
    """Noise at a tenth: networks take as long for any sound."""
    return 0.1 * rng_of("sound").standard_normal(round(seconds * RATE), dtype=np.float32)


def whole_tracks(case: Case, seconds: float, repeats: int) -> dict[str, Any]:
    """Times real time of a track and of the baseline in turns; the median of the repeats."""
    sound, taken = speech(seconds), []
    for repeat in range(repeats + 1):
        times = [clocks()]
        session = case.session()
        count = len(session.push(sound)) + len(session.finish())
        times.append(clocks())
        case.baseline(sound)
        times.append(clocks())
        if repeat:  # the first one allocates
            taken.append(np.diff(times, axis=0))
    (own, worked), (written, _) = np.median(taken, axis=0)
    return {
        "frames": count,
        "times_real_time": seconds / own,
        "times_real_time_of_processors": seconds / worked,
        "all_times_real_time": sorted(seconds / float(t[0, 0]) for t in taken),
        "baseline_times_real_time": seconds / written,
        "over_baseline": written / own,
    }


def streamed(case: Case, seconds: float) -> dict[str, Any]:
    """One stream whose sound arrives frame by frame. Milliseconds."""
    sound, fps = speech(seconds), case.fps
    ends = [(i + 1) * RATE // fps for i in range(round(seconds * fps))]
    session, start, free = case.session(), 0, 0.0
    computing, latencies, arrivals = [], [], []
    session.push(np.zeros(0, np.float32))
    for end in ends:
        began = time.perf_counter()
        frames = session.push(sound[start:end])
        taken = time.perf_counter() - began
        start, arrived = end, end / RATE
        free = max(free, arrived) + taken  # what came before may still be computed
        if frames:
            computing.append(taken / len(frames))
            arrivals.append(free - arrived)
            latencies += [free - frame.time for frame in frames]
    row: dict[str, Any] = {"look_ahead_ms": [1e3 * value for value in case.look_ahead]}
    for name, values in (
        ("computing_a_frame_ms", computing),
        ("sound_complete_to_frames_ms", arrivals),
        ("moment_to_frame_ms", latencies),
    ):
        found = np.percentile(1e3 * np.array(values), (50, 95, 99))
        row[name] = dict(zip(("p50", "p95", "p99"), found.tolist(), strict=True))
    late = row["sound_complete_to_frames_ms"]
    row["jitter_ms"] = late["p99"] - late["p50"]
    return row


def concurrent(case: Case, seconds: float) -> int:
    """Streams served in turns within the time that the sound lasts, doubled as long as they are."""
    sound, served, count = speech(seconds), 0, 1
    step = RATE // case.fps
    while count <= 4096:
        sessions = [case.session() for _ in range(count)]
        began = clocks()
        for start in range(0, len(sound), step):
            for session in sessions:
                session.push(sound[start : start + step])
        if (clocks() - began)[0] > seconds:
            break
        served, count = count, 2 * count
    return served


def main() -> None:
    """Prints a line for each measurement; writes them as JSON where asked."""
    parser = argparse.ArgumentParser(description="Speed of audio2face.")
    parser.add_argument("--json", type=Path, help="also write the rows to this file")
    parser.add_argument("--data", type=Path, default=Path("out/benchmarks/speaking-actor"))
    parser.add_argument("--only", default="", help="cases with this in their name; no training")
    parser.add_argument("--quick", action="store_true", help="a few steps and seconds")
    options = parser.parse_args()
    steps, seconds, repeats = (5, 2.0, 1) if options.quick else (60, 5.0, 3)
    has_gpu = torch.cuda.is_available()
    device = torch.device("cuda" if has_gpu else "cpu")
    make(str(options.data), people=1)
    result: dict[str, Any] = {
        "threads": torch.get_num_threads(), "device": str(device), "goals": GOALS,
        "load_before": os.getloadavg()[0], "training": [], "run_time": [],
        "concurrent_streams": [] if has_gpu else "skipped: torch finds no GPU here",
    }  # fmt: skip
    for profile in () if options.only else PROFILES:
        result["training"].append(training(profile, options.data, steps))
        print(json.dumps(result["training"][-1]), flush=True)
    for cases in (regression_cases(device), diffusion_cases(device)):
        for case in cases:
            if options.only not in f"{case.network} {case.name}":
                continue
            row = {
                "network": case.network, "size": case.name, "parameters": case.parameters,
                "fps": case.fps, **whole_tracks(case, seconds, repeats),
                "stream": streamed(case, seconds), "load": os.getloadavg()[0],
            }  # fmt: skip
            row["goal_met"] = bool(row["times_real_time"] >= GOALS[case.network])
            result["run_time"].append(row)
            print(json.dumps(row), flush=True)
            if has_gpu and case.fps == 30:
                found = {"network": case.network, "size": case.name}
                found["streams"] = str(concurrent(case, seconds))
                result["concurrent_streams"].append(found)
    print(json.dumps(result["concurrent_streams"]))
    if options.json:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
