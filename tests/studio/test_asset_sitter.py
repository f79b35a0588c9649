"""Head models as sitters: pictures agree with the model's own geometry."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import Delaunay

from likeness.geometry.head_asset import FLAME_JOINTS, HeadAsset, LandmarkEmbedding
from likeness.geometry.head_numpy import pose_head
from likeness.geometry.ict_assets import load_ict
from likeness.media.image import load_image
from likeness.studio import surface
from likeness.studio.asset_sitter import AssetSitter
from likeness.studio.expressions import INDEX
from likeness.studio.figure import HeadPose
from likeness.studio.landmark_points import landmarks68
from likeness.studio.masks import vertex_masks
from likeness.studio.mouth import crown_position
from likeness.studio.person import Person
from likeness.studio.photograph import photograph
from likeness.studio.pixels import take_samples
from likeness.studio.rig import PARENTS, joint_regressor, skinning_weights
from likeness.studio.scene import Scene
from likeness.studio.surface_points import GUM
from likeness.studio.template import PARTS, build_template
from likeness.systems.face_encoder.commands import convert_model
from tests.realdata import real_data
from tests.studio.surface_cases import points_at


def _small_asset() -> HeadAsset:
    """The template as a head with one shape and two expression columns, moved and scaled."""
    template = build_template("low")
    vertices = template.vertices * 0.0011 + (0.01, 0.02, -0.03)
    rng = np.random.default_rng(0)
    points = landmarks68(template)
    expression = np.zeros((len(vertices), 3, 2))
    expression[:, 1, 0] = np.where(vertices[:, 1] < -0.03, -0.01, 0.0)
    expression[:, 2, 1] = 0.02
    return HeadAsset(
        name="small",
        template=vertices,
        faces=template.faces,
        shape_basis=rng.normal(scale=0.001, size=(len(vertices), 3, 1)),
        expression_basis=expression,
        pose_basis=np.zeros((len(vertices), 3, 36)),
        joint_regressor=joint_regressor(template),
        weights=skinning_weights(template),
        parents=np.array(PARENTS),
        joint_names=FLAME_JOINTS,
        masks=vertex_masks(template),
        landmarks68=LandmarkEmbedding(points.triangles, points.barycentric),
        expression_names=("jawOpen", "unknown"),
    )


@pytest.fixture(scope="module")
def appearance():
    return Person.sample(32).appearance


def test_vertices_take_the_coordinates_of_the_template(appearance):
    """A moved and scaled template finds itself again, to what the landmarks' fit leaves."""
    template = build_template("low")
    sitter = AssetSitter(_small_asset(), appearance)
    away = np.linalg.norm(sitter.surface.rest - template.vertices, axis=1)
    assert np.median(away[template.part == 0]) < 0.05
    assert away[np.isin(template.part, (4, 5))].max() < 0.6  # eyeballs, set by centre and radius
    assert np.array_equal(
        sitter.surface.part[template.part <= 3] == 3, template.part[template.part <= 3] == 3
    )
    near_mouth = (template.mouth_ring < 3) & (template.part == 0)
    ring = sitter.surface.mouth_ring[near_mouth]
    assert np.abs(ring - template.mouth_ring[near_mouth]).mean() < 0.05


def test_poses_are_the_models_own(appearance):
    asset = _small_asset()
    sitter = AssetSitter(asset, appearance, shape=[1.5])
    weights = np.zeros(52)
    weights[INDEX["jawOpen"]], weights[INDEX["eyeLookUpLeft"]] = 0.5, 0.4
    picture = photograph(sitter, Scene.portrait(yaw=25.0), 64, expression=weights)
    parameters = picture.parameters
    posed = pose_head(
        asset,
        {
            "shape": np.array([1.5]),
            "expression": np.array([0.5, 0.0]),
            **{name: parameters[name] for name in ("root", "neck", "left_eye", "right_eye")},
            "translation": parameters["translation"],
        },
    )
    fx, fy, cx, cy = parameters["camera"]
    points = posed.landmarks68
    u, v = cx - fx * points[:, 0] / points[:, 2], cy + fy * points[:, 1] / points[:, 2]
    np.testing.assert_allclose(picture.landmarks68, np.stack([u, v], axis=1), atol=1e-2)
    assert np.linalg.norm(parameters["left_eye"]) > 0.1
    assert {1, 3} <= set(np.unique(picture.mask))


