"""Numbers that are not finite any more: how training ends then, and what is told of it.

Single steps that are not finite are skipped by the loop. This is what follows when that was not
enough.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from likeness.errors import DivergedError, LikenessError, first_few
from likeness.training.distributed import sum_over_processes
from likeness.training.state import Counters

logger = logging.getLogger(__name__)

_REMEDY = (
    "Look at the samples named in log.txt. If they are sound, lower the learning rate, lengthen "
    "the warm-up or use train.precision=fp32"
)
_ADVICE = (
    f"{_REMEDY}, then 'likeness resume' the run: it continues from "
    "its last checkpoint. If that was saved after the trouble began, start a new run."
)


def stopped(step: int, found: str) -> DivergedError:
    """The error that ends training at a step.

    Args:
        found: completes "Training stopped at step 9: …".
    """
    return DivergedError(f"Training stopped at step {step}: {found}.", advice=_ADVICE)


@torch.no_grad()
def check_weights(weights: Mapping[str, Tensor], step: int, device: torch.device) -> None:
    """Refuse to show, score or save weights that are not finite; to be called by all processes.

    Args:
        weights: by "group.name".

    Raises:
        DivergedError: on every process, if one has such a weight.
    """
    flags = torch.stack([weight.isfinite().all() for weight in weights.values()]).tolist()
    bad = [name for name, is_finite in zip(weights, flags, strict=True) if not is_finite]
    if sum_over_processes([len(bad)], device)[0]:
        raise stopped(
            step, f"weights are not finite any more ({first_few(bad, 3) or 'of another process'})"
        )


@contextmanager
def told_of_leaps(step: int, optimizer: torch.optim.Optimizer) -> Iterator[None]:
    """Around the update of the weights: torch refuses to multiply by what float32 cannot hold.

    Whether that is why it failed is computed from the learning rates, since its words are its own.

    Args:
        step: steps done before this one.

    Raises:
        DivergedError: it refused.
    """
    try:
        yield
    except RuntimeError as error:
        if _largest_factor(optimizer) <= torch.finfo(torch.float32).max:
            raise
        rate = max(group["lr"] for group in optimizer.param_groups)
        raise stopped(
            step + 1,
            f"the update cannot be computed, because the learning rate of {rate:g} makes it larger "
            "than numbers can hold",
        ) from error


def _largest_factor(optimizer: torch.optim.Optimizer) -> float:
    """The largest number that an update multiplies tensors by.

    That is the learning rate, times the weight decay or, in the rules of Adam, divided by
    1 - beta1 ** t (Kingma and Ba 2015, algorithm 1), which is smallest at t = 1.
    """
    return max(
        group["lr"] * max(1.0 / (1.0 - group.get("betas", (0.0,))[0]), group["weight_decay"])
        for group in optimizer.param_groups
    )


def check_answer(**answer: np.ndarray) -> None:
    """For predictors: what they answer, by name.

    Raises:
        DivergedError: it holds numbers that are not finite.
    """
    bad = [name for name, value in answer.items() if not np.isfinite(value).all()]
    if bad:
        raise DivergedError(
            f"The answer of the model ({', '.join(bad)}) is not finite: its weights have grown "
            "beyond what numbers can hold.",
            advice="Choose a checkpoint of before with --checkpoint STEP, or train again with a "
            "lower learning rate.",
        )


def check_in_row(step: int, row: int, *, most: int) -> None:
    """Give up after so many steps in a row that could not be done.

    Raises:
        DivergedError: there were that many.
    """
    if row >= most:
        raise stopped(step, f"the loss or the gradient of {row} steps in a row was not finite")


def tell_of_the_last(counters: Counters) -> None:
    """Where training is over and its last steps could not be done: say so, since nobody else will.

    They were too few to give up on, and what they left is as good as the step before them.
    """
    row = counters.skipped_in_row
    if row:
        last = "last step" if row == 1 else f"last {row} steps"
        logger.warning(
            "The %s of %d taught nothing: the loss or the gradient was not finite. %s, and train "
            "again.",
            *(last, counters.step, _REMEDY),
        )


@contextmanager
def told_of_divergence(counters: Counters) -> Iterator[None]:
    """Around previews and scores of the present weights, which may be the first to fail on them.

    Raises:
        DivergedError: it failed, and the model's answers or the steps before were not finite.
    """
    try:
        yield
    except DivergedError as error:
        found = error.message.rstrip(".")
        raise stopped(counters.step, f"previews or scores cannot be made. {found}") from error
    except LikenessError:
        raise
    except Exception as error:
        row = counters.skipped_in_row
        if not row:
            raise  # a defect
        raise stopped(
            counters.step,
            f"the loss or the gradient of the last {'step' if row == 1 else f'{row} steps'} was "
            "not finite, and previews or scores of these weights cannot be made "
            f"({type(error).__name__}: {error})",
        ) from error
