"""Files beside the shots that are readable and say something else than they should."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.systems.audio2face.dataset.recordings import told

ANNA = "data/anna"
BLINK = f"{ANNA}/xform/eye_blink_keys.npy"
NEUTRAL = f"{ANNA}/geom/skin/neutral_pose.npy"


def test_keys_of_a_blink_in_percent(root: Path) -> None:
    keys = np.load(root / BLINK)
    assert ("blink-range", BLINK) not in told(root)
    np.save(root / BLINK, 100 * keys)
    assert "found 0 to 100" in told(root)["blink-range", BLINK].message


@pytest.mark.parametrize("part", ["skin", "tongue"])
def test_a_mesh_in_another_order_than_the_neutral(root: Path, part: str) -> None:
    place = f"{ANNA}/geom/{part}/mesh.obj"
    lines = (root / place).read_text().splitlines(keepends=True)
    first = next(number for number, line in enumerate(lines) if line.startswith("v "))
    lines[first + 2], lines[first + 4] = lines[first + 4], lines[first + 2]
    assert ("vertex-order", place) not in told(root)
    (root / place).write_text("".join(lines))
    message = told(root)["vertex-order", place].message
    assert "order of the neutral; vertices 2, 4 lie at each other's places" in message


def test_a_head_whose_z_points_up_is_not_in_inches(root: Path) -> None:
    """Its depth of 9 cm, along y now, would be a height in inches."""
    for path in (root / NEUTRAL, *(root / ANNA / "cache/skin").glob("*/*.npy")):
        x, y, z = np.moveaxis(np.load(path), -1, 0)
        np.save(path, np.stack([x, 9.0 * (z - z.min()) / np.ptp(z), y], -1).astype(np.float32))
    message = told(root)["unit", NEUTRAL].message
    assert "22 cm along z: it looks as if z points up" in message
    assert "look like" not in message
