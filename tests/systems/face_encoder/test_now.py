"""The NoW verbs on a small benchmark made here: known displacements, files as published."""

from __future__ import annotations

import csv
import json
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial.transform import Rotation

from likeness.cli.main import main
from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.mesh import Mesh
from likeness.geometry.mesh_files import write_mesh
from likeness.geometry.mesh_obj import read_obj
from likeness.systems.face_encoder import commands, trained
from likeness.systems.face_encoder.now import mean_face, seven_landmarks, write_predictions
from tests.systems.face_encoder.toy import build_system

TURN = Rotation.from_rotvec([0.2, -0.5, 0.1]).as_matrix()
PHOTOS = (
    "S1/multiview_neutral/IMG_1.jpg",
    "S1/selfie/IMG_2.jpg",
    "S2/multiview_expressions/IMG_1.jpg",
)
OFFSET = 1.5
"""Millimetres of the scan of S2 off its surface, half of the points each way."""


def in_scanner(points: np.ndarray) -> np.ndarray:
    return 1000 * points @ TURN.T + [30.0, -10.0, 800.0]


def person(head: HeadAsset, seed: int) -> np.ndarray:
    code = np.random.default_rng(seed).normal(size=10)
    return head.template + head.shape_basis[:, :, :10] @ code


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory: pytest.TempPathFactory, toy_head: HeadAsset) -> Path:
    """Scans of two toy people; predictions are their exact surfaces, metres.

    The scan points of S2 lie off their triangle's centre along its normal, half to each side and
    alike around every landmark, so that the best fit stays where it is and each distance is known.
    """
    root = tmp_path_factory.mktemp("now")
    (root / "imagepathsvalidation.txt").write_text("\n".join(PHOTOS) + "\n")
    for number, subject in enumerate(("S1", "S2")):
        vertices = person(toy_head, number)
        surface = trimesh.Trimesh(vertices, toy_head.faces, process=False)
        points = surface.triangles_center
        if subject == "S2":
            step = OFFSET / 1000 * surface.face_normals
            points = np.concatenate([points + step, points - step])
        write_mesh(
            root / "scans" / subject / "scan.obj", Mesh(in_scanner(points), np.zeros((0, 3), int))
        )
        folder = root / "scans_lmks_onlypp" / subject
        folder.mkdir(parents=True)
        np.save(folder / "scan.npy", in_scanner(seven_landmarks(toy_head, vertices)))
    for photo in PHOTOS:
        vertices = person(toy_head, ("S1", "S2").index(photo[:2]))
        target = root / "predictions" / Path(photo).with_suffix(".obj")
        write_mesh(target, Mesh(vertices, toy_head.faces))
        np.save(target.with_suffix(".npy"), seven_landmarks(toy_head, vertices))
    return root


@pytest.mark.parametrize("metrical", [False, True])
def test_exact_predictions_give_the_known_displacement(benchmark, toy_folder, metrical):
    document = commands.evaluate_now(
        benchmark / "predictions", benchmark, head=str(toy_folder), metrical=metrical
    )
    rows = {row["challenge"]: row for row in document["results"]}
    assert list(rows) == ["all", "multiview_neutral", "multiview_expressions", "selfie"]
    assert [row["photographs"] for row in rows.values()] == [3, 1, 1, 1]
    for name in ("multiview_neutral", "selfie"):
        assert rows[name]["median_mm"] == pytest.approx(0, abs=1e-3)
        assert rows[name]["mean_mm"] == pytest.approx(0, abs=1e-3)
    assert rows["multiview_expressions"]["median_mm"] == pytest.approx(OFFSET, abs=1e-3)
    assert rows["all"]["mean_face_mean_mm"] > 0.5
    shares = {row["error_mm"]: row["points_percent"] for row in document["cumulative"]}
    assert list(shares) == [0.5 * n for n in range(15)]
    assert shares[1.0] < 100 == shares[2.0]


