from __future__ import annotations

import random

import numpy as np
import torch

from likeness.training.random import seed_global, seed_micro_batch


def draws(seed: int, step: int, slot: int) -> list[float]:
    generator = torch.Generator()
    seed_micro_batch(generator, seed=seed, step=step, slot=slot)
    return [
        torch.rand((), generator=generator).item(),
        torch.rand(()).item(),
        float(np.random.random()),
        random.random(),
    ]


def test_every_generator_is_a_function_of_the_counters() -> None:
    first = draws(0, 3, 1)
    seed_global(99)
    assert draws(0, 3, 1) == first


def test_counters_do_not_collide() -> None:
    seen = [x for seed in (0, 1) for step in range(5) for slot in range(4)
            for x in draws(seed, step, slot)]  # fmt: skip
    assert len(set(seen)) == len(seen)
