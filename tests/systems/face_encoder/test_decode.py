"""From vectors to landmarks and meshes, against the plain NumPy head and cameras by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.errors import UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.head_numpy import pose_head
from likeness.systems.face_encoder.decode import Decoder, to_crop_units, to_pixels
from likeness.systems.face_encoder.heads import face_vertices
from likeness.systems.face_encoder.layout import (
    VectorLayout,
    deca236,
    eidolon227,
    head_v1,
    smirk361,
)
from likeness.systems.face_encoder.render import Renderer
from tests.systems.face_encoder.toy import (
    NUM_ALBEDO,
    NUM_EXPRESSION,
    NUM_SHAPE,
    SMALL_LAYOUT,
    mean_vector,
    random_vector,
)


def by_hand(head: HeadAsset, layout: VectorLayout, vector: np.ndarray) -> dict[str, np.ndarray]:
    """Parameters of :func:`pose_head` read off the table of segments with fixed names."""
    parts = layout.split(vector.astype(np.float64))
    out = {"shape": parts["face.shape"], "expression": parts["face.expression"]}
    if "pose.global" in layout:
        first, second = parts["pose.global"][:3], parts["pose.global"][3:]
        first = first / np.linalg.norm(first)
        second = second - first * (first @ second)
        second = second / np.linalg.norm(second)
        out["root"] = np.stack([first, second, np.cross(first, second)])
    else:
        out["root"] = parts["pose.global_axis_angle"]
    for segment, name in (
        ("face.eyelid", "eyelid"),
        ("pose.neck", "neck"),
        ("pose.jaw", "jaw"),
        ("pose.eyes", "eyes"),
    ):
        if segment in layout:
            out[name] = parts[segment]
    return out


def crop_units(
    head: HeadAsset, layout: VectorLayout, vector: np.ndarray, camera: str, points: np.ndarray
) -> np.ndarray:
    """Points through the cameras, written out. The camera looks at the inner landmarks' middle."""
    parts = layout.split(vector.astype(np.float64))
    middle = head.landmarks68.points(head.template, head.faces)[17:].mean(axis=0)
    points = points - middle
    if camera == "weak_perspective":
        scale, x, y = parts["camera"]
        return np.stack([scale * (points[:, 0] + x), -scale * (points[:, 1] + y)], axis=1)
    points = points + parts["pose.transl"]
    half = math.tan(math.radians(12 if camera == "fov12" else 30) / 2)
    depth = 2.7 - points[:, 2]
    return np.stack([points[:, 0] / depth / half, -points[:, 1] / depth / half], axis=1)


CASES = {
    "head_v1": (SMALL_LAYOUT, "weak_perspective"),
    "head_v1 by perspective": (SMALL_LAYOUT, "fov30"),
    "eidolon227": (eidolon227(), "fov12"),
    "eidolon227_noexp": (eidolon227(with_expression=False), "fov30"),
    "deca236": (deca236(), "weak_perspective"),
    "smirk361": (smirk361(), "weak_perspective"),
}


def varied(layout: VectorLayout, count: int) -> torch.Tensor:
    vector = random_vector(layout, 7, count)
    generator = torch.Generator().manual_seed(2)
    for name, scale in (("pose.global_axis_angle", 0.3), ("pose.transl", 0.02)):
        if name in layout:
            part = layout.slice(name)
            vector[:, part] = scale * torch.randn(count, 3, generator=generator)
    return vector


@pytest.mark.parametrize("case", CASES)
def test_landmarks_and_vertices_equal_the_plain_head(toy_head, case):
    layout, camera = CASES[case]
    decoder = Decoder(toy_head, layout, camera)
    vectors = varied(layout, 4)
    landmarks = decoder.landmarks(vectors).numpy()
    vertices = decoder.mesh(vectors).vertices
    projected = decoder.project(vectors, vertices).numpy()
    for number, vector in enumerate(vectors.numpy()):
        posed = pose_head(toy_head, by_hand(toy_head, layout, vector))
        np.testing.assert_allclose(vertices[number], posed.vertices, atol=2e-6)
        expected = crop_units(toy_head, layout, vector, camera, posed.landmarks68)
        np.testing.assert_allclose(landmarks[number], expected, atol=2e-5)
        expected = crop_units(toy_head, layout, vector, camera, posed.vertices)
        np.testing.assert_allclose(projected[number, :, :2], expected, atol=2e-5)
        nearer = np.argsort(posed.vertices[:, 2])[[-1, 0]]
        assert projected[number, nearer[0], 2] < projected[number, nearer[1], 2]


