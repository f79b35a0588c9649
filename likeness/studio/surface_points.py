"""Points on a person and what they look like there: the two value types of the surface.

Owns the interface between who paints and who renders. :mod:`likeness.studio.surface` turns one into
the other.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numba import njit

HAIR, HAIR_CAP, BEARD, LASH = 32, 33, 34, 35
CLOTH, BODY = 48, 49
FRAME, LENS = 52, 53
GUM = 56
"""Part codes beyond the head's own ``template.PARTS``. HAIR are strands on the head, HAIR_CAP the
dense inside beneath them; BODY is the bare skin below the neck; FRAME and LENS are glasses, GUM
the gums of a head model that has them apart from its teeth."""


@dataclass(frozen=True)
class SurfacePoints:
    """Points to be painted, flat float32 arrays of equal length.

    ``rest`` is the position on the *neutral template of nobody*, not on the person: painted
    features stay on their anatomy in every identity, expression and pose.
    """

    rest: np.ndarray
    """(N, 3) mm; of eyeballs looking straight ahead; of strands see ``AttachedMesh.rest``."""
    part: np.ndarray
    """(N,) uint8, position in ``PARTS`` or one of HAIR, HAIR_CAP, BEARD, LASH, CLOTH, BODY,
    GUM."""
    mouth_ring: np.ndarray
    """(N,) as in ``Template``; 4 off the head."""
    eye_ring: np.ndarray
    """(N,) as in ``Template``; 4 off the head."""
    ear: np.ndarray
    """(N,) as in ``Template``; 0 off the head."""
    layer: np.ndarray
    """(N,) as in ``AttachedMesh``; 0 elsewhere."""
    lid_distance: np.ndarray
    """(N,) mm an eyeball's point lies below the posed upper lid margin, from
    ``eyes.lid_distance``; anything elsewhere."""
    footprint: np.ndarray
    """(N,) mm of surface one pixel (or sample) covers; detail finer than that fades out."""

    def __len__(self) -> int:
        return len(self.part)

    def take(self, index: np.ndarray) -> SurfacePoints:
        """The points of an index or boolean array."""
        if index.dtype == bool:
            index = np.flatnonzero(index)
        # A quarter of the time that ``array[index]`` needs for rows of three.
        return SurfacePoints(
            **{f.name: np.take(getattr(self, f.name), index, axis=0) for f in fields(self)}
        )


@dataclass(frozen=True)
class SurfaceValues:
    """What the renderer needs at every point, float32."""

    albedo: np.ndarray
    """(N, 3) linear RGB diffuse reflectance."""
    bump: np.ndarray
    """(N, 3) minus the gradient of the fine relief in rest space, mm per mm: turn it with the
    surface and *add* it to the unit normal, then normalise."""
    specular: np.ndarray
    """(N,) strength of the mirror reflection, 1 being that of dry skin; of glasses the reflectance
    seen straight."""
    roughness: np.ndarray
    """(N,) 0 mirror .. 1 chalk; skin about .5, the eye .06."""
    occlusion: np.ndarray
    """(N,) share of ambient light that reaches places geometry is too coarse to shade."""

    @classmethod
    def blank(cls, count: int) -> SurfaceValues:
        """Black, smooth, opaque points to be filled in."""
        return cls(
            albedo=np.zeros((count, 3), np.float32),
            bump=np.zeros((count, 3), np.float32),
            specular=np.zeros(count, np.float32),
            roughness=np.full(count, 0.5, np.float32),
            occlusion=np.ones(count, np.float32),
        )

    def put(self, index: np.ndarray, painted: SurfaceValues) -> None:
        """Values of the points of an index (n,) into those of all, in place."""
        # A third of the time that ``array[index] = values`` needs column by column.
        _put(
            index,
            (painted.albedo, painted.bump),
            (painted.specular, painted.roughness, painted.occlusion),
            (self.albedo, self.bump),
            (self.specular, self.roughness, self.occlusion),
        )


@njit(cache=True, nogil=True)
def _put(index, vectors, numbers, into_vectors, into_numbers):
    for point in range(len(index)):
        place = index[point]
        for axis in range(3):
            into_vectors[0][place, axis] = vectors[0][point, axis]
            into_vectors[1][place, axis] = vectors[1][point, axis]
        into_numbers[0][place] = numbers[0][point]
        into_numbers[1][place] = numbers[1][point]
        into_numbers[2][place] = numbers[2][point]
