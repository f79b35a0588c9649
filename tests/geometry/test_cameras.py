"""Cameras against hand-worked numbers, OpenCV, and their own inverses."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
import torch

from likeness.geometry.affine import apply_affine, square_crop
from likeness.geometry.cameras import (
    PerspectiveCamera,
    flip_axes,
    invert_weak_perspective,
    ndc_to_pixels,
    pixels_to_ndc,
    weak_perspective,
)
from likeness.geometry.rotations import axis_angle_to_matrix


def points(batch: int = 2, count: int = 20, seed: int = 0) -> torch.Tensor:
    rng = np.random.default_rng(seed)
    return torch.tensor(0.1 * rng.normal(size=(batch, count, 3)))


def random_camera(batch: int = 2, seed: int = 1) -> PerspectiveCamera:
    rng = np.random.default_rng(seed)
    turn = axis_angle_to_matrix(torch.tensor(0.3 * rng.normal(size=(batch, 3))))
    base = PerspectiveCamera.facing(
        640, 480, field_of_view=0.4, distance=1.2, batch=batch, dtype=torch.float64
    )
    shift = torch.tensor(0.05 * rng.normal(size=(batch, 3)))
    return PerspectiveCamera(base.intrinsics, base.rotation @ turn, base.translation + shift)


def test_weak_perspective_by_hand() -> None:
    camera = torch.tensor([[8.0, 0.01, -0.02]], dtype=torch.float64)
    point = torch.tensor([[[0.05, 0.10, 0.03]]], dtype=torch.float64)
    expected = torch.tensor([[[8 * 0.06, -8 * 0.08, -0.24]]], dtype=torch.float64)
    torch.testing.assert_close(weak_perspective(point, camera), expected)
    # A point in front (larger z) is nearer: smaller depth.
    nearer = weak_perspective(point + torch.tensor([0, 0, 0.1]), camera)
    assert nearer[0, 0, 2] < expected[0, 0, 2]


def test_weak_perspective_inverse_and_gradient() -> None:
    camera = torch.tensor([[7.0, 0.02, 0.01], [5.5, -0.01, 0.03]], dtype=torch.float64)
    cloud = points()
    back = invert_weak_perspective(weak_perspective(cloud, camera), camera)
    torch.testing.assert_close(back, cloud, rtol=0, atol=1e-15)
    inputs = (points(count=3).requires_grad_(), camera.clone().requires_grad_())
    assert torch.autograd.gradcheck(weak_perspective, inputs)


def test_pixel_i_covers_i_to_i_plus_one() -> None:
    corners = torch.tensor([[[-1.0, -1.0, 5.0], [1.0, 1.0, 6.0], [-1 + 1 / 64, 0, 7.0]]])
    found = ndc_to_pixels(corners, 64, 32)
    # NDC -1 is the outer edge of pixel 0; its centre is at 0.5.
    assert found[0].tolist() == [[0, 0, 5], [64, 32, 6], [0.5, 16, 7]]
    torch.testing.assert_close(pixels_to_ndc(found, 64, 32), corners)


def test_upright_camera_sees_y_up_and_x_right() -> None:
    camera = PerspectiveCamera.facing(200, 100, field_of_view=math.radians(30), distance=2.7)
    seen = camera.project(torch.tensor([[[0.0, 0, 0], [0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]]]))[0]
    assert seen[0].tolist() == pytest.approx([100, 50, 2.7])
    assert seen[1, 0] > 100
    assert seen[2, 1] < 50
    assert float(seen[3, 2]) == pytest.approx(2.6)
    # The top of the field of view is at distance * tan(fov / 2).
    top = 2.7 * math.tan(math.radians(15))
    edge = camera.project(torch.tensor([[[0.0, top, 0]]]))[0, 0]
    assert float(edge[1]) == pytest.approx(0, abs=1e-4)


def test_projection_equals_opencv() -> None:
    camera, cloud = random_camera(), points()
    found = camera.project(cloud)
    for i in range(2):
        rotation, _ = cv2.Rodrigues(camera.rotation[i].numpy())
        expected, _ = cv2.projectPoints(
            cloud[i].numpy(),
            rotation,
            camera.translation[i].numpy(),
            camera.matrix[i].numpy(),
            None,
        )
        np.testing.assert_allclose(found[i, :, :2].numpy(), expected[:, 0], atol=1e-9)


def test_projection_inverse_and_gradient() -> None:
    camera, cloud = random_camera(), points()
    torch.testing.assert_close(camera.unproject(camera.project(cloud)), cloud, rtol=0, atol=1e-12)

    def project(points, intrinsics, rotation, translation):
        return PerspectiveCamera(intrinsics, rotation, translation).project(points)

    inputs = [points(count=3), camera.intrinsics, camera.rotation, camera.translation]
    assert torch.autograd.gradcheck(project, [value.clone().requires_grad_() for value in inputs])


def test_points_behind_the_camera_are_clipped_not_infinite() -> None:
    camera = PerspectiveCamera.facing(64, 64, field_of_view=0.5, distance=1.0)
    found = camera.project(torch.tensor([[[0.1, 0.1, 1.0], [0.1, 0.1, 5.0]]]))
    assert torch.isfinite(found).all()
    assert found[..., 2].tolist() == [[pytest.approx(0.01), pytest.approx(0.01)]]


def test_looking_points_the_axis_at_the_target() -> None:
    position = torch.tensor([[0.5, 0.3, 1.0]], dtype=torch.float64)
    target = torch.tensor([[0.0, 0.1, 0.0]], dtype=torch.float64)
    intrinsics = torch.tensor([[500.0, 500, 32, 32]], dtype=torch.float64)
    camera = PerspectiveCamera.looking(intrinsics, position, target)
    seen = camera.project(torch.stack([target[0], target[0] + torch.tensor([0, 0.1, 0])])[None])
    distance = (position - target).norm()
    torch.testing.assert_close(seen[0, 0, :2], torch.tensor([32.0, 32], dtype=torch.float64))
    torch.testing.assert_close(seen[0, 0, 2], distance)
    assert seen[0, 1, 1] < 32
    assert seen[0, 1, 0].item() == pytest.approx(32)
    torch.testing.assert_close(camera.position, position)
    torch.testing.assert_close(torch.linalg.det(camera.rotation), torch.ones(1).double())
    facing = PerspectiveCamera.facing(64, 64, field_of_view=0.3, distance=2.0, dtype=torch.float64)
    again = PerspectiveCamera.looking(
        facing.intrinsics,
        torch.tensor([[0.0, 0, 2]], dtype=torch.float64),
        torch.zeros(1, 3, dtype=torch.float64),
    )
    torch.testing.assert_close(again.rotation, facing.rotation)
    torch.testing.assert_close(again.translation, facing.translation)


@pytest.mark.parametrize("rotation", [0.0, 0.4])
def test_a_cropped_camera_sees_what_the_crop_shows(rotation) -> None:
    camera, cloud = random_camera(), points()
    crop = square_crop(np.array([300.0, 200.0]), 150.0, 224, rotation=rotation)
    seen = camera.project(cloud).numpy()
    expected = apply_affine(crop, seen[..., :2])
    found = camera.cropped(torch.tensor(crop)).project(cloud).numpy()
    np.testing.assert_allclose(found[..., :2], expected, atol=1e-8)
    np.testing.assert_allclose(found[..., 2], seen[..., 2], atol=1e-12)


def test_crops_no_camera_can_make_are_refused() -> None:
    camera = random_camera()
    with pytest.raises(ValueError, match="shear, stretch or reflection"):
        camera.cropped(torch.tensor(square_crop(np.zeros(2), 10, 20, flip=True)))
    with pytest.raises(ValueError, match="shear, stretch or reflection"):
        camera.cropped(torch.tensor([[1.0, 0.3, 0], [0, 1, 0]]))
    oblong = PerspectiveCamera(
        camera.intrinsics * torch.tensor([1, 1.5, 1, 1]), camera.rotation, camera.translation
    )
    with pytest.raises(ValueError, match="square pixels"):
        oblong.cropped(torch.tensor(square_crop(np.zeros(2), 10, 20, rotation=0.2)))


def test_opencv_axes() -> None:
    assert flip_axes(torch.tensor([1.0, 2.0, 3.0])).tolist() == [1, -2, -3]
