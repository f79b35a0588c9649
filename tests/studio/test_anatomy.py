"""The studio's head asset: units, posing, the copy on disk, one meaning at every detail."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.geometry.head import MorphableHead
from likeness.geometry.head_asset import HeadAsset, load_head
from likeness.notices import NOTICE
from likeness.studio import anatomy
from likeness.studio.expressions import ARKIT_NAMES, JAW_DEGREES, build_expressions
from likeness.studio.landmark_points import landmarks68
from likeness.studio.rig import JOINTS
from likeness.studio.shape_space import ShapeSpace, build_shape_space
from likeness.studio.template import build_template
from likeness.studio.transfer import transfer_matrix


@pytest.fixture(scope="module")
def space() -> ShapeSpace:
    return build_shape_space(build_template(), num_heads=40, num_shape=12)


@pytest.fixture(scope="module")
def asset(space: ShapeSpace) -> HeadAsset:
    return anatomy.assemble(build_template(), space)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, space: ShapeSpace, tmp_path: Path) -> Path:
    """``head_asset`` with a small space and an empty cache folder, which is returned."""
    monkeypatch.setattr(anatomy, "build_shape_space", lambda template, workers: space)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    anatomy.head_asset.cache_clear()
    yield tmp_path / "likeness"
    anatomy.head_asset.cache_clear()


def test_asset_is_in_metres_and_complete(asset: HeadAsset) -> None:
    template = build_template()
    assert asset.num_vertices == 7151
    assert asset.num_expression == 100
    assert asset.expression_names[:52] == ARKIT_NAMES
    height = np.ptp(asset.template[:, 1])
    assert 0.25 < height < 0.35
    rows = build_expressions(template)
    np.testing.assert_allclose(
        asset.expression_basis[:, :, :52], np.moveaxis(rows, 0, 2) * 1e-3, atol=1e-7
    )
    names = list(asset.expression_names)
    np.testing.assert_array_equal(
        asset.eyelids[0], asset.expression_basis[:, :, names.index("eyeBlinkLeft")]
    )
    assert np.abs(asset.joints - JOINTS * 1e-3).max() < 0.01
    assert len(asset.landmarks68) == 68
    assert asset.contour.triangles.shape == (79, 17)
    assert {"face", "lips", "scalp", "left_eyeball"} <= set(asset.masks)
    assert "Copyright (c) 2020 USC Institute for Creative" in asset.metadata["credit"]
    columns = asset.metadata["shape_columns_mm"]
    assert len(columns) == asset.num_shape
    json.dumps(asset.metadata)


def test_pupils_are_the_front_poles(asset: HeadAsset) -> None:
    pupils = asset.landmarks_extra.points(asset.template, asset.faces)
    for point, joint in zip(pupils, (4, 3)):  # the subject's right first
        np.testing.assert_allclose(point - asset.joints[joint], [0.0, 0.0, 0.0133], atol=1e-6)


def test_opening_the_jaw_by_its_joint_is_the_measured_opening(asset: HeadAsset) -> None:
    """Skinning with pose correctives against the displacement row, on the template itself."""
    template = build_template()
    neutral = replace(asset, template=template.vertices.astype(np.float64) * 1e-3)
    head = MorphableHead(neutral, dtype=torch.float64)
    turn = torch.tensor([[np.radians(JAW_DEGREES), 0.0, 0.0]], dtype=torch.float64)
    posed = head({"jaw": turn}).vertices[0].numpy() * 1e3
    row = build_expressions(template)[ARKIT_NAMES.index("jawOpen")]
    skin = slice(0, template.num_skin)
    gap = np.linalg.norm(posed - template.vertices - row, axis=1)
    moved = np.linalg.norm(row, axis=1) > 0.5
    assert gap[skin][moved[skin]].mean() < 0.3  # mm
    assert gap[template.of("teeth_lower")].max() < 0.1
    corner = template.mouth_loop[[0, 24]]
    assert np.ptp(posed[corner, 0]) < 47.0  # a real mouth narrows from 50 mm


def test_landmarks_of_a_posed_head_follow_the_surface(asset: HeadAsset) -> None:
    head = MorphableHead(asset, dtype=torch.float64, contour="fixed")
    output = head({"root": torch.tensor([[0.0, 0.3, 0.0]], dtype=torch.float64)})
    where = landmarks68(build_template())
    corners = output.vertices[0].numpy()[asset.faces[where.triangles]]
    expected = np.einsum("nk,nkc->nc", where.barycentric, corners)
    np.testing.assert_allclose(output.landmarks68[0].numpy(), expected, atol=1e-6)


def test_a_copy_is_kept_and_read_again(
    quick: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(NOTICE):
        first = anatomy.head_asset()
    (record,) = caplog.records
    assert record.levelno == NOTICE
    assert record.getMessage().startswith("Building the studio's head, once: ")
    (kept,) = quick.iterdir()
    assert load_head(kept).fingerprint == first.fingerprint
    anatomy.head_asset.cache_clear()

    def must_not_run(template: object) -> ShapeSpace:
        raise AssertionError("the kept copy was not used")

    monkeypatch.setattr(anatomy, "build_shape_space", must_not_run)
    caplog.clear()
    with caplog.at_level(NOTICE):
        again = anatomy.head_asset()
    assert not caplog.records  # nothing is built, so nothing is said
    assert again.fingerprint == first.fingerprint
    np.testing.assert_array_equal(again.uv, first.uv)
    assert anatomy.head_asset() is again


def test_a_damaged_copy_is_replaced(quick: Path, caplog: pytest.LogCaptureFixture) -> None:
    first = anatomy.head_asset()
    (kept,) = quick.iterdir()
    kept.write_bytes(kept.read_bytes()[:100_000])
    anatomy.head_asset.cache_clear()
    with caplog.at_level(logging.WARNING):
        assert anatomy.head_asset().fingerprint == first.fingerprint
    assert "damaged" in caplog.text
    assert load_head(kept).fingerprint == first.fingerprint


def test_without_a_writable_folder_nothing_is_kept(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick.parent.joinpath("likeness").write_text("a file where the folder should be")
    assert anatomy.head_asset().num_vertices == 7151
    assert quick.is_file()


@pytest.mark.parametrize("detail", ["low", "high"])
def test_coefficients_mean_the_same_at_every_detail(quick: Path, detail: str) -> None:
    standard, other = anatomy.head_asset(), anatomy.head_asset(detail)
    target = build_template(detail)
    assert other.num_vertices == target.num_vertices
    shared = min(build_template().num_skin, target.num_skin)
    for name in ("template", "shape_basis", "expression_basis"):
        np.testing.assert_allclose(
            getattr(other, name)[:shared], getattr(standard, name)[:shared], atol=1e-7
        )
    names = list(other.expression_names)
    blink = other.expression_basis[:, :, names.index("eyeBlinkLeft")]
    assert 0.007 < np.abs(blink).max() < 0.012


def test_a_head_is_computed_ahead_only_where_it_can_be_kept(
    quick: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    anatomy.keep_head(workers=1)
    (kept,) = quick.iterdir()
    written = kept.stat().st_mtime_ns
    monkeypatch.setattr(anatomy, "build_shape_space", None)  # neither call computes it again
    anatomy.keep_head(workers=1)
    assert kept.stat().st_mtime_ns == written
    assert anatomy.head_asset().num_shape == 12
    kept.unlink()
    quick.rmdir()
    quick.write_text("a file where the folder should be")
    anatomy.keep_head(workers=1)


@pytest.mark.parametrize("detail", ["low", "standard", "high"])
def test_transfer_carries_smooth_displacements(detail: str) -> None:
    source, target = build_template(), build_template(detail)
    carry = transfer_matrix(source, target)
    np.testing.assert_allclose(carry.sum(axis=1), 1.0, atol=1e-12)

    def field(points: np.ndarray) -> np.ndarray:
        squared = ((points - (40.0, 0.0, 80.0)) ** 2).sum(axis=1, keepdims=True)
        return np.exp(-squared / 30.0**2) * (1.0, -2.0, 0.5)

    skin = slice(0, target.num_skin)
    carried = (carry @ field(source.vertices))[skin]
    assert np.abs(carried - field(target.vertices)[skin]).max() < 0.1  # of 2 mm
    balls = target.of("eyeball_left", "teeth_upper")
    np.testing.assert_allclose(
        (carry @ field(source.vertices))[balls], field(target.vertices)[balls], atol=1e-12
    )


def test_transfer_needs_seams_as_fine_as_the_targets() -> None:
    with pytest.raises(ValueError, match="coarser at the seams"):
        transfer_matrix(build_template("low"), build_template())
