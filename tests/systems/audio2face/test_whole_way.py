"""From recordings to a package on a plain machine: no accelerator, no fixed place, stopped at will.

Faults of the reference that show only where all parts work together.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import datasets, workflow
from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.runs.run import Run
from likeness.training import trainer
from tests.systems.audio2face.dataset.recordings import write_recordings
from tests.systems.audio2face.small_runs import trained
from tests.systems.audio2face.test_predict import speech
from tests.toy_system.comparison import assert_equal, facts

PROFILES = ("smoke", "studio-diffusion")
FIXED = ("/datasets", "/workspace")
"""Folders of the reference's container."""


@pytest.fixture
def touched() -> Iterator[list[str]]:
    """Every path that is opened, listed or made from now on."""
    found: list[str] = []
    is_noting = True

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if is_noting and event in ("open", "os.mkdir", "os.listdir", "os.scandir"):
            found.append(str(arguments[0]))

    sys.addaudithook(note)  # stays as long as the interpreter, and is deaf after the test
    yield found
    is_noting = False


@pytest.mark.parametrize("profile", PROFILES)
def test_defect_01_all_of_it_runs_without_a_gpu_and_without_fixed_folders(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, touched: list[str]
) -> None:
    """Audio encoders, the choice of poses, inference and export asked for CUDA unconditionally."""

    def refuse() -> None:
        raise AssertionError("something asked for a GPU")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cuda, "_lazy_init", refuse)
    monkeypatch.chdir(tmp_path)
    root = write_recordings(tmp_path / "data", names=("anna",))
    prepared = tmp_path / "prepared"
    assert datasets.prepare_data("audio2face", root, prepared, profile=profile).ok
    run = trained(prepared, tmp_path, "train.device=auto", profile=profile)
    workflow.evaluate(run, split="validation")
    (row,) = workflow.predict(run, [speech(tmp_path / "a.wav")], options={"format": "npy"})
    bundle = workflow.export(run, "package", output=tmp_path / "package")
    assert (bundle.folder / "network.onnx").is_file()
    skin = next(path for name, path in row["files"].items() if name.endswith("offline.npy"))
    assert np.isfinite(np.load(skin)).all()
    assert any(path.startswith(str(tmp_path)) for path in touched)
    assert not [path for path in touched if path.startswith(FIXED)]


@pytest.mark.parametrize("profile", PROFILES)
def test_defect_05_a_run_that_was_stopped_ends_as_one_that_was_not(
    profile: str, small_dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a running average and with samples from other processes; to the last bit."""
    changes = ("data.actors=[anna]", "train.steps=4", "train.ema_decay=0.9", "train.log_every=1")
    whole = trained(small_dataset, tmp_path / "whole", *changes, profile=profile)
    step_of = trainer._Loop._step

    def stopping(self, planned, batches, interrupt):  # type: ignore[no-untyped-def]
        interrupt.requested = interrupt.requested or self.counters.step == 1
        return step_of(self, planned, batches, interrupt)

    with monkeypatch.context() as patch:
        patch.setattr(trainer._Loop, "_step", stopping)
        parts = trained(
            small_dataset, tmp_path / "parts", *changes, "train.workers=2", profile=profile
        )
    assert (parts.status.status, parts.status.step) == ("stopped", 2)
    workflow.resume(parts)
    assert (parts.status.status, parts.status.step) == ("finished", 4)
    assert_equal(facts(parts), facts(whole))
    last = selection.find(whole)
    averaged, raw = last.weights(ema=True), last.weights(ema=False)
    assert any(not torch.equal(averaged[name], raw[name]) for name in raw)


def _scores(run: Run) -> dict[int, float]:
    """Step to the error of the lips on held-out shots."""
    rows = read_metrics(run.metrics_path)
    return {row["step"]: v for row in rows for k, v in row.items() if k == "score/lip_vertex_error"}


@pytest.mark.parametrize("profile", PROFILES)
def test_defect_05_held_out_shots_choose_the_checkpoint(
    profile: str, small_dataset: Path, tmp_path: Path
) -> None:
    changes = ["train.steps=3", "train.evaluate_every=1", "data.actors=[anna]"]
    run = trained(small_dataset, tmp_path, *changes, "train.learning_rate=20", profile=profile)
    scores = _scores(run)
    assert sorted(scores) == [1, 2, 3]
    best = min(scores, key=lambda step: scores[step])
    assert best < 3, "so high a rate of learning makes it worse"
    assert selection.find(run, "best").progress.step == best


@pytest.mark.parametrize("profile", PROFILES)
def test_defect_05_narrow_numbers_learn_nearly_the_same(
    profile: str, small_dataset: Path, tmp_path: Path
) -> None:
    """bfloat16 has 8 bits: the first gradient differs, by little."""
    first = []
    for precision in ("fp32", "bf16"):
        changes = ("data.actors=[anna]", f"train.precision={precision}", "train.log_every=1")
        run = trained(small_dataset, tmp_path / precision, *changes, profile=profile)
        first.append(read_metrics(run.metrics_path)[0]["grad_norm"])
        weights = selection.find(run).weights()
        assert all(w.dtype == torch.float32 for w in weights.values() if w.is_floating_point())
    assert first[0] != first[1]
    assert first[1] == pytest.approx(first[0], rel=0.05)


def test_defect_12_diffusion_trains_with_terms_that_are_off(
    small_dataset: Path, tmp_path: Path
) -> None:
    weights = "stages.train.weights={diffusion: 10.0, lip_distance: 0.0, velocity: 0.0}"
    run = trained(small_dataset, tmp_path, weights, "train.log_every=1", profile="studio-diffusion")
    assert run.status.status == "finished"
    for row in read_metrics(run.metrics_path):
        terms = {key.removeprefix("loss/") for key in row if key.startswith("loss/")}
        assert not terms & {"lip_distance", "velocity", "expression_smooth"}
        if "loss/total" in row:
            assert row["loss/total"] == pytest.approx(10 * row["loss/diffusion"], rel=1e-5)
