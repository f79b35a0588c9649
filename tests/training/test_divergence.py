"""Weights, answers and scores that are not finite any more end training with advice."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from likeness.errors import DivergedError
from likeness.evaluation.protocol import Score, Scores
from likeness.runs.checkpoint import checkpoints
from likeness.training import trainer
from likeness.training.divergence import check_answer, check_weights, told_of_leaps
from tests.toy_system.comparison import new_run
from tests.toy_system.system import ToySystem, toy_plan, toy_settings, toy_system
from tests.training.cases import PLAIN, one_stage

ALL = tuple(f"main-{i:03d}" for i in range(40))


def train(kind: type[ToySystem], run: Any, poison: tuple[str, ...] = (), **changes: Any) -> None:
    settings = toy_settings(log_every=1, accumulation=1, **changes)
    system = kind(PLAIN.replace(poison=poison), toy_system().placement)
    trainer.fit(system, toy_plan(settings, one_stage(6)), run, settings)


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    """One step takes them beyond float32; the checkpoint of before stays the last."""

    class Leaping(ToySystem):
        def losses(self, batch: Any, context: Any) -> Any:
            terms = dict(super().losses(batch, context))
            return {**terms, "fit": terms["fit"] * (1e15 if context.step == 2 else 1e-27)}

    run = new_run(tmp_path)
    changes = {"optimizer": "sgd", "clip_norm": 0.0, "weight_decay": 0.0, "learning_rate": 1e25}
    with pytest.raises(DivergedError, match=r"^Training stopped at step 3: weights ") as caught:
        train(Leaping, run, save_every=1, **changes)
    assert "lower the learning rate" in caught.value.advice
    assert [saved.step for saved in checkpoints(run)] == [1, 2]
    assert run.status.status == "failed"


@pytest.mark.parametrize(("optimizer", "rate"), [("adamw", 3e38), ("adam", 1e38), ("sgd", 1e39)])
def test_an_update_that_no_number_can_hold_is_no_defect(
    tmp_path: Path, optimizer: str, rate: float
) -> None:
    """Adam divides the rate by 0.1 at the first step; 3.4e38 is the largest number of float32."""
    run = new_run(tmp_path)
    with pytest.raises(DivergedError) as caught:
        train(ToySystem, run, optimizer=optimizer, learning_rate=rate)
    assert caught.value.message == (
        "Training stopped at step 1: the update cannot be computed, because the learning rate of "
        f"{rate:g} makes it larger than numbers can hold."
    )
    assert "lower the learning rate" in caught.value.advice
    assert run.status.status == "failed"


def stepped(rate: float, said: str, **settings: Any) -> None:
    """One update that fails with these words."""
    weight = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.AdamW([weight], lr=rate, **settings)
    with told_of_leaps(8, optimizer):
        raise RuntimeError(said)


@pytest.mark.parametrize(
    ("rate", "settings"),
    [
        (3.5e38, {"betas": (0.0, 0.9)}),  # 3.403e38 is the largest number of float32
        (3.5e37, {"betas": (0.9, 0.99)}),  # divided by 0.1
        (1e38, {"betas": (0.0, 0.9), "weight_decay": 4.0}),
    ],
)
def test_a_refusal_of_torch_is_known_by_the_numbers_whatever_its_words(
    rate: float, settings: dict[str, Any]
) -> None:
    with pytest.raises(
        DivergedError, match=rf"step 9: .* learning rate of {rate:g} ".replace("+", r"\+")
    ):
        stepped(rate, "words of another version", **settings)


def test_another_failure_of_an_update_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="without overflow"):
        stepped(3.3e37, "value cannot be converted to type float without overflow")


def test_the_weights_that_are_not_finite_are_named() -> None:
    good, bad = torch.ones(3), torch.tensor([1.0, math.inf])
    cpu = torch.device("cpu")
    check_weights({"a.x": good, "a.y": good}, 4, cpu)
    with pytest.raises(DivergedError, match=r"step 4: weights .* \(a\.y, b\.x\)\."):
        check_weights({"a.x": good, "a.y": bad, "b.x": bad * math.nan}, 4, cpu)


class Failing(ToySystem):
    """What linear algebra does with numbers that are not finite."""

    def evaluate(self, predictor: Any, source: Any, folder: Path) -> Scores:
        raise np.linalg.LinAlgError("SVD did not converge")


def test_an_evaluation_that_fails_after_steps_that_were_not_finite_is_no_defect(
    tmp_path: Path,
) -> None:
    run = new_run(tmp_path)
    with pytest.raises(DivergedError) as caught:
        train(Failing, run, ALL, evaluate_every=3)
    assert caught.value.message == (
        "Training stopped at step 3: the loss or the gradient of the last 3 steps was not finite, "
        "and previews or scores of these weights cannot be made (LinAlgError: SVD did not "
        "converge)."
    )
    assert caught.value.exit_code == 1
    assert "lower the learning rate" in caught.value.advice
    assert run.status.status == "failed"


def test_an_evaluation_that_fails_on_sound_numbers_is_a_defect(tmp_path: Path) -> None:
    with pytest.raises(np.linalg.LinAlgError):
        train(Failing, new_run(tmp_path), evaluate_every=3)


def test_a_score_that_is_not_finite_stops_training_and_names_it(tmp_path: Path) -> None:
    class Scored(ToySystem):
        def evaluate(self, predictor: Any, source: Any, folder: Path) -> Scores:
            return Scores([Score(n, v, "1", "lower", 1) for n, v in (("a", 1.0), ("b", math.nan))])

    run = new_run(tmp_path)
    with pytest.raises(DivergedError, match=r"step 2: .* Scores are not finite: b"):
        train(Scored, run, evaluate_every=2)
    assert not list(run.path.rglob("scores.json"))
    assert run.evaluation_steps() == []


def test_answers_are_named_by_what_is_not_finite() -> None:
    check_answer(vector=np.zeros(3), points=np.ones((2, 2)))
    with pytest.raises(DivergedError, match=r"The answer of the model \(points\) is not finite"):
        check_answer(vector=np.zeros(3), points=np.array([1.0, np.nan]))
