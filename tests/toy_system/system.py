"""A system small enough to train in milliseconds that still has all that makes resuming hard:
two trainable groups, dropout, a batch norm, augmentation, draws from the context, state and scores.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from likeness.config.schema import ConfigModel
from likeness.data.source import Sample, Source
from likeness.errors import UsageError
from likeness.evaluation.protocol import Score, Scores
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan, Ramp, Schedule, Stage
from likeness.training.system import Batch, Placement, Predictor, StepContext, System

INPUTS, CODE, OUTPUTS = 6, 12, 3


class ToyConfig(ConfigModel):
    """What a test can turn on and off."""

    samples: int = 40
    others: int = 10
    """Size of a second training source."""
    augmentation: float = 0.05
    """Spread of the noise that ``draw`` adds to the input."""
    noise: float = 0.1
    """Spread of the noise that ``losses`` adds to the code, from the context's generator."""
    dropout: float = 0.2
    batch_norm: bool = True
    buckets: bool = False
    poison: tuple[str, ...] = ()
    """Samples whose target is NaN."""
    seed: int = 0
    """Of the weights."""


class ToySource(Source):
    """Inputs and the targets a fixed random linear map gives them."""

    def __init__(self, prefix: str, samples: int, config: ToyConfig) -> None:
        rng = np.random.default_rng(len(prefix))
        self.prefix, self.config = prefix, config
        self.inputs = rng.standard_normal((samples, INPUTS)).astype(np.float32)
        truth = np.random.default_rng(1).standard_normal((INPUTS, OUTPUTS)).astype(np.float32)
        self.targets = np.tanh(self.inputs @ truth)

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int) -> Sample:
        name = f"{self.prefix}-{index:03d}"
        target = self.targets[index]
        if name in self.config.poison:
            target = np.full_like(target, np.nan)
        return {"id": name, "input": self.inputs[index], "target": target}

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        sample = self[index]
        noise = rng.standard_normal(INPUTS).astype(np.float32)
        return {**sample, "input": sample["input"] + self.config.augmentation * noise}

    def fingerprint(self) -> str:
        return hashlib.sha256(self.inputs.tobytes()).hexdigest()

    def bucket(self, index: int) -> int | None:
        return index % 3 if self.config.buckets else None

    def weight(self, index: int) -> float:
        return 1.0 + index


class ToyEncoder(nn.Module):
    def __init__(self, config: ToyConfig) -> None:
        super().__init__()
        self.project = nn.Linear(INPUTS, CODE)
        self.norm = nn.BatchNorm1d(CODE) if config.batch_norm else nn.LayerNorm(CODE)
        self.dropout = nn.Dropout(config.dropout)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.dropout(torch.tanh(self.norm(self.project(inputs))))


