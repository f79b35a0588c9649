"""From folders of photographs with landmarks in the usual forms to a dataset."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from likeness import datasets
from likeness.errors import DataError, UsageError
from likeness.media.image import load_image, save_image
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.layouts import read_folder
from likeness.systems.face_encoder.prepare import prepare as prepare_with
from tests.systems.face_encoder.toy import PHOTO_SIZE

prepare = partial(prepare_with, workers=1)


@pytest.fixture
def photos(tmp_path: Path, dataset: Path) -> Path:
    """The pictures of the dataset, without what lies beside them."""
    folder = tmp_path / "raw" / "photos"
    folder.mkdir(parents=True)
    for path in (dataset / "images").iterdir():
        shutil.copy(path, folder)
    return folder


def truth(dataset: Path, name: str) -> np.ndarray:
    return np.load(dataset / "landmarks" / f"{name}.npy")


def points_in(out: Path, name: str) -> np.ndarray:
    return np.load(out / "landmarks" / f"{name}.npy")


def write_pts(path: Path, points: np.ndarray) -> None:
    """As 300-W does: pixels counted from 1, centres on whole numbers."""
    lines = "\n".join(f"{x + 0.5:.6f} {y + 0.5:.6f}" for x, y in points)
    path.write_text(f"version: 1\nn_points:  {len(points)}\n{{\n{lines}\n}}\n")


def test_arrays_beside_the_photographs(photos, dataset, tmp_path):
    for path in photos.glob("*.png"):
        shutil.copy(dataset / "landmarks" / f"{path.stem}.npy", photos)
    inspection = prepare(str(photos), str(tmp_path / "out"), person_from="_", consent="they agreed")
    assert inspection.ok
    assert inspection.counts["photographs"] == 8
    assert inspection.counts["persons"] == 4
    assert inspection.counts["left_out"] == 0
    np.testing.assert_array_equal(points_in(tmp_path / "out", "p1_1"), truth(dataset, "p1_1"))
    image = load_image(tmp_path / "out" / "images" / "p1_1.png")
    np.testing.assert_array_equal(image, load_image(dataset / "images" / "p1_1.png"))
    provenance = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert provenance["consent"] == "they agreed"
    assert json.loads((tmp_path / "out" / "skipped.json").read_text()) == []
    rows = [json.loads(x) for x in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert rows[0] == {
        "id": "p0_0", "width": PHOTO_SIZE, "height": PHOTO_SIZE, "person": "p0", "split": "train",
        "file": "p0_0.png", "detector": "file", "score": None, "crop": [0, 0, 72, 72],
    }  # fmt: skip


def test_pts_files_count_pixels_from_one(photos, dataset, tmp_path):
    """Pixel 1 of a .pts file is centred at 1; here the first pixel is centred at 0.5."""
    for path in photos.glob("*.png"):
        write_pts(path.with_suffix(".pts"), truth(dataset, path.stem))
    prepare(str(photos), str(tmp_path / "out"))
    for name in ("p0_0", "p3_1"):
        np.testing.assert_allclose(
            points_in(tmp_path / "out", name), truth(dataset, name), atol=1e-4
        )


@pytest.mark.parametrize("text", ["", "version: 1", "{\n1 2\n}", "{\n1 x\n}", "{\n1 2\n3\n}", "}{"])
def test_pts_files_that_are_none_are_skipped_with_their_reason(photos, dataset, tmp_path, text):
    for path in photos.glob("*.png"):
        write_pts(path.with_suffix(".pts"), truth(dataset, path.stem))
    (photos / "p2_0.pts").write_text(text)
    inspection = prepare(str(photos), str(tmp_path / "out"))
    skipped = json.loads((tmp_path / "out" / "skipped.json").read_text())
    assert [row["file"] for row in skipped] == ["p2_0.png"]
    assert "p2_0.pts" in skipped[0]["reason"]
    assert inspection.counts["left_out"] == 1


def save_table(path: Path, dataset: Path, **more: np.ndarray) -> None:
    names = sorted(p.stem for p in (dataset / "images").iterdir())
    np.savez(path, names=names, points=np.stack([truth(dataset, n) for n in names]), **more)


@pytest.mark.parametrize("place", ["in the folder", "above it", "named"])
def test_a_table_of_all_landmarks_with_sets_of_points(photos, dataset, tmp_path, place):
    core = np.arange(68) % 3 == 0
    where = {
        "in the folder": photos / "landmarks68.npz",
        "above it": photos.parent / "landmarks68.npz",
        "named": tmp_path / "table.npz",
    }[place]
    save_table(where, dataset, core=core, image_size=np.array(512))
    landmarks = str(where) if place == "named" else "auto"
    prepare(str(photos), str(tmp_path / "out"), landmarks=landmarks)
    np.testing.assert_array_equal(points_in(tmp_path / "out", "p2_1"), truth(dataset, "p2_1"))
    sets = json.loads((tmp_path / "out" / "landmark_sets.json").read_text())
    assert sets == {"core": list(range(0, 68, 3))}


def test_landmarks_in_a_folder_of_their_own(photos, dataset, tmp_path):
    prepare(str(photos), str(tmp_path / "out"), landmarks=str(dataset / "landmarks"))
    assert len(read_folder(tmp_path / "out").entries) == 8


def test_everyone_left_out_is_listed_with_the_reason(photos, dataset, tmp_path):
    for path in photos.glob("*.png"):
        np.save(path.with_suffix(".npy"), truth(dataset, path.stem))
    (photos / "p0_0.npy").unlink()
    np.save(photos / "p0_1.npy", truth(dataset, "p0_1") * np.nan)
    np.save(photos / "p1_0.npy", truth(dataset, "p1_0") * 3)
    np.save(photos / "p1_1.npy", truth(dataset, "p1_1")[17:])
    middle = truth(dataset, "p2_0").mean(axis=0)
    np.save(photos / "p2_0.npy", middle + 0.1 * (truth(dataset, "p2_0") - middle))
    (photos / "p2_1.png").write_bytes(b"no picture")
    shutil.copy(photos / "p3_0.png", photos / "p3_0.webp")
    inspection = prepare(str(photos), str(tmp_path / "out"), test_every=3)
    reasons = {
        row["file"]: row["reason"]
        for row in json.loads((tmp_path / "out" / "skipped.json").read_text())
    }
    expected = {
        "p0_0.png": "has no .pts or .npy file",
        "p0_1.png": "NaN",
        "p1_0.png": "outside a frame",
        "p1_1.png": "shape (68, 2) in",
        "p2_0.png": "px apart",
        "p2_1.png": "not a picture",
        "p3_0.webp": "of this name was taken: p3_0.png",
    }
    assert set(reasons) == set(expected)
    for name, part in expected.items():
        assert part in reasons[name], name
    left_out = [f for f in inspection.findings if f.code == "left-out"]
    assert {f.path for f in left_out} == set(expected)
    assert [e.id for e in read_folder(tmp_path / "out").entries] == ["p3_0", "p3_1"]


def test_large_photographs_are_reduced_and_their_points_with_them(photos, dataset, tmp_path):
    save_table(photos / "landmarks68.npz", dataset)
    prepare(str(photos), str(tmp_path / "out"), size=48)
    image = load_image(tmp_path / "out" / "images" / "p0_0.png")
    assert image.shape == (48, 48, 3)
    expected = truth(dataset, "p0_0") * 48 / PHOTO_SIZE
    np.testing.assert_allclose(points_in(tmp_path / "out", "p0_0"), expected, atol=1e-4)
    entry = read_folder(tmp_path / "out").entries[0]
    assert entry.size == (48, 48)


def test_oblong_photographs_keep_their_shape(photos, dataset, tmp_path):
    for path in list(photos.glob("*.png")):
        path.unlink()
    save_image(photos / "wide.png", np.full((60, 120, 3), 0.5, np.float32))
    points = truth(dataset, "p0_0") * [1.0, 0.7] + [20, 0]
    np.save(photos / "wide.npy", points.astype(np.float32))
    prepare(str(photos), str(tmp_path / "out"), size=90)
    assert load_image(tmp_path / "out" / "images" / "wide.png").shape == (45, 90, 3)
    np.testing.assert_allclose(points_in(tmp_path / "out", "wide"), points * 0.75, atol=1e-4)


def test_persons_do_not_fall_into_two_splits_and_more_test_than_validate(dataset, tmp_path):
    source = tmp_path / "many"
    source.mkdir()
    for person in range(40):
        for photo in range(2):
            shutil.copy(dataset / "images" / "p0_0.png", source / f"{person:02d}_{photo}.png")
            np.save(source / f"{person:02d}_{photo}.npy", truth(dataset, "p0_0"))
    prepare(str(source), str(tmp_path / "out"), person_from="_", test_every=5)
    people = {
        split: {e.person for e in CONTRACT.open(str(tmp_path / "out"), split, size=32).entries}
        for split in ("train", "validation", "test")
    }
    assert {split: len(found) for split, found in people.items()} == {
        "train": 28, "validation": 4, "test": 8
    }  # fmt: skip
    assert set.union(*people.values()) == {f"{n:02d}" for n in range(40)}


def test_photographs_that_cannot_be_used_take_no_place_in_the_splits(dataset, tmp_path):
    source = tmp_path / "some"
    source.mkdir()
    for number in range(15):
        shutil.copy(dataset / "images" / "p0_0.png", source / f"p{number:02d}.png")
        np.save(source / f"p{number:02d}.npy", truth(dataset, "p0_0"))
    for number in (3, 8, 13):
        (source / f"p{number:02d}.png").write_bytes(b"no picture")
    prepare(str(source), str(tmp_path / "out"))
    lines = (tmp_path / "out" / "index.jsonl").read_text().splitlines()
    splits = {row["id"]: row["split"] for row in map(json.loads, lines)}
    assert sorted(name for name, split in splits.items() if split == "test") == ["p04", "p10"]
    assert [name for name, split in splits.items() if split == "validation"] == ["p05"]
    assert len(splits) == 12


def test_without_a_separator_every_photograph_is_a_person(photos, dataset, tmp_path):
    save_table(photos / "landmarks68.npz", dataset)
    inspection = prepare(str(photos), str(tmp_path / "out"))
    assert inspection.counts["persons"] == 8


def test_wrong_requests_say_what_was_expected(photos, dataset, tmp_path):
    out = str(tmp_path / "out")
    with pytest.raises(DataError, match="Expected a folder of photographs"):
        prepare(str(tmp_path / "nowhere"), out)
    with pytest.raises(DataError, match="found none"):
        prepare(str(dataset / "landmarks"), out)
    with pytest.raises(UsageError, match="No landmarks were found beside") as caught:
        prepare(str(photos), out)
    assert "landmarks=run:RUN" in caught.value.advice
    with pytest.raises(UsageError, match="There are no landmarks at"):
        prepare(str(photos), out, landmarks=str(tmp_path / "nowhere"))
    with pytest.raises(UsageError, match=r"'test_every' of .* at least 3") as caught:
        datasets.prepare_data("face-encoder", photos, out, test_every=2)
    assert caught.value.advice
    with pytest.raises(UsageError, match=r"'size' of .* at least 64"):
        datasets.prepare_data("face-encoder", photos, out, size=63)
    with pytest.raises(UsageError, match="would lie among the photographs"):
        prepare(str(photos), str(photos / "out"))
    np.savez(tmp_path / "bad.npz", names=np.array(["a", "b"]), points=np.zeros((1, 68, 2)))
    with pytest.raises(DataError, match=r"'points' \(N, 68, 2\)"):
        prepare(str(photos), out, landmarks=str(tmp_path / "bad.npz"))
    assert not (tmp_path / "out").exists()


def test_no_usable_photograph_is_a_data_error_and_a_full_folder_is_kept(photos, dataset, tmp_path):
    np.savez(photos / "landmarks68.npz", names=np.array(["x"]), points=np.zeros((1, 68, 2)))
    with pytest.raises(
        DataError, match=r"None of 8 photographs could be used\. p0_0\.png: no landmarks"
    ):
        prepare(str(photos), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()
    save_table(photos / "landmarks68.npz", dataset)
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious.txt").write_text("kept")
    with pytest.raises(UsageError, match="never overwritten"):
        prepare(str(photos), str(full))
    assert [p.name for p in full.iterdir()] == ["precious.txt"]


def test_persons_are_those_of_a_table_among_the_photographs(dataset, tmp_path):
    """Written by a spreadsheet, with a byte order mark; by ids and by names of files."""
    source = tmp_path / "album"
    source.mkdir()
    for name in ("one", "two", "three", "four"):
        shutil.copy(dataset / "images" / "p0_0.png", source / f"{name}.png")
        np.save(source / f"{name}.npy", truth(dataset, "p0_0"))
    table = "id,person\r\none,anna\r\ntwo.png,anna\r\nthree,bob\r\n"
    (source / "identity.csv").write_text(table, encoding="utf-8-sig", newline="")
    found = prepare(str(source), str(tmp_path / "out"))
    entries = CONTRACT.open(str(tmp_path / "out"), "all", size=32).entries
    assert {entry.id: entry.person for entry in entries} == {
        "one": "anna", "two": "anna", "three": "bob", "four": "four"
    }  # fmt: skip
    told = [finding for finding in found.findings if finding.code == "persons-missing"]
    assert "1 of 4 photographs, such as four" in told[0].message
    assert not any(finding.code == "no-persons" for finding in found.findings)

    (source / "identity.csv").write_text("id,person\none,anna\none,bob\n")
    with pytest.raises(DataError, match=r"identity\.csv:3: .* 'one' a second time"):
        prepare(str(source), str(tmp_path / "again"))
    assert not (tmp_path / "again").exists()


@pytest.mark.parametrize(
    ("separator", "told"),
    [
        ("-", "none of 8 photographs has '-' after a name; the first is p0_0.png"),
        ("^(p[0-9]+)_", "none of 8 photographs has '^(p[0-9]+)_' after a name"),
        ("p", "none of 8 photographs has 'p' after a name"),
        ("/", "none of 8 photographs lies in a folder"),
    ],
)
def test_what_ends_no_name_of_a_person_is_refused(photos, dataset, tmp_path, separator, told):
    """Each photograph was a person of its own without a word: one in training and in test."""
    landmarks = str(dataset / "landmarks")
    with pytest.raises(UsageError) as caught:
        prepare(str(photos), str(tmp_path / "o"), landmarks=landmarks, person_from=separator)
    assert told in caught.value.message
    assert "person_from=_" in caught.value.advice
    assert not (tmp_path / "o").exists()


def test_names_that_do_not_say_the_person_are_told(photos, dataset, tmp_path):
    save_table(photos / "landmarks68.npz", dataset)
    some = prepare(str(photos), str(tmp_path / "some"), person_from="_1")
    (finding,) = [f for f in some.findings if f.code == "persons-missing"]
    assert finding.severity == "warning"
    assert "person_from=_1 does not say who is on 4 of 8 photographs, such as p0_0.png" in (
        finding.message
    )
    for path in photos.glob("*.png"):
        path.rename(path.with_name(f"{path.stem}.x.png"))
        np.save(photos / f"{path.stem}.x.npy", truth(dataset, path.stem))
    (photos / "landmarks68.npz").unlink()
    each = prepare(str(photos), str(tmp_path / "each"), person_from=".")
    assert each.counts["persons"] == 8
    (told,) = [f for f in each.findings if f.code == "no-persons"]
    assert told.severity == "advice"  # it may well be so, and who says where names end was heard
    assert told.message.startswith("person_from=. tells 8 persons apart on 8 photographs")


def test_persons_who_are_named_after_their_photographs_are_no_persons(photos, dataset, tmp_path):
    """The table that preparation writes silenced what it had warned of itself."""
    save_table(photos / "landmarks68.npz", dataset)
    prepared = prepare(str(photos), str(tmp_path / "out"))
    (told,) = [f for f in prepared.findings if f.code == "no-persons"]
    assert "say where a name ends" in told.advice
    again = CONTRACT.inspect(str(tmp_path / "out"))
    (finding,) = [f for f in again.findings if f.code == "no-persons"]
    assert finding.severity == "warning"
    prepare(str(photos), str(tmp_path / "named"), person_from="_")
    named = CONTRACT.inspect(str(tmp_path / "named"))
    assert not [f for f in named.findings if f.code == "no-persons"]


def test_two_lines_for_one_photograph_are_refused_and_lines_for_none_are_told(dataset, tmp_path):
    """The first of the two was taken, and a line that named nobody's photograph passed by."""
    source = tmp_path / "album"
    (source / "anna").mkdir(parents=True)
    for name in ("anna/01", "two"):
        shutil.copy(dataset / "images" / "p0_0.png", source / f"{name}.png")
        np.save(source / f"{name}.npy", truth(dataset, "p0_0"))
    for name in ("telephone.heic", "anna/02.heic"):
        (source / name).write_bytes(b"no format that is read")
    table = source / "identity.csv"

    table.write_text("id,person\nanna__01,anna\nanna/01.png,bob\ntwo,bob\n")
    with pytest.raises(DataError, match=r"anna/01\.png, found two.*'anna__01'.*'anna/01\.png'"):
        prepare(str(source), str(tmp_path / "out"))
    assert not (tmp_path / "out").exists()

    # What was left out has a reason of its own, and its line is no mistake.
    table.write_text(
        "id,person\nanna/01.png,anna\ntwo,bob\ntow,bob\nTwo,bob\ntelephone.heic,eve\nanna__02,anna\n"
    )
    found = prepare(str(source), str(tmp_path / "out"))
    [told] = [finding for finding in found.findings if finding.code == "identity-unused"]
    assert (told.severity, told.path) == ("warning", "identity.csv")
    assert "2 in all" in told.message
    assert "'Two'" in told.message


@pytest.mark.parametrize("place", ["beside", "table"])
def test_landmarks_without_a_photograph_are_told(photos, dataset, tmp_path, place):
    """Of a picture that was lost nothing was said, nor that half of a table was of no use."""
    (photos / "p1_0.png").unlink()
    (photos / "p3_1.png").rename(photos / "p3_1.heic")  # left out, and told of as such
    landmarks, first = "auto", "p1_0.npy"
    for path in (dataset / "landmarks").iterdir() if place == "beside" else ():
        shutil.copy(path, photos)
    if place == "table":
        save_table(tmp_path / "table.npz", dataset)
        landmarks, first = str(tmp_path / "table.npz"), "p1_0"
    inspection = prepare(str(photos), str(tmp_path / "out"), landmarks=landmarks)
    (finding,) = (f for f in inspection.findings if f.code == "landmarks-alone")
    assert (finding.severity, finding.path) == ("warning", first)
    assert finding.message == "Landmarks without a picture of their name, 1 in all, are not used."
    assert inspection.counts["left_out"] == 1
    assert inspection.ok
