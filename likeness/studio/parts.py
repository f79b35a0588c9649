"""What lies inside the head's openings: linings of lids and mouth, eyeballs, teeth and tongue.

Linings are swept inward from the open boundaries of the skin and share its boundary vertices, so
they follow whatever the skin does. Eyeballs, teeth and tongue are closed formulas. Millimetres in
the template's frame: +x the subject's left, +y up, +z forward. Owns shapes and triangles; order,
labels and the mirror map of the whole head are the business of :mod:`likeness.studio.template`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

EYE_CENTER_LEFT = np.array([31.6, 36.2, 83.1])
EYE_RADIUS = 12.3
EYE_RING_DEGREES = (8, 14, 20, 26, 29, 32, 40, 52, 66, 82, 100, 122, 146, 168)
EYE_SEGMENTS = 32
CORNEA_DEGREES = 31.0
CORNEA_HEIGHT = 1.0
LID_CLEARANCE = 0.5
"""Least height in mm of the skin of a lid over the ball and its cornea."""

TEETH_PER_SIDE = 7
TOOTH_COLUMNS = 5
TOOTH_ROWS = 6
# Depth of the crowns from front to back in mm, from the middle outward: at the edge, at the gum.
_EDGE_DEPTHS = (1.0, 1.0, 1.4, 4.0, 4.5, 5.5, 5.5)
_GUM_DEPTHS = (4.0, 3.8, 4.5, 5.0, 5.5, 6.5, 6.5)
TONGUE_COLUMNS = 9
TONGUE_ROWS = 8

_MIRROR = np.array([-1.0, 1.0, 1.0])


@dataclass(frozen=True)
class Part:
    """One part before it is numbered into the head.

    Attributes:
        vertices: (N, 3) millimetres.
        triangles: (F, 3) indices into ``vertices``; in linings, negative entries -1 - k stand for
            vertex k of the boundary loop the lining hangs on.
        mirror: (N,) index of the mirror image, within this part or within the part of the other
            side.
        ring: (N,) number of the lining ring, from 0 at the seam inward; zeros elsewhere.
        chart: (N, 2) texture coordinates in the unit square, v up, no triangle turned over.
        seam_chart: (L, 2) those of the boundary loop a lining hangs on; empty elsewhere.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int64]
    mirror: NDArray[np.int64]
    ring: NDArray[np.int64]
    chart: NDArray[np.float64]
    seam_chart: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 2)))

    def mirrored(self) -> Part:
        """The same part of the other side of the head, vertices in the same order."""
        return replace(
            self,
            vertices=self.vertices * _MIRROR,
            triangles=self.triangles[:, [0, 2, 1]],
            chart=np.abs(self.chart - (1.0, 0.0)),
            seam_chart=np.abs(self.seam_chart - (1.0, 0.0)),
        )


@dataclass(frozen=True)
class TeethRow:
    """One row of teeth: an arch x = w sin t, z = front - d (1 - cos t) and crowns along it, mm.

    Attributes:
        widths: of the seven crowns of a side from the middle outward.
        lengths: of the crowns as shares of ``height``.
        gum_line: y where crowns leave the gum.
        height: from there to the biting edge.
    """

    widths: tuple[float, ...]
    lengths: tuple[float, ...]
    gum_line: float
    height: float
    arch_width: float
    arch_front: float
    arch_depth: float


UPPER_TEETH = TeethRow(
    widths=(8.5, 6.6, 7.6, 7.0, 6.8, 9.0, 9.0),
    lengths=(1.0, 0.93, 1.08, 0.97, 0.93, 0.88, 0.84),
    gum_line=-23.5,
    height=10.3,
    arch_width=27.0,
    arch_front=105.0,
    arch_depth=38.0,
)
LOWER_TEETH = TeethRow(
    widths=(5.4, 5.9, 6.9, 7.0, 7.1, 10.0, 10.0),
    lengths=(1.0, 1.0, 1.08, 0.97, 0.93, 0.88, 0.84),
    gum_line=-43.5,
    height=9.0,
    arch_width=25.0,
    arch_front=102.2,
    arch_depth=35.0,
)


