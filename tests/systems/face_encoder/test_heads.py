"""Which head model a name opens, which vertices are the face, what doctor looks for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from likeness.errors import DataError, MissingError, UsageError
from likeness.geometry.head_asset import HeadAsset
from likeness.geometry.ict_assets import load_ict
from likeness.systems.face_encoder.heads import face_vertices, open_head
from likeness.systems.face_encoder.requirements import requirements
from tests.geometry.test_ict_assets import tiny_kit


def test_folders_files_and_saved_heads_open_the_same_head(toy_folder, toy_head, tmp_path):
    toy_head.save(tmp_path / "saved.npz")
    toy_head.save(tmp_path / "saved.safetensors")
    for path in (
        toy_folder,
        toy_folder / "generic_model.pkl",
        tmp_path / "saved.npz",
        tmp_path / "saved.safetensors",
    ):
        assert open_head(str(path)).fingerprint == toy_head.fingerprint, path


def test_nothing_at_the_path_lists_what_was_looked_for(tmp_path):
    with pytest.raises(MissingError, match=r"flame2023\.pkl") as caught:
        open_head(str(tmp_path / "nowhere"))
    assert caught.value.exit_code == 3
    assert "'studio'" in caught.value.advice


def test_a_folder_opens_its_only_ict_head_and_names_several(tmp_path):
    """It was said not to be there."""
    folder = tmp_path / "ict_face_model"
    folder.mkdir()
    with pytest.raises(MissingError, match=r"no head model in the folder .*ict_face\.npz") as none:
        open_head(str(folder))
    assert none.value.advice
    np.savez(folder / "notes.npz", something=np.zeros(3))
    np.savez(folder / "ict_face_mini.npz", **tiny_kit())
    wanted = load_ict(folder / "ict_face_mini.npz").fingerprint
    assert open_head(str(folder)).fingerprint == wanted
    np.savez(folder / "ict_face.npz", **tiny_kit())
    with pytest.raises(UsageError, match=r"ict_face\.npz, ict_face_mini\.npz") as several:
        open_head(str(folder))
    assert str(folder / "ict_face.npz") in several.value.advice


def test_what_is_no_head_is_a_data_error(tmp_path):
    (tmp_path / "a.npz").write_bytes(b"x")
    with pytest.raises(DataError):
        open_head(str(tmp_path / "a.npz"))


def test_the_face_is_its_skin_without_eyeballs(toy_head: HeadAsset):
    eyes = np.concatenate([toy_head.masks["left_eyeball"], toy_head.masks["right_eyeball"]])
    wide = np.union1d(toy_head.masks["face"], eyes)  # as masks of other models have it
    both = replace(toy_head, masks={**toy_head.masks, "face": wide})
    ids = face_vertices(toy_head)
    assert set(ids) == set(toy_head.masks["face"]) - set(eyes)
    np.testing.assert_array_equal(face_vertices(both), ids)
    thin = face_vertices(toy_head, 20)
    assert len(thin) == len(set(thin)) == 20
    assert set(thin) <= set(ids)
    assert (thin[0], thin[-1]) == (ids[0], ids[-1])
    np.testing.assert_array_equal(face_vertices(toy_head, 10_000), ids)
    bare = replace(toy_head, masks={})
    assert len(face_vertices(bare)) == toy_head.num_vertices


def test_doctor_finds_the_model_that_the_environment_names(toy_folder, monkeypatch):
    def found() -> dict[str, bool]:
        return {row.name: row.present for row in requirements()}

    monkeypatch.delenv("FLAME_MODEL", raising=False)
    assert found()["head model"]
    assert not found()["FLAME"]
    monkeypatch.setenv("FLAME_MODEL", str(toy_folder))
    assert found()["FLAME"]
    monkeypatch.setenv("FLAME_MODEL", str(Path(toy_folder) / "nowhere"))
    assert not found()["FLAME"]


def test_doctor_needs_no_torch():
    code = (
        "import sys; from likeness.systems.face_encoder.requirements import requirements; "
        "requirements(); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
