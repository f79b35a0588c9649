from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from likeness.cli.watch import _line, read_frame, render, sparkline, steps_per_second
from likeness.runs.run import Run
from tests.cli.conftest import Command, environment


def _run(folder: Path) -> Run:
    stages = [
        {"index": 0, "name": "one", "first_step": 0, "end_step": 50},
        {"index": 1, "name": "two", "first_step": 50, "end_step": 100},
    ]
    return Run.create(
        folder, "toy", "watched", "system: toy\n", plan={"total_steps": 100, "stages": stages}
    )


def _record(run: Run, step: int, **values: float) -> None:
    row = {"step": step, "time": 1000.0 + step / 4, **values}
    with run.metrics_path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _lines(frame: dict[str, object], width: int = 120) -> str:
    from rich.console import Console

    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(render(frame))
    return console.export_text()


def test_a_run_that_has_not_begun(tmp_path: Path) -> None:
    frame = read_frame(_run(tmp_path))
    assert (frame["status"], frame["step"], frame["total_steps"]) == ("planned", 0, 100)
    assert frame["terms"] == []
    assert frame["seconds_left"] is None
    assert "No metrics yet." in _lines(frame)


def test_a_frame_while_a_run_is_being_written(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.set_status("running", step=50, total_steps=100)
    for step in range(10, 61, 10):
        _record(
            run,
            step,
            **{
                "loss/total": 100.0 - step,
                "loss/a": 10.0,
                "loss_weighted/a": 1.0,
                "loss/b": 2.0,
                "loss_weighted/b": 99.0 - step,
                "lr/encoder": 0.001,
                "samples_per_second": 32.0,
                "memory_gigabytes": 1.5,
            },
        )
    with run.metrics_path.open("a") as file:
        file.write('{"step": 70, "tim')
    frame = read_frame(run)
    assert frame["step"] == 60
    assert frame["stage"]["name"] == "two"
    assert frame["steps_per_second"] == pytest.approx(4.0)
    assert frame["seconds_left"] == pytest.approx(10.0)
    assert [term["name"] for term in frame["terms"]] == ["total", "b", "a"]
    assert frame["terms"][1]["raw"] == 2.0
    assert frame["terms"][1]["weighted"] == 39.0
    text = _lines(frame)
    assert "running, step 60/100 (60 %), stage 2/2 two" in text
    assert "4 steps/s  32 samples/s  0:10 left  1.50 GB memory" in text
    assert "learning rate encoder 0.001" in text


def test_in_a_narrow_window_the_curve_gives_way_and_not_the_names(tmp_path: Path) -> None:
    run = _run(tmp_path)
    names = [f"supervised_expression_{axis}" for axis in "xy"]
    for step in range(1, 61):
        values = {"loss/total": 1.0 / step, **{f"loss/{name}": 1.25e-3 / step for name in names}}
        _record(run, step, **values, **{f"loss_weighted/{name}": 1.0 / step for name in names})
    text = _lines(read_frame(run), width=60)
    rows = [line for line in text.splitlines() if line.startswith("supervised")]
    assert [line.split()[:3] for line in rows] == [[n, "2.083e-05", "0.01667"] for n in names]
    assert all(len(line.rstrip()) <= 60 and "█" in line for line in rows)


@pytest.mark.parametrize(("width", "full", "empty"), [(40, 16, 24), (120, 24, 36)])
def test_the_bar_is_no_wider_than_the_window(
    tmp_path: Path, width: int, full: int, empty: int
) -> None:
    run = _run(tmp_path)
    run.set_status("running", step=40, total_steps=100)
    lines = [line.rstrip() for line in _lines(read_frame(run), width=width).splitlines()]
    assert [line for line in lines if "░" in line] == ["█" * full + "░" * empty]


def test_a_run_that_ended_early_says_why(tmp_path: Path) -> None:
    run = _run(tmp_path)
    run.set_status("finished", step=40, total_steps=100, reason="error was no better 3 times")
    frame = read_frame(run)
    assert frame["reason"] == "error was no better 3 times"
    assert "finished, step 40/100" in _lines(frame)
    assert "ended early: error was no better 3 times" in _lines(frame)
    assert _line(frame) == "finished, step 40/100 (early: error was no better 3 times)"


def test_stages_are_counted_without_those_left_out(tmp_path: Path) -> None:
    """The plan numbers its stages as the configuration does; of three the second has no steps."""
    stages = [
        {"index": 0, "name": "one", "first_step": 0, "end_step": 6},
        {"index": 2, "name": "three", "first_step": 6, "end_step": 10},
    ]
    plan = {"total_steps": 10, "stages": stages}
    run = Run.create(tmp_path, "toy", "watched", "system: toy\n", plan=plan)
    for step, place in ((6, "stage 1/2 one"), (10, "stage 2/2 three")):
        run.set_status("running", step=step, total_steps=10)
        frame = read_frame(run)
        assert (frame["stage"]["index"], frame["stages"]) == (step // 10, 2)
        assert any(line.endswith(place) for line in _lines(frame).splitlines())


def test_a_killed_run_is_recognised(tmp_path: Path) -> None:
    run = _run(tmp_path)
    code = (
        "import sys; from likeness.runs.run import Run; "
        "Run(sys.argv[1]).set_status('running', step=3, total_steps=100)"
    )
    subprocess.run([sys.executable, "-c", code, str(run.path)], check=True)
    frame = read_frame(run)
    assert frame["abandoned"]
    assert "killed" in _lines(frame)


@pytest.mark.parametrize("value", ["NaN", "1e999", '"abc"', "[1]"])
def test_values_that_are_no_numbers_are_passed_over(tmp_path: Path, value: str) -> None:
    run = _run(tmp_path)
    run.set_status("running", step=10, total_steps=100)
    for step in (10, 20):
        _record(run, step, **{"loss/total": 3.0, "loss/a": 3.0, "loss_weighted/a": 3.0})
    with run.metrics_path.open("a") as file:
        file.write(f'{{"step": 30, "time": 1, "loss/total": 2, "loss/a": {value}}}\n')
        file.write(f'{{"step": 40, "time": 2, "loss/total": {value}}}\n')
    frame = read_frame(run)
    assert [(term["name"], term["raw"]) for term in frame["terms"]] == [("total", 2)]
    assert "step 30/100" in _lines(frame)


def test_rates_leave_pauses_out() -> None:
    times = [0.0, 1.0, 2.0, 3.0, 600.0, 601.0, 602.0]
    rows = [{"step": 10 * (i + 1), "time": t} for i, t in enumerate(times)]
    assert steps_per_second(rows) == pytest.approx(10.0)
    assert steps_per_second(rows[:1]) is None
    assert steps_per_second([]) is None


def test_the_rate_is_that_of_the_stage() -> None:
    """Ten steps a second, then one; the first line of the slow stage spans the fast one's end."""
    times = [0.0, 1.0, 2.0, 3.0, 13.0, 23.0, 33.0]
    rows = [
        {"step": 10 * (i + 1), "time": time, "stage": int(time > 3.0)}
        for i, time in enumerate(times)
    ]
    assert steps_per_second(rows[:4]) == pytest.approx(10.0)
    assert steps_per_second(rows[:5]) == pytest.approx(1.0)
    assert steps_per_second(rows) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], ""),
        ([5.0], "▁"),
        ([1.0, 1.0, 1.0], "▁▁▁"),
        ([0.0, 7.0], "▁█"),
        ([0, 1, 2, 3, 4, 5, 6, 7], "▁▂▃▄▅▆▇█"),
        ([8.0, 0.0, 8.0], "█▁█"),
    ],
)
def test_sparkline(values: list[float], expected: str) -> None:
    assert sparkline(values) == expected


