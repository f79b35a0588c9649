"""The lining of the mouth and the skin around it, in the faces that fold a chin most."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.studio.expressions import INDEX
from likeness.studio.person import Person
from likeness.studio.photograph import sitter_of
from likeness.studio.scene import Scene
from likeness.studio.template import PARTS


@pytest.mark.parametrize("shapes", [("mouthShrugLower",), ("mouthShrugLower", "mouthPucker")])
def test_the_lining_stays_behind_the_chin_of_a_pouting_mouth(shapes):
    """Seen from the front, no point of it lies before the skin under the lower lip."""
    weights = np.zeros(52)
    weights[[INDEX[name] for name in shapes]] = 1.0
    figure = sitter_of(Person.sample(113)).pose(weights, Scene.portrait().pose)
    points, faces = 1000.0 * figure.vertices.astype(np.float64), figure.surface.faces
    lip, chin = 1000.0 * figure.landmarks68[57], 1000.0 * figure.landmarks68[8]
    across = np.linspace(lip[0] - 20.0, lip[0] + 20.0, 81)
    up = np.linspace(chin[1] + 5.0, lip[1] - 0.5, 61)
    part = figure.surface.part[faces[:, 0]]
    skin = _front(points[faces[part == PARTS.index("skin")]], across, up)
    lining = _front(points[faces[part == PARTS.index("mouth_lining")]], across, up)
    assert np.isfinite(skin).all()
    assert np.isfinite(lining).sum() > 500
    assert (skin - lining)[np.isfinite(lining)].min() > 0.3  # mm; it was -0.2 and -4.1


def _front(corners: np.ndarray, across: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Largest z of triangles (F, 3, 3) over a grid of x and y; -inf where there is none."""
    grid = np.stack(np.meshgrid(across, up), axis=-1)
    out = np.full(grid.shape[:2], -np.inf)
    for a, b, c in corners:
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        if low[0] > across[-1] or high[0] < across[0] or low[1] > up[-1] or high[1] < up[0]:
            continue
        sides = np.array([b[:2] - a[:2], c[:2] - a[:2]]).T
        if abs(np.linalg.det(sides)) < 1e-9:
            continue
        along = (grid - a[:2]) @ np.linalg.inv(sides).T
        inside = (along >= 0.0).all(-1) & (along.sum(-1) <= 1.0)
        height = a[2] + along @ np.array([b[2] - a[2], c[2] - a[2]])
        out[inside] = np.maximum(out[inside], height[inside])
    return out
