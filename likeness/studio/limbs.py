"""Arms, hands, hips and legs: what half-length and wider pictures show besides a bust.

Owns their geometry and how far a garment covers them. They hang down and are simple: no folds but
noise. Hands are shaped by ``hands``; colour and weave are ``fabric``'s.

Sleeves and trousers are evaluated at (mm around, mm from the cuff, height), skin at its place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh, join
from likeness.studio.hair_shapes import smooth
from likeness.studio.hands import tubes_of
from likeness.studio.noise import fbm
from likeness.studio.surface_points import BODY, CLOTH
from likeness.studio.template import Template
from likeness.studio.torso import AXIS_Z, Build, Torso, neck_base_vertices

Array = NDArray[np.float64]

SLEEVE, BOTTOM, SHOE = 0.25, 2.0, 3.0
"""``layer`` of what is worn on limbs. Where pieces meet, a pixel may see the mean of two layers: it
must not be that of a third one of another colour."""

_AROUND = 20
_ARM_Y = np.array([-150, -156, -166, -181, -199, -222, -250, -290, -330, -360, -440, -490, -560])
_ARM_OUTER = np.array([136, 158, 183, 204, 219, 232, 241, 246, 248, 248, 252, 256, 262])
"""Outline of the shoulder and the arm beside it: from the end of the collar bone, 200 mm aside and
180 mm below the tragion, it falls over the deltoid, which is broadest a hand's breadth lower."""
_ARM_INNER = np.array([60, 60, 62, 66, 72, 84, 106, 146, 154, 158, 170, 176, 180])
"""Its other side. On the shoulder that lies deep in the trunk: the two surfaces pass into each
other where both are nearly level, with no seam around the arm as of a puffed sleeve."""
_ARM_DEPTH = np.array([14, 23, 30, 37, 43, 49, 54, 54, 51, 48, 43, 42, 43])
_ARM_Z = np.array([-26, -26, -26, -26, -27, -27, -28, -29, -29, -30, -30, -28, -22])
_FOREARM_Y = np.array([-640, -720, -745])
_FOREARM = np.array([(189, 261, 38, -12), (200, 256, 26, -3), (202, 256, 25, -1)])
"""Inner and outer side, half depth and z further down."""
_LEAN = 110.0
"""mm by which the arm of someone of twice the usual girth is pushed aside, from the armpit down;
the shoulder is bone, and stays."""
_LEG_Y = np.array([-690, -738, -794, -870, -962, -1066, -1152, -1246, -1360, -1454, -1540])
_LEG_X = np.array([78, 82, 84, 87, 90, 92, 92, 92, 92, 92, 92])
_LEG_RADIUS = np.array([64, 78, 80, 78, 70, 60, 56, 60, 52, 42, 40])
_LEG_Z = AXIS_Z - 4.0
_HIPS = np.array([-640.0])
"""Height of the trunk's end."""
_SEAT = 170.0
"""mm from the hips down to where trousers are two legs."""
_SEAT_ROWS = np.array([0.15, 0.3, 0.45, 0.6, 0.7, 0.79, 0.87, 0.94, 1.0])
"""Shares of it at which they have rows."""
_ALONG = np.concatenate([_ARM_Y, _FOREARM_Y])
_PROFILE = np.concatenate(
    [np.stack([_ARM_INNER, _ARM_OUTER, _ARM_DEPTH, _ARM_Z], axis=1), _FOREARM]
)
_SLEEVE_END = {"t-shirt": -345.0, "v-neck": -345.0, "dress": -330.0, "blouse": -700.0}
_LONG_SLEEVE = -742.0
_WRIST = -745.0
_TAPER = 130.0
"""mm above the wrist from where a bare arm narrows to its hand."""
_OVER_HAND = 1.02
"""Of the size of the hand's first ring: the arm covers where it begins."""
_WRIST_END = ((0.9, 5.0), (0.7, 9.0), (0.4, 11.0))
"""Share of the wrist's girth, and mm below it, of the rings a bare arm ends in."""


