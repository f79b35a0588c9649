"""The record of what was found in a dataset."""

from __future__ import annotations

from likeness.data.inspection import Finding, Inspection, with_emptiness


def test_a_dataset_without_samples_has_an_error():
    empty = with_emptiness(Inspection("there", {"photographs": 0, "people": 0}))
    assert not empty.ok
    assert empty.errors[0].code == "empty"
    assert empty.errors[0].message == "Expected samples, found none: photographs, people 0."


def test_nothing_is_added_to_samples_or_to_an_error_that_says_why():
    fault = Finding("error", "missing", "index.json", "There is none.", "Make it.")
    for whole in (
        Inspection("there", {"photographs": 2, "left_out": 0}),
        Inspection("there", {"photographs": 0}, (fault,)),
        Inspection("there"),
    ):
        assert with_emptiness(whole) is whole
