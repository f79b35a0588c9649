"""From an order to batches: load, augment, collate, pin, prefetch, move to the device.

Worker processes only fetch and collate; the order is ``sampler.py``, and no draw depends on which
process made it.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import pickle
import signal
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType
from typing import Any, Self

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from likeness.data.sampler import Draw, StageOrder
from likeness.data.source import Mixed, Sample
from likeness.data.workers import ignore_ctrl_c, without_ctrl_c
from likeness.errors import LikenessError
from likeness.seeds import rng_of

logger = logging.getLogger(__name__)

Batch = dict[str, Any]
Collate = Callable[[Sequence[Sample]], Batch]
_FEEDER_SECONDS = 5.0
"""How long a thread that feeds a worker is waited for: one whose worker was killed may be stuck."""


@dataclass(frozen=True)
class MicroBatch:
    """A collated batch on the CPU, and which samples are in it."""

    batch: Batch
    ids: tuple[str, ...]

    def pin_memory(self) -> MicroBatch:
        """In page-locked memory; called by the thread that pins."""
        return MicroBatch(_mapped(torch.Tensor.pin_memory, self.batch), self.ids)


class Loader:
    """The micro-batches of one process for one stage, from any step on.

    With ``world_size`` processes and ``accumulation`` micro-batches per process and step, the
    micro-batch ``micro`` of process ``rank`` at step ``step`` of the stage has the number
    ``(step * accumulation + micro) * world_size + rank``: the processes together see exactly what
    one process with ``accumulation * world_size`` micro-batches would.

    Args:
        source: all training sources end to end.
        order: the order of the stage.
        collate: samples to a batch; called in the workers.
        seed: the seed of the run; with stage, epoch and index it seeds :meth:`Source.draw`.
        stage: the number of the stage in the plan.
        steps: half-open range of steps, counted from the start of the stage.
        workers: worker processes; 0 loads in this one.
        pin: page-locked memory, for faster copies to a GPU.
        start_method: how workers start; None is the system's way. ``spawn`` and ``forkserver`` need
            a source and a ``collate`` that can be pickled.
    """

    def __init__(
        self,
        source: Mixed,
        order: StageOrder,
        collate: Collate,
        *,
        seed: int,
        stage: int,
        steps: range,
        accumulation: int = 1,
        rank: int = 0,
        world_size: int = 1,
        workers: int = 0,
        pin: bool = False,
        start_method: str | None = None,
    ) -> None:
        self._numbers = _Numbers(order, steps, accumulation, rank, world_size)
        self._fetched, self._collated = _Fetched(source, seed, stage), _Collated(collate)
        self._workers, self._pin, self._start_method = workers, pin, start_method
        self._closing: Any = None
        self._batches: Any = None
        """Of the workers, until they are closed."""

    def __iter__(self) -> Iterator[MicroBatch]:
        batches = self._by_workers() if self._workers else self._here()
        while True:
            try:
                item = next(batches)
            except StopIteration:
                return
            except (RuntimeError, OSError, EOFError) as error:
                # A worker's own errors arrive as failures: this is the end of the worker itself.
                if self._closing is None:
                    raise
                raise LikenessError(
                    f"A process that loads data ended unexpectedly: {error}",
                    advice="Most often the machine ran out of memory: lower train.workers or "
                    "train.batch_size. With train.workers=0 the error shows itself directly.",
                ) from error
            if isinstance(item, _Failure):
                raise item.error
            yield item

    def _here(self) -> Iterator[MicroBatch | _Failure]:
        """Loaded in this process, when asked for."""
        for draws in self._numbers:
            item = self._collated(self._fetched.__getitems__(draws))
            yield item.pin_memory() if self._pin and isinstance(item, MicroBatch) else item

    def _by_workers(self) -> Iterator[MicroBatch | _Failure]:
        """Loaded ahead by other processes, in the same order."""
        context = multiprocessing.get_context(self._start_method)
        # Set when the loader closes: until then workers outlive a SIGTERM sent to the whole group,
        # so that the step under way can be finished and saved.
        self._closing = context.Event()
        loader = DataLoader(
            self._fetched,
            batch_sampler=self._numbers,
            collate_fn=self._collated,
            num_workers=self._workers,
            pin_memory=self._pin,
            worker_init_fn=_WorkerStart(self._closing),
            multiprocessing_context=context,
            generator=torch.Generator(),  # its own draws leave the global generator alone
        )
        # Torch answers the death of a worker with an error at whatever line the main thread is, be
        # it in the middle of a save. Asking for the next batch finds out as well.
        before = signal.getsignal(signal.SIGCHLD)
        with without_ctrl_c():
            batches = self._batches = iter(loader)  # a Ctrl-C that came meanwhile closes them
            if signal.getsignal(signal.SIGCHLD) is not before:
                signal.signal(signal.SIGCHLD, before)
        return batches

    def close(self) -> None:
        """End the worker processes, and the threads here that feed them."""
        if self._batches is None:
            return
        batches, self._batches = self._batches, None
        self._closing.set()
        # Deleting the iterator would do the same, but a traceback may hold it.
        batches._shutdown_workers()
        # Torch leaves these threads to themselves. The last to hold the semaphores of a queue takes
        # them out of Python's books; cut short by the end of the process, it is a leak to Python.
        for queue in batches._index_queues:
            queue._thread.join(_FEEDER_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        self.close()


def move(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors, however nested, on ``device``."""
    moved: Batch = _mapped(lambda tensor: tensor.to(device, non_blocking=True), batch)
    return moved


