"""Every registered system, with no exclusion list, keeps the promises of the house."""

from __future__ import annotations

import json
import math
import os
import shlex
import shutil
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path

import numpy as np
import pytest
import torch

from likeness import workflow
from likeness.assembly import configure
from likeness.cli.demo import prediction_inputs
from likeness.config.document import fingerprint, load_saved, to_yaml
from likeness.datasets import inspect_data, make_data
from likeness.export.bundle import Bundle
from likeness.runs import selection
from likeness.runs.record import read_metrics
from likeness.runs.run import Run
from likeness.systems import all_systems, get_system
from tests.systems import conformance as c
from tests.systems.audio2face.dataset.test_live_link import put
from tests.toy_system.comparison import assert_equal, facts

SYSTEMS = sorted(all_systems())
each_system = pytest.mark.parametrize("name", SYSTEMS)


@pytest.fixture(scope="session")
def datasets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Studio data of four people for every system, made once."""
    folder = tmp_path_factory.mktemp("studio")
    for name in SYSTEMS:
        inspection = make_data(name, folder / name, people=4, seed=0)
        assert inspection.ok, inspection.to_json()
    return {name: folder / name for name in SYSTEMS}


@pytest.fixture(scope="session")
def trained(datasets: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """Three smoke steps of every system, through the function the command line calls."""
    folder = tmp_path_factory.mktemp("runs")
    runs = {}
    for name in SYSTEMS:
        start = time.monotonic()
        runs[name] = workflow.train(
            name,
            profile="smoke",
            overrides=[f"data.root={datasets[name]}", *c.small(name), "train.steps=3"],
            runs=folder,
        )
        # A budget for the studio's smallest use, not a measurement: an order above what it takes.
        assert time.monotonic() - start < 120
    return runs


@each_system
def test_profiles_resolve_and_round_trip(name: str, tmp_path: Path) -> None:
    spec = get_system(name)
    profiles = spec.load("profiles")
    assert "smoke" in profiles
    assert len(profiles) >= 2
    for profile in profiles:
        resolved = configure(name, profile=profile, environ={})
        path = tmp_path / f"{profile}.yaml"
        path.write_text(to_yaml(resolved), encoding="utf-8")
        again = load_saved(spec.load("config"), path, system=name)
        assert again.config == resolved.config
        assert fingerprint(again.config) == fingerprint(resolved.config)
        known = spec.load("system").loss_terms
        groups = getattr(spec.load("system"), "group_names", None)
        for stage in resolved.config.stages:
            assert set(stage.weights) <= known, f"{profile}/{stage.name}"
            assert groups is None or set(stage.groups or {}) <= groups, f"{profile}/{stage.name}"


@each_system
def test_the_names_a_record_declares_are_those_of_the_class(name: str) -> None:
    spec = get_system(name)
    for kind in ("loss_terms", "group_names"):
        if getattr(spec, kind) is not None:
            assert spec.load(kind) == getattr(spec.load("system"), kind)


@each_system
def test_studio_data_inspects_clean(name: str, datasets: dict[str, Path]) -> None:
    inspection = inspect_data(name, datasets[name])
    assert inspection.errors == ()
    assert sum(inspection.counts.values()) > 0


@each_system
@pytest.mark.parametrize("how", ["truncated", "empty", "garbage", "missing"])
def test_broken_data_gives_findings_not_exceptions(
    name: str, how: str, datasets: dict[str, Path], tmp_path: Path
) -> None:
    broken = tmp_path / "data"
    shutil.copytree(datasets[name], broken)
    assert c.break_dataset(broken, how)
    inspection = inspect_data(name, broken)
    assert inspection.findings
    # Without its index and some pictures together with their truth, a dataset can be sound again.
    assert not inspection.ok or how == "missing"
    for finding in inspection.findings:
        assert finding.message
        assert finding.advice
    json.loads(inspection.to_json())


@each_system
@pytest.mark.parametrize("kind", ["nowhere", "empty", "file"])
def test_no_data_gives_findings(name: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "data"
    if kind == "empty":
        path.mkdir()
    elif kind == "file":
        path.write_text("not a dataset", encoding="utf-8")
    inspection = inspect_data(name, path)
    assert not inspection.ok


@each_system
def test_smoke_steps_run(name: str, trained: dict[str, Run]) -> None:
    run = trained[name]
    assert run.status.status == "finished"
    assert run.status.step == 3
    rows = read_metrics(run.metrics_path)
    assert all(math.isfinite(row["loss/total"]) for row in rows if "loss/total" in row)


@each_system
def test_gradients_reach_every_group_and_nothing_else(name: str, datasets: dict[str, Path]) -> None:
    system = c.built(name, datasets[name])
    batch = c.one_batch(system)
    reached: dict[str, bool] = {}
    for context in c.contexts(system):
        c.total_of(system, batch, context).backward()
    trained_ids = set()
    for group, module in system.trainable().items():
        parameters = [p for p in module.parameters() if p.requires_grad]
        trained_ids |= {id(p) for p in parameters}
        reached[group] = any(p.grad is not None and p.grad.abs().sum() > 0 for p in parameters)
    assert all(reached.values()), reached
    for module in vars(system).values():
        if isinstance(module, torch.nn.Module):
            for parameter in module.parameters():
                assert id(parameter) in trained_ids or parameter.grad is None


@each_system
def test_declared_terms_appear_when_active(name: str, datasets: dict[str, Path]) -> None:
    system = c.built(name, datasets[name])
    batch = c.one_batch(system)
    context = c.contexts(system)[-1]
    assert type(system).group_names is None or set(system.trainable()) <= type(system).group_names
    everything = dict.fromkeys(system.loss_terms, 1.0)
    stage = context.stage.replace(weights=everything)
    full = type(context)(**{**context.__dict__, "weights": everything, "stage": stage})
    terms = system.losses(batch, full)
    assert set(terms) == system.loss_terms
    for term, value in terms.items():
        assert value.ndim == 0, term
        assert torch.isfinite(value), term


@each_system
def test_loss_falls_on_one_repeated_batch(name: str, datasets: dict[str, Path]) -> None:
    system = c.built(name, datasets[name])
    batch, context = c.one_batch(system), c.contexts(system)[0]
    parameters = [p for m in system.trainable().values() for p in m.parameters() if p.requires_grad]
    for module in system.trainable().values():
        module.train()
    optimizer = torch.optim.Adam(parameters, lr=1e-3)
    # A term divided by its own size is 1 however small it gets, unless a step is remembered.
    c.total_of(system, batch, context)
    system.state()
    losses = []
    for _ in range(40):
        torch.manual_seed(0)
        loss = c.total_of(system, batch, context)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


@each_system
def test_first_losses_are_the_recorded_ones(name: str, datasets: dict[str, Path]) -> None:
    """A change that moves the golden losses says why; another processor moves the last digits."""
    golden = c.read_golden(name)
    assert len(golden["losses"]) == 20
    found = c.golden_losses(c.built(name, datasets[name]), len(golden["losses"]))
    np.testing.assert_allclose(found, golden["losses"], rtol=golden["relative_tolerance"])


@each_system
def test_resume_equals_uninterrupted(
    name: str, datasets: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped twice in a short run and continued: the same to the last bit."""
    from likeness.training import trainer

    overrides = [
        f"data.root={datasets[name]}",
        *c.small(name),
        "train.steps=6",
        "train.ema_decay=0.9",
    ]
    whole = workflow.train(name, profile="smoke", overrides=overrides, runs=tmp_path / "whole")
    original = trainer._Loop._step

    def stop_once(at: int):  # type: ignore[no-untyped-def]
        def step(self, planned, batches, interrupt):  # type: ignore[no-untyped-def]
            if self.counters.step == at:
                interrupt.requested = True
            return original(self, planned, batches, interrupt)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(trainer._Loop, "_step", stop_once(1))
        parts = workflow.train(name, profile="smoke", overrides=overrides, runs=tmp_path / "parts")
    assert parts.status.status == "stopped"
    with monkeypatch.context() as patch:
        patch.setattr(trainer._Loop, "_step", stop_once(4))
        workflow.resume(parts)
    workflow.resume(parts)
    assert parts.status.status == "finished"
    assert_equal(facts(parts), facts(whole))


