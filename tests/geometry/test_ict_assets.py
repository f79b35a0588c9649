"""ICT-FaceKit heads: a tiny kit built here, and the real model."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from likeness.errors import DataError, MissingError
from likeness.geometry.flame_checks import contour_gaps
from likeness.geometry.head import MorphableHead
from likeness.geometry.head_asset import load_head
from likeness.geometry.ict_assets import is_ict, load_ict
from likeness.geometry.landmarks import mirror_error
from likeness.geometry.toy_surface import toy_surface
from tests.realdata import real_data


def tiny_kit(seed: int = 0) -> dict[str, np.ndarray]:
    """A kit in centimetres on the toy head's skin: 3 identities, jawOpen and a smile."""
    surface = toy_surface(3)
    faces = surface.faces[: surface.num_skin_faces]
    vertices = 100 * surface.vertices[: faces.max() + 1]
    rng = np.random.default_rng(seed)
    x, y, z = vertices.T
    opened = np.zeros_like(vertices)
    share = np.clip((-2 - y) / 3, 0, 1) * np.clip(z / 4, 0, 1)
    angle = np.radians(20)
    turned = vertices @ np.array(
        [[1, 0, 0], [0, np.cos(angle), np.sin(angle)], [0, -np.sin(angle), np.cos(angle)]]
    )
    opened[:] = share[:, None] * (turned - vertices)
    smile = np.exp(-((np.abs(x) - 2.5) ** 2 + (y + 3.5) ** 2))[:, None] * np.array([0, 0.5, 0.1])
    identity = 0.3 * np.cos(vertices @ rng.normal(size=(3, 9)) * 0.3).reshape(-1, 3, 3)
    # Landmarks where the toy face has them, by the nearest vertex.
    places = np.zeros((68, 2))
    places[36:42], places[42:48] = (-3.2, 3.0), (3.2, 3.0)
    places[36:48, 0] += np.tile([-1.2, -0.5, 0.5, 1.2, 0.5, -0.5], 2)
    places[:17, 0] = 7 * np.sin(np.linspace(-np.pi / 2, np.pi / 2, 17))
    places[:17, 1] = 2 - 11 * np.cos(np.linspace(-np.pi / 2, np.pi / 2, 17))
    places[17:27, 0], places[17:27, 1] = np.linspace(-5, 5, 10), 5
    places[27:36, 1] = [3.3, 2.4, 1.4, 0.4, -0.6, -0.7, -0.8, -0.7, -0.6]
    places[31:36, 0] = [-1.2, -0.6, 0, 0.6, 1.2]
    angles = np.linspace(np.pi, -np.pi, 13)[:12]
    places[48:60] = np.stack([2.5 * np.cos(angles), -3.6 + np.sin(angles)], axis=1)
    places[60:68, 0], places[60:68, 1] = np.linspace(-2, 2, 8), -3.6
    front = np.where(z > 0, 0.0, 100.0)
    landmarks = [int(np.argmin(((vertices[:, :2] - p) ** 2).sum(1) + front)) for p in places]
    return {
        "vertices": vertices,
        "triangles": faces,
        "identity": identity.transpose(2, 0, 1),
        "identity_names": np.array(["identity000", "identity001", "identity002"]),
        "expression": np.stack([opened, smile]),
        "expression_names": np.array(["jawOpen", "mouthSmile_L"]),
        "landmarks68": np.array(landmarks, dtype=np.int32),
    }


@pytest.fixture(scope="module")
def kit():
    return tiny_kit()


def write_kit_folder(folder, kit) -> None:
    """The layout of the public kit: one OBJ per shape, quads where it has them."""
    folder.mkdir()
    faces = "".join(f"f {a} {b} {c}\n" for a, b, c in (kit["triangles"] + 1).tolist())
    shapes = {"generic_neutral_mesh": np.zeros_like(kit["vertices"])}
    shapes |= dict(zip(kit["identity_names"].tolist(), kit["identity"], strict=True))
    shapes |= dict(zip(kit["expression_names"].tolist(), kit["expression"], strict=True))
    for name, offsets in shapes.items():
        rows = (kit["vertices"] + offsets).tolist()
        text = "".join(f"v {x:.9f} {y:.9f} {z:.9f}\n" for x, y, z in rows)
        (folder / f"{name}.obj").write_text("# kit\n" + text + faces)
    indices = {"idx_to_landmark_verts": kit["landmarks68"].tolist(), "expressions": []}
    (folder / "vertex_indices.json").write_text(json.dumps(indices))


