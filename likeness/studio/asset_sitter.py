"""A head model as a sitter: photographs of any HeadAsset, painted with a studio surface.

Owns how a foreign head finds its paint: it is laid over the studio's template by its 68 landmarks,
and every skin vertex takes the coordinates of the nearest point there. Features painted by position
land on their anatomy as well as the two heads agree; the head has no hair and no clothes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from likeness.errors import DataError
from likeness.geometry.closest_point import SurfaceTree
from likeness.geometry.easing import smoothstep
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_numpy import PosedHead, pose_head, rotation_matrix
from likeness.studio import landmark_points, surface
from likeness.studio.appearance import Appearance
from likeness.studio.asset_tongue import find_tongue
from likeness.studio.attached import fit_rotation
from likeness.studio.expressions import ARKIT_NAMES, EYE_DIRECTIONS, INDEX, eye_rotations
from likeness.studio.figure import Anchors, Figure, HeadPose, Surface
from likeness.studio.mouth import middle_of_crown
from likeness.studio.normals import vertex_normals
from likeness.studio.part_tables import LABELS
from likeness.studio.pigments import skin_tone
from likeness.studio.shading import EYE, SKIN, WET
from likeness.studio.surface_points import GUM, SurfacePoints, SurfaceValues
from likeness.studio.template import PARTS, SIDES, build_template

_HIDDEN = ("eye_socket_left", "eye_socket_right", "lacrimal_left", "lacrimal_right")
"""Parts of some head models that only fill holes; drawn they cover the eyes."""

_WET_MASKS = {
    "mouth_socket": "mouth_lining",
    "mouth_lining": "mouth_lining",
    "gums_tongue": "tongue",
    "tongue": "tongue",
    "teeth": "teeth_upper",
}
_INSIDE_MOUTH = (*(PARTS.index(name) for name in (*_WET_MASKS.values(), "teeth_lower")), GUM)
_LIT_MOUTH = 5.0
"""Gap between the lips in mm from which the mouth is lit as the light finds it."""
_TEETH = [PARTS.index(name) for name in ("teeth_upper", "teeth_lower")]
_FRONT_TEETH, _BACK_TEETH = 99.0, 70.0
"""mm of the template toward the viewer where teeth begin to get darker, before the canines, and
where they are darkest, behind the first molars."""
_BACK_LIGHT = np.array([0.52, 0.38, 0.33])
"""Share of the light there, linear RGB: what comes so far has met the red of the mouth. The cheeks
of studio people lie on their molars. Those of scanned heads stand off them, and teeth that shine as
far back as in front look like crooked ones between the lips."""
_NOBODY = np.zeros(0, np.int64)
_LIDS = {"Right": ((37, 41), (38, 40)), "Left": ((43, 47), (44, 46))}
"""Landmarks of the upper and the lower lid one above the other."""
_MOST_BLINK = 1.5
"""Weight up to which a blink is carried on to close an eye. Shapes of a head model are made on its
mean face, and on wider eyes stop short."""
_LID_OVERLAP = 0.0004
"""Metres by which landmarks of closed lids pass each other: the margins lie between them."""
_LID_REACH, _MOST_RETREAT = 0.024, 0.004
"""Metres around an eyeball's middle in which skin is lid, and the most a ball is set back."""
_BEHIND_LIDS = 0.0003
"""Metres from an eyeball to the lids that are closed over it."""
_LIP_HEIGHT, _WIDEST_CROWN = -33.5, 15.0
"""mm of the template: where its lips meet, and across what is one tooth."""
_OPEN_EYE = 6.0
"""Distance in mm below the upper lid that shades no eyeball."""


