"""What the directory of a run is told while it trains: its status, old checkpoints, its copy.

The first process alone does it. When, the loop decides.
"""

from __future__ import annotations

import time
from typing import Literal

from likeness.runs import checkpoint, selection
from likeness.runs.mirror import mirror
from likeness.runs.run import Run
from likeness.storage.store import Store
from likeness.training.settings import TrainSettings

_STATUS_SECONDS = 10.0  # between two writes of status.json while nothing else happens


class Upkeep:
    """Keeps the directory of a run as others expect to find it.

    Args:
        total_steps: of the plan.
        store: where a copy is kept; None: nowhere.
        is_first: whether this is the first process; the others do nothing here.
    """

    def __init__(
        self,
        run: Run,
        settings: TrainSettings,
        *,
        total_steps: int,
        store: Store | None,
        is_first: bool,
    ) -> None:
        self._run, self._settings, self._total_steps = run, settings, total_steps
        self._store, self._is_first = store, is_first
        self._told = 0.0

    def tell(
        self,
        status: Literal["running", "finished", "failed", "stopped"],
        step: int,
        *,
        error: str = "",
        reason: str = "",
    ) -> None:
        """Write the status of the run.

        Args:
            step: steps done.
            reason: why it finished before its last step.
        """
        self._told = time.monotonic()
        if self._is_first:
            self._run.set_status(
                status, step=step, total_steps=self._total_steps, error=error, reason=reason
            )

    def tell_now_and_then(self, step: int) -> None:
        """Write that it is running, unless that was done a moment ago."""
        if time.monotonic() - self._told > _STATUS_SECONDS:
            self.tell("running", step)

    def tidy(self) -> None:
        """Keep the last checkpoints and the best one, and nothing that a kill left half done."""
        if self._is_first:
            checkpoint.clean(self._run)
            keep, best = self._settings.keep_checkpoints, self._settings.best_score
            selection.retain(self._run, keep=keep, best_score=best)

    def copy(self, *, must_succeed: bool) -> None:
        """Bring the copy elsewhere up to date, if one is kept."""
        if self._is_first and self._store is not None:
            mirror(self._run, self._store, must_succeed=must_succeed)
