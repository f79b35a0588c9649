"""Files of a performance, read back by other readers than the writers'."""

from __future__ import annotations

import csv
import hashlib
import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from likeness.errors import UsageError
from likeness.geometry.animation_files import read_animation
from likeness.geometry.live_link_face import read_live_link_face
from likeness.geometry.maya_cache import read_maya_cache
from likeness.geometry.mesh import Mesh
from likeness.geometry.weight_animation import ARKIT_NAMES
from likeness.media.video import probe_video, read_frames
from likeness.systems.audio2face.animation_result import AnimationResult, metres_from_centimetres
from likeness.systems.audio2face.artefacts import ActorArtefacts, Blendshapes
from likeness.systems.audio2face.film import film_frames
from likeness.systems.audio2face.morph_animation import principal_morphs, solved_morphs
from likeness.systems.audio2face.outputs import (
    FORMATS,
    Surfaces,
    output_stem,
    write_outputs,
)
from tests.systems.audio2face.package.packages import VT, V, random_actor, shape_settings

FRAMES = 6


def arkit_actor() -> ActorArtefacts:
    """Three ARKit shapes that move one axis each, so that weights can be told by hand."""
    actor = random_actor()
    offsets = np.zeros((3, V, 3), np.float32)
    for axis in range(3):
        offsets[axis, :, axis] = np.random.default_rng(axis).normal(0, 1, V)
    settings = shape_settings(3, strengthL1regularization=0.0, strengthL2regularization=1e-6,
                              strengthTemporalSmoothing=0.0)  # fmt: skip
    names = ("jawOpen", "mouthLeft", "eyeBlinkLeft")
    shapes = Blendshapes(names, actor.neutral_skin, offsets, settings)
    return replace(actor, blendshapes=shapes)