class AssetSitter:
    """A head model with a shape and a surface."""

    def __init__(
        self, asset: HeadAsset, appearance: Appearance, shape: Sequence[float] = ()
    ) -> None:
        """Lays the head over the template.

        Args:
            asset: a head in metres with 68 landmarks.
            appearance: how it is painted; hair is shorn to its shadow, clothes are left out.
            shape: identity coefficients, as many as wanted.

        Raises:
            DataError: the asset has no landmarks to find its features by.
        """
        if asset.landmarks68 is None:
            raise DataError(
                f"The head '{asset.name}' has no 68 landmarks, so its features cannot be painted.",
                advice="Load it together with its landmark embedding.",
            )
        self.asset = asset
        bare = appearance.hair.style == "bald"
        hair = replace(appearance.hair, style="bald" if bare else "buzz")
        self.appearance = replace(appearance, hair=hair)
        self.skin_tone = skin_tone(appearance.skin.melanin)
        self.shape = np.asarray(shape, np.float64)
        self._columns = arkit_columns(asset)
        self.surface = _surface_of(asset)
        self._blinks = self._closings()
        self._retreats = self._ball_retreats()

    def anchors(self, pose: HeadPose) -> Anchors:
        """See ``figure.Sitter.anchors``."""
        posed = pose_head(self.asset, {"shape": self.shape, **self._turns(pose)})
        head = rotation_matrix(np.array(pose.root)) @ rotation_matrix(np.array(pose.neck))
        names = self.asset.joint_names
        centers = np.stack([posed.joints[names.index(f"{side}_eye")] for side in SIDES])
        assert posed.landmarks68 is not None  # checked when the sitter was made
        return Anchors(posed.landmarks68, centers, head)

    def pose(self, weights: ArrayLike, pose: HeadPose, tongue: ArrayLike | None = None) -> Figure:
        """See ``figure.Sitter.pose``. Shapes the head model does not have are left out, those of
        the tongue with them."""
        values = np.array(weights, np.float64)
        for blink, weight in self._blinks.items():
            values[blink] *= weight
        eyes = eye_rotations(values)
        posed = pose_head(
            self.asset,
            {
                "shape": self.shape,
                "expression": self._columns @ values,
                "left_eye": eyes[0],
                "right_eye": eyes[1],
                **self._turns(pose),
            },
        )
        root = rotation_matrix(np.array(pose.root))
        head = root @ rotation_matrix(np.array(pose.neck))
        vertices = posed.vertices.astype(np.float32)
        for side, retreat in self._retreats.items():
            vertices[self._ball(side)] -= np.float32(retreat) * head[:, 2].astype(np.float32)
        normals = np.zeros_like(vertices)
        vertex_normals(vertices, self.asset.faces, normals)
        turned = [head @ rotation_matrix(vector) for vector in eyes]
        return Figure(
            surface=self.surface,
            vertices=vertices,
            normals=normals,
            tangents=np.zeros_like(vertices),
            lid_distance=self._lid_distance(np.asarray(posed.landmarks68)),
            rotations=np.stack([head, *turned, root]).astype(np.float32),
            landmarks68=np.asarray(posed.landmarks68, np.float64),
            eyes=eyes,
            weights=values,
            pose=pose,
        )

    def paint(self, points: SurfacePoints, weights: NDArray[np.float64]) -> SurfaceValues:
        """See ``figure.Sitter.paint``."""
        values = surface.evaluate(self.appearance, points, weights)
        # Ambient light is known per vertex and for gaps of centimetres; a slit lets hardly any in.
        inside = np.isin(points.part, _INSIDE_MOUTH)
        light = np.clip(points.lid_distance[inside] / _LIT_MOUTH, 0.0, 1.0) ** 2
        values.albedo[inside] *= light[:, None]
        values.specular[inside] *= light
        values.occlusion[inside] *= light
        teeth = np.isin(points.part, _TEETH)
        share = smoothstep(-_FRONT_TEETH, -_BACK_TEETH, -points.rest[teeth, 2])[:, None]
        values.albedo[teeth] *= 1.0 - share * (1.0 - _BACK_LIGHT)
        values.specular[teeth] *= 1.0 - share[:, 0] * (1.0 - _BACK_LIGHT[0])
        return values

    def _lid_distance(self, landmarks: NDArray[np.float64]) -> NDArray[np.float32]:
        """What ``SurfacePoints`` wants to know of eyes; for the inside of the mouth the gap between
        the lips, mm: many models are at rest with their lips a little apart."""
        gap = 1000.0 * np.linalg.norm(landmarks[62] - landmarks[66])
        inside = np.isin(self.surface.part, _INSIDE_MOUTH)
        return np.where(inside, gap, _OPEN_EYE).astype(np.float32)

    def _closings(self) -> dict[int, float]:
        """Weights, 1 or more, at which the blinks of this shape bring the lids together."""
        both = {INDEX[f"eyeBlink{side}"]: 1.0 for side in _LIDS}
        open_points, closed_points = (self._posed(w).landmarks68 for w in ({}, both))
        assert open_points is not None  # checked when the sitter was made
        assert closed_points is not None
        for side, pairs in _LIDS.items():
            upper, lower = np.array(pairs).T
            opened, closed = (
                float((points[upper, 1] - points[lower, 1]).mean())
                for points in (open_points, closed_points)
            )
            if opened > closed:  # else the head has no blink
                weight = (opened + _LID_OVERLAP) / (opened - closed)
                both[INDEX[f"eyeBlink{side}"]] = float(np.clip(weight, 1.0, _MOST_BLINK))
        return both

    def _posed(self, weights: Mapping[int, float]) -> PosedHead:
        """The head of this shape, looking straight ahead, with ARKit weights by their numbers."""
        values = np.zeros(len(ARKIT_NAMES))
        for number, weight in weights.items():
            values[number] = weight
        return pose_head(self.asset, {"shape": self.shape, "expression": self._columns @ values})

    def _ball(self, side: str) -> NDArray[np.int64]:
        return self.asset.masks.get(f"{side}_eyeball", _NOBODY)

    def _ball_retreats(self) -> dict[str, float]:
        """Metres each eyeball is set back, so that it is not seen through closed lids.

        Identity columns move the balls and the lids of some models each by a rule of its own.
        """
        closed = self._posed(self._blinks).vertices
        corners = closed[self.surface.faces[self.surface.part[self.surface.faces[:, 0]] == 0]]
        retreats = {}
        for side in SIDES:
            ball = closed[self._ball(side)]
            if len(ball) == 0:
                continue
            middle, front = ball.mean(axis=0), ball[ball[:, 2] > ball[:, 2].mean()]
            near = np.linalg.norm(corners - middle, axis=2).min(axis=1) < _LID_REACH
            near &= corners[..., 2].min(axis=1) > middle[2]
            out = (front[:, 2] - _foremost(corners[near], front[:, :2])).max()
            retreats[side] = float(np.clip(out + _BEHIND_LIDS, 0.0, _MOST_RETREAT))
        return retreats

    def _turns(self, pose: HeadPose) -> Mapping[str, NDArray[np.float64]]:
        return {"root": np.array(pose.root), "neck": np.array(pose.neck)}