def lid_lining(margin: NDArray[np.float64]) -> Part:
    """Two rings behind the left lid margin: the edge of the lid, then a sheet on the ball.

    Args:
        margin: (N, 3) the boundary loop of the left eye from the inner canthus over the upper lid.
    """
    count = len(margin)
    outward = margin - margin.mean(axis=0)
    outward[:, 2] = 0.0
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    edge = _onto_eye(margin + 0.3 * outward, 0.3)
    sheet = _onto_eye(margin + 4.0 * outward - (0.0, 0.0, 1.5), 0.6)
    turn = np.pi * (1.0 - 2.0 * np.arange(count) / count)
    return Part(
        vertices=np.concatenate([edge, sheet]),
        triangles=_sweep(count, 2)[:, [0, 2, 1]],
        mirror=np.arange(2 * count),
        ring=np.repeat([0, 1], count),
        chart=np.concatenate([_circle(turn, 0.85), _circle(turn, 0.4)]),
        seam_chart=_circle(turn, 1.0),
    )


def _onto_eye(points: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    direction = points - EYE_CENTER_LEFT
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return EYE_CENTER_LEFT + (eye_radius(direction) + height)[:, None] * direction


def eye_radius(
    directions: NDArray[np.float64], gaze: ArrayLike = (0.0, 0.0, 1.0)
) -> NDArray[np.float64]:
    """Distance (...,) of an eyeball's surface from its centre along unit directions (..., 3).

    Args:
        directions: (..., 3) unit vectors.
        gaze: (3,) unit vector the eye looks along; the cornea stands out around it.
    """
    degrees = np.degrees(np.arccos(np.clip(directions @ np.asarray(gaze), -1.0, 1.0)))
    return EYE_RADIUS + CORNEA_HEIGHT * np.maximum(1.0 - (degrees / CORNEA_DEGREES) ** 2, 0.0)


def mouth_lining(seam: NDArray[np.float64]) -> Part:
    """Four rings from the lip seam to the back of the mouth, closed at the end.

    Args:
        seam: (N, 3) the boundary loop of the mouth from the left corner over the upper lip.
    """
    count = len(seam)
    place = np.arange(count)
    half = count // 2
    up = np.where((place > 0) & (place < half), 1.0, np.where(place > half, -1.0, 0.0))
    room = np.sqrt(np.maximum(1.0 - (seam[:, 0] / 26.0) ** 2, 0.0))  # keeps the molars inside
    rings = []
    for back, spread, scale, shift in (
        (3.0, 1.2, 0.985, 0.0),
        (7.0, 8.0, 1.06, 0.0),
        (24.0, 19.0, 1.28, -3.0),
        (40.0, 9.0, 0.8, -6.0),
    ):
        ring = seam * (scale, 1.0, 1.0)
        ring[:, 1] += up * spread * room + shift
        ring[:, 2] -= back
        rings.append(ring)
    other = (half - place) % count
    end = 3 * count
    upper, lower = np.arange(half + 1), (count - np.arange(half + 1)) % count
    turn = 2.0 * np.pi * place / count
    strip = _strip(upper + end, lower + end)
    return Part(
        vertices=np.concatenate(rings),
        triangles=np.concatenate([_sweep(count, 4), strip]),
        mirror=np.concatenate([other + k * count for k in range(4)]),
        ring=np.repeat(np.arange(4), count),
        chart=np.concatenate([_circle(turn, radius) for radius in (0.9, 0.75, 0.5, 0.25)]),
        seam_chart=_circle(turn, 1.0),
    )


def _circle(turn: NDArray[np.float64], radius: float) -> NDArray[np.float64]:
    """Points (N, 2) of the unit square on a circle about its middle; radius 1 touches the sides."""
    return 0.5 + 0.5 * radius * np.stack([np.cos(turn), np.sin(turn)], axis=-1)


def _sweep(count: int, num_rings: int) -> NDArray[np.int64]:
    """Bands from the boundary loop (negative) to ring 0 and on to ring ``num_rings`` - 1.

    Facing the opening for a loop that runs counter-clockwise seen from outside.
    """
    here = np.arange(count)
    following = (here + 1) % count
    triangles = []
    for k in range(num_rings):
        outer = (
            (-1 - here, -1 - following)
            if k == 0
            else (
                here + (k - 1) * count,
                following + (k - 1) * count,
            )
        )
        inner = (here + k * count, following + k * count)
        triangles += [
            np.stack([outer[0], outer[1], inner[1]], axis=1),
            np.stack([outer[0], inner[1], inner[0]], axis=1),
        ]
    return np.concatenate(triangles)


def _strip(upper: NDArray[np.int64], lower: NDArray[np.int64]) -> NDArray[np.int64]:
    quads = np.stack([upper[:-1], upper[1:], lower[1:], lower[:-1]], axis=1)
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]])
    a, b, c = triangles.T
    return triangles[(a != b) & (b != c) & (a != c)]


