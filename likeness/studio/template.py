"""The template head: the smooth skin and all its parts, with the names of every vertex.

Owns the order of the vertices, labels, seams, pairs and the mirror map. Shapes of the inner parts
come from :mod:`likeness.studio.parts`, texture coordinates from :mod:`likeness.studio.uv`; people,
expressions and joints are built on top of it elsewhere.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np
import scipy.sparse as sparse
from numpy.typing import NDArray

from likeness.studio import parts, uv
from likeness.studio.cage import NO_RING, Cage, load_cage
from likeness.studio.subdivision import subdivide

Detail = Literal["low", "standard", "high"]

PARTS = (
    "skin",
    "lid_lining_left",
    "lid_lining_right",
    "mouth_lining",
    "eyeball_left",
    "eyeball_right",
    "teeth_upper",
    "teeth_lower",
    "tongue",
)
"""Names of the parts in the order of their vertices; ``Template.part`` holds positions in it."""

SIDES = ("left", "right")

_SHARP_POINTS = ("e0_0", "e0_6", "m0_0")  # canthi and mouth corners would round off
_DETAIL_ELLIPSOIDS = (  # centre and radii in (|x|, y, z): eyes, mouth, nose
    ((31.0, 35.0, 90.0), (25.3, 19.0, 40.0)),
    ((0.0, -35.0, 110.0), (36.0, 21.2, 40.0)),
    ((0.0, 5.0, 118.0), (26.3, 24.1, 30.0)),
)
_EAR_DETAIL = 0.3
_NOSTRIL = (8.7, 116.2)  # centre in (|x|, z)
_NOSTRIL_TURN = 14.0  # degrees its front end leans to the middle
_NOSTRIL_RADII = (4.3, 6.6)
_NOSTRIL_HEIGHTS = (-12.0, 3.0)
_NOSTRIL_SINK = np.array([0.0, 5.5, -3.0])


@dataclass(frozen=True, eq=False)
class Template:
    """The neutral head of nobody in particular, in millimetres.

    +x is the subject's left, +y up, +z forward. Vertices 0..527 of the skin are the points of the
    cage, under the same indices, at every level of detail. Arrays are shared: treat them as
    constants.

    Attributes:
        detail: which level of detail this is.
        vertices: (V, 3).
        faces: (F, 3) int32, counter-clockwise from outside (linings: from the opening).
        part: (V,) uint8, position in ``PARTS``.
        face_part: (F,) uint8, the same for triangles.
        part_ranges: slice of the vertices of each part.
        mouth_ring: (V,) 0 at the lip seam to 3 on the skin, else 4; linings have their seam's.
        eye_ring: (V,) 0 at the lid margin to 3 at the orbit, else 4; likewise.
        ear: (V,) 1 on the ears, 0 elsewhere.
        side: (V,) int8, +1 on the subject's left and the midline, -1 on the right.
        mirror: (V,) index of the mirror image of every vertex.
        cage_to_skin: (skin vertices, 528) sparse weights; ``cage_to_skin @ values`` carries
            anything given on the cage to the skin. Of the positions it gives all but the detail
            of ears and nostrils.
        skin_parents: (skin vertices, 2) the vertices in whose middle each was put when it was
            made; itself twice for the points of the cage.
        eye_loops: ids around each eye, 0 the inner canthus, then the upper lid outward.
        mouth_loop: ids around the lip seam, 0 the left corner, then the upper lip to the right.
        neck_loop: ids around the cut of the neck.
        lip_pairs: (2, N) upper and lower seam vertices that meet in a closed mouth.
        lid_pairs: for each side (2, N) upper and lower margin vertices, from the inner canthus.
        seam_parent: (V,) boundary vertex each lining vertex hangs on, -1 elsewhere.
        lining_ring: (V,) int8 ring number of lining vertices from the seam inward, -1 elsewhere.
        uv: (T, 2) texture coordinates, v up.
        uv_faces: (F, 3) int32 into ``uv``.
        eye_centers: (2, 3) left, right.
        eye_radius: of the ball without the cornea.
    """

    detail: Detail
    vertices: NDArray[np.float64]
    faces: NDArray[np.int32]
    part: NDArray[np.uint8]
    face_part: NDArray[np.uint8]
    part_ranges: dict[str, slice]
    mouth_ring: NDArray[np.float64]
    eye_ring: NDArray[np.float64]
    ear: NDArray[np.float64]
    side: NDArray[np.int8]
    mirror: NDArray[np.int64]
    cage_to_skin: sparse.csr_matrix
    skin_parents: NDArray[np.int64]
    eye_loops: dict[str, NDArray[np.int64]]
    mouth_loop: NDArray[np.int64]
    neck_loop: NDArray[np.int64]
    lip_pairs: NDArray[np.int64]
    lid_pairs: dict[str, NDArray[np.int64]]
    seam_parent: NDArray[np.int64]
    lining_ring: NDArray[np.int8]
    uv: NDArray[np.float64]
    uv_faces: NDArray[np.int32]
    eye_centers: NDArray[np.float64]
    eye_radius: float

    @property
    def num_vertices(self) -> int:
        return len(self.vertices)

    @property
    def num_skin(self) -> int:
        return self.part_ranges["skin"].stop

    @property
    def skin_faces(self) -> NDArray[np.int32]:
        """Triangles of the skin alone, without the linings."""
        return self.faces[self.face_part == 0]

    def of(self, *names: str) -> NDArray[np.int64]:
        """Vertex ids of the named parts, in the order given."""
        everything = np.arange(self.num_vertices)
        return np.concatenate([everything[self.part_ranges[name]] for name in names])


@functools.cache
def build_template(detail: Detail = "standard") -> Template:
    """Builds the template; the same arrays for the same detail within a process.

    Args:
        detail: ``"standard"`` (7,151 vertices) subdivides eyes, mouth, nose and ears twice and the
            rest once; ``"high"`` everything twice, for portraits above 500 pixels; ``"low"``
            everything once. A vertex of the skin keeps index and place in every higher detail.
    """
    cage = load_cage()
    skin = _smooth_skin(cage, detail)
    loops = _boundary_loops(skin.triangles)
    left_eye = _loop_through(loops, cage.index("e0_0"), cage.index("e0_1"), cage.index("e0_11"))
    mouth = _loop_through(loops, cage.index("m0_0"), cage.index("m0_1"), cage.index("m0_6"))
    neck = _loop_through(
        loops,
        cage.index("k-150_0"),
        cage.index("k-150_90"),
        cage.index("k-150_90", mirrored=True),
    )
    right_eye = skin.mirror[left_eye]

    lid = parts.lid_lining(skin.vertices[left_eye])
    ball = parts.eyeball()
    pieces = [
        (lid, left_eye),
        (lid.mirrored(), right_eye),
        (parts.mouth_lining(skin.vertices[mouth]), mouth),
        (ball, None),
        (ball.mirrored(), None),
        (parts.teeth(upper=True), None),
        (parts.teeth(upper=False), None),
        (parts.tongue(), None),
    ]
    counts = [len(skin.vertices), *(len(piece.vertices) for piece, _ in pieces)]
    starts = np.concatenate([[0], np.cumsum(counts)])
    part_ranges = {
        name: slice(int(start), int(start) + count)
        for name, start, count in zip(PARTS, starts, counts)
    }
    vertices = np.concatenate([skin.vertices, *(piece.vertices for piece, _ in pieces)])
    num_vertices = len(vertices)

    faces = [skin.triangles.astype(np.int64)]
    mirror = np.concatenate([skin.mirror, np.zeros(num_vertices - len(skin.mirror), np.int64)])
    seam_parent = np.full(num_vertices, -1, dtype=np.int64)
    lining_ring = np.full(num_vertices, -1, dtype=np.int8)
    for name, (piece, loop) in zip(PARTS[1:], pieces):
        here = part_ranges[name]
        triangles = piece.triangles + here.start
        if loop is not None:
            hanging = piece.triangles < 0
            triangles[hanging] = loop[-1 - piece.triangles[hanging]]
            seam_parent[here] = np.tile(loop, len(piece.vertices) // len(loop))
            lining_ring[here] = piece.ring
        faces.append(triangles)
        mirror[here] = part_ranges[_opposite(name)].start + piece.mirror

    hangs = seam_parent >= 0
    fields = {}
    for name, values, elsewhere in (
        ("mouth_ring", cage.mouth_ring, NO_RING),
        ("eye_ring", cage.eye_ring, NO_RING),
        ("ear", cage.ear, 0.0),
    ):
        on_skin = skin.matrix @ values
        fields[name] = np.full(num_vertices, elsewhere)
        fields[name][: len(on_skin)] = on_skin
        fields[name][hangs] = on_skin[seam_parent[hangs]]

    all_faces = np.concatenate(faces).astype(np.int32)
    face_part = np.repeat(np.arange(len(PARTS)), [len(f) for f in faces]).astype(np.uint8)
    part = np.repeat(np.arange(len(PARTS)), counts).astype(np.uint8)
    chart, chart_faces = uv.assemble(
        skin.chart, skin.chart_triangles, dict(zip(PARTS[1:], (piece for piece, _ in pieces)))
    )
    return Template(
        detail=detail,
        vertices=vertices,
        faces=all_faces,
        part=part,
        face_part=face_part,
        part_ranges=part_ranges,
        **fields,
        side=np.where(vertices[:, 0] > -1e-9, 1, -1).astype(np.int8),
        mirror=mirror,
        cage_to_skin=skin.matrix,
        skin_parents=skin.parents,
        eye_loops={"left": left_eye, "right": right_eye},
        mouth_loop=mouth,
        neck_loop=neck,
        lip_pairs=_pairs(mouth),
        lid_pairs={"left": _pairs(left_eye), "right": _pairs(right_eye)},
        seam_parent=seam_parent,
        lining_ring=lining_ring,
        uv=chart,
        uv_faces=chart_faces,
        eye_centers=np.stack([parts.EYE_CENTER_LEFT, parts.EYE_CENTER_LEFT * (-1.0, 1.0, 1.0)]),
        eye_radius=parts.EYE_RADIUS,
    )


@dataclass(frozen=True)
class _Skin:
    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    mirror: NDArray[np.int64]
    matrix: sparse.csr_matrix
    parents: NDArray[np.int64]
    chart: NDArray[np.float64]
    chart_triangles: NDArray[np.int32]


def _smooth_skin(cage: Cage, detail: Detail) -> _Skin:
    """The skin after two subdivisions, or the part of it that a lower detail keeps."""
    fixed = np.concatenate(
        [cage.indices(*_SHARP_POINTS), cage.indices(*_SHARP_POINTS, mirrored=True)]
    )
    first = subdivide(cage.triangles, len(cage.points), fixed=fixed)
    vertices = first.matrix @ cage.points
    vertices[_vertices_on_edges(cage.detail_edges, first.split_edges, len(cage.points))] += (
        cage.detail_offsets
    )
    # The chart is made once, here, and only cut finer below: a texture fits every detail.
    chart, chart_triangles, chart_vertex = uv.unwrap_skin(vertices, first.triangles)
    wanted = _wanted_detail(vertices, first.matrix @ cage.ear)
    second = subdivide(
        first.triangles,
        len(vertices),
        fixed=fixed,
        detail=wanted,
        everywhere=detail == "high",
    )
    mirror = _mirror_of_midpoints(
        _mirror_of_midpoints(cage.mirror, first.split_edges), second.split_edges
    )
    if detail == "low":
        count, triangles = len(vertices), first.triangles
    else:
        count, triangles = second.matrix.shape[0], second.triangles
        finer = subdivide(
            chart_triangles, len(chart), detail=wanted[chart_vertex], everywhere=detail == "high"
        )
        chart = np.concatenate([chart, chart[finer.split_edges].mean(axis=1)])
        chart_triangles = finer.triangles
    matrix = (second.matrix @ first.matrix).tocsr()
    cage_points = np.arange(len(cage.points))
    own = np.stack([cage_points, cage_points], axis=1)
    vertices = _sink_nostrils(second.matrix @ vertices)
    return _Skin(
        vertices=_clear_eyeballs(vertices, matrix @ cage.eye_ring)[:count],
        triangles=triangles,
        mirror=mirror[:count],
        matrix=matrix[:count],
        parents=np.concatenate([own, first.split_edges, second.split_edges])[:count],
        chart=chart,
        chart_triangles=chart_triangles,
    )


def _wanted_detail(vertices: NDArray[np.float64], ear: NDArray[np.float64]) -> NDArray[np.bool_]:
    folded = np.column_stack([np.abs(vertices[:, 0]), vertices[:, 1:]])
    wanted = ear > _EAR_DETAIL
    for center, radii in _DETAIL_ELLIPSOIDS:
        wanted |= (((folded - center) / radii) ** 2).sum(axis=1) < 1.0
    return wanted


def _sink_nostrils(vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Deepens the dents under the nose into openings: up and back, most in their middle."""
    turn = np.radians(_NOSTRIL_TURN)
    across, along = np.abs(vertices[:, 0]) - _NOSTRIL[0], vertices[:, 2] - _NOSTRIL[1]
    u = np.cos(turn) * across + np.sin(turn) * along
    w = np.cos(turn) * along - np.sin(turn) * across
    depth = np.clip(1.0 - (u / _NOSTRIL_RADII[0]) ** 2 - (w / _NOSTRIL_RADII[1]) ** 2, 0.0, 1.0)
    depth = depth * depth * (3.0 - 2.0 * depth)
    underside = (vertices[:, 1] > _NOSTRIL_HEIGHTS[0]) & (vertices[:, 1] < _NOSTRIL_HEIGHTS[1])
    return vertices + np.where(underside, depth, 0.0)[:, None] * _NOSTRIL_SINK


