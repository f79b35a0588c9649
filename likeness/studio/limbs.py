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
_SEAT, _CROTCH, _WITHIN = 170.0, 14.0, 2.0
"""mm from the hips down to where trousers are two legs, their least depth between these, and how
far inside of these they end."""
_ALONG = np.concatenate([_ARM_Y, _FOREARM_Y])
_PROFILE = np.concatenate(
    [np.stack([_ARM_INNER, _ARM_OUTER, _ARM_DEPTH, _ARM_Z], axis=1), _FOREARM]
)
_SLEEVE_END = {"t-shirt": -345.0, "v-neck": -345.0, "dress": -330.0, "blouse": -700.0}
_LONG_SLEEVE = -742.0
_WRIST = -745.0


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
        pieces += _leg(appearance, torso, hang, side)
    pieces.append(_hips(appearance, torso, hang))
    return join(pieces)


class _Hanger:
    """Hangs pieces on the rim of the neck, turning with the shoulders."""

    def __init__(self, torso: Torso, skin: Array, template: Template) -> None:
        self._frame = neck_base_vertices(template)
        self._anchor = int(torso.loop[len(torso.loop) // 2])
        self._skin = skin

    def __call__(self, rows: Array, rest: Array, part: int, layer: float) -> AttachedMesh:
        """A tube of (R, C, 3) points, rows from above down, columns counter-clockwise."""
        count, columns = rows.shape[0] * rows.shape[1], rows.shape[1]
        index = np.arange(count).reshape(-1, columns)
        following = np.roll(index, -1, axis=1)
        a, b, c, d = (
            part_of.ravel() for part_of in (index[:-1], following[:-1], following[1:], index[1:])
        )
        faces = np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)])
        cap = np.stack([np.full(columns - 2, index[-1, 0]), index[-1, 2:], index[-1, 1:-1]], 1)
        faces = np.concatenate([faces, cap])
        flat = rows.reshape(-1, 3)
        corners = flat[faces]
        plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
        normals = np.zeros_like(flat)
        for corner in range(3):
            np.add.at(normals, faces[:, corner], plane)
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


