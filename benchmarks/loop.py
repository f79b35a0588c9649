"""Claim: the loop costs at most 3 % of a step of 20 to 50 ms, against a bare PyTorch loop.

Both train the same small convolutional network on the same batches with the same optimiser and
gradient limit, on one core. The bare loop does nothing else; the loop also seeds, checks, records,
writes metrics and can be resumed. They take turns step by step, so that whatever else the machine
does slows both alike, and are compared over ten steps in a row, one of which writes a line of
metrics. From the root of the repository:

    python -m benchmarks.loop
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from likeness.data.sampler import Sampler
from likeness.data.source import Mixed, Sample, Source
from likeness.evaluation.protocol import Scores
from likeness.runs.run import Run
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan, Stage
from likeness.training.system import Batch, Placement, Predictor, StepContext, System
from likeness.training.trainer import fit

BATCH, SIDE, CLASSES = 8, 72, 10
BLOCK = 10  # steps that are compared at once: one line of metrics
GOAL = 1.03


class Pictures(Source):
    """Random pictures with random labels, held in memory."""

    def __init__(self, count: int = 256) -> None:
        rng = np.random.default_rng(0)
        self.images = rng.random((count, 3, SIDE, SIDE), dtype=np.float32)
        self.labels = rng.integers(CLASSES, size=count)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Sample:
        return {"id": str(index), "image": self.images[index], "label": int(self.labels[index])}

    def fingerprint(self) -> str:
        return f"random-{len(self)}"


def network() -> nn.Sequential:
    torch.manual_seed(0)
    layers: list[nn.Module] = []
    for before, after in ((3, 24), (24, 48), (48, 96)):
        convolution = nn.Conv2d(before, after, 3, stride=2 if before > 3 else 1, padding=1)
        layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(96, CLASSES))


class Bare:
    """What one writes by hand, on the batches the loop draws; one step at a time."""

    def __init__(self, steps: int) -> None:
        self.source, self.network = Pictures(), network()
        order = Sampler(Mixed({"pictures": self.source}), seed=0).stage(
            0, batch_size=BATCH, mix=None
        )
        self.indices = iter(
            [[draw.sample for draw in order.micro_batch(step)] for step in range(steps)]
        )
        parameters = list(self.network.parameters())
        groups = [
            {"params": [p for p in parameters if p.ndim > 1]},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=1e-4, weight_decay=0.01)

    def step(self) -> None:
        batch = collate([self.source[index] for index in next(self.indices)])
        loss = nn.functional.cross_entropy(self.network(batch["image"]), batch["label"])
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()


class Classifier(System):
    """The network as a system, which lets the bare loop do a step before each of its own."""

    loss_terms: ClassVar[frozenset[str]] = frozenset({"entropy"})

    def __init__(self, bare: Bare) -> None:
        super().__init__(None, Placement(torch.device("cpu")))
        self.network, self.bare = network(), bare
        self.times: dict[str, list[Clocks]] = {"bare": [], "loop": []}
        self._began: Clocks | None = None

    def sources(self, split: str) -> Mapping[str, Source]:
        return {"pictures": Pictures()}

    def collate(self, samples: Sequence[Sample]) -> Batch:
        return collate(samples)

    def trainable(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        here = clocks()
        if self._began is not None:  # from this place in the last step to the same in this one
            self.times["loop"].append(since(self._began, here))
        self.bare.step()
        self._began = clocks()
        self.times["bare"].append(since(here, self._began))
        return {
            "entropy": nn.functional.cross_entropy(self.network(batch["image"]), batch["label"])
        }

    def predictor(self, weights: Mapping[str, Tensor] | None = None) -> Predictor:
        raise ValueError("the benchmark does not predict")

    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        return Scores()


Clocks = tuple[float, float]
"""Seconds by the wall clock, and of processor time."""


def clocks() -> Clocks:
    return time.perf_counter(), time.process_time()


def since(began: Clocks, ended: Clocks) -> Clocks:
    return ended[0] - began[0], ended[1] - began[1]


def collate(samples: Sequence[Sample]) -> Batch:
    return {
        "image": torch.from_numpy(np.stack([sample["image"] for sample in samples])),
        "label": torch.tensor([sample["label"] for sample in samples]),
    }


def measure(steps: int) -> dict[str, list[Clocks]]:
    """Both loops in turns; the times of every step after the first ten."""
    settings = TrainSettings(
        batch_size=BATCH, device="cpu", preview_every=0, evaluate_every=0, save_every=0
    )
    stage = Stage(name="all", steps=steps, weights={"entropy": 1.0})
    plan = Plan.build([stage], samples_per_epoch=256, batch_size=BATCH)
    system = Classifier(Bare(steps))
    with tempfile.TemporaryDirectory() as folder:
        run = Run.create(folder, "classifier", "loop", "system: classifier\n")
        fit(system, plan, run, settings)
    same = zip(system.network.parameters(), system.bare.network.parameters(), strict=True)
    if not all(torch.allclose(one, other, atol=1e-6) for one, other in same):
        raise SystemExit("the two loops did not train the same network")
    return {name: times[BLOCK : steps - 1] for name, times in system.times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=611)
    parser.add_argument("--output", type=Path, default=Path("out/benchmarks/loop.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    times = measure(options.steps)
    blocks = range(0, len(times["loop"]) - BLOCK + 1, BLOCK)
    result: dict[str, Any] = {"steps": options.steps, "goal": GOAL}
    for index, clock in enumerate(("wall", "processor")):
        loop, bare = (
            np.array([sum(t[index] for t in times[name][k : k + BLOCK]) / BLOCK for k in blocks])
            for name in ("loop", "bare")
        )
        low, middle, high = np.quantile(loop / bare, (0.25, 0.5, 0.75)).round(4).tolist()
        result[clock] = {
            "bare_milliseconds": round(1e3 * float(np.median(bare)), 3),
            "loop_milliseconds": round(1e3 * float(np.median(loop)), 3),
            "overhead_microseconds": round(1e6 * float(np.median(loop - bare)), 1),
            "ratio": middle,
            "ratio_quartiles": [low, high],
        }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
