"""What is due after a step: each thing at its cadence, and what the end of a stage or a run has.

Owns the cadences. What is done then, and in which order, is the loop's business.
"""

from __future__ import annotations

from dataclasses import dataclass

from likeness.training.settings import TrainSettings
from likeness.training.stage import PlannedStage


@dataclass(frozen=True)
class Due:
    """What is due after one step."""

    record: bool
    """A line of the metrics."""
    preview: bool
    evaluate: bool
    save: bool
    """A checkpoint; no evaluation is without one."""


def due_after(step: int, planned: PlannedStage, settings: TrainSettings, *, end: bool) -> Due:
    """What is due once ``step`` steps are done.

    Args:
        planned: the stage of the step.
        end: whether it is the last step of the run. It has all that is made at any step.
    """
    seam = end or step == planned.end_step

    def due(every: int) -> bool:
        return every > 0 and (end or step % every == 0)

    evaluate = due(settings.evaluate_every)
    return Due(
        record=seam or due(settings.log_every),
        preview=due(settings.preview_every),
        evaluate=evaluate,
        save=seam or evaluate or due(settings.save_every),
    )