def test_no_teeth_shine_through_lips_a_little_apart(appearance):
    """Dark behind the slit of lips at rest, lit as ever behind an open mouth."""
    asset = _small_asset()
    opening = asset.expression_basis.copy()
    opening[asset.faces[asset.landmarks68.triangles[66]], 1, 0] = -0.02
    sitter = AssetSitter(replace(asset, expression_basis=opening), appearance)
    opened = np.zeros(52)
    opened[INDEX["jawOpen"]] = 1.0
    levels = []
    for weights in (np.zeros(52), opened):
        figure = sitter.pose(weights, HeadPose())
        inner = figure.landmarks68[[62, 66]]
        gap = 1000.0 * np.linalg.norm(inner[0] - inner[1])
        teeth = np.flatnonzero(np.isin(sitter.surface.part, [PARTS.index("teeth_upper")]))
        assert figure.lid_distance[teeth] == pytest.approx(gap, abs=1e-3)
        points = points_at(sitter.surface.rest[teeth], part=PARTS.index("teeth_upper"))
        points = replace(points, lid_distance=figure.lid_distance[teeth])
        levels.append((gap, sitter.paint(points, weights).albedo.mean()))
    assert levels[0][0] < 1.5
    assert levels[1][0] > 8.0
    assert levels[0][1] < 0.1 * levels[1][1]


def test_teeth_get_darker_and_redder_toward_the_back(appearance):
    """As bright as in front up to the incisors, at the molars half, but no hole."""
    sitter = AssetSitter(_small_asset(), appearance)
    places = np.array([(0.0, -28.0, 105.0), (26.0, -28.0, 84.0), (27.0, -28.0, 70.0)])
    points = points_at(places, part=PARTS.index("teeth_upper"))
    points = replace(points, lid_distance=np.full(3, 12.0, np.float32))
    plain = surface.evaluate(appearance, points, np.zeros(52)).albedo
    own = sitter.paint(points, np.zeros(52)).albedo
    share = own / plain
    np.testing.assert_allclose(share[0], 1.0, atol=1e-5)
    assert (np.diff(share, axis=0) < -0.1).all()
    assert share[2].mean() < 0.5
    assert own[2].min() > 0.09
    assert share[2, 0] > share[2, 1] > share[2, 2]


@pytest.mark.realdata
def test_far_molars_in_an_open_smile_are_dimmer_than_front_teeth(appearance):
    """They were as bright, and read as one crooked tooth between the lips."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    shape = np.random.default_rng(5).normal(0.0, 0.7, asset.num_shape)
    sitter = AssetSitter(asset, appearance, shape)
    weights = np.zeros(52)
    weights[[INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.7
    weights[INDEX["jawOpen"]] = 0.3
    picture = photograph(sitter, Scene.portrait(yaw=25.0), 400, expression=weights)
    fx, fy, cx, cy = picture.parameters["camera"]
    x, y, z = picture.vertices.T.astype(np.float64)
    column, row = (np.floor(v).astype(int) for v in (cx - fx * x / z, cy + fy * y / z))
    seen = np.abs(picture.depth[row.clip(0, 399), column.clip(0, 399)] + z) < 0.001

    def light(part: str, back: float, front: float) -> float:
        depth = sitter.surface.rest[:, 2]
        own = sitter.surface.part == PARTS.index(part)
        chosen = seen & own & (depth > back) & (depth < front)
        assert chosen.sum() > 20
        encoded = picture.image[row[chosen], column[chosen]].astype(np.float64)
        return float((encoded**2.2).mean())

    assert light("teeth_lower", 60.0, 80.0) < 0.35 * light("teeth_upper", 100.0, 110.0)


@pytest.mark.slow
@pytest.mark.realdata
def test_the_example_of_the_page_runs(tmp_path, monkeypatch):
    """As it stands, with the head converted by the command before it."""
    page = (Path(__file__).parents[2] / "docs" / "studio.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    photograph, strip = (b for b in blocks if "AssetSitter" in b)
    source = real_data("ict_face_model") / "ict_face_mini.npz"
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    convert_model(source, Path("out/ict.npz"))
    found = {}
    for block in (photograph, strip):
        exec(compile(block, "docs/studio.md", "exec"), found)
    assert load_image("out/ict.png").shape == (256, 256, 3)
    assert load_image("out/strip.png").shape[1] > load_image("out/strip.png").shape[0]
    assert (found["picture"].mask == 1).mean() > 0.05
    assert found["picture"].vertices.shape == (found["asset"].num_vertices, 3)


@pytest.mark.realdata
def test_teeth_of_a_scanned_head_are_in_the_row_that_moves_them(appearance):
    """By its own shape for an open jaw; and no painted gap runs across a crown."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    sitter = AssetSitter(asset, appearance)
    opening = asset.expression_basis[:, :, asset.expression_names.index("jawOpen")]
    moved = np.linalg.norm(opening, axis=1)
    for name in ("teeth_upper", "teeth_lower"):
        row = sitter.surface.part == PARTS.index(name)
        assert row.sum() > 1500
        assert ((moved[row] > 0.01) == (name == "teeth_lower")).all()  # metres
        _, across = crown_position(sitter.surface.rest[row], upper=name == "teeth_upper")
        assert np.abs(across).max() < 0.05


