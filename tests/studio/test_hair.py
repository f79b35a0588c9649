"""Grown hair: every style on the template, where it starts, ends and what it leaves free."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from scipy.spatial import cKDTree

from likeness.studio import hair
from likeness.studio.deform import apply_expression
from likeness.studio.expressions import INDEX
from likeness.studio.hair_growth import clear_shoulders
from likeness.studio.hair_shapes import is_parted, part_line, recipe_of
from likeness.studio.hairline import density_of
from likeness.studio.scalp import HeadSpace
from likeness.studio.surface_points import BEARD, HAIR, HAIR_CAP, LASH
from likeness.studio.template import build_template
from likeness.studio.traits import HairStyle
from tests.studio.hair_cases import HAIRY, LENGTHS, built_hair, middle_lines, person_with


def test_every_style_is_tested() -> None:
    assert set(LENGTHS) == set(get_args(HairStyle))


@pytest.mark.parametrize("style", HAIRY)
def test_mesh_is_sound(style: str) -> None:
    _, mesh, positions, normals = built_hair(style)
    assert np.isfinite(positions).all()
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1.0, atol=1e-4)
    assert mesh.faces.min() == 0
    assert mesh.faces.max() < len(positions)
    np.testing.assert_allclose(mesh.weights.sum(axis=1), 1.0, atol=1e-5)
    assert set(np.unique(mesh.part)) <= {HAIR, HAIR_CAP, LASH}
    assert (mesh.layer >= 0).all()
    assert (mesh.layer <= 1).all()


@pytest.mark.parametrize("style", HAIRY)
def test_strands_are_rooted_in_the_scalp(style: str) -> None:
    template = build_template()
    appearance, mesh, _, _ = built_hair(style)
    own = (mesh.part == HAIR) & (mesh.rest[:, 2] < 100_000)
    roots = np.einsum("vk,vkc->vc", mesh.weights[own], template.vertices[mesh.anchors[own]])
    density = density_of(
        roots,
        np.zeros(len(roots)),
        recession=0.0,
        thinning=0.0,
        seed=appearance.texture_seed + hair.HAIRLINE_SEED,
    )
    assert (density > 0.0).mean() > 0.98
    assert roots[:, 1].min() > -60.0


@pytest.mark.parametrize("style", HAIRY)
def test_hair_grows_outside_the_head(style: str) -> None:
    template = build_template()
    _, mesh, positions, _ = built_hair(style)
    paths = middle_lines(mesh, positions)[:, 1:].reshape(-1, 3)
    skin = template.vertices[: template.num_skin]
    corners = skin[template.skin_faces]
    flat = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normal = np.zeros_like(skin)
    for corner in range(3):
        np.add.at(normal, template.skin_faces[:, corner], flat)
    normal /= np.linalg.norm(normal, axis=1, keepdims=True)
    no_ear = np.flatnonzero(template.ear[: template.num_skin] < 0.02)
    distance, nearest = cKDTree(skin[no_ear]).query(paths)
    near = distance < 15.0
    height = np.einsum("nk,nk->n", paths - skin[no_ear][nearest], normal[no_ear][nearest])
    # The nearest vertex is up to 5 mm off sideways, so a flat tangent plane errs by a millimetre.
    assert (height[near] > -1.5).mean() > 0.995


@pytest.mark.parametrize("style", ["buzz", "crop", "side_part", "swept", "fringe", "tied", "afro"])
def test_short_hair_leaves_the_face_free(style: str) -> None:
    _, mesh, positions, _ = built_hair(style)
    points = middle_lines(mesh, positions).reshape(-1, 3)
    face = (points[:, 2] > 75.0) & (np.abs(points[:, 0]) < 50.0)
    assert points[face, 1].min() > 52.0


@pytest.mark.parametrize("style", ["bob", "long"])
def test_long_hair_ends_where_its_length_says_and_frames_the_face(style: str) -> None:
    _, mesh, positions, _ = built_hair(style)
    paths = middle_lines(mesh, positions)
    lowest = paths[..., 1].min(axis=1)
    end = 122.0 - LENGTHS[style][0]
    assert abs(np.percentile(lowest, 20) - end) < 22.0
    points = paths.reshape(-1, 3)
    before_face = (np.abs(points[:, 0]) < 40.0) & (points[:, 2] > 85.0) & (points[:, 1] < 60.0)
    assert before_face.mean() < 0.002


def test_ends_are_ragged() -> None:
    _, mesh, positions, _ = built_hair("bob")
    lowest = middle_lines(mesh, positions)[..., 1].min(axis=1)
    ends = lowest[lowest < -40.0]
    assert 2.0 < ends.std() < 12.0


def test_a_fringe_comes_down_to_the_brows() -> None:
    _, mesh, positions, _ = built_hair("bob", hair__fringe=0.9)
    points = middle_lines(mesh, positions).reshape(-1, 3)
    front = (np.abs(points[:, 0]) < 30.0) & (points[:, 2] > 85.0)
    assert 45.0 < np.percentile(points[front, 1], 1) < 75.0


def test_a_short_fringe_is_no_bowl() -> None:
    """Combed to one side, by 6 degrees before, and long in the middle only: hair above the temples
    hung below the brows all around."""
    _, mesh, positions, _ = built_hair("fringe", "standard")
    strands = middle_lines(mesh, positions)
    tips, roots = strands[:, -1], strands[:, 0]
    flank = (np.abs(roots[:, 0]) > 50.0) & (roots[:, 1] > 85.0)
    assert flank.sum() > 100
    assert np.percentile(tips[flank, 1], 5) > 60.0  # the brows are at 55
    over_brows = (np.abs(tips[:, 0]) < 40.0) & (tips[:, 2] > 80.0) & (roots[:, 1] > 85.0)
    fall = tips[over_brows] - strands[over_brows, -3]
    aside = np.degrees(np.arctan(np.median(fall[:, 0] / np.abs(fall[:, 1]))))
    assert aside > 20.0  # toward the parting, which is on the left


def test_hair_parts_where_the_trait_says() -> None:
    for parting in (-0.6, 0.6):
        appearance, mesh, positions, _ = built_hair("side_part", hair__parting=parting)
        assert is_parted(appearance.hair)
        line = part_line(appearance.hair)
        paths = middle_lines(mesh, positions)
        top = (paths[:, 0, 1] > 105.0) & (paths[:, 0, 2] > 0.0)
        way = paths[:, -1, 0] - paths[:, 0, 0]
        left, right = top & (paths[:, 0, 0] > line + 4), top & (paths[:, 0, 0] < line - 4)
        assert (way[left] > 0).mean() > 0.9
        assert (way[right] < 0).mean() > 0.9


def test_sides_of_a_crop_taper() -> None:
    _, mesh, positions, _ = built_hair("crop")
    paths = middle_lines(mesh, positions)
    length = np.linalg.norm(np.diff(paths, axis=1), axis=-1).sum(axis=1)
    on_top, at_nape = paths[:, 0, 1] > 120.0, paths[:, 0, 1] < 0.0
    assert length[on_top].mean() > 3.0 * length[at_nape].mean()


def test_recession_and_thinning_bare_the_scalp() -> None:
    _, mesh, positions, _ = built_hair("crop", hair__recession=0.9, hair__thinning=0.9)
    roots = middle_lines(mesh, positions)[:, 0]
    crown = np.linalg.norm(roots - [0.0, 140.0, -28.0], axis=1)
    assert crown.min() > 25.0
    front = (np.abs(roots[:, 0]) < 15.0) & (roots[:, 2] > 30.0)
    assert roots[front, 1].min() > 108.0


def test_bald_is_lashes_only() -> None:
    _, mesh, _, _ = built_hair("bald")
    assert set(np.unique(mesh.part)) == {LASH}
    with pytest.raises(ValueError, match="no strands in the style 'bald'"):
        recipe_of(person_with("bald").hair)


def test_detail_changes_the_number_of_strands_and_nothing_else() -> None:
    coarse = built_hair("crop", "low")[2:]
    fine = built_hair("crop", "standard")
    count = {
        detail: int((mesh.part == HAIR).sum())
        for detail, mesh in (("low", built_hair("crop", "low")[1]), ("standard", fine[1]))
    }
    ratio = hair.NUM_STRANDS["standard"] / hair.NUM_STRANDS["low"]
    assert count["standard"] / count["low"] == pytest.approx(ratio, rel=0.01)
    np.testing.assert_allclose(coarse[0].min(axis=0), fine[2].min(axis=0), atol=8.0)
    np.testing.assert_allclose(coarse[0].max(axis=0), fine[2].max(axis=0), atol=8.0)


def test_same_person_same_hair() -> None:
    first, second = built_hair("curls")[1], built_hair("curls")[1]
    np.testing.assert_array_equal(first.offsets, second.offsets)
    other = built_hair("curls", hair__volume=1.1)[1]
    assert not np.array_equal(first.offsets, other.offsets)


def test_skull_frame_does_not_move_with_expressions() -> None:
    template = build_template()
    still = hair.skull_vertices(template)
    assert len(still) > 50
    for name in ("browInnerUp", "jawOpen", "cheekSquintLeft", "noseSneerLeft"):
        weights = np.zeros(52)
        weights[INDEX[name]] = 1.0
        moved = apply_expression(template, template.vertices, weights)
        assert np.linalg.norm(moved[still] - template.vertices[still], axis=1).mean() < 0.6, name


def test_lashes_follow_the_closing_lid() -> None:
    template = build_template()
    _, mesh, rest, _ = built_hair("bald")
    weights = np.zeros(52)
    weights[[INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 1.0
    closed = apply_expression(template, template.vertices, weights)
    posed, _ = mesh.place(closed)
    upper = mesh.anchors[:, 0:2]
    margin = {int(v) for side in ("left", "right") for v in template.eye_loops[side]}
    assert {int(v) for v in upper.ravel()} <= margin
    strands = posed.reshape(-1, 5, 2, 3)
    before = rest.reshape(-1, 5, 2, 3)
    root = 0.5 * (strands[:, 0, 0] + strands[:, 0, 1])
    on_margin = np.einsum("vk,vkc->vc", mesh.weights, closed[mesh.anchors]).reshape(-1, 5, 2, 3)
    np.testing.assert_allclose(root, on_margin[:, 0, 0], atol=1e-3)
    # Upper lashes of an open eye point up; with the lid they turn down. Their length stays.
    rise = before[:, -1, 0, 1] - before[:, 0, 0, 1]
    after = strands[:, -1, 0, 1] - strands[:, 0, 0, 1]
    upper_row = rise > 1.5
    assert upper_row.sum() > 20
    assert after[upper_row].mean() < 0.7 * rise[upper_row].mean()
    span = np.linalg.norm(np.diff(strands, axis=1), axis=-1).sum(axis=1)
    np.testing.assert_allclose(
        span, np.linalg.norm(np.diff(before, axis=1), axis=-1).sum(axis=1), rtol=1e-3
    )


def test_beard_is_as_long_as_its_trait_and_follows_the_jaw() -> None:
    template = build_template()
    traits = {"beard__style": "full", "beard__length": 20.0, "beard__density": 0.9}
    _, mesh, rest, _ = built_hair("bald", **traits)
    own = mesh.part == BEARD
    strands = rest[own].reshape(-1, 5, 2, 3).mean(axis=2)
    length = np.linalg.norm(np.diff(strands, axis=1), axis=-1).sum(axis=1)
    chin = (np.abs(strands[:, 0, 0]) < 8.0) & (strands[:, 0, 1] < -58.0)
    assert 16.0 < length[chin].mean() < 24.0
    assert length.max() < 27.0
    assert strands[:, 0, 1].max() < 25.0
    weights = np.zeros(52)
    weights[INDEX["jawOpen"]] = 0.8
    opened = apply_expression(template, template.vertices, weights)
    moved = mesh.place(opened)[0][own].reshape(-1, 5, 2, 3).mean(axis=2)
    drop = strands[chin, 0, 1] - moved[chin, 0, 1]
    tip_drop = strands[chin, -1, 1] - moved[chin, -1, 1]
    assert drop.mean() > 12.0
    assert abs(tip_drop.mean() - drop.mean()) < 8.0


@pytest.mark.parametrize("style", ["moustache", "goatee"])
def test_part_beards_leave_the_jaw_bare(style: str) -> None:
    traits = {"beard__style": style, "beard__length": 7.0, "beard__density": 0.9}
    _, mesh, rest, _ = built_hair("bald", **traits)
    roots = rest[mesh.part == BEARD].reshape(-1, 5, 2, 3)[:, 0, 0]
    assert np.abs(roots[:, 0]).max() < 36.0
    if style == "moustache":
        assert roots[:, 1].min() > -44.0
    else:
        assert roots[:, 1].min() < -60.0


def test_ends_of_a_fringe_lie_down() -> None:
    """On the outline of the head, ends as high as the middle of strands stood up as spikes."""
    template = build_template()
    _, mesh, positions, _ = built_hair("fringe", "standard", hair__volume=1.2, hair__curl=0.0)
    paths = middle_lines(mesh, positions)
    space = HeadSpace(template, template.vertices[: template.num_skin], 0.0)
    points = paths.shape[1]
    on_top = (paths[:, 0, 1] > 105.0) & (paths[:, -1, 1] > 100.0)
    assert on_top.sum() > 500
    middle, ends = (space.height(paths[on_top, at]) for at in (points // 2, points - 1))
    assert np.percentile(ends, 90) < 0.7 * np.percentile(middle, 90)


def test_no_furrow_runs_along_the_parting() -> None:
    """Seen from the front the outline of full hair dips by a few millimetres where it divides; two
    humps dipped twice as far."""
    for style, limit in (("side_part", 5.0), ("bob", 2.5), ("long", 1.0)):
        appearance, mesh, positions, _ = built_hair(style, "standard", hair__volume=1.3)
        line = part_line(appearance.hair)
        points = positions[np.isin(mesh.part, (HAIR, HAIR_CAP)) & (positions[:, 2] > -40.0)]
        top = np.array(
            [
                np.percentile(points[np.abs(points[:, 0] - x) < 2.0, 1], 99)
                for x in range(-60, 61, 3)
            ]
        )
        at = np.linspace(-60, 60, 41)
        left, right = top[at < line - 8].max(), top[at > line + 8].max()
        here = top[np.abs(at - line) < 8].min()
        assert min(left, right) - here < limit, style


@pytest.mark.parametrize("seed", [3, 4])
def test_no_long_strand_hangs_by_itself(seed: int) -> None:
    """Beside face and neck all but 2 in 100 points of strands have six of others within 8 mm; where
    the strands of the temples fell freely 3 or 4 had not."""
    appearance = person_with("long")
    appearance = replace(appearance, texture_seed=seed)
    template = build_template()
    mesh = hair.build(appearance, template, template.vertices, "standard")
    paths = middle_lines(mesh, mesh.place(template.vertices)[0])
    points = paths.shape[1]
    own = np.arange(len(paths)).repeat(points)
    tree = cKDTree(paths.reshape(-1, 3))
    where = paths[:, points // 2 : -1].reshape(-1, 3)
    strand = np.arange(len(paths)).repeat(points - 1 - points // 2)
    distance, found = tree.query(where, k=24, distance_upper_bound=30.0)
    others = np.where(own[np.minimum(found, len(own) - 1)] == strand[:, None], np.inf, distance)
    sixth = np.sort(others, axis=1)[:, 5]
    before_the_face = (where[:, 1] > -130) & (where[:, 1] < 40.0) & (where[:, 2] > 20.0)
    assert before_the_face.sum() > 1000
    assert (sixth[before_the_face] > 8.0).mean() < 0.02


def test_no_strand_lies_across_a_shoulder():
    down = np.linspace(0.0, -180.0, 13)
    beside = np.stack([np.full(13, 80.0), down, np.full(13, -10.0)], axis=1)
    in_front = np.stack([np.full(13, 60.0), down, np.full(13, 70.0)], axis=1)
    paths = clear_shoulders(np.stack([beside, in_front]))
    assert -104.0 <= paths[0, -1, 1] < -85.0
    np.testing.assert_allclose(paths[0, 0], beside[0])
    np.testing.assert_allclose(paths[1], in_front, atol=1e-9)
