from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch

from likeness.data.loader import Loader, MicroBatch, move
from likeness.data.sampler import Sampler
from likeness.data.source import Mixed, Sample, Source
from likeness.errors import DataError, LikenessError
from likeness.seeds import rng_of
from tests.data.scripts import interrupted_importing


class Noisy(Source):
    """Samples whose augmentation shows the generator they were given."""

    def __init__(self, count: int = 23) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        return {"id": f"n-{index}", "value": float(index)}

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        return {**self[index], "noise": rng.standard_normal(), "process": os.getpid()}

    def fingerprint(self) -> str:
        return "noisy"


class Broken(Noisy):
    def __init__(self, error: Exception | None) -> None:
        super().__init__(12)
        self.error = error

    def draw(self, index: int, rng: np.random.Generator) -> Sample:
        if index == 5:
            if self.error is None:
                os._exit(3)
            raise self.error
        return super().draw(index, rng)


class Unpicklable(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def collate(samples: Sequence[Sample]) -> dict[str, Any]:
    return {
        "value": torch.tensor([sample["value"] for sample in samples]),
        "noise": torch.tensor([sample["noise"] for sample in samples]),
        "process": [sample["process"] for sample in samples],
    }


def loader(source: Source | None = None, **options: Any) -> Loader:
    mixture = Mixed({"photos": source or Noisy()})
    order = Sampler(mixture, seed=3).stage(1, batch_size=4, mix=None)
    defaults: dict[str, Any] = {"seed": 3, "stage": 1, "steps": range(12)}
    return Loader(mixture, order, options.pop("collate", collate), **{**defaults, **options})


def contents(found: Loader) -> list[tuple[tuple[str, ...], list[float], list[float]]]:
    with found:
        return [
            (item.ids, item.batch["value"].tolist(), item.batch["noise"].tolist()) for item in found
        ]


def test_augmentation_is_seeded_by_what_the_sample_is() -> None:
    mixture = Mixed({"photos": Noisy()})
    order = Sampler(mixture, seed=3).stage(1, batch_size=4, mix=None)
    found = contents(loader())
    assert len(found) == 12
    for number, (ids, values, noise) in enumerate(found):
        draws = order.micro_batch(number)
        assert ids == tuple(f"n-{draw.sample}" for draw in draws)
        assert values == [float(draw.sample) for draw in draws]
        expected = [
            rng_of(3, "draw", 1, draw.epoch, draw.sample, 0).standard_normal() for draw in draws
        ]
        assert noise == torch.tensor(expected).tolist()


@pytest.mark.parametrize(("workers", "start_method"), [(1, None), (2, "fork"), (1, "spawn")])
def test_workers_give_identical_batches(workers: int, start_method: str | None) -> None:
    expected = contents(loader())
    items = []
    with loader(workers=workers, start_method=start_method) as found:
        for item in found:
            batch = item.batch
            numbers = batch["value"].tolist(), batch["noise"].tolist()
            items.append((item.ids, *numbers, batch["process"]))
    assert [item[:3] for item in items] == expected
    processes = {process for item in items for process in item[3]}
    assert os.getpid() not in processes
    assert len(processes) == workers


def test_starting_later_gives_the_rest() -> None:
    whole = contents(loader(accumulation=2, steps=range(9)))
    assert contents(loader(accumulation=2, steps=range(4, 9))) == whole[8:]


def test_ranks_share_the_batches_of_one_process() -> None:
    whole = contents(loader(accumulation=4, steps=range(3)))
    first = contents(loader(accumulation=2, steps=range(3), rank=0, world_size=2))
    second = contents(loader(accumulation=2, steps=range(3), rank=1, world_size=2))
    assert [pair[k] for pair in zip(first, second, strict=True) for k in range(2)] == whole


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_for_a_person_names_the_sample(workers: int) -> None:
    error = DataError("photo.png is truncated.", advice="Copy it again.")
    with pytest.raises(DataError) as caught, loader(Broken(error), workers=workers) as found:
        list(found)
    assert "photo.png is truncated." in str(caught.value)
    assert "while loading sample 5 of source 'photos'" in str(caught.value)
    assert caught.value.advice == "Copy it again."


@pytest.mark.parametrize("workers", [0, 1])
def test_a_defect_keeps_its_type_and_trace(workers: int) -> None:
    broken = Broken(ZeroDivisionError("by nothing"))
    with pytest.raises(ZeroDivisionError) as caught, loader(broken, workers=workers) as found:
        list(found)
    note = "\n".join(caught.value.__notes__)
    assert "while loading sample 5 of source 'photos'" in note
    assert "raise self.error" in note  # the line in the worker


def test_an_error_that_cannot_travel_arrives_as_text() -> None:
    found = loader(Broken(Unpicklable("one", "two")), workers=1)
    with pytest.raises(RuntimeError, match="Unpicklable: one two"), found:
        list(found)


def test_collate_errors_name_the_samples() -> None:
    def wrong(samples: Sequence[Sample]) -> dict[str, Any]:
        raise KeyError("mask")

    with pytest.raises(KeyError) as caught, loader(collate=wrong) as found:
        list(found)
    assert "while collating the samples n-" in caught.value.__notes__[0]


def test_a_killed_worker_is_explained() -> None:
    found = loader(Broken(None), workers=1)
    with pytest.raises(LikenessError, match="data ended unexpectedly") as caught, found:
        list(found)
    assert "train.workers=0" in caught.value.advice


_SLOW_START = """
import os, time
from tests.data.test_loader import loader
if __name__ == "__mp_main__":
    os.write(1, b"importing\\n")
    time.sleep(1.0)
if __name__ == "__main__":
    try:
        with loader(workers=1, start_method="spawn") as found:
            list(found)
    except KeyboardInterrupt:
        os.write(1, b"interrupted\\n")
"""


def test_ctrl_c_while_workers_start_is_the_parents_alone(tmp_path: Path) -> None:
    done = interrupted_importing(tmp_path / "script.py", _SLOW_START)
    assert done == ("interrupted\n", "", 0)


_SLOW_FEEDERS = """
import os, threading, time
import multiprocessing.queues as queues
import multiprocessing.synchronize as synchronize
from tests.data.test_loader import loader
if __name__ == "__mp_main__":
    os.write(1, b"importing\\n")
    time.sleep(1.0)
if __name__ == "__main__":
    feed, unlink, forgotten = queues.Queue._feed, synchronize.sem_unlink, threading.Event()
    def last_to_hold(*arguments):
        feed(*arguments)
        forgotten.wait(0.5)
    def in_two_steps(name):
        unlink(name)
        if threading.current_thread() is not threading.main_thread():
            time.sleep(1.0)
    queues.Queue._feed, synchronize.sem_unlink = staticmethod(last_to_hold), in_two_steps
    try:
        with loader(workers=1, start_method="spawn") as found:
            list(found)
    except KeyboardInterrupt:
        os.write(1, b"interrupted\\n")
    forgotten.set()
    time.sleep(0.2)
"""


def test_threads_that_feed_workers_are_over_when_the_loader_is(tmp_path: Path) -> None:
    """One that gave up a queue while the process ended made Python warn of leaked semaphores."""
    done = interrupted_importing(tmp_path / "script.py", _SLOW_FEEDERS)
    assert done == ("interrupted\n", "", 0)


def test_loading_leaves_the_global_generator_alone() -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    contents(loader())
    contents(loader(workers=1))
    assert torch.equal(torch.get_rng_state(), before)


class Pair(NamedTuple):
    one: torch.Tensor
    other: list[torch.Tensor]


def test_move_reaches_every_tensor_and_changes_nothing_else() -> None:
    tensor = torch.ones(2)
    batch = {"a": tensor, "b": [tensor, "text"], "c": (tensor, 3), "d": Pair(tensor, [tensor])}
    moved = move({**batch, "e": {"f": tensor}}, torch.device("meta"))
    found = [moved["a"], moved["b"][0], moved["c"][0], moved["d"].one, moved["d"].other[0]]
    assert {t.device.type for t in [*found, moved["e"]["f"]]} == {"meta"}
    assert moved["b"][1] == "text"
    assert moved["c"][1] == 3
    assert isinstance(moved["d"], Pair)
    assert isinstance(moved["c"], tuple)
    assert tensor.device.type == "cpu"


@pytest.mark.gpu
def test_pinned_batches_are_page_locked() -> None:
    with loader(pin=True, workers=1) as found:
        for item in found:
            assert isinstance(item, MicroBatch)
            assert item.batch["value"].is_pinned()
