"""Normals in torch against plain loops, and their gradients under several threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.geometry.normals import face_normals, vertex_normals


def _mesh() -> tuple[torch.Tensor, torch.Tensor]:
    """A random closed grid: (1, V, 3) in float64, faces (F, 3)."""
    rng = np.random.default_rng(0)
    side = 60
    rows, columns = (grid.ravel() for grid in np.mgrid[:side, :side])
    right, below = (columns + 1) % side, (rows + 1) % side
    first, second = rows * side + columns, rows * side + right
    third, fourth = below * side + columns, below * side + right
    faces = np.concatenate(
        [np.stack([first, second, third], 1), np.stack([second, fourth, third], 1)]
    )
    return torch.from_numpy(rng.normal(size=(1, side * side, 3))), torch.from_numpy(faces)


def test_normals_are_those_of_plain_loops() -> None:
    vertices, faces = _mesh()
    points, total = vertices[0].numpy(), np.zeros((vertices.shape[1], 3))
    found = face_normals(vertices, faces)[0].numpy()
    for number, (a, b, c) in enumerate(faces.numpy()):
        normal = np.cross(points[b] - points[a], points[c] - points[a])
        assert found[number] == pytest.approx(normal)
        for corner in (a, b, c):
            total[corner] += normal
    wanted = total / np.linalg.norm(total, axis=1, keepdims=True)
    np.testing.assert_allclose(vertex_normals(vertices, faces)[0].numpy(), wanted, atol=1e-9)


def test_gradients_are_the_same_bits_each_time_with_two_threads() -> None:
    """Otherwise a run that goes on would not be the one that went through."""
    vertices, faces = _mesh()
    vertices, weights = vertices.float(), torch.randn(vertices.shape)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        gradients = []
        for _ in range(30):
            leaf = vertices.clone().requires_grad_()
            (vertex_normals(leaf, faces) * weights).sum().backward()
            gradients.append(leaf.grad)
    finally:
        torch.set_num_threads(threads)
    assert all(torch.equal(gradients[0], other) for other in gradients[1:])
