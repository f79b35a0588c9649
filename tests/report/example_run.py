"""Makes run directories as training leaves them, through the same writers."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from likeness.media.image import save_image
from likeness.media.video import write_animation
from likeness.runs.record import Recorder
from likeness.runs.run import Run

CONFIG = """format: 1
system: face-encoder
profile: fast
data:
  root: out/people
  crop_scale: 1.6
train:
  steps: 2000
  learning_rate: 0.0003
stages:
- name: landmarks
  weights: {landmark: 1.0, photometric: 0.0}
- name: joint
  weights: {landmark: 0.5, photometric: 2.0}
"""
PROVENANCE = {
    "data.root": {"layer": "command line", "detail": ""},
    "data.crop_scale": {"layer": "default", "detail": ""},
    "train.steps": {"layer": "file", "detail": "mine.yaml, line 4"},
    "train.learning_rate": {"layer": "profile", "detail": "fast"},
    "stages.landmarks.name": {"layer": "profile", "detail": "fast"},
}
PLAN = {
    "total_steps": 2000,
    "stages": [
        {
            "index": 0, "name": "landmarks", "first_step": 0, "end_step": 800, "batch_size": 16,
            "weights": {"landmark": 1.0}, "groups": {"encoder": 1.0},
            "schedule": {"kind": "cosine", "warmup_steps": 100}, "learning_rate": None,
        },
        {
            "index": 1, "name": "joint", "first_step": 800, "end_step": 2000, "batch_size": 8,
            "weights": {"landmark": 0.5, "photometric": {"start": 0.0, "end": 2.0}},
            "groups": None, "schedule": {"kind": "constant"}, "learning_rate": 1e-4,
        },
    ],
}  # fmt: skip
INSPECTION = {
    "uri": "out/people",
    "counts": {"images": 480, "persons": 48},
    "findings": [
        {
            "severity": "warning", "code": "image-small", "path": "images/0007.png",
            "message": "The face is 41 pixels wide; 64 are wanted.", "advice": "Leave it out.",
        },
        {
            "severity": "advice", "code": "few-persons", "path": "",
            "message": "48 persons.", "advice": "Give 100 or more.",
        },
    ],
}  # fmt: skip
ENVIRONMENT = {
    "likeness": "0.1.0",
    "python": "3.11.9",
    "packages": {"torch": "2.13.0", "numpy": "2.4.6"},
    "device": {"type": "cpu", "threads": 2},
    "code": {"revision": "0123456789abcdef", "dirty": True, "changed_files": []},
    "command": "likeness train face-encoder --profile fast data.root=out/people",
}


def example_run(root: Path, name: str = "demo", *, steps: int = 2000) -> Run:
    """A finished run with everything a run can have."""
    run = Run.create(
        root, "face-encoder", name, CONFIG, provenance=PROVENANCE, plan=PLAN,
        environment=ENVIRONMENT, inspection=INSPECTION,
    )  # fmt: skip
    rng = np.random.default_rng(0)
    with Recorder(run.metrics_path, step=0) as recorder:
        for step in range(10, steps + 1, 10):
            landmark = 0.9 * math.exp(-step / 300) + 0.04 * math.exp(rng.normal() * 0.3)
            row = {"loss/landmark": landmark, "loss_weighted/landmark": landmark}
            total = landmark
            if step > 800:
                photo = 0.2 * math.exp(-(step - 800) / 500) + 0.02 * math.exp(rng.normal() * 0.4)
                row |= {"loss/photometric": photo, "loss_weighted/photometric": 2 * photo}
                total += 2 * photo
            row |= {
                "loss/total": total,
                "lr/encoder": 3e-4 * (0.5 + 0.5 * math.cos(step / steps * math.pi)),
                "grad_norm": 2 * math.exp(rng.normal() * 0.6),
                "samples_per_second": 118 + rng.normal() * 4,
                "memory_gigabytes": 1.4,
                "param_stats/shape/std": 1.0 + 0.1 * rng.normal(),
                "stage": int(step > 800),
            }
            recorder.write(step, row)
            if step == 500:
                recorder.write(step, {"nonfinite": 1, "nonfinite_ids": ["0007"]})
    for step in (500, 1000, 1500, 2000):
        folder = run.preview_folder(step)
        save_image(folder / "grid.png", picture(step, 240, 960))
        write_animation(folder / "turn.gif", [picture(step + i, 48, 64) for i in range(4)], rate=10)
        (folder / "words.txt").write_text(f"step {step}: <b>unsafe</b>", encoding="utf-8")
        write_scores(run, step, "", nme=9.0 - step / 400, auc=0.2 + step / 4000)
    write_scores(run, 2000, "test", nme=4.4, auc=0.61)
    save_image(run.evaluation_folder(2000) / "test" / "worst.png", picture(3, 120, 360))
    write_bundle_records(run)
    run.set_status("finished", step=steps, total_steps=steps)
    return run


def picture(seed: int, height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width] / 40.0
    wave = 0.5 + 0.4 * np.sin(x + seed) * np.cos(y)
    return np.stack([wave, 0.5 + 0.3 * np.sin(y + seed), 1 - wave], axis=-1)


def write_scores(run: Run, step: int, split: str, *, nme: float, auc: float) -> None:
    rows = [
        {
            "name": "nme_68_eyes", "value": nme, "unit": "% of eye distance", "direction": "lower",
            "count": 62, "baseline": 7.9, "baseline_name": "mean face",
        },
        {
            "name": "auc_eyes", "value": auc, "unit": "", "direction": "higher",
            "count": 62, "baseline": 0.65, "baseline_name": "mean face",
        },
        {
            "name": "speed", "value": 11.4, "unit": "ms", "direction": "lower",
            "count": 62, "baseline": None, "baseline_name": "",
        },
    ]  # fmt: skip
    folder = run.evaluation_folder(step) / split
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scores.json").write_text(json.dumps(rows), encoding="utf-8")


def write_bundle_records(run: Run) -> None:
    folder = run.export_folder("onnx")
    folder.mkdir(parents=True)
    port = {"name": "image", "shape": ["batch", 3, 128, 128], "dtype": "float32",
            "meaning": "photo", "range": [0, 1], "rate": None}  # fmt: skip
    manifest = {
        "format": "likeness.bundle/1", "system": "face-encoder", "target": "onnx",
        "inputs": [port], "outputs": [{**port, "name": "vector", "shape": ["batch", 236]}],
        "files": {"model.onnx": {"sha256": "0" * 64, "bytes": 12_345_678}},
    }  # fmt: skip
    parity = {
        "samples": 4, "tolerance": 1e-4,
        "outputs": [
            {"output": "vector", "largest_absolute": 2.4e-6, "largest_relative": 7.1e-7},
        ],
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (folder / "parity.json").write_text(json.dumps(parity), encoding="utf-8")
