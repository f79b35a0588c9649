"""The NoW protocol on scans made here: known motions, known displacements, files as published."""

from __future__ import annotations

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from likeness.errors import DataError, MissingError, UnsafeFileError
from likeness.evaluation.now_benchmark import (
    SEVEN_FROM_51,
    crop_scan,
    evaluate_now,
    read_picked_points,
    surface_errors,
)
from likeness.geometry.alignment import Similarity
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_files import write_mesh

SUBJECTS = ("S1", "S2")


def face(seed: int) -> Mesh:
    """A bumpy head in metres; no symmetry an alignment could slide along."""
    sphere = trimesh.creation.icosphere(subdivisions=3)
    unit = np.asarray(sphere.vertices)
    rng = np.random.default_rng(seed)
    bumps = 1 + 0.05 * np.sin(unit @ rng.normal(size=(3, 6)) * 3 + rng.uniform(0, 6, 6)).sum(axis=1)
    return Mesh(unit * bumps[:, None] * [0.075, 0.11, 0.09], np.asarray(sphere.faces))


def seven(mesh: Mesh) -> np.ndarray:
    """Landmark-like vertices: eye corners, nose bottom, mouth corners."""
    places = [(-45, 30), (-17, 30), (17, 30), (45, 30), (0, -8), (-25, -38), (25, -38)]
    front = mesh.vertices[:, 2] > 0
    distance = ((mesh.vertices[:, None, :2] * 1000 - np.array(places)) ** 2).sum(-1)
    return mesh.vertices[np.where(front[:, None], distance, np.inf).argmin(axis=0)]


SCANNER = Similarity(
    1000.0, Rotation.from_rotvec([0.1, 0.6, -0.2]).as_matrix(), np.array([40.0, -5.0, 900.0])
)