def eyeball() -> Part:
    """The left eyeball looking straight ahead: its front pole, then rings to a hole at the back."""
    angle = np.radians(EYE_RING_DEGREES)
    turn = 2.0 * np.pi * np.arange(EYE_SEGMENTS) / EYE_SEGMENTS
    a, t = np.meshgrid(angle, turn, indexing="ij")
    direction = np.stack([np.sin(a) * np.cos(t), np.sin(a) * np.sin(t), np.cos(a)], axis=-1)
    rings = EYE_CENTER_LEFT + eye_radius(direction)[..., None] * direction
    pole = EYE_CENTER_LEFT + np.array([0.0, 0.0, EYE_RADIUS + CORNEA_HEIGHT])

    here = np.arange(EYE_SEGMENTS)
    following = (here + 1) % EYE_SEGMENTS
    triangles = [np.stack([np.zeros_like(here), here + 1, following + 1], axis=1)]
    for k in range(len(angle) - 1):
        inner, outer = 1 + k * EYE_SEGMENTS, 1 + (k + 1) * EYE_SEGMENTS
        triangles += [
            np.stack([here + inner, here + outer, following + outer], axis=1),
            np.stack([here + inner, following + outer, following + inner], axis=1),
        ]
    vertices = np.concatenate([pole[None], rings.reshape(-1, 3)])
    index = np.arange(len(vertices))
    # The square root gives the iris two fifths of the chart's radius instead of one sixth.
    radii = np.sqrt(angle / angle[-1])
    chart = [np.full((1, 2), 0.5), *(_circle(turn, radius) for radius in radii)]
    return Part(
        vertices, np.concatenate(triangles), index, np.zeros_like(index), np.concatenate(chart)
    )


