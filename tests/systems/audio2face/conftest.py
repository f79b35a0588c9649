"""A dataset of random numbers and a run of each network on it, made once for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from likeness.runs.run import Run
from tests.systems.audio2face.dataset.recordings import write_recordings
from tests.systems.audio2face.small_runs import trained


@pytest.fixture(scope="session")
def small_dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Anna and Ben, three shots each. Not to be changed."""
    return write_recordings(tmp_path_factory.mktemp("speech") / "dataset")


@pytest.fixture(scope="session")
def regression_run(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two steps on Anna."""
    return trained(small_dataset, tmp_path_factory.mktemp("regression"), "data.actors=[anna]")


@pytest.fixture(scope="session")
def diffusion_run(small_dataset: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two steps on both."""
    folder = tmp_path_factory.mktemp("diffusion")
    return trained(small_dataset, folder, profile="studio-diffusion")