@each_system
def test_two_processes_match_one(name: str, datasets: dict[str, Path], tmp_path: Path) -> None:
    """Two processes with one micro-batch each equal one process with two, launched as users do."""
    arguments = ["-m", "likeness", "train", name, "--profile", "smoke"]
    arguments += [f"data.root={datasets[name]}"]
    arguments += [*c.small(name), "train.steps=3", "train.optimizer=sgd", "train.ema_decay=0"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def launch(runs: str, *command: str) -> Run:
        line = [sys.executable, *command, *arguments, "--runs", str(tmp_path / runs)]
        if runs == "alone":
            line.append("train.accumulation=2")
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr[-2000:]
        return Run(next((tmp_path / runs / name).iterdir()))

    alone = launch("alone")
    pair = launch("pair", "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2")
    found, expected = selection.find(pair).weights(), selection.find(alone).weights()
    assert set(found) == set(expected)
    # Only the order of two additions differs.
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-4, atol=1e-6, msg=key)


@each_system
def test_predicting_writes_files_and_says_which(
    name: str, trained: dict[str, Run], tmp_path: Path
) -> None:
    inputs, options = prediction_inputs(get_system(name), tmp_path)
    rows = workflow.predict(trained[name], inputs, output=tmp_path / "out", options=options)
    assert len(rows) == len(inputs)
    for row in rows:
        assert row["files"], row
        for path in row["files"].values():
            assert Path(path).stat().st_size > 0


