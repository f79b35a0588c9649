"""Rotations against SciPy, closed forms and finite differences."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from likeness.geometry import rotations as rot


def random_vectors(count: int, width: int, seed: int = 0, scale: float = 1.5) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.tensor(scale * rng.normal(size=(count, width)))


def test_axis_angle_equals_scipy() -> None:
    vectors = random_vectors(200, 3)
    expected = Rotation.from_rotvec(vectors.numpy()).as_matrix()
    np.testing.assert_allclose(rot.axis_angle_to_matrix(vectors).numpy(), expected, atol=1e-14)


def test_axis_angle_is_batched_over_any_leading_shape() -> None:
    vectors = random_vectors(12, 3).view(2, 3, 2, 3)
    matrices = rot.axis_angle_to_matrix(vectors)
    assert matrices.shape == (2, 3, 2, 3, 3)
    one = rot.axis_angle_to_matrix(vectors[1, 2, 0])
    torch.testing.assert_close(matrices[1, 2, 0], one, rtol=0, atol=0)


def test_axis_angle_at_zero_is_the_identity_with_exact_gradient() -> None:
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.equal(rot.axis_angle_to_matrix(zero)[0], torch.eye(3, dtype=torch.float64))
    assert torch.autograd.gradcheck(rot.axis_angle_to_matrix, (zero,))
    # dR/dr_x at zero is the generator of turns about x.
    jacobian = torch.autograd.functional.jacobian(rot.axis_angle_to_matrix, zero[0].detach())
    expected = torch.tensor([[0, 0, 0], [0, 0, -1], [0, 1, 0]], dtype=torch.float64)
    torch.testing.assert_close(jacobian[..., 0], expected)


def test_gradients_against_finite_differences() -> None:
    vectors = random_vectors(4, 3, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(rot.axis_angle_to_matrix, (vectors,))
    six = random_vectors(4, 6, seed=2).requires_grad_()
    assert torch.autograd.gradcheck(rot.rotation_6d_to_matrix, (six,))
    small = random_vectors(4, 3, seed=3, scale=0.4).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda v: rot.matrix_to_axis_angle(rot.axis_angle_to_matrix(v)), (small,)
    )
    quaternions = random_vectors(4, 4, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(rot.quaternion_to_matrix, (quaternions,))


@pytest.mark.parametrize("angle", [0.0, 1e-12, 1e-7, 1e-3, 1.0, 3.0, math.pi - 1e-6, math.pi])
def test_matrix_to_axis_angle_at_all_angles(angle: float) -> None:
    axes = random_vectors(50, 3, seed=5)
    axes = axes / axes.norm(dim=-1, keepdim=True)
    matrices = torch.tensor(Rotation.from_rotvec(angle * axes.numpy()).as_matrix())
    found = rot.matrix_to_axis_angle(matrices)
    assert (found.norm(dim=-1) - angle).abs().max() < 1e-8
    back = rot.axis_angle_to_matrix(found)
    torch.testing.assert_close(back, matrices, rtol=0, atol=1e-12)


def test_matrix_to_axis_angle_gradient_at_the_identity_is_finite() -> None:
    matrix = torch.eye(3, dtype=torch.float64)[None].requires_grad_()
    rot.matrix_to_axis_angle(matrix).sum().backward()
    assert torch.isfinite(matrix.grad).all()


def test_quaternions_have_the_real_part_first() -> None:
    matrices = rot.axis_angle_to_matrix(random_vectors(300, 3, seed=6))
    found = rot.matrix_to_quaternion(matrices).numpy()
    expected = Rotation.from_matrix(matrices.numpy()).as_quat()[:, [3, 0, 1, 2]]
    expected *= np.sign(expected[:, :1])
    np.testing.assert_allclose(found, expected, atol=1e-13)
    back = rot.quaternion_to_matrix(torch.tensor(3.0 * found))
    torch.testing.assert_close(back, matrices, rtol=0, atol=1e-13)


def test_6d_holds_the_first_two_rows() -> None:
    assert rot.matrix_to_rotation_6d(torch.eye(3)).tolist() == [1, 0, 0, 0, 1, 0]
    matrices = rot.axis_angle_to_matrix(random_vectors(20, 3, seed=7))
    six = rot.matrix_to_rotation_6d(matrices)
    torch.testing.assert_close(six[:, 3:], matrices[:, 1, :], rtol=0, atol=0)
    # Gram-Schmidt undoes scale and shear.
    sheared = torch.cat([3 * six[:, :3], 2 * six[:, 3:] + 0.7 * six[:, :3]], dim=-1)
    back = rot.rotation_6d_to_matrix(sheared)
    torch.testing.assert_close(back, matrices, rtol=0, atol=1e-14)


def test_6d_column_convention_is_the_transpose() -> None:
    matrices = rot.axis_angle_to_matrix(random_vectors(20, 3, seed=8))
    columns = torch.cat([matrices[:, :, 0], matrices[:, :, 1]], dim=-1)
    rows = rot.swap_rotation_6d(columns)
    torch.testing.assert_close(rows, rot.matrix_to_rotation_6d(matrices), rtol=0, atol=1e-14)
    torch.testing.assert_close(rot.swap_rotation_6d(rows), columns, rtol=0, atol=1e-14)


@pytest.mark.parametrize(
    "six",
    [
        [0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 1, 0],
        [1, 0, 0, 2, 0, 0],
        [0, 1, 0, 0, 3, 0],
        [0, 1, 0, 0, 0, 0],
        [1e-9, 0, 0, 0, 1e-9, 0],
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_6d_degenerate_input_gives_a_rotation_and_no_nan(six: list[float], dtype) -> None:
    vector = torch.tensor([six], dtype=dtype, requires_grad=True)
    matrix = rot.rotation_6d_to_matrix(vector)
    identity = torch.eye(3, dtype=dtype)
    torch.testing.assert_close(matrix[0] @ matrix[0].T, identity, rtol=0, atol=1e-6)
    assert torch.linalg.det(matrix[0]) > 0
    (matrix * torch.arange(9, dtype=dtype).view(3, 3)).sum().backward()
    assert torch.isfinite(vector.grad).all()


def test_zero_6d_is_the_identity() -> None:
    assert torch.equal(rot.rotation_6d_to_matrix(torch.zeros(1, 6))[0], torch.eye(3))


def test_euler_angles_equal_scipy_and_turn_the_face_as_documented() -> None:
    angles = random_vectors(100, 3, seed=9, scale=0.5).clamp(-1.4, 1.4)
    expected = Rotation.from_euler("xyz", angles.numpy()).as_matrix()
    matrices = rot.euler_to_matrix(angles)
    np.testing.assert_allclose(matrices.numpy(), expected, atol=1e-14)
    torch.testing.assert_close(rot.matrix_to_euler(matrices), angles, rtol=0, atol=1e-12)
    forward, up = torch.tensor([0.0, 0, 1]), torch.tensor([0.0, 1, 0])
    assert (rot.euler_to_matrix(torch.tensor([0, 0.3, 0])) @ forward)[0] > 0
    assert (rot.euler_to_matrix(torch.tensor([0.3, 0, 0])) @ forward)[1] < 0
    assert (rot.euler_to_matrix(torch.tensor([0, 0, 0.3])) @ up)[0] < 0


def test_geodesic_distance_is_the_angle_between() -> None:
    base = Rotation.from_rotvec([0.4, -0.8, 0.2])
    for angle in (0.01, 0.5, 2.0, 3.1):
        other = base * Rotation.from_rotvec(angle * np.array([0.6, 0.0, 0.8]))
        first, second = (torch.tensor(r.as_matrix())[None] for r in (base, other))
        assert abs(float(rot.geodesic_distance(first, second)) - angle) < 1e-7


def test_geodesic_distance_of_equal_rotations_has_a_finite_gradient() -> None:
    matrix = torch.eye(3)[None].requires_grad_()
    distance = rot.geodesic_distance(matrix, torch.eye(3)[None])
    distance.sum().backward()
    assert torch.isfinite(matrix.grad).all()
    assert distance.item() < 5e-6


def test_geodesic_distance_sees_and_pulls_at_small_angles_in_float32() -> None:
    """A clamped arc cosine is blind below 5e-4 rad: a head a little off never returns."""
    angle = torch.tensor([1e-4], requires_grad=True)
    turned = rot.axis_angle_to_matrix(torch.stack([angle * 0, angle, angle * 0], dim=-1))
    distance = rot.geodesic_distance(turned, torch.eye(3)[None])
    distance.sum().backward()
    assert distance.item() == pytest.approx(1e-4, rel=1e-3)
    assert angle.grad.item() == pytest.approx(1.0, rel=1e-3)
