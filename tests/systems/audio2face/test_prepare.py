from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest

from likeness import datasets, workflow
from likeness.errors import UsageError
from likeness.systems.audio2face.dataset.live_link import prepare_live_link
from likeness.systems.audio2face.prepare import prepare
from tests.systems.audio2face.small_runs import trained


def test_options_of_takes_are_those_of_what_reads_them() -> None:
    """The verb lists its options by the one signature, and hands them to the other."""
    verb, reader = (inspect.signature(one).parameters for one in (prepare, prepare_live_link))
    own = {"profile", "settings", "shared"}
    assert set(verb) - own == set(reader)
    for name, parameter in reader.items():
        assert verb[name].default == parameter.default, name
        assert verb[name].annotation == parameter.annotation, name


def test_bases_are_kept_in_the_prepared_dataset_and_used(
    small_dataset: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    inspection = datasets.prepare_data("audio2face", small_dataset, out, profile="smoke")
    assert inspection.ok, inspection.to_json()
    assert sorted(p.name for p in (out / "prepared").iterdir()) == ["anna", "ben"]
    run = trained(out, tmp_path, profile="smoke")
    assert run.status.status == "finished"
    assert not (tmp_path / "cache").exists()
    with pytest.raises(UsageError, match="with other settings") as refused:
        trained(out, tmp_path, "preprocessing.variance_threshold=0.5", profile="smoke")
    assert "the preprocessing settings it was made with" in str(refused.value.advice)


def test_bases_that_are_prepared_are_up_to_date(small_dataset: Path, tmp_path: Path) -> None:
    """The second call was refused, as if something were to be overwritten."""
    out = tmp_path / "out"
    first = datasets.prepare_data("audio2face", small_dataset, out, profile="smoke")
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*")}
    again = datasets.prepare_data("audio2face", small_dataset, out, profile="smoke")
    assert (first.is_up_to_date, again.is_up_to_date) == (False, True)
    assert again.counts == first.counts
    with pytest.raises(UsageError, match="made otherwise: shared was False and is True"):
        datasets.prepare_data("audio2face", small_dataset, out, profile="smoke", shared=True)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*")} == before


def test_a_shared_basis_is_trained_on(small_dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    inspection = prepare(str(small_dataset), str(out), profile="studio-diffusion", shared=True)
    assert inspection.ok, inspection.to_json()
    run = trained(out, tmp_path, profile="studio-diffusion")
    actors = workflow.Predictor.from_run(run, device="cpu").model.identities.actors
    np.testing.assert_array_equal(actors[0].skin.shapes, actors[1].skin.shapes)
    assert np.abs(actors[0].skin.mean - actors[1].skin.mean).max() > 1.0


def test_settings_come_from_a_file_or_a_profile(small_dataset: Path, tmp_path: Path) -> None:
    path = tmp_path / "settings.yaml"
    path.write_text("preprocessing:\n  variance_threshold: 0.5\n  max_added_poses: 60\n")
    prepare(str(small_dataset), str(tmp_path / "out"), settings=str(path))
    run = trained(tmp_path / "out", tmp_path, "preprocessing.variance_threshold=0.5")
    assert run.status.status == "finished"
    with pytest.raises(UsageError, match="no profile 'fast'; there are: default"):
        prepare(str(small_dataset), str(tmp_path / "b"), profile="fast")
    with pytest.raises(UsageError, match="no file"):
        prepare(str(small_dataset), str(tmp_path / "b"), settings=str(tmp_path / "none.yaml"))
    path.write_text("variance_threshold: most\n")
    with pytest.raises(UsageError, match="holds no preprocessing settings"):
        prepare(str(small_dataset), str(tmp_path / "b"), settings=str(path))


def test_nothing_else_is_written_over(small_dataset: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        prepare(str(small_dataset), str(tmp_path))
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