def build(
    appearance: Appearance, template: Template, rest_vertices: Array, body: Build
) -> AttachedMesh:
    """Limbs of a person, dressed.

    Args:
        appearance: the person's traits.
        template: whose order ``rest_vertices`` has.
        rest_vertices: (V, 3) the person at rest, mm.
        body: how the person is built.
    """
    skin = np.asarray(rest_vertices[: template.num_skin], dtype=np.float64)
    torso = Torso(template, skin, body)
    hang = _Hanger(torso, skin, template)
    pieces = []
    for side in (1.0, -1.0):
        pieces += _arm(appearance, torso, hang, side)
    pieces += _legs(appearance, torso, hang)
    return join(pieces)


class _Hanger:
    """Hangs pieces on the rim of the neck, turning with the shoulders."""

    def __init__(self, torso: Torso, skin: Array, template: Template) -> None:
        self._frame = neck_base_vertices(template)
        self._anchor = int(torso.loop[len(torso.loop) // 2])
        self._skin = skin

    def __call__(
        self, rows: Array, part: int, layer: float, girth: float | None = None
    ) -> list[AttachedMesh]:
        """A tube of (R, C, 3) points, rows from above down, columns counter-clockwise, and its end.

        Cloth has a ``girth``, mm around per radian; skin has none. The end has normals of its own:
        shared ones would turn those of the edge down, as a dark notch in it.
        """
        columns = rows.shape[1]
        closed = np.concatenate([rows, rows[:, :1]], axis=1)
        rest = closed if girth is None else _cloth_rest(closed, girth)
        end = np.stack(
            [np.zeros(columns - 2, int), np.arange(2, columns), np.arange(1, columns - 1)], axis=1
        )
        return [
            self.surface(closed, _grid(*closed.shape[:2]), rest, part, layer),
            self.surface(rows[-1], end, rest[-1, :-1], part, layer),
        ]

    def surface(
        self, points: Array, faces: NDArray[np.int_], rest: Array, part: int, layer: float
    ) -> AttachedMesh:
        """Triangles of (..., 3) points; where points coincide they share their normal."""
        flat = points.reshape(-1, 3)
        count = len(flat)
        # One number of all three coordinates, which lie within 10 m, to a hundredth of a mm.
        whole = np.rint(100.0 * flat).astype(np.int64) @ np.array([1, 1 << 21, 1 << 42])
        _, place = np.unique(whole, return_inverse=True)
        corners = flat[faces]
        plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(flat)
        for corner in range(3):
            np.add.at(normals, place[faces[:, corner]], plane)
        normals = normals[place]
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
        return AttachedMesh(
            faces=faces.astype(np.int32),
            part=np.full(count, part, np.uint8),
            layer=np.full(count, layer, np.float32),
            rest=rest.reshape(-1, 3).astype(np.float32),
            anchors=np.full((count, 3), self._anchor, np.int32),
            weights=np.tile(np.array([1.0, 0.0, 0.0], np.float32), (count, 1)),
            offsets=(flat - self._skin[self._anchor]).astype(np.float32),
            normals=normals.astype(np.float32),
            local=np.zeros(count, bool),
            frame_vertices=self._frame.astype(np.int32),
            frame_rest=self._skin[self._frame],
        )


def _grid(rows: int, columns: int) -> NDArray[np.int_]:
    """Triangles between the points of an open grid, numbered row by row."""
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b, c, d = (
        part.ravel() for part in (index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1])
    )
    return np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)])


def _ring(x: Array, y: Array, z: Array, wide: Array, deep: Array) -> Array:
    """(R, _AROUND, 3) ellipses, counter-clockwise seen from above."""
    turn = np.linspace(0.0, 2.0 * np.pi, _AROUND, endpoint=False)
    return np.stack(
        [
            x[:, None] + wide[:, None] * np.sin(turn),
            np.repeat(y[:, None], _AROUND, axis=1),
            z[:, None] + deep[:, None] * np.cos(turn),
        ],
        axis=-1,
    )


def _drawn_in(row: Array, share: float, down: float) -> Array:
    """(1, C, 3) a ring (C, 3) of this share of the size, so many mm lower."""
    middle = row.mean(axis=0)
    found: Array = middle + share * (row - middle) - (0.0, down, 0.0)
    return found[None]


