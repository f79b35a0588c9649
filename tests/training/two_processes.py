"""What the tests of several processes run, each in processes of its own.

They start from a clean server process that has imported torch once: a process that was forked from
one that has trained already cannot train where there is a GPU.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from likeness.evaluation.protocol import Score, Scores
from likeness.runs.run import Run
from likeness.training import distributed
from likeness.training.stage import Stage
from likeness.training.trainer import fit
from tests.toy_system.system import ToyConfig, ToySystem, toy_plan, toy_settings, toy_system


def free_port() -> int:
    """A port of this machine that nothing listens to."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def launched(rank: int, port: int, world_size: int = 2) -> dict[str, str]:
    """The variables a launcher sets for one of the processes of this machine."""
    return {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(world_size),
    }


def together(work: Callable[..., Any], *arguments: Any, processes: int = 2) -> list[Any]:
    """Run ``work(process, *arguments)`` in several processes; their results by rank."""
    port = free_port()
    multiprocessing.set_forkserver_preload([__name__])
    context = multiprocessing.get_context("forkserver")
    queue = context.SimpleQueue()
    started = [
        context.Process(target=_body, args=(rank, processes, port, queue, work, arguments))
        for rank in range(processes)
    ]
    for process in started:
        process.start()
    for process in started:
        process.join(60)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in started] == [0] * processes
    return [result for _, result in sorted(queue.get() for _ in started)]


def _body(
    rank: int, world_size: int, port: int, queue: Any, work: Callable[..., Any], arguments: Any
) -> None:
    torch.set_num_threads(1)
    os.environ |= launched(rank, port, world_size)
    process = distributed.start("cpu")
    try:
        queue.put((rank, work(process, *arguments)))
    finally:
        distributed.stop()


def train(
    process: distributed.Process,
    path: Path,
    config: ToyConfig,
    stages: list[Stage],
    changes: dict[str, Any],
) -> int:
    """Train the toy system in an existing run; returns the step it ended at."""
    settings = toy_settings(**changes)
    plan = toy_plan(settings, stages, world_size=process.world_size)
    return fit(toy_system(config), plan, Run(path), settings).step


def train_with_a_signal(
    process: distributed.Process, path: Path, config: ToyConfig, stages: list[Stage]
) -> tuple[str, int, int, float]:
    """The second process alone gets a SIGTERM in its 25th step: status, step, calls, checksum."""
    calls = 0

    class Signalled(ToySystem):
        def losses(self, batch: Any, context: Any) -> Any:
            nonlocal calls
            calls += 1
            if process.rank == 1 and context.step == 24:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().losses(batch, context)

    settings = toy_settings(batch_size=2, accumulation=1)
    system = Signalled(config, toy_system().placement)
    plan = toy_plan(settings, stages, world_size=process.world_size)
    outcome = fit(system, plan, Run(path), settings)
    checksum = sum(p.double().sum().item() for p in system.encoder.parameters())
    return outcome.status, outcome.step, calls, checksum


def end_early(process: distributed.Process, path: Path) -> int:
    """Train a system whose error is 1 for ever with a patience of 1; the step it ended at."""

    class Constant(ToySystem):
        def evaluate(self, predictor: Any, source: Any, folder: Path) -> Scores:
            return Scores([Score("error", 1.0, "1", "lower", 1, 2.0, "mean target")])

    settings = toy_settings(evaluate_every=2, best_score="error", patience=1)
    stages = [Stage(name="all", steps=20, weights={"fit": 1.0})]
    system = Constant(ToyConfig(), toy_system().placement)
    plan = toy_plan(settings, stages, world_size=process.world_size)
    return fit(system, plan, Run(path), settings).step


def gather(process: distributed.Process) -> tuple[list[float], list[float]]:
    """Gathered values and the gradient of a weighted sum of them; 1 or 2 numbers a process."""
    local = torch.arange(1.0, 2.0 + process.rank) + 10 * process.rank
    local.requires_grad_()
    whole = distributed.gather(local[:, None])
    (whole * torch.arange(1.0, 4.0)[:, None]).sum().backward()
    assert local.grad is not None
    return whole.squeeze(1).tolist(), local.grad.tolist()


def talk(process: distributed.Process) -> tuple[Any, ...]:
    return (
        distributed.from_first(f"from {process.rank}"),
        distributed.collect({"rank": process.rank}),
        distributed.sum_over_processes([1.0, process.rank], process.device),
    )


def train_and_listen(
    process: distributed.Process, path: Path, config: ToyConfig, stages: list[Stage]
) -> str:
    """Train as :func:`train` does; what this process wrote to standard error, torch included."""
    file = path / f"stderr-{process.rank}.txt"
    kept, caught = os.dup(2), os.open(file, os.O_WRONLY | os.O_CREAT)
    os.dup2(caught, 2)
    try:
        train(process, path, config, stages, {"accumulation": 1})
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(caught)
    return file.read_text(encoding="utf-8")