def test_arrays_become_metres_and_unit_deviations(tmp_path, kit) -> None:
    np.savez(tmp_path / "kit.npz", **kit)
    assert is_ict(tmp_path / "kit.npz")
    asset = load_ict(tmp_path / "kit.npz")
    np.testing.assert_allclose(asset.template, kit["vertices"] / 100, atol=1e-8)
    expression = [0.5, 1.0]
    head = MorphableHead(asset, dtype=torch.float64)
    output = head(
        {
            "shape": torch.tensor([[1.0, -2.0, 0.5]], dtype=torch.float64),
            "expression": torch.tensor([expression], dtype=torch.float64),
        }
    )
    expected = kit["vertices"].copy()
    for coefficient, offsets in zip([1.0, -2.0, 0.5], kit["identity"], strict=True):
        expected += coefficient * offsets
    for coefficient, offsets in zip(expression, kit["expression"], strict=True):
        expected += coefficient * offsets
    np.testing.assert_allclose(output.vertices[0].numpy(), expected / 100, atol=1e-7)
    assert asset.expression_names == ("jawOpen", "mouthSmile_L")
    assert asset.joint_names == ("root", "neck", "jaw", "left_eye", "right_eye")
    points = asset.landmarks68.points(asset.template, asset.faces)
    np.testing.assert_allclose(points, kit["vertices"][kit["landmarks68"]] / 100, atol=1e-8)


def test_integers_with_a_scale_are_the_same_shapes(tmp_path, kit) -> None:
    np.savez(tmp_path / "plain.npz", **kit)
    packed = {k: v for k, v in kit.items() if k not in ("identity", "expression")}
    for name in ("identity", "expression"):
        scale = np.abs(kit[name]).max(axis=(1, 2)) / 32767
        packed[f"{name}_scale"] = scale.astype(np.float32)
        packed[f"{name}_q"] = np.round(kit[name] / scale[:, None, None]).astype(np.int16)
    np.savez(tmp_path / "packed.npz", **packed)
    assert is_ict(tmp_path / "packed.npz")
    plain, other = load_ict(tmp_path / "plain.npz"), load_ict(tmp_path / "packed.npz")
    np.testing.assert_allclose(other.shape_basis, plain.shape_basis, atol=1e-6)
    np.testing.assert_allclose(other.expression_basis, plain.expression_basis, atol=1e-6)


def test_the_kits_folder_equals_the_arrays(tmp_path, kit) -> None:
    write_kit_folder(tmp_path / "FaceXModel", kit)
    np.savez(tmp_path / "kit.npz", **kit)
    assert is_ict(tmp_path / "FaceXModel")
    assert not is_ict(tmp_path)
    folder, arrays = load_ict(tmp_path / "FaceXModel"), load_ict(tmp_path / "kit.npz")
    assert folder.expression_names == arrays.expression_names
    np.testing.assert_array_equal(folder.faces, arrays.faces)
    np.testing.assert_allclose(folder.template, arrays.template, atol=1e-8)
    np.testing.assert_allclose(folder.shape_basis, arrays.shape_basis, atol=1e-7)
    np.testing.assert_allclose(folder.expression_basis, arrays.expression_basis, atol=1e-7)
    np.testing.assert_array_equal(folder.landmarks68.triangles, arrays.landmarks68.triangles)


def test_incomplete_kits_say_what_is_missing(tmp_path, kit) -> None:
    with pytest.raises(MissingError, match=r"no ICT-FaceKit head at[\s\S]*generic_neutral_mesh"):
        load_ict(tmp_path / "nowhere")
    with pytest.raises(MissingError, match=r"no generic_neutral_mesh\.obj"):
        load_ict(tmp_path)
    folder = tmp_path / "kit"
    write_kit_folder(folder, kit)
    (folder / "vertex_indices.json").write_text("{}")
    with pytest.raises(DataError, match="idx_to_landmark_verts"):
        load_ict(folder)
    (folder / "vertex_indices.json").unlink()
    with pytest.raises(MissingError, match=r"vertex_indices\.json"):
        load_ict(folder)
    (folder / "identity001.obj").write_text("v 0 0 0\n")
    with pytest.raises(DataError, match=r"identity001\.obj has 1 vertices, the neutral head 642"):
        load_ict(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"landmarks68": np.zeros(67, int)}, r"68 landmark vertices below 642, found \(67,\)"),
        ({"landmarks68": np.full(68, 642)}, "up to 642"),
        ({"identity": np.zeros((3, 641, 3))}, r"'identity' .* \(3, 641, 3\)"),
        ({"expression": np.zeros((1, 642, 3))}, r"expected \(2, 642, 3\)"),
        ({"expression_names": np.array(["a", "b"])}, "no shape 'jawOpen'.*it has a, b"),
        ({"expression": np.zeros((2, 642, 3))}, "'jawOpen' moves nothing"),
    ],
)
def test_defects_are_named(tmp_path, kit, change, message) -> None:
    np.savez(tmp_path / "kit.npz", **(kit | change))
    with pytest.raises(DataError, match=message):
        load_ict(tmp_path / "kit.npz")


