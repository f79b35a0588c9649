"""The template head: counts, symmetry, openings, folds, volume, closed lips; the real mesh."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from likeness.studio.cage import load_cage
from likeness.studio.masks import vertex_masks
from likeness.studio.template import PARTS, Template, build_template
from tests.realdata import real_data
from tests.studio.intersections import cutting_pairs

DETAILS = ("low", "standard", "high")
LININGS = ("lid_lining_left", "lid_lining_right", "mouth_lining")


def skin_loops(template: Template) -> list[set[int]]:
    directed = {(int(t[k]), int(t[(k + 1) % 3])) for t in template.skin_faces for k in range(3)}
    following = {a: b for a, b in directed if (b, a) not in directed}
    loops = []
    while following:
        vertex, loop = next(iter(following)), set()
        while vertex in following:
            loop.add(vertex)
            vertex = following.pop(vertex)
        loops.append(loop)
    return loops


def face_normals(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    a, b, c = vertices[faces].transpose(1, 0, 2)
    return np.cross(b - a, c - a)  # length: twice the area


def test_counts_of_every_part() -> None:
    template = build_template()
    assert template.num_skin == 4957
    assert (template.face_part == 0).sum() == 9750
    assert template.num_vertices == 7151
    lengths = {name: r.stop - r.start for name, r in template.part_ranges.items()}
    assert list(lengths.items()) == [
        ("skin", 4957),
        ("lid_lining_left", 96),
        ("lid_lining_right", 96),
        ("mouth_lining", 192),
        ("eyeball_left", 449),
        ("eyeball_right", 449),
        ("teeth_upper", 420),
        ("teeth_lower", 420),
        ("tongue", 72),
    ]
    for number, name in enumerate(PARTS):
        assert (template.part[template.part_ranges[name]] == number).all()
        used = np.unique(template.faces[template.face_part == number])
        own = template.of(name)
        assert set(own) <= set(used)
        assert set(used) <= set(own) | set(range(template.num_skin))
    assert build_template("low").num_skin == 2070
    assert build_template("high").num_skin == 8190


@pytest.mark.parametrize("detail", DETAILS)
def test_mirror_image_is_the_same_head(detail: str) -> None:
    template = build_template(detail)
    image = template.vertices[template.mirror] * (-1.0, 1.0, 1.0)
    assert np.abs(image - template.vertices).max() < 1e-6
    np.testing.assert_array_equal(template.mirror[template.mirror], np.arange(len(image)))
    turned = template.mirror[template.faces][:, [0, 2, 1]]
    # Grids of teeth, tongue and linings are cut along one diagonal; the skin is symmetric.
    own = {tuple(np.roll(f, -int(np.argmin(f)))) for f in template.skin_faces.tolist()}
    images = turned[template.face_part == 0]
    assert {tuple(np.roll(f, -int(np.argmin(f)))) for f in images.tolist()} == own
    np.testing.assert_allclose(template.eye_ring[template.mirror], template.eye_ring, atol=1e-9)


@pytest.mark.parametrize(
    ("detail", "lengths"),
    [("low", [24, 24, 24, 24]), ("standard", [24, 48, 48, 48]), ("high", [48, 48, 48, 48])],
)
def test_skin_is_a_manifold_with_four_openings(detail: str, lengths: list[int]) -> None:
    template = build_template(detail)
    directed = Counter(
        (int(t[k]), int(t[(k + 1) % 3])) for t in template.skin_faces for k in range(3)
    )
    assert max(directed.values()) == 1
    loops = skin_loops(template)
    assert sorted(len(loop) for loop in loops) == lengths
    named = [*template.eye_loops.values(), template.mouth_loop, template.neck_loop]
    assert sorted(map(sorted, loops)) == sorted(map(sorted, named))


def test_linings_close_the_seams_of_eyes_and_mouth() -> None:
    template = build_template()
    number = [PARTS.index(name) for name in ("skin", *LININGS)]
    faces = template.faces[np.isin(template.face_part, number)]
    directed = Counter((int(t[k]), int(t[(k + 1) % 3])) for t in faces for k in range(3))
    assert max(directed.values()) == 1  # consistent across the seam
    seams = np.concatenate([*template.eye_loops.values(), template.mouth_loop])
    open_ends = {a for a, b in directed if (b, a) not in directed}
    assert not open_ends & set(seams.tolist())
    assert not open_ends & set(template.of("mouth_lining").tolist())  # the mouth ends closed


def test_loops_run_over_the_upper_side_first_and_pairs_face_each_other() -> None:
    template = build_template()
    cage = load_cage()
    left, right = template.eye_loops["left"], template.eye_loops["right"]
    assert left[0] == cage.index("e0_0")
    assert left[24] == cage.index("e0_6")
    np.testing.assert_array_equal(template.mirror[left], right)
    vertices = template.vertices
    for side in ("left", "right"):
        upper, lower = template.lid_pairs[side]
        assert len(upper) == len(lower) == 23
        assert (vertices[upper, 1] > vertices[lower, 1] + 0.3).all()
        assert np.abs(vertices[upper, 0] - vertices[lower, 0]).max() < 2.0
    assert template.mouth_loop[0] == cage.index("m0_0")
    upper, lower = template.lip_pairs
    assert len(upper) == 23
    gaps = np.linalg.norm(vertices[upper] - vertices[lower], axis=1)
    assert gaps.max() < 0.3  # mm: a closed mouth
    assert cage.index("m0_3") in upper
    assert cage.index("m0_4") in lower


def test_linings_know_their_seam() -> None:
    template = build_template()
    for name in LININGS:
        ids = template.of(name)
        parents, rings = template.seam_parent[ids], template.lining_ring[ids]
        assert (parents >= 0).all()
        assert parents.max() < template.num_skin
        np.testing.assert_array_equal(template.eye_ring[ids], template.eye_ring[parents])
        first = np.linalg.norm(template.vertices[ids] - template.vertices[parents], axis=1)
        assert first[rings == 0].max() < 4.0  # the ring next to the seam lies next to it
    others = template.of("skin", "eyeball_left", "teeth_upper", "tongue")
    assert (template.seam_parent[others] == -1).all()


@pytest.mark.parametrize("detail", ["standard", "high"])
def test_no_sliver_and_no_fold(detail: str) -> None:
    template = build_template(detail)
    faces = template.skin_faces
    normals = face_normals(template.vertices, faces)
    areas = np.linalg.norm(normals, axis=1) / 2
    assert areas.min() > 0.02  # mm^2, at the mouth corners
    owner: dict[tuple[int, int], int] = {}
    worst, longest, sharp = 0.0, 0.0, 0
    for number, face in enumerate(faces.tolist()):
        for k in range(3):
            a, b = sorted((face[k], face[(k + 1) % 3]))
            longest = max(
                longest, float(np.linalg.norm(template.vertices[a] - template.vertices[b]))
            )
            other = owner.setdefault((a, b), number)
            if other != number:
                cosine = normals[number] @ normals[other] / (4 * areas[number] * areas[other])
                bend = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
                worst, sharp = max(worst, bend), sharp + (bend > 70)
    assert worst < 150.0
    assert sharp <= 84
    assert longest <= 39.0  # mm, at the crown


def test_cutting_pairs_are_found() -> None:
    square = np.array([[0, 0, 0], [10, 0, 0], [0, 10, 0], [2, 2, -3], [3, 2, 3], [2, 3, 3.0]])
    faces = np.array([[0, 1, 2], [3, 4, 5]])
    np.testing.assert_array_equal(cutting_pairs(square, faces), [[0, 1]])
    beside = square + np.array([[0, 0, 0]] * 3 + [[20, 0, 0]] * 3)
    assert len(cutting_pairs(beside, faces)) == 0


@pytest.mark.parametrize("detail", DETAILS)
def test_no_triangle_of_the_skin_cuts_another(detail: str) -> None:
    template = build_template(detail)
    assert len(cutting_pairs(template.vertices, template.skin_faces)) == 0


def test_volume_of_the_head() -> None:
    template = build_template()
    a, b, c = template.vertices[template.skin_faces].transpose(1, 0, 2)
    litres = np.einsum("ij,ij->", a, np.cross(b, c)) / 6e6
    assert litres == pytest.approx(4.21, abs=0.05)


def test_normals_point_outward() -> None:
    template = build_template()
    normals = face_normals(template.vertices, template.skin_faces)
    centers = template.vertices[template.skin_faces].mean(axis=1)
    skull = centers[:, 1] > 70.0  # star-shaped about a point within
    outward = ((centers - (0.0, 40.0, 5.0)) * normals).sum(axis=1)
    assert (outward[skull] > 0.0).all()
    for name, center in zip(("eyeball_left", "eyeball_right"), template.eye_centers):
        faces = template.faces[template.face_part == PARTS.index(name)]
        normals = face_normals(template.vertices, faces)
        assert (((template.vertices[faces].mean(axis=1) - center) * normals).sum(axis=1) > 0).all()
    tongue = template.faces[template.face_part == PARTS.index("tongue")]
    assert (face_normals(template.vertices, tongue)[:, 1] > 0.0).all()


def test_lids_stay_off_the_eyeballs() -> None:
    template = build_template()
    for side, center in zip(("left", "right"), template.eye_centers):
        ball = template.vertices[template.of(f"eyeball_{side}")] - center
        radii = np.linalg.norm(ball, axis=1)
        assert radii.min() == pytest.approx(template.eye_radius, abs=1e-9)
        assert radii.max() == pytest.approx(template.eye_radius + 1.0, abs=1e-9)  # the cornea
        lids = template.eye_ring[: template.num_skin] < 0.01
        lids &= template.side[: template.num_skin] == (1 if side == "left" else -1)
        offset = template.vertices[: template.num_skin][lids] - center
        gap = np.linalg.norm(offset, axis=1)
        degrees = np.degrees(np.arccos(offset[:, 2] / gap))
        gap -= template.eye_radius + np.clip(1.0 - (degrees / 31.0) ** 2, 0.0, None)
        assert lids.sum() == 48
        assert gap.min() > 0.3
        assert gap[degrees < 45.0].max() < 2.5  # near the canthi the ball is hidden


def covered_by(template: Template, direction: np.ndarray, step: float) -> set[int]:
    """Parts seen along parallel rays on a grid around the mouth, by a plain depth test."""
    z = direction / np.linalg.norm(direction)
    x = np.cross([0.0, 1.0, 0.0], z)
    x /= np.linalg.norm(x)
    frame = np.stack([x, np.cross(z, x), z])
    middle = frame @ (0.0, -35.0, 110.0)
    points = template.vertices @ frame.T - middle
    grid = np.arange(-32.0, 32.0, step)
    best = np.full((len(grid), len(grid)), -np.inf)
    seen = np.full((len(grid), len(grid)), -1)
    for face, part in zip(template.faces, template.face_part):
        a, b, c = points[face]
        low, high = np.minimum(np.minimum(a, b), c), np.maximum(np.maximum(a, b), c)
        if (high[:2] < -32.0).any() or (low[:2] > 32.0).any():
            continue
        i = np.flatnonzero((grid >= low[1]) & (grid <= high[1]))
        j = np.flatnonzero((grid >= low[0]) & (grid <= high[0]))
        area = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        if not len(i) or not len(j) or abs(area) < 1e-12:
            continue
        px, py = np.meshgrid(grid[j] - a[0], grid[i] - a[1])
        u = (px * (c[1] - a[1]) - py * (c[0] - a[0])) / area
        v = ((b[0] - a[0]) * py - (b[1] - a[1]) * px) / area
        depth = a[2] + u * (b[2] - a[2]) + v * (c[2] - a[2])
        block = np.ix_(i, j)
        front = (u >= -1e-9) & (v >= -1e-9) & (u + v <= 1 + 1e-9) & (depth > best[block])
        best[block] = np.where(front, depth, best[block])
        seen[block] = np.where(front, int(part), seen[block])
    return set(np.unique(seen).tolist())


@pytest.mark.parametrize(
    "direction", [(0.0, 0.0, 1.0), (0.5, 0.0, 0.8), (0.0, 0.4, 0.9), (0.0, -0.4, 0.9)]
)
def test_closed_lips_hide_teeth_and_tongue(direction: tuple[float, float, float]) -> None:
    seen = covered_by(build_template(), np.array(direction), 0.37)
    assert PARTS.index("skin") in seen
    hidden = {PARTS.index(name) for name in ("teeth_upper", "teeth_lower", "tongue")}
    assert not seen & hidden


def test_details_share_their_vertices_and_fields() -> None:
    low, standard, high = (build_template(detail) for detail in DETAILS)
    cage = load_cage()
    for lower, upper in ((low, standard), (standard, high)):
        count = lower.num_skin
        np.testing.assert_allclose(lower.vertices[:count], upper.vertices[:count], atol=1e-9)
        np.testing.assert_allclose(lower.mouth_ring[:count], upper.mouth_ring[:count], atol=1e-9)
    # A point of the cage stays a vertex; the sharp ones stay in their place.
    for name in ("e0_0", "e0_6", "m0_0"):
        index = cage.index(name)
        np.testing.assert_allclose(standard.vertices[index], cage.points[index], atol=1e-12)


def test_the_template_is_built_once() -> None:
    assert build_template() is build_template()


def test_masks_have_flame_names_and_lie_where_they_should() -> None:
    template = build_template()
    masks = vertex_masks(template)
    for name in (
        *("face", "forehead", "nose", "lips", "eye_region", "scalp", "neck", "boundary"),
        *("left_ear", "right_ear", "left_eyeball", "right_eyeball"),
        *("left_eye_region", "right_eye_region"),
    ):
        assert len(np.unique(masks[name])) == len(masks[name]) > 10
    y = template.vertices[:, 1]
    assert y[masks["forehead"]].min() > 55.0
    assert y[masks["neck"]].max() < -45.0
    assert set(template.neck_loop) <= set(masks["boundary"])
    assert (template.vertices[masks["left_ear"], 0] > 0).all()
    assert set(template.mirror[masks["left_ear"]]) == set(masks["right_ear"])
    assert set(template.mouth_loop) <= set(masks["lips"])
    assert set(template.eye_loops["left"]) <= set(masks["left_eye_region"])
    assert not set(masks["scalp"]) & set(masks["face"])
    tip = load_cage().index("n_tip")
    assert tip in masks["nose"]
    assert tip in masks["face"]


@pytest.mark.realdata
def test_skin_lies_on_the_real_head() -> None:
    """Point-to-surface distances to the neutral head the cage was measured on, face part."""
    data = np.load(real_data("ict_face_model") / "ict_face.npz")
    real = data["vertices"].astype(np.float64) * 10.0  # about centimetres
    quads = data["faces"][: data["part_face_start"][2]]  # face, head and neck
    triangles = np.concatenate([quads[:, [0, 1, 2]], quads[quads[:, 3] >= 0][:, [0, 2, 3]]])

    template = build_template()
    masks = vertex_masks(template)
    face = distances_to(template.vertices[masks["face"]], real[triangles])
    assert np.median(face) < 0.12  # mm
    assert np.percentile(face, 95) < 0.40
    ear = distances_to(template.vertices[masks["left_ear"]], real[triangles])
    assert np.median(ear) < 0.12
    assert np.percentile(ear, 95) < 0.40


def distances_to(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Distance of each point to a triangle soup; only near triangles are tried."""
    import trimesh
    from scipy.spatial import cKDTree

    _, near = cKDTree(corners.mean(axis=1)).query(points, k=24)
    best = np.full(len(points), np.inf)
    for k in range(near.shape[1]):
        feet = trimesh.triangles.closest_point(corners[near[:, k]], points)
        best = np.minimum(best, np.linalg.norm(feet - points, axis=1))
    return best