def _tapered(arm: Array, palm: Array) -> Array:
    """The rings (R, C, 3) of an arm, the last of which become the first ring (C, 3) of its hand.

    A hand is not broader on broad shoulders, so that an arm scaled with them would end in a rim.
    """
    from_middle = palm - palm.mean(axis=0)
    own = arm[-1] - arm[-1].mean(axis=0)
    turned = [np.roll(from_middle, k, axis=0) for k in range(len(palm))]
    nearest = max(turned, key=lambda ring: float((ring * own).sum()))
    height = arm[:, 0, 1]
    share = smooth(height[-1] + _TAPER, height[-1], height)[:, None, None]
    middle = arm.mean(axis=1, keepdims=True)
    found: Array = arm + share * (middle + _OVER_HAND * nearest - arm)
    return found


def _sweep(line: Array, across: Array, wide: Array, deep: Array) -> Array:
    """(R, _AROUND, 3) ellipses square to a line (R, 3), ``wide`` along the direction ``across``."""
    turn = np.linspace(0.0, 2.0 * np.pi, _AROUND, endpoint=False)
    along = np.gradient(line, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    first = np.cross(across, along)
    first /= np.linalg.norm(first, axis=1, keepdims=True)
    second = np.cross(along, first)
    return (
        line[:, None]
        + (deep[:, None] * np.sin(turn))[..., None] * first[:, None]
        + (wide[:, None] * np.cos(turn))[..., None] * second[:, None]
    )


def _cloth_rest(rows: Array, girth: float) -> Array:
    """Coordinates cloth is evaluated at: around, from the lower edge, height. The first column of
    ``rows`` (R, C, 3) comes again as the last."""
    turn = np.linspace(-np.pi, np.pi, rows.shape[1])
    down = np.linalg.norm(np.diff(rows, axis=0), axis=-1)
    along = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(down, axis=0)])
    return np.stack(
        [np.broadcast_to(turn * girth, along.shape), along[-1:] - along, rows[..., 1]], axis=-1
    )


def _arm(appearance: Appearance, torso: Torso, hang: _Hanger, side: float) -> list[AttachedMesh]:
    traits, body = appearance.clothing, torso.build
    end = _SLEEVE_END.get(traits.kind, _LONG_SLEEVE)
    top = -113.0
    thick = body.mass**0.8 * (1.0 if body.sex == "male" else 0.94)

    def ring(levels: Array) -> Array:
        inner, outer, deep, z = (np.interp(-levels, -_ALONG, column) for column in _PROFILE.T)
        y = top + body.stature * (levels - top)
        # What is bone and joint keeps its place and girth.
        soft = np.clip((-170.0 - levels) / 130.0, 0.0, 1.0)
        lean = _LEAN * (body.mass - 1.0) * soft
        middle, wide = 0.5 * (inner + outer), 0.5 * (outer - inner)
        stout = 1.0 + (thick - 1.0) * soft * smooth(_WRIST, -600.0, levels)
        x = torso.scale * middle + lean
        return _ring(side * x, y, z, torso.scale * wide * stout, torso.scale * deep * stout)

    loose = 2.0 + 7.0 * traits.looseness + (3.0 if traits.kind in ("cardigan", "hoodie") else 0.0)
    near = np.concatenate([_ARM_Y[:7], np.linspace(-275.0, end, 8 if end > -400 else 17)])
    sleeve = ring(near)
    turn = np.linspace(0.0, 2.0 * np.pi, _AROUND, endpoint=False)
    out = np.stack([np.sin(turn), 0 * turn, np.cos(turn)], axis=1)
    flat = sleeve.reshape(-1, 3) * (1.0, 0.45, 1.0)
    folds = fbm(flat, 30.0, appearance.texture_seed + 611, octaves=2).reshape(len(near), -1)
    slack = loose * np.clip((near[0] - near) / 140.0, 0.15, 1.0)[:, None] * (1.0 + 0.5 * folds)
    # Cloth lies on the outside of a hanging arm and is loose inside: loose all around is puffed.
    slack = slack * (1.0 - 0.38 * (1.0 + side * out[:, 0]))
    if end < -600.0:
        slack[-2:] *= 0.35  # a cuff
    sleeve = sleeve + np.maximum(slack, 1.0)[..., None] * out
    pieces = hang(sleeve, CLOTH, SLEEVE, 55.0)
    wrist = ring(np.array([_WRIST])).mean(axis=1)
    hand = [
        _sweep(wrist + tube.line, tube.along_palm, tube.wide, tube.deep)
        for tube in tubes_of(body.sex, side)
    ]
    if end > _LONG_SLEEVE:
        bare = _tapered(ring(np.linspace(end + 30.0, _WRIST, 16)), hand[0][0])
        # It ends inside the hand.
        bare = np.concatenate([bare, *(_drawn_in(bare[-1], *by) for by in _WRIST_END)])
        pieces += hang(bare, BODY, 0.0)
    for rows in hand:
        pieces += hang(rows, BODY, 0.0)
    return pieces


