from __future__ import annotations

import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.evaluation.protocol import Score, Scores
from likeness.runs import checkpoint, selection
from likeness.runs.checkpoint import Progress
from likeness.runs.mirror import mirror, restore
from likeness.runs.run import Run
from likeness.storage.lock import locked
from likeness.storage.store import LocalStore


class Unreliable(LocalStore):
    """Refuses after a number of uploads."""

    left = 10**6

    def upload(self, path: Path, key: str) -> str:
        if self.left == 0:
            raise MissingError("The server is away.")
        self.left -= 1
        return super().upload(path, key)


def save(run: Run, step: int, weight: float | None = None) -> None:
    facts: dict[str, Any] = {"seed": 0, "sampling": "shuffled", "optimizer": "adamw"}
    record = Progress(
        step=step, stage="a", stage_first_step=0, samples_seen=0, batch_size=1,
        accumulation=1, world_size=1, updates=step, **facts,
    )  # fmt: skip
    weights = {"net.weight": torch.full((2,), float(step) if weight is None else weight)}
    checkpoint.save(run, record, weights=weights, optimizer={}, state={})


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "here", "toy", "run", "system: toy\n")


def test_the_copy_is_a_run_of_its_own(tmp_path: Path, run: Run) -> None:
    store = LocalStore(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    save(run, 10)
    selection.retain(run, keep=1)
    mirror(run, store, must_succeed=True)
    copy = Run(tmp_path / "there" / "toy" / run.name)
    assert copy.status == run.status
    found = selection.find(copy)  # verifies every hash
    assert found.step == 10
    assert found.weights()["net.weight"].tolist() == [10.0, 10.0]
    assert [c.step for c in checkpoint.checkpoints(copy)] == [10]
    assert not any("step-00000005" in key for key in store.list())


def test_a_copy_cut_short_does_not_count_and_is_made_good(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    store = Unreliable(tmp_path / "there")
    save(run, 5)
    store.left = 2
    with caplog.at_level(logging.ERROR):
        mirror(run, store, must_succeed=False)
    assert "The server is away." in caplog.text
    assert not any(key.endswith("progress.json") for key in store.list())
    with pytest.raises(MissingError, match="The server is away"):
        mirror(run, store, must_succeed=True)
    store.left = 100
    mirror(run, store, must_succeed=True)
    assert selection.find(Run(tmp_path / "there" / "toy" / run.name)).step == 5
    assert 100 - store.left == 4 + 1 + 6  # files, progress, records: each once
    mirror(run, store, must_succeed=True)
    assert 100 - store.left == 11 + 6  # the checkpoint is there already


def test_a_lost_run_comes_back_whole(tmp_path: Path, run: Run) -> None:
    store = LocalStore(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    copy = LocalStore(tmp_path / "there" / "toy" / run.name)
    again = restore(copy, tmp_path / "elsewhere")
    assert again.path == tmp_path / "elsewhere" / "toy" / run.name
    assert selection.find(again).weights()["net.weight"].tolist() == [5.0, 5.0]
    with pytest.raises(UsageError, match="exists already") as caught:
        restore(copy, tmp_path / "elsewhere")
    assert f"likeness resume {again.path}" in caught.value.advice


def test_a_return_cut_short_leaves_no_run_and_is_made_good(tmp_path: Path, run: Run) -> None:
    class Failing(LocalStore):
        left = 4

        def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
            self.left -= 1
            if self.left < 0:
                raise MissingError("The server is away.")
            return super().download(key, path, sha256=sha256)

    save(run, 5)
    mirror(run, LocalStore(tmp_path / "there"), must_succeed=True)
    copy = Failing(tmp_path / "there" / "toy" / run.name)
    with pytest.raises(MissingError, match="The server is away"):
        restore(copy, tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "elsewhere" / "toy").mkdir(parents=True)  # what was there stays
    copy.left = 4
    with pytest.raises(MissingError, match="The server is away"):
        restore(copy, tmp_path / "elsewhere")
    assert list((tmp_path / "elsewhere" / "toy").iterdir()) == []
    copy.left = 100
    assert selection.find(restore(copy, tmp_path / "elsewhere")).step == 5
    assert [p.name for p in (tmp_path / "elsewhere" / "toy").iterdir()] == [run.name]


def test_a_copy_that_lacks_a_record_is_not_brought_until_it_is_made_good(
    tmp_path: Path, run: Run
) -> None:
    save(run, 5)
    store = LocalStore(tmp_path / "there")
    mirror(run, store, must_succeed=True)
    copy = LocalStore(tmp_path / "there" / "toy" / run.name)
    records = ("provenance", "plan", "environment", "inspection", "status")
    for name in records:
        copy.delete(f"{name}.json")
        with pytest.raises(MissingError, match=rf"complete: it lacks {name}\.json\.\n") as caught:
            restore(copy, tmp_path / "elsewhere")
        assert "likeness resume" in caught.value.advice
        assert not (tmp_path / "elsewhere").exists()
        mirror(run, store, must_succeed=True)
    assert selection.find(restore(copy, tmp_path / "elsewhere")).step == 5


def test_what_describes_the_run_goes_before_its_checkpoints_and_the_status_after(
    tmp_path: Path, run: Run
) -> None:
    """So a checkpoint in the copy can be opened, and no status speaks of one that is not there."""
    save(run, 5)
    store = Unreliable(tmp_path / "there")
    order: list[str] = []

    def upload(path: Path, key: str) -> str:
        order.append(path.name)
        return LocalStore.upload(store, path, key)

    store.upload = upload  # type: ignore[method-assign]
    mirror(run, store, must_succeed=True)
    described = {"config.yaml", "provenance.json", "plan.json", "environment.json"}
    assert set(order[:5]) == described | {"inspection.json"}
    assert order[-2:] == ["progress.json", "status.json"]


def test_a_place_without_a_copy_is_named(tmp_path: Path, run: Run) -> None:
    mirror(run, LocalStore(tmp_path / "there"), must_succeed=True)
    with pytest.raises(MissingError, match=r"no config\.yaml") as caught:
        restore(LocalStore(tmp_path / "there"), tmp_path / "elsewhere")
    assert "<storage.mirror>/<system>/<run>" in caught.value.advice


def test_names_that_leave_the_folder_are_refused(tmp_path: Path) -> None:
    class Hostile(LocalStore):
        def list(self, prefix: str = "") -> list[str]:
            return ["config.yaml", "../../outside"]

    with pytest.raises(UnsafeFileError, match="outside"):
        restore(Hostile(tmp_path / "there" / "toy" / "run"), tmp_path / "elsewhere")
    assert not (tmp_path / "elsewhere").exists()


def test_the_copy_of_a_step_trained_again_is_made_again(tmp_path: Path, run: Run) -> None:
    store = LocalStore(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    copied = store.read_bytes(f"toy/{run.name}/checkpoints/step-00000005/progress.json")
    shutil.rmtree(run.checkpoint_folder(5))
    save(run, 5, weight=9.0)
    mirror(run, store, must_succeed=True)
    copy = Run(tmp_path / "there" / "toy" / run.name)
    assert selection.find(copy).weights()["net.weight"].tolist() == [9.0, 9.0]
    assert store.read_bytes(f"toy/{run.name}/checkpoints/step-00000005/progress.json") != copied


def test_a_checkpoint_that_is_damaged_here_replaces_no_copy(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    store = LocalStore(tmp_path / "there")
    save(run, 5)
    mirror(run, store, must_succeed=True)
    copy = tmp_path / "there" / "toy" / run.name / "checkpoints" / "step-00000005"
    (run.checkpoint_folder(5) / "state.json").write_text("garbage")
    (copy / "optimizer.pt").write_bytes(b"garbage")
    mirror(run, store, must_succeed=True)
    assert "left as it is" in caplog.text
    assert (copy / "state.json").read_text() == "{}"
    assert (copy / "progress.json").is_file()
    save(run, 5)
    mirror(run, store, must_succeed=True)
    assert selection.find(Run(copy.parents[1])).step == 5


def test_a_copy_that_is_further_than_the_run_is_left_alone(tmp_path: Path, run: Run) -> None:
    """An old copy of a run, resumed elsewhere, must not erase what came after it."""
    store = LocalStore(tmp_path / "there")
    save(run, 5)
    save(run, 10)
    mirror(run, store, must_succeed=True)
    before = store.versions()
    shutil.rmtree(run.checkpoint_folder(10))
    with pytest.raises(UsageError, match=r"is further \(step 10\)"):
        mirror(run, store, must_succeed=True)
    mirror(run, store, must_succeed=False)
    assert store.versions() == before
    save(run, 12)
    mirror(run, store, must_succeed=True)
    assert [c.step for c in checkpoint.checkpoints(Run(tmp_path / "there" / "toy" / run.name))] == [
        5,
        12,
    ]


def test_the_best_checkpoint_is_still_the_best_after_the_way_back(tmp_path: Path, run: Run) -> None:
    store = LocalStore(tmp_path / "there")
    for step, error in ((5, 0.1), (10, 0.4), (15, 0.3)):
        save(run, step)
        scores = Scores([Score("error", error, "mm", "lower", 3)])
        run.evaluation_folder(step).mkdir(parents=True)
        scores.save(run.evaluation_folder(step) / "scores.json")
    mirror(run, store, must_succeed=True)
    back = restore(LocalStore(tmp_path / "there" / "toy" / run.name), tmp_path / "elsewhere")
    assert selection.find(back, "best", score="error").step == 5
    assert selection.retain(back, keep=1, best_score="error") == [10]


def test_the_copy_of_a_checkpoint_that_cannot_be_read_here_stays(tmp_path: Path, run: Run) -> None:
    store = LocalStore(tmp_path / "there")
    for step in (5, 10):
        save(run, step)
    mirror(run, store, must_succeed=True)
    (run.checkpoint_folder(5) / "progress.json").write_text("garbage")
    save(run, 15)
    mirror(run, store, must_succeed=True)
    copy = Run(tmp_path / "there" / "toy" / run.name)
    assert [c.step for c in checkpoint.checkpoints(copy)] == [5, 10, 15]
    assert selection.find(copy, 5).weights()["net.weight"].tolist() == [5.0, 5.0]


def test_a_damaged_checkpoint_of_a_copy_keeps_no_other_one_away(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    store = Damaged(tmp_path / "there" / "toy" / run.name)
    for step in (5, 10):
        save(run, step)
    mirror(run, LocalStore(tmp_path / "there"), must_succeed=True)
    store.broken = "checkpoints/step-00000005/optimizer.pt"
    back = restore(store, tmp_path / "back")
    assert [c.step for c in checkpoint.checkpoints(back)] == [10]
    assert "left out: optimizer.pt is damaged" in caplog.text
    shutil.rmtree(tmp_path / "there" / "toy" / run.name / "checkpoints" / "step-00000010")
    with pytest.raises(DataError, match="is damaged"):
        restore(store, tmp_path / "none")
    assert not (tmp_path / "none").exists()


class Damaged(LocalStore):
    """One of its files does not arrive as it was."""

    broken = ""

    def download(self, key: str, path: Path, *, sha256: str | None = None) -> str:
        if key == self.broken:
            raise DataError(f"{Path(key).name} is damaged.")
        return super().download(key, path, sha256=sha256)


def test_two_processes_do_not_fetch_one_copy_into_each_other(tmp_path: Path, run: Run) -> None:
    """The later one emptied the folder of the first, which went on from a mixture."""
    save(run, 5)
    mirror(run, LocalStore(tmp_path / "there"), must_succeed=True)
    store = LocalStore(tmp_path / "there" / "toy" / run.name)
    arriving = tmp_path / "back" / "toy" / f".{run.name}.arriving"
    arriving.mkdir(parents=True)
    (arriving / "half").write_text("of another process")
    with locked(arriving), pytest.raises(UsageError, match="by another process"):
        restore(store, tmp_path / "back")
    assert (arriving / "half").is_file()
    assert restore(store, tmp_path / "back").config_path.is_file()  # it was killed
    assert not arriving.exists()


def test_a_run_that_is_the_working_directory_has_a_name(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(run, 5)
    monkeypatch.chdir(run.path)
    mirror(Run("."), LocalStore(tmp_path / "there"), must_succeed=True)
    assert selection.find(Run(tmp_path / "there" / "toy" / run.name)).step == 5
