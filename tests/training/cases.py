"""A plain toy configuration, a plan of one stage, and a call of the loop on them."""

from __future__ import annotations

from typing import Any

from likeness.training import trainer
from likeness.training.stage import Stage
from tests.toy_system.system import (
    ToyConfig,
    toy_plan,
    toy_system,
)

PLAIN = ToyConfig(batch_norm=False, dropout=0.0, noise=0.0, others=0)


def one_stage(steps: int = 6, **changes: Any) -> list[Stage]:
    return [Stage(**{"name": "only", "steps": steps, "weights": {"fit": 1.0}, **changes})]


def fit(run: Any, config: ToyConfig, settings: Any, stages: Any = None, **options: Any) -> Any:
    system = toy_system(config)
    trainer.fit(system, toy_plan(settings, stages), run, settings, **options)
    return system
