from __future__ import annotations

import errno
import hashlib
import json
import logging
import os
import pickle
import shutil
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch

from likeness.errors import DataError, MissingError, UnsafeFileError, UsageError
from likeness.runs import checkpoint, selection
from likeness.runs.checkpoint import Checkpoint, Progress, checkpoints, weights_digest
from likeness.runs.run import Run


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path, "toy", "run", "system: toy\n")


def progress(step: int, **changes: Any) -> Progress:
    values: dict[str, Any] = {
        "step": step,
        "stage": "only",
        "stage_first_step": 0,
        "samples_seen": 8 * step,
        "seed": 3,
        "sampling": "shuffled",
        "optimizer": "adamw",
        "batch_size": 4,
        "accumulation": 2,
        "world_size": 1,
        "updates": step,
    }
    return Progress(**{**values, **changes})


def save(run: Run, step: int, **changes: Any) -> Checkpoint:
    content: dict[str, Any] = {
        "weights": {"net.weight": torch.full((3, 2), float(step)), "net.count": torch.tensor(step)},
        "ema": {"net.weight": torch.full((3, 2), step / 2), "net.count": torch.tensor(step)},
        "optimizer": {"moments": {"net.weight": {"step": torch.tensor(5.0)}}, "scaler": {}},
        "state": {"names": ["a", "b"], "scale": torch.tensor([1.5, 2.5]), "rate": 0.25},
    }
    return checkpoint.save(run, progress(step), **{**content, **changes})


def score(run: Run, step: int, value: float, *, direction: str = "lower") -> None:
    folder = run.evaluation_folder(step)
    folder.mkdir(parents=True, exist_ok=True)
    row = {"name": "nme", "value": value, "direction": direction, "unit": "", "count": 1}
    (folder / "scores.json").write_text(json.dumps([row]))


def test_everything_comes_back_exactly(run: Run) -> None:
    shared = torch.randn(4, 6)
    weights = {"a.one": shared[:, ::2], "a.two": shared, "a.count": torch.tensor(7)}
    table = ({"loss": (0.1 + 0.2, 3)},)
    record = progress(5, recording=table, best_score="nme", fingerprint="abc")
    state = {"names": ["é", None, {"deep": [1, 2.5]}], "basis": torch.eye(3, dtype=torch.float64)}
    saved = checkpoint.save(
        run, record, weights=weights, optimizer={"moments": {}, "scaler": {"scale": 2.0}},
        state=state,
    )  # fmt: skip
    found = selection.find(run)
    assert found == saved
    for name, tensor in weights.items():
        assert torch.equal(found.weights()[name], tensor)
    assert found.state()["names"] == state["names"]
    assert torch.equal(found.state()["basis"], torch.eye(3, dtype=torch.float64))
    assert found.optimizer()["scaler"] == {"scale": 2.0}
    expected = {**asdict(record), "sha256": found.progress.sha256}
    assert asdict(found.progress) == expected  # also the float, to the last bit
    assert not found.has_ema
    with pytest.raises(MissingError, match="holds no average"):
        found.weights(ema=True)


def test_the_folder_is_as_documented(run: Run) -> None:
    saved = save(run, 1000)
    assert saved.path == run.path / "checkpoints" / "step-00001000"
    assert {path.name for path in saved.path.iterdir()} == {
        "trainable.safetensors",
        "ema.safetensors",
        "optimizer.pt",
        "state.json",
        "state.safetensors",
        "progress.json",
    }
    record = json.loads((saved.path / "progress.json").read_text())
    assert record["format"] == 1
    assert set(record["sha256"]) == {p.name for p in saved.path.iterdir()} - {"progress.json"}
    import hashlib

    data = (saved.path / "ema.safetensors").read_bytes()
    assert record["sha256"]["ema.safetensors"] == hashlib.sha256(data).hexdigest()


def test_state_must_be_json_or_tensors(run: Run) -> None:
    with pytest.raises(TypeError, match=r"state\(\)\['when'\] must be a tensor or a JSON value"):
        save(run, 1, state={"when": object()})
    assert checkpoints(run) == []


def test_a_folder_without_progress_does_not_exist(run: Run) -> None:
    save(run, 5)
    save(run, 10)
    (run.checkpoint_folder(10) / "progress.json").unlink()
    assert [c.step for c in checkpoints(run)] == [5]
    assert selection.find(run).step == 5
    assert save(run, 10).step == 10  # and does not stand in the way


def test_leftovers_of_a_kill_are_cleaned_at_the_next_save(run: Run) -> None:
    save(run, 5)
    leftover = run.checkpoints_path / ".part-step-00000007"
    shutil.copytree(run.checkpoint_folder(5), leftover)
    half_written = run.path / ".status.json.d3f10925c11b.part"  # as of a file that is replaced
    half_written.write_text("{")
    assert [c.step for c in checkpoints(run)] == [5]
    save(run, 9)
    assert not half_written.exists()
    assert sorted(p.name for p in run.checkpoints_path.iterdir()) == [
        "step-00000005",
        "step-00000009",
    ]


