"""Runs a compiled loop over the images of a batch, on as many threads as torch was given.

The loops release the interpreter lock and touch only their own images, so the result does not
depend on the number of threads. Python threads are used rather than numba's own because an OpenMP
pool does not survive the fork of a data loader's worker. Does not decide how many threads there
are.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

_WORTH_A_THREAD = 200_000
"""Elementary steps below which starting a thread (about 50 microseconds) does not pay."""


def over_images(
    kernel: Callable[..., None], num_images: int, work_per_image: int, arguments: tuple
) -> None:
    """Call ``kernel(first, last, *arguments)`` so that every image of the batch is done once.

    Args:
        kernel: a compiled function without the interpreter lock.
        num_images: the batch size.
        work_per_image: a rough count of elementary steps, to decide whether threads pay.
        arguments: arrays and numbers handed on; outputs are written into them.
    """
    threads = min(torch.get_num_threads(), num_images)
    if threads <= 1 or num_images * work_per_image < _WORTH_A_THREAD:
        kernel(0, num_images, *arguments)
        return
    bounds = [num_images * part // threads for part in range(threads + 1)]
    with ThreadPoolExecutor(threads) as pool:
        futures = [
            pool.submit(kernel, first, last, *arguments)
            for first, last in itertools.pairwise(bounds)
        ]
        for future in futures:
            future.result()
