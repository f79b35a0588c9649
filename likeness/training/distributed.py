"""Processes that train together: start, agree, gather, and the module that DDP wraps.

Owns talk between processes. The variables it reads are those of ``torchrun``; ``accelerate launch``
sets the same.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from threading import Thread
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from likeness.errors import MissingError, UsageError
from likeness.notices import NOTICE
from likeness.training.statistics import joint_statistics
from likeness.training.system import Batch, StepContext, System

T = TypeVar("T")
logger = logging.getLogger(__name__)

_LONG = 5.0
"""Seconds of waiting for other processes after which it is told."""
_TIMEOUT = timedelta(hours=2)
"""How long processes wait for each other: the first one evaluates while the others wait."""


_LAUNCHER = "Start several processes with torchrun, which sets its variables; unset them for one."


@dataclass(frozen=True)
class Process:
    """One of the processes that train together; alone by default."""

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """The first process writes files, evaluates and speaks."""
        return self.rank == 0


def start(device: str) -> Process:
    """Pick the device of this process and, under a launcher, meet the other processes.

    Args:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        MissingError: a GPU is asked for and there is none.
        UsageError: a device number is given for several processes, or the launcher's variables
            make no sense.
    """
    world_size = _launched("WORLD_SIZE", least=1)
    local_rank = _launched("LOCAL_RANK", least=0)
    if world_size > 1:
        missing = [n for n in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(n)]
        if missing:
            raise UsageError(
                f"WORLD_SIZE is {world_size}, so processes train together, but "
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set.",
                advice=_LAUNCHER,
            )
        _launched("MASTER_PORT", least=0)
        if _launched("RANK", least=0) >= world_size:
            raise UsageError(
                f"RANK is {os.environ['RANK']}, expected a number below WORLD_SIZE, {world_size}.",
                advice=_LAUNCHER,
            )
    chosen = device_of(device, local_rank, world_size)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    if world_size > 1 and not dist.is_initialized():
        backend = "nccl" if chosen.type == "cuda" else "gloo"
        bound = chosen if chosen.type == "cuda" else None
        _meet(backend, bound, world_size)
    return current(chosen)


def _meet(backend: str, bound: torch.device | None, world_size: int) -> None:
    """Wait for the other processes, and say so where that takes long.

    They meet in a thread of its own: torch waits without looking at signals, and a process whose
    others never come could not be ended by Ctrl-C.
    """
    failures: list[BaseException] = []

    def meet() -> None:
        try:
            dist.init_process_group(backend, timeout=_TIMEOUT, device_id=bound)
        except BaseException as error:  # raised again below
            failures.append(error)

    thread = Thread(target=meet, daemon=True)
    thread.start()
    thread.join(_LONG)
    if thread.is_alive():
        logger.log(
            NOTICE,
            "Process %s waits for the others of %d to come to %s:%s, as WORLD_SIZE says.",
            *(os.environ["RANK"], world_size),
            *(os.environ["MASTER_ADDR"], os.environ["MASTER_PORT"]),
        )
    while thread.is_alive():
        thread.join(0.2)
    if failures:
        raise failures[0]


def is_parted(error: RuntimeError) -> bool:
    """Whether an error says that another process is gone; backends have no type of their own for
    it but NCCL's."""
    if not dist.is_initialized():
        return False
    words = str(error).lower()
    return isinstance(error, dist.DistBackendError) or any(
        said in words for said in ("connection closed by peer", "connection reset by peer")
    )


def alone(device: str) -> torch.device:
    """The device of a process that does not train, and so meets no others.

    A shell in the pod of a launcher has its variables, and would wait for processes that never
    come.

    Args:
        device: as for :func:`start`.

    Raises:
        MissingError: a GPU is asked for and there is none.
        UsageError: ``LOCAL_RANK``, which chooses the GPU, is no whole number.
    """
    chosen = device_of(device, _launched("LOCAL_RANK", least=0), world_size=1)
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    return chosen


def is_first_launched() -> bool:
    """Whether this process is the first, or the only one, before they have met."""
    return _launched("WORLD_SIZE", least=1) == 1 or _launched("RANK", least=0) == 0


def _launched(name: str, *, least: int) -> int:
    """A whole number that a launcher sets; ``least`` without it. Raises UsageError."""
    text = os.environ.get(name) or str(least)
    if not text.isdecimal() or int(text) < least:
        raise UsageError(
            f"The environment variable {name} is '{text}', expected a whole number of at least "
            f"{least}.",
            advice=_LAUNCHER,
        )
    return int(text)


def current(device: torch.device) -> Process:
    """This process, as torch.distributed knows it."""
    if not dist.is_initialized():
        return Process(device)
    return Process(device, dist.get_rank(), dist.get_world_size())


def stop() -> None:
    """Part from the other processes."""
    if dist.is_initialized():
        dist.destroy_process_group()


