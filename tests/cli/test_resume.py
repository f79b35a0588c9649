"""What ``likeness resume`` says of a run that is finished, or that another machine began."""

from __future__ import annotations

import json
import shlex
import shutil
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize(
    ("profile", "words", "advice", "steps"),
    [
        # 12 and 8 steps, scaled to 10
        ("smoke", (), "train.steps=null stages.both.steps=6 stages.head.steps=8", 14),
        ("smoke", ("train.steps=null",), "stages.head.steps=16", 28),
        # 20 samples in batches of 4
        ("epochs", (), "train.steps=20", 20),
        (
            "smoke",
            ("train.steps=null", "stages.head.epochs=2", "stages.head.steps=null"),
            "stages.head.epochs=4",
            32,
        ),
    ],
)
def test_resume_of_a_finished_run_says_how_to_go_on_longer(
    likeness: Command, data: Path, profile: str, words: tuple[str, ...], advice: str, steps: int
) -> None:
    made = likeness("train", "toy", "--profile", profile, "data.root=data", *words, "--json")
    run = Path(made.document["run"])
    done = made.document["step"]
    result = likeness("resume", run)
    assert result.code == 0, result.err
    said = f"There is no step left: all {done} steps of {run} are done. To go on longer: likeness "
    assert f"{said}resume {run} {advice}\n" in result.err
    longer = likeness("resume", run, *advice.split())
    assert longer.code == 0, longer.err
    assert "no step left" not in longer.err
    assert f"finished at step {steps}" in longer.out


def _files(run: Path) -> dict[str, tuple[bytes, int]]:
    """Bytes and time of every file of a run."""
    files = [path for path in run.rglob("*") if path.is_file()]
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_a_resume_of_a_finished_run_changes_no_file(
    likeness: Command, trained: Path, data: Path
) -> None:
    """It wrote status, environment, plan and log anew."""
    before = _files(trained)
    shutil.rmtree(data)  # nothing is to be done with it
    result = likeness("resume", trained)
    assert result.code == 0, result.err
    assert f"{trained}: finished at step 10\n" in result.out
    assert "all 10 steps" in result.err
    found = likeness("resume", trained, "train.ema_decay=0.9", "--json")  # as it is already
    assert found.code == 0, found.err
    document = found.document
    assert (document["status"], document["step"]) == ("finished", 10)
    assert [score["name"] for score in document["scores"]] == ["error"]
    assert document["nothing_to_do"].endswith(
        f"likeness resume {trained} train.steps=null stages.both.steps=6 stages.head.steps=8"
    )
    assert _files(trained) == before
    refused = likeness("resume", trained, "model.dropout=0.5")
    assert refused.code == 2
    assert _files(trained) == before


@pytest.mark.parametrize("lost", ["plan.json", "checkpoints/step-00000010/progress.json"])
def test_what_a_finished_run_has_lost_is_made_good(
    likeness: Command, trained: Path, lost: str
) -> None:
    (trained / lost).unlink()
    result = likeness("resume", trained, "--json")
    assert result.code == 0, result.err
    assert "nothing_to_do" not in result.document
    assert result.document["step"] == 10
    assert (trained / lost).is_file()


def test_a_resume_of_a_run_that_ended_early_says_so_and_changes_no_file(
    likeness: Command, data: Path
) -> None:
    words = ("train.patience=1", "train.best_score=error", "train.evaluate_every=1")
    words = (*words, "train.learning_rate=1e-12", "model.dropout=0")
    made = likeness("train", "toy", "data.root=data", *words, "--json")
    assert made.code == 0, made.err
    run, step = Path(made.document["run"]), made.document["step"]
    assert step < 20
    before = _files(run)
    result = likeness("resume", run)
    assert f"There is no step left: {run} ended early at step {step}: " in result.err
    assert f". To go on longer: likeness resume {run} train.patience=0\n" in result.err
    assert _files(run) == before
    again = likeness("resume", run, "train.steps=30")
    assert again.code == 2
    assert "With train.patience=1 it would end there again." in again.err
    assert _files(run) == before
    assert "step 20" in likeness("resume", run, "train.patience=0").out


