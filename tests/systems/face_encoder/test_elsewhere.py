"""A run that names relative paths, used from another folder than it was trained in, and moved."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import pytest

import likeness
from likeness import workflow
from likeness.errors import UsageError
from likeness.runs.run import Run
from tests.systems.face_encoder.toy import SMALL_MODEL

WORDS = (
    *("train.steps=2", "train.preview_every=0", "train.evaluate_every=0"),
    *("data.root=people", "model.head=head"),
)


@pytest.fixture
def moved(toy_folder: Path, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Trained in ``work``, moved to ``kept``; the working directory is ``elsewhere``."""
    shutil.copytree(dataset, tmp_path / "work" / "people")
    shutil.copytree(toy_folder, tmp_path / "work" / "head")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    run = likeness.train("face-encoder", profile="smoke", overrides=[*SMALL_MODEL, *WORDS])
    assert "root: people\n" in run.config_yaml
    shutil.move(run.path.absolute(), tmp_path / "kept")
    monkeypatch.chdir(tmp_path / "elsewhere")
    return Run(tmp_path / "kept")


def test_it_resumes_evaluates_predicts_and_exports(moved: Run, tmp_path: Path) -> None:
    work = tmp_path / "work"
    longer = ["train.steps=null", *(f"stages.{n}.steps={s}" for n, s in planned(moved, more=1))]
    resumed = likeness.resume(moved, overrides=longer)
    assert (resumed.status.status, resumed.status.step) == ("finished", 3)
    assert workflow.configuration_of(moved).config.data.root == str(work / "people")
    assert likeness.evaluate(moved).scores["nme_68_box"].count == 2
    photo = str(work / "people" / "images" / "p0_0.png")
    options = {"format": "json", "detector": "file", "weights": str(work / "people" / "landmarks")}
    (row,) = likeness.predict(moved, [photo], options=options)
    assert Path(row["files"]["json"]).is_file()
    assert (workflow.export(moved, "onnx").folder / "manifest.json").is_file()
    assert not any((tmp_path / "elsewhere").iterdir())


def test_data_that_is_nowhere_is_named_with_the_folders_looked_in(
    moved: Run, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    (work / "people").rename(work / "persons")
    longer = ["train.steps=null", *(f"stages.{n}.steps={s}" for n, s in planned(moved, more=1))]
    for verb in (partial(likeness.resume, overrides=longer), likeness.evaluate):
        with pytest.raises(UsageError) as caught:
            verb(moved)
        assert f"'people', looked for in '{Path.cwd()}', '{work}'." in caught.value.message
        assert "likeness resume RUN data.root=FOLDER" in caught.value.advice
    likeness.resume(moved, overrides=[f"data.root={work / 'persons'}", *longer])
    assert likeness.evaluate(moved).split == "test"


def planned(run: Run, *, more: int) -> list[tuple[str, int]]:
    """Names and steps of all stages, the last planned one with more steps than it had."""
    lengths = dict.fromkeys(("lmk", "photo", "outline"), 0)
    for stage in run.read("plan")["stages"]:
        lengths[stage["name"]] = stage["end_step"] - stage["first_step"]
        last = stage["name"]
    lengths[last] += more
    return [*lengths.items()]
