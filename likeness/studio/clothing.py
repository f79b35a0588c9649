"""Dresses the bust: skin below the neck, and a garment with its collar over it.

Owns the geometry of what hides the neck's end, and of a dress down to its hem. The bust's shape is
``torso``'s, colour and weave are laid on by ``fabric``.

Cloth is evaluated at (mm around the body, mm from the edge of the neckline, template height).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh, join
from likeness.studio.noise import fbm
from likeness.studio.normals import vertex_normals
from likeness.studio.surface_points import BODY, CLOTH
from likeness.studio.template import Template
from likeness.studio.torso import AXIS_Z, Build, Torso, neck_base_vertices
from likeness.studio.traits import ClothingKind, ClothingTraits

NUM_COLUMNS = 80
_JOINT, _TURN = 10.0, 40.0
"""mm from the rim of the neck where the bust still has its normals, and over which it takes leave
of them."""
_SKIRT, _SKIRT_ROWS, _HEM = 420.0, 10, 12.0
"""mm a dress goes on below the hips, its rows, and the mm its hem is turned in."""
COLLAR, INNER = 1.0, -1.0
"""``layer`` of collars, hoods, lapels and neck tubes, and of what is worn under an open
cardigan; the body of a garment has 0."""


@dataclass(frozen=True, eq=False)
class _Wearer:
    """What all clothes of a person hang on."""

    torso: Torso
    skin: np.ndarray  # (S, 3) skin vertices at rest, mm
    frame: np.ndarray  # ids of the vertices whose turn is that of the shoulders


def build(
    appearance: Appearance,
    template: Template,
    rest_vertices: np.ndarray,
    body: Build | None = None,
) -> AttachedMesh:
    """Upper chest and garment of a person.

    Args:
        appearance: the person's traits.
        template: whose order ``rest_vertices`` has.
        rest_vertices: (V, 3) the person at rest, mm.
        body: how the person is built; without it as a man of average mass.
    """
    skin = np.asarray(rest_vertices[: template.num_skin], dtype=np.float64)
    wearer = _Wearer(Torso(template, skin, body), skin, neck_base_vertices(template))
    traits = appearance.clothing
    pieces = [
        _bust(template, wearer, traits),
        _garment(appearance, wearer, traits.kind),
    ]
    if traits.kind == "cardigan":
        pieces.append(_garment(appearance, wearer, "t-shirt", INNER))
        pieces.append(_lapels(wearer))
    if traits.kind == "shirt":
        pieces.append(_shirt_collar(wearer))
    if traits.kind == "hoodie":
        pieces.append(_hood(wearer))
    if traits.kind == "roll-neck":
        pieces.append(_neck_tube(template, wearer, traits))
    return join(pieces)


def _neckline(kind: ClothingKind, azimuth: np.ndarray) -> np.ndarray:
    """s at which the garment's edge lies, over the azimuth."""
    front = np.maximum(np.cos(azimuth), 0.0)
    opening = {
        "t-shirt": 0.10 + 0.10 * front**3,
        "v-neck": 0.13 + 0.42 * np.clip(1.0 - np.abs(azimuth) / 0.62, 0.0, 1.0) ** 1.25,
        "shirt": 0.05 + 0.34 * np.clip(1.0 - np.abs(azimuth) / 0.30, 0.0, 1.0) ** 1.1,
        "sweater": 0.08 + 0.07 * front**3,
        "roll-neck": 0.02 + 0.0 * front,
        "cardigan": 0.06 + 0.72 * np.clip(1.0 - np.abs(azimuth) / 1.05, 0.0, 1.0) ** 0.9,
        "hoodie": 0.07 + 0.12 * front**3,
        "blouse": 0.14 + 0.34 * np.clip(1.0 - np.abs(azimuth) / 0.50, 0.0, 1.0) ** 1.1,
        "dress": 0.20 + 0.20 * front**2,
    }
    return opening[kind]


def _grid(rows: int) -> np.ndarray:
    """Triangles of a tube of rings; their outside is out where rows go down and columns left."""
    index = np.arange(rows * NUM_COLUMNS).reshape(rows, NUM_COLUMNS)
    following = np.roll(index, -1, axis=1)
    a, b = index[:-1].ravel(), following[:-1].ravel()
    c, d = following[1:].ravel(), index[1:].ravel()
    return np.concatenate([np.stack([a, d, c], axis=1), np.stack([a, c, b], axis=1)])


def _azimuths() -> np.ndarray:
    """Azimuths of the columns, dense in front where necklines have points."""
    u = np.linspace(-1.0, 1.0, NUM_COLUMNS, endpoint=False)
    return np.pi * np.sign(u) * (0.45 * np.abs(u) + 0.55 * np.abs(u) ** 2)


