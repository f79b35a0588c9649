"""When training ends before its last step: a score that has got no better for a while.

Owns the decision and its words. It is a function of the evaluations in the directory of the run and
of nothing else, so that a resumed run ends where an uninterrupted one does.
"""

from __future__ import annotations

import logging
from shlex import quote

from likeness.notices import NOTICE
from likeness.runs import selection
from likeness.runs.run import Run
from likeness.training import distributed
from likeness.training.distributed import Process
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan

logger = logging.getLogger(__name__)


def reason_to_end(
    run: Run, plan: Plan, step: int, settings: TrainSettings, process: Process
) -> str:
    """Why nothing is to be gained by more steps than ``step``; empty where something is, or where
    all are done. Every process asks.

    Only evaluations of the last stage count: those before it have the length they need, and a new
    stage may begin with worse scores than the one before it ended with.
    """
    score, patience = settings.best_score, settings.patience
    if not patience or score is None or step >= plan.total_steps:
        return ""
    planned = plan.at(step)
    if planned.end_step != plan.total_steps:
        return ""
    since, best = 0, 0
    if process.is_first:
        since, best = selection.evaluations_since_best(run, score, after=planned.first_step)
    since, best = (int(n) for n in distributed.sum_over_processes([since, best], process.device))
    if since < patience:
        return ""
    times = "once" if since == 1 else f"{since} times in a row"
    reason = f"{score} was measured {times} without being better than at step {best}"
    if process.is_first:
        logger.log(
            NOTICE,
            "Training ends before step %d: %s. To go on: likeness resume %s train.patience=0",
            plan.total_steps,
            reason,
            quote(str(run.path)),
        )
    return reason
