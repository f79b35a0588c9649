from __future__ import annotations

import numpy as np
import pytest

from likeness.geometry.closest_point import SurfaceTree
from likeness.studio.displacements import load_displacements
from likeness.studio.expressions import (
    ARKIT_NAMES,
    FIGHTING_PAIRS,
    INDEX,
    JAW_AXIS,
    build_expressions,
    draw_weights,
    eye_rotations,
    jaw_motion,
)
from likeness.studio.template import build_template
from tests.realdata import real_data


@pytest.fixture(scope="module")
def template():
    return build_template()


@pytest.fixture(scope="module")
def rows(template):
    return build_expressions(template)


def _one(name: str) -> np.ndarray:
    return np.eye(len(ARKIT_NAMES))[INDEX[name]]


def test_all_52_names_in_the_documented_order():
    assert len(set(ARKIT_NAMES)) == 52
    assert ARKIT_NAMES[0] == "eyeBlinkLeft"
    assert ARKIT_NAMES[7] == "eyeBlinkRight"
    assert ARKIT_NAMES[17] == "jawOpen"
    assert ARKIT_NAMES[41] == "browDownLeft"
    assert ARKIT_NAMES[-1] == "tongueOut"


def test_every_shape_moves_something_and_finite(rows):
    assert np.isfinite(rows).all()
    assert (np.abs(rows).max(axis=(1, 2)) > 2.0).all()


def test_right_shapes_are_mirror_images_of_left_ones(template, rows):
    for name in ARKIT_NAMES:
        if "Left" in name:
            mirrored = rows[INDEX[name]][template.mirror] * (-1.0, 1.0, 1.0)
            twin = rows[INDEX[name.replace("Left", "Right")]]
            np.testing.assert_allclose(twin, mirrored, atol=1e-6, err_msg=name)


def test_whole_shapes_are_their_own_mirror_image(template, rows):
    for name in ARKIT_NAMES:
        if "Left" not in name and "Right" not in name:
            row = rows[INDEX[name]]
            mirrored = row[template.mirror] * (-1.0, 1.0, 1.0)
            np.testing.assert_allclose(row, mirrored, atol=1e-6, err_msg=name)


def test_left_is_the_subjects_left(template, rows):
    for name in ARKIT_NAMES:
        if name.endswith("Left") and name not in ("jawLeft", "mouthLeft"):
            amount = np.linalg.norm(rows[INDEX[name]], axis=1)
            left = template.vertices[:, 0] > 0.0
            assert amount[left].sum() > 2.0 * amount[~left].sum(), name
    for name in ("jawLeft", "mouthLeft"):
        assert rows[INDEX[name], : template.num_skin, 0].sum() > 0.0


def test_anchors_get_what_the_table_says(template, rows):
    table = load_displacements()
    seam = np.isin(table.anchors, template.mouth_loop)
    for name in ("jawOpen", "mouthPucker", "jawForward", "mouthLeft"):
        error = np.abs(rows[INDEX[name], table.anchors] - table.shapes[name])
        assert error.max() < 0.15, name
    error = np.abs(rows[INDEX["mouthSmileLeft"], table.anchors] - table.shapes["mouthSmile_L"])
    assert error[~seam].max() < 0.15


def test_the_inner_brows_rise_together(rows):
    table = load_displacements()
    both = rows[INDEX["browInnerUp"], table.anchors]
    left = table.shapes["browInnerUp_L"]
    row_of = {int(vertex): i for i, vertex in enumerate(table.anchors)}
    template = build_template()
    right = left[[row_of[int(template.mirror[v])] for v in table.anchors]] * (-1.0, 1.0, 1.0)
    np.testing.assert_allclose(both, left + right, atol=0.1)


def test_the_lower_teeth_turn_with_the_jaw(template, rows):
    teeth = template.part_ranges["teeth_lower"]
    start = template.vertices[teeth] - JAW_AXIS
    end = start + rows[INDEX["jawOpen"], teeth]
    np.testing.assert_allclose(np.linalg.norm(end, axis=1), np.linalg.norm(start, axis=1))
    a, b = start[:, 1:], end[:, 1:]
    cosine = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(np.degrees(np.arccos(cosine)), 25.3, atol=1e-6)
    assert (end[:, 1] < start[:, 1]).all()
    assert np.abs(rows[INDEX["jawOpen"], template.part_ranges["teeth_upper"]]).max() == 0.0


def test_jaw_slides_are_rigid():
    rotation, slide = jaw_motion(0.5 * _one("jawForward") + _one("jawRight"))
    np.testing.assert_allclose(rotation, np.eye(3))
    np.testing.assert_allclose(slide, (-6.4, -0.6 - 0.85, 0.6 + 4.45))


def test_lid_linings_follow_their_margin(template, rows):
    row = rows[INDEX["eyeWideLeft"]]
    for part in ("lid_lining_left", "lid_lining_right"):
        ids = template.of(part)
        share = np.where(template.lining_ring[ids] == 0, 1.0, 0.85)
        np.testing.assert_allclose(row[ids], share[:, None] * row[template.seam_parent[ids]])


