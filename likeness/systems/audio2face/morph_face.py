"""A face that is nothing but ARKit shapes: no landmarks, no parts, any topology.

Owns how lips and lids are found by what the shapes move.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.errors import DataError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.morph_gltf import MorphMesh
from likeness.studio.asset_sitter import arkit_columns
from likeness.studio.closures import Lips, ShapeLips
from likeness.studio.curves import ARKIT
from likeness.studio.expressions import ARKIT_NAMES
from likeness.systems.audio2face.artefacts import Floats, Pairs
from likeness.systems.audio2face.studio_faces import SpeakingFace

_CM_OF_METRE = 100.0
_MM_OF_CM = 10.0
_LIFTS = ("mouthUpperUpLeft", "mouthUpperUpRight")
_DROPS = ("mouthLowerDownLeft", "mouthLowerDownRight")
NEEDED = ("jawOpen", "eyeBlinkLeft", "eyeBlinkRight", *_LIFTS, *_DROPS)
"""Shapes that lips and lids are found by."""
_LIP_PAIRS = 5
_MOVED = 0.3
"""Share of the largest movement of a shape from which a vertex belongs to what it moves."""
_PARTED = 0.5
"""Share of the jaw's opening by which the inner edges of the lips part at least."""
_MIDDLE = 0.4
"""Share of the half width of the mouth that pairs are taken from; corners part less."""
_NEAR = 4.0
"""How much more it counts that a pair lies together than where along the lips it is."""
_TOUCHED = 0.02
"""Share of a lid's movement from which skin moves with it; eyeballs do not."""


@dataclass(frozen=True, eq=False)
class MorphHead:
    """A head at rest and the 52 shapes, in centimetres.

    Attributes:
        name: for messages.
        neutral: (V, 3).
        offsets: (52, V, 3), in the order of ARKit's names; 0 of shapes it lacks.
        faces: (T, 3).
        missing: shapes it lacks.

    Raises:
        DataError: it lacks shapes that lips and lids are found by, or they move nothing.
    """

    name: str
    neutral: Floats
    offsets: Floats
    faces: NDArray[np.int64]
    missing: tuple[str, ...]

    def __post_init__(self) -> None:
        absent = [name for name in NEEDED if not self.shape(name).any()]
        if absent:
            raise DataError(
                f"The head '{self.name}' has no landmarks, and lacks the ARKit shapes "
                f"{', '.join(absent)} that its lips and lids are found by.",
                advice="Export them with the head under ARKit's names; or take ICT-FaceKit's "
                "ict_face.npz, or the studio's own head.",
            )

    def shape(self, *names: str) -> NDArray[np.float64]:
        """(V, 3) what these shapes do together at full weight."""
        rows = [ARKIT_NAMES.index(name) for name in names]
        return np.asarray(self.offsets[rows].sum(axis=0), np.float64)

    @classmethod
    def of_mesh(cls, name: str, mesh: MorphMesh) -> MorphHead:
        """Of a mesh in metres."""
        none = np.zeros_like(mesh.vertices)
        offsets = np.stack([mesh.offsets.get(shape, none) for shape in ARKIT_NAMES])
        missing = tuple(shape for shape in ARKIT_NAMES if shape not in mesh.offsets)
        return cls(name, _CM_OF_METRE * mesh.vertices, _CM_OF_METRE * offsets, mesh.faces, missing)

    @classmethod
    def of_asset(cls, asset: HeadAsset) -> MorphHead:
        """Of a head model, as it is."""
        moved = np.einsum("vce,ek->kvc", asset.expression_basis, arkit_columns(asset))
        offsets = (_CM_OF_METRE * moved).astype(np.float32)
        still = ~offsets.any(axis=(1, 2))
        return cls(
            asset.name,
            (_CM_OF_METRE * asset.template).astype(np.float32),
            offsets,
            asset.faces.astype(np.int64),
            tuple(name for name, none in zip(ARKIT_NAMES, still, strict=True) if none),
        )


