from __future__ import annotations

import pytest

from likeness.config.keys import known_keys
from likeness.config.nearest import nearest_key
from likeness.config.resolve import defaults_of
from tests.config.example import Example

KNOWN = known_keys(Example, defaults_of(Example))


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("train.stpes", "train.steps"),
        ("trian", "train"),
        ("trian.stpes", "train.steps"),
        ("learning_rate", "train.learning_rate"),
        ("lerning_rate", "train.learning_rate"),
        ("train.learning-rate", "train.learning_rate"),
        ("train.learning.rate", "train.learning_rate"),
        ("learning.rate", "train.learning_rate"),
        ("train.lerning.rate", "train.learning_rate"),
        ("data.learning_rate", "train.learning_rate"),
        ("optimizer.learning_rate", "train.learning_rate"),
        ("train.optimiser", "train.optimizer"),
        ("train.step", "train.steps"),
        ("data.size", "data.sizes"),
        ("train.clip", "train.clip_norm"),
        ("train.max_clip_norm_value", "train.clip_norm"),
        ("train.lr", "train.learning_rate"),
        ("lr", "train.learning_rate"),
        ("phases.points.stps", "phases.points.steps"),
        ("phases.points.weight.landmark", "phases.points.weights.landmark"),
        ("phases.photofit.steps", "phases.photo-fit.steps"),
        ("train.zzz", None),
        ("train.rate_of_zzz", None),
        ("data.path", None),
        ("dta.sizes.1", "data.sizes.1"),
        ("data.sizes.7", None),
        ("7", None),
        ("data.", None),
    ],
)
def test_the_whole_path_tells_which_key_was_meant(key: str, expected: str | None) -> None:
    assert nearest_key(tuple(key.split(".")), KNOWN) == expected


def test_a_section_in_common_makes_no_two_names_alike() -> None:
    """``train.ema.decay`` was answered with ``train.betas``: the section counted as likeness."""
    known = ["train", "train.betas", "train.ema_decay", "train.seed", "train.steps"]
    assert nearest_key(("train", "ema", "decay"), known) == "train.ema_decay"
    assert nearest_key(("train", "ema"), known) == "train.ema_decay"
    assert nearest_key(("train", "beat"), known) == "train.betas"
    assert nearest_key(("train", "mesh"), known) is None


def test_a_part_of_several_names_means_none_of_them() -> None:
    known = ["a", "a.evaluate_every", "a.preview_every", "a.b.warmup_steps", "a.c.warmup_steps"]
    assert nearest_key(("a", "every"), known) is None
    assert nearest_key(("a", "warmup"), known) == "a.b.warmup_steps"
