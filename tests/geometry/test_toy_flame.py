"""The toy head: symmetric, head-sized, and moving as a head does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.geometry.flame_assets import load_flame
from likeness.geometry.head import MorphableHead
from likeness.geometry.landmarks import MIRROR_68, mirror_error
from likeness.geometry.mesh_files import read_mesh
from likeness.geometry.toy_flame import make_toy_flame


def test_toy_head_is_symmetric(toy) -> None:
    template = toy.template
    distance = np.linalg.norm(template[:, None] - (template * [-1, 1, 1])[None], axis=2)
    partner = distance.argmin(axis=1)
    assert distance.min(axis=1).max() < 1e-12
    for basis in (toy.shape_basis, toy.expression_basis):
        mirrored = basis[partner] * np.array([-1, 1, 1])[:, None]
        np.testing.assert_allclose(mirrored, basis, atol=1e-12)
    np.testing.assert_allclose(toy.weights[partner][:, [0, 1, 2, 4, 3]], toy.weights, atol=1e-12)
    points = toy.landmarks68.points(template, toy.faces)
    assert mirror_error(points) < 1e-9
    for k in range(1, 40):
        left = toy.contour[k].points(template, toy.faces)
        right = toy.contour[39 + k].points(template, toy.faces)
        np.testing.assert_allclose(right[MIRROR_68[:17]] * [-1, 1, 1], left, atol=1e-9)


def test_toy_head_mirrors_with_its_parameters(toy) -> None:
    rng = np.random.default_rng(0)
    head = MorphableHead(toy, dtype=torch.float64)
    distance = np.linalg.norm(toy.template[:, None] - (toy.template * [-1, 1, 1])[None], axis=2)
    partner = distance.argmin(axis=1)
    call = {
        name: torch.tensor(0.3 * rng.normal(size=(1, 3)))
        for name in ("root", "neck", "jaw", "left_eye", "right_eye")
    }
    # A mirrored turn keeps x and changes the sign of y and z.
    flip = torch.tensor([1.0, -1.0, -1.0], dtype=torch.float64)
    mirrored = {name: value * flip for name, value in call.items()}
    mirrored["left_eye"], mirrored["right_eye"] = mirrored["right_eye"], mirrored["left_eye"]
    expected = head(call).vertices[0].numpy()[partner] * [-1, 1, 1]
    np.testing.assert_allclose(head(mirrored).vertices[0].numpy(), expected, atol=1e-12)


def test_toy_head_has_head_like_sizes(toy, original) -> None:
    size = np.ptp(toy.template, axis=0)
    assert (size > 0.13).all()
    assert (size < 0.25).all()
    first = np.sqrt((toy.shape_basis[:, :, 0] ** 2).sum(1).mean())
    assert first == pytest.approx(3e-3)
    assert np.sqrt((toy.shape_basis[:, :, 299] ** 2).sum(1).mean()) < 1e-4
    # Outward triangles: positive volume by the divergence theorem.
    a, b, c = (toy.template[toy.faces[:, k]] for k in range(3))
    volume = (np.cross(a, b) * c).sum() / 6
    assert 0.002 < volume < 0.005  # cubic metres
    mesh = read_mesh(original / "head_template.obj")
    assert mesh.uv.min() >= 0
    assert mesh.uv.max() <= 1


def test_jaw_opens_downwards_and_eyes_turn_alone(toy) -> None:
    head = MorphableHead(toy, dtype=torch.float64)
    opened = head({"jaw": torch.tensor([[0.3, 0.0, 0.0]], dtype=torch.float64)})
    moved = opened.landmarks68[0].numpy() - head({}).landmarks68[0].numpy()
    assert moved[8, 1] < -0.005  # the chin
    assert moved[57, 1] < -0.005  # the lower lip
    assert np.abs(moved[36:48]).max() < 2e-3  # the eyes
    turned = head({"left_eye": torch.tensor([[0.0, 0.4, 0.0]], dtype=torch.float64)})
    change = np.abs(turned.vertices[0].numpy() - toy.template).max(axis=1)
    assert change[toy.masks["left_eyeball"]].max() > 1e-3
    assert change[toy.masks["right_eyeball"]].max() < 1e-12


def test_toy_files_are_the_same_for_the_same_seed(original, tmp_path) -> None:
    make_toy_flame(tmp_path / "a", subdivisions=2)
    again = load_flame(tmp_path / "a")
    assert again.fingerprint == load_flame(original).fingerprint
    make_toy_flame(tmp_path / "b", subdivisions=2, seed=1)
    other = load_flame(tmp_path / "b")
    assert other.fingerprint != again.fingerprint
    np.testing.assert_array_equal(other.template, again.template)
    with pytest.raises(ValueError, match="subdivisions must be 2 to 5"):
        make_toy_flame(tmp_path / "c", subdivisions=1)
