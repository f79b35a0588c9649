"""The tongue of a head whose gums and tongue are one part, as in ICT-FaceKit.

Owns which vertices it is and how it bends. The jaw carries it; what keeps a tongue from the palate
is the studio's head's alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.head_asset import HeadAsset
from likeness.studio.tongue import bent_shapes

_PART = "gums_tongue"
_MIDDLE = 0.1
"""Share of the part at either end of its numbering where no cut is looked for."""
_LEAST = 50
"""Vertices of a tongue, at least."""
_HELD, _FREE = 0.02, 0.25
"""Distances from the rim, in lengths of the tongue: held up to the one, free from the other on."""
_OUT, _OUT_RISE = 30.0, 10.0
"""mm that ``tongueOut`` pushes the tip forward and lifts it: over the lip of an open jaw."""


@dataclass(frozen=True, eq=False)
class AssetTongue:
    """Where the tongue of an asset is.

    Attributes:
        vertices: (n,) of the asset: first the tongue itself, then the rim it is fixed by.
        num_own: how many of them no other part shares.
        faces: (T, 3) into these vertices.
    """

    vertices: NDArray[np.int64]
    num_own: int
    faces: NDArray[np.int64]

    @property
    def rim(self) -> NDArray[np.int64]:
        """Places among ``vertices`` of those that move with the jaw alone."""
        return np.arange(self.num_own, len(self.vertices))

    def shapes(self, neutral: NDArray[np.floating]) -> NDArray[np.float64]:
        """(17, n, 3) in mm: the sixteen shapes of the tongue in their order, then ``tongueOut``.

        Args:
            neutral: (n, 3) mm, the tongue at rest; +z forward.
        """
        points = np.asarray(neutral, np.float64)
        z = points[:, 2]
        length = np.ptp(z)
        q = (z - z.min()) / length
        u = points[:, 0] / np.abs(points[:, 0]).max()
        away = np.linalg.norm(points[:, None] - points[self.rim], axis=2).min(axis=1) / length
        t = np.clip((away - _HELD) / (_FREE - _HELD), 0.0, 1.0)
        free = (t * t * (3.0 - 2.0 * t))[:, None]
        none = np.zeros_like(q)
        out = np.stack([none, _OUT_RISE * q, _OUT * q], axis=1)
        return np.concatenate([bent_shapes(q, u, points[:, 0]), out[None]]) * free


def find_tongue(asset: HeadAsset) -> AssetTongue | None:
    """The tongue of an asset with a part ``gums_tongue``; None where there is none to be told.

    Both are one surface. Its vertices are numbered piece by piece, so the tongue is what lies
    beyond the place in the numbering that the fewest edges cross.
    """
    part = np.asarray(asset.masks.get(_PART, ()), np.int64)
    if len(part) < _LEAST:
        return None
    edges = asset.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2).astype(np.int64)
    edges = np.unique(np.sort(edges[np.isin(edges, part).all(axis=1)], axis=1), axis=0)
    place = np.searchsorted(part, edges)
    crossing = np.zeros(len(part) + 1, np.int64)
    np.add.at(crossing, place[:, 0] + 1, 1)
    np.add.at(crossing, place[:, 1] + 1, -1)
    crossing = np.cumsum(crossing)[: len(part)]
    end = int(_MIDDLE * len(part))
    cut = end + int(crossing[end : len(part) - end].argmin())
    own = part[cut:]
    faces = asset.faces[np.isin(asset.faces, own).any(axis=1)].astype(np.int64)
    rim = np.setdiff1d(faces, own)
    if len(own) < _LEAST or len(rim) < 4:
        return None
    vertices = np.concatenate([own, rim])
    order = np.argsort(vertices)
    return AssetTongue(
        vertices, len(own), order[np.searchsorted(vertices[order], faces)].astype(np.int64)
    )
