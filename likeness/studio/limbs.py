"""Arms, hands, hips and legs: what half-length and wider pictures show besides a bust.

Owns their geometry and how far a garment covers them. They hang straight down and are simple: no
fingers but the thumb, no folds but noise. Colour and weave are ``fabric``'s.

Sleeves and trousers are evaluated at (mm around, mm from the cuff, height), skin at its place.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh, join
from likeness.studio.noise import fbm
from likeness.studio.surface_points import BODY, CLOTH
from likeness.studio.template import Template
from likeness.studio.torso import AXIS_Z, Build, Torso, neck_base_vertices

Array = NDArray[np.float64]

SLEEVE, BOTTOM, SHOE = 0.25, 2.0, 3.0
"""``layer`` of what is worn on limbs. Where pieces meet, a pixel may see the mean of two layers: it
must not be that of a third one of another colour."""

_AROUND = 20
_ARM_Y = np.array([-157, -163, -173, -196, -236, -290, -360, -440, -490, -560, -640, -720, -745])
_ARM_X = np.array([136, 148, 160, 177, 191, 200, 205, 211, 216, 221, 225, 228, 229])
_ARM_Z = np.array([-26, -26, -26, -27, -28, -29, -30, -30, -28, -22, -12, -3, -1])
_ARM_RADIUS = np.array([6, 24, 36, 45, 49, 49, 46, 42, 40, 41, 36, 28, 28])
_HAND_Y = np.array([-745, -760, -785, -815, -845, -875, -905, -925])
_HAND_WIDE = np.array([28, 32, 40, 44, 43, 38, 30, 12])
_HAND_DEEP = np.array([22, 20, 18, 17, 15, 13, 10, 5])
_LEG_Y = np.array([-690, -738, -794, -870, -962, -1066, -1152, -1246, -1360, -1454, -1540])
_LEG_X = np.array([78, 82, 84, 87, 90, 92, 92, 92, 92, 92, 92])
_LEG_RADIUS = np.array([64, 78, 80, 78, 70, 60, 56, 60, 52, 42, 40])
_SLEEVE_END = {"t-shirt": -345.0, "v-neck": -345.0, "dress": -330.0, "blouse": -700.0}
_LONG_SLEEVE = -742.0


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
        """A tube of (R, _AROUND, 3) points, rows from above down, columns counter-clockwise."""
        count = rows.shape[0] * _AROUND
        index = np.arange(count).reshape(-1, _AROUND)
        following = np.roll(index, -1, axis=1)
        a, b, c, d = (
            part_of.ravel() for part_of in (index[:-1], following[:-1], following[1:], index[1:])
        )
        faces = np.concatenate([np.stack([a, d, c], 1), np.stack([a, c, b], 1)])
        cap = np.stack([np.full(_AROUND - 2, index[-1, 0]), index[-1, 2:], index[-1, 1:-1]], 1)
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


def _cloth_rest(rows: Array, radius: float) -> Array:
    """Coordinates cloth is evaluated at: around, from the lower edge, height."""
    turn = np.linspace(-np.pi, np.pi, _AROUND, endpoint=False)
    down = np.linalg.norm(np.diff(rows, axis=0), axis=-1)
    along = np.concatenate([np.zeros((1, _AROUND)), np.cumsum(down, axis=0)])
    return np.stack(
        [np.broadcast_to(turn * radius, along.shape), along[-1:] - along, rows[..., 1]], axis=-1
    )


def _arm(appearance: Appearance, torso: Torso, hang: _Hanger, side: float) -> list[AttachedMesh]:
    traits, body = appearance.clothing, torso.build
    end = _SLEEVE_END.get(traits.kind, _LONG_SLEEVE)
    top = -113.0
    thick = torso.scale * body.mass**0.8 * (1.0 if body.sex == "male" else 0.94)

    def ring(levels: Array, extra: float) -> Array:
        x = torso.scale * np.interp(-levels, -_ARM_Y, _ARM_X)
        x = x + 110.0 * (body.mass - 1.0)
        radius = thick * np.interp(-levels, -_ARM_Y, _ARM_RADIUS) + extra
        y = top + body.stature * (levels - top)
        z = np.interp(-levels, -_ARM_Y, _ARM_Z)
        deep = radius * np.interp(-levels, [160.0, 230.0, 330.0], [1.45, 1.3, 1.05])
        return _ring(side * x, y, z, radius, deep)

    loose = 2.0 + 7.0 * traits.looseness + (3.0 if traits.kind in ("cardigan", "hoodie") else 0.0)
    near = np.concatenate([_ARM_Y[:5], np.linspace(-265.0, end, 9 if end > -400 else 18)])
    sleeve = ring(near, 0.0)
    turn = np.linspace(0.0, 2.0 * np.pi, _AROUND, endpoint=False)
    out = np.stack([np.sin(turn), 0 * turn, np.cos(turn)], axis=1)
    flat = sleeve.reshape(-1, 3) * (1.0, 0.45, 1.0)
    folds = fbm(flat, 30.0, appearance.texture_seed + 611, octaves=2).reshape(len(near), -1)
    slack = loose * np.clip((near[0] - near) / 140.0, 0.35, 1.0)[:, None] * (1.0 + 0.5 * folds)
    if end < -600.0:
        slack[-2:] *= 0.35  # a cuff
    sleeve = sleeve + np.maximum(slack, 1.0)[..., None] * out
    pieces = [hang(sleeve, _cloth_rest(sleeve, 55.0), CLOTH, SLEEVE)]
    if end > _LONG_SLEEVE:
        bare = ring(np.linspace(end + 30.0, _ARM_Y[-1], 12), 0.0)
        pieces.append(hang(bare, bare, BODY, 0.0))
    y = top + body.stature * (_HAND_Y - top)
    x = side * (torso.scale * _ARM_X[-1] + 110.0 * (body.mass - 1.0)) * np.ones(len(y))
    lean = np.linspace(0.0, 14.0, len(y))
    hand = _ring(x, y, -1.0 + lean, torso.scale * _HAND_DEEP, torso.scale * _HAND_WIDE)
    pieces.append(hang(hand, hand, BODY, 0.0))
    thumb_y = y[1] + np.linspace(0.0, -72.0, 6)
    thumb = _ring(
        x[0] - side * np.linspace(4.0, 12.0, 6),
        thumb_y,
        16.0 + np.linspace(0.0, 26.0, 6),
        np.array([12.0, 14.0, 12.0, 10.5, 9.5, 4.0]),
        np.array([12.0, 14.0, 12.0, 10.5, 9.5, 4.0]),
    )
    pieces.append(hang(thumb, thumb, BODY, 0.0))
    return pieces


def _level(torso: Torso, levels: Array) -> Array:
    hips = torso.surface(np.array([0.5 * np.pi]), np.array([1.0]))[0, 1]
    return hips + torso.build.stature * (levels + 640.0)


def _leg(appearance: Appearance, torso: Torso, hang: _Hanger, side: float) -> list[AttachedMesh]:
    traits, body = appearance.clothing, torso.build
    y = _level(torso, np.asarray(_LEG_Y, np.float64))
    width = torso.scale if body.sex == "male" else torso.scale * 1.08
    x, radius = side * width * _LEG_X, width * body.mass * _LEG_RADIUS
    z = np.full(len(y), AXIS_Z - 4.0)
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
        AXIS_Z - 4.0 + (length - 40.0) * 0.72,
        np.array([40.0, 42.0, 46.0, 48.0, 48.0, 44.0]),
        length,
    )
    pieces.append(hang(foot, _cloth_rest(foot, 60.0), CLOTH, SHOE))
    return pieces


def _hips(appearance: Appearance, torso: Torso, hang: _Hanger) -> AttachedMesh:
    """Trousers from the hem of what is worn above to the crotch, or a skirt."""
    turn = np.linspace(0.0, 2.0 * np.pi, _AROUND, endpoint=False)
    azimuth = np.angle(np.exp(1j * turn))
    hip = torso.surface(azimuth, np.full(_AROUND, 1.0))
    waist = torso.surface(azimuth, np.full(_AROUND, 0.95))
    centre = np.array([0.0, 0.0, AXIS_Z])
    rows = [waist, hip + 3.0 * (hip - centre) / 170.0]
    skirt = appearance.clothing.kind == "dress"
    for share in np.linspace(0.2, 1.0, 6):
        grow = 1.0 + (0.16 * share if skirt else -0.06 * share - 0.05 * share**4)
        row = centre + (hip - centre) * (grow, 1.0, grow)
        row[:, 1] = hip[:, 1] - (420.0 if skirt else 150.0) * torso.build.stature * share
        rows.append(row)
    tube = np.stack(rows)
    if skirt:
        pleats = 1.0 + 0.03 * np.sin(7.0 * turn) * np.linspace(0.0, 1.0, len(rows))[:, None]
        tube[..., 0] *= pleats
        tube[..., 2] = AXIS_Z + (tube[..., 2] - AXIS_Z) * pleats
    return hang(tube, _cloth_rest(tube, 160.0), CLOTH, SLEEVE if skirt else BOTTOM)