def performance(actor: ActorArtefacts) -> tuple[AnimationResult, np.ndarray]:
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.1, 0.9, (FRAMES, 3)).astype(np.float32)
    assert actor.blendshapes is not None
    moved = np.einsum("fp,pvx->fvx", weights, actor.blendshapes.offsets)
    sound = np.sin(np.arange(16000 * FRAMES // 30) * 0.2).astype(np.float32) * 0.3
    result = AnimationResult(
        30.0,
        (actor.neutral_skin + moved).astype(np.float32),
        actor.neutral_tongue + rng.normal(0, 0.1, (FRAMES, VT, 3)).astype(np.float32),
        rng.normal(0, 0.1, (FRAMES, 5, 3)).astype(np.float32),
        rng.normal(0, 5, (FRAMES, 2, 2)).astype(np.float32),
        sound,
    )
    return result, weights


def triangles(num_vertices: int, vertices: np.ndarray) -> Mesh:
    faces = np.stack([np.arange(num_vertices - 2) + i for i in range(3)], axis=1)
    return Mesh(vertices, faces)


def test_a_second_call_keeps_the_files_of_the_first_in_the_manifest(tmp_path: Path) -> None:
    actor = arkit_actor()
    result, _ = performance(actor)

    def listed(formats: list[str], **about: str) -> set[str]:
        made = write_outputs(tmp_path, "x", result, actor, formats, about=about)
        found = json.loads((tmp_path / "x.manifest.json").read_text())["files"]
        assert set(made["files"]) <= set(found)
        for name, entry in found.items():
            assert entry["sha256"] == hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()
        return set(found)

    weights = listed(["arkit-json"], sound="a.wav")
    caches = listed(["npy"], sound="a.wav") - weights
    assert {"x.npy", "x_jaw.npy"} <= caches
    assert listed(["arkit-json"], sound="a.wav") == weights | caches
    (tmp_path / "x_jaw.npy").write_bytes(b"changed")
    (tmp_path / "x_eye.npy").unlink()
    kept = weights | caches - {"x_jaw.npy", "x_eye.npy"}
    assert listed(["arkit-json"], sound="a.wav") == kept
    assert listed(["arkit-json"], sound="b.wav") == weights
    (tmp_path / "x.manifest.json").write_text("[]")
    assert listed(["npy"], sound="b.wav") == caches


@pytest.mark.parametrize("compat", [False, True])
def test_weights_are_solved_as_asked(tmp_path: Path, compat: bool) -> None:
    """Shapes that move an axis each: every weight by hand, with the pull to the frame before as
    strong as in the matrix, or, as the runtime has it, a hundredth of that."""
    actor = arkit_actor()
    result, weights = performance(actor)
    shapes = actor.blendshapes
    assert shapes is not None
    settings = {**shapes.settings, "strengthTemporalSmoothing": 0.5}
    actor = replace(actor, blendshapes=replace(shapes, settings=settings))
    write_outputs(tmp_path, "a", result, actor, ["arkit-csv"], runtime_compat=compat)
    with open(tmp_path / "a_arkit.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    box = np.linalg.norm(np.ptp(shapes.neutral, axis=0))
    scale = float(box / settings["templateBBSize"]) ** 2  # type: ignore[operator]
    for axis, name in enumerate(shapes.names):
        size, before = float((shapes.offsets[axis] ** 2).sum()), 0.0
        for row, true in zip(rows, weights[:, axis], strict=True):
            pull = 0.5 * scale * (1 if compat else 100)
            before = (size * true + pull * before) / (size + (1e-5 + 50) * scale)
            assert float(row[name]) == pytest.approx(before, abs=1e-4)


def test_all_formats_and_their_manifest(tmp_path: Path) -> None:
    actor = arkit_actor()
    result, weights = performance(actor)
    surfaces = Surfaces(triangles(V, actor.neutral_skin), triangles(VT, actor.neutral_tongue))
    stem = output_stem("say.hello.wav", "ada", emotion="joy", mode="offline")
    assert stem == "say_ada_joy_offline"
    styled = output_stem("say.wav", "ada", condition="bo", emotion="joy", mode="offline")
    assert styled == "say_ada_bo_joy_offline"
    manifest = write_outputs(
        tmp_path, stem, result, actor, FORMATS, surfaces=surfaces, differences=True,
        about={"sound": "say.hello.wav"}, film_size=64,
    )  # fmt: skip
    assert manifest == json.loads((tmp_path / f"{stem}.manifest.json").read_text())
    on_disk = {path.name for path in tmp_path.iterdir()} - {f"{stem}.manifest.json"}
    assert on_disk == set(manifest["files"])
    for name, entry in manifest["files"].items():
        content = (tmp_path / name).read_bytes()
        assert entry["sha256"] == hashlib.sha256(content).hexdigest()
    for suffix in ("", "_tongue", "_jaw", "_eye", "_delta", "_tongue_delta"):
        assert f"{stem}{suffix}.npy" in on_disk
    # Point caches are the frames in centimetres.
    np.testing.assert_array_equal(np.load(tmp_path / f"{stem}.npy"), result.skin)
    # The jaw is differences in each of them, and the manifest says so.
    for ending in (".npy", ".xml", ".pc2"):
        jaw = read_animation(tmp_path / f"{stem}_jaw{ending}", 30.0).read()
        np.testing.assert_array_equal(jaw, result.jaw)
        content = manifest["files"][f"{stem}_jaw{ending}"]["content"]
        assert content == f"jaw {jaw.shape}, differences from the neutral key points"
    np.testing.assert_allclose(
        np.load(tmp_path / f"{stem}_delta.npy"), result.skin - actor.neutral_skin, atol=1e-6
    )
    # Weights are those the frames were made of, under their own names.
    with open(tmp_path / f"{stem}_arkit.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["frame", "time", *ARKIT_NAMES]
    column = rows[0].index("jawOpen")
    np.testing.assert_allclose([float(r[column]) for r in rows[1:]], weights[:, 0], atol=1e-4)
    assert json.loads((tmp_path / f"{stem}_arkit.json").read_text())["names"] == list(ARKIT_NAMES)
    live = read_live_link_face(tmp_path / f"{stem}_livelink.csv", timecode_base=30)
    np.testing.assert_allclose(live.select(["mouthLeft"]).weights[:, 0], weights[:, 1], atol=1e-4)
    yaw = live.select(["leftEyeYaw"]).weights[:, 0]
    assert result.eyes is not None
    np.testing.assert_allclose(yaw, np.radians(result.eyes[:, 1, 1]), atol=1e-6)
    # A rig of weights alone turns its eyes as far: 30 degrees out and 35 in are a whole weight.
    out, inward = live.select(["eyeLookOutLeft", "eyeLookInLeft"]).weights.T
    np.testing.assert_allclose(30 * out - 35 * inward, result.eyes[:, 1, 1], atol=1e-3)
    assert np.abs(result.eyes[:, 1, 1]).max() > 0.1
    np.testing.assert_allclose(live.times, np.arange(FRAMES) / 30, atol=1e-6)
    # The film lasts as long as the frames and has sound.
    film = probe_video(tmp_path / f"{stem}.mp4")
    assert (film.width, film.height, film.rate, film.has_audio) == (64, 64, 30.0, True)
    assert len(list(read_frames(tmp_path / f"{stem}.mp4"))) == FRAMES


def test_scenes_show_the_tongue_carried_by_the_jaw(tmp_path: Path) -> None:
    """A jaw that turns by a known angle about a known axis takes the tongue with it."""
    actor = arkit_actor()
    still, _ = performance(actor)
    assert still.tongue is not None
    pivot, jaws, expected = np.array([0.0, 1.0, -6.0]), [], []
    for frame in range(FRAMES):
        turn = Rotation.from_euler("x", 4.0 * frame, degrees=True)
        jaws.append(turn.apply(actor.jaw_neutral - pivot) + pivot - actor.jaw_neutral)
        expected.append(turn.apply(still.tongue[frame] - pivot) + pivot)
    result = replace(still, jaw=np.array(jaws, np.float32))
    surfaces = Surfaces(triangles(V, actor.neutral_skin), triangles(VT, actor.neutral_tongue))
    for name, shapes in (("shapes", actor.tongue_blendshapes), ("none", None)):
        shaped = replace(actor, tongue_blendshapes=shapes)
        write_outputs(tmp_path, name, result, shaped, ["npy", "glb"], surfaces=surfaces)
        np.testing.assert_array_equal(np.load(tmp_path / f"{name}_tongue.npy"), still.tongue)
        vertices, names = glb_vertices(tmp_path / f"{name}.glb", 5)
        np.testing.assert_allclose(vertices[V:] * 100, expected[5], atol=2e-2)
        assert ("tongueCarried00" in names) == (shapes is not None)


def test_defect_17_the_tongue_and_differences_go_into_caches(tmp_path: Path) -> None:
    """Differences are arrays like any other: they reach Maya too."""
    actor = arkit_actor()
    result, _ = performance(actor)
    write_outputs(tmp_path, "x", result, actor, ["maya"], differences=True)
    moved = read_maya_cache(tmp_path / "x_tongue_delta.xml", declared_fps=30).read()
    assert result.tongue is not None
    np.testing.assert_allclose(moved, result.tongue - actor.neutral_tongue, atol=1e-6)


def test_usd_is_in_metres_for_its_own_library(tmp_path: Path) -> None:
    usd = pytest.importorskip("pxr.Usd")
    geometry = pytest.importorskip("pxr.UsdGeom")
    actor = arkit_actor()
    result, _ = performance(actor)
    surfaces = Surfaces(triangles(V, actor.neutral_skin))
    write_outputs(tmp_path, "x", result, actor, ["usd"], surfaces=surfaces)
    stage = usd.Stage.Open(str(tmp_path / "x.usda"))
    assert geometry.GetStageMetersPerUnit(stage) == 1.0
    points = geometry.Mesh(stage.GetDefaultPrim()).GetPointsAttr()
    np.testing.assert_allclose(points.Get(4.0), result.skin[4] / 100, atol=1e-6)
    assert not (tmp_path / "x_tongue.usda").exists()


def glb_vertices(path: Path, frame: int) -> tuple[np.ndarray, list[str]]:
    """Vertices at a key of the animation, straight from the bytes."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    document = json.loads(data[20 : 20 + length])
    binary = data[28 + length :]

    def array(index: int) -> np.ndarray:
        accessor = document["accessors"][index]
        view = document["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
        flat = np.frombuffer(binary, "<f4", accessor["count"] * width, view["byteOffset"])
        return flat.reshape(accessor["count"], width)

    mesh = document["meshes"][0]
    primitive = mesh["primitives"][0]
    vertices = array(primitive["attributes"]["POSITION"]).copy()
    sampler = document["animations"][0]["samplers"][0]
    weights = array(sampler["output"]).reshape(-1, len(primitive["targets"]))[frame]
    for weight, target in zip(weights, primitive["targets"]):
        vertices += weight * array(target["POSITION"])
    return vertices, mesh["extras"]["targetNames"]


@pytest.mark.parametrize("has_shapes", [True, False])
def test_a_scene_has_morphs_that_make_the_frames(tmp_path: Path, has_shapes: bool) -> None:
    actor = arkit_actor()
    result, _ = performance(actor)
    assert result.jaw is not None
    result = replace(result, jaw=np.zeros_like(result.jaw))
    actor = replace(actor, tongue_blendshapes=None)
    if not has_shapes:
        actor = replace(actor, blendshapes=None)
    surfaces = Surfaces(triangles(V, actor.neutral_skin), triangles(VT, actor.neutral_tongue))
    write_outputs(tmp_path, "x", result, actor, ["glb"], surfaces=surfaces)
    vertices, names = glb_vertices(tmp_path / "x.glb", 3)
    assert result.tongue is not None
    expected = np.concatenate([result.skin[3], result.tongue[3]]) / 100
    np.testing.assert_allclose(vertices, expected, atol=2e-4)
    assert names[0] == ("jawOpen" if has_shapes else "component00")
    assert any(name.startswith("tongue") for name in names)


def test_morphs_show_the_frames_whatever_rigs_make_of_weights() -> None:
    """Multipliers and offsets moved the shapes of the file, too."""
    actor = arkit_actor()
    result, weights = performance(actor)
    shapes = actor.blendshapes
    assert shapes is not None
    count = len(shapes.names)
    rig = {"bsWeightMultipliers": [2.0] * count, "bsWeightOffsets": [0.2] * count}
    morphs = solved_morphs(result.skin, replace(shapes, settings={**shapes.settings, **rig}))
    np.testing.assert_allclose(morphs.weights, weights, atol=1e-3)
    np.testing.assert_allclose(morphs.vertices(), result.skin, atol=1e-3)


def test_principal_morphs_keep_a_still_face_and_few_components() -> None:
    neutral = np.random.default_rng(0).normal(0, 1, (20, 3)).astype(np.float32)
    still = principal_morphs(np.repeat(neutral[None], 4, axis=0), neutral)
    np.testing.assert_allclose(still.vertices(), np.repeat(neutral[None], 4, axis=0))
    rank_two = np.random.default_rng(1).normal(0, 1, (9, 2)) @ np.random.default_rng(2).normal(
        0, 1, (2, 60)
    )
    frames = (neutral + rank_two.reshape(9, 20, 3)).astype(np.float32)
    morphs = principal_morphs(frames, neutral)
    assert len(morphs.offsets) == 2
    assert np.abs(morphs.weights).max() == pytest.approx(1.0)
    np.testing.assert_allclose(morphs.vertices(), frames, atol=1e-4)


def test_the_film_shows_light_skin_and_a_mouth_that_opens() -> None:
    """A square plate before a grey one: the picture is bright in front and changes with time."""
    grid = np.stack(np.meshgrid([-1.0, 0, 1], [-1.0, 0, 1], [0.0]), axis=-1).reshape(9, 3)
    faces = [[0, 1, 4], [0, 4, 3], [1, 2, 5], [1, 5, 4], [3, 4, 7], [3, 7, 6], [4, 5, 8], [4, 8, 7]]
    mesh = Mesh(grid, np.array(faces))
    frames = np.repeat(grid[None].astype(np.float32), 2, axis=0)
    frames[1, 4, 2] = 0.8
    pictures = list(film_frames(AnimationResult(25.0, frames), mesh, size=48, yaw=0.0))
    assert pictures[0].shape == (48, 48, 3)
    assert pictures[0][24, 24].mean() > 0.5
    assert pictures[0][0, 0] == pytest.approx(0.93, abs=1e-6)
    assert np.abs(pictures[1] - pictures[0]).max() > 0.05


def test_what_a_format_lacks_is_said_before_anything_is_written(tmp_path: Path) -> None:
    actor = arkit_actor()
    result, _ = performance(actor)
    with pytest.raises(UsageError, match="triangles"):
        write_outputs(tmp_path / "a", "x", result, actor, ["npy", "glb"])
    with pytest.raises(UsageError, match="no output format fbx"):
        write_outputs(tmp_path / "a", "x", result, actor, ["fbx"])
    with pytest.raises(UsageError, match="needs ARKit"):
        write_outputs(tmp_path / "a", "x", result, random_actor(), ["arkit-csv"])
    assert not (tmp_path / "a").exists()


def test_results_have_channels_of_one_length() -> None:
    skin = np.zeros((3, 4, 3), np.float32)
    with pytest.raises(UsageError, match="as many frames"):
        AnimationResult(30.0, skin, np.zeros((2, 4, 3), np.float32))
    with pytest.raises(UsageError, match="'eyes' of a result"):
        AnimationResult(30.0, skin, eyes=np.zeros((3, 4), np.float32))
    assert metres_from_centimetres(np.array([250.0])).tolist() == [2.5]


def test_a_hole_in_the_skin_is_dark_and_the_ground_is_not() -> None:
    """A frame of eight triangles around a square hole."""
    outer = [(-4, -4), (4, -4), (4, 4), (-4, 4)]
    ring = np.array(
        [(x, y, 0) for x, y in outer] + [(x / 2, y / 2, 0) for x, y in outer], np.float32
    )
    faces = [
        f
        for k in range(4)
        for f in ((k, (k + 1) % 4, 4 + k), ((k + 1) % 4, 4 + (k + 1) % 4, 4 + k))
    ]
    result = AnimationResult(30.0, ring[None])
    (picture,) = film_frames(result, Mesh(ring, np.array(faces)), size=64, yaw=0.0)
    middle, skin, ground = picture[32, 32], picture[32, 7], picture[1, 1]
    assert middle.max() < 0.15
    assert ground.min() > 0.9
    assert 0.2 < skin.mean() < 0.9
    fine = picture[:, :, 0] < 0.15
    assert fine.sum() == pytest.approx((64 / 1.12 / 2) ** 2, rel=0.1)