def test_predictions_too_large_are_forgiven_their_scale_unless_metrical(
    benchmark, toy_head, toy_folder, tmp_path
):
    folder = Path(shutil.copytree(benchmark / "predictions", tmp_path / "large"))
    for path in folder.rglob("*.obj"):
        mesh = read_obj(path)
        write_mesh(path, Mesh(1.1 * mesh.vertices, mesh.faces))
        np.save(path.with_suffix(".npy"), 1.1 * np.load(path.with_suffix(".npy")))
    found = {}
    for metrical in (False, True):
        document = commands.evaluate_now(folder, benchmark, head=str(toy_folder), metrical=metrical)
        found[metrical] = document["results"][1]["mean_mm"]
    assert found[False] < 1e-3
    assert found[True] > 1
    # The same surfaces said to be in units of 1000 / 1.1 mm are right again.
    document = commands.evaluate_now(
        folder, benchmark, head=str(toy_folder), metrical=True, millimetres=1000 / 1.1
    )
    assert document["results"][1]["mean_mm"] < 1e-3
    baseline = commands.evaluate_now(
        benchmark / "predictions", benchmark, head=str(toy_folder), metrical=True
    )["results"][0]["mean_face_mean_mm"]
    assert document["results"][0]["mean_face_mean_mm"] == pytest.approx(baseline, rel=1e-6)


def test_the_curve_is_written_as_numbers_and_drawn(benchmark, toy_folder, tmp_path):
    options = {"head": str(toy_folder)}
    for name in ("curve.csv", "curve.svg"):
        document = commands.evaluate_now(
            benchmark / "predictions", benchmark, curve=tmp_path / "deep" / name, **options
        )
        assert document["curve"] == str(tmp_path / "deep" / name)
    with open(tmp_path / "deep" / "curve.csv", newline="") as file:
        rows = [{k: float(v) for k, v in row.items()} for row in csv.DictReader(file)]
    assert [rows[0]["error_mm"], rows[-1]["error_mm"], len(rows)] == [0.0, 7.0, 141]
    assert rows[-1]["points_percent"] == 100
    root = ElementTree.parse(tmp_path / "deep" / "curve.svg").getroot()
    (line,) = root.iter("{http://www.w3.org/2000/svg}polyline")
    drawn = [[float(v) for v in pair.split(",")] for pair in line.attrib["points"].split()]
    np.testing.assert_allclose(
        drawn, [[100 * r["error_mm"], 400 - 4 * r["points_percent"]] for r in rows], atol=0.051
    )
    with pytest.raises(UsageError, match=r"cannot be written as 'curve\.txt'"):
        commands.evaluate_now(
            benchmark / "predictions", benchmark, curve=tmp_path / "curve.txt", **options
        )


def test_the_verb_answers_in_json_and_as_a_table(benchmark, toy_folder, capsys, monkeypatch):
    def run(*more: str) -> int:
        words = [str(benchmark / "predictions"), str(benchmark), "--head", str(toy_folder), *more]
        monkeypatch.setattr("sys.argv", ["likeness", "face-encoder", "evaluate-now", *words])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0)

    assert run("--json") == 0
    assert json.loads(capsys.readouterr().out)["results"][0]["challenge"] == "all"
    assert run() == 0
    assert "multiview_expressions" in capsys.readouterr().out
    assert run("--split", "train") == 2
    assert run("--split", "test") == 3


