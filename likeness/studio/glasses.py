"""Glasses that fit one person: rims, bridge, temples and lenses that turn with the skull.

Owns where they sit and their geometry. What frame and lens look like is ``glasses_surface``'s.

They are fitted the way an optician does it: lenses centred on the eyes, about 12 mm before the
cornea and clear of lashes, brows and cheeks, leaning toward the cheeks by 8 degrees; as much room
between them as the nose needs; temples that run straight to the root of the ear wherever the head
lets them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh, join
from likeness.studio.cage import load_cage
from likeness.studio.eyelids import eye_center
from likeness.studio.parts import EYE_RADIUS
from likeness.studio.surface_points import FRAME, LENS
from likeness.studio.template import SIDES, Template
from likeness.studio.traits import GlassesTraits
from likeness.studio.tubes import Piece, tube

Array = NDArray[np.float64]

METAL, ACETATE, EDGE = 0.0, 1.0, 2.0
"""``layer`` of a frame's parts; ``EDGE`` is the ground edge of a lens without a rim."""

_VERTEX_DISTANCE = 12.5  # mm from the cornea to the back of a lens
_CLEAR = 1.6  # mm between a frame and the skin
_TILT, _WRAP = np.radians(8.0), np.radians(5.0)
_CURVE = 130.0  # mm, radius of the lenses' front
_POINTS = 56  # around a rim
_STEP = 2.0  # mm, raster of the maps of the face

#               height / width, exponent of the superellipse, cut on the side of the nose
_SHAPES = {
    "round": (0.96, 2.0, 0.00),
    "rectangular": (0.64, 3.8, 0.10),
    "browline": (0.76, 3.0, 0.16),
    "aviator": (0.86, 2.5, 0.34),
    "rimless": (0.66, 3.0, 0.10),
}


class _Relief:
    """How far the skin reaches along one axis, over the two others, mm; -inf where there is
    none."""

    def __init__(self, points: Array, axes: tuple[int, int], along: int) -> None:
        self._axes = axes
        place = np.floor(points[:, list(axes)] / _STEP).astype(int)
        self._origin = place.min(axis=0)
        place -= self._origin
        self._most = np.full(place.max(axis=0) + 1, -np.inf)
        np.maximum.at(self._most, (place[:, 0], place[:, 1]), points[:, along])
        self._most = maximum_filter(self._most, 3, mode="nearest")

    def at(self, points: Array) -> Array:
        place = np.floor(points[:, list(self._axes)] / _STEP).astype(int) - self._origin
        inside = ((place >= 0) & (place < self._most.shape)).all(axis=1)
        place = np.clip(place, 0, np.array(self._most.shape) - 1)
        return np.where(inside, self._most[place[:, 0], place[:, 1]], -np.inf)


def build(
    appearance: Appearance, template: Template, rest_vertices: Array, frame_vertices: NDArray
) -> AttachedMesh:
    """Glasses of a person who wears some.

    Args:
        appearance: the person's traits; ``glasses.kind`` is not "none".
        template: whose order ``rest_vertices`` has.
        rest_vertices: (V, 3) the person at rest, mm.
        frame_vertices: skin vertices of the skull, which they turn with.
    """
    rest = np.asarray(rest_vertices, dtype=np.float64)
    traits = appearance.glasses
    front, sides = _reliefs(template, rest[: template.num_skin])
    outline, lens = _fit_lens(traits, template, rest, front)
    tubes = [*_rim(traits, outline, lens), *_temple(traits, template, rest, outline, sides)]
    tubes += [_mirrored(part) for part in tubes]
    tubes += _bridges(traits, outline, front)
    solid = [_attach(part, part.layer, FRAME, rest, frame_vertices) for part in tubes]
    panes = [lens, _mirrored(lens)]
    return join([*solid, *(_attach(pane, 0.0, LENS, rest, frame_vertices) for pane in panes)])


