"""Upper and lower exchanged in a list of pairs, where the neutral alone does not tell."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from likeness.systems.audio2face.dataset.findings import inspect_dataset
from tests.systems.audio2face.dataset.recordings import write_recordings

ANNA = "data/anna"
LIPS = f"{ANNA}/geom/skin/lip_dist_vertex_list.json"
UPPER, LOWER = [10, 11, 12], [15, 16, 17]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Lips that are closed in the neutral, overlap by 2 mm at times and open by 2 cm once."""
    root = write_recordings(tmp_path / "set", ("anna",))
    place = root / ANNA / "geom/skin/neutral_pose.npy"
    neutral = np.load(place)
    shift = neutral[UPPER] - neutral[LOWER]
    neutral[LOWER] += shift
    np.save(place, neutral)
    for path in (root / ANNA / "cache/skin").glob("*/*.npy"):
        frames = np.load(path)
        frames[:, UPPER] = neutral[UPPER]
        frames[:, LOWER] = neutral[LOWER]
        frames[3:7, LOWER, 1] += 0.2
        frames[8, LOWER, 1] -= 2.0
        np.save(path, frames)
    return root


def messages(root: Path) -> list[str]:
    found = inspect_dataset(root).findings
    return [f.message for f in found if (f.code, f.path) == ("list-order", LIPS)]


def test_lips_that_overlap_where_they_close_are_the_right_way_up(root: Path) -> None:
    assert messages(root) == []


def test_upper_and_lower_exchanged_are_told_by_the_caches(root: Path) -> None:
    (root / LIPS).write_text(json.dumps({"upper": LOWER, "lower": UPPER}))
    (message,) = messages(root)
    assert "found 3 of 3 below it" in message
    (root / LIPS).write_text(json.dumps({"upper": [10, 16], "lower": [15, 11]}))
    (message,) = messages(root)
    assert "found 1 of 2 below it" in message
