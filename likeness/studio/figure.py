"""A person ready to be photographed: every mesh in one, then posed.

Owns what stays the same between photographs of one person (:class:`Sitter`) and one pose of it
(:class:`Figure`): expression, turn of body and head, hair and clothes that follow, normals, where
the landmarks are. It knows no camera and no light.

A sitter is anything with this interface; :mod:`likeness.studio.asset_sitter` makes one of a
:class:`likeness.geometry.head_asset.HeadAsset`.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from likeness.geometry.head_numpy import contour_row, rotation_matrix
from likeness.studio import (
    armholes,
    eyes,
    glasses,
    hair,
    landmark_points,
    masks,
    rig,
    surface,
)
from likeness.studio.appearance import Appearance
from likeness.studio.attached import AttachedMesh
from likeness.studio.colours import Colour
from likeness.studio.deform import apply_fitted, clamp_weights
from likeness.studio.drape import Drape
from likeness.studio.expressions import eye_rotations
from likeness.studio.eyelids import eye_center
from likeness.studio.normals import strand_tangents, vertex_normals
from likeness.studio.part_tables import LABELS, part_tables
from likeness.studio.person import Person
from likeness.studio.pigments import skin_tone
from likeness.studio.reach import fit_weights
from likeness.studio.surface_points import (
    BEARD,
    BODY,
    CLOTH,
    HAIR,
    HAIR_CAP,
    LASH,
    LENS,
    SurfacePoints,
    SurfaceValues,
)
from likeness.studio.template import PARTS, SIDES, Detail, Template, build_template
from likeness.studio.torso import Build
from likeness.studio.traits import is_dark

_METRES = 0.001
_LOWEST_OCCLUDER = 300.0
"""mm below the middle of the head."""


@dataclass(frozen=True)
class HeadPose:
    """Turn of body and head as axis-angle vectors, radians, in the picture's axes."""

    root: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Turns everything about the base of the neck."""
    neck: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Turns the head against the shoulders."""


@dataclass(frozen=True, eq=False)
class Surface:
    """What does not move: triangles and the attributes of vertices."""

    num_head: int
    """Vertices of the bare head, which are the first."""
    faces: NDArray[np.int32]
    """(F, 3) of the solid surfaces, the bare head's first."""
    shadow_faces: NDArray[np.int32]
    """(F + H, 3) the same and the ribbons of strands."""
    segments: NDArray[np.int32]
    """(S,) first vertex of every segment of a strand; see ``strand_samples``."""
    lenses: NDArray[np.int32]
    """(L, 3) triangles of glasses, which are laid over the picture of all the rest."""
    lens_tint: tuple[float, float, float]
    """Share of the light they let pass, linear RGB."""
    blocking: NDArray[np.int64]
    """(B,) vertices of what blocks ambient light: the head in its coarsest form, clothes and the
    inside of the hair."""
    occluders: NDArray[np.int32]
    """(G, 3) its triangles, numbers into ``blocking``."""
    rest: NDArray[np.float32]
    """(V, 3) where the surface is painted; see ``SurfacePoints``."""
    part: NDArray[np.uint8]
    mouth_ring: NDArray[np.float32]
    eye_ring: NDArray[np.float32]
    ear: NDArray[np.float32]
    layer: NDArray[np.float32]
    material: NDArray[np.uint8]
    """(V,) of ``shading``."""
    label: NDArray[np.uint8]
    """(V,) position in ``LABELS``, the same over a triangle; where skin becomes neck is told by
    ``neck``."""
    neck: NDArray[np.float32]
    """(V,) share of a neck in the skin, 0..1; the border is where it is a half."""
    frame: NDArray[np.uint8]
    """(V,) row of ``Figure.rotations`` that turns the rest frame to the posed one."""

    @functools.cached_property
    def places(self) -> NDArray[np.float32]:
        """(num_solid, 4) mouth ring, eye ring, ear and layer side by side, as they are read."""
        columns = (self.mouth_ring, self.eye_ring, self.ear, self.layer)
        return np.stack([column[: self.num_solid] for column in columns], axis=1)

    @functools.cached_property
    def num_head_faces(self) -> int:
        """Triangles of the bare head, which are the first."""
        return int(np.count_nonzero(self.faces[:, 0] < self.num_head))

    @functools.cached_property
    def num_solid(self) -> int:
        """Vertices up to the last one of a triangle or a lens. After them are strands alone, which
        are most of all vertices."""
        return 1 + int(max(self.faces.max(), self.lenses.max(initial=0)))