class MorphFace(SpeakingFace):
    """The face of such a head: all its vertices are the skin, there is no tongue and no jaw.

    The heights of the lips themselves cannot be told from shapes: there is no ``lip_size``.

    Args:
        head: whose it is.

    Raises:
        DataError: no lips or lids are where its shapes move something.
    """

    tongue_neutral = None
    tongue_faces = None
    tongue_rigid = None
    jaw_neutral = None
    lip_size = None

    def __init__(self, head: MorphHead) -> None:
        self._head = head
        self.neutral, self.faces = head.neutral, head.faces
        self.lip_distance = _lip_pairs(head)
        lids = [_lid_pair(head, f"eyeBlink{side}") for side in ("Left", "Right")]
        self.eye_distance = Pairs(*(np.array([lid[k] for lid in lids]) for k in (0, 1)))

    @functools.cached_property
    def lips(self) -> Lips:
        heights = np.concatenate([self._head.neutral[None, :, 1], self._head.offsets[:, :, 1]])
        apart = heights[:, self.lip_distance.upper] - heights[:, self.lip_distance.lower]
        apart = _MM_OF_CM * apart.astype(np.float64)
        return ShapeLips(self._head.name, apart[0], apart[1:])

    def move(self, frames: NDArray[np.floating]) -> tuple[Floats, Floats | None, Floats | None]:
        flat = self._head.offsets.reshape(len(ARKIT_NAMES), -1)
        moved = np.asarray(frames, np.float32)[:, ARKIT] @ flat
        return moved.reshape(-1, *self.neutral.shape) + self.neutral, None, None


def _lip_pairs(head: MorphHead) -> Pairs:
    """The inner edges of the lips: of what one shape lifts and another lowers, the vertices that
    lie nearest to each other and are torn apart by the jaw."""
    lifted, dropped, jaw = (
        head.shape(*_LIFTS)[:, 1],
        -head.shape(*_DROPS)[:, 1],
        head.shape("jawOpen"),
    )
    rest = head.neutral.astype(np.float64)
    upper = np.flatnonzero((lifted > _MOVED * lifted.max()) & (lifted > dropped))
    lower = np.flatnonzero((dropped > _MOVED * dropped.max()) & (dropped > lifted))
    if not len(upper) or not len(lower):
        raise _no_lips(head, "they move no two parts of the face")
    away = rest[upper][:, None] - rest[lower]
    opened = away + (jaw[upper][:, None] - jaw[lower])
    near, far = np.linalg.norm(away, axis=2), np.linalg.norm(opened, axis=2)
    parted = far - near > _PARTED * (far - near).max()
    if (far - near).max() <= 0 or not parted.any():
        raise _no_lips(head, "jawOpen does not part them")
    x = rest[:, 0]
    middle = (x[upper].min() + x[upper].max()) / 2
    half = (x[upper].max() - x[upper].min()) / 2
    found: list[tuple[int, int]] = []
    for share in np.linspace(-_MIDDLE, _MIDDLE, _LIP_PAIRS):
        aim = middle + share * half
        cost = _NEAR * near + np.abs(x[upper] - aim)[:, None] + np.abs(x[lower] - aim)
        cost[~parted] = np.inf
        one, other = np.unravel_index(int(cost.argmin()), cost.shape)
        found.append((int(upper[one]), int(lower[other])))
    pairs = np.array(list(dict.fromkeys(found)), np.int64)
    return Pairs(pairs[:, 0], pairs[:, 1])


def _lid_pair(head: MorphHead, blink: str) -> tuple[int, int]:
    """The vertex of an upper lid that closes farthest, and the one of the lower lid it comes to."""
    moved = head.shape(blink)
    size = np.linalg.norm(moved, axis=1)
    upper = int(moved[:, 1].argmin())
    rest = head.neutral.astype(np.float64)
    closed = rest + moved
    lower = np.flatnonzero(
        (size > _TOUCHED * size.max())
        & (moved[:, 1] > _MOVED * moved[upper, 1])
        & (rest[:, 1] < rest[upper, 1])
    )
    if moved[upper, 1] >= 0 or not len(lower):
        raise DataError(
            f"The shape {blink} of the head '{head.name}' brings no two lids together.",
            advice="It should lower the upper lid to the lower one, +y up.",
        )
    nearest = int(np.linalg.norm(closed[lower] - closed[upper], axis=1).argmin())
    return upper, int(lower[nearest])


def _no_lips(head: MorphHead, why: str) -> DataError:
    return DataError(
        f"The lips of the head '{head.name}' are not found by its ARKit shapes: {why}.",
        advice="mouthUpperUp should lift the upper lip, mouthLowerDown lower the other, +y up.",
    )
