from __future__ import annotations

import pytest

from likeness.config.origins import Origins, origin_in, strongest
from likeness.config.overrides import Origin

DEFAULT, PROFILE, WORD = Origin("default"), Origin("profile", "fast"), Origin("command line")
VARIABLE = Origin("environment", "LIKENESS_TRAIN__STEPS")


def _file(place: str) -> Origin:
    return Origin("file", place)


def test_the_strongest_layer_wins_and_the_first_of_equals() -> None:
    assert strongest([DEFAULT, PROFILE, WORD, VARIABLE]) == WORD
    assert strongest([_file("a:1"), PROFILE, _file("b:1"), DEFAULT]) == _file("a:1")


def test_a_part_is_of_the_last_layer_that_wrote_in_it() -> None:
    origins = Origins()
    assert origins.at(("train",)) == DEFAULT
    origins.begin_layer()
    origins.write(("train", "steps"), PROFILE)
    origins.begin_layer()
    origins.write(("train", "betas"), _file("a.yaml:2"), {("0",): _file("a.yaml:3")})
    assert origins.at(("train",)) == _file("a.yaml:2")
    assert origins.at(("train", "betas")) == _file("a.yaml:2")  # the list, not what is in it
    assert origins.at(("train", "betas", "0")) == _file("a.yaml:3")
    assert origins.at(("train", "betas", "1")) == _file("a.yaml:2")
    assert origins.at(("train", "steps")) == PROFILE
    assert origins.at(("train", "seed")) == DEFAULT
    assert origins.at(("data",)) == DEFAULT


def test_one_item_of_a_list_changed_later_makes_the_list_of_that_layer() -> None:
    origins = Origins()
    origins.begin_layer()
    origins.write(("betas",), _file("a.yaml:1"))
    origins.begin_layer()
    origins.write(("betas", "1"), _file("b.yaml:9"))
    assert origins.at(("betas",)) == _file("b.yaml:9")
    assert origins.at(("betas", "0")) == _file("a.yaml:1")


def test_writing_a_part_as_a_whole_forgets_what_was_in_it() -> None:
    origins = Origins({("train", "steps"): VARIABLE, ("trainer",): PROFILE})
    origins.begin_layer()
    origins.write(("train",), WORD)
    assert origins.at(("train", "steps")) == WORD
    assert origins.at(("trainer",)) == PROFILE


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("model.width", PROFILE),
        ("model.heads.jaw", WORD),  # gone, with the list it stood in replaced
        ("model", WORD),
        ("mode", None),
        ("data.root", None),
    ],
)
def test_the_origin_of_what_is_gone_is_that_of_what_it_stood_in(
    key: str, found: Origin | None
) -> None:
    assert origin_in({"model.width": PROFILE, "model.heads": WORD}, key) == found