def _level(torso: Torso, levels: Array) -> Array:
    return torso.hip_height + torso.build.stature * (levels - _HIPS)


def _leg_circles(torso: Torso, levels: Array) -> tuple[Array, Array]:
    """Distance of a leg's middle from the body's, and its radius, mm, at levels (R,)."""
    width = torso.scale if torso.build.sex == "male" else torso.scale * 1.08
    aside, radius = (np.interp(-levels, -_LEG_Y, column) for column in (_LEG_X, _LEG_RADIUS))
    return width * aside, width * torso.build.mass * radius


def _legs(appearance: Appearance, torso: Torso, hang: _Hanger) -> list[AttachedMesh]:
    """Trousers, or bare legs under a dress, and shoes."""
    bare = appearance.clothing.kind == "dress"
    pieces = [] if bare else [_trousers(torso, hang)]
    levels = _LEG_Y.astype(np.float64)
    y, (aside, radius) = _level(torso, levels), _leg_circles(torso, levels)
    for side in (1.0, -1.0):
        if bare:
            z = np.full(len(y), _LEG_Z)
            pieces += hang(_ring(side * aside, y, z, 0.93 * radius, 0.97 * radius), BODY, 0.0)
        foot_y = y[-1] - torso.build.stature * np.array([0.0, 18.0, 40.0, 58.0, 70.0, 72.0])
        length = np.array([40.0, 66.0, 92.0, 122.0, 128.0, 118.0])
        foot = _ring(
            np.full(6, side * aside[-1]),
            foot_y,
            _LEG_Z + (length - 40.0) * 0.72,
            np.array([40.0, 42.0, 46.0, 48.0, 48.0, 44.0]),
            length,
        )
        pieces += hang(foot, CLOTH, SHOE, 60.0)
    return pieces


def _trousers(torso: Torso, hang: _Hanger) -> AttachedMesh:
    """From the hem of what is worn above down both legs, as one surface.

    Columns go once around the hips from the middle in front; those of either side then go once
    around its leg, beginning and ending between the legs.
    """
    turn = np.linspace(0.0, 2.0 * np.pi, 2 * _AROUND + 1)
    hip = torso.surface(np.angle(np.exp(1j * turn)), np.full(len(turn), 1.0))
    hip[-1] = hip[0]
    centre = np.array([0.0, 0.0, AXIS_Z])
    # They begin a little above the hem they hang from, and upright: no ledge catches light there.
    top = centre + (hip - centre) * (0.985, 1.0, 0.985) + (0.0, 12.0, 0.0)
    rows = np.stack([top, *_seat(torso, hip, turn)])
    levels = np.concatenate([_HIPS - _SEAT - np.array([12.0, 30.0]), _LEG_Y[3:]])
    left, right = (_around_leg(torso, levels, turn[: _AROUND + 1], side) for side in (1.0, -1.0))

    count = rows.shape[0] * rows.shape[1]
    index = np.arange(count).reshape(rows.shape[:2])
    fall = np.concatenate(
        [
            np.zeros_like(turn)[None],
            np.cumsum(np.linalg.norm(np.diff(rows, axis=0), axis=-1), axis=0),
        ]
    )
    faces, points, along = [_grid(*rows.shape[:2])], [rows.reshape(-1, 3)], [fall.ravel()]
    across = [np.broadcast_to(2.0 * turn, fall.shape).ravel()]
    for number, leg in enumerate((left, right)):
        own = slice(number * _AROUND, (number + 1) * _AROUND + 1)
        numbers = np.concatenate(
            [index[-1:, own], count + np.arange(leg[..., 0].size).reshape(leg.shape[:2])]
        )
        faces.append(numbers.ravel()[_grid(*numbers.shape)])
        steps = np.linalg.norm(np.diff(leg, axis=0, prepend=rows[-1:, own]), axis=-1)
        along.append((fall[-1, own] + np.cumsum(steps, axis=0)).ravel())
        across.append(np.broadcast_to(2.0 * turn[own], leg.shape[:2]).ravel())
        points.append(leg.reshape(-1, 3))
        count += leg[..., 0].size
    place = np.concatenate(points)
    down = np.concatenate(along)
    rest = np.stack([70.0 * np.concatenate(across), down.max() - down, place[:, 1]], axis=1)
    return hang.surface(place, np.concatenate(faces), rest, CLOTH, BOTTOM)