def test_a_frontal_mean_face_has_its_right_eye_on_the_left_and_its_brows_above(decoder):
    points = decoder.landmarks(mean_vector(SMALL_LAYOUT))[0].numpy()
    assert points[36:42, 0].max() < points[42:48, 0].min()
    assert points[17:27, 1].max() < points[48:60, 1].min()  # y points down
    assert abs(points[27:31, 0]).max() < 0.02
    assert abs(points[17:].mean(axis=0)).max() < 0.02  # the face is in the middle of the crop


def test_head_rotation_is_root_times_neck(toy_head, decoder):
    vectors = varied(SMALL_LAYOUT, 3)
    found = decoder.head_rotation(vectors).numpy()
    for number, vector in enumerate(vectors.numpy()):
        parameters = by_hand(toy_head, SMALL_LAYOUT, vector)
        angle = np.linalg.norm(parameters["neck"])
        x, y, z = parameters["neck"] / angle
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        neck = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
        np.testing.assert_allclose(found[number], parameters["root"] @ neck, atol=1e-6)


def test_offsets_turn_with_the_head(decoder):
    vectors = varied(SMALL_LAYOUT, 3)
    offsets = 0.01 * torch.randn(68, 3, generator=torch.Generator().manual_seed(0))
    moved = decoder.landmarks(vectors, offsets) - decoder.landmarks(vectors)
    rotation = decoder.head_rotation(vectors)
    scale = SMALL_LAYOUT.split(vectors)["camera"][:, 0]
    for b in range(3):
        for point in range(68):
            turned = rotation[b] @ offsets[point]
            expected = scale[b] * torch.stack([turned[0], -turned[1]])
            assert torch.allclose(moved[b, point], expected, atol=1e-5)


def test_correctives_can_be_left_out(toy_head, decoder):
    bare = replace(toy_head, pose_basis=np.zeros_like(toy_head.pose_basis))
    without = Decoder(bare, SMALL_LAYOUT, "weak_perspective")
    vectors = varied(SMALL_LAYOUT, 2)
    expected, expected_mesh = without.landmarks(vectors), without.mesh(vectors).vertices
    found = decoder.landmarks(vectors, use_correctives=False)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)
    found = decoder.mesh(vectors, use_correctives=False).vertices
    torch.testing.assert_close(found, expected_mesh, rtol=0, atol=1e-6)
    assert (decoder.landmarks(vectors) - expected).abs().max() > 1e-4


def test_neutral_vertices_are_template_plus_shape(toy_head, decoder):
    codes = torch.randn(2, NUM_SHAPE, generator=torch.Generator().manual_seed(3))
    ids = face_vertices(toy_head, 512)
    found = decoder.neutral(codes).numpy()
    assert found.shape == (2, len(ids), 3)
    for number, code in enumerate(codes.numpy().astype(np.float64)):
        for place, vertex in list(enumerate(ids))[::17]:
            expected = toy_head.template[vertex].astype(np.float64).copy()
            for k in range(NUM_SHAPE):
                expected += toy_head.shape_basis[vertex, :, k] * code[k]
            np.testing.assert_allclose(found[number, place], expected, atol=1e-6)


def test_expression_columns_are_those_after_the_identity(toy_folder, toy_head):
    """Expressions are columns 300.. of ``shapedirs``; there is no key of their own for them."""
    import pickle

    with open(toy_folder / "generic_model.pkl", "rb") as file:
        columns = pickle.load(file)["shapedirs"]
    layout = head_v1(shape=2, expression=3, albedo=0)
    decoder = Decoder(toy_head, layout, "weak_perspective")
    rest = decoder.mesh(mean_vector(layout)).vertices
    for k in range(3):
        vector = mean_vector(layout)
        vector[0, layout.slice("face.expression").start + k] = 1.0
        moved = (decoder.mesh(vector).vertices - rest)[0].numpy()
        # The joints follow the expression, but without a pose they move nothing.
        np.testing.assert_allclose(moved, columns[:, :, 300 + k], atol=1e-7)


def test_a_layout_without_expression_works_everywhere(toy_head):
    layout = head_v1(shape=NUM_SHAPE, expression=0, albedo=0)
    decoder = Decoder(toy_head, layout, "weak_perspective")
    vector = random_vector(layout, 1, 2).requires_grad_()
    decoder.landmarks(vector).sum().backward()
    assert torch.isfinite(vector.grad).all()
    reference = Decoder(toy_head, SMALL_LAYOUT, "weak_perspective")
    parts = dict(layout.split(vector.detach()))
    parts["face.expression"] = torch.zeros(2, NUM_EXPRESSION)
    parts["face.albedo"] = torch.zeros(2, 4)
    torch.testing.assert_close(
        decoder.landmarks(vector), reference.landmarks(SMALL_LAYOUT.join(parts))
    )


