"""likeness: train, measure and ship models of people.

Importing this package never imports torch. The public names below are loaded on first use, so that
``likeness --help`` and configuration tools stay fast. ``export`` and ``report`` are packages here,
so the verbs of that name are in :mod:`likeness.workflow` only.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "train": "likeness.workflow",
    "resume": "likeness.workflow",
    "evaluate": "likeness.workflow",
    "predict": "likeness.workflow",
    "configure": "likeness.workflow",
    "plan_training": "likeness.workflow",
    "make_data": "likeness.datasets",
    "inspect_data": "likeness.datasets",
    "prepare_data": "likeness.datasets",
    "Predictor": "likeness.workflow",
    "Run": "likeness.runs.run",
    "Person": "likeness.studio.person",
}

__all__ = ["__version__", *_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'likeness' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
