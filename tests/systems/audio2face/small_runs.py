"""Runs of two steps, trained as users do."""

from __future__ import annotations

from pathlib import Path

from likeness import workflow
from likeness.runs.run import Run

SMALL = (
    "train.steps=2",
    "train.batch_size=4",
    "train.preview_every=0",
    "train.device=cpu",
)


def settings_of(root: Path, folder: Path, *overrides: str) -> list[str]:
    """What a small run is configured with; caches lie in ``folder``."""
    plain = [f"data.root={root}", f"storage.cache_folder={folder / 'cache'}", *SMALL]
    named = {item.split("=")[0] for item in overrides}
    return [*(item for item in plain if item.split("=")[0] not in named), *overrides]


def trained(root: Path, folder: Path, *overrides: str, profile: str = "smoke") -> Run:
    """A finished run in ``folder``."""
    return workflow.train(
        "audio2face",
        profile=profile,
        overrides=settings_of(root, folder, *overrides),
        runs=folder / "runs",
    )