def test_a_resume_of_a_finished_run_completes_its_copy(
    likeness: Command, trained: Path, folder: Path
) -> None:
    assert likeness("resume", trained, "storage.mirror=copies").code == 0
    copied = folder / "copies" / "toy" / trained.name / "status.json"
    copied.unlink()
    before = _files(trained)
    assert "nothing_to_do" in likeness("resume", trained, "--json").document
    assert copied.read_bytes() == (trained / "status.json").read_bytes()
    changed = {name for name, file in _files(trained).items() if before.get(name) != file}
    assert changed <= {str(trained / ".mirror.json")}


@pytest.mark.parametrize(
    ("module", "setting", "left"),
    [
        ("tensorboard", "tracking.tensorboard=true", "tensorboard/events.out.*"),
        ("wandb", "tracking.wandb=offline", "wandb/offline-run-*"),
    ],
)
def test_trackers_are_opened_only_where_there_is_something_to_do(
    likeness: Command, data: Path, module: str, setting: str, left: str
) -> None:
    """A resume of a finished run left a second file of events and a second run to upload."""
    pytest.importorskip(module)
    words = ("--profile", "smoke", "data.root=data", "train.steps=2", setting, "--json")
    made = likeness("train", "toy", *words)
    assert made.code == 0, made.err
    run = Path(made.document["run"])
    first = sorted(run.glob(left))
    assert first
    again = likeness("resume", run)
    assert again.code == 0, again.err
    assert "There is no step left: all 2 steps" in again.err
    assert sorted(run.glob(left)) == first
    longer = ("train.steps=null", "stages.both.steps=1", "stages.head.steps=2")
    assert likeness("resume", run, *longer).code == 0
    assert len(sorted(run.glob(left))) > len(first)


def _without_its_end(run: Path) -> tuple[dict[str, Any], int, Path]:
    """Takes the last checkpoint of a run away: its environment, threads, and where that lay."""
    facts = json.loads((run / "environment.json").read_text())
    (last,) = sorted((run / "checkpoints").iterdir())[-1:]
    shutil.rmtree(last)
    return facts, facts["device"]["threads"], last


def test_resume_with_another_number_of_threads_warns_in_one_line(
    likeness: Command, trained: Path
) -> None:
    facts, now, last = _without_its_end(trained)
    whole = likeness("resume", trained)
    assert whole.code == 0, whole.err
    assert "threads" not in whole.err
    shutil.rmtree(last)
    facts["device"]["threads"] = now + 3
    (trained / "environment.json").write_text(json.dumps(facts))
    other = likeness("resume", trained)
    assert other.code == 0, other.err
    (line,) = [line for line in other.err.splitlines() if "threads" in line]
    assert f"began with {now + 3} threads and goes on with {now}," in line
    assert f"OMP_NUM_THREADS={now + 3}" in line
    (trained / "environment.json").write_text("damaged")
    shutil.rmtree(last)
    assert likeness("resume", trained).code == 0


def test_a_resume_records_what_it_ran_on_beside_what_the_run_began_with(
    likeness: Command, trained: Path
) -> None:
    first = json.loads((trained / "environment.json").read_text())
    assert "resumed" not in first
    longer = ("train.steps=null", "stages.both.steps=6", "stages.head.steps=8")
    assert likeness("resume", trained, *longer).code == 0
    assert likeness("resume", trained, "train.log_every=3").code == 0
    assert likeness("resume", trained, "train.seed=4").code == 2  # a refused one is none
    found = json.loads((trained / "environment.json").read_text())
    entries = found.pop("resumed")
    assert found == first
    assert [entry["step"] for entry in entries] == [10, 14]
    for entry in entries:
        assert entry.keys() == {"time", "step", *first}
        assert entry["packages"] == first["packages"]
        assert abs(datetime.fromisoformat(entry["time"]).timestamp() - time.time()) < 600


