from __future__ import annotations

import pytest

from likeness.config.keys import (
    annotations_at,
    canonical,
    help_at,
    leaves,
    named,
)
from likeness.config.resolve import defaults_of
from tests.config.example import Example, Ramp

TREE = defaults_of(Example)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("train.steps", True),
        ("phases", True),
        ("phases.0.steps", True),
        ("phases.points.weights.landmark", True),
        ("phases.0.weights.landmark.start", True),
        ("phases.0.groups.encoder", True),
        ("data.sizes.1", True),
        ("data.sizes.name", False),
        ("train.stpes", False),
        ("train.steps.deeper", False),
        ("phases.0.stepz", False),
        ("phases.0.weights.landmark.middle", False),
    ],
)
def test_which_keys_lead_somewhere(key: str, expected: bool) -> None:
    assert bool(annotations_at(Example, tuple(key.split(".")))) is expected


def test_both_branches_of_a_union_are_found() -> None:
    (annotation,) = annotations_at(Example, ("phases", "0", "weights", "x"))
    assert set(annotation.__args__) == {float, Ramp}


def test_help_of_a_field_and_of_an_item_in_it() -> None:
    assert help_at(Example, ("train", "steps")) == "Optimiser steps."
    assert help_at(Example, ("phases", "0", "weights", "landmark")) == "Term to weight."
    assert help_at(Example, ("seed",)) == ""


def test_canonical_turns_names_into_positions() -> None:
    key = ("phases", "photo-fit", "steps")
    assert canonical(TREE, key) == ("phases", "1", "steps")
    assert canonical(TREE, ("phases", "0", "steps")) == ("phases", "0", "steps")
    assert canonical(TREE, ("train", "new", "deep")) == ("train", "new", "deep")


def test_canonical_can_be_loose_about_case_and_dashes() -> None:
    key = ("phases", "photo_fit", "steps")
    assert canonical(TREE, key, loosely=True) == ("phases", "1", "steps")
    with pytest.raises(LookupError, match="no item 'photo_fit'"):
        canonical(TREE, key)


def test_canonical_names_the_items_there_are() -> None:
    with pytest.raises(LookupError, match=r"0 \(points\), 1 \(photo-fit\).*'phases.points'"):
        canonical(TREE, ("phases", "pionts", "steps"))
    with pytest.raises(LookupError, match="no item '5'"):
        canonical(TREE, ("phases", "5", "steps"))


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("a", "b"), "b"),
        (("b", "b"), "1"),
        (("a", "0"), "1"),
        (("a", "x.y"), "1"),
        (("a", ""), "1"),
    ],
)
def test_items_go_by_names_that_mean_nothing_else(names: tuple[str, str], label: str) -> None:
    tree = {"list": [{"name": name, "deep": [1, {"name": "inner"}]} for name in names]}
    assert named(tree, ("list", "1", "deep", "1", "name")) == (
        "list",
        label,
        "deep",
        "inner",
        "name",
    )
    assert canonical(tree, named(tree, ("list", "1", "name"))) == ("list", "1", "name")
    assert named(tree, ("list", "7", "name")) == ("list", "7", "name")


def test_leaves_enter_models_in_lists_and_keep_plain_lists_whole() -> None:
    tree = {"a": [1, 2], "b": [{"c": 1}, {"c": 2}], "d": {}, "e": {"f": None}}
    assert dict(leaves(tree)) == {
        ("a",): [1, 2],
        ("b", "0", "c"): 1,
        ("b", "1", "c"): 2,
        ("d",): {},
        ("e", "f"): None,
    }
