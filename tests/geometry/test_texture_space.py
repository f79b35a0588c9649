"""Texture spaces against arrays written here, channel order and scale included."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.albedo import Albedo
from likeness.geometry.texture_space import (
    TextureSpace,
    describe_texture_file,
    load_texture_space,
    synthetic_texture_space,
)

SIDE, COMPONENTS = 16, 7


@pytest.fixture
def numbers():
    rng = np.random.default_rng(0)
    return rng.uniform(0, 1, (SIDE, SIDE, 3)), rng.normal(size=(SIDE, SIDE, 3, COMPONENTS)) * 0.05


def write(path, kind, mean, basis, **names) -> None:
    blue_first = mean[:, :, ::-1], basis[:, :, ::-1]
    if kind == "flame":
        arrays = {"mean": 255 * blue_first[0], "tex_dir": 255 * blue_first[1]}
    else:
        arrays = {"MU": blue_first[0].reshape(1, -1), "PC": blue_first[1].reshape(-1, COMPONENTS)}
    np.savez_compressed(path, **{names.get(key, key): value for key, value in arrays.items()})


@pytest.mark.parametrize("kind", ["flame", "bfm", "albedomm"])
def test_three_kinds_are_read_as_rgb(tmp_path, numbers, kind) -> None:
    mean, basis = numbers
    write(tmp_path / "t.npz", kind, mean, basis)
    space = load_texture_space(tmp_path / "t.npz", kind, num_components=4, size=SIDE)
    np.testing.assert_allclose(space.mean, mean, atol=1e-6)
    np.testing.assert_allclose(space.basis, basis[..., :4], atol=1e-6)
    assert space.is_linear == (kind == "albedomm")
    assert describe_texture_file(tmp_path / "t.npz", kind) == "16 x 16 pixels, 7 components."


def test_reduction_averages_instead_of_skipping(tmp_path) -> None:
    board = np.indices((SIDE, SIDE)).sum(0) % 2 * 1.0  # single-pixel checkerboard
    mean = np.repeat(board[..., None], 3, axis=2)
    write(tmp_path / "t.npz", "bfm", mean, np.zeros((SIDE, SIDE, 3, COMPONENTS)))
    space = load_texture_space(tmp_path / "t.npz", "bfm", num_components=1, size=4)
    np.testing.assert_allclose(space.mean, 0.5, atol=0.02)


def test_reduction_equals_torch_antialiasing(tmp_path, numbers) -> None:
    mean, basis = numbers
    write(tmp_path / "t.npz", "bfm", mean, basis)
    space = load_texture_space(tmp_path / "t.npz", "bfm", num_components=2, size=8)
    picture = torch.tensor(basis[..., 1]).permute(2, 0, 1)[None]
    expected = torch.nn.functional.interpolate(
        picture, size=(8, 8), mode="bilinear", antialias=True, align_corners=False
    )
    np.testing.assert_allclose(space.basis[..., 1], expected[0].permute(1, 2, 0).numpy(), atol=1e-6)


def test_other_names_and_missing_ones(tmp_path, numbers) -> None:
    write(tmp_path / "t.npz", "albedomm", *numbers, MU="muDiffuse")
    with pytest.raises(DataError, match=r"no 'MU'.*Found: muDiffuse \(1, 768\), PC \(768, 7\)"):
        load_texture_space(tmp_path / "t.npz", "albedomm")
    space = load_texture_space(
        tmp_path / "t.npz", "albedomm", num_components=7, size=SIDE, keys={"mean": "muDiffuse"}
    )
    np.testing.assert_allclose(space.mean, numbers[0], atol=1e-6)
    with pytest.raises(UsageError, match="has 7 components; 50 were asked for"):
        load_texture_space(tmp_path / "t.npz", "albedomm", keys={"mean": "muDiffuse"})
    with pytest.raises(UsageError, match="Unknown texture space 'smplx'"):
        load_texture_space(tmp_path / "t.npz", "smplx")
    with pytest.raises(MissingError):
        load_texture_space(tmp_path / "none.npz", "bfm")


def test_shapes_that_do_not_fit(tmp_path) -> None:
    np.savez(tmp_path / "t.npz", MU=np.zeros((1, 100)), PC=np.zeros((100, 3)))
    with pytest.raises(DataError, match=r"mean \(1, 100\) and the basis \(100, 3\)"):
        load_texture_space(tmp_path / "t.npz", "bfm")
    np.savez(tmp_path / "t.npz", MU=np.full((1, 48), np.nan), PC=np.zeros((48, 3)))
    with pytest.raises(DataError, match="not finite"):
        load_texture_space(tmp_path / "t.npz", "bfm", num_components=1, size=4)


def test_albedo_is_mean_plus_basis_times_code(numbers) -> None:
    mean, basis = (array.astype(np.float32) for array in numbers)
    space = TextureSpace("test", mean, basis)
    code = np.random.default_rng(1).normal(size=(2, COMPONENTS)).astype(np.float32)
    pictures = Albedo(space)(torch.tensor(code))
    for i in range(2):
        expected = mean.copy()
        for k in range(COMPONENTS):
            expected += basis[..., k] * code[i, k]
        np.testing.assert_allclose(pictures[i].permute(1, 2, 0).numpy(), expected, atol=1e-6)
        np.testing.assert_allclose(space.albedo(code[i]), expected, atol=1e-6)
    with pytest.raises(ValueError, match=r"\(B, 7\), found \(2, 3\)"):
        Albedo(space)(torch.zeros(2, 3))


def test_linear_albedo_is_shown_with_gamma() -> None:
    space = TextureSpace(
        "linear", np.full((4, 4, 3), 0.5, np.float32), np.ones((4, 4, 3, 1), np.float32), True
    )
    code = torch.tensor([[0.0], [-2.0]], requires_grad=True)
    pictures = Albedo(space)(code)
    assert pictures[0, 0, 0, 0].item() == pytest.approx(0.5 ** (1 / 2.2))
    assert torch.isfinite(pictures).all()
    pictures.sum().backward()
    assert torch.isfinite(code.grad).all()


def test_synthetic_space_needs_no_file() -> None:
    space = synthetic_texture_space(num_components=6, size=32, seed=3)
    same = synthetic_texture_space(num_components=6, size=32, seed=3)
    assert space.fingerprint == same.fingerprint
    assert space.fingerprint != synthetic_texture_space(num_components=6, size=32).fingerprint
    assert space.basis.shape == (32, 32, 3, 6)
    size = np.sqrt((space.basis**2).mean(axis=(0, 1, 2)))
    assert size[0] > size[5] > 0
    # Smooth: neighbouring pixels differ little.
    assert np.abs(np.diff(space.basis, axis=0)).max() < 0.03
    assert Albedo(space)(torch.zeros(1, 6)).shape == (1, 3, 32, 32)