def _cloth_rest(rows: Array, radius: float) -> Array:
    """Coordinates cloth is evaluated at: around, from the lower edge, height."""
    columns = rows.shape[1]
    turn = np.linspace(-np.pi, np.pi, columns, endpoint=False)
    down = np.linalg.norm(np.diff(rows, axis=0), axis=-1)
    along = np.concatenate([np.zeros((1, columns)), np.cumsum(down, axis=0)])
    return np.stack(
        [np.broadcast_to(turn * radius, along.shape), along[-1:] - along, rows[..., 1]], axis=-1
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
        stout = 1.0 + (thick - 1.0) * soft
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
    pieces = [hang(sleeve, _cloth_rest(sleeve, 55.0), CLOTH, SLEEVE)]
    if end > _LONG_SLEEVE:
        bare = ring(np.linspace(end + 30.0, _WRIST, 12))
        pieces.append(hang(bare, bare, BODY, 0.0))
    wrist = ring(np.array([_WRIST])).mean(axis=1)
    for tube in tubes_of(body.sex, side):
        rows = _sweep(wrist + tube.line, tube.along_palm, tube.wide, tube.deep)
        pieces.append(hang(rows, rows, BODY, 0.0))
    return pieces


def _level(torso: Torso, levels: Array) -> Array:
    hips = torso.surface(np.array([0.5 * np.pi]), np.array([1.0]))[0, 1]
    return hips + torso.build.stature * (levels + 640.0)


def _leg_circles(torso: Torso, levels: Array) -> tuple[Array, Array]:
    """Distance of a leg's middle from the body's, and its radius, mm, at levels (R,)."""
    width = torso.scale if torso.build.sex == "male" else torso.scale * 1.08
    aside, radius = (np.interp(-levels, -_LEG_Y, column) for column in (_LEG_X, _LEG_RADIUS))
    return width * aside, width * torso.build.mass * radius


def _leg(appearance: Appearance, torso: Torso, hang: _Hanger, side: float) -> list[AttachedMesh]:
    traits, body = appearance.clothing, torso.build
    levels = _LEG_Y.astype(np.float64)
    if traits.kind != "dress":
        # No higher than the seat reaches: what lies under it would be dark where it comes out.
        levels = np.concatenate([-640.0 - _SEAT + np.array([16.0, -20.0]), levels[3:]])
    y, (aside, radius) = _level(torso, levels), _leg_circles(torso, levels)
    x, z = side * aside, np.full(len(y), _LEG_Z)
    if traits.kind == "dress":
        rows, code, layer = _ring(x, y, z, radius * 0.93, radius * 0.97), BODY, 0.0
        rest = rows
    else:
        rows, code, layer = _ring(x, y, z, radius + 7.0, radius + 9.0), CLOTH, BOTTOM
        rest = _cloth_rest(rows, 70.0)
    pieces = [hang(rows, rest, code, layer)]
    foot_y = y[-1] - body.stature * np.array([0.0, 18.0, 40.0, 58.0, 70.0, 72.0])
    length = np.array([40.0, 66.0, 92.0, 122.0, 128.0, 118.0])
    foot = _ring(
        np.full(6, x[-1]),
        foot_y,
        _LEG_Z + (length - 40.0) * 0.72,
        np.array([40.0, 42.0, 46.0, 48.0, 48.0, 44.0]),
        length,
    )
    pieces.append(hang(foot, _cloth_rest(foot, 60.0), CLOTH, SHOE))
    return pieces


def _hips(appearance: Appearance, torso: Torso, hang: _Hanger) -> AttachedMesh:
    """Trousers from the hem of what is worn above to the legs, or a skirt."""
    turn = np.linspace(0.0, 2.0 * np.pi, 2 * _AROUND, endpoint=False)
    azimuth = np.angle(np.exp(1j * turn))
    hip = torso.surface(azimuth, np.full(len(turn), 1.0))
    centre = np.array([0.0, 0.0, AXIS_Z])
    skirt = appearance.clothing.kind == "dress"
    if skirt:
        lower = []
        for share in np.linspace(0.2, 1.0, 6):
            row = centre + (hip - centre) * (1.0 + 0.16 * share, 1.0, 1.0 + 0.16 * share)
            row[:, 1] = hip[:, 1] - 420.0 * torso.build.stature * share
            lower.append(row)
    else:
        lower = _seat(torso, hip, turn)
    # It begins a little above the hem it hangs from, and upright: no ledge catches light there.
    top = centre + (hip - centre) * (0.985, 1.0, 0.985) + (0.0, 12.0, 0.0)
    tube = np.stack([top, *lower])
    if skirt:
        pleats = 1.0 + 0.03 * np.sin(7.0 * turn) * np.linspace(0.0, 1.0, len(tube))[:, None]
        tube[..., 0] *= pleats
        tube[..., 2] = AXIS_Z + (tube[..., 2] - AXIS_Z) * pleats
    return hang(tube, _cloth_rest(tube, 160.0), CLOTH, SLEEVE if skirt else BOTTOM)


def _seat(torso: Torso, hip: Array, turn: Array) -> list[Array]:
    """Rows of trousers below the hips (C, 3), which pass into the outline of both legs."""
    rows = []
    for share in np.linspace(0.15, 1.0, 8):
        level = np.array([-640.0 - _SEAT * share])
        ends = share * share * (3.0 - 2.0 * share)
        around = np.hypot(hip[:, 0], hip[:, 2] - AXIS_Z)
        radius = around + ends * (_around_legs(torso, level, turn) - around)
        heights = hip[:, 1] + share * (_level(torso, level)[0] - hip[:, 1])
        rows.append(
            np.stack([radius * np.sin(turn), heights, AXIS_Z + radius * np.cos(turn)], axis=1)
        )
    return rows


def _around_legs(torso: Torso, level: Array, turn: Array) -> Array:
    """How far from the body's axis rays at (C,) turns leave both legs of trousers, mm."""
    (aside,), (radius,) = _leg_circles(torso, level)
    wide, deep = radius + 7.0, radius + 9.0
    # Of the leg on a ray's own side, as an ellipse drawn to a unit circle.
    across, ahead = np.sin(turn) / wide, np.cos(turn) / deep
    middle = np.sign(np.sin(turn)) * aside / wide, (_LEG_Z - AXIS_Z) / deep
    square = across**2 + ahead**2
    toward = across * middle[0] + ahead * middle[1]
    left = toward**2 - square * (middle[0] ** 2 + middle[1] ** 2 - 1.0)
    found: Array = (toward + np.sqrt(np.maximum(left, 0.0))) / square
    return np.maximum(found - _WITHIN, _CROTCH)