def test_a_head_with_fewer_joints_ignores_their_segments(toy_head):
    """ICT-FaceKit and studio heads have other joint trees than FLAME."""
    joints = [0, 1]
    weights = toy_head.weights[:, :2].copy()
    weights[:, 1] += toy_head.weights[:, 2:].sum(axis=1)
    small = replace(
        toy_head,
        joint_names=("root", "neck"),
        parents=toy_head.parents[joints],
        joint_regressor=toy_head.joint_regressor[joints],
        weights=weights,
        pose_basis=toy_head.pose_basis[:, :, :9],
        eyelids=None,
    )
    decoder = Decoder(small, SMALL_LAYOUT, "weak_perspective")
    vector = random_vector(SMALL_LAYOUT, 3)
    changed = vector.clone()
    for name in ("pose.jaw", "pose.eyes", "face.eyelid"):
        changed[:, SMALL_LAYOUT.slice(name)] += 0.1
    assert torch.equal(decoder.landmarks(vector), decoder.landmarks(changed))


def test_cameras_that_a_layout_cannot_feed_are_refused(toy_head):
    with pytest.raises(
        UsageError, match="'weak_perspective' reads 'camera', which layout 'eidolon"
    ):
        Decoder(toy_head, eidolon227(), "weak_perspective")
    with pytest.raises(UsageError, match=r"'fov12' reads 'pose\.transl', which layout 'deca236'"):
        Decoder(toy_head, deca236(), "fov12")


def test_a_head_without_landmarks_is_refused(toy_head):
    bare = replace(toy_head, landmarks68=None, landmarks51=None, contour=None)
    with pytest.raises(UsageError, match="no 68 landmarks"):
        Decoder(bare, SMALL_LAYOUT, "weak_perspective")


def test_gradients_reach_every_segment_that_geometry_reads(decoder):
    vector = random_vector(SMALL_LAYOUT, 5).requires_grad_()
    points = decoder.project(vector, decoder.mesh(vector).vertices)[..., :2]
    points.square().sum().backward()
    for segment in SMALL_LAYOUT.segments:
        gradient = vector.grad[:, SMALL_LAYOUT.slice(segment.name)]
        is_read = segment.name not in ("pose.transl", "face.albedo", "light.sh")
        assert bool((gradient != 0).all()) == is_read, segment.name


def test_pixels_and_crop_units_are_inverse_with_pixel_i_covering_i_to_i_plus_1():
    corners = np.array([[-1.0, -1.0], [1.0, 1.0], [0.0, 0.0]])
    assert to_pixels(corners, 48).tolist() == [[0, 0], [48, 48], [24, 24]]
    points = np.random.default_rng(0).uniform(-2, 2, (5, 2))
    np.testing.assert_allclose(to_crop_units(to_pixels(points, 37), 37), points)


@pytest.mark.parametrize("camera", ["weak_perspective", "fov12", "fov30"])
def test_a_segment_is_read_if_and_only_if_it_moves_the_picture(toy_head, camera):
    """With a whole head and with one that lacks lids and texture coordinates."""
    poor = replace(toy_head, eyelids=None, uv=None, uv_faces=None)
    for asset in (toy_head, poor):
        decoder = Decoder(asset, SMALL_LAYOUT, camera)
        renderer = Renderer(decoder, "synthetic", NUM_ALBEDO)
        vector = random_vector(SMALL_LAYOUT, 5)
        # Light from a side: under the same light from everywhere small moves leave no trace.
        vector[:, SMALL_LAYOUT.slice("light.sh")] += torch.linspace(-1, 1, 27)
        with torch.no_grad():
            before = renderer(vector, 64).image
            for name in SMALL_LAYOUT.names:
                moved = vector.clone()
                moved[:, SMALL_LAYOUT.slice(name)] += 0.2
                changed = not torch.equal(renderer(moved, 64).image, before)
                assert decoder.reads(name) == changed, (name, camera)


def test_what_has_no_meaning_is_not_read(toy_head):
    assert not Decoder(toy_head, eidolon227(), "fov12").reads("detail")
    empty = head_v1(shape=NUM_SHAPE, expression=0, albedo=0)
    decoder = Decoder(toy_head, empty, "weak_perspective")
    assert not decoder.reads("face.expression")
    assert not decoder.reads("face.albedo")