def device_of(setting: str, local_rank: int = 0, world_size: int = 1) -> torch.device:
    """The device a process trains on.

    Args:
        setting: ``train.device``: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        MissingError: this machine has no such device.
        UsageError: one GPU is named for several processes.
    """
    if setting == "cpu" or (setting == "auto" and not torch.cuda.is_available()):
        return torch.device("cpu")
    if not torch.cuda.is_available():
        raise MissingError(
            f"train.device is '{setting}', but torch finds no CUDA device.",
            advice="Use train.device=cpu, or install a CUDA build of torch and its driver.",
        )
    if ":" in setting:
        if world_size > 1:
            raise UsageError(
                f"train.device is '{setting}', but {world_size} processes train together.",
                advice="Use train.device=cuda: each process takes the GPU of its local rank.",
            )
        number = int(setting.split(":")[1])
    else:
        number = local_rank
    if number >= torch.cuda.device_count():
        raise MissingError(
            f"GPU {number} is asked for, but torch finds {torch.cuda.device_count()}.",
            advice="Start fewer processes per machine, or choose another train.device.",
        )
    return torch.device("cuda", number)


def barrier() -> None:
    """Wait until every process is here."""
    if dist.is_initialized():
        dist.barrier()


def from_first(value: T) -> T:
    """The first process's value, on every process (e.g. the path of the run it made)."""
    if not dist.is_initialized():
        return value
    box: list[Any] = [value]
    dist.broadcast_object_list(box, src=0)
    received: T = box[0]
    return received


def collect(value: T) -> list[T]:
    """The values of all processes in the order of their ranks, on every process."""
    if not dist.is_initialized():
        return [value]
    values: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(values, value)
    return values


def sum_over_processes(values: list[float], device: torch.device) -> list[float]:
    """Element-wise sum; the same on every process."""
    if not dist.is_initialized():
        return values
    tensor = torch.tensor(values, dtype=torch.float64, device=device)
    dist.all_reduce(tensor)
    summed: list[float] = tensor.tolist()
    return summed


def gather(tensor: Tensor) -> Tensor:
    """Concatenate over processes along dimension 0; the local part keeps its gradient.

    First dimensions may differ between processes (a short micro-batch); the others may not.
    """
    if not dist.is_initialized():
        return tensor
    rank, world_size = dist.get_rank(), dist.get_world_size()
    length = torch.tensor([tensor.shape[0]], device=tensor.device)
    lengths = [torch.empty_like(length) for _ in range(world_size)]
    dist.all_gather(lengths, length)
    counts = [int(count) for count in lengths]
    longest = max(counts)
    padded = tensor.new_zeros((longest, *tensor.shape[1:]))
    padded[: tensor.shape[0]] = tensor.detach()
    parts = [torch.empty_like(padded) for _ in range(world_size)]
    dist.all_gather(parts, padded)
    parts = [part[:count] for part, count in zip(parts, counts, strict=True)]
    parts[rank] = tensor
    return torch.cat(parts)


class LossModule(nn.Module):
    """The trainable modules of a system, with its losses as ``forward``.

    DDP wraps this and is always called, so that its hooks see every backward pass. The frozen parts
    of the system are not registered, so they are neither broadcast nor checkpointed.
    """

    def __init__(self, system: System, modules: Mapping[str, nn.Module]) -> None:
        super().__init__()
        self.groups = nn.ModuleList(modules.values())
        self._losses = system.losses

    def forward(self, batch: Batch, context: StepContext) -> dict[str, Tensor]:
        return dict(self._losses(batch, context))


def wrap(module: LossModule) -> nn.Module:
    """The module to call: itself alone, wrapped for gradient averaging among several processes.

    To be done again whenever ``requires_grad`` changes, since DDP looks at it once.
    """
    if not dist.is_initialized():
        return module
    # A term that is not active at a step leaves the parameters only it uses without a gradient.
    return DistributedDataParallel(_Looked(module), find_unused_parameters=True)


class _Looked(nn.Module):
    """What DDP wraps: a module, and a number that is never used.

    DDP looks for parameters without a gradient and would warn, on every process, where a pass has
    none: that looking costs time. Which steps have some depends on ramps and on the batch, so it
    looks at all of them; here it always finds this one.
    """

    def __init__(self, module: LossModule) -> None:
        super().__init__()
        self.module = module
        device = next((p.device for p in module.parameters()), None)
        self.unused = nn.Parameter(torch.zeros(1, device=device))

    def forward(self, batch: Batch, context: StepContext) -> dict[str, Tensor]:
        terms: dict[str, Tensor] = self.module(batch, context)
        return terms


@contextmanager
def micro_batch(module: nn.Module, *, last: bool) -> Iterator[None]:
    """Around forward and backward of a micro-batch: gradients are averaged on the last one only,
    running statistics are shared after each."""
    apart: AbstractContextManager[object] = nullcontext()
    if isinstance(module, DistributedDataParallel) and not last:
        apart = module.no_sync()
    with apart, joint_statistics(module):
        yield