def _attach(
    wearer: _Wearer,
    positions: np.ndarray,
    faces: np.ndarray,
    rest: np.ndarray,
    *,
    part: int,
    layer: float,
) -> AttachedMesh:
    """Hangs (R, NUM_COLUMNS, 3) positions on the rim of the neck, turning with the shoulders."""
    flat = positions.reshape(-1, 3)
    azimuth = np.arctan2(flat[:, 0], flat[:, 2] - AXIS_Z)
    base, pair, t = wearer.torso.rim(azimuth)
    normals = np.zeros_like(flat)
    corners = flat[faces]
    plane = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    for corner in range(3):
        np.add.at(normals, faces[:, corner], plane)
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    count = len(flat)
    return AttachedMesh(
        faces=faces.astype(np.int32),
        part=np.full(count, part, dtype=np.uint8),
        layer=np.full(count, layer, dtype=np.float32),
        rest=rest.reshape(-1, 3).astype(np.float32),
        anchors=np.concatenate([pair, pair[:, :1]], axis=1).astype(np.int32),
        weights=np.stack([1 - t, t, 0 * t], axis=1).astype(np.float32),
        offsets=(flat - base).astype(np.float32),
        normals=normals.astype(np.float32),
        local=np.zeros(count, dtype=bool),
        frame_vertices=wearer.frame.astype(np.int32),
        frame_rest=wearer.skin[wearer.frame],
    )


def _cloth(
    wearer: _Wearer,
    positions: np.ndarray,
    faces: np.ndarray,
    *,
    girth: float,
    layer: float,
) -> AttachedMesh:
    """Cloth at (R, NUM_COLUMNS, 3) positions, with its threads.

    Patterns and weave go by the place at rest: along a row by ``girth`` mm per radian of azimuth,
    across the rows by the length of the cloth from the first one, and by the height.
    """
    down = np.linalg.norm(np.diff(positions, axis=0), axis=-1)
    from_edge = np.concatenate([np.zeros((1, NUM_COLUMNS)), np.cumsum(down, axis=0)])
    around = np.broadcast_to(_azimuths() * girth, from_edge.shape)
    rest = np.stack([around, from_edge, positions[..., 1]], axis=-1)
    return _attach(wearer, positions, faces, rest, part=CLOTH, layer=layer)


def _bust(template: Template, wearer: _Wearer, traits: ClothingTraits) -> AttachedMesh:
    """Bare skin from the rim of the neck to a little under the neckline."""
    azimuth = _azimuths()
    worn: ClothingKind = "t-shirt" if traits.kind == "cardigan" else traits.kind
    end = _neckline(worn, azimuth) + 0.06
    rows = 16
    share = np.linspace(0.0, 1.0, rows)[:, None]
    s = share * end[None]
    angle = np.broadcast_to(azimuth, s.shape)
    positions = wearer.torso.surface(angle.ravel(), s.ravel()).reshape(rows, NUM_COLUMNS, 3)
    bust = _attach(wearer, positions, _grid(rows), positions, part=BODY, layer=0.0)
    # It begins with the neck's normals: where both meet, no line of another shade shows it.
    of_neck = np.zeros_like(wearer.skin)
    vertex_normals(wearer.skin, template.skin_faces, of_neck)
    _, pair, t = wearer.torso.rim(azimuth)
    start = (1.0 - t)[:, None] * of_neck[pair[:, 0]] + t[:, None] * of_neck[pair[:, 1]]
    far = np.linalg.norm(positions - positions[0], axis=-1)[..., None]
    away = np.clip((far - _JOINT) / _TURN, 0.0, 1.0)
    share = away * away * (3.0 - 2.0 * away)
    normals = share * bust.normals.reshape(positions.shape) + (1.0 - share) * start
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    return replace(bust, normals=normals.reshape(-1, 3).astype(np.float32))


