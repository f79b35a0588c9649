from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import likeness
from likeness import workflow
from likeness.errors import DataError, UsageError
from likeness.runs.record import read_metrics

MEASURED = {"time", "samples_per_second", "data_wait_fraction", "memory_gigabytes"}


@pytest.fixture(autouse=True)
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working directory with toy data, in which the toy system is known."""
    from tests.cli.toy_spec import SPEC

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("likeness.systems._BUILT_IN", (SPEC,))
    likeness.make_data("toy", "data", people=10)


def _train(*overrides: str, **options: object) -> likeness.Run:
    run: likeness.Run = likeness.train(
        "toy",
        profile="smoke",
        overrides=["data.root=data", *overrides],
        **options,  # type: ignore[arg-type]
    )
    return run


def _facts(run: likeness.Run) -> list[dict[str, object]]:
    rows = read_metrics(run.metrics_path)
    return [{k: v for k, v in row.items() if k not in MEASURED} for row in rows]


def test_a_notebook_uses_the_words_of_the_command_line() -> None:
    run = _train(name="first", runs="all")
    assert run.path.parent == Path("all/toy")
    found = likeness.evaluate(run)
    assert found.scores["error"].count == 16
    np.savetxt("one.txt", np.ones((1, 6)))
    (row,) = likeness.predict(run.path, ["one.txt"])
    expected = likeness.Predictor.from_run(run)(inputs=np.ones((1, 6), np.float32))["output"]
    np.testing.assert_allclose(np.loadtxt(row["output"])[None], expected, rtol=1e-6)
    assert workflow.export(run, "arrays").target == "arrays"
    assert workflow.report(run) == run.report_path
    assert likeness.inspect_data("toy", "data").counts == {"samples": 20}


def test_no_public_name_is_hidden_by_a_package() -> None:
    """Importing a subpackage sets an attribute of its name, which would hide a function."""
    folder = Path(likeness.__file__).parent
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    modules = {path.stem for path in folder.glob("*.py")}
    assert not (packages | modules) & set(likeness.__all__)
    for name in likeness.__all__:
        assert getattr(likeness, name) is not None


def test_predictors_of_steps_and_averages_differ() -> None:
    run = _train("train.keep_checkpoints=0")
    inputs = np.ones((1, 6), np.float32)
    outputs = [
        likeness.Predictor.from_run(run, which, ema=ema)(inputs=inputs)["output"]
        for which, ema in (("latest", True), ("latest", False), ("5", True))
    ]
    assert not np.array_equal(outputs[0], outputs[1])
    assert not np.array_equal(outputs[0], outputs[2])
    best = likeness.Predictor.from_run(run, "best")
    assert best.checkpoint.step in (5, 10)


def test_a_resumed_run_equals_an_uninterrupted_one() -> None:
    """Stopped by a signal at a step of its own, then resumed: every recorded number is equal."""
    import os
    import signal

    class Stopper:
        def log(self, step: int, values: object) -> None:
            if step == 4:
                os.kill(os.getpid(), signal.SIGINT)

        def media(self, step: int, name: str, path: Path) -> None: ...

        def close(self) -> None: ...

    whole = _train(name="whole")
    parts = _train(name="parts", display=lambda run, plan: Stopper())
    assert parts.status.status == "stopped"
    assert parts.status.step < 10
    likeness.resume(parts)
    assert parts.status.status == "finished"
    assert _facts(parts) == _facts(whole)


def test_a_mirror_receives_the_run() -> None:
    run = _train("storage.mirror=copy")
    names = {p.relative_to("copy").as_posix() for p in Path("copy").rglob("*") if p.is_file()}
    prefix = f"toy/{run.name}"
    assert f"{prefix}/config.yaml" in names
    assert f"{prefix}/checkpoints/step-00000010/progress.json" in names
    copied = likeness.Run(Path("copy") / prefix)
    output = likeness.Predictor.from_run(copied)(inputs=np.ones((1, 6), np.float32))["output"]
    expected = likeness.Predictor.from_run(run)(inputs=np.ones((1, 6), np.float32))["output"]
    np.testing.assert_array_equal(output, expected)


def test_a_plan_without_training() -> None:
    planned = workflow.plan_training("toy", profile="epochs", overrides=["data.root=data"])
    assert planned.plan.total_steps == 10  # 20 samples in batches of 4, twice
    assert not Path("runs").exists()


def test_configuration_of_a_run_keeps_its_origins() -> None:
    run = _train("model.seed=3")
    resolved = workflow.configuration_of(run)
    assert resolved.config.model.seed == 3
    assert str(resolved.provenance["model.seed"]) == "command line"
    assert str(resolved.provenance["train.steps"]) == "profile smoke"


def test_a_run_without_its_system_is_explained() -> None:
    run = _train()
    text = run.config_yaml.replace("system: toy", "system: gone")
    run.config_path.write_text(text)
    with pytest.raises(UsageError, match="There is no system 'gone'"):
        likeness.evaluate(run)
    run.config_path.write_text("data: {}\n")
    with pytest.raises(DataError, match="does not say which system"):
        likeness.evaluate(run)


def test_bad_data_stops_training_with_the_findings() -> None:
    Path("data/toy.json").write_text(json.dumps({}))
    with pytest.raises(DataError, match="Expected a number of samples") as caught:
        _train()
    assert "likeness data inspect toy data" in caught.value.advice


def test_wrong_use_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing to predict"):
        likeness.predict("runs/x", [])
    with pytest.raises(UsageError, match="no run at"):
        likeness.resume("runs/x")


def test_a_split_without_samples_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _train()
    from tests.toy_system.system import ToySystem

    monkeypatch.setattr(ToySystem, "sources", lambda self, split: {})
    with pytest.raises(DataError, match="no samples of the split 'test'"):
        likeness.evaluate(run)


def test_a_warm_up_longer_than_its_epochs_is_told_once_the_data_are_known(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """20 samples in batches of 4, twice, are 10 steps; what is over is told no more."""
    words = ["data.root=data", "stages.all.schedule.warmup_steps=40"]

    def told() -> list[str]:
        lines = [r.getMessage() for r in caplog.records if "warm-up" in r.getMessage()]
        caplog.clear()
        return lines

    workflow.plan_training("toy", profile="epochs", overrides=words)
    (line,) = told()
    assert (
        "a warm-up of 40 steps does not end, the stage has 10: the learning rate gets to 25 %"
        in line
    )
    run = likeness.train("toy", profile="epochs", overrides=words)
    assert told() == [line]
    likeness.resume(run, overrides=["train.log_every=5"])
    assert told() == []