def test_a_long_sparkline_is_made_of_means() -> None:
    values = [0.0] * 500 + [1.0] * 500
    assert sparkline(values, width=10) == "▁" * 5 + "█" * 5


def test_once_prints_one_frame(likeness: Command, trained: Path) -> None:
    result = likeness("watch", trained, "--once")
    assert result.code == 0
    assert "finished, step 10/10 (100 %), stage 2/2 head" in result.out
    assert "total" in result.out
    assert "scores at step 10" in result.out
    document = likeness("watch", trained, "--json").document
    assert document["status"] == "finished"
    assert document["seconds_left"] is None
    assert document["scores"][0]["name"] == "error"


def test_watching_ends_when_the_run_ends(folder: Path, installed: Path) -> None:
    run = _run(folder)
    run.set_status("running", step=10, total_steps=100)
    _record(run, 10, **{"loss/total": 1.0})

    def finish() -> None:
        time.sleep(1.0)
        _record(run, 100, **{"loss/total": 0.5})
        run.set_status("finished", step=100, total_steps=100)

    thread = threading.Thread(target=finish)
    thread.start()
    done = subprocess.run(
        [sys.executable, "-m", "likeness", "watch", str(run.path), "--every", "0.1"],
        capture_output=True,
        text=True,
        env=environment(installed),
        timeout=60,
    )
    thread.join()
    assert done.returncode == 0
    assert "finished, step 100/100" in done.stdout


def test_ctrl_c_ends_watching(folder: Path, installed: Path) -> None:
    run = _run(folder)
    run.set_status("running", step=10, total_steps=100)
    process = subprocess.Popen(
        [sys.executable, "-m", "likeness", "watch", str(run.path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(installed),
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in err
    assert run.status.status == "running"


def test_a_run_with_a_damaged_status_shows_what_can_be_read(
    likeness: Command, folder: Path
) -> None:
    run = _run(folder)
    _record(run, 10, **{"loss/total": 2.5})
    run.status_path.write_text("{cut")
    words = ("watch", run.path, "--once")
    result = likeness(*words)
    assert result.code == 4, result.err
    assert "unknown, step 10/100 (10 %), stage 1/2 one" in result.out
    assert "status.json is not JSON" in result.out
    assert "2.5" in result.out
    frame = likeness(*words, "--json").document
    assert (frame["status"], frame["step"]) == ("unknown", 10)
    (message,) = frame["damaged"]
    assert "status.json" in message
    (run.path / "plan.json").write_text("[]")
    frame = likeness(*words, "--json").document
    assert len(frame["damaged"]) == 2
    assert likeness("watch", run.path).code == 4  # it does not wait for what nobody writes


@pytest.mark.parametrize(
    "plan",
    [
        {"total_steps": "many"},
        {"total_steps": 9, "stages": [{"name": "one", "first_step": 0, "enl_step": 9}]},
        {"total_steps": 9, "stages": [{"name": 1.5, "first_step": 0, "end_step": 9}]},
        {"total_steps": 9, "stages": [{"name": 1, "first_step": 0, "end_step": 9}]},
        {"total_steps": 9, "stages": 3},
        {"total_steps": 9, "stages": [None]},
    ],
)
def test_a_plan_that_is_none_is_named(likeness: Command, folder: Path, plan: object) -> None:
    """One turned bit in the name of a key ended in a traceback."""
    run = _run(folder)
    _record(run, 10, **{"loss/total": 2.5})
    (run.path / "plan.json").write_text(json.dumps(plan))
    result = likeness("watch", run.path, "--once", "--json")
    assert result.code == 4, result.err
    (message,) = result.document["damaged"]
    assert "plan.json is not a plan as written by this version" in message
    assert (result.document["step"], result.document["stage"]) == (10, None)