def _around_leg(torso: Torso, levels: Array, turn: Array, side: float) -> Array:
    """(R, C, 3) rings around one leg of trousers, of columns at turns 0..pi around the hips."""
    aside, radius = (part[:, None] for part in _leg_circles(torso, levels))
    angle = 2.0 * turn - 0.5 * np.pi
    if side < 0.0:
        angle = angle + np.pi
    y = np.broadcast_to(_level(torso, levels)[:, None], (len(levels), len(turn)))
    # Thighs that touch do so in the middle, or a little beyond: on one place they would share
    # their normals, and between them there would be a slit.
    x = side * np.maximum(aside + side * (radius + 7.0) * np.sin(angle), -1.0)
    return np.stack([x, y, _LEG_Z + (radius + 9.0) * np.cos(angle)], axis=-1)


def _seat(torso: Torso, hip: Array, turn: Array) -> list[Array]:
    """Rows of trousers below the hips (C, 3), the last of which is both legs' first."""
    half = turn[: _AROUND + 1]
    rows = []
    for share in _SEAT_ROWS[:, None]:
        level = _HIPS - _SEAT * share
        around = np.hypot(hip[:, 0], hip[:, 2] - AXIS_Z)
        radius = around + smooth(0.0, 0.85, share) * (_around_legs(torso, level, turn) - around)
        heights = _level(torso, level) + (1.0 - share) * (hip[:, 1] - _level(torso, _HIPS))
        row = np.stack([radius * np.sin(turn), heights, AXIS_Z + radius * np.cos(turn)], axis=1)
        legs = [_around_leg(torso, level, half, side)[0] for side in (1.0, -1.0)]
        for leg in legs:
            leg[[0, -1]] = (0.0, leg[0, 1], _LEG_Z)
        parted = np.concatenate([legs[0], legs[1][1:]])
        rows.append(row + smooth(0.62, 1.0, share) * (parted - row))
    return rows


def _around_legs(torso: Torso, level: Array, turn: Array) -> Array:
    """How far from the body's axis rays at (C,) turns leave what is spanned over both legs, mm."""
    (aside,), (radius,) = _leg_circles(torso, level)
    wide, deep = radius + 7.0, radius + 9.0
    # Of the leg on a ray's own side, as an ellipse drawn to a unit circle.
    across, ahead = np.sin(turn) / wide, np.cos(turn) / deep
    middle = np.sign(np.sin(turn)) * aside / wide, (_LEG_Z - AXIS_Z) / deep
    square = across**2 + ahead**2
    toward = across * middle[0] + ahead * middle[1]
    left = toward**2 - square * (middle[0] ** 2 + middle[1] ** 2 - 1.0)
    outside = (toward + np.sqrt(np.maximum(left, 0.0))) / square
    # Between the legs cloth is straight from one to the other.
    cosine = np.where(np.abs(np.cos(turn)) > 1e-6, np.cos(turn), 1e-6)
    straight = (np.sign(cosine) * deep + _LEG_Z - AXIS_Z) / cosine
    found: Array = np.where(np.abs(straight * np.sin(turn)) <= aside, straight, outside)
    return found