def arkit_columns(asset: HeadAsset) -> NDArray[np.float64]:
    """(expression columns, 52) which columns each ARKit weight drives.

    Names with ``_L`` and ``_R`` are Left and Right; of a symmetric shape stored as two halves both
    follow. Where the head's own pose correctives move the lids, the eyes' directions drive nothing.
    """
    columns = np.zeros((asset.num_expression, len(ARKIT_NAMES)))
    for number, name in enumerate(asset.expression_names):
        stem, side = name, ""
        if name.endswith(("_L", "_R")):
            stem, side = name[:-2], "Left" if name.endswith("L") else "Right"
        for candidate in (stem + side, stem):
            if candidate in INDEX:
                columns[number, INDEX[candidate]] = 1.0
                break
    eyes = [asset.joint_names.index(f"{side}_eye") for side in SIDES]
    entries = np.concatenate([np.arange(9 * (joint - 1), 9 * joint) for joint in eyes])
    if np.any(asset.pose_basis[:, :, entries]):
        columns[:, EYE_DIRECTIONS] = 0.0
    return columns


def _surface_of(asset: HeadAsset) -> Surface:
    template = build_template()
    points = np.asarray(asset.template, np.float64)
    fixed = landmark_points.landmarks68(template)
    target = np.einsum(
        "nk,nkc->nc", fixed.barycentric, template.vertices[template.skin_faces[fixed.triangles]]
    )
    assert asset.landmarks68 is not None  # checked by the sitter
    source = asset.landmarks68.points(points, asset.faces)
    rotation = fit_rotation(source, target)
    turned = (source - source.mean(0)) @ rotation.T
    centered = target - target.mean(0)
    scale = float((turned * centered).sum() / (turned * turned).sum())
    laid = scale * (points - source.mean(0)) @ rotation.T + target.mean(0)

    nearest = SurfaceTree(template.vertices, template.skin_faces).nearest(laid)
    corners = template.skin_faces[nearest.triangles]

    def carried(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.einsum("nk,nk->n", nearest.barycentric, values[corners])

    rest = nearest.points.copy()
    part = np.zeros(len(points), np.uint8)
    material = np.full(len(points), SKIN, np.uint8)
    frame = np.zeros(len(points), np.uint8)
    for mask, name in _WET_MASKS.items():
        ids = asset.masks.get(mask, _NOBODY)
        rest[ids], part[ids], material[ids] = laid[ids], PARTS.index(name), WET
    tongue = find_tongue(asset)
    if tongue is not None:  # of a part with the gums
        gums = np.setdiff1d(asset.masks["gums_tongue"], tongue.vertices[: tongue.num_own])
        part[gums] = GUM
    _lay_teeth(asset, rest, part)
    for number, side in enumerate(SIDES):
        ids = asset.masks.get(f"{side}_eyeball", _NOBODY)
        if len(ids):
            center, radius = _ball_of(laid[ids])
            shrink = template.eye_radius / radius
            rest[ids] = (laid[ids] - center) * shrink + template.eye_centers[number]
            part[ids], material[ids] = PARTS.index(f"eyeball_{side}"), EYE
            frame[ids] = 1 + number
    on_skin = part == 0
    neck = np.zeros(len(points), np.float32)
    neck[asset.masks.get("neck", _NOBODY)] = 1.0

    hidden = np.zeros(len(points), bool)
    for mask in _HIDDEN:
        hidden[asset.masks.get(mask, _NOBODY)] = True
    faces = np.ascontiguousarray(asset.faces[~hidden[asset.faces].any(axis=1)], np.int32)
    return Surface(
        num_head=len(points),
        faces=faces,
        shadow_faces=faces,
        segments=np.zeros(0, np.int32),
        lenses=np.zeros((0, 3), np.int32),
        lens_tint=(1.0, 1.0, 1.0),
        blocking=np.arange(len(points)),
        occluders=faces,
        rest=rest.astype(np.float32),
        part=part,
        mouth_ring=np.where(on_skin, carried(template.mouth_ring), 4.0).astype(np.float32),
        eye_ring=np.where(on_skin, carried(template.eye_ring), 4.0).astype(np.float32),
        ear=np.where(on_skin, carried(template.ear), 0.0).astype(np.float32),
        layer=np.zeros(len(points), np.float32),
        material=material,
        label=np.full(len(points), LABELS.index("skin"), np.uint8),
        neck=neck,
        frame=frame,
    )


def _lay_teeth(asset: HeadAsset, rest: NDArray[np.float64], part: NDArray[np.uint8]) -> None:
    """Gives each piece of the teeth its row, in place: those whose middle is below the lips are of
    the lower one.

    A crown that is a piece of its own is painted as the middle of one of the studio's: gaps between
    those would run across it.
    """
    ids = asset.masks.get("teeth", _NOBODY)
    here = np.full(len(rest), -1)
    here[ids] = np.arange(len(ids))
    faces = here[asset.faces[(here[asset.faces] >= 0).all(axis=1)]]
    edges = np.concatenate([faces[:, :2], faces[:, 1:]])
    graph = coo_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(ids),) * 2)
    pieces, of = connected_components(graph, directed=False)
    for piece in range(pieces):
        chosen = ids[of == piece]
        middle = rest[chosen].mean(axis=0)
        upper = bool(middle[1] > _LIP_HEIGHT)
        part[chosen] = PARTS.index("teeth_upper" if upper else "teeth_lower")
        if np.ptp(rest[chosen, 0]) < _WIDEST_CROWN:
            rest[chosen, 0], rest[chosen, 2] = middle_of_crown(middle, upper=upper)


