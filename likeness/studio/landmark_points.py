"""The 68 landmarks on the template and the jaw line that slides with the turn of the head.

Points are tied to the skin as a triangle and three barycentric weights, in the order of the 300-W
set (Sagonas et al., 2013): jaw 0..16, brows, nose, eyes, lips, all from the subject's right to the
left. The layout of the sliding jaw line (79 rows by yaw) is that of FLAME's landmark embeddings.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from likeness.geometry.landmarks import MIRROR_68
from likeness.studio.cage import load_cage
from likeness.studio.template import Template

CONTOUR_YAWS = (*range(40), *range(-1, -40, -1))
"""Turn of the head in degrees for each row of the contour; positive turns the face to +x."""

_POINTS = {  # millimetres; the nearest point of the skin counts
    8: (0.0, -75.7, 104.3),
    9: (15.4, -72.6, 102.7),
    10: (30.5, -69.1, 87.7),
    11: (43.0, -62.1, 73.5),
    12: (57.2, -44.9, 61.3),
    13: (65.6, -23.6, 51.7),
    14: (69.4, -4.6, 45.3),
    15: (72.8, 14.9, 39.3),
    16: (73.6, 36.8, 36.6),
    27: (0.0, 37.4, 107.3),
    28: (0.0, 26.3, 115.2),
    29: (0.0, 16.1, 123.1),
    34: (6.0, -11.4, 114.2),
    35: (12.5, -11.4, 108.7),
}
_BROW = {22: (14.0, 54.0), 23: (24.0, 57.6), 24: (34.0, 59.2), 25: (44.5, 57.8), 26: (58.0, 49.8)}
_BETWEEN = {  # the middle of two points of the cage, or one of them
    30: ("n_tip", "n_tip"),
    33: ("n_subn", "n_subn"),
    42: ("e0_0", "e0_0"),
    43: ("e0_1", "e0_2"),
    44: ("e0_4", "e0_5"),
    45: ("e0_6", "e0_6"),
    46: ("e0_7", "e0_8"),
    47: ("e0_10", "e0_11"),
    51: ("m2_3", "m2_3"),
    52: ("m2_2", "m2_2"),
    53: ("m2_1", "m2_2"),
    54: ("m2_0", "m2_0"),
    55: ("m1_6", "m2_6"),
    56: ("m2_5", "m2_5"),
    57: ("m2_4", "m2_4"),
}
_LIP_SEAM = {62: "m0_3", 63: "m0_2", 65: "m0_5", 66: "m0_4"}
_INNER_CORNER, _INNER_CORNER_SHIFT = 64, 3.0

_EAR_HEIGHT = 5.0
_SECTION_BACK = -60.0
_SECTION_SHARE = 0.35
_FOREMOST_COLUMN = 25.0  # |x| of the mouth corner: the outline slides no further forward


@dataclass(frozen=True)
class SurfacePosition:
    """Points of the skin: triangle ids (...,) and barycentric weights (..., 3)."""

    triangles: NDArray[np.int64]
    barycentric: NDArray[np.float64]


def landmarks68(template: Template) -> SurfacePosition:
    """The 68 landmarks; the right half is the exact mirror image of the left."""
    cage = load_cage()
    vertices, faces = template.vertices, template.skin_faces
    found: dict[int, tuple[int, NDArray[np.float64]]] = {}
    for number, point in _POINTS.items():
        nearest = _closest_on_midline if number == MIRROR_68[number] else _closest_on_skin
        found[number] = nearest(template, np.array(point))
    for number, (x, y) in _BROW.items():
        found[number] = _seen_from_the_front(vertices, faces, x, y)
    for number, names in _BETWEEN.items():
        nearest = _closest_on_midline if number == MIRROR_68[number] else _closest_on_skin
        found[number] = nearest(template, vertices[cage.indices(*names)].mean(axis=0))
    # Both lips meet in the seam, so the nearest triangle may be the other lip's.
    for number, name in _LIP_SEAM.items():
        found[number] = _at_vertex(faces, cage.index(name))
    corner = vertices[cage.index("m0_0")] - (_INNER_CORNER_SHIFT, 0.0, 0.0)
    upper_lip = np.flatnonzero(np.isin(faces, template.lip_pairs[0]).any(axis=1))
    place, weights = closest_point(vertices, faces[upper_lip], corner)
    found[_INNER_CORNER] = int(upper_lip[place]), weights

    mirrored = _face_mirror(template)
    for number, (triangle, weights) in list(found.items()):
        twin = int(MIRROR_68[number])
        if twin not in found:
            found[twin] = _reflect(template, mirrored, triangle, weights)
    return _stack([found[number] for number in range(68)])


def contour(template: Template) -> SurfacePosition:
    """The jaw line for 79 yaws: triangles (79, 17), barycentric (79, 17, 3).

    Rows 0..39 are turns of 0..39 degrees to the subject's left (+x): there the points 9..16, on
    the far cheek, slide forward along a section of the skin to the drawn outline. The other points
    stay. Rows 40..78 are the mirror images for -1..-39 degrees.
    """
    jaw = landmarks68(template)
    faces = template.skin_faces
    normals = _vertex_normals(template.vertices, faces)
    neighbours = _neighbours_across_edges(faces)
    mirrored = _face_mirror(template)
    rows = [[(int(jaw.triangles[i]), jaw.barycentric[i]) for i in range(17)] for _ in range(40)]
    for point in range(9, 17):
        section = _forward_section(template, neighbours, *rows[0][point])
        places = _outline_places(section, template.vertices, faces, normals)
        for yaw, place in enumerate(places):
            rows[yaw][point] = _at_place(section, faces, place)
    for yaw in range(1, 40):
        rows.append([_reflect(template, mirrored, *rows[yaw][16 - i]) for i in range(17)])
    flat = _stack([position for row in rows for position in row])
    return SurfacePosition(flat.triangles.reshape(79, 17), flat.barycentric.reshape(79, 17, 3))


def closest_point(
    vertices: NDArray[np.float64], faces: NDArray[np.integer], point: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]]:
    """Triangle and barycentric weights of the point of a mesh nearest to ``point`` (3,)."""
    corners = vertices[faces]  # (F, 3, 3)
    a, b, c = corners.transpose(1, 0, 2)
    candidates = []
    # Inside: the foot of the perpendicular, where it falls into the triangle.
    u, v, w = b - a, c - a, point - a
    uu, uv, vv = (u * u).sum(1), (u * v).sum(1), (v * v).sum(1)
    wu, wv = (w * u).sum(1), (w * v).sum(1)
    area = np.maximum(uu * vv - uv * uv, 1e-300)
    second, third = (vv * wu - uv * wv) / area, (uu * wv - uv * wu) / area
    inside = np.stack([1.0 - second - third, second, third], axis=1)
    candidates.append(np.where((inside >= 0.0).all(axis=1, keepdims=True), inside, np.nan))
    # On each edge: the foot of the perpendicular, kept between the ends.
    for start in range(3):
        stop = (start + 1) % 3
        edge = corners[:, stop] - corners[:, start]
        t = ((point - corners[:, start]) * edge).sum(1) / np.maximum((edge * edge).sum(1), 1e-300)
        weights = np.zeros((len(faces), 3))
        weights[:, stop] = np.clip(t, 0.0, 1.0)
        weights[:, start] = 1.0 - weights[:, stop]
        candidates.append(weights)
    weights = np.stack(candidates, axis=1)  # (F, 4, 3)
    feet = np.einsum("fwk,fkc->fwc", weights, corners)
    distance = np.nan_to_num(((feet - point) ** 2).sum(axis=2), nan=np.inf)
    triangle, which = np.unravel_index(int(distance.argmin()), distance.shape)
    return int(triangle), weights[triangle, which]


def _closest_on_skin(
    template: Template, point: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]]:
    return closest_point(template.vertices, template.skin_faces, point)


def _closest_on_midline(
    template: Template, point: NDArray[np.float64]
) -> tuple[int, NDArray[np.float64]]:
    """The nearest point of the profile line, so that the landmark is its own mirror image."""
    faces = template.skin_faces
    on_midline = template.mirror[faces] == faces
    beside = np.flatnonzero(on_midline.sum(axis=1) == 2)
    place, weights = closest_point(template.vertices, faces[beside], point)
    weights = np.where(on_midline[beside[place]], weights, 0.0)
    return int(beside[place]), weights / weights.sum()


def _seen_from_the_front(
    vertices: NDArray[np.float64], faces: NDArray[np.integer], x: float, y: float
) -> tuple[int, NDArray[np.float64]]:
    """Where a line along -z through (x, y) first meets the mesh."""
    a, b, c = vertices[faces].transpose(1, 0, 2)
    double_area = _cross2(b - a, c - a)
    point = np.array([x, y, 0.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        second = _cross2(point - a, c - a) / double_area
        third = _cross2(b - a, point - a) / double_area
    weights = np.stack([1.0 - second - third, second, third], axis=1)
    hit = np.flatnonzero((weights >= 0.0).all(axis=1))
    depth = np.einsum("fk,fk->f", weights[hit], vertices[faces[hit], 2])
    triangle = hit[depth.argmax()]
    return int(triangle), weights[triangle]


def _cross2(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


def _at_vertex(faces: NDArray[np.integer], vertex: int) -> tuple[int, NDArray[np.float64]]:
    triangle = int(np.flatnonzero((faces == vertex).any(axis=1))[0])
    return triangle, (faces[triangle] == vertex).astype(np.float64)


def _face_mirror(template: Template) -> dict[tuple[int, ...], int]:
    return {tuple(sorted(face)): i for i, face in enumerate(template.skin_faces.tolist())}


def _reflect(
    template: Template,
    face_of: dict[tuple[int, ...], int],
    triangle: int,
    weights: NDArray[np.float64],
) -> tuple[int, NDArray[np.float64]]:
    images = template.mirror[template.faces[triangle]]
    twin = face_of[tuple(sorted(images.tolist()))]
    weight_of = dict(zip(images.tolist(), weights))
    return twin, np.array([weight_of[vertex] for vertex in template.faces[twin].tolist()])


def _stack(positions: list[tuple[int, NDArray[np.float64]]]) -> SurfacePosition:
    return SurfacePosition(
        np.array([triangle for triangle, _ in positions], dtype=np.int64),
        np.stack([weights for _, weights in positions]),
    )


def _vertex_normals(
    vertices: NDArray[np.float64], faces: NDArray[np.integer]
) -> NDArray[np.float64]:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    face_normals = np.cross(b - a, c - a)
    normals = np.zeros_like(vertices)
    for corner in range(3):
        np.add.at(normals, faces[:, corner], face_normals)
    return normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)


def _neighbours_across_edges(faces: NDArray[np.integer]) -> dict[tuple[int, int], list[int]]:
    across: dict[tuple[int, int], list[int]] = {}
    for number, (a, b, c) in enumerate(faces.tolist()):
        for edge in ((a, b), (b, c), (c, a)):
            across.setdefault((min(edge), max(edge)), []).append(number)
    return across


def _forward_section(
    template: Template,
    neighbours: dict[tuple[int, int], list[int]],
    triangle: int,
    weights: NDArray[np.float64],
) -> list[tuple[int, NDArray[np.float64]]]:
    """Points of the skin along a level section, from a jaw point forward to the mouth's column.

    The section's plane is parallel to x and tilted: it runs through the jaw point and, far behind,
    a height between that point's and the ear's. Each point comes with the triangle before it.
    """
    faces, vertices = template.skin_faces, template.vertices
    start = weights @ vertices[faces[triangle]]
    rise = _SECTION_SHARE * (_EAR_HEIGHT - start[1])
    slope = rise / (_SECTION_BACK - start[2])
    height = vertices[:, 1] - start[1] - slope * (vertices[:, 2] - start[2])

    section = [(triangle, weights)]
    came_from: tuple[int, int] | None = None
    while True:
        crossings = []
        for k in range(3):
            a, b = int(faces[triangle, k]), int(faces[triangle, (k + 1) % 3])
            edge = (min(a, b), max(a, b))
            if (height[a] > 0.0) != (height[b] > 0.0) and edge != came_from:
                t = height[a] / (height[a] - height[b])
                at = np.zeros(3)
                at[k], at[(k + 1) % 3] = 1.0 - t, t
                crossings.append((vertices[a] + t * (vertices[b] - vertices[a]), edge, at))
        # The first triangle is left on its forward side, every other where it was not entered.
        position, edge, at = max(crossings, key=lambda crossing: crossing[0][2] - crossing[0][0])
        section.append((triangle, at))
        onward = [face for face in neighbours[edge] if face != triangle]
        if not onward or position[0] < _FOREMOST_COLUMN:
            return section
        triangle, came_from = onward[0], edge


def _outline_places(
    section: list[tuple[int, NDArray[np.float64]]],
    vertices: NDArray[np.float64],
    faces: NDArray[np.integer],
    normals: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Where on a section the outline runs at turns of 0..39 degrees: a place 3.25 is a quarter of
    the way from its point 3 to its point 4. Places never go back as the turn grows.
    """
    points = np.stack([weights @ vertices[faces[face]] for face, weights in section])
    outward = np.stack([weights @ normals[faces[face]] for face, weights in section])
    places = np.zeros(40)
    for yaw in range(40):
        angle = np.radians(yaw)
        right = np.array([np.cos(angle), 0.0, np.sin(angle)])  # the picture's axes in the head's
        toward_viewer = np.array([-np.sin(angle), 0.0, np.cos(angle)])
        best = int((points @ right).argmax())
        places[yaw] = best
        facing = outward @ toward_viewer
        for before in range(max(best - 1, 0), min(best + 1, len(section) - 1)):
            if facing[before] < 0.0 <= facing[before + 1]:
                # The rounded surface turns away between the two.
                places[yaw] = before + facing[before] / (facing[before] - facing[before + 1])
                break
    return np.maximum.accumulate(places)


def _at_place(
    section: list[tuple[int, NDArray[np.float64]]], faces: NDArray[np.integer], place: float
) -> tuple[int, NDArray[np.float64]]:
    before = int(place)
    if place == before:
        return section[before]
    triangle, end = section[before + 1]
    start = _weights_in(faces, triangle, *section[before])
    return triangle, (1.0 - (place - before)) * start + (place - before) * end


def _weights_in(
    faces: NDArray[np.integer], triangle: int, other: int, weights: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Weights of a point on the shared edge of two triangles, moved from the other to this one."""
    weight_of = dict(zip(faces[other].tolist(), weights))
    return np.array([weight_of.get(vertex, 0.0) for vertex in faces[triangle].tolist()])