def test_saving_a_step_again_replaces_it(run: Run) -> None:
    save(run, 5)
    save(run, 5, weights={"net.weight": torch.zeros(1)})
    assert set(selection.find(run, 5).weights()) == {"net.weight"}
    assert [p.name for p in run.checkpoints_path.iterdir()] == ["step-00000005"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"x"),
        lambda path: path.write_bytes(path.read_bytes()[:10]),
        lambda path: path.unlink(),
    ],
    ids=["changed", "cut", "gone"],
)
def test_a_damaged_checkpoint_gives_way_to_the_one_before(
    run: Run, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    save(run, 5)
    save(run, 10)
    damage(run.checkpoint_folder(10) / "optimizer.pt")
    with caplog.at_level(logging.WARNING):
        assert selection.find(run).step == 5
    assert "step-00000010 is damaged: optimizer.pt" in caplog.text
    with pytest.raises(DataError, match=r"optimizer\.pt") as caught:
        selection.find(run, 10)
    assert caught.value.advice == "Use the checkpoint of another step: 5."
    damage(run.checkpoint_folder(5) / "trainable.safetensors")
    with pytest.raises(DataError, match=r"Every checkpoint .* is damaged \(5, 10\)"):
        selection.find(run)


def test_damaged_progress_is_reported_and_passed_by(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    save(run, 5)
    save(run, 10)
    (run.checkpoint_folder(10) / "progress.json").write_text('{"format": 1, "step"')
    with caplog.at_level(logging.WARNING):
        assert selection.find(run).step == 5
    assert "step-00000010 is damaged: progress.json" in caplog.text


def test_a_newer_format_is_refused(run: Run) -> None:
    path = save(run, 5).path / "progress.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 2'))
    with pytest.raises(DataError, match="format 2; this version reads up to 1"):
        selection.find(run)


def test_optimizer_file_cannot_run_code(run: Run) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return os.system, ("touch hacked",)

    saved = save(run, 5)
    torch.save({"moments": Evil()}, saved.path / "optimizer.pt")
    with pytest.raises(UnsafeFileError, match=r"optimizer\.pt holds something else than tensors"):
        saved.optimizer()
    assert not Path("hacked").exists()


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1, 2]), b"PK\x03\x04zip"])
def test_files_of_a_checkpoint_that_are_not_what_they_should_be_are_named(
    run: Run, content: bytes
) -> None:
    saved = save(run, 5)
    reads = {
        "optimizer.pt": saved.optimizer,
        "trainable.safetensors": saved.weights,
        "state.safetensors": saved.state,
        "state.json": saved.state,
    }
    for name, read in reads.items():
        path = saved.path / name
        before = path.read_bytes()
        path.write_bytes(content)
        with pytest.raises(DataError, match=name.replace(".", r"\.")):
            read()
        path.write_bytes(before)


def test_finding(run: Run) -> None:
    with pytest.raises(MissingError, match="has no checkpoint yet"):
        selection.find(run)
    for step in (5, 10, 15):
        save(run, step)
    assert selection.find(run, 10).step == 10
    with pytest.raises(MissingError, match="no checkpoint at step 11") as caught:
        selection.find(run, 11)
    assert caught.value.advice == "There are: 5, 10, 15."
    assert selection.find(run, "best").step == 15  # nothing was ever scored
    for step, value in ((5, 3.0), (10, 1.0), (15, 2.0)):
        score(run, step, value)
    assert selection.find(run, "best", score="nme").step == 10
    assert selection.find(run, "best").step == 15  # the run names no score
    with pytest.raises(UsageError, match=r"has a score 'mse'\.\nThere are: nme"):
        selection.find(run, "best", score="mse")
    for step, value in ((5, 3.0), (10, 1.0), (15, 3.0)):
        score(run, step, value, direction="higher")
    assert selection.find(run, "best", score="nme").step == 15  # the later one of equals


def test_the_run_remembers_its_best_score(run: Run) -> None:
    for step in (5, 10):
        record = progress(step, best_score="nme")
        checkpoint.save(run, record, weights={}, optimizer={}, state={})
    score(run, 5, 1.0)
    score(run, 10, 2.0)
    assert selection.find(run, "best").step == 5


def test_a_damaged_best_is_not_replaced_in_silence(run: Run) -> None:
    for step in (5, 10):
        save(run, step)
        score(run, step, float(step))
    (run.checkpoint_folder(5) / "state.json").write_text("{}")
    with pytest.raises(DataError, match=r"state\.json .*\nUse the checkpoint of another step: 10"):
        selection.find(run, "best", score="nme")


