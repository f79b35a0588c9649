"""Where the files lie that a dataset's description names outside the dataset's own folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from likeness.config.locations import locations
from likeness.errors import DataError
from likeness.systems.audio2face.config import AudioToFaceConfig
from likeness.systems.audio2face.dataset.description import read_description


def places_elsewhere(config: AudioToFaceConfig) -> Mapping[str, Path]:
    """By the path as it is written; none of a dataset that cannot be read.

    What lies below ``data.root`` is left out where that is a folder, since all of it is the
    dataset. A description named by its file is no reason to count what else is beside it.
    """
    if config.data.root is None:
        return {}
    root = Path(config.data.root)
    try:
        description, base = read_description(root)
    except DataError:
        return {}  # the inspection says so
    named = sorted({name for name in locations(description).values() if name})
    places = {name: Path(os.path.normpath(base / name)) for name in named}
    own = Path(os.path.normpath(root)) if root.is_dir() else None
    return {
        name: place
        for name, place in places.items()
        if own is None or not place.is_relative_to(own)
    }
