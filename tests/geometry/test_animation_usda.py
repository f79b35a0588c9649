"""Text USD: values parsed back with regular expressions, and by OpenUSD where it is installed."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import UsageError
from likeness.geometry.animation import VertexAnimation
from likeness.geometry.animation_usda import write_usda_points, write_usda_weights
from likeness.geometry.mesh import Mesh
from likeness.geometry.weight_animation import WeightAnimation

RNG = np.random.default_rng(0)
MESH = Mesh(
    RNG.normal(size=(4, 3)).astype(np.float32),
    np.array([[0, 1, 2], [0, 2, 3]]),
    uv=np.array([[0, 0], [1, 0], [1, 1], [0, 0.1]]),
    uv_faces=np.array([[0, 1, 2], [3, 2, 1]]),
)
MORPHS = {name: RNG.normal(size=(4, 3)).astype(np.float32) for name in ("jawOpen", "smile")}


def values(text: str) -> np.ndarray:
    return np.array([float(n) for n in re.findall(r"-?\d[\d.e+-]*", text)], np.float32)


def samples(text: str, attribute: str) -> dict[float, np.ndarray]:
    body = re.search(rf" {attribute}\.timeSamples = {{\n(.*?)\n    }}", text, re.DOTALL)
    assert body is not None, attribute
    pairs = (line.strip().rstrip(",").split(": ", 1) for line in body[1].splitlines())
    return {float(code): values(content) for code, content in pairs}


def attribute(text: str, name: str) -> np.ndarray:
    found = re.search(rf" {re.escape(name)} = (\[.*?\])", text)
    assert found is not None, name
    return values(found[1])


def moving_points(count: int = 5) -> VertexAnimation:
    frames = np.random.default_rng(1).normal(size=(count, 4, 3)).astype(np.float32)
    return VertexAnimation.of_array(frames, 25, 2.0)


def moving_weights() -> WeightAnimation:
    weights = np.random.default_rng(2).uniform(size=(3, 1)).astype(np.float32)
    return WeightAnimation(("smile",), weights, [0.0, 0.5, 0.52])


def test_points_come_back_to_the_last_bit(tmp_path: Path) -> None:
    path, moving = tmp_path / "a.usda", moving_points()
    write_usda_points(path, MESH, moving, metres_per_unit=0.01)
    text = path.read_text()
    assert text.startswith("#usda 1.0\n(\n")
    for line in ("metersPerUnit = 0.01", "timeCodesPerSecond = 25", 'upAxis = "Y"',
                 "startTimeCode = 50", "endTimeCode = 54", 'defaultPrim = "head"'):  # fmt: skip
        assert f"    {line}\n" in text
    found = samples(text, "points")
    assert list(found) == [50, 51, 52, 53, 54]
    np.testing.assert_array_equal(np.stack(list(found.values())), moving.read().reshape(5, 12))
    extent = np.stack(list(samples(text, "extent").values())).reshape(5, 2, 3)
    np.testing.assert_array_equal(extent[:, 0], moving.read().min(axis=1))
    np.testing.assert_array_equal(extent[:, 1], moving.read().max(axis=1))
    assert attribute(text, "faceVertexCounts").tolist() == [3, 3]
    assert attribute(text, "faceVertexIndices").tolist() == [0, 1, 2, 0, 2, 3]
    assert attribute(text, "primvars:st:indices").tolist() == [0, 1, 2, 3, 2, 1]
    np.testing.assert_array_equal(attribute(text, "points"), MESH.vertices.ravel())
    assert text.count("{") == text.count("}")


def test_weights_and_offsets_come_back_to_the_last_bit(tmp_path: Path) -> None:
    path, moving = tmp_path / "a.usda", moving_weights()
    write_usda_weights(path, MESH, MORPHS, moving, fps=50)
    text = path.read_text()
    found = samples(text, "blendShapeWeights")
    assert list(found) == [0, 25, 26]
    table = np.stack(list(found.values()))
    np.testing.assert_array_equal(table[:, 1], moving.weights[:, 0])
    assert not table[:, 0].any()
    for name, offsets in MORPHS.items():
        shape = text[text.index(f'BlendShape "{name}"') :]
        np.testing.assert_array_equal(attribute(shape, "offsets"), offsets.ravel())
    assert text.count('blendShapes = ["jawOpen", "smile"]') == 2
    assert "[</head/surface/jawOpen>, </head/surface/smile>]" in text
    assert text.count("{") == text.count("}")


def test_openusd_reads_both(tmp_path: Path) -> None:
    usd = pytest.importorskip("pxr.Usd")
    geometry, skeletons = pytest.importorskip("pxr.UsdGeom"), pytest.importorskip("pxr.UsdSkel")
    write_usda_points(tmp_path / "a.usda", MESH, moving_points())
    stage = usd.Stage.Open(str(tmp_path / "a.usda"))
    points = geometry.Mesh.Get(stage, "/head").GetPointsAttr()
    assert points.GetTimeSamples() == [50, 51, 52, 53, 54]
    np.testing.assert_array_equal(np.array(points.Get(52)), moving_points().read()[2])
    write_usda_weights(tmp_path / "b.usda", MESH, MORPHS, moving_weights(), fps=50)
    stage = usd.Stage.Open(str(tmp_path / "b.usda"))
    assert stage.GetDefaultPrim().GetName() == "head"
    assert skeletons.BakeSkinning(skeletons.Root.Get(stage, "/head"))
    baked = geometry.Mesh.Get(stage, "/head/surface").GetPointsAttr()
    expected = MESH.vertices + moving_weights().weights[1, 0] * MORPHS["smile"]
    np.testing.assert_allclose(np.array(baked.Get(25)), expected, atol=1e-6)


def test_what_usd_does_not_allow(tmp_path: Path) -> None:
    path = tmp_path / "a.usda"
    with pytest.raises(UsageError, match="letters, digits and underscores, not 'my head'"):
        write_usda_points(path, MESH, moving_points(), name="my head")
    with pytest.raises(UsageError, match="not '1st'"):
        write_usda_weights(path, MESH, {"1st": MORPHS["smile"]},
                           WeightAnimation(("1st",), [[1]], [0]), fps=30)  # fmt: skip
    with pytest.raises(UsageError, match="weights of smile, but no such morphs"):
        write_usda_weights(path, MESH, {}, moving_weights(), fps=30)
    with pytest.raises(UsageError, match=r"Morph smile has the shape \(3, 3\)"):
        write_usda_weights(path, MESH, {"smile": np.eye(3)}, moving_weights(), fps=30)
    other = VertexAnimation.of_array(np.zeros((1, 5, 3)), 30)
    with pytest.raises(UsageError, match="The mesh has 4 vertices, the animation 5"):
        write_usda_points(path, MESH, other)
    assert not path.exists()
