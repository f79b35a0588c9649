"""Claim: the loop costs at most 3 % of a step of 20 to 50 ms, against a bare PyTorch loop.

Both train the same small convolutional network on the same batches with the same optimiser and
gradient limit, in turns, on one core. The bare loop does nothing else; the loop also seeds, checks,
records, writes metrics and can be resumed. On a machine that does other things, look at the best
ten steps in a row. From the root of the repository:

    python -m benchmarks.loop
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
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


class Classifier(System):
    """The network as a system; remembers when each step began."""

    loss_terms: ClassVar[frozenset[str]] = frozenset({"entropy"})

    def __init__(self, config: Any, placement: Placement) -> None:
        super().__init__(config, placement)
        self.network, self.times = network(), Times()

    def sources(self, split: str) -> Mapping[str, Source]:
        return {"pictures": Pictures()}

    def collate(self, samples: Sequence[Sample]) -> Batch:
        return collate(samples)

    def trainable(self) -> Mapping[str, nn.Module]:
        return {"network": self.network}

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        self.times.mark()
        return {
            "entropy": nn.functional.cross_entropy(self.network(batch["image"]), batch["label"])
        }

    def predictor(self, weights: Mapping[str, Tensor] | None = None) -> Predictor:
        raise ValueError("the benchmark does not predict")

    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        return Scores()


class Times:
    """Wall clock and processor time at the same place of every step."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.processor: list[float] = []

    def mark(self) -> None:
        self.wall.append(time.perf_counter())
        self.processor.append(time.process_time())

    def mean(self) -> tuple[float, float]:
        """Seconds per step after the first ten: wall clock, processor."""
        return _per_step(self.wall, 10, -1), _per_step(self.processor, 10, -1)

    def best(self) -> tuple[float, float]:
        """The same of the fastest ten steps in a row, one of which writes a line of metrics."""
        firsts = range(10, len(self.wall) - 10)
        return (
            min(_per_step(self.wall, first, first + 10) for first in firsts),
            min(_per_step(self.processor, first, first + 10) for first in firsts),
        )


def _per_step(clock: list[float], first: int, last: int) -> float:
    last %= len(clock)
    return (clock[last] - clock[first]) / (last - first)


def collate(samples: Sequence[Sample]) -> Batch:
    return {
        "image": torch.from_numpy(np.stack([sample["image"] for sample in samples])),
        "label": torch.tensor([sample["label"] for sample in samples]),
    }


def bare(steps: int) -> tuple[Times, nn.Module]:
    """What one writes by hand, on the batches the loop would draw."""
    source, model, times = Pictures(), network(), Times()
    order = Sampler(Mixed({"pictures": source}), seed=0).stage(0, batch_size=BATCH, mix=None)
    batches = [[draw.sample for draw in order.micro_batch(step)] for step in range(steps)]
    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    groups = [{"params": matrices}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=1e-4, weight_decay=0.01)
    for indices in batches:
        batch = collate([source[index] for index in indices])
        times.mark()
        loss = nn.functional.cross_entropy(model(batch["image"]), batch["label"])
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
    return times, model


def looped(steps: int) -> tuple[Times, nn.Module]:
    """The same through :func:`likeness.training.trainer.fit`."""
    settings = TrainSettings(
        batch_size=BATCH, device="cpu", preview_every=0, evaluate_every=0, save_every=0
    )
    stage = Stage(name="all", steps=steps, weights={"entropy": 1.0})
    plan = Plan.build([stage], samples_per_epoch=256, batch_size=BATCH)
    system = Classifier(None, Placement(torch.device("cpu")))
    with tempfile.TemporaryDirectory() as folder:
        fit(
            system, plan, Run.create(folder, "classifier", "loop", "system: classifier\n"), settings
        )
    return system.times, system.network


def _median(values: Iterable[float]) -> float:
    return round(statistics.median(values), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--output", type=Path, default=Path("out/benchmarks/loop.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    pair = {"bare": bare, "loop": looped}
    turns: list[dict[str, Times]] = []
    for turn in range(options.turns + 1):
        order = list(pair) if turn % 2 else list(reversed(pair))
        done = {name: pair[name](options.steps) for name in order}
        same = zip(done["bare"][1].parameters(), done["loop"][1].parameters(), strict=True)
        if not all(torch.allclose(one, other, atol=1e-6) for one, other in same):
            raise SystemExit("the two loops did not train the same network")
        if turn > 0:  # the first turn warms up
            turns.append({name: done[name][0] for name in done})
    result: dict[str, Any] = {"steps": options.steps, "turns": options.turns, "goal": GOAL}
    for index, clock in enumerate(("wall", "processor")):
        for how in ("mean", "best"):
            rows = [{name: getattr(t[name], how)()[index] for name in pair} for t in turns]
            result[f"{how}_{clock}"] = {
                "bare_milliseconds": _median(1e3 * row["bare"] for row in rows),
                "loop_milliseconds": _median(1e3 * row["loop"] for row in rows),
                "overhead_microseconds": _median(1e6 * (r["loop"] - r["bare"]) for r in rows),
                "ratio": _median(row["loop"] / row["bare"] for row in rows),
            }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
