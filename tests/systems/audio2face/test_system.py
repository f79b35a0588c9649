from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest

from likeness import workflow
from likeness.errors import LikenessError, UsageError
from tests.systems.audio2face.dataset.recordings import write_recordings
from tests.systems.audio2face.small_runs import trained

SOUND = (0.1 * np.random.default_rng(5).normal(size=8_000)).astype(np.float32)


@pytest.mark.parametrize("profile", ["smoke", "studio-diffusion"])
def test_a_run_predicts_the_same_when_its_dataset_is_gone(profile: str, tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    run = trained(root, tmp_path, profile=profile)
    before = workflow.Predictor.from_run(run, device="cpu").model(audio=SOUND)
    shutil.rmtree(root)
    shutil.rmtree(tmp_path / "cache")
    after = workflow.Predictor.from_run(run, device="cpu").model(audio=SOUND)
    for name in ("skin", "tongue", "jaw", "eyes"):
        np.testing.assert_array_equal(before[name], after[name])
    faces = workflow.Predictor.from_run(run, device="cpu").model.artefacts(None).skin_faces
    assert faces.tolist() == [[0, 1, 2], [2, 1, 3], [27, 28, 29]]


def test_regression_takes_the_first_of_several_and_says_so(
    small_dataset: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        run = trained(small_dataset, tmp_path)
    assert "one actor and the dataset 2; it is trained on 'anna'" in caplog.text
    assert workflow.Predictor.from_run(run, device="cpu").model.identities.names == ("anna",)


def test_actors_in_the_order_asked_for(small_dataset: Path, tmp_path: Path) -> None:
    run = trained(small_dataset, tmp_path, "data.actors=[ben,anna]", profile="studio-diffusion")
    assert workflow.Predictor.from_run(run, device="cpu").model.identities.names == ("ben", "anna")


def test_a_run_goes_on_only_with_what_it_began_with(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    run = trained(root, tmp_path)
    steps = ["train.steps=3"]
    status, files = run.status.step, sorted(p.name for p in run.path.rglob("*"))
    with pytest.raises(LikenessError) as refused:
        workflow.resume(run, overrides=[*steps, "preprocessing.variance_threshold=0.5"])
    assert "preprocessing" in refused.value.message
    # The same settings, and a sound of another person's face.
    skin = root / "data" / "anna" / "cache" / "skin" / "joy_001" / "joy_001.npy"
    np.save(skin, np.load(skin) + 0.5 * np.random.default_rng(0).normal(size=(12, 30, 3)))
    with pytest.raises(UsageError, match="other bases, shots or emotions"):
        workflow.resume(run, overrides=steps)
    assert run.status.step == status
    assert sorted(p.name for p in run.path.rglob("*")) == files


def test_a_dataset_of_another_mesh_is_not_scored(tmp_path: Path) -> None:
    root = write_recordings(tmp_path / "data", names=("anna",))
    run = trained(root, tmp_path)
    folder = root / "data" / "anna"
    for path in [*folder.rglob("cache/skin/*/*.npy"), *folder.glob("geom/skin/*.npy")]:
        array = np.load(path)
        np.save(path, np.concatenate([array, array[..., -2:, :]], axis=-2))
    for path in [folder / "geom/skin/mesh.obj", *folder.glob("bs_data/*")]:
        path.unlink()
    description = root / "dataset.yaml"
    lines = description.read_text().splitlines(keepends=True)
    kept = [line for line in lines if "bs_data" not in line and "skin_mesh" not in line]
    description.write_text("".join(kept))
    with pytest.raises(UsageError, match=r"'anna' has 32 vertices .* and 30 in the run"):
        workflow.evaluate(run, split="validation")


@pytest.mark.parametrize("size", [1, 64])
@pytest.mark.parametrize("profile", ["smoke", "studio-diffusion"])
def test_defect_06_batches_of_one_and_of_many(
    small_dataset: Path, tmp_path: Path, profile: str, size: int
) -> None:
    run = trained(
        small_dataset,
        tmp_path,
        f"train.batch_size={size}",
        "learning.sampling.sequence_length=2",
        profile=profile,
    )
    assert run.status.status == "finished"
