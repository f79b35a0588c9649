"""The toy system as a registered one: dataset, studio, prediction, export, a verb of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from pydantic import Field

from likeness.config.locations import Location
from likeness.config.schema import ConfigModel
from likeness.data.inspection import Finding, Inspection
from likeness.data.source import Source
from likeness.errors import DataError
from likeness.extras import Requirement
from likeness.runs.record import TrackingSettings
from likeness.storage.store import StorageSettings
from likeness.training.settings import TrainSettings
from likeness.training.stage import Stage


class ToyData(ConfigModel):
    """Where samples come from."""

    root: Location | None = None
    """Folder of the dataset."""


class ToyModel(ConfigModel):
    """The network."""

    dropout: float = 0.2
    seed: int = 0


class ToyExport(ConfigModel):
    """Bundles."""

    tolerance: float = Field(default=1e-6, gt=0)


class ToyConfig(ConfigModel):
    """Everything a toy run is made of."""

    data: ToyData = ToyData()
    model: ToyModel = ToyModel()
    stages: tuple[Stage, ...] = (
        Stage(name="both", steps=12, weights={"fit": 1.0, "size": 0.1}),
        Stage(name="head", steps=8, weights={"fit": 1.0}, groups={"head": 0.5}),
    )
    train: TrainSettings = TrainSettings(
        batch_size=4, learning_rate=0.01, log_every=2, save_every=5, ema_decay=0.9, device="cpu"
    )
    export: ToyExport = ToyExport()
    tracking: TrackingSettings = TrackingSettings()
    storage: StorageSettings = StorageSettings()


def smoke() -> ToyConfig:
    """Seconds on a CPU."""
    return ToyConfig().replace(train={"steps": 10, "best_score": "error"})


def epochs() -> ToyConfig:
    return ToyConfig().replace(stages=(Stage(name="all", epochs=2, weights={"fit": 1.0}),))


PROFILES = {"smoke": smoke, "epochs": epochs}


class ToyContract:
    name = "toy"
    layouts = ("toy.json: {samples: number}",)

    def inspect(self, uri: str) -> Inspection:
        path = Path(uri) / "toy.json"

        def finding(code: str, message: str) -> Inspection:
            found = Finding("error", code, "toy.json", message, "Make it again.")
            return Inspection(uri, {"samples": 0}, (found,))

        try:
            count = json.loads(path.read_text(encoding="utf-8"))["samples"]
        except FileNotFoundError:
            return finding("missing", "Expected toy.json, found none.")
        except (ValueError, KeyError):
            return finding("broken", "Expected a number of samples, found something else.")
        return Inspection(uri, {"samples": count})

    def open(self, uri: str, split: str, **options: Any) -> Source:
        raise DataError("The toy system opens its sources itself.")

    def writer(self, uri: str, **options: Any) -> Any:
        raise DataError("The studio writes toy data.")


CONTRACT = ToyContract()


def make(
    out: str,
    *,
    people: int,
    seed: int,
    each: Annotated[int, Field(ge=1)] = 2,
    spread: Annotated[float, Field(ge=0, le=90)] = 1.0,
    label: str = "",
) -> Inspection:
    Path(out).mkdir(parents=True, exist_ok=True)
    facts = {"samples": people * each, "seed": seed}
    (Path(out) / "toy.json").write_text(json.dumps(facts), encoding="utf-8")
    return CONTRACT.inspect(out)


def prepare(source: str, out: str) -> Inspection:
    count = len(Path(source).read_text(encoding="utf-8").splitlines())
    return make(out, people=count, seed=0, each=1)


def build(config: ToyConfig, placement: Any) -> Any:
    """The toy system on as many samples as the dataset says."""
    from tests.toy_system.system import ToyConfig as Network
    from tests.toy_system.system import ToySystem

    class Registered(ToySystem):
        def __init__(self) -> None:
            network = Network(others=0, dropout=config.model.dropout, seed=config.model.seed)
            super().__init__(network, placement)
            self.full = config

        def sources(self, split: str) -> Mapping[str, Source]:
            assert config.data.root is not None
            facts = json.loads((Path(config.data.root) / "toy.json").read_text(encoding="utf-8"))
            self.config = self.config.replace(samples=facts["samples"])
            return super().sources(split)

    return Registered()


build.loss_terms = frozenset({"fit", "size", "spread"})  # type: ignore[attr-defined]


def predict(
    predictor: Any, inputs: list[str], output: Path, *, factor: float = 1.0
) -> list[dict[str, Any]]:
    rows = []
    for item in inputs:
        try:
            values = np.loadtxt(item, dtype=np.float32, ndmin=2)
        except ValueError as error:
            rows.append({"input": item, "error": str(error)})
            continue
        answer = predictor(inputs=values)["output"] * factor
        path = output / f"{Path(item).stem}.txt"
        np.savetxt(path, answer)
        rows.append({"input": item, "output": str(path)})
    return rows


def demonstrate(folder: Path) -> tuple[list[str], dict[str, Any]]:
    np.savetxt(folder / "ones.txt", np.ones((1, 6)))
    return [str(folder / "ones.txt")], {"factor": 2.0}


def export_arrays(
    predictor: Any,
    folder: Path,
    *,
    source_run: str,
    checkpoint_sha256: str,
    state: dict[str, Any],
    tolerance: float,
    copies: Annotated[int, Field(ge=1, description="how often the weights are written")] = 1,
) -> Any:
    import torch

    from likeness.export.bundle import Port, write_bundle

    def write(place: Path) -> None:
        weights = {g: m.state_dict() for g, m in predictor.modules.items()}
        for number in range(copies):
            with (place / f"weights{number or ''}.pt").open("wb") as file:
                torch.save(weights, file)

    def opened(place: Path) -> Any:
        loaded = torch.load(place / "weights.pt", weights_only=True)
        for group, module in predictor.modules.items():
            module.load_state_dict(loaded[group])
        return predictor

    return write_bundle(
        folder,
        system="toy",
        target="arrays",
        write_model=write,
        inputs=[Port("inputs", ("batch", 6), "float32", "anything")],
        outputs=[Port("output", ("batch", 3), "float32", "anything")],
        state=state,
        source_run=source_run,
        checkpoint_sha256=checkpoint_sha256,
        reference=predictor,
        exported=opened,
        samples=[{"inputs": np.ones((2, 6), np.float32)}],
        tolerance=tolerance,
        options={"copies": copies},
    )


def requirements() -> list[Requirement]:
    return [
        Requirement("toy weights", "weights", False, "better toys", "Put toy.bin beside the data.")
    ]


def wave(name: Annotated[str, typer.Argument(help="Whom.")]) -> dict[str, Any]:
    """Say something only this system says."""
    if name == "nobody":
        raise DataError("There is nobody to wave at.", advice="Name somebody.")
    return {"greeting": f"hello {name}"}


COMMANDS = {"wave": wave}