class ToySystem(System):
    """Terms: ``fit`` (squared error), ``size`` (of the code), ``spread`` (of the output)."""

    loss_terms: ClassVar[frozenset[str]] = frozenset({"fit", "size", "spread"})

    def __init__(self, config: ToyConfig, placement: Placement) -> None:
        super().__init__(config, placement)
        with torch.random.fork_rng():
            torch.manual_seed(config.seed)
            self.encoder = ToyEncoder(config).to(placement.device)
            self.head = nn.Linear(CODE, OUTPUTS).to(placement.device)
        self.scale: Tensor | None = None
        self.names: list[str] = []

    def sources(self, split: str) -> Mapping[str, Source]:
        sizes = {"main": self.config.samples, "others": self.config.others}
        if split != "train":
            sizes = {f"{split}-main": 16}
        sources = {name: ToySource(name, size, self.config) for name, size in sizes.items() if size}
        if self.scale is None:
            self.scale = torch.from_numpy(next(iter(sources.values())).targets.std(axis=0))
            self.names = list(sources)
        return sources

    def collate(self, samples: Sequence[Sample]) -> Batch:
        return {
            "id": [sample["id"] for sample in samples],
            "input": torch.from_numpy(np.stack([sample["input"] for sample in samples])),
            "target": torch.from_numpy(np.stack([sample["target"] for sample in samples])),
        }

    def trainable(self) -> Mapping[str, nn.Module]:
        return {"encoder": self.encoder, "head": self.head}

    def losses(self, batch: Batch, context: StepContext) -> Mapping[str, Tensor]:
        code = self.encoder(batch["input"])
        noise = torch.randn(code.shape, generator=context.generator, device=context.device)
        output = self.head(code + self.config.noise * noise)
        context.log("code_mean", code.mean())
        terms = {"fit": (output - batch["target"]).square().mean()}
        if context.active("size"):
            terms["size"] = code.square().mean()
        if context.active("spread"):
            gathered = context.gather(output)
            terms["spread"] = gathered.var(dim=0, unbiased=False).mean()
        return terms

    def predictor(self, weights: Mapping[str, Tensor] | None = None) -> Predictor:
        live = {
            f"{group}.{name}": tensor
            for group, module in self.trainable().items()
            for name, tensor in module.state_dict().items()
        }
        return ToyPredictor(self.config, {**live, **(weights or {})})

    def evaluate(self, predictor: Predictor, source: Source, folder: Path) -> Scores:
        samples = [source[index] for index in range(len(source))]
        targets = np.stack([sample["target"] for sample in samples])
        found = predictor(inputs=np.stack([sample["input"] for sample in samples]))["output"]
        error = float(np.square(found - targets).mean())
        baseline = float(np.square(targets - targets.mean(axis=0)).mean())
        return Scores([Score("error", error, "1", "lower", len(samples), baseline, "mean target")])

    def preview(self, predictor: Predictor, folder: Path, step: int) -> list[Path]:
        path = folder / "zero.txt"
        zero = predictor(inputs=np.zeros((1, INPUTS), np.float32))["output"]
        path.write_text(" ".join(f"{value:.6f}" for value in zero[0]), encoding="utf-8")
        return [path]

    def state(self) -> dict[str, Any]:
        return {"scale": self.scale, "names": self.names}

    def load_state(self, state: Mapping[str, Any]) -> None:
        if state["scale"].shape != (OUTPUTS,):
            raise UsageError("The state belongs to another model.")
        self.scale, self.names = state["scale"], list(state["names"])


class ToyPredictor:
    def __init__(self, config: ToyConfig, weights: Mapping[str, Tensor]) -> None:
        self.modules = {"encoder": ToyEncoder(config), "head": nn.Linear(CODE, OUTPUTS)}
        for group, module in self.modules.items():
            prefix = f"{group}."
            own = {n[len(prefix) :]: t for n, t in weights.items() if n.startswith(prefix)}
            module.load_state_dict(own)
            module.eval()

    @torch.no_grad()
    def __call__(self, **inputs: Any) -> Mapping[str, Any]:
        """inputs (N, 6) float32 to output (N, 3) float32."""
        code = self.modules["encoder"](torch.from_numpy(inputs["inputs"]))
        return {"output": self.modules["head"](code).numpy()}


def toy_stages() -> list[Stage]:
    """A first stage with all groups and a ramp, then one that trains the head alone."""
    return [
        Stage(
            name="both",
            steps=12,
            weights={"fit": 1.0, "size": Ramp(start=0.2, end=0.0), "spread": 0.01},
            schedule=Schedule(kind="cosine", warmup_steps=3, final_factor=0.1),
        ),
        Stage(
            name="head",
            steps=8,
            weights={"fit": 1.0},
            groups={"head": 0.5},
            mix={"main": 0.7, "others": 0.3},
            optimizer="keep",
            batch_size=5,
            schedule=Schedule(kind="linear"),
        ),
    ]


def toy_system(config: ToyConfig | None = None) -> ToySystem:
    return ToySystem(config or ToyConfig(), Placement(torch.device("cpu")))


def toy_settings(**changes: Any) -> TrainSettings:
    values: dict[str, Any] = {
        "batch_size": 4,
        "accumulation": 2,
        "learning_rate": 1e-2,
        "ema_decay": 0.9,
        "log_every": 3,
        "preview_every": 0,
        "evaluate_every": 0,
        "save_every": 5,
        "device": "cpu",
    }
    return TrainSettings(**{**values, **changes})


def toy_plan(
    settings: TrainSettings,
    stages: Sequence[Stage] | None = None,
    *,
    samples: int = 50,
    world_size: int = 1,
) -> Plan:
    return Plan.build(
        stages or toy_stages(),
        samples_per_epoch=samples,
        batch_size=settings.batch_size,
        accumulation=settings.accumulation,
        world_size=world_size,
        total_steps=settings.steps,
    )
