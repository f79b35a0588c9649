"""Synthetic people and their photographs, from a seed, with exact truth.

``Person`` is loaded on first use, so that importing this package costs nothing.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Person"]


def __getattr__(name: str) -> Any:
    if name == "Person":
        from likeness.studio.person import Person

        return Person
    raise AttributeError(f"module 'likeness.studio' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted(__all__)
