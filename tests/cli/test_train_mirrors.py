"""Runs that are trained here and kept elsewhere: copies on S3, buckets that are not there."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from likeness.errors import MissingError
from likeness.runs import selection
from likeness.runs.run import Run
from likeness.storage.opening import open_store
from likeness.storage.store import StorageSettings
from tests.cli.conftest import Command


@pytest.mark.s3
def test_a_run_lost_here_is_resumed_from_its_copy_on_s3(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch, s3_server: str
) -> None:
    """As after the loss of a machine in the middle: it ends as a run that was never lost."""
    monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", s3_server)
    words = ("train", "toy", "--profile", "smoke", "data.root=data", "train.save_every=4", "--json")
    whole = Run(likeness(*words, "--name", "whole").document["run"])
    mirrored = likeness(*words, "--name", "lost", "storage.mirror=s3://people/runs")
    assert mirrored.code == 0, mirrored.err
    lost = Path(mirrored.document["run"])
    shutil.rmtree(lost)
    uri = f"s3://people/runs/toy/{lost.name}"
    store = open_store(uri, settings=StorageSettings(endpoint_url=s3_server))
    late = store.list("checkpoints/step-00000010/")
    assert late
    for key in late:  # the machine was lost before these arrived
        store.delete(key)
    result = likeness("resume", uri, "--json")
    assert result.code == 0, result.err
    assert Path(result.document["run"]) == lost
    assert result.document["step"] == 10
    one, other = (selection.find(run, "latest").weights() for run in (whole, Run(lost)))
    assert all(torch.equal(one[name], other[name]) for name in one)
    again = likeness("resume", uri)
    assert again.code == 2
    assert f"likeness resume {lost}" in again.err
    nowhere = likeness("resume", "s3://people/runs/toy")
    assert nowhere.code == 3
    assert "no config.yaml" in nowhere.err


@pytest.mark.s3
@pytest.mark.parametrize("said_by", ["words", "variable"])
def test_where_a_copy_is_fetched_from_is_said_by_words_or_a_variable(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch, s3_server: str, said_by: str
) -> None:
    """Words behind an address had no part in fetching it, and an advice named them."""
    word = f"storage.endpoint_url={s3_server}"
    mirror = f"storage.mirror=s3://people/fetched-{said_by}"
    trained = likeness(
        "train", "toy", "--profile", "smoke", "data.root=data", word, mirror, "--json"
    )
    assert trained.code == 0, trained.err
    run = Path(trained.document["run"])
    shutil.rmtree(run)
    address = f"s3://people/fetched-{said_by}/toy/{run.name}"
    if said_by == "variable":
        monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", s3_server)
    result = likeness("resume", address, *([word] if said_by == "words" else []))
    assert result.code == 0, result.err
    assert "sets nothing" not in result.err
    assert run.is_dir()
    wrong = likeness("resume", address, "storage.endpoint=x", "--runs", "other")
    assert wrong.code == 2
    assert "storage.endpoint_url" in wrong.err
    assert "likeness config explain SYSTEM" in wrong.err  # there is no system called storage
    assert not Path("other").exists()


@pytest.mark.s3
@pytest.mark.parametrize("keeps_record", [True, False])
def test_a_copy_that_was_overwritten_on_s3_is_made_good_by_the_next_resume(
    likeness: Command,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    s3_server: str,
    keeps_record: bool,
) -> None:
    """Also where the checksum that was stored beside the file still is that of the whole one."""
    monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", s3_server)
    words = ("train", "toy", "--profile", "smoke", "data.root=data", "--json")
    name = f"record-{keeps_record}"
    trained = likeness(*words, "--name", name, "storage.mirror=s3://people/runs")
    assert trained.code == 0, trained.err
    run = Run(trained.document["run"])
    store = open_store("s3://people", settings=StorageSettings(endpoint_url=s3_server))
    key = f"runs/toy/{run.name}/checkpoints/step-00000010/trainable.safetensors"
    whole = store.read_bytes(key)
    client: Any = store
    record = {"Metadata": client.filesystem.metadata(f"people/{key}")} if keeps_record else {}
    client.filesystem.pipe_file(f"people/{key}", b"x" + whole[1:], **record)
    resumed = likeness("resume", str(run.path))
    assert resumed.code == 0
    assert "(trainable.safetensors)" in resumed.err
    assert store.read_bytes(key) == whole


@pytest.mark.s3
def test_a_mirror_without_a_bucket_is_refused_before_there_is_a_run(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch, s3_server: str
) -> None:
    monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", s3_server)
    words = ("train", "toy", "--profile", "smoke", "data.root=data")
    for more in ((), ("--dry-run",)):
        result = likeness(*words, "storage.mirror=s3://nobody/r", "--json", *more)
        assert result.code == 3
        message = result.document["error"]["message"]
        assert message == "The bucket 'nobody' of s3://nobody/r does not exist."
    result = likeness(*words, "storage.mirror=s3:/people/r")
    assert result.code == 2
    assert "Did you mean 's3://people/r'?" in result.err
    result = likeness(*words, "--runs", "s3://people/r")
    assert result.code == 2
    assert "Runs are written to a folder on this machine" in result.err
    assert not Path("runs").exists()
    result = likeness("data", "inspect", "toy", "s3://nobody/data")
    assert result.code == 3
    assert "The bucket 'nobody' of s3://nobody/data does not exist." in result.err


def test_a_copy_that_fails_at_the_end_leaves_the_run_named(
    likeness: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lost(self: Any, path: Path, key: str) -> str:
        raise MissingError("The server is gone.", advice="Start it.")

    monkeypatch.setattr("likeness.storage.store.LocalStore.upload", lost)
    result = likeness(
        *("train", "toy", "--profile", "smoke", "data.root=data", "storage.mirror=there", "--json")
    )
    assert result.code == 3
    (run,) = Path("runs/toy").iterdir()
    document = result.document
    assert {name: document[name] for name in ("run", "status", "step")} == {
        "run": str(run),
        "status": "finished",
        "step": 10,
    }
    error = document["error"]
    assert error["message"].endswith("was not copied to there: The server is gone.")
    assert error["advice"] == f"Start it. Then copy it with: likeness resume {run}"


@pytest.mark.parametrize("mirror", ["runs", "./runs/", "link"])
def test_the_folder_of_runs_is_no_place_for_their_copies(
    likeness: Command, trained: Path, mirror: str
) -> None:
    """Each copy of a record took the place of the file that was being written to: of six lines of
    metrics two were left."""
    Path("link").symlink_to("runs")
    before = sorted(Path("runs/toy").iterdir())
    words = ("train", "toy", "--profile", "smoke", "data.root=data", f"storage.mirror={mirror}")
    for command in (words, (*words, "--dry-run"), ("resume", trained, f"storage.mirror={mirror}")):
        refused = likeness(*command)
        assert refused.code == 2
        assert "the folder of the runs themselves" in refused.err
    assert sorted(Path("runs/toy").iterdir()) == before
    assert likeness(*words, "--runs", "others").code == 0


@pytest.mark.s3
@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("train.step=4",), "Did you mean 'train.steps'?"),
        (("train.keep_checkpoints=-1",), "train.keep_checkpoints (command line):"),
        (("model.dropout=0.5",), "0.2 became 0.5; it cannot change when a run is resumed"),
        (("stages.both.learning_rate=0.5", "all"), "expected key=value"),
    ],
)
def test_wrong_words_for_a_run_on_s3_are_refused_before_it_is_fetched(
    likeness: Command,
    data: Path,
    monkeypatch: pytest.MonkeyPatch,
    s3_server: str,
    words: tuple[str, ...],
    told: str,
) -> None:
    """Its weights came first, and the copy stayed in the way of the command put right."""
    monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", s3_server)
    mirror = "storage.mirror=s3://people/refused"
    trained = likeness("train", "toy", "--profile", "smoke", "data.root=data", mirror, "--json")
    assert trained.code == 0, trained.err
    run = Path(trained.document["run"])
    shutil.rmtree(run)
    refused = likeness("resume", f"s3://people/refused/toy/{run.name}", *words)
    assert refused.code == 2, refused.err
    assert told in refused.err
    assert not run.exists()


def test_wrong_words_of_a_resume_are_refused_before_its_data_are_fetched(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetched(*arguments: object, **options: object) -> Path:
        raise AssertionError("fetched")

    monkeypatch.setattr("likeness.inspecting.local_copy", fetched)
    words = ("data.root=s3://people/data", "train.steps=20", "model.dropout=0.5")
    refused = likeness("resume", trained, *words)
    assert refused.code == 2, refused.err
    assert "0.2 became 0.5; it cannot change when a run is resumed" in refused.err
