"""From named loss terms to the number that is minimised, and the rules the terms must keep."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from likeness.errors import UsageError
from likeness.training.system import StepContext


def weighted_total(
    terms: Mapping[str, Tensor], context: StepContext, known: frozenset[str]
) -> Tensor:
    """The sum over the active terms of weight times term, a float32 scalar.

    Args:
        known: ``System.loss_terms``.

    Raises:
        ValueError: a term is unknown, is no scalar, or is active and left out, by its name.
        UsageError: none of the active ones depends on a weight that learns.
    """
    place = f"at step {context.step} of stage '{context.stage.name}'"
    for name, term in terms.items():
        if name not in known:
            raise ValueError(
                f"losses() returned the term '{name}', which is not in loss_terms "
                f"({', '.join(sorted(known))})"
            )
        if term.ndim != 0:
            raise ValueError(
                f"the loss term '{name}' must be a scalar, found shape {tuple(term.shape)}"
            )
    total: Tensor | None = None
    active = {name: weight for name, weight in context.weights.items() if weight != 0.0}
    for name, weight in active.items():
        if name not in terms:
            raise ValueError(
                f"losses() left out the term '{name}', which has weight {weight} {place}"
            )
        part = weight * terms[name].to(torch.float32)
        total = part if total is None else total + part
    if total is None or not total.requires_grad:
        groups = context.stage.learning_groups
        trained = "its groups" if groups is None else f"its groups ({', '.join(groups)})"
        raise UsageError(
            f"Expected a loss of stage '{context.stage.name}' that depends on {trained}; at step "
            f"{context.step} none of its terms does: {', '.join(active) or 'all have weight 0'}.",
            advice="Weigh a term there that does, or train the groups that these depend on.",
        )
    return total
