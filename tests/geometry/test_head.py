"""The head model against loops over the published formulas, and properties that must hold."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from likeness.geometry.head import MorphableHead, contour_rows
from likeness.geometry.head_asset import HeadAsset, LandmarkEmbedding
from likeness.geometry.head_numpy import contour_row, pose_head
from tests.geometry.random_head import random_head

JOINTS = ("root", "neck", "jaw", "left_eye", "right_eye")


def plain_loops(asset: HeadAsset, sample: dict[str, np.ndarray]) -> np.ndarray:
    """Linear blend skinning as scalar loops (Li et al. 2017), SciPy for the rotations."""
    shaped = asset.template.astype(np.float64).copy()
    for v in range(len(shaped)):
        for c in range(3):
            for k, value in enumerate(sample["shape"]):
                shaped[v, c] += asset.shape_basis[v, c, k] * value
            for k, value in enumerate(sample["expression"]):
                shaped[v, c] += asset.expression_basis[v, c, k] * value
            for e in range(2):
                shaped[v, c] += asset.eyelids[e, v, c] * sample["eyelid"][e]
    joints = np.zeros((5, 3))
    for j in range(5):
        for v in range(len(shaped)):
            joints[j] += asset.joint_regressor[j, v] * shaped[v]
    local = [Rotation.from_rotvec(sample[name]).as_matrix() for name in JOINTS]
    posed = shaped.copy()
    for v in range(len(shaped)):
        for c in range(3):
            k = 0
            for j in range(1, 5):
                for row in range(3):
                    for column in range(3):
                        entry = local[j][row, column] - (row == column)
                        posed[v, c] += asset.pose_basis[v, c, k] * entry
                        k += 1
    world = []  # 4x4 matrices, chained
    for j in range(5):
        matrix = np.eye(4)
        matrix[:3, :3] = local[j]
        parent = asset.parents[j]
        matrix[:3, 3] = joints[j] - (joints[parent] if parent >= 0 else 0)
        world.append(world[parent] @ matrix if parent >= 0 else matrix)
    result = np.zeros_like(posed)
    for v in range(len(posed)):
        for j in range(5):
            relative = np.append(posed[v] - joints[j], 1.0)
            result[v] += asset.weights[v, j] * (world[j] @ relative)[:3]
    return result + sample["translation"]


def random_parameters(batch: int, asset: HeadAsset, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    parameters = {
        "shape": rng.normal(size=(batch, asset.num_shape)),
        "expression": rng.normal(size=(batch, asset.num_expression)),
        "eyelid": rng.random((batch, 2)),
        "translation": rng.normal(size=(batch, 3)),
    }
    return parameters | {name: 0.6 * rng.normal(size=(batch, 3)) for name in JOINTS}


def tensors(parameters: dict[str, np.ndarray], dtype=torch.float64) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(value, dtype=dtype) for name, value in parameters.items()}


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-10), (torch.float32, 1e-6)], ids=["f64", "f32"]
)
def test_skinning_equals_plain_loops(dtype, tolerance) -> None:
    asset = random_head()
    parameters = random_parameters(3, asset)
    output = MorphableHead(asset, dtype=dtype)(tensors(parameters, dtype))
    for i in range(3):
        sample = {name: value[i] for name, value in parameters.items()}
        expected = plain_loops(asset, sample)
        assert np.abs(output.vertices[i].numpy() - expected).max() < tolerance
        posed = pose_head(asset, sample)
        assert np.abs(posed.vertices - expected).max() < 1e-10
        assert np.abs(output.joints[i].numpy() - posed.joints).max() < tolerance
        assert np.abs(output.landmarks68[i].numpy() - posed.landmarks68).max() < tolerance


def test_zero_parameters_return_the_template() -> None:
    asset = random_head()
    output = MorphableHead(asset)({})
    assert output.vertices.shape == (1, 40, 3)
    assert np.abs(output.vertices[0].numpy() - asset.template).max() < 1e-7
    zeros = {name: torch.zeros(2, 3) for name in JOINTS} | {"shape": torch.zeros(2, 6)}
    output = MorphableHead(asset)(zeros)
    assert np.abs(output.vertices.numpy() - asset.template).max() < 1e-7


def test_root_turns_about_its_joint() -> None:
    asset = random_head()
    turn = Rotation.from_rotvec([0.3, -0.9, 0.5]).as_matrix()
    output = MorphableHead(asset, dtype=torch.float64)({"root": torch.tensor(turn)[None]})
    centre = asset.joints[0]
    expected = (asset.template - centre) @ turn.T + centre
    assert np.abs(output.vertices[0].numpy() - expected).max() < 1e-12


def test_jaw_leaves_vertices_without_jaw_weight_unmoved() -> None:
    asset = random_head()
    weights, pose = asset.weights.copy(), asset.pose_basis.copy()
    still = np.arange(0, 40, 2)
    weights[still, 2] = 0
    weights /= weights.sum(1, keepdims=True)
    pose[still, :, 9:18] = 0
    asset = random_head(weights=weights, pose_basis=pose)
    head = MorphableHead(asset, dtype=torch.float64)
    open_jaw = head({"jaw": torch.tensor([[0.4, 0.0, 0.1]], dtype=torch.float64)})
    moved = (open_jaw.vertices[0].numpy() - asset.template)[still]
    assert np.abs(moved).max() < 1e-12
    others = np.setdiff1d(np.arange(40), still)
    assert np.abs(open_jaw.vertices[0].numpy() - asset.template)[others].min(axis=0).max() > 0


def test_expression_column_moves_vertices_by_exactly_that_column() -> None:
    asset = random_head()
    head = MorphableHead(asset, dtype=torch.float64)
    for k in range(4):
        expression = torch.zeros(1, 4, dtype=torch.float64)
        expression[0, k] = 1
        moved = head({"expression": expression}).vertices[0].numpy() - asset.template
        np.testing.assert_allclose(moved, asset.expression_basis[:, :, k], rtol=0, atol=1e-15)


def test_fewer_columns_take_the_first_ones() -> None:
    asset = random_head()
    head = MorphableHead(asset, num_shape=2, num_expression=0, dtype=torch.float64)
    assert (head.num_shape, head.num_expression) == (2, 0)
    shape = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    empty = torch.zeros(1, 0, dtype=torch.float64, requires_grad=True)
    output = head({"shape": shape, "expression": empty})
    expected = asset.template + asset.shape_basis[:, :, :2] @ np.array([1.0, -2.0])
    np.testing.assert_allclose(output.vertices[0].detach().numpy(), expected, rtol=0, atol=1e-14)
    output.vertices.sum().backward()
    assert empty.grad.shape == (1, 0)


def test_eyes_may_be_given_together() -> None:
    asset = random_head()
    head = MorphableHead(asset, dtype=torch.float64)
    eyes = torch.tensor(np.random.default_rng(1).normal(size=(2, 6)))
    apart = head({"left_eye": eyes[:, :3], "right_eye": eyes[:, 3:]}).vertices
    torch.testing.assert_close(head({"eyes": eyes}).vertices, apart, rtol=0, atol=0)
    torch.testing.assert_close(head({"eyes": eyes.view(2, 2, 3)}).vertices, apart, rtol=0, atol=0)
    matrices = torch.tensor(Rotation.from_rotvec(eyes.view(4, 3).numpy()).as_matrix())
    by_matrix = head({"eyes": matrices.view(2, 2, 3, 3)}).vertices
    torch.testing.assert_close(by_matrix, apart, rtol=0, atol=1e-14)


def test_a_batch_equals_its_samples_and_one_row_is_repeated() -> None:
    asset = random_head()
    head = MorphableHead(asset, dtype=torch.float64)
    parameters = tensors(random_parameters(4, asset))
    together = head(parameters)
    for i in range(4):
        alone = head({name: value[i : i + 1] for name, value in parameters.items()})
        torch.testing.assert_close(together.vertices[i], alone.vertices[0], rtol=0, atol=1e-14)
    one_shape = head(parameters | {"shape": parameters["shape"][:1]})
    repeated = head(parameters | {"shape": parameters["shape"][:1].expand(4, -1)})
    torch.testing.assert_close(one_shape.vertices, repeated.vertices, rtol=0, atol=1e-14)


def test_gradients_against_finite_differences() -> None:
    asset = random_head(vertices=8, masks={})
    head = MorphableHead(asset, dtype=torch.float64)
    parameters = tensors(random_parameters(1, asset))
    parameters["jaw"] = torch.zeros(1, 3, dtype=torch.float64)  # the point that is easy to break
    names = list(parameters)

    def vertices(*values: torch.Tensor) -> torch.Tensor:
        output = head(dict(zip(names, values, strict=True)))
        return torch.cat([output.vertices, output.landmarks68, output.joints], dim=1)

    inputs = tuple(parameters[name].requires_grad_() for name in names)
    assert torch.autograd.gradcheck(vertices, inputs)


def test_normals_are_area_weighted() -> None:
    asset = random_head()
    output = MorphableHead(asset, dtype=torch.float64)({})
    expected = np.zeros((40, 3))
    for a, b, c in asset.faces:
        normal = np.cross(
            asset.template[b] - asset.template[a], asset.template[c] - asset.template[a]
        )
        for corner in (a, b, c):
            expected[corner] += normal
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(output.vertex_normals[0].numpy(), expected, atol=1e-12)


def test_rows_of_the_moving_contour() -> None:
    yaw = [0, 10, 39, 60, -1, -39, -60, 0.4, -0.4, 9.6]
    rows = [0, 10, 39, 39, 40, 78, 78, 0, 0, 10]
    assert contour_rows(torch.tensor(yaw, dtype=torch.float64)).tolist() == rows
    assert [contour_row(angle) for angle in yaw] == rows


def test_an_angle_that_is_no_number_has_a_row_of_the_moving_contour() -> None:
    """As an index it would lie anywhere: a diverging run has to end as one, not as a crash."""
    yaw = torch.tensor([math.nan, math.inf, -math.inf, 1e30])
    assert contour_rows(yaw).tolist() == [0, 39, 78, 39]


@pytest.mark.parametrize(
    ("root", "neck", "sign", "chain", "row"),
    [
        (10, 0, 1, "neck", 10),
        (10, 5, 1, "neck", 15),
        (10, 5, 1, "root", 10),
        (10, 5, -1, "neck", 54),
        (-25, 0, 1, "neck", 64),
        (0, 70, 1, "neck", 39),
    ],
)
def test_contour_follows_root_and_neck(root, neck, sign, chain, row) -> None:
    asset = random_head()
    head = MorphableHead(asset, contour_sign=sign, contour_chain=chain, dtype=torch.float64)
    about_y = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64)
    output = head({"root": np.radians(root) * about_y, "neck": np.radians(neck) * about_y})
    vertices = output.vertices[0].numpy()
    expected = np.zeros((17, 3))
    for i in range(17):
        for k in range(3):
            corner = asset.faces[asset.contour.triangles[row, i], k]
            expected[i] += asset.contour.barycentric[row, i, k] * vertices[corner]
    np.testing.assert_allclose(output.landmarks68[0, :17].numpy(), expected, atol=1e-12)
    assert float(output.yaw) == pytest.approx(root + (neck if chain == "neck" else 0))
    torch.testing.assert_close(output.landmarks68[:, 17:], output.landmarks51)


def test_fixed_contour_uses_the_fixed_68_points() -> None:
    asset = random_head()
    head = MorphableHead(asset, contour="fixed", dtype=torch.float64)
    output = head({"root": torch.tensor([[0.0, 0.5, 0.0]], dtype=torch.float64)})
    expected = asset.landmarks68.points(output.vertices[0].numpy(), asset.faces)
    np.testing.assert_allclose(output.landmarks68[0].numpy(), expected, atol=1e-14)


def test_unit_triangle_landmark() -> None:
    asset = random_head()
    template = asset.template.copy()
    template[asset.faces[7]] = np.eye(3)
    triangles = np.full(68, 7)
    barycentric = np.tile([0.2, 0.3, 0.5], (68, 1))
    asset = random_head(
        template=template, landmarks68=LandmarkEmbedding(triangles, barycentric), contour=None
    )
    output = MorphableHead(asset, dtype=torch.float64)({})
    np.testing.assert_allclose(output.landmarks68[0, 0].numpy(), [0.2, 0.3, 0.5], atol=1e-15)


def test_head_without_landmarks_has_none() -> None:
    asset = random_head(
        landmarks68=None,
        contour=None,
        landmarks_extra=None,
        landmarks_mediapipe=None,
        mediapipe_indices=None,
    )
    output = MorphableHead(asset)({})
    assert output.landmarks68 is None
    assert output.landmarks51 is None
    assert output.landmarks_mediapipe is None


def test_other_landmark_counts_are_carried_through() -> None:
    output = MorphableHead(random_head())({})
    assert output.landmarks_extra.shape == (1, 2, 3)
    assert output.landmarks_mediapipe.shape == (1, 105, 3)


def test_eyelids_close_before_skinning_unless_asked() -> None:
    asset = random_head()
    turn = torch.tensor(Rotation.from_rotvec([0, 1.0, 0]).as_matrix())[None]
    call = {"root": turn, "eyelid": torch.tensor([[1.0, 0.0]], dtype=torch.float64)}
    centre = asset.joint_regressor[0] @ (asset.template + asset.eyelids[0])
    expected = (asset.template + asset.eyelids[0] - centre) @ turn[0].numpy().T + centre
    before = MorphableHead(asset, dtype=torch.float64)(call)
    np.testing.assert_allclose(before.vertices[0].numpy(), expected, atol=1e-12)
    after = MorphableHead(asset, eyelid_after_skinning=True, dtype=torch.float64)(call)
    plain = MorphableHead(asset, dtype=torch.float64)({"root": turn})
    moved = after.vertices[0] - plain.vertices[0]
    np.testing.assert_allclose(moved.numpy(), asset.eyelids[0], atol=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ({"chin": torch.zeros(1, 3)}, "unknown head parameters \\['chin'\\]"),
        ({"shape": torch.zeros(1, 9)}, "'shape' must be \\(B, 6\\), found \\(1, 9\\)"),
        ({"jaw": torch.zeros(1, 6)}, "'jaw' must be \\(B, 3\\) axis-angle"),
        ({"root": torch.zeros(2, 3), "jaw": torch.zeros(3, 3)}, "one batch size"),
        ({"eyes": torch.zeros(1, 6), "left_eye": torch.zeros(1, 3)}, "not both"),
    ],
)
def test_wrong_parameters_raise(call, message) -> None:
    with pytest.raises(ValueError, match=message):
        MorphableHead(random_head())(call)


def test_wrong_options_raise() -> None:
    asset = random_head()
    with pytest.raises(ValueError, match="float32 or float64"):
        MorphableHead(asset, dtype=torch.bfloat16)
    with pytest.raises(ValueError, match="num_shape=7, but the head has 6"):
        MorphableHead(asset, num_shape=7)
    with pytest.raises(ValueError, match="no eyelid"):
        MorphableHead(random_head(eyelids=None))({"eyelid": torch.zeros(1, 2)})
    with pytest.raises(ValueError, match="no eyelid"):
        pose_head(random_head(eyelids=None), {"eyelid": np.zeros(2)})
    with pytest.raises(ValueError, match="unknown head parameters"):
        pose_head(asset, {"chin": np.zeros(3)})


def test_the_module_carries_no_state() -> None:
    # The asset is named by its fingerprint in checkpoints; 50 MB of bases do not belong there.
    assert MorphableHead(random_head()).state_dict() == {}
