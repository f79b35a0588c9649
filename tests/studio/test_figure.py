"""Figures: the same head as the head model's, hair and clothes that follow, sound attributes."""

from __future__ import annotations

import numpy as np
import pytest

from likeness.geometry.head_numpy import pose_head
from likeness.geometry.mesh import vertex_normals
from likeness.studio.anatomy import assemble
from likeness.studio.expressions import (
    ARKIT_NAMES,
    EYE_DIRECTIONS,
    INDEX,
    build_expressions,
    eye_rotations,
)
from likeness.studio.figure import HeadPose, PersonSitter
from likeness.studio.person import Person
from likeness.studio.scene import turn_head
from likeness.studio.shape_space import ShapeSpace
from likeness.studio.surface_points import CLOTH, HAIR
from likeness.studio.template import PARTS


@pytest.fixture(scope="module")
def sitter() -> PersonSitter:
    return PersonSitter(Person.sample(32))


def _weights(**values: float) -> np.ndarray:
    weights = np.zeros(len(ARKIT_NAMES))
    for name, value in values.items():
        weights[INDEX[name]] = value
    return weights


@pytest.mark.parametrize(
    "weights",
    [
        _weights(),
        _weights(eyeLookOutLeft=0.6, eyeLookInRight=0.6, eyeLookUpLeft=0.3, eyeLookUpRight=0.3),
        _weights(jawOpen=0.5, mouthSmileLeft=0.4, mouthSmileRight=0.4),
    ],
    ids=["rest", "looking", "speaking"],
)
def test_the_head_is_the_head_models(sitter, weights):
    """Expression columns and joints of the asset make the figure's head, to .2 mm on average."""
    template = sitter.template
    rows = build_expressions(template)
    space = ShapeSpace(
        mean=sitter.rest.astype(np.float32),
        shape=np.zeros((template.num_vertices, 3, 1), np.float32),
        expression=np.moveaxis(rows, 0, 2).astype(np.float32),
        expression_names=ARKIT_NAMES,
    )
    asset = assemble(template, space)
    pose = turn_head(0.7, 0.2, -0.1, body_share=0.4)
    figure = sitter.pose(weights, pose)
    columns = weights.copy()
    columns[EYE_DIRECTIONS] = 0.0
    eyes = eye_rotations(weights)
    posed = pose_head(
        asset,
        {
            "expression": columns,
            "root": np.array(pose.root),
            "neck": np.array(pose.neck),
            "left_eye": eyes[0],
            "right_eye": eyes[1],
        },
    )
    apart = np.linalg.norm(posed.vertices - figure.vertices[: template.num_vertices], axis=1)
    assert apart[template.part == 0].mean() < 0.0002
    assert np.quantile(apart[template.part == 0], 0.99) < 0.0015
    balls = np.isin(template.part, [PARTS.index("eyeball_left"), PARTS.index("eyeball_right")])
    assert apart[balls].max() < 0.0002
    np.testing.assert_allclose(figure.landmarks68, posed.landmarks68, atol=0.002)


def test_turning_everything_is_a_rotation(sitter):
    """A turn of the root moves every vertex, hair and clothes too, rigidly about one point."""
    still = sitter.pose(_weights(), HeadPose())
    turned = sitter.pose(_weights(), HeadPose(root=(0.0, 0.6, 0.0)))
    cosine, sine = np.cos(0.6), np.sin(0.6)
    rotation = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]])
    origin = still.vertices[0]
    expected = (still.vertices - origin) @ rotation.T + turned.vertices[0]
    np.testing.assert_allclose(turned.vertices, expected, atol=2e-5)
    np.testing.assert_allclose(turned.normals, still.normals @ rotation.T, atol=2e-3)


def test_the_neck_turns_the_head_and_leaves_the_clothes(sitter):
    still = sitter.pose(_weights(), HeadPose())
    turned = sitter.pose(_weights(), HeadPose(neck=(0.0, 0.5, 0.0)))
    moved = np.linalg.norm(turned.vertices - still.vertices, axis=1)
    part = sitter.surface.part
    low = (part == CLOTH) & (still.vertices[:, 1] < -0.16)
    assert low.sum() > 100
    assert moved[low].max() < 0.004
    nose = still.landmarks68[30]
    assert np.linalg.norm(turned.landmarks68[30] - nose) > 0.05
    # Hair keeps its distance from the skull's frame.
    hair = part == HAIR
    rotation = turned.rotations[0].astype(np.float64)
    carried = turned.vertices[hair] @ rotation - still.vertices[hair]
    assert np.abs(carried - np.median(carried, axis=0)).max() < 0.002


