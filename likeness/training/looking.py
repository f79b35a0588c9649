"""Previews and scores of the weights as they are, in the run's folders and its metrics.

What is drawn and what is measured is the system's business.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from likeness.data.source import Mixed, Source
from likeness.errors import UsageError
from likeness.runs import selection
from likeness.runs.record import Recorder
from likeness.runs.run import Run
from likeness.seeds import seed_of
from likeness.storage.files import disk_refusals
from likeness.training.random import seed_global
from likeness.training.settings import TrainSettings
from likeness.training.stage import Plan
from likeness.training.system import System

if TYPE_CHECKING:
    from likeness.evaluation.protocol import Scores

logger = logging.getLogger(__name__)


class Observer:
    """Looks at a system in training; the training itself does not notice.

    Every look makes the same random draws, so that two steps can be compared.

    Raises:
        UsageError: evaluations are asked for and there is nothing to evaluate on.
    """

    def __init__(
        self,
        system: System,
        run: Run,
        recorder: Recorder,
        settings: TrainSettings,
        plan: Plan,
        step: int,
    ) -> None:
        self._system, self._run, self._recorder, self._plan = system, run, recorder, plan
        folder = run.path / "description"
        with disk_refusals(folder, "write the description"):
            folder.mkdir(exist_ok=True)
            texts = [run.config_path, *system.describe(folder)]
        recorder.media(step, {f"text/{path.stem}": path for path in texts})
        self._seed, self._best_score = settings.seed, settings.best_score
        self._source = held_out(system) if settings.evaluate_every else None

    def look(
        self,
        step: int,
        weights: Mapping[str, Tensor] | None,
        *,
        preview: bool = False,
        evaluate: bool = False,
    ) -> Scores | None:
        """Write previews, scores or both of one step; returns the scores.

        Args:
            weights: those to look at, by "group.name"; None: the current ones.
        """
        predictor = self._system.predictor(weights)
        if preview:
            seed_global(seed_of(self._seed, "preview"))
            folder = self._run.preview_folder(step)
            with disk_refusals(folder, "write the previews"):
                folder.mkdir(parents=True, exist_ok=True)
                files = self._system.preview(predictor, folder, step)
            stage = self._plan.at(max(step - 1, 0)).index
            self._recorder.media(step, {f"val/stage_{stage}/{path.stem}": path for path in files})
        if not evaluate or self._source is None:
            return None
        seed_global(seed_of(self._seed, "evaluate"))
        folder = self._run.evaluation_folder(step)
        with disk_refusals(folder, "write the evaluation"):
            folder.mkdir(parents=True, exist_ok=True)
            scores = self._system.evaluate(predictor, self._source, folder)
            scores.save(folder / "scores.json")
        self._recorder.write(step, {f"score/{score.name}": score.value for score in scores})
        return scores

    def check_best_score(self, step: int) -> None:
        """Tell of a score that nobody measures; to be called once the step is saved.

        Raises:
            UsageError: ``train.best_score`` names none that is measured, and steps are left.
        """
        try:
            selection.check_score(self._run, self._best_score)
        except UsageError as error:
            if step < self._plan.total_steps:
                raise
            logger.warning("%s", error)  # all steps are done: no fault of a name undoes them


def held_out(system: System) -> Source:
    """The samples to evaluate on while training: one source as it is, several end to end.

    Raises:
        UsageError: there are none.
    """
    sources = {name: part for name, part in system.sources("validation").items() if len(part)}
    if not sources:
        raise UsageError(
            "train.evaluate_every asks for evaluations, but the dataset has no validation samples.",
            advice="Add some to the dataset, or set train.evaluate_every=0.",
        )
    return next(iter(sources.values())) if len(sources) == 1 else Mixed(sources)
