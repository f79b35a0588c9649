"""Preparing photographs with several processes, and again after it was interrupted."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.media.image import save_image
from likeness.systems.face_encoder import landmark_sources, studio
from likeness.systems.face_encoder import prepare as module
from likeness.systems.face_encoder.data import CONTRACT
from likeness.systems.face_encoder.prepare import prepare


@pytest.fixture
def photos(tmp_path: Path, dataset: Path) -> Path:
    """Eight photographs with landmarks beside them, of which two cannot be used."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for path in (dataset / "images").iterdir():
        shutil.copy(path, folder)
        shutil.copy(dataset / "landmarks" / f"{path.stem}.npy", folder)
    (folder / "p1_0.png").write_bytes(b"no picture")
    (folder / "p2_1.npy").unlink()
    return folder


def content(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int, error: BaseException) -> None:
    """The next call of prepare ends with this error at its photograph number ``after``."""
    write = module.write_photograph
    calls = iter(range(1000))

    def stopping(root: Path, sample: dict[str, Any]) -> dict[str, Any]:
        if next(calls) == after:
            raise error
        return write(root, sample)

    monkeypatch.setattr(module, "write_photograph", stopping)


@pytest.fixture
def unfinished(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A dataset whose making was interrupted after three photographs."""
    with monkeypatch.context() as patch:
        interrupt(patch, 3, KeyboardInterrupt())
        with pytest.raises(KeyboardInterrupt):
            prepare(str(photos), str(tmp_path / "out"), person_from="_", workers=1)
    return tmp_path / "out"


def test_several_processes_make_the_same_dataset(photos, tmp_path):
    for workers in (1, 3):
        prepare(str(photos), str(tmp_path / f"{workers}"), person_from="_", workers=workers)
    assert content(tmp_path / "1") == content(tmp_path / "3")
    skipped = json.loads((tmp_path / "3" / "skipped.json").read_text())
    assert [row["file"] for row in skipped] == ["p1_0.png", "p2_1.png"]


def test_an_interrupted_one_ends_like_an_uninterrupted_one(photos, unfinished, tmp_path):
    prepare(str(photos), str(tmp_path / "whole"), person_from="_", workers=1)
    told: list[tuple[int, int]] = []
    inspection = prepare(
        str(photos),
        str(unfinished),
        person_from="_",
        workers=2,
        progress=lambda done, total: told.append((done, total)),
    )
    assert inspection.counts["left_out"] == 2
    assert told == [(n, 8) for n in range(4, 9)]
    assert content(unfinished) == content(tmp_path / "whole")


def test_an_unfinished_one_is_no_dataset(unfinished):
    inspection = CONTRACT.inspect(str(unfinished))
    assert [f.code for f in inspection.errors] == ["layout"]
    assert "unfinished one: 4 of 8 parts" in inspection.errors[0].message
    assert "likeness data prepare face-encoder" in inspection.errors[0].advice
    with pytest.raises(DataError, match="unfinished"):
        CONTRACT.open(str(unfinished), "train")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"size": 64}, "size was 512 and is 64"),
        ({"test_every": 3}, "test_every was 5 and is 3"),
        ({"person_from": "0"}, "person_from was '_' and is '0'"),
        ({"consent": "yes"}, "consent was '' and is 'yes'"),
    ],
)
def test_other_settings_are_refused(photos, unfinished, options, message):
    before = content(unfinished)
    with pytest.raises(UsageError, match=message):
        prepare(str(photos), str(unfinished), **{"person_from": "_", "workers": 1, **options})
    assert content(unfinished) == before


def test_other_photographs_and_landmarks_are_refused(photos, unfinished, tmp_path, dataset):
    def refused(message: str, source: Path = photos, **options: Any) -> None:
        with pytest.raises(UsageError, match=message):
            prepare(str(source), str(unfinished), person_from="_", workers=1, **options)

    shutil.copytree(photos, tmp_path / "other")
    refused(r"source was '.*photos' and is '.*other'", tmp_path / "other")
    refused(r"landmarks was '.*photos' and is '.*landmarks'", landmarks=str(dataset / "landmarks"))
    (photos / "below").mkdir()
    save_image(photos / "below" / "more.png", np.zeros((40, 40, 3), np.float32))
    refused("'below/more.png' is new")
    shutil.rmtree(photos / "below")
    os.utime(photos / "p3_0.npy", ns=(1, 1))
    refused(r"'p3_0\.npy' has changed")
    (photos / "p3_1.png").unlink()
    refused(r"'p3_0\.npy' has changed and 2 other files")


def test_a_full_disk_is_an_error_with_advice_and_loses_nothing(photos, tmp_path, monkeypatch):
    prepare(str(photos), str(tmp_path / "whole"), workers=1)
    from likeness.systems.face_encoder import data

    def full(path: Path, image: np.ndarray) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(data, "save_image", full)
        with pytest.raises(UsageError, match="No space left") as caught:
            prepare(str(photos), str(tmp_path / "out"), workers=1)
    assert "Free some space" in caught.value.advice
    prepare(str(photos), str(tmp_path / "out"), workers=1)
    assert content(tmp_path / "out") == content(tmp_path / "whole")


def test_photographs_in_folders_and_persons_by_folder(photos, dataset, tmp_path):
    source = tmp_path / "sorted"
    for path in (dataset / "images").iterdir():
        person, number = path.stem.split("_")
        folder = source / person / "session 1"
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, folder / f"{number}.png")
        shutil.copy(dataset / "landmarks" / f"{path.stem}.npy", folder / f"{number}.npy")
    shutil.copytree(source / "p0", source / ".hidden")
    (source / "again").symlink_to(source / "p1", target_is_directory=True)
    inspection = prepare(str(source), str(tmp_path / "out"), person_from="/", workers=1)
    assert inspection.counts["photographs"] == 8
    assert inspection.counts["persons"] == 4
    rows = [json.loads(x) for x in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert rows[3]["id"] == "p1__session 1__1"
    assert rows[3]["file"] == "p1/session 1/1.png"
    assert rows[3]["person"] == "p1"
    points = np.load(tmp_path / "out" / "landmarks" / "p1__session 1__1.npy")
    np.testing.assert_array_equal(points, np.load(dataset / "landmarks" / "p1_1.npy"))


def test_links_pipes_and_folders_named_like_pictures_are_listed(photos, tmp_path):
    """They were passed by in silence. What reads a pipe waits forever."""
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    (photos / "round.jpg").symlink_to("round.jpg")
    os.mkfifo(photos / "pipe.PNG")
    (photos / "folder.jpg").mkdir()
    shutil.copy(photos / "p0_0.png", photos / "folder.jpg" / "inside.png")
    shutil.copy(photos / "p0_0.npy", photos / "folder.jpg" / "inside.npy")
    (photos / "again.jpg").symlink_to("folder.jpg", target_is_directory=True)
    (photos / "good.png").symlink_to("p0_1.png")
    shutil.copy(photos / "p0_1.npy", photos / "good.npy")
    inspection = prepare(str(photos), str(tmp_path / "out"), workers=1)
    assert inspection.counts["photographs"] == 8
    skipped = json.loads((tmp_path / "out" / "skipped.json").read_text())
    reasons = {row["file"]: row["reason"] for row in skipped}
    assert len(reasons) == len(skipped) == 7
    assert "'nowhere.jpg', which is not there" in reasons["gone.jpg"]
    assert "'round.jpg', which is not there" in reasons["round.jpg"]
    assert "pipe" in reasons["pipe.PNG"]
    assert "it is a folder" in reasons["folder.jpg"]
    assert "link to a folder" in reasons["again.jpg"]
    left_out = {f.path for f in inspection.findings if f.code == "left-out"}
    assert left_out == set(reasons)


def test_nothing_but_links_to_nowhere_says_so(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "gone.jpg").symlink_to("nowhere.jpg")
    with pytest.raises(DataError, match=r"found none\. gone\.jpg: .*nowhere\.jpg"):
        prepare(str(tmp_path / "photos"), str(tmp_path / "out"), workers=1)
    assert not (tmp_path / "out").exists()


def test_names_that_a_table_would_split_stay_whole(photos, dataset, tmp_path):
    for end in (".png", ".npy"):
        (photos / f"p0_0{end}").rename(photos / f"Anna, 'the \"first\"'{end}")
    inspection = prepare(str(photos), str(tmp_path / "out"), workers=1)
    assert inspection.ok
    assert inspection.counts["persons"] == 6


def test_names_that_are_no_text_are_left_out(photos, tmp_path):
    for name in (b"bad\xff.png", b"two\nlines.png"):
        shutil.copy(photos / "p0_0.png", os.fsencode(photos) + b"/" + name)
        shutil.copy(photos / "p0_0.npy", os.fsencode(photos) + b"/" + name.replace(b"png", b"npy"))
    inspection = prepare(str(photos), str(tmp_path / "out"), workers=1)
    left_out = {f.path: f.message for f in inspection.findings if f.code == "left-out"}
    assert "no text" in left_out["bad\\udcff.png"]
    assert "no text" in left_out["two\nlines.png"]


def test_faces_too_small_in_the_reduced_picture_are_left_out(photos, dataset, tmp_path):
    """Eyes of 20 px in a photograph of 72: at size=24 they are 7 px apart."""
    with pytest.raises(DataError, match=r"px apart.*reduced from 72x72; size=2\d"):
        prepare(str(photos), str(tmp_path / "out"), size=20, workers=1)


class Reader:
    """Stands for a trained encoder: landmarks that say which face they were asked for."""

    def encode(self, image: np.ndarray, *, face: Any, kind: str) -> Any:
        points = np.load(self.shape)
        low, high = points.min(axis=0), points.max(axis=0)
        inside = (points - low) / (high - low) * (face.box[2:] - face.box[:2]) + face.box[:2]

        class Record:
            landmarks = inside

        return Record()


def test_the_largest_central_face_is_taken_with_its_score(photos, dataset, tmp_path, monkeypatch):
    """The first of three is small and surer, the last is for no detector a face."""
    faces = tmp_path / "faces"
    faces.mkdir()
    rows = [
        {"box": [0, 0, 20, 20], "score": 0.99},
        {"box": [10, 12, 60, 62], "score": 0.75},
        {"box": [0, 0, 72, 72], "score": 0.3},
    ]
    for name in ("p0_0", "p3_1"):
        (faces / f"{name}.json").write_text(json.dumps(rows))
    (faces / "p0_1.json").write_text(json.dumps(rows[2:]))
    (faces / "p1_1.json").write_text("[]")
    reader = Reader()
    reader.shape = dataset / "landmarks" / "p0_0.npy"  # type: ignore[attr-defined]
    finder = landmark_sources.make_detector("file", weights=faces)
    monkeypatch.setattr(landmark_sources, "_opened", lambda *of: (reader, finder))
    encoder = landmark_sources.Encoder("run", "fingerprint", "file", str(faces))
    monkeypatch.setattr(landmark_sources.Encoder, "of", staticmethod(lambda *of: encoder))
    prepare(str(photos), str(tmp_path / "out"), landmarks="run:run", workers=1)
    index = [json.loads(x) for x in (tmp_path / "out" / "index.jsonl").read_text().splitlines()]
    assert [(r["id"], r["detector"], r["score"]) for r in index] == [
        ("p0_0", "file", 0.75), ("p3_1", "file", 0.75)
    ]  # fmt: skip
    points = np.load(tmp_path / "out" / "landmarks" / "p3_1.npy")
    np.testing.assert_allclose([points.min(axis=0), points.max(axis=0)], [[10, 12], [60, 62]])
    skipped = json.loads((tmp_path / "out" / "skipped.json").read_text())
    reasons = {row["file"]: row["reason"] for row in skipped}
    assert reasons["p0_1.png"].endswith("found none for certain, only 1 of low confidence")
    assert reasons["p1_1.png"].endswith("found none for certain")
    assert "neither" in reasons["p2_0.png"]  # no record of it


def test_studio_people_go_on_too(dataset, tmp_path, monkeypatch):
    """Another picture stands for each person's, which takes seconds to draw."""
    points = np.load(dataset / "landmarks" / "p0_0.npy")

    def drawn(task: studio._Task) -> Iterator[dict[str, Any]]:
        number, photos, size = task.number, task.photos, task.size
        if number == stop:
            raise KeyboardInterrupt
        image = np.full((size, size, 3), number / 5, np.float32)
        for index in range(photos):
            name = f"{number}_{index}"
            yield {"id": name, "image": image, "landmarks": points, "person": str(number)}

    monkeypatch.setattr(studio, "_person_samples", drawn)
    asked: dict[str, Any] = {"people": 5, "photos": 2, "size": 72, "workers": 1}
    stop = -1
    studio.make(str(tmp_path / "whole"), **asked)
    stop = 3
    with pytest.raises(KeyboardInterrupt):
        studio.make(str(tmp_path / "out"), **asked)
    assert "3 of 5 parts" in CONTRACT.inspect(str(tmp_path / "out")).errors[0].message
    with pytest.raises(UsageError, match="seed was 0 and is 1"):
        studio.make(str(tmp_path / "out"), **asked, seed=1)
    with pytest.raises(UsageError, match="size was 72 and is 96"):
        studio.make(str(tmp_path / "out"), **{**asked, "size": 96})
    stop = -1
    studio.make(str(tmp_path / "out"), **asked)
    assert content(tmp_path / "out") == content(tmp_path / "whole")