def _clear_eyeballs(
    vertices: NDArray[np.float64], eye_ring: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Moves lid vertices that the rounding of the margin brought too near the ball off it."""
    cleared = vertices.copy()
    lids = eye_ring < 1.0
    for sign in (1.0, -1.0):
        center = parts.EYE_CENTER_LEFT * (sign, 1.0, 1.0)
        here = lids & (sign * vertices[:, 0] > 0.0)
        offset = vertices[here] - center
        distance = np.linalg.norm(offset, axis=1)
        least = parts.eye_radius(offset / distance[:, None]) + parts.LID_CLEARANCE
        cleared[here] = center + offset * np.maximum(least / distance, 1.0)[:, None]
    return cleared


def _vertices_on_edges(
    wanted: NDArray[np.int64], split_edges: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """The vertex each wanted edge was given, or the old vertex of an edge from it to itself."""
    key, sought = split_edges @ [count, 1], wanted @ [count, 1]
    order = np.argsort(key)
    place = order[np.minimum(np.searchsorted(key, sought, sorter=order), len(key) - 1)]
    on_edge = wanted[:, 0] != wanted[:, 1]
    if (key[place] != sought)[on_edge].any():
        raise ValueError("an offset is given for two cage points that share no edge")
    return np.where(on_edge, count + place, wanted[:, 0])


def _mirror_of_midpoints(
    mirror: NDArray[np.int64], split_edges: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Mirror map after a subdivision: a midpoint's image sits on the mirrored edge."""
    count = len(mirror)
    key = split_edges @ [count, 1]
    image = np.sort(mirror[split_edges], axis=1) @ [count, 1]
    order = np.argsort(key)
    place = order[np.searchsorted(key, image, sorter=order)]
    return np.concatenate([mirror, count + place])


def _boundary_loops(triangles: NDArray[np.integer]) -> list[NDArray[np.int64]]:
    directed = triangles[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2).astype(np.int64)
    count = int(triangles.max()) + 1
    forward, backward = directed @ [count, 1], directed @ [1, count]
    following = {int(a): int(b) for a, b in directed[~np.isin(forward, backward)]}
    loops = []
    while following:
        start = min(following)
        loop, vertex = [], start
        while vertex in following:
            loop.append(vertex)
            vertex = following.pop(vertex)
        loops.append(np.array(loop, dtype=np.int64))
    return loops


def _loop_through(
    loops: list[NDArray[np.int64]], start: int, sooner: int, later: int
) -> NDArray[np.int64]:
    """The loop through ``start``, turned to begin there and to meet ``sooner`` before ``later``."""
    loop = next(loop for loop in loops if start in loop)
    loop = np.roll(loop, -int(np.flatnonzero(loop == start)[0]))
    if np.flatnonzero(loop == sooner)[0] > np.flatnonzero(loop == later)[0]:
        loop = np.concatenate([loop[:1], loop[:0:-1]])
    return loop


def _pairs(loop: NDArray[np.int64]) -> NDArray[np.int64]:
    half = len(loop) // 2
    return np.stack([loop[1:half], loop[:half:-1]])


def _opposite(name: str) -> str:
    if name.endswith("_left"):
        return name.removesuffix("_left") + "_right"
    return name.removesuffix("_right") + "_left" if name.endswith("_right") else name