@dataclass(frozen=True, eq=False)
class Figure:
    """A posed sitter in metres and the picture's axes, not yet before a camera."""

    surface: Surface
    vertices: NDArray[np.float32]
    """(V, 3)"""
    normals: NDArray[np.float32]
    """(V, 3) unit"""
    tangents: NDArray[np.float32]
    """(V, 3) unit, along strands; zero elsewhere"""
    lid_distance: NDArray[np.float32]
    """(V,) mm; see ``SurfacePoints``"""
    rotations: NDArray[np.float32]
    """(4, 3, 3) from the rest frame to the posed: head, left eye, right eye, body"""
    landmarks68: NDArray[np.float64]
    """(68, 3)"""
    eyes: NDArray[np.float64]
    """(2, 3) axis-angle of the eyes against the head, left and right"""
    weights: NDArray[np.float64]
    """(52,) expression weights as applied: clamped, and with what they bring along, such as the
    open jaw a tongue needs"""
    pose: HeadPose


@dataclass(frozen=True, eq=False)
class Anchors:
    """The few points of a figure that tell where the camera and the eyes are."""

    landmarks68: NDArray[np.float64]
    """(68, 3) of the face at rest"""
    eye_centers: NDArray[np.float64]
    """(2, 3) left, right"""
    head: NDArray[np.float64]
    """(3, 3) rotation of the head"""


class Sitter(Protocol):
    """Someone who can be posed and painted."""

    surface: Surface
    appearance: Appearance
    skin_tone: Colour
    """Linear RGB albedo of plain skin"""

    def anchors(self, pose: HeadPose) -> Anchors:
        """Where the face is in a pose, at rest."""
        ...

    def pose(self, weights: ArrayLike, pose: HeadPose, tongue: ArrayLike | None = None) -> Figure:
        """The sitter with an expression and a turn of the head.

        Args:
            weights: (52,) in the order of ``expressions.ARKIT_NAMES``.
            pose: turn of body and head.
            tongue: (16,) in the order of ``tongue.TONGUE_NAMES``, for heads that have one.
        """
        ...

    def paint(self, points: SurfacePoints, weights: NDArray[np.float64]) -> SurfaceValues:
        """What the sitter looks like at points."""
        ...


