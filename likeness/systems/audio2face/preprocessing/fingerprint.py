"""What a preprocessed folder was made of, as one number: inputs and the settings that count.

A cache in files counts by the names, sizes and times of change of its files, since reading all of
it to compare would cost as much as a pass of the work; everything else by its content.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from likeness.geometry.animation import VertexAnimation
from likeness.storage.files import sha256_of
from likeness.systems.audio2face.preprocessing.settings import PreprocessingSettings
from likeness.systems.audio2face.recorded_actor import RecordedActor

FORMAT = 1
"""Counts the changes of preprocessing that give other files from the same inputs."""

_WITHOUT_EFFECT = {"actors", "device", "record_machine", "run_info"}
"""Settings that change no number of the result, and the choices for other actors."""


def fingerprint(
    actor: RecordedActor, settings: PreprocessingSettings, prune: Mapping[str, VertexAnimation]
) -> str:
    """SHA-256 in hexadecimal.

    Args:
        actor: as recorded.
        settings: of which only those for this actor count.
        prune: shot to the cache that poses are chosen on.
    """
    digest = hashlib.sha256()
    chosen = settings.model_dump(mode="json", exclude=_WITHOUT_EFFECT)
    chosen["actor"] = settings.of(actor.name).model_dump(
        mode="json", exclude={"prune_caches", "prune_mask"}
    )
    _add(digest, [FORMAT, json.dumps(chosen, sort_keys=True)])
    mask = settings.of(actor.name).prune_mask
    _add(digest, sha256_of(Path(mask)) if mask else None)
    _add(digest, {name: prune[name] for name in prune if prune[name] is not actor.skin.get(name)})
    for item in dataclasses.fields(actor):
        if item.name != "audio":  # where the sound lies changes nothing here
            _add(digest, [item.name, getattr(actor, item.name)])
    return digest.hexdigest()


def _add(digest: Any, value: Any) -> None:
    """Add a value, with marks between the parts so that none can be taken for another."""
    digest.update(f"<{type(value).__name__}>".encode())
    if isinstance(value, np.ndarray):
        digest.update(f"{value.dtype.str}{value.shape}".encode())
        for part in np.array_split(value, max(value.nbytes // 2**26, 1)) if value.ndim else [value]:
            digest.update(np.ascontiguousarray(part).data)
    elif isinstance(value, Path):
        status = value.stat()
        digest.update(f"{value.name} {status.st_size} {status.st_mtime_ns}".encode())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for item in dataclasses.fields(value):
            _add(digest, [item.name, getattr(value, item.name)])
    elif hasattr(value, "read") and hasattr(value, "shape"):
        for first in range(value.shape[0]):
            _add(digest, value.read(first, first + 1))
    elif isinstance(value, Mapping):
        for key in sorted(value):
            _add(digest, [str(key), value[key]])
    elif isinstance(value, (list, tuple)):
        digest.update(f"{len(value)}".encode())
        for part in value:
            _add(digest, part)
    else:
        digest.update(repr(value).encode())
    digest.update(b";")