@each_system
def test_predictors_do_not_move_with_training(
    name: str, datasets: dict[str, Path], tmp_path: Path
) -> None:
    system = c.built(name, datasets[name])
    source = next(iter(system.sources("train").values()))
    predictor = system.predictor()
    before = system.evaluate(predictor, source, tmp_path / "before").to_list()
    with torch.no_grad():
        for module in system.trainable().values():
            for parameter in module.parameters():
                parameter.add_(0.1)
    names = get_system(name).load("score_names")
    assert [
        row["name"] for row in before if not any(fnmatchcase(row["name"], known) for known in names)
    ] == []
    assert system.evaluate(predictor, source, tmp_path / "after").to_list() == before


@each_system
def test_exports_reach_parity(name: str, trained: dict[str, Run], tmp_path: Path) -> None:
    targets = get_system(name).exporters
    assert targets
    for target in targets:
        bundle = workflow.export(trained[name], target, output=tmp_path / target)
        assert Bundle.open(bundle.folder).parity
        assert (bundle.folder / "manifest.json").is_file()


@each_system
def test_the_report_builds(name: str, trained: dict[str, Run], tmp_path: Path) -> None:
    page = workflow.report(trained[name], output=tmp_path / "report.html")
    text = page.read_text(encoding="utf-8")
    assert name in text
    assert "loss/total" in text or "total" in text


def _takes(folder: Path) -> None:
    for number in (3, 5, 7):
        put(folder / "takes", f"take_{number}", 3.0)


_README_INPUTS = {"audio2face": _takes}
"""What the commands of a README read and no command before them makes."""


@each_system
@pytest.mark.slow
def test_readme_commands_run(name: str, tmp_path: Path) -> None:
    commands = c.readme_commands(name)
    assert commands
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    _README_INPUTS.get(name, lambda folder: None)(tmp_path)
    for command in commands:
        line = [sys.executable, "-m", *shlex.split(_filled(command, tmp_path))]
        done = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"


def _filled(command: str, folder: Path) -> str:
    """``$RUN`` in a README stands for the run that the commands before it made."""
    runs = sorted(folder.glob("runs/*/*"))
    return command.replace("$RUN", str(runs[-1]) if runs else "$RUN")