def _reliefs(template: Template, skin: Array) -> tuple[_Relief, tuple[_Relief, _Relief]]:
    """The face from the front, and each side of the head, ears left out, from that side."""
    faces = template.skin_faces
    corners = skin[faces]
    keep = (corners[..., 1].min(axis=1) > -15.0) & (corners[..., 1].max(axis=1) < 80.0)
    keep &= corners[..., 2].min(axis=1) > -20.0
    corners, faces = corners[keep], faces[keep]
    shares = [(i, j, 6 - i - j) for i in range(7) for j in range(7 - i)]
    dense = np.einsum("pk,tkc->tpc", np.array(shares) / 6.0, corners)
    front = dense[corners[..., 2].min(axis=1) > 40.0].reshape(-1, 3)
    bare = dense[template.ear[faces].max(axis=1) < 0.02].reshape(-1, 3)
    mirror = np.array([-1.0, 1.0, 1.0])
    return _Relief(front, (0, 1), 2), (_Relief(bare, (1, 2), 0), _Relief(bare * mirror, (1, 2), 0))


def _fit_lens(
    traits: GlassesTraits, template: Template, rest: Array, front: _Relief
) -> tuple[Piece, Piece]:
    """The outline of the left lens as a path with directions, and the lens."""
    centers = np.stack([eye_center(template, rest, side) for side in SIDES])
    pupil = 0.5 * (centers[0, 0] - centers[1, 0])
    middle = centers.mean(axis=0)
    ratio, power, cut = _SHAPES[traits.kind]
    room, depth = 15.0, middle[2] + EYE_RADIUS + 1.0 + _VERTEX_DISTANCE
    for _ in range(9):
        width = max(2.0 * (pupil + 0.5 - 0.5 * room), 40.0) * traits.size
        half = np.array([0.5 * width, 0.5 * ratio * width])
        center = np.array([0.5 * room + half[0], middle[1] - 0.12 * half[1] - 1.0, depth])
        outline = _outline(half, power, cut)
        lens = _pane(outline, center)
        # The face is not alike on both sides; glasses are.
        behind = np.concatenate([lens.vertices, lens.vertices * (-1.0, 1.0, 1.0)])
        missing = front.at(behind) + _CLEAR + traits.thickness / 2 - behind[:, 2]
        near_nose = np.abs(behind[:, 0]) < center[0] - 0.45 * half[0]
        worst = missing.max()
        if worst <= 0.0:
            break
        if near_nose[missing.argmax()] and room < 25.0:
            room += 1.5
        else:
            depth += worst + 0.2
    path = _on_lens(outline, center)
    beyond = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    axis = _lens_axis(path, center)
    outward = np.cross(beyond, axis)
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    return Piece(path, outward, np.zeros((0, 3), np.int32), 0.0), lens


def _outline(half: Array, power: float, cut: float) -> Array:
    """(P, 2) millimetres outward and up, counter-clockwise from the temple."""
    turn = np.linspace(0.0, 2.0 * np.pi, _POINTS, endpoint=False)
    cosine, sine = np.cos(turn), np.sin(turn)
    u = half[0] * np.sign(cosine) * np.abs(cosine) ** (2.0 / power)
    v = half[1] * np.sign(sine) * np.abs(sine) ** (2.0 / power)
    below = np.clip(0.4 - v / half[1], 0.0, 1.4) / 1.4
    return np.stack([np.where(u < 0.0, u * (1.0 - cut * below**1.3), u), v], axis=1)


def _on_lens(flat: Array, center: Array) -> Array:
    """(N, 3) points of the curved, leaning lens at (N, 2) millimetres outward and up."""
    u, v = flat.T
    back = (u * u + v * v) / (2.0 * _CURVE)
    x = u * np.cos(_WRAP)
    y = v * np.cos(_TILT)
    z = v * np.sin(_TILT) - u * np.sin(_WRAP) - back
    return center + np.stack([x, y, z], axis=1)