def _garment(
    appearance: Appearance,
    wearer: _Wearer,
    kind: ClothingKind,
    layer: float = 0.0,
) -> AttachedMesh:
    """The body of the garment from the neckline down, with a rolled edge and slack folds."""
    traits = appearance.clothing
    azimuth = _azimuths()
    edge = _neckline(kind, azimuth)
    rows = 38 if layer == 0.0 else 24
    # A row of the hem inside the edge, then denser rows near the neck.
    share = np.concatenate([[0.0], np.linspace(0.0, 1.0, rows - 1) ** 1.5])[:, None]
    end = 1.0 if layer == 0.0 else 0.9
    s = edge[None] + share * (end - edge[None])
    angle = np.broadcast_to(azimuth, s.shape)
    base = wearer.torso.surface(angle.ravel(), s.ravel())
    normal = wearer.torso.normals(angle.ravel(), s.ravel())
    thick = {"sweater": 4.5, "roll-neck": 3.0, "cardigan": 6.0, "hoodie": 5.0}.get(kind, 2.0)
    loose = 3.0 + 9.0 * traits.looseness if layer == 0.0 else 0.0
    slack = thick + loose * np.broadcast_to(np.minimum(share / 0.6, 1.0) ** 1.2, s.shape)
    slack[0] = 3.5 if kind == "cardigan" else 0.2
    # Folds hang from the shoulders: long in height, narrow around.
    stretched = base * (1.0, 0.35, 1.0)
    folds = fbm(stretched, 46.0, appearance.texture_seed + 601, octaves=2)
    grows = np.broadcast_to(np.clip(share / 0.25, 0.0, 1.0), s.shape).ravel()
    folds = (0.8 + 2.2 * traits.looseness) * (layer == 0.0) * grows * folds
    slack = slack.ravel() + np.maximum(folds, -0.6 * slack.ravel())
    positions = (base + slack[:, None] * normal).reshape(rows, NUM_COLUMNS, 3)
    if kind == "dress":
        positions = np.concatenate([positions, _skirt(wearer, positions[-1])])
    return _cloth(wearer, positions, _grid(len(positions)), girth=120.0, layer=layer)


def _skirt(wearer: _Wearer, hips: np.ndarray) -> np.ndarray:
    """(_SKIRT_ROWS, NUM_COLUMNS, 3) a dress goes on from its row at the hips, turned in below."""
    share = np.linspace(0.0, 1.0, _SKIRT_ROWS)[1:, None]
    centre = np.array([0.0, hips[:, 1].mean(), AXIS_Z])
    pleats = 1.0 + 0.03 * share * np.sin(7.0 * _azimuths())
    wide = (1.0 + 0.16 * share) * pleats
    rows = centre + (hips - centre) * np.stack([wide, np.ones_like(wide), wide], axis=-1)
    rows[..., 1] -= _SKIRT * wearer.torso.build.stature * share
    hem = centre + (rows[-1:] - centre) * (0.96, 1.0, 0.96)
    hem[..., 1] += _HEM
    return np.concatenate([rows, hem])


def _lapels(wearer: _Wearer) -> AttachedMesh:
    """The turned-out edge of a cardigan, widest above the chest."""
    azimuth = _azimuths()
    edge = _neckline("cardigan", azimuth)
    width = 0.02 + 0.13 * np.clip(np.abs(azimuth) / 0.3, 0.0, 1.0) ** 0.7
    share = np.linspace(0.0, 1.0, 6)[:, None]
    s = edge[None] + share * width[None]
    angle = np.broadcast_to(azimuth, s.shape)
    base = wearer.torso.surface(angle.ravel(), s.ravel()).reshape(*s.shape, 3)
    normal = wearer.torso.normals(angle.ravel(), s.ravel()).reshape(*s.shape, 3)
    positions = base + (3.0 + 15.0 * share * (1.0 - 0.5 * share))[..., None] * normal
    return _cloth(wearer, positions, _grid(6), girth=120.0, layer=COLLAR)


def _hood(wearer: _Wearer) -> AttachedMesh:
    """A hood that lies on the shoulders: a roll around the neck, thickest at the nape."""
    azimuth = _azimuths()
    behind = np.clip((np.abs(azimuth) - 0.35) / 1.6, 0.0, 1.0)
    foot = np.full(NUM_COLUMNS, 0.14) + 0.05 * np.cos(azimuth)
    on = wearer.torso.surface(azimuth, foot)
    out = wearer.torso.normals(azimuth, foot)
    radius = 7.0 + 17.0 * behind**0.8
    middle = on + (0.8 * radius)[:, None] * out
    away = np.stack([np.sin(azimuth), np.zeros(NUM_COLUMNS), np.cos(azimuth)], axis=1)
    turn = np.linspace(1.05 * np.pi, -0.7 * np.pi, 12)
    rows = [
        middle + radius[:, None] * (1.5 * np.cos(t) * away + np.sin(t) * np.array([0.0, 1.0, 0.0]))
        for t in turn
    ]
    positions = np.stack(rows)
    return _cloth(wearer, positions, _grid(len(rows)), girth=75.0, layer=COLLAR)


