from __future__ import annotations

import pytest

from likeness.cli import console, progress
from likeness.cli.progress import counting


def test_counting_says_how_far_it_is_from_time_to_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten are done before, the next one a minute later; then one a second, every fifth is told."""
    clock = iter([0, 1, *range(60, 100)])
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(console, "_mode", console._Mode())
    with counting("Making things") as tell:
        assert tell is not None
        for done in range(10, 23):
            tell(done, 30)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.splitlines() == [
        "Making things",
        "16/30, 0:14 left",
        "21/30, 0:09 left",
    ]