def scan_of(mesh: Mesh, count: int = 4000, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    corners = mesh.vertices[mesh.faces[rng.integers(0, mesh.num_faces, count)]]
    weights = rng.dirichlet(np.ones(3), count)
    return SCANNER.apply(np.einsum("nk,nkc->nc", weights, corners))


def test_landmarks_are_the_published_seven() -> None:
    # In iBUG numbers: eye corners 36 39 42 45, nose base 33, mouth corners 48 54.
    assert [i + 17 for i in SEVEN_FROM_51] == [36, 39, 42, 45, 33, 48, 54]


def test_crop_by_hand() -> None:
    landmarks = np.array(
        [[-45, 30, 0], [-15, 30, 0], [15, 30, 0], [45, 30, 0], [0, -10, 0], [-25, -40, 0],
         [25, -40, 0]],
        dtype=float,
    )  # fmt: skip
    # Centre (0, 2, 0); radius 1.4 (90 + 40) / 2 = 91.
    points = np.array([[0, 2, 90.9], [0, 2, 91.1], [0, 93.1, 0], [-90.9, 2, 0]], dtype=float)
    assert crop_scan(points, landmarks).tolist() == [0, 3]


@pytest.mark.parametrize("metrical", [False, True])
def test_a_perfect_prediction_has_no_error(metrical) -> None:
    mesh = face(0)
    scan, landmarks = scan_of(mesh), SCANNER.apply(seven(mesh))
    # The prediction lies elsewhere, and its landmarks are picked a little differently.
    moved = Similarity(1.0, Rotation.from_rotvec([0.4, 0, 1.0]).as_matrix(), np.array([0.1, 0, 0]))
    prediction = Mesh(moved.apply(mesh.vertices), mesh.faces)
    picked = moved.apply(seven(mesh)) + 0.002 * np.random.default_rng(1).normal(size=(7, 3))
    found = surface_errors(prediction, picked, scan, landmarks, metrical=metrical)
    assert found.distances.max() < 1e-3
    assert len(found.distances) == len(found.kept) == len(crop_scan(scan, landmarks))


def test_scale_is_forgiven_unless_metrical() -> None:
    mesh = face(1)
    scan, landmarks = scan_of(mesh), SCANNER.apply(seven(mesh))
    large = Mesh(1.05 * mesh.vertices, mesh.faces)
    forgiven = surface_errors(large, 1.05 * seven(mesh), scan, landmarks)
    assert forgiven.distances.max() < 1e-3
    assert forgiven.motion.scale == pytest.approx(1000 / 1.05, rel=1e-6)
    metrical = surface_errors(large, 1.05 * seven(mesh), scan, landmarks, metrical=True)
    assert metrical.motion.scale == 1000.0
    assert metrical.distances.mean() > 0.3


def test_a_known_local_displacement_is_measured() -> None:
    # Scan points moved 2 mm off the surface in a small patch: the rest holds the alignment.
    mesh = face(2)
    scan, landmarks = scan_of(mesh, 6000), SCANNER.apply(seven(mesh))
    kept = crop_scan(scan, landmarks)
    outward = (scan - SCANNER.apply(np.zeros(3))) / np.linalg.norm(
        scan - SCANNER.apply(np.zeros(3)), axis=1, keepdims=True
    )
    patch = kept[np.argsort(np.linalg.norm(scan[kept] - landmarks[4], axis=1))[:60]]
    scan[patch] += 2.0 * outward[patch]
    found = surface_errors(mesh, seven(mesh), scan, landmarks)
    is_patch = np.isin(found.kept, patch)
    assert 1.2 < np.median(found.distances[is_patch]) <= 2.05
    assert np.median(found.distances[~is_patch]) < 0.1


def test_landmarks_of_another_scan_are_noticed() -> None:
    mesh = face(0)
    with pytest.raises(DataError, match="same scan and unit"):
        surface_errors(mesh, seven(mesh), scan_of(mesh), seven(mesh))


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """Two subjects, three photographs; the second subject's prediction is 3 % too wide."""
    root = tmp_path_factory.mktemp("now")
    photos = [
        "S1/multiview_neutral/IMG_1.jpg",
        "S1/selfie/IMG_2.jpg",
        "S2/multiview_neutral/IMG_3.jpg",
    ]
    (root / "imagepathsvalidation.txt").write_text("\n".join(photos) + "\n")
    for seed, subject in enumerate(SUBJECTS):
        mesh = face(seed)
        scan = scan_of(mesh, 3000, seed)
        write_mesh(root / "scans" / subject / "scan.obj", Mesh(scan, np.zeros((0, 3), int)))
        points = SCANNER.apply(seven(mesh))
        text = "".join(
            f'<point y="{y}" x="{x}" z="{z}" active="1" name="{i}"/>\n'
            for i, (x, y, z) in enumerate(points)
        )
        folder = root / "scans_lmks_onlypp" / subject
        folder.mkdir(parents=True)
        (folder / "scan_picked_points.pp").write_text(
            f"<!DOCTYPE PickedPoints>\n<PickedPoints>\n{text}</PickedPoints>\n"
        )
    for photo in photos:
        subject = photo.split("/")[0]
        mesh = face(SUBJECTS.index(subject))
        stretch = np.array([1.03, 1, 1]) if subject == "S2" else np.ones(3)
        target = root / "predictions" / photo.replace(".jpg", ".obj" if subject == "S1" else ".ply")
        write_mesh(target, Mesh(mesh.vertices * stretch, mesh.faces))
        np.save(target.with_suffix(".npy"), seven(mesh) * stretch)
    return root


def test_report_by_challenge_with_a_baseline(benchmark) -> None:
    mean_face = face(0)
    report = evaluate_now(
        benchmark / "predictions", benchmark, baseline=(mean_face, seven(mean_face))
    )
    scores = report.scores
    assert scores["now_median"].count == 3
    assert scores["now_median_selfie"].value < 1e-3
    assert scores["now_median_selfie"].count == 1
    assert scores["now_median_multiview_neutral"].count == 2
    assert "now_median_multiview_occlusions" not in scores
    assert 0.05 < scores["now_mean_multiview_neutral"].value < 2
    # The baseline is exact for S1 and wrong for S2.
    assert scores["now_mean_selfie"].baseline < 1e-3
    assert scores["now_mean"].baseline > scores["now_mean"].value
    assert scores["now_mean"].baseline_name == "mean face"
    assert report.missing == ()
    assert report.thresholds[-1] == 7.0
    assert (np.diff(report.cumulative) >= 0).all()
    assert report.cumulative[-1] == 1.0
    # The two photographs of S1 are exact: more than half of all points lie below 0.05 mm.
    assert 0.5 < report.cumulative[1] < 0.9


def test_missing_predictions_are_an_error_or_are_reported(benchmark, tmp_path) -> None:
    import shutil

    predictions = shutil.copytree(benchmark / "predictions", tmp_path / "predictions")
    (predictions / "S1" / "selfie" / "IMG_2.obj").unlink()
    with pytest.raises(
        MissingError, match=r"1 of 3 photographs have no prediction.*S1/selfie/IMG_2"
    ):
        evaluate_now(predictions, benchmark)
    report = evaluate_now(predictions, benchmark, allow_missing=True)
    assert report.missing == ("S1/selfie/IMG_2",)
    assert report.scores["now_median"].count == 2
    np.save(predictions / "S1" / "multiview_neutral" / "IMG_1.npy", np.zeros((51, 3)))
    with pytest.raises(DataError, match=r"IMG_1\.npy should hold the seven landmarks.*\(51, 3\)"):
        evaluate_now(predictions, benchmark, allow_missing=True)
    with pytest.raises(MissingError, match="3 of 3"):
        evaluate_now(tmp_path / "none", benchmark, allow_missing=True)


def test_wrong_lists_and_folders(tmp_path) -> None:
    with pytest.raises(MissingError, match="no list of photographs"):
        evaluate_now(tmp_path, tmp_path)
    with pytest.raises(ValueError, match="unknown split 'train'"):
        evaluate_now(tmp_path, tmp_path, split="train")
    (tmp_path / "imagepathsvalidation.txt").write_text("S1/IMG_1.jpg\n")
    with pytest.raises(DataError, match="line 1: expected <subject>/<challenge>/<photo>"):
        evaluate_now(tmp_path, tmp_path)


def test_picked_points(tmp_path) -> None:
    path = tmp_path / "a.pp"
    path.write_text('<PickedPoints><point x="1" y="2.5" z="-3e1" name="0"/></PickedPoints>')
    assert read_picked_points(path).tolist() == [[1, 2.5, -30]]
    path.write_text('<PickedPoints><point x="1" y="2.5" name="0"/></PickedPoints>')
    with pytest.raises(DataError, match="not a readable list of picked points"):
        read_picked_points(path)
    path.write_text("not xml")
    with pytest.raises(DataError, match="not a readable list"):
        read_picked_points(path)
    path.write_text('<!DOCTYPE a [<!ENTITY b "c">]><PickedPoints>&b;</PickedPoints>')
    with pytest.raises(UnsafeFileError, match="entities"):
        read_picked_points(path)