def test_attributes_fit_the_mesh(sitter):
    surface = sitter.surface
    figure = sitter.pose(_weights(), HeadPose())
    count = len(figure.vertices)
    for name in ("rest", "part", "mouth_ring", "eye_ring", "ear", "layer", "material", "label"):
        assert len(getattr(surface, name)) == count, name
    assert surface.faces.max() < count
    # Who looks at the head's triangles alone takes the first ones.
    of_head = (surface.faces < surface.num_head).all(axis=1)
    assert surface.num_head_faces == len(sitter.template.faces) == of_head.sum()
    assert of_head[: surface.num_head_faces].all()
    assert surface.occluders.max() == len(surface.blocking) - 1
    assert surface.blocking.max() < count
    assert len(surface.segments) > 1000
    assert np.all(surface.part[surface.segments] >= HAIR)
    assert len(surface.shadow_faces) == len(surface.faces) + 2 * len(surface.segments)
    np.testing.assert_allclose(np.linalg.norm(figure.normals, axis=1), 1.0, atol=1e-4)
    of_strands = np.linalg.norm(figure.tangents[surface.segments], axis=1)
    np.testing.assert_allclose(of_strands, 1.0, atol=1e-4)
    assert not figure.tangents[: sitter.template.num_vertices].any()


def test_normals_are_those_of_the_mesh(sitter):
    figure = sitter.pose(_weights(jawOpen=0.4), HeadPose())
    head = sitter.template.num_vertices
    expected = vertex_normals(figure.vertices[:head].astype(np.float64), sitter.template.faces)
    np.testing.assert_allclose(figure.normals[:head], expected, atol=2e-3)


def test_eyeballs_know_how_far_the_lid_is(sitter):
    """Open, the pupil lies millimetres below the lid; closed, every visible point is under it."""
    template = sitter.template
    pupil = template.part_ranges["eyeball_left"].start
    open_eye = sitter.pose(_weights(), HeadPose())
    closed = sitter.pose(_weights(eyeBlinkLeft=1.0), HeadPose())
    assert 1.5 < open_eye.lid_distance[pupil] < 8.0
    assert closed.lid_distance[pupil] < 0.5
    assert open_eye.lid_distance[0] == 0.0


@pytest.mark.parametrize("turn", [(np.pi, 0.0, 0.0), (1.2, 0.2, 0.0), (-0.9, -0.1, 0.2)])
def test_a_turned_neck_does_not_fold(turn):
    """However far a head turns, no edge of the neck bends by 40 degrees more than at rest; at 42
    degrees over one ring of the cage it is 60 to 90."""
    sitter = PersonSitter(Person.sample(901))
    template = sitter.template
    faces = template.skin_faces
    neck = np.zeros(template.num_vertices, bool)
    neck[: template.num_skin] = template.vertices[: template.num_skin, 1] < -88.0
    edges = np.sort(faces[:, [[0, 1], [1, 2], [2, 0]]].reshape(-1, 2), axis=1)
    order = np.lexsort(edges.T)
    same = (edges[order][1:] == edges[order][:-1]).all(axis=1)
    first, second = order[:-1][same], order[1:][same]
    within = neck[edges[first]].all(axis=1)

    def bends(vertices):
        a, b, c = vertices[faces].transpose(1, 0, 2)
        normals = np.cross(b - a, c - a)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        cosines = (normals[first // 3] * normals[second // 3]).sum(axis=1)
        return np.degrees(np.arccos(np.clip(cosines[within], -1.0, 1.0)))

    pose = turn_head(*turn, body_share=0.1)
    posed = sitter.pose(np.zeros(52), pose).vertices[: template.num_vertices].astype(np.float64)
    more = bends(posed) - bends(sitter.rest)
    assert more.max() < 40.0


def test_fewer_strands_leave_the_head_as_it_is() -> None:
    """Small pictures take less hair; what the truth tells of a head is the same bits."""
    person = Person.sample(40)
    whole, few = PersonSitter(person), PersonSitter(person, strands="low")
    assert 0 < len(few.surface.segments) < 0.6 * len(whole.surface.segments)
    pose, weights = HeadPose((0.0, 0.3, 0.0), (0.1, 0.2, 0.0)), np.full(52, 0.2)
    first, second = whole.pose(weights, pose), few.pose(weights, pose)
    head = whole.surface.num_head
    np.testing.assert_array_equal(first.vertices[:head], second.vertices[:head])
    np.testing.assert_array_equal(first.landmarks68, second.landmarks68)
