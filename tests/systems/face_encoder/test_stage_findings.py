"""Stages that compare with what photographs may lack: the truth, masks, persons."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest

from likeness import workflow
from likeness.assembly import configure
from likeness.errors import DataError
from likeness.systems.face_encoder.layouts import read_folder
from likeness.systems.face_encoder.stage_findings import unlearnable
from tests.systems.face_encoder.inspecting import found
from tests.systems.face_encoder.toy import SMALL_MODEL


@pytest.fixture
def words(dataset: Path, toy_folder: Path, tmp_path: Path) -> list[str]:
    """Settings that train on a copy of the dataset whose photographs for training have no truth."""
    data = Path(shutil.copytree(dataset, tmp_path / "data"))
    for line in (data / "index.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["split"] == "train":
            (data / "truth" / f"{row['id']}.npz").unlink()
    return [f"model.head={toy_folder}", f"data.root={data}", *SMALL_MODEL]


def _planned(words: list[str], *stages: str) -> workflow.Planned:
    overrides = [*words, *stages]
    return workflow.plan_training("face-encoder", profile="smoke", overrides=overrides)


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ("{supervised: 1}", "supervised"),
        ("{reg_shape: 1, supervised_shape: {start: 0.1, end: 1}}", "supervised_shape"),
        ("{supervised: 1, shape_consistency: 1, landmark: 0}", "supervised"),
    ],
)
def test_a_stage_of_the_truth_alone_is_refused_on_data_without_one(
    words: list[str], weights: str, told: str
) -> None:
    """It trained to the end with a loss of 0."""
    with pytest.raises(DataError) as caught:
        _planned(words, f"stages.0.weights={weights}")
    (name,) = {
        stage.name
        for stage in workflow.configure("face-encoder", profile="smoke").config.stages[:1]
    }
    assert (
        f"Stage '{name}' learns from the truth alone ({told}), and none of the 4 photographs of "
        "the split 'train' has a truth" in caught.value.message
    )
    assert f"stages.{name}.weights.landmark=1" in caught.value.message
    assert "See all findings" not in caught.value.advice


def test_a_stage_of_the_truth_and_landmarks_is_warned_of_on_data_without_one(
    words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    only = ("stages.1.steps=0", "stages.2.steps=0")
    planned = _planned(words, "stages.0.weights={landmark: 1, supervised: 1}", *only)
    (finding,) = found(planned.inspection, "no-truth")
    assert finding.severity == "warning"
    assert finding.message.startswith("supervised of stage '")
    assert finding.message in [record.getMessage() for record in caplog.records]
    assert not found(
        _planned(words, "stages.0.weights={landmark: 1}", *only).inspection, "no-truth"
    )


def test_a_stage_of_the_truth_alone_learns_from_data_with_one(
    dataset: Path, toy_folder: Path
) -> None:
    words = [f"model.head={toy_folder}", f"data.root={dataset}", *SMALL_MODEL]
    planned = _planned(words, "stages.0.weights={supervised: 1}")
    assert not found(planned.inspection, "no-truth")


ONLY = ("stages.1.steps=0", "stages.2.steps=0")


def _refused(words: list[str], weights: str) -> str:
    with pytest.raises(DataError) as caught:
        _planned(words, f"stages.0.weights={weights}", *ONLY)
    return caught.value.message


def test_outlines_alone_are_refused_on_photographs_without_masks(words: list[str]) -> None:
    """The term was 1 at every step, taught nothing, and nobody said so."""
    data = Path(words[1].removeprefix("data.root="))
    shutil.rmtree(data / "masks")
    message = _refused(words, "{silhouette: 1, reg_shape: 0.003}")
    assert (
        "Stage 'lmk' learns from masks alone (silhouette), and none of the 4 photographs of the "
        "split 'train' has a mask: it would learn nothing." in message
    )
    assert "add masks of classes, as masks/<id>.png" in message
    both = _refused(words, "{silhouette: 1, supervised: 1}")
    assert "learns from the truth and masks alone (silhouette, supervised), and none" in both


def test_outlines_beside_landmarks_are_warned_of_where_no_photograph_has_a_mask(
    words: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    data = Path(words[1].removeprefix("data.root="))
    weights = "stages.0.weights={landmark: 1, silhouette: {start: 0, end: 0.5}}"
    assert not found(_planned(words, weights, *ONLY).inspection, "no-mask")
    for path in sorted((data / "masks").iterdir())[:3]:
        path.unlink()
    assert not found(_planned(words, weights, *ONLY).inspection, "no-mask")  # one has its mask
    shutil.rmtree(data / "masks")
    (finding,) = found(_planned(words, weights, *ONLY).inspection, "no-mask")
    assert finding.severity == "warning"
    assert finding.message == (
        "silhouette of stage 'lmk' counts for nothing: none of the 4 photographs of the split "
        "'train' has a mask."
    )
    assert finding.message in [record.getMessage() for record in caplog.records]


def test_masks_and_truth_of_hardly_any_photograph_are_told(data: Path) -> None:
    """A stage of outlines alone learned nothing at nearly all of its steps, without a word."""
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    first = next(row for row in rows if row["split"] == "train")
    for number in range(30):  # of one photograph many, all but the first without anything beside
        for folder, suffix in (("images", "png"), ("landmarks", "npy")):
            source = data / folder / f"{first['id']}.{suffix}"
            shutil.copy(source, data / folder / f"more{number}.{suffix}")
        rows.append({**first, "id": f"more{number}"})
    kept = f"{first['id']}."
    for folder in ("masks", "truth"):
        for path in (data / folder).iterdir():
            if not path.name.startswith(kept):
                path.unlink()
    (data / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    words = ["stages.0.weights={silhouette: 1, supervised: 1, landmark: 1}", *ONLY]
    config = configure("face-encoder", profile="smoke", overrides=words).config
    findings = unlearnable(config, read_folder(data))
    assert [finding.code for finding in findings] == ["rare-truth", "rare-mask"]
    assert findings[1].message == (
        "silhouette of stage 'lmk' counts for 1 of the 34 photographs of the split 'train' alone: "
        "the others have no mask."
    )


def test_true_colours_alone_are_refused_where_the_truth_is_of_another_albedo_space(
    dataset: Path, toy_folder: Path
) -> None:
    words = [f"model.head={toy_folder}", f"data.root={dataset}", *SMALL_MODEL]
    message = _refused(words, "{supervised_albedo: 1, supervised_light: 1}")
    assert (
        "learns from true colours alone (supervised_albedo, supervised_light), and none of the 4 "
        "photographs of the split 'train' has a truth of the model's albedo space "
        "(model.albedo=synthetic)" in message
    )


def test_true_colours_of_the_model_s_albedo_space_are_learned(data: Path, toy_folder: Path) -> None:
    described = json.loads((data / "head.json").read_text())
    (data / "head.json").write_text(json.dumps({**described, "albedo": "synthetic-1"}))
    words = [f"model.head={toy_folder}", f"data.root={data}", *SMALL_MODEL]
    weights = "stages.0.weights={landmark: 1, supervised_albedo: 1}"
    assert not found(_planned(words, weights, *ONLY).inspection, "no-albedo")
    none = [*words[:-2], "model.num_albedo=0", "model.albedo=synthetic"]
    (finding,) = found(_planned(none, weights, *ONLY).inspection, "no-albedo")
    assert finding.severity == "warning"
    assert "counts for nothing: the model has no albedo (model.num_albedo=0)." in finding.message


def test_a_layout_without_albedo_is_what_is_told(data: Path) -> None:
    """The data were blamed, whatever space they are of."""
    weights = "stages.0.weights={landmark: 1, supervised_light: 1}"
    words = ["model.layout=smirk361", weights, *ONLY]
    config = configure("face-encoder", profile="smoke", overrides=words).config
    (finding,) = unlearnable(config, read_folder(data))
    assert finding.message == (
        "supervised_light of stage 'lmk' counts for nothing: the layout 'smirk361' has no albedo."
    )


def _without_persons(data: Path) -> None:
    (data / "identity.csv").unlink()
    rows = [json.loads(line) for line in (data / "index.jsonl").read_text().splitlines()]
    for row in rows:
        del row["person"]
    (data / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("term", ["shape_contrast", "shape_consistency"])
def test_terms_of_persons_need_two_photographs_of_one(words: list[str], term: str) -> None:
    """They were refused at the first step, when there was a run, or were 0 without a word."""
    weights = "stages.0.weights={landmark: 1, " + term + ": 1}"
    assert not found(_planned(words, weights, *ONLY).inspection, "no-pairs")
    _without_persons(Path(words[1].removeprefix("data.root=")))
    message = _refused(words, "{reg_shape: 1, " + term + ": 1}")
    assert f"learns from the persons alone ({term}), and none of the 4 photographs" in message
    (finding,) = found(_planned(words, weights, *ONLY).inspection, "no-pairs")
    assert finding.severity == "warning"
    assert finding.message == (
        f"{term} of stage 'lmk' counts for nothing: none of the 4 photographs of the split 'train' "
        "has another of its person."
    )


def test_an_exchange_of_shapes_with_nothing_to_compare_is_refused(words: list[str]) -> None:
    message = _refused(words, "{shape_consistency: 1, reg_shape: 1}")
    assert "shape_consistency of stage 'lmk' repeats the comparisons" in message
    planned = _planned(words, "stages.0.weights={shape_consistency: 1, shape_contrast: 1}", *ONLY)
    (finding,) = found(planned.inspection, "no-comparison")
    assert finding.severity == "warning"


def test_persons_who_seldom_meet_themselves_in_a_batch_are_warned_of(words: list[str]) -> None:
    """With photos_per_person=1 the term was 0 in nearly all steps, and nobody said so."""
    weights = "stages.0.weights={landmark: 1, shape_consistency: 1}"
    small = (*ONLY, "stages.0.batch_size=2")
    (finding,) = found(_planned(words, weights, *small).inspection, "rare-pairs")
    persons = ["p0", "p0", "p1", "p1"]
    batches = list(itertools.combinations(persons, 2))
    met = sum(first == second for first, second in batches) / len(batches)
    assert finding.severity == "warning"
    assert f"about {100 * met:.0f} % of the photographs have another" in finding.message
    assert "in a batch of 2 out of 4" in finding.message
    together = _planned(words, weights, *small, "data.photos_per_person=2").inspection
    assert not found(together, "rare-pairs")
    all_at_once = (*ONLY, "stages.0.batch_size=4")
    assert not found(_planned(words, weights, *all_at_once).inspection, "rare-pairs")