@pytest.mark.realdata
def test_gums_of_a_scanned_head_are_no_tongue(appearance):
    """Of the part that has both, what an open jaw leaves behind is not tongue; gums of either jaw
    have the colour of those that are painted on the studio's teeth."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    sitter = AssetSitter(asset, appearance)
    both = asset.masks["gums_tongue"]
    opening = asset.expression_basis[:, :, asset.expression_names.index("jawOpen")]
    moved = np.linalg.norm(opening[both], axis=1) > 0.005  # metres
    part = sitter.surface.part[both]
    assert set(np.unique(part)) == {GUM, PARTS.index("tongue")}
    assert (part[~moved] == GUM).all()
    teeth = asset.template[asset.masks["teeth"]]
    # A tongue lies within the arch of the teeth.
    arch = Delaunay(teeth[:, [0, 2]])
    own = asset.template[both]
    outside = (arch.find_simplex(own[:, [0, 2]]) < 0) & (own[:, 2] > teeth[:, 2].mean())
    assert outside.sum() > 50
    assert (part[outside] == GUM).all()

    def painted(name: int) -> np.ndarray:
        above = np.tile((0.0, -15.0, 100.0), (400, 1))  # 8 mm over the crowns
        above[:, 0] = np.linspace(-20.0, 20.0, 400)
        return surface.evaluate(appearance, points_at(above, part=name)).albedo

    np.testing.assert_allclose(painted(GUM), painted(PARTS.index("teeth_upper")), rtol=1e-5)


@pytest.mark.realdata
def test_a_scanned_head_can_sit(appearance):
    """ICT-FaceKit lies within half a millimetre of the template over most of the face."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    sitter = AssetSitter(asset, appearance)
    smile = np.zeros(52)
    smile[[INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]] = 0.8
    plain = photograph(sitter, Scene.portrait(), 96)
    smiling = photograph(sitter, Scene.portrait(), 96, expression=smile)
    width = [p.landmarks68[54, 0] - p.landmarks68[48, 0] for p in (plain, smiling)]
    assert width[1] > 1.1 * width[0]
    assert plain.visible[17:].all()
    skin = plain.image[plain.mask == 1]
    assert skin[:, 0].mean() > skin[:, 2].mean() + 0.05  # skin, not grey


@pytest.mark.realdata
@pytest.mark.parametrize("seed", [2, 6])
def test_eyes_of_a_scanned_head_close_whatever_its_shape(seed, appearance):
    """The model's blink is made on its mean face: on wider eyes a slit was left, and the iris of
    one came through its lid. Samples that show an eyeball, open and closed."""
    asset = load_ict(real_data("ict_face_model") / "ict_face.npz")
    shape = np.random.default_rng(seed).normal(0.0, 0.7, asset.num_shape)
    sitter = AssetSitter(asset, appearance, shape)
    balls = [PARTS.index("eyeball_left"), PARTS.index("eyeball_right")]
    shown = []
    for blink in (0.0, 1.0):
        weights = np.zeros(52)
        weights[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = blink
        figure = sitter.pose(weights, HeadPose())
        vertices = figure.vertices + np.array([0.0, 0.0, -0.6], np.float32)
        samples = take_samples(figure, vertices, (800.0, 800.0, 128.0, 128.0), 256, 256, 2)
        shown.append(int(np.isin(samples.points.part, balls).sum()))
    assert shown[0] > 300
    assert shown[1] <= 0.03 * shown[0]