def _lens_axis(points: Array, center: Array) -> Array:
    """(N, 3) unit normals of the lens, away from the face."""
    lean = np.array([np.sin(_WRAP), -np.sin(_TILT), 1.0])
    normal = lean + (points - center) * (1.0, 1.0, 0.0) / _CURVE
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def _pane(outline: Array, center: Array) -> Piece:
    rings = np.array([0.02, 0.4, 0.75, 1.0])
    vertices = _on_lens((rings[:, None, None] * outline).reshape(-1, 2), center)
    index = np.arange(len(rings) * _POINTS).reshape(len(rings), _POINTS)
    following = np.roll(index, -1, axis=1)
    a, b = index[:-1].ravel(), following[:-1].ravel()
    c, d = following[1:].ravel(), index[1:].ravel()
    hub = np.stack([np.full(_POINTS - 2, 0), index[0, 1:-1], index[0, 2:]], axis=1)
    faces = np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1), hub])
    return Piece(vertices, _lens_axis(vertices, center), faces.astype(np.int32), 0.0)


def _rim(traits: GlassesTraits, outline: Piece, lens: Piece) -> list[Piece]:
    path, outward = outline.vertices, outline.normals
    axis = lens.normals[-_POINTS:]
    wide, deep = 0.5 * traits.thickness, 0.5 * max(0.75 * traits.thickness, 1.5)
    layer = METAL if traits.metal else ACETATE
    if traits.kind == "rimless":
        return [tube(path, outward, axis, 0.45, 0.9, closed=True, layer=EDGE)]
    if traits.kind != "browline":
        return [tube(path + 0.5 * wide * outward, outward, axis, wide, deep, True, layer)]
    thin = tube(path, outward, axis, 0.7, 1.0, closed=True, layer=METAL)
    top = np.arange(_POINTS // 2 + 1)  # from the temple over the top to the nose
    share = np.sin(np.pi * np.linspace(0.1, 0.9, len(top)))[:, None]
    bar = path[top] + 0.5 * wide * outward[top]
    thick = tube(
        bar, outward[top], axis[top], wide * (0.6 + 0.4 * share), deep + 0.5, False, ACETATE
    )
    return [thin, thick]


def _bridges(traits: GlassesTraits, outline: Piece, front: _Relief) -> list[Piece]:
    """What joins the two lenses, over the nose."""
    thick = not traits.metal and traits.kind not in ("rimless", "browline")
    layer = ACETATE if thick else METAL
    heights = {"aviator": (0.10, 0.88)}.get(traits.kind, (0.32,))
    bars = []
    v = outline.vertices[:, 1]
    middle, half = 0.5 * (v.max() + v.min()), 0.5 * np.ptp(v)
    t = np.linspace(-1.0, 1.0, 13)
    inner = outline.vertices[_POINTS // 4 : 3 * _POINTS // 4]
    for number, height in enumerate(heights):
        end = inner[np.argmin(np.abs(inner[:, 1] - (middle + height * half)))]
        straight = traits.kind == "aviator" and number == 1
        arch = (1.0 - t * t) * (0.0 if straight else 2.4)
        path = np.stack([t * end[0], end[1] + arch, end[2] + arch], axis=1)
        size = 0.45 * traits.thickness if thick else 0.8
        lowest = front.at(path) + _CLEAR + size
        path[:, 2] += max(float((lowest - path[:, 2])[2:-2].max()), 0.0) * (1.0 - t**4)
        up = np.tile([0.0, 1.0, 0.0], (len(t), 1))
        ahead = np.tile([0.0, 0.0, 1.0], (len(t), 1))
        bars.append(tube(path, up, ahead, size * 1.15, size, False, layer))
    return bars


def _temple(
    traits: GlassesTraits,
    template: Template,
    rest: Array,
    outline: Piece,
    sides: tuple[_Relief, _Relief],
) -> list[Piece]:
    """The left temple, from the rim to behind the ear; both sides clear the wider half."""
    cage = load_cage()
    ear = np.stack(
        [
            rest[cage.index(name, mirrored=mirrored)] * (-1.0 if mirrored else 1.0, 1.0, 1.0)
            for name in ("a0_2", "a0_3")
            for mirrored in (False, True)
        ]
    )
    v = outline.vertices[:, 1]
    height = 0.5 * (v.max() + v.min()) + 0.18 * np.ptp(v)
    outer = outline.vertices[: _POINTS // 4]
    hinge = outer[np.argmin(np.abs(outer[:, 1] - height))]
    top, back = float(ear[:, 1].mean()) + 2.0, float(ear[:, 2].mean())
    wide = 0.7 if traits.metal or traits.kind in ("rimless", "browline") else 1.3
    tall = 0.9 if wide < 1.0 else 0.5 * min(traits.thickness + 0.8, 5.0)

    count = 24
    along = np.linspace(0.0, 1.0, count)
    path = np.zeros((count, 3))
    path[:, 1] = hinge[1] + (top - hinge[1]) * along
    path[:, 2] = hinge[2] - 3.5 + (back - hinge[2] + 3.5) * along
    reach = np.maximum(*(side.at(path) for side in sides)) + _CLEAR + wide
    reach = np.where(np.isfinite(reach), reach, 0.0)
    reach[0] = max(reach[0], hinge[0] + 3.0)
    reach[-1] = max(reach[-1], float(ear[:, 0].mean()) + 0.5)
    path[:, 0] = _taut(along, reach)
    # The tip bends down behind the ear, the front comes around from the rim.
    end = path[-1]
    tip = end + np.array([[-0.5, -3.0, -9.0], [-2.0, -14.0, -16.0], [-4.0, -27.0, -19.0]])
    start = np.stack([hinge, (path[0, 0] - 1.0, hinge[1], hinge[2] - 0.8)])
    whole = np.concatenate([start, path, tip])
    tangent = np.gradient(whole, axis=0)
    up = np.tile([0.0, 1.0, 0.0], (len(whole), 1))
    up[-3:] = (0.0, 0.6, -0.8)
    out = np.cross(tangent, up)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    out *= np.where(out[:, :1] + out[:, 2:] < 0.0, -1.0, 1.0)
    layer = METAL if wide < 1.0 else ACETATE
    return [tube(whole, up, out, tall, wide, False, layer)]


def _taut(along: Array, reach: Array) -> Array:
    """The tightest string over ``reach``: its upper convex hull, evaluated at ``along``."""
    chain: list[int] = []
    for index in range(len(along)):
        while len(chain) > 1:
            a, b = chain[-2], chain[-1]
            slope = (reach[index] - reach[a]) / (along[index] - along[a])
            if reach[a] + slope * (along[b] - along[a]) < reach[b]:
                break
            chain.pop()
        chain.append(index)
    return np.interp(along, along[chain], reach[chain])


def _mirrored(part: Piece) -> Piece:
    mirror = (-1.0, 1.0, 1.0)
    return Piece(part.vertices * mirror, part.normals * mirror, part.faces[:, ::-1], part.layer)


def _attach(
    part: Piece, layer: float, code: int, rest: Array, frame_vertices: NDArray
) -> AttachedMesh:
    """Hangs a part on the skull: on one of its vertices, turning with all."""
    count = len(part.vertices)
    anchor = int(frame_vertices[0])
    return AttachedMesh(
        faces=part.faces.astype(np.int32),
        part=np.full(count, code, dtype=np.uint8),
        layer=np.full(count, layer, dtype=np.float32),
        rest=part.vertices.astype(np.float32),
        anchors=np.full((count, 3), anchor, dtype=np.int32),
        weights=np.tile(np.array([1.0, 0.0, 0.0], np.float32), (count, 1)),
        offsets=(part.vertices - rest[anchor]).astype(np.float32),
        normals=part.normals.astype(np.float32),
        local=np.zeros(count, dtype=bool),
        frame_vertices=frame_vertices.astype(np.int32),
        frame_rest=rest[frame_vertices],
    )