def _shirt_collar(wearer: _Wearer) -> AttachedMesh:
    """A band around the neck that folds over into two leaves with points at the front."""
    azimuth = _azimuths()
    front = np.clip(1.0 - np.abs(azimuth) / 0.85, 0.0, 1.0)  # 1 at the opening
    stand = 24.0 - 14.0 * front**1.5
    leaf = 40.0 + 24.0 * front
    s = np.full(NUM_COLUMNS, 0.04)
    foot = wearer.torso.surface(azimuth, s)
    out = wearer.torso.normals(azimuth, np.full(NUM_COLUMNS, 0.02))
    out[:, 1] = 0.0
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    up = np.array([0.0, 1.0, 0.0])
    gap = 4.0 + 2.0 * np.cos(azimuth)
    inner_foot = foot + out * (gap * 0.6)[:, None]
    top = foot + out * gap[:, None] + up * stand[:, None]
    fold = top + out * 2.5 - up * 0.5
    # The leaf lies down on the shoulder and, in front, points outward from the opening.
    under = 0.13 + 0.08 * np.abs(np.sin(azimuth)) + 0.24 * front
    rest_on = wearer.torso.surface(azimuth, under) + wearer.torso.normals(azimuth, under) * 6.0
    reach = np.linalg.norm(rest_on - fold, axis=1)
    tip = fold + (rest_on - fold) * (leaf / reach)[:, None]
    tip = np.where((leaf < reach)[:, None], tip, rest_on)
    away = np.sign(azimuth) * front**2
    tip[:, 0] += 14.0 * away
    rows = []
    for t in np.linspace(0.0, 1.0, 5):
        rows.append((1 - t) * inner_foot + t * top)
    for t in np.linspace(0.0, 1.0, 7):
        bulge = 2.0 * np.sin(np.pi * t)
        rows.append((1 - t) * fold + t * tip + out * bulge)
    positions = np.stack(rows)
    # The two ends stand apart at the front.
    spread = 9.0 * np.exp(-((azimuth / 0.22) ** 2))
    positions[..., 0] += np.where(azimuth >= 0.0, 1.0, -1.0) * spread
    faces = _grid(len(rows))
    column = faces % NUM_COLUMNS
    middle = NUM_COLUMNS // 2
    crosses = (column == middle).any(axis=1) & (column == middle - 1).any(axis=1)
    return _cloth(wearer, positions, faces[~crosses], girth=70.0, layer=COLLAR)


def _neck_tube(template: Template, wearer: _Wearer, traits: ClothingTraits) -> AttachedMesh:
    """The rolled collar: up along the neck inside, over, and down again outside."""
    azimuth = _azimuths()
    rim, _, _ = wearer.torso.rim(azimuth)
    neck = wearer.skin[neck_band_vertices(template)]
    height = 24.0 + 10.0 * traits.looseness
    rows = []
    profile = [
        *((t, 2.0 + 1.0 * t) for t in np.linspace(0.0, 1.0, 5)),
        (1.07, 5.0),
        (1.04, 8.0),
        *((1.0 - 0.92 * t, 9.0 + 3.0 * np.sin(np.pi * t) + 2.0 * t) for t in np.linspace(0, 1, 6)),
        (0.06, 8.0),
        (-0.25, 7.0),  # under the garment's edge
    ]
    for share, gap in profile:
        level = rim[:, 1] + share * height * (1.0 - 0.12 * np.cos(azimuth))
        radius = _neck_radius(neck, azimuth, level)
        radius = radius + gap
        rows.append(
            np.stack(
                [radius * np.sin(azimuth), level - 3.0, AXIS_Z + radius * np.cos(azimuth)], axis=1
            )
        )
    positions = np.stack(rows)
    wobble = fbm(positions.reshape(-1, 3) * (1.0, 1.6, 1.0), 24.0, 17, octaves=2)
    outward = positions - np.array([0.0, 0.0, AXIS_Z])
    outward[..., 1] = 0.0
    outward /= np.linalg.norm(outward, axis=-1, keepdims=True)
    positions = positions + 0.8 * wobble.reshape(len(rows), NUM_COLUMNS, 1) * outward
    return _cloth(wearer, positions, _grid(len(rows)), girth=65.0, layer=COLLAR)


def neck_band_vertices(template: Template) -> np.ndarray:
    """Skin vertices of the neck from its rim up to the jaw."""
    rest = template.vertices[: template.num_skin]
    slant = rest[:, 1] + 0.141 * (rest[:, 2] - 44.0)
    return np.flatnonzero((slant < -84.0) & (rest[:, 2] < 62.0))


def _neck_radius(neck: np.ndarray, azimuth: np.ndarray, level: np.ndarray) -> np.ndarray:
    """Distance of the neck's skin from the axis at azimuths and heights: a weighted mean."""
    angle = np.arctan2(neck[:, 0], neck[:, 2] - AXIS_Z)
    radius = np.hypot(neck[:, 0], neck[:, 2] - AXIS_Z)
    turn = np.angle(np.exp(1j * (azimuth[:, None] - angle)))
    weight = np.exp(-((turn / 0.16) ** 2) - ((level[:, None] - neck[:, 1]) / 9.0) ** 2) + 1e-12
    return (weight * radius).sum(axis=1) / weight.sum(axis=1)