def teeth(*, upper: bool) -> Part:
    """Fourteen crowns with a rim of gum, each a sheet of 5 columns and 6 rows.

    Rows run from the gum's rim over the gum line and the crown's front to the biting edge, across
    it and down the back. The left half comes first, from the middle outward.
    """
    row = UPPER_TEETH if upper else LOWER_TEETH
    up = 1.0 if upper else -1.0

    # Along the arch by arc length, so that each crown takes its own width of it.
    # Behind the arch's widest place the last molars stand in a straight row.
    t = np.append(np.linspace(0.0, 0.5 * np.pi, 2000), 0.5 * np.pi)
    x, z = row.arch_width * np.sin(t), row.arch_front - row.arch_depth * (1.0 - np.cos(t))
    z[-1] -= 10.0
    length = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    starts = np.concatenate([[0.0], np.cumsum(row.widths)])
    centers = 0.5 * (starts[:-1] + starts[1:])

    u = np.linspace(-1.0, 1.0, TOOTH_COLUMNS)  # across the crown
    half_width = np.array([1.0, 1.0, 0.975, 0.95, 0.98, 1.0])  # closed behind, where rows show
    along = np.array([-0.32, 0.0, 0.5, 1.0, 0.97, 0.1])  # gum line 0, biting edge 1
    bulge = np.array([0.3, 0.35, 0.9, 0.15, 0.0, 0.0])
    crowns = []
    for tooth in range(TEETH_PER_SIDE):
        place = centers[tooth] + 0.5 * row.widths[tooth] * half_width[:, None] * u
        at = np.interp(place, length, t)
        normal = np.stack([row.arch_depth * np.sin(at), row.arch_width * np.cos(at)], axis=-1)
        normal /= np.linalg.norm(normal, axis=-1, keepdims=True)
        out = bulge[:, None] * (1.0 - 0.55 * u**2)
        # Crowns have no sides: from one to the next their backs go on without a step.
        out[4] -= np.interp(place[4], centers, _EDGE_DEPTHS)
        out[5] -= np.interp(place[5], centers, _GUM_DEPTHS)
        height = along[:, None] + np.zeros_like(u)
        height[1] += 0.1 * u**2  # the gum reaches down between crowns
        height[3:5] -= 0.07 * u**4  # rounded corners
        height[2:] *= row.lengths[tooth]
        crown = np.empty((TOOTH_ROWS, TOOTH_COLUMNS, 3))
        crown[..., 0] = np.interp(place, length, x) + out * normal[..., 0]
        crown[..., 1] = row.gum_line - up * row.height * height
        crown[..., 2] = np.interp(place, length, z) + out * normal[..., 1]
        crowns.append(crown.reshape(-1, 3))
    left = np.concatenate(crowns)
    sheet = _sheet(TOOTH_ROWS, TOOTH_COLUMNS)
    sheet = sheet if upper else sheet[:, [0, 2, 1]]
    per_tooth = TOOTH_ROWS * TOOTH_COLUMNS
    triangles = np.concatenate([sheet + k * per_tooth for k in range(TEETH_PER_SIDE)])
    count = len(left)
    across = np.concatenate(
        [
            np.tile(starts[k] + 0.5 * row.widths[k] * (1.0 + 0.96 * u), TOOTH_ROWS)
            for k in range(TEETH_PER_SIDE)
        ]
    )
    down = np.tile(np.repeat(np.linspace(0.0, 1.0, TOOTH_ROWS), TOOTH_COLUMNS), TEETH_PER_SIDE)
    across = 0.5 + 0.5 * across / starts[-1]
    chart = np.stack([across, 1.0 - down if upper else down], axis=1)
    return Part(
        vertices=np.concatenate([left, left * _MIRROR]),
        triangles=np.concatenate([triangles, triangles[:, [0, 2, 1]] + count]),
        mirror=np.concatenate([np.arange(count) + count, np.arange(count)]),
        ring=np.zeros(2 * count, dtype=np.int64),
        chart=np.concatenate([chart, np.abs(chart - (1.0, 0.0))]),
    )


def tongue() -> Part:
    """The upper face of the tongue: a sheet from the throat to the tip, furrowed in the middle."""
    w, u = np.meshgrid(
        np.linspace(0.0, 1.0, TONGUE_ROWS), np.linspace(-1.0, 1.0, TONGUE_COLUMNS), indexing="ij"
    )
    vertices = np.stack(
        [
            17.0 * u * np.sqrt(1.0 - (0.93 * w) ** 4),
            # The furrow ends before the tip, which would be a point in front otherwise.
            -32.5 - 3.5 * u**2 - 3.0 * w**2 - 1.5 * np.exp(-((u / 0.22) ** 2)) * (1.0 - w**3),
            58.0 + 41.0 * w - 4.0 * u**2 * w,
        ],
        axis=-1,
    ).reshape(-1, 3)
    index = np.arange(TONGUE_ROWS * TONGUE_COLUMNS).reshape(TONGUE_ROWS, TONGUE_COLUMNS)
    return Part(
        vertices,
        _sheet(TONGUE_ROWS, TONGUE_COLUMNS),
        index[:, ::-1].ravel(),
        np.zeros(index.size, dtype=np.int64),
        np.stack([0.5 + 0.5 * u, 1.0 - w], axis=-1).reshape(-1, 2),
    )


def _sheet(rows: int, columns: int) -> NDArray[np.int64]:
    """Triangles of a grid; counter-clockwise where columns go right and rows go down."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    return np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])
