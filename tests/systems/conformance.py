"""What every system is put through, and the studio data it is done with."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import torch

from likeness.assembly import build, configure
from likeness.systems import get_system
from likeness.training.random import seed_micro_batch
from likeness.training.stage import Plan
from likeness.training.system import Batch, StepContext, System

SYSTEMS_ROOT = Path(__file__).resolve().parents[2] / "likeness" / "systems"
GOLDEN = Path(__file__).resolve().parents[1] / "golden"
SMALL = [
    "train.log_every=1",
    "train.preview_every=0",
    "train.evaluate_every=0",
    "train.save_every=0",
]


def small(name: str) -> list[str]:
    """Settings of short runs of the smoke profile: batches of four in every stage."""
    stages = get_system(name).load("profiles")["smoke"]().stages
    return [*SMALL, *(f"stages.{index}.batch_size=4" for index in range(len(stages)))]


def built(name: str, root: Path, *overrides: str) -> System:
    """A smoke system on the CPU, from a fixed seed."""
    torch.manual_seed(0)
    resolved = configure(
        name, profile="smoke", overrides=[f"data.root={root}", *small(name), *overrides], environ={}
    )
    return build(resolved, device=torch.device("cpu"))


def one_batch(system: System, size: int = 4) -> Batch:
    """The first training samples, without augmentation."""
    source = next(iter(system.sources("train").values()))
    return system.collate([source[i] for i in range(min(size, len(source)))])


def contexts(system: System) -> list[StepContext]:
    """A context in the middle of every stage."""
    plan = Plan.build(system.config.stages, samples_per_epoch=8, batch_size=4)
    return [context_at(plan, (p.first_step + p.end_step) // 2) for p in plan.stages]


def context_at(plan: Plan, step: int) -> StepContext:
    planned = plan.at(step)
    generator = torch.Generator().manual_seed(0)
    return StepContext(
        step=step,
        stage=planned.stage,
        weights=planned.weights_at(step),
        device=torch.device("cpu"),
        generator=generator,
    )


def total_of(system: System, batch: Batch, context: StepContext) -> torch.Tensor:
    terms = system.losses(batch, context)
    return sum(context.weights.get(k, 0.0) * v for k, v in terms.items())  # type: ignore[return-value]


def break_dataset(root: Path, how: str) -> list[Path]:
    """Damage up to three files of every kind in a dataset; returns which."""
    touched: list[Path] = []
    by_suffix: dict[str, list[Path]] = {}
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        by_suffix.setdefault(f"{path.parent.name}{path.suffix}", []).append(path)
    for files in by_suffix.values():
        for path in files[:3]:
            data = path.read_bytes()
            if how == "truncated":
                path.write_bytes(data[: len(data) // 2])
            elif how == "empty":
                path.write_bytes(b"")
            elif how == "garbage":
                path.write_bytes(bytes((7 * i) % 256 for i in range(512)))
            elif how == "missing":
                path.unlink()
            touched.append(path)
    return touched


def readme_commands(name: str) -> list[str]:
    """The ``likeness …`` lines of a system's README, in order, continuation lines joined."""
    text = (SYSTEMS_ROOT / name.replace("-", "_") / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```(?:bash|sh)\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.split("#")[0].strip() for line in lines if line.strip().startswith("likeness ")]


def golden_losses(system: System, steps: int) -> list[float]:
    """Total loss of the first CPU steps of the smoke plan, seeded as in the loop."""
    plan = Plan.build(system.config.stages, samples_per_epoch=8, batch_size=4)
    modules = torch.nn.ModuleDict(dict(system.trainable().items()))
    modules.train()
    optimizer = torch.optim.SGD(modules.parameters(), lr=1e-3)
    batch = one_batch(system)
    losses = []
    for step in range(steps):
        context = context_at(plan, step)
        seed_micro_batch(context.generator, seed=0, step=step, slot=0)
        loss = total_of(system, batch, context)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(round(float(loss.detach()), 6))
    return losses


def read_golden(name: str) -> dict[str, Any]:
    return json.loads((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))