def test_retention_keeps_the_last_and_the_best(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    for step in range(1, 7):
        save(run, step)
        score(run, step, abs(step - 2.0))
    (run.evaluation_folder(6) / "scores.json").write_text("[{")  # cut short by a kill
    assert selection.retain(run, keep=0, best_score="nme") == []
    assert selection.retain(run, keep=2, best_score="nme") == [1, 3, 4]
    assert [c.step for c in checkpoints(run)] == [2, 5, 6]
    assert "does not count for the best" in caplog.text
    assert selection.retain(run, keep=2) == [2]
    assert selection.retain(run, keep=5) == []
    assert sorted(p.name for p in run.checkpoints_path.iterdir()) == [
        "step-00000005",
        "step-00000006",
    ]


def flip(saved: Checkpoint) -> None:
    """Damage the weights by one byte."""
    path = saved.path / "trainable.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def test_a_damaged_checkpoint_does_not_count_among_those_that_stay(
    run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    """The good one before it was removed in its favour, and with it the run."""
    save(run, 9)
    flip(save(run, 12))
    assert selection.retain(run, keep=1) == []
    assert selection.find(run).step == 9
    save(run, 10)  # trained on from 9
    caplog.clear()
    assert selection.retain(run, keep=1) == [9]
    assert "It does not count" in caplog.text
    assert "step-00000012" in caplog.text
    assert selection.find(run).step == 10
    save(run, 14)
    assert selection.retain(run, keep=2) == []  # 10 and 14, around the damaged one
    save(run, 15)
    assert selection.retain(run, keep=2) == [10, 12]
    for step in (14, 15):
        flip(Checkpoint(run.checkpoint_folder(step), progress(step)))
    assert selection.retain(run, keep=1) == []  # nothing is left that would count


def test_a_damaged_best_checkpoint_does_not_cost_the_best_undamaged_one(run: Run) -> None:
    for step in range(1, 6):
        saved = save(run, step)
        score(run, step, float(step))
        if step == 1:
            flip(saved)
    assert selection.retain(run, keep=1, best_score="nme") == [3, 4]
    assert [c.step for c in checkpoints(run)] == [1, 2, 5]
    with pytest.raises(DataError, match="Use the checkpoint of another step: 2, 5"):
        selection.find(run, "best", score="nme")


@pytest.mark.parametrize(
    ("place", "error", "message"),
    [
        ("torch.save", OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        ("safetensors.torch.save_file", "I/O error: No space left on device (os error 28)", ""),
        ("safetensors.torch.save_file", "I/O error: Permission denied (os error 13)", "Permission"),
    ],
)
def test_a_full_disk_leaves_the_old_checkpoint_and_says_what_to_do(
    run: Run, monkeypatch: pytest.MonkeyPatch, place: str, error: Any, message: str
) -> None:
    """torch and safetensors report what the disk refuses in their own ways."""
    save(run, 5)

    def refuse(*arguments: Any, **options: Any) -> None:
        if isinstance(error, str):
            raise RuntimeError(error)
        try:
            raise error
        except OSError:
            raise RuntimeError("unexpected pos 576 vs 534")  # noqa: B904 -- as torch does it

    monkeypatch.setattr(place, refuse)
    with pytest.raises(UsageError, match=f"Cannot save a checkpoint.*{message}") as caught:
        save(run, 10)
    assert "space" in caught.value.advice or "permission" in caught.value.advice
    assert [p.name for p in run.checkpoints_path.iterdir()] == ["step-00000005"]
    assert selection.find(run).step == 5


def test_the_umask_decides_who_may_read_a_checkpoint(run: Run) -> None:
    before = os.umask(0o027)
    try:
        saved = save(run, 5)
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode & 0o777 for path in saved.path.iterdir()}
    assert len(modes) == 6
    assert set(modes.values()) == {0o640}


@pytest.mark.skipif(os.name != "posix", reason="uses a limit of POSIX systems")
def test_a_disk_that_is_really_full(run: Run) -> None:
    """The system refuses to write beyond a size: nothing half-written stays."""
    import resource
    import signal

    save(run, 5)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(UsageError, match="File too large"):
            save(run, 10, optimizer={"moments": torch.zeros(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
    assert [p.name for p in run.checkpoints_path.iterdir()] == ["step-00000005"]


def test_weights_are_told_apart_by_names_and_values_not_by_order() -> None:
    first = {"a": torch.tensor([1.0, 2.0]), "b": torch.tensor([3])}
    digest = weights_digest(first)
    plain = b"a" + struct.pack("<2f", 1.0, 2.0) + b"b" + struct.pack("<q", 3)
    assert digest == hashlib.sha256(plain).hexdigest()
    assert digest == weights_digest(dict(reversed(first.items())))
    assert digest != weights_digest({**first, "b": torch.tensor([4])})
    assert digest != weights_digest({"a": first["a"], "c": first["b"]})