def test_predictions_are_written_in_the_benchmarks_layout(dataset, toy_folder, tmp_path):
    """Neutral heads of photographs, with the seven points on their surfaces; .obj has no more."""
    photos, faces, out = tmp_path / "photos", tmp_path / "faces", tmp_path / "out"
    for place, name in (("S1/selfie", "p0_0"), ("S2/selfie", "p1_0")):
        for folder, kind in ((photos, "png"), (faces, "npy")):
            (folder / place).mkdir(parents=True)
            source = dataset / ("images" if kind == "png" else "landmarks") / f"{name}.{kind}"
            shutil.copy(source, folder / place / f"IMG_7.{kind}")
    shutil.copy(dataset / "images" / "p0_1.png", photos / "S1" / "selfie" / "nobody.png")
    (photos / "S1" / "elsewhere").mkdir()
    predictor = build_system(toy_folder).predictor()
    rows = write_predictions(predictor, photos, out, detector="file", weights=str(faces))
    assert [row["photograph"] for row in rows if not row["error"]] == [
        "S1/selfie/IMG_7.png", "S2/selfie/IMG_7.png",
    ]  # fmt: skip
    assert "nobody" in rows[1]["photograph"]
    assert "recorded faces" in rows[1]["error"]
    asset = predictor.decoder.asset
    mesh = read_obj(out / "S2" / "selfie" / "IMG_7.obj")
    np.testing.assert_array_equal(mesh.faces, asset.faces)
    text = (out / "S2" / "selfie" / "IMG_7.obj").read_text().splitlines()
    assert {line.split()[0] for line in text} == {"v", "f"}
    points = np.load(out / "S2" / "selfie" / "IMG_7.npy")
    expected = asset.landmarks68.points(mesh.vertices, asset.faces)[[36, 39, 42, 45, 33, 48, 54]]
    np.testing.assert_allclose(points, expected, atol=1e-6)
    # An untrained encoder gives the mean face: neutral, in metres.
    np.testing.assert_allclose(mesh.vertices, asset.template, atol=5e-4)
    with pytest.raises(MissingError, match="no photographs"):
        write_predictions(predictor, tmp_path / "out", tmp_path / "other")
    with pytest.raises(DataError, match="None of 3 photographs"):
        write_predictions(predictor, photos, tmp_path / "x", detector="file", weights=str(out))


@pytest.mark.parametrize("allowed", [False, True])
def test_a_photograph_without_a_face_ends_the_verb_as_it_ends_predict(
    dataset, toy_folder, tmp_path, monkeypatch, capsys, allowed
):
    photos = tmp_path / "photos" / "S1" / "selfie"
    photos.mkdir(parents=True)
    shutil.copy(dataset / "images" / "p0_0.png", photos / "a.png")
    (photos / "b.png").write_bytes(b"no picture")
    faces = tmp_path / "faces" / "S1" / "selfie"
    faces.mkdir(parents=True)
    np.save(faces / "a.npy", np.load(dataset / "landmarks" / "p0_0.npy"))
    monkeypatch.setattr(trained, "predictor_of", lambda run: build_system(toy_folder).predictor())
    words = ["likeness", "face-encoder", "predict-now", "run", str(tmp_path / "photos")]
    words += [str(tmp_path / "out"), "--detector", "file", "--weights", str(tmp_path / "faces")]
    monkeypatch.setattr("sys.argv", [*words, "--json", *["--allow-missing"][: int(allowed)]])
    with pytest.raises(SystemExit) as end:
        main()
    assert (end.value.code or 0) == (0 if allowed else 4)
    document = json.loads(capsys.readouterr().out)
    assert document["written"] == 1
    assert [row["photograph"] for row in document["failed"]] == ["S1/selfie/b.png"]
    assert (tmp_path / "out" / "S1" / "selfie" / "a.obj").is_file()


def test_photographs_that_would_share_a_prediction_are_refused(dataset, toy_folder, tmp_path):
    """The second overwrote the first without a word. Folders of their own keep them apart."""
    photos = tmp_path / "photos"
    for place in ("S1/selfie/IMG_1.jpg", "S1/selfie/IMG_1.png", "S2/selfie/IMG_1.png"):
        (photos / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(dataset / "images" / "p0_0.png", photos / place)
    predictor = build_system(toy_folder).predictor()
    with pytest.raises(UsageError, match=r"S1/selfie/IMG_1\.jpg' and .*S1/selfie/IMG_1\.png'"):
        write_predictions(predictor, photos, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_mean_face_is_the_template(toy_head):
    mesh, points = mean_face(toy_head)
    np.testing.assert_array_equal(mesh.vertices, toy_head.template)
    assert points.shape == (7, 3)
    assert points[0, 0] < points[1, 0] < points[2, 0] < points[3, 0]  # right eye to left eye