def test_a_foreign_file_is_not_a_kit(tmp_path) -> None:
    np.savez(tmp_path / "other.npz", vertices=np.zeros((4, 3)))
    assert not is_ict(tmp_path / "other.npz")
    with pytest.raises(DataError, match="lacks landmarks68, expression_names, faces"):
        load_ict(tmp_path / "other.npz")


@pytest.fixture(scope="module")
def real():
    return load_ict(real_data("ict_face_model") / "ict_face.npz")


@pytest.fixture(scope="module")
def raw():
    with np.load(real_data("ict_face_model") / "ict_face.npz") as file:
        return {name: file[name] for name in file.files}


@pytest.mark.realdata
def test_real_sizes(real, raw) -> None:
    # The transparent shells at the end are left out, everything before is kept.
    assert real.num_vertices == 24999
    np.testing.assert_allclose(real.template, raw["vertices"][:24999] / 100, atol=1e-8)
    whole = load_ict(real_data("ict_face_model") / "ict_face.npz", with_overlays=True)
    assert whole.num_vertices == 26719
    assert whole.num_faces == 2 * 26384 - 548
    assert real.num_shape == 50
    assert real.num_expression == 57


@pytest.mark.realdata
def test_real_blend_equals_the_models_formula(real, raw) -> None:
    rng = np.random.default_rng(0)
    identity, expression = rng.normal(size=50), rng.uniform(size=57)
    expected = raw["vertices"].astype(np.float64)
    for i in range(50):
        expected += identity[i] * raw["identity_scale"][i] * raw["identity_q"][i]
    for j in range(57):
        expected += expression[j] * raw["expression_scale"][j] * raw["expression_q"][j]
    output = MorphableHead(real)(
        {
            "shape": torch.tensor(identity[None], dtype=torch.float32),
            "expression": torch.tensor(expression[None], dtype=torch.float32),
        }
    )
    np.testing.assert_allclose(output.vertices[0].numpy(), expected[:24999] / 100, atol=2e-6)


def part(raw, name: str) -> np.ndarray:
    index = raw["part_names"].tolist().index(name)
    start, stop = raw["part_vertex_start"][index : index + 2]
    return np.arange(start, stop)


@pytest.mark.realdata
def test_jaw_joint_moves_the_lower_teeth_as_the_shape_does(real, raw) -> None:
    # The model's own open jaw turns its lower teeth rigidly by 25.3 degrees.
    assert np.degrees(real.metadata["jaw_angle_of_jawOpen"]) == pytest.approx(25.3, abs=0.1)
    turn = [[real.metadata["jaw_angle_of_jawOpen"], 0.0, 0.0]]
    posed = MorphableHead(real)({"jaw": torch.tensor(turn)}).vertices[0].numpy()
    index = raw["expression_names"].tolist().index("jawOpen")
    offsets = raw["expression_q"][index] * raw["expression_scale"][index] / 100
    teeth = part(raw, "teeth")
    error = np.linalg.norm(posed[teeth] - real.template[teeth] - offsets[teeth], axis=1)
    assert error.max() < 0.3e-3
    upper = teeth[np.linalg.norm(offsets[teeth], axis=1) < 1e-4]
    assert len(upper) > 2000
    assert np.abs(posed[upper] - real.template[upper]).max() < 1e-6
    skin = np.arange(6706)
    gap = np.linalg.norm(posed[skin] - real.template[skin] - offsets[skin], axis=1)
    assert gap.mean() < 2.5e-3