def _mapped(function: Callable[[torch.Tensor], torch.Tensor], value: Any) -> Any:
    """``value`` with ``function`` applied to the tensors in its dicts, lists and tuples."""
    if isinstance(value, torch.Tensor):
        return function(value)
    if isinstance(value, Mapping):
        return {key: _mapped(function, item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(_mapped(function, item) for item in value))
    if isinstance(value, list | tuple):
        return type(value)(_mapped(function, item) for item in value)
    return value


class _Numbers:
    """What the workers are asked for, one list of draws per micro-batch of this process."""

    def __init__(
        self, order: StageOrder, steps: range, accumulation: int, rank: int, world_size: int
    ) -> None:
        self._order, self._steps, self._accumulation = order, steps, accumulation
        self._rank, self._world_size = rank, world_size

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in self._steps:
            for micro in range(self._accumulation):
                number = (step * self._accumulation + micro) * self._world_size + self._rank
                yield self._order.micro_batch(number)

    def __len__(self) -> int:
        return len(self._steps) * self._accumulation


@dataclass(frozen=True)
class _Failure:
    """An error on its way from a worker to the loop."""

    error: Exception


class _Fetched(Dataset[Any]):
    """A list of draws to a list of samples, or to the failure of one of them."""

    def __init__(self, source: Mixed, seed: int, stage: int) -> None:
        self._source, self._seed, self._stage = source, seed, stage

    def __getitems__(self, draws: list[Draw]) -> list[tuple[Sample, str]] | _Failure:
        samples = []
        for draw in draws:
            rng = rng_of(self._seed, "draw", self._stage, draw.epoch, draw.sample, draw.repeat)
            try:
                sample = self._source.draw(draw.sample, rng)
            except Exception as error:
                name, inner = self._source.locate(draw.sample)
                place = f"while loading sample {inner} of source '{name}' (epoch {draw.epoch})"
                return _Failure(_placed(error, place))
            samples.append((sample, str(sample.get("id", draw.sample))))
        return samples

    def __getitem__(self, draws: list[Draw]) -> list[tuple[Sample, str]] | _Failure:
        return self.__getitems__(draws)


class _Collated:
    """Collate, keeping the identifiers; a failure passes through."""

    def __init__(self, collate: Collate) -> None:
        self._collate = collate

    def __call__(self, fetched: list[tuple[Sample, str]] | _Failure) -> MicroBatch | _Failure:
        if isinstance(fetched, _Failure):
            return fetched
        ids = tuple(identifier for _, identifier in fetched)
        try:
            return MicroBatch(self._collate([sample for sample, _ in fetched]), ids)
        except Exception as error:
            return _Failure(_placed(error, f"while collating the samples {', '.join(ids)}"))


class _WorkerStart:
    """What a worker does first: leave Ctrl-C to the loop, and SIGTERM until the loader closes."""

    def __init__(self, closing: Any) -> None:
        self._closing = closing

    def __call__(self, worker: int) -> None:
        ignore_ctrl_c()
        signal.signal(signal.SIGTERM, self._on_terminate)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        if self._closing.is_set():
            os._exit(128 + number)


def _placed(error: Exception, place: str) -> Exception:
    """The error with the place it happened at: in the message for a person, or as a note."""
    if isinstance(error, LikenessError):
        error.message = f"{error.message} ({place})"
    else:
        # Pickling drops the traceback of a worker, so it travels as text.
        error.add_note(f"{place}\n{''.join(traceback.format_exception(error))}")
    if get_worker_info() is None:
        return error
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # some exceptions cannot travel between processes: their text can
        notes = "\n".join(getattr(error, "__notes__", []))
        return RuntimeError(f"{type(error).__name__}: {error}\n{notes}")
    return error
