"""The cache of a data hub, laid out here as its library does: links from snapshots to blobs."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, UsageError
from likeness.systems.face_encoder.hub_cache import snapshot_of
from likeness.systems.face_encoder.photograph_sources import Given
from likeness.systems.face_encoder.prepare import prepare as prepare_with
from tests.systems.face_encoder.test_prepare import points_in, save_table, truth

prepare = partial(prepare_with, workers=1, source_format="hf-cache")
OLD, NEW = "a" * 40, "b" * 40


def repository(cache: Path, name: str = "datasets--me--photos", **branches: str) -> Path:
    home = cache / name
    for folder in ("refs", "blobs", f"snapshots/{OLD}", f"snapshots/{NEW}"):
        (home / folder).mkdir(parents=True)
    for branch, revision in (branches or {"main": NEW}).items():
        (home / "refs" / branch).write_text(f"{revision}\n")
    return home


def put(home: Path, file: str, data: bytes, revision: str = NEW) -> None:
    blob = home / "blobs" / f"{len(os.listdir(home / 'blobs')):064x}"
    blob.write_bytes(data)
    place = home / "snapshots" / revision / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(os.path.relpath(blob, place.parent))


def test_pictures_of_the_snapshot_are_read_and_links_that_leave_it_are_not(dataset, tmp_path):
    home = repository(tmp_path / "hub")
    for path in sorted((dataset / "images").iterdir()):
        put(home, f"train/{path.name}", path.read_bytes())
    outside = tmp_path / "secret.png"
    outside.write_bytes((dataset / "images" / "p0_0.png").read_bytes())
    (home / "snapshots" / NEW / "train" / "p9_0.png").symlink_to(outside)
    put(home, "old.png", b"", revision=OLD)
    save_table(tmp_path / "table.npz", dataset)
    with np.load(tmp_path / "table.npz") as arrays:
        names = np.array([f"train/{name}" for name in arrays["names"]])
        np.savez(tmp_path / "named.npz", names=names, points=arrays["points"])
    out = tmp_path / "out"
    inspection = prepare(
        str(tmp_path / "hub"), str(out), landmarks=str(tmp_path / "named.npz"), person_from="_"
    )
    assert (inspection.counts["photographs"], inspection.counts["left_out"]) == (8, 1)
    np.testing.assert_array_equal(points_in(out, "train__p3_1"), truth(dataset, "p3_1"))
    (row,) = json.loads((out / "skipped.json").read_text())
    assert row["file"] == "train/p9_0.png"
    assert "it is a link out of" in row["reason"]


def test_which_snapshot_is_meant(tmp_path):
    home = repository(tmp_path / "hub", main=NEW, v1=OLD)
    revisions = {"": NEW, "main": NEW, "v1": OLD, OLD: OLD}
    for place in (tmp_path / "hub", home):
        for asked, meant in revisions.items():
            assert snapshot_of(place, revision=asked) == (home / "snapshots" / meant, home)
    with pytest.raises(DataError, match=f"the snapshot 'v2' in .*found {OLD}, {NEW}"):
        snapshot_of(home, revision="v2")
    with pytest.raises(DataError, match=r"the snapshot '\.\./\.\./\.\./x'"):
        snapshot_of(home, revision="../../../x")
    (home / "refs" / "main").write_text("../../..")
    with pytest.raises(DataError, match=r"the snapshot '\.\./\.\./\.\.'"):
        snapshot_of(home)


def test_which_repository_is_meant(tmp_path):
    home = repository(tmp_path / "hub")
    other = repository(tmp_path / "hub", "models--you--faces")
    with pytest.raises(UsageError, match="several repositories: me/photos, you/faces") as caught:
        snapshot_of(tmp_path / "hub")
    assert "repository=me/photos" in caught.value.advice
    assert snapshot_of(tmp_path / "hub", repository="you/faces")[1] == other
    assert snapshot_of(tmp_path / "hub", repository="me/photos")[1] == home
    with pytest.raises(DataError, match="the repository 'me/none' in"):
        snapshot_of(tmp_path / "hub", repository="me/none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="found none"):
        snapshot_of(tmp_path / "empty")


def test_a_snapshot_or_a_repository_that_leads_out_is_refused(tmp_path):
    home = repository(tmp_path / "hub")
    elsewhere = repository(tmp_path / "elsewhere")
    (tmp_path / "hub" / "datasets--me--far").symlink_to(elsewhere)
    with pytest.raises(DataError, match="is a link out of"):
        snapshot_of(tmp_path / "hub", repository="me/far")
    (home / "snapshots" / "far").symlink_to(elsewhere)
    with pytest.raises(DataError, match="is a link out of"):
        snapshot_of(home, revision="far")


def test_tables_of_the_snapshot_are_read(tmp_path):
    pa = pytest.importorskip("pyarrow", reason="needs the extra parquet")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra parquet")
    home = repository(tmp_path / "hub")
    parquet.write_table(pa.table({"image": [b"1", b"2"]}), tmp_path / "t.parquet")
    put(home, "data/train-00000-of-00001.parquet", (tmp_path / "t.parquet").read_bytes())
    put(home, "README.md", b"# photos")
    (home / "snapshots" / NEW / "data" / "far.parquet").symlink_to(tmp_path / "t.parquet")
    photos, others = Given("hf-cache").photographs(str(tmp_path / "hub"))
    assert [photo.id for photo in photos] == [
        "data__train-00000-of-00001__0000000", "data__train-00000-of-00001__0000001",
    ]  # fmt: skip
    assert [row["file"] for row in others] == ["data/far.parquet"]
