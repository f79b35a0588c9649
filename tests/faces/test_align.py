"""Alignment against the published procedure, the way back, and gradients."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch
from skimage.data import astronaut
from skimage.transform import SimilarityTransform

from likeness.faces.align import (
    TEMPLATE_112,
    align_face,
    align_faces,
    alignment_matrices,
    alignment_matrix,
    paste_face,
)
from likeness.geometry.affine import apply_affine
from likeness.media.image import to_array, to_tensor

IMAGE = astronaut().astype(np.float32) / 255
POINTS = np.array([(206.0, 114), (247, 112), (229, 136), (211, 157), (246, 155)])
PUBLISHED = np.array(
    [(38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
     (70.7299, 92.2041)]
)  # fmt: skip


def test_the_aligned_face_equals_the_published_procedure():
    """OpenCV's warp by scikit-image's estimate, both counting pixels from 0 at a pixel's centre."""
    transform = SimilarityTransform.from_estimate(POINTS, PUBLISHED)
    reference = cv2.warpAffine(IMAGE * 255, transform.params[:2], (112, 112), borderValue=0.0)
    ours = align_face(IMAGE, POINTS + 0.5, antialias=False) * 255
    difference = np.abs(ours - reference)
    assert difference.mean() < 0.5, "grey levels; OpenCV rounds positions to 1/32 pixel"
    shifted = align_face(IMAGE, POINTS, antialias=False) * 255  # half a pixel forgotten
    assert np.abs(shifted - reference).mean() > 3 * difference.mean()


def test_points_go_to_the_template():
    angle, scale = 0.3, 2.5
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = TEMPLATE_112 @ turn.T + [40, 90]
    np.testing.assert_allclose(
        apply_affine(alignment_matrix(points), points), TEMPLATE_112, atol=1e-9
    )
    doubled = apply_affine(alignment_matrix(points, size=224), points)
    np.testing.assert_allclose(doubled, TEMPLATE_112 * 2, atol=1e-9)


def test_a_mirrored_face_is_never_reflected():
    mirrored = TEMPLATE_112 * [-1, 1] + [112, 0]
    assert np.linalg.det(alignment_matrix(mirrored)[:, :2]) > 0


def test_batches_equal_single_faces():
    other = POINTS[:, ::-1] * 0.8 + 30
    images = torch.stack([to_tensor(IMAGE), to_tensor(IMAGE[::-1].copy())])
    points = torch.from_numpy(np.stack([POINTS, other]))
    matrices = alignment_matrices(points, size=96)
    np.testing.assert_allclose(matrices[1], alignment_matrix(other, size=96), atol=1e-9)
    batch = to_array(align_faces(images, points, size=96))
    np.testing.assert_allclose(batch[0], align_face(IMAGE, POINTS, size=96), atol=1e-5)
    assert batch.shape == (2, 96, 96, 3)


def test_gradients_reach_pixels_and_points():
    generator = torch.Generator().manual_seed(4)
    images = torch.rand(1, 1, 12, 12, generator=generator, dtype=torch.float64, requires_grad=True)
    points = torch.tensor(
        [[[3.1, 4.2], [8.3, 4.0], [6.1, 6.4], [3.9, 9.2], [7.8, 9.1]]],
        dtype=torch.float64,
        requires_grad=True,
    )
    assert torch.autograd.gradcheck(
        lambda i, p: align_faces(i, p, size=4, antialias=False), (images, points)
    )


def test_paste_is_the_way_back():
    matrix = alignment_matrix(POINTS, size=224)
    face = align_face(IMAGE, POINTS, size=224)
    mask = np.zeros((224, 224), np.float32)
    mask[40:184, 40:184] = 1
    pasted = paste_face(IMAGE, face, matrix, mask)
    assert np.abs(pasted - IMAGE).mean() < 0.001
    painted = paste_face(IMAGE, np.zeros_like(face), matrix, mask)
    assert painted[136, 229].max() < 0.01
    np.testing.assert_array_equal(painted[:40], IMAGE[:40])


def test_points_that_coincide_are_refused():
    with pytest.raises(ValueError, match="coincide"):
        alignment_matrix(np.ones((5, 2)))