def test_a_run_that_other_threads_had_a_part_in_is_told_so(
    likeness: Command, trained: Path
) -> None:
    """To set the number it began with would not make it an uninterrupted one any more."""
    facts, now, _ = _without_its_end(trained)
    facts["resumed"] = [{"step": 3, "device": {"threads": now + 1}}]
    (trained / "environment.json").write_text(json.dumps(facts))
    told = likeness("resume", trained)
    assert told.code == 0, told.err
    (line,) = [line for line in told.err.splitlines() if "threads" in line]
    assert f"was trained with {now} and {now + 1} threads in turn" in line
    assert "OMP_NUM_THREADS" not in line


def test_a_finished_run_whose_best_score_is_misspelt_is_put_right_by_resuming(
    likeness: Command, data: Path
) -> None:
    words = ("train.best_score=eror", "train.evaluate_every=50")
    made = likeness("train", "toy", "--profile", "smoke", "data.root=data", *words, "--json")
    assert made.code == 0, made.err
    run = Path(made.document["run"])
    before = (run / "config.yaml").read_text()
    for verb in ("evaluate", "resume"):
        refused = likeness(verb, run)
        assert refused.code == 2
        assert f"with: likeness resume {run} train.best_score=error\n" in refused.err
        assert "'--checkpoint latest'" in refused.err
    assert (run / "config.yaml").read_text() == before
    assert json.loads((run / "status.json").read_text())["status"] == "finished"
    assert likeness("evaluate", run, "--checkpoint", "latest").code == 0
    assert likeness("resume", run, "train.best_score=error").code == 0
    assert likeness("evaluate", run).code == 0


def test_a_longer_run_that_would_move_its_stages_is_refused_with_the_words_that_do_not(
    likeness: Command, data: Path
) -> None:
    """12 and 8 steps, scaled to 10: scaled to 30, the last step would lie in the first stage."""
    made = likeness("train", "toy", "--profile", "smoke", "data.root=data", "--json")
    run = Path(made.document["run"])
    refused = likeness("resume", run, "train.steps=30")
    assert refused.code == 2
    advice = "train.steps=null stages.both.steps=6 stages.head.steps=24"
    assert f"To go on longer: likeness resume {run} {advice}" in refused.err
    longer = likeness("resume", run, *advice.split())
    assert longer.code == 0, longer.err
    assert "finished at step 30" in longer.out


def test_a_stage_that_was_planned_away_stays_away_in_a_longer_run(
    likeness: Command, data: Path
) -> None:
    """12 and 8 steps, scaled to 1: the second gets none."""
    words = ("data.root=data", "train.steps=1")
    made = likeness("train", "toy", "--profile", "smoke", *words, "--json")
    run = Path(made.document["run"])
    advice = "train.steps=null stages.both.steps=2 stages.head.steps=0"
    assert f"To go on longer: likeness resume {run} {advice}\n" in likeness("resume", run).err
    longer = likeness("resume", run, *advice.split())
    assert longer.code == 0, longer.err
    assert "finished at step 2" in longer.out
    plan = json.loads((run / "plan.json").read_text())
    assert [stage["name"] for stage in plan["stages"]] == ["both"]
    advice = "stages.both.steps=4"
    assert f"To go on longer: likeness resume {run} {advice}\n" in likeness("resume", run).err
    longer = likeness("resume", run, *advice.split())
    assert "finished at step 4" in longer.out


@pytest.mark.parametrize("status", ["finished", "stopped", "running", "failed"])
def test_a_run_whose_checkpoints_are_gone_is_not_trained_over(
    likeness: Command, trained: Path, status: str
) -> None:
    facts = json.loads((trained / "status.json").read_text())
    assert facts["saved"] == 10
    facts |= {"status": status, "pid": 0}
    if status in ("finished", "stopped"):
        del facts["saved"]  # as in a run of before: how it ended says enough
    (trained / "status.json").write_text(json.dumps(facts))
    shutil.rmtree(trained / "checkpoints")
    names = ("metrics.jsonl", "config.yaml", "status.json")
    before = [(trained / name).read_bytes() for name in names]
    for words in (("resume", trained, "train.steps=20"), ("evaluate", trained)):
        refused = likeness(*words)
        assert refused.code == 3
        assert f"{trained} is {status} at step 10, and its checkpoints are gone" in refused.err
    assert [(trained / name).read_bytes() for name in names] == before