def test_balls_stay_in_the_linear_rows(template, rows):
    assert np.abs(rows[:, template.of("eyeball_left", "eyeball_right")]).max() == 0.0


@pytest.mark.parametrize(
    ("name", "degrees", "axis", "towards"),
    [
        ("eyeLookDownLeft", 30.0, 1, -1.0),
        ("eyeLookUpRight", 25.0, 1, 1.0),
        ("eyeLookInLeft", 35.0, 0, -1.0),
        ("eyeLookInRight", 35.0, 0, 1.0),
        ("eyeLookOutLeft", 30.0, 0, 1.0),
        ("eyeLookOutRight", 30.0, 0, -1.0),
    ],
)
def test_eyes_turn_by_the_convention(name, degrees, axis, towards):
    from scipy.spatial.transform import Rotation

    vectors = eye_rotations(_one(name))
    eye = 0 if name.endswith("Left") else 1
    gaze = Rotation.from_rotvec(vectors[eye]).apply([0.0, 0.0, 1.0])
    assert np.degrees(np.arccos(gaze[2])) == pytest.approx(degrees)
    assert gaze[axis] * towards == pytest.approx(np.sin(np.radians(degrees)))
    assert np.abs(vectors[1 - eye]).max() == 0.0


def test_closing_an_open_jaw_brings_the_lips_together(template, rows):
    upper, lower = template.lip_pairs
    rest = template.vertices[lower] - template.vertices[upper]
    closed = template.vertices + rows[INDEX["jawOpen"]] + rows[INDEX["mouthClose"]]
    np.testing.assert_allclose(closed[lower] - closed[upper], rest, atol=1e-9)


def test_drawn_weights_never_fight_and_fit_together():
    rng = np.random.default_rng(3)
    drawn = np.array([draw_weights(rng) for _ in range(500)])
    assert drawn.min() >= 0.0
    assert drawn.max() <= 1.0
    for first, second in FIGHTING_PAIRS:
        assert (np.minimum(drawn[:, INDEX[first]], drawn[:, INDEX[second]]) == 0.0).all()
    assert (drawn[:, INDEX["mouthClose"]] <= drawn[:, INDEX["jawOpen"]]).all()
    assert (drawn.max(axis=0) > 0.1).all()
    smiles = drawn[:, [INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]]
    assert np.corrcoef(smiles.T)[0, 1] > 0.9


@pytest.mark.realdata
def test_shapes_reproduce_the_measured_mesh(template, rows):
    """Where the measured mesh moves by more than 0.5 mm; lip seams and lid edges, which have two
    sides within a millimetre, are left out by their normals."""
    model = np.load(real_data("ict_face_model") / "ict_face.npz")
    count = int(model["part_vertex_start"][2])  # face, head and neck
    vertices = 10.0 * model["vertices"][:count].astype(np.float64)  # its unit is about 1 cm
    quads = model["faces"][(model["faces"] < count).all(axis=1)]
    faces = np.concatenate([quads[:, :3], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])
    skin = template.vertices[: template.num_skin]
    nearest = SurfaceTree(vertices, faces).nearest(skin)
    corners = vertices[faces[nearest.triangles]]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    agree = (_normals(skin, template.skin_faces) * _unit(normals)).sum(axis=1) > 0.7
    comparable = agree & (nearest.distances < 1.5)
    names = list(model["expression_names"])
    means = {}
    for name in ARKIT_NAMES:
        halves = _measured_names(name, names)
        if not halves or name in ("mouthClose",) or "Blink" in name:  # made by rule
            continue
        move = np.zeros_like(vertices)
        for half in halves:
            k = names.index(half)
            scale = 10.0 * float(model["expression_scale"][k])
            move += scale * model["expression_q"][k, :count].astype(np.float64)
        wanted = (move[faces[nearest.triangles]] * nearest.barycentric[:, :, None]).sum(axis=1)
        moved = comparable & (np.linalg.norm(wanted, axis=1) > 0.5)
        error = np.linalg.norm(rows[INDEX[name], : template.num_skin] - wanted, axis=1)
        means[name] = error[moved].mean()
    assert len(means) == 48
    assert max(means.values()) < 1.0, means
    assert np.median(list(means.values())) < 0.4, means


def _measured_names(name: str, names: list[str]) -> list[str]:
    if name in names:
        return [name]
    half = name.removesuffix("Left") + "_L" if name.endswith("Left") else name + "_L"
    half = name.removesuffix("Right") + "_R" if name.endswith("Right") else half
    other = [name + "_R"] if name + "_L" in names else []
    return [half, *other] if half in names else []


def _unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    corners = vertices[faces]
    of_face = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.zeros_like(vertices)
    for k in range(3):
        np.add.at(total, faces[:, k], of_face)
    return _unit(total)