def _foremost(corners: NDArray[np.float64], places: NDArray[np.float64]) -> NDArray[np.float64]:
    """Largest z (N,) of triangles (F, 3, 3) over places (N, 2); infinite where there is none."""
    first, edges = corners[:, 0], corners[:, 1:] - corners[:, :1]
    flat = np.abs(np.linalg.det(edges[..., :2])) > 1e-12
    first, edges = first[flat], edges[flat]
    to_shares = np.linalg.inv(edges[..., :2])
    shares = np.einsum("nfc,fcs->nfs", places[:, None] - first[:, :2], to_shares)
    over = (shares >= 0.0).all(-1) & (shares.sum(-1) <= 1.0)
    height = np.where(over, first[:, 2] + (shares * edges[..., 2]).sum(-1), -np.inf).max(axis=1)
    return np.where(np.isfinite(height), height, np.inf)


def _ball_of(points: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Centre and radius of the sphere through an eyeball's points, the cornea left out."""
    chosen = np.ones(len(points), bool)
    for _ in range(2):
        # |p|^2 = 2 c.p + (r^2 - |c|^2) is linear in what is sought.
        there = points[chosen]
        system = np.concatenate([2.0 * there, np.ones((len(there), 1))], axis=1)
        solution = np.linalg.lstsq(system, (there**2).sum(axis=1), rcond=None)[0]
        center = solution[:3]
        radius = float(np.sqrt(solution[3] + center @ center))
        chosen = points[:, 2] < center[2] + 0.7 * radius
    return center, radius