def test_commands_to_paste_are_quoted_for_a_shell(likeness: Command, data: Path) -> None:
    """A folder of runs may have any name."""
    runs = 'sp a\'ce "q" ünï'
    words = ("data.root=data", "train.best_score=eror", "train.evaluate_every=50")
    made = likeness("train", "toy", "--profile", "smoke", *words, "--runs", runs)
    assert made.code == 0, made.err
    (run,) = (Path(runs) / "toy").iterdir()

    def command(text: str, lead: str) -> list[str]:
        (line,) = [line for line in text.splitlines() if lead in line]
        return shlex.split(line.partition(lead)[2])

    assert command(made.out, "Next: ") == ["likeness", "evaluate", str(run)]
    *_, right = command(likeness("resume", run).err, "train.best_score with: ")
    assert right == "train.best_score=error"
    assert likeness("resume", run, right).code == 0
    longer = command(likeness("resume", run).err, "To go on longer: ")
    assert longer[:3] == ["likeness", "resume", str(run)]
    refused = likeness("resume", run, "train.steps=30").err
    assert command(refused, "To go on longer: ")[:3] == ["likeness", "resume", str(run)]


def test_other_data_of_a_resume_are_looked_at_and_recorded(
    likeness: Command, trained: Path, data: Path
) -> None:
    shutil.copytree(data, "other")
    result = likeness("resume", trained, "data.root=other")
    assert result.code == 0, result.err
    assert json.loads((trained / "inspection.json").read_text())["uri"] == "other"
    before = (trained / "config.yaml").read_bytes()
    refused = likeness("resume", trained, "data.root=more/nowhere")
    assert refused.code == 2, refused.err
    assert (trained / "config.yaml").read_bytes() == before


def test_data_that_changed_in_place_are_looked_at_by_the_next_resume(
    likeness: Command, trained: Path, data: Path
) -> None:
    """Only other settings led to a look; what had become of the files was found while training."""
    *_, last = _without_its_end(trained)
    assert "inspected again" not in likeness("resume", trained).err
    records = ("config.yaml", "inspection.json", "status.json", "plan.json")
    before = {name: (trained / name).read_bytes() for name in records}
    sound = (data / "toy.json").read_text()
    (data / "toy.json").write_text("garbage")
    refused = likeness("resume", trained, "stages.head.steps=9", "train.steps=null")
    assert refused.code == 4, refused.err
    assert "'toy.json' was written last" in refused.err
    assert "Expected a number of samples" in refused.err
    assert {name: (trained / name).read_bytes() for name in records} == before
    (data / "toy.json").write_text(sound + " ")
    shutil.rmtree(last)
    result = likeness("resume", trained)
    assert result.code == 0, result.err
    assert "1 then, 1 now" in result.err
    shutil.rmtree(last)
    assert "inspected again" not in likeness("resume", trained).err


def test_variables_that_set_nothing_on_a_resume_are_told(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIKENESS_STORAGE__ENDPOINT_URL", "http://127.0.0.1:1")
    result = likeness("resume", trained)
    assert result.code == 0, result.err
    assert "LIKENESS_STORAGE__ENDPOINT_URL sets nothing here" in result.err
    assert "http://127.0.0.1:1" not in (trained / "config.yaml").read_text()


def test_a_resume_that_another_one_overtook_writes_nothing(
    likeness: Command, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its configuration was put back over that of the one which had gone on meanwhile."""
    from likeness import fitting

    check = fitting.check_fit

    def overtaken(*arguments: object) -> None:
        monkeypatch.setattr(fitting, "check_fit", check)
        other = likeness("resume", trained, "train.log_every=7")
        assert other.code == 0, other.err
        check(*arguments)

    monkeypatch.setattr(fitting, "check_fit", overtaken)
    late = likeness("resume", trained, "train.save_every=4")
    assert late.code == 2, late.err
    assert "Another process went on with" in late.err
    assert "log_every: 7" in (trained / "config.yaml").read_text()
