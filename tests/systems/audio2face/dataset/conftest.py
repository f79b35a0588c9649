"""A dataset of one actor that a test may change."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.systems.audio2face.dataset.recordings import write_recordings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Anna, three shots of random numbers without a fault."""
    return write_recordings(tmp_path / "set", ("anna",))