@pytest.mark.realdata
def test_eyes_turn_rigidly_about_their_centres(real, raw) -> None:
    turn = torch.tensor([[0.0, 0.3, 0.0]])
    posed = MorphableHead(real)({"left_eye": turn}).vertices[0].numpy()
    ball = part(raw, "eyeball_left")
    centre = real.template[ball].mean(axis=0)
    np.testing.assert_allclose(real.eye_centres[0], centre, atol=1e-6)
    before = np.linalg.norm(real.template[ball] - centre, axis=1)
    np.testing.assert_allclose(np.linalg.norm(posed[ball] - centre, axis=1), before, atol=1e-6)
    others = np.setdiff1d(np.arange(real.num_vertices), ball)
    assert np.abs(posed[others] - real.template[others]).max() < 1e-6


@pytest.mark.realdata
def test_real_landmarks_contour_and_joints(real, raw) -> None:
    points = real.landmarks68.points(real.template, real.faces)
    np.testing.assert_allclose(points, raw["vertices"][raw["landmarks68"]] / 100, atol=1e-7)
    assert mirror_error(points) < 1e-4
    assert contour_gaps(real, 39, 39).mean() < 1e-3
    assert contour_gaps(real, 39, 78).mean() > 5e-3
    joints = dict(zip(real.joint_names, real.joints, strict=True))
    assert joints["root"][1] < joints["neck"][1] < joints["jaw"][1] < joints["left_eye"][1]
    assert np.abs(real.joints[:3, 0]).max() < 1e-9
    # Joints follow identity without being thrown about by it.
    spread = np.einsum("jv,vcs->jcs", real.joint_regressor, real.shape_basis)
    assert np.linalg.norm(spread, axis=(1, 2)).max() < 0.02


@pytest.mark.realdata
def test_real_contour_follows_other_identities(real) -> None:
    # The table is built on the mean head; on drawn persons it stays near the outline.
    rng = np.random.default_rng(1)
    for _ in range(5):
        shape = rng.normal(size=50).astype(np.float32)
        person = replace(real, template=real.template + real.shape_basis @ shape)
        assert contour_gaps(person, 30, 30).mean() < 4e-3


@pytest.mark.realdata
def test_real_uv_parts_do_not_share_texels(real, raw) -> None:
    assert real.uv.min() >= 0
    assert real.uv.max() <= 1
    owner: dict[tuple[int, int], str] = {}
    shared = 0
    for name in ("face", "head_neck", "teeth", "gums_tongue", "eyeball_left", "eyeball_right"):
        ids = part(raw, name)
        rows = np.flatnonzero(np.isin(real.faces, ids).all(axis=1))
        centres = real.uv[real.uv_faces[rows]].mean(axis=1)
        # 240 pixels are a multiple of the twelfths the layout is made of.
        for texel in {tuple(t) for t in (centres * 240).astype(int).tolist()}:
            shared += owner.setdefault(texel, name) != name
    assert shared == 0


@pytest.mark.realdata
def test_real_regions(real) -> None:
    centre = {name: real.template[ids].mean(axis=0) for name, ids in real.masks.items()}
    assert centre["left_ear"][0] > 0.06
    assert centre["right_ear"][0] < -0.06
    height = {name: real.template[ids, 1].max() for name, ids in real.masks.items()}
    assert height["scalp"] == real.template[:, 1].max() > height["forehead"]
    assert centre["scalp"][2] < centre["left_ear"][2] < centre["forehead"][2]
    assert centre["forehead"][1] > centre["eye_region"][1] > centre["nose"][1] > centre["lips"][1]
    assert centre["lips"][1] > centre["neck"][1] > centre["boundary"][1]
    for left, right in (("left_ear", "right_ear"), ("left_eye_region", "right_eye_region")):
        assert len(real.masks[left]) == len(real.masks[right])
    points = real.landmarks68.points(real.template, real.faces)
    lips = set(real.masks["lips"].tolist())
    inner = real.faces[real.landmarks68.triangles[60:68]]
    assert all(lips & set(row.tolist()) for row in inner)
    assert np.linalg.norm(centre["lips"] - points[48:68].mean(axis=0)) < 0.01


@pytest.mark.realdata
def test_mini_model_makes_a_head_too(tmp_path) -> None:
    asset = load_ict(real_data("ict_face_model") / "ict_face_mini.npz")
    assert asset.num_vertices == 6706
    assert np.degrees(asset.metadata["jaw_angle_of_jawOpen"]) == pytest.approx(25.3, abs=4)
    whole = load_ict(real_data("ict_face_model") / "ict_face.npz")
    assert np.linalg.norm(asset.joints - whole.joints, axis=1).max() < 5e-3
    asset.save(tmp_path / "mini.npz")
    assert load_head(tmp_path / "mini.npz").fingerprint == asset.fingerprint
