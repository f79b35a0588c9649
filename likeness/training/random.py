"""Seeds of the loop: counters, so that no generator state is ever saved.

Seeds of data order and augmentation belong to ``data/sampler.py`` and ``data/loader.py``.
"""

from __future__ import annotations

import random

import numpy as np
import torch

from likeness.seeds import seed_of


def seed_global(seed: int) -> None:
    """Seed the global generators of torch (CPU, and GPUs in use), NumPy and Python."""
    torch.default_generator.manual_seed(seed)
    # Before that, torch would queue every seed.
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)


def seed_micro_batch(generator: torch.Generator, *, seed: int, step: int, slot: int) -> None:
    """Seed everything a micro-batch may draw from, as a function of what it is.

    Args:
        generator: the one of the context, for draws made on purpose (noise, time steps).
        slot: ``micro * world_size + rank``, the number of the micro-batch within the step over all
            processes, so that two processes draw what one with twice the accumulation would. The
            global generators, which dropout uses, get another seed: one seed for both would make
            their draws equal.
    """
    generator.manual_seed(seed_of(seed, "context", step, slot))
    seed_global(seed_of(seed, "global", step, slot))
