"""Claim: a run that is killed at any moment and resumed ends as one that never was, bit for bit.

Trains the toy system of the tests with a checkpoint after every step, kills the process (SIGKILL)
at random moments, also in the middle of a save, resumes, and compares weights, average, optimiser,
metrics and scores with an uninterrupted run. From the root of the repository:

    python -m benchmarks.kill --kills 200
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import tempfile
import time
import traceback
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch._dynamo  # the optimisers import it on first use; a forked process has it then

from likeness.runs.checkpoint import checkpoints
from likeness.runs.run import Run
from likeness.training.trainer import fit
from tests.toy_system.comparison import assert_equal, facts, new_run
from tests.toy_system.system import ToyConfig, toy_plan, toy_settings, toy_system


@dataclass
class Kills:
    """What the kills hit, and whether a run showed a trace of them."""

    kills: int = 0
    runs: int = 0
    different_runs: int = 0
    during_a_save: int = 0
    """A folder that was being written was left behind."""
    before_the_first_checkpoint: int = 0
    with_a_torn_line: int = 0
    """The last line of the metrics was cut."""
    finished_before_the_kill: int = 0
    seconds: float = 0.0

    def count(self, run: Run) -> None:
        """Look at what a kill left behind."""
        self.kills += 1
        self.during_a_save += any(run.checkpoints_path.glob(".part-step-*"))
        self.before_the_first_checkpoint += not checkpoints(run)
        if run.metrics_path.is_file():
            text = run.metrics_path.read_bytes()
            self.with_a_torn_line += bool(text) and not text.endswith(b"\n")


def train(run: Run) -> None:
    """Train to the end, from wherever the run is."""
    settings = toy_settings(
        save_every=1, evaluate_every=4, best_score="error", log_every=3, preview_every=7
    )
    fit(toy_system(ToyConfig()), toy_plan(settings), run, settings, resume=True)


def kill_and_resume(kills: int, folder: Path, *, seed: int = 0) -> Kills:
    """Kill ``kills`` processes, spread over as many runs as it takes, and compare every run.

    Every process lives for a random part of half the time a whole run takes.

    Args:
        folder: an empty folder for the runs.
    """
    began, chance, result = time.perf_counter(), random.Random(seed), Kills()
    reference, started = new_run(folder, "uninterrupted"), time.perf_counter()
    _train_for(reference, None)
    longest = (time.perf_counter() - started) / 2
    expected = results(reference)
    while result.kills < kills:
        run = new_run(folder, f"killed-{result.runs}")
        result.runs += 1
        while run.status.status != "finished":
            alive = chance.uniform(0.0, longest) if result.kills < kills else None
            if _train_for(run, alive):
                result.count(run)
            elif alive is not None:
                result.finished_before_the_kill += 1
        try:
            assert_equal(results(run), expected)
        except AssertionError as error:
            result.different_runs += 1
            print(f"{run.path}: {error}")
        else:
            shutil.rmtree(run.path)
    result.seconds = round(time.perf_counter() - began, 1)
    return result


def results(run: Run) -> dict[str, object]:
    """All a run leaves behind that does not depend on the clock."""
    scores = {
        step: json.loads((run.evaluation_folder(step) / "scores.json").read_text())
        for step in run.evaluation_steps()
    }
    kept = [checkpoint.step for checkpoint in checkpoints(run)]
    return {**facts(run), "scores": scores, "kept": kept, "previews": run.preview_steps()}


def _train_for(run: Run, seconds: float | None) -> bool:
    """Resume in a process forked from this warm one; returns whether it was killed.

    Args:
        seconds: when to kill it; None: never.
    """
    process = os.fork()
    if process == 0:
        try:
            train(run)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    if seconds is not None:
        time.sleep(seconds)
        os.kill(process, signal.SIGKILL)  # harmless when it has ended: nobody waited for it yet
    _, status = os.waitpid(process, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != 0:
        raise RuntimeError(f"training in {run.path} failed; see above")
    return os.WIFSIGNALED(status)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="for the runs; default: a temporary one")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("out/benchmarks/kill.json"))
    options = parser.parse_args()
    torch.set_num_threads(1)  # a thread pool does not survive a fork
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        result = kill_and_resume(options.kills, Path(folder), seed=options.seed)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(asdict(result), indent=2) + "\n", encoding="utf-8")
    print(json.dumps(asdict(result), indent=2))
    if result.different_runs:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