class PersonSitter:
    """A studio person: built once (about half a second), posed many times."""

    def __init__(
        self, person: Person, detail: Detail = "standard", strands: Detail | None = None
    ) -> None:
        """Builds a person.

        Args:
            person: who.
            detail: of the head.
            strands: how many hairs, as :func:`.hair.build` says; as fine as the head without it.
        """
        self.person, self.appearance = person, person.appearance
        self.skin_tone = skin_tone(person.appearance.skin.melanin)
        self.template = build_template(detail)
        self.rest = np.asarray(person.rest_vertices(self.template))
        self.joints = rig.joint_regressor(self.template) @ self.rest
        body = Build(person.sex, person.bmi)
        self._attached = [
            *armholes.dressed(person.appearance, self.template, self.rest, body),
            hair.build(person.appearance, self.template, self.rest, strands or detail),
        ]
        worn, grown = self._attached[0], self._attached[-1]
        if person.appearance.glasses.kind != "none":
            skull = hair.skull_vertices(self.template)
            before = glasses.build(person.appearance, self.template, self.rest, skull)
            self._attached.insert(1, before)
        self._drape = Drape(worn.place(self.rest)[0])
        self._strands = _runs(np.isin(grown.part, (HAIR, BEARD)))
        self._strand_roots = grown.rest[:, 1] == 0.0
        self._root_share = rig.skinning_weights(self.template)[:, rig.ROOT]
        tint = person.appearance.glasses.tint
        self.surface = _surface_of(self.template, self._attached, tint)

    def pose(self, weights: ArrayLike, pose: HeadPose, tongue: ArrayLike | None = None) -> Figure:
        """See :meth:`Sitter.pose`."""
        template = self.template
        values = clamp_weights(weights)
        fitted = fit_weights(template, self.rest, values)
        shaped = apply_fitted(template, self.rest, fitted, tongue)
        head, on_neck = self._turn_head(pose, shaped)
        root, joint_root = rotation_matrix(np.array(pose.root)), self.joints[rig.ROOT]
        on_root = (shaped - joint_root) @ root.T + joint_root
        posed = on_neck + self._root_share[:, None] * (on_root - on_neck)

        placed = [mesh.place(posed) for mesh in self._attached]
        # Hair turns with the head, cloth with the shoulders.
        strands, layer = placed[-1][0], self._attached[-1].layer
        for run in self._strands:
            roots = self._strand_roots[run]
            strands[run] = self._drape.lay(strands[run], layer[run], roots, root, joint_root)
        vertices = np.concatenate([posed, *(points for points, _ in placed)], dtype=np.float32)
        normals = np.zeros_like(vertices)
        vertex_normals(vertices, template.faces, normals)
        np.concatenate([found for _, found in placed], out=normals[template.num_vertices :])
        tangents = np.zeros_like(vertices)
        strand_tangents(vertices, self.surface.segments, tangents)
        lid_distance = np.zeros(len(vertices), np.float32)
        for side, sign in zip(SIDES, (1, -1)):
            ball = template.part_ranges[f"eyeball_{side}"]
            margin = posed[template.eye_loops[side]]
            lid_distance[ball] = eyes.lid_distance(posed[ball], margin, sign)
        turned_eyes = [head @ rotation_matrix(vector) for vector in eye_rotations(values)]
        return Figure(
            surface=self.surface,
            vertices=vertices * np.float32(_METRES),
            normals=normals,
            tangents=tangents,
            lid_distance=lid_distance,
            rotations=np.stack([head, *turned_eyes, root]).astype(np.float32),
            landmarks68=self._landmarks(posed, yaw_degrees(head)) * _METRES,
            eyes=eye_rotations(values),
            weights=fitted,  # what a linear head needs to make this shape
            pose=pose,
        )

    def _turn_head(
        self, pose: HeadPose, points: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The head's rotation, and points that follow it wholly."""
        root = rotation_matrix(np.array(pose.root))
        head = root @ rotation_matrix(np.array(pose.neck))
        joint_root, joint_neck = self.joints[rig.ROOT], self.joints[rig.NECK]
        neck_at = root @ (joint_neck - joint_root) + joint_root
        return head, (points - joint_neck) @ head.T + neck_at

    def anchors(self, pose: HeadPose) -> Anchors:
        """See :meth:`Sitter.anchors`."""
        centers = np.stack([eye_center(self.template, self.rest, side) for side in SIDES])
        head, turned = self._turn_head(
            pose, np.concatenate([self._landmarks(self.rest, 0.0), centers])
        )
        turned *= _METRES
        return Anchors(turned[:68], turned[68:], head)

    def paint(self, points: SurfacePoints, weights: NDArray[np.float64]) -> SurfaceValues:
        """See :meth:`Sitter.paint`."""
        return surface.evaluate(self.person.appearance, points, weights)

    def _landmarks(self, posed: NDArray[np.float64], yaw: float) -> NDArray[np.float64]:
        fixed, sliding = _landmark_embedding(self.template)
        row = contour_row(yaw)
        triangles = np.concatenate([sliding.triangles[row], fixed.triangles[17:]])
        weights = np.concatenate([sliding.barycentric[row], fixed.barycentric[17:]])
        return np.einsum("nk,nkc->nc", weights, posed[self.template.faces[triangles]])


@functools.lru_cache(maxsize=4)
def _landmark_embedding(
    template: Template,
) -> tuple[landmark_points.SurfacePosition, landmark_points.SurfacePosition]:
    return landmark_points.landmarks68(template), landmark_points.contour(template)


def yaw_degrees(head: NDArray[np.float64]) -> float:
    """Turn of a head's rotation (3, 3) toward the picture's right, whatever its nod and tilt."""
    return float(np.degrees(np.arctan2(-head[2, 0], np.hypot(head[0, 0], head[1, 0]))))


def _runs(mask: NDArray[np.bool_]) -> list[slice]:
    """Where a mask is true, as slices, which are taken out without a copy."""
    edges = np.flatnonzero(np.diff(mask, prepend=False, append=False))
    return [slice(first, last) for first, last in edges.reshape(-1, 2).tolist()]


def _surface_of(
    template: Template, attached: list[AttachedMesh], lens_tint: tuple[float, float, float]
) -> Surface:
    """The head and all that is attached to it, clothes first, as one mesh; strands last."""
    head = template.num_vertices
    starts = np.cumsum([head, *(len(mesh.part) for mesh in attached)])
    part = np.concatenate([template.part, *(mesh.part for mesh in attached)]).astype(np.uint8)
    faces = np.concatenate(
        [template.faces, *(mesh.faces + start for mesh, start in zip(attached, starts))]
    ).astype(np.int32)
    lens = part[faces[:, 0]] == LENS
    lenses, faces = faces[lens], faces[~lens]
    strand = np.isin(part, (HAIR, BEARD, LASH))[faces[:, 0]]
    shadow_faces = np.concatenate([faces[~strand], faces[strand]])
    if is_dark(lens_tint):
        shadow_faces = np.concatenate([lenses, shadow_faces])
    # Of the two triangles of a segment the first is (a, a + 2, a + 3).
    segments = faces[strand & (faces[:, 1] == faces[:, 0] + 2), 0]
    faces = faces[~strand]
    occluders = _occluders(template, faces, part, attached)
    blocks = np.zeros(int(starts[-1]), bool)
    blocks[occluders] = True
    blocking = np.flatnonzero(blocks)
    number = np.cumsum(blocks, dtype=np.int32) - np.int32(1)
    added = int(starts[-1]) - head

    def padded(values: NDArray[np.float64], fill: float) -> NDArray[np.float32]:
        return np.concatenate([values, np.full(added, fill)]).astype(np.float32)

    material, label, frame = part_tables()
    labels = label[part]
    # Bare skin above a neckline is neck, as sets of parsed faces have it: the neck then ends where
    # a picture shows cloth, and not at the rim of the head's mesh, which no picture shows.
    worn = slice(head, int(starts[1]))
    labels[worn][part[worn] == BODY] = LABELS.index("neck")
    neck = np.zeros(head)
    neck[: template.num_skin] = masks.neck_share(template)
    return Surface(
        num_head=head,
        faces=faces,
        shadow_faces=shadow_faces,
        segments=segments,
        lenses=lenses,
        lens_tint=lens_tint,
        blocking=blocking,
        occluders=number[occluders],
        rest=np.concatenate([template.vertices, *(mesh.rest for mesh in attached)]).astype(
            np.float32
        ),
        part=part,
        mouth_ring=padded(template.mouth_ring, 4.0),
        eye_ring=padded(template.eye_ring, 4.0),
        ear=padded(template.ear, 0.0),
        layer=np.concatenate([np.zeros(head), *(mesh.layer for mesh in attached)]).astype(
            np.float32
        ),
        material=material[part],
        label=labels,
        neck=padded(neck, 0.0),
        frame=frame[part],
    )


def _occluders(
    template: Template,
    faces: NDArray[np.int32],
    part: NDArray[np.uint8],
    attached: list[AttachedMesh],
) -> NDArray[np.int32]:
    """Triangles that block ambient light. The skin's are the coarsest detail's: its vertices are
    the first of every detail, in the same places. What hangs below the chest blocks none of a
    head's."""
    height = np.concatenate(
        [
            np.zeros(template.num_vertices),
            *(np.where(mesh.part == CLOTH, mesh.rest[:, 2], mesh.rest[:, 1]) for mesh in attached),
        ]
    )
    first = faces[:, 0]
    solid = np.isin(part[first], (PARTS.index("mouth_lining"), HAIR_CAP))
    solid |= np.isin(part[first], (CLOTH, BODY)) & (height[first] > -_LOWEST_OCCLUDER)
    return np.concatenate([build_template("low").skin_faces, faces[solid]])
