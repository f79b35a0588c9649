"""What is computed once before several processes photograph people, and what beside what."""

from __future__ import annotations

import contextlib

import pytest

from likeness.studio import spaces


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is called, in order, with brackets around what another process does meanwhile."""
    called: list[str] = []

    @contextlib.contextmanager
    def beside(function):
        called.append("(")
        function()
        called.append(")")
        yield

    def note(name):
        return lambda workers=0: called.append(f"{name} {workers}")

    monkeypatch.setattr(spaces, "beside", beside)
    monkeypatch.setattr(spaces, "keep_head", note("head"))
    monkeypatch.setattr(spaces, "keep_albedo_space", note("albedo"))
    monkeypatch.setattr(spaces, "photograph", lambda *_: called.append("photograph"))
    monkeypatch.setattr(spaces, "_REHEARSALS", 1)
    monkeypatch.setattr(spaces.os, "cpu_count", lambda: 4)
    return called


@pytest.mark.parametrize(
    ("workers", "head", "albedo", "expected"),
    [
        (0, True, True, ["(", "albedo 1", "photograph", ")", "head 3"]),
        (2, True, True, ["(", "albedo 1", "photograph", ")", "head 1"]),
        (1, True, True, ["head 1", "albedo 1"]),
        (0, True, False, ["head 4", "albedo 4"]),
        (0, False, True, ["head 4", "albedo 4"]),
        (3, False, False, ["head 3", "albedo 3"]),
    ],
)
def test_both_are_computed_side_by_side_by_as_many_processes_as_asked_for(
    calls, monkeypatch, workers, head, albedo, expected
):
    monkeypatch.setattr(spaces, "is_head_wanted", lambda: head)
    monkeypatch.setattr(spaces, "is_albedo_space_wanted", lambda: albedo)
    spaces.keep_spaces(workers)
    assert calls == expected


def test_a_rehearsal_photographs_without_the_head_that_is_being_computed(monkeypatch):
    def refuse(*_):
        raise AssertionError("the head would be computed twice")

    monkeypatch.setattr("likeness.studio.anatomy._standard_head", refuse)
    monkeypatch.setattr("likeness.studio.anatomy.load_head", refuse)
    monkeypatch.setattr(spaces, "keep_albedo_space", lambda workers: None)
    monkeypatch.setattr(spaces, "_REHEARSALS", 2)
    taken = []
    real = spaces.photograph
    monkeypatch.setattr(spaces, "photograph", lambda *a: taken.append(real(*a)))
    spaces._paint_and_rehearse()
    assert [picture.image.shape for picture in taken] == [(64, 64, 3), (64, 64, 3)]
