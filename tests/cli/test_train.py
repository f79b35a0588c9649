from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from likeness.cli.progress import duration
from likeness.cli.train import ProgressLines, show_progress
from likeness.errors import MissingError
from likeness.runs import selection
from likeness.runs.run import Run
from likeness.training.stage import Plan, Stage
from tests.cli.conftest import Command
from tests.toy_system.system import ToySystem


def test_train_gives_a_run_that_says_what_it_did(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_TRAIN__LEARNING_RATE", "0.02")
    Path("more.yaml").write_text("train:\n  weight_decay: 0.5\n")
    result = likeness(
        *("train", "toy", "--profile", "smoke", "--config", "more.yaml", "--runs", "all"),
        *("--name", "first", "data.root=data", "--json"),
    )
    assert result.code == 0
    document = result.document
    assert set(document) == {"run", "status", "step", "scores"}
    assert (document["status"], document["step"]) == ("finished", 10)
    assert document["run"].startswith("all/toy/first-")
    (score,) = document["scores"]
    assert set(score) >= {"name", "value", "unit", "direction", "count", "baseline"}
    run = Run(document["run"])
    assert run.status.status == "finished"
    origins = run.read("provenance")
    assert origins["train.learning_rate"] == {
        "layer": "environment",
        "detail": "LIKENESS_TRAIN__LEARNING_RATE",
    }
    assert origins["train.weight_decay"] == {"layer": "file", "detail": "more.yaml:2"}
    assert origins["train.steps"] == {"layer": "profile", "detail": "smoke"}
    assert run.read("inspection")["counts"] == {"samples": 20}
    assert run.read("plan")["total_steps"] == 10
    assert [stage["batch_size"] for stage in run.read("plan")["stages"]] == [4, 4]
    assert run.read("environment")["command"].endswith("data.root=data --json")


def test_train_for_people_shows_run_progress_scores_and_what_is_next(
    likeness: Command, data: Path
) -> None:
    result = likeness("train", "toy", "--profile", "smoke", "data.root=data")
    assert result.code == 0
    assert "run runs/toy/smoke-" in result.err
    assert "step 10/10 head loss" in result.err
    assert "finished at step 10" in result.out
    assert "mean target" in result.out
    assert "Next: likeness evaluate runs/toy/smoke-" in result.out


def test_a_dry_run_shows_the_plan_and_makes_nothing(likeness: Command, data: Path) -> None:
    arguments = ("train", "toy", "--profile", "epochs", "data.root=data", "--dry-run")
    document = likeness(*arguments, "--json").document
    # 20 samples in batches of 4, twice
    assert document["plan"]["total_steps"] == 10
    assert document["plan"]["stages"][0]["end_step"] == 10
    assert document["inspection"]["counts"] == {"samples": 20}
    text = likeness(*arguments).out
    assert "toy, profile epochs: 10 steps" in text
    assert "0–10" in text
    assert not Path("runs").exists()


@pytest.mark.skipif(torch.cuda.is_available(), reason="asks for a GPU that is not there")
def test_a_dry_run_says_that_the_device_is_not_here(likeness: Command, data: Path) -> None:
    """A plan for a cluster may be looked at anywhere, but not as though it would run here."""
    result = likeness("train", "toy", "data.root=data", "train.device=cuda", "--dry-run")
    assert result.code == 0
    assert "would not begin on this machine: train.device is 'cuda'" in result.err


def test_a_dry_run_names_the_stages_that_few_steps_leave_out(likeness: Command, data: Path) -> None:
    words = ("train", "toy", "data.root=data", "--dry-run")
    few = likeness(*words, "train.steps=1", "--json").document  # of 12 and 8 steps
    assert [stage["name"] for stage in few["plan"]["stages"]] == ["both"]
    assert few["left_out"] == ["head"]
    assert "left out, without a step: head\n" in likeness(*words, "train.steps=1").out
    assert likeness(*words, "train.steps=5", "--json").document["left_out"] == []
    assert "left out" not in likeness(*words, "train.steps=5").out


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "data.root names no dataset"),
        (("data.root=nowhere",), 2, "Expected toy.json, found none."),
        (("data.root=data", "stages.both.weights.ftt=1"), 2, "Did you mean 'fit'?"),
        (("data.root=data", "train.device=cuda"), 3, "finds no CUDA device"),
        (("data.root=data", "--name", "a/b"), 2, "cannot be a folder name"),
        (("data.root=data", "--name", "../../x", "--dry-run"), 2, "cannot be a folder name"),
        (("data.root=data", "--name", "", "--dry-run"), 2, "cannot be a folder name"),
        (("data.root=data", "--runs", "file"), 2, "Cannot create the run"),
        (("data.root=data", "--runs", "/sys/x"), 2, "permission"),
        (("data.root=data", "stages.head.groups={hed: 1}"), 2, "hed"),
        (("data.root=data", "stages.head.mix={man: 1}"), 2, "unknown source 'man'"),
        (("data.root=data", "storage.mirror=ftp://x/y"), 2, "the scheme 'ftp' is unknown"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_run_exists(
    likeness: Command, data: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    Path("file").write_text("in the way")
    result = likeness("train", "toy", "--profile", "smoke", *arguments)
    assert result.code == code, result.err
    assert message in result.err
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


def test_what_is_missing_while_training_is_said_before_a_run_exists(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("train", "toy", "--profile", "smoke", "data.root=data")
    for package, extra, setting in (
        ("wandb", "wandb", "tracking.wandb=offline"),
        ("tensorboard", "tensorboard", "tracking.tensorboard=true"),
        ("s3fs", "s3", "storage.mirror=s3://bucket/runs"),
    ):
        monkeypatch.setitem(sys.modules, package, None)
        for more in ((), ("--dry-run",)):
            result = likeness(*words, setting, *more)
            assert result.code == 3, result.err
            assert f"pip install 'likeness[{extra}]'" in result.err
    assert not Path("runs").exists()
    sources = ToySystem.sources
    monkeypatch.setattr(
        ToySystem,
        "sources",
        lambda self, split: sources(self, split) if split == "train" else {},
    )
    for more in ((), ("--dry-run",)):
        result = likeness(*words, "train.evaluate_every=5", *more)
        assert result.code == 2
        assert "no validation samples" in result.err
    assert not Path("runs").exists()
    assert likeness(*words, "train.evaluate_every=0").code == 0


def test_a_run_of_the_same_second_is_not_overwritten(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("likeness.runs.run.time.strftime", lambda _: "261121-120000")
    arguments = ("train", "toy", "--profile", "smoke", "data.root=data")
    assert likeness(*arguments).code == 0
    metrics = Path("runs/toy/smoke-261121-120000/metrics.jsonl").read_text()
    result = likeness(*arguments)
    assert result.code == 2
    assert "never overwritten" in result.err
    assert Path("runs/toy/smoke-261121-120000/metrics.jsonl").read_text() == metrics


def test_resume_of_a_finished_run_changes_nothing(likeness: Command, trained: Path) -> None:
    before = (trained / "metrics.jsonl").read_text()
    document = likeness("resume", trained, "--json").document
    assert (document["status"], document["step"]) == ("finished", 10)
    assert (trained / "metrics.jsonl").read_text() == before


def test_resume_refuses_what_cannot_change_and_leaves_the_run_alone(
    likeness: Command, trained: Path
) -> None:
    def contents() -> dict[str, bytes]:
        return {p.name: p.read_bytes() for p in sorted(trained.iterdir()) if p.is_file()}

    before = contents()
    for word, message in (
        ("model.dropout=0.5", "model.dropout (command line): 0.2 became 0.5"),
        ("train.seed=4", "train.seed (command line): 0 became 4"),
        ("train.steps=30", "train.steps (command line): The stages changed"),
        ("train.stpes=30", "Did you mean 'train.steps'?"),
    ):
        result = likeness("resume", trained, word)
        assert result.code == 2
        assert message in result.err
        assert contents() == before


def test_resume_names_all_it_refuses_at_once(likeness: Command, trained: Path) -> None:
    words = ("model.dropout=0.5", "train.seed=4", "train.steps=30", "stages.0.weights.sprad=1")
    result = likeness("resume", trained, *words)
    assert result.code == 2
    lines = [line for line in result.err.splitlines() if line.startswith("  ")]
    assert [line.split(": ")[0] for line in lines] == [
        "  stages.both.weights.sprad (command line)",
        "  model.dropout (command line)",
        "  train.seed (command line)",
        "  train.steps (command line)",
    ]
    assert "has 4 faults" in result.err
    assert "start a new run" in result.err


def test_a_run_that_failed_before_its_first_step_may_become_another(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No weights are saved that a changed model could not take."""

    def initialise(_: ToySystem) -> None:
        raise MissingError("The weights are not there.")

    with monkeypatch.context() as patched:
        patched.setattr(ToySystem, "initialise", initialise)
        assert likeness("train", "toy", "--profile", "smoke", "data.root=data").code == 3
    (folder,) = Path("runs/toy").iterdir()
    assert Run(folder).status.status == "failed"
    done = likeness("resume", folder, "model.dropout=0.5", "--json")
    assert (done.code, done.document["step"]) == (0, 10)
    (row,) = [row for row in Run(folder).read("provenance").items() if row[0] == "model.dropout"]
    assert row[1]["layer"] == "command line"
    assert "dropout: 0.5" in Run(folder).config_yaml
    refused = likeness("resume", folder, "model.dropout=0.2")
    assert "model.dropout (command line): 0.5 became 0.2; it cannot change" in refused.err


def test_resume_takes_overrides_and_keeps_origins(likeness: Command, trained: Path) -> None:
    assert likeness("resume", trained, "train.log_every=5").code == 0
    rows = {row["key"]: row for row in likeness("config", "explain", trained, "--json").document}
    assert (rows["train.log_every"]["value"], rows["train.log_every"]["source"]) == (
        5,
        "command line",
    )
    assert rows["train.steps"]["source"] == "profile smoke"


def test_progress_lines_come_now_and_then_and_at_the_end(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [100.0]
    monkeypatch.setattr("likeness.cli.train.time.monotonic", lambda: clock[0])
    stages = [Stage(name=name, steps=50, weights={"fit": 1.0}) for name in ("one", "two")]
    plan = Plan.build(stages, samples_per_epoch=1, batch_size=1)
    lines = ProgressLines(plan)
    clock[0] += 60.0  # starting is not how fast steps are
    for step in range(10, 101, 10):
        clock[0] += 2.0
        lines.log(step, {"loss/total": 0.5, "samples_per_second": 12.0})
        lines.log(step, {"score/error": 1.0})
    found = capsys.readouterr().err.splitlines()
    assert found[0] == "step 10/100 one loss 0.5, 12 samples/s"
    assert found[1] == "step 40/100 one loss 0.5, 12 samples/s 5.00 steps/s, 0:12 left"
    assert [line.split()[1] for line in found] == ["10/100", "40/100", "70/100", "100/100"]
    assert found[-1].startswith("step 100/100 two ")


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0:00"), (75.0, "1:15"), (3675.0, "1:01:15"), (90000.0, "25:00:00")]
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_progress_after_a_kill_counts_from_the_checkpoint(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The step the run had reached is behind it again; a rate is never negative."""
    run = Run(trained)
    plan = Plan.build(
        [Stage(name="all", steps=99, weights={"fit": 1.0})], samples_per_epoch=9, batch_size=1
    )
    run.set_status("running", step=50, total_steps=99)
    monkeypatch.setattr("likeness.cli.train.is_quiet", lambda: False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    display = show_progress(run, plan)
    display.close()
    assert display._progress.tasks[0].completed == selection.find(run).step == 10


@pytest.mark.parametrize(
    ("name", "value", "both", "head"),
    [("learning_rate", "0.02", "0.1", "0.2"), ("batch_size", "2", "3", "6")],
)
def test_a_setting_of_the_loop_that_no_stage_takes_is_refused(
    likeness: Command, data: Path, name: str, value: str, both: str, head: str
) -> None:
    """The toy's stages take the common one, unless each is given its own."""
    words = ("train", "toy", "--profile", "smoke", "data.root=data", f"train.{name}={value}")
    own = (f"stages.0.{name}={both}", f"stages.1.{name}={head}")
    assert likeness(*words, own[0], "--dry-run").code == 0
    result = likeness(*words, *own)
    assert result.code == 2
    for part in (
        f"train.{name} (command line): {value} would do nothing",
        f"stages.both.{name}={both} (command line), stages.head.{name}={head}",
    ):
        assert part in result.err
    assert not Path("runs").exists()


def test_a_batch_size_the_run_began_with_does_not_hinder_a_resume(
    likeness: Command, data: Path
) -> None:
    """It counted then; who gives each stage its own now has not asked for it again."""
    words = ("--profile", "smoke", "data.root=data", "train.batch_size=4")
    run = likeness("train", "toy", *words, "--json").document["run"]
    own = ("stages.both.batch_size=4", "stages.head.batch_size=4")
    assert likeness("resume", run, *own).code == 0
    refused = likeness("resume", run, "train.batch_size=2")
    assert refused.code == 2
    assert "train.batch_size (command line): 2 would do nothing" in refused.err
    for name in ("both", "head"):
        assert f"stages.{name}.batch_size=4 (command line of an earlier command)" in refused.err
